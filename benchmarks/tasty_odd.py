"""Forty odd objects sent to a whole desk: each is counted and shown, and costs nothing but itself.

Each is brought about where it would come from (an answer of REST, a message on a stream) while the desk has positions,
working orders and fills. Then the list it stood in must hold everything else, and be whole when it is asked again; a
new order must work and its cancel be told by the account stream, and quotes must flow. In the end the desk's books are
held against the exchange's.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.books import Comparison, at_rest
from benchmarks.figures import Outcome, figure
from benchmarks.plan import Plan
from benchmarks.tasty_desk import PATIENT, DeskOnTasty
from benchmarks.tasty_odd_objects import OddObject, Place, odd_objects
from benchmarks.trader import Trader
from execution.brokers.paper.faults import FillBehavior, OrderScript
from execution.brokers.port import BrokerSnapshot
from execution.views import Severity
from models.enums import OrderStatus
from models.errors import BrokerFailure, KnownError
from models.order import OrderLeg

OBJECTS_AT_LEAST: Final = 40
_SHOWN_WITHIN_S: Final = 10.0
_ALIVE_WITHIN_S: Final = 15.0
_READY_WITHIN_S: Final = 30.0
_REST_WITHIN_S: Final = 30.0
_SET_ASIDE: Final = "was set aside"
_SYMBOLS: Final = ("SPY", "QQQ", "AAPL")
#: A chain is asked for once a day: each odd one is another underlying's.
_CHAINS: Final = ("SPY", "NVDA", "TSLA", "XSP", "MSFT")
_RESTING: Final = OrderScript(fills=FillBehavior.NEVER)
_AT_ONCE: Final = OrderScript(fills=FillBehavior.IMMEDIATE)
_WORKING: Final = 3


@dataclass(slots=True)
class Shown:
    """What one odd object came to."""

    place: Place
    name: str
    counted: int = 0
    text: str = ""
    is_list_whole: bool = True
    are_streams_alive: bool = True

    def row(self) -> dict[str, Any]:
        """Returns it as it is shown."""
        return {
            "where": self.place.value,
            "odd object": self.name,
            "counted": self.counted,
            "the desk's log says": self.text.replace("|", "/"),
        }


@dataclass(slots=True)
class OddReport:
    """What a run came to."""

    shown: list[Shown] = field(default_factory=list)
    unforeseen: tuple[str, ...] = ()
    wrong_ends: tuple[str, ...] = ()
    failures: list[str] = field(default_factory=list)
    books: Comparison | None = None

    @property
    def book_problems(self) -> tuple[str, ...]:
        """What differs between the desk's books and the exchange's in the end."""
        return ("the books were not compared",) if self.books is None else self.books.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that may not be."""
        return (*self.failures, *self.wrong_ends, *self.unforeseen, *self.book_problems)


