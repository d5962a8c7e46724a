"""Journal rows: one per complete trade event, written once, with only the user's own words open to change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from database import audit
from database.codec import to_text
from database.errors import NoSuchRow
from database.orders import newest_executions, not_journaled
from database.schema import (
    executions,
    journal_edits,
    journal_executions,
    journal_search,
    journal_tags,
    order_journal,
    trade_journal,
)
from models.clock import to_iso
from models.enums import BrokerName
from models.greeks import PortfolioGreeks
from models.ids import AccountId, OrderId
from models.order import Order
from models.records import AuditRecord
from models.trade import JournalEntry, JournalLeg


def write_journal(
    connection: Connection,
    entry: JournalEntry,
    order: Order | None,
    broker: BrokerName,
    record: AuditRecord,
    now: datetime,
) -> bool:
    """Writes a journal row, the executions it covers, its link to the order and the audit row.

    The event's executions are those that `record.state` names (`execution_ids`, and `revisions` beside them); where it
    names none, those of the order that no row covers yet. False, and nothing written, when the event has its row: the
    same id, or every execution it names is covered, or the order has a row and nothing new.
    """
    if _exists(connection, entry.id):
        return False
    order_id = entry.order_id if order is None else order.id
    named = list(record.state.get("execution_ids", ()))
    if named:
        covered = _uncovered_of(connection, entry.account_id, broker, named, record.state.get("revisions"))
    else:
        covered = _uncovered_of_order(connection, order_id)
    earlier = 0
    if order_id is not None:
        query = select(func.count()).select_from(order_journal).where(order_journal.c.order_id == order_id)
        earlier = int(connection.execute(query).scalar_one())
    if not covered and (named or earlier > 0):
        return False
    values = journal_values(entry)
    connection.execute(insert(trade_journal).values(values))
    if covered:
        connection.execute(insert(journal_executions), [{**key, "journal_id": entry.id} for key in covered])
    if order_id is not None:
        connection.execute(insert(order_journal).values(order_id=order_id, event_no=earlier + 1, journal_id=entry.id))
    tags = clean_tags(entry.tags)
    _set_tags(connection, entry.id, tags)
    connection.execute(insert(journal_search).values(search_values(values, tags)))
    state = {**record.state, "journal_id": entry.id, "event_no": earlier + 1, "journal_sha256": journal_hash(values)}
    audit.append(connection, (replace(record, state=state),), now)
    return True


def edit_journal(
    connection: Connection,
    journal_id: str,
    *,
    user_rationale: str | None,
    tags: Sequence[str] | None,
    at_utc: datetime,
) -> None:
    """Sets rationale and/or tags (None = leave) and keeps what they were; raises NoSuchRow."""
    row = connection.execute(select(trade_journal).where(trade_journal.c.id == journal_id)).mappings().one_or_none()
    if row is None:
        raise NoSuchRow(f"The journal has no row {journal_id}.", cure="Refresh the journal and try again.")
    values = dict(row)
    if user_rationale is not None and user_rationale != values["user_rationale"]:
        _record_edit(connection, journal_id, at_utc, "user_rationale", values["user_rationale"], user_rationale)
        values["user_rationale"] = user_rationale
        connection.execute(
            update(trade_journal).where(trade_journal.c.id == journal_id).values(user_rationale=user_rationale)
        )
    before = tuple(
        connection.execute(
            select(journal_tags.c.tag).where(journal_tags.c.journal_id == journal_id).order_by(journal_tags.c.tag)
        ).scalars()
    )
    after = before if tags is None else clean_tags(tags)
    if after != before:
        _record_edit(connection, journal_id, at_utc, "tags", to_text(before), to_text(after))
        connection.execute(delete(journal_tags).where(journal_tags.c.journal_id == journal_id))
        _set_tags(connection, journal_id, after)
    found_by = search_values(values, after)
    connection.execute(
        update(journal_search)
        .where(journal_search.c.journal_id == journal_id)
        .values(words=found_by["words"], tags=found_by["tags"])
    )


def journal_values(entry: JournalEntry) -> dict[str, Any]:
    """Returns the columns of `trade_journal` for an entry, in the forms 002 section 1.1 documents."""
    context = entry.context
    return {
        "id": entry.id,
        "created_at": entry.created_at,
        "broker": entry.broker.value,
        "account_id": entry.account_id,
        "broker_order_id": entry.broker_order_id,
        "underlying": entry.underlying,
        "strategy_tag": entry.strategy_tag,
        "status": entry.status.value,
        "legs_json": to_text([_leg(leg) for leg in entry.legs]),
        "net_debit_credit": None if entry.net_debit_credit is None else float(entry.net_debit_credit),
        "vix_at_fill": None if context.vix is None else float(context.vix),
        "spx_price_at_fill": None if context.spx_price is None else float(context.spx_price),
        "regime": None if context.regime is None else context.regime.value,
        "pre_greeks_json": _greeks(entry.pre_greeks),
        "post_greeks_json": _greeks(entry.post_greeks),
        "user_rationale": entry.user_rationale,
        "ai_rationale": entry.ai_rationale,
        "ai_suggestion_id": entry.ai_suggestion_id,
    }


def journal_hash(values: dict[str, Any]) -> str:
    """Returns SHA-256 over a journal row as it was first written; the audit chain carries it."""
    facts = [to_iso(item) if isinstance(item, datetime) else item for item in (values[c.name] for c in trade_journal.c)]
    return hashlib.sha256(json.dumps(facts, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Returns tags on one line each, without blanks around them, empty ones or repeats, sorted."""
    return tuple(sorted({" ".join(tag.split()) for tag in tags} - {""}))


