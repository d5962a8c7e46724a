"""Expiring holdings become cash, shares or nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from execution.brokers.paper.accounts import Holding
from execution.brokers.paper.settlement import settle
from models.contract import Contract, option_contract, underlying_contract
from models.enums import Action, Right
from models.ids import AccountId
from models.trade import Execution, ExecutionKind
from tests.execution.brokers.paper.fake_market import ES, EXPIRY, aapl, spxw

AT = datetime(2026, 12, 18, 21, 0, tzinfo=UTC)
STOCK = underlying_contract("AAPL")


def settled(contract: Contract, quantity: int, level: str) -> tuple[Execution, ...]:
    holding = Holding(AccountId("PAPER-1"), contract, Decimal(quantity), Decimal(5))
    return settle(holding, Decimal(level), STOCK, AT, 1)


@pytest.mark.parametrize(
    ("right", "quantity", "level", "kind", "action", "cash"),
    [
        ("P", -2, "6950.25", ExecutionKind.CASH_SETTLEMENT, Action.BUY, "-9950.00"),
        ("P", 2, "6950.25", ExecutionKind.CASH_SETTLEMENT, Action.SELL, "9950.00"),
        ("C", -1, "7000.004", ExecutionKind.EXPIRED_WORTHLESS, Action.BUY, "0"),
        ("C", -1, "7000.01", ExecutionKind.CASH_SETTLEMENT, Action.BUY, "-1.00"),
        ("P", 3, "7000.00", ExecutionKind.EXPIRED_WORTHLESS, Action.SELL, "0"),
    ],
)
def test_an_index_option_settles_in_cash_to_the_cent(
    right: str, quantity: int, level: str, kind: ExecutionKind, action: Action, cash: str
) -> None:
    (done,) = settled(spxw(7000, right), quantity, level)
    assert (done.kind, done.action, done.quantity) == (kind, action, Decimal(abs(quantity)))
    assert done.cash_effect == Decimal(cash)
    assert done.executed_at_utc == AT


@pytest.mark.parametrize(
    ("right", "quantity", "level", "kind", "shares", "cash"),
    [
        ("C", -1, "290.00", ExecutionKind.ASSIGNMENT, -100, "28000"),
        ("C", 2, "280.01", ExecutionKind.EXERCISE, 200, "-56000"),
        ("P", -3, "270.00", ExecutionKind.ASSIGNMENT, 300, "-84000"),
        ("P", 1, "279.99", ExecutionKind.EXERCISE, -100, "28000"),
    ],
)
def test_a_stock_option_in_the_money_by_a_cent_becomes_shares_at_the_strike(
    right: str, quantity: int, level: str, kind: ExecutionKind, shares: int, cash: str
) -> None:
    option, stock = settled(aapl(280, right), quantity, level)
    assert (option.kind, stock.kind) == (kind, kind)
    assert option.signed_quantity == -quantity
    assert option.cash_effect == 0
    assert stock.contract == STOCK
    assert stock.signed_quantity == shares
    assert stock.price == 280
    assert stock.cash_effect == Decimal(cash)
    assert option.execution_id != stock.execution_id


@pytest.mark.parametrize(("right", "level"), [("C", "280.00"), ("C", "280.004"), ("P", "280.00"), ("P", "300")])
def test_a_stock_option_not_in_the_money_by_a_cent_expires_worthless(right: str, level: str) -> None:
    (done,) = settled(aapl(280, right), -1, level)
    assert done.kind is ExecutionKind.EXPIRED_WORTHLESS
    assert done.cash_effect == 0


def test_a_future_settles_at_its_level() -> None:
    (done,) = settled(underlying_contract(ES, expiry=EXPIRY), -1, "7010.50")
    assert (done.kind, done.action, done.price) == (ExecutionKind.CASH_SETTLEMENT, Action.BUY, Decimal("7010.50"))


def test_the_morning_series_settles_before_the_evening_series_of_the_same_day() -> None:
    morning = option_contract("SPX", EXPIRY, Right.PUT, Decimal(7000)).expires_at_utc
    evening = spxw(7000, "P").expires_at_utc
    assert morning is not None
    assert evening is not None
    assert morning < evening
