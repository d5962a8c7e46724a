"""What working orders close already: contracts that another order must not be told to close a second time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from execution.brokers.tastytrade.executions import FillBook
from execution.brokers.tastytrade.order_book import OrderBook
from execution.brokers.tastytrade.order_record import OrderRecord
from execution.brokers.tastytrade.signs import action_of, is_closing
from models.enums import Action
from models.ids import AccountId, OrderId

#: Contracts by Tastytrade's symbol and by side.
Closings = Mapping[tuple[str, Action], Decimal]
_ZERO = Decimal(0)


def working_closings(
    book: OrderBook, fills: FillBook, account_id: AccountId, *, but: OrderId, with_doubts: bool
) -> Closings:
    """Returns what is left of the closing legs of an account's working orders, others' included, without order `but`.

    A new price counts with the order it replaces, not beside it. A request on its way counts; one of which nobody
    knows whether it arrived only `with_doubts`, while it is being looked for.
    """
    found: dict[tuple[str, Action], Decimal] = {}
    for case in book.cases():
        if case.order_id == but:
            continue
        most: dict[tuple[str, Action], Decimal] = {}
        for record in case.records:
            if record.account_number == account_id and _works(book, record):
                for place, left in _left(fills, record).items():
                    most[place] = max(left, most.get(place, _ZERO))
        _add(found, most)
    for claim in book.claims():
        is_seen = claim.order.id == but or bool(book.chain(claim.order.id))
        is_open = claim.has_left and (with_doubts or not claim.is_doubted)
        if claim.draft is not None and is_open and not is_seen and claim.order.account_id == account_id:
            _add(found, _closing((leg.symbol, leg.action, Decimal(leg.quantity)) for leg in claim.draft.legs))
    return found


def _works(book: OrderBook, record: OrderRecord) -> bool:
    """Whether an incarnation may still fill; a foreign successor waits as long as what it replaces works."""
    if record.has_ended or record.is_unlisted:
        return False
    before = book.record(book.predecessor_id(record))
    return before is None or before.has_ended or book.owner(record) is not None


def _left(fills: FillBook, record: OrderRecord) -> Closings:
    return _closing(
        (leg.symbol, leg.action, leg.quantity - fills.filled(record.order_id, leg.symbol)) for leg in record.newest.legs
    )


def _closing(legs: Iterable[tuple[str, str, Decimal]]) -> Closings:
    found: dict[tuple[str, Action], Decimal] = {}
    for symbol, words, left in legs:
        side = action_of(words)
        if side is not None and is_closing(words) and left > 0:
            found[symbol, side] = found.get((symbol, side), _ZERO) + left
    return found


def _add(found: dict[tuple[str, Action], Decimal], more: Closings) -> None:
    for place, quantity in more.items():
        found[place] = found.get(place, _ZERO) + quantity
