"""One order at Tastytrade as its frames add up: the same state whatever the sequence in which they come.

Of several frames the one with the latest `updated-at` counts; an end is never left; what is told once (links, our id)
is never taken away by a later frame without it. Executions are merged in `executions.FillBook`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from execution.brokers.tastytrade.facts import TastyOrder
from execution.brokers.tastytrade.tasty_orders import (
    CANCEL_REQUESTED,
    FILLED,
    is_end,
    is_known_word,
    our_id,
    rank_of,
    without_fills,
)
from models.ids import OrderId

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_Moment = tuple[datetime, int]


@dataclass(slots=True, eq=False)
class OrderRecord:
    """What is known of one order id."""

    #: The newest frame, without its fills.
    newest: TastyOrder
    end: TastyOrder | None = None
    #: Said "Filled", be it before every leg was.
    has_filled_word: bool = False
    replaces_id: str = ""
    replaced_by_id: str = ""
    #: Read off any frame: `external-identifier`, and our id where that is one.
    identifier: str = ""
    own_id: OrderId | None = None
    cancel_requested_at: _Moment | None = None
    #: A cancel of ours has been taken.
    is_cancel_sent: bool = False
    #: A new price of ours is on its way, or nobody knows whether it arrived.
    is_replacing: bool = False
    is_replace_doubted: bool = False
    odd_words: set[str] = field(default_factory=set)
    #: Tastytrade's list of everything was without it.
    is_unlisted: bool = False
    #: The book's count at its last word.
    changed_at: int = 0

    @property
    def order_id(self) -> str:
        """Tastytrade's id."""
        return self.newest.order_id

    @property
    def account_number(self) -> str:
        """Whose it is."""
        return self.newest.account_number

    def take(self, frame: TastyOrder) -> None:
        """Takes a frame."""
        self.replaces_id = frame.replaces_order_id or self.replaces_id
        self.replaced_by_id = frame.replacing_order_id or self.replaced_by_id
        self.identifier = frame.external_identifier or self.identifier
        self.own_id = self.own_id or our_id(frame)
        if not is_known_word(frame.status):
            self.odd_words.add(frame.status)
        bare = without_fills(frame)
        if _moment(bare) > _moment(self.newest) or (
            _moment(bare) == _moment(self.newest) and repr(bare) > repr(self.newest)
        ):
            self.newest = bare
        if is_end(frame.status) and (self.end is None or _moment(bare) > _moment(self.end)):
            self.end = bare
        self.has_filled_word = self.has_filled_word or frame.status == FILLED
        if frame.status == CANCEL_REQUESTED:
            self.cancel_requested_at = max(_moment(bare), self.cancel_requested_at or (_NEVER, -1))

    @property
    def is_being_replaced(self) -> bool:
        """Whether its Cancelled may be the work of a new price of ours."""
        return self.is_replacing or self.is_replace_doubted

    @property
    def word(self) -> str:
        """The status that counts: its end, else the newest word."""
        return self.end.status if self.end is not None else self.newest.status

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is expected but fills on their way."""
        return self.end is not None

    @property
    def moment(self) -> _Moment:
        """When its last word was true."""
        return _moment(self.end if self.end is not None else self.newest)

    @property
    def is_cancel_refused(self) -> bool:
        """Whether it works on after a cancel was under way."""
        asked = self.cancel_requested_at
        is_later = asked is not None and self.moment[0] > asked[0]
        return is_later and not self.has_ended and self.word != CANCEL_REQUESTED


def _moment(frame: TastyOrder) -> _Moment:
    return frame.updated_at_utc or _NEVER, rank_of(frame.status)
