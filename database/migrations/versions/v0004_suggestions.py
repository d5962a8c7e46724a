"""Fourth schema: suggestions with the moment they were made in, what became of them and how they have paid."""

from __future__ import annotations

from alembic import op

from database.migrations import v0001_rules as rules
from database.migrations.v0004_rules import FATES, HORIZONS, sha256_text, suggestion_triggers

revision = "0004"
down_revision = "0003"

_UUID = rules.uuid4_text
_TIME = rules.utc_time
_SET = f"""CREATE TABLE suggestion_sets (
        id TEXT PRIMARY KEY NOT NULL CHECK ({_UUID("id")}),
        breach_id TEXT,
        made_at TEXT NOT NULL CHECK ({_TIME("made_at")}),
        is_premortem INTEGER NOT NULL CHECK (is_premortem IN (0, 1)),
        regime TEXT NOT NULL CHECK (regime IN {rules.REGIMES}),
        spx_price REAL NOT NULL,
        vix REAL,
        trigger_metrics TEXT NOT NULL CHECK ({rules.json_array("trigger_metrics", minimum=0)}),
        situation_json TEXT NOT NULL CHECK ({rules.json_object("situation_json")}),
        book_hash TEXT NOT NULL CHECK ({sha256_text("book_hash")}),
        book_json TEXT NOT NULL CHECK ({rules.json_array("book_json", minimum=0)}),
        quotes_json TEXT NOT NULL CHECK ({rules.json_array("quotes_json", minimum=0)}),
        scored_count INTEGER NOT NULL CHECK (scored_count >= 0),
        model TEXT,
        payload_sha256 TEXT CHECK (payload_sha256 IS NULL OR {sha256_text("payload_sha256")}),
        recorded_at TEXT NOT NULL CHECK ({_TIME("recorded_at")})
    ) STRICT"""

#: What a reader of `signals` wants as columns; empty in rows of older schemas.
_SIGNAL_COLUMNS = (
    "set_id TEXT REFERENCES suggestion_sets(id)",
    "candidate_id TEXT",
    "kind TEXT",
    "account_id TEXT",
    "verdict TEXT",
    "reason TEXT",
    "solver_position INTEGER",
    "is_from_model INTEGER CHECK (is_from_model IN (0, 1))",
    "limit_price TEXT",
    "cost_usd REAL",
    "fees TEXT",
    "initial_margin_change TEXT",
    "maintenance_margin_change TEXT",
)

_TABLES = (
    f"""CREATE TABLE suggestion_details (
        suggestion_id TEXT PRIMARY KEY NOT NULL REFERENCES signals(id),
        set_id TEXT NOT NULL REFERENCES suggestion_sets(id),
        position INTEGER NOT NULL CHECK (position >= 0),
        solver_position INTEGER NOT NULL CHECK (solver_position >= 0),
        is_from_model INTEGER NOT NULL CHECK (is_from_model IN (0, 1)),
        verdict TEXT NOT NULL,
        verified_json TEXT NOT NULL CHECK ({rules.json_object("verified_json")})
    ) STRICT""",
    "CREATE INDEX ix_suggestion_details_set ON suggestion_details(set_id, position)",
    f"""CREATE TABLE suggestion_rankings (
        set_id TEXT NOT NULL REFERENCES suggestion_sets(id),
        ranking_no INTEGER NOT NULL CHECK (ranking_no >= 1),
        suggestion_id TEXT NOT NULL REFERENCES suggestion_details(suggestion_id),
        position INTEGER NOT NULL CHECK (position >= 0),
        rationale TEXT NOT NULL,
        is_from_model INTEGER NOT NULL CHECK (is_from_model IN (0, 1)),
        model TEXT NOT NULL,
        payload_sha256 TEXT NOT NULL CHECK ({sha256_text("payload_sha256")}),
        ranked_at TEXT NOT NULL CHECK ({_TIME("ranked_at")}),
        PRIMARY KEY (set_id, ranking_no, suggestion_id)
    ) STRICT, WITHOUT ROWID""",
    f"""CREATE TABLE suggestion_fates (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        suggestion_id TEXT NOT NULL REFERENCES signals(id),
        fate TEXT NOT NULL CHECK (fate IN {FATES}),
        text TEXT NOT NULL,
        at_utc TEXT NOT NULL CHECK ({_TIME("at_utc")})
    ) STRICT""",
    "CREATE INDEX ix_suggestion_fates_suggestion ON suggestion_fates(suggestion_id, fate)",
    f"""CREATE TABLE suggestion_dues (
        suggestion_id TEXT NOT NULL REFERENCES suggestion_details(suggestion_id),
        horizon TEXT NOT NULL CHECK (horizon IN {HORIZONS}),
        due_at TEXT NOT NULL CHECK ({_TIME("due_at")}),
        PRIMARY KEY (suggestion_id, horizon)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX ix_suggestion_dues_due ON suggestion_dues(due_at)",
    f"""CREATE TABLE suggestion_marks (
        suggestion_id TEXT NOT NULL REFERENCES suggestion_details(suggestion_id),
        horizon TEXT NOT NULL CHECK (horizon IN {HORIZONS}),
        due_at TEXT NOT NULL CHECK ({_TIME("due_at")}),
        marked_at TEXT NOT NULL CHECK ({_TIME("marked_at")}),
        hedge_usd REAL,
        nothing_usd REAL,
        solver_first_usd REAL,
        note TEXT NOT NULL,
        PRIMARY KEY (suggestion_id, horizon)
    ) STRICT, WITHOUT ROWID""",
)


def upgrade() -> None:
    """Creates the tables, widens `signals`, and makes the triggers that keep the tables append-only."""
    connection = op.get_bind()
    wider = tuple(f"ALTER TABLE signals ADD COLUMN {column}" for column in _SIGNAL_COLUMNS)
    index = "CREATE INDEX ix_signals_set ON signals(set_id, position)"
    for statement in (_SET, *wider, index, *_TABLES, *suggestion_triggers()):
        connection.exec_driver_sql(statement)
