from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.tastytrade.parsing import Odd
from execution.brokers.tastytrade.parsing_accounts import (
    account_of,
    balance_of,
    margin_type_of,
    position_of,
    scopes_of,
    transaction_of,
)
from tests.execution.brokers.tastytrade import samples
from tests.execution.brokers.tastytrade.jwt import refresh_token


def test_an_account_of_its_owner_may_trade() -> None:
    found = account_of(samples.account())
    assert (found.account_number, found.nickname, found.margin_or_cash) == (samples.ACCOUNT, "Main", "Margin")
    assert (found.may_trade, found.is_closed, found.margin_type) == (True, False, "")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda item: item.update({"authority-level": "read-only"}),
        lambda item: item["account"].update({"is-closed": True}),
    ],
)
def test_an_account_that_is_closed_or_only_to_be_looked_at_may_not_trade(spoil: Callable[[Any], None]) -> None:
    raw = samples.account()
    spoil(raw)
    assert not account_of(raw).may_trade


def test_the_kind_of_margin_is_in_the_trading_status() -> None:
    assert margin_type_of(samples.trading_status()) == ("Reg T", False)
    assert margin_type_of({"is-frozen": True}) == ("", True)


def test_a_balance_is_told_in_dollars() -> None:
    found = balance_of(samples.balance())
    assert (found.cash, found.net_liquidation) == (Decimal("44178.164"), Decimal("41419.164"))
    assert (found.derivative_buying_power, found.initial_margin) == (Decimal("12488.164"), Decimal(28956))
    assert found.maintenance_margin == 31900
    assert found.updated_at_utc == datetime(2026, 3, 5, 21, 0, 0, 123000, tzinfo=UTC)


def test_a_balance_of_which_most_is_missing_tells_the_rest() -> None:
    found = balance_of({"net-liquidating-value": "1.5", "cash-balance": "NaN", "reg-t-margin-requirement": 7}, "5WX1")
    assert (found.account_number, found.net_liquidation, found.cash) == ("5WX1", Decimal("1.5"), None)
    assert (found.initial_margin, found.maintenance_margin, found.updated_at_utc) == (Decimal(7), None, None)
    with pytest.raises(Odd, match="no account-number"):
        balance_of({})


def test_a_short_position_is_negative() -> None:
    found = position_of(samples.position())
    assert (found.symbol, found.quantity, found.multiplier) == (samples.PUT_5900, Decimal(-2), Decimal(100))
    assert (found.average_open_price, found.close_price) == (Decimal("12.35"), Decimal("11.2"))
    assert found.expires_at_utc == datetime(2026, 12, 18, 21, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("symbol", "kind", "quantity", "multiplier"),
    [
        ("AAPL", "Equity", "100.29", "1.0"),
        ("/ESZ6", "Future", 1, "50.0"),
        ("./ESZ6 E1AZ6 261204C6750", "Future Option", 3, "1.0"),
        ("BTC/USD", "Cryptocurrency", "0.00012345", 1),
        ("??", "Moon Rock", 1, "NaN"),
    ],
)
def test_positions_of_every_kind_are_read(symbol: str, kind: str, quantity: Any, multiplier: Any) -> None:
    change = {"symbol": symbol, "instrument-type": kind, "quantity": quantity, "multiplier": multiplier}
    found = position_of(samples.position() | change | {"quantity-direction": "Long", "close-price": "NaN"})
    assert (found.symbol, found.instrument_type, found.close_price) == (symbol, kind, None)
    assert found.quantity == Decimal(str(quantity))
    assert found.multiplier == (None if multiplier == "NaN" else Decimal(str(multiplier)))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"quantity-direction": "Sideways"}, "quantity-direction is Sideways"),
        ({"quantity": "NaN"}, "quantity is no number"),
        ({"symbol": ""}, "no symbol"),
    ],
)
def test_a_position_that_cannot_be_counted_is_odd(change: dict[str, Any], what: str) -> None:
    with pytest.raises(Odd, match=what):
        position_of(samples.position() | change)


def test_a_trade_brings_in_its_net_value_and_costs_its_fees() -> None:
    found = transaction_of(samples.transaction())
    assert (found.transaction_id, found.order_id, found.fill_id) == ("280070508", "272610989", "4_A5F-1DY-3M7P-3")
    assert (found.cash_effect, found.fees) == (Decimal("2466.458"), Decimal("3.542"))
    assert found.are_fees_estimated
    assert (found.sub_type, found.action, found.quantity, found.price) == (
        "Sell to Open",
        "Sell to Open",
        Decimal(2),
        Decimal("12.35"),
    )


def test_an_assignment_in_cash_tells_its_fee_by_the_difference() -> None:
    row = {
        "id": 1,
        "account-number": samples.ACCOUNT,
        "transaction-type": "Receive Deliver",
        "transaction-sub-type": "Cash Settled Assignment",
        "symbol": samples.PUT_5900,
        "quantity": "1.0",
        "price": "7540.0",
        "value": "364.0",
        "value-effect": "Debit",
        "net-value": "369.0",
        "net-value-effect": "Debit",
    }
    found = transaction_of(row)
    assert (found.cash_effect, found.fees, found.price) == (Decimal(-369), Decimal(5), Decimal(7540))


def test_money_that_moves_and_a_removal_have_no_fees() -> None:
    row = {"id": "7", "transaction-type": "Money Movement", "transaction-sub-type": "Deposit"}
    moved = row | {"value": "500.0", "value-effect": "Credit", "net-value": "500.0", "net-value-effect": "Credit"}
    removed = row | {"value": "0.0", "value-effect": "None"}
    assert (transaction_of(moved, "A").cash_effect, transaction_of(moved, "A").fees) == (Decimal(500), None)
    assert (transaction_of(removed, "A").cash_effect, transaction_of(removed, "A").action) == (Decimal(0), "")


def test_a_rebate_lowers_the_fees_and_one_whose_way_is_unknown_makes_them_the_difference() -> None:
    rebate = samples.transaction() | {"clearing-fees-effect": "Credit"}
    unknown = samples.transaction() | {"clearing-fees-effect": "Sideways"}
    assert transaction_of(rebate).fees == Decimal("3.142")
    assert transaction_of(unknown).fees == Decimal("3.542")
    assert transaction_of(unknown | {"net-value": "NaN"}).fees is None


@given(st.lists(st.text(alphabet="abcdefg:_-", min_size=1), max_size=4))
def test_scopes_are_read_out_of_the_refresh_token(scopes: list[str]) -> None:
    assert scopes_of(refresh_token({"scope": " ".join(scopes)})) == tuple(scopes)
    assert scopes_of(refresh_token({"scope": scopes})) == tuple(scopes)


@pytest.mark.parametrize(
    "token", ["", "opaque", "a.b", "a.b.c", "a.!!!.c", "a.bm90IGpzb24.c", refresh_token([1]), refresh_token({})]
)
def test_a_token_that_says_nothing_has_no_scopes(token: str) -> None:
    assert scopes_of(token) == ()
