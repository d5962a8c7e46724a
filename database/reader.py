"""Everything the window reads, on a connection of its own that cannot write. Use from worker threads.

Every call is one short transaction and may be made from any one thread at a time (calls queue behind each other).
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, UnaryExpression, func, literal, or_, select
from sqlalchemy.sql.operators import custom_op

from database import desk
from database.connection import check_readable, open_reader
from database.errors import NoSuchRow, typed_errors
from database.journal_query import (
    AuditRow,
    JournalDetail,
    JournalEdit,
    JournalFacets,
    JournalFilter,
    JournalPage,
    JournalRow,
    MissedSlot,
    OrderRow,
)
from database.orders import execution_of, newest_executions
from database.schema import (
    account_snapshots,
    executions,
    journal_edits,
    journal_executions,
    journal_search,
    journal_tags,
    order_audit_log,
    order_journal,
    orders,
    snapshot_packs,
    snapshot_slots,
    trade_journal,
)
from database.series import SnapshotSeries, read_series
from database.suggestion_marks import load_origin
from models.clock import NEW_YORK
from models.enums import SnapshotKind
from models.risk import RiskBreach
from models.trade import Execution

T = TypeVar("T")


class JournalReader:
    """Reads journal, snapshots, breaches and orders through a `mode=ro` connection. Errors are typed storage errors."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = open_reader(path)
        self._one_at_a_time = threading.Lock()
        check_readable(self._engine, path)

    def close(self) -> None:
        """Closes the connection."""
        with self._one_at_a_time:
            self._engine.dispose()

    # -- journal

    def count(self, wanted: JournalFilter) -> int:
        """Returns how many rows pass the filter."""
        query = _filtered(select(func.count()), wanted)
        return self._read("counting the journal", lambda c: int(c.execute(query).scalar_one()))

    def page(self, wanted: JournalFilter, *, offset: int = 0, limit: int = 200) -> tuple[JournalRow, ...]:
        """Returns rows that pass the filter, newest first, from the `offset`-th on."""
        hits = _newest_first(_filtered(select(journal_search.c.seq), wanted)).limit(limit).offset(offset)

        def job(connection: Connection) -> tuple[JournalRow, ...]:
            return _rows(connection, tuple(connection.execute(hits).scalars()))

        return self._read("reading the journal", job)

    def first_page(self, wanted: JournalFilter, *, limit: int = 200) -> JournalPage:
        """Returns the newest rows that pass and how many pass, of one state of the journal.

        Give `newest_seq` as `JournalFilter.up_to_seq` to `page` so that offsets stay put while rows come in.
        """
        hits = _newest_first(_filtered(select(journal_search.c.seq), wanted)).limit(limit)
        total = _filtered(select(func.count()), wanted)
        newest = select(func.coalesce(func.max(journal_search.c.seq), 0))

        def job(connection: Connection) -> JournalPage:
            rows = _rows(connection, tuple(connection.execute(hits).scalars()))
            # Fewer than asked for: these are all, and a second scan is saved.
            count = len(rows) if len(rows) < limit else int(connection.execute(total).scalar_one())
            return JournalPage(rows, count, int(connection.execute(newest).scalar_one()))

        return self._read("reading the journal", job)

    def each_row(self, wanted: JournalFilter, *, batch: int = 1000) -> Iterator[JournalRow]:
        """Yields all rows that pass, newest first, `batch` at a time; rows written meanwhile are not among them."""
        query = _newest_first(_filtered(select(journal_search.c.seq), wanted))
        found = self._read("reading the journal", lambda c: tuple(c.execute(query).scalars()))
        for start in range(0, len(found), batch):
            yield from self._read("reading the journal", _rows_job(found[start : start + batch]))

    def facets(self) -> JournalFacets:
        """Returns the values that filters can choose from, with their counts."""
        search = journal_search.c
        columns = (search.account_id, search.underlying, search.strategy_tag, search.regime, search.status)
        grouped = select(*columns, func.count().label("rows")).group_by(*columns)
        tagged = select(journal_tags.c.tag, func.count()).group_by(journal_tags.c.tag)

        def job(connection: Connection) -> JournalFacets:
            counts: tuple[Counter[str], ...] = tuple(Counter() for _ in columns)
            for *values, rows in connection.execute(grouped):
                for counter, value in zip(counts, values, strict=True):
                    if value is not None:
                        counter[value] += rows
            tags: Counter[str] = Counter()
            for tag, rows in connection.execute(tagged):
                tags[tag] = rows
            return JournalFacets(*(tuple(counter.most_common()) for counter in (*counts, tags)))

        return self._read("reading the journal", job)

    def detail(self, journal_id: str) -> JournalDetail:
        """Returns everything about a journal row; raises NoSuchRow."""
        return self._read("reading a journal row", lambda c: _detail(c, journal_id))

    # -- snapshots

    def accounts_with_snapshots(self) -> tuple[str, ...]:
        """Returns the accounts that have snapshots."""
        query = select(snapshot_packs.c.account_id).distinct().order_by(snapshot_packs.c.account_id)
        return self._read("reading snapshots", lambda c: tuple(c.execute(query).scalars()))

    def snapshot_series(
        self,
        account_id: str,
        *,
        from_utc: datetime | None = None,
        to_utc: datetime | None = None,
        max_points: int | None = 4000,
    ) -> SnapshotSeries:
        """Returns an account's snapshots of a time range as arrays; thinned beyond `max_points`, peaks kept."""
        return self._read("reading snapshots", lambda c: read_series(c, account_id, from_utc, to_utc, max_points))

    def snapshot(self, snapshot_id: str) -> dict[str, Any]:
        """Returns the columns of one snapshot; raises NoSuchRow."""
        query = select(account_snapshots).where(account_snapshots.c.id == snapshot_id)
        row = self._read("reading a snapshot", lambda c: c.execute(query).mappings().one_or_none())
        if row is None:
            raise NoSuchRow(f"There is no snapshot {snapshot_id}.", cure="Refresh the chart and try again.")
        return dict(row)

    def missed_slots(self, *, from_utc: datetime, to_utc: datetime) -> tuple[MissedSlot, ...]:
        """Returns the slots of a time range that were not taken, oldest first."""
        slots = snapshot_slots.c
        query = (
            select(slots.slot_utc, slots.account_id, slots.reason)
            .where(slots.kind == SnapshotKind.MISSED.value, slots.slot_utc >= from_utc, slots.slot_utc < to_utc)
            .order_by(slots.slot_utc, slots.account_id)
        )
        return self._read("reading snapshots", lambda c: tuple(MissedSlot(*row) for row in c.execute(query)))

    # -- breaches and orders

    def breaches(self, *, since_utc: datetime | None = None, limit: int = 1000) -> tuple[RiskBreach, ...]:
        """Returns breaches, open and archived, newest first."""
        return self._read(
            "reading breaches", lambda c: desk.load_breaches(c, open_only=False, since_utc=since_utc, limit=limit)
        )

    def orders_of_day(self, day: date) -> tuple[OrderRow, ...]:
        """Returns the orders made on a New York day, newest first."""
        start = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
        end = (start + timedelta(days=1)).replace(hour=0)
        return self._read("reading orders", lambda c: _orders_between(c, _utc(start), _utc(end)))

    def order_audit(self, order_id: str) -> tuple[AuditRow, ...]:
        """Returns an order's audit trail, oldest first."""
        return self._read("reading the audit trail", lambda c: _audit_of(c, order_id))

    def order_executions(self, order_id: str) -> tuple[Execution, ...]:
        """Returns the newest revision of an order's executions, oldest first."""
        return self._read("reading fills", lambda c: _executions_of_order(c, order_id))

    def _read(self, doing: str, job: Callable[[Connection], T]) -> T:
        with (
            self._one_at_a_time,
            typed_errors(self._path, doing),
            self._engine.connect() as connection,
            connection.begin(),
        ):
            return job(connection)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _rows_job(seqs: tuple[int, ...]) -> Callable[[Connection], tuple[JournalRow, ...]]:
    return lambda connection: _rows(connection, seqs)


