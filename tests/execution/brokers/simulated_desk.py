"""What the contract suite's harnesses share: the hand-driven market, the moved clock, the scripts and the events."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

from execution.brokers.paper.faults import Call, CallFault, FaultScript, OrderScript
from execution.brokers.paper.matching import package_quote
from execution.brokers.paper.sessions import WeekdaySessions, next_close_utc
from execution.brokers.port import Broker, BrokerEvent
from models.clock import ManualClock
from models.ids import AccountId, OrderId
from models.order import OrderLeg
from tests.execution.brokers.contract_kit import buy, sell
from tests.execution.brokers.paper.fake_market import HandMarket, spxw


class SimulatedDesk(ABC):
    """A broker against a far end that lives on the desk's clock and market; a subclass says which."""

    def __init__(self, start_utc: datetime, account_id: AccountId) -> None:
        self.clock = ManualClock(start_utc)
        self.market = HandMarket(start_utc)
        self.faults = FaultScript()
        self.account_id = account_id
        self.events: list[BrokerEvent] = []
        self._reader: asyncio.Task[None] | None = None

    @abstractmethod
    def step(self) -> None:
        """Lets the far end act on the time."""

    @abstractmethod
    async def settle(self) -> None:
        """Returns when all that was sent is taken."""

    async def pass_time(self, seconds: float) -> None:
        steps = max(1, min(int(seconds / 0.25), 40))
        for _ in range(steps):
            self.clock.advance(timedelta(seconds=seconds / steps))
            self.step()
            await self.take_turns()
        await self.settle()

    async def pass_to_next_session(self) -> None:
        await self.move_to(next_close_utc(WeekdaySessions(), self.clock.now_utc()) + timedelta(hours=18))

    async def move_to(self, at_utc: datetime) -> None:
        """Sets the clock and steps once."""
        self.clock.set(at_utc)
        self.step()
        await self.settle()

    async def take_turns(self) -> None:
        """Lets the reader take what was sent within this process."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def now_utc(self) -> datetime:
        return self.clock.now_utc()

    def script(self, order_id: OrderId, script: OrderScript) -> None:
        self.faults.for_order(order_id, script)

    def fail(self, call: Call, fault: CallFault) -> None:
        self.faults.fail(call, fault)

    def condor(self, packages: int) -> tuple[OrderLeg, ...]:
        return (
            buy(spxw(6700, "P"), packages),
            sell(spxw(6800, "P"), packages),
            sell(spxw(7200, "C"), packages),
            buy(spxw(7300, "C"), packages),
        )

    def single(self, contracts: int) -> tuple[OrderLeg, ...]:
        return (buy(spxw(6500, "P"), contracts),)

    def natural(self, legs: tuple[OrderLeg, ...]) -> Decimal:
        return self._package(legs)[0]

    def mid(self, legs: tuple[OrderLeg, ...]) -> Decimal:
        return self._package(legs)[1]

    def resting(self, legs: tuple[OrderLeg, ...]) -> Decimal:
        return Decimal("0.10") if len(legs) == 1 else (self.mid(legs) - 2).quantize(Decimal("0.1"))

    def _package(self, legs: tuple[OrderLeg, ...]) -> tuple[Decimal, Decimal]:
        contracts = [leg.contract for leg in legs]
        quotes = {quote.key: quote for quote in self.market.quotes(contracts, self.now_utc())}
        market = package_quote(legs, quotes)
        assert market is not None
        return market.natural, market.mid

    def _listen(self, broker: Broker) -> None:
        """Collects what the broker tells from now on."""
        self._reader = asyncio.get_running_loop().create_task(self._read(broker))

    async def _heard(self) -> None:
        """Returns when a closed broker has told its last."""
        if self._reader is not None:
            await self._reader

    async def _read(self, broker: Broker) -> None:
        async for event in broker.events():
            self.events.append(event)


class FarEnd(Protocol):
    """A simulator behind a wire."""

    async def stop(self) -> None: ...

    def step(self) -> None: ...

    def cut_link(self) -> None: ...

    def mend_link(self) -> None: ...


AnyBroker = TypeVar("AnyBroker", bound=Broker)
AnyFarEnd = TypeVar("AnyFarEnd", bound=FarEnd)


class WireDesk(SimulatedDesk, Generic[AnyBroker, AnyFarEnd]):
    """A real client library against a simulator that outlives it; a subclass makes both."""

    simulator: AnyFarEnd
    _broker: AnyBroker | None = None

    @abstractmethod
    def new_broker(self) -> AnyBroker:
        """Returns a broker on the simulator, not connected."""

    @property
    def broker(self) -> AnyBroker:
        assert self._broker is not None
        return self._broker

    async def _open(self) -> None:
        self._broker = self.new_broker()
        await self._broker.connect()
        self._listen(self._broker)
        # As the desk does: positions are told by event only to somebody who knows what they were.
        await self._broker.snapshot()
        await self.settle()

    async def stop(self) -> None:
        await self.broker.close()
        await self._heard()
        await self.simulator.stop()

    async def crash_and_restart(self) -> None:
        """The desk's side goes without a goodbye; the far end lives on."""
        await self.broker.close()
        await self._heard()
        self.events.clear()
        await self._open()

    def step(self) -> None:
        self.simulator.step()

    def cut_link(self) -> None:
        self.simulator.cut_link()

    def mend_link(self) -> None:
        self.simulator.mend_link()
