"""Quotes from TWS: lines within the budget and the message rate, ticks coalesced, troubles told once in words."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from execution.brokers.ibkr.data_errors import NO_LINE_LEFT, TROUBLES
from execution.brokers.ibkr.facts import ErrorFact, IbContract, IbGreeks, TickFact
from execution.brokers.ibkr.quotes import QuoteFeed
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.ibkr.wire_port import IbWire
from execution.brokers.port import BrokerEvent, ModelGreeksEvent, OddObjectEvent, QuotesEvent
from models.clock import Clock
from models.contract import Contract, option_contract, underlying_contract
from models.enums import MarketDataKind, Right
from models.errors import BrokerFailure, FailureKind
from tests.execution.brokers.ibkr.fake_catalog import FakeCatalog
from tests.execution.brokers.ibkr.fake_wire import FakeWire
from tests.execution.brokers.ibkr.virtual_time import LoopClock, run_virtually

SPX = underlying_contract("SPX", conid=1)
AAPL = underlying_contract("AAPL", conid=2)
#: What the line of a contract id is called by the fake wire.
REQUEST = 1000


def put(strike: int) -> Contract:
    return option_contract("SPXW", date(2026, 6, 5), Right.PUT, Decimal(strike), conid=strike)


CHAIN = tuple(put(strike) for strike in range(6000, 6100))


class TimedWire(FakeWire):
    """Notes when each line message was sent."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.times: list[float] = []

    def subscribe(self, contract: IbContract) -> int:
        self.times.append(asyncio.get_running_loop().time())
        return super().subscribe(contract)

    def unsubscribe(self, con_id: int) -> None:
        self.times.append(asyncio.get_running_loop().time())
        super().unsubscribe(con_id)


class Stage:
    """A feed on a fake wire, and what it told with the second of telling."""

    def __init__(self, *, max_lines: int = 100, allow_delayed: bool = True, listed: tuple[Contract, ...] = ()) -> None:
        self.clock = LoopClock()
        self.wire: FakeWire = FakeWire(self.clock)
        self.catalog = FakeCatalog(SPX, AAPL, *(listed or CHAIN))
        self.events: list[tuple[float, BrokerEvent]] = []
        self.is_down = False
        self.feed = QuoteFeed(
            wire=self._wire,
            catalog=self.catalog,
            clock=self.clock,
            settings=IbkrSettings(max_lines=max_lines, allow_delayed=allow_delayed),
            emit=lambda event: self.events.append((asyncio.get_running_loop().time(), event)),
        )

    def _wire(self) -> IbWire:
        if self.is_down:
            raise BrokerFailure(FailureKind.OFFLINE, "The link to TWS is down.", broker="IBKR")
        return self.wire

    def tick(self, con_id: int, bid: str, ask: str, *, greeks: IbGreeks | None = None, data_type: int = 1) -> None:
        fact = TickFact(
            con_id, Decimal(bid), Decimal(ask), None, 1, 1, None, data_type, greeks, self.clock.now_utc()
        )  # fmt: skip
        self.feed.take_ticks((fact,))

    def words(self) -> list[str]:
        return [event.what for _, event in self.events if isinstance(event, OddObjectEvent)]

    def sent(self) -> Counter[str]:
        return Counter(what for what, _ in self.wire.asked)


def play(scene: Callable[[Stage], Awaitable[None]], stage_of: Callable[[], Stage] = Stage) -> None:
    """Runs a scene while the feed runs; what the feed raises ends the test."""

    async def run() -> None:
        stage = stage_of()
        running = asyncio.get_running_loop().create_task(stage.feed.run())
        try:
            await scene(stage)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtually(run())


def test_no_line_is_opened_before_a_connection_stands() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.set_subscriptions([SPX])
        await asyncio.sleep(10)
        assert stage.wire.lines == {}
        stage.feed.resubscribe()
        await asyncio.sleep(1)
        assert set(stage.wire.lines) == {1}

    play(scene)


@pytest.mark.parametrize(("allowed", "data_type"), [(True, 4), (False, 2)])
def test_delayed_data_is_asked_for_only_where_it_is_allowed(allowed: bool, data_type: int) -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        assert stage.wire.data_type == data_type

    play(scene, lambda: Stage(allow_delayed=allowed))


