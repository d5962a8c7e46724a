"""Rows of the paper store as values, and back."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from execution.brokers.paper.accounts import Holding, LedgerAccount
from execution.brokers.paper.codec import contract_from_json, contract_to_json, legs_from_json, legs_to_json
from execution.brokers.paper.orders import PaperOrder
from models.clock import from_iso, to_iso
from models.enums import Action, BrokerName, OrderStatus, OrderType, TimeInForce
from models.ids import AccountId, BrokerOrderId, ExecutionId, OrderId
from models.trade import Execution, ExecutionKind


@dataclass(frozen=True, slots=True)
class StoredExecution:
    """An execution with its fee and when that fee is reported. The execution's own `fee` stays None."""

    execution: Execution
    fee: Decimal
    fee_due_utc: datetime

    def as_known_at(self, now_utc: datetime) -> Execution:
        """Returns the execution, with its fee if it is reported by then."""
        return replace(self.execution, fee=self.fee) if self.fee_due_utc <= now_utc else self.execution


def text(number: Decimal | None) -> str | None:
    """Returns a decimal as text, None as None."""
    return None if number is None else str(number)


def time_text(at_utc: datetime | None) -> str | None:
    """Returns an instant as text, None as None."""
    return None if at_utc is None else to_iso(at_utc)


def order_row(order: PaperOrder) -> tuple[Any, ...]:
    """Returns an order as a row of `orders`."""
    return (
        order.serial,
        order.order_id,
        order.account_id,
        legs_to_json(order.legs),
        order.order_type.value,
        text(order.limit_price),
        order.tif.value,
        order.status.value,
        order.filled_packages,
        order.fills,
        to_iso(order.submitted_at_utc),
        to_iso(order.works_from_utc),
        time_text(order.day_ends_utc),
        to_iso(order.changed_at_utc),
        time_text(order.cancel_due_utc),
        order.reason,
    )


def execution_row(stored: StoredExecution) -> tuple[Any, ...]:
    """Returns an execution as a row of `executions`, without its serial."""
    execution = stored.execution
    return (
        execution.account_id,
        execution.execution_id,
        execution.revision,
        execution.broker_order_id,
        execution.order_id,
        contract_to_json(execution.contract),
        execution.action.value,
        str(execution.quantity),
        str(execution.price),
        to_iso(execution.executed_at_utc),
        execution.kind.value,
        str(stored.fee),
        to_iso(stored.fee_due_utc),
    )


def account_of(row: sqlite3.Row) -> LedgerAccount:
    """Returns the account of a row."""
    base, base_at = row["day_base_net_liq"], row["day_base_at_utc"]
    return LedgerAccount(
        AccountId(row["account_id"]),
        row["title"],
        Decimal(row["deposits"]),
        Decimal(row["ledger_cash"]),
        None if base is None else Decimal(base),
        None if base_at is None else from_iso(base_at),
    )


def holding_of(row: sqlite3.Row) -> Holding:
    """Returns the holding of a row."""
    return Holding(
        AccountId(row["account_id"]),
        contract_from_json(row["contract"]),
        Decimal(row["quantity"]),
        Decimal(row["average_price"]),
    )


def order_of(row: sqlite3.Row) -> PaperOrder:
    """Returns the order of a row."""
    limit, ends, cancel = row["limit_price"], row["day_ends_utc"], row["cancel_due_utc"]
    return PaperOrder(
        serial=int(row["serial"]),
        order_id=OrderId(row["order_id"]),
        account_id=AccountId(row["account_id"]),
        legs=legs_from_json(row["legs"]),
        order_type=OrderType(row["order_type"]),
        limit_price=None if limit is None else Decimal(limit),
        tif=TimeInForce(row["tif"]),
        status=OrderStatus(row["status"]),
        filled_packages=int(row["filled_packages"]),
        fills=int(row["fills"]),
        submitted_at_utc=from_iso(row["submitted_at_utc"]),
        works_from_utc=from_iso(row["works_from_utc"]),
        day_ends_utc=None if ends is None else from_iso(ends),
        changed_at_utc=from_iso(row["changed_at_utc"]),
        cancel_due_utc=None if cancel is None else from_iso(cancel),
        reason=row["reason"],
    )


def execution_of(row: sqlite3.Row) -> StoredExecution:
    """Returns the execution of a row."""
    broker_order, order = row["broker_order_id"], row["order_id"]
    execution = Execution(
        broker=BrokerName.PAPER,
        account_id=AccountId(row["account_id"]),
        execution_id=ExecutionId(row["execution_id"]),
        broker_order_id=None if broker_order is None else BrokerOrderId(broker_order),
        order_id=None if order is None else OrderId(order),
        contract=contract_from_json(row["contract"]),
        action=Action(row["action"]),
        quantity=Decimal(row["quantity"]),
        price=Decimal(row["price"]),
        executed_at_utc=from_iso(row["executed_at_utc"]),
        kind=ExecutionKind(row["kind"]),
        revision=int(row["revision"]),
    )
    return StoredExecution(execution, Decimal(row["fee"]), from_iso(row["fee_due_utc"]))
