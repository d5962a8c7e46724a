"""Writes an order's changes and then tells them: database first, window second."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from execution.orders.ledger import Ledger, Outside, Tracked
from execution.storage import AuditKind, AuditRecord, Storage
from execution.views import LogLine, OrderNotice, OrdersState, Publisher, Severity
from models.clock import Clock
from models.enums import BrokerName
from models.errors import KnownError
from models.ids import AccountId, OrderId
from models.order import Order
from models.trade import Execution

Halt = Callable[[str], Awaitable[None]]
#: Which broker holds an account.
BrokerOf = Callable[[AccountId], BrokerName]

_SOURCE = "orders"
_log = logging.getLogger(__name__)


class Recorder:
    """The one place where orders are saved and published."""

    def __init__(
        self,
        *,
        storage: Storage,
        publisher: Publisher,
        ledger: Ledger,
        broker_of: BrokerOf,
        clock: Clock,
        halt: Halt,
    ) -> None:
        self._storage = storage
        self._publisher = publisher
        self._ledger = ledger
        self._broker_of = broker_of
        self._clock = clock
        self._halt = halt
        #: Something was refused by the database and is not made good yet.
        self.has_unwritten = False
        self._unsaved: set[OrderId] = set()

    async def keep(
        self,
        tracked: Tracked,
        order: Order,
        kind: AuditKind,
        text: str,
        *,
        severity: Severity = Severity.INFO,
        toast: bool = False,
        latency_us: int | None = None,
        extra: dict[str, Any] | None = None,
    ) -> bool:
        """Takes an order's new value, saves it with an audit row, then tells it; False when it could not be saved.

        A failed save halts trading and is told, but what the broker did stands: it is shown and found again at
        the next reconcile.
        """
        tracked.order = order
        record = self.record(order, kind, latency_us=latency_us, extra=extra)
        save = self._storage.save_order(order, self._broker_of(order.account_id), (record,))
        saved = await self.guard(save, f"order {order.id}")
        if saved:
            self._unsaved.discard(order.id)
        else:
            self._unsaved.add(order.id)
        self.tell(order, text, severity=severity, toast=toast)
        return saved

    async def save_unsaved(self) -> None:
        """Saves the newest state of orders whose save failed. The lock must be held."""
        for order_id in tuple(self._unsaved):
            await self.keep(self._ledger.tracked[order_id], self._ledger.tracked[order_id].order, AuditKind.STATUS, "")

    async def keep_outside(self, outside: Outside, order: Order, text: str) -> None:
        """Takes what the broker tells of an order that is not ours; it goes to the audit log only."""
        outside.order = order
        record = self.record(order, AuditKind.EXTERNAL)
        await self.guard(self._storage.audit((record,)), f"outside order {order.broker_order_id}")
        self.tell(order, text)

    async def guard(self, write: Awaitable[None], what: str) -> bool:
        """Awaits a write; when it fails, halts, tells and returns False."""
        try:
            await write
        except KnownError as error:
            await self.failed_write(what, error)
            return False
        return True

    async def failed_write(self, what: str, error: KnownError) -> None:
        """Tells a write that failed and halts trading: nothing is sent that cannot be recorded.

        A desk that only looks on records nothing; the one that holds the database does.
        """
        if self._storage.is_read_only:
            return
        self.has_unwritten = True
        _log.error("could not record %s: %s", what, error)
        self.say(f"Could not record {what}: {error}", Severity.ERROR, toast=True)
        await self.halt(f"The database refused to record {what}: {error}")

    async def halt(self, reason: str) -> None:
        """Stops trading; the desk tells it, with the reason."""
        await self._halt(reason)

    def tell(self, order: Order, text: str, *, severity: Severity = Severity.INFO, toast: bool = False) -> None:
        """Publishes a changed order, the list, and a line for the log if there is anything to say."""
        self._publisher.notice(OrderNotice(order, text))
        self.publish_orders()
        if text:
            self.say(text, severity, toast=toast)

    def say(self, text: str, severity: Severity = Severity.INFO, *, toast: bool = False) -> None:
        """Publishes a line for the log."""
        self._publisher.notice(LogLine(self._clock.now_utc(), severity, _SOURCE, text, toast))

    def publish_orders(self) -> None:
        """Publishes the list of orders."""
        self._publisher.state(OrdersState(self._ledger.orders(), self._ledger.foreign_ids()))

    def record(
        self,
        order: Order,
        kind: AuditKind,
        *,
        latency_us: int | None = None,
        extra: dict[str, Any] | None = None,
    ) -> AuditRecord:
        """Returns the audit row of an order as it is now."""
        state: dict[str, Any] = {
            "status": order.status.value,
            "packages": order.packages,
            "filled_packages": order.filled_packages,
            "limit_price": None if order.limit_price is None else str(order.limit_price),
            "fingerprint": order.fingerprint,
            "reason": order.reason,
            **(extra or {}),
        }
        return AuditRecord(
            kind=kind,
            order_id=order.id,
            broker_order_id=order.broker_order_id,
            account_id=order.account_id,
            at_utc=self._clock.now_utc(),
            state=state,
            latency_us=latency_us,
        )

    def execution_record(self, execution: Execution, kind: AuditKind) -> AuditRecord:
        """Returns the audit row of an execution."""
        return execution_record(execution, kind, self._clock.now_utc())


def execution_record(execution: Execution, kind: AuditKind, at_utc: datetime) -> AuditRecord:
    """Returns the audit row of an execution as it is taken at `at_utc`."""
    return AuditRecord(
        kind=kind,
        order_id=execution.order_id,
        broker_order_id=execution.broker_order_id,
        account_id=AccountId(execution.account_id),
        at_utc=at_utc,
        state={
            "execution_id": execution.execution_id,
            "revision": execution.revision,
            "kind": execution.kind.value,
            "contract": execution.contract.key,
            "action": execution.action.value,
            "quantity": str(execution.quantity),
            "price": str(execution.price),
            "executed_at": execution.executed_at_utc.isoformat(),
        },
    )