def test_the_first_tick_is_told_at_once_and_then_one_event_in_fifty_milliseconds() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.set_subscriptions([SPX, CHAIN[0]])
        stage.feed.resubscribe()
        await asyncio.sleep(1)
        start = asyncio.get_running_loop().time()
        stage.tick(6000, "1.00", "1.10")
        await asyncio.sleep(0.001)
        assert [at for at, _ in stage.events] == [start]
        for cents in range(10, 40):
            stage.tick(6000, f"1.{cents}", "2.00")
        await asyncio.sleep(0.06)
        assert len(stage.events) == 2
        event = stage.events[-1][1]
        assert isinstance(event, QuotesEvent)
        assert [(quote.key, quote.bid) for quote in event.quotes] == [(CHAIN[0].key, Decimal("1.39"))]

    play(scene)


def test_a_hundred_lines_and_a_full_rate_leave_room_for_orders_in_every_second() -> None:
    async def scene(stage: Stage) -> None:
        stage.wire = wire = TimedWire(stage.clock)
        stage.feed.resubscribe()
        stage.feed.set_subscriptions(CHAIN)
        await asyncio.sleep(5)
        assert len(stage.wire.lines) == 100
        stage.feed.set_subscriptions([put(strike) for strike in range(6050, 6150)])
        await asyncio.sleep(10)
        assert set(stage.wire.lines) == set(range(6050, 6150))
        busiest = max(sum(1 for at in wire.times if first <= at < first + 1) for first in wire.times)
        assert busiest <= 31

    play(scene, lambda: Stage(listed=tuple(put(strike) for strike in range(6000, 6150))))


def test_scrolling_up_and_down_within_seconds_sends_nothing_new() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions(CHAIN[:60])
        await asyncio.sleep(4)
        opened = stage.sent()["subscribe"]
        for _ in range(20):
            stage.feed.set_subscriptions(CHAIN[20:60])
            await asyncio.sleep(1)
            stage.feed.set_subscriptions(CHAIN[:60])
            await asyncio.sleep(1)
        assert opened == stage.sent()["subscribe"] == 60
        assert stage.sent()["unsubscribe"] == 0
        stage.feed.set_subscriptions(CHAIN[20:60])
        await asyncio.sleep(8)
        assert set(stage.wire.lines) == set(range(6020, 6060))

    play(scene)


def test_what_the_budget_leaves_out_is_told_once_and_underlyings_are_in() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        for first in range(10):
            stage.feed.set_subscriptions([*CHAIN[first : first + 20], AAPL, SPX])
            await asyncio.sleep(2)
            assert {1, 2} <= set(stage.wire.lines)
            assert len(stage.wire.lines) == 8
        assert len(stage.words()) == 1
        assert "14 of the contracts shown are not quoted" in stage.words()[0]

    play(scene, lambda: Stage(max_lines=8))


def test_on_a_new_connection_everything_is_opened_again_and_old_ticks_are_not_told() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.set_subscriptions([SPX, CHAIN[0]])
        stage.feed.resubscribe()
        await asyncio.sleep(1)
        stage.tick(6000, "1.00", "1.10")
        stage.is_down = True
        stage.feed.lost()
        await asyncio.sleep(30)
        assert stage.events == []
        stage.is_down, stage.wire = False, FakeWire(stage.clock)
        stage.feed.resubscribe()
        await asyncio.sleep(1)
        assert set(stage.wire.lines) == {1, 6000}
        assert stage.sent()["unsubscribe"] == 0
        stage.tick(6000, "1.00", "1.10")
        await asyncio.sleep(1)
        assert len(stage.events) == 1

    play(scene)


def test_when_tws_lost_its_data_on_the_same_connection_lines_are_closed_and_opened_anew() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.set_subscriptions([SPX, CHAIN[0]])
        stage.feed.resubscribe()
        await asyncio.sleep(1)
        stage.feed.resubscribe()
        await asyncio.sleep(1)
        assert stage.sent() == {"subscribe": 4, "unsubscribe": 2}
        assert set(stage.wire.lines) == {1, 6000}

    play(scene)


