"""The audit trail's hash chain: each row carries the hash of the row before it and of its own contents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from database.codec import plain_value, to_text
from database.schema import audit_head, order_audit_log
from models.clock import to_iso
from models.records import AuditRecord

#: Hash before the first row.
GENESIS: Final = "0" * 64


def row_hash(prev_hash: str, facts: Sequence[object]) -> str:
    """Returns SHA-256 over the previous hash and the row's columns in table order, as hexadecimal."""
    text = json.dumps([prev_hash, *facts], separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def append(connection: Connection, records: Sequence[AuditRecord], recorded_at: datetime) -> None:
    """Appends audit rows to the chain inside the caller's transaction."""
    if not records:
        return
    head = connection.execute(select(audit_head.c.seq, audit_head.c.hash)).one()
    seq, previous = int(head.seq), str(head.hash)
    rows: list[dict[str, Any]] = []
    for record in records:
        seq += 1
        state = to_text(plain_value(record.state))
        facts = (
            seq,
            to_iso(record.at_utc),
            to_iso(recorded_at),
            record.kind.value,
            record.order_id,
            record.broker_order_id,
            record.account_id,
            state,
            record.latency_us,
        )
        digest = row_hash(previous, facts)
        rows.append(
            {
                "seq": seq,
                "at_utc": record.at_utc,
                "recorded_at": recorded_at,
                "kind": record.kind.value,
                "order_id": record.order_id,
                "broker_order_id": record.broker_order_id,
                "account_id": record.account_id,
                "state_json": state,
                "latency_us": record.latency_us,
                "prev_hash": previous,
                "hash": digest,
            }
        )
        previous = digest
    connection.execute(insert(order_audit_log), rows)
    connection.execute(update(audit_head).values(seq=seq, hash=previous))
