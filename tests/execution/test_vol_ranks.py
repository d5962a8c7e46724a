"""The desk with a broker that ranks vols: the chain that is watched bears the ranks of its underlying."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from execution import commands
from execution.brokers.paper.broker import PaperBroker
from execution.brokers.port import Capability, UnderlyingMetrics
from execution.chain_views import ChainNumbers
from models.enums import BrokerName
from tests.execution.desk_runner import Running, running


async def shown(desk: Running, underlying: str) -> ChainNumbers:
    expiries = await desk.ask(commands.ListExpiries(underlying))
    desk.publisher.states.pop(ChainNumbers, None)
    static = await desk.ask(commands.WatchChain(expiries[2]))

    def numbers() -> ChainNumbers | None:
        found = desk.publisher.states.get(ChainNumbers)
        return found if found is not None and found.version == static.version else None

    def is_ranked() -> bool:
        found = numbers()
        return found is not None and found.metrics is not None and found.metrics.iv_rank is not None

    await desk.until(is_ranked, f"the ranks of {underlying}")
    found = numbers()
    assert found is not None
    return found


def test_the_watched_chain_bears_its_underlyings_ranks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def ranks(broker: PaperBroker, symbol: str) -> UnderlyingMetrics:
        asked.append(symbol)
        return UnderlyingMetrics(symbol, BrokerName.TASTYTRADE, broker._clock.now_utc(), 0.3, 0.4)

    monkeypatch.setattr(PaperBroker, "underlying_metrics", ranks)
    monkeypatch.setattr(PaperBroker, "capabilities", PaperBroker.capabilities | {Capability.METRICS})

    async def run() -> None:
        async with running(tmp_path) as desk:
            for underlying in ("SPX", "AAPL"):
                metrics = (await shown(desk, underlying)).metrics
                assert metrics is not None
                assert (metrics.symbol, metrics.iv_rank, metrics.iv_percentile) == (underlying, 0.3, 0.4)
            await asyncio.sleep(0.6)  # two more chains are told
            assert asked == ["SPX", "AAPL"]

    asyncio.run(run())


def test_at_the_paper_broker_a_chain_bears_none(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as desk:
            expiries = await desk.ask(commands.ListExpiries("SPX"))
            await desk.ask(commands.WatchChain(expiries[2]))
            await desk.until(lambda: ChainNumbers in desk.publisher.states, "the chain")
            assert desk.publisher.states[ChainNumbers].metrics is None

    asyncio.run(run())
