"""What the engine needs of storage, as protocols; `main.py` hands in the database's implementation.

Each write is one transaction on the writer thread and durable when the call returns; a failed write raises
`models.errors.KnownError` (disk full, locked, read-only) and has changed nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from models.book_mark import BookMark
from models.enums import BrokerName, TradingState
from models.ids import AccountId, ExecutionId
from models.order import Order
from models.position import UnifiedPosition
from models.records import AuditKind, AuditRecord, LoadedState, StoredOrder
from models.risk import RiskBreach
from models.statement import KnownToStatements, Statement, StatementPart
from models.suggestion_records import (
    DueMark,
    ScoredSuggestion,
    SuggestionFate,
    SuggestionMark,
    SuggestionRecord,
    SuggestionSetRecord,
)
from models.trade import AccountSnapshot, Execution, JournalEntry

__all__ = [
    "AuditKind",
    "AuditRecord",
    "BreachStore",
    "DeskStorage",
    "JournalEdits",
    "LoadedState",
    "OrderStore",
    "SessionCalendar",
    "SnapshotStore",
    "StatementStore",
    "Storage",
    "StoredOrder",
    "SuggestionStore",
]


class OrderStore(Protocol):
    """Orders, intents, executions and their audit trail."""

    async def load(self, accounts: Sequence[AccountId]) -> LoadedState:
        """Returns what recovery starts from."""
        ...

    async def save_order(self, order: Order, broker: BrokerName, audit: Sequence[AuditRecord]) -> None:
        """Writes the order's newest state with its audit rows, in one transaction."""
        ...

    async def commit_intent(self, order: Order, broker: BrokerName, audit: AuditRecord) -> None:
        """Commits the intent to send `order` (status PENDING); raises if an intent of this order exists already."""
        ...

    async def record_executions(
        self, executions: Sequence[Execution], audit: Sequence[AuditRecord]
    ) -> tuple[bool, ...]:
        """Appends executions; per one: True if it is new or a higher revision, False if known already."""
        ...

    async def record_fee(self, broker: BrokerName, account_id: AccountId, execution_id: ExecutionId, fee: str) -> bool:
        """Books the fee of an execution (decimal text); False if the same fee was booked already."""
        ...

    async def write_journal(
        self, entry: JournalEntry, order: Order | None, broker: BrokerName, audit: AuditRecord
    ) -> bool:
        """Writes the journal row and links it to the order in one transaction; False if that event has one already."""
        ...

    async def audit(self, records: Sequence[AuditRecord]) -> None:
        """Appends audit rows."""
        ...

    async def save_positions(
        self, account_id: AccountId, positions: Sequence[UnifiedPosition], at_utc: datetime
    ) -> None:
        """Replaces the positions last reconciled of an account."""
        ...

    async def save_trading_state(self, state: TradingState, reason: str, at_utc: datetime) -> None:
        """Persists the kill switch; it survives a restart."""
        ...

    async def count_intents(self, day_start_utc: datetime) -> int:
        """Returns how many intents were committed since `day_start_utc` (order-rate caps)."""
        ...


class SnapshotStore(Protocol):
    """Account snapshots and the slots that were missed."""

    async def write_snapshot(self, snapshot: AccountSnapshot, slot_utc: datetime | None) -> bool:
        """Writes a snapshot; `slot_utc` None = on demand. False if that slot and account has its row already."""
        ...

    async def record_missed_slot(self, slot_utc: datetime, account_id: AccountId, reason: str) -> bool:
        """Records that a slot of the session was not taken, and why; False if known already."""
        ...

    async def last_slot(self, account_id: AccountId) -> datetime | None:
        """Returns the newest slot that was taken or recorded as missed; None for a new account."""
        ...


class BookMarkWriter(Protocol):
    """Records the whole book, row by row."""

    async def write_book_mark(self, mark: BookMark) -> bool:
        """Writes the book as it stands; False if that instant has its mark or nothing is held."""
        ...


