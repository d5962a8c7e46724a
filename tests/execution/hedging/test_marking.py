from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.hedging.marking import Moment, book_worth, legs_worth, price_of
from models.contract import Contract, option_contract, underlying_contract
from models.enums import Action, MarketDataKind, Right
from models.ids import ContractKey
from models.order import OrderLeg
from models.quote import Quote
from models.suggestion_records import MarkedHolding
from tests.database.suggestion_builders import a_candidate, a_verified

NOW = datetime(2026, 5, 4, 20, 0, tzinfo=UTC)
ENDS_TODAY = date(2026, 5, 4)
LATER = date(2026, 6, 15)
CENTS = st.integers(0, 50_000).map(lambda cents: Decimal(cents) / 100)
STRIKES = st.integers(6000, 8000).map(Decimal)
SPOTS = st.integers(600_000, 800_000).map(lambda cents: Decimal(cents) / 100)


def a_quote(key: str, mid: Decimal, at: datetime = NOW, previous_close: str | None = None) -> Quote:
    before = None if previous_close is None else Decimal(previous_close)
    return Quote(ContractKey(key), mid, mid or Decimal("0.01"), mid, at, MarketDataKind.LIVE, None, None, before)


def moment(*quotes: Quote, at: datetime = NOW, last_session: date | None = date(2026, 5, 1)) -> Moment:
    by_key = {quote.key: quote for quote in quotes}
    return Moment(at, by_key.get, last_session)


@st.composite
def packages(draw: st.DrawFn, expiry: date) -> tuple[OrderLeg, ...]:
    """One to four legs on SPXW of one expiration."""
    chosen = draw(st.lists(st.tuples(st.sampled_from(Right), STRIKES), min_size=1, max_size=4, unique=True))
    sides = st.sampled_from(Action)
    return tuple(
        OrderLeg(option_contract("SPXW", expiry, right, strike), draw(sides), draw(st.integers(1, 5)))
        for right, strike in chosen
    )


@given(packages(ENDS_TODAY), SPOTS, st.integers(-5_000, 5_000))
def test_legs_that_expired_bring_their_payoff_less_what_was_paid(
    legs: tuple[OrderLeg, ...], spot: Decimal, price_cents: int
) -> None:
    price = Decimal(price_cents) / 100
    verified = a_verified(a_candidate(legs, limit_price=str(price)), fees="0")
    payoff = 0.0
    for leg in legs:
        strike, is_call = float(leg.contract.strike or 0), leg.contract.right is Right.CALL
        inside = float(spot) - strike if is_call else strike - float(spot)
        payoff += leg.action.sign * leg.quantity * 100.0 * max(inside, 0.0)
    packages_traded = next(size for size in range(5, 0, -1) if all(leg.quantity % size == 0 for leg in legs))
    worth = legs_worth(verified, moment(a_quote("SPX", spot)))
    assert worth.usd == pytest.approx(payoff - float(price) * packages_traded * 100.0, abs=1e-6)


@given(packages(LATER), st.data())
def test_the_other_side_of_a_trade_has_the_other_sign(legs: tuple[OrderLeg, ...], data: st.DataObject) -> None:
    quotes = [a_quote(leg.contract.key, data.draw(CENTS.filter(bool))) for leg in legs]
    price = data.draw(CENTS)
    turned = tuple(replace(leg, action=Action.SELL if leg.action is Action.BUY else Action.BUY) for leg in legs)
    here = legs_worth(a_verified(a_candidate(legs, limit_price=str(price)), fees="0"), moment(*quotes))
    there = legs_worth(a_verified(a_candidate(turned, limit_price=str(-price)), fees="0"), moment(*quotes))
    assert here.usd is not None
    assert there.usd == pytest.approx(-here.usd, abs=1e-6)


