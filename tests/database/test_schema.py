from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from database.connection import SCHEMA_VERSION
from database.migrate import MIGRATIONS
from database.schema import metadata
from database.store import SqliteStorage
from models.ids import new_uuid
from tests.database.builders import sql

#: Name, type, not null, default and primary key as 002 section 1 gives them.
DOCUMENTED_JOURNAL = [
    ("id", "TEXT", 0, None, 1),
    ("created_at", "TEXT", 1, None, 0),
    ("broker", "TEXT", 1, None, 0),
    ("account_id", "TEXT", 1, None, 0),
    ("broker_order_id", "TEXT", 0, None, 0),
    ("underlying", "TEXT", 1, None, 0),
    ("strategy_tag", "TEXT", 0, None, 0),
    ("status", "TEXT", 1, "'FILLED'", 0),
    ("legs_json", "TEXT", 1, "'[]'", 0),
    ("net_debit_credit", "REAL", 0, None, 0),
    ("vix_at_fill", "REAL", 0, None, 0),
    ("spx_price_at_fill", "REAL", 0, None, 0),
    ("regime", "TEXT", 0, None, 0),
    ("pre_greeks_json", "TEXT", 1, "'{}'", 0),
    ("post_greeks_json", "TEXT", 1, "'{}'", 0),
    ("user_rationale", "TEXT", 0, None, 0),
    ("ai_rationale", "TEXT", 0, None, 0),
    ("ai_suggestion_id", "TEXT", 0, None, 0),
]
DOCUMENTED_SNAPSHOTS = [
    ("id", "TEXT", 0, None, 1),
    ("captured_at", "TEXT", 1, None, 0),
    ("account_id", "TEXT", 1, None, 0),
    ("broker", "TEXT", 1, None, 0),
    *((name, "REAL", 0, None, 0) for name in ("net_liquidation", "cash_balance", "spx_delta", "gamma", "theta")),
    *((name, "REAL", 0, None, 0) for name in ("vega", "delta_theta_ratio", "vix", "spx_price")),
    ("regime", "TEXT", 0, None, 0),
]
DOCUMENTED_INDEXES = {
    "ix_tj_created_at": ("trade_journal", [("created_at", 1)]),
    "ix_tj_account": ("trade_journal", [("account_id", 0), ("created_at", 1)]),
    "ix_tj_underlying": ("trade_journal", [("underlying", 0), ("created_at", 1)]),
    "ix_tj_regime": ("trade_journal", [("regime", 0), ("created_at", 1)]),
    "ix_acct_snap_account_time": ("account_snapshots", [("account_id", 0), ("captured_at", 1)]),
    "ix_acct_snap_time": ("account_snapshots", [("captured_at", 1)]),
}


@pytest.fixture
def raw(storage: SqliteStorage) -> Iterator[sqlite3.Connection]:
    """Another program's view of the file."""
    with closing(sqlite3.connect(storage.path, isolation_level=None)) as connection:
        yield connection


def columns(raw: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    return [tuple(row[1:]) for row in raw.execute(f"PRAGMA table_info({table})")]


def test_the_journal_has_exactly_the_documented_columns(raw: sqlite3.Connection) -> None:
    assert columns(raw, "trade_journal") == DOCUMENTED_JOURNAL


def test_the_snapshots_have_exactly_the_documented_columns(raw: sqlite3.Connection) -> None:
    assert columns(raw, "account_snapshots") == DOCUMENTED_SNAPSHOTS


def test_the_two_documented_tables_have_exactly_the_documented_indexes(raw: sqlite3.Connection) -> None:
    found = {}
    for table in ("trade_journal", "account_snapshots"):
        for row in raw.execute(f"PRAGMA index_list({table})").fetchall():
            if row[3] == "c":
                keys = [(key[2], key[3]) for key in raw.execute(f"PRAGMA index_xinfo({row[1]})") if key[5]]
                found[row[1]] = (table, keys)
    assert found == DOCUMENTED_INDEXES


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_what_the_program_reads_is_what_the_migrations_made(raw: sqlite3.Connection, table: str) -> None:
    assert [column.name for column in metadata.tables[table].columns] == [row[0] for row in columns(raw, table)]
    declared = {column.name for column in metadata.tables[table].primary_key}
    assert declared == {row[0] for row in columns(raw, table) if row[4]}


def test_every_table_of_the_file_is_known_to_the_program(raw: sqlite3.Connection) -> None:
    names = {row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names - {"alembic_version", "sqlite_sequence"} == set(metadata.tables)


def test_the_schema_version_is_the_number_of_migration_steps(raw: sqlite3.Connection) -> None:
    steps = sorted(file.name for file in (MIGRATIONS / "versions").glob("v*.py"))
    assert len(steps) == SCHEMA_VERSION
    assert raw.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
    assert raw.execute("SELECT version, revision FROM schema_history").fetchall() == [
        (1, "0001"),
        (2, "0002"),
        (3, "0003"),
        (4, "0004"),
    ]


def journal_row(**changed: object) -> dict[str, object]:
    row: dict[str, object] = {
        "id": new_uuid(),
        "created_at": "2026-02-19T14:32:00Z",
        "broker": "IBKR",
        "account_id": "U1",
        "underlying": "SPX",
        "status": "FILLED",
        "legs_json": '[{"symbol": "SPX 260321C05200"}]',
        "regime": "LOW_VOL",
        "pre_greeks_json": "{}",
    }
    return row | changed


def put(raw: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    insert = sql("INSERT INTO $table ($names) VALUES ($marks)", table=table, names=names, marks=marks)
    raw.execute(insert, tuple(row.values()))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"created_at": "2026-02-19T14:32:00.123456Z"},
        {"created_at": "2026-12-31T23:59:59.999999Z"},
        {"created_at": "2028-02-29T00:00:00Z"},
        {"broker": "TASTYTRADE"},
        {"broker": "PAPER"},
        {"status": "PARTIAL"},
        {"status": "CANCELLED"},
        {"regime": None},
        {"regime": "CRISIS"},
    ],
)
def test_a_sound_journal_row_is_taken(raw: sqlite3.Connection, changed: dict[str, object]) -> None:
    put(raw, "trade_journal", journal_row(**changed))
    assert raw.execute("SELECT count(*) FROM trade_journal").fetchone() == (1,)


