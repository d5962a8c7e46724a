"""Scenarios: the reference grids, exact zeros, beta moves, floors, expiry, slices against the live book."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.black_scholes import bsm_price
from analytics.book import BookArrays, Model, PositionColumns, UnderlyingColumns
from analytics.scenarios import (
    ScenarioError,
    VolShift,
    expiration_curve,
    greeks_at_slices,
    pnl_curve,
    pnl_grid,
)
from tests.analytics.scenario_kit import DAY, NOW, options, part_of, random_book, reference_book, revalued

pytestmark = pytest.mark.usefixtures("strict_floats")


def test_every_european_reference_grid_comes_out(shared_reference: Path) -> None:
    examples = json.loads((shared_reference / "scenario.json").read_text())["examples"]
    european = [e for e in examples if all(leg.get("style") != "american" for leg in e["legs"])]
    assert len(european) >= 7
    for example in european:
        assert _reference_error(example) < 2e-9, example["id"]


def test_every_american_reference_grid_comes_out_to_a_millionth_of_a_dollar_a_share(shared_reference: Path) -> None:
    """As good as the reference itself says it is."""
    examples = json.loads((shared_reference / "scenario.json").read_text())["examples"]
    american = [e for e in examples if any(leg.get("style") == "american" for leg in e["legs"])]
    assert american
    for example in american:
        shares = sum(abs(leg["qty"]) * leg["multiplier"] for leg in example["legs"])
        assert _reference_error(example) < 1e-6 * shares, example["id"]


def _reference_error(example: dict[str, Any]) -> float:
    grid = pnl_grid(
        reference_book(example),
        now_epoch_s=0.0,
        spot_shifts=example["spot_shift"],
        vol_shifts=example["vol_shift"],
        days_forward=example["days_forward"],
        vol_mode=VolShift(example["vol_mode"]),
        beta_weighted=example["beta_weighted_spot_shift"],
    )
    return float(np.abs(grid.pnl - np.array(example["pnl"])).max())


@given(
    st.integers(0, 1_000),
    st.integers(1, 80),
    st.lists(st.floats(-0.9, 0.9), max_size=12),
    st.lists(st.floats(-0.3, 0.5), max_size=3),
    st.sampled_from(VolShift),
    st.booleans(),
)
def test_no_shock_is_exactly_no_pnl_whatever_stands_beside_it(
    seed: int, count: int, spots: list[float], vols: list[float], mode: VolShift, weighted: bool
) -> None:
    grid = pnl_grid(
        random_book(count, seed),
        now_epoch_s=NOW,
        spot_shifts=[*spots, 0.0],
        vol_shifts=[*vols, 0.0],
        days_forward=[3.0, 0.0],
        vol_mode=mode,
        beta_weighted=weighted,
    )
    assert grid.pnl[-1, -1, -1] == 0.0


def test_no_shock_is_exactly_no_pnl_in_curve_and_slices() -> None:
    book = random_book(500)
    shifts = np.array([-0.1, 0.0, 0.1])
    assert pnl_curve(book, now_epoch_s=NOW, spot_shifts=shifts).pnl[1] == 0.0
    assert greeks_at_slices(book, now_epoch_s=NOW, index_price=6000.0, spot_shifts=shifts).pnl[1] == 0.0


def test_each_cell_is_the_difference_of_two_full_valuations() -> None:
    book = random_book()
    grid = pnl_grid(book, now_epoch_s=NOW, spot_shifts=[-0.07], vol_shifts=[0.04], days_forward=[9.0])
    beta = book.beta[book.underlying]
    later = book.copy()
    later.set_spots([0, 1, 2], book.spot * (1.0 - 0.07 * book.beta))
    later.set_vols(np.arange(len(book)), book.vol + 0.04)
    now, then = book.greeks(NOW, 6000.0).market_value, later.greeks(NOW + 9 * DAY, 6000.0).market_value
    assert beta.max() == 1.24
    assert grid.pnl[0, 0, 0] == pytest.approx((then - now).sum(), rel=1e-10)


def test_the_curve_is_a_row_of_the_grid() -> None:
    book, shifts = random_book(), np.linspace(-0.2, 0.2, 9)
    grid = pnl_grid(book, now_epoch_s=NOW, spot_shifts=shifts, vol_shifts=[0.0, 0.05], days_forward=[0.0, 7.0])
    curve = pnl_curve(book, now_epoch_s=NOW, spot_shifts=shifts, vol_shift=0.05, days_forward=7.0)
    assert np.array_equal(curve.pnl, grid.pnl[1, 1])
    assert grid.pnl.shape == (2, 2, 9)


def test_pnl_adds_up_over_positions_and_grows_with_quantity() -> None:
    book, shifts = random_book(), [-0.1, 0.05]
    whole = pnl_grid(book, now_epoch_s=NOW, spot_shifts=shifts, vol_shifts=[0.03], days_forward=[5.0]).pnl

    def part(rows: slice, factor: float = 1.0) -> np.ndarray:
        piece = part_of(book, rows, factor)
        return pnl_grid(piece, now_epoch_s=NOW, spot_shifts=shifts, vol_shifts=[0.03], days_forward=[5.0]).pnl

    assert part(slice(0, 20)) + part(slice(20, None)) == pytest.approx(whole, rel=1e-10)
    assert part(slice(None), 5.0) == pytest.approx(5.0 * whole, rel=1e-12)


def test_underlyings_move_by_beta_unless_told_to_move_alike() -> None:
    stock = BookArrays(
        PositionColumns(100, 1, Model.LINEAR, 0, np.nan, np.nan, False, 0.0, 0.0),
        UnderlyingColumns(("AAPL",), 200.0, 1.5),
    )
    shifts = [-0.1, 0.1]
    assert pnl_curve(stock, now_epoch_s=NOW, spot_shifts=shifts).pnl == pytest.approx([-3000.0, 3000.0])
    alike = pnl_curve(stock, now_epoch_s=NOW, spot_shifts=shifts, beta_weighted=False)
    assert alike.pnl == pytest.approx([-2000.0, 2000.0])


def test_a_missing_beta_moves_like_the_index() -> None:
    stock = BookArrays(
        PositionColumns(100, 1, Model.LINEAR, 0, np.nan, np.nan, False, 0.0, 0.0),
        UnderlyingColumns(("NEW",), 200.0, np.nan),
    )
    assert pnl_curve(stock, now_epoch_s=NOW, spot_shifts=[0.1]).pnl == pytest.approx([2000.0])


def test_a_price_stops_at_zero() -> None:
    book = random_book(1)
    put = BookArrays(
        PositionColumns(1, 100, Model.BSM, 0, 100.0, NOW + 30 * DAY, False, 0.0, 0.0, 0.3),
        UnderlyingColumns(("X",), 100.0, 2.0),
    )
    curve = pnl_curve(put, now_epoch_s=NOW, spot_shifts=[-0.5, -0.8])
    value = bsm_price(spot=100.0, strike=100.0, t_years=30 / 365, rate=0.0, dividend_yield=0.0, vol=0.3, is_call=False)
    assert curve.pnl == pytest.approx([100.0 * (100.0 - float(value))] * 2)
    assert len(book) == 1


@pytest.mark.parametrize(
    ("mode", "shift", "vol"),
    [
        (VolShift.ABSOLUTE, 0.05, 0.25),
        (VolShift.RELATIVE, 0.5, 0.3),
        (VolShift.ABSOLUTE, -0.5, 0.001),
        (VolShift.RELATIVE, -1.0, 0.001),
    ],
)
def test_a_vol_shift_means_what_its_mode_says_and_stops_at_the_floor(mode: VolShift, shift: float, vol: float) -> None:
    columns = PositionColumns(1, 100, Model.BSM, 0, 105.0, NOW + 90 * DAY, True, 0.03, 0.0, 0.2)
    table = UnderlyingColumns(("X",), 100.0, 1.0)
    pnl = pnl_curve(BookArrays(columns, table), now_epoch_s=NOW, spot_shifts=0.0, vol_shift=shift, vol_mode=mode).pnl
    before = BookArrays(columns, table).greeks(NOW, 100.0).market_value
    after = BookArrays(replace(columns, vol=vol), table).greeks(NOW, 100.0).market_value
    assert pnl == pytest.approx(after - before, abs=1e-9)


def test_the_expiration_curve_takes_each_leg_at_intrinsic_on_its_own_day() -> None:
    calendar = PositionColumns(
        quantity=[-1, 1],
        multiplier=100,
        model=Model.BSM,
        underlying=0,
        strike=[100.0, 105.0],
        expiry_epoch_s=[NOW + 10 * DAY, NOW + 40 * DAY],
        is_call=True,
        rate=0.0,
        dividend_yield=0.0,
        vol=[0.2, 0.25],
    )
    book = BookArrays(calendar, UnderlyingColumns(("X",), 100.0, 1.0))
    curve = expiration_curve(book, now_epoch_s=NOW, spot_shifts=[-0.2, 0.0, 0.03, 0.2])
    now = book.greeks(NOW, 100.0).market_value.sum()
    assert curve.pnl == pytest.approx(np.array([0.0, 0.0, -300.0, -2000.0 + 1500.0]) - now)


def test_past_the_last_expiry_the_curve_is_the_expiration_curve() -> None:
    book, shifts = random_book(), np.linspace(-0.1, 0.1, 5)
    late = pnl_curve(book, now_epoch_s=NOW, spot_shifts=shifts, days_forward=365.0).pnl
    assert late == pytest.approx(expiration_curve(book, now_epoch_s=NOW, spot_shifts=shifts).pnl, rel=1e-12)


def test_slices_hold_the_live_book_s_totals_where_nothing_moved() -> None:
    book = random_book()
    table = greeks_at_slices(book, now_epoch_s=NOW, index_price=6000.0, spot_shifts=[0.0])
    totals = book.greeks(NOW, 6000.0).totals
    got = (table.spx_equiv_delta[0], table.gamma[0], table.theta_per_day[0], table.vega_per_point[0])
    assert got == pytest.approx(totals[:4], rel=1e-11)


def test_slices_hold_the_totals_of_a_book_that_really_moved() -> None:
    book = random_book()
    table = greeks_at_slices(
        book, now_epoch_s=NOW, index_price=6000.0, spot_shifts=[0.04], vol_shift=0.02, days_forward=2.0
    )
    moved = book.copy()
    moved.set_spots([0, 1, 2], book.spot * (1.0 + 0.04 * book.beta))
    moved.set_vols(np.arange(len(book)), book.vol + 0.02)
    totals = moved.greeks(NOW + 2 * DAY, 6240.0).totals
    got = (table.spx_equiv_delta[0], table.gamma[0], table.theta_per_day[0], table.vega_per_point[0])
    assert got == pytest.approx(totals[:4], rel=1e-9)
    assert table.index_price[0] == 6240.0


def test_slice_delta_is_the_slope_of_slice_pnl() -> None:
    """The index moves one point, every underlying by beta: P&L moves by the beta-weighted delta."""
    book, index, step = random_book(), 6000.0, 0.01
    table = greeks_at_slices(book, now_epoch_s=NOW, index_price=index, spot_shifts=np.array([-step, 0.0, step]) / index)
    assert (table.pnl[2] - table.pnl[0]) / (2 * step) == pytest.approx(table.spx_equiv_delta[1], rel=1e-5)


def test_slices_without_an_index_have_pnl_but_no_weighted_delta() -> None:
    table = greeks_at_slices(random_book(), now_epoch_s=NOW, index_price=np.nan, spot_shifts=[-0.1, 0.1])
    assert np.isnan(table.spx_equiv_delta).all()
    assert np.isnan(table.gamma).all()
    assert np.isfinite(table.pnl).all()


def test_what_cannot_be_valued_is_left_out_and_counted() -> None:
    book = random_book()
    whole = pnl_curve(book, now_epoch_s=NOW, spot_shifts=[-0.05])
    book.set_spots([1], [np.nan])
    partial = pnl_curve(book, now_epoch_s=NOW, spot_shifts=[-0.05])
    assert (whole.excluded_count, partial.excluded_count) == (0, int((book.underlying == 1).sum()))
    assert np.array_equal(partial.included, book.underlying != 1)
    assert np.isfinite(partial.pnl).all()
    assert partial.pnl[0] != whole.pnl[0]


def test_an_empty_book_makes_nothing() -> None:
    empty = BookArrays(PositionColumns([], [], [], [], [], [], [], [], []), UnderlyingColumns((), [], []))
    assert pnl_grid(empty, now_epoch_s=NOW, spot_shifts=[-0.1, 0.0]).pnl.tolist() == [[[0.0, 0.0]]]
    assert expiration_curve(empty, now_epoch_s=NOW, spot_shifts=[0.1]).pnl.tolist() == [0.0]


def test_only_the_rows_asked_for_are_in_a_figure_and_the_pieces_add_up() -> None:
    book, shifts = random_book(), [-0.1, 0.02, 0.1]
    whole = pnl_curve(book, now_epoch_s=NOW, spot_shifts=shifts)
    pieces = [pnl_curve(book, now_epoch_s=NOW, spot_shifts=shifts, rows=book.underlying == at) for at in range(3)]
    assert sum(piece.pnl for piece in pieces) == pytest.approx(whole.pnl, rel=1e-11)
    assert np.array_equal(pieces[1].included, book.underlying == 1)
    by_index = pnl_curve(book, now_epoch_s=NOW, spot_shifts=shifts, rows=np.flatnonzero(book.underlying == 1))
    assert np.array_equal(by_index.pnl, pieces[1].pnl)


def test_a_position_that_was_not_asked_for_is_not_counted_as_left_out() -> None:
    book = random_book()
    book.set_spots([1], [np.nan])
    curve = pnl_curve(book, now_epoch_s=NOW, spot_shifts=[0.1], rows=book.underlying == 0)
    assert curve.excluded_count == 0


def test_an_underlying_may_have_a_move_of_its_own_on_top() -> None:
    book = random_book()
    own = np.array([0.0, -0.2, 0.01])
    curve = pnl_curve(book, now_epoch_s=NOW, spot_shifts=[-0.05, 0.0], underlying_shifts=own)
    for shift, pnl in zip([-0.05, 0.0], curve.pnl.tolist(), strict=True):
        spots = book.spot * (1.0 + book.beta * shift + own)
        assert pnl == pytest.approx(revalued(book, spots=spots, vols=book.vol), rel=1e-9)


def test_bad_axes_masks_and_vectors_are_refused_with_a_word() -> None:
    book = random_book()
    with pytest.raises(ScenarioError, match="vol_shifts"):
        pnl_grid(book, now_epoch_s=NOW, spot_shifts=[0.0], vol_shifts=[np.nan])
    with pytest.raises(ScenarioError, match="mask of shape"):
        pnl_curve(book, now_epoch_s=NOW, spot_shifts=[0.0], rows=np.ones(3, dtype=bool))
    for beyond in ([60], [-1], [0.5]):
        with pytest.raises(ScenarioError, match="must be positions"):
            pnl_curve(book, now_epoch_s=NOW, spot_shifts=[0.0], rows=beyond)
    assert pnl_curve(book, now_epoch_s=NOW, spot_shifts=[0.1], rows=[]).pnl.tolist() == [0.0]
    with pytest.raises(ScenarioError, match="underlying_shifts"):
        pnl_curve(book, now_epoch_s=NOW, spot_shifts=[0.0], underlying_shifts=[0.1, 0.2])


def test_a_long_option_gains_from_vol_and_a_call_from_the_spot() -> None:
    book = options([90.0, 100.0, 110.0], calls=True)
    grid = pnl_grid(book, now_epoch_s=NOW, spot_shifts=np.linspace(-0.3, 0.3, 25), vol_shifts=np.linspace(-0.1, 0.4, 9))
    assert (np.diff(grid.pnl[0], axis=0) >= 0.0).all()
    assert (np.diff(grid.pnl[0], axis=1) > 0.0).all()


def test_ten_points_up_is_half_as_much_again_for_a_vol_of_twenty() -> None:
    """Absolute and relative meet where they mean the same, on every date."""
    book = options([90.0, 100.0, 110.0], quantity=[1.0, -2.0, 3.0], vol=0.2)
    grids = [
        pnl_grid(
            book,
            now_epoch_s=NOW,
            spot_shifts=[-0.1, 0.1],
            vol_shifts=shift,
            days_forward=[0.0, 9.0],
            vol_mode=mode,
        ).pnl
        for shift, mode in ((0.1, VolShift.ABSOLUTE), (0.5, VolShift.RELATIVE))
    ]
    assert grids[0] == pytest.approx(grids[1], rel=1e-12)


def test_vols_that_stand_on_the_floor_are_counted_while_they_live() -> None:
    book = options([90.0, 100.0, 110.0], days=[10.0, 10.0, 40.0], vol=[0.2, 0.3, 0.2])
    grid = pnl_grid(
        book, now_epoch_s=NOW, spot_shifts=[-0.1, 0.0, 0.1], vol_shifts=[-0.25, 0.0], days_forward=[0.0, 20.0]
    )
    # Two contracts on the first date; on the second only the one that has not expired; three spots each.
    assert grid.floored == 3 * (2 + 1)
    assert greeks_at_slices(book, now_epoch_s=NOW, index_price=1.0, spot_shifts=[0.0], vol_shift=-0.25).floored == 2


def test_slices_say_what_a_per_cent_of_everything_is_worth() -> None:
    book = random_book()
    table = greeks_at_slices(book, now_epoch_s=NOW, index_price=6000.0, spot_shifts=[0.02])
    moved = book.copy()
    moved.set_spots([0, 1, 2], book.spot * (1.0 + 0.02 * book.beta))
    greeks = moved.greeks(NOW, 6120.0)
    dollars = greeks.raw_delta * moved.spot[moved.underlying]
    assert table.delta_dollars[0] == pytest.approx(dollars.sum(), rel=1e-9)


@pytest.mark.parametrize("axes", [{"spot_shifts": "down"}, {"spot_shifts": [0.0], "days_forward": -1.0}])
def test_an_axis_that_means_nothing_is_refused_by_name(axes: dict[str, Any]) -> None:
    book = BookArrays(PositionColumns([], [], [], [], [], [], [], [], []), UnderlyingColumns((), [], []))
    with pytest.raises(ScenarioError, match=r"finite numbers|in the past"):
        pnl_grid(book, now_epoch_s=0.0, **axes)
    with pytest.raises(ScenarioError):
        greeks_at_slices(book, now_epoch_s=0.0, index_price=100.0, spot_shifts=[0.0], days_forward=-1.0)
