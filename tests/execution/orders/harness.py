"""An order manager with its stand-ins: what it tells, time that a test lets pass, and one call for each step."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from execution.brokers.port import BrokerSnapshot, ExecutionEvent, OrderEvent
from execution.commands import TicketDraft
from execution.orders.manager import OrderManager
from execution.orders.timings import OrderTimings
from execution.ticket_views import SendOutcome
from execution.views import JournalWritten, LogLine, Notice, OrderNotice, OrdersState, State
from models.clock import ManualClock
from models.enums import Mode, OrderStatus, TradingState
from models.ids import OrderId
from models.order import Order
from models.trade import Execution
from tests.execution.orders.builders import ACCOUNT, NOW, draft, fills_of, word
from tests.execution.orders.fake_broker import EMPTY_SNAPSHOT, FakeBroker
from tests.execution.orders.fake_facts import FakeFacts
from tests.execution.orders.fake_storage import FakeStorage

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs one test's coroutine on a loop of its own."""
    return asyncio.run(coroutine)


class Window:
    """Collects what the engine tells."""

    def __init__(self) -> None:
        self.states: list[State] = []
        self.notices: list[Notice] = []

    def state(self, state: State) -> None:
        self.states.append(state)

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    def lines(self) -> list[str]:
        return [notice.text for notice in self.notices if isinstance(notice, LogLine)]

    def says(self, *words: str) -> bool:
        return any(all(word in line for word in words) for line in self.lines())

    def statuses(self, order_id: OrderId) -> list[OrderStatus]:
        """The order's statuses as told, repeats left out."""
        told = [
            each.order.status for each in self.notices if isinstance(each, OrderNotice) and each.order.id == order_id
        ]
        return [status for index, status in enumerate(told) if index == 0 or told[index - 1] is not status]

    def journal_ids(self) -> list[str]:
        return [notice.journal_id for notice in self.notices if isinstance(notice, JournalWritten)]

    def shown(self) -> OrdersState:
        return next(state for state in reversed(self.states) if isinstance(state, OrdersState))


class Sleeper:
    """Time that passes only when the test lets it: `wake` ends every sleep that has come due."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._sleeping: list[tuple[datetime, asyncio.Event]] = []
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        event = asyncio.Event()
        self._sleeping.append((self._clock.now_utc() + timedelta(seconds=seconds), event))
        await event.wait()

    async def pass_time(self, seconds: float) -> None:
        """Lets that much time pass, waking sleepers in the order they are due."""
        await settle()
        end = self._clock.now_utc() + timedelta(seconds=seconds)
        while due := sorted((entry for entry in self._sleeping if entry[0] <= end), key=lambda entry: entry[0]):
            at, event = due[0]
            self._sleeping.remove(due[0])
            self._clock.set(max(at, self._clock.now_utc()))
            event.set()
            await settle()
        self._clock.set(end)
        await settle()


async def settle() -> None:
    """Lets everything that can run, run."""
    for _ in range(30):
        await asyncio.sleep(0)


@dataclass
class Desk:
    """An order manager with its fakes."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    broker: FakeBroker = field(default_factory=FakeBroker)
    storage: FakeStorage = field(default_factory=FakeStorage)
    window: Window = field(default_factory=Window)
    mode: Mode = Mode.PAPER
    halts: list[str] = field(default_factory=list)
    timings: OrderTimings = field(default_factory=OrderTimings)

    def __post_init__(self) -> None:
        self.facts = FakeFacts(self.clock)
        self.sleep = Sleeper(self.clock)
        self.manager = self.start()

    def start(self) -> OrderManager:
        """Makes a manager, as a start of the desk does; an earlier one is forgotten (crash)."""
        self.manager = OrderManager(
            broker=self.broker,
            storage=self.storage,
            facts=self.facts,
            publisher=self.window,
            clock=self.clock,
            mode=self.mode,
            halt=self._halt,
            timings=self.timings,
            sleep=self.sleep,
        )
        return self.manager

    async def _halt(self, reason: str) -> None:
        self.halts.append(reason)
        self.facts.trading_state = TradingState.HALTED

    async def simulated(self, ticket: TicketDraft | None = None) -> TicketDraft:
        ticket = draft() if ticket is None else ticket
        outcome = await self.manager.simulate(ticket)
        assert outcome.order is not None, (outcome.problems, outcome.failure)
        return ticket

    async def sent(self, ticket: TicketDraft | None = None) -> TicketDraft:
        ticket = await self.simulated(ticket)
        outcome: SendOutcome = await self.manager.send(ticket)
        assert outcome.accepted, (outcome.problems, outcome.denials, outcome.failure)
        return ticket

    def order(self, ticket: TicketDraft) -> Order:
        order = self.manager.order(ticket.order_id)
        assert order is not None
        return order

    async def told(self, ticket: TicketDraft, status: OrderStatus, **changes: Any) -> None:
        await self.manager.apply(OrderEvent(word(ticket, status, **changes)))

    async def fill(self, ticket: TicketDraft, packages: int = 1, batch: str = "1", **changes: Any) -> list[Execution]:
        """Executions of every leg for that many packages, applied one by one."""
        done = fills_of(ticket, packages, batch, **changes)
        for execution in done:
            await self.manager.apply(ExecutionEvent(execution))
        return done

    async def recover(self, snapshot: BrokerSnapshot | None = None) -> None:
        await self.manager.recover(await self.storage.load([ACCOUNT]), snapshot or EMPTY_SNAPSHOT)
