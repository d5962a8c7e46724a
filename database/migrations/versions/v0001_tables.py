"""First schema: the journal and the snapshots as documented, and the desk's own tables beside them."""

from __future__ import annotations

from alembic import op

from database.migrations import v0001_rules as rules

revision = "0001"
down_revision = None

_UUID = rules.uuid4_text
_TIME = rules.utc_time

_DOCUMENTED = (
    f"""CREATE TABLE trade_journal (
        id               TEXT PRIMARY KEY CONSTRAINT tj_id_is_uuid4 CHECK (id IS NOT NULL AND {_UUID("id")}),
        created_at       TEXT NOT NULL CONSTRAINT tj_created_at_is_utc CHECK ({_TIME("created_at")}),
        broker           TEXT NOT NULL CONSTRAINT tj_broker CHECK (broker IN {rules.BROKERS}),
        account_id       TEXT NOT NULL,
        broker_order_id  TEXT,
        underlying       TEXT NOT NULL,
        strategy_tag     TEXT,
        status           TEXT NOT NULL DEFAULT 'FILLED'
                         CONSTRAINT tj_status CHECK (status IN ('FILLED', 'PARTIAL', 'CANCELLED')),
        legs_json        TEXT NOT NULL DEFAULT '[]'
                         CONSTRAINT tj_legs_are_an_array CHECK ({rules.json_array("legs_json", minimum=1)}),
        net_debit_credit REAL,
        vix_at_fill      REAL,
        spx_price_at_fill REAL,
        regime           TEXT CONSTRAINT tj_regime CHECK (regime IN {rules.REGIMES}),
        pre_greeks_json  TEXT NOT NULL DEFAULT '{{}}'
                         CONSTRAINT tj_pre_greeks_are_an_object CHECK ({rules.json_object("pre_greeks_json")}),
        post_greeks_json TEXT NOT NULL DEFAULT '{{}}'
                         CONSTRAINT tj_post_greeks_are_an_object CHECK ({rules.json_object("post_greeks_json")}),
        user_rationale   TEXT,
        ai_rationale     TEXT,
        ai_suggestion_id TEXT
    )""",
    "CREATE INDEX ix_tj_created_at ON trade_journal(created_at DESC)",
    "CREATE INDEX ix_tj_account    ON trade_journal(account_id, created_at DESC)",
    "CREATE INDEX ix_tj_underlying ON trade_journal(underlying, created_at DESC)",
    "CREATE INDEX ix_tj_regime     ON trade_journal(regime, created_at DESC)",
    f"""CREATE TABLE account_snapshots (
        id               TEXT PRIMARY KEY CONSTRAINT as_id_is_uuid4 CHECK (id IS NOT NULL AND {_UUID("id")}),
        captured_at      TEXT NOT NULL CONSTRAINT as_captured_at_is_utc CHECK ({_TIME("captured_at")}),
        account_id       TEXT NOT NULL,
        broker           TEXT NOT NULL CONSTRAINT as_broker CHECK (broker IN {rules.BROKERS}),
        net_liquidation  REAL,
        cash_balance     REAL,
        spx_delta        REAL,
        gamma            REAL,
        theta            REAL,
        vega             REAL,
        delta_theta_ratio REAL,
        vix              REAL,
        spx_price        REAL,
        regime           TEXT CONSTRAINT as_regime CHECK (regime IN {rules.REGIMES})
    )""",
    "CREATE INDEX ix_acct_snap_account_time ON account_snapshots(account_id, captured_at DESC)",
    "CREATE INDEX ix_acct_snap_time ON account_snapshots(captured_at DESC)",
)

