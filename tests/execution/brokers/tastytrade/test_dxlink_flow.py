"""The quote stream in flow: planned replacement, floods, what is told when, and its end."""

from __future__ import annotations

import asyncio
import itertools
import tracemalloc
from collections.abc import Callable
from decimal import Decimal

import pytest

from execution.brokers.tastytrade.facts import StreamFact, TastyQuote
from execution.brokers.tastytrade.supervise import CLOSING_S
from tests.execution.brokers.tastytrade.stream_rig import (
    desk,
    now_s,
    quote,
    run,
    subscribed,
    until,
)

UP = StreamFact("quotes", is_up=True)
CALL, PUT = ".SPXW261218C6000", ".SPXW261218P5900"


def test_the_planned_replacement_loses_no_quote_and_never_goes_back() -> None:
    async def work() -> None:
        async with desk(recycle_every_s=30.0, refresh_interval_s=0.0) as far:
            stream = far.quotes()
            stream.set_symbols([CALL, PUT], [])
            await stream.start()
            await subscribed(far, CALL, PUT)
            sent = 0
            while len(far.server.feeds) < 4:
                sent += 1
                # PUT stands still since its first quote: a new connection hears of it by the market alone.
                far.server.market["Quote"] = {CALL: quote(CALL, sent, sent + 1), PUT: quote(PUT, 1, 2)}
                for feed in far.server.feeds:
                    if not feed.is_gone and CALL in feed.subscribed["Quote"]:
                        feed.publish("Quote", far.server.market["Quote"][CALL])
                await asyncio.sleep(0.25)
            last = Decimal(sent)
            await until(lambda: far.quotes_of(CALL)[-1].bid == last)
            bids = [fact.bid for fact in far.quotes_of(CALL) if fact.bid is not None]
            assert set(bids) >= {Decimal(number) for number in range(1, sent + 1)}
            assert bids == sorted(bids)
            assert far.stream_facts == [UP]
            await asyncio.sleep(5)
            assert [feed.is_gone for feed in far.server.feeds] == [True, True, True, False]
            assert far.server.quote_tokens == 4

    run(work())


def test_a_late_quote_of_the_old_connection_does_not_undo_a_newer_one() -> None:
    async def work() -> None:
        async with desk(recycle_every_s=30.0) as far:
            stream = far.quotes()
            stream.set_symbols([CALL], [])
            await stream.start()
            old = await subscribed(far, CALL)
            await until(lambda: len(far.server.feeds) == 2)
            new = await subscribed(far, CALL)
            old.publish("Quote", quote(CALL, 1.0, 2.0))
            await until(lambda: len(far.quotes_of(CALL)) == 1)
            new.publish("Quote", quote(CALL, 3.0, 4.0))
            await until(lambda: len(far.quotes_of(CALL)) == 2)
            assert not old.is_gone
            old.publish("Quote", quote(CALL, 1.0, 2.0))
            await asyncio.sleep(10)
            assert [fact.bid for fact in far.quotes_of(CALL)] == [Decimal(1), Decimal(3)]

    run(work())


def test_a_symbol_that_is_not_among_the_first_is_told_at_most_once_per_interval_and_its_newest_always() -> None:
    async def work() -> None:
        async with desk(refresh_interval_s=0.25, prompt_subscriptions=0) as far:
            stream = far.quotes()
            stream.set_symbols([CALL, PUT], [])
            await stream.start()
            feed = await subscribed(far, CALL, PUT)
            began_s = now_s()
            for number in range(200):
                feed.publish("Quote", quote(CALL, number, number + 1))
                if number == 110:
                    feed.publish("Quote", quote(PUT, 7.0, 8.0))
                    sent_s = now_s()
                await asyncio.sleep(0.01)
            await asyncio.sleep(1)
            told = [(at_s, fact) for at_s, fact in far.told if fact in far.quotes_of(CALL)]
            gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(told)]
            assert min(gaps) >= 0.25 - 1e-9
            assert told[0][0] - began_s < 0.1, "the first of a symbol does not wait"
            assert next(at_s for at_s, fact in far.told if fact in far.quotes_of(PUT)) - sent_s < 0.1
            assert far.quotes_of(CALL)[-1].bid == Decimal(199)

    run(work())


