"""What the window is told of a statement's import."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from models.coverage import StatementDays
from models.ids import AccountId
from models.statement import CashKind, SkippedRow, StatementSection


@dataclass(frozen=True, slots=True)
class StatementProgress:
    """How far an import is: `done` of `total` executions and movements written. Total 0 = the file is being read."""

    source: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class SectionCount:
    """What became of one kind of row: `read` = new + known + corrected + skipped.

    Trades and settlements are counted by execution: lines that book, cancel and book again speak of one.
    """

    section: StatementSection
    read: int
    new: int
    known: int
    corrected: int
    skipped: int


@dataclass(frozen=True, slots=True)
class CashSum:
    """What the statement tells of one kind of movement in one currency; `amount` positive = received."""

    kind: CashKind
    currency: str
    count: int
    new: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class StatementReport:
    """What an import did.

    `fees_filled`: executions whose fee was not known before; `fees_changed`: whose fee the statement tells otherwise.
    `fees_usd`: all fees of the statement's trades, positive = paid. `passed_over`: rows that are not for import.
    """

    source: str
    accounts: tuple[AccountId, ...]
    sections: tuple[SectionCount, ...]
    fees_filled: int
    fees_changed: int
    fees_usd: Decimal
    journal_rows: int
    cash: tuple[CashSum, ...]
    days: tuple[StatementDays, ...]
    skipped: tuple[SkippedRow, ...]
    passed_over: tuple[tuple[str, int], ...]
    #: Something concerns orders of this desk or the last days: the desk compares with the broker again.
    is_reconciled_after: bool

    @property
    def has_added(self) -> bool:
        """Whether the import changed anything."""
        counts = any(one.new or one.corrected for one in self.sections)
        return counts or bool(self.fees_filled or self.fees_changed)
