"""What is kept of suggestions: the set they belong to, each of them, what became of it and how it has paid since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from models.contract import Contract
from models.hedge import Situation, Verified
from models.ids import ContractKey


class SuggestionFate(StrEnum):
    """What happened to a suggestion; each is a row, none is ever taken back."""

    SHOWN = "SHOWN"
    LOADED = "LOADED"
    DISMISSED = "DISMISSED"
    ORDERED = "ORDERED"


class Horizon(StrEnum):
    """When a suggestion is held against doing nothing."""

    HOUR = "1 hour"
    DAY = "1 day"
    EXPIRY = "expiry"

    @property
    def after(self) -> timedelta | None:
        """How long after it was made; None: at the first expiry of its legs."""
        return {Horizon.HOUR: timedelta(hours=1), Horizon.DAY: timedelta(days=1)}.get(self)


@dataclass(frozen=True, slots=True)
class MarkedHolding:
    """What was held, or what a suggestion would trade, at the price of that moment.

    `quantity` signed, in contracts; `price` per share, the mid; None = no quote.
    """

    contract: Contract
    quantity: Decimal
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class LegQuote:
    """The market of one contract a suggestion of the set would trade, per share; None = that side is not quoted."""

    key: ContractKey
    bid: Decimal | None
    ask: Decimal | None
    at_utc: datetime


@dataclass(frozen=True, slots=True)
class SuggestionRecord:
    """A row of `signals`. `position`: in the order shown, from 0; `solver_position`: in the search's own order."""

    id: str
    position: int
    solver_position: int
    verified: Verified
    rationale: str
    is_from_model: bool


@dataclass(frozen=True, slots=True)
class SuggestionSetRecord:
    """The moment in which a set was made. `book_hash`: SHA-256 of accounts' holdings.

    `quotes`: of every leg of its suggestions that was quoted. `payload_sha256` and `model` are None where no model was
    asked.
    """

    id: str
    breach_id: str | None
    made_at_utc: datetime
    situation: Situation
    book_hash: str
    book: tuple[MarkedHolding, ...]
    scored_count: int
    payload_sha256: str | None
    model: str | None
    suggestions: tuple[SuggestionRecord, ...]
    quotes: tuple[LegQuote, ...] = ()


@dataclass(frozen=True, slots=True)
class DueMark:
    """A suggestion that is to be held against doing nothing at `due_utc`; with what is needed for it."""

    suggestion_id: str
    set_id: str
    horizon: Horizon
    due_utc: datetime


@dataclass(frozen=True, slots=True)
class SuggestionMark:
    """How a suggestion has paid since it was made; dollars, None = could not be known then (`note` says why).

    `hedge_usd`: its legs from the limit price to the mid of `marked_at_utc`, fees taken off. `nothing_usd`: the book of
    that moment without it. `solver_first_usd`: the legs of the search's own first choice.
    """

    suggestion_id: str
    horizon: Horizon
    due_utc: datetime
    marked_at_utc: datetime
    hedge_usd: float | None
    nothing_usd: float | None
    solver_first_usd: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ScoredSuggestion:
    """What the scoreboard is made of: one suggestion, whether it was followed, and its marks."""

    suggestion_id: str
    made_at_utc: datetime
    is_followed: bool
    is_dismissed: bool
    is_first: bool
    marks: tuple[SuggestionMark, ...]
