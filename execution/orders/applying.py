"""Takes the broker's events into the orders: in any order, any number of times, even before `submit` returned.

An execution is durable before anybody hears of it. All of it happens under one lock, and no broker is called here:
what needs the broker is handed to `Followups`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from execution.brokers.port import BrokerEvent, BrokerOrder, ExecutionEvent, FeeEvent, OrderEvent
from execution.facts import DeskFacts
from execution.orders.fills import Progress, advance, progress_of
from execution.orders.journaling import Journalist
from execution.orders.ledger import Ledger, Outside, Tracked, order_key
from execution.orders.recorder import BrokerOf, Recorder
from execution.orders.timers import Timers
from execution.orders.timings import OrderTimings
from execution.orders.wording import change_text, name_of, terms_of
from execution.storage import AuditKind, Storage
from execution.views import Severity
from models.contract import plain
from models.enums import OrderStatus
from models.errors import KnownError
from models.ids import OrderId
from models.order import Order
from models.order_status import TERMINAL
from models.trade import Execution, ExecutionKind

_S = OrderStatus
_LOUDNESS = {
    _S.FILLED: (Severity.GOOD, True),
    _S.PARTIAL: (Severity.GOOD, False),
    _S.REJECTED: (Severity.ERROR, True),
    _S.UNKNOWN: (Severity.ERROR, True),
    _S.CANCELLED: (Severity.INFO, True),
}
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Followups:
    """What an event may call for that needs the broker: each starts work of its own and returns at once."""

    resolve: Callable[[OrderId], None]
    fetch_executions: Callable[[OrderId], None]
    cancel: Callable[[OrderId], None]


class Applier:
    """Keeps orders in step with the broker's events."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        storage: Storage,
        facts: DeskFacts,
        recorder: Recorder,
        journalist: Journalist,
        timers: Timers,
        timings: OrderTimings,
        broker_of: BrokerOf,
        lock: asyncio.Lock,
    ) -> None:
        self._ledger = ledger
        self._storage = storage
        self._facts = facts
        self._recorder = recorder
        self._journalist = journalist
        self._timers = timers
        self._timings = timings
        self._broker_of = broker_of
        self._lock = lock
        self._buffer: list[BrokerEvent] = []
        self._unwritten: list[Execution] = []
        #: Set by the manager: who follows up needs this object first.
        self.followups: Followups

    async def apply(self, event: BrokerEvent) -> None:
        """Takes one event; events that are not about orders pass by."""
        async with self._lock:
            await self._retry_unwritten()
            await self._apply(event)

    async def catch_up(self) -> None:
        """Tries again to record fills that the database refused."""
        async with self._lock:
            await self._retry_unwritten()

    async def drain(self) -> None:
        """Takes up what waited for a broker id; called when a submit has ended, whichever way."""
        async with self._lock:
            waiting, self._buffer = self._buffer, []
            for event in waiting:
                await self._apply(event)

    async def settle(self, tracked: Tracked, told: BrokerOrder | None = None, *, is_new_fill: bool = False) -> None:
        """Brings an order up to its executions and to what the broker told, tells each step, journals when complete.

        The lock must be held.
        """
        before = tracked.order
        progress = progress_of(before, tracked.fills.executions.values())
        for step in advance(before, progress, told, is_new_fill=is_new_fill):
            text = change_text(before, step, progress)
            severity, toast = _loudness(step)
            kind = AuditKind.UNKNOWN if step.status is _S.UNKNOWN else AuditKind.STATUS
            await self._recorder.keep(tracked, step, kind, text, severity=severity, toast=toast)
            before = step
        await self._watch_overfill(tracked, progress)
        self._watch_balance(tracked, progress)
        await self.journal(tracked)
        self._follow_up(tracked, progress)

    async def journal(self, tracked: Tracked, *, now: bool = False) -> None:
        """Writes the journal row if the event is complete; waits a while for fills that are still on their way."""
        if not self._journalist.is_due(tracked):
            return
        if now or self._journalist.is_settled(tracked):
            await self._journalist.write_order(tracked)
            return
        self._timers.later(f"journal {tracked.order.id}", self._timings.settle_s, lambda: self._journal_later(tracked))

    async def journal_outside(self, outside: Outside, *, now: bool = False) -> None:
        """Writes the row of an outside event when its order ended, else when nothing more has come for a while."""
        if not outside.fills.unjournaled() and not outside.fills.corrected():
            return
        is_over = outside.order is not None and outside.order.status in TERMINAL
        is_all_here = outside.order is not None and _is_all_here(outside.order, outside)
        if now or (is_over and is_all_here):
            await self._journalist.write_outside(outside)
        elif outside.order is None or is_over:
            self._timers.later(
                f"journal {outside.key}", self._timings.settle_s, lambda: self._journal_outside_later(outside)
            )

    async def _journal_later(self, tracked: Tracked) -> None:
        async with self._lock:
            await self.journal(tracked, now=True)

    async def _journal_outside_later(self, outside: Outside) -> None:
        async with self._lock:
            if outside.key in self._ledger.outside:
                await self.journal_outside(outside, now=True)

    async def _apply(self, event: BrokerEvent) -> None:
        match event:
            case OrderEvent(order=told):
                await self._take_order(told, event)
            case ExecutionEvent(execution=execution):
                await self._take_execution(execution, event)
            case FeeEvent():
                await self._take_fee(event)
            case _:
                return

    # --- order states -------------------------------------------------------------------------------------------------

    async def _take_order(self, told: BrokerOrder, event: BrokerEvent) -> None:
        tracked = self._ledger.owner_of(told)
        if tracked is None:
            if told.order_id is None and self._ledger.is_awaiting_id:
                self._buffer.append(event)
            else:
                await self._take_outside_order(told)
            return
        has_adopted = self._ledger.link(tracked, told.broker_order_id)
        tracked.told_packages = max(tracked.told_packages, told.filled_packages)
        tracked.asked_price = None
        await self.settle(tracked, told, is_new_fill=has_adopted)

    async def _take_outside_order(self, told: BrokerOrder) -> None:
        unique = self._ledger.unique_id(told.broker_order_id, told.account_id)
        outside = self._ledger.outside_of(order_key(unique), told.account_id)
        known = outside.order
        order = known if known is not None else self._outside_order(told, unique)
        progress = progress_of(order, outside.fills.executions.values())
        steps = advance(order, progress, told, trust_status=True)
        newest = steps[-1] if steps else order
        if newest != known:
            text = f"Outside this desk: {terms_of(newest)} is {newest.status.value}."
            await self._recorder.keep_outside(outside, newest, text)
        await self.journal_outside(outside)

    def _outside_order(self, told: BrokerOrder, unique: str) -> Order:
        return Order(
            id=OrderId(f"outside-{unique}"),
            account_id=told.account_id,
            legs=told.legs,
            order_type=told.order_type,
            limit_price=told.limit_price,
            tif=told.tif,
            status=_S.PENDING,
            created_at=told.at_utc,
            strategy_tag=self._facts.strategy_tag(told.legs) if told.legs else None,
            broker_order_id=told.broker_order_id,
        )

    # --- executions ---------------------------------------------------------------------------------------------------

    async def _take_execution(self, execution: Execution, event: BrokerEvent) -> None:
        tracked = self._owner(execution)
        is_trade = execution.kind is ExecutionKind.TRADE
        if tracked is None and is_trade and execution.order_id is None and self._ledger.is_awaiting_id:
            self._buffer.append(event)
            return
        if tracked is not None:
            execution = replace(execution, order_id=tracked.order.id)
            if execution.broker_order_id is not None and tracked.order.broker_order_id is None:
                self._ledger.link(tracked, execution.broker_order_id)
                tracked.order = replace(tracked.order, broker_order_id=execution.broker_order_id)
        holder: Tracked | Outside = tracked or self._ledger.outside_of(
            self._ledger.key_of(execution), execution.account_id
        )
        known = holder.fills.executions.get((execution.account_id, execution.execution_id))
        if known is not None and known.revision >= execution.revision:
            await self._take_repeat(known, execution)
            return
        if known is not None and execution.fee is None:
            execution = replace(execution, fee=known.fee)
        if await self._write(execution, is_correction=known is not None):
            await self._book(holder, execution, known)

    def _owner(self, execution: Execution) -> Tracked | None:
        if execution.kind is not ExecutionKind.TRADE:
            return None
        return self._ledger.owner(execution.order_id, execution.broker_order_id, execution.account_id)

    async def _write(self, execution: Execution, *, is_correction: bool) -> bool:
        kind = AuditKind.CORRECTION if is_correction else AuditKind.EXECUTION
        record = self._recorder.execution_record(execution, kind)
        try:
            await self._storage.record_executions((execution,), (record,))
        except KnownError as error:
            if self._storage.is_read_only:
                return True
            self._unwritten.append(execution)
            await self._recorder.failed_write(f"a fill of {execution.contract.label}", error)
            return False
        return True

    async def _retry_unwritten(self) -> None:
        """Fills that could not be recorded are tried again before anything else is believed."""
        waiting, self._unwritten = self._unwritten, []
        for number, execution in enumerate(waiting):
            await self._take_execution(execution, ExecutionEvent(execution))
            if self._unwritten:
                # Each try may wait for the database's whole patience: one is enough to know.
                self._unwritten += waiting[number + 1 :]
                return

    async def _book(self, holder: Tracked | Outside, execution: Execution, known: Execution | None) -> None:
        holder.fills.take(execution)
        if known is not None:
            self._recorder.say(
                f"Correction of a fill: {_fill_text(known)} is now {_fill_text(execution)}.",
                Severity.WARNING,
                toast=True,
            )
        if isinstance(holder, Tracked):
            is_new = execution.quantity > (Decimal(0) if known is None else known.quantity)
            await self.settle(holder, is_new_fill=is_new)
            return
        if known is None:
            where = "Settled" if execution.kind is not ExecutionKind.TRADE else "Traded outside this desk"
            self._recorder.say(f"{where}: {_fill_text(execution)}.", toast=True)
        await self.journal_outside(holder)

    async def _take_repeat(self, known: Execution, repeat: Execution) -> None:
        _log.debug("execution %s revision %s again", repeat.execution_id, repeat.revision)
        if repeat.fee is not None and known.fee is None and repeat.revision == known.revision:
            await self._take_fee(FeeEvent(repeat.account_id, repeat.execution_id, repeat.fee))

    async def _take_fee(self, event: FeeEvent) -> None:
        """Books a fee; one that comes before its execution is kept by the database until that comes."""
        try:
            broker = self._broker_of(event.account_id)
            await self._storage.record_fee(broker, event.account_id, event.execution_id, str(event.fee))
        except KnownError as error:
            await self._recorder.failed_write(f"the fee of fill {event.execution_id}", error)
            return
        key = (event.account_id, event.execution_id)
        holders: list[Tracked | Outside] = [*self._ledger.tracked.values(), *self._ledger.outside.values()]
        for holder in holders:
            known = holder.fills.executions.get(key)
            if known is not None:
                holder.fills.executions[key] = replace(known, fee=event.fee)

    # --- what to watch ------------------------------------------------------------------------------------------------

    async def _watch_overfill(self, tracked: Tracked, progress: Progress) -> None:
        if not progress.is_overfilled or tracked.is_overfill_told:
            return
        tracked.is_overfill_told = True
        order = tracked.order
        text = f"The broker filled more than was ordered: {terms_of(order)}. Compare positions with the broker."
        await self._recorder.keep(tracked, order, AuditKind.OVERFILL, text, severity=Severity.ERROR, toast=True)
        await self._recorder.halt(f"Overfill of order {order.id}.")

    def _watch_balance(self, tracked: Tracked, progress: Progress) -> None:
        if progress.is_balanced or progress.is_overfilled:
            return
        name = f"balance {tracked.order.id}"
        if not self._timers.is_running(name):
            self._timers.later(name, self._timings.unbalanced_alert_s, lambda: self._report_balance(tracked))

    async def _report_balance(self, tracked: Tracked) -> None:
        progress = progress_of(tracked.order, tracked.fills.executions.values())
        if progress.is_balanced:
            return
        filled = ", ".join(
            f"{plain(have)} of {leg.quantity} {leg.contract.label}"
            for leg, have in zip(tracked.order.legs, progress.filled, strict=True)
        )
        text = f"The legs of {name_of(tracked.order)} are unequally filled: {filled}. Look at the order at the broker."
        self._recorder.say(text, Severity.WARNING, toast=True)

    def _follow_up(self, tracked: Tracked, progress: Progress) -> None:
        order = tracked.order
        if order.status is _S.UNKNOWN:
            self.followups.resolve(order.id)
        elif progress.packages < tracked.told_packages:
            self.followups.fetch_executions(order.id)
        if tracked.is_cancel_wanted and order.is_working and order.broker_order_id is not None:
            tracked.is_cancel_wanted = False
            self.followups.cancel(order.id)


def _is_all_here(order: Order, outside: Outside) -> bool:
    return progress_of(order, outside.fills.executions.values()).packages >= order.filled_packages


def _fill_text(execution: Execution) -> str:
    label = execution.contract.label
    return f"{execution.action.value} {plain(execution.quantity)} {label} at {plain(execution.price)}"


def _loudness(order: Order) -> tuple[Severity, bool]:
    """How loud a step is told, and whether it is shown over the window."""
    return _LOUDNESS.get(order.status, (Severity.INFO, False))
