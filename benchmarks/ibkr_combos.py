"""Four-leg combos whose executions come in parts, in disorder, more than once and corrected: the books agree exactly.

Each combo is sent by a whole desk; how it fills is drawn from a seed. TWS's habits (what comes first, how times are
written, how soon positions follow, how the stream is cut into reads) change on the way. In the end executions, fees,
positions, cash and journal are compared with the book of the exchange behind TWS.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random

from benchmarks.books import Comparison, at_rest
from benchmarks.figures import Outcome, figure
from benchmarks.ibkr_desk import DeskOnTws
from benchmarks.plan import Plan
from benchmarks.trader import Trader
from execution.brokers.ibkr.settings import IbTimeouts
from execution.brokers.paper.faults import FillBehavior, OrderScript
from models.enums import Action, OrderStatus
from models.errors import KnownError
from models.ids import OrderId
from models.order import OrderLeg
from models.order_status import TERMINAL
from tests.simulators.tws.order_replies import ExecTimeForm

#: Combos under way at the same time.
_AT_ONCE = 8
_MARKET_HAS_S, _END_WITHIN_S = 8.0, 60.0
_REST_WITHIN_S = 90.0
#: How many combos TWS keeps its habits for.
_HABITS_FOR = 25


@dataclass(slots=True)
class ComboReport:
    """What a run came to. `partial`, `doubled`, `disordered`, `corrected` count combos that were filled like that."""

    combos: int = 0
    partial: int = 0
    doubled: int = 0
    disordered: int = 0
    corrected: int = 0
    closing: int = 0
    wrong_ends: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    failures: list[str] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    books: Comparison | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that may not be."""
        books = () if self.books is None else self.books.problems
        return (*self.failures, *self.wrong_ends, *self.unreadable, *books)


class Combos:
    """One desk that sends combos."""

    def __init__(self, on: DeskOnTws, seed: int) -> None:
        self.on = on
        self.rng = Random(seed)
        self.trader = Trader(on, self.rng)
        self.report = ComboReport()
        self._open: list[tuple[OrderLeg, ...]] = []
        self._under_way = 0
        #: Tickets that may still be tried.
        self._left = 0

    async def run(self, count: int) -> ComboReport:
        """Returns what `count` filled combos left in the books."""
        self.trader.look_around(expiries=2)
        self._left = 3 * count
        await asyncio.gather(*(self._keep_trading(count) for _ in range(min(_AT_ONCE, count))))
        self.report.books = await at_rest(self.on, _REST_WITHIN_S)
        self.report.wrong_ends = tuple(self.on.watch.wrong_ends)
        self.report.unreadable = tuple(self.on.complaints.lines)
        self.report.refused = self.trader.refused
        return self.report

    async def _keep_trading(self, count: int) -> None:
        """Sends one combo after the other until there are enough, or something went wrong."""
        report = self.report
        while report.combos + self._under_way < count and self._left and not report.failures:
            await self.on.ready(_END_WITHIN_S)
            self._left -= 1
            if self._left % _HABITS_FOR == 0:
                self._change_habits(self._left)
            self._under_way += 1
            try:
                await self._combo()
            finally:
                self._under_way -= 1
            if report.combos % 100 == 0:
                print(f"benchmarks: {report.combos} of {count} combos", file=sys.stderr, flush=True)

    async def _combo(self) -> None:
        rng, script = self.rng, self._script()
        legs = self._closing() or self.trader.combo(rng.randint(2, 6))
        is_closing = any(leg.action is Action.SELL for leg in legs[:1])
        order_id = await self.trader.send(legs, script)
        if order_id is None:
            if not is_closing:
                return
            # What works already closes it: another one opens something instead.
            is_closing, legs = False, self.trader.combo(rng.randint(2, 6))
            order_id = await self.trader.send(legs, script)
        if order_id is None or not await self._filled(order_id):
            return
        if not is_closing:
            self._open.append(legs)
        self._count(script, is_closing=is_closing)

    async def _filled(self, order_id: OrderId) -> bool:
        watch = self.on.watch
        if not await watch.until(lambda: watch.status(order_id) in TERMINAL, _MARKET_HAS_S):
            # The market has moved away from its price.
            self.on.faults.for_order(order_id, OrderScript(fills=FillBehavior.IMMEDIATE))
        if not await watch.until(lambda: watch.status(order_id) in TERMINAL, _END_WITHIN_S):
            self.report.failures.append(f"order {order_id} is {watch.status(order_id)} after {_END_WITHIN_S:g} s")
        return watch.status(order_id) is OrderStatus.FILLED

    def _closing(self) -> tuple[OrderLeg, ...] | None:
        """Returns the opposite of a combo that was filled, now and then."""
        if len(self._open) < 5 or self.rng.random() > 0.3:
            return None
        legs = self._open.pop(self.rng.randrange(len(self._open)))
        return tuple(OrderLeg(leg.contract, leg.action.opposite, leg.quantity) for leg in legs)

    def _script(self) -> OrderScript:
        rng = self.rng
        fills = rng.choice((*[FillBehavior.PARTIAL] * 3, FillBehavior.MODEL, FillBehavior.DELAYED))
        return OrderScript(
            fills=fills,
            delay_s=rng.uniform(0.1, 1.0),
            first_packages=1,
            copies=rng.choice((1, 2, 2, 3)),
            reversed_events=rng.random() < 0.5,
            correction=Decimal(rng.randint(1, 9)) / 20 * rng.choice((1, -1)) if rng.random() < 0.5 else None,
        )

    def _count(self, script: OrderScript, *, is_closing: bool) -> None:
        report = self.report
        report.combos += 1
        report.partial += script.fills in (FillBehavior.PARTIAL, FillBehavior.MODEL)
        report.doubled += script.copies > 1
        report.disordered += script.reversed_events or self.on.habits.disorder_seed is not None
        report.corrected += script.correction is not None
        report.closing += is_closing

    def _change_habits(self, seed: int) -> None:
        habits, rng = self.on.habits, self.rng
        habits.disorder_seed = seed if rng.random() < 0.7 else None
        habits.commission_first = rng.random() < 0.5
        habits.perm_id_late = rng.random() < 0.5
        habits.strict_modify = rng.random() < 0.5
        habits.position_gap_s = rng.choice((0.0, 0.02))
        habits.split_bytes = rng.choice((None, 500))
        habits.exec_time = rng.choice(tuple(ExecTimeForm))


