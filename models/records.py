"""Rows that the engine hands to storage and gets back from it at start-up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from models.coverage import StatementDays
from models.enums import BrokerName, TradingState
from models.ids import AccountId, ExecutionId, OrderId
from models.order import Order
from models.position import UnifiedPosition
from models.risk import RiskBreach
from models.trade import Execution


class AuditKind(StrEnum):
    """What an audit row tells of an order."""

    CREATED = "CREATED"
    SIMULATED = "SIMULATED"
    DENIED = "DENIED"
    INTENT = "INTENT"
    SUBMITTED = "SUBMITTED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    STATUS = "STATUS"
    EXECUTION = "EXECUTION"
    CORRECTION = "CORRECTION"
    FEE = "FEE"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    REPLACE_REQUESTED = "REPLACE_REQUESTED"
    UNKNOWN = "UNKNOWN"
    RECONCILED = "RECONCILED"
    JOURNALED = "JOURNALED"
    OVERFILL = "OVERFILL"
    EXTERNAL = "EXTERNAL"
    HALTED = "HALTED"
    IMPORTED = "IMPORTED"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One row of `order_audit_log`; the writer adds sequence and time. `state` must be JSON-able."""

    kind: AuditKind
    order_id: OrderId | None
    broker_order_id: str | None
    account_id: AccountId
    at_utc: datetime
    state: dict[str, Any]
    latency_us: int | None = None


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order as the database last knew it, with what recovery needs beside it."""

    order: Order
    broker: BrokerName
    #: Whether its intent row was committed, i.e. it may have reached the broker.
    intent_at_utc: datetime | None
    #: Journal row already written for it, if any.
    journal_id: str | None


@dataclass(frozen=True, slots=True)
class LoadedState:
    """All that start-up needs from the database."""

    #: Orders that are not terminal, and terminal ones with executions but no journal row.
    orders: tuple[StoredOrder, ...]
    #: Executions of those orders and of the last days, newest revision of each.
    executions: tuple[Execution, ...]
    open_breaches: tuple[RiskBreach, ...]
    positions: tuple[UnifiedPosition, ...]
    trading_state: TradingState
    trading_state_reason: str
    #: Which of `executions` a journal row covers, and in which revision; None = not told.
    journaled: frozenset[tuple[AccountId, ExecutionId, int]] | None = None
    #: Days that imported statements hold.
    statement_days: tuple[StatementDays, ...] = ()