def test_a_link_that_breaks_while_lines_are_opened_ends_nothing() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.set_subscriptions(CHAIN)
        stage.feed.resubscribe()
        await asyncio.sleep(1)
        stage.is_down = True
        await asyncio.sleep(20)
        stage.is_down = False
        stage.feed.resubscribe()
        await asyncio.sleep(10)
        assert len(stage.wire.lines) == 100

    play(scene)


# --- contracts nobody knows ------------------------------------------------------------------------------------------


def test_an_unlisted_contract_is_told_once_and_the_others_are_quoted() -> None:
    async def scene(stage: Stage) -> None:
        strange = put(9999)
        stage.feed.resubscribe()
        for _ in range(5):
            stage.feed.set_subscriptions([strange, SPX])
            await asyncio.sleep(10)
            stage.feed.set_subscriptions([SPX])
            await asyncio.sleep(10)
        assert set(stage.wire.lines) == {1}
        assert len(stage.words()) == 1
        assert "TWS does not list" in stage.words()[0]
        assert stage.catalog.asked.count(strange.key) == 1

    play(scene)


def test_a_question_without_an_answer_is_asked_again_and_holds_up_nobody() -> None:
    async def scene(stage: Stage) -> None:
        stage.catalog.silent = {6000}
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([CHAIN[0], CHAIN[1]])
        await asyncio.sleep(2)
        assert set(stage.wire.lines) == {6001}
        stage.catalog.silent = set()
        await asyncio.sleep(6)
        assert set(stage.wire.lines) == {6000, 6001}
        assert stage.words() == []

    play(scene)


def test_on_the_next_day_a_refused_contract_is_asked_about_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        new = put(9999)
        stage.feed.set_subscriptions([new])
        await asyncio.sleep(1)
        stage.catalog.listed[9999] = new
        stage.clock.offset = timedelta(days=1)
        stage.feed.set_subscriptions([new])
        await asyncio.sleep(1)
        assert set(stage.wire.lines) == {9999}

    play(scene)


# --- troubles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(TROUBLES.keys() - {NO_LINE_LEFT}))
def test_each_trouble_is_told_once_in_words_and_only_a_dead_line_is_closed(code: int) -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([SPX, *CHAIN[:2]])
        await asyncio.sleep(1)
        for _ in range(3):
            assert stage.feed.take_error(ErrorFact(REQUEST + 6000, code, "as TWS says it"))
        await asyncio.sleep(1)
        assert len(stage.words()) == 1
        assert TROUBLES[code].sentence in stage.words()[0]
        expected = {1, 6001} if TROUBLES[code].is_dead else {1, 6000, 6001}
        assert set(stage.wire.lines) == expected

    play(scene)


def test_a_missing_subscription_is_told_once_for_a_markets_options() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([SPX, *CHAIN[:50]])
        await asyncio.sleep(3)
        for contract in (SPX, *CHAIN[:50]):
            stage.feed.take_error(ErrorFact(REQUEST + contract.conid, 354, "not subscribed"))
        assert [text.split(":")[0] for text in stage.words()] == ["SPX", "SPX options"]
        await asyncio.sleep(600)
        assert stage.wire.lines == {}
        assert stage.sent()["subscribe"] == 51

    play(scene)


def test_delayed_quotes_are_told_and_labelled() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([CHAIN[0]])
        await asyncio.sleep(1)
        stage.feed.take_error(ErrorFact(REQUEST + 6000, 10167, "Displaying delayed market data"))
        stage.tick(6000, "1.00", "1.10", data_type=3)
        await asyncio.sleep(1)
        assert "quotes are delayed" in stage.words()[0]
        (event,) = [event for _, event in stage.events if isinstance(event, QuotesEvent)]
        assert event.quotes[0].kind is MarketDataKind.DELAYED

    play(scene)


def test_a_competing_session_is_told_once_and_tried_again_every_minute() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([SPX, CHAIN[0]])
        await asyncio.sleep(1)
        for _ in range(3):
            for con_id in tuple(stage.wire.lines):
                stage.feed.take_error(ErrorFact(REQUEST + con_id, 10197, "competing live session"))
            await asyncio.sleep(30)
            assert stage.wire.lines == {}
            await asyncio.sleep(31)
            assert set(stage.wire.lines) == {1, 6000}
        assert len(stage.words()) == 1

    play(scene)


