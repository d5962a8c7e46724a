"""Every known message code of TWS, sent on the wire for an order that is new, works, or is being cancelled.

A code is words: whether the order lives is what the exchange behind TWS says. At every step the desk tells of an order
the exchange is asked whether that is so. Then each order really ends, by a fill or a cancel, and the desk must follow.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.books import Comparison, at_rest
from benchmarks.figures import Outcome, figure
from benchmarks.ibkr_desk import SHORT, DeskOnTws
from benchmarks.plan import Plan
from benchmarks.trader import Trader
from benchmarks.whole_desk import GRACE
from execution import commands
from execution.brokers.ibkr.error_codes import CodeKind, info_of, known_codes
from execution.brokers.paper.faults import Call, CallFault, Failure, FillBehavior, OrderScript
from execution.ticket_views import SendOutcome
from models.enums import OrderStatus
from models.ids import OrderId
from tests.simulators.tws.error_texts import text_of_code

#: TWS's answers about orders leave so much later than its codes: the code finds the order new.
_ANSWER_AFTER_S: Final = 0.6
_ORDER_ANSWERS: Final = (3, 5, 11, 53, 55, 59, 101, 102)
#: A cancel takes so long at the exchange: the code finds it on its way, and the look that may follow is over.
CANCEL_AFTER_S: Final = 6.0
#: A doubt is followed by a look a second later; by then it is over.
LOOKED_AFTER_S: Final = 3.0
_AT_ONCE, _LOST_AT_ONCE = 24, 12
#: So long the desk waits for TWS's word on a new order; all orders of a group leave within it.
_ACK_WITHIN_S: Final = 4.0
_END_WITHIN_S: Final = 40.0
_READY_WITHIN_S: Final = 30.0
_REST_WITHIN_S: Final = 30.0
_FARMS = (2104, 2158)
#: Codes about the link itself, and what heals it: they reach all orders at once, so they come one by one.
_LINK_CODES: Final = {1100: 1102, 2110: 1102, 1101: None, 1102: None, 2103: 2104, 2157: 2158}


_REFUSING: Final = (CodeKind.REFUSED, CodeKind.REQUEST_REFUSED, CodeKind.CHANGE_REFUSED)
#: The desk notices within this time that the clock was put on, and asks the broker for everything.
_CLOCK_LOOKS_AFTER_S: Final = 5.5
CODES_AT_LEAST: Final = 150


class Found(StrEnum):
    """What the code finds."""

    NEW = "new order"
    NEW_LOST = "new order that TWS does not have"
    LIVE = "live order"
    CANCEL_SENT = "cancel just sent"
    CANCELLING = "cancel pending"


@dataclass(slots=True)
class CodesReport:
    """What a run came to."""

    codes: int = 0
    cases: int = 0
    #: What the desk said of the orders after the code, before they ended.
    said: Counter[str] = field(default_factory=Counter)
    wrong_ends: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    failures: list[str] = field(default_factory=list)
    books: Comparison | None = None

    @property
    def book_problems(self) -> tuple[str, ...]:
        """What differs between the desk's books and the exchange's in the end."""
        return ("the books were not compared",) if self.books is None else self.books.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that may not be."""
        return (*self.failures, *self.wrong_ends, *self.unreadable, *self.book_problems)


