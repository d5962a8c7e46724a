"""Orders at Tastytrade: placed, replaced, cancelled, listed; what the exchange is told and what the stream tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from execution.brokers.paper.faults import FillBehavior, OrderScript
from execution.brokers.paper.orders import PaperOrder
from execution.brokers.paper.store import PaperStoreError
from models.clock import from_iso, new_york_time, to_iso
from models.enums import OrderStatus
from models.ids import AccountId, OrderId, is_uuid4, new_order_id
from tests.simulators.tastytrade.drafts import Draft, read_draft, read_terms
from tests.simulators.tastytrade.preflight import Checked, Preflight
from tests.simulators.tastytrade.records import Records, TastyRecord
from tests.simulators.tastytrade.replies import Data, JsonObject, Refusal, invalid, items, not_found, number
from tests.simulators.tastytrade.state import TastyState
from tests.simulators.tastytrade.telling import OrderTeller
from tests.simulators.tastytrade.wire import HttpRequest

_OFF_TICK: Final = "Order price does not conform to the minimum price variation."
_ENDED: Final = "Order is not in a state in which it can be changed."


@dataclass(slots=True)
class OrderDesk:
    """Takes orders from clients, and from Tastytrade's own apps."""

    tasty: TastyState
    teller: OrderTeller
    records: Records
    preflight: Preflight
    #: What is told behind the answer that is being made.
    afterwards: list[TastyRecord] = field(default_factory=list)

    # --- placing ---

    def dry_run(self, account: AccountId, body: Any) -> Data:
        """Answers what an order would need; nothing is sent."""
        checked = self.preflight.check(account, read_draft(body, self.tasty.listing))
        record = self._record(account, checked.draft, 0)
        waits = checked.draft.terms.time_in_force == "GTC"
        told = record.json() | {"status": "Contingent" if waits else "Received", "updated-at": 0}
        for name in ("id", "ext-client-order-id", "ext-exchange-order-number", "ext-global-order-number"):
            told.pop(name)
        return Data(checked.told(told), status=201)

    def place(self, account: AccountId, body: Any) -> Data:
        """Takes an order."""
        draft = read_draft(body, self.tasty.listing)
        record, checked = self.accept(account, draft)
        return Data(checked.told(record.json()), status=201)

    def accept(self, account: AccountId, draft: Draft) -> tuple[TastyRecord, Checked]:
        """Takes an order into the exchange; raises Refusal when it is not taken."""
        if draft.terms.order_type not in ("Limit", "Market"):
            text = f"{draft.terms.order_type} orders are taken as part of a complex order only"
            raise Refusal(422, "order_type_not_supported", text)
        checked = self.check(account, draft)
        record = self._record(account, checked.draft, self.records.next_id())
        self.enter(record, checked)
        return record, checked

    def check(self, account: AccountId, draft: Draft) -> Checked:
        """Returns an order that may be sent, under the id it will have; raises Refusal for one that may not."""
        return self.preflight.check(account, draft, self._free_id(draft.terms.external_identifier))

    def waiting(self, account: AccountId, draft: Draft) -> TastyRecord:
        """Returns a new order that is not sent yet."""
        record = self._record(account, draft, self.records.next_id())
        record.status = "Contingent"
        return record

    def enter(self, record: TastyRecord, checked: Checked) -> None:
        """Gives a checked order to the exchange and begins its story."""
        core, order, now_utc = self.tasty.core, checked.order, self.tasty.now()
        if checked.is_off_tick:
            self.tasty.faults.for_order(order.id, OrderScript(fills=FillBehavior.REJECT, reason=_OFF_TICK))
        record.paper_id = order.id
        record.become("Received" if self.teller.is_closed() else self.tasty.habits.accepted_status, now_utc)
        self.records.put(record)
        try:
            core.exchange.accept(core.draft(order, now_utc), now_utc)
        except PaperStoreError as error:
            raise Refusal(500, "internal_error", str(error)) from error
        self._tell_new(record)

    def _tell_new(self, record: TastyRecord) -> None:
        if self.tasty.habits.alerts_first:
            self.teller.tell(record)
        else:
            self.afterwards.append(record)

    def tell_afterwards(self) -> None:
        """Tells what had to wait for an answer."""
        waiting, self.afterwards = self.afterwards, []
        for record in waiting:
            self.teller.tell(record)

    def _free_id(self, external: str) -> OrderId:
        """The exchange's id of a new order: the client's own when that is a uuid nobody used yet."""
        own = OrderId(external)
        return own if is_uuid4(external) and self.tasty.core.exchange.find(own) is None else new_order_id()

    def _record(self, account: AccountId, draft: Draft, number_: int) -> TastyRecord:
        now, terms = to_iso(self.tasty.now()), draft.terms
        return TastyRecord(
            id=number_,
            account=account,
            paper_id=None,
            order_type=terms.order_type,
            time_in_force=terms.time_in_force,
            net_price=None if terms.net_price is None else str(terms.net_price),
            legs=draft.record_legs(),
            size=draft.size,
            underlying=draft.underlying,
            underlying_type=draft.underlying_type,
            received_at=now,
            updated_at=now,
            status="Received",
            external_identifier=terms.external_identifier,
            source=terms.source,
            stop_trigger=None if terms.stop_trigger is None else str(terms.stop_trigger),
        )

    # --- changing ---

    def replace(self, account: AccountId, number_: int, body: Any) -> Data:
        """Takes another price for an order: a new order, which takes the place of the old one a moment later."""
        old, paper = self._changeable(account, number_)
        terms = read_terms(body)
        if terms.order_type != old.order_type or terms.net_price is None:
            raise invalid("Only the price of a limit order can be changed")
        why = self.tasty.core.price_refusal(paper, terms.net_price, self.tasty.now())
        if why is not None and "on the tick" not in why:
            raise Refusal(422, "cannot_update_order", why)
        whole = self.preflight.with_effects(account, read_draft(body | {"legs": _wire_legs(old)}, self.tasty.listing))
        new = self._successor(old, whole)
        self.records.put(old, new)
        self.teller.tell(old)
        self.teller.tell(new)
        due_utc = self.tasty.now() + timedelta(seconds=self.tasty.habits.replace_delay_s)
        self.tasty.postponed.at(due_utc, lambda: self._take_over(old, new, off_tick=why is not None))
        return Data(new.json())

    def replace_dry_run(self, account: AccountId, number_: int, body: Any) -> Data:
        """Answers what an order would need at other terms; nothing is sent."""
        old, _ = self._changeable(account, number_)
        return self.dry_run(account, body | {"legs": _wire_legs(old)} if isinstance(body, dict) else body)

    def _successor(self, old: TastyRecord, draft: Draft) -> TastyRecord:
        now_utc, terms = self.tasty.now(), draft.terms
        new = TastyRecord(
            id=self.records.next_id(),
            account=old.account,
            paper_id=old.paper_id,
            order_type=terms.order_type,
            time_in_force=terms.time_in_force,
            net_price=None if terms.net_price is None else str(terms.net_price),
            legs=draft.record_legs(),
            size=old.size,
            underlying=old.underlying,
            underlying_type=old.underlying_type,
            received_at=to_iso(now_utc),
            updated_at=to_iso(now_utc),
            status="Contingent",
            external_identifier=terms.external_identifier or old.external_identifier,
            source=terms.source,
            replaces=old.id,
            contingent_status="Pending Order",
            has_worked=False,
        )
        old.replacing, old.edited = new.id, True
        old.become("Replace Requested", now_utc)
        return new

    def _take_over(self, old: TastyRecord, new: TastyRecord, *, off_tick: bool) -> None:
        """The replacement is at the exchange: it works, unless the old order is over, or the price is refused."""
        core, now_utc = self.tasty.core, self.tasty.now()
        paper = None if old.paper_id is None else core.exchange.find(old.paper_id)
        new.contingent_status = ""
        if paper is None or paper.is_done or paper.status is OrderStatus.CANCEL_PENDING or off_tick:
            new.reject_reason = _OFF_TICK if off_tick else "The order to be replaced is no longer working."
            new.become("Rejected" if off_tick else self.tasty.habits.aborted_replacement, now_utc)
            if not old.is_done:
                old.become(
                    "Cancel Requested" if paper and paper.status is OrderStatus.CANCEL_PENDING else "Live", now_utc
                )
            self._finish(old, new)
            return
        core.exchange.change_price(paper, Decimal(new.net_price or 0), now_utc)
        new.has_worked = True
        self._shrink(new, paper)
        old.become("Cancelled", now_utc)
        new.become("Routed", now_utc)
        self._finish(old, new)

    def _shrink(self, new: TastyRecord, paper: PaperOrder) -> None:
        """What filled before the replacement stays with the order that was replaced."""
        new.base_packages, new.size = paper.filled_packages, paper.remaining
        for mine, leg in zip(new.legs, paper.legs, strict=True):
            mine.quantity = leg.quantity // paper.packages * paper.remaining

    def _finish(self, old: TastyRecord, new: TastyRecord) -> None:
        self.records.put(old, new)
        self.teller.tell(old)
        self.teller.tell(new)
        self.teller.hub.flush()

    def cancel(self, account: AccountId, number_: int) -> Data:
        """Asks the exchange to cancel an order."""
        record, paper = self._changeable(account, number_)
        if self.tasty.core.refuses_cancel(paper):
            raise Refusal(422, "cannot_update_order", "The exchange refused to cancel the order.")
        record.become("Cancel Requested", self.tasty.now())
        self.records.put(record)
        self.tasty.core.exchange.request_cancel(paper, self.tasty.now())
        return Data(record.json())

    def _changeable(self, account: AccountId, number_: int) -> tuple[TastyRecord, PaperOrder]:
        record = self.find(account, number_)
        paper = None if record.paper_id is None else self.tasty.core.exchange.find(record.paper_id)
        waits = record.status in {"Contingent", "Cancel Requested", "Replace Requested"}
        if record.is_done or paper is None or paper.is_done or waits:
            raise Refusal(422, "cannot_update_order", f"{_ENDED} (status {record.status})")
        return record, paper

    # --- what is asked ---

    def find(self, account: AccountId, number_: int) -> TastyRecord:
        """Returns an order; raises Refusal for an unknown one."""
        record = self.records.find(account, number_)
        if record is None:
            raise not_found(f"order {number_}")
        return record

    def live(self, account: AccountId) -> Data:
        """Answers what works, and what was given or changed today."""
        today = self.tasty.today()
        found = [
            one
            for one in self.records.all(account)
            if not one.is_done or new_york_time(from_iso(one.updated_at)).date() >= today
        ]
        return items([one.json() for one in found])

    def history(self, account: AccountId, request: HttpRequest) -> Data:
        """Answers the orders since a day, newest first."""
        start, end = request.first("start-date"), request.first("end-date")
        start_at = request.first("start-at")
        if self.tasty.habits.orders_need_start and start is None and start_at is None:
            raise invalid("start-date or start-at is required")
        statuses, symbol = request.all("status"), request.first("underlying-symbol")
        found = [
            one
            for one in self.records.all(account)
            if _within(from_iso(one.received_at), start, end, start_at)
            and (not statuses or one.status in statuses)
            and symbol in (None, one.underlying)
        ]
        if request.first("sort") == "Asc":
            found.reverse()
        return Data([one.json() for one in found], is_paged=True, per_page=10)


