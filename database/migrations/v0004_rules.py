"""Constraints and triggers of the fourth schema, as SQL text."""

from __future__ import annotations

from collections.abc import Iterator

from database.migrations.v0001_rules import append_only

FATES = "('SHOWN', 'LOADED', 'DISMISSED', 'ORDERED')"
HORIZONS = "('1 hour', '1 day', 'expiry')"

#: Tables whose rows never change, with the columns that identify a row.
_APPEND_ONLY = {
    "suggestion_sets": ("id",),
    "suggestion_details": ("suggestion_id",),
    "suggestion_rankings": ("set_id", "ranking_no", "suggestion_id"),
    "suggestion_fates": ("seq",),
    "suggestion_dues": ("suggestion_id", "horizon"),
    "suggestion_marks": ("suggestion_id", "horizon"),
}


def sha256_text(column: str) -> str:
    """Returns the condition that `column` holds a SHA-256 in lower-case hexadecimal."""
    return f"(length({column}) = 64 AND {column} NOT GLOB '*[^0-9a-f]*')"


def suggestion_triggers() -> Iterator[str]:
    """Yields the triggers that refuse a change of what was suggested and how it paid."""
    for table, key in _APPEND_ONLY.items():
        yield from append_only(table, key)
