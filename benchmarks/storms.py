"""Disconnects at random points while orders are sent, filled, repriced and cancelled: nothing may be lost or doubled.

Each storm breaks the link in some way somewhere among a handful of commands, mends it, waits until the desk trades
again and settles what nobody knows, as a user would. In the end everything the desk wrote down is compared with the
book of the exchange behind the simulator. A broker brings its desk and its weather.
"""

from __future__ import annotations

import asyncio
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import Any, Generic, TypeVar

from benchmarks.books import Comparison, at_rest
from benchmarks.figures import Figure, figure
from benchmarks.trader import Trader
from benchmarks.whole_desk import GRACE, WholeDesk
from execution import commands
from execution.brokers.paper.faults import PLAIN, Call, CallFault, CancelBehavior, Failure, FillBehavior, OrderScript
from execution.views import Severity
from models.enums import OrderStatus
from models.errors import KnownError
from models.ids import OrderId
from models.order_status import TERMINAL

READY_WITHIN_S = 60.0
_REST_WITHIN_S = 60.0
KindT = TypeVar("KindT", bound=StrEnum)
DeskT = TypeVar("DeskT", bound=WholeDesk[Any])


class Weather(ABC, Generic[KindT, DeskT]):
    """Breaks and mends the link of one desk. `calls`: which call of the script breaks it, and whether it is done."""

    def __init__(self, on: DeskT, rng: Random, calls: Mapping[KindT, tuple[Call, Failure]]) -> None:
        self.on = on
        self.rng = rng
        self._calls = calls

    def call_of(self, kind: KindT) -> Call | None:
        """Returns the call that breaks the link, None where it breaks by itself."""
        return None if kind not in self._calls else self._calls[kind][0]

    def arm(self, kind: KindT) -> None:
        """Has the next call of that kind break the link."""
        if kind in self._calls:
            call, failure = self._calls[kind]
            self.on.faults.fail(call, CallFault(failure))

    def disarm(self) -> None:
        """Takes back failures that no call has met."""
        for call in Call:
            while self.on.faults.take_call(call) is not None:
                continue

    async def flap(self) -> None:
        """Breaks a link that has just been mended once more: the desk is reconciling."""
        await asyncio.sleep(self.rng.uniform(0.0, 0.5))
        self.on.simulator.cut_link()
        await asyncio.sleep(self.rng.uniform(0.0, 0.3))
        self.on.simulator.mend_link()

    @abstractmethod
    async def strike(self, kind: KindT) -> None:
        """Breaks the link; where a call was to do it, only if it has not."""
        ...

    @abstractmethod
    async def mend(self, kind: KindT) -> None:
        """Brings the link back; a flap breaks once more on the way."""
        ...

    @abstractmethod
    async def noticed(self, kind: KindT) -> None:
        """Returns when a break that takes a while to be noticed has been: before that the desk is ready, and deaf."""
        ...

    @abstractmethod
    def change_habits(self, number: int) -> None:
        """Changes the far end's other bad habits, from storm to storm."""
        ...


