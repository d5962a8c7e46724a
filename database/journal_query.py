"""What the journal browser may ask for, and what it gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from models.enums import JournalStatus, Regime
from models.suggestion_records import SuggestionMark
from models.trade import Execution


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """Conditions that all must hold; an empty one asks for everything.

    `text`: words that must all occur (any case, anywhere) in rationale, tags, underlying or strategy. Each tuple is a
    choice: one of its values must match. `from_utc` is included, `to_utc` is not. `up_to_seq` hides rows younger than
    a page already shown, so that scrolling stays put while fills come in.
    """

    text: str = ""
    accounts: tuple[str, ...] = ()
    underlyings: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    regimes: tuple[Regime, ...] = ()
    statuses: tuple[JournalStatus, ...] = ()
    tags: tuple[str, ...] = ()
    from_utc: datetime | None = None
    to_utc: datetime | None = None
    up_to_seq: int | None = None


@dataclass(frozen=True, slots=True)
class JournalRow:
    """A journal row as the list shows it. `net_debit_credit` dollars, positive = paid."""

    seq: int
    id: str
    created_at: datetime
    broker: str
    account_id: str
    broker_order_id: str | None
    underlying: str
    strategy_tag: str | None
    status: str
    net_debit_credit: float | None
    vix_at_fill: float | None
    spx_price_at_fill: float | None
    regime: str | None
    legs: tuple[dict[str, Any], ...]
    pre_greeks: dict[str, float]
    post_greeks: dict[str, float]
    user_rationale: str | None
    ai_rationale: str | None
    ai_suggestion_id: str | None
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Some of the rows that pass a filter, how many pass in all, and the youngest row of the journal then."""

    rows: tuple[JournalRow, ...]
    total: int
    newest_seq: int


@dataclass(frozen=True, slots=True)
class JournalEdit:
    """One change of the user's words: `field` is "user_rationale" or "tags" (then before and after are JSON lists)."""

    at_utc: datetime
    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row of the audit trail."""

    seq: int
    at_utc: datetime
    kind: str
    order_id: str | None
    broker_order_id: str | None
    state: dict[str, Any]
    latency_us: int | None


@dataclass(frozen=True, slots=True)
class SuggestionOrigin:
    """Where a trade's suggestion comes from, and how it has paid.

    `metrics`: the limits it was to cure. Positions count from 0: as shown last, and in the search's own order (None in
    rows of older desks, as is `kind`). `model`: the one whose words and order hold, None where none was asked.
    """

    id: str
    breach_id: str | None
    made_at_utc: datetime
    metrics: tuple[str, ...]
    is_premortem: bool
    kind: str | None
    position: int
    solver_position: int | None
    rationale: str
    is_from_model: bool
    model: str | None
    marks: tuple[SuggestionMark, ...]


@dataclass(frozen=True, slots=True)
class JournalDetail:
    """Everything about one journal row. `suggestion`: the one it was traded by, None without or when it is not kept."""

    row: JournalRow
    order_id: str | None
    edits: tuple[JournalEdit, ...]
    audit: tuple[AuditRow, ...]
    executions: tuple[Execution, ...]
    suggestion: SuggestionOrigin | None = None

    @property
    def fees(self) -> Decimal | None:
        """Fees of the executions in dollars, positive = paid; None while one of them is not reported."""
        if not self.executions or any(execution.fee is None for execution in self.executions):
            return None
        return sum((execution.fee for execution in self.executions if execution.fee is not None), Decimal(0))


@dataclass(frozen=True, slots=True)
class JournalFacets:
    """The values that occur in the journal with their number of rows, most frequent first."""

    accounts: tuple[tuple[str, int], ...] = ()
    underlyings: tuple[tuple[str, int], ...] = ()
    strategies: tuple[tuple[str, int], ...] = ()
    regimes: tuple[tuple[str, int], ...] = ()
    statuses: tuple[tuple[str, int], ...] = ()
    tags: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order of a day as the database last knew it."""

    id: str
    account_id: str
    broker: str
    broker_order_id: str | None
    underlying: str
    strategy_tag: str | None
    order_type: str
    tif: str
    limit_price: Decimal | None
    status: str
    created_at: datetime
    submitted_at: datetime | None
    filled_at: datetime | None
    journal_ids: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class MissedSlot:
    """A quarter of an hour without a snapshot, and why."""

    slot_utc: datetime
    account_id: str
    reason: str
