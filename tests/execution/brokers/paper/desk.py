"""A paper broker driven by hand: manual clock, hand-driven market, real store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from execution.brokers.paper.broker import PaperBroker
from execution.brokers.paper.faults import Call, CallFault, FaultScript, OrderScript
from execution.brokers.paper.matching import package_quote
from execution.brokers.paper.sessions import WeekdaySessions, next_close_utc
from execution.brokers.paper.settings import DEFAULT_ACCOUNT_ID, PaperSettings
from execution.brokers.port import BrokerEvent
from models.clock import ManualClock, OffsetClock, SystemClock
from models.ids import OrderId
from models.order import OrderLeg
from tests.execution.brokers.contract_kit import buy, sell
from tests.execution.brokers.paper.fake_market import HandMarket, spxw

#: A Monday, 10:00 New York.
START = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)


class PaperDesk:
    """Implements the contract suite's harness, and keeps its parts in reach of the paper broker's own tests."""

    def __init__(self, path: Path, *, settings: PaperSettings | None = None) -> None:
        self.path = path
        self.settings = settings or PaperSettings(manual=True, reconnect_after_s=None)
        self.clock = ManualClock(START)
        self.market = HandMarket(START)
        self.faults = FaultScript()
        self.account_id = DEFAULT_ACCOUNT_ID
        self.events: list[BrokerEvent] = []
        self.broker = self._new_broker()
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.broker.connect()
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def stop(self) -> None:
        await self.broker.close()
        if self._reader is not None:
            await self._reader

    async def crash_and_restart(self) -> None:
        """What is not committed is gone: the store's connection is dropped without a farewell."""
        core = self.broker._core
        assert core is not None
        core.store._connection.close()
        self.broker._link.close()
        if self._reader is not None:
            await self._reader
        self.events.clear()
        self.market = HandMarket(self.clock.now_utc())
        self.broker = self._new_broker()
        await self.start()

    async def pass_time(self, seconds: float) -> None:
        steps = max(1, min(int(seconds / 0.25), 40))
        for _ in range(steps):
            self.clock.advance(timedelta(seconds=seconds / steps))
            self.broker.step()
            await self.settle()

    async def settle(self) -> None:
        """Lets the reader take what was sent."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def pass_to_next_session(self) -> None:
        await self.move_to(next_close_utc(WeekdaySessions(), self.clock.now_utc()) + timedelta(hours=18))

    async def move_to(self, at_utc: datetime) -> None:
        """Sets the clock and steps once."""
        self.clock.set(at_utc)
        self.broker.step()
        await self.settle()

    def now_utc(self) -> datetime:
        return self.clock.now_utc()

    def script(self, order_id: OrderId, script: OrderScript) -> None:
        self.faults.for_order(order_id, script)

    def fail(self, call: Call, fault: CallFault) -> None:
        self.faults.fail(call, fault)

    def send_odd_object(self) -> None:
        self.faults.odd_object("orders", "status 'Quantum'")

    def cut_link(self) -> None:
        self.broker.cut_link()

    def mend_link(self) -> None:
        self.broker.mend_link()

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
        mid = self._package(legs)[1]
        return Decimal("0.10") if len(legs) == 1 else (mid - 2).quantize(Decimal("0.1"))

    def _package(self, legs: tuple[OrderLeg, ...]) -> tuple[Decimal, Decimal]:
        contracts = [leg.contract for leg in legs]
        quotes = {quote.key: quote for quote in self.market.quotes(contracts, self.now_utc())}
        market = package_quote(legs, quotes)
        assert market is not None
        return market.natural, market.mid

    def _new_broker(self) -> PaperBroker:
        return PaperBroker(
            market=self.market, clock=self.clock, store_path=self.path, settings=self.settings, faults=self.faults
        )

    async def _read(self) -> None:
        async for event in self.broker.events():
            self.events.append(event)


def play(
    tmp_path: Path, scenario: Callable[[PaperDesk], Awaitable[None]], settings: PaperSettings | None = None
) -> None:
    """Runs a scenario on a connected desk."""

    async def run() -> None:
        desk = PaperDesk(tmp_path / "paper.db", settings=settings or PaperSettings(manual=True))
        await desk.start()
        try:
            await scenario(desk)
        finally:
            await desk.stop()

    asyncio.run(run())


def running_clock() -> OffsetClock:
    """Returns a clock that runs from START at the pace of the computer's."""
    return OffsetClock(base=SystemClock(), offset=START - SystemClock().now_utc())
