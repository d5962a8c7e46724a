"""Betas and vol ranks over the real session, by the desk's symbols."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from execution.brokers.tastytrade.broker import TastytradeBroker
from execution.brokers.tastytrade.facts import TastyMetrics
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from models.clock import ManualClock
from models.enums import BrokerName
from models.product import front_future
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.tastytrade.desk import TastyDesk
from tests.execution.brokers.tastytrade.fake_wire import FakeWire

FUTURE = front_future("/ES", START.date())


def play(folder: Path, scenario: Callable[[TastyDesk], Awaitable[None]]) -> None:
    async def run() -> None:
        desk = TastyDesk(folder)
        await desk.start()
        try:
            await scenario(desk)
        finally:
            await desk.stop()

    asyncio.run(run())


def test_the_ranks_of_an_index_and_of_a_future_by_its_product(tmp_path: Path) -> None:
    async def scenario(desk: TastyDesk) -> None:
        for symbol in ("SPX", FUTURE):
            found = await desk.broker.underlying_metrics(symbol)
            assert found is not None
            assert (found.symbol, found.broker, found.liquidity_rating) == (symbol, BrokerName.TASTYTRADE, 4)
            assert found.iv_rank is not None
            assert 0 < found.iv_rank < 1
            assert found.iv_percentile == pytest.approx(found.iv_rank * 0.9)
        assert await desk.broker.underlying_metrics("BTC/USD") is None

    play(tmp_path, scenario)


def test_the_beta_of_a_future_is_its_products_and_coins_have_none(tmp_path: Path) -> None:
    async def scenario(desk: TastyDesk) -> None:
        betas = await desk.broker.betas([FUTURE, "/ESH7", "SPX", "BTC/USD"])
        assert betas == {FUTURE: 1.0, "/ESH7": 1.0, "SPX": 1.0}

    play(tmp_path, scenario)


@pytest.mark.parametrize(("days", "is_told"), [(-1, False), (0, True), (30, True)])
def test_a_report_that_is_past_is_not_the_next_one(days: int, *, is_told: bool) -> None:
    async def run() -> None:
        clock = ManualClock(START)
        wire = FakeWire(clock)
        day: date = START.date() + timedelta(days=days)
        wire.measured["AAPL"] = replace(TastyMetrics("AAPL", None, 0.4, None, None), earnings_on=day)
        broker = TastytradeBroker(
            settings=TastySettings(base_url="http://127.0.0.1:1"),
            secrets=lambda: TastySecrets("", ""),
            clock=clock,
            make_wire=lambda _alerts, _market: wire,
        )
        await broker.connect()
        found = await broker.underlying_metrics("AAPL")
        assert found is not None
        assert (found.next_earnings == day) == is_told
        await broker.close()

    asyncio.run(run())
