"""Imported statements: lines, cash movements, covered days, and the executions and journal rows they bring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Row, Table, insert, select

from database import journal, orders
from database.schema import cash_movements, executions, statement_days, statement_lines
from database.schema import orders as order_table
from models.coverage import StatementDays
from models.enums import BrokerName
from models.ids import AccountId, ExecutionId, OrderId
from models.statement import CashMovement, KnownToStatements, Statement, StatementLine, StatementPart
from models.trade import Execution

T = TypeVar("T")

#: Values asked for in one query; SQLite takes 32,766 at the most.
_BATCH = 500


def load_known(connection: Connection, statement: Statement) -> KnownToStatements:
    """Returns what the database has of the executions, trades, movements and orders that a statement names."""
    broker, accounts = statement.broker.value, sorted(statement.accounts)
    trade_ids = {line.trade_id for line in statement.trades} | {line.cancels for line in statement.trades}
    told = {line.execution.execution_id for line in statement.trades if line.execution is not None}
    order_ids = {line.execution.order_id for line in statement.trades if line.execution is not None}
    query = select(statement_lines).where(
        statement_lines.c.broker == broker, statement_lines.c.account_id.in_(accounts)
    )
    # By trade first: a line may speak of an execution that only an earlier statement named.
    by_trade = [_line(row) for row in _each(connection, query, statement_lines.c.trade_id, trade_ids - {""})]
    told |= {line.execution_id for line in by_trade}
    rows = _each(connection, query, statement_lines.c.execution_id, told)
    lines = {(line.account_id, line.line_id): line for line in (*by_trade, *map(_line, rows))}
    known = orders.newest_executions().where(executions.c.broker == broker, executions.c.account_id.in_(accounts))
    found = _each(connection, known, executions.c.execution_id, told)
    movements = select(cash_movements.c.account_id, cash_movements.c.movement_id)
    movements = movements.where(cash_movements.c.broker == broker, cash_movements.c.account_id.in_(accounts))
    ids = {one.movement_id for one in statement.cash}
    own = _each(connection, select(order_table.c.id), order_table.c.id, {one for one in order_ids if one is not None})
    by_key = _by_key(orders.execution_of(row) for row in found)
    journaled = [orders.load_journaled(connection, some) for some in _batches(tuple(by_key.values()))]
    return KnownToStatements(
        executions=by_key,
        lines=tuple(lines.values()),
        cash=frozenset(
            (AccountId(row.account_id), row.movement_id)
            for row in _each(connection, movements, cash_movements.c.movement_id, ids)
        ),
        own_orders=frozenset(OrderId(row.id) for row in own),
        journaled=frozenset().union(*journaled),
    )


def write_part(connection: Connection, part: StatementPart, broker: BrokerName, now: datetime) -> tuple[str, ...]:
    """Writes what is not here yet, in the caller's transaction; returns the ids of new journal rows."""
    orders.record_executions(connection, part.executions, part.audit, now)
    _add(connection, statement_lines, "line_id", [_line_row(one, now) for one in part.lines])
    written = tuple(
        entry.id
        for entry, record in part.journal
        if journal.write_journal(connection, entry, None, broker, record, now)
    )
    _add(connection, cash_movements, "movement_id", [_cash_row(one, now) for one in part.cash])
    for days in part.days:
        # Periods are few, and known by both of their ends.
        row = _days_row(days, now)
        same = [statement_days.c[name] == row[name] for name in ("broker", "account_id", "first_day", "last_day")]
        if connection.execute(select(statement_days.c.source).where(*same)).first() is None:
            connection.execute(insert(statement_days), [row])
    return written


def load_days(connection: Connection, accounts: Sequence[AccountId]) -> tuple[StatementDays, ...]:
    """Returns which days statements cover, by account and first day."""
    query = select(statement_days).where(statement_days.c.account_id.in_(accounts))
    return tuple(
        StatementDays(
            broker=BrokerName(row.broker),
            account_id=AccountId(row.account_id),
            first_day=date.fromisoformat(row.first_day),
            last_day=date.fromisoformat(row.last_day),
            generated_at_utc=row.generated_at,
            source=row.source,
        )
        for row in connection.execute(query.order_by(statement_days.c.account_id, statement_days.c.first_day))
    )


def _add(connection: Connection, table: Table, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Inserts rows whose broker, account and `name` are not there: an append-only table refuses even a repeat."""
    if not rows:
        return
    query = select(table.c.broker, table.c.account_id, table.c[name]).where(
        table.c.broker.in_({row["broker"] for row in rows}), table.c.account_id.in_({row["account_id"] for row in rows})
    )
    known = {tuple(row) for row in _each(connection, query, table.c[name], {row[name] for row in rows})}
    fresh = {key: row for row in rows if (key := (row["broker"], row["account_id"], row[name])) not in known}
    if fresh:
        connection.execute(insert(table), list(fresh.values()))


def _line_row(line: StatementLine, now: datetime) -> dict[str, Any]:
    return {
        "broker": line.broker.value,
        "account_id": line.account_id,
        "line_id": line.line_id,
        "line_no": line.line_no,
        "trade_id": line.trade_id,
        "execution_id": line.execution_id,
        "fee": line.fee,
        "is_preliminary": int(line.is_preliminary),
        "recorded_at": now,
    }


def _cash_row(movement: CashMovement, now: datetime) -> dict[str, Any]:
    return {
        "broker": movement.broker.value,
        "account_id": movement.account_id,
        "movement_id": movement.movement_id,
        "kind": movement.kind.value,
        "at_utc": movement.at_utc,
        "amount": movement.amount,
        "currency": movement.currency,
        "text": movement.text,
        "symbol": movement.symbol,
        "recorded_at": now,
    }


def _days_row(days: StatementDays, now: datetime) -> dict[str, Any]:
    return {
        "broker": days.broker.value,
        "account_id": days.account_id,
        "first_day": days.first_day.isoformat(),
        "last_day": days.last_day.isoformat(),
        "generated_at": days.generated_at_utc,
        "source": days.source,
        "recorded_at": now,
    }


def _each(connection: Connection, query: Any, column: Column[Any], values: Iterable[str]) -> Iterator[Row[Any]]:
    """Yields the rows of `query` whose `column` is among `values`, however many these are."""
    for some in _batches(sorted(values)):
        yield from connection.execute(query.where(column.in_(some)))


def _batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _BATCH):
        yield values[start : start + _BATCH]


def _by_key(found: Iterable[Execution]) -> dict[tuple[AccountId, ExecutionId], Execution]:
    return {(one.account_id, one.execution_id): one for one in found}


def _line(row: Row[Any]) -> StatementLine:
    return StatementLine(
        broker=BrokerName(row.broker),
        account_id=AccountId(row.account_id),
        line_id=row.line_id,
        line_no=row.line_no,
        trade_id=row.trade_id,
        execution_id=ExecutionId(row.execution_id),
        fee=row.fee,
        is_preliminary=bool(row.is_preliminary),
    )
