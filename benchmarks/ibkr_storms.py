"""Disconnects at random points while orders are sent, filled, repriced and cancelled: nothing may be lost or doubled.

Each storm breaks the link in one of sixteen ways somewhere among a handful of commands, mends it, waits until the desk
trades again and settles what nobody knows, as a user would. In the end everything the desk wrote down is compared with
the book of the exchange behind TWS. How soon a half-open link is noticed, and how soon the desk is ready after TWS's
return, is measured apart, with the time limits a user has.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.figures import Outcome, figure
from benchmarks.ibkr_books import Comparison, compare
from benchmarks.ibkr_desk import GRACE, SHORT, DeskOnTws
from benchmarks.ibkr_trader import Trader
from benchmarks.ibkr_waits import half_open, returns
from benchmarks.ibkr_weather import Break, Weather
from benchmarks.plan import Plan
from execution import commands
from execution.brokers.ibkr.settings import IbTimeouts
from execution.brokers.paper.faults import PLAIN, Call, CancelBehavior, FillBehavior, OrderScript
from execution.views import Severity
from models.enums import OrderStatus
from models.errors import KnownError
from models.ids import OrderId
from models.order_status import TERMINAL
from tests.simulators.tws.order_replies import ExecTimeForm

_READY_WITHIN_S = 60.0
_REST_WITHIN_S = 60.0
NOTICED_AT_MOST_S, READY_AT_MOST_S = 25.0, 15.0


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


class Storms:
    """One desk in bad weather."""

    def __init__(self, on: DeskOnTws, seed: int) -> None:
        self.on = on
        self.rng = Random(seed)
        self.trader = Trader(on, self.rng)
        self.weather = Weather(on, self.rng)
        self.report = StormReport()

    async def run(self, storms: int, *, kinds: tuple[Break, ...] = tuple(Break)) -> StormReport:
        """Returns what `storms` disconnects did to the desk."""
        self.trader.look_around()
        order = [kinds[number % len(kinds)] for number in range(storms)]
        self.rng.shuffle(order)
        for number, kind in enumerate(order, start=1):
            self._change_habits(number)
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

    async def storm(self, kind: Break) -> None:
        """One disconnect among a handful of commands."""
        await self._keep_some_working()
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
        await self._noticed(kind)
        await self.on.ready(_READY_WITHIN_S)
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
        loop = asyncio.get_running_loop()
        until = loop.time() + _REST_WITHIN_S
        same = 0
        # Late fills, corrections, fees and balances are on their way for seconds: it must stay right, not just pass.
        while same < 3 and loop.time() < until:
            await asyncio.sleep(1.0)
            self.report.books = compare(self.on)
            same = same + 1 if not self.report.books.problems else 0

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

    def _change_habits(self, number: int) -> None:
        """TWS's other bad habits change from storm to storm."""
        habits, rng = self.on.habits, self.rng
        habits.disorder_seed = number if rng.random() < 0.5 else None
        habits.perm_id_late = rng.random() < 0.3
        habits.commission_first = rng.random() < 0.3
        habits.strict_modify = rng.random() < 0.5
        habits.id_held_s = rng.choice((0.0, 0.0, 0.5))
        habits.position_gap_s = rng.choice((0.0, 0.0, 0.05))
        habits.split_bytes = rng.choice((None, None, 700))
        habits.exec_time = rng.choice(tuple(ExecTimeForm))

    # --- afterwards ---------------------------------------------------------------------------------------------------

    async def _noticed(self, kind: Break) -> None:
        """A half-open link takes a while to be noticed: before that the desk is ready, and deaf."""
        if kind is Break.HALF_OPEN:
            simulator = self.on.simulator
            await self.on.watch.until(lambda: not any(one.is_deaf for one in simulator.state.clients), _READY_WITHIN_S)
            await self.on.watch.until(lambda: bool(simulator.clients), _READY_WITHIN_S)
        else:
            await asyncio.sleep(0.05)

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
            await self.on.ready(_READY_WITHIN_S)

    def _unknown(self) -> list[OrderId]:
        return [one.id for one in self.on.watch.orders.values() if one.status is OrderStatus.UNKNOWN]


async def run_storms(folder: Path, storms: int, seed: int) -> StormReport:
    """Returns the report of `storms` storms on a new desk."""
    on = DeskOnTws(folder, seed=seed)
    await on.start()
    try:
        return await Storms(on, seed).run(storms)
    finally:
        await on.stop()


def measure(plan: Plan, folder: Path) -> Outcome:
    """The storms, then the two times with the limits a user has."""
    report = asyncio.run(run_storms(folder / "storms", plan.storms, seed=7))
    timeouts = SHORT if plan.is_tiny else IbTimeouts()
    noticed = asyncio.run(half_open(folder / "half-open", plan.half_opens, timeouts))
    ready = asyncio.run(returns(folder / "returns", plan.outages_s, timeouts))
    books = report.books
    if books is None:
        raise KnownError("The storms ended before the books were compared.")
    return Outcome(
        {
            "disconnects": figure("", [report.storms], at_least=plan.storms),
            "fills": figure("", [books.fills]),
            "fills_missed": figure("", [len(books.missed)], at_most=0),
            "fills_doubled_or_invented": figure("", [len(books.doubled)], at_most=0),
            "fills_differing": figure("", [len(books.differing)], at_most=0),
            "positions_differing": figure("", [len(books.positions)], at_most=0),
            "cash_differing": figure("", [len(books.cash)], at_most=0),
            "journal_differing": figure("", [len(books.journal)], at_most=0),
            "orders_differing": figure("", [len(books.orders_differing)], at_most=0),
            "orders_sent_while_reconciling": figure("", [len(books.sent_locked)], at_most=0),
            "orders_sent_twice": figure("", [len(books.resent)], at_most=0),
            "wrong_terminal_states": figure("", [len(report.wrong_ends)], at_most=0),
            "unreadable_messages": figure("", [len(report.unreadable)], at_most=0),
            "storms_not_weathered": figure("", [len(report.failures)], at_most=0),
            "half_open_noticed": figure("s", [max(noticed)], at_most=NOTICED_AT_MOST_S),
            "ready_after_return": figure("s", [max(ready)], at_most=READY_AT_MOST_S),
        },
        {
            "orders": report.orders,
            "executions_corrected": books.corrected,
            "journal_rows": books.journal_rows,
            "declared_not_sent": report.declared_not_sent,
            "half_open_noticed_s": noticed,
            "ready_after_return_s": ready,
            "outages_s": list(plan.outages_s),
            "kinds": dict(report.kinds),
            "problems": list(report.problems),
        },
    )
