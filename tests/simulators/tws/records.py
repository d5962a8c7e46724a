"""Orders as TWS remembers them beside the exchange: who gave them, under which ids, with which contract and fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from execution.brokers.paper.orders import PaperOrder
from models.ids import OrderId
from tests.simulators.tws.contracts import WireComboLeg, WireContract
from tests.simulators.tws.place_order import WireOrder

_FIRST_PERM_ID: Final = 1_300_000_000
_CONTRACT_TEXTS: Final = tuple(
    one.name for one in fields(WireContract) if one.name not in {"con_id", "strike", "combo_legs", "delta_neutral"}
)
_NUMBERS: Final = ("total_quantity", "limit_price", "aux_price")
_PLAIN: Final = (
    "action",
    "order_type",
    "tif",
    "account",
    "order_ref",
    "transmit",
    "outside_rth",
    "what_if",
    "parent_id",
)


@dataclass(slots=True)
class TwsOrder:
    """One order. `order_id` is 0 for one given in TWS itself, negative once that is bound to client 0."""

    paper_id: OrderId
    perm_id: int
    client_id: int
    order_id: int
    contract: WireContract
    order: WireOrder

    @property
    def is_manual(self) -> bool:
        """Whether it was given in TWS itself."""
        return self.order_id <= 0

    @property
    def sign(self) -> int:
        """+1 when it buys, -1 when it sells: our net price is the wire's times this."""
        return 1 if self.order.action == "BUY" else -1


class OrderRecords:
    """All orders of this TWS, kept in its store. `read` returns a kept text by name, `keep` writes texts."""

    def __init__(self, read: Callable[[str], str | None], keep: Callable[[tuple[tuple[str, str], ...]], None]) -> None:
        self._read = read
        self._keep = keep
        self._by_paper: dict[OrderId, TwsOrder] = {}
        self._by_ids: dict[tuple[int, int], TwsOrder] = {}
        self._next_ids: dict[int, int] = {}
        self._bound = 0

    def begin(self, known: Iterable[PaperOrder], *, ids_from_one: bool) -> None:
        """Takes up the orders of an earlier run; `ids_from_one` forgets how far the clients' ids had come."""
        for paper in known:
            record = self.of(paper)
            if record is not None and record.order_id != 0 and not (ids_from_one and paper.is_done):
                self._by_ids[record.client_id, record.order_id] = record
                self._bound = min(self._bound, record.order_id)
        if ids_from_one:
            self._keep(tuple((_next_fact(client), "1") for client in self._clients()))

    def _clients(self) -> set[int]:
        return {record.client_id for record in self._by_paper.values()}

    def next_id(self, client_id: int) -> int:
        """Returns the first order id a client has not used."""
        known = self._next_ids.get(client_id)
        if known is None:
            known = self._next_ids[client_id] = int(self._read(_next_fact(client_id)) or 1)
        return known

    def add(self, record: TwsOrder) -> None:
        """Remembers an order, before the exchange takes it."""
        kept = [(_order_fact(record.paper_id), to_json(record))]
        if record.order_id > 0:
            self._next_ids[record.client_id] = max(self.next_id(record.client_id), record.order_id + 1)
            kept.append((_next_fact(record.client_id), str(self._next_ids[record.client_id])))
        self._keep(tuple(kept))

    def took(self, record: TwsOrder, paper: PaperOrder) -> None:
        """Notes that the exchange took an order: it has its permanent id from now on."""
        record.perm_id = perm_id_of(paper)
        self._by_paper[record.paper_id] = record
        if record.order_id != 0:
            self._by_ids[record.client_id, record.order_id] = record

    def changed(self, record: TwsOrder) -> None:
        """Keeps what was changed of an order."""
        self._keep(((_order_fact(record.paper_id), to_json(record)),))

    def bind(self, record: TwsOrder) -> None:
        """Gives an order of TWS itself a negative id of client 0."""
        self._bound -= 1
        record.order_id = self._bound
        self._by_ids[record.client_id, record.order_id] = record
        self.changed(record)

    def find(self, client_id: int, order_id: int) -> TwsOrder | None:
        """Returns the order a client gave under an id."""
        return self._by_ids.get((client_id, order_id))

    def of(self, paper: PaperOrder) -> TwsOrder | None:
        """Returns the record of an order of the exchange."""
        known = self._by_paper.get(paper.order_id)
        if known is None:
            kept = self._read(_order_fact(paper.order_id))
            if kept is None:
                return None
            known = self._by_paper[paper.order_id] = from_json(kept, paper.order_id, perm_id_of(paper))
        return known

    def by_paper_id(self, paper_id: OrderId) -> TwsOrder | None:
        """Returns the record of an order that was told of before."""
        return self._by_paper.get(paper_id)


def perm_id_of(paper: PaperOrder) -> int:
    """Returns an order's permanent id."""
    return _FIRST_PERM_ID + paper.serial


def _order_fact(paper_id: OrderId) -> str:
    return f"tws-order-{paper_id}"


def _next_fact(client_id: int) -> str:
    return f"tws-next-id-{client_id}"


def to_json(record: TwsOrder) -> str:
    """Returns a record as JSON text; decimals stay text."""
    contract, order = record.contract, record.order
    facts = {
        "client_id": record.client_id,
        "order_id": record.order_id,
        "contract": {name: getattr(contract, name) for name in _CONTRACT_TEXTS}
        | {"con_id": contract.con_id, "strike": str(contract.strike)},
        "legs": [[leg.con_id, leg.ratio, leg.action, leg.exchange, leg.open_close] for leg in contract.combo_legs],
        "order": {name: getattr(order, name) for name in _PLAIN}
        | {name: _text(getattr(order, name)) for name in _NUMBERS},
        "smart_params": list(order.smart_params),
        "raw": dict(order.raw),
    }
    return json.dumps(facts)


def from_json(text: str, paper_id: OrderId, perm_id: int) -> TwsOrder:
    """Returns the record written by `to_json`."""
    facts: dict[str, Any] = json.loads(text)
    contract = facts["contract"]
    wire = WireContract(**(contract | {"strike": Decimal(contract["strike"])}))
    legs = tuple(WireComboLeg(con_id, ratio, action, at, same) for con_id, ratio, action, at, same in facts["legs"])
    given = facts["order"]
    order = WireOrder(
        **(given | {name: None if given[name] is None else Decimal(given[name]) for name in _NUMBERS}),
        smart_params=tuple((tag, value) for tag, value in facts["smart_params"]),
        raw=_frozen(facts["raw"]),
    )
    return TwsOrder(paper_id, perm_id, facts["client_id"], facts["order_id"], replace(wire, combo_legs=legs), order)


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)


def _frozen(raw: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(raw))
