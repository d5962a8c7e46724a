from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import pytest

from database.store import SqliteStorage
from models.enums import BreachState, BrokerName, Metric, OrderStatus, Regime, TradingState
from models.ids import new_uuid
from models.records import AuditKind
from models.risk import AITradeSuggestion, RiskBreach
from models.suggestion_records import SuggestionFate
from tests.database.builders import (
    NOW,
    a_snapshot,
    a_statement_part,
    an_audit,
    an_entry,
    an_execution,
    an_order,
    sql,
)
from tests.database.suggestion_builders import PAYLOAD_HASH, a_mark, a_suggestion_set

APPEND_ONLY = {
    "trade_journal": "account_id",
    "account_snapshots": "net_liquidation",
    "signals": "rationale",
    "order_intents": "fingerprint",
    "executions": "price",
    "execution_fees": "fee",
    "order_audit_log": "state_json",
    "order_journal": "order_id",
    "journal_executions": "journal_id",
    "journal_edits": "after",
    "snapshot_slots": "kind",
    "desk_state": "value",
    "database_stamp": "mode",
    "schema_history": "applied_at",
    "statement_lines": "fee",
    "cash_movements": "amount",
    "statement_days": "source",
    "suggestion_sets": "book_json",
    "suggestion_details": "verified_json",
    "suggestion_rankings": "rationale",
    "suggestion_fates": "text",
    "suggestion_dues": "due_at",
    "suggestion_marks": "hedge_usd",
}


@pytest.fixture
def raw(storage: SqliteStorage) -> Iterator[sqlite3.Connection]:
    """Another program with the file open, after every table got a row."""

    async def fill() -> None:
        order = an_order()
        await storage.commit_intent(order, BrokerName.PAPER, an_audit(AuditKind.INTENT, order.id))
        await storage.record_executions([an_execution(order_id=order.id, fee="1.30")], [])
        entry = an_entry(order_id=order.id)
        filled = order.to(OrderStatus.FILLED)
        await storage.write_journal(entry, filled, BrokerName.PAPER, an_audit(AuditKind.JOURNALED, order.id))
        await storage.edit_journal(entry.id, user_rationale="second thoughts", tags=["roll"], at_utc=NOW)
        await storage.write_snapshot(a_snapshot(), NOW)
        await storage.save_trading_state(TradingState.HALTED, "test", NOW)
        await storage.write_statement(a_statement_part(), BrokerName.IBKR)
        suggestion = AITradeSuggestion(new_uuid(), order.legs, 10.0, -3.0, "buy a put")
        await storage.save_breach(
            RiskBreach(
                id=new_uuid(),
                breach_type="VEGA_TOO_LOW",
                metric=Metric.VEGA,
                threshold=-1000.0,
                actual_value=-1200.0,
                regime=Regime.HIGH_VOL,
                detected_at=NOW,
                state=BreachState.POPULATED,
                suggestions=(suggestion,),
            )
        )

        made = a_suggestion_set()
        await storage.save_suggestions(made)
        await storage.rank_suggestions(made.id, "a-model", PAYLOAD_HASH, made.suggestions)
        await storage.record_fate(made.suggestions[0].id, SuggestionFate.DISMISSED, "too dear", NOW)
        await storage.save_mark(a_mark(made.suggestions[0].id))

    asyncio.run(fill())
    with closing(sqlite3.connect(storage.path, isolation_level=None)) as connection:
        yield connection


@pytest.mark.parametrize(("table", "column"), APPEND_ONLY.items())
def test_no_program_can_change_delete_or_replace_a_row(raw: sqlite3.Connection, table: str, column: str) -> None:
    before = raw.execute(sql("SELECT * FROM $table", table=table)).fetchall()
    assert before, "the fixture must have filled the table"
    with pytest.raises(sqlite3.IntegrityError, match="append-only: no update"):
        raw.execute(sql("UPDATE $table SET $column = $column", table=table, column=column))
    with pytest.raises(sqlite3.IntegrityError, match="append-only: no delete"):
        raw.execute(sql("DELETE FROM $table", table=table))
    with pytest.raises(sqlite3.IntegrityError, match="append-only: row exists"):
        raw.execute(sql("INSERT OR REPLACE INTO $table SELECT * FROM $table", table=table))
    assert raw.execute(sql("SELECT * FROM $table", table=table)).fetchall() == before


@pytest.mark.parametrize("table", ["orders", "risk_breaches", "audit_head"])
def test_what_may_change_may_still_not_vanish(raw: sqlite3.Connection, table: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="never deleted"):
        raw.execute(sql("DELETE FROM $table", table=table))


def test_a_rationale_cannot_change_without_its_edit_being_recorded(raw: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="only together with its row in journal_edits"):
        raw.execute("UPDATE trade_journal SET user_rationale = 'I always knew'")
    assert raw.execute("SELECT user_rationale FROM trade_journal").fetchone() == ("second thoughts",)


@pytest.mark.parametrize("name", ["ai_rationale", "net_debit_credit", "legs_json", "status", "created_at", "id"])
def test_nothing_else_of_a_journal_row_may_change(raw: sqlite3.Connection, name: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(sql("UPDATE trade_journal SET $name = $name", name=name))


async def _edits(storage: SqliteStorage) -> str:
    entry = an_entry(rationale="first", tags=("weekly",))
    await storage.write_journal(entry, None, BrokerName.PAPER, an_audit(AuditKind.JOURNALED))
    for number, words in enumerate(("second", "third")):
        at = NOW + timedelta(minutes=number)
        await storage.edit_journal(entry.id, user_rationale=words, tags=None, at_utc=at)
    await storage.edit_journal(entry.id, user_rationale="third", tags=[" roll ", "hedge", "roll", ""], at_utc=NOW)
    return entry.id


def test_every_edit_is_kept_and_an_edit_that_changes_nothing_is_not(storage: SqliteStorage) -> None:
    asyncio.run(_edits(storage))
    with closing(sqlite3.connect(storage.path)) as raw:
        rows = raw.execute('SELECT field, "before", "after" FROM journal_edits ORDER BY seq').fetchall()
        tags = raw.execute("SELECT tag FROM journal_tags ORDER BY tag").fetchall()
    assert rows == [
        ("user_rationale", "first", "second"),
        ("user_rationale", "second", "third"),
        ("tags", '["weekly"]', '["hedge","roll"]'),
    ]
    assert tags == [("hedge",), ("roll",)]


def test_money_is_kept_digit_for_digit_in_our_own_tables(storage: SqliteStorage) -> None:
    precise = an_execution("x", price="123456789012.123456")
    asyncio.run(storage.record_executions([precise], []))
    state = asyncio.run(storage.load([precise.account_id]))
    assert state.executions[0].price == Decimal("123456789012.123456")
