"""Orders, intents, executions and fees: what the desk asked for and what the broker did."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, exists, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from database import audit, suggestions
from database.codec import from_text, to_text
from database.errors import DuplicateIntent
from database.schema import execution_fees, executions, journal_executions, order_intents, order_journal, orders
from models.contract import Contract
from models.enums import Action, BrokerName
from models.ids import AccountId, BrokerOrderId, ExecutionId, OrderId
from models.order import Order
from models.order_status import TERMINAL
from models.records import AuditRecord, StoredOrder
from models.trade import Execution, ExecutionKind

log = logging.getLogger(__name__)

#: Executions this young are loaded at start-up even when their order is complete.
RECENT_EXECUTIONS = timedelta(days=7)
#: How long a ticket that was simulated but not sent is taken up again at start-up.
ABANDONED_AFTER = timedelta(days=1)


def save_order(
    connection: Connection, order: Order, broker: BrokerName, records: Sequence[AuditRecord], now: datetime
) -> None:
    """Writes the newest state of an order and its audit rows."""
    values: dict[str, Any] = {
        "id": order.id,
        "broker": broker.value,
        "account_id": order.account_id,
        "broker_order_id": order.broker_order_id,
        "underlying": order.underlying,
        "strategy_tag": order.strategy_tag,
        "order_type": order.order_type.value,
        "tif": order.tif.value,
        "limit_price": order.limit_price,
        "status": order.status.value,
        "created_at": order.created_at,
        "submitted_at": order.submitted_at,
        "filled_at": order.filled_at,
        "updated_at": now,
        "payload_json": to_text(order),
    }
    statement = upsert(orders).values(values)
    changed = {name: statement.excluded[name] for name in values if name != "id"}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))
    audit.append(connection, records, now)


def commit_intent(connection: Connection, order: Order, broker: BrokerName, record: AuditRecord, now: datetime) -> None:
    """Writes the intent to send; raises DuplicateIntent when the order has one already."""
    known = connection.execute(
        select(order_intents.c.committed_at).where(order_intents.c.order_id == order.id)
    ).scalar_one_or_none()
    if known is not None:
        raise DuplicateIntent(
            f"Order {order.id} was committed for sending at {known:%Y-%m-%d %H:%M:%S} UTC; it is not sent again.",
            cure="Look for it at the broker; make a new order if it is not there.",
        )
    save_order(connection, order, broker, (), now)
    connection.execute(
        insert(order_intents).values(
            order_id=order.id,
            broker=broker.value,
            account_id=order.account_id,
            fingerprint=order.fingerprint,
            committed_at=now,
            payload_json=to_text(order),
        )
    )
    suggestions.note_ordered(connection, order, now)
    audit.append(connection, (record,), now)


def count_intents(connection: Connection, since_utc: datetime) -> int:
    """Returns how many intents were committed since."""
    query = select(func.count()).select_from(order_intents).where(order_intents.c.committed_at >= since_utc)
    return int(connection.execute(query).scalar_one())


def record_executions(
    connection: Connection, new: Sequence[Execution], records: Sequence[AuditRecord], now: datetime
) -> tuple[bool, ...]:
    """Appends what is not known yet; per execution whether it is new or a higher revision."""
    answers = tuple(_record_execution(connection, execution, now) for execution in new)
    audit.append(connection, records, now)
    return answers


def _record_execution(connection: Connection, execution: Execution, now: datetime) -> bool:
    revisions = set(
        connection.execute(
            select(executions.c.revision).where(
                executions.c.broker == execution.broker.value,
                executions.c.account_id == execution.account_id,
                executions.c.execution_id == execution.execution_id,
            )
        ).scalars()
    )
    if execution.revision not in revisions:
        connection.execute(
            insert(executions).values(
                broker=execution.broker.value,
                account_id=execution.account_id,
                execution_id=execution.execution_id,
                revision=execution.revision,
                broker_order_id=execution.broker_order_id,
                order_id=execution.order_id,
                kind=execution.kind.value,
                contract_key=execution.contract.key,
                contract_json=to_text(execution.contract),
                action=execution.action.value,
                quantity=execution.quantity,
                price=execution.price,
                executed_at=execution.executed_at_utc,
                recorded_at=now,
            )
        )
    if execution.fee is not None:
        record_fee(connection, execution.broker, execution.account_id, execution.execution_id, execution.fee, now)
    return not revisions or execution.revision > max(revisions)


def record_fee(
    connection: Connection,
    broker: BrokerName,
    account_id: AccountId,
    execution_id: ExecutionId,
    fee: Decimal,
    now: datetime,
) -> bool:
    """Appends a fee; False when the newest one booked is the same."""
    key = {"broker": broker.value, "account_id": account_id, "execution_id": execution_id}
    newest = connection.execute(
        select(execution_fees.c.fee).filter_by(**key).order_by(execution_fees.c.seq.desc()).limit(1)
    ).scalar_one_or_none()
    if newest is not None and newest == fee:
        return False
    connection.execute(insert(execution_fees).values(**key, fee=fee, recorded_at=now))
    return True


def newest_executions(*, with_superseded: bool = False) -> Select[Any]:
    """Returns the query for the newest revision of each execution (or all of them) with its newest fee, as `fee`."""
    later = executions.alias("later")
    fee = (
        select(execution_fees.c.fee)
        .where(
            execution_fees.c.broker == executions.c.broker,
            execution_fees.c.account_id == executions.c.account_id,
            execution_fees.c.execution_id == executions.c.execution_id,
        )
        .order_by(execution_fees.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    superseded = exists().where(
        later.c.broker == executions.c.broker,
        later.c.account_id == executions.c.account_id,
        later.c.execution_id == executions.c.execution_id,
        later.c.revision > executions.c.revision,
    )
    query = select(executions, fee.label("fee")).order_by(executions.c.executed_at, executions.c.seq)
    return query if with_superseded else query.where(~superseded)


def not_journaled() -> Any:
    """Returns the condition that no journal row covers an execution's revision."""
    return ~exists().where(
        journal_executions.c.broker == executions.c.broker,
        journal_executions.c.account_id == executions.c.account_id,
        journal_executions.c.execution_id == executions.c.execution_id,
        journal_executions.c.revision == executions.c.revision,
    )


