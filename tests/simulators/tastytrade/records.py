"""Orders as Tastytrade remembers them beside the exchange: ids, terms, fills, and which order replaced which."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from models.clock import from_iso, to_iso
from models.ids import AccountId, OrderId
from tests.simulators.tastytrade.replies import JsonObject, count, epoch_ms, iso, number, signed

_FIRST_ID: Final = 507_349_840
TERMINAL: Final = frozenset({"Filled", "Cancelled", "Rejected", "Expired", "Removed", "Partially Removed"})
#: Neither may be cancelled or changed: not yet at the exchange, or over.
_UNTOUCHABLE: Final = TERMINAL | {"Routed", "In Flight", "Cancel Requested", "Replace Requested"}


@dataclass(slots=True)
class LegFill:
    """One fill of one leg."""

    fill_id: str
    exchange_id: str
    quantity: str
    price: str
    filled_at: str

    def json(self) -> JsonObject:
        """Returns it as Tastytrade tells it."""
        return {
            "fill-id": self.fill_id,
            "quantity": count(Decimal(self.quantity)),
            "fill-price": number(Decimal(self.price)),
            "filled-at": self.filled_at,
            "destination-venue": "SIMULATOR_A",
            "ext-exec-id": self.exchange_id,
            "ext-group-fill-id": "0",
        }


@dataclass(slots=True)
class RecordLeg:
    """One leg of an order; `action` in Tastytrade's words."""

    symbol: str
    instrument_type: str
    action: str
    quantity: int
    fills: list[LegFill] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        """Contracts filled as far as they were told."""
        return sum((Decimal(one.quantity) for one in self.fills), start=Decimal(0))

    def json(self, *, with_fills: bool = True) -> JsonObject:
        """Returns it as Tastytrade tells it."""
        return {
            "instrument-type": self.instrument_type,
            "symbol": self.symbol,
            "quantity": self.quantity,
            "remaining-quantity": count(self.quantity - self.filled),
            "action": self.action,
            "fills": [one.json() for one in self.fills] if with_fills else [],
        }