class OddObjects:
    """One desk that is sent odd objects."""

    def __init__(self, on: DeskOnTasty, seed: int) -> None:
        self.on = on
        self.trader = Trader(on, Random(seed))
        self.report = OddReport()
        self._chains = list(_CHAINS)

    async def run(self, objects: Sequence[OddObject]) -> OddReport:
        """Returns what became of each."""
        self.trader.look_around()
        await self._trade()
        for number, one in enumerate(objects, start=1):
            shown = Shown(one.place, one.name)
            self.report.shown.append(shown)
            try:
                await self._one(one, shown)
            except KnownError as error:
                self._fail(shown, str(error))
            if number % 10 == 0:
                print(f"benchmarks: {number} of {len(objects)} odd objects", file=sys.stderr, flush=True)
        report = self.report
        report.books = await at_rest(self.on, _REST_WITHIN_S, times=2)
        report.wrong_ends, report.unforeseen = tuple(self.on.watch.wrong_ends), tuple(self.on.complaints.lines)
        return report

    def _fail(self, shown: Shown, why: str) -> None:
        self.report.failures.append(f"{shown.place.value}, {shown.name}: {why}")

    async def _trade(self) -> None:
        """Fills some orders and leaves some working, so that every list has several objects."""
        for symbol in self.trader.shares:
            await self._sent((OrderLeg(symbol, self.trader.combo(1)[0].action, 1),), _AT_ONCE, OrderStatus.FILLED)
        for _ in range(_WORKING):
            await self._sent(self.trader.shape(), _RESTING, OrderStatus.PENDING)

    async def _sent(self, legs: tuple[OrderLeg, ...], script: OrderScript, status: OrderStatus) -> None:
        order_id = await self.trader.send(legs, script, is_resting=script is _RESTING)
        if order_id is None:
            raise KnownError(f"No order left: {self.trader.refused}", cure="See the log.")
        watch = self.on.watch
        if not await watch.until(lambda: watch.status(order_id) is status, _ALIVE_WITHIN_S):
            raise KnownError(f"{order_id} is {watch.status(order_id)}, not {status.value}.", cure="See the log.")

    # --- one object ---------------------------------------------------------------------------------------------------

    async def _one(self, one: OddObject, shown: Shown) -> None:
        on = self.on
        await on.ready(_READY_WITHIN_S)
        counted, lines = on.core.odd_objects, len(on.watch.lines)
        one.spoil(on.simulator)
        try:
            await self._bring_about(one, shown)
            if not await on.watch.until(lambda: on.core.odd_objects > counted, _SHOWN_WITHIN_S):
                self._fail(shown, "it was not counted")
            await on.watch.until(lambda: bool(self._told(lines)), _SHOWN_WITHIN_S)
        finally:
            on.simulator.troubles.planned.clear()
        shown.counted = on.core.odd_objects - counted
        told = self._told(lines)
        shown.text = told[0] if told else ""
        if not told:
            self._fail(shown, "it was not shown")
        shown.are_streams_alive = await self._are_streams_alive()
        if not shown.are_streams_alive:
            self._fail(shown, "a stream is dead")

    def _told(self, first: int) -> list[str]:
        lines = self.on.watch.lines[first:]
        return [line.text for line in lines if line.severity is Severity.WARNING and _SET_ASIDE in line.text]

    async def _bring_about(self, one: OddObject, shown: Shown) -> None:
        """Has the desk ask for what is odd; on a stream it comes by itself."""
        broker = self.on.broker
        match one.place:
            case Place.METRICS:
                self._whole(shown, len(await broker.betas(_SYMBOLS)), len(_SYMBOLS) - one.costs)
                self._whole(shown, len(await broker.betas(_SYMBOLS)), len(_SYMBOLS))
            case Place.CHAIN:
                await self._ask_chain(one, shown)
            case Place.DRY_RUN:
                if await self.trader.ticket(self.trader.shape(), _RESTING, is_resting=True) is None:
                    self._fail(shown, f"no simulation: {self.trader.refused}")
            case Place.POST:
                await self._sent(self.trader.shape(), _RESTING, OrderStatus.PENDING)
            case Place.ALERTS | Place.QUOTES:
                pass
            case _:
                self._compare(shown, await self._snapshot(), one.costs)
                self._compare(shown, await self._snapshot(), 0)

    async def _snapshot(self) -> BrokerSnapshot:
        """Asks for everything, once more where the first try failed: so does the desk, until it has it."""
        try:
            return await self.on.broker.snapshot()
        except BrokerFailure:
            return await self.on.broker.snapshot()

    async def _ask_chain(self, one: OddObject, shown: Shown) -> None:
        underlying = self._chains.pop()
        found = len(await self.on.broker.expiries(underlying))
        listed = len(self.on.market.expiries(underlying, self.on.clock.now_utc()))
        self._whole(shown, found, listed - one.costs)

    def _compare(self, shown: Shown, told: BrokerSnapshot, costs: int) -> None:
        """Holds a snapshot against the exchange: all but what is odd must be in it."""
        core, account = self.on.simulator.core, self.on.account
        held = len([one for one in core.book.holdings(account) if one.quantity])
        self._whole(shown, len([one for one in told.positions if one.quantity]), held - costs)
        records = list(self.on.simulator.parts.orders.records.all(account))
        ours = {one.external_identifier for one in records}
        self._whole(shown, len({one.order_id for one in (*told.open_orders, *told.completed_orders)}), len(ours))
        self._whole(shown, len(told.executions), len(core.store.executions(None)))
        self._whole(shown, len([one for one in told.accounts if one.cash_balance is not None]), 1)

    def _whole(self, shown: Shown, found: int, wanted: int) -> None:
        if found != wanted:
            shown.is_list_whole = False
            self._fail(shown, f"{found} objects instead of {wanted}")

    async def _are_streams_alive(self) -> bool:
        """Whether a new order's way is told to its end, and newer quotes come than there were."""
        on = self.on
        await on.ready(_READY_WITHIN_S)
        key = self.trader.shares[0].key
        before = on.core.quote(key)
        order_id = await self.trader.send(self.trader.shape(), _RESTING, is_resting=True)
        if order_id is None:
            return False
        await self.trader.cancel(order_id)
        if not await on.watch.until(lambda: on.watch.status(order_id) is OrderStatus.CANCELLED, _ALIVE_WITHIN_S):
            return False
        return await on.watch.until(lambda: on.core.quote(key) not in (None, before), _ALIVE_WITHIN_S)


async def run_odd(folder: Path, objects: Sequence[OddObject], seed: int) -> OddReport:
    """Returns what these objects did to a new desk."""
    on = DeskOnTasty(folder, seed=seed, timeouts=PATIENT)
    await on.start()
    try:
        return await OddObjects(on, seed).run(objects)
    finally:
        await on.stop()


def measure(plan: Plan, folder: Path) -> Outcome:
    """All of them, one after the other."""
    objects = odd_objects()[:: plan.odd_step]
    report = asyncio.run(run_odd(folder, objects, seed=5))
    shown = report.shown
    wanted = min(OBJECTS_AT_LEAST, len(objects))
    return Outcome(
        {
            "odd_objects": figure("", [len(shown)], at_least=wanted),
            "counted": figure("", [sum(one.counted > 0 for one in shown)], at_least=len(objects)),
            "shown": figure("", [sum(bool(one.text) for one in shown)], at_least=len(objects)),
            "lost_lists": figure("", [sum(not one.is_list_whole for one in shown)], at_most=0),
            "dead_streams": figure("", [sum(not one.are_streams_alive for one in shown)], at_most=0),
            "books_differing": figure("", [len(report.book_problems)], at_most=0),
            "unforeseen_errors": figure("", [len(report.unforeseen)], at_most=0),
        },
        {"objects": [one.row() for one in shown], "problems": list(report.problems)},
    )
