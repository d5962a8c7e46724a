"""What TWS's prices mean: zero is a price, -1 is none, an index has a last only."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.ibkr.facts import TickFact
from execution.brokers.ibkr.quote_values import quote_of
from models.contract import Contract, option_contract, underlying_contract
from models.enums import MarketDataKind, Right

AT = datetime(2026, 5, 4, 14, 0, tzinfo=UTC)
PUT = option_contract("SPXW", date(2026, 6, 5), Right.PUT, Decimal(6800))
SPX = underlying_contract("SPX")
OIL = underlying_contract("/CLM6")


def tick(
    bid: str | None = None,
    ask: str | None = None,
    last: str | None = None,
    *,
    bid_size: int | None = None,
    ask_size: int | None = None,
    close: str | None = None,
    data_type: int = 1,
) -> TickFact:
    prices = [None if text is None else Decimal(text) for text in (bid, ask, last)]
    return TickFact(
        7, prices[0], prices[1], prices[2], bid_size, ask_size, None if close is None else Decimal(close), data_type,
        None, AT,
    )  # fmt: skip


def test_a_zero_bid_is_a_price_and_a_zero_ask_is_none() -> None:
    quote = quote_of(tick("0", "0.05", bid_size=0, ask_size=120), PUT)
    assert (quote.bid, quote.ask, quote.bid_size, quote.ask_size) == (Decimal(0), Decimal("0.05"), 0, 120)
    assert quote.is_two_sided
    assert quote_of(tick("0", "0"), PUT).ask is None


@pytest.mark.parametrize("size", [None, 0])
def test_minus_one_without_a_size_is_no_price(size: int | None) -> None:
    quote = quote_of(tick("-1", "-1", "-1", bid_size=size, ask_size=size, close="-1"), OIL)
    assert (quote.bid, quote.ask, quote.last, quote.previous_close) == (None, None, None, None)


def test_a_future_may_trade_below_zero_and_an_option_may_not() -> None:
    quote = quote_of(tick("-37.65", "-1", "-37.63", bid_size=3, ask_size=2), OIL)
    assert (quote.bid, quote.ask, quote.last) == (Decimal("-37.65"), Decimal(-1), Decimal("-37.63"))
    assert quote_of(tick("-37.65", "-1", bid_size=3, ask_size=2), PUT).bid is None


def test_an_index_has_a_last_and_no_sides_whatever_the_wire_says() -> None:
    quote = quote_of(tick("-1", "7201", "7200.75", bid_size=1, ask_size=1, close="7230"), SPX)
    assert (quote.bid, quote.ask, quote.bid_size, quote.ask_size) == (None, None, None, None)
    assert quote.mark == Decimal("7200.75")
    assert quote.previous_close == Decimal(7230)


@pytest.mark.parametrize(
    ("data_type", "kind"),
    [
        (1, MarketDataKind.LIVE),
        (2, MarketDataKind.FROZEN),
        (3, MarketDataKind.DELAYED),
        (4, MarketDataKind.DELAYED),
        (0, MarketDataKind.DELAYED),
        (9, MarketDataKind.DELAYED),
    ],
)
def test_only_what_tws_calls_live_counts_as_live(data_type: int, kind: MarketDataKind) -> None:
    assert quote_of(tick("1", "2", data_type=data_type), PUT).kind is kind


@given(
    st.sampled_from([PUT, SPX, OIL]),
    st.none() | st.decimals(),
    st.none() | st.decimals(),
    st.none() | st.integers(-5, 100),
)
def test_no_quote_holds_what_cannot_be_a_price(
    contract: Contract, bid: Decimal | None, ask: Decimal | None, size: int | None
) -> None:
    quote = quote_of(TickFact(7, bid, ask, bid, size, size, ask, 1, None, AT), contract)
    for price in (quote.bid, quote.ask, quote.last, quote.previous_close):
        assert price is None or price.is_finite()
        assert price is None or contract is OIL or price >= 0
    assert quote.bid_size is None or quote.bid_size >= 0
