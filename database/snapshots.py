"""Account snapshots, their 15-minute slots, and the packed copy that charts read."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from database.schema import account_snapshots, executions, positions, snapshot_packs, snapshot_slots
from models.clock import epoch_s
from models.enums import Regime, SnapshotKind
from models.ids import AccountId
from models.trade import AccountSnapshot

#: Columns of a packed row after the time (POSIX seconds); unknown is NaN, `regime` is its index in the enum.
PACKED_COLUMNS: Final = (
    "net_liquidation",
    "cash_balance",
    "spx_delta",
    "gamma",
    "theta",
    "vega",
    "delta_theta_ratio",
    "vix",
    "spx_price",
    "regime",
)
_PACKED: Final = struct.Struct("<11d")
PACKED_ROW_BYTES: Final = _PACKED.size
_REGIME_CODE: Final = {regime.value: float(index) for index, regime in enumerate(Regime)}
_UNKNOWN: Final = float("nan")


def write_snapshot(connection: Connection, snapshot: AccountSnapshot, slot_utc: datetime | None, now: datetime) -> bool:
    """Writes a snapshot and takes its slot (None = on demand); False, nothing written, when the slot has its row."""
    if slot_utc is not None and _slot_exists(connection, slot_utc, snapshot.account_id):
        return False
    values = snapshot_values(snapshot)
    connection.execute(insert(account_snapshots).values(values))
    _append_pack(connection, values)
    if slot_utc is not None:
        connection.execute(
            insert(snapshot_slots).values(
                slot_utc=slot_utc,
                account_id=snapshot.account_id,
                kind=SnapshotKind.SCHEDULED.value,
                snapshot_id=snapshot.id,
                recorded_at=now,
            )
        )
    return True


def record_missed_slot(
    connection: Connection, slot_utc: datetime, account_id: AccountId, reason: str, now: datetime
) -> bool:
    """Records why a slot was not taken; False when it is known already."""
    if _slot_exists(connection, slot_utc, account_id):
        return False
    connection.execute(
        insert(snapshot_slots).values(
            slot_utc=slot_utc, account_id=account_id, kind=SnapshotKind.MISSED.value, reason=reason, recorded_at=now
        )
    )
    return True


def last_slot(connection: Connection, account_id: AccountId) -> datetime | None:
    """Returns the newest slot taken or missed, None for a new account."""
    query = select(func.max(snapshot_slots.c.slot_utc, type_=snapshot_slots.c.slot_utc.type)).where(
        snapshot_slots.c.account_id == account_id
    )
    newest: datetime | None = connection.execute(query).scalar_one()
    return newest


def known_until(connection: Connection) -> dict[AccountId, datetime]:
    """Returns the newest instant of which each account has a record: a snapshot, an execution, a reconciliation."""
    found: dict[AccountId, datetime] = {}
    for table, column in (
        (account_snapshots, account_snapshots.c.captured_at),
        (executions, executions.c.executed_at),
        (positions, positions.c.reconciled_at),
    ):
        newest = select(table.c.account_id, func.max(column, type_=column.type)).group_by(table.c.account_id)
        for account_id, at_utc in connection.execute(newest):
            known = found.setdefault(AccountId(account_id), at_utc)
            found[AccountId(account_id)] = max(known, at_utc)
    return found


def snapshot_values(snapshot: AccountSnapshot) -> dict[str, Any]:
    """Returns the columns of `account_snapshots`, in the forms 002 section 1.2 documents."""
    greeks, context = snapshot.greeks, snapshot.context
    return {
        "id": snapshot.id,
        "captured_at": snapshot.captured_at,
        "account_id": snapshot.account_id,
        "broker": snapshot.broker.value,
        "net_liquidation": None if snapshot.net_liquidation is None else float(snapshot.net_liquidation),
        "cash_balance": None if snapshot.cash_balance is None else float(snapshot.cash_balance),
        "spx_delta": None if greeks is None else greeks.spx_equiv_delta,
        "gamma": None if greeks is None else greeks.gamma,
        "theta": None if greeks is None else greeks.theta,
        "vega": None if greeks is None else greeks.vega,
        "delta_theta_ratio": snapshot.delta_theta_ratio,
        "vix": context.vix,
        "spx_price": context.spx_price,
        "regime": None if context.regime is None else context.regime.value,
    }


def packed_row(values: dict[str, Any]) -> bytes:
    """Returns a snapshot's columns as one packed row."""
    figures = (_UNKNOWN if values[name] is None else float(values[name]) for name in PACKED_COLUMNS[:-1])
    return _PACKED.pack(epoch_s(values["captured_at"]), *figures, _REGIME_CODE.get(values["regime"], _UNKNOWN))


def rebuild_packs(connection: Connection) -> None:
    """Makes `snapshot_packs` anew from `account_snapshots`."""
    connection.execute(snapshot_packs.delete())
    rows = connection.execute(
        select(account_snapshots).order_by(account_snapshots.c.account_id, account_snapshots.c.captured_at)
    ).mappings()
    packs = list(_packs(rows))
    if packs:
        connection.execute(insert(snapshot_packs), packs)


def _packs(rows: Iterable[Any]) -> Iterable[dict[str, Any]]:
    packs: dict[tuple[str, str], bytearray] = {}
    for row in rows:
        key = (row["account_id"], f"{row['captured_at']:%Y-%m-%d}")
        packs.setdefault(key, bytearray()).extend(packed_row(dict(row)))
    for (account_id, day), packed in packs.items():
        yield {"account_id": account_id, "day": day, "rows": bytes(packed)}


def _append_pack(connection: Connection, values: dict[str, Any]) -> None:
    key = {"account_id": values["account_id"], "day": f"{values['captured_at']:%Y-%m-%d}"}
    earlier = connection.execute(select(snapshot_packs.c.rows).filter_by(**key)).scalar_one_or_none() or b""
    statement = upsert(snapshot_packs).values(**key, rows=earlier + packed_row(values))
    connection.execute(
        statement.on_conflict_do_update(index_elements=["account_id", "day"], set_={"rows": statement.excluded["rows"]})
    )


def _slot_exists(connection: Connection, slot_utc: datetime, account_id: AccountId) -> bool:
    query = select(snapshot_slots.c.kind).filter_by(slot_utc=slot_utc, account_id=account_id)
    return connection.execute(query).first() is not None
