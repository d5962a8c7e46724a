"""The quote stream against the loopback server: strict handshake, subscriptions, odd messages, faults, tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from execution.brokers.tastytrade.dxlink import CHUNK
from execution.brokers.tastytrade.facts import StreamFact
from models.errors import BrokerFailure, FailureKind
from tests.execution.brokers.tastytrade.stream_rig import (
    KINDS,
    Desk,
    desk,
    greeks,
    now_s,
    quote,
    run,
    subscribed,
    until,
)
from tests.execution.brokers.tastytrade.stream_server import FeedSocket

UP = StreamFact("quotes", is_up=True)
CALL, PUT, SPX = ".SPXW261218C6000", ".SPXW261218P5900", "SPX"


def test_start_authorises_once_and_says_so() -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.quotes()
            await stream.start()
            assert far.server.feed.auths == ["quote-1"]
            assert stream.is_up
            assert far.facts == [UP]

    run(work())


def test_quotes_trades_closes_and_greeks_become_facts_with_the_time_of_their_arrival() -> None:
    async def work() -> None:
        async with desk(prompt_subscriptions=0) as far:
            stream = far.quotes()
            await stream.start()
            stream.set_symbols([CALL, SPX], [CALL])
            feed = await subscribed(far, CALL, SPX)
            await asyncio.sleep(5)
            feed.publish("Quote", quote(CALL, 12.3, 12.45, (7, 9.0)), quote(SPX, 5990.1, 5990.9, ("NaN", "NaN")))
            feed.publish("Trade", {"eventSymbol": SPX, "price": 5990.55})
            feed.publish("Summary", {"eventSymbol": SPX, "prevDayClosePrice": 5970.25})
            feed.publish("Greeks", greeks(CALL, 0.51))
            sent_utc = far.clock.now_utc()
            await until(lambda: far.quotes_of(SPX) and far.greeks_of(CALL))
            (call,), (spx,), (told,) = far.quotes_of(CALL), far.quotes_of(SPX), far.greeks_of(CALL)
            assert (call.bid, call.ask, call.bid_size, call.ask_size) == (Decimal("12.3"), Decimal("12.45"), 7, 9)
            assert (call.last, call.previous_close, call.received_at_utc) == (None, None, sent_utc)
            assert (spx.bid, spx.last, spx.previous_close) == (
                Decimal("5990.1"),
                Decimal("5990.55"),
                Decimal("5970.25"),
            )
            assert (spx.bid_size, spx.ask_size) == (None, None)
            assert (told.implied_vol, told.delta, told.gamma) == (0.2, 0.51, 0.001)
            assert (told.theta_per_day, told.vega_per_point, told.received_at_utc) == (-1.5, 4.5, sent_utc)

    run(work())


@pytest.mark.parametrize("is_full", [False, True])
def test_a_bid_that_is_nan_beside_an_ask_is_a_zero_bid_and_keeps_its_ask(is_full: bool) -> None:
    async def work() -> None:
        async with desk() as far:
            far.server.is_full = is_full
            stream = far.quotes()
            stream.set_symbols([CALL, PUT, SPX], [CALL])
            await stream.start()
            feed = await subscribed(far, CALL, PUT, SPX)
            feed.publish("Quote", quote(CALL, "NaN", 0.05, ("NaN", 200)), quote(PUT, 3.1, "NaN"))
            feed.publish("Quote", quote(SPX, "NaN", "Infinity"))
            feed.publish("Greeks", greeks(CALL, "NaN"))
            await until(lambda: far.quotes_of(SPX) and far.greeks_of(CALL))
            (call,), (put,), (spx,) = far.quotes_of(CALL), far.quotes_of(PUT), far.quotes_of(SPX)
            assert (call.bid, call.ask, call.bid_size, call.ask_size) == (Decimal(0), Decimal("0.05"), None, 200)
            assert (put.bid, put.ask) == (Decimal("3.1"), None)
            assert (spx.bid, spx.ask) == (None, None)
            assert far.greeks_of(CALL)[0].delta is None
            assert not far.odd

    run(work())


def test_an_order_of_values_the_server_announces_is_the_one_that_is_read() -> None:
    async def work() -> None:
        async with desk() as far:
            far.server.own_fields = {
                "Quote": ["askPrice", "eventSymbol", "bidPrice"],
                "Trade": ["price", "eventSymbol"],
                "Summary": ["eventSymbol"],
                "Greeks": ["delta", "eventSymbol"],
            }
            stream = far.quotes()
            stream.set_symbols([CALL], [CALL])
            await stream.start()
            feed = await subscribed(far, CALL)
            feed.publish("Quote", quote(CALL, 1.5, 1.75))
            feed.publish("Greeks", greeks(CALL, 0.4))
            await until(lambda: far.quotes_of(CALL) and far.greeks_of(CALL))
            told = far.quotes_of(CALL)[0]
            assert (told.bid, told.ask, told.bid_size) == (Decimal("1.5"), Decimal("1.75"), None)
            assert (far.greeks_of(CALL)[0].delta, far.greeks_of(CALL)[0].vega_per_point) == (0.4, None)

    run(work())


def test_a_frame_beyond_64_kib_is_read_whole() -> None:
    async def work() -> None:
        async with desk() as far:
            symbols = [f".SPXW261218C{strike}" for strike in range(1000, 4000)]
            stream = far.quotes()
            stream.set_symbols(symbols, [])
            await stream.start()
            feed = await subscribed(far, *symbols)
            assert feed.largest_subscription == CHUNK == 250
            frame = feed.frame("Quote", *(quote(symbol, 1.25, 1.5) for symbol in symbols))
            assert len(str(frame)) > 2 * 65_536
            feed.say(frame)
            await until(lambda: far.quotes_of(symbols[-1]))
            assert all(far.quotes_of(symbol) for symbol in symbols)
            assert far.stream_facts == [UP]

    run(work())


def test_only_differences_leave_and_dropped_symbols_tell_nothing_more() -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.quotes()
            stream.set_symbols([CALL, PUT], [CALL])
            await stream.start()
            feed = await subscribed(far, CALL, PUT)
            before = len(feed.received)
            stream.set_symbols([PUT, CALL], [CALL])
            stream.set_symbols([PUT, SPX], [])
            await subscribed(far, PUT, SPX)
            assert feed.subscribed["Greeks"] == set()
            changes = [message for message in feed.received[before:] if message["type"] == "FEED_SUBSCRIPTION"]
            assert len(changes) == 7
            assert all(len(message.get("add") or message["remove"]) == 1 for message in changes)
            feed.say(feed.frame("Quote", quote(CALL, 1.0, 2.0), quote(PUT, 3.0, 4.0)))
            await until(lambda: far.quotes_of(PUT))
            assert far.quotes_of(CALL) == []

    run(work())


def test_a_symbol_dropped_and_wanted_again_at_once_is_told_again() -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.quotes()
            stream.set_symbols([CALL], [CALL])
            await stream.start()
            feed = await subscribed(far, CALL)
            feed.publish("Quote", quote(CALL, 1.0, 2.0))
            await until(lambda: far.quotes_of(CALL))
            stream.set_symbols([], [])
            stream.set_symbols([CALL], [CALL])
            await until(lambda: len(far.quotes_of(CALL)) == 2)
            stream.set_symbols([], [])
            await until(lambda: feed.subscribed["Quote"] == set())
            far.server.market["Quote"][CALL] = quote(CALL, 5.0, 6.0)
            stream.set_symbols([CALL], [])
            await until(lambda: len(far.quotes_of(CALL)) == 3)
            assert far.quotes_of(CALL)[-1].bid == Decimal(5)

    run(work())


ODD: dict[str, Callable[[FeedSocket], None]] = {
    "cut JSON": lambda feed: feed.say_text('{"type":"FEED_DATA","channel":7,"data":["Quote",["SP'),
    "HTML": lambda feed: feed.say_text("<html>"),
    "bytes": lambda feed: feed.say_bytes(b"\x00"),
    "a list": lambda feed: feed.say([1]),
    "a type nobody knows": lambda feed: feed.say({"type": "NOVEL", "channel": 0}),
    "no type": lambda feed: feed.say({"channel": 0}),
    "a type that is no word": lambda feed: feed.say({"type": ["FEED_DATA"]}),
    "data of null": lambda feed: feed.say({"type": "FEED_DATA", "channel": 7, "data": None}),
    "no data": lambda feed: feed.say({"type": "FEED_DATA", "channel": 7}),
    "a kind without values": lambda feed: feed.say({"type": "FEED_DATA", "channel": 7, "data": ["Quote"]}),
    "values that are no list": lambda feed: feed.say({"type": "FEED_DATA", "channel": 7, "data": ["Quote", 5]}),
    "half an event": lambda feed: feed.say({"type": "FEED_DATA", "channel": 7, "data": ["Quote", [CALL, 0, 1]]}),
    "a symbol that is a number": lambda feed: feed.say(feed.frame("Quote", {**quote(CALL, 1, 2), "eventSymbol": 5})),
    "an event that is a number": lambda feed: feed.say({"type": "FEED_DATA", "channel": 7, "data": [5]}),
    "an event without its kind": lambda feed: feed.say(
        {"type": "FEED_DATA", "channel": 7, "data": [quote(CALL, 1, 2)]}
    ),
    "fields of an unasked kind": lambda feed: feed.say({"type": "FEED_DATA", "channel": 3, "data": ["Greeks", [1]]}),
    "a channel nobody asked for": lambda feed: feed.say({"type": "CHANNEL_OPENED", "channel": 99}),
    "a channel closed that is not open": lambda feed: feed.say({"type": "CHANNEL_CLOSED", "channel": 99}),
    "an informational error": lambda feed: feed.say({"type": "ERROR", "channel": 7, "error": "BAD_ACTION"}),
    "an odd state": lambda feed: feed.say({"type": "AUTH_STATE", "channel": 0, "state": "MAYBE"}),
}


@pytest.mark.parametrize("name", ODD)
def test_one_odd_message_is_set_aside_and_the_stream_stands(name: str) -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.quotes()
            stream.set_symbols([CALL], [])
            await stream.start()
            feed = await subscribed(far, CALL)
            ODD[name](feed)
            feed.publish("Quote", quote(CALL, 1.0, 2.0))
            await until(lambda: far.quotes_of(CALL))
            assert len(far.odd) == 1, far.odd
            assert far.stream_facts == [UP]

    run(work())


QUIET: dict[str, Callable[[FeedSocket], None]] = {
    "authorised again": lambda feed: feed.say({"type": "AUTH_STATE", "channel": 0, "state": "AUTHORIZED"}),
    "a kind of no interest": lambda feed: feed.say({"type": "FEED_DATA", "channel": 7, "data": ["Profile", [1, 2]]}),
    "an empty frame": lambda feed: feed.say({"type": "FEED_DATA", "channel": 7, "data": []}),
    "a symbol nobody wants": lambda feed: feed.say(feed.frame("Quote", quote("XYZ", 1, 2))),
    "fields of no use": lambda feed: feed.say({"type": "FEED_CONFIG", "channel": 7, "eventFields": {"Quote": 5}}),
    "a keep-alive": lambda feed: feed.say({"type": "KEEPALIVE", "channel": 0}),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_concerns_nobody_is_passed_over(name: str) -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.quotes()
            stream.set_symbols([CALL], [])
            await stream.start()
            feed = await subscribed(far, CALL)
            QUIET[name](feed)
            feed.publish("Quote", quote(CALL, 1.0, 2.0))
            await until(lambda: far.quotes_of(CALL))
            assert len(far.facts) == 2

    run(work())


CUTS: dict[str, Callable[[FeedSocket], None]] = {
    "reset": lambda feed: feed.rst(),
    "end without farewell": lambda feed: feed.fin(),
    "close 1000": lambda feed: feed.close(1000),
    "close 1008": lambda feed: feed.close(1008, "policy"),
    "close 1009": lambda feed: feed.close(1009, "too long"),
    "close 1011": lambda feed: feed.close(1011),
    "the token ended": lambda feed: feed.expire(),
    "a channel closed": lambda feed: feed.say({"type": "CHANNEL_CLOSED", "channel": 7}),
    "a fatal error": lambda feed: feed.say({"type": "ERROR", "channel": 0, "error": "TIMEOUT", "message": "late"}),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_broken_stream_comes_back_with_everything_subscribed_and_a_fresh_token(name: str) -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.quotes()
            symbols = [f".SPXW261218C{strike}" for strike in range(600)]
            stream.set_symbols(symbols, symbols[:300])
            await stream.start()
            await subscribed(far, *symbols)
            CUTS[name](far.server.feed)
            await until(lambda: len(far.stream_facts) == 3)
            assert [fact.is_up for fact in far.stream_facts] == [True, False, True]
            feed = far.server.feed
            assert all(feed.subscribed[kind] == set(symbols) for kind in KINDS), "up means: all of it"
            assert feed.subscribed["Greeks"] == set(symbols[:300])
            assert [each.auths for each in far.server.feeds] == [["quote-1"], ["quote-2"]]
            feed.publish("Quote", quote(symbols[5], 1.0, 2.0))
            await until(lambda: far.quotes_of(symbols[5]))

    run(work())


def test_what_was_known_before_a_break_is_not_told_as_new_after_it() -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.quotes()
            stream.set_symbols([CALL], [])
            await stream.start()
            feed = await subscribed(far, CALL)
            feed.publish("Quote", quote(CALL, 1.0, 2.0))
            await until(lambda: far.quotes_of(CALL))
            feed.rst()
            await until(lambda: len(far.stream_facts) == 3)
            far.server.feed.publish("Trade", {"eventSymbol": CALL, "price": 1.5})
            await until(lambda: len(far.quotes_of(CALL)) == 2)
            told = far.quotes_of(CALL)[-1]
            assert (told.bid, told.ask, told.last) == (None, None, Decimal("1.5"))

    run(work())


def test_a_frozen_peer_is_noticed_within_the_silence_limit_and_a_quiet_market_is_not() -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.quotes()
            stream.set_symbols([CALL], [])
            await stream.start()
            feed = await subscribed(far, CALL)
            await asyncio.sleep(2000)
            assert far.stream_facts == [UP]
            frozen_s = now_s()
            feed.freeze()
            await until(lambda: len(far.stream_facts) == 3)
            noticed_s = far.when(lambda fact: not fact.is_up)
            assert noticed_s is not None
            assert noticed_s - frozen_s <= far.settings.timeouts.silence_s
            assert far.server.feed.subscribed["Quote"] == {CALL}

    run(work())


def test_a_token_that_is_never_accepted_is_sent_once_per_connection_and_with_pauses() -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.quotes()
            await stream.start()
            original = far.server._answer

            def worthless(path: str, body: bytes) -> dict[str, Any]:
                answer = original(path, body)
                far.server.valid_token = "another"  # noqa: S105 - a loopback server's
                return answer

            far.server._answer = worthless  # type: ignore[method-assign]
            far.server.feed.expire()
            await asyncio.sleep(600)
            assert all(len(feed.auths) == 1 for feed in far.server.feeds)
            assert 10 < len(far.server.feeds) < 20
            assert [fact.is_up for fact in far.stream_facts] == [True, False, False]
            assert "ended" in far.stream_facts[1].reason
            assert "not accepted" in far.stream_facts[2].reason
            far.server._answer = original  # type: ignore[method-assign]
            await until(lambda: stream.is_up)

    run(work())


START_FAILURES: dict[str, tuple[Callable[[Desk], None], FailureKind]] = {
    "502 at the upgrade": (lambda far: far.server.refuse.update({"/realtime": 502}), FailureKind.OFFLINE),
    "502 for the token": (lambda far: far.server.refuse.update({"/api-quote-tokens": 502}), FailureKind.REJECTED),
    "a mute server": (lambda far: setattr(far.server, "is_mute", True), FailureKind.TIMEOUT),
    "no UNAUTHORIZED": (lambda far: setattr(far.server, "has_unauthorized", False), FailureKind.TIMEOUT),
}


@pytest.mark.parametrize("name", START_FAILURES)
def test_a_start_that_fails_says_what_happened_within_its_limit(name: str) -> None:
    spoil, kind = START_FAILURES[name]

    async def work() -> None:
        async with desk() as far:
            spoil(far)
            began_s = now_s()
            with pytest.raises(BrokerFailure) as caught:
                await far.quotes().start()
            assert caught.value.kind is kind
            assert now_s() - began_s <= far.settings.timeouts.stream_s
            assert far.facts == []

    run(work())
