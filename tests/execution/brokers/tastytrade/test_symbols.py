"""Symbols both ways: captured pairs, 5,000 round trips of every kind, and what is refused."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.tastytrade.symbols import (
    CRYPTO,
    EQUITY,
    EQUITY_OPTION,
    FUTURE,
    FUTURE_OPTION,
    FUTURES_EXCHANGES,
    FutureOptionSymbol,
    occ_of_streamer,
    own_future_option,
    own_symbol,
    parse_future_option,
    streamer_of_occ,
    streamer_symbol,
)
from models.contract import future_option_contract
from models.enums import Right, Settlement
from models.errors import InvalidInput
from models.occ import occ_symbol, parse_occ

TODAY = date(2026, 11, 21)

#: Captured, or out of the API's own pairs.
PAIRS = [
    ("SPXW  261218C06000000", EQUITY_OPTION, ".SPXW261218C6000"),
    ("SPX   261218P05900000", EQUITY_OPTION, ".SPX261218P5900"),
    ("SPY   261218P00597500", EQUITY_OPTION, ".SPY261218P597.5"),
    ("SPY   261218P00597250", EQUITY_OPTION, ".SPY261218P597.25"),
    ("BRKB  261218C00500000", EQUITY_OPTION, ".BRKB261218C500"),
    ("AAPL7 261218C00150000", EQUITY_OPTION, ".AAPL7261218C150"),
    ("F     261218C00000500", EQUITY_OPTION, ".F261218C0.5"),
    ("SPY", EQUITY, "SPY"),
    ("BRK/B", EQUITY, "BRK/B"),
    ("SPX", "Index", "SPX"),
    ("/ESZ6", FUTURE, "/ESZ26:XCME"),
    ("/ZNH7", FUTURE, "/ZNH27:XCBT"),
    ("/CLF7", FUTURE, "/CLF27:XNYM"),
    ("/GCZ6", FUTURE, "/GCZ26:XCEC"),
    ("/VXX6", FUTURE, "/VXX26:XCBF"),
    ("/6EM7", FUTURE, "/6EM27:XCME"),
    ("/M2KZ6", FUTURE, "/M2KZ26:XCME"),
    ("./ESZ6 E1AZ6 261204C6700", FUTURE_OPTION, "./E1AZ26C6700:XCME"),
    ("./CLJ6 LOJ6  260317P56", FUTURE_OPTION, "./LOJ26P56:XNYM"),
    ("./MESM6EX3H6 260320P6450", FUTURE_OPTION, "./EX3H26P6450:XCME"),
    ("./6EM6 EUUJ6 260403C1.225", FUTURE_OPTION, "./EUUJ26C1.225:XCME"),
    # Listed under the next year's code: crude oil of January 2027 ends in December 2026.
    ("./CLF7 LOF7  261216P70", FUTURE_OPTION, "./LOF27P70:XNYM"),
    ("BTC/USD", CRYPTO, "BTC/USD:CXTALP"),
]


@pytest.mark.parametrize(("own", "kind", "streamer"), PAIRS)
def test_captured_pairs_convert_both_ways(own: str, kind: str, streamer: str) -> None:
    assert streamer_symbol(own, kind, today=TODAY) == streamer
    if kind == FUTURE_OPTION:
        facts = parse_future_option(own)
        assert own_future_option(streamer, future=facts.future, expiration=facts.expiration) == own
    else:
        assert own_symbol(streamer) == (own, EQUITY if kind == "Index" else kind)


def test_five_thousand_symbols_of_every_kind_come_back_as_they_were() -> None:
    chance = Random(5)
    makers = (_equity, _equity_option, _future, _future_option, _crypto)
    seen: dict[str, tuple[str, str]] = {}
    for number in range(5_000):
        kind, own = makers[number % len(makers)](chance)
        streamer = streamer_symbol(own, kind, today=TODAY)
        if kind == FUTURE_OPTION:
            facts = parse_future_option(own)
            back = own_future_option(streamer, future=facts.future, expiration=facts.expiration), kind
        else:
            back = own_symbol(streamer)
        assert back == (own, kind)
        if kind != FUTURE_OPTION:
            assert seen.setdefault(streamer, back) == back, "two things share a name"
    assert {kind for _, kind in seen.values()} == {EQUITY, EQUITY_OPTION, FUTURE, CRYPTO}


def _letters(chance: Random, least: int, most: int) -> str:
    return "".join(chance.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(chance.randint(least, most)))


def _equity(chance: Random) -> tuple[str, str]:
    return EQUITY, _letters(chance, 1, 5) + chance.choice(("", "", "", "/B", "/A"))


def _equity_option(chance: Random) -> tuple[str, str]:
    root = _letters(chance, 1, 5) + chance.choice(("", "", "1", "7"))
    strike = Decimal(chance.randint(1, 99_999_999)) / 1000
    day = TODAY + timedelta(days=chance.randint(0, 1500))
    return EQUITY_OPTION, occ_symbol(root, day, chance.choice(tuple(Right)), strike).padded()


def _future(chance: Random) -> tuple[str, str]:
    root, month = chance.choice(sorted(FUTURES_EXCHANGES)), chance.choice("FGHJKMNQUVXZ")
    return FUTURE, f"/{root}{month}{chance.randint(0, 9)}"


def _future_option(chance: Random) -> tuple[str, str]:
    root, month = chance.choice([root for root in sorted(FUTURES_EXCHANGES) if len(root) <= 3]), chance.choice("HMUZ")
    day = TODAY + timedelta(days=chance.randint(0, 900))
    contract = f"{chance.choice(('E1A', 'EW', 'LO', 'OG', 'EX3', 'W1'))}{month}{day.year % 10}"
    strike = Decimal(chance.randint(1, 9_999_999)) / chance.choice((1, 10, 1000))
    right = chance.choice(tuple(Right))
    return FUTURE_OPTION, FutureOptionSymbol(f"/{root}{month}{day.year % 10}", contract, day, right, strike).padded()


def _crypto(chance: Random) -> tuple[str, str]:
    return CRYPTO, f"{_letters(chance, 2, 5)}/USD"


@given(
    root=st.from_regex(r"[A-Z][A-Z0-9.]{0,5}", fullmatch=True),
    day=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    right=st.sampled_from(Right),
    mills=st.integers(1, 99_999_999),
)
def test_every_occ_symbol_survives_dxlink(root: str, day: date, right: Right, mills: int) -> None:
    occ = occ_symbol(root, day, right, Decimal(mills) / 1000)
    streamer = streamer_of_occ(occ)
    assert occ_of_streamer(streamer) == occ
    assert parse_occ(own_symbol(streamer)[0]) == occ
    assert not streamer.endswith(".")
    assert "." not in streamer.rpartition(right.value)[2] or not streamer.endswith("0")


def test_our_key_of_an_option_on_a_future_is_tastytrades_symbol() -> None:
    key = "./ESZ6 E1AZ6 261204C6700"
    facts = parse_future_option(key)
    contract = future_option_contract(
        facts.padded(),
        future=facts.future,
        root="E1A",
        expiry=facts.expiration,
        right=facts.right,
        strike=facts.strike,
        settlement=Settlement.PM,
    )
    assert str(contract.key) == key


@pytest.mark.parametrize(
    ("symbol", "day", "streamer"),
    [
        ("/ESZ5", date(2026, 11, 21), "/ESZ25:XCME"),
        ("/ESH4", date(2026, 11, 21), "/ESH34:XCME"),
        ("/ESH0", date(2029, 6, 1), "/ESH30:XCME"),
        ("/ESZ9", date(2030, 1, 2), "/ESZ29:XCME"),
    ],
)
def test_a_one_digit_year_is_last_years_or_one_of_the_nine_after(symbol: str, day: date, streamer: str) -> None:
    assert streamer_symbol(symbol, FUTURE, today=day) == streamer


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        ("SPXW261218C6000", EQUITY_OPTION),
        ("SPXW  261318C06000000", EQUITY_OPTION),
        ("", EQUITY_OPTION),
        ("/QQQQZ6", FUTURE),
        ("/ES", FUTURE),
        ("ESZ6", FUTURE),
        ("/ESA6", FUTURE),
        ("./ESZ6 E1AZ6 261304C6700", FUTURE_OPTION),
        ("./ESZ6 E1AZ6 261204X6700", FUTURE_OPTION),
        ("./ESZ6 E1AZ6", FUTURE_OPTION),
        ("./XYZ6 E1AZ6 261204C6700", FUTURE_OPTION),
        ("", FUTURE_OPTION),
        ("BTCUSD", CRYPTO),
        ("spy", EQUITY),
        ("", EQUITY),
        ("SPY", "Bond"),
        ("SPY", "Unknown"),
    ],
)
def test_what_cannot_be_converted_is_refused_by_name(symbol: str, kind: str) -> None:
    with pytest.raises(InvalidInput):
        streamer_symbol(symbol, kind, today=TODAY)


@pytest.mark.parametrize(
    "streamer",
    [
        "",
        ".",
        ".SPX",
        ".SPXW261318C6000",
        ".SPXW261218C",
        ".SPXW261218C0",
        ".SPXW261218C597.2555",
        "/ESZ26",
        "/ESZ6:XCME",
    ],
)
def test_what_dxlink_never_says_is_refused(streamer: str) -> None:
    with pytest.raises(InvalidInput):
        own_symbol(streamer)


def test_an_option_on_a_future_does_not_come_back_without_its_chain() -> None:
    with pytest.raises(InvalidInput, match="chain"):
        own_symbol("./E1AZ26C6700:XCME")
    with pytest.raises(InvalidInput):
        own_future_option(".SPXW261218C6000", future="/ESZ6", expiration=TODAY)


@given(st.text(max_size=30))
def test_any_text_is_converted_or_refused_and_nothing_else(text: str) -> None:
    for kind in (EQUITY, EQUITY_OPTION, FUTURE, FUTURE_OPTION, CRYPTO):
        try:
            streamer_symbol(text, kind, today=TODAY)
        except InvalidInput:
            continue
    try:
        own_symbol(text)
    except InvalidInput:
        return
