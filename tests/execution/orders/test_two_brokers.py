"""Two brokers count the same numbers: their orders, fills and rows are two all the same."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from database.store import SqliteStorage, open_storage
from execution.brokers.joined import JoinedBroker
from execution.brokers.port import Capability, ExecutionEvent, FeeEvent, OrderEvent
from execution.orders.manager import OrderManager
from models.account import AccountInfo
from models.clock import ManualClock
from models.enums import BrokerName, Mode, OrderStatus, OrderType
from models.ids import AccountId, BrokerOrderId, ExecutionId
from models.trade import Execution
from tests.execution.brokers.quiet_broker import QuietBroker
from tests.execution.orders.builders import NOW, condor, draft, execution_of, word
from tests.execution.orders.fake_facts import FakeFacts
from tests.execution.orders.harness import Window

IB, TT = AccountId("DU1"), AccountId("5WX1")
BROKERS = {IB: BrokerName.IBKR, TT: BrokerName.TASTYTRADE}
SAME_ORDER, SAME_FILL = BrokerOrderId("77"), ExecutionId("E1")


class TwoBrokers:
    """An order manager on two brokers and a real journal."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.sqlite"
        self.clock = ManualClock(NOW)
        self.storage: SqliteStorage = open_storage(self.path, environment="two", mode=Mode.PAPER, clock=self.clock)
        self.window = Window()
        self.facts = FakeFacts(self.clock)
        self.facts.accounts = {
            account: AccountInfo(name, account, Mode.PAPER, "Test", may_trade=True) for account, name in BROKERS.items()
        }
        of_ib = frozenset({Capability.REPLACE, Capability.MARKET_ON_CLOSE})
        self.ib = QuietBroker(self.clock, BrokerName.IBKR, IB, capabilities=of_ib)
        self.tasty = QuietBroker(self.clock, BrokerName.TASTYTRADE, TT)
        self.joined = JoinedBroker([self.ib, self.tasty])
        self.manager = self.new_manager()

    def new_manager(self) -> OrderManager:
        async def halt(reason: str) -> None:
            raise AssertionError(f"halted: {reason}")

        return OrderManager(
            broker=self.joined,
            storage=self.storage,
            facts=self.facts,
            publisher=self.window,
            clock=self.clock,
            mode=Mode.PAPER,
            halt=halt,
        )

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as connection:
            return connection.execute(query).fetchall()


def play(folder: Path, scenario: Callable[[TwoBrokers], Awaitable[None]]) -> None:
    async def run() -> None:
        desk = TwoBrokers(folder)
        await desk.joined.connect()
        desk.joined.compared(await desk.joined.snapshot())
        try:
            await scenario(desk)
        finally:
            await desk.manager.close()
            await desk.joined.close()
            await asyncio.to_thread(desk.storage.close)

    asyncio.run(run())


def fill(account_id: AccountId, price: str) -> Execution:
    return execution_of(
        condor(1)[1],
        SAME_FILL,
        broker=BROKERS[account_id],
        account_id=account_id,
        broker_order_id=SAME_ORDER,
        price=Decimal(price),
    )


def test_equal_execution_ids_of_two_brokers_are_two_fills(tmp_path: Path) -> None:
    async def scenario(desk: TwoBrokers) -> None:
        for account_id, price, fee in ((IB, "5.00", "1.10"), (TT, "5.10", "1.20")):
            await desk.manager.apply(ExecutionEvent(fill(account_id, price)))
            await desk.manager.apply(FeeEvent(account_id, SAME_FILL, Decimal(fee)))
            ticket = draft(condor(1)[1:2], account=account_id)
            told = word(ticket, OrderStatus.FILLED, order_id=None, broker_order_id=SAME_ORDER, filled_packages=1)
            await desk.manager.apply(OrderEvent(told))
        fills = desk.rows("SELECT broker, account_id, execution_id, price FROM executions ORDER BY broker")
        assert [(broker, account, fill_id, Decimal(str(price))) for broker, account, fill_id, price in fills] == [
            ("IBKR", IB, SAME_FILL, Decimal(5)),
            ("TASTYTRADE", TT, SAME_FILL, Decimal("5.10")),
        ]
        fees = desk.rows("SELECT broker, account_id, fee FROM execution_fees ORDER BY broker")
        assert [(broker, account, Decimal(str(fee))) for broker, account, fee in fees] == [
            ("IBKR", IB, Decimal("1.10")),
            ("TASTYTRADE", TT, Decimal("1.20")),
        ]
        journal = desk.rows("SELECT broker, account_id, broker_order_id FROM trade_journal ORDER BY broker")
        assert journal == [("IBKR", IB, SAME_ORDER), ("TASTYTRADE", TT, SAME_ORDER)]
        shown = desk.window.shown()
        assert {order.account_id for order in shown.orders} == {IB, TT}
        assert len(shown.foreign) == 2

    play(tmp_path, scenario)


