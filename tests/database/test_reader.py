from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from database.errors import NoSuchRow
from database.journal_query import JournalFilter, JournalRow
from database.reader import JournalReader
from database.store import SqliteStorage
from models.enums import BrokerName, JournalStatus, OrderStatus, Regime
from models.ids import AccountId, new_uuid
from models.records import AuditKind
from tests.database.builders import (
    NOW,
    an_audit,
    an_entry,
    an_execution,
    an_order,
    seed_journal,
)

PAPER = BrokerName.PAPER


def put(storage: SqliteStorage, **entry: object) -> str:
    made = an_entry(**entry)  # type: ignore[arg-type]
    assert asyncio.run(storage.write_journal(made, None, PAPER, an_audit(AuditKind.JOURNALED)))
    return made.id


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> JournalReader:
    path = tmp_path_factory.mktemp("seeded") / "desk.db"
    seed_journal(path, 400)
    return JournalReader(path)


def passes(row: JournalRow, wanted: JournalFilter) -> bool:
    """The filter's meaning, in plain Python."""
    texts = (row.underlying, row.strategy_tag or "", row.user_rationale or "", row.ai_rationale or "", *row.tags)
    words = "\n".join((*texts, (row.strategy_tag or "").replace("_", " "))).casefold()
    return (
        all(word in words for word in wanted.text.casefold().split())
        and (not wanted.accounts or row.account_id in wanted.accounts)
        and (not wanted.underlyings or row.underlying in wanted.underlyings)
        and (not wanted.strategies or row.strategy_tag in wanted.strategies)
        and (not wanted.regimes or row.regime in wanted.regimes)
        and (not wanted.statuses or row.status in wanted.statuses)
        and (not wanted.tags or bool(set(row.tags) & set(wanted.tags)))
        and (wanted.from_utc is None or row.created_at >= wanted.from_utc)
        and (wanted.to_utc is None or row.created_at < wanted.to_utc)
        and (wanted.up_to_seq is None or row.seq <= wanted.up_to_seq)
    )


def some(*values: object) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


