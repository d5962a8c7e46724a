"""The broker's vol ranks: asked when the underlying changes and now and then, never in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from execution.brokers.port import Capability, UnderlyingMetrics
from execution.market.metrics import GOOD_FOR, MetricsService
from models.clock import ManualClock
from models.enums import BrokerName
from models.errors import BrokerFailure, FailureKind

NOW = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
ALL = frozenset({Capability.METRICS})


@dataclass(slots=True)
class Ranks:
    """A broker as far as this concerns it; the test opens the gate to let answers through."""

    clock: ManualClock
    capabilities: frozenset[Capability] = ALL
    name: BrokerName = BrokerName.TASTYTRADE
    asked: list[str] = field(default_factory=list)
    failures: list[BrokerFailure] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    async def underlying_metrics(self, symbol: str) -> UnderlyingMetrics | None:
        self.asked.append(symbol)
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop()
        if symbol in self.unknown:
            return None
        return UnderlyingMetrics(symbol, self.name, self.clock.now_utc(), len(self.asked) / 10, 0.5, 0.2)


Scene = Callable[[Ranks, MetricsService], Awaitable[None]]


def play(scene: Scene, *, every_s: float = 60.0, again_s: float = 60.0) -> None:
    async def run() -> None:
        broker = Ranks(ManualClock(NOW))
        service = MetricsService(
            broker=broker,  # type: ignore[arg-type]  # the one call it needs
            clock=broker.clock,
            every_s=every_s,
            again_s=again_s,
        )
        task = asyncio.get_running_loop().create_task(service.run())
        try:
            async with asyncio.timeout(10):
                await scene(broker, service)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_an_underlying_is_asked_about_once_however_often_it_is_shown() -> None:
    async def scene(broker: Ranks, service: MetricsService) -> None:
        assert service.of("SPX") == UnderlyingMetrics("SPX", BrokerName.TASTYTRADE, NOW)
        for _ in range(50):
            service.want("SPX")
            service.of("SPX")
            await settle()
        assert broker.asked == ["SPX"]
        found = service.of("SPX")
        assert found is not None
        assert (found.iv_rank, found.iv_percentile) == (0.1, 0.5)

    play(scene)


def test_another_underlying_is_asked_about_at_once_and_the_first_is_remembered() -> None:
    async def scene(broker: Ranks, service: MetricsService) -> None:
        for symbol in ("SPX", "AAPL", "SPX", None):
            service.want(symbol)
            await settle()
        assert broker.asked == ["SPX", "AAPL"]

    play(scene)


def test_the_figures_are_refreshed_while_the_underlying_is_on_screen() -> None:
    async def scene(broker: Ranks, service: MetricsService) -> None:
        service.want("SPX")
        while len(broker.asked) < 3:  # noqa: ASYNC110 - the service tells nobody that it asked
            await asyncio.sleep(0.002)
        found = service.of("SPX")
        assert found is not None
        assert found.iv_rank is not None
        assert found.iv_rank > 0.1

    play(scene, every_s=0.01)


def test_a_failure_leaves_what_is_known_and_is_tried_again() -> None:
    async def scene(broker: Ranks, service: MetricsService) -> None:
        broker.failures.append(BrokerFailure(FailureKind.OFFLINE, "Away.", broker="TASTYTRADE"))
        service.want("SPX")
        while len(broker.asked) < 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.002)
        await settle()
        found = service.of("SPX")
        assert found is not None
        assert found.iv_rank == 0.2

    play(scene, again_s=0.01)


@pytest.mark.parametrize("is_known", [True, False])
def test_old_figures_and_unknown_symbols_are_unknown_not_gone(*, is_known: bool) -> None:
    async def scene(broker: Ranks, service: MetricsService) -> None:
        if not is_known:
            broker.unknown.add("SPX")
        service.want("SPX")
        await settle()
        found = service.of("SPX")
        assert found is not None
        assert (found.iv_rank is not None) == is_known
        broker.clock.advance(GOOD_FOR + timedelta(seconds=1))
        later = service.of("SPX")
        assert later is not None
        assert later.iv_rank is None

    play(scene)


def test_a_broker_that_ranks_no_vols_has_none_to_show() -> None:
    async def scene(broker: Ranks, service: MetricsService) -> None:
        broker.capabilities = frozenset()
        assert service.of("SPX") is None

    play(scene)