def _newest_first(query: Select[Any]) -> Select[Any]:
    return query.order_by(journal_search.c.created_at.desc(), journal_search.c.seq.desc())


def _filtered(query: Select[Any], wanted: JournalFilter) -> Select[Any]:
    """Adds the filter's conditions; all columns but the words lie in one covering index."""
    search = journal_search.c
    query = query.select_from(journal_search)
    choices = (
        (search.account_id, wanted.accounts),
        (search.underlying, wanted.underlyings),
        (search.strategy_tag, wanted.strategies),
        (search.regime, [regime.value for regime in wanted.regimes]),
        (search.status, [status.value for status in wanted.statuses]),
    )
    for column, values in choices:
        if values:
            query = query.where(_unindexed(column).in_(values))
    if wanted.from_utc is not None:
        query = query.where(search.created_at >= wanted.from_utc)
    if wanted.to_utc is not None:
        query = query.where(search.created_at < wanted.to_utc)
    if wanted.up_to_seq is not None:
        query = query.where(search.seq <= wanted.up_to_seq)
    if wanted.tags:
        query = query.where(or_(*(func.instr(search.tags, literal(f"\n{tag}\n")) > 0 for tag in wanted.tags)))
    for word in wanted.text.casefold().split():
        query = query.where(func.instr(search.words, literal(word)) > 0)
    return query


def _unindexed(column: Column[Any]) -> ColumnElement[Any]:
    """Returns `+column`: SQLite then keeps to the index that is in the order of the list and needs no sort."""
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)


