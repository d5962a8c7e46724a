"""One order as TWS's own words add up to it: the same state whatever the sequence in which they come.

What TWS says is only added (cancelled, filled, how many): an end outranks a late word of work, a fill outranks an end.
Codes of errors are kept as the reason, and never end an order by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from execution.brokers.ibkr.executions import Progress
from execution.brokers.ibkr.facts import CompletedOrderFact, IbContract, OpenOrderFact, OrderStatusFact
from execution.brokers.ibkr.wire_port import IbOrder
from execution.brokers.port import BrokerOrder
from models.enums import OrderStatus
from models.order import Order

_S = OrderStatus
_ZERO: Final = Decimal(0)
CANCEL_PENDING_WORD: Final = "PendingCancel"
INACTIVE_WORD: Final = "Inactive"
_WORKING: Final = frozenset({"PendingSubmit", "ApiPending", "PreSubmitted", "Submitted"})
_PASSED_ON: Final = frozenset({"PreSubmitted", "Submitted", CANCEL_PENDING_WORD})
_CANCELLED: Final = frozenset({"Cancelled", "ApiCancelled"})
_FILLED: Final = "Filled"
NOT_WORKING_WORDS: Final = _CANCELLED | {_FILLED, INACTIVE_WORD}
_HELD: Final = "TWS holds the order as inactive. Look at it in TWS."
_GONE: Final = "TWS does not list the order any more and did not say how it ended. Look at it in TWS."
_NO_REASON: Final = "TWS gave no reason."


@dataclass(slots=True, eq=False)
class OrderRecord:
    """What is known of one order. `order_id` counts for our own client id only."""

    order_ref: str = ""
    account: str = ""
    order_id: int = 0
    client_id: int = 0
    perm_id: int = 0
    #: Ours, as it was sent in this session.
    order: Order | None = None
    sent: IbOrder | None = None
    sent_contract: IbContract | None = None
    opened: OpenOrderFact | None = None
    completed: CompletedOrderFact | None = None
    progress: Progress = field(default_factory=Progress)
    status_filled: Decimal = _ZERO
    #: TWS's last word that is no end: a working one, PendingCancel or Inactive.
    word: str = ""
    has_inactive: bool = False
    has_cancelled: bool = False
    has_filled: bool = False
    #: Why TWS refused it, and why it refused a cancel, in TWS's words.
    refusal: str | None = None
    cancel_word: str | None = None
    #: TWS's code 202 came; its status still has to.
    is_cancel_told: bool = False
    cancel_reason: str | None = None
    #: News about a working order (399 and the like).
    note: str | None = None
    #: Refused when it was sent: it never worked.
    is_refused: bool = False
    #: TWS was asked for everything after its last word, and did not mention it.
    is_absent: bool = False
    #: A cancel of ours is on its way.
    is_cancelling: bool = False
    #: How many statuses TWS has sent; and the book's count at its last word.
    statuses: int = 0
    changed_at: int = 0
    #: The book's count when it ended; None while it has not.
    ended_at: int | None = None
    #: Something was said that leaves open what became of it.
    is_doubted: bool = False
    #: The book's count when that was said last.
    doubted_at: int | None = None
    is_look_asked: bool = False
    #: What the desk has been told last.
    told: BrokerOrder | None = None
    first_seen_utc: datetime | None = None

    # --- what TWS says ------------------------------------------------------------------------------------------------

    def take_word(self, word: str) -> None:
        """Takes a status word."""
        if word in _CANCELLED:
            self.has_cancelled = True
        elif word == _FILLED:
            self.has_filled = True
        elif word == INACTIVE_WORD:
            self.has_inactive, self.word = True, word
            self.is_doubted = True
        elif word == CANCEL_PENDING_WORD:
            self.word, self.cancel_word = word, None
        elif word in _WORKING:
            if self.word == CANCEL_PENDING_WORD and self.cancel_word is None:
                self.cancel_word = "TWS works the order again: the cancel was not taken."
            self.word = word

    def take_open(self, fact: OpenOrderFact) -> None:
        """Takes TWS's echo of the order: the only source of its price, contract and leg sequence."""
        self.opened = fact
        self.account = fact.account or self.account
        self.take_word(fact.status)

    def take_status(self, fact: OrderStatusFact) -> None:
        """Takes a status with its count of packages."""
        self.statuses += 1
        self.status_filled = max(self.status_filled, fact.filled)
        self.take_word(fact.status)
        if fact.why_held:
            self.note = f"Held: {fact.why_held}."

    def take_completed(self, fact: CompletedOrderFact) -> None:
        """Takes TWS's last word on an order that is done."""
        self.completed = fact
        self.account = fact.account or self.account
        if fact.filled_quantity is not None:
            self.status_filled = max(self.status_filled, fact.filled_quantity)
        if fact.status == INACTIVE_WORD:
            self.has_inactive = True
            self.refusal = self.refusal or fact.completed_status.strip() or _NO_REASON
        else:
            self.take_word(fact.status)

    def reopen(self) -> None:
        """Takes back an end that TWS's own list of working orders contradicts."""
        self.has_cancelled = self.has_inactive = self.is_refused = False
        self.completed = None
        self.ended_at = None

    def trust(self) -> None:
        """Drops doubts and refusals: TWS, asked after them, lists the order as working."""
        self.is_doubted = self.is_cancel_told = self.is_absent = self.is_look_asked = False
        self.refusal = self.doubted_at = None

    # --- what that makes ----------------------------------------------------------------------------------------------

    @property
    def contract(self) -> IbContract | None:
        """What is traded: as TWS echoed it, else as it was sent."""
        if self.opened is not None:
            return self.opened.contract
        return self.completed.contract if self.completed is not None else self.sent_contract

    @property
    def quantity(self) -> Decimal | None:
        """Packages (or shares, contracts) ordered; None where TWS has not said."""
        if self.opened is not None:
            return self.opened.quantity
        if self.sent is not None:
            return self.sent.quantity
        return self.completed.quantity if self.completed is not None and self.completed.quantity > 0 else None

    @property
    def filled(self) -> Decimal:
        """Packages filled: TWS's count, or the executions' when those say more."""
        filled = max(self.status_filled, self.progress.packages(self.contract))
        if self.quantity is None:
            return filled
        return self.quantity if self.has_filled else min(filled, self.quantity)

    @property
    def is_any_filled(self) -> bool:
        """Whether anything traded, be it one leg alone."""
        return self.filled > 0 or self.progress.is_any

    @property
    def is_seen(self) -> bool:
        """Whether TWS has ever mentioned it."""
        return bool(self.opened or self.completed or self.statuses or self.progress.is_any)

    @property
    def is_acknowledged(self) -> bool:
        """Whether TWS has it under its permanent id; it may still refuse it (PendingSubmit)."""
        return bool(self.perm_id) and (self.word in _WORKING or self.is_taken)

    @property
    def is_taken(self) -> bool:
        """Whether TWS has passed it on, or has fills of it."""
        has_passed = self.word in _PASSED_ON or self.has_filled or self.is_any_filled
        return bool(self.perm_id) and has_passed

    @property
    def status(self) -> OrderStatus:
        """The order's state, from TWS's evidence only."""
        quantity = self.quantity
        if self.has_filled or (quantity is not None and 0 < quantity <= self.filled):
            return _S.FILLED
        ended = self._end()
        if ended is not None:
            return ended
        if self.is_absent:
            return _S.UNKNOWN
        if self.word == CANCEL_PENDING_WORD:
            return _S.CANCEL_PENDING
        return _S.PARTIAL if self.is_any_filled else _S.PENDING

    def _end(self) -> OrderStatus | None:
        """How it ended unfilled, or only partly filled."""
        if self.is_refused and not self.is_any_filled:
            return _S.REJECTED
        if self.has_cancelled:
            return _S.REJECTED if self._is_completed_refused() and not self.is_any_filled else _S.CANCELLED
        was_refused = self.refusal is not None and (self.has_inactive or self.is_absent)
        if was_refused:
            return _S.CANCELLED if self.is_any_filled and self._is_over() else self._refused()
        return _S.CANCELLED if self.is_absent and self.is_cancel_told else None

    def _refused(self) -> OrderStatus | None:
        return None if self.is_any_filled else _S.REJECTED

    def _is_over(self) -> bool:
        return self.completed is not None or self.is_absent

    def _is_completed_refused(self) -> bool:
        said = "" if self.completed is None else self.completed.completed_status
        return said.strip().lower().startswith("reject")

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is expected of TWS but fills on their way."""
        return self.status in (_S.FILLED, _S.CANCELLED, _S.REJECTED)

    @property
    def reason(self) -> str | None:
        """Why it is in its state, in TWS's words where it gave any."""
        match self.status:
            case _S.REJECTED:
                return self.refusal or self._completed_words() or _NO_REASON
            case _S.CANCELLED:
                return self.cancel_reason or self.refusal or self._completed_words()
            case _S.UNKNOWN:
                return _GONE
            case _S.PENDING | _S.PARTIAL:
                return self._working_reason()
            case _:
                return None

    def _completed_words(self) -> str | None:
        return self.completed.completed_status.strip() or None if self.completed is not None else None

    def _working_reason(self) -> str | None:
        """A reason on a working order ends a pending cancel at the desk: none is given while one is on its way."""
        if self.is_cancelling:
            return None
        if self.word == INACTIVE_WORD:
            return _HELD
        return self.cancel_word or self.note