@given(st.lists(st.tuples(st.integers(-20, 20), CENTS.filter(bool), CENTS.filter(bool)), min_size=1, max_size=8))
def test_a_book_changes_by_the_sum_of_its_rows(rows: list[tuple[int, Decimal, Decimal]]) -> None:
    contracts = [option_contract("SPXW", LATER, Right.PUT, Decimal(6000 + 5 * number)) for number in range(len(rows))]
    quotes = [a_quote(one.key, now) for one, (_, _, now) in zip(contracts, rows, strict=True)]
    book = tuple(
        MarkedHolding(one, Decimal(size), before) for one, (size, before, _) in zip(contracts, rows, strict=True)
    )
    each = [book_worth((row,), moment(*quotes)).usd for row in book]
    assert book_worth(book, moment(*quotes)).usd == pytest.approx(sum(one or 0.0 for one in each), abs=1e-6)


def test_an_empty_book_changes_by_nothing_and_that_is_known() -> None:
    assert book_worth((), moment()).usd == 0.0


PUT_TODAY = option_contract("SPXW", ENDS_TODAY, Right.PUT, Decimal(7200))
AM_CALL = option_contract("SPX", date(2026, 5, 15), Right.CALL, Decimal(7100))
AM_TIME = datetime(2026, 5, 15, 13, 30, tzinfo=UTC)


def settled(contract: Contract, at: datetime, *quotes: Quote, last: date | None = None) -> Decimal | None:
    return price_of(contract, moment(*quotes, at=at, last_session=last))


def test_an_index_that_printed_long_before_the_close_settles_nothing() -> None:
    assert settled(PUT_TODAY, NOW, a_quote("SPX", Decimal(7150), NOW - timedelta(minutes=1))) == 50
    assert settled(PUT_TODAY, NOW, a_quote("SPX", Decimal(7150), NOW - timedelta(minutes=3))) is None


def test_after_half_an_hour_the_underlyings_price_is_another_one() -> None:
    late = NOW + timedelta(minutes=31)
    assert settled(PUT_TODAY, late, a_quote("SPX", Decimal(7150), late)) is None


def test_a_morning_settlement_needs_a_price_of_after_the_opening_and_is_in_no_close() -> None:
    before = a_quote("SPX", Decimal(7150), AM_TIME - timedelta(seconds=1))
    assert settled(AM_CALL, AM_TIME + timedelta(minutes=5), before) is None
    assert settled(AM_CALL, AM_TIME + timedelta(minutes=5), a_quote("SPX", Decimal(7150), AM_TIME)) == 50
    monday = datetime(2026, 5, 18, 14, 0, tzinfo=UTC)
    carried = a_quote("SPX", Decimal(7300), monday, previous_close="7150")
    assert settled(AM_CALL, monday, carried, last=date(2026, 5, 15)) is None


def test_the_close_that_quotes_carry_is_that_of_the_last_session_only() -> None:
    tuesday = datetime(2026, 5, 5, 15, 0, tzinfo=UTC)
    carried = a_quote("SPX", Decimal(7300), tuesday, previous_close="7190.5")
    assert settled(PUT_TODAY, tuesday, carried, last=ENDS_TODAY) == Decimal("9.5")
    assert settled(PUT_TODAY, tuesday, carried, last=date(2026, 5, 1)) is None
    assert settled(PUT_TODAY, tuesday, carried, last=None) is None


def test_a_worthless_option_has_a_price_and_a_one_sided_one_has_none() -> None:
    put = option_contract("SPXW", LATER, Right.PUT, Decimal(3000))
    zero_bid = replace(a_quote(put.key, Decimal(0)), ask=Decimal("0.05"))
    assert price_of(put, moment(zero_bid)) == Decimal("0.025")
    assert price_of(put, moment(replace(zero_bid, bid=None, last=Decimal("0.05")))) is None


def test_shares_without_two_sides_are_worth_their_last_price() -> None:
    share = underlying_contract("SPY")
    assert price_of(share, moment(replace(a_quote("SPY", Decimal(720)), bid=None))) == 720
