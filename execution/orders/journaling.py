"""One journal row per complete trade event, with the whole book's Greeks before and after it.

An event is complete when its order is FILLED, or ended after filling a part. What fills later than that, and what is
corrected later, gets a row of its own: a row is never changed. Before and after are valued at the same moment (the
book without and with the executions), so a row that a crash delayed shows the trade's own effect all the same.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from execution.facts import DeskFacts
from execution.orders.fills import progress_of
from execution.orders.ledger import Outside, Tracked
from execution.orders.recorder import BrokerOf, Recorder
from execution.storage import AuditKind, AuditRecord, Storage
from execution.views import JournalWritten, Publisher, Severity
from models.clock import Clock
from models.enums import Action, JournalStatus, OrderStatus
from models.errors import KnownError
from models.greeks import PortfolioGreeks
from models.ids import AccountId, BrokerOrderId, ContractKey, new_uuid
from models.order import Order, OrderLeg
from models.order_status import TERMINAL
from models.trade import Execution, ExecutionKind, JournalEntry, JournalLeg

#: What a settlement is called in the journal.
SETTLEMENT_TAGS = {
    ExecutionKind.CASH_SETTLEMENT: "expiration",
    ExecutionKind.EXPIRED_WORTHLESS: "expiration",
    ExecutionKind.ASSIGNMENT: "assignment",
    ExecutionKind.EXERCISE: "exercise",
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Event:
    """What goes into one row. `net` dollars, positive = paid; None = not known."""

    executions: tuple[Execution, ...]
    status: JournalStatus
    strategy_tag: str | None
    tags: tuple[str, ...]
    net: Decimal | None


class Journalist:
    """Writes journal rows when trade events complete. Called with the order manager's lock held."""

    def __init__(
        self,
        *,
        storage: Storage,
        facts: DeskFacts,
        recorder: Recorder,
        publisher: Publisher,
        broker_of: BrokerOf,
        clock: Clock,
        stale_context_after_s: float,
    ) -> None:
        self._storage = storage
        self._facts = facts
        self._recorder = recorder
        self._publisher = publisher
        self._broker_of = broker_of
        self._clock = clock
        self._stale_after = timedelta(seconds=stale_context_after_s)

    def is_due(self, tracked: Tracked) -> bool:
        """Returns whether the order has ended with executions that no row covers."""
        return tracked.order.status in TERMINAL and bool(tracked.fills.unjournaled() or tracked.fills.corrected())

    def is_settled(self, tracked: Tracked) -> bool:
        """Returns whether all that the broker told is here: whole packages, as many as it said."""
        progress = progress_of(tracked.order, tracked.fills.executions.values())
        return progress.is_complete or (progress.is_balanced and progress.packages >= tracked.told_packages)

    async def write_order(self, tracked: Tracked) -> None:
        """Writes the row of an order's executions that have none, and one for each later correction."""
        order, fills = tracked.order, tracked.fills
        fresh = fills.unjournaled()
        if fresh:
            is_first = not fills.journaled
            is_whole = is_first and order.status is OrderStatus.FILLED
            event = _Event(
                executions=fresh,
                status=JournalStatus.FILLED if is_whole else JournalStatus.PARTIAL,
                strategy_tag=order.strategy_tag,
                tags=() if is_first else ("late_fill",),
                net=net_usd(fresh),
            )
            if await self._write(event, order, order.account_id):
                fills.mark_journaled(fresh)
        for old, new in fills.corrected():
            event = _Event(
                (new,), JournalStatus.PARTIAL, order.strategy_tag, ("correction",), fills.change_usd(old, new)
            )
            if await self._write(event, order, order.account_id):
                fills.mark_journaled((new,))

    async def write_outside(self, outside: Outside) -> None:
        """Writes the row of something traded or settled outside this desk."""
        fresh = outside.fills.unjournaled()
        if fresh:
            kind = fresh[0].kind
            is_partial = outside.order is not None and outside.order.status is not OrderStatus.FILLED
            event = _Event(
                executions=fresh,
                status=JournalStatus.PARTIAL if is_partial else JournalStatus.FILLED,
                strategy_tag=SETTLEMENT_TAGS.get(kind) or self._facts.strategy_tag(order_legs(fresh)),
                tags=("external",) if kind is ExecutionKind.TRADE else ("settlement",),
                net=net_usd(fresh),
            )
            if await self._write(event, None, outside.account_id):
                outside.fills.mark_journaled(fresh)
        fills = outside.fills
        for old, new in fills.corrected():
            event = _Event((new,), JournalStatus.PARTIAL, None, ("external", "correction"), fills.change_usd(old, new))
            if await self._write(event, None, outside.account_id):
                outside.fills.mark_journaled((new,))

    async def _write(self, event: _Event, order: Order | None, account_id: AccountId) -> bool:
        """Writes a row; True when the event has its row now (written or already there)."""
        legs = journal_legs(event.executions)
        if not legs:
            return True
        entry = self._entry(event, legs, order, account_id)
        record = AuditRecord(
            kind=AuditKind.JOURNALED,
            order_id=None if order is None else order.id,
            broker_order_id=entry.broker_order_id,
            account_id=account_id,
            at_utc=self._clock.now_utc(),
            state={
                "journal_id": entry.id,
                "execution_ids": [execution.execution_id for execution in event.executions],
                "revisions": [execution.revision for execution in event.executions],
            },
        )
        try:
            is_new = await self._storage.write_journal(entry, order, entry.broker, record)
        except KnownError as error:
            await self._recorder.failed_write(f"the journal row of {entry.underlying}", error)
            return False
        if is_new:
            self._publisher.notice(JournalWritten(entry.id))
        return True

    def _entry(
        self, event: _Event, legs: tuple[JournalLeg, ...], order: Order | None, account_id: AccountId
    ) -> JournalEntry:
        context = self._facts.market_context()
        last = max(execution.executed_at_utc for execution in event.executions)
        late = ("stamped_late",) if context.at_utc - last > self._stale_after else ()
        pre = self._greeks(event.executions)
        post = self._greeks(())
        broker_order_id: BrokerOrderId | None = event.executions[0].broker_order_id
        return JournalEntry(
            id=new_uuid(),
            created_at=self._clock.now_utc(),
            broker=self._broker_of(account_id),
            account_id=account_id,
            broker_order_id=broker_order_id if order is None else (order.broker_order_id or broker_order_id),
            order_id=None if order is None else order.id,
            underlying=legs[0].contract.underlying,
            strategy_tag=event.strategy_tag,
            status=event.status,
            legs=legs,
            net_debit_credit=event.net,
            context=context,
            pre_greeks=pre,
            post_greeks=post,
            user_rationale=None if order is None else (order.user_rationale or None),
            ai_rationale=None if order is None else order.ai_rationale,
            ai_suggestion_id=None if order is None else order.ai_suggestion_id,
            tags=(*event.tags, *late),
        )

    def _greeks(self, without: Sequence[Execution]) -> PortfolioGreeks | None:
        """The row must be written even when the book cannot be valued; then it has no Greeks, and that is told."""
        try:
            return self._facts.greeks(without=without)
        except Exception:  # noqa: BLE001 - named boundary: logged and told, the row is written without Greeks
            _log.exception("the book could not be valued for the journal")
            self._recorder.say("The book could not be valued; a journal row has no Greeks.", Severity.ERROR)
            return None


def journal_legs(executions: Iterable[Execution]) -> tuple[JournalLeg, ...]:
    """Returns one leg per contract and side with its quantity and average price; busted fills drop out."""
    groups: dict[tuple[ContractKey, Action], list[Execution]] = {}
    for execution in executions:
        groups.setdefault((execution.contract.key, execution.action), []).append(execution)
    legs: list[JournalLeg] = []
    for group in groups.values():
        quantity = sum((execution.quantity for execution in group), Decimal(0))
        if quantity > 0:
            paid = sum((execution.quantity * execution.price for execution in group), Decimal(0))
            size = int(quantity) if quantity == int(quantity) else quantity
            legs.append(JournalLeg(group[0].contract, group[0].action, size, paid / quantity))
    return tuple(legs)


def order_legs(executions: Iterable[Execution]) -> tuple[OrderLeg, ...]:
    """Returns what a strategy is recognised from; a fraction of a share counts as one."""
    return tuple(OrderLeg(leg.contract, leg.action, math.ceil(leg.quantity)) for leg in journal_legs(executions))


def net_usd(executions: Iterable[Execution]) -> Decimal:
    """Returns the dollars paid for the executions, fees excluded; negative = received."""
    return -sum((execution.cash_effect for execution in executions), Decimal(0))