def _rows(connection: Connection, seqs: tuple[int, ...]) -> tuple[JournalRow, ...]:
    """Returns the journal rows of `journal_search.seq` numbers, in their order."""
    query = (
        select(journal_search.c.seq, trade_journal)
        .join(trade_journal, trade_journal.c.id == journal_search.c.journal_id)
        .where(journal_search.c.seq.in_(seqs))
    )
    found = {row.seq: row for row in connection.execute(query)}
    tags: dict[str, list[str]] = {}
    tagged = select(journal_tags).where(journal_tags.c.journal_id.in_([row.id for row in found.values()]))
    for row in connection.execute(tagged.order_by(journal_tags.c.journal_id, journal_tags.c.tag)):
        tags.setdefault(row.journal_id, []).append(row.tag)
    return tuple(_row(found[seq], tuple(tags.get(found[seq].id, ()))) for seq in seqs if seq in found)


def _row(row: Row[Any], tags: tuple[str, ...]) -> JournalRow:
    return JournalRow(
        seq=row.seq,
        id=row.id,
        created_at=row.created_at,
        broker=row.broker,
        account_id=row.account_id,
        broker_order_id=row.broker_order_id,
        underlying=row.underlying,
        strategy_tag=row.strategy_tag,
        status=row.status,
        net_debit_credit=row.net_debit_credit,
        vix_at_fill=row.vix_at_fill,
        spx_price_at_fill=row.spx_price_at_fill,
        regime=row.regime,
        legs=tuple(json.loads(row.legs_json)),
        pre_greeks=json.loads(row.pre_greeks_json),
        post_greeks=json.loads(row.post_greeks_json),
        user_rationale=row.user_rationale,
        ai_rationale=row.ai_rationale,
        ai_suggestion_id=row.ai_suggestion_id,
        tags=tags,
    )


def _detail(connection: Connection, journal_id: str) -> JournalDetail:
    seq = connection.execute(
        select(journal_search.c.seq).where(journal_search.c.journal_id == journal_id)
    ).scalar_one_or_none()
    if seq is None:
        raise NoSuchRow(f"The journal has no row {journal_id}.", cure="Refresh the journal and try again.")
    order_id = connection.execute(
        select(order_journal.c.order_id).where(order_journal.c.journal_id == journal_id)
    ).scalar_one_or_none()
    edits = (
        select(journal_edits.c.at_utc, journal_edits.c.field, journal_edits.c.before, journal_edits.c.after)
        .where(journal_edits.c.journal_id == journal_id)
        .order_by(journal_edits.c.seq)
    )
    covered = journal_executions.c
    fills = newest_executions(with_superseded=True).where(
        executions.c.seq.in_(
            select(executions.c.seq).where(
                covered.journal_id == journal_id,
                covered.broker == executions.c.broker,
                covered.account_id == executions.c.account_id,
                covered.execution_id == executions.c.execution_id,
                covered.revision == executions.c.revision,
            )
        )
    )
    row = _rows(connection, (seq,))[0]
    return JournalDetail(
        row=row,
        order_id=order_id,
        edits=tuple(JournalEdit(*edit) for edit in connection.execute(edits)),
        audit=() if order_id is None else _audit_of(connection, order_id),
        executions=tuple(execution_of(fill) for fill in connection.execute(fills)),
        suggestion=None if row.ai_suggestion_id is None else load_origin(connection, row.ai_suggestion_id),
    )


def _audit_of(connection: Connection, order_id: str) -> tuple[AuditRow, ...]:
    query = select(order_audit_log).where(order_audit_log.c.order_id == order_id).order_by(order_audit_log.c.seq)
    return tuple(
        AuditRow(
            seq=row.seq,
            at_utc=row.at_utc,
            kind=row.kind,
            order_id=row.order_id,
            broker_order_id=row.broker_order_id,
            state=json.loads(row.state_json),
            latency_us=row.latency_us,
        )
        for row in connection.execute(query)
    )


def _executions_of_order(connection: Connection, order_id: str) -> tuple[Execution, ...]:
    query = newest_executions().where(executions.c.order_id == order_id)
    return tuple(execution_of(row) for row in connection.execute(query))


def _orders_between(connection: Connection, start_utc: datetime, end_utc: datetime) -> tuple[OrderRow, ...]:
    query = (
        select(orders)
        .where(orders.c.created_at >= start_utc, orders.c.created_at < end_utc)
        .order_by(orders.c.created_at.desc())
    )
    rows = connection.execute(query).all()
    journaled: dict[str, list[str]] = {}
    links = select(order_journal).where(order_journal.c.order_id.in_([row.id for row in rows]))
    for link in connection.execute(links.order_by(order_journal.c.order_id, order_journal.c.event_no)):
        journaled.setdefault(link.order_id, []).append(link.journal_id)
    return tuple(
        OrderRow(
            id=row.id,
            account_id=row.account_id,
            broker=row.broker,
            broker_order_id=row.broker_order_id,
            underlying=row.underlying,
            strategy_tag=row.strategy_tag,
            order_type=row.order_type,
            tif=row.tif,
            limit_price=row.limit_price,
            status=row.status,
            created_at=row.created_at,
            submitted_at=row.submitted_at,
            filled_at=row.filled_at,
            journal_ids=tuple(journaled.get(row.id, ())),
        )
        for row in rows
    )
