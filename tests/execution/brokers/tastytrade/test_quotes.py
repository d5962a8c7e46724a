"""The quote feed on a scripted wire, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal

from execution.brokers.port import BrokerEvent, ModelGreeksEvent, NoticeEvent, QuotesEvent
from execution.brokers.tastytrade.facts import TastyGreeks, TastyQuote
from execution.brokers.tastytrade.quotes import QuoteFeed
from execution.brokers.tastytrade.settings import TastyHost, TastySettings
from models.contract import Contract, option_contract, underlying_contract
from models.enums import MarketDataKind, Right
from models.errors import BrokerFailure, FailureKind, InvalidInput
from tests.execution.brokers.ibkr.virtual_time import LoopClock, run_virtually
from tests.execution.brokers.tastytrade.fake_wire import FakeWire

SPX = underlying_contract("SPX")
CHAIN = tuple(option_contract("SPXW", date(2026, 12, 18), Right.PUT, Decimal(5000 + 5 * n)) for n in range(60))


class Streamers:
    def __init__(self) -> None:
        self.unknown: set[str] = set()
        self.silent = 0

    async def streamer_of(self, contract: Contract) -> str:
        if self.silent:
            self.silent -= 1
            raise BrokerFailure(FailureKind.TIMEOUT, "No answer.", broker="TASTYTRADE")
        if contract.key in self.unknown:
            raise InvalidInput("symbol", "Tastytrade does not know it.")
        return f".{contract.key}"


class Stage:
    def __init__(self, settings: TastySettings | None = None) -> None:
        self.clock = LoopClock()
        self.wire = FakeWire(self.clock)
        self.catalog = Streamers()
        self.events: list[tuple[float, BrokerEvent]] = []
        self.feed = QuoteFeed(
            wire=lambda: self.wire,
            catalog=self.catalog,
            clock=self.clock,
            settings=settings or TastySettings(),
            emit=lambda event: self.events.append((asyncio.get_running_loop().time(), event)),
        )

    def tick(self, contract: Contract, bid: str, ask: str) -> None:
        sides = (Decimal(bid), Decimal(ask), None, 1, 1, Decimal("6.5"))
        self.feed.take([TastyQuote(f".{contract.key}", *sides, self.clock.now_utc())])

    def quoted(self) -> list[tuple[str, Decimal | None]]:
        told = [event for _, event in self.events if isinstance(event, QuotesEvent)]
        return [(quote.key, quote.bid) for event in told for quote in event.quotes]

    def words(self) -> list[str]:
        return [event.text for _, event in self.events if isinstance(event, NoticeEvent)]


def play(scene: Callable[[Stage], Awaitable[None]], settings: TastySettings | None = None) -> None:
    async def run() -> None:
        stage = Stage(settings)
        running = asyncio.get_running_loop().create_task(stage.feed.run())
        try:
            await scene(stage)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtually(run())


def test_what_is_wanted_is_subscribed_and_greeks_only_of_options() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.set_subscriptions([SPX, CHAIN[0]])
        await asyncio.sleep(0.1)
        assert stage.wire.quoted == {".SPX", f".{CHAIN[0].key}"}
        assert stage.wire.greeked == {f".{CHAIN[0].key}"}

    play(scene)


def test_many_ticks_are_a_hundred_events_a_second_and_the_newest_counts() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.set_subscriptions(CHAIN)
        await asyncio.sleep(0.1)
        for number in range(10_000):
            stage.tick(CHAIN[number % 60], f"{number}", "20000")
            if number % 10 == 9:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.2)
        assert sum(isinstance(event, QuotesEvent) for _, event in stage.events) <= 125
        newest = dict(stage.quoted())
        assert newest[CHAIN[39].key] == 9_999

    play(scene)


def test_what_nobody_wants_any_more_is_not_told() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.set_subscriptions(CHAIN[:2])
        await asyncio.sleep(0.1)
        stage.feed.set_subscriptions(CHAIN[:1])
        stage.tick(CHAIN[1], "1", "2")
        await asyncio.sleep(0.2)
        assert stage.quoted() == []
        assert stage.wire.quoted == {f".{CHAIN[0].key}"}

    play(scene)


def test_an_unchanged_quote_stays_fresh_while_its_kind_flows_and_grows_old_when_it_stops() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.set_subscriptions([SPX, *CHAIN[:2]])
        await asyncio.sleep(0.1)
        stage.tick(CHAIN[0], "1", "2")
        for number in range(10):
            stage.tick(CHAIN[1], f"{number}", "20")
            await asyncio.sleep(1)
        stopped = stage.clock.now_utc()
        for number in range(10):
            stage.tick(SPX, f"{7000 + number}", "8000")
            await asyncio.sleep(1)
        times = [
            quote.at_utc
            for _, event in stage.events
            if isinstance(event, QuotesEvent)
            for quote in event.quotes
            if quote.key == CHAIN[0].key
        ]
        assert len(times) >= 4
        assert stopped - timedelta(seconds=4) <= times[-1] <= stopped

    play(scene)


def test_the_sandbox_is_labelled_delayed() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.set_subscriptions([SPX])
        await asyncio.sleep(0.1)
        stage.tick(SPX, "7000", "7001")
        await asyncio.sleep(0.1)
        kinds = {quote.kind for _, event in stage.events if isinstance(event, QuotesEvent) for quote in event.quotes}
        assert kinds == {MarketDataKind.DELAYED}

    play(scene, TastySettings(host=TastyHost.CERTIFICATION))


def test_an_unknown_contract_is_said_once_and_costs_no_other() -> None:
    async def scene(stage: Stage) -> None:
        stage.catalog.unknown.add(CHAIN[0].key)
        for count in (2, 3, 2):
            stage.feed.set_subscriptions(CHAIN[:count])
            await asyncio.sleep(0.1)
        assert len(stage.words()) == 1
        assert stage.wire.quoted == {f".{CHAIN[1].key}"}

    play(scene)


def test_a_symbol_that_was_not_answered_is_asked_for_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.catalog.silent = 1
        stage.feed.set_subscriptions(CHAIN[:3])
        await asyncio.sleep(10)
        assert len(stage.wire.quoted) == 3

    play(scene)


def test_what_the_room_leaves_out_is_said_once() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.set_subscriptions(CHAIN)
        await asyncio.sleep(0.5)
        stage.feed.set_subscriptions(CHAIN)
        await asyncio.sleep(0.5)
        assert len(stage.wire.quoted) == 50
        (said,) = stage.words()
        assert said.startswith("10 of the contracts shown are not quoted")

    play(scene, TastySettings(max_subscriptions=50))


def test_greeks_are_told_twice_a_second_and_nothing_unknown_is_a_figure() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.set_subscriptions(CHAIN[:2])
        await asyncio.sleep(0.1)
        for _ in range(20):
            now_utc = stage.clock.now_utc()
            known = TastyGreeks(f".{CHAIN[0].key}", 0.17, -0.2, 0.001, -1.4, float("nan"), now_utc)
            nothing = TastyGreeks(f".{CHAIN[1].key}", None, None, None, None, None, now_utc)
            stage.feed.take([known, nothing])
            await asyncio.sleep(0.1)
        told = [event for _, event in stage.events if isinstance(event, ModelGreeksEvent)]
        assert 3 <= len(told) <= 5
        assert {one.key for event in told for one in event.greeks} == {CHAIN[0].key}
        assert all(one.vega_per_point is None for event in told for one in event.greeks)

    play(scene)
