"""What the order desks' benches share: orders about to be sent, a link that stands or not, and what was told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar

from execution.brokers.port import BrokerEvent, BrokerOrder, ExecutionEvent, FeeEvent, OddObjectEvent, OrderEvent
from models.contract import Contract
from models.enums import Action, OrderStatus, OrderType, Right, TimeInForce
from models.ids import AccountId, ExecutionId, new_order_id
from models.order import Order, OrderLeg
from models.trade import Execution

#: The strikes of the iron condor, from the lowest.
STRIKES = ((6800, Right.PUT), (6900, Right.PUT), (7500, Right.CALL), (7600, Right.CALL))

AnyWire = TypeVar("AnyWire")


@dataclass(frozen=True, slots=True)
class OrderPad:
    """Writes the orders of one account; `options` are the four of the iron condor, from the lowest strike."""

    account_id: AccountId
    options: tuple[Contract, ...]
    at_utc: datetime

    def condor(self, packages: int = 1, limit: str = "-1.85", *, tif: TimeInForce = TimeInForce.DAY) -> Order:
        """Returns an iron condor sold for a credit."""
        sides = (Action.BUY, Action.SELL, Action.SELL, Action.BUY)
        legs = tuple(OrderLeg(each, side, packages) for each, side in zip(self.options, sides, strict=True))
        return self.order_of(legs, Decimal(limit), tif=tif)

    def single(self, action: Action = Action.BUY, quantity: int = 1, limit: str = "4.20") -> Order:
        """Returns an order for one option."""
        return self.order_of((OrderLeg(self.options[0], action, quantity),), Decimal(limit))

    def order_of(
        self,
        legs: tuple[OrderLeg, ...],
        limit: Decimal | None,
        *,
        order_type: OrderType = OrderType.LIMIT,
        tif: TimeInForce = TimeInForce.DAY,
    ) -> Order:
        """Returns an order that is about to be sent."""
        return Order(
            id=new_order_id(),
            account_id=self.account_id,
            legs=legs,
            order_type=order_type,
            limit_price=limit,
            tif=tif,
            status=OrderStatus.PENDING,
            created_at=self.at_utc,
        )


@dataclass(slots=True)
class Link(Generic[AnyWire]):
    """Which connection stands; a failure in `is_down` is raised instead."""

    wire: AnyWire
    is_down: list[Exception] = field(default_factory=list)

    def current(self) -> AnyWire:
        if self.is_down:
            raise self.is_down[0]
        return self.wire


@dataclass(slots=True)
class Told:
    """Everything a desk told."""

    events: list[BrokerEvent]

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Lets others run until it is so."""
        for _ in range(2000):
            if is_so():
                return
            await asyncio.sleep(0.001)
        raise AssertionError("it never became so")

    def orders(self) -> list[BrokerOrder]:
        return [event.order for event in self.events if isinstance(event, OrderEvent)]

    def told(self, order: Order) -> list[BrokerOrder]:
        return [each for each in self.orders() if each.order_id == order.id]

    def states(self, order: Order) -> list[OrderStatus]:
        found = [each.status for each in self.told(order)]
        return [state for index, state in enumerate(found) if index == 0 or found[index - 1] is not state]

    def executions(self) -> dict[ExecutionId, Execution]:
        """Returns the newest revision of what was told."""
        newest: dict[ExecutionId, Execution] = {}
        for event in self.events:
            if isinstance(event, ExecutionEvent):
                known = newest.get(event.execution.execution_id)
                if known is None or event.execution.revision > known.revision:
                    newest[event.execution.execution_id] = event.execution
        return newest

    def fees(self) -> dict[ExecutionId, Decimal]:
        return {event.execution_id: event.fee for event in self.events if isinstance(event, FeeEvent)}

    def odd(self) -> list[str]:
        return [event.what for event in self.events if isinstance(event, OddObjectEvent)]
