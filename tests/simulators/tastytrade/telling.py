"""Fills and states out of the exchange, taken over into the orders and told on the account stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from execution.brokers.paper.orders import PaperOrder
from execution.brokers.paper.sessions import is_open
from execution.brokers.port import BrokerEvent, BrokerOrder, ExecutionEvent, OrderEvent
from models.clock import to_iso
from models.enums import OrderStatus
from models.ids import ExecutionId
from models.trade import Execution
from tests.simulators.tastytrade.alerts import AlertHub
from tests.simulators.tastytrade.fill_ids import exchange_id, fill_id
from tests.simulators.tastytrade.listing import symbol_of
from tests.simulators.tastytrade.records import LegFill, Records, TastyRecord
from tests.simulators.tastytrade.replies import iso
from tests.simulators.tastytrade.state import TastyState

_ENDS: Final = {
    OrderStatus.FILLED: "Filled",
    OrderStatus.REJECTED: "Rejected",
    OrderStatus.CANCEL_PENDING: "Cancel Requested",
}
_ON_ITS_WAY: Final = frozenset({"Received", "Routed", "In Flight"})


@dataclass(slots=True)
class OrderTeller:
    """Follows the exchange."""

    tasty: TastyState
    hub: AlertHub
    records: Records

    def begin(self) -> None:
        """Takes up what an earlier run on this store left untold."""
        for stored in self.tasty.core.store.executions():
            record = self.record_of(stored.execution)
            if record is not None:
                for part in self._parts(stored.execution):
                    self._fill(record, part)
        for record in self.records.all():
            paper = None if record.paper_id is None else self.tasty.core.exchange.find(record.paper_id)
            if paper is not None and not record.is_done and record is self.records.working(record.paper_id):
                self._follow_status(record, paper.report())
        self.records.put(*self.records.all())

    def is_closed(self) -> bool:
        """Whether the exchange takes nothing now."""
        core = self.tasty.core
        return core.settings.session_hours and not is_open(core.calendar, self.tasty.now())

    # --- what the exchange tells ---

    def follow(self, events: Sequence[BrokerEvent]) -> None:
        """Takes fills and states over, and tells each."""
        for event in events:
            if isinstance(event, ExecutionEvent):
                self._execution(event.execution)
            elif isinstance(event, OrderEvent):
                self._state(event)

    def _execution(self, execution: Execution) -> None:
        record = self.record_of(execution)
        if record is None:
            return
        gap_s = self.tasty.habits.leg_gap_s
        number_ = next((n for n, leg in enumerate(record.legs) if leg.symbol == symbol_of(execution.contract)), 0)
        if number_ and gap_s > 0:
            due_utc = self.tasty.now() + timedelta(seconds=gap_s * number_)
            self.tasty.postponed.at(due_utc, lambda: self._tell_fill(record, execution, flush=True))
        else:
            self._tell_fill(record, execution, flush=False)

    def _tell_fill(self, record: TastyRecord, execution: Execution, *, flush: bool) -> None:
        for part in self._parts(execution):
            self._fill(record, part)
            paper = None if record.paper_id is None else self.tasty.core.exchange.find(record.paper_id)
            if paper is not None and paper.status is OrderStatus.FILLED and _is_last(execution, paper):
                record.become("Filled", self.tasty.now())
            elif record.status in _ON_ITS_WAY:
                record.become("Live", self.tasty.now())
            self.records.put(record)
            if self.tasty.habits.staggered:
                self.tell(record)
        if flush:
            self.hub.flush()

    def _parts(self, execution: Execution) -> Iterable[Execution]:
        """An execution as one fill, or each contract of it by itself."""
        if not self.tasty.habits.fills_one_by_one:
            return [execution]
        ids = [
            ExecutionId(f"{execution.execution_id}.{number_:03d}") for number_ in range(1, int(execution.quantity) + 1)
        ]
        return [replace(execution, quantity=Decimal(1), execution_id=one) for one in ids]

    def _fill(self, record: TastyRecord, execution: Execution) -> None:
        """Adds a fill, or takes over its corrected price: a change of the order like any other."""
        symbol, known = symbol_of(execution.contract), fill_id(execution)
        leg = next((one for one in record.legs if one.symbol == symbol), None)
        if leg is None:
            return
        fill = LegFill(
            known, exchange_id(execution), str(execution.quantity), str(execution.price), iso(execution.executed_at_utc)
        )
        for number_, one in enumerate(leg.fills):
            if one.fill_id == known:
                if one != fill:
                    leg.fills[number_] = fill
                    record.updated_at = to_iso(self.tasty.now())
                return
        leg.fills.append(fill)
        record.updated_at = to_iso(self.tasty.now())

    def _state(self, event: OrderEvent) -> None:
        paper = None if event.order.order_id is None else self.tasty.core.exchange.find(event.order.order_id)
        record = None if paper is None else self.records.working(paper.order_id)
        if record is None or paper is None:
            return
        if (
            event.order.status is OrderStatus.PENDING
            and record.status == "Routed"
            and self.tasty.habits.tells_in_flight
        ):
            record.become("In Flight", self.tasty.now())
            self.tell(record)
        self._follow_status(record, event.order)
        self.records.put(record)
        self.tell(record, with_fills=not (record.is_done and self.tasty.habits.late_empty_fills))

    def _follow_status(self, record: TastyRecord, told: BrokerOrder) -> None:
        """Gives an order the status that the exchange tells."""
        status = self._status(record, told)
        if status != record.status:
            record.become(status, self.tasty.now())
        if status == "Rejected":
            record.reject_reason = told.reason or "Rejected by the exchange."

    def _status(self, record: TastyRecord, told: BrokerOrder) -> str:
        if told.status in _ENDS:
            return _ENDS[told.status]
        if told.status is OrderStatus.CANCELLED:
            on_request = told.reason is None or "request" in told.reason
            return "Cancelled" if on_request else "Expired"
        if record.is_done or record.status == "Replace Requested":
            return record.status
        return "Received" if self.is_closed() else "Live"

    def open_session(self) -> None:
        """Sends on what was received while the exchange was closed."""
        for record in self.records.all() if not self.is_closed() else ():
            if record.status == "Received" and record.paper_id is not None:
                for status in ("Routed", "Live"):
                    record.become(status, self.tasty.now())
                    self.tell(record)
                self.records.put(record)

    def record_of(self, execution: Execution) -> TastyRecord | None:
        """The order a fill belongs to: the one that stood when it happened."""
        found = self.records.of_paper(execution.order_id)
        known = [one for one in found if fill_id(execution) in one.executions]
        return known[0] if known else self.records.working(execution.order_id)

    def order_id_of(self, execution: Execution) -> tuple[int, int] | None:
        """Returns the id and the number of legs of the order a fill belongs to."""
        record = self.record_of(execution)
        return None if record is None else (record.id, len(record.legs))

    def tell(self, record: TastyRecord, *, with_fills: bool = True) -> None:
        """Sends an order in full to who listens to its account."""
        self.hub.tell("Order", record.account, record.json(with_fills=with_fills))


def _is_last(execution: Execution, paper: PaperOrder) -> bool:
    """Whether an execution belongs to the fill that completed its order."""
    return int(execution.execution_id.split(".")[1]) == paper.fills
