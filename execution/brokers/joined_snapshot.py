"""What several brokers told, as one snapshot that says of which accounts it tells."""

from __future__ import annotations

from collections.abc import Sequence

from execution.brokers.port import (
    AccountEvent,
    BrokerEvent,
    BrokerSnapshot,
    ExecutionEvent,
    FeeEvent,
    OrderEvent,
    PositionsEvent,
)
from models.account import AccountInfo
from models.ids import AccountId

#: The accounts of a broker, the number of the link it told on, and what it told.
Told = tuple[Sequence[AccountInfo], int, BrokerSnapshot]


def merged(told: Sequence[Told]) -> BrokerSnapshot:
    """Returns all of it as of the oldest part: an order sent after that is not missing."""
    parts = [part for _, _, part in told]
    return BrokerSnapshot(
        at_utc=min(part.at_utc for part in parts),
        accounts=tuple(values for part in parts for values in part.accounts),
        positions=tuple(position for part in parts for position in part.positions),
        open_orders=tuple(order for part in parts for order in part.open_orders),
        completed_orders=tuple(order for part in parts for order in part.completed_orders),
        executions=tuple(execution for part in parts for execution in part.executions),
        executions_since_utc=max(part.executions_since_utc for part in parts),
        positions_at_utc={key: at for part in parts for key, at in part.positions_at_utc.items()},
        covers={info.account_id: number for accounts, number, _ in told for info in accounts},
        executions_since_of={
            info.account_id: part.executions_since_utc for accounts, _, part in told for info in accounts
        },
        revisions_restart_in=frozenset(
            info.account_id for accounts, _, part in told for info in accounts if part.do_revisions_restart
        ),
    )


def account_of(event: BrokerEvent) -> AccountId | None:
    """Returns the account an event is about; None for one about the market or the link."""
    match event:
        case OrderEvent(order):
            return order.account_id
        case ExecutionEvent(execution):
            return execution.account_id
        case FeeEvent(account_id) | PositionsEvent(account_id):
            return account_id
        case AccountEvent(values):
            return values.account_id
        case _:
            return None
