"""A storage in memory whose N-th write fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from execution.storage import AuditKind, AuditRecord, LoadedState, StoredOrder
from models.book_mark import BookMark
from models.enums import BrokerName, TradingState
from models.errors import KnownError
from models.ids import AccountId, ExecutionId, OrderId
from models.order import Order
from models.position import UnifiedPosition
from models.risk import RiskBreach
from models.trade import AccountSnapshot, Execution, JournalEntry
from tests.execution.orders.builders import NOW


class DiskFull(KnownError):
    def __init__(self) -> None:
        super().__init__("The disk is full.", cure="Free some space.")


class FakeStorage:
    """What the database keeps, in memory; `fail_writes` holds the numbers of the writes that fail (from 1)."""

    is_read_only = False

    def __init__(self) -> None:
        self.writes = 0
        self.fail_writes: set[int] = set()
        self.orders: dict[OrderId, Order] = {}
        self.intents: dict[OrderId, datetime] = {}
        self.executions: dict[tuple[AccountId, ExecutionId], Execution] = {}
        self.fees: dict[ExecutionId, str] = {}
        self.journal: list[JournalEntry] = []
        self.journaled: set[tuple[AccountId, ExecutionId, int]] = set()
        self.order_journal: dict[OrderId, str] = {}
        self.audits: list[AuditRecord] = []
        self.count_error: KnownError | None = None
        self.on_intent: Callable[[], Awaitable[None]] | None = None
        self.trail: list[str] = []

    def _write(self, what: str) -> None:
        self.writes += 1
        if self.writes in self.fail_writes:
            raise DiskFull
        self.trail.append(what)

    async def load(self, accounts: Sequence[AccountId]) -> LoadedState:
        orders = tuple(
            StoredOrder(order, BrokerName.PAPER, self.intents.get(order.id), self.order_journal.get(order.id))
            for order in self.orders.values()
        )
        return LoadedState(
            orders=orders,
            executions=tuple(self.executions.values()),
            open_breaches=(),
            positions=(),
            trading_state=TradingState.ACTIVE,
            trading_state_reason="",
            journaled=frozenset(self.journaled),
        )

    async def save_order(self, order: Order, broker: BrokerName, audit: Sequence[AuditRecord]) -> None:
        self._write("order")
        self.orders[order.id] = order
        self.audits += audit

    async def commit_intent(self, order: Order, broker: BrokerName, audit: AuditRecord) -> None:
        self._write("intent")
        if self.on_intent is not None:
            await self.on_intent()
        if order.id in self.intents:
            raise KnownError("There is an intent of this order already.")
        self.intents[order.id] = order.submitted_at or NOW
        self.orders[order.id] = order
        self.audits.append(audit)

    async def record_executions(
        self, executions: Sequence[Execution], audit: Sequence[AuditRecord]
    ) -> tuple[bool, ...]:
        self._write("execution")
        answers = []
        for execution in executions:
            key = (execution.account_id, execution.execution_id)
            known = self.executions.get(key)
            is_new = known is None or execution.revision > known.revision
            if is_new:
                self.executions[key] = execution
            answers.append(is_new)
        self.audits += audit
        return tuple(answers)

    async def record_fee(self, broker: BrokerName, account_id: AccountId, execution_id: ExecutionId, fee: str) -> bool:
        self._write("fee")
        is_new = self.fees.get(execution_id) != fee
        self.fees[execution_id] = fee
        return is_new

    async def write_journal(
        self, entry: JournalEntry, order: Order | None, broker: BrokerName, audit: AuditRecord
    ) -> bool:
        self._write("journal")
        pairs = zip(audit.state["execution_ids"], audit.state["revisions"], strict=True)
        keys = {(entry.account_id, ExecutionId(execution_id), revision) for execution_id, revision in pairs}
        if keys <= self.journaled:
            return False
        self.journaled |= keys
        self.journal.append(entry)
        if order is not None:
            self.order_journal[order.id] = entry.id
        self.audits.append(audit)
        return True

    async def audit(self, records: Sequence[AuditRecord]) -> None:
        self._write("audit")
        self.audits += records

    async def save_positions(
        self, account_id: AccountId, positions: Sequence[UnifiedPosition], at_utc: datetime
    ) -> None:
        self._write("positions")

    async def save_trading_state(self, state: TradingState, reason: str, at_utc: datetime) -> None:
        self._write("trading_state")

    async def count_intents(self, day_start_utc: datetime) -> int:
        if self.count_error is not None:
            raise self.count_error
        return sum(1 for at in self.intents.values() if at >= day_start_utc)

    async def write_snapshot(self, snapshot: AccountSnapshot, slot_utc: datetime | None) -> bool:
        return True

    async def record_missed_slot(self, slot_utc: datetime, account_id: AccountId, reason: str) -> bool:
        return True

    async def last_slot(self, account_id: AccountId) -> datetime | None:
        return None

    async def write_book_mark(self, mark: BookMark) -> bool:
        return True

    async def book_mark_times(self, since_utc: datetime | None = None) -> tuple[datetime, ...]:
        return ()

    async def load_book_mark(self, at_utc: datetime) -> BookMark | None:
        return None

    async def load_executions_since(self, since_utc: datetime) -> tuple[Execution, ...]:
        return ()

    async def save_breach(self, breach: RiskBreach) -> None:
        return None

    async def edit_journal(
        self, journal_id: str, *, user_rationale: str | None, tags: Sequence[str] | None, at_utc: datetime
    ) -> None:
        return None

    async def load_settings(self) -> dict[str, str]:
        return {}

    async def save_setting(self, name: str, value: str, at_utc: datetime) -> None:
        return None

    def kinds(self) -> list[AuditKind]:
        return [record.kind for record in self.audits]