class BookMarkStore(BookMarkWriter, Protocol):
    """The whole book as it stood at each snapshot, and what was traded since."""

    async def book_mark_times(self, since_utc: datetime | None = None) -> tuple[datetime, ...]:
        """Returns when the book was marked, oldest first."""
        ...

    async def load_book_mark(self, at_utc: datetime) -> BookMark | None:
        """Returns the mark of that instant, None without one."""
        ...

    async def load_executions_since(self, since_utc: datetime) -> tuple[Execution, ...]:
        """Returns what was traded after `since_utc` in any account, oldest first."""
        ...


class BreachStore(Protocol):
    """Breaches and their life."""

    async def save_breach(self, breach: RiskBreach) -> None:
        """Inserts or updates a breach by id."""
        ...


class SuggestionStore(Protocol):
    """Suggestions, what became of them, and how they have paid."""

    async def save_suggestions(self, made: SuggestionSetRecord) -> None:
        """Writes a set with its suggestions (rows of `signals`) and the marks that will be due; a known id is left."""
        ...

    async def rank_suggestions(
        self, set_id: str, model: str, payload_sha256: str, told: Sequence[SuggestionRecord]
    ) -> None:
        """Keeps the order and the words the model gave; what was kept first stays readable beside it."""
        ...

    async def record_fate(self, suggestion_id: str, fate: SuggestionFate, text: str, at_utc: datetime) -> None:
        """Keeps what happened to a suggestion."""
        ...

    async def load_suggestions(self, breach_ids: Sequence[str]) -> tuple[SuggestionSetRecord, ...]:
        """Returns the newest set of each breach, as it was ranked last."""
        ...

    async def due_marks(self, until_utc: datetime) -> tuple[DueMark, ...]:
        """Returns what is due by then and not marked yet, oldest first."""
        ...

    async def load_suggestion_set(self, set_id: str) -> SuggestionSetRecord | None:
        """Returns a set by id."""
        ...

    async def save_mark(self, mark: SuggestionMark) -> bool:
        """Keeps a mark; False if that suggestion and horizon has one."""
        ...

    async def scored_suggestions(self) -> tuple[ScoredSuggestion, ...]:
        """Returns every suggestion with its marks, newest first."""
        ...


class JournalEdits(Protocol):
    """The user's own words on a journal row: all that may change, and every change is kept."""

    async def edit_journal(
        self, journal_id: str, *, user_rationale: str | None, tags: Sequence[str] | None, at_utc: datetime
    ) -> None:
        """Sets rationale and/or tags (None = leave) and records what they were before."""
        ...


class SettingsStore(Protocol):
    """Small facts the desk remembers: regime state, limits and betas the user changed. JSON text by name."""

    async def load_settings(self) -> dict[str, str]:
        """Returns every remembered fact."""
        ...

    async def save_setting(self, name: str, value: str, at_utc: datetime) -> None:
        """Remembers one; what it was before stays in the history."""
        ...


class StatementStore(Protocol):
    """What imported statements bring."""

    async def known_to_statement(self, statement: Statement) -> KnownToStatements:
        """Returns what is here of the things a statement names."""
        ...

    async def write_statement(self, part: StatementPart, broker: BrokerName) -> tuple[str, ...]:
        """Writes what of `part` is not here yet, in one transaction; returns the ids of the new journal rows."""
        ...


class Storage(OrderStore, SnapshotStore, BookMarkStore, BreachStore, JournalEdits, SettingsStore, Protocol):
    """Everything the engine writes to. `is_read_only` when another instance holds the writer's lock."""

    is_read_only: bool


class DeskStorage(Storage, StatementStore, SuggestionStore, Protocol):
    """What a whole desk needs: the engine's own writes, those of imports, and suggestions."""


class SessionCalendar(Protocol):
    """The exchange's sessions."""

    def session_bounds_utc(self, day: date) -> tuple[datetime, datetime] | None:
        """Returns opening and close of `day`'s session, None when the exchange is closed; half days included."""
        ...
