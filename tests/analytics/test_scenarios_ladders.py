"""Stress ladder and expiry ladder against curves, slices, books that really moved, and arithmetic by hand."""

import numpy as np
import pytest

from analytics.book import BookArrays, Model, PositionColumns, UnderlyingColumns
from analytics.scenarios import (
    QUOTED_LOSS_LIMITS,
    STRESS_SHIFTS,
    SpotVolBeta,
    VolDynamics,
    VolShift,
    expiry_ladder,
    greeks_at_slices,
    pnl_curve,
    stress_ladder,
)
from tests.analytics.scenario_kit import DAY, INDEX, NOW, options, random_book, revalued, with_quantity

pytestmark = pytest.mark.usefixtures("strict_floats")
RESPONSE = SpotVolBeta(1.5, 1.0)


def test_the_ladder_reaches_from_minus_forty_to_plus_twenty_through_zero() -> None:
    assert (min(STRESS_SHIFTS), max(STRESS_SHIFTS), STRESS_SHIFTS.index(0.0)) == (-0.4, 0.2, 10)
    assert list(STRESS_SHIFTS) == sorted(STRESS_SHIFTS)
    ladder = stress_ladder(random_book(), now_epoch_s=NOW, index_price=INDEX)
    assert ladder.index_price[0] == pytest.approx(3600.0)


def test_the_rung_without_a_move_is_exactly_nothing_and_has_no_worst() -> None:
    ladder = stress_ladder(
        random_book(400), now_epoch_s=NOW, index_price=INDEX, net_liq=1e6, dynamics=VolDynamics(response=RESPONSE)
    )
    still = STRESS_SHIFTS.index(0.0)
    assert ladder.pnl[still] == 0.0
    assert (ladder.pnl_by_underlying[still] == 0.0).all()
    assert (ladder.share_of_net_liq[still], ladder.vol_response[still]) == (0.0, 0.0)
    assert (ladder.worst_underlying[still], ladder.worst_pnl[still]) == (-1, 0.0)


def test_a_rung_is_the_curve_and_the_slice_of_the_same_shock() -> None:
    book, dynamics = random_book(), VolDynamics(response=RESPONSE)
    ladder = stress_ladder(book, now_epoch_s=NOW, index_price=INDEX, days_forward=2.0, dynamics=dynamics)
    table = greeks_at_slices(
        book, now_epoch_s=NOW, index_price=INDEX, spot_shifts=STRESS_SHIFTS, days_forward=2.0, dynamics=dynamics
    )
    curve = pnl_curve(book, now_epoch_s=NOW, spot_shifts=STRESS_SHIFTS, days_forward=2.0, dynamics=dynamics)
    assert ladder.pnl == pytest.approx(curve.pnl, rel=1e-10, abs=1e-6)
    for name in ("spx_equiv_delta", "gamma", "theta_per_day", "vega_per_point"):
        assert getattr(ladder, name) == pytest.approx(getattr(table, name), rel=1e-10, abs=1e-9)
    assert ladder.floored == curve.floored


def test_a_rung_is_the_book_that_really_moved() -> None:
    book = random_book()
    ladder = stress_ladder(book, now_epoch_s=NOW, index_price=INDEX, spot_shifts=[-0.12], vol_shift=0.03)
    spots = book.spot * (1.0 - 0.12 * book.beta)
    assert ladder.pnl[0] == pytest.approx(revalued(book, spots=spots, vols=book.vol + 0.03), rel=1e-9)


def test_underlyings_add_up_and_the_worst_is_the_one_that_loses_most() -> None:
    book = random_book()
    ladder = stress_ladder(book, now_epoch_s=NOW, index_price=INDEX)
    assert ladder.pnl_by_underlying.shape == (17, 3)
    assert ladder.pnl_by_underlying.sum(axis=1) == pytest.approx(ladder.pnl, rel=1e-12, abs=1e-9)
    for at in range(3):
        own = pnl_curve(book, now_epoch_s=NOW, spot_shifts=STRESS_SHIFTS, rows=book.underlying == at)
        assert ladder.pnl_by_underlying[:, at] == pytest.approx(own.pnl, rel=1e-10, abs=1e-6)
    losing = ladder.worst_pnl < 0.0
    assert losing.any()
    assert np.array_equal(ladder.worst_underlying[losing], ladder.pnl_by_underlying[losing].argmin(axis=1))
    assert np.array_equal(ladder.worst_pnl[losing], ladder.pnl_by_underlying[losing].min(axis=1))


