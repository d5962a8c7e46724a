"""The engine's storage on SQLite: opens the file safely and serves every write from the one writer thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select

from database import desk, journal, marks, orders, snapshots, statements, suggestion_marks, suggestions
from database.audit import append
from database.backup import Backup, make_backup, prune
from database.connection import (
    check_readable,
    check_triggers,
    check_version,
    open_reader,
    open_writer,
    prepare_file,
    user_version,
    warn_of_risks,
)
from database.errors import WrongEnvironment, corrupt, typed_errors
from database.lock import InstanceLock
from database.migrate import migrate
from database.rebuild import rebuild_derived
from database.schema import database_stamp
from database.verify import VerifyReport, drift, quick_check, verify
from database.writer import Writer
from models.book_mark import BookMark
from models.clock import Clock
from models.enums import BrokerName, Mode, TradingState
from models.ids import AccountId, ExecutionId
from models.order import Order
from models.position import UnifiedPosition
from models.records import AuditRecord, LoadedState
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

log = logging.getLogger(__name__)


class SqliteStorage:
    """Implements the engine's `Storage` protocol: each call is one transaction, durable when it returns."""

    def __init__(self, path: Path, writer: Writer, lock: InstanceLock, clock: Clock) -> None:
        self.path = path
        self._writer = writer
        self._lock = lock
        self._clock = clock
        #: Whether another desk is the writer; every write then raises DatabaseReadOnly.
        self.is_read_only: bool = writer.is_read_only

    def close(self) -> None:
        """Finishes what was asked for, closes the file and frees it for another desk. May be called twice."""
        self._writer.close()
        self._lock.release()

    async def load(self, accounts: Sequence[AccountId]) -> LoadedState:
        """Returns what recovery starts from."""
        now = self._clock.now_utc()

        def job(connection: Connection) -> LoadedState:
            stored = orders.load_orders(connection, accounts, now)
            done = orders.load_executions(connection, accounts, [one.order.id for one in stored], now)
            state, reason = desk.load_trading_state(connection)
            return LoadedState(
                orders=stored,
                executions=done,
                journaled=orders.load_journaled(connection, done),
                open_breaches=desk.load_breaches(connection, open_only=True),
                positions=desk.load_positions(connection, accounts),
                trading_state=state,
                trading_state_reason=reason,
                statement_days=statements.load_days(connection, accounts),
            )

        return await self._writer.read("loading the last session", job)

    async def save_order(self, order: Order, broker: BrokerName, audit: Sequence[AuditRecord]) -> None:
        """Writes the order's newest state with its audit rows."""
        now = self._clock.now_utc()
        await self._writer.write("saving the order", lambda c: orders.save_order(c, order, broker, audit, now))

    async def commit_intent(self, order: Order, broker: BrokerName, audit: AuditRecord) -> None:
        """Commits the intent to send; raises DuplicateIntent when the order has one."""
        now = self._clock.now_utc()
        await self._writer.write(
            "committing the order's intent", lambda c: orders.commit_intent(c, order, broker, audit, now)
        )

    async def record_executions(
        self, executions: Sequence[Execution], audit: Sequence[AuditRecord]
    ) -> tuple[bool, ...]:
        """Appends executions; per one: True if new or a higher revision."""
        now = self._clock.now_utc()
        return await self._writer.write(
            "recording a fill", lambda c: orders.record_executions(c, executions, audit, now)
        )

    async def record_fee(self, broker: BrokerName, account_id: AccountId, execution_id: ExecutionId, fee: str) -> bool:
        """Books a fee (decimal text, dollars); False if the same fee was booked already."""
        now, amount = self._clock.now_utc(), Decimal(fee)
        return await self._writer.write(
            "booking a fee", lambda c: orders.record_fee(c, broker, account_id, execution_id, amount, now)
        )

    async def write_journal(
        self, entry: JournalEntry, order: Order | None, broker: BrokerName, audit: AuditRecord
    ) -> bool:
        """Writes the journal row and its links; False if that event has one already (see `database.journal`)."""
        now = self._clock.now_utc()
        return await self._writer.write(
            "writing the journal", lambda c: journal.write_journal(c, entry, order, broker, audit, now)
        )

    async def audit(self, records: Sequence[AuditRecord]) -> None:
        """Appends audit rows."""
        now = self._clock.now_utc()
        await self._writer.write("writing the audit trail", lambda c: append(c, records, now))

    async def save_positions(
        self, account_id: AccountId, positions: Sequence[UnifiedPosition], at_utc: datetime
    ) -> None:
        """Replaces the positions last reconciled of an account."""
        await self._writer.write("saving positions", lambda c: desk.save_positions(c, account_id, positions, at_utc))

    async def save_trading_state(self, state: TradingState, reason: str, at_utc: datetime) -> None:
        """Persists the kill switch."""
        await self._writer.write(
            "saving the trading state", lambda c: desk.save_trading_state(c, state, reason, at_utc)
        )

    async def count_intents(self, day_start_utc: datetime) -> int:
        """Returns how many intents were committed since."""
        return await self._writer.read("counting orders", lambda c: orders.count_intents(c, day_start_utc))

    async def write_snapshot(self, snapshot: AccountSnapshot, slot_utc: datetime | None) -> bool:
        """Writes a snapshot; False if its slot has a row already."""
        now = self._clock.now_utc()
        return await self._writer.write(
            "writing a snapshot", lambda c: snapshots.write_snapshot(c, snapshot, slot_utc, now)
        )

    async def record_missed_slot(self, slot_utc: datetime, account_id: AccountId, reason: str) -> bool:
        """Records why a slot was not taken; False if known already."""
        now = self._clock.now_utc()
        return await self._writer.write(
            "recording a missed snapshot", lambda c: snapshots.record_missed_slot(c, slot_utc, account_id, reason, now)
        )

    async def last_slot(self, account_id: AccountId) -> datetime | None:
        """Returns the newest slot taken or missed; None for a new account."""
        return await self._writer.read("reading snapshots", lambda c: snapshots.last_slot(c, account_id))

    async def known_until(self) -> dict[AccountId, datetime]:
        """Returns the newest instant of which each account has a record."""
        return await self._writer.read("reading what is known of the accounts", snapshots.known_until)

    async def write_book_mark(self, mark: BookMark) -> bool:
        """Writes the book as it stands; False if that instant has its mark or nothing is held."""
        return await self._writer.write("marking the book", lambda c: marks.write_mark(c, mark))

    async def book_mark_times(self, since_utc: datetime | None = None) -> tuple[datetime, ...]:
        """Returns when the book was marked, oldest first."""
        return await self._writer.read("reading the book's marks", lambda c: marks.mark_times(c, since_utc))

    async def load_book_mark(self, at_utc: datetime) -> BookMark | None:
        """Returns the mark of that instant, None without one."""
        return await self._writer.read("reading a mark of the book", lambda c: marks.load_mark(c, at_utc))

    async def load_executions_since(self, since_utc: datetime) -> tuple[Execution, ...]:
        """Returns what was traded after `since_utc` in any account, oldest first."""
        return await self._writer.read(
            "reading the trades since then", lambda c: orders.load_executions_since(c, since_utc)
        )

    async def known_to_statement(self, statement: Statement) -> KnownToStatements:
        """Returns what is here of the things a statement names."""
        return await self._writer.read("comparing a statement", lambda c: statements.load_known(c, statement))

    async def write_statement(self, part: StatementPart, broker: BrokerName) -> tuple[str, ...]:
        """Writes a part of a statement; returns the ids of the journal rows that were new."""
        now = self._clock.now_utc()
        return await self._writer.write("importing a statement", lambda c: statements.write_part(c, part, broker, now))

    async def save_breach(self, breach: RiskBreach) -> None:
        """Inserts or updates a breach by id."""
        now = self._clock.now_utc()
        await self._writer.write("saving a breach", lambda c: desk.save_breach(c, breach, now))

    async def save_suggestions(self, made: SuggestionSetRecord) -> None:
        """Writes a set with its suggestions and the marks that will be due; a known id is left."""
        now = self._clock.now_utc()
        await self._writer.write("saving suggestions", lambda c: suggestions.save_suggestions(c, made, now))

    async def rank_suggestions(
        self, set_id: str, model: str, payload_sha256: str, told: Sequence[SuggestionRecord]
    ) -> None:
        """Keeps the order and the words the model gave, beside those kept before; raises NoSuchRow."""
        now = self._clock.now_utc()
        await self._writer.write(
            "saving a ranking", lambda c: suggestions.rank_suggestions(c, set_id, model, payload_sha256, told, now)
        )

    async def record_fate(self, suggestion_id: str, fate: SuggestionFate, text: str, at_utc: datetime) -> None:
        """Keeps what happened to a suggestion; raises NoSuchRow for one that is not kept."""
        await self._writer.write(
            "noting what became of a suggestion",
            lambda c: suggestions.record_fate(c, suggestion_id, fate, text, at_utc),
        )

    async def load_suggestions(self, breach_ids: Sequence[str]) -> tuple[SuggestionSetRecord, ...]:
        """Returns the newest set of each breach, as it was ranked last."""
        return await self._writer.read("reading suggestions", lambda c: suggestions.load_newest(c, breach_ids))

    async def load_suggestion_set(self, set_id: str) -> SuggestionSetRecord | None:
        """Returns a set by id, as it was ranked last."""
        return await self._writer.read("reading suggestions", lambda c: suggestions.load_set(c, set_id))

    async def due_marks(self, until_utc: datetime) -> tuple[DueMark, ...]:
        """Returns what is due by then and not marked yet, oldest first."""
        return await self._writer.read("reading what is due", lambda c: suggestion_marks.due_marks(c, until_utc))

    async def save_mark(self, mark: SuggestionMark) -> bool:
        """Keeps how a suggestion has paid; False if that suggestion and horizon has its mark."""
        return await self._writer.write("marking a suggestion", lambda c: suggestion_marks.save_mark(c, mark))

    async def scored_suggestions(self) -> tuple[ScoredSuggestion, ...]:
        """Returns every suggestion that was on offer or taken up, with its marks, newest first."""
        return await self._writer.read("reading the scoreboard", suggestion_marks.load_scored)

    async def edit_journal(
        self, journal_id: str, *, user_rationale: str | None, tags: Sequence[str] | None, at_utc: datetime
    ) -> None:
        """Sets rationale and/or tags (None = leave) and keeps what they were; raises NoSuchRow."""
        await self._writer.write(
            "editing the journal",
            lambda c: journal.edit_journal(c, journal_id, user_rationale=user_rationale, tags=tags, at_utc=at_utc),
        )

    async def load_settings(self) -> dict[str, str]:
        """Returns every remembered fact, JSON text by name."""
        return await self._writer.read("loading settings", desk.load_settings)

    async def save_setting(self, name: str, value: str, at_utc: datetime) -> None:
        """Remembers one; its earlier values stay in the history."""
        await self._writer.write("saving a setting", lambda c: desk.save_setting(c, name, value, at_utc))

    async def verify(self) -> VerifyReport:
        """Checks structure, hash chain and journal of the whole file on a connection of its own, beside the writer.

        Takes about a second per 100 MB.
        """
        return await asyncio.to_thread(self._verify)

    def _verify(self) -> VerifyReport:
        engine = open_reader(self.path)
        try:
            with typed_errors(self.path, "checking the database"), engine.connect() as one, one.begin():
                return verify(one)
        finally:
            engine.dispose()

    async def back_up(self) -> Backup:
        """Makes a verified copy of the database and deletes copies that are no longer kept."""
        now = self._clock.now_utc()

        def job() -> Backup:
            made = make_backup(self.path, now)
            prune(self.path)
            return made

        return await asyncio.to_thread(job)