def execution_of(row: Row[Any]) -> Execution:
    """Returns the execution of a row of `newest_executions`."""
    return Execution(
        broker=BrokerName(row.broker),
        account_id=AccountId(row.account_id),
        execution_id=ExecutionId(row.execution_id),
        broker_order_id=None if row.broker_order_id is None else BrokerOrderId(row.broker_order_id),
        order_id=None if row.order_id is None else OrderId(row.order_id),
        contract=from_text(Contract, row.contract_json),
        action=Action(row.action),
        quantity=row.quantity,
        price=row.price,
        executed_at_utc=row.executed_at,
        kind=ExecutionKind(row.kind),
        revision=row.revision,
        fee=row.fee,
    )


def load_orders(connection: Connection, accounts: Sequence[AccountId], now: datetime) -> tuple[StoredOrder, ...]:
    """Returns orders that are not terminal, and terminal ones with executions that no journal row covers.

    Tickets that were only simulated are left out once they are a day old: nobody sends them any more.
    """
    uncovered = newest_executions().with_only_columns(executions.c.order_id).where(not_journaled()).order_by(None)
    journal_id = (
        select(order_journal.c.journal_id)
        .where(order_journal.c.order_id == orders.c.id)
        .order_by(order_journal.c.event_no.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(orders.c.broker, orders.c.payload_json, order_intents.c.committed_at, journal_id.label("journal_id"))
        .outerjoin(order_intents, order_intents.c.order_id == orders.c.id)
        .where(
            orders.c.account_id.in_(accounts),
            or_(
                and_(
                    orders.c.status.not_in([status.value for status in TERMINAL]),
                    or_(order_intents.c.order_id.is_not(None), orders.c.updated_at >= now - ABANDONED_AFTER),
                ),
                orders.c.id.in_(uncovered.where(executions.c.order_id.is_not(None))),
            ),
        )
        .order_by(orders.c.created_at)
    )
    return tuple(
        StoredOrder(from_text(Order, row.payload_json), BrokerName(row.broker), row.committed_at, row.journal_id)
        for row in connection.execute(query)
    )


def load_executions(
    connection: Connection, accounts: Sequence[AccountId], order_ids: Sequence[OrderId], now: datetime
) -> tuple[Execution, ...]:
    """Returns the newest revision of the executions of `order_ids` and of the last days."""
    recent = and_(executions.c.account_id.in_(accounts), executions.c.executed_at >= now - RECENT_EXECUTIONS)
    query = newest_executions().where(or_(executions.c.order_id.in_(order_ids), recent))
    return tuple(execution_of(row) for row in connection.execute(query))


def load_executions_since(connection: Connection, since_utc: datetime) -> tuple[Execution, ...]:
    """Returns the newest revision of every execution after `since_utc`, oldest first."""
    query = newest_executions().where(executions.c.executed_at > since_utc)
    return tuple(execution_of(row) for row in connection.execute(query))


def load_journaled(
    connection: Connection, loaded: Sequence[Execution]
) -> frozenset[tuple[AccountId, ExecutionId, int]]:
    """Returns which revisions of the executions of `loaded` journal rows cover."""
    wanted = {(execution.broker.value, execution.account_id, execution.execution_id) for execution in loaded}
    covered = journal_executions.c
    query = select(covered.broker, covered.account_id, covered.execution_id, covered.revision).where(
        covered.execution_id.in_({execution.execution_id for execution in loaded})
    )
    return frozenset(
        (AccountId(row.account_id), ExecutionId(row.execution_id), row.revision)
        for row in connection.execute(query)
        if (row.broker, row.account_id, row.execution_id) in wanted
    )
