"""Proves the file: structure, the audit hash chain, the journal against the chain, and the derived tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection

from database.audit import GENESIS, row_hash
from database.journal import journal_hash
from database.schema import trade_journal
from database.snapshots import PACKED_ROW_BYTES

#: As many problems as a person will read; the file is bad after the first.
_MOST_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a check of the whole database found; `problems` empty = sound."""

    problems: tuple[str, ...]
    audit_rows: int
    journal_rows: int
    #: Journal rows whose contents the audit chain proves (rows imported without an order event are not in it).
    proven_journal_rows: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def quick_check(connection: Connection) -> tuple[str, ...]:
    """Returns what SQLite's own structural check complains of; empty = nothing."""
    answers = tuple(connection.exec_driver_sql("PRAGMA quick_check").scalars())
    return () if answers == ("ok",) else answers[:_MOST_PROBLEMS]


def verify(connection: Connection) -> VerifyReport:
    """Checks everything; reads the whole audit log and journal once."""
    problems = [f"structure: {answer}" for answer in quick_check(connection)]
    audit_rows, hashes = _check_chain(connection, problems)
    journal_rows, proven = _check_journal(connection, hashes, problems)
    problems += drift(connection)
    return VerifyReport(tuple(problems[:_MOST_PROBLEMS]), audit_rows, journal_rows, proven)


def drift(connection: Connection) -> list[str]:
    """Returns which derived tables do not hold as many rows as what they are derived from."""

    def count(sql: str) -> int:
        return int(connection.exec_driver_sql(sql).scalar_one())

    found = []
    if count("SELECT count(*) FROM trade_journal") != count("SELECT count(*) FROM journal_search"):
        found.append("journal_search does not match trade_journal")
    packed = count("SELECT coalesce(sum(length(rows)), 0) FROM snapshot_packs")
    if count("SELECT count(*) FROM account_snapshots") * PACKED_ROW_BYTES != packed:
        found.append("snapshot_packs does not match account_snapshots")
    return found


def _check_chain(connection: Connection, problems: list[str]) -> tuple[int, dict[str, str]]:
    """Walks the chain; returns its length and the journal hashes it carries."""
    previous, expected_seq, hashes = GENESIS, 0, dict[str, str]()
    rows = connection.exec_driver_sql(
        "SELECT seq, at_utc, recorded_at, kind, order_id, broker_order_id, account_id, state_json, latency_us, "
        "prev_hash, hash FROM order_audit_log ORDER BY seq"
    )
    for *facts, prev_hash, digest in rows:
        expected_seq += 1
        if facts[0] != expected_seq or prev_hash != previous or row_hash(prev_hash, facts) != digest:
            problems.append(f"audit row {facts[0]} was changed, or one before it is missing")
            expected_seq = facts[0]
        if facts[3] == "JOURNALED":
            _note_journal(facts[7], hashes, problems)
        previous = digest
    head = connection.exec_driver_sql("SELECT seq, hash FROM audit_head").one_or_none()
    if head is None or (head.seq, head.hash) != (expected_seq, previous):
        problems.append("the audit log does not end where it was last written: rows are missing at its end")
    return expected_seq, hashes


def _note_journal(state_json: str, hashes: dict[str, str], problems: list[str]) -> None:
    try:
        state = json.loads(state_json)
        hashes[str(state["journal_id"])] = str(state["journal_sha256"])
    except (ValueError, KeyError, TypeError):
        problems.append("an audit row of a journal row cannot be read")


def _check_journal(connection: Connection, hashes: dict[str, str], problems: list[str]) -> tuple[int, int]:
    """Compares journal rows, as first written, with the chain; returns rows and proven rows."""
    edits = _rationale_edits(connection)
    names = [column.name for column in trade_journal.c]
    rows = proven = 0
    missing = set(hashes)
    for row in connection.exec_driver_sql(f"SELECT {', '.join(names)} FROM trade_journal"):  # noqa: S608 - our names
        values: dict[str, Any] = dict(zip(names, row, strict=True))
        journal_id = values["id"]
        rows += 1
        chain = edits.get(journal_id, [])
        if chain:
            if chain[-1][1] != values["user_rationale"] or any(a[1] != b[0] for a, b in pairwise(chain)):
                problems.append(f"journal row {journal_id}: its rationale does not follow from its recorded edits")
            values["user_rationale"] = chain[0][0]
        if journal_id in hashes:
            missing.discard(journal_id)
            proven += 1
            if journal_hash(values) != hashes[journal_id]:
                problems.append(f"journal row {journal_id} is not what was written")
    problems += [f"journal row {journal_id} is missing" for journal_id in sorted(missing)]
    return rows, proven


def _rationale_edits(connection: Connection) -> dict[str, list[tuple[str | None, str | None]]]:
    edits: dict[str, list[tuple[str | None, str | None]]] = {}
    rows = connection.exec_driver_sql(
        "SELECT journal_id, before, after FROM journal_edits WHERE field = 'user_rationale' ORDER BY seq"
    )
    for journal_id, before, after in rows:
        edits.setdefault(journal_id, []).append((before, after))
    return edits
