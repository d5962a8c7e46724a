"""Contracts and Tastytrade's symbols: both ways, exactly, and what cannot be shown is refused by name."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.tastytrade.contract_codec import contract_of, listed_contract, symbol_of, tick_rule_of
from execution.brokers.tastytrade.facts import TastyExpiration, TastyStrike, TastyTick
from models.contract import future_option_contract, option_contract, plain, underlying_contract
from models.enums import InstrumentKind, Right, Settlement
from models.errors import InvalidInput
from models.product import PENNY

ROOTS = st.sampled_from(["SPX", "SPXW", "AAPL", "AAPL7", "BRKB", "XSP", "NDXP", "F"])
DAYS = st.dates(date(2026, 1, 1), date(2040, 12, 31))
STRIKES = st.integers(1, 99_999_999).map(lambda mills: Decimal(mills) / 1000)
SIDES = st.sampled_from(Right)


@given(ROOTS, DAYS, SIDES, STRIKES)
def test_an_option_comes_back_as_it_went(root: str, day: date, side: Right, strike: Decimal) -> None:
    contract = option_contract(root, day, side, strike)
    symbol, kind = symbol_of(contract)
    assert (len(symbol), kind) == (21, "Equity Option")
    assert contract_of(symbol, kind) == contract


@given(
    st.sampled_from(["/ESZ6", "/MESM6", "/CLJ6", "/GCQ7", "/NQH27"]),
    st.sampled_from(["E1AZ6", "EX3H6", "LOJ6", "EWZ26"]),
    DAYS,
    SIDES,
    st.integers(1, 200_000).map(lambda quarters: Decimal(quarters) / 4),
)
def test_an_option_on_a_future_comes_back_as_it_went(
    future: str, option: str, day: date, side: Right, strike: Decimal
) -> None:
    key = f".{future} {option} {day:%y%m%d}{side.value}{plain(strike)}"
    contract = future_option_contract(
        key, future=future, root=option, expiry=day, right=side, strike=strike, settlement=Settlement.PM
    )
    symbol, kind = symbol_of(contract)
    again = contract_of(symbol, kind)
    assert (again.key, again.expiry, again.strike, again.right) == (key, day, strike, side)
    assert again.underlying == future


@pytest.mark.parametrize(
    ("symbol", "kind", "key"),
    [
        ("AAPL", "Equity", "AAPL"),
        ("BRK/B", "Equity", "BRK B"),
        ("SPX", "Index", "SPX"),
        ("/ESZ6", "Future", "/ESZ6"),
        ("./ESZ6 E1AZ6 261204C6700", "Future Option", "./ESZ6 E1AZ6 261204C6700"),
        ("./CLJ6 LOJ6  260317P56", "Future Option", "./CLJ6 LOJ6 260317P56"),
        ("./MESM6EX3H6 260320P6450", "Future Option", "./MESM6 EX3H6 260320P6450"),
        ("BTC/USD", "Cryptocurrency", "BTC/USD"),
    ],
)
def test_known_symbols_have_their_keys_and_go_back(symbol: str, kind: str, key: str) -> None:
    contract = contract_of(symbol, kind)
    assert contract.key == key
    assert symbol_of(contract) == (symbol, kind)


def test_a_crypto_currency_is_one() -> None:
    assert contract_of("BTC/USD", "Cryptocurrency").kind is InstrumentKind.CRYPTO


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        ("AAPL", "Equity Option"),
        ("SPXW  261218P05900000", "Equity"),
        ("/6EM6", "Future"),
        ("./6EM6 EUUJ6 260403C1.225", "Future Option"),
        ("./ESZ6", "Future Option"),
        ("BTC", "Cryptocurrency"),
        ("BTC/EUR", "Cryptocurrency"),
        ("912810TW8", "Bond"),
        ("X", ""),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(symbol: str, kind: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        contract_of(symbol, kind)
    assert symbol.split(maxsplit=1)[0].strip("./")[:3] in str(caught.value)


def test_a_listed_contract_takes_multiplier_and_ticks_from_its_chain() -> None:
    ticks = (TastyTick(Decimal("0.05"), Decimal(3)), TastyTick(Decimal("0.1"), None))
    strike = TastyStrike(Decimal(5900), "AAPL7 261218C05900000", "", ".AAPL7261218C5900", "")
    listed = TastyExpiration("AAPL7", "AAPL", date(2026, 12, 18), "PM", ticks, Decimal(103), (strike,))
    contract = listed_contract(strike.call, "Equity Option", listed)
    assert contract.multiplier == 103
    assert (contract.tick.below, contract.tick.threshold, contract.tick.above) == (
        Decimal("0.05"),
        Decimal(3),
        Decimal("0.1"),
    )


def test_tick_tables_of_one_two_and_three_steps() -> None:
    cent, nickel, dime = Decimal("0.01"), Decimal("0.05"), Decimal("0.1")
    assert tick_rule_of(()) is None
    assert tick_rule_of((TastyTick(cent, None),)) == PENNY
    rule = tick_rule_of((TastyTick(dime, None), TastyTick(cent, Decimal(3)), TastyTick(nickel, Decimal(10))))
    assert rule is not None
    assert (rule.tick_at(Decimal(2)), rule.tick_at(Decimal(5)), rule.tick_at(Decimal(20))) == (cent, dime, dime)


def test_an_index_is_told_as_one() -> None:
    assert symbol_of(underlying_contract("SPX")) == ("SPX", "Index")
