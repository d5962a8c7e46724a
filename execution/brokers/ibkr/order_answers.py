"""Waiting for TWS's word on what was sent: whoever waits judges each new fact about its order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from execution.brokers.ibkr.error_codes import CodeKind, info_of, says_pending_cancel
from execution.brokers.ibkr.facts import ErrorFact
from execution.brokers.ibkr.order_record import OrderRecord
from models.enums import OrderStatus

_S = OrderStatus
_REFUSALS = (CodeKind.REFUSED, CodeKind.REQUEST_REFUSED, CodeKind.CHANGE_REFUSED)


class Verdict(Enum):
    """What a fact makes of a request."""

    TAKEN = auto()
    REFUSED = auto()
    #: Not clear: TWS is asked what it has.
    DOUBTED = auto()
    ENDED = auto()
    LINK_LOST = auto()
    SILENT = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict, and the error that led to it if one did."""

    verdict: Verdict
    error: ErrorFact | None = None


Judge = Callable[[OrderRecord, ErrorFact | None], Verdict | None]


def judge_submit(record: OrderRecord, error: ErrorFact | None) -> Verdict | None:
    """A new order is taken once TWS has passed it on under its permanent id; before that it may still be refused."""
    if record.is_taken:
        return Verdict.TAKEN
    if error is not None:
        kind = info_of(error.code).kind
        if kind in _REFUSALS:
            return Verdict.REFUSED
        return None if kind is CodeKind.ADVISORY else Verdict.DOUBTED
    return Verdict.DOUBTED if record.has_inactive or record.has_cancelled else None


def judge_cancel(record: OrderRecord, error: ErrorFact | None) -> Verdict | None:
    """A cancel is taken when TWS says that it is on its way, or that the order has ended (a fill may win)."""
    if error is not None:
        kind = info_of(error.code).kind
        if kind is CodeKind.CANCELLED or says_pending_cancel(error.code, error.text):
            return Verdict.TAKEN
        if kind in (CodeKind.CANCEL_REFUSED, CodeKind.REQUEST_REFUSED):
            return Verdict.REFUSED
        return None
    return Verdict.TAKEN if record.status is _S.CANCEL_PENDING or record.has_ended else None


def judge_replace(wire_limit: Decimal) -> Judge:
    """A new price is taken only when TWS's own echo of the order bears it."""

    def judge(record: OrderRecord, error: ErrorFact | None) -> Verdict | None:
        if record.opened is not None and record.opened.limit_price == wire_limit:
            return Verdict.TAKEN
        if error is not None and info_of(error.code).kind in _REFUSALS:
            return Verdict.REFUSED
        if record.status is _S.FILLED:
            return Verdict.TAKEN
        return Verdict.ENDED if record.has_ended else None

    return judge


@dataclass(slots=True, eq=False)
class _Waiter:
    record: OrderRecord
    judge: Judge
    future: asyncio.Future[Answer]
    is_change: bool


class Answers:
    """Everybody who waits. Engine thread only."""

    def __init__(self) -> None:
        self._waiting: list[_Waiter] = []

    async def wait(
        self, record: OrderRecord, judge: Judge, timeout_s: float, *, send: Callable[[], None], is_change: bool = False
    ) -> Answer:
        """Sends, then returns the first verdict; SILENT when none came in time. What `send` raises goes through."""
        waiter = _Waiter(record, judge, asyncio.get_running_loop().create_future(), is_change)
        self._waiting.append(waiter)
        try:
            send()
            async with asyncio.timeout(timeout_s):
                return await waiter.future
        except TimeoutError:
            return Answer(Verdict.SILENT)
        finally:
            self._waiting.remove(waiter)

    def pulse(self, record: OrderRecord, error: ErrorFact | None = None) -> None:
        """Lets those who wait for this order judge what was just taken in."""
        for waiter in self._waiting:
            if waiter.record is record and not waiter.future.done():
                verdict = waiter.judge(record, error)
                if verdict is not None:
                    waiter.future.set_result(Answer(verdict, error))

    def is_changing(self, record: OrderRecord) -> bool:
        """Returns whether a new price for this order is on its way: a refusal is about that, not about the order."""
        return any(waiter.record is record and waiter.is_change for waiter in self._waiting)

    def lose_link(self) -> None:
        """Ends every wait: nobody will answer on this connection any more."""
        for waiter in self._waiting:
            if not waiter.future.done():
                waiter.future.set_result(Answer(Verdict.LINK_LOST))