def open_storage(path: Path, *, environment: str, mode: Mode, clock: Clock) -> SqliteStorage:
    """Opens (or makes) the database and brings it up to date; read-only when another desk is writing to it.

    `environment` and `mode` are stamped into a new file and must match ever after, so that a paper database never
    takes live fills. Raises typed storage errors; the file is then as it was.
    """
    with ExitStack() as undo:
        is_new = prepare_file(path)
        lock = InstanceLock(path)
        undo.callback(lock.release)
        is_writer = lock.acquire()
        engine = open_writer(path) if is_writer else open_reader(path)
        undo.callback(engine.dispose)
        if is_writer:
            warn_of_risks(path)
            _make_ready(path, engine, clock, is_new=is_new)
        else:
            log.warning("%s is in use by another desk: opened read-only.", path)
            check_readable(engine, path)
        with typed_errors(path, "opening the database"), engine.connect() as connection, connection.begin():
            _check_stamp(connection, path, environment, mode, clock.now_utc() if is_writer else None)
        undo.pop_all()
    return SqliteStorage(path, Writer(engine, path, is_read_only=not is_writer), lock, clock)


def _make_ready(path: Path, engine: Engine, clock: Clock, *, is_new: bool) -> None:
    """Checks the file's structure, migrates it, and repairs derived tables; raises typed storage errors."""
    doing = "opening the database"
    if not is_new:
        with typed_errors(path, doing), engine.connect() as connection, connection.begin():
            check_version(user_version(connection), path)
            complaints = quick_check(connection)
        if complaints:
            raise corrupt(path, complaints[0])
    migrate(engine, path, clock)
    with typed_errors(path, doing), engine.connect() as connection, connection.begin():
        check_triggers(connection, path)
        drifted = drift(connection)
        if drifted:
            log.warning("%s; made anew from the originals.", "; ".join(drifted))
            rebuild_derived(connection)


def _check_stamp(
    connection: Connection, path: Path, environment: str, mode: Mode, stamp_at_utc: datetime | None
) -> None:
    """Stamps a new file (`stamp_at_utc` None = may not write); raises WrongEnvironment on another stamp."""
    stamp = connection.execute(select(database_stamp)).one_or_none()
    if stamp is None and stamp_at_utc is not None:
        connection.execute(
            insert(database_stamp).values(id=1, environment=environment, mode=mode.value, created_at=stamp_at_utc)
        )
    elif stamp is None or (stamp.environment, stamp.mode) != (environment, mode.value):
        found = "has no stamp yet" if stamp is None else f"belongs to {stamp.environment} ({stamp.mode})"
        raise WrongEnvironment(
            f"{path} {found} and cannot be opened for {environment} ({mode.value}).",
            cure="Choose the database of this environment, or another path for a new one.",
        )