def test_the_first_by_need_are_told_with_the_frame_they_came_in_and_the_others_wait() -> None:
    async def work() -> None:
        async with desk(refresh_interval_s=1.0, prompt_subscriptions=1) as far:
            stream = far.quotes()
            stream.set_symbols([PUT, CALL], [])
            await stream.start()
            feed = await subscribed(far, CALL, PUT)
            for number in range(100):
                feed.publish("Quote", quote(CALL, number, number + 1), quote(PUT, number, number + 1))
                await asyncio.sleep(0.02)
            await asyncio.sleep(2)
            assert [fact.bid for fact in far.quotes_of(PUT)] == [Decimal(number) for number in range(100)]
            assert len(far.quotes_of(CALL)) <= 4
            assert far.quotes_of(CALL)[-1].bid == Decimal(99)

    run(work())


def test_what_came_before_a_break_is_told_before_the_break() -> None:
    async def work() -> None:
        async with desk(refresh_interval_s=10.0, prompt_subscriptions=0) as far:
            stream = far.quotes()
            stream.set_symbols([CALL], [])
            await stream.start()
            feed = await subscribed(far, CALL)
            feed.publish("Quote", quote(CALL, 1.0, 2.0))
            await until(lambda: far.quotes_of(CALL))
            feed.publish("Quote", quote(CALL, 3.0, 4.0))
            await asyncio.sleep(1)
            feed.rst()
            await until(lambda: len(far.stream_facts) == 3)
            bids = [fact.bid if isinstance(fact, TastyQuote) else fact for fact in far.facts]
            assert bids[:3] == [UP, Decimal(1), Decimal(3)]

    run(work())


@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_ten_thousand_events_a_second_stay_bounded(
    seconds: int, record_property: Callable[[str, object], None]
) -> None:
    """On 500 symbols; what is told and kept depends on the symbols, not on the events."""
    frames, per_frame, prompt = 20, 500, 50

    async def work() -> None:
        async with desk(refresh_interval_s=0.5, prompt_subscriptions=prompt) as far:
            symbols = [f".SPXW261218C{strike}" for strike in range(500)]
            stream = far.quotes()
            stream.set_symbols(symbols, symbols)
            await stream.start()
            feed = await subscribed(far, *symbols)
            told = 0
            tracemalloc.start()
            peaks = []
            for second in range(seconds):
                for frame in range(frames):
                    bid = second + frame / frames
                    feed.publish("Quote", *(quote(symbol, bid, bid + 0.1) for symbol in symbols[:per_frame]))
                    await asyncio.sleep(1 / frames)
                told += sum(len(batch) for batch in far.batches)
                far.batches.clear()
                far.told.clear()
                peaks.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()
            prompt_told = prompt * frames * seconds
            assert prompt_told + 450 * seconds <= told <= prompt_told + 450 * (seconds / 0.5 + 1)
            assert peaks[-1] < peaks[2] + 500_000, "memory grows with the events"
            assert len(far.server.feeds) == 1
            record_property("events", seconds * frames * per_frame)
            record_property("told", told)
            record_property("bytes_held", peaks[-1])

    run(work())


def test_a_peer_that_takes_nothing_more_cannot_hold_up_the_end() -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.quotes()
            stream.set_symbols([CALL], [])
            await stream.start()
            feed = await subscribed(far, CALL)
            feed.freeze()
            stream.set_symbols([f".SPXW{number:06d}C{number}" for number in range(150_000)], [])
            await asyncio.sleep(5)
            began_s = now_s()
            await stream.stop()
            took_s = now_s() - began_s
            assert CLOSING_S <= took_s < 5.0, "its farewell cannot leave, so it is broken off"

    run(work())


def test_after_stop_no_fact_comes() -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.quotes()
            stream.set_symbols([CALL], [])
            await stream.start()
            feed = await subscribed(far, CALL)
            feed.publish("Quote", quote(CALL, 1.0, 2.0))
            await stream.stop()
            heard = list(far.facts)
            await asyncio.sleep(100)
            assert far.facts == heard
            assert not stream.is_up
            assert len(far.server.feeds) == 1

    run(work())


def test_stop_while_the_server_is_away_ends_the_tries() -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.quotes()
            await stream.start()
            far.server.refuse["/realtime"] = 502
            far.server.feed.rst()
            await asyncio.sleep(40)
            await stream.stop()
            tokens = far.server.quote_tokens
            await asyncio.sleep(300)
            assert far.server.quote_tokens == tokens

    run(work())
