"""What a broker's statement file tells: executions, cash movements and the days it covers.

A line is what the statement prints, an execution is what several lines may speak of (booked, cancelled, booked again).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from models.coverage import StatementDays
from models.enums import BrokerName
from models.ids import AccountId, ExecutionId, OrderId
from models.records import AuditRecord
from models.trade import Execution, JournalEntry


class StatementSection(StrEnum):
    """What kind of row it was; the value is what the user reads."""

    TRADES = "Trades"
    SETTLEMENTS = "Exercises, assignments, expirations"
    CASH = "Cash"


class CashKind(StrEnum):
    """Why money moved without a trade."""

    TRANSFER = "TRANSFER"
    DIVIDEND = "DIVIDEND"
    INTEREST = "INTEREST"
    FEE = "FEE"
    TAX = "TAX"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class CashMovement:
    """Money that moved without a trade. Natural key: broker + account + movement id.

    `amount` in `currency`, positive = received, negative = paid. `symbol` is what it was paid for, empty without one.
    """

    broker: BrokerName
    account_id: AccountId
    movement_id: str
    kind: CashKind
    at_utc: datetime
    amount: Decimal
    currency: str
    text: str
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line that speaks of an execution. Natural key: broker + account + line id.

    `line_no` orders the broker's bookings (0 = not told): the newest word on an execution counts. `trade_id` is the
    statement's own number of the trade, by which a later line may cancel it. `fee` in dollars, positive = paid; the
    fee of an execution is the sum over its lines. A preliminary line (trade confirmation) gives way to booked ones.
    """

    broker: BrokerName
    account_id: AccountId
    line_id: str
    line_no: int
    trade_id: str
    execution_id: ExecutionId
    fee: Decimal | None
    is_preliminary: bool


@dataclass(frozen=True, slots=True)
class TradeLine:
    """A line as it was read: books `execution`, or (None) cancels the trade with the id `cancels`.

    `place` says where it stands ("Trade 17").
    """

    section: StatementSection
    account_id: AccountId
    line_id: str
    line_no: int
    trade_id: str
    cancels: str
    execution: Execution | None
    fee: Decimal | None
    is_preliminary: bool
    place: str


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that was not taken: which, and why in the user's words."""

    section: StatementSection
    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement file, read. `passed_over` are sections and rows that are not for import, with their numbers."""

    broker: BrokerName
    source: str
    trades: tuple[TradeLine, ...]
    cash: tuple[CashMovement, ...]
    days: tuple[StatementDays, ...]
    skipped: tuple[SkippedRow, ...]
    passed_over: tuple[tuple[str, int], ...]

    @property
    def accounts(self) -> frozenset[AccountId]:
        """Accounts that the file speaks of."""
        return frozenset(
            (
                *(line.account_id for line in self.trades),
                *(movement.account_id for movement in self.cash),
                *(days.account_id for days in self.days),
            )
        )


@dataclass(frozen=True, slots=True)
class KnownToStatements:
    """What the database has of the things a statement names: newest revisions, earlier lines, orders of ours."""

    executions: Mapping[tuple[AccountId, ExecutionId], Execution]
    lines: tuple[StatementLine, ...]
    #: Movement ids per account.
    cash: frozenset[tuple[AccountId, str]]
    own_orders: frozenset[OrderId]
    #: Revisions of `executions` that a journal row has.
    journaled: frozenset[tuple[AccountId, ExecutionId, int]]


@dataclass(frozen=True, slots=True)
class StatementPart:
    """What is written in one transaction. Each journal row comes with its audit record."""

    executions: tuple[Execution, ...] = ()
    lines: tuple[StatementLine, ...] = ()
    journal: tuple[tuple[JournalEntry, AuditRecord], ...] = ()
    cash: tuple[CashMovement, ...] = ()
    days: tuple[StatementDays, ...] = ()
    audit: tuple[AuditRecord, ...] = ()
