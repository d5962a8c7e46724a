"""Every way in which the POST of an order can fail after Tastytrade has accepted the order, many times each.

A whole desk sends orders; the answer to each goes wrong in one way. The order must be found again by the identifier it
was sent with, and nothing may be sent twice. Half of the time the account stream says nothing of it either, so that
only the lists of REST can tell. Then the order is filled, filled in parts or cancelled, and the desk must follow.
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
from benchmarks.trader import Trader
from execution.brokers.paper.faults import FillBehavior, OrderScript
from models.enums import OrderStatus
from models.errors import KnownError
from models.ids import OrderId
from models.order_status import TERMINAL
from tests.simulators.tastytrade.habits import AFTER_ACCEPTANCE, Trouble
from tests.simulators.tastytrade.records import TastyRecord

WAYS_AT_LEAST: Final = 12
#: A slow answer comes so late: the desk has stopped waiting for it.
_SLOW_S: Final = 2.5
_FOUND_WITHIN_S: Final = 30.0
_END_WITHIN_S: Final = 30.0
_READY_WITHIN_S: Final = 30.0
_REST_WITHIN_S: Final = 30.0
_AT_ONCE: Final = 4


@dataclass(slots=True)
class Way:
    """One way of failing, over all seeds."""

    trouble: Trouble
    posts: int = 0
    #: Told as of unknown outcome at first.
    unknown: int = 0
    #: How many of them the account stream kept silent about.
    unheard: int = 0
    found: int = 0
    slowest_s: float = 0.0

    def row(self) -> dict[str, Any]:
        """Returns it as it is shown."""
        return {
            "way": self.trouble.value,
            "posts": self.posts,
            "outcome unknown at first": self.unknown,
            "no alert either": self.unheard,
            "found again": self.found,
            "slowest, s": round(self.slowest_s, 2),
        }


@dataclass(slots=True)
class PostsReport:
    """What a run came to."""

    ways: dict[Trouble, Way]
    wrong_ends: tuple[str, ...] = ()
    unforeseen: tuple[str, ...] = ()
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


class Posts:
    """One desk whose orders are answered badly."""

    def __init__(self, on: DeskOnTasty, seed: int) -> None:
        self.on = on
        self.rng = Random(seed)
        self.trader = Trader(on, self.rng)
        self.report = PostsReport({})

    async def run(self, ways: Sequence[Trouble]) -> PostsReport:
        """Returns what became of one order per way, in an order of the seed's."""
        self.trader.look_around()
        order = list(ways)
        self.rng.shuffle(order)
        for trouble in order:
            way = self.report.ways.setdefault(trouble, Way(trouble))
            try:
                await self._post(way)
            except KnownError as error:
                self.report.failures.append(f"{trouble.value}: {error}")
                break
        report = self.report
        report.books = await at_rest(self.on, _REST_WITHIN_S, times=2)
        report.wrong_ends = tuple(self.on.watch.wrong_ends)
        report.unforeseen = tuple(self.on.complaints.lines)
        return report

    async def _post(self, way: Way) -> None:
        """Sends one order whose answer goes wrong, waits until it is found again, and ends it."""
        on, loop = self.on, asyncio.get_running_loop()
        await on.ready(_READY_WITHIN_S)
        self._change_habits()
        on.simulator.trouble(way.trouble, delay_s=_SLOW_S)
        began_s = loop.time()
        sent = await self.trader.send(self.trader.shape(), OrderScript(fills=FillBehavior.NEVER), is_resting=True)
        if sent is None:
            self.report.failures.append(f"{way.trouble.value}: nothing left: {self.trader.refused}")
            on.simulator.troubles.planned.clear()
            return
        way.posts += 1
        way.unknown += on.watch.status(sent) is OrderStatus.UNKNOWN
        way.unheard += bool(on.habits.muted)
        if await on.watch.until(lambda: self._is_found(sent), _FOUND_WITHIN_S):
            way.found += 1
            way.slowest_s = max(way.slowest_s, loop.time() - began_s)
        else:
            there = [one.status for one in self._records(sent)]
            text = f"{way.trouble.value}: order {sent} is {there} there; the desk says {on.watch.status(sent)}"
            self.report.failures.append(text)
        on.habits.muted.clear()
        await self._end(way.trouble, sent)

    def _records(self, order_id: OrderId) -> list[TastyRecord]:
        records = self.on.simulator.parts.orders.records.all()
        return [one for one in records if one.external_identifier == order_id]

    def _is_found(self, order_id: OrderId) -> bool:
        """Whether the desk knows the order under Tastytrade's id, and that it works."""
        known = self.on.watch.orders.get(order_id)
        numbers = [str(one.id) for one in self._records(order_id)]
        return known is not None and known.status is OrderStatus.PENDING and [known.broker_order_id] == numbers

    async def _end(self, trouble: Trouble, order_id: OrderId) -> None:
        """Ends the order in one of three ways; desk and exchange must come to the same."""
        match self.rng.randrange(3):
            case 0:
                await self.trader.cancel(order_id)
            case 1:
                self.on.faults.for_order(order_id, OrderScript(fills=FillBehavior.IMMEDIATE))
            case _:
                script = OrderScript(fills=FillBehavior.PARTIAL, first_packages=1, delay_s=self.rng.uniform(0.1, 0.5))
                self.on.faults.for_order(order_id, script)
        if not await self.on.watch.until(lambda: self._is_same(order_id), _END_WITHIN_S):
            _, there = self.on.truth(order_id)
            really = "nowhere" if there is None else there.status.value
            text = f"{trouble.value}: {order_id} ended as {really}; the desk says {self.on.watch.status(order_id)}"
            self.report.failures.append(text)

    def _is_same(self, order_id: OrderId) -> bool:
        _, there = self.on.truth(order_id)
        return there is not None and there.status in TERMINAL and self.on.watch.status(order_id) is there.status

    def _change_habits(self) -> None:
        habits, rng = self.on.habits, self.rng
        habits.muted = {"Order"} if rng.random() < 0.5 else set()
        habits.alerts_first = rng.random() < 0.5
        habits.batches = rng.random() < 0.3
        habits.copies = rng.choice((1, 1, 2))
        habits.staggered = rng.random() < 0.7
        habits.accepted_status = rng.choice(("Routed", "Received", "Live"))