def test_a_rung_says_what_share_of_net_liq_it_costs_and_nothing_when_that_is_unknown() -> None:
    book = random_book()
    ladder = stress_ladder(book, now_epoch_s=NOW, index_price=INDEX, net_liq=250_000.0)
    assert ladder.share_of_net_liq == pytest.approx(ladder.pnl / 250_000.0)
    for unknown in (None, 0.0, -5.0, float("nan")):
        blind = stress_ladder(book, now_epoch_s=NOW, index_price=INDEX, net_liq=unknown)
        assert np.isnan(blind.share_of_net_liq).all()


def test_the_response_of_a_thirty_day_vol_stands_on_every_rung() -> None:
    ladder = stress_ladder(random_book(), now_epoch_s=NOW, index_price=INDEX, dynamics=VolDynamics(response=RESPONSE))
    expected = [-0.015 * 100 * s if s < 0 else -0.01 * 100 * s for s in STRESS_SHIFTS]
    assert ladder.vol_response == pytest.approx(expected)
    relative = VolDynamics(response=SpotVolBeta(8.0, 5.0, VolShift.RELATIVE))
    share = stress_ladder(random_book(), now_epoch_s=NOW, index_price=INDEX, spot_shifts=[-0.1], dynamics=relative)
    assert share.vol_response == pytest.approx([0.8])


def test_a_loss_limit_holds_at_its_own_rung_and_marks_what_is_beyond() -> None:
    book = options([95.0], quantity=-10.0, vol=0.25)
    ladder = stress_ladder(book, now_epoch_s=NOW, index_price=100.0, net_liq=5_000.0, loss_limits=QUOTED_LOSS_LIMITS)
    expected = np.full(17, np.nan)
    expected[[0, 1, 2, 3, 5]] = [40_000.0, 20_000.0, 15_000.0, 10_000.0, 5_000.0]
    assert np.array_equal(ladder.allowed_loss, expected, equal_nan=True)
    assert ladder.beyond.tolist() == [bool(-pnl > most) for pnl, most in zip(ladder.pnl, expected, strict=True)]
    assert ladder.beyond[5]
    assert not ladder.beyond[0]
    unknown = stress_ladder(book, now_epoch_s=NOW, index_price=100.0, loss_limits=QUOTED_LOSS_LIMITS)
    assert not unknown.beyond.any()
    assert np.isnan(unknown.allowed_loss).all()


def test_long_premium_loses_no_more_than_it_cost_on_any_rung() -> None:
    book = options([90.0, 100.0, 110.0], quantity=2.0, calls=[False, True, True])
    cost = float(book.greeks(NOW, 100.0).market_value.sum())
    ladder = stress_ladder(book, now_epoch_s=NOW, index_price=100.0, dynamics=VolDynamics(response=RESPONSE))
    assert (ladder.pnl >= -cost).all()


def test_five_times_the_book_is_five_times_every_rung() -> None:
    book = random_book()
    one, five = (
        stress_ladder(b, now_epoch_s=NOW, index_price=INDEX) for b in (book, with_quantity(book, 5.0 * book.quantity))
    )
    for name in ("pnl", "spx_equiv_delta", "gamma", "theta_per_day", "vega_per_point", "pnl_by_underlying"):
        assert getattr(five, name) == pytest.approx(5.0 * getattr(one, name), rel=1e-10, abs=1e-7)


def test_ladders_of_an_empty_book_are_empty_or_nothing() -> None:
    empty = BookArrays(PositionColumns([], [], [], [], [], [], [], [], []), UnderlyingColumns((), [], []))
    ladder = stress_ladder(empty, now_epoch_s=NOW, index_price=INDEX, net_liq=1.0)
    assert (ladder.pnl == 0.0).all()
    assert (ladder.worst_underlying == -1).all()
    rungs = expiry_ladder(empty, now_epoch_s=NOW, index_price=INDEX)
    assert rungs.epoch_day.size == 0
    assert rungs.pnl.shape == (0, 4)


