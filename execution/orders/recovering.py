"""Start-up, reconnect and crash recovery: one path, whatever ended the last run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from execution.brokers.port import BrokerSnapshot
from execution.orders.applying import Applier
from execution.orders.ledger import FillKey, Fills, IdSpace, Ledger, Tracked
from execution.orders.reconcile import Known, Reconciliation, reconcile
from execution.orders.recorder import Recorder
from execution.orders.resolving import Resolver
from execution.orders.sending import Sender
from execution.orders.wording import terms_of
from execution.storage import AuditKind, LoadedState, StoredOrder
from execution.views import Severity
from models.enums import OrderStatus
from models.ids import AccountId, ExecutionId
from models.order_status import TERMINAL
from models.trade import Execution, ExecutionKind

_S = OrderStatus
_TICKETS = (_S.DRAFT, _S.SIMULATED)
NOT_SENT = "Not sent: the desk was closed before. It will not be sent by itself."
_MISSING = "The broker does not mention it. It is looked for and will not be sent again by itself."


class Recovery:
    """Takes up what the database knows, compares it with the broker, and finishes what was interrupted."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        recorder: Recorder,
        applier: Applier,
        sender: Sender,
        resolver: Resolver,
        lock: asyncio.Lock,
        id_space: IdSpace,
    ) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._applier = applier
        self._sender = sender
        self._resolver = resolver
        self._lock = lock
        self._id_space = id_space

    async def recover(self, loaded: LoadedState, snapshot: BrokerSnapshot) -> Reconciliation:
        """Returns what was different. Afterwards every fill is booked and every ended order has its journal row.

        Orders the broker did not mention are UNKNOWN (their symbols locked) and looked for in the background.
        """
        self._recorder.has_unwritten = False
        async with self._lock:
            self._absorb(loaded)
            await self._recorder.save_unsaved()
        await self._applier.catch_up()
        result = reconcile(self._known(loaded, snapshot), snapshot)
        for event in result.events:
            await self._applier.apply(event)
        async with self._lock:
            for order_id in result.missing:
                await self._lose(self._ledger.tracked[order_id])
            await self._finish()
        for difference in result.differences:
            self._recorder.say(f"{difference.account_id}: {difference.text}", Severity.WARNING, toast=True)
        for tracked in self._ledger.tracked.values():
            if tracked.order.status is _S.UNKNOWN and not tracked.is_submitting:
                self._resolver.start(tracked.order.id)
        self._recorder.publish_orders()
        return result

    def _absorb(self, loaded: LoadedState) -> None:
        """Takes orders and executions that are not here yet; what is here is newer and stays."""
        fresh = [stored for stored in loaded.orders if stored.order.id not in self._ledger.tracked]
        for stored in fresh:
            self._take_order(stored)
        revisions = _newest_revisions(loaded.journaled or ())
        journaled_orders = {stored.order.id for stored in fresh if stored.journal_id is not None}
        for execution in loaded.executions:
            fills = self._fills_of(execution)
            if fills.is_known(execution):
                continue
            fills.take(execution)
            if loaded.journaled is None:
                if execution.order_id in journaled_orders:
                    fills.mark_journaled((execution,))
            else:
                _mark(fills, execution, revisions)

    def _take_order(self, stored: StoredOrder) -> None:
        order = stored.order
        if stored.intent_at_utc is None and order.status in _TICKETS:
            order = replace(order, reason=NOT_SENT)
        tracked = self._ledger.track(Tracked(order, intent_at_utc=stored.intent_at_utc, is_claimed=True))
        if stored.intent_at_utc is not None:
            self._sender.remember(tracked.order, stored.intent_at_utc)

    def _fills_of(self, execution: Execution) -> Fills:
        owner = self._ledger.owner(execution.order_id, execution.broker_order_id, execution.account_id)
        if owner is not None and execution.kind is ExecutionKind.TRADE:
            return owner.fills
        return self._ledger.outside_of(self._ledger.key_of(execution), execution.account_id).fills

    def _known(self, loaded: LoadedState, snapshot: BrokerSnapshot) -> Known:
        """What is known of the accounts that the snapshot tells of: of others its silence says nothing."""
        tracked = [each for each in self._ledger.tracked.values() if snapshot.tells_of(each.order.account_id)]
        outside = [each for each in self._ledger.outside.values() if snapshot.tells_of(each.account_id)]
        return Known(
            orders=tuple(each.order for each in tracked if each.order.status not in _TICKETS),
            outside_orders=tuple(each.order for each in outside if each.order is not None),
            executions=tuple(_all([*(each.fills for each in tracked), *(each.fills for each in outside)])),
            positions=tuple(one for one in loaded.positions if snapshot.tells_of(one.account_id)),
            in_flight=frozenset(each.order.id for each in tracked if each.is_submitting),
            covered=loaded.statement_days,
            id_space=self._id_space,
        )

    async def _lose(self, tracked: Tracked) -> None:
        order = tracked.order
        if not order.is_working or tracked.is_submitting:
            return
        unknown = replace(order.to(_S.UNKNOWN), reason=_MISSING)
        text = f"Not known what became of it: {terms_of(order)}. {_MISSING}"
        await self._recorder.keep(tracked, unknown, AuditKind.UNKNOWN, text, severity=Severity.ERROR, toast=True)

    async def _finish(self) -> None:
        """Books what fills say of each order and writes journal rows that a crash left unwritten."""
        for tracked in list(self._ledger.tracked.values()):
            if tracked.order.status not in _TICKETS:
                await self._applier.settle(tracked)
                await self._applier.journal(tracked, now=True)
        for outside in list(self._ledger.outside.values()):
            is_open = outside.order is not None and outside.order.status not in TERMINAL
            await self._applier.journal_outside(outside, now=not is_open)


def _all(holders: Iterable[Fills]) -> Iterable[Execution]:
    for fills in holders:
        yield from fills.executions.values()


def _newest_revisions(journaled: Iterable[tuple[AccountId, ExecutionId, int]]) -> dict[FillKey, int]:
    """The newest revision of each execution that a journal row covers."""
    newest: dict[FillKey, int] = {}
    for account_id, execution_id, revision in journaled:
        key = (account_id, execution_id)
        newest[key] = max(revision, newest.get(key, revision))
    return newest


def _mark(fills: Fills, execution: Execution, revisions: Mapping[FillKey, int]) -> None:
    """Notes the newest revision of an execution that a journal row covers; its figures are in that row only."""
    key = (execution.account_id, execution.execution_id)
    revision = revisions.get(key)
    if revision is None:
        return
    fills.mark_journaled((replace(execution, revision=revision),))
    if revision < execution.revision:
        fills.without_before.add(key)
