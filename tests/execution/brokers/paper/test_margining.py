"""Margin against net liquidation, held against figures worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from execution.brokers.paper import margining as margining_module
from execution.brokers.paper.accounts import Holding
from execution.brokers.paper.margin_methods import MarginCase
from execution.brokers.paper.margining import Margining
from models.contract import Contract, underlying_contract
from models.enums import MarginMethod
from models.ids import AccountId, ContractKey
from tests.execution.brokers.contract_kit import buy, sell
from tests.execution.brokers.paper.fake_market import ES, LATER, HandMarket, aapl, spxw

ACCOUNT = AccountId("PAPER-1")
NOW = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)
STOCK, FUTURE = underlying_contract("AAPL"), underlying_contract(ES)
MARKS = {
    ContractKey("SPX"): Decimal(7000),
    STOCK.key: Decimal(280),
    FUTURE.key: Decimal(7010),
    spxw(6800, "P").key: Decimal(30),
    spxw(6700, "P").key: Decimal(20),
    spxw(6800, "P", LATER).key: Decimal(60),
    aapl(290, "C").key: Decimal(4),
}


def desk(executor: Executor | None = None, *, method: MarginMethod = MarginMethod.REG_T) -> Margining:
    return Margining(HandMarket(NOW), {ACCOUNT: method}, executor=executor)


def case(holdings: Sequence[Holding], marks: Mapping[ContractKey, Decimal] = MARKS) -> MarginCase:
    return desk().case(ACCOUNT, holdings, marks, NOW)


def held(contract: Contract, quantity: int) -> Holding:
    return Holding(ACCOUNT, contract, Decimal(quantity), Decimal(1))


@pytest.mark.parametrize(
    ("holdings", "initial", "maintenance"),
    [
        # Width 100 less the 10 of credit that net liquidation does not hold: 10,000 - 3,000 + 2,000.
        ([held(spxw(6800, "P"), -1), held(spxw(6700, "P"), 1)], "9000", "9000"),
        # 15 % of 7,000 less 200 out of the money, the put's own value is already off net liquidation.
        ([held(spxw(6800, "P"), -1)], "85000", "85000"),
        # A long option is paid in full: it supports nothing.
        ([held(spxw(6700, "P"), 2)], "4000", "4000"),
        # A calendar: the short is covered, what is left is the debit.
        ([held(spxw(6800, "P"), -1), held(spxw(6800, "P", LATER), 1)], "3000", "3000"),
        ([held(STOCK, 100)], "14000", "7000"),
        ([held(STOCK, -100)], "14000", "8400"),
        # Covered: the shares' margin, less the call's value that net liquidation does not hold.
        ([held(STOCK, 100), held(aapl(290, "C"), -1)], "13600", "6600"),
        # 7 % of 350,500, initial 1.1 of it.
        ([held(FUTURE, -1)], "26988.50", "24535"),
    ],
)
def test_the_margin_of_a_strategy_is_what_a_trader_works_out(
    holdings: list[Holding], initial: str, maintenance: str
) -> None:
    margin = case(holdings).margin()
    assert margin is not None
    assert margin.initial == Decimal(initial)
    assert margin.maintenance == Decimal(maintenance)


def test_closing_legs_free_margin_and_opening_legs_need_it() -> None:
    short = case([held(spxw(6800, "P"), -1)])
    closed = short.margin((buy(spxw(6800, "P")),))
    doubled = short.margin((sell(spxw(6800, "P")),))
    assert closed is not None
    assert doubled is not None
    assert closed.initial == 0
    assert doubled.initial == Decimal(170_000)


def test_an_unknown_price_is_unknown_margin() -> None:
    assert case([]).margin((sell(spxw(6750, "P")),)) is None
    assert case([held(aapl(290, "C"), -1)], {aapl(290, "C").key: Decimal(4)}).margin() is None


def test_a_holding_without_a_mark_counts_at_its_average_price() -> None:
    margin = case([Holding(ACCOUNT, STOCK, Decimal(100), Decimal(200))], {}).margin()
    assert margin is not None
    assert margin.maintenance == Decimal(5000)


def test_margin_is_worked_out_on_a_change_and_otherwise_rests_for_a_second() -> None:
    margining, holdings = desk(), [held(spxw(6800, "P"), -1)]
    first = margining.current(ACCOUNT, 1, holdings, MARKS, NOW)
    moved = {**MARKS, ContractKey("SPX"): Decimal(6900)}
    assert margining.current(ACCOUNT, 1, holdings, moved, NOW + timedelta(seconds=0.5)) is first
    assert margining.current(ACCOUNT, 2, holdings, moved, NOW + timedelta(seconds=0.6)) != first
    assert margining.current(ACCOUNT, 2, [], moved, NOW + timedelta(seconds=0.7)) != first
    later = margining.current(ACCOUNT, 2, [], moved, NOW + timedelta(hours=1))
    assert later is not None
    assert later.initial == 0


def test_a_book_that_takes_long_is_worked_out_beside_and_its_last_margin_stands_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(margining_module, "_AT_ONCE_S", 0.0)
    with ThreadPoolExecutor(1) as pool:
        margining, holdings = desk(pool), [held(spxw(6800, "P"), -1)]
        first = margining.current(ACCOUNT, 1, holdings, MARKS, NOW)
        assert margining.current(ACCOUNT, 2, [], MARKS, NOW) is first
    later = margining.current(ACCOUNT, 2, [], MARKS, NOW)
    assert first is not None
    assert later is not None
    assert (first.initial, later.initial) == (Decimal(85_000), Decimal(0))
