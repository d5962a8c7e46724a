"""Breach map: which limit breaks first, where to the point, and the matrix of who binds in each cell."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.book import BookArrays
from analytics.scenarios import (
    BreachMap,
    ScenarioError,
    SpotVolBeta,
    VolDynamics,
    breach_map,
    greeks_at_slices,
    pnl_curve,
    stress_ladder,
)
from models.enums import Metric
from models.risk import Limit
from tests.analytics.scenario_kit import NOW, options, random_book, with_quantity

pytestmark = pytest.mark.usefixtures("strict_floats")
SHIFTS = np.linspace(-0.2, 0.2, 41)


def strangle() -> BookArrays:
    """Two short puts 7 % below and two short calls 6 % above 6000."""
    return options(
        [5600.0, 6350.0], quantity=-2.0, calls=[False, True], vol=[0.2, 0.14], spot=6000.0, days=45.0, rate=0.04
    )


def mapped(book: BookArrays, *limits: Limit, **more: Any) -> BreachMap:
    return breach_map(book, now_epoch_s=NOW, index_price=6000.0, limits=limits, spot_shifts=SHIFTS, **more)


def delta_at(book: BookArrays, shift: float) -> float:
    return float(greeks_at_slices(book, now_epoch_s=NOW, index_price=6000.0, spot_shifts=[shift]).spx_equiv_delta[0])


def test_a_short_strangle_breaks_its_upper_delta_going_down_and_its_lower_going_up() -> None:
    book = strangle()
    found = mapped(book, Limit(Metric.SPX_DELTA, -60.0, 60.0))
    down, up = found.first_down, found.first_up
    assert down is not None
    assert up is not None
    assert (down.is_upper, down.bound, up.is_upper, up.bound) == (True, 60.0, False, -60.0)
    assert -0.2 < down.index_shift < 0.0 < up.index_shift < 0.2
    assert down.index_price == pytest.approx(6000.0 * (1.0 + down.index_shift))


def test_the_crossing_is_where_the_metric_meets_its_limit_not_a_node_of_the_grid() -> None:
    book = strangle()
    down = mapped(book, Limit(Metric.SPX_DELTA, -60.0, 60.0)).first_down
    assert down is not None
    assert delta_at(book, down.index_shift) == pytest.approx(60.0, abs=2e-3)
    assert delta_at(book, down.index_shift) > 60.0 >= delta_at(book, down.index_shift + 2e-6)
    assert np.abs(SHIFTS - down.index_shift).min() > 1e-5


def test_the_nearest_of_several_limits_is_named_on_each_side() -> None:
    book = strangle()
    limits = (Limit(Metric.SPX_DELTA, -60.0, 60.0), Limit(Metric.VEGA, -1900.0, None), Limit(Metric.GAMMA, -50.0, None))
    found = mapped(book, *limits, max_loss_dollars=25_000.0)
    for side in ("down", "up"):
        crossings = [getattr(lane, side) for lane in found.lanes]
        first = getattr(found, f"first_{side}")
        assert abs(first.index_shift) == min(abs(one.index_shift) for one in crossings if one is not None)
        assert getattr(found.lanes[first.lane], side) == first


def test_the_loss_limit_breaks_where_the_curve_reaches_it() -> None:
    book = strangle()
    found = mapped(book, max_loss_dollars=40_000.0)
    for crossing in (found.first_down, found.first_up):
        assert crossing is not None
        pnl = pnl_curve(book, now_epoch_s=NOW, spot_shifts=[crossing.index_shift]).pnl[0]
        assert pnl == pytest.approx(-40_000.0, abs=2.0)
        assert crossing.value == pytest.approx(pnl, rel=1e-9)
        assert (crossing.bound, found.lanes[crossing.lane].metric) == (-40_000.0, None)


def test_a_limit_that_is_broken_now_breaks_at_no_shift_on_both_sides() -> None:
    found = mapped(strangle(), Limit(Metric.VEGA, -1.0, 1.0))
    assert found.first_down is not None
    assert found.first_up is not None
    assert (found.first_down.index_shift, found.first_up.index_shift) == (0.0, 0.0)


def test_limits_that_hold_to_the_end_of_the_axis_have_no_crossing() -> None:
    found = mapped(strangle(), Limit(Metric.SPX_DELTA, -1e6, 1e6), Limit(Metric.THETA, None, None))
    assert (found.first_down, found.first_up) == (None, None)
    assert not found.lanes[0].broken.any()
    assert np.isnan(found.lanes[1].utilisation).all()
    assert set(found.binding.ravel().tolist()) == {0}


def test_each_lane_holds_the_slices_figures_and_the_limit_s_own_word_on_them() -> None:
    book = random_book()
    limits = [Limit(Metric.SPX_DELTA, -500.0, 400.0), Limit(Metric.GAMMA, None, 0.0), Limit(Metric.THETA, 10.0, 900.0)]
    limits += [Limit(Metric.VEGA, -300.0, None)]
    found = mapped(book, *limits, vol_shifts=[-0.02, 0.0, 0.05])
    names = ("spx_equiv_delta", "gamma", "theta_per_day", "vega_per_point")
    for at, shift in enumerate((-0.02, 0.0, 0.05)):
        table = greeks_at_slices(book, now_epoch_s=NOW, index_price=6000.0, spot_shifts=SHIFTS, vol_shift=shift)
        for limit, lane, name in zip(limits, found.lanes, names, strict=True):
            assert lane.values[at] == pytest.approx(getattr(table, name), rel=1e-10)
            for spot in range(0, SHIFTS.size, 5):
                value = float(lane.values[at, spot])
                used = limit.utilisation(value)
                assert lane.broken[at, spot] == limit.is_breached(value)
                assert lane.utilisation[at, spot] == pytest.approx(np.nan if used is None else used, nan_ok=True)


def test_the_matrix_says_which_limit_is_used_most() -> None:
    found = mapped(strangle(), Limit(Metric.SPX_DELTA, -60.0, 60.0), Limit(Metric.VEGA, -1900.0, None))
    used = np.array([lane.utilisation for lane in found.lanes])
    assert np.array_equal(found.worst, np.nanmax(used, axis=0))
    assert np.array_equal(found.binding, np.nanargmax(used, axis=0))
    assert set(found.binding.ravel().tolist()) == {0, 1}


def test_a_bound_broken_from_its_own_side_binds_however_small_its_share() -> None:
    """Theta must be at least 100: a theta of 20 uses no upper limit but breaks the lower one."""
    found = mapped(with_quantity(strangle(), [-0.05, -0.05]), Limit(Metric.THETA, 100.0, None))
    assert found.lanes[0].broken.all()
    assert np.isinf(found.worst).all()
    assert (found.binding == 0).all()


def test_margin_has_no_lane_and_says_so() -> None:
    found = mapped(strangle(), Limit(Metric.MARGIN_USED_PCT, None, 40.0))
    assert (found.lanes, found.not_mapped) == ((), (Metric.MARGIN_USED_PCT,))
    assert (found.binding == -1).all()
    assert np.isnan(found.worst).all()


def test_vols_that_answer_bring_the_breach_nearer_for_a_short_vega_book() -> None:
    book = strangle()
    still = mapped(book, max_loss_dollars=40_000.0).first_down
    answering = mapped(book, max_loss_dollars=40_000.0, dynamics=VolDynamics(response=SpotVolBeta(1.5, 1.0))).first_down
    assert still is not None
    assert answering is not None
    assert still.index_shift < answering.index_shift < 0.0


def test_an_unknown_index_breaks_no_delta_limit_and_shows_nothing_known() -> None:
    found = breach_map(
        strangle(),
        now_epoch_s=NOW,
        index_price=np.nan,
        limits=[Limit(Metric.SPX_DELTA, -1.0, 1.0), Limit(Metric.VEGA, -1.0, 1.0)],
        spot_shifts=SHIFTS,
    )
    assert np.isnan(found.lanes[0].values).all()
    assert found.lanes[0].down is None
    assert found.first_down is not None
    assert found.first_down.lane == 1


@given(st.integers(0, 200), st.floats(1.0, 50.0))
@settings(max_examples=15, deadline=None)
def test_five_times_the_book_under_five_times_the_limits_breaks_at_the_same_place(seed: int, share: float) -> None:
    book = random_book(20, seed)
    limit = share * 10.0
    big = with_quantity(book, 5.0 * book.quantity)
    found = [
        breach_map(
            one,
            now_epoch_s=NOW,
            index_price=6000.0,
            limits=[Limit(Metric.SPX_DELTA, -size * limit, size * limit)],
            spot_shifts=np.linspace(-0.1, 0.1, 9),
            tolerance=1e-4,
        )
        for one, size in ((book, 1.0), (big, 5.0))
    ]
    for a, b in zip((found[0].first_down, found[0].first_up), (found[1].first_down, found[1].first_up), strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert a.index_shift == pytest.approx(b.index_shift, abs=2e-4)


def test_an_unusable_loss_limit_or_tolerance_is_refused() -> None:
    with pytest.raises(ScenarioError, match="max_loss_dollars"):
        mapped(strangle(), max_loss_dollars=-5.0)
    with pytest.raises(ScenarioError, match="tolerance"):
        mapped(strangle(), tolerance=0.0)


def test_the_map_and_the_ladder_agree_on_the_same_shock() -> None:
    book = random_book()
    dynamics = VolDynamics(response=SpotVolBeta(1.5, 1.0))
    found = mapped(book, Limit(Metric.VEGA, -1.0, 1.0), max_loss_dollars=1.0, dynamics=dynamics)
    ladder = stress_ladder(book, now_epoch_s=NOW, index_price=6000.0, spot_shifts=SHIFTS, dynamics=dynamics)
    assert found.lanes[0].values[0] == pytest.approx(ladder.vega_per_point, rel=1e-10)
    assert found.lanes[1].values[0] == pytest.approx(ladder.pnl, rel=1e-10, abs=1e-6)
    assert found.floored == ladder.floored