class Codes:
    """One desk that is told every code."""

    def __init__(self, on: DeskOnTws, seed: int, *, looked_after_s: float = LOOKED_AFTER_S) -> None:
        self.on = on
        self._looked_after_s = looked_after_s
        self.rng = Random(seed)
        self.trader = Trader(on, self.rng)
        self.report = CodesReport()

    async def run(self, state: Found, codes: Sequence[int]) -> CodesReport:
        """Returns what the codes did to orders in this state."""
        self.trader.look_around()
        plain = [code for code in codes if code not in _LINK_CODES]
        few = _AT_ONCE
        if state is Found.NEW_LOST:
            # The first order of unknown outcome locks its symbol: the others have to be on their way by then.
            few = _LOST_AT_ONCE
            plain.sort(key=lambda code: info_of(code).kind not in _REFUSING)
        for first in range(0, len(plain), few):
            await self._cases(state, plain[first : first + few])
            done = min(first + few, len(plain))
            print(f"benchmarks: {done} codes on a {state.value} done", file=sys.stderr, flush=True)
        for code in codes:
            # An order that was lost is looked for at once when the link is mended: nothing is left to tell of it.
            if code in _LINK_CODES and state is not Found.NEW_LOST:
                await self._cases(state, [code])
        self.report.books = await at_rest(self.on, _REST_WITHIN_S, times=2)
        self.report.codes = len(codes)
        self.report.wrong_ends = tuple(self.on.watch.wrong_ends)
        self.report.unreadable = tuple(self.on.complaints.lines)
        return self.report

    async def _cases(self, state: Found, codes: Sequence[int]) -> None:
        """One order per code: brought into the state, told the code, looked at, ended."""
        lost = state is Found.NEW_LOST
        orders = await self._lost(codes) if lost else await self._in_state(state, codes)
        self.report.cases += len(orders)
        if not lost:
            await self._end(tuple(orders), state)

    # --- states -------------------------------------------------------------------------------------------------------

    async def _in_state(self, state: Found, codes: Sequence[int]) -> dict[OrderId, int]:
        """Returns one order per code, in the state, after the code and what it may have set off."""
        tickets = await self._tickets(codes)
        orders = {draft.order_id: code for code, draft in tickets.items()}
        if state is Found.NEW:
            self._tell_late()
            self.on.on_placed = lambda order_ref, number: self._tell(orders[OrderId(order_ref)], number)
        await asyncio.gather(*(self._send(draft) for draft in tickets.values()))
        numbers = self.on.order_ids()
        orders = {order_id: code for order_id, code in orders.items() if order_id in numbers}
        if state is Found.CANCEL_SENT:
            self._tell_late()
            names = {number: order_id for order_id, number in numbers.items()}
            self.on.on_cancelled = lambda number: self._tell(orders[names[number]], number)
        if state in (Found.CANCELLING, Found.CANCEL_SENT):
            await asyncio.gather(*(self.trader.cancel(order_id) for order_id in orders))
        self._stop_telling()
        if state in (Found.LIVE, Found.CANCELLING):
            for order_id, code in orders.items():
                self._tell(code, numbers[order_id])
        await asyncio.sleep(self._looked_after_s)
        await self._heal(codes)
        for order_id in orders:
            self.report.said[f"{state.value}: {self._status(order_id)}"] += 1
        return orders

    async def _lost(self, codes: Sequence[int]) -> dict[OrderId, int]:
        """Returns one order per code that left and never arrived; TWS says the code and nothing else."""
        tickets = await self._tickets(codes)
        orders = {draft.order_id: code for code, draft in tickets.items()}
        self.on.faults.fail(Call.SUBMIT, CallFault(Failure.DROP), times=len(orders))
        self.on.on_placed = lambda order_ref, number: self._tell(orders[OrderId(order_ref)], number)
        await asyncio.gather(*(self._send(draft) for draft in tickets.values()))
        self._stop_telling()
        for order_id, code in orders.items():
            is_refusal = info_of(code).kind in _REFUSING
            self.report.said[f"{Found.NEW_LOST.value}: {self._status(order_id)}"] += 1
            expected = OrderStatus.REJECTED if is_refusal else OrderStatus.UNKNOWN
            if self.on.watch.status(order_id) is not expected:
                text = f"code {code}: an order TWS does not have is {self._status(order_id)}, not {expected.value}"
                self.report.failures.append(text)
        await self._declare_unknown()
        return orders

    async def _tickets(self, codes: Sequence[int]) -> dict[int, commands.TicketDraft]:
        """Returns a simulated ticket per code; all are ready before the first is sent."""
        script = OrderScript(fills=FillBehavior.NEVER)
        tickets = {}
        for code in codes:
            await self.on.ready(_READY_WITHIN_S)
            draft = await self.trader.ticket(self.trader.shape(), script, is_resting=True)
            if draft is None:
                self.report.failures.append(f"code {code}: no ticket: {self.trader.refused}")
            else:
                tickets[code] = draft
        return tickets

    async def _send(self, draft: commands.TicketDraft) -> None:
        outcome: SendOutcome = await self.on.desk.handle(commands.SendOrder(draft))
        if outcome.denials or outcome.problems:
            self.report.failures.append(f"{draft.order_id} did not leave: {outcome.denials or outcome.problems}")
        else:
            self.trader.sent.append(draft.order_id)

    def _tell(self, code: int, number: int) -> None:
        """Sends a code for an order's number, in TWS's own words."""
        text = "A data farm connection is broken:usfarm" if _LINK_CODES.get(code) in _FARMS else text_of_code(code)
        self.on.simulator.broadcast(code, text, req_id=number)

    def _tell_late(self) -> None:
        self.on.habits.delays_s = dict.fromkeys(_ORDER_ANSWERS, _ANSWER_AFTER_S)

    def _stop_telling(self) -> None:
        self.on.habits.delays_s = {}
        self.on.on_placed = self.on.on_cancelled = None

    async def _heal(self, codes: Sequence[int]) -> None:
        """Mends the link that a code has broken, as TWS would say it."""
        for code in codes:
            healing = _LINK_CODES.get(code)
            if healing is not None:
                text = "A data farm connection is OK:usfarm" if healing in _FARMS else ""
                self.on.simulator.broadcast(healing, text)
        await self.on.ready(_READY_WITHIN_S)

    # --- ends ---------------------------------------------------------------------------------------------------------

    async def _end(self, orders: Sequence[OrderId], state: Found) -> None:
        """Ends every second order by a fill, the others by a cancel; desk and exchange must come to the same."""
        for place, order_id in enumerate(orders):
            if place % 2:
                self.on.faults.for_order(order_id, OrderScript(fills=FillBehavior.IMMEDIATE))
            elif state in (Found.NEW, Found.LIVE):
                await self.trader.cancel(order_id)
        if not await self.on.watch.until(lambda: all(map(self._is_same, orders)), _END_WITHIN_S):
            for order_id in orders:
                if not self._is_same(order_id):
                    _, there = self.on.truth(order_id)
                    really = "nowhere" if there is None else there.status.value
                    self.report.failures.append(f"{order_id} ended as {really}; the desk says {self._status(order_id)}")

    def _is_same(self, order_id: OrderId) -> bool:
        _, there = self.on.truth(order_id)
        return there is not None and there.is_done and self.on.watch.status(order_id) is there.status

    async def _declare_unknown(self) -> None:
        """What a user does: after the grace he says that they were not sent."""
        unknown = [one.id for one in self.on.watch.orders.values() if one.status is OrderStatus.UNKNOWN]
        if unknown:
            self.on.put_on(GRACE)
            for order_id in unknown:
                await self.on.desk.handle(commands.DeclareNotSent(order_id))
            await asyncio.sleep(_CLOCK_LOOKS_AFTER_S)
            await self.on.ready(_READY_WITHIN_S)

    def _status(self, order_id: OrderId) -> str:
        status = self.on.watch.status(order_id)
        return "not told" if status is None else status.value