async def run_combos(folder: Path, count: int, seed: int) -> ComboReport:
    """Returns the report of `count` combos on a new desk."""
    # Nothing breaks here: a busy machine must not look like a dead link.
    on = DeskOnTws(folder, seed=seed, timeouts=IbTimeouts())
    await on.start()
    try:
        return await Combos(on, seed).run(count)
    finally:
        await on.stop()


def measure(plan: Plan, folder: Path) -> Outcome:
    """All combos, then every difference by kind."""
    report = asyncio.run(run_combos(folder, plan.combos, seed=5))
    books = report.books
    if books is None:
        raise KnownError("The combos ended before the books were compared.")
    return Outcome(
        {
            "four_leg_combos_filled": figure("", [report.combos], at_least=plan.combos),
            "executions": figure("", [books.fills]),
            "executions_missed": figure("", [len(books.missed)], at_most=0),
            "executions_doubled_or_invented": figure("", [len(books.doubled)], at_most=0),
            "executions_differing": figure("", [len(books.differing)], at_most=0),
            "positions_differing": figure("", [len(books.positions)], at_most=0),
            "cash_differing": figure("", [len(books.cash)], at_most=0),
            "journal_differing": figure("", [len(books.journal)], at_most=0),
            "orders_differing": figure("", [len(books.orders_differing)], at_most=0),
            "orders_sent_twice": figure("", [len(books.resent)], at_most=0),
            "wrong_terminal_states": figure("", [len(report.wrong_ends)], at_most=0),
            "unreadable_messages": figure("", [len(report.unreadable)], at_most=0),
            "not_ended": figure("", [len(report.failures)], at_most=0),
        },
        {
            "combos in parts": report.partial,
            "combos told more than once": report.doubled,
            "combos in disorder": report.disordered,
            "combos corrected": report.corrected,
            "combos that closed": report.closing,
            "executions_corrected": books.corrected,
            "journal_rows": books.journal_rows,
            "tickets_refused": report.refused,
            "problems": list(report.problems),
        },
    )
