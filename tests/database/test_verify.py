from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing

import pytest

from database.migrations.v0001_rules import triggers
from database.migrations.v0003_rules import statement_triggers
from database.migrations.v0004_rules import suggestion_triggers
from database.store import SqliteStorage
from models.enums import BrokerName
from models.ids import new_order_id
from models.records import AuditKind
from tests.database.builders import NOW, a_snapshot, an_audit, an_entry, open_paper, sql


@pytest.fixture
def storage(storage: SqliteStorage) -> SqliteStorage:
    """A database with some history."""

    async def fill() -> None:
        for number in range(10):
            entry = an_entry(rationale=f"reason {number}")
            await storage.write_journal(entry, None, BrokerName.PAPER, an_audit(AuditKind.JOURNALED, new_order_id()))
            await storage.edit_journal(entry.id, user_rationale="better words", tags=["roll"], at_utc=NOW)
            await storage.audit([an_audit(AuditKind.STATUS, new_order_id(), step=number)])
        await storage.write_snapshot(a_snapshot(), None)

    asyncio.run(fill())
    return storage


def tamper(storage: SqliteStorage, *statements: str) -> tuple[str, ...]:
    """Changes the file as somebody with a tool and bad intent would, and returns what the check says."""
    with closing(sqlite3.connect(storage.path, isolation_level=None)) as raw:
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(sql("DROP TRIGGER $name", name=name))
        for statement in statements:
            raw.execute(statement)
        for trigger in (*triggers(), *statement_triggers(), *suggestion_triggers()):
            raw.execute(trigger)
    return asyncio.run(storage.verify()).problems


def test_a_sound_database_is_proven(storage: SqliteStorage) -> None:
    report = asyncio.run(storage.verify())
    assert report.is_sound
    assert (report.audit_rows, report.journal_rows, report.proven_journal_rows) == (20, 10, 10)


def test_taking_the_triggers_off_and_on_changes_nothing(storage: SqliteStorage) -> None:
    assert tamper(storage) == ()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE order_audit_log SET latency_us = 1 WHERE seq = 7", "audit row 7 was changed"),
        ("UPDATE order_audit_log SET state_json = '{}' WHERE seq = 20", "audit row 20 was changed"),
        ("UPDATE order_audit_log SET at_utc = '2020-01-01T00:00:00Z' WHERE seq = 1", "audit row 1 was changed"),
        ("DELETE FROM order_audit_log WHERE seq = 5", "one before it is missing"),
        ("DELETE FROM order_audit_log WHERE seq > 15", "rows are missing at its end"),
        ("DELETE FROM audit_head", "rows are missing at its end"),
        ("UPDATE trade_journal SET net_debit_credit = 1e6 WHERE rowid = 3", "is not what was written"),
        ("UPDATE trade_journal SET ai_rationale = 'mine' WHERE rowid = 3", "is not what was written"),
        ("UPDATE trade_journal SET user_rationale = 'mine' WHERE rowid = 3", "does not follow from its recorded edits"),
        ("UPDATE journal_edits SET \"before\" = 'mine' WHERE seq = 1", "is not what was written"),
        ("DELETE FROM journal_edits", "is not what was written"),
        ("DELETE FROM account_snapshots", "snapshot_packs does not match"),
        ("DELETE FROM journal_search", "journal_search does not match"),
    ],
)
def test_every_change_behind_the_desks_back_is_found(storage: SqliteStorage, statement: str, said: str) -> None:
    assert any(said in problem for problem in tamper(storage, statement))


def test_a_journal_row_that_vanished_is_missed(storage: SqliteStorage) -> None:
    problems = tamper(storage, "PRAGMA foreign_keys = OFF", "DELETE FROM trade_journal WHERE rowid = 3")
    assert any("is missing" in problem for problem in problems)


def test_any_changed_column_of_the_audit_log_is_found(storage: SqliteStorage) -> None:
    rng = random.Random(7)
    change = "UPDATE order_audit_log SET $column = '$value' WHERE seq = $seq"
    for _ in range(15):
        seq = str(rng.randrange(1, 21))
        column = rng.choice(("kind", "order_id", "account_id", "recorded_at", "broker_order_id"))
        with closing(sqlite3.connect(storage.path)) as raw:
            query = sql("SELECT $column FROM order_audit_log WHERE seq = $seq", column=column, seq=seq)
            before = raw.execute(query).fetchone()[0]
        at = rng.randrange(len(before) - 1)
        flipped = before[:at] + ("1" if before[at] == "0" else "0") + before[at + 1 :]
        if column == "recorded_at":
            flipped = before[:-2] + ("1" if before[-2] == "0" else "0") + "Z"
        assert tamper(storage, sql(change, column=column, value=flipped, seq=seq)) != ()
        assert tamper(storage, sql(change, column=column, value=before, seq=seq)) == ()


def test_derived_tables_that_drifted_are_made_anew_at_the_next_start(storage: SqliteStorage) -> None:
    assert tamper(storage, "DELETE FROM journal_search", "DELETE FROM snapshot_packs") != ()
    storage.close()
    again = open_paper(storage.path)
    report = asyncio.run(again.verify())
    again.close()
    assert report.is_sound
