"""Orders at TWS: given, changed, cancelled, listed; what the exchange behind it is told and what the client hears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from execution.brokers.paper.faults import Call, CallFault, Failure
from execution.brokers.paper.orders import PaperOrder
from execution.brokers.paper.store import PaperStoreError
from models.clock import new_york_time
from models.enums import OrderStatus, OrderType, TimeInForce
from models.errors import BrokerFailure
from models.ids import AccountId, OrderId, is_uuid4, new_order_id
from models.order import Order, OrderLeg
from tests.simulators.tws.client import Client
from tests.simulators.tws.error_texts import text_of_code
from tests.simulators.tws.listing import Refusal
from tests.simulators.tws.order_replies import (
    OrderStateView,
    completed_order,
    completed_orders_end,
    open_order_end,
)
from tests.simulators.tws.orders import (
    bag_of,
    code_of,
    echoed,
    order_of,
    priced,
    refused_text,
    same_contract,
    status_text,
)
from tests.simulators.tws.place_order import PlaceOrder, WireOrder
from tests.simulators.tws.records import TwsOrder
from tests.simulators.tws.state import TwsState
from tests.simulators.tws.telling import Teller, pre_submitted


@dataclass(slots=True)
class OrderDesk:
    """Takes orders from clients and from TWS's own user."""

    tws: TwsState
    teller: Teller

    # --- with the failures of a script ---

    def scripted(self, client: Client, calls: Sequence[Call], req_id: int, work: Callable[[], None]) -> None:
        """Does `work` as the fault script lets it (the first of `calls` that is to fail): not at all, late, unheard."""
        taken = ((call, self.tws.faults.take_call(call)) for call in calls)
        call, fault = next(((call, fault) for call, fault in taken if fault is not None), (None, None))
        if call is None or fault is None:
            work()
            return
        match fault.failure:
            case Failure.DELAY:
                self.tws.postponed.at(self.tws.now() + timedelta(seconds=fault.delay_s), work)
            case Failure.REJECT:
                client.error(req_id, *_scripted_refusal(call, fault))
            case Failure.DISCONNECT_BEFORE:
                self.tws.cut()
            case Failure.DONE_THEN_TIMEOUT | Failure.DISCONNECT_AFTER:
                client.loses_orders = True
                work()
                self.tws.deliver()
                if fault.failure is Failure.DISCONNECT_AFTER:
                    self.tws.cut()
            case Failure.DROP:
                return

    # --- new and changed orders ---

    def place(self, client: Client, request: PlaceOrder) -> None:
        """Takes a new order or, under the id of a known one, its modification."""
        known = self.tws.records.find(_id_of(client), request.order_id)
        if known is not None:
            self.scripted(client, (Call.REPLACE,), request.order_id, lambda: self._modify(client, request, known))
        elif request.order_id < self.tws.records.next_id(_id_of(client)):
            client.error(request.order_id, 103)
        else:
            self.scripted(client, (Call.SUBMIT,), request.order_id, lambda: self._new(client, request))

    def _new(self, client: Client, request: PlaceOrder) -> None:
        tws, now_utc = self.tws, self.tws.now()
        try:
            order = order_of(
                request.contract,
                request.order,
                listing=tws.listing,
                accounts=tws.accounts,
                order_id=self._free_id(request.order.order_ref),
                now_utc=now_utc,
            )
            found = None if request.contract.is_bag else tws.listing.one(request.contract, now_utc)
            contract = echoed(request.contract, found, tws.listing, sort_legs=tws.habits.strict_modify)
            sent = replace(request.order, account=order.account_id, tif=order.tif.value)
            record = TwsOrder(order.id, 0, _id_of(client), request.order_id, contract, sent)
            paper = self.accept(order, record)
        except Refusal as refusal:
            client.error(request.order_id, refusal.code, refusal.text)
            return
        first = pre_submitted(record, without_perm_id=tws.habits.perm_id_late)
        self.teller.order_state(client, first, "PreSubmitted", filled=0, packages=paper.packages)
        ignored = (2109,) if request.contract.is_bag and request.order.outside_rth else ()
        for code in (*ignored, *tws.habits.notices):
            client.error(request.order_id, code)

    def accept(self, order: Order, record: TwsOrder) -> PaperOrder:
        """Gives an order to the exchange; raises Refusal when it is not taken."""
        core, now_utc = self.tws.core, self.tws.now()
        try:
            question = core.question(order, now_utc)
            core.require_market(order)
            shortage = question.answer().error if core.settings.enforce_buying_power else None
            if shortage is not None:
                raise Refusal(201, refused_text(201, shortage))
            self.tws.records.add(record)
            paper = core.exchange.accept(core.draft(order, now_utc), now_utc)
        except BrokerFailure as failure:
            code = code_of(failure.what)
            raise Refusal(code, refused_text(code, failure.what)) from failure
        except PaperStoreError as error:
            raise Refusal(201, refused_text(201, str(error))) from error
        self.tws.records.took(record, paper)
        return paper

    def _free_id(self, order_ref: str) -> OrderId:
        """The exchange's id of a new order: the client's own reference when that is a uuid nobody used yet."""
        own = OrderId(order_ref)
        return own if is_uuid4(order_ref) and self.tws.core.exchange.find(own) is None else new_order_id()

    def _modify(self, client: Client, request: PlaceOrder, record: TwsOrder) -> None:
        paper = self.tws.core.exchange.find(record.paper_id)
        try:
            changed = self._changed(paper, record, request)
        except Refusal as refusal:
            client.error(request.order_id, refusal.code, refusal.text)
            return
        record.order = priced(record.order, request.order.limit_price, request.order)
        self.tws.records.changed(record)
        status = status_text(changed.status) if self.tws.is_acknowledged(changed) else "PreSubmitted"
        self.teller.order_state(client, record, status, filled=changed.filled_packages, packages=changed.packages)

    def _changed(self, paper: PaperOrder | None, record: TwsOrder, request: PlaceOrder) -> PaperOrder:
        if paper is None or paper.is_done:
            is_filled = paper is not None and paper.status is OrderStatus.FILLED
            raise Refusal(104 if is_filled and self._is_same(record, request) else 103)
        sent, held = request.order, record.order
        same_terms = (sent.action, sent.total_quantity, sent.order_type, sent.tif or "DAY") == (
            held.action,
            held.total_quantity,
            held.order_type,
            held.tif,
        )
        if not same_terms or not self._is_same(record, request):
            raise Refusal(105)
        if paper.status is OrderStatus.CANCEL_PENDING:
            raise Refusal(161)
        if paper.order_type is not OrderType.LIMIT or sent.limit_price is None:
            raise Refusal(105)
        now_utc = self.tws.now()
        limit_price = sent.limit_price * record.sign
        why = self.tws.core.price_refusal(paper, limit_price, now_utc)
        if why is not None:
            code = code_of(why)
            raise Refusal(code, refused_text(code, why))
        return self.tws.core.exchange.change_price(paper, limit_price, now_utc)

    def _is_same(self, record: TwsOrder, request: PlaceOrder) -> bool:
        return same_contract(record.contract, request.contract, strict=self.tws.habits.strict_modify)

    # --- cancels ---

    def cancel(self, client: Client, order_id: int) -> None:
        """Asks the exchange to cancel one of the client's orders."""
        record = self.tws.records.find(_id_of(client), order_id)
        paper = None if record is None else self.tws.core.exchange.find(record.paper_id)
        if record is None or paper is None:
            code = self.tws.habits.unknown_cancel_code
            what = f"OrderId {order_id} that needs to be cancelled is not found."
            client.error(order_id, code, what if code == 10147 else f"{text_of_code(code)}{order_id}")
            return
        self.scripted(client, (Call.CANCEL,), order_id, lambda: self._cancel(client, order_id, paper))

    def _cancel(self, client: Client, order_id: int, asked: PaperOrder) -> None:
        core = self.tws.core
        paper = core.exchange.find(asked.order_id) or asked
        if paper.is_done:
            state = status_text(paper.status)
            client.error(
                order_id, 10148, f"OrderId {order_id} that needs to be cancelled cannot be cancelled, state: {state}."
            )
        elif core.refuses_cancel(paper) or paper.status is OrderStatus.CANCEL_PENDING:
            client.error(order_id, 161)
        else:
            core.exchange.request_cancel(paper, self.tws.now())

    def cancel_all(self) -> None:
        """Asks to cancel every working order, of every client and of TWS itself."""
        core = self.tws.core
        for paper in core.exchange.working:
            if not core.refuses_cancel(paper):
                core.exchange.request_cancel(paper, self.tws.now())

    # --- orders of TWS's own user ---

    def place_manual(
        self, legs: tuple[OrderLeg, ...], limit_price: Decimal | None, account_id: AccountId, tif: TimeInForce
    ) -> TwsOrder:
        """Gives an order as a user does in TWS's window; raises Refusal when it is not taken."""
        tws, now_utc = self.tws, self.tws.now()
        order = Order(
            id=new_order_id(),
            account_id=account_id,
            legs=legs,
            order_type=OrderType.MARKET if limit_price is None else OrderType.LIMIT,
            limit_price=limit_price,
            tif=tif,
            status=OrderStatus.PENDING,
            created_at=now_utc,
        )
        single = len(legs) == 1
        action = legs[0].action.value if single else "BUY"
        wire_price = limit_price if limit_price is None or action == "BUY" else -limit_price
        sent = WireOrder(
            action,
            Decimal(order.packages),
            order.order_type.value,
            limit_price=wire_price,
            tif=tif.value,
            account=account_id,
        )
        contract = tws.listing.wire(legs[0].contract) if single else bag_of(legs, tws.listing)
        record = TwsOrder(order.id, 0, 0, 0, contract, sent)
        paper = self.accept(order, record)
        self.bind_manual()
        for client, _ in tws.listeners(record):
            self.teller.order_state(client, record, "PreSubmitted", filled=0, packages=paper.packages)
        return record

    def bind_manual(self) -> None:
        """Gives the working orders of TWS itself to client 0, if it asked for them."""
        wanted = any(client.client_id == 0 and client.auto_bind for client in self.tws.started())
        for record, _ in self.working() if wanted else []:
            if record.order_id == 0:
                self.tws.records.bind(record)

    # --- what is asked ---

    def working(self) -> list[tuple[TwsOrder, PaperOrder]]:
        """Returns the working orders with their records."""
        found = [(self.tws.records.of(paper), paper) for paper in self.tws.core.exchange.working]
        return [(record, paper) for record, paper in found if record is not None]

    def tell_open(self, client: Client, *, everyone: bool) -> None:
        """Answers a request for open orders; client 0 is also told of those given in TWS, and they become its own."""
        if client.client_id == 0:
            for record, _ in self.working():
                if record.order_id == 0:
                    self.tws.records.bind(record)
        for record, paper in self.working():
            if everyone or (record.client_id == client.client_id and record.order_id != 0):
                status = status_text(paper.status) if self.tws.is_acknowledged(paper) else "PreSubmitted"
                self.teller.order_state(client, record, status, filled=paper.filled_packages, packages=paper.packages)
        client.send(open_order_end())

    def tell_completed(self, client: Client, *, api_only: bool) -> None:
        """Answers a request for completed orders."""
        for paper in self.tws.core.store.done_orders(self.tws.completed_since()):
            record = self.tws.records.of(paper)
            if record is None or (api_only and record.is_manual):
                continue
            there = new_york_time(paper.changed_at_utc)
            view = replace(
                self.tws.view(client, record, OrderStateView(status_text(paper.status))),
                filled_quantity=Decimal(paper.filled_packages),
                completed_time=f"{there:%Y%m%d %H:%M:%S} America/New_York",
                completed_status=_completed_words(paper),
            )
            client.send(completed_order(view, client.version))
        client.send(completed_orders_end())


def _completed_words(paper: PaperOrder) -> str:
    if paper.status is OrderStatus.FILLED:
        return f"Filled Size: {paper.filled_packages}"
    return "Cancelled by Trader" if paper.status is OrderStatus.CANCELLED else f"Rejected: {paper.reason}"


def _scripted_refusal(call: Call, fault: CallFault) -> tuple[int, str]:
    if call is Call.CANCEL:
        return 161, f"{text_of_code(161)} {fault.text}"
    return 201, refused_text(201, fault.text)


def _id_of(client: Client) -> int:
    if client.client_id is None:
        raise Refusal(504, "Not connected")
    return client.client_id