@dataclass(slots=True)
class TastyRecord:
    """One order. `net_price` per package, debit positive, None = market; `paper_id` is the exchange's order.

    A replacement is a record of its own on the same order of the exchange: `base_packages` were filled before it.
    """

    id: int
    account: AccountId
    paper_id: OrderId | None
    order_type: str
    time_in_force: str
    net_price: str | None
    legs: list[RecordLeg]
    size: int
    underlying: str
    underlying_type: str
    received_at: str
    updated_at: str
    status: str
    external_identifier: str = ""
    source: str = ""
    stop_trigger: str | None = None
    base_packages: int = 0
    live_at: str | None = None
    in_flight_at: str | None = None
    cancelled_at: str | None = None
    terminal_at: str | None = None
    replaces: int | None = None
    replacing: int | None = None
    edited: bool = False
    reject_reason: str = ""
    contingent_status: str = ""
    complex_id: int | None = None
    complex_tag: str = ""
    #: False for a replacement that has not taken over: until then, and if it never does, nothing fills it.
    has_worked: bool = True

    @property
    def is_done(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in TERMINAL

    @property
    def executions(self) -> set[str]:
        """Ids of the fills told."""
        return {fill.fill_id for leg in self.legs for fill in leg.fills}

    def become(self, status: str, at_utc: datetime) -> None:
        """Takes another status."""
        self.status, self.updated_at = status, to_iso(at_utc)
        if status == "Live" and self.live_at is None:
            self.live_at = to_iso(at_utc)
        if status == "In Flight":
            self.in_flight_at = to_iso(at_utc)
        if status in TERMINAL:
            self.terminal_at = to_iso(at_utc)
        if status == "Cancelled":
            self.cancelled_at = to_iso(at_utc)

    def json(self, *, with_fills: bool = True) -> JsonObject:
        """Returns it in full, as Tastytrade tells it everywhere."""
        facts: JsonObject = {
            "id": self.id,
            "account-number": self.account,
            "cancellable": self.status not in _UNTOUCHABLE,
            "editable": self.status not in _UNTOUCHABLE,
            "edited": self.edited,
            "ext-client-order-id": f"JAAAC{self.id}",
            "ext-exchange-order-number": f"{self.id}0",
            "ext-global-order-number": self.id % 100_000,
            "global-request-id": f"{self.id:032x}",
            "leg-count": len(self.legs),
            "order-type": self.order_type,
            "received-at": _when(self.received_at),
            "size": self.size,
            "source": self.source,
            "status": self.status,
            "time-in-force": self.time_in_force,
            "underlying-instrument-type": self.underlying_type,
            "underlying-symbol": self.underlying,
            "updated-at": epoch_ms(from_iso(self.updated_at)),
            "legs": [leg.json(with_fills=with_fills) for leg in self.legs],
        }
        if self.net_price is not None:
            facts |= signed("price", -Decimal(self.net_price))
        return facts | self._rest()

    def _rest(self) -> JsonObject:
        """What is told only where it is."""
        rest: JsonObject = {
            "external-identifier": self.external_identifier,
            "stop-trigger": self.stop_trigger,
            "live-at": self.live_at and _when(self.live_at),
            "in-flight-at": self.in_flight_at and _when(self.in_flight_at),
            "cancelled-at": self.cancelled_at and _when(self.cancelled_at),
            "terminal-at": self.terminal_at and _when(self.terminal_at),
            "replaces-order-id": self.replaces,
            "replacing-order-id": self.replacing,
            "reject-reason": self.reject_reason,
            "contingent-status": self.contingent_status,
            "complex-order-id": self.complex_id,
            "complex-order-tag": self.complex_tag,
        }
        if self.status == "Cancelled":
            left = min((leg.quantity - leg.filled) / leg.quantity * self.size for leg in self.legs)
            rest["cancelled-size"] = number(left)
        return {name: value for name, value in rest.items() if value not in (None, "")}


def _when(text: str) -> str:
    return iso(from_iso(text))


class Records:
    """All orders of this Tastytrade, kept in its store. `read` returns a kept text by name, `keep` writes texts."""

    def __init__(self, read: Callable[[str], str | None], keep: Callable[..., None]) -> None:
        self._read, self._keep = read, keep
        self._by_id: dict[int, TastyRecord] = {}
        self._by_paper: dict[OrderId, list[TastyRecord]] = {}
        self._next = int(read("tasty-next-order") or _FIRST_ID)
        for number_ in range(_FIRST_ID, self._next):
            kept = read(_fact(number_))
            if kept is not None:
                self._remember(from_json(kept))

    def next_id(self) -> int:
        """Returns the id the next order gets."""
        self._next += 1
        return self._next - 1

    def put(self, *records: TastyRecord) -> None:
        """Keeps orders, new or changed."""
        for record in records:
            self._remember(record)
        kept = [(_fact(one.id), json.dumps(asdict(one))) for one in records]
        self._keep(*kept, ("tasty-next-order", str(self._next)))

    def _remember(self, record: TastyRecord) -> None:
        self._by_id[record.id] = record
        known = [] if record.paper_id is None else self._by_paper.setdefault(record.paper_id, [])
        if record.paper_id is not None and all(one is not record for one in known):
            known.append(record)

    def find(self, account: AccountId, number_: int) -> TastyRecord | None:
        """Returns an order of an account by its id."""
        found = self._by_id.get(number_)
        return found if found is not None and found.account == account else None

    def of_paper(self, paper_id: OrderId | None) -> list[TastyRecord]:
        """Returns the orders that stood or stand for one of the exchange, the replacement last."""
        return [] if paper_id is None else self._by_paper.get(paper_id, [])

    def working(self, paper_id: OrderId | None) -> TastyRecord | None:
        """Returns the order that stands for one of the exchange now: the newest that ever worked."""
        found = [one for one in self.of_paper(paper_id) if one.has_worked and one.status != "Contingent"]
        alive = [one for one in found if not one.is_done]
        return alive[-1] if alive else found[-1] if found else None

    def all(self, account: AccountId | None = None) -> Iterable[TastyRecord]:
        """Returns the orders of an account, or of all, newest first."""
        return [one for one in reversed(self._by_id.values()) if account in (None, one.account)]


def _fact(number_: int) -> str:
    return f"tasty-order-{number_}"


def from_json(text: str) -> TastyRecord:
    """Returns the order that `Records.put` wrote."""
    facts: dict[str, Any] = json.loads(text)
    known = {one.name for one in fields(TastyRecord)}
    legs = [RecordLeg(**(leg | {"fills": [LegFill(**one) for one in leg["fills"]]})) for leg in facts.pop("legs")]
    return TastyRecord(legs=legs, **{name: value for name, value in facts.items() if name in known})