_ORDERS = (
    f"""CREATE TABLE orders (
        id TEXT PRIMARY KEY NOT NULL CHECK ({_UUID("id")}),
        broker TEXT NOT NULL CHECK (broker IN {rules.BROKERS}),
        account_id TEXT NOT NULL,
        broker_order_id TEXT,
        underlying TEXT NOT NULL,
        strategy_tag TEXT,
        order_type TEXT NOT NULL CHECK (order_type IN ('LMT', 'MKT', 'MOC')),
        tif TEXT NOT NULL CHECK (tif IN ('DAY', 'GTC')),
        limit_price TEXT,
        status TEXT NOT NULL CHECK (status IN ('DRAFT', 'SIMULATED', 'PENDING', 'PARTIAL', 'CANCEL_PENDING',
            'UNKNOWN', 'FILLED', 'REJECTED', 'CANCELLED')),
        created_at TEXT NOT NULL CHECK ({_TIME("created_at")}),
        submitted_at TEXT CHECK (submitted_at IS NULL OR {_TIME("submitted_at")}),
        filled_at TEXT CHECK (filled_at IS NULL OR {_TIME("filled_at")}),
        updated_at TEXT NOT NULL CHECK ({_TIME("updated_at")}),
        payload_json TEXT NOT NULL CHECK ({rules.json_object("payload_json")})
    ) STRICT""",
    "CREATE INDEX ix_orders_account_status ON orders(account_id, status)",
    "CREATE INDEX ix_orders_broker_order ON orders(broker_order_id)",
    "CREATE INDEX ix_orders_created ON orders(created_at DESC)",
    f"""CREATE TABLE order_intents (
        order_id TEXT PRIMARY KEY NOT NULL REFERENCES orders(id),
        broker TEXT NOT NULL CHECK (broker IN {rules.BROKERS}),
        account_id TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        committed_at TEXT NOT NULL CHECK ({_TIME("committed_at")}),
        payload_json TEXT NOT NULL CHECK ({rules.json_object("payload_json")})
    ) STRICT""",
    "CREATE INDEX ix_order_intents_committed ON order_intents(committed_at)",
    f"""CREATE TABLE executions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        broker TEXT NOT NULL CHECK (broker IN {rules.BROKERS}),
        account_id TEXT NOT NULL,
        execution_id TEXT NOT NULL,
        revision INTEGER NOT NULL CHECK (revision >= 1),
        broker_order_id TEXT,
        order_id TEXT,
        kind TEXT NOT NULL,
        contract_key TEXT NOT NULL,
        contract_json TEXT NOT NULL CHECK ({rules.json_object("contract_json")}),
        action TEXT NOT NULL CHECK (action IN ('BUY', 'SELL')),
        quantity TEXT NOT NULL,
        price TEXT NOT NULL,
        executed_at TEXT NOT NULL CHECK ({_TIME("executed_at")}),
        recorded_at TEXT NOT NULL CHECK ({_TIME("recorded_at")}),
        UNIQUE (broker, account_id, execution_id, revision)
    ) STRICT""",
    "CREATE INDEX ix_executions_order ON executions(order_id)",
    "CREATE INDEX ix_executions_executed ON executions(account_id, executed_at)",
    f"""CREATE TABLE execution_fees (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        broker TEXT NOT NULL CHECK (broker IN {rules.BROKERS}),
        account_id TEXT NOT NULL,
        execution_id TEXT NOT NULL,
        fee TEXT NOT NULL,
        recorded_at TEXT NOT NULL CHECK ({_TIME("recorded_at")})
    ) STRICT""",
    "CREATE INDEX ix_execution_fees_execution ON execution_fees(broker, account_id, execution_id)",
    f"""CREATE TABLE order_audit_log (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at_utc TEXT NOT NULL CHECK ({_TIME("at_utc")}),
        recorded_at TEXT NOT NULL CHECK ({_TIME("recorded_at")}),
        kind TEXT NOT NULL,
        order_id TEXT,
        broker_order_id TEXT,
        account_id TEXT NOT NULL,
        state_json TEXT NOT NULL CHECK ({rules.json_object("state_json")}),
        latency_us INTEGER,
        prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64),
        hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64)
    ) STRICT""",
    "CREATE INDEX ix_order_audit_order ON order_audit_log(order_id, seq)",
    """CREATE TABLE audit_head (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        seq INTEGER NOT NULL,
        hash TEXT NOT NULL CHECK (length(hash) = 64)
    ) STRICT""",
    "INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, printf('%064d', 0))",
)

_JOURNAL = (
    """CREATE TABLE order_journal (
        order_id TEXT NOT NULL,
        event_no INTEGER NOT NULL CHECK (event_no >= 1),
        journal_id TEXT NOT NULL UNIQUE REFERENCES trade_journal(id),
        PRIMARY KEY (order_id, event_no)
    ) STRICT""",
    """CREATE TABLE journal_executions (
        broker TEXT NOT NULL,
        account_id TEXT NOT NULL,
        execution_id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        journal_id TEXT NOT NULL REFERENCES trade_journal(id),
        PRIMARY KEY (broker, account_id, execution_id, revision)
    ) STRICT""",
    "CREATE INDEX ix_journal_executions_journal ON journal_executions(journal_id)",
    f"""CREATE TABLE journal_edits (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        journal_id TEXT NOT NULL REFERENCES trade_journal(id),
        at_utc TEXT NOT NULL CHECK ({_TIME("at_utc")}),
        field TEXT NOT NULL CHECK (field IN ('user_rationale', 'tags')),
        before TEXT,
        after TEXT
    ) STRICT""",
    "CREATE INDEX ix_journal_edits_journal ON journal_edits(journal_id, field, seq)",
    """CREATE TABLE journal_tags (
        journal_id TEXT NOT NULL REFERENCES trade_journal(id),
        tag TEXT NOT NULL CHECK (length(trim(tag)) > 0),
        PRIMARY KEY (journal_id, tag)
    ) STRICT""",
    "CREATE INDEX ix_journal_tags_tag ON journal_tags(tag, journal_id)",
    """CREATE TABLE journal_search (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        journal_id TEXT NOT NULL UNIQUE REFERENCES trade_journal(id),
        created_at TEXT NOT NULL,
        account_id TEXT NOT NULL,
        underlying TEXT NOT NULL,
        strategy_tag TEXT,
        regime TEXT,
        status TEXT NOT NULL,
        tags TEXT NOT NULL,
        words TEXT NOT NULL
    ) STRICT""",
    """CREATE INDEX ix_journal_search_newest
        ON journal_search(created_at, seq, account_id, underlying, strategy_tag, regime, status, tags)""",
    "CREATE INDEX ix_journal_search_facets ON journal_search(account_id, underlying, strategy_tag, regime, status)",
)

