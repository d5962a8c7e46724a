"""The tables as SQLAlchemy Core sees them. Their DDL is in `database.migrations`; a test holds both together.

`trade_journal` and `account_snapshots` are the documented interface for any SQLite tool and keep REAL for money;
every other table is ours and keeps money as exact text.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, MetaData, PrimaryKeyConstraint, Table, Text
from sqlalchemy.types import REAL

from database.types import ExactDecimal, UtcText

metadata = MetaData()

trade_journal = Table(
    "trade_journal",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_at", UtcText, nullable=False),
    Column("broker", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("broker_order_id", Text),
    Column("underlying", Text, nullable=False),
    Column("strategy_tag", Text),
    Column("status", Text, nullable=False, server_default="FILLED"),
    Column("legs_json", Text, nullable=False, server_default="[]"),
    Column("net_debit_credit", REAL),
    Column("vix_at_fill", REAL),
    Column("spx_price_at_fill", REAL),
    Column("regime", Text),
    Column("pre_greeks_json", Text, nullable=False, server_default="{}"),
    Column("post_greeks_json", Text, nullable=False, server_default="{}"),
    Column("user_rationale", Text),
    Column("ai_rationale", Text),
    Column("ai_suggestion_id", Text),
)

account_snapshots = Table(
    "account_snapshots",
    metadata,
    Column("id", Text, primary_key=True),
    Column("captured_at", UtcText, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("broker", Text, nullable=False),
    Column("net_liquidation", REAL),
    Column("cash_balance", REAL),
    Column("spx_delta", REAL),
    Column("gamma", REAL),
    Column("theta", REAL),
    Column("vega", REAL),
    Column("delta_theta_ratio", REAL),
    Column("vix", REAL),
    Column("spx_price", REAL),
    Column("regime", Text),
)

#: One row per suggestion, as it was when it was made; `trade_journal.ai_suggestion_id` points here. From `set_id` on
#: None in rows of desks before the fourth schema.
signals = Table(
    "signals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_at", UtcText, nullable=False),
    Column("source", Text, nullable=False),
    Column("breach_id", Text),
    Column("position", Integer, nullable=False),
    Column("rationale", Text, nullable=False),
    Column("projected_delta_change", REAL, nullable=False),
    Column("projected_theta_cost", REAL, nullable=False),
    Column("payload_json", Text, nullable=False),
    Column("set_id", Text, ForeignKey("suggestion_sets.id")),
    Column("candidate_id", Text),
    Column("kind", Text),
    Column("account_id", Text),
    Column("verdict", Text),
    Column("reason", Text),
    Column("solver_position", Integer),
    Column("is_from_model", Integer),
    Column("limit_price", ExactDecimal),
    Column("cost_usd", REAL),
    Column("fees", ExactDecimal),
    Column("initial_margin_change", ExactDecimal),
    Column("maintenance_margin_change", ExactDecimal),
)

#: The newest state of every order.
orders = Table(
    "orders",
    metadata,
    Column("id", Text, primary_key=True),
    Column("broker", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("broker_order_id", Text),
    Column("underlying", Text, nullable=False),
    Column("strategy_tag", Text),
    Column("order_type", Text, nullable=False),
    Column("tif", Text, nullable=False),
    Column("limit_price", ExactDecimal),
    Column("status", Text, nullable=False),
    Column("created_at", UtcText, nullable=False),
    Column("submitted_at", UtcText),
    Column("filled_at", UtcText),
    Column("updated_at", UtcText, nullable=False),
    Column("payload_json", Text, nullable=False),
)

order_intents = Table(
    "order_intents",
    metadata,
    Column("order_id", Text, ForeignKey("orders.id"), primary_key=True),
    Column("broker", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("committed_at", UtcText, nullable=False),
    Column("payload_json", Text, nullable=False),
)

executions = Table(
    "executions",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("broker", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("execution_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("broker_order_id", Text),
    Column("order_id", Text),
    Column("kind", Text, nullable=False),
    Column("contract_key", Text, nullable=False),
    Column("contract_json", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("price", ExactDecimal, nullable=False),
    Column("executed_at", UtcText, nullable=False),
    Column("recorded_at", UtcText, nullable=False),
)

execution_fees = Table(
    "execution_fees",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("broker", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("execution_id", Text, nullable=False),
    Column("fee", ExactDecimal, nullable=False),
    Column("recorded_at", UtcText, nullable=False),
)

order_audit_log = Table(
    "order_audit_log",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at_utc", UtcText, nullable=False),
    Column("recorded_at", UtcText, nullable=False),
    Column("kind", Text, nullable=False),
    Column("order_id", Text),
    Column("broker_order_id", Text),
    Column("account_id", Text, nullable=False),
    Column("state_json", Text, nullable=False),
    Column("latency_us", Integer),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

#: Newest link of the audit chain, so that a chain cut short is noticed too. One row.
audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("hash", Text, nullable=False),
)

#: Which trade event of which order a journal row records.
order_journal = Table(
    "order_journal",
    metadata,
    Column("order_id", Text, nullable=False),
    Column("event_no", Integer, nullable=False),
    Column("journal_id", Text, ForeignKey("trade_journal.id"), nullable=False, unique=True),
    PrimaryKeyConstraint("order_id", "event_no"),
)

#: Which executions a journal row covers: each revision is in one row at most.
journal_executions = Table(
    "journal_executions",
    metadata,
    Column("broker", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("execution_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("journal_id", Text, ForeignKey("trade_journal.id"), nullable=False),
    PrimaryKeyConstraint("broker", "account_id", "execution_id", "revision"),
)

journal_edits = Table(
    "journal_edits",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("journal_id", Text, ForeignKey("trade_journal.id"), nullable=False),
    Column("at_utc", UtcText, nullable=False),
    Column("field", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
)

journal_tags = Table(
    "journal_tags",
    metadata,
    Column("journal_id", Text, ForeignKey("trade_journal.id"), nullable=False),
    Column("tag", Text, nullable=False),
    PrimaryKeyConstraint("journal_id", "tag"),
)

#: A narrow copy of what the journal browser filters on; derived, can be rebuilt from the journal at any time.
journal_search = Table(
    "journal_search",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("journal_id", Text, ForeignKey("trade_journal.id"), nullable=False, unique=True),
    Column("created_at", UtcText, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("underlying", Text, nullable=False),
    Column("strategy_tag", Text),
    Column("regime", Text),
    Column("status", Text, nullable=False),
    #: Every tag between two line feeds, so that one index holds all but the words.
    Column("tags", Text, nullable=False),
    Column("words", Text, nullable=False),
)

positions = Table(
    "positions",
    metadata,
    Column("account_id", Text, nullable=False),
    Column("contract_key", Text, nullable=False),
    Column("broker", Text, nullable=False),
    Column("contract_json", Text, nullable=False),
    Column("quantity", ExactDecimal, nullable=False),
    Column("average_price", ExactDecimal, nullable=False),
    Column("previous_close", ExactDecimal),
    Column("at_utc", UtcText),
    Column("reconciled_at", UtcText, nullable=False),
    PrimaryKeyConstraint("account_id", "contract_key"),
)

snapshot_slots = Table(
    "snapshot_slots",
    metadata,
    Column("slot_utc", UtcText, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text),
    Column("snapshot_id", Text, ForeignKey("account_snapshots.id")),
    Column("recorded_at", UtcText, nullable=False),
    PrimaryKeyConstraint("slot_utc", "account_id"),
)

#: Each account's snapshots of one UTC day as packed float64 rows, for charts; derived, can be rebuilt.
snapshot_packs = Table(
    "snapshot_packs",
    metadata,
    Column("account_id", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("rows", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account_id", "day"),
)

#: Every position at each snapshot; thinned with age (`database.marks`).
book_marks = Table(
    "book_marks",
    metadata,
    Column("at_utc", UtcText, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("contract_key", Text, nullable=False),
    Column("underlying", Text, nullable=False),
    Column("quantity", REAL, nullable=False),
    Column("multiplier", REAL, nullable=False),
    Column("price", REAL),
    Column("spot", REAL),
    Column("vol", REAL),
    Column("delta", REAL),
    Column("gamma", REAL),
    Column("theta_per_day", REAL),
    Column("vega_per_point", REAL),
    PrimaryKeyConstraint("at_utc", "account_id", "contract_key"),
)

#: Lines of imported statements that speak of executions: what makes a second import add nothing.
statement_lines = Table(
    "statement_lines",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("broker", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("line_id", Text, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("trade_id", Text, nullable=False),
    Column("execution_id", Text, nullable=False),
    Column("fee", ExactDecimal),
    Column("is_preliminary", Integer, nullable=False),
    Column("recorded_at", UtcText, nullable=False),
)

#: Money that moved without a trade, as statements tell it.
cash_movements = Table(
    "cash_movements",
    metadata,
    Column("broker", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("movement_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at_utc", UtcText, nullable=False),
    Column("amount", ExactDecimal, nullable=False),
    Column("currency", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("recorded_at", UtcText, nullable=False),
    PrimaryKeyConstraint("broker", "account_id", "movement_id"),
)

#: Which days of an account imported statements hold completely.
statement_days = Table(
    "statement_days",
    metadata,
    Column("broker", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("first_day", Text, nullable=False),
    Column("last_day", Text, nullable=False),
    Column("generated_at", UtcText),
    Column("source", Text, nullable=False),
    Column("recorded_at", UtcText, nullable=False),
    PrimaryKeyConstraint("broker", "account_id", "first_day", "last_day"),
)

risk_breaches = Table(
    "risk_breaches",
    metadata,
    Column("id", Text, primary_key=True),
    Column("breach_type", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("threshold", REAL, nullable=False),
    Column("actual_value", REAL, nullable=False),
    Column("regime", Text, nullable=False),
    Column("detected_at", UtcText, nullable=False),
    Column("state", Text, nullable=False),
    Column("archived_at", UtcText),
    Column("updated_at", UtcText, nullable=False),
)

#: The kill switch and what the user changed; each change is a row, the newest of a key holds.
desk_state = Table(
    "desk_state",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at_utc", UtcText, nullable=False),
)

#: Which environment and trading mode the file belongs to. One row, never changed.
database_stamp = Table(
    "database_stamp",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("created_at", UtcText, nullable=False),
)

schema_history = Table(
    "schema_history",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("revision", Text, nullable=False),
    Column("applied_at", UtcText, nullable=False),
    Column("sqlite_version", Text, nullable=False),
)
