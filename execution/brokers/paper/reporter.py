"""Tells the desk what happened, with the broker's delays and, where scripted, its bad habits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from execution.brokers.paper.faults import FaultScript
from execution.brokers.paper.orders import PaperOrder
from execution.brokers.paper.outbox import Outbox
from execution.brokers.paper.rows import StoredExecution
from execution.brokers.paper.settings import PaperSettings
from execution.brokers.port import BrokerEvent, ExecutionEvent, FeeEvent, OddObjectEvent, OrderEvent


class Reporter:
    """Posts events to the outbox. Normal order: executions by leg, then the order's state, then fees."""

    def __init__(self, outbox: Outbox, settings: PaperSettings, faults: FaultScript) -> None:
        self._outbox = outbox
        self._settings = settings
        self._faults = faults

    def order(self, order: PaperOrder, at_utc: datetime, *, delay_s: float = 0.0) -> None:
        """Reports an order's state."""
        self._send([OrderEvent(order.report())], order, at_utc + timedelta(seconds=delay_s))

    def fill(self, order: PaperOrder, executions: Sequence[StoredExecution], at_utc: datetime) -> None:
        """Reports a fill and the state it leaves the order in; fees follow."""
        due = at_utc + timedelta(seconds=self._settings.report_delay_s)
        events: list[BrokerEvent] = [ExecutionEvent(stored.execution) for stored in executions]
        events.append(OrderEvent(order.report()))
        if self._faults.of(order.order_id).reversed_events:
            fees: list[BrokerEvent] = [_fee(stored) for stored in executions]
            self._send(events + fees, order, due)
            return
        self._send(events, order, due)
        for stored in executions:
            self.fee(stored, copies=self._faults.of(order.order_id).copies)

    def settlement(self, executions: Sequence[StoredExecution], at_utc: datetime) -> None:
        """Reports the executions of an expiry with their fees."""
        for stored in executions:
            self._outbox.post(ExecutionEvent(stored.as_known_at(at_utc)), at_utc, lane="settlement")

    def correction(self, order: PaperOrder | None, stored: StoredExecution, at_utc: datetime) -> None:
        """Reports a higher revision of an execution."""
        lane = "settlement" if order is None else str(order.order_id)
        self._outbox.post(ExecutionEvent(stored.as_known_at(at_utc)), at_utc, lane=lane)

    def fee(self, stored: StoredExecution, *, copies: int = 1) -> None:
        """Reports a fee when it is due."""
        for _ in range(copies):
            self._outbox.post(_fee(stored), stored.fee_due_utc, lane="fees")

    def odd(self, source: str, what: str, at_utc: datetime) -> None:
        """Reports something that could not be read or settled."""
        self._outbox.post(OddObjectEvent(source, what), at_utc, lane="odd")

    def _send(self, events: list[BrokerEvent], order: PaperOrder, due_utc: datetime) -> None:
        script = self._faults.of(order.order_id)
        for event in reversed(events) if script.reversed_events else events:
            for _ in range(script.copies):
                self._outbox.post(event, due_utc, lane=str(order.order_id))


def _fee(stored: StoredExecution) -> FeeEvent:
    return FeeEvent(stored.execution.account_id, stored.execution.execution_id, stored.fee)