_DESK = (
    f"""CREATE TABLE signals (
        id TEXT PRIMARY KEY NOT NULL CHECK ({_UUID("id")}),
        created_at TEXT NOT NULL CHECK ({_TIME("created_at")}),
        source TEXT NOT NULL,
        breach_id TEXT,
        position INTEGER NOT NULL,
        rationale TEXT NOT NULL,
        projected_delta_change REAL NOT NULL,
        projected_theta_cost REAL NOT NULL,
        payload_json TEXT NOT NULL CHECK ({rules.json_object("payload_json")})
    ) STRICT""",
    "CREATE INDEX ix_signals_breach ON signals(breach_id, position)",
    f"""CREATE TABLE positions (
        account_id TEXT NOT NULL,
        contract_key TEXT NOT NULL,
        broker TEXT NOT NULL CHECK (broker IN {rules.BROKERS}),
        contract_json TEXT NOT NULL CHECK ({rules.json_object("contract_json")}),
        quantity TEXT NOT NULL,
        average_price TEXT NOT NULL,
        previous_close TEXT,
        at_utc TEXT CHECK (at_utc IS NULL OR {_TIME("at_utc")}),
        reconciled_at TEXT NOT NULL CHECK ({_TIME("reconciled_at")}),
        PRIMARY KEY (account_id, contract_key)
    ) STRICT""",
    f"""CREATE TABLE snapshot_slots (
        slot_utc TEXT NOT NULL CHECK ({_TIME("slot_utc")}),
        account_id TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('SCHEDULED', 'MISSED')),
        reason TEXT,
        snapshot_id TEXT REFERENCES account_snapshots(id),
        recorded_at TEXT NOT NULL CHECK ({_TIME("recorded_at")}),
        PRIMARY KEY (slot_utc, account_id),
        CHECK ((kind = 'SCHEDULED') = (snapshot_id IS NOT NULL)),
        CHECK ((kind = 'MISSED') = (reason IS NOT NULL))
    ) STRICT""",
    "CREATE INDEX ix_snapshot_slots_account ON snapshot_slots(account_id, slot_utc)",
    """CREATE TABLE snapshot_packs (
        account_id TEXT NOT NULL,
        day TEXT NOT NULL,
        rows BLOB NOT NULL,
        PRIMARY KEY (account_id, day)
    ) STRICT""",
    f"""CREATE TABLE risk_breaches (
        id TEXT PRIMARY KEY NOT NULL,
        breach_type TEXT NOT NULL,
        metric TEXT NOT NULL,
        threshold REAL NOT NULL,
        actual_value REAL NOT NULL,
        regime TEXT NOT NULL CHECK (regime IN {rules.REGIMES}),
        detected_at TEXT NOT NULL CHECK ({_TIME("detected_at")}),
        state TEXT NOT NULL CHECK (state IN ('DETECTED', 'REQUESTED', 'POPULATED', 'SHOWN', 'ARCHIVED')),
        archived_at TEXT CHECK (archived_at IS NULL OR {_TIME("archived_at")}),
        updated_at TEXT NOT NULL CHECK ({_TIME("updated_at")})
    ) STRICT""",
    "CREATE INDEX ix_risk_breaches_detected ON risk_breaches(detected_at DESC)",
    f"""CREATE TABLE desk_state (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        reason TEXT NOT NULL,
        at_utc TEXT NOT NULL CHECK ({_TIME("at_utc")})
    ) STRICT""",
    "CREATE INDEX ix_desk_state_key ON desk_state(key, seq)",
    f"""CREATE TABLE database_stamp (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        environment TEXT NOT NULL CHECK (length(environment) > 0),
        mode TEXT NOT NULL CHECK (mode IN ('PAPER', 'LIVE')),
        created_at TEXT NOT NULL CHECK ({_TIME("created_at")})
    ) STRICT""",
    f"""CREATE TABLE schema_history (
        version INTEGER PRIMARY KEY,
        revision TEXT NOT NULL,
        applied_at TEXT NOT NULL CHECK ({_TIME("applied_at")}),
        sqlite_version TEXT NOT NULL
    ) STRICT""",
)


def upgrade() -> None:
    """Creates every table, index and trigger."""
    connection = op.get_bind()
    for statement in (*_DOCUMENTED, *_ORDERS, *_JOURNAL, *_DESK, *rules.triggers()):
        connection.exec_driver_sql(statement)
