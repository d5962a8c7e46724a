"""A paper broker driven by hand: manual clock, hand-driven market, real store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from execution.brokers.paper.broker import PaperBroker
from execution.brokers.paper.settings import DEFAULT_ACCOUNT_ID, PaperSettings
from models.clock import OffsetClock, SystemClock
from tests.execution.brokers.paper.fake_market import HandMarket
from tests.execution.brokers.simulated_desk import SimulatedDesk

#: A Monday, 10:00 New York.
START = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)


class PaperDesk(SimulatedDesk):
    """Implements the contract suite's harness, and keeps its parts in reach of the paper broker's own tests."""

    def __init__(self, path: Path, *, settings: PaperSettings | None = None) -> None:
        super().__init__(START, DEFAULT_ACCOUNT_ID)
        self.path = path
        self.settings = settings or PaperSettings(manual=True, reconnect_after_s=None)
        self.broker = self._new_broker()

    async def start(self) -> None:
        await self.broker.connect()
        self._listen(self.broker)

    async def stop(self) -> None:
        await self.broker.close()
        await self._heard()

    async def crash_and_restart(self) -> None:
        """What is not committed is gone: the store's connection is dropped without a farewell."""
        core = self.broker._core
        assert core is not None
        core.store._connection.close()
        self.broker._link.close()
        await self._heard()
        self.events.clear()
        self.market = HandMarket(self.clock.now_utc())
        self.broker = self._new_broker()
        await self.start()

    def step(self) -> None:
        self.broker.step()

    async def settle(self) -> None:
        await self.take_turns()

    def send_odd_object(self) -> None:
        self.faults.odd_object("orders", "status 'Quantum'")

    def cut_link(self) -> None:
        self.broker.cut_link()

    def mend_link(self) -> None:
        self.broker.mend_link()

    def _new_broker(self) -> PaperBroker:
        return PaperBroker(
            market=self.market, clock=self.clock, store_path=self.path, settings=self.settings, faults=self.faults
        )


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
