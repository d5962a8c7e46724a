"""Asks TWS what it has (working orders, completed ones, executions) and takes the answer into the books.

This is the evidence that an error code is not: an order counts as gone only when all three answered without it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from execution.brokers.ibkr.executions import FillBook
from execution.brokers.ibkr.facts import CompletedOrderFact, ExecutionFact, OpenOrderFact
from execution.brokers.ibkr.order_book import OrderBook
from execution.brokers.ibkr.order_record import NOT_WORKING_WORDS
from execution.brokers.ibkr.wire_port import IbWire
from models.clock import NEW_YORK
from models.enums import BrokerName
from models.errors import BrokerFailure, FailureKind

_log = logging.getLogger(__name__)
_CURE: Final = "Restart TWS if this stays so; the desk asks again meanwhile."


@dataclass(frozen=True, slots=True)
class Listing:
    """What TWS listed: permanent ids of open orders, of those that work, of all it mentioned; and its executions.

    `zone` is TWS's own. `missing` says why the completed orders are not among them; None = they are, and absence proves
    something, but not of those in `nameless`: the references of orders listed without a permanent id yet.
    """

    opened: frozenset[int]
    working: frozenset[int]
    mentioned: frozenset[int]
    executed: tuple[ExecutionFact, ...]
    zone: tzinfo
    missing: BrokerFailure | None = None
    nameless: frozenset[str] = frozenset()

    def why_unproven(self, order_ref: str) -> BrokerFailure | None:
        """Returns why the absence of an order of ours proves nothing; None = TWS does not have it."""
        if self.missing is None and order_ref in self.nameless:
            what = "TWS lists the order, but has not given it its permanent id yet."
            return BrokerFailure(FailureKind.TIMEOUT, what, broker=BrokerName.IBKR.value, cure="Ask again in a moment.")
        return self.missing

    @property
    def is_complete(self) -> bool:
        """Whether everything was answered."""
        return self.missing is None


class Lister:
    """One question at a time; TWS answers in the sequence in which it was asked."""

    def __init__(self, *, wire: Callable[[], IbWire], book: OrderBook, fills: FillBook, settle_s: float) -> None:
        self._wire = wire
        self._book = book
        self._fills = fills
        self._settle_s = settle_s
        self._one_at_a_time = asyncio.Lock()
        self._news = asyncio.Event()
        #: The connection on which TWS has told everything once.
        self._heard: IbWire | None = None

    def pulse(self) -> None:
        """Says that something was taken in."""
        self._news.set()
        self._news = asyncio.Event()

    def has_listed(self, wire: IbWire) -> bool:
        """Returns whether TWS has told everything on this connection."""
        return self._heard is wire

    async def ask(self) -> Listing:
        """Returns TWS's list, with the books brought up to it; BrokerFailure when orders or fills are not told."""
        async with self._one_at_a_time:
            wire = self._wire()
            asked_at = self._book.count
            statuses = {record.perm_id: record.statuses for record in self._book.records()}
            # Working orders first: one that ends meanwhile is then in both lists, never in neither.
            opened = await wire.open_orders()
            completed = await _completed_orders(wire)
            executed = await wire.executions()
            await self._settle(opened, statuses)
            return self._take(wire, asked_at, opened, completed, executed)

    async def wait_for_fees(self) -> None:
        """Waits a little for commissions that are still to come."""
        await self._wait_until(lambda: not self._fills.without_fee())

    async def _settle(self, opened: Iterable[OpenOrderFact], before: dict[int, int]) -> None:
        """Waits a little until each order's status, which follows its listing, has come through the inbox."""
        listed = [fact.perm_id for fact in opened if fact.perm_id and not fact.is_what_if]

        def has_come(perm_id: int) -> bool:
            record = self._book.of_perm(perm_id)
            return record is not None and record.opened is not None and record.statuses > before.get(perm_id, 0)

        await self._wait_until(lambda: all(has_come(perm_id) for perm_id in listed))

    async def _wait_until(self, is_so: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(self._settle_s):
                while not is_so():
                    await self._news.wait()
        except TimeoutError:
            _log.debug("went on without what was still to come from TWS")

    def _take(
        self,
        wire: IbWire,
        asked_at: int,
        opened: tuple[OpenOrderFact, ...],
        completed: tuple[CompletedOrderFact, ...] | BrokerFailure,
        executed: tuple[ExecutionFact, ...],
    ) -> Listing:
        missing = completed if isinstance(completed, BrokerFailure) else None
        done = () if isinstance(completed, BrokerFailure) else completed
        for fact in opened:
            known = self._book.of_perm(fact.perm_id)
            # What came through the inbox is newer than the list, or the same.
            if known is None or known.opened is None or known.changed_at <= asked_at:
                self._book.take_open(fact)
        working = frozenset(
            fact.perm_id
            for fact in opened
            if fact.perm_id and not fact.is_what_if and fact.status not in NOT_WORKING_WORDS
        )
        self._book.settle_listing(asked_at, working)
        for ended in done:
            self._book.take_completed(ended)
        for execution in executed:
            self._book.take_fill(self._fills.take(execution))
        listed = frozenset(fact.perm_id for fact in opened if fact.perm_id and not fact.is_what_if)
        nameless = frozenset(fact.order_ref for fact in opened if not fact.perm_id and not fact.is_what_if)
        told = listed | {fact.perm_id for fact in done} | {fact.perm_id for fact in executed}
        if missing is None:
            self._heard = wire
        return Listing(listed, working, told - {0}, executed, wire.own_zone, missing, nameless)


async def _completed_orders(wire: IbWire) -> tuple[CompletedOrderFact, ...] | BrokerFailure:
    """Asks twice, because TWS is known to leave this question unanswered; then the failure is the answer."""
    try:
        return await wire.completed_orders()
    except BrokerFailure as error:
        if error.kind is not FailureKind.TIMEOUT:
            raise
        _log.warning("completed orders were not told, asked once more: %s", error)
    try:
        return await wire.completed_orders()
    except BrokerFailure as error:
        if error.kind is not FailureKind.TIMEOUT:
            raise
        what = f"TWS does not tell its completed orders: {error.what}"
        return BrokerFailure(error.kind, what, broker=BrokerName.IBKR.value, cure=_CURE)


def executions_since_utc(now_utc: datetime, executed: Iterable[ExecutionFact], tws_zone: tzinfo) -> datetime:
    """Returns since when TWS's executions are complete: its midnight, or the oldest one it told.

    Where TWS cuts is documented nowhere: of the midnights of its zone, this computer's and New York's the latest is
    promised, so that a gap is rather reported once too often. A Trade Log that keeps days shows by itself.
    """
    midnights = [
        now.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(now_utc.tzinfo)
        for now in (now_utc.astimezone(), now_utc.astimezone(NEW_YORK), now_utc.astimezone(tws_zone))
    ]
    return min([max(midnights), *(fact.at_utc for fact in executed)])