def _wire_legs(record: TastyRecord) -> list[JsonObject]:
    """An order's legs as a client writes them: a replacement comes without."""
    return [
        {"symbol": one.symbol, "instrument-type": one.instrument_type, "action": one.action, "quantity": one.quantity}
        for one in record.legs
    ]


def _within(at_utc: datetime, start: str | None, end: str | None, start_at: str | None) -> bool:
    day = new_york_time(at_utc).date()
    try:
        late = start is None or day >= date.fromisoformat(start[:10])
        early = end is None or day <= date.fromisoformat(end[:10])
        since = start_at is None or at_utc >= _instant(start_at)
    except ValueError:
        raise invalid("start-date, end-date or start-at is invalid") from None
    return late and early and since


def _instant(text: str) -> datetime:
    return from_iso(text.replace(" ", "T").replace("+00:00", "Z"))


def margin_reply(told: JsonObject, account: AccountId) -> JsonObject:
    """Returns the answer of the margin estimate out of a dry run's."""
    effect = told["buying-power-effect"]
    return (
        {"account-number": account, "last-results": {}, "base-results": {}, "new-order-results": {}}
        | {name: value for name, value in effect.items() if name != "effect"}
        | {"effect": effect["effect"], "maintenance-requirement": number(Decimal(0))}
    )
