"""Orders that wait for each other: OTO, OCO and OTOCO, and the stop orders that only they may hold."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from execution.brokers.paper.matching import package_quote
from models.clock import from_iso, to_iso
from models.enums import Action, OrderStatus
from models.ids import AccountId
from tests.simulators.tastytrade.drafts import Draft, DraftLeg, Terms, read_draft
from tests.simulators.tastytrade.orders import OrderDesk
from tests.simulators.tastytrade.records import TastyRecord
from tests.simulators.tastytrade.replies import Data, JsonObject, Refusal, invalid, iso, items, not_found
from tests.simulators.tastytrade.state import TastyState

_TYPES: Final = {"OCO": (2, 2, False), "OTO": (1, 3, True), "OTOCO": (2, 2, True)}
_FIRST_ID: Final = 9_400_000
_WAITS: Final = "Pending Order"


@dataclass(slots=True)
class ComplexOrder:
    """Orders by their ids. Children wait for the trigger; of an OCO pair one ends the other."""

    id: int
    account: AccountId
    type: str
    trigger: int | None
    children: list[int]
    is_triggered: bool
    terminal_at: str | None = None

    @property
    def is_pair(self) -> bool:
        """Whether one child's fill ends the others."""
        return self.type in {"OCO", "OTOCO"}


