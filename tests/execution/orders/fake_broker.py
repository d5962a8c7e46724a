"""A broker that does what its script says and counts what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from datetime import timedelta
from decimal import Decimal

from execution.brokers.port import (
    BrokerEvent,
    BrokerOrder,
    BrokerSnapshot,
    Capability,
    ChainExpiry,
    UnderlyingMetrics,
    WhatIf,
)
from models.account import AccountInfo
from models.contract import Contract, underlying_contract
from models.enums import BrokerName
from models.errors import InvalidInput
from models.ids import BrokerOrderId, ContractKey, OrderId
from models.order import Order, OrderLeg
from models.product import TickRule
from tests.execution.orders.builders import NOW, condor

GOOD_WHAT_IF = WhatIf(
    initial_margin_before=Decimal(50_000),
    initial_margin_change=Decimal(20_000),
    initial_margin_after=Decimal(70_000),
    maintenance_margin_before=Decimal(40_000),
    maintenance_margin_change=Decimal(20_000),
    maintenance_margin_after=Decimal(60_000),
    equity_change=Decimal(0),
    buying_power_after=Decimal(280_000),
    fees=Decimal("5.20"),
)


EMPTY_SNAPSHOT = BrokerSnapshot(NOW, (), (), (), (), (), NOW - timedelta(days=1))


class FakeBroker:
    """Does what its script says and counts what it was asked."""

    def __init__(self) -> None:
        self.name = BrokerName.PAPER
        self.capabilities = frozenset({Capability.REPLACE, Capability.MARKET_ON_CLOSE})
        self.submitted: list[Order] = []
        self.cancelled: list[Order] = []
        self.replaced: list[tuple[Order, Decimal]] = []
        self.found_for: list[tuple[OrderId, ...]] = []
        self.what_if: WhatIf | Exception = GOOD_WHAT_IF
        self.submit_error: BaseException | None = None
        self.cancel_error: Exception | None = None
        self.replace_error: Exception | None = None
        self.during_submit: Callable[[Order], Awaitable[None]] | None = None
        self.during_cancel: Callable[[Order], Awaitable[None]] | None = None
        self.during_simulate: Callable[[Order], Awaitable[None]] | None = None
        #: One answer per find_orders, the last one again and again.
        self.finds: list[tuple[BrokerOrder, ...] | Exception] = [()]
        self.snapshot_value: BrokerSnapshot = EMPTY_SNAPSHOT
        self.unlisted: set[ContractKey] = set()
        self.resolve_error: Exception | None = None
        self.resolved: dict[ContractKey, Contract] = {}

    async def simulate(self, order: Order) -> WhatIf:
        if self.during_simulate is not None:
            await self.during_simulate(order)
        if isinstance(self.what_if, Exception):
            raise self.what_if
        return self.what_if

    async def submit(self, order: Order) -> BrokerOrderId:
        self.submitted.append(order)
        if self.during_submit is not None:
            await self.during_submit(order)
        if self.submit_error is not None:
            raise self.submit_error
        return BrokerOrderId(f"B{len(self.submitted)}")

    async def cancel(self, order: Order) -> None:
        self.cancelled.append(order)
        if self.during_cancel is not None:
            await self.during_cancel(order)
        if self.cancel_error is not None:
            raise self.cancel_error

    async def replace(self, order: Order, limit_price: Decimal) -> None:
        self.replaced.append((order, limit_price))
        if self.replace_error is not None:
            raise self.replace_error

    async def find_orders(self, order_ids: Collection[OrderId]) -> tuple[BrokerOrder, ...]:
        self.found_for.append(tuple(order_ids))
        answer = self.finds.pop(0) if len(self.finds) > 1 else self.finds[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def snapshot(self) -> BrokerSnapshot:
        return self.snapshot_value

    async def resolve(self, key: ContractKey) -> Contract:
        if self.resolve_error is not None:
            raise self.resolve_error
        if key in self.unlisted:
            raise InvalidInput("symbol", f"{key} is not listed.")
        if key in self.resolved:
            return self.resolved[key]
        known = {each.contract.key: each.contract for each in condor()}
        return known[key] if key in known else _contract_of(key)

    async def connect(self) -> tuple[AccountInfo, ...]:
        return ()

    async def close(self) -> None:
        return None

    async def events(self) -> AsyncIterator[BrokerEvent]:
        nothing: tuple[BrokerEvent, ...] = ()
        for event in nothing:
            yield event

    async def expiries(self, underlying: str) -> tuple[ChainExpiry, ...]:
        return ()

    async def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        return ()

    async def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        return legs[0].contract.net_tick

    async def underlyings(self) -> tuple[str, ...]:
        return ()

    async def betas(self, symbols: Collection[str]) -> dict[str, float]:
        return {}

    async def underlying_metrics(self, symbol: str) -> UnderlyingMetrics | None:
        return None

    def set_subscriptions(self, contracts: Collection[Contract]) -> None:
        return None


def _contract_of(key: ContractKey) -> Contract:
    from models.contract import contract_of_occ

    return contract_of_occ(key) if len(key) == 21 else underlying_contract(key)
