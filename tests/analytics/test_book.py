"""The live book: ticks in place, dirty vols, exclusions with reasons, before > after, bad columns refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.american import american_first_order
from analytics.black_scholes import black76, bsm
from analytics.book import (
    SECONDS_PER_YEAR,
    BookArrays,
    BookError,
    Exclusion,
    Mark,
    Model,
    PositionColumns,
    UnderlyingColumns,
)
from analytics.implied_vol import IvStatus

pytestmark = pytest.mark.usefixtures("strict_floats")

NOW = 1_780_000_000.0
DAY = 86_400.0
INDEX = 6000.0


def positions() -> PositionColumns:
    """A short SPX put, a short SPX call, stock, a stock option, an /ES future and an option on it."""
    nan = np.nan
    return PositionColumns(
        quantity=[-1, -1, 200, -2, 1, -3],
        multiplier=[100, 100, 1, 100, 50, 50],
        model=[Model.BSM, Model.BSM, Model.LINEAR, Model.BSM, Model.LINEAR, Model.BLACK76],
        underlying=[0, 0, 1, 1, 2, 2],
        strike=[5700, 6300, nan, 235, nan, 5800],
        expiry_epoch_s=[NOW + 30 * DAY, NOW + 30 * DAY, nan, NOW + 45 * DAY, nan, NOW + 20 * DAY],
        is_call=[False, True, False, True, False, False],
        rate=0.04,
        dividend_yield=[0.013, 0.013, 0.0, 0.004, 0.0, 0.0],
        vol=[0.17, 0.13, nan, 0.25, nan, 0.18],
    )


def underlyings() -> UnderlyingColumns:
    return UnderlyingColumns(("SPX", "AAPL", "/ESM6"), [6000.0, 226.5, 6021.0], [1.0, 1.24, 1.0])


@pytest.fixture
def book() -> BookArrays:
    return BookArrays(positions(), underlyings())


def test_each_position_is_valued_by_its_own_model(book: BookArrays) -> None:
    greeks = book.greeks(NOW, INDEX)
    put = bsm(spot=6000.0, strike=5700.0, t_years=30 / 365, rate=0.04, dividend_yield=0.013, vol=0.17, is_call=False)
    on_future = black76(forward=6021.0, strike=5800.0, t_years=20 / 365, rate=0.04, vol=0.18, is_call=False)
    for i, values in ((0, put), (5, on_future)):
        assert greeks.price[i] == pytest.approx(float(values.price), rel=1e-13)
        assert greeks.delta[i] == pytest.approx(float(values.delta), rel=1e-13)
        assert greeks.gamma[i] == pytest.approx(float(values.gamma), rel=1e-13)
        assert greeks.theta_per_day[i] == pytest.approx(float(values.theta_per_day), rel=1e-13)
        assert greeks.vega_per_point[i] == pytest.approx(float(values.vega_per_point), rel=1e-13)
    assert greeks.price[[2, 4]].tolist() == [226.5, 6021.0]
    assert greeks.delta[[2, 4]].tolist() == [1.0, 1.0]
    assert greeks.market_value[2] == 200 * 226.5
    assert np.all(greeks.exclusion == Exclusion.INCLUDED)


def test_position_figures_follow_the_desk_s_signs(book: BookArrays) -> None:
    greeks = book.greeks(NOW, INDEX)
    assert greeks.raw_delta[0] == pytest.approx(-100.0 * greeks.delta[0])
    assert greeks.raw_delta[0] > 0.0
    assert greeks.theta_dollars_per_day[0] > 0.0
    assert greeks.vega_dollars_per_point[0] < 0.0
    assert greeks.spx_equiv_delta[2] == pytest.approx(200 * 226.5 * 1.24 / INDEX)
    assert greeks.spx_equiv_delta[4] == pytest.approx(50 * 6021.0 / INDEX)
    ratio = 1.24 * 226.5 / INDEX
    assert greeks.gamma_bw[3] == pytest.approx(-200.0 * greeks.gamma[3] * ratio**2)
    assert greeks.totals.spx_equiv_delta == pytest.approx(greeks.spx_equiv_delta.sum())


def test_a_tick_changes_what_it_touches_in_place(book: BookArrays) -> None:
    before = book.greeks(NOW, INDEX)
    book.set_spots([1], [230.0])
    after = book.greeks(NOW, INDEX)
    changed = before.price != after.price
    assert changed.tolist() == [False, False, True, True, False, False]
    assert after.price[2] == 230.0


def test_three_hours_before_expiry_theta_is_that_of_three_hours() -> None:
    """product.md 5.10-4: time is never floored to a day."""
    columns = PositionColumns(
        quantity=-1,
        multiplier=100,
        model=Model.BSM,
        underlying=0,
        strike=6000.0,
        expiry_epoch_s=NOW + 3 * 3600,
        is_call=True,
        rate=0.0,
        dividend_yield=0.0,
        vol=0.15,
    )
    greeks = BookArrays(columns, UnderlyingColumns(("SPX",), 6000.0, 1.0)).greeks(NOW, INDEX)
    assert greeks.theta_per_day[0] == pytest.approx(-26.6, abs=0.05)
    assert greeks.theta_dollars_per_day[0] == pytest.approx(2660, abs=5)
    assert greeks.t_years[0] == pytest.approx(3 * 3600 / SECONDS_PER_YEAR)


def test_five_times_the_contracts_is_five_times_every_book_number() -> None:
    one = positions()
    five = replace(one, quantity=5.0 * np.asarray(one.quantity))
    a = BookArrays(one, underlyings()).greeks(NOW, INDEX).totals
    b = BookArrays(five, underlyings()).greeks(NOW, INDEX).totals
    assert np.array(b[:4]) == pytest.approx(5.0 * np.array(a[:4]), rel=1e-12)


def test_a_quote_sets_the_mark_and_the_vol_that_prices_it(book: BookArrays) -> None:
    book.set_quotes([0, 5], [25.0, 30.0], [25.4, 31.0])
    assert book.dirty_rows.tolist() == [0, 5]
    assert book.refresh_vols(NOW) == 2
    assert book.dirty_rows.size == 0
    greeks = book.greeks(NOW, INDEX)
    assert greeks.price[[0, 5]] == pytest.approx([25.2, 30.5], rel=1e-12)
    assert greeks.market_value[0] == pytest.approx(-100 * 25.2)
    assert not greeks.vol_stale.any()


def test_only_the_rows_asked_for_are_solved(book: BookArrays) -> None:
    book.set_quotes([0, 1], [25.0, 8.0], [25.4, 8.4])
    assert book.refresh_vols(NOW, [1, 2, 3]) == 1
    assert book.dirty_rows.tolist() == [0]


def test_a_zero_bid_is_a_real_price_and_the_mark_lies_halfway_to_the_ask(book: BookArrays) -> None:
    book.set_quotes([0], [0.0], [0.05])
    assert book.mark_status[0] == Mark.TWO_SIDED
    assert book.mark[0] == 0.025


@pytest.mark.parametrize(
    ("bid", "ask", "why"),
    [
        (np.nan, 25.0, Mark.ONE_SIDED),
        (25.0, np.nan, Mark.ONE_SIDED),
        (0.0, 0.0, Mark.ONE_SIDED),
        (-1.0, 25.0, Mark.ONE_SIDED),
        (26.0, 25.0, Mark.CROSSED),
        (25.0, np.inf, Mark.BAD_QUOTE),
        (1.7976931348623157e308, 1.7976931348623157e308, Mark.BAD_QUOTE),
    ],
)
def test_a_quote_that_is_no_market_gives_no_mark_and_keeps_the_last_vol(
    book: BookArrays, bid: float, ask: float, why: Mark
) -> None:
    book.set_quotes([0], [bid], [ask])
    assert np.isnan(book.mark[0])
    assert book.mark_status[0] == why
    assert book.refresh_vols(NOW) == 0
    greeks = book.greeks(NOW, INDEX)
    assert greeks.vol[0] == 0.17
    assert greeks.vol_stale[0]
    assert greeks.totals.excluded_count == 0
    assert greeks.market_value[0] == pytest.approx(-100.0 * greeks.price[0])


def test_a_locked_quote_is_a_market(book: BookArrays) -> None:
    book.set_quotes([0], [25.0], [25.0])
    assert book.mark[0] == 25.0
    assert book.mark_status[0] == Mark.TWO_SIDED


def test_a_fresh_quote_ends_staleness(book: BookArrays) -> None:
    book.set_quotes([0], [np.nan], [25.0])
    book.set_quotes([0], [24.8], [25.0])
    book.refresh_vols(NOW)
    assert not book.vol_stale[0]


def test_a_mark_below_intrinsic_keeps_the_last_vol_and_says_why(book: BookArrays) -> None:
    book.set_spots([1], [300.0])
    book.set_quotes([3], [50.0], [50.2])
    assert book.refresh_vols(NOW) == 0
    assert book.vol_status[3] == IvStatus.BELOW_INTRINSIC
    assert book.vol[3] == 0.25
    assert book.vol_stale[3]


def test_a_quote_waits_for_the_price_of_its_underlying(book: BookArrays) -> None:
    book.set_spots([0], [np.nan])
    book.set_quotes([0], [25.0], [25.4])
    assert book.refresh_vols(NOW) == 0
    assert book.dirty_rows.tolist() == [0]
    book.set_spots([0], [6000.0])
    assert book.refresh_vols(NOW) == 1


def test_unknown_prices_and_vols_are_excluded_with_their_reason_and_never_summed_as_zero(book: BookArrays) -> None:
    known = book.greeks(NOW, INDEX)
    book.set_spots([1], [np.nan])
    book.set_vols([5], [np.nan])
    greeks = book.greeks(NOW, INDEX)
    reasons = [Exclusion(code) for code in greeks.exclusion]
    assert reasons[2] == reasons[3] == Exclusion.NO_UNDERLYING_PRICE
    assert reasons[5] == Exclusion.NO_VOL
    assert greeks.totals.excluded_count == 3
    assert greeks.totals.theta_per_day == pytest.approx(known.theta_dollars_per_day[[0, 1, 4]].sum())
    assert np.isnan(greeks.market_value[[2, 3, 5]]).all()


@given(st.lists(st.sampled_from([6000.0, 0.0, -1.0, np.nan, np.inf, 1.7976931348623157e308]), min_size=3, max_size=3))
def test_exclusion_codes_and_totals_always_tell_the_same_story(spots: list[float]) -> None:
    book = BookArrays(positions(), replace(underlyings(), spot=spots))
    greeks = book.greeks(NOW, INDEX)
    excluded = greeks.exclusion != Exclusion.INCLUDED
    assert greeks.totals.excluded_count == excluded.sum()
    assert np.array_equal(np.isnan(greeks.raw_delta), excluded)


def test_a_missing_beta_is_one_and_counted(book: BookArrays) -> None:
    book.set_betas([1], [np.nan], [False])
    greeks = book.greeks(NOW, INDEX)
    assert greeks.totals.beta_defaulted_count == 2
    assert greeks.beta_defaulted.tolist() == [False, False, True, True, False, False]
    assert greeks.spx_equiv_delta[2] == pytest.approx(200 * 226.5 / INDEX)
    book.set_betas([1], [1.5], [False])
    assert book.greeks(NOW, INDEX).totals.beta_defaulted_count == 0


def test_an_expired_option_is_its_intrinsic_value_even_without_a_vol(book: BookArrays) -> None:
    book.set_vols([0], [np.nan])
    book.set_spots([0], [5650.0])
    greeks = book.greeks(NOW + 31 * DAY, INDEX)
    assert greeks.price[0] == 50.0
    assert greeks.exclusion[0] == Exclusion.INCLUDED
    assert greeks.theta_dollars_per_day[0] == 0.0


def test_new_carry_has_the_vol_solved_again(book: BookArrays) -> None:
    book.set_quotes([0], [25.0], [25.4])
    book.refresh_vols(NOW)
    old = book.vol[0]
    book.set_carry([0, 1, 2], 0.05, 0.02)
    assert book.dirty_rows.tolist() == [0]
    book.refresh_vols(NOW)
    assert book.vol[0] != old
    assert book.greeks(NOW, INDEX).price[0] == pytest.approx(25.2)


def test_unknown_carry_leaves_the_old_one_in_place(book: BookArrays) -> None:
    book.set_carry([0, 1], [np.nan, 0.05], [0.02, 0.02])
    assert book.rate[:2].tolist() == [0.04, 0.05]
    assert book.dividend_yield[:2].tolist() == [0.013, 0.02]


def test_a_fill_changes_the_quantity_in_place(book: BookArrays) -> None:
    one = book.greeks(NOW, INDEX)
    book.set_quantities([0], [-3])
    assert book.greeks(NOW, INDEX).raw_delta[0] == pytest.approx(3.0 * one.raw_delta[0])
    with pytest.raises(BookError, match="not all numbers"):
        book.set_quantities([0, 1], [1.0, np.nan])
    assert book.quantity[0] == -3.0


def test_a_vol_that_is_none_makes_the_row_unknown(book: BookArrays) -> None:
    book.set_vols([0, 1, 3], [-0.1, 1.7976931348623157e308, 0.3])
    assert np.isnan(book.vol[[0, 1]]).all()
    assert book.vol[3] == 0.3


def test_a_ticket_s_legs_on_a_copy_show_before_and_after_and_leave_the_book_alone(book: BookArrays) -> None:
    book.set_quotes([0], [25.0], [25.4])
    legs = PositionColumns(
        quantity=[-2, 2],
        multiplier=100,
        model=Model.BSM,
        underlying=[0, 3],
        strike=[5600, 90],
        expiry_epoch_s=NOW + 40 * DAY,
        is_call=[False, True],
        rate=0.04,
        dividend_yield=0.013,
        vol=[0.18, 0.3],
    )
    after = book.with_positions(legs, UnderlyingColumns(("KO",), [68.0], [np.nan]))
    assert (len(book), len(after)) == (6, 8)
    assert after.dirty_rows.tolist() == [0]
    assert after.mark[0] == pytest.approx(25.2)
    before, later = book.greeks(NOW, INDEX), after.greeks(NOW, INDEX)
    for name in ("spx_equiv_delta", "gamma", "theta_per_day", "vega_per_point"):
        column = {"gamma": "gamma_bw", "theta_per_day": "theta_dollars_per_day"}.get(name, name)
        column = {"vega_per_point": "vega_dollars_per_point"}.get(column, column)
        added = getattr(later, column)[6:].sum()
        assert getattr(later.totals, name) == pytest.approx(getattr(before.totals, name) + added)
    assert later.totals.beta_defaulted_count == 1
    after.set_spots([0], [5000.0])
    assert book.spot[0] == 6000.0


def test_a_copy_is_independent_and_equal(book: BookArrays) -> None:
    book.set_quotes([0, 1], [25.0, np.nan], [25.4, 1.0])
    twin = book.copy()
    assert twin.greeks(NOW, INDEX).totals == book.greeks(NOW, INDEX).totals
    assert twin.vol_stale.tolist() == book.vol_stale.tolist()
    twin.set_vols([0], [0.5])
    assert book.vol[0] == 0.17


def test_an_underlying_is_not_added_twice(book: BookArrays) -> None:
    with pytest.raises(BookError, match="/ESM6 is in the book already"):
        book.with_positions(positions(), underlyings())


def test_an_empty_book_has_zero_totals() -> None:
    empty = BookArrays(
        PositionColumns([], [], [], [], [], [], [], [], []), UnderlyingColumns((), np.array([]), np.array([]))
    )
    assert empty.greeks(NOW, INDEX).totals == (0.0, 0.0, 0.0, 0.0, 0, 0)
    assert empty.refresh_vols(NOW) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": [1, 1, np.nan, 1, 1, 1]}, "quantity must be a number; row 2"),
        ({"multiplier": 0.0}, "multiplier must be > 0; row 0"),
        ({"model": [1, 7, 0, 1, 0, 2]}, "model must be .* row 1"),
        ({"underlying": [0, 0, 1, 1, 2, 3]}, "underlying must be a row .* row 5"),
        ({"strike": [5700, 6300, np.nan, 0.0, np.nan, 5800]}, "strike must be > 0 .* row 3"),
        ({"expiry_epoch_s": np.nan}, "expiry_epoch_s must be known .* row 0"),
        ({"rate": np.inf}, "rate must be a number .* row 0"),
        ({"dividend_yield": 4.0}, "dividend_yield must be .* row 0"),
        ({"quantity": [1.7976931348623157e308, 1, 1, 1, 1, 1]}, "quantity must be a number; row 0"),
        ({"vol": [0.1, 0.2]}, "vol has shape"),
    ],
)
def test_a_column_that_makes_no_book_is_refused_with_its_name_and_row(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BookError, match=message):
        BookArrays(replace(positions(), **change), underlyings())


def test_the_reference_book_of_twelve_legs_comes_out_of_the_live_arrays(shared_reference: Path) -> None:
    examples = json.loads((shared_reference / "betaweight.json").read_text())["examples"]
    example = next(e for e in examples if len(e["legs"]) >= 12)
    symbols, legs = list(example["underlyings"]), example["legs"]
    model = {"stock": 0, "future": 0, "option": 1, "future_option": 2}
    of = [example["underlyings"][leg["symbol"]] for leg in legs]
    book = BookArrays(
        PositionColumns(
            quantity=[leg["qty"] for leg in legs],
            multiplier=[leg["multiplier"] for leg in legs],
            model=[model[leg["kind"]] for leg in legs],
            underlying=[symbols.index(leg["symbol"]) for leg in legs],
            strike=[leg.get("strike", np.nan) for leg in legs],
            expiry_epoch_s=[leg.get("t", np.nan) * SECONDS_PER_YEAR for leg in legs],
            is_call=[leg.get("right") == "C" for leg in legs],
            rate=[under["r"] for under in of],
            dividend_yield=[under["q"] for under in of],
            vol=[leg.get("sigma", np.nan) for leg in legs],
        ),
        UnderlyingColumns(
            symbols,
            [example["underlyings"][s]["last"] for s in symbols],
            [example["underlyings"][s]["beta"] or np.nan for s in symbols],
        ),
    )
    totals, want = book.greeks(0.0, example["index"]["last"]).totals, example["totals"]
    assert totals.spx_equiv_delta == pytest.approx(want["bw_delta"], rel=1e-11)
    assert totals.gamma == pytest.approx(want["bw_gamma_second_order"], rel=1e-11)
    assert totals.theta_per_day == pytest.approx(want["theta_day"], rel=1e-11)
    assert totals.vega_per_point == pytest.approx(want["vega_1pct"], rel=1e-11)
    assert totals.beta_defaulted_count >= 1


def test_a_row_that_may_be_exercised_early_is_worth_its_american_value() -> None:
    columns = PositionColumns(
        [-1.0, -1.0], 100.0, Model.BSM, 0, 120.0, NOW + 200 * DAY, False, 0.05, 0.0, 0.25, [False, True]
    )
    book = BookArrays(columns, UnderlyingColumns(("AAPL",), [100.0], [1.2]))
    values = book.greeks(NOW, 7200.0)
    years = 200.0 / 365.0
    exact = american_first_order(
        spot=100.0, strike=120.0, t_years=years, rate=0.05, dividend_yield=0.0, vol=0.25, is_call=False
    )
    assert values.price[1] > values.price[0] + 0.5
    for mine, theirs in zip(values[:5], exact, strict=True):
        assert mine[1] == pytest.approx(float(theirs), rel=1e-12)
    book.set_quotes([0, 1], values.price - 0.05, values.price + 0.05)
    assert book.refresh_vols(NOW) == 2
    np.testing.assert_allclose(book.vol, 0.25, atol=1e-6)
    again = book.copy().greeks(NOW, 7200.0)
    np.testing.assert_allclose(again.delta, values.delta, atol=1e-6)
