"""The state of an order out of all that Tastytrade said of its incarnations: pure.

"Filled" is believed when every leg is, a cancel only of the last incarnation, and nothing unread ends an order.
"""

from __future__ import annotations

from typing import Final

from execution.brokers.tastytrade.order_book import Case, OrderBook
from execution.brokers.tastytrade.order_record import OrderRecord
from execution.brokers.tastytrade.tasty_orders import (
    CANCEL_REQUESTED,
    FILLED,
    REJECTED,
    end_reason,
    foreign_type,
    packages_of,
)
from models.enums import OrderStatus

_S = OrderStatus
_NO_REASON: Final = "Tastytrade gave no reason."
_WORKS_ON: Final = "Tastytrade works the order again: the cancel was not taken."
_NEW_PRICE_FIRST: Final = "Its new price was taken before the cancel arrived. Cancel it again."
_PRICE_REFUSED: Final = "The new price was not taken"


def status_of(book: OrderBook, case: Case, current: OrderRecord) -> OrderStatus:
    """Returns the order's state."""
    packages = book.filled_packages(case)
    working = _S.PARTIAL if book.is_any_filled(case) else _S.PENDING
    if book.is_complete(current) or (packages and packages == _ordered(case)):
        return _S.FILLED
    if current.has_ended:
        return _end(book, case, current, working)
    if current.word == CANCEL_REQUESTED and not _is_changing(book, current):
        return _S.CANCEL_PENDING
    return working


def _end(book: OrderBook, case: Case, current: OrderRecord, working: OrderStatus) -> OrderStatus:
    """How it ended; a "Filled" with legs still to come, and an end that is but a new price, are no ends."""
    if current.word == FILLED:
        return working
    if current.is_being_replaced and current.word != REJECTED:
        return working
    if case.order_id is not None and book.lost_heir(current):
        return _S.UNKNOWN
    if current.word == REJECTED and working is _S.PENDING:
        return _S.REJECTED
    return _S.CANCELLED


def reason_of(book: OrderBook, case: Case, current: OrderRecord) -> str | None:
    """Returns why it is in its state; on a working order only what is news: it ends a pending cancel at the desk."""
    match status_of(book, case, current):
        case _S.REJECTED:
            return end_reason(current.end or current.newest) or _NO_REASON
        case _S.CANCELLED:
            return end_reason(current.end or current.newest)
        case _S.UNKNOWN:
            heir = book.lost_heir(current)
            return f"It was replaced by order {heir}, which Tastytrade does not show. Look at it there."
        case _S.PENDING | _S.PARTIAL:
            return _working_reason(book, case, current)
        case _:
            return None


def _working_reason(book: OrderBook, case: Case, current: OrderRecord) -> str | None:
    if current.word == FILLED:
        return _still_to_come(book, current)
    if _is_changing(book, current):
        return None
    if current.is_cancel_refused:
        return _WORKS_ON
    before = book.record(book.predecessor_id(current))
    if before is not None and before.is_cancel_sent and not current.is_cancel_sent:
        return _NEW_PRICE_FIRST
    refused = _refused_heir(book, case, current)
    if refused is not None:
        why = end_reason(refused.end or refused.newest)
        return f"{_PRICE_REFUSED}: {why}" if why else f"{_PRICE_REFUSED}."
    return foreign_type(current.newest) if case.order_id is None else None


def _refused_heir(book: OrderBook, case: Case, current: OrderRecord) -> OrderRecord | None:
    """The last new price that died while the order worked on."""
    heirs = [each for each in case.records if book.predecessor_id(each) == current.order_id]
    last = heirs[-1] if heirs else None
    return last if last is not None and last.has_ended and last.word == REJECTED else None


def _still_to_come(book: OrderBook, current: OrderRecord) -> str:
    waiting = len(book.unfilled_legs(current))
    legs = "1 leg" if waiting == 1 else f"{waiting} legs"
    return f"Tastytrade says filled; the fills of {legs} are still to come."


def _is_changing(book: OrderBook, record: OrderRecord) -> bool:
    """Whether a new price is on its way, ours or one set in Tastytrade's own app."""
    heir = book.record(record.replaced_by_id)
    has_heir = bool(record.replaced_by_id) and (heir is None or not heir.has_ended)
    return record.is_being_replaced or (has_heir and not record.is_cancel_sent)


def _ordered(case: Case) -> int:
    return packages_of(case.records[0].newest.legs)
