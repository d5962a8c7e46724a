"""Quotes from TWS: lines within the budget and the message rate, ticks coalesced, troubles told once in words."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from execution.brokers.ibkr.facts import IbGreeks
from execution.brokers.port import BrokerEvent, ModelGreeksEvent, QuotesEvent
from tests.execution.brokers.ibkr.fake_wire import FakeWire
from tests.execution.brokers.ibkr.quote_stage import AAPL, CHAIN, SPX, Stage, TimedWire, play, put


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


def test_the_first_tick_is_told_at_once_and_then_one_event_in_ten_milliseconds() -> None:
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
        await asyncio.sleep(0.02)
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


def test_a_lingering_line_is_not_told_and_its_last_quote_is_when_it_is_wanted_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions(CHAIN[:2])
        await asyncio.sleep(1)
        stage.feed.set_subscriptions(CHAIN[1:2])
        stage.tick(6000, "1.00", "1.10")
        await asyncio.sleep(1)
        assert stage.events == []
        stage.feed.set_subscriptions(CHAIN[:2])
        await asyncio.sleep(0.1)
        ((_, event),) = stage.events
        assert isinstance(event, QuotesEvent)
        assert [(quote.key, quote.bid) for quote in event.quotes] == [(CHAIN[0].key, Decimal("1.00"))]

    play(scene)


def test_an_unchanged_live_quote_stays_fresh_while_ticks_of_its_kind_flow_and_grows_old_when_they_stop() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([SPX, *CHAIN[:3]])
        await asyncio.sleep(1)
        stage.tick(6000, "1.00", "1.10")
        stage.tick(6001, "1.00", "1.10", data_type=3)
        for cents in range(20, 30):
            stage.tick(6002, f"1.{cents}", "2.00")
            await asyncio.sleep(1)
        flowing_until = stage.clock.now_utc()
        for level in range(10):
            stage.tick(1, f"70{level}0", f"70{level}1")
            await asyncio.sleep(1)
        times: dict[str, list[datetime]] = {}
        for _, event in stage.events:
            for quote in event.quotes if isinstance(event, QuotesEvent) else ():
                times.setdefault(quote.key, []).append(quote.at_utc)
        assert len(times[CHAIN[0].key]) >= 4
        assert flowing_until - timedelta(seconds=4) <= times[CHAIN[0].key][-1] <= flowing_until
        assert len(times[CHAIN[1].key]) == 1

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


# --- load ------------------------------------------------------------------------------------------------------------


def test_a_thousand_ticks_a_second_for_a_minute_are_a_hundred_events_a_second_and_no_memory() -> None:
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
        assert max(counts.values()) <= 103
        assert sum(counts.values()) <= 102 * seconds + 5
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
