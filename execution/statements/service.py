"""Imports a statement file: read and compared in a thread, written in short transactions, told in a report."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from execution.statement_views import CashSum, SectionCount, StatementProgress, StatementReport
from execution.statements.booking import Plan, Verdict, plan_of
from execution.statements.rows import StrategyTag, parts_of
from execution.storage import AuditKind, AuditRecord, StatementStore
from execution.views import Publisher
from models.clock import Clock
from models.enums import BrokerName
from models.errors import KnownError
from models.ids import AccountId
from models.statement import KnownToStatements, SkippedRow, Statement, StatementPart, StatementSection

#: What is younger may be in the memory of the running desk, which then has to look again.
_RECENT = timedelta(days=8)


class ImportStopped(KnownError):
    """The user stopped an import; what was written stays, and importing again adds the rest."""


class StatementImport:
    """One import at a time. Engine thread; reading and comparing run beside it."""

    def __init__(
        self,
        *,
        read: Callable[[Path], Statement],
        store: StatementStore,
        brokers: Collection[BrokerName],
        accounts: Callable[[], Collection[AccountId]],
        strategy_tag: StrategyTag,
        is_read_only: bool,
        publisher: Publisher,
        clock: Clock,
    ) -> None:
        self._read = read
        self._store = store
        self._brokers = tuple(brokers)
        self._accounts = accounts
        self._strategy_tag = strategy_tag
        self._is_read_only = is_read_only
        self._publisher = publisher
        self._clock = clock
        self._is_running = False
        self._is_stopping = False

    def stop(self) -> None:
        """Has a running import end after the part that is being written."""
        self._is_stopping = True

    async def run(self, path: Path) -> StatementReport:
        """Imports a file; raises KnownError, and then nothing was changed (ImportStopped: nothing is half written)."""
        if self._is_running:
            raise KnownError("A statement is being imported already.", cure="Wait until it is done, or stop it.")
        if self._is_read_only:
            raise KnownError(
                "This desk is opened read-only and cannot import statements.", cure="Import in the desk that writes."
            )
        self._is_running, self._is_stopping = True, False
        try:
            return await self._import(path)
        finally:
            self._is_running = False

    async def _import(self, path: Path) -> StatementReport:
        self._publisher.state(StatementProgress(path.name, 0, 0))
        statement = self._ours(await asyncio.to_thread(self._read, path))
        known = await self._store.known_to_statement(statement)
        now = self._clock.now_utc()
        plan, parts = await asyncio.to_thread(self._prepare, statement, known, now)
        report = _report(statement, plan, known, await self._write(statement, parts), now)
        if report.has_added:
            await self._store.write_statement(StatementPart(audit=(_record(report, now),)), statement.broker)
        # The days count as covered only now: an import that ends before is to be done again.
        await self._store.write_statement(StatementPart(days=statement.days), statement.broker)
        return report

    def _prepare(
        self, statement: Statement, known: KnownToStatements, now: datetime
    ) -> tuple[Plan, tuple[StatementPart, ...]]:
        plan = plan_of(statement, known)
        return plan, tuple(parts_of(plan, known, strategy_tag=self._strategy_tag, now_utc=now))

    async def _write(self, statement: Statement, parts: tuple[StatementPart, ...]) -> int:
        """Returns how many journal rows were new."""
        total, done, rows = sum(_size(part) for part in parts), 0, 0
        for part in parts:
            self._publisher.state(StatementProgress(statement.source, done, total))
            if self._is_stopping:
                raise ImportStopped(
                    f"The import of {statement.source} was stopped after {done:,} of {total:,} entries.",
                    cure="What was written stays; import the file again to add the rest.",
                )
            rows += len(await self._store.write_statement(part, statement.broker))
            done += _size(part)
        self._publisher.state(StatementProgress(statement.source, total, total))
        return rows

    def _ours(self, statement: Statement) -> Statement:
        """Without what belongs to accounts that this desk does not have; raises when nothing is left."""
        if statement.broker not in self._brokers:
            raise KnownError(
                f"{statement.source} is a statement of {statement.broker.value}; this desk works with "
                f"{' and '.join(name.value for name in self._brokers)}. Nothing was imported.",
                cure=f"Start the desk with {statement.broker.value} and import it there.",
            )
        ours = frozenset(self._accounts())
        if not ours:
            raise KnownError(
                "The desk does not know its accounts yet.", cure="Import the statement once it is connected."
            )
        told = statement.accounts
        if told and not told & ours:
            raise KnownError(
                f"{statement.source} is about {_listed(told)}, but this desk has {_listed(ours)}. "
                "Nothing was imported.",
                cure="Choose the statement of this desk's account.",
            )
        return _only(statement, ours) if told - ours else statement


def _only(statement: Statement, ours: frozenset[AccountId]) -> Statement:
    def reason(account_id: AccountId) -> str:
        return f"it belongs to account {account_id}, which this desk does not have"

    foreign_trades = [line for line in statement.trades if line.account_id not in ours]
    foreign_cash = [one for one in statement.cash if one.account_id not in ours]
    return replace(
        statement,
        trades=tuple(line for line in statement.trades if line.account_id in ours),
        cash=tuple(one for one in statement.cash if one.account_id in ours),
        days=tuple(one for one in statement.days if one.account_id in ours),
        skipped=(
            *statement.skipped,
            *(SkippedRow(line.section, line.place, reason(line.account_id)) for line in foreign_trades),
            *(SkippedRow(StatementSection.CASH, one.text, reason(one.account_id)) for one in foreign_cash),
        ),
    )


def _report(
    statement: Statement, plan: Plan, known: KnownToStatements, journal_rows: int, now: datetime
) -> StatementReport:
    bookings = plan.bookings
    fees = [booking for booking in bookings if booking.is_fee_new and booking.before is not None]
    filled = sum(1 for booking in fees if booking.before is not None and booking.before.fee is None)
    return StatementReport(
        source=statement.source,
        accounts=tuple(sorted(statement.accounts)),
        sections=tuple(_sections(statement, plan)),
        fees_filled=filled,
        fees_changed=len(fees) - filled,
        fees_usd=sum((one.execution.fee for one in bookings if one.execution.fee is not None), Decimal(0)),
        journal_rows=journal_rows,
        cash=_cash_sums(statement, known),
        days=statement.days,
        skipped=tuple(plan.skipped),
        passed_over=statement.passed_over,
        is_reconciled_after=_concerns_the_desk(plan, known, now),
    )


def _sections(statement: Statement, plan: Plan) -> Iterable[SectionCount]:
    counts = plan.counts()
    skipped = Counter(row.section for row in plan.skipped)
    for section in (StatementSection.TRADES, StatementSection.SETTLEMENTS):
        new, known, corrected = (
            counts[section, verdict] for verdict in (Verdict.NEW, Verdict.KNOWN, Verdict.CORRECTED)
        )
        left = skipped[section]
        yield SectionCount(section, new + known + corrected + left, new, known, corrected, left)
    read, new = len(statement.cash), len(plan.cash)
    left = skipped[StatementSection.CASH]
    yield SectionCount(StatementSection.CASH, read + left, new, read - new, 0, left)


def _cash_sums(statement: Statement, known: KnownToStatements) -> tuple[CashSum, ...]:
    sums: dict[tuple[str, str], CashSum] = {}
    for one in statement.cash:
        key = (one.kind.value, one.currency)
        before = sums.get(key, CashSum(one.kind, one.currency, 0, 0, Decimal(0)))
        is_new = (one.account_id, one.movement_id) not in known.cash
        sums[key] = replace(
            before, count=before.count + 1, new=before.new + int(is_new), amount=before.amount + one.amount
        )
    return tuple(sums[key] for key in sorted(sums))


def _concerns_the_desk(plan: Plan, known: KnownToStatements, now: datetime) -> bool:
    """Whether the running desk may have to do with what was written: its orders, or what is still in its memory."""
    return any(
        booking.verdict in (Verdict.NEW, Verdict.CORRECTED)
        and (booking.execution.order_id in known.own_orders or now - booking.execution.executed_at_utc <= _RECENT)
        for booking in plan.bookings
    )


def _record(report: StatementReport, now: datetime) -> AuditRecord:
    return AuditRecord(
        kind=AuditKind.IMPORTED,
        order_id=None,
        broker_order_id=None,
        account_id=report.accounts[0],
        at_utc=now,
        state={
            "source": report.source,
            "accounts": list(report.accounts),
            "journal_rows": report.journal_rows,
            "sections": {one.section.value: [one.read, one.new, one.corrected, one.skipped] for one in report.sections},
        },
    )


def _size(part: StatementPart) -> int:
    return max(len(part.executions) + len(part.cash), 1)


def _listed(accounts: Iterable[AccountId]) -> str:
    return ", ".join(sorted(accounts))
