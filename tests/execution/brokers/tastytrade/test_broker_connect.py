"""What is told when a connection to Tastytrade comes up for the first time, and when a stream dies on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from execution.brokers.port import ConnectionEvent
from execution.brokers.tastytrade.broker import TastytradeBroker
from execution.brokers.tastytrade.facts import StreamFact
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from execution.brokers.tastytrade.wire_port import AlertSink, MarketSink
from models.clock import ManualClock
from models.enums import FeedState
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.tastytrade.desk import TastyDesk
from tests.execution.brokers.tastytrade.fake_wire import FakeWire


def test_a_first_connection_is_told_once_and_asks_for_no_second_reconcile(tmp_path: Path) -> None:
    async def run() -> None:
        desk = TastyDesk(tmp_path)
        await desk.start()
        try:
            await desk.settle()
            told = [event for event in desk.events if isinstance(event, ConnectionEvent)]
            assert [(event.state, event.reconcile_needed) for event in told] == [(FeedState.LIVE, False)]
        finally:
            await desk.stop()

    asyncio.run(run())


@dataclass(slots=True)
class Dying(FakeWire):
    """The account stream comes up, and dies while the quotes are being started."""

    sink: AlertSink | None = None

    async def start_alerts(self, account_numbers: Collection[str]) -> None:
        assert self.sink is not None
        self.sink(StreamFact("alerts", is_up=True))

    async def start_quotes(self) -> None:
        assert self.sink is not None
        self.sink(StreamFact("alerts", is_up=False, reason="gone"))
        await asyncio.sleep(0.01)


def test_an_account_stream_that_died_meanwhile_is_not_told_as_connected() -> None:
    async def run() -> None:
        clock = ManualClock(START)
        wire = Dying(clock)

        def make(alerts: AlertSink, _market: MarketSink) -> Dying:
            wire.sink = alerts
            return wire

        broker = TastytradeBroker(
            settings=TastySettings(base_url="http://127.0.0.1:1"),
            secrets=lambda: TastySecrets("", ""),
            clock=clock,
            make_wire=make,
        )
        await broker.connect()
        events = broker.events()
        first = await anext(events)
        assert isinstance(first, ConnectionEvent)
        assert (first.state, first.reconcile_needed) == (FeedState.DOWN, True)
        await broker.close()
        assert [event async for event in events] == []

    asyncio.run(run())