def test_equal_order_ids_of_two_brokers_are_two_orders_each_cancelled_at_its_own(tmp_path: Path) -> None:
    async def scenario(desk: TwoBrokers) -> None:
        tickets = {account: draft(condor(1)[1:2], "-4.90", account=account) for account in BROKERS}
        for account, ticket in tickets.items():
            told = word(ticket, OrderStatus.PENDING, broker_order_id=SAME_ORDER, order_id=None, account_id=account)
            await desk.manager.apply(OrderEvent(told))
        first, second = desk.window.shown().orders
        assert {first.broker_order_id, second.broker_order_id} == {SAME_ORDER}
        assert first.id != second.id
        await desk.manager.cancel(first.id)
        asked = desk.ib if first.account_id == IB else desk.tasty
        other = desk.tasty if first.account_id == IB else desk.ib
        assert [order.account_id for order in asked.cancelled] == [first.account_id]
        assert other.cancelled == []

    play(tmp_path, scenario)


def test_what_one_broker_does_not_tell_is_missing_nowhere(tmp_path: Path) -> None:
    async def scenario(desk: TwoBrokers) -> None:
        loaded = await desk.storage.load([IB, TT])
        working = word(draft(condor(1)[1:2], account=TT), OrderStatus.PENDING, order_id=None, account_id=TT)
        desk.tasty.tells = {"open_orders": (working,)}
        await desk.manager.recover(loaded, await desk.joined.snapshot())
        assert [order.status for order in desk.manager.orders()] == [OrderStatus.PENDING]
        desk.tasty.tells = {}
        told = await desk.joined.snapshot()
        silent = replace(told, covers={IB: 0})
        result = await desk.manager.recover(loaded, silent)
        assert result.is_clean
        assert [order.status for order in desk.manager.orders()] == [OrderStatus.PENDING]

    play(tmp_path, scenario)


def test_how_far_back_executions_reach_is_each_brokers_own(tmp_path: Path) -> None:
    async def scenario(desk: TwoBrokers) -> None:
        desk.tasty.tells = {"executions_since_utc": NOW - timedelta(days=7)}
        told = await desk.joined.snapshot()
        assert told.executions_since_of[TT] == NOW - timedelta(days=7)
        assert told.executions_since_of[IB] == NOW - timedelta(hours=1)

    play(tmp_path, scenario)


def test_a_correction_told_as_a_first_word_is_the_next_revision_only_where_revisions_restart(tmp_path: Path) -> None:
    async def scenario(desk: TwoBrokers) -> None:
        loaded = await desk.storage.load([IB, TT])
        desk.tasty.tells = {"executions": (fill(TT, "5.00"),), "do_revisions_restart": True}
        desk.ib.tells = {"executions": (fill(IB, "5.00"),)}
        await desk.manager.recover(loaded, await desk.joined.snapshot())
        desk.tasty.tells["executions"] = (fill(TT, "5.20"),)
        desk.ib.tells["executions"] = (fill(IB, "5.20"),)
        await desk.manager.recover(loaded, await desk.joined.snapshot())
        newest = desk.rows("SELECT account_id, max(revision) FROM executions GROUP BY account_id ORDER BY account_id")
        assert newest == [(TT, 2), (IB, 1)]

    play(tmp_path, scenario)


def test_what_a_ticket_may_be_is_asked_of_the_accounts_own_broker(tmp_path: Path) -> None:
    async def scenario(desk: TwoBrokers) -> None:
        tickets = [
            draft(condor(1)[1:2], None, account=account, order_type=OrderType.MARKET_ON_CLOSE) for account in (IB, TT)
        ]
        of_ib, of_tasty = [(await desk.manager.simulate(ticket)).problems for ticket in tickets]
        text = "This broker takes no market-on-close orders. Use a limit price."
        assert text not in {problem.text for problem in of_ib}
        assert text in {problem.text for problem in of_tasty}

    play(tmp_path, scenario)