async def run_posts(folder: Path, ways: Sequence[Trouble], seeds: Sequence[int]) -> list[PostsReport]:
    """Returns the reports of all ways, once a seed, each seed on a new desk of its own."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(seed: int) -> PostsReport:
        async with gate:
            on = DeskOnTasty(folder / str(seed), seed=seed, timeouts=PATIENT)
            await on.start()
            try:
                report = await Posts(on, seed).run(ways)
            finally:
                await on.stop()
        print(f"benchmarks: orders of seed {seed} done", file=sys.stderr, flush=True)
        return report

    return list(await asyncio.gather(*(one(seed) for seed in seeds)))


def summed(reports: Sequence[PostsReport]) -> list[Way]:
    """Returns each way over all desks."""
    total: dict[Trouble, Way] = {}
    for report in reports:
        for trouble, one in report.ways.items():
            way = total.setdefault(trouble, Way(trouble))
            way.posts += one.posts
            way.unknown += one.unknown
            way.unheard += one.unheard
            way.found += one.found
            way.slowest_s = max(way.slowest_s, one.slowest_s)
    return [total[trouble] for trouble in AFTER_ACCEPTANCE if trouble in total]


def measure(plan: Plan, folder: Path) -> Outcome:
    """Every way with every seed."""
    every = AFTER_ACCEPTANCE[: plan.post_ways]
    reports = asyncio.run(run_posts(folder, every, range(1, plan.post_seeds + 1)))
    ways = summed(reports)
    books = [report.books for report in reports if report.books is not None]
    wanted = len(every) * plan.post_seeds
    return Outcome(
        {
            "ways_to_fail": figure("", [len(ways)], at_least=min(plan.post_ways or WAYS_AT_LEAST, WAYS_AT_LEAST)),
            "posts": figure("", [sum(way.posts for way in ways)], at_least=wanted),
            "resends": figure("", [sum(len(one.resent) for one in books)], at_most=0),
            "found_again": figure("", [sum(way.found for way in ways)], at_least=wanted),
            "final_states_differing": figure("", [sum(len(one.orders_differing) for one in books)], at_most=0),
            "wrong_terminal_states": figure("", [sum(len(one.wrong_ends) for one in reports)], at_most=0),
            "books_differing": figure("", [sum(len(one.book_problems) for one in reports)], at_most=0),
            "unforeseen_errors": figure("", [sum(len(one.unforeseen) for one in reports)], at_most=0),
            "slowest_found_again": figure("s", [max(way.slowest_s for way in ways)]),
        },
        {
            "seeds": plan.post_seeds,
            "fills": sum(one.fills for one in books),
            "ways": [way.row() for way in ways],
            "problems": [problem for report in reports for problem in report.problems],
        },
    )