@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({"id": "not-a-uuid"}, "tj_id_is_uuid4"),
        ({"id": None}, "tj_id_is_uuid4"),
        ({"id": "c9bf9e57-1685-1c89-bafb-ff5af830be8a"}, "tj_id_is_uuid4"),
        ({"id": "C9BF9E57-1685-4C89-BAFB-FF5AF830BE8A"}, "tj_id_is_uuid4"),
        ({"id": "c9bf9e57-1685-4c89-7afb-ff5af830be8a"}, "tj_id_is_uuid4"),
        ({"created_at": "2026-02-19 14:32:00"}, "tj_created_at_is_utc"),
        ({"created_at": "2026-02-19T14:32:00"}, "tj_created_at_is_utc"),
        ({"created_at": "2026-02-19T14:32:00+00:00"}, "tj_created_at_is_utc"),
        ({"created_at": "2026-02-30T14:32:00Z"}, "tj_created_at_is_utc"),
        ({"created_at": "2026-02-19T25:32:00Z"}, "tj_created_at_is_utc"),
        ({"created_at": "2026-02-19T14:32:00.12abcZ"}, "tj_created_at_is_utc"),
        ({"created_at": "2026-02-19T14:32:00.1234567Z"}, "tj_created_at_is_utc"),
        ({"broker": "ROBINHOOD"}, "tj_broker"),
        ({"status": "OPEN"}, "tj_status"),
        ({"regime": "CALM"}, "tj_regime"),
        ({"legs_json": "[]"}, "tj_legs_are_an_array"),
        ({"legs_json": "{}"}, "tj_legs_are_an_array"),
        ({"legs_json": "[1"}, "tj_legs_are_an_array"),
        ({"pre_greeks_json": "[]"}, "tj_pre_greeks_are_an_object"),
        ({"post_greeks_json": "nan"}, "tj_post_greeks_are_an_object"),
        ({"created_at": None}, "NOT NULL"),
        ({"account_id": None}, "NOT NULL"),
        ({"underlying": None}, "NOT NULL"),
        ({"status": None}, "NOT NULL"),
    ],
)
def test_each_rule_of_the_journal_is_held_by_the_file_itself(
    raw: sqlite3.Connection, changed: dict[str, object], constraint: str
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=constraint):
        put(raw, "trade_journal", journal_row(**changed))
    assert raw.execute("SELECT count(*) FROM trade_journal").fetchone() == (0,)


@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({"id": "x"}, "as_id_is_uuid4"),
        ({"captured_at": "yesterday"}, "as_captured_at_is_utc"),
        ({"broker": "?"}, "as_broker"),
        ({"regime": "?"}, "as_regime"),
    ],
)
def test_each_rule_of_the_snapshots_is_held_by_the_file_itself(
    raw: sqlite3.Connection, changed: dict[str, object], constraint: str
) -> None:
    row = {"id": new_uuid(), "captured_at": "2026-02-19T14:45:00Z", "account_id": "U1", "broker": "IBKR"}
    put(raw, "account_snapshots", dict(row))
    with pytest.raises(sqlite3.IntegrityError, match=constraint):
        put(raw, "account_snapshots", row | {"id": new_uuid()} | changed)


def test_any_sqlite_tool_reads_the_journal_in_one_query(raw: sqlite3.Connection, path: Path) -> None:
    put(raw, "trade_journal", journal_row(net_debit_credit=-185.0))
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as tool:
        query = "SELECT created_at, underlying, json_extract(legs_json, '$[0].symbol'), net_debit_credit"
        rows = tool.execute(f"{query} FROM trade_journal ORDER BY created_at DESC").fetchall()
    assert rows == [("2026-02-19T14:32:00Z", "SPX", "SPX 260321C05200", -185.0)]
