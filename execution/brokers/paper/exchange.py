"""The paper exchange: accepted orders, their fills, cancels and expiries. Commits first, then reports.

Engine thread only, no asyncio: the broker in front of it adds the link, its faults and its pace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from execution.brokers.paper.accounts import Book, Booking
from execution.brokers.paper.faults import CancelBehavior, FaultScript, FillBehavior, OrderScript
from execution.brokers.paper.matching import Fill, Matcher, PackageQuote, fill_at, package_quote
from execution.brokers.paper.orders import PaperOrder, package_weights
from execution.brokers.paper.reporter import Reporter
from execution.brokers.paper.rows import StoredExecution
from execution.brokers.paper.sessions import is_open
from execution.brokers.paper.settings import PaperSettings
from execution.brokers.paper.store import PaperStore, StoreChange
from execution.brokers.paper.valuation import Valuation
from execution.storage import SessionCalendar
from models.contract import Contract
from models.enums import BrokerName, OrderStatus, OrderType
from models.ids import AccountId, ExecutionId, OrderId
from models.trade import Execution

_CENT: Final = Decimal("0.01")
_SCRIPTED_NOW: Final = frozenset({FillBehavior.IMMEDIATE, FillBehavior.DELAYED, FillBehavior.SCHEDULED})


class PaperExchange:
    """Holds the working orders. Every change of an order, a fill or a cancel is one transaction of the store."""

    def __init__(
        self,
        *,
        store: PaperStore,
        book: Book,
        valuation: Valuation,
        settings: PaperSettings,
        faults: FaultScript,
        reporter: Reporter,
        calendar: SessionCalendar,
    ) -> None:
        self._store = store
        self._book = book
        self._valuation = valuation
        self._settings = settings
        self._faults = faults
        self._reporter = reporter
        self._calendar = calendar
        self._matcher = Matcher(settings.fill_model, settings.seed)
        self._orders: dict[OrderId, PaperOrder] = {order.order_id: order for order in store.working_orders()}
        self._corrections: list[tuple[datetime, PaperOrder, StoredExecution]] = []
        self._late_fills: list[tuple[datetime, PaperOrder]] = []

    @property
    def working(self) -> tuple[PaperOrder, ...]:
        """Orders that may still fill, oldest first."""
        return tuple(self._orders.values())

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """Contracts of the working orders."""
        return tuple(leg.contract for order in self._orders.values() for leg in order.legs)

    def find(self, order_id: OrderId) -> PaperOrder | None:
        """Returns an order by our id, working or done."""
        known = self._orders.get(order_id)
        if known is not None:
            return known
        stored = self._store.find_orders([order_id])
        return stored[0] if stored else None

    def accept(self, order: PaperOrder, now_utc: datetime) -> PaperOrder:
        """Takes a sound order into the book, durably; raises DuplicateOrder for a client id it has already."""
        accepted = replace(order, serial=self._store.next_order_serial())
        self._store.commit(StoreChange(now_utc, orders=(accepted,)))
        self._orders[accepted.order_id] = accepted
        self._faults.assign(accepted.order_id)
        self._reporter.order(accepted, now_utc, delay_s=self._settings.ack_delay_s)
        return accepted

    def change_price(self, order: PaperOrder, limit_price: Decimal, now_utc: datetime) -> PaperOrder:
        """Gives a working order another limit price."""
        changed = replace(order, limit_price=limit_price, changed_at_utc=now_utc)
        self._put(changed, now_utc)
        self._reporter.order(changed, now_utc, delay_s=self._settings.ack_delay_s)
        return changed

    def request_cancel(self, order: PaperOrder, now_utc: datetime) -> PaperOrder:
        """Notes the wish to cancel; it takes effect after the cancel delay unless a fill wins."""
        script = self._faults.of(order.order_id)
        if script.cancel is CancelBehavior.IGNORED or order.status is OrderStatus.CANCEL_PENDING:
            return order
        due = now_utc + timedelta(seconds=self._settings.cancel_delay_s)
        pending = replace(order.with_status(OrderStatus.CANCEL_PENDING, now_utc), cancel_due_utc=due)
        self._put(pending, now_utc)
        self._reporter.order(pending, now_utc)
        return pending

    def repeat(self, order: PaperOrder, now_utc: datetime) -> None:
        """Reports an order's state once more: the answer to a request that came too late."""
        self._reporter.order(order, now_utc)

    def run(self, now_utc: datetime, elapsed_s: float) -> None:
        """Fills what is marketable, carries out cancels, corrections and late fills. Quotes must be fresh."""
        market_open = not self._settings.session_hours or is_open(self._calendar, now_utc)
        for order in self.working:
            self._expire_legs(order, now_utc)
        for order in self.working:
            if order.works_from_utc <= now_utc:
                self._fill(order, now_utc, elapsed_s, market_open=market_open)
        for order in self.working:
            if order.cancel_due_utc is not None and order.cancel_due_utc <= now_utc:
                self._finish_cancel(order, now_utc)
        self._send_late(now_utc)

    def close_session(self, at_utc: datetime) -> None:
        """Fills market-on-close orders and lets DAY orders of the session that ends at `at_utc` expire."""
        for order in self.working:
            if order.day_ends_utc is None or order.day_ends_utc > at_utc:
                continue
            if order.order_type is OrderType.MARKET_ON_CLOSE and order.status is not OrderStatus.CANCEL_PENDING:
                market = package_quote(order.legs, self._valuation.quotes)
                if market is not None:
                    self._book_fill(order, fill_at(order, market, market.natural, order.remaining), at_utc)
                    continue
                self._end(order, OrderStatus.CANCELLED, at_utc, "No two-sided market at the close.")
                continue
            self._end(order, OrderStatus.CANCELLED, at_utc, "The day ended.")

    def _fill(self, order: PaperOrder, now_utc: datetime, elapsed_s: float, *, market_open: bool) -> None:
        script = self._faults.of(order.order_id)
        if script.cancel is CancelBehavior.FILL_WINS and order.status is OrderStatus.CANCEL_PENDING:
            self._book_fill(order, self._forced(order, order.remaining), now_utc)
        elif script.fills is FillBehavior.REJECT:
            self._end(order, OrderStatus.REJECTED, now_utc, script.reason)
        elif script.fills is not FillBehavior.MODEL:
            packages = _scripted_packages(order, script, now_utc)
            if packages > 0:
                self._book_fill(order, self._forced(order, packages), now_utc)
        elif market_open and order.order_type is not OrderType.MARKET_ON_CLOSE:
            self._match(order, now_utc, elapsed_s)

    def _match(self, order: PaperOrder, now_utc: datetime, elapsed_s: float) -> None:
        fill = self._matcher.match(order, self._valuation.quotes, elapsed_s)
        if fill is not None:
            self._book_fill(order, fill, now_utc)
        elif order.order_type is OrderType.MARKET:
            gone = OrderStatus.CANCELLED if order.filled_packages else OrderStatus.REJECTED
            self._end(order, gone, now_utc, "No two-sided market to fill a market order.")

    def _forced(self, order: PaperOrder, packages: int) -> Fill:
        """Returns a scripted fill: at the limit or better, at the natural for others, whatever the sizes."""
        market = package_quote(order.legs, self._valuation.quotes) or self._assumed(order)
        price = market.natural
        if order.limit_price is not None and order.limit_price < price:
            price = order.limit_price
        return fill_at(order, market, price, packages)

    def _assumed(self, order: PaperOrder) -> PackageQuote:
        """Returns a market at the last marks, for scripted fills of what has no quote."""
        marks = tuple(self._valuation.marks.get(leg.contract.key, _CENT) for leg in order.legs)
        weights = package_weights(order.legs)
        net = sum((w * p for w, p in zip(weights, marks, strict=True)), start=Decimal(0)).quantize(_CENT)
        return PackageQuote(net, net, marks, marks, None)

    def _book_fill(self, order: PaperOrder, fill: Fill, now_utc: datetime) -> None:
        """Commits executions, cash, holdings and the order's state together, then reports them."""
        executions = self._executions(order, fill, now_utc)
        filled = order.filled_packages + fill.packages
        status = OrderStatus.FILLED if filled == order.packages else OrderStatus.PARTIAL
        if status is OrderStatus.PARTIAL and order.status is OrderStatus.CANCEL_PENDING:
            status = OrderStatus.CANCEL_PENDING
        after = replace(order, status=status, filled_packages=filled, fills=order.fills + 1, changed_at_utc=now_utc)
        change = self._book.after([Booking(stored.execution, stored.fee) for stored in executions])
        self._store.commit(StoreChange(now_utc, change, (after,), tuple(executions)))
        self._book.adopt(change)
        self._valuation.bump([order.account_id])
        self._keep(after)
        self._reporter.fill(after, executions, now_utc)
        script = self._faults.of(order.order_id)
        if script.correction is not None and order.fills == 0:
            self._corrections.append((now_utc + timedelta(seconds=script.delay_s), after, executions[0]))

    def _executions(self, order: PaperOrder, fill: Fill, now_utc: datetime) -> list[StoredExecution]:
        settings = self._settings
        fee_due = now_utc + timedelta(seconds=settings.report_delay_s + settings.fee_delay_s)
        stored: list[StoredExecution] = []
        for number, (leg, price) in enumerate(zip(order.legs, fill.leg_prices, strict=True), start=1):
            ratio = leg.quantity // order.packages
            execution = Execution(
                broker=BrokerName.PAPER,
                account_id=order.account_id,
                execution_id=ExecutionId(f"{order.broker_order_id}.{order.fills + 1:03d}.{number:02d}"),
                broker_order_id=order.broker_order_id,
                order_id=order.order_id,
                contract=leg.contract,
                action=leg.action,
                quantity=Decimal(ratio * fill.packages),
                price=price,
                executed_at_utc=now_utc,
            )
            before = Decimal(ratio * order.filled_packages)
            fee = settings.commissions.fill_fee(leg.contract, leg.action, before, execution.quantity, price)
            stored.append(StoredExecution(execution, fee, fee_due))
        return stored

    def _expire_legs(self, order: PaperOrder, now_utc: datetime) -> None:
        for leg in order.legs:
            expires = leg.contract.expires_at_utc
            if expires is not None and expires <= now_utc:
                self._end(order, OrderStatus.CANCELLED, now_utc, f"{leg.contract.label} has expired.")
                return

    def _finish_cancel(self, order: PaperOrder, now_utc: datetime) -> None:
        self._end(order, OrderStatus.CANCELLED, now_utc, "Cancelled on request.")
        script = self._faults.of(order.order_id)
        if script.cancel is CancelBehavior.LATE_FILL:
            cancelled = self.find(order.order_id) or order
            self._late_fills.append((now_utc + timedelta(seconds=script.delay_s), cancelled))

    def _send_late(self, now_utc: datetime) -> None:
        for item in [item for item in self._late_fills if item[0] <= now_utc]:
            self._late_fills.remove(item)
            self._book_fill(item[1], self._forced(item[1], item[1].remaining), now_utc)
        for due in [due for due in self._corrections if due[0] <= now_utc]:
            self._corrections.remove(due)
            self._correct(due[1], due[2], now_utc)

    def _correct(self, order: PaperOrder, stored: StoredExecution, now_utc: datetime) -> None:
        """Books the next revision of an execution at its corrected price, and reports it."""
        before = stored.execution
        price = before.price + (self._faults.of(order.order_id).correction or Decimal(0))
        after = replace(before, price=price, revision=before.revision + 1)
        revised = replace(stored, execution=after)
        change = self._book.after([Booking(after, stored.fee, replaces=before)])
        self._store.commit(StoreChange(now_utc, change, (), (revised,)))
        self._book.adopt(change)
        self._valuation.bump([order.account_id])
        self._reporter.correction(order, revised, now_utc)

    def _end(self, order: PaperOrder, status: OrderStatus, at_utc: datetime, reason: str) -> None:
        ended = order.with_status(status, at_utc, reason=reason)
        self._put(ended, at_utc)
        self._reporter.order(ended, at_utc)

    def _put(self, order: PaperOrder, now_utc: datetime) -> None:
        self._store.commit(StoreChange(now_utc, orders=(order,)))
        self._keep(order)

    def _keep(self, order: PaperOrder) -> None:
        if order.is_done:
            self._orders.pop(order.order_id, None)
            self._matcher.forget(order)
        else:
            self._orders[order.order_id] = order


def _scripted_packages(order: PaperOrder, script: OrderScript, now_utc: datetime) -> int:
    """Returns how many packages a script fills by now."""
    later = order.works_from_utc + timedelta(seconds=script.delay_s)
    if script.fills is FillBehavior.PARTIAL:
        if order.filled_packages == 0:
            return script.first_packages or max(order.packages // 2, 1)
        return order.remaining if now_utc >= later else 0
    if script.fills in _SCRIPTED_NOW:
        due = {
            FillBehavior.IMMEDIATE: order.works_from_utc,
            FillBehavior.DELAYED: later,
            FillBehavior.SCHEDULED: script.fill_at_utc or later,
        }[script.fills]
        return order.remaining if now_utc >= due else 0
    return 0


def touched(executions: Sequence[StoredExecution]) -> tuple[AccountId, ...]:
    """Returns the accounts of some executions, each once."""
    return tuple(dict.fromkeys(stored.execution.account_id for stored in executions))
