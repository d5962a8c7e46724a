from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract import contract_of_occ, future_option_contract, option_contract, underlying_contract
from models.enums import Delivery, ExerciseStyle, InstrumentKind, Right, Settlement
from models.errors import InvalidInput
from models.occ import occ_symbol, parse_occ

ROOTS = st.from_regex(r"[A-Z][A-Z0-9]{0,5}", fullmatch=True)
STRIKES = st.integers(1, 99_999_999).map(lambda mills: Decimal(mills) / 1000)
DATES = st.dates(date(2000, 1, 1), date(2099, 12, 31))


@given(root=ROOTS, expiry=DATES, right=st.sampled_from(Right), strike=STRIKES)
def test_an_occ_symbol_reads_back_what_was_written_padded_and_compact(
    root: str, expiry: date, right: Right, strike: Decimal
) -> None:
    symbol = occ_symbol(root, expiry, right, strike)
    assert len(symbol.padded()) == 21
    assert parse_occ(symbol.padded()) == symbol == parse_occ(symbol.compact())


@pytest.mark.parametrize(
    ("text", "root", "strike"),
    [
        ("SPXW260515P07000000", "SPXW", "7000"),
        ("SPXW  260515P07000000", "SPXW", "7000"),
        ("AAPL7 260515C00150500", "AAPL7", "150.5"),
        ("A     260515C00000005", "A", "0.005"),
        ("BRKB  260515P00412500", "BRKB", "412.5"),
    ],
)
def test_occ_symbols_of_one_to_six_characters_and_adjusted_roots_are_read(text: str, root: str, strike: str) -> None:
    symbol = parse_occ(text)
    assert (symbol.root, symbol.strike) == (root, Decimal(strike))


def test_only_a_stock_option_s_root_with_a_digit_is_adjusted() -> None:
    day = date(2026, 5, 15)
    adjusted = {root: option_contract(root, day, Right.CALL, Decimal(150)) for root in ("AAPL7", "AAPL", "SPXW", "SPX")}
    assert [root for root, one in adjusted.items() if one.is_adjusted] == ["AAPL7"]
    assert not underlying_contract("/ESM6").is_adjusted
    assert not underlying_contract("AAPL").is_adjusted


@pytest.mark.parametrize(
    "text", ["", "SPX", "SPXW261315P07000000", "TOOLONG260515P07000000", "SPXW260515X07000000", "260515P07000000"]
)
def test_what_is_no_occ_symbol_is_refused_with_the_text_in_the_message(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_occ(text)


@pytest.mark.parametrize("strike", ["0", "-1", "0.0001", "100000"])
def test_a_strike_that_an_occ_symbol_cannot_hold_is_refused(strike: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be written"):
        occ_symbol("SPX", date(2026, 5, 15), Right.CALL, Decimal(strike))


def test_spx_am_and_spxw_pm_of_one_date_are_two_contracts_with_two_settlements() -> None:
    am = option_contract("SPX", date(2026, 5, 15), Right.PUT, Decimal(7000))
    pm = option_contract("SPXW", date(2026, 5, 15), Right.PUT, Decimal(7000))
    assert am != pm
    assert (am.underlying, pm.underlying) == ("SPX", "SPX")
    assert (am.settlement, pm.settlement) == (Settlement.AM, Settlement.PM)
    assert am.expires_at_utc == datetime(2026, 5, 15, 13, 30, tzinfo=UTC)
    assert pm.expires_at_utc == datetime(2026, 5, 15, 20, 0, tzinfo=UTC)
    assert pm.style is ExerciseStyle.EUROPEAN
    assert pm.delivery is Delivery.CASH


def test_winter_time_and_half_days_move_the_settlement_instant() -> None:
    winter = option_contract("SPXW", date(2026, 12, 18), Right.CALL, Decimal(7000))
    half_day = option_contract("SPXW", date(2026, 11, 27), Right.CALL, Decimal(7000))
    assert winter.expires_at_utc == datetime(2026, 12, 18, 21, 0, tzinfo=UTC)
    assert half_day.expires_at_utc == datetime(2026, 11, 27, 18, 0, tzinfo=UTC)


def test_multipliers_come_from_the_contract() -> None:
    option = contract_of_occ("SPXW260515P07000000")
    es_option = future_option_contract(
        "./ESZ6 E1AZ6 261204C6700",
        future="/ESZ6",
        root="E1A",
        expiry=date(2026, 12, 4),
        right=Right.CALL,
        strike=Decimal(6700),
        settlement=Settlement.PM,
    )
    multipliers = [
        option.multiplier,
        underlying_contract("/ESZ6").multiplier,
        underlying_contract("/MESZ6").multiplier,
        underlying_contract("AAPL").multiplier,
        es_option.multiplier,
    ]
    assert multipliers == [100, 50, 5, 1, 50]
    assert contract_of_occ("AAPL7 260515C00150000", multiplier=Decimal(150)).multiplier == 150


def test_underlyings_are_told_apart_by_kind() -> None:
    kinds = [underlying_contract(symbol).kind for symbol in ("AAPL", "SPY", "SPX", "/ESZ6")]
    assert kinds == [InstrumentKind.STOCK, InstrumentKind.ETF, InstrumentKind.INDEX, InstrumentKind.FUTURE]
    with pytest.raises(InvalidInput, match="/XX"):
        underlying_contract("/XXZ6")


def test_a_label_reads_as_a_trader_writes_it() -> None:
    assert contract_of_occ("SPXW260515P07002500").label == "SPXW 15 May 26 7002.5 P"
    assert contract_of_occ("SPXW260515P07000000").label == "SPXW 15 May 26 7000 P"


@pytest.mark.parametrize(
    ("future", "root", "style"),
    [
        ("/ESZ6", "E1A", ExerciseStyle.EUROPEAN),
        ("/ESZ6", "EW", ExerciseStyle.EUROPEAN),
        ("/ESZ6", "ES", ExerciseStyle.AMERICAN),
        ("/CLF7", "LO", ExerciseStyle.AMERICAN),
    ],
)
def test_weekly_index_future_options_are_european_and_the_others_american(
    future: str, root: str, style: ExerciseStyle
) -> None:
    option = future_option_contract(
        f"./{future} {root}",
        future=future,
        root=root,
        expiry=date(2026, 12, 18),
        right=Right.PUT,
        strike=Decimal(70),
        settlement=Settlement.PM,
    )
    assert option.style is style