def test_when_tws_has_fewer_lines_than_thought_the_budget_shrinks_for_a_while_and_options_yield_to_the_index() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions(CHAIN[:5])
        await asyncio.sleep(1)
        stage.feed.set_subscriptions([*CHAIN[:5], SPX])
        await asyncio.sleep(0.5)
        stage.feed.take_error(ErrorFact(REQUEST + 1, 101, "Max number of tickers has been reached"))
        await asyncio.sleep(1)
        assert set(stage.wire.lines) == {1, 6000, 6001, 6002, 6003}
        await asyncio.sleep(61)
        assert set(stage.wire.lines) == {1, 6000, 6001, 6002, 6003, 6004}
        assert sum("no market-data line left" in text for text in stage.words()) == 1

    play(scene)


def test_errors_of_orders_and_of_the_link_are_somebody_elses() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([SPX])
        await asyncio.sleep(1)
        for request_id, code in ((55, 201), (55, 101), (-1, 1100), (-1, 2104), (-1, 200), (55, 354)):
            assert not stage.feed.take_error(ErrorFact(request_id, code, "text"))
        assert stage.words() == []
        assert stage.feed.take_error(ErrorFact(-1, 10197, "text"))
        assert len(stage.words()) == 1

    play(scene)


def test_a_code_nobody_knows_changes_nothing_and_is_told_in_the_words_of_tws() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([SPX])
        await asyncio.sleep(1)
        assert stage.feed.take_error(ErrorFact(REQUEST + 1, 12345, "Something new"))
        assert set(stage.wire.lines) == {1}
        assert "Something new (code 12345)" in stage.words()[0]

    play(scene)


def test_the_complaint_about_a_line_that_was_closed_just_now_is_taken_silently() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([SPX])
        await asyncio.sleep(1)
        stage.feed.take_error(ErrorFact(REQUEST + 1, 354, "not subscribed"))
        assert stage.feed.take_error(ErrorFact(REQUEST + 1, 300, "Can't find EId with tickerId"))
        assert len(stage.words()) == 1

    play(scene)


# --- load ------------------------------------------------------------------------------------------------------------


def test_a_thousand_ticks_a_second_for_minutes_are_twenty_events_a_second_and_no_memory() -> None:
    greeks = IbGreeks(0.17, -0.2, 0.001, 6.5, -1.4, 7200.0, 20.2)
    seconds = 60
    counts: Counter[int] = Counter()
    newest: dict[str, Decimal | None] = {}
    kinds: Counter[type] = Counter()

    def take(event: BrokerEvent) -> None:
        counts[int(asyncio.get_running_loop().time())] += 1
        kinds[type(event)] += 1
        if isinstance(event, QuotesEvent):
            newest.update({quote.key: quote.bid for quote in event.quotes})

    async def flow(stage: Stage, ticks: int) -> None:
        for number in range(ticks):
            stage.tick(6000 + number % 100, f"{number % 997}.05", "1000", greeks=greeks)
            await asyncio.sleep(0.001)

    async def scene(stage: Stage) -> None:
        stage.feed._emit = take
        stage.feed.resubscribe()
        stage.feed.set_subscriptions(CHAIN)
        await asyncio.sleep(5)
        await flow(stage, 5_000)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            await flow(stage, 1_000 * (seconds - 5))
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert after - before < 500_000
        await asyncio.sleep(0.2)
        assert max(counts.values()) <= 21
        assert sum(counts.values()) <= 20 * seconds + 5
        assert len(newest) == 100
        last_of_line_0 = f"{(1_000 * (seconds - 5) - 100) % 997}.05"
        assert newest[CHAIN[0].key] == Decimal(last_of_line_0)
        assert 1.5 * seconds <= kinds[ModelGreeksEvent] <= 2 * seconds + 2

    play(scene)


def test_scrolling_through_many_chains_keeps_nothing_of_what_was_left_behind() -> None:
    pages = [tuple(put(6000 + 50 * page + row) for row in range(50)) for page in range(40)]

    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        for page in pages:
            stage.feed.set_subscriptions(page)
            await asyncio.sleep(10)
        assert len(stage.wire.lines) == 50
        assert len(stage.feed._qualified) <= 100
        assert not stage.feed._ticks
        assert not stage.feed._asking

    play(scene, lambda: Stage(listed=tuple(contract for page in pages for contract in page)))