@dataclass(slots=True)
class ComplexDesk:
    """Takes complex orders and moves them on."""

    tasty: TastyState
    orders: OrderDesk
    found: dict[int, ComplexOrder] = field(default_factory=dict)

    def begin(self) -> None:
        """Takes up what an earlier run on this store left."""
        last = int(self.tasty.fact("tasty-next-complex") or _FIRST_ID)
        for number_ in range(_FIRST_ID, last):
            kept = self.tasty.fact(f"tasty-complex-{number_}")
            if kept is not None:
                self.found[number_] = ComplexOrder(**json.loads(kept))

    # --- what is asked ---

    def place(self, account: AccountId, body: Any) -> Data:
        """Takes a complex order: the trigger, or the pair, goes to the exchange; the rest waits."""
        kind, trigger, children = self._read(body)
        complex_id = _FIRST_ID + len(self.found)
        first = None if trigger is None else self.orders.accept(account, trigger)
        one = ComplexOrder(complex_id, account, kind, None if first is None else first[0].id, [], first is None)
        for draft in children:
            record = self.orders.waiting(account, draft)
            record.complex_id, record.complex_tag, record.contingent_status = complex_id, f"{kind}::order", _WAITS
            one.children.append(record.id)
            self.orders.records.put(record)
        if first is not None:
            first[0].complex_id, first[0].complex_tag = complex_id, f"{kind}::trigger-order"
            self.orders.records.put(first[0])
        self.found[complex_id] = one
        effect = None if first is None else first[1].told({})
        if first is None:
            self._release(one)
        self._keep(one)
        checked = self.orders.preflight.check(account, children[0]).told({}) if effect is None else effect
        return Data({"complex-order": self.json(one)} | {k: v for k, v in checked.items() if k != "order"}, status=201)

    def dry_run(self, account: AccountId, body: Any) -> Data:
        """Answers what the first order of it would need."""
        kind, trigger, children = self._read(body)
        checked = self.orders.preflight.check(account, trigger or children[0])
        told = [self.orders.waiting(account, one).json() for one in children]
        content: JsonObject = {"account-number": account, "type": kind, "orders": told}
        return Data(
            {"complex-order": content} | {k: v for k, v in checked.told({}).items() if k != "order"}, status=201
        )

    def _read(self, body: Any) -> tuple[str, Draft | None, list[Draft]]:
        if not isinstance(body, dict) or body.get("type") not in _TYPES:
            raise invalid("type does not have a valid value")
        kind = body["type"]
        least, most, has_trigger = _TYPES[kind]
        raw = body.get("orders")
        if not isinstance(raw, list) or not least <= len(raw) <= most:
            raise invalid("orders has a wrong number of orders")
        if has_trigger != isinstance(body.get("trigger-order"), dict):
            raise invalid("trigger-order is missing, or out of place")
        listing = self.tasty.listing
        children = [read_draft(one, listing) for one in raw]
        if any(one.terms.stop_trigger is not None and len(one.legs) > 1 for one in children):
            raise Refusal(422, "order_type_not_supported", "Stops are taken for one leg only")
        return kind, read_draft(body["trigger-order"], listing) if has_trigger else None, children

    def find(self, account: AccountId, number_: int) -> ComplexOrder:
        """Returns a complex order; raises Refusal for an unknown one."""
        one = self.found.get(number_)
        if one is None or one.account != account:
            raise not_found(f"complex order {number_}")
        return one

    def live(self, account: AccountId) -> Data:
        """Answers every complex order of an account."""
        return items([self.json(one) for one in reversed(self.found.values()) if one.account == account])

    def cancel(self, account: AccountId, number_: int) -> Data:
        """Cancels everything of it that is not over."""
        one = self.find(account, number_)
        if one.terminal_at is not None:
            raise Refusal(422, "cannot_update_order", "The complex order is over.")
        for record in self._records(one):
            self._cancel(record)
        self.run()
        return Data(self.json(one))

    def json(self, one: ComplexOrder) -> JsonObject:
        """Returns it as Tastytrade tells it."""
        children = [self.orders.find(one.account, number_).json() for number_ in one.children]
        told: JsonObject = {"id": one.id, "account-number": one.account, "type": one.type, "orders": children}
        if one.trigger is not None:
            told["trigger-order"] = self.orders.find(one.account, one.trigger).json()
        if one.terminal_at is not None:
            told["terminal-at"] = iso(from_iso(one.terminal_at))
        return told

    # --- how it fares ---

    def run(self) -> None:
        """Moves every complex order on: triggers, stops, the other one of a pair."""
        for one in self.found.values():
            if one.terminal_at is None:
                self._run(one)

    def _run(self, one: ComplexOrder) -> None:
        records = self._records(one)
        children = [record for record in records if record.id != one.trigger]
        trigger = next((record for record in records if record.id == one.trigger), None)
        if trigger is not None and not one.is_triggered:
            if trigger.status == "Filled":
                one.is_triggered = True
                self._release(one)
            elif trigger.is_done:
                for record in children:
                    self._cancel(record)
        for record in children:
            if record.status == "Live" and record.stop_trigger is not None and record.paper_id is None:
                self._watch_stop(record)
        filled = any(record.status == "Filled" for record in children)
        for record in children if filled and one.is_pair else ():
            self._cancel(record)
        if all(record.is_done for record in records):
            one.terminal_at = to_iso(self.tasty.now())
        if one.is_triggered or one.terminal_at is not None:
            self._keep(one)

    def _release(self, one: ComplexOrder) -> None:
        """Sends the children on their way; a stop waits for its price."""
        for number_ in one.children:
            record = self.orders.find(one.account, number_)
            record.contingent_status = ""
            if record.stop_trigger is None:
                self._enter(record, self._draft(record))
            else:
                record.become("Live", self.tasty.now())
                self._tell(record)
        self.orders.teller.hub.tell("ComplexOrder", one.account, self.json(one))
        self.orders.teller.hub.flush()

    def _watch_stop(self, record: TastyRecord) -> None:
        draft = self._draft(record)
        leg = draft.order_legs[0]
        self.tasty.core.valuation.refresh([leg.contract], self.tasty.now())
        market = package_quote((replace(leg, quantity=1),), self.tasty.core.valuation.quotes)
        stop = Decimal(record.stop_trigger or 0)
        if market is None:
            return
        price = market.leg_naturals[0]
        if price >= stop if leg.action is Action.BUY else price <= stop:
            kind = "Market" if record.order_type == "Stop" else "Limit"
            terms = replace(
                draft.terms, order_type=kind, time_in_force="Day" if kind == "Market" else record.time_in_force
            )
            self._enter(record, replace(draft, terms=terms))

    def _enter(self, record: TastyRecord, draft: Draft) -> None:
        try:
            self.orders.enter(record, self.orders.check(record.account, draft))
        except Refusal as refusal:
            record.reject_reason = refusal.errors[0][1] if refusal.errors else refusal.text
            record.become("Rejected", self.tasty.now())
            self._tell(record)

    def _cancel(self, record: TastyRecord) -> None:
        if record.is_done or record.status == "Cancel Requested":
            return
        paper = None if record.paper_id is None else self.tasty.core.exchange.find(record.paper_id)
        if paper is None:
            record.contingent_status = ""
            record.become("Cancelled", self.tasty.now())
            self._tell(record)
        elif not paper.is_done and paper.status is not OrderStatus.CANCEL_PENDING:
            self.tasty.core.exchange.request_cancel(paper, self.tasty.now())

    def _tell(self, record: TastyRecord) -> None:
        self.orders.records.put(record)
        self.orders.teller.tell(record)
        self.orders.teller.hub.flush()

    def _records(self, one: ComplexOrder) -> list[TastyRecord]:
        numbers = [*([] if one.trigger is None else [one.trigger]), *one.children]
        return [self._newest(self.orders.find(one.account, number_)) for number_ in numbers]

    def _newest(self, record: TastyRecord) -> TastyRecord:
        """The order itself, or what replaced it."""
        while record.replacing is not None:
            after = self.orders.find(record.account, record.replacing)
            if after.status == self.tasty.habits.aborted_replacement:
                break
            record = after
        return record

    def _draft(self, record: TastyRecord) -> Draft:
        """The order as it was given."""
        legs = []
        for leg in record.legs:
            contract = self.tasty.listing.find(leg.symbol)
            if contract is None:
                raise not_found(f"instrument {leg.symbol}")
            legs.append(DraftLeg(contract, leg.symbol, leg.action, leg.quantity))
        price, stop = record.net_price, record.stop_trigger
        terms = Terms(
            record.order_type,
            record.time_in_force,
            None if price is None else Decimal(price),
            None if stop is None else Decimal(stop),
            record.external_identifier,
            record.source,
        )
        return Draft(terms, tuple(legs), is_strict=False)

    def _keep(self, one: ComplexOrder) -> None:
        following = str(_FIRST_ID + len(self.found))
        self.tasty.keep((f"tasty-complex-{one.id}", json.dumps(asdict(one))), ("tasty-next-complex", following))
