"""Which order is whose, and which of its incarnations counts: a new price makes a new order with another id.

An order is ours by the answer to our own request, by our id in `external-identifier`, or by the chain of replacements
it stands in. Engine thread only; nothing is awaited here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

from execution.brokers.tastytrade.executions import FillBook
from execution.brokers.tastytrade.facts import TastyLeg, TastyOrder
from execution.brokers.tastytrade.order_record import OrderRecord
from execution.brokers.tastytrade.tasty_orders import FILLED, LIVE, packages_of, without_fills
from execution.brokers.tastytrade.wire_port import TastyOrderDraft
from models.ids import OrderId
from models.order import Order


@dataclass(slots=True, eq=False)
class Claim:
    """An order of ours that was handed to the wire in this session."""

    order: Order
    has_left: bool = False
    #: Nobody knows whether Tastytrade has it.
    is_doubted: bool = False
    #: As it was sent; None before.
    draft: TastyOrderDraft | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One order as the desk sees it: ours with all its incarnations, or a single foreign one."""

    order_id: OrderId | None
    records: tuple[OrderRecord, ...]


class OrderBook:
    """Every order of the session, ours and others'."""

    def __init__(self, fills: FillBook) -> None:
        self._fills = fills
        self._records: dict[str, OrderRecord] = {}
        self._claims: dict[OrderId, Claim] = {}
        self._bound: dict[str, OrderId] = {}
        #: What an order replaced, as the replaced one tells it.
        self._replaced: dict[str, str] = {}
        self._asked: set[OrderId] = set()
        #: Counts what was taken: tells whether a word is older than a question.
        self.count = 0
        #: Who owns what, until something is learned.
        self._known_chains: dict[OrderId, tuple[OrderRecord, ...]] | None = None

    def records(self) -> tuple[OrderRecord, ...]:
        """Returns every order."""
        return tuple(self._records.values())

    def record(self, order_id: str) -> OrderRecord | None:
        """Returns the order of Tastytrade's id."""
        return self._records.get(order_id)

    # --- ours ---------------------------------------------------------------------------------------------------------

    def claim(self, order: Order) -> Claim:
        """Notes an order that is about to be sent."""
        claim = Claim(order)
        self._claims[order.id] = claim
        self._known_chains = None
        return claim

    def claim_of(self, order_id: OrderId) -> Claim | None:
        """Returns what was sent under our id in this session."""
        return self._claims.get(order_id)

    def claims(self) -> tuple[Claim, ...]:
        """Returns everything that was sent in this session, or is about to be."""
        return tuple(self._claims.values())

    def forget(self, order_id: OrderId) -> None:
        """Drops an order that did not leave, or that Tastytrade refused."""
        self._claims.pop(order_id, None)
        self._known_chains = None

    def doubts(self) -> tuple[OrderId, ...]:
        """Returns which of our orders may or may not have arrived, and have not been seen since."""
        return tuple(each for each, claim in self._claims.items() if claim.is_doubted and not self.chain(each))

    def bind(self, tasty_id: str, order_id: OrderId) -> None:
        """Notes that an order of Tastytrade's is ours: it answered our request."""
        self._bound[tasty_id] = order_id
        self._known_chains = None

    def ask_for(self, order_ids: Iterable[OrderId]) -> None:
        """Notes ids that are the desk's own whoever echoes them."""
        self._asked.update(order_ids)
        self._known_chains = None

    def is_desks(self, order_id: OrderId | None) -> bool:
        """Returns whether the desk has sent this order in this session, or has asked for it."""
        return order_id is not None and (order_id in self._claims or order_id in self._asked)

    def owner(self, record: OrderRecord) -> OrderId | None:
        """Returns our order that a record belongs to, also through what it replaced; None for foreign ones."""
        seen: set[str] = set()
        each: OrderRecord | None = record
        while each is not None and each.order_id not in seen:
            seen.add(each.order_id)
            found = self._own_name(each)
            if found is not None:
                return found
            each = self._predecessor(each)
        return None

    def _own_name(self, record: OrderRecord) -> OrderId | None:
        bound = self._bound.get(record.order_id)
        if bound is not None or record.own_id is not None:
            return bound or record.own_id
        echoed = OrderId(record.identifier)
        return echoed if self.is_desks(echoed) else None

    def _predecessor(self, record: OrderRecord) -> OrderRecord | None:
        if record.replaces_id:
            return self._records.get(record.replaces_id)
        return self._records.get(self._replaced.get(record.order_id, ""))

    def has_heir(self, record: OrderRecord) -> bool:
        """Returns whether an order that replaced this one is known."""
        if record.replaced_by_id in self._records:
            return True
        return any(each.replaces_id == record.order_id for each in self._records.values())

    def predecessor_id(self, record: OrderRecord) -> str:
        """Returns the id of the order that a record replaced, empty for none."""
        before = self._predecessor(record)
        return before.order_id if before is not None else record.replaces_id

    # --- what Tastytrade says -----------------------------------------------------------------------------------------

    def take(self, frame: TastyOrder) -> OrderRecord:
        """Takes an order as REST or an alert tells it; its fills go to the fill book."""
        self.count += 1
        self._known_chains = None
        record = self._records.get(frame.order_id)
        if record is None:
            record = OrderRecord(without_fills(frame))
            self._records[frame.order_id] = record
        record.take(frame)
        record.changed_at = self.count
        record.is_unlisted = False
        if record.replaced_by_id:
            self._replaced[record.replaced_by_id] = record.order_id
        return record

    def note_listed(self, mentioned: Collection[str], asked_at: int) -> None:
        """Notes which orders a full list named: one that it does not, and nobody spoke of since, works no more."""
        for record in self._records.values():
            if record.changed_at <= asked_at:
                record.is_unlisted = record.order_id not in mentioned

    # --- cases --------------------------------------------------------------------------------------------------------

    def cases(self) -> tuple[Case, ...]:
        """Returns every order as the desk sees it, in the sequence of Tastytrade's ids."""
        chains = self._chains()
        owned = {record.order_id for records in chains.values() for record in records}
        foreign = sorted((each for each in self._records.values() if each.order_id not in owned), key=_by_id)
        ours = (Case(owner, records) for owner, records in chains.items())
        return (*ours, *(Case(None, (record,)) for record in foreign))

    def case_of(self, record: OrderRecord) -> Case:
        """Returns the order a record is an incarnation of."""
        owner = self.owner(record)
        return Case(None, (record,)) if owner is None else Case(owner, self.chain(owner))

    def chain(self, order_id: OrderId) -> tuple[OrderRecord, ...]:
        """Returns the incarnations of our order, oldest first."""
        return self._chains().get(order_id, ())

    def _chains(self) -> dict[OrderId, tuple[OrderRecord, ...]]:
        if self._known_chains is None:
            found: dict[OrderId, list[OrderRecord]] = {}
            for record in sorted(self._records.values(), key=_by_id):
                owner = self.owner(record)
                if owner is not None:
                    found.setdefault(owner, []).append(record)
            self._known_chains = {owner: tuple(records) for owner, records in found.items()}
        return self._known_chains

    def current(self, case: Case) -> OrderRecord:
        """Returns the incarnation that counts: the last one that took over from what it replaced."""
        ids = {record.order_id for record in case.records}
        roots = [record for record in case.records if self.predecessor_id(record) not in ids]
        ends = [self._last_of(root, case.records) for root in roots or case.records[:1]]
        return max(ends, key=lambda each: (not each.has_ended, self.is_complete(each), _by_id(each)))

    def _last_of(self, record: OrderRecord, records: Collection[OrderRecord]) -> OrderRecord:
        seen = {record.order_id}
        current = record
        while True:
            heirs = [
                each
                for each in records
                if each.order_id not in seen
                and self.predecessor_id(each) == current.order_id
                and self._has_taken_over(each, current)
            ]
            if not heirs:
                return current
            current = max(heirs, key=_by_id)
            seen.add(current.order_id)

    def _has_taken_over(self, heir: OrderRecord, before: OrderRecord) -> bool:
        """Whether a successor counts: not while what it replaces still works, not when it died beside it."""
        if self._fills.of_order(heir.order_id):
            return True
        if self.is_complete(before) or before.word == FILLED:
            return False
        if heir.has_ended:
            return before.has_ended and before.moment <= heir.moment
        return before.has_ended or heir.word == LIVE

    def lost_heir(self, record: OrderRecord) -> str:
        """Returns the id of the order that replaced an ended one and is not known; empty when there is none."""
        heir = record.replaced_by_id
        is_replaced = record.has_ended and record.word != FILLED and not self.is_complete(record)
        return heir if is_replaced and heir and heir not in self._records else ""

    # --- fills --------------------------------------------------------------------------------------------------------

    def is_complete(self, record: OrderRecord) -> bool:
        """Whether every leg of one incarnation is filled: the word "Filled" comes after the first leg already."""
        return bool(record.newest.legs) and not self.unfilled_legs(record)

    def unfilled_legs(self, record: OrderRecord) -> tuple[TastyLeg, ...]:
        """Returns the legs of one incarnation whose fills do not make what was ordered."""
        return tuple(
            leg
            for leg in record.newest.legs
            if leg.quantity <= 0 or self._fills.filled(record.order_id, leg.symbol) < leg.quantity
        )

    def filled_packages(self, case: Case) -> int:
        """Returns whole packages filled over all incarnations, in packages of the first."""
        legs = case.records[0].newest.legs
        packages = packages_of(legs)
        if not packages:
            return 0
        done = [
            sum((self._fills.filled(record.order_id, leg.symbol) for record in case.records), Decimal(0))
            // (leg.quantity / packages)
            for leg in legs
        ]
        return min(packages, int(min(done)))

    def is_any_filled(self, case: Case) -> bool:
        """Whether anything traded, be it one leg alone."""
        return any(fill.quantity > 0 for record in case.records for fill in self._fills.of_order(record.order_id))


def _by_id(record: OrderRecord) -> tuple[int, str]:
    """Tastytrade's ids grow; one that is no number sorts by its text."""
    return (int(record.order_id) if record.order_id.isdigit() else 0), record.order_id