@dataclass(slots=True)
class StormReport:
    """What a run of storms came to."""

    storms: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    #: Times the desk was told that its link is down.
    downs: int = 0
    declared_not_sent: int = 0
    orders: int = 0
    wrong_ends: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    failures: list[str] = field(default_factory=list)
    books: Comparison | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that may not be."""
        books = () if self.books is None else self.books.problems
        return (*self.failures, *self.wrong_ends, *self.unreadable, *books)


class Storms(Generic[KindT, DeskT]):
    """One desk in bad weather."""

    def __init__(self, weather: Weather[KindT, DeskT]) -> None:
        self.on = weather.on
        self.rng = weather.rng
        self.trader = Trader(self.on, self.rng)
        self.weather = weather
        self.report = StormReport()

    async def run(self, storms: int, *, kinds: Sequence[KindT]) -> StormReport:
        """Returns what `storms` disconnects did to the desk."""
        self.trader.look_around()
        order = [kinds[number % len(kinds)] for number in range(storms)]
        self.rng.shuffle(order)
        for number, kind in enumerate(order, start=1):
            self.weather.change_habits(number)
            try:
                await self.storm(kind)
            except KnownError as error:
                self.report.failures.append(f"storm {number} ({kind.value}): {error}")
                break
            if number % 20 == 0:
                print(f"benchmarks: {number} of {storms} storms", file=sys.stderr, flush=True)
        await self.come_to_rest()
        report = self.report
        report.storms = sum(report.kinds.values())
        report.downs = sum(
            line.source == "broker" and line.severity is Severity.WARNING for line in self.on.watch.lines
        )
        report.orders = len(self.trader.sent)
        report.wrong_ends, report.unreadable = tuple(self.on.watch.wrong_ends), tuple(self.on.complaints.lines)
        return report

    async def storm(self, kind: KindT) -> None:
        """One disconnect among a handful of commands."""
        await self._after(0.0, self._keep_some_working())
        self.weather.arm(kind)
        work = [
            self._command(self.weather.call_of(kind)),
            *(self._command(None) for _ in range(self.rng.randint(3, 6))),
        ]
        doing = [asyncio.create_task(self._after(self.rng.uniform(0.0, 1.2), one)) for one in work]
        await asyncio.sleep(self.rng.uniform(0.05, 1.6))
        await self.weather.strike(kind)
        self.report.kinds[kind.value] += 1
        await asyncio.sleep(self.rng.choice((0.0, 0.1, 0.4, 1.0)) * self.rng.uniform(0.5, 1.5))
        await self.weather.mend(kind)
        await asyncio.gather(*doing)
        self.weather.disarm()
        self.on.simulator.mend_link()
        await self.weather.noticed(kind)
        await self.on.ready(READY_WITHIN_S)
        await self._settle_unknown()

    async def come_to_rest(self) -> None:
        """Ends what still works, waits until nothing moves any more, and compares the books."""
        desk = self.on.desk
        for order_id in self.trader.sent:
            self.on.faults.for_order(order_id, PLAIN)
        for _ in range(10):
            await self._settle_unknown()
            if not self.trader.working() and all(
                order.status in TERMINAL for order in self.on.watch.orders.values() if order.id in self.trader.sent
            ):
                break
            await desk.handle(commands.CancelAll())
            await asyncio.sleep(0.5)
        self.report.books = await at_rest(self.on, _REST_WITHIN_S)

    # --- commands -----------------------------------------------------------------------------------------------------

    async def _after(self, pause_s: float, work: Coroutine[Any, Any, object]) -> None:
        """Does something a little later; what the desk refuses in words is no failure, that is what it should do."""
        await asyncio.sleep(pause_s)
        try:
            await work
        except KnownError as error:
            why = str(error)[:60]
            self.trader.refused[why] = self.trader.refused.get(why, 0) + 1

    def _command(self, call: Call | None) -> Coroutine[Any, Any, object]:
        working = self.trader.working()
        wanted = call or self.rng.choice((Call.SUBMIT, Call.SUBMIT, Call.SUBMIT, Call.REPLACE, Call.CANCEL))
        if wanted is Call.REPLACE and working:
            return self.trader.reprice(self.rng.choice(working))
        if wanted is Call.CANCEL and working:
            return self.trader.cancel(self.rng.choice(working).id)
        if wanted is Call.SNAPSHOT:
            return self._ask(commands.Reconcile())
        if wanted is Call.FIND_ORDERS and working:
            return self._ask(commands.CheckOrder(self.rng.choice(working).id))
        return self.trader.send(self.trader.shape(), self._script(), is_resting=self.rng.random() < 0.1)

    async def _ask(self, command: commands.Reconcile | commands.CheckOrder) -> None:
        await self.on.desk.handle(command)

    def _script(self) -> OrderScript:
        rng = self.rng
        fills = rng.choice(
            (
                FillBehavior.MODEL,
                FillBehavior.IMMEDIATE,
                FillBehavior.DELAYED,
                FillBehavior.PARTIAL,
                FillBehavior.PARTIAL,
                FillBehavior.PARTIAL,
                FillBehavior.DELAYED,
                FillBehavior.NEVER,
                FillBehavior.REJECT,
            )
        )
        return OrderScript(
            fills=fills,
            delay_s=rng.uniform(0.2, 2.0),
            first_packages=1,
            cancel=rng.choice((*[CancelBehavior.NORMAL] * 3, CancelBehavior.FILL_WINS, CancelBehavior.LATE_FILL)),
            copies=rng.choice((1, 1, 2)),
            reversed_events=rng.random() < 0.3,
            correction=Decimal(rng.choice(("0.05", "-0.05", "0.10"))) if rng.random() < 0.2 else None,
        )

    async def _keep_some_working(self) -> None:
        """So that there is something to reprice and to cancel."""
        while len(self.trader.working()) < 3:
            script = OrderScript(fills=FillBehavior.NEVER)
            if await self.trader.send(self.trader.shape(), script, is_resting=True) is None:
                return

    # --- afterwards ---------------------------------------------------------------------------------------------------

    async def _settle_unknown(self) -> None:
        """What a user does about an order that nobody knows: waits, asks, and says that it was not sent."""
        for _ in range(4):
            if await self.on.watch.until(lambda: not self._unknown(), 1.5):
                return
            self.on.put_on(GRACE)
            for order_id in self._unknown():
                try:
                    await self.on.desk.handle(commands.DeclareNotSent(order_id))
                    self.report.declared_not_sent += 1
                except (KnownError, TimeoutError) as error:
                    print(f"benchmarks: {order_id} stays unknown: {error}", file=sys.stderr)
            await self.on.ready(READY_WITHIN_S)

    def _unknown(self) -> list[OrderId]:
        return [one.id for one in self.on.watch.orders.values() if one.status is OrderStatus.UNKNOWN]


def figures_of(reports: Sequence[StormReport], storms: int) -> dict[str, Figure]:
    """Returns what may not be lost or doubled, over all desks. Raises KnownError when a desk was never compared."""
    books = [report.books for report in reports if report.books is not None]
    if len(books) < len(reports):
        raise KnownError("The storms ended before the books were compared.")

    def books_of(what: str) -> Figure:
        return figure("", [sum(len(getattr(one, what)) for one in books)], at_most=0)

    def reports_of(what: str) -> Figure:
        return figure("", [sum(len(getattr(one, what)) for one in reports)], at_most=0)

    return {
        "disconnects": figure("", [sum(one.storms for one in reports)], at_least=storms),
        "fills": figure("", [sum(one.fills for one in books)]),
        "fills_missed": books_of("missed"),
        "fills_doubled_or_invented": books_of("doubled"),
        "fills_differing": books_of("differing"),
        "positions_differing": books_of("positions"),
        "cash_differing": books_of("cash"),
        "journal_differing": books_of("journal"),
        "orders_differing": books_of("orders_differing"),
        "orders_sent_while_reconciling": books_of("sent_locked"),
        "orders_sent_twice": books_of("resent"),
        "wrong_terminal_states": reports_of("wrong_ends"),
        "unreadable_messages": reports_of("unreadable"),
        "storms_not_weathered": reports_of("failures"),
    }


def facts_of(reports: Sequence[StormReport]) -> dict[str, Any]:
    """Returns how much was traded on the way, which storms there were, and everything that was wrong."""
    books = [report.books for report in reports if report.books is not None]
    return {
        "orders": sum(one.orders for one in reports),
        "executions_corrected": sum(one.corrected for one in books),
        "journal_rows": sum(one.journal_rows for one in books),
        "declared_not_sent": sum(one.declared_not_sent for one in reports),
        "kinds": dict(sum((one.kinds for one in reports), Counter[str]())),
        "problems": [problem for one in reports for problem in one.problems],
    }
