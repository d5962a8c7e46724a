"""Constraints and triggers of the third schema, as SQL text."""

from __future__ import annotations

from collections.abc import Iterator

from database.migrations.v0001_rules import append_only

CASH_KINDS = "('TRANSFER', 'DIVIDEND', 'INTEREST', 'FEE', 'TAX', 'OTHER')"

#: Tables whose rows never change, with the columns that identify a row.
_APPEND_ONLY = {
    "statement_lines": ("broker", "account_id", "line_id"),
    "cash_movements": ("broker", "account_id", "movement_id"),
    "statement_days": ("broker", "account_id", "first_day", "last_day"),
}


def calendar_day(column: str) -> str:
    """Returns the condition that `column` is an existing day, ISO-8601."""
    return f"date({column}, '+0 days') IS {column}"


def statement_triggers() -> Iterator[str]:
    """Yields the triggers that refuse a change of what statements told."""
    for table, key in _APPEND_ONLY.items():
        yield from append_only(table, key)
