"""Makes the derived tables anew from what they are derived from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from database.journal import search_values
from database.schema import journal_search, journal_tags, trade_journal
from database.snapshots import rebuild_packs

_BATCH = 10_000


def rebuild_derived(connection: Connection) -> None:
    """Rebuilds `journal_search` and `snapshot_packs` inside the caller's transaction."""
    connection.execute(delete(journal_search))
    rows = _search_rows(connection)
    while batch := list(islice(rows, _BATCH)):
        connection.execute(insert(journal_search), batch)
    rebuild_packs(connection)


def _search_rows(connection: Connection) -> Iterator[dict[str, Any]]:
    tags: dict[str, list[str]] = {}
    for row in connection.execute(select(journal_tags).order_by(journal_tags.c.journal_id, journal_tags.c.tag)):
        tags.setdefault(row.journal_id, []).append(row.tag)
    query = select(trade_journal).order_by(trade_journal.c.created_at, trade_journal.c.id)
    for journal in connection.execute(query).mappings().all():
        yield search_values(dict(journal), tags.get(journal["id"], ()))
