"""A broker that has one account with nothing in it, lists nothing and quotes nothing, until a test says otherwise."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from execution.brokers.port import (
    BrokerEvent,
    BrokerOrder,
    BrokerSnapshot,
    Capability,
    ChainExpiry,
    UnderlyingMetrics,
    WhatIf,
)
from execution.brokers.stream import EventStream
from models.account import AccountInfo
from models.clock import Clock
from models.contract import Contract
from models.enums import BrokerName, Mode
from models.errors import BrokerFailure, FailureKind, InvalidInput
from models.ids import AccountId, BrokerOrderId, ContractKey, OrderId
from models.order import Order, OrderLeg
from models.product import TickRule


def refusal(text: str, *, is_users_turn: bool = False) -> BrokerFailure:
    """Returns a link that does not come up."""
    return BrokerFailure(FailureKind.OFFLINE, text, broker="TEST", is_users_turn=is_users_turn)


class QuietBroker:
    """Implements the port and keeps what it was asked."""

    def __init__(
        self,
        clock: Clock,
        name: BrokerName = BrokerName.TASTYTRADE,
        account_id: AccountId = AccountId("QUIET-1"),  # noqa: B008 - a plain string
        *,
        mode: Mode = Mode.PAPER,
        capabilities: frozenset[Capability] = frozenset({Capability.REPLACE}),
    ) -> None:
        self.name = name
        self.capabilities = capabilities
        self.account_id = account_id
        self.mode = mode
        self.stream = EventStream()
        self.refuses: list[BrokerFailure] = []
        self.silent: list[BrokerFailure] = []
        self.knows: tuple[BrokerOrder, ...] = ()
        self.tells: dict[str, Any] = {}
        self.lists: dict[str, tuple[ChainExpiry, ...]] = {}
        self.known_betas: dict[str, float] = {}
        self.submitted: list[Order] = []
        self.replaced: list[Order] = []
        self.cancelled: list[Order] = []
        self.simulated: list[Order] = []
        self.wanted: tuple[ContractKey, ...] = ()
        self.connects = self.closes = 0
        self._clock = clock

    def tell(self, event: BrokerEvent) -> None:
        """Sends an event."""
        self.stream.put(event)

    async def connect(self) -> tuple[AccountInfo, ...]:
        self.connects += 1
        if self.refuses:
            raise self.refuses.pop(0)
        self.stream = EventStream()
        return (AccountInfo(self.name, self.account_id, self.mode, "Quiet", may_trade=True),)

    async def close(self) -> None:
        self.closes += 1
        self.stream.close()

    def events(self) -> EventStream:
        return self.stream

    async def snapshot(self) -> BrokerSnapshot:
        if self.silent:
            raise self.silent.pop(0)
        now = self._clock.now_utc()
        made = BrokerSnapshot(now, (), (), (), (), (), now - timedelta(hours=1))
        return replace(made, **self.tells)

    async def find_orders(self, order_ids: Collection[OrderId]) -> tuple[BrokerOrder, ...]:
        if self.silent:
            raise self.silent[0]
        return tuple(each for each in self.knows if each.order_id in order_ids)

    async def simulate(self, order: Order) -> WhatIf:
        self.simulated.append(order)
        return WhatIf(None, None, None, None, None, None, None, None, None)

    async def submit(self, order: Order) -> BrokerOrderId:
        self.submitted.append(order)
        return BrokerOrderId("1")

    async def replace(self, order: Order, limit_price: Decimal) -> None:
        self.replaced.append(replace(order, limit_price=limit_price))

    async def cancel(self, order: Order) -> None:
        self.cancelled.append(order)

    async def expiries(self, underlying: str) -> tuple[ChainExpiry, ...]:
        if underlying not in self.lists:
            raise InvalidInput("underlying", f"{underlying} is not listed.")
        return self.lists[underlying]

    async def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        raise InvalidInput("expiry", f"{expiry.underlying} is not listed.")

    async def resolve(self, key: ContractKey) -> Contract:
        raise InvalidInput("contract", f"{key} is not listed.")

    async def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        raise InvalidInput("legs", f"{legs[0].contract.label} is not listed.")

    async def underlyings(self) -> tuple[str, ...]:
        return tuple(self.lists)

    async def betas(self, symbols: Collection[str]) -> dict[str, float]:
        return {symbol: beta for symbol, beta in self.known_betas.items() if symbol in symbols}

    async def underlying_metrics(self, symbol: str) -> UnderlyingMetrics | None:
        return UnderlyingMetrics(symbol, self.name, self._clock.now_utc())

    def set_subscriptions(self, contracts: Collection[Contract]) -> None:
        self.wanted = tuple(contract.key for contract in contracts)