async def run_codes(
    folder: Path,
    codes: Sequence[int],
    states: Sequence[Found],
    seed: int,
    *,
    looked_after_s: float = LOOKED_AFTER_S,
    cancel_after_s: float = CANCEL_AFTER_S,
) -> dict[Found, CodesReport]:
    """Returns the report of the codes on each state of an order, each on a new desk of its own."""

    async def one(state: Found) -> CodesReport:
        # No link goes dead here: a busy machine must not look like one.
        patience = replace(SHORT, ack_s=_ACK_WITHIN_S, ping_every_s=8.0, ping_dead_s=10.0)
        on = DeskOnTws(folder / state.name, seed=seed, timeouts=patience, cancel_delay_s=cancel_after_s)
        await on.start()
        try:
            return await Codes(on, seed, looked_after_s=looked_after_s).run(state, codes)
        finally:
            await on.stop()

    return dict(zip(states, await asyncio.gather(*(one(state) for state in states)), strict=True))


def measure(plan: Plan, folder: Path) -> Outcome:
    """Every known code on every state of an order."""
    codes = known_codes()[: plan.codes]
    reports = asyncio.run(run_codes(folder, codes, tuple(Found), seed=3))
    said = sum((report.said for report in reports.values()), Counter[str]())
    problems = [problem for report in reports.values() for problem in report.problems]
    return Outcome(
        {
            "codes": figure("", [len(codes)], at_least=min(plan.codes or CODES_AT_LEAST, CODES_AT_LEAST)),
            "cases": figure("", [sum(report.cases for report in reports.values())]),
            "wrong_terminal_states": figure("", [_count(reports, "wrong_ends")], at_most=0),
            "cases_not_as_at_tws": figure("", [_count(reports, "failures")], at_most=0),
            "books_differing": figure("", [_count(reports, "book_problems")], at_most=0),
            "unreadable_messages": figure("", [_count(reports, "unreadable")], at_most=0),
        },
        {
            "cases_by_state": {state.value: report.cases for state, report in reports.items()},
            "said_after_the_code": dict(sorted(said.items())),
            "problems": problems,
        },
    )


def _count(reports: Mapping[Found, CodesReport], what: str) -> int:
    return sum(len(getattr(report, what)) for report in reports.values())