def two_dates() -> BookArrays:
    """Two expiries on one underlying, the nearer with a morning and an evening settlement, and shares."""
    day = np.floor(NOW / DAY) * DAY
    return BookArrays(
        PositionColumns(
            quantity=[-3.0, 2.0, -1.0, 4.0, 100.0],
            multiplier=[100.0, 100.0, 100.0, 100.0, 1.0],
            model=[1, 1, 1, 1, 0],
            underlying=0,
            strike=[95.0, 105.0, 100.0, 90.0, np.nan],
            expiry_epoch_s=[day + 10.56 * DAY, day + 10.83 * DAY, day + 10.83 * DAY, day + 40.83 * DAY, np.nan],
            is_call=[False, True, True, False, False],
            rate=0.03,
            dividend_yield=0.0,
            vol=[0.25, 0.2, 0.2, 0.3, np.nan],
        ),
        UnderlyingColumns(("X",), 100.0, 1.0),
    )


def test_one_rung_a_date_morning_and_evening_together_shares_in_none() -> None:
    rungs = expiry_ladder(two_dates(), now_epoch_s=NOW, index_price=100.0)
    today = int(np.floor(NOW / DAY))
    assert rungs.epoch_day.tolist() == [today + 10, today + 40]
    assert rungs.contracts_long.tolist() == [2.0, 4.0]
    assert rungs.contracts_short.tolist() == [4.0, 0.0]
    assert rungs.days_left == pytest.approx([today + 10.83 - NOW / DAY, today + 40.83 - NOW / DAY])


def test_rungs_hold_the_greeks_and_time_value_of_their_contracts() -> None:
    book = two_dates()
    rungs = expiry_ladder(book, now_epoch_s=NOW, index_price=200.0)
    greeks = book.greeks(NOW, 200.0)
    near = slice(0, 3)
    for name, column in (
        ("spx_equiv_delta", greeks.spx_equiv_delta),
        ("gamma", greeks.gamma_bw),
        ("theta_per_day", greeks.theta_dollars_per_day),
        ("vega_per_point", greeks.vega_dollars_per_point),
    ):
        assert getattr(rungs, name) == pytest.approx([column[near].sum(), column[3]], rel=1e-10)
    # All of them are at or out of the money: their whole price is time value.
    assert rungs.extrinsic == pytest.approx([greeks.market_value[near].sum(), greeks.market_value[3]], rel=1e-10)


def test_time_value_leaves_out_what_exercise_would_fetch() -> None:
    book = options([90.0], quantity=-2.0, calls=True)
    value = float(book.greeks(NOW, 100.0).market_value[0])
    rungs = expiry_ladder(book, now_epoch_s=NOW, index_price=100.0)
    assert rungs.extrinsic[0] == pytest.approx(value + 2 * 100 * 10.0)


def test_rungs_of_pnl_add_up_to_the_curve_of_the_options() -> None:
    book = random_book(200)
    shifts = [-0.1, 0.0, 0.07]
    rungs = expiry_ladder(book, now_epoch_s=NOW, index_price=INDEX, spot_shifts=shifts, vol_shift=0.02)
    curve = pnl_curve(book, now_epoch_s=NOW, spot_shifts=shifts, vol_shift=0.02, rows=book.model != Model.LINEAR)
    assert rungs.pnl.sum(axis=0) == pytest.approx(curve.pnl, rel=1e-10, abs=1e-6)
    still = expiry_ladder(book, now_epoch_s=NOW, index_price=INDEX, spot_shifts=[0.0])
    assert (still.pnl == 0.0).all()


def test_what_cannot_be_valued_is_counted_on_its_date() -> None:
    book = two_dates()
    book.set_vols([1], [np.nan])
    rungs = expiry_ladder(book, now_epoch_s=NOW, index_price=100.0)
    assert rungs.excluded_count.tolist() == [1, 0]
    assert rungs.contracts_long.tolist() == [2.0, 4.0]
    assert np.isfinite(rungs.pnl).all()


def test_only_the_rows_asked_for_make_rungs() -> None:
    book = two_dates()
    rungs = expiry_ladder(book, now_epoch_s=NOW, index_price=100.0, rows=[3, 4])
    assert rungs.contracts_long.tolist() == [4.0]