def search_values(values: dict[str, Any], tags: Sequence[str]) -> dict[str, Any]:
    """Returns the row of `journal_search` for a journal row: the filter columns, and its words case-folded."""
    strategy = values["strategy_tag"]
    texts = (
        values["underlying"],
        strategy,
        strategy.replace("_", " ") if strategy else None,
        values["user_rationale"],
        values["ai_rationale"],
        *tags,
    )
    return {
        "journal_id": values["id"],
        "tags": "".join(f"\n{tag}\n" for tag in tags),
        "words": "\n".join(text for text in texts if text).casefold(),
        **{
            name: values[name]
            for name in ("created_at", "account_id", "underlying", "strategy_tag", "regime", "status")
        },
    }


def _exists(connection: Connection, journal_id: str) -> bool:
    return connection.execute(select(trade_journal.c.id).where(trade_journal.c.id == journal_id)).first() is not None


_EXECUTION_KEY: Final = ("broker", "account_id", "execution_id", "revision")


def _uncovered_of_order(connection: Connection, order_id: OrderId | None) -> list[dict[str, Any]]:
    """Returns the keys of the order's newest executions that no row covers."""
    query = newest_executions().where(not_journaled(), executions.c.order_id == order_id)
    return [{name: row[name] for name in _EXECUTION_KEY} for row in connection.execute(query).mappings()]


def _uncovered_of(
    connection: Connection,
    account_id: AccountId,
    broker: BrokerName,
    execution_ids: Sequence[str],
    revisions: Sequence[int] | None,
) -> list[dict[str, Any]]:
    """Returns the keys of the named executions that no row covers; without revisions, of their newest ones."""
    if revisions is None:
        newest = select(executions.c.execution_id, func.max(executions.c.revision)).where(
            executions.c.broker == broker.value,
            executions.c.account_id == account_id,
            executions.c.execution_id.in_(execution_ids),
        )
        known = {row[0]: row[1] for row in connection.execute(newest.group_by(executions.c.execution_id))}
        revisions = [known.get(execution_id, 1) for execution_id in execution_ids]
    done = select(journal_executions.c.execution_id, journal_executions.c.revision).where(
        journal_executions.c.broker == broker.value,
        journal_executions.c.account_id == account_id,
        journal_executions.c.execution_id.in_(execution_ids),
    )
    covered = {(row[0], row[1]) for row in connection.execute(done)}
    fresh = dict.fromkeys(zip(execution_ids, revisions, strict=True))
    return [
        dict(zip(_EXECUTION_KEY, (broker.value, account_id, *key), strict=True)) for key in fresh if key not in covered
    ]


def _leg(leg: JournalLeg) -> dict[str, Any]:
    contract = leg.contract
    return {
        "symbol": contract.key,
        "expiry": contract.expiry,
        "strike": None if contract.strike is None else float(contract.strike),
        "right": contract.right,
        "action": leg.action,
        "qty": leg.quantity if isinstance(leg.quantity, int) else float(leg.quantity),
        "fill_price": float(leg.fill_price),
        "conid": str(contract.conid) if contract.conid else None,
        "multiplier": float(contract.multiplier),
    }


def _greeks(greeks: PortfolioGreeks | None) -> str:
    return "{}" if greeks is None else to_text(greeks.as_journal())


def _record_edit(
    connection: Connection, journal_id: str, at_utc: datetime, field: str, before: str | None, after: str | None
) -> None:
    connection.execute(
        insert(journal_edits).values(journal_id=journal_id, at_utc=at_utc, field=field, before=before, after=after)
    )


def _set_tags(connection: Connection, journal_id: str, tags: Sequence[str]) -> None:
    if tags:
        connection.execute(insert(journal_tags), [{"journal_id": journal_id, "tag": tag} for tag in tags])
