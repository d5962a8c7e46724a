"""Turns what the exchange reports about orders into TWS's messages, with its habits of order and repetition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Final

from execution.brokers.port import BrokerEvent, BrokerOrder, ExecutionEvent, FeeEvent, OrderEvent
from models.enums import OrderStatus
from models.ids import ExecutionId, OrderId
from models.trade import Execution
from tests.simulators.tws.client import Client
from tests.simulators.tws.order_replies import (
    ExecView,
    OrderStateView,
    commission_report,
    exec_details,
    exec_time_text,
    open_order,
    order_status,
)
from tests.simulators.tws.orders import status_text
from tests.simulators.tws.records import TwsOrder
from tests.simulators.tws.state import NO_ORDER_ID, TwsState
from tests.simulators.tws.tape import OrderProgress, TapeLine

OrderNews = OrderEvent | ExecutionEvent | FeeEvent
_NO_PROGRESS: Final = OrderProgress()


@dataclass(slots=True)
class Teller:
    """Sends the news of orders to those they concern."""

    tws: TwsState
    #: Lines whose commission must leave first.
    _held: dict[ExecutionId, list[TapeLine]] = field(default_factory=dict)
    _rounds: int = 0

    def tell(self, events: Sequence[BrokerEvent]) -> None:
        """Tells the order news among `events`."""
        news = [event for event in events if isinstance(event, OrderNews)]
        if not news:
            return
        self.tws.tape.take(event.execution for event in news if isinstance(event, ExecutionEvent))
        for event in self._disordered(news):
            if isinstance(event, OrderEvent):
                self._order(event.order)
            elif isinstance(event, ExecutionEvent):
                self._execution(event.execution)
            else:
                self._fee(event)

    def note(self, events: Sequence[BrokerEvent]) -> None:
        """Takes the news in and tells nobody: TWS's own link is down."""
        self.tws.tape.take(event.execution for event in events if isinstance(event, ExecutionEvent))
        for event in events:
            if isinstance(event, FeeEvent):
                self.tws.tape.charge(event.execution_id, event.fee)

    def order_state(self, client: Client, record: TwsOrder, status: str, *, filled: int, packages: int) -> None:
        """Sends openOrder and orderStatus of one order to one client."""
        client.send(open_order(self.tws.view(client, record, OrderStateView(status)), client.version))
        self.status(client, record, status, filled=filled, packages=packages)

    def status(self, client: Client, record: TwsOrder, status: str, *, filled: int, packages: int) -> None:
        """Sends orderStatus of one order to one client."""
        progress = self.tws.tape.progress.get(record.perm_id, _NO_PROGRESS)
        client.send(
            order_status(
                self.tws.order_id_for(client, record),
                status,
                filled=Decimal(filled),
                remaining=Decimal(packages - filled),
                average_fill_price=progress.average,
                last_fill_price=progress.last,
                perm_id=record.perm_id,
                client_id=record.client_id,
            )
        )

    def execution_view(self, client: Client, line: TapeLine) -> ExecView:
        """Returns an execution as this client is told of it."""
        record, order_id = line.record, self.tws.order_id_for(client, line.record)
        return ExecView(
            order_id=NO_ORDER_ID if record.order_id == 0 else order_id,
            client_id=record.client_id,
            perm_id=record.perm_id,
            contract=line.contract,
            exec_id=line.exec_id,
            time=exec_time_text(line.at_utc, self.tws.habits.exec_time),
            account=line.account,
            exchange=line.contract.exchange or "SMART",
            side=line.side,
            shares=line.shares,
            price=line.price,
            cum_qty=line.cum_qty,
            avg_price=line.avg_price,
            order_ref=record.order.order_ref,
        )

    def _disordered(self, news: list[OrderNews]) -> list[OrderNews]:
        """Shuffles what leaves together; the states of an order keep their order among themselves."""
        seed = self.tws.habits.disorder_seed
        if seed is None:
            return news
        self._rounds += 1
        mixed = list(news)
        Random(f"{seed}-{self._rounds}").shuffle(mixed)
        states: dict[OrderId | None, list[OrderEvent]] = {}
        for event in news:
            if isinstance(event, OrderEvent):
                states.setdefault(event.order.order_id, []).append(event)
        return [states[e.order.order_id].pop(0) if isinstance(e, OrderEvent) else e for e in mixed]

    def _order(self, order: BrokerOrder) -> None:
        paper = None if order.order_id is None else self.tws.core.exchange.find(order.order_id)
        record = None if paper is None else self.tws.records.of(paper)
        if paper is None or record is None:
            return
        status = status_text(order.status)
        for client, order_id in self.tws.listeners(record):
            if order.status is OrderStatus.REJECTED:
                client.error(order_id, 201, f"Order rejected - reason:{order.reason}")
            elif order.status is OrderStatus.CANCELLED:
                client.error(order_id, 202, f"Order Canceled - reason:{order.reason or ''}")
            self.order_state(client, record, status, filled=order.filled_packages, packages=paper.packages)

    def _execution(self, execution: Execution) -> None:
        lines = self.tws.tape.of(execution)
        if self.tws.habits.commission_first and execution.fee is None and lines and lines[-1].commission is None:
            self._held.setdefault(execution.execution_id, []).extend(lines)
            return
        self._tell_lines(lines)

    def _tell_lines(self, lines: Sequence[TapeLine]) -> None:
        for line in lines:
            for client, _ in self.tws.listeners(line.record):
                client.send(exec_details(-1, self.execution_view(client, line), client.version))

    def _fee(self, event: FeeEvent) -> None:
        lines = self.tws.tape.charge(event.execution_id, event.fee)
        if lines and not self.tws.habits.commissions_absent:
            record = lines[0].record
            whole = self._whole_commission(record)
            for client, _ in self.tws.listeners(record):
                if whole is not None:
                    self._with_commission(client, record, whole)
                for line in lines:
                    client.send(commission_report(line.exec_id, event.fee))
        self._tell_lines([self.tws.tape.lines[line.exec_id] for line in self._held.pop(event.execution_id, [])])

    def _whole_commission(self, record: TwsOrder) -> Decimal | None:
        """The order's commission once it is filled and every leg's is known."""
        paper = self.tws.core.exchange.find(record.paper_id)
        if paper is None or paper.status is not OrderStatus.FILLED:
            return None
        of_legs = {line.execution_id: line.commission for line in self.tws.tape.of_order(record)}
        of_legs.pop(None, None)
        known = [commission for commission in of_legs.values() if commission is not None]
        return sum(known, start=Decimal(0)) if len(known) == len(of_legs) else None

    def _with_commission(self, client: Client, record: TwsOrder, commission: Decimal) -> None:
        state = OrderStateView("Filled", commission=commission, commission_currency="USD")
        client.send(open_order(self.tws.view(client, record, state), client.version))


def pre_submitted(record: TwsOrder, *, without_perm_id: bool) -> TwsOrder:
    """Returns an order as it stands in its first messages."""
    return replace(record, perm_id=0) if without_perm_id else record
