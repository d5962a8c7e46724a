"""Quotes about what exercise pays: a price above the floor, a vol that gives it back, a live row that stays fresh."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.book import BookArrays, Model, PositionColumns, UnderlyingColumns
from analytics.early_premium import QuotedArguments
from analytics.exercise import option_price
from analytics.implied_vol import IvStatus
from analytics.inside_quote import price_inside_quote, vol_inside_quote, without_time_value
from tests.analytics.test_book import DAY, NOW

_SPOT = 287.05
_FLOOR = 360.0 - _SPOT


def terms(count: int = 1) -> QuotedArguments:
    return QuotedArguments(
        spot=np.full(count, _SPOT),
        strike=np.full(count, 360.0),
        t_years=np.full(count, 0.1),
        rate=np.full(count, 0.04),
        dividend_yield=np.full(count, 0.005),
        is_call=np.zeros(count, dtype=np.bool_),
    )


def deep_puts(count: int, *, is_american: bool = True) -> BookArrays:
    columns = PositionColumns(
        np.full(count, -1.0), 100.0, Model.BSM, 0, np.linspace(355.0, 365.0, count) if count > 1 else 360.0,
        NOW + 36 * DAY, False, 0.04, 0.005, np.nan, is_american,
    )  # fmt: skip
    return BookArrays(columns, UnderlyingColumns(("AAPL",), [_SPOT], [1.2]))


@given(bid_under=st.floats(0.01, 5.0), ask_over=st.floats(0.02, 5.0))
def test_the_vol_prices_the_option_between_its_floor_and_its_ask(bid_under: float, ask_over: float) -> None:
    bid, ask = np.array([_FLOOR - bid_under]), np.array([_FLOOR + ask_over])
    vol = vol_inside_quote(bid=bid, ask=ask, terms=terms(), is_american=True)
    value = option_price(vol=vol, is_american=True, **terms())
    assert value[0] == pytest.approx(_FLOOR + 0.5 * ask_over, abs=1e-3)


def test_a_bid_above_the_floor_counts_as_it_is_and_an_ask_below_it_says_nothing() -> None:
    price = price_inside_quote(
        bid=_FLOOR + np.array([0.1, -1.0, -1.0]),
        ask=_FLOOR + np.array([0.3, 0.3, -0.1]),
        terms=terms(3),
        is_american=True,
    )
    np.testing.assert_allclose(price, [_FLOOR + 0.2, _FLOOR + 0.15, np.nan], rtol=1e-12)


def test_only_rows_at_or_below_their_floor_have_no_time_value() -> None:
    found = without_time_value(np.array(list(IvStatus), dtype=np.int8))
    assert {status for status, flat in zip(IvStatus, found.tolist(), strict=True) if flat} == {
        IvStatus.BELOW_INTRINSIC,
        IvStatus.AT_INTRINSIC,
    }


@pytest.mark.parametrize("is_american", [True, False])
def test_a_live_row_is_never_stale_while_its_ask_is_above_its_floor(is_american: bool) -> None:
    book = deep_puts(40, is_american=is_american)
    rows = np.arange(40)
    american = np.full(40, is_american)
    live = terms(40) | {"strike": book.strike, "t_years": book.t_years(NOW, rows)}
    floor = option_price(vol=0.0, is_american=american, **live)
    rng = np.random.default_rng(7)
    for is_first in (True, *(5 * [False])):
        bid, ask = floor - rng.uniform(0.0, 0.6, 40), floor + rng.uniform(0.02, 0.4, 40)
        book.set_quotes(rows, bid, ask)
        assert book.refresh_vols(NOW) == 40
        assert not book.vol_stale.any()
        assert (book.vol_status == IvStatus.OK).all()
        mid, inside = 0.5 * (bid + ask), 0.5 * (floor + ask)
        price = book.greeks(NOW, 7200.0).price
        assert (price >= floor - 2e-3).all()
        assert (price <= ask + 2e-3).all()
        np.testing.assert_allclose(price[mid > floor], mid[mid > floor], atol=2e-3)
        if is_first:
            np.testing.assert_allclose(price[mid <= floor], inside[mid <= floor], atol=2e-3)


def test_a_vol_that_the_quote_allows_does_not_jump_when_the_mid_sinks_below_exercise() -> None:
    book = deep_puts(1)
    book.set_quotes([0], [_FLOOR - 0.1], [_FLOOR + 0.4])
    book.refresh_vols(NOW)
    known = book.vol[0]
    book.set_quotes([0], [_FLOOR - 0.4], [_FLOOR + 0.3])
    assert book.refresh_vols(NOW) == 1
    assert book.vol[0] == known
    assert not book.vol_stale[0]


def test_a_vol_that_the_quote_contradicts_is_solved_anew_from_inside_it() -> None:
    book = deep_puts(1)
    book.set_quotes([0], [_FLOOR - 0.1], [_FLOOR + 0.4])
    book.refresh_vols(NOW)
    book.set_quotes([0], [_FLOOR - 0.4], [_FLOOR + 0.06])
    assert book.refresh_vols(NOW) == 1
    assert book.greeks(NOW, 7200.0).price[0] == pytest.approx(_FLOOR + 0.03, abs=1e-3)
    assert not book.vol_stale[0]


def test_the_last_vol_is_kept_old_while_the_whole_quote_lies_below_the_floor() -> None:
    book = deep_puts(1)
    book.set_quotes([0], [_FLOOR - 0.2], [_FLOOR + 0.4])
    book.refresh_vols(NOW)
    known = book.vol[0]
    book.set_quotes([0], [_FLOOR - 9.0], [_FLOOR - 8.0])
    assert book.refresh_vols(NOW) == 0
    assert book.vol[0] == known
    assert book.vol_stale[0]
    assert book.dirty_rows.size == 0


def test_a_row_that_never_had_a_vol_is_tried_again_until_its_quote_and_its_underlying_agree() -> None:
    book = deep_puts(1)
    book.set_quotes([0], [72.0], [72.9])
    assert book.refresh_vols(NOW) == 0
    assert book.dirty_rows.tolist() == [0]
    book.set_spots([0], [287.4])
    assert book.refresh_vols(NOW) == 1
    assert book.dirty_rows.size == 0
