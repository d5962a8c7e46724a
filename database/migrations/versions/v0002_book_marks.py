"""Second schema: every position as it stood at a snapshot, so that P&L since then can be explained."""

from __future__ import annotations

from alembic import op

from database.migrations import v0001_rules as rules

revision = "0002"
down_revision = "0001"

_TABLE = f"""CREATE TABLE book_marks (
        at_utc TEXT NOT NULL CHECK ({rules.utc_time("at_utc")}),
        account_id TEXT NOT NULL,
        contract_key TEXT NOT NULL,
        underlying TEXT NOT NULL,
        quantity REAL NOT NULL,
        multiplier REAL NOT NULL,
        price REAL,
        spot REAL,
        vol REAL,
        delta REAL,
        gamma REAL,
        theta_per_day REAL,
        vega_per_point REAL,
        PRIMARY KEY (at_utc, account_id, contract_key)
    ) STRICT, WITHOUT ROWID"""


def upgrade() -> None:
    """Creates the table. Its rows are thinned with age, so no trigger guards them."""
    op.get_bind().exec_driver_sql(_TABLE)
