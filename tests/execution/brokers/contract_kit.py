"""The harness of the broker contract suite, and what its tests share.

The harness starts a broker against its far end (the paper exchange, a wire simulator), makes time pass, and scripts the
far end with the vocabulary of `execution.brokers.paper.faults`. Nothing here sleeps or looks inside a broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from execution.brokers.paper.faults import Call, CallFault, FillBehavior, OrderScript
from execution.brokers.port import (
    Broker,
    BrokerEvent,
    BrokerOrder,
    BrokerSnapshot,
    ExecutionEvent,
    OrderEvent,
)
from models.contract import Contract
from models.enums import Action, OrderStatus, OrderType, TimeInForce
from models.ids import AccountId, ContractKey, ExecutionId, OrderId, new_order_id
from models.order import Order, OrderLeg
from models.trade import Execution


class BrokerHarness(Protocol):
    """A broker against a far end the test drives. `events` collects everything the broker has sent since `start`."""

    account_id: AccountId
    events: list[BrokerEvent]

    @property
    def broker(self) -> Broker:
        """The broker under test."""
        ...

    async def start(self) -> None:
        """Connects, and reads events from then on."""
        ...

    async def stop(self) -> None:
        """Closes what is open."""
        ...

    async def crash_and_restart(self) -> None:
        """Kills the desk's side without a goodbye, then starts it again; the far end kept what it committed."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Lets time pass at both ends and lets events come in."""
        ...

    async def pass_to_next_session(self) -> None:
        """Lets the trading day end and the next begin."""
        ...

    def now_utc(self) -> datetime:
        """Returns the time of both ends."""
        ...

    def script(self, order_id: OrderId, script: OrderScript) -> None:
        """Scripts an order at the far end."""
        ...

    def fail(self, call: Call, fault: CallFault) -> None:
        """Makes the next use of a call fail."""
        ...

    def send_odd_object(self) -> None:
        """Makes the far end send something nobody can read."""
        ...

    def cut_link(self) -> None:
        """Breaks the connection."""
        ...

    def mend_link(self) -> None:
        """Lets the connection come back."""
        ...

    def condor(self, packages: int) -> tuple[OrderLeg, ...]:
        """Returns four legs on listed contracts, two-sided quoted, that sell for a credit."""
        ...

    def single(self, contracts: int) -> tuple[OrderLeg, ...]:
        """Returns one leg that buys a listed, two-sided quoted option."""
        ...

    def natural(self, legs: tuple[OrderLeg, ...]) -> Decimal:
        """Returns the net price at which the legs fill at once."""
        ...

    def resting(self, legs: tuple[OrderLeg, ...]) -> Decimal:
        """Returns an on-tick net price at which nothing fills."""
        ...


Scenario = Callable[[BrokerHarness], Awaitable[None]]

QUIET = OrderScript(fills=FillBehavior.NEVER)
AT_ONCE = OrderScript(fills=FillBehavior.IMMEDIATE)


def order_of(
    desk: BrokerHarness, legs: tuple[OrderLeg, ...], limit: Decimal, *, tif: TimeInForce = TimeInForce.DAY
) -> Order:
    """Returns a limit order that is about to be sent."""
    return Order(
        id=new_order_id(),
        account_id=desk.account_id,
        legs=legs,
        order_type=OrderType.LIMIT,
        limit_price=limit,
        tif=tif,
        status=OrderStatus.PENDING,
        created_at=desk.now_utc(),
    )


def states(desk: BrokerHarness, order: Order) -> list[OrderStatus]:
    """Returns the states reported of an order, in order, repeats of one state taken as one."""
    found = [e.order.status for e in desk.events if isinstance(e, OrderEvent) and e.order.order_id == order.id]
    return [state for i, state in enumerate(found) if i == 0 or found[i - 1] is not state]


def fills(desk: BrokerHarness, order: Order) -> dict[ExecutionId, Execution]:
    """Returns the newest revision of each execution reported of an order."""
    newest: dict[ExecutionId, Execution] = {}
    for event in desk.events:
        if isinstance(event, ExecutionEvent) and event.execution.order_id == order.id:
            known = newest.get(event.execution.execution_id)
            if known is None or event.execution.revision > known.revision:
                newest[event.execution.execution_id] = event.execution
    return newest


def bought(executions: dict[ExecutionId, Execution]) -> dict[ContractKey, Decimal]:
    """Returns the signed quantity per contract."""
    total: dict[ContractKey, Decimal] = {}
    for execution in executions.values():
        key = execution.contract.key
        total[key] = total.get(key, Decimal(0)) + execution.signed_quantity
    return total


def net_per_package(executions: dict[ExecutionId, Execution], packages: int) -> Decimal:
    """Returns the net price per package that the executions add up to (debit positive, legs of one multiplier)."""
    paid = sum((e.signed_quantity * e.price for e in executions.values()), start=Decimal(0))
    return paid / packages


def known_order(snapshot: BrokerSnapshot, order: Order) -> BrokerOrder:
    """Returns what a snapshot tells of an order; fails when it tells nothing or twice."""
    found = [o for o in (*snapshot.open_orders, *snapshot.completed_orders) if o.order_id == order.id]
    assert len(found) == 1, f"the snapshot tells {len(found)} times of the order"
    return found[0]


def held(snapshot: BrokerSnapshot) -> dict[ContractKey, Decimal]:
    """Returns quantity per contract."""
    return {position.contract.key: position.quantity for position in snapshot.positions}


def cash(snapshot: BrokerSnapshot, account_id: AccountId) -> Decimal:
    """Returns an account's cash."""
    values = next(values for values in snapshot.accounts if values.account_id == account_id)
    assert values.cash_balance is not None
    return values.cash_balance


class ContractTests:
    """Tests that run scenarios on a harness; a subclass says how it is made."""

    def harness(self, tmp_path: Path) -> BrokerHarness:
        """Returns a fresh harness, not started."""
        raise NotImplementedError

    def play(self, tmp_path: Path, scenario: Scenario) -> None:
        """Runs a scenario on a started harness."""

        async def run() -> None:
            desk = self.harness(tmp_path)
            await desk.start()
            try:
                await scenario(desk)
            finally:
                await desk.stop()

        asyncio.run(run())


def buy(contract: Contract, quantity: int = 1) -> OrderLeg:
    """Returns a leg that buys."""
    return OrderLeg(contract, Action.BUY, quantity)


def sell(contract: Contract, quantity: int = 1) -> OrderLeg:
    """Returns a leg that sells."""
    return OrderLeg(contract, Action.SELL, quantity)