moments = st.none() | st.datetimes(
    min_value=datetime(2015, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds and adds the zone
    max_value=datetime(2027, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
filters = st.builds(
    JournalFilter,
    text=st.sampled_from(["", "condor", "IRON CON", "rich  vol", "earnings", "%", "_", "'", "short_strangle spx"]),
    accounts=some("DU0", "DU1", "DU9"),
    underlyings=some("SPX", "/ES", "AAPL", "XYZ"),
    strategies=some("iron_condor", "calendar"),
    regimes=some(*Regime),
    statuses=some(*JournalStatus),
    tags=some("roll", "weekly", "rol"),
    from_utc=moments,
    to_utc=moments,
    up_to_seq=st.none() | st.integers(0, 400),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(wanted=filters, offset=st.integers(0, 30), limit=st.integers(1, 50))
def test_a_filter_finds_what_it_says_newest_first(
    seeded: JournalReader, wanted: JournalFilter, offset: int, limit: int
) -> None:
    everything = list(seeded.each_row(JournalFilter()))
    expected = [row for row in everything if passes(row, wanted)]
    assert seeded.count(wanted) == len(expected)
    assert list(seeded.page(wanted, offset=offset, limit=limit)) == expected[offset : offset + limit]
    first = seeded.first_page(wanted, limit=limit)
    assert (list(first.rows), first.total, first.newest_seq) == (expected[:limit], len(expected), 400)
    assert list(seeded.each_row(wanted, batch=7)) == expected


def test_all_rows_come_newest_first(seeded: JournalReader) -> None:
    rows = list(seeded.each_row(JournalFilter()))
    assert len(rows) == 400
    assert [row.created_at for row in rows] == sorted((row.created_at for row in rows), reverse=True)


def test_facets_count_every_row_once_per_column(seeded: JournalReader) -> None:
    facets = seeded.facets()
    for found in (facets.accounts, facets.underlyings, facets.regimes, facets.statuses):
        assert sum(rows for _, rows in found) == 400
        assert [rows for _, rows in found] == sorted((rows for _, rows in found), reverse=True)
    for tag, rows in facets.tags:
        assert seeded.count(JournalFilter(tags=(tag,))) == rows
    for strategy, rows in facets.strategies:
        assert seeded.count(JournalFilter(strategies=(strategy,))) == rows


def test_a_page_stays_put_while_rows_come_in(storage: SqliteStorage, reader: JournalReader) -> None:
    for number in range(5):
        put(storage, at_utc=NOW + timedelta(minutes=number))
    seen = reader.first_page(JournalFilter()).newest_seq
    before = reader.page(JournalFilter(up_to_seq=seen), offset=2, limit=2)
    put(storage, at_utc=NOW + timedelta(hours=1))
    assert reader.page(JournalFilter(up_to_seq=seen), offset=2, limit=2) == before
    assert reader.count(JournalFilter()) == 6


def test_edits_and_tags_are_found_at_once_and_old_words_are_not(storage: SqliteStorage, reader: JournalReader) -> None:
    journal_id = put(storage, rationale="sold too early", tags=("weekly",))
    asyncio.run(storage.edit_journal(journal_id, user_rationale="Größe zählt", tags=["two words"], at_utc=NOW))
    assert reader.count(JournalFilter(text="GRÖSSE")) == 1
    assert reader.count(JournalFilter(text="early")) == 0
    assert reader.count(JournalFilter(tags=("two words",))) == 1
    assert reader.count(JournalFilter(tags=("weekly",))) == reader.count(JournalFilter(tags=("words",))) == 0


def test_a_rows_detail_has_its_edits_fills_fees_and_trail(storage: SqliteStorage, reader: JournalReader) -> None:
    order = an_order()

    async def trade() -> str:
        await storage.commit_intent(order, PAPER, an_audit(AuditKind.INTENT, order.id))
        await storage.record_executions(
            [an_execution("a", order_id=order.id, fee="1.30"), an_execution("b", order_id=order.id)], []
        )
        entry = an_entry(order_id=order.id, rationale="first")
        done = order.to(OrderStatus.FILLED)
        audit = an_audit(AuditKind.JOURNALED, order.id, execution_ids=["a", "b"], revisions=[1, 1])
        await storage.write_journal(entry, done, PAPER, audit)
        await storage.edit_journal(entry.id, user_rationale="second", tags=None, at_utc=NOW)
        await storage.record_executions([an_execution("a", order_id=order.id, revision=2, price="1")], [])
        return entry.id

    journal_id = asyncio.run(trade())
    detail = reader.detail(journal_id)
    assert detail.row.id == journal_id
    assert detail.order_id == order.id
    assert [(edit.field, edit.before, edit.after) for edit in detail.edits] == [("user_rationale", "first", "second")]
    assert [row.kind for row in detail.audit] == ["INTENT", "JOURNALED"]
    assert detail.audit[1].state["journal_id"] == journal_id
    assert [(fill.execution_id, fill.revision) for fill in detail.executions] == [("a", 1), ("b", 1)]
    assert detail.fees is None
    asyncio.run(storage.record_fee(PAPER, order.account_id, detail.executions[1].execution_id, "0.70"))
    assert reader.detail(journal_id).fees == Decimal("2.00")
    newest = {one.execution_id: one.revision for one in reader.order_executions(order.id)}
    assert newest == {"a": 2, "b": 1}
    assert reader.order_audit(order.id) == detail.audit


def test_a_row_that_is_not_there_is_told(reader: JournalReader) -> None:
    with pytest.raises(NoSuchRow, match="no row"):
        reader.detail(new_uuid())
    with pytest.raises(NoSuchRow, match="no snapshot"):
        reader.snapshot(new_uuid())


def test_orders_of_a_day_are_those_of_the_new_york_day(storage: SqliteStorage, reader: JournalReader) -> None:
    order = an_order()
    asyncio.run(storage.save_order(order, PAPER, []))
    (row,) = reader.orders_of_day(date(2026, 5, 4))
    assert (row.id, row.limit_price, row.status, row.journal_ids) == (order.id, Decimal("-1.850"), "PENDING", ())
    assert reader.orders_of_day(date(2026, 5, 3)) == reader.orders_of_day(date(2026, 5, 5)) == ()


def test_missed_slots_are_listed_with_their_reason(storage: SqliteStorage, reader: JournalReader) -> None:
    slot = datetime(2026, 5, 4, 14, 0, tzinfo=UTC)
    for number in range(4):
        at = slot + timedelta(minutes=15 * number)
        asyncio.run(storage.record_missed_slot(at, AccountId("A"), f"asleep {number}"))
    found = reader.missed_slots(from_utc=slot, to_utc=slot + timedelta(minutes=30))
    assert [(one.slot_utc, one.reason) for one in found] == [
        (slot, "asleep 0"),
        (slot + timedelta(minutes=15), "asleep 1"),
    ]


def test_the_reader_sees_a_write_as_soon_as_it_is_committed(storage: SqliteStorage, reader: JournalReader) -> None:
    for expected in range(1, 6):
        put(storage)
        assert reader.count(JournalFilter()) == expected
