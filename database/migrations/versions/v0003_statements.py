"""Third schema: what imported statements told beside executions, and which days they cover."""

from __future__ import annotations

from alembic import op

from database.migrations import v0001_rules as rules
from database.migrations.v0003_rules import CASH_KINDS, calendar_day, statement_triggers

revision = "0003"
down_revision = "0002"

_TIME = rules.utc_time

_TABLES = (
    f"""CREATE TABLE statement_lines (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        broker TEXT NOT NULL CHECK (broker IN {rules.BROKERS}),
        account_id TEXT NOT NULL,
        line_id TEXT NOT NULL CHECK (length(line_id) > 0),
        line_no INTEGER NOT NULL CHECK (line_no >= 0),
        trade_id TEXT NOT NULL,
        execution_id TEXT NOT NULL,
        fee TEXT,
        is_preliminary INTEGER NOT NULL CHECK (is_preliminary IN (0, 1)),
        recorded_at TEXT NOT NULL CHECK ({_TIME("recorded_at")}),
        UNIQUE (broker, account_id, line_id)
    ) STRICT""",
    "CREATE INDEX ix_statement_lines_execution ON statement_lines(broker, account_id, execution_id)",
    "CREATE INDEX ix_statement_lines_trade ON statement_lines(broker, account_id, trade_id)",
    f"""CREATE TABLE cash_movements (
        broker TEXT NOT NULL CHECK (broker IN {rules.BROKERS}),
        account_id TEXT NOT NULL,
        movement_id TEXT NOT NULL CHECK (length(movement_id) > 0),
        kind TEXT NOT NULL CHECK (kind IN {CASH_KINDS}),
        at_utc TEXT NOT NULL CHECK ({_TIME("at_utc")}),
        amount TEXT NOT NULL,
        currency TEXT NOT NULL CHECK (length(currency) > 0),
        text TEXT NOT NULL,
        symbol TEXT NOT NULL,
        recorded_at TEXT NOT NULL CHECK ({_TIME("recorded_at")}),
        PRIMARY KEY (broker, account_id, movement_id)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX ix_cash_movements_time ON cash_movements(account_id, at_utc)",
    f"""CREATE TABLE statement_days (
        broker TEXT NOT NULL CHECK (broker IN {rules.BROKERS}),
        account_id TEXT NOT NULL,
        first_day TEXT NOT NULL CHECK ({calendar_day("first_day")}),
        last_day TEXT NOT NULL CHECK ({calendar_day("last_day")} AND last_day >= first_day),
        generated_at TEXT CHECK (generated_at IS NULL OR {_TIME("generated_at")}),
        source TEXT NOT NULL,
        recorded_at TEXT NOT NULL CHECK ({_TIME("recorded_at")}),
        PRIMARY KEY (broker, account_id, first_day, last_day)
    ) STRICT, WITHOUT ROWID""",
)


def upgrade() -> None:
    """Creates the tables, their indexes and the triggers that keep them append-only."""
    connection = op.get_bind()
    for statement in (*_TABLES, *statement_triggers()):
        connection.exec_driver_sql(statement)
