"""Constraints and triggers of the first schema, as SQL text."""

from __future__ import annotations

from collections.abc import Iterator

BROKERS = "('PAPER', 'IBKR', 'TASTYTRADE')"
REGIMES = "('LOW_VOL', 'MEDIUM_VOL', 'HIGH_VOL', 'CRISIS')"

_HEX = "[0-9a-f]"
_UUID4_SHAPE = "-".join((_HEX * 8, _HEX * 4, "4" + _HEX * 3, "[89ab]" + _HEX * 3, _HEX * 12))
_TIME_SHAPE = "T".join(("-".join(("[0-9]" * 4, "[0-9]" * 2, "[0-9]" * 2)), ":".join(("[0-9]" * 2,) * 3))) + "*Z"

#: Tables whose rows never change, with the columns that identify a row.
_APPEND_ONLY = {
    "trade_journal": ("id",),
    "account_snapshots": ("id",),
    "signals": ("id",),
    "order_intents": ("order_id",),
    "executions": ("broker", "account_id", "execution_id", "revision"),
    "execution_fees": ("seq",),
    "order_audit_log": ("seq",),
    "order_journal": ("order_id", "event_no"),
    "journal_executions": ("broker", "account_id", "execution_id", "revision"),
    "journal_edits": ("seq",),
    "snapshot_slots": ("slot_utc", "account_id"),
    "desk_state": ("seq",),
    "database_stamp": ("id",),
    "schema_history": ("version",),
}
#: Tables whose rows may change but never vanish.
_NEVER_DELETED = ("orders", "risk_breaches", "audit_head")
_JOURNAL_FIXED = (
    "id, created_at, broker, account_id, broker_order_id, underlying, strategy_tag, status, legs_json, "
    "net_debit_credit, vix_at_fill, spx_price_at_fill, regime, pre_greeks_json, post_greeks_json, ai_rationale, "
    "ai_suggestion_id"
)


def uuid4_text(column: str) -> str:
    """Returns the condition that `column` holds a lower-case uuid4."""
    return f"{column} GLOB '{_UUID4_SHAPE}'"


def utc_time(column: str) -> str:
    """Returns the condition that `column` is an existing ISO-8601 instant ending in Z, at most microseconds."""
    return (
        f"({column} GLOB '{_TIME_SHAPE}' AND length({column}) <= 27"
        f" AND date(substr({column}, 1, 10), '+0 days') IS substr({column}, 1, 10)"
        f" AND time(substr({column}, 12, 8)) IS substr({column}, 12, 8)"
        f" AND rtrim(substr({column}, 20), '0123456789Z') IN ('', '.'))"
    )


def json_array(column: str, *, minimum: int) -> str:
    """Returns the condition that `column` parses as a JSON array of at least `minimum` elements."""
    return (
        f"CASE WHEN json_valid({column}) THEN json_type({column}) = 'array'"
        f" AND json_array_length({column}) >= {minimum} ELSE 0 END"
    )


def json_object(column: str) -> str:
    """Returns the condition that `column` parses as a JSON object."""
    return f"CASE WHEN json_valid({column}) THEN json_type({column}) = 'object' ELSE 0 END"


def triggers() -> Iterator[str]:
    """Yields the triggers that refuse a change of append-only rows, whatever program tries it.

    The insert trigger closes SQLite's INSERT OR REPLACE, which would delete the old row without a delete trigger.
    """
    for table, key in _APPEND_ONLY.items():
        yield from append_only(table, key, fixed=_JOURNAL_FIXED if table == "trade_journal" else "")
    for table in _NEVER_DELETED:
        yield _refuse(f"{table}_no_delete", f"BEFORE DELETE ON {table}", f"rows of {table} are never deleted")
    yield _rationale_edit_is_recorded()


def append_only(table: str, key: tuple[str, ...], *, fixed: str = "") -> Iterator[str]:
    """Yields the triggers that keep the rows of `table`, identified by `key`; `fixed` columns only, empty = all."""
    same = " AND ".join(f"{column} = NEW.{column}" for column in key)
    of = f" OF {fixed}" if fixed else ""
    yield _refuse(f"{table}_no_update", f"BEFORE UPDATE{of} ON {table}", f"{table} is append-only: no update")
    yield _refuse(f"{table}_no_delete", f"BEFORE DELETE ON {table}", f"{table} is append-only: no delete")
    exists = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 - names are constants of the callers
    yield _refuse(f"{table}_no_replace", f"BEFORE INSERT ON {table} {exists}", f"{table} is append-only: row exists")


def _refuse(name: str, event: str, message: str) -> str:
    return f"CREATE TRIGGER {name} {event} BEGIN SELECT RAISE(ABORT, '{message}'); END"


def _rationale_edit_is_recorded() -> str:
    """A rationale changes only to what the newest row of `journal_edits` says, from what it says it was."""
    newest = (
        "SELECT 1 FROM journal_edits AS e WHERE e.seq = (SELECT max(seq) FROM journal_edits"
        " WHERE journal_id = OLD.id AND field = 'user_rationale')"
        " AND e.before IS OLD.user_rationale AND e.after IS NEW.user_rationale"
    )
    return _refuse(
        "trade_journal_edit_is_recorded",
        f"BEFORE UPDATE OF user_rationale ON trade_journal WHEN NOT EXISTS ({newest})",
        "a rationale may change only together with its row in journal_edits",
    )
