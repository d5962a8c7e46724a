"""DXLink with the SDK, and with bare messages as the JavaScript client sends them."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from httpx2.websockets import WebSocketDisconnect, WebSocketNetworkError
from tastytrade.utils import TastytradeError

from execution.brokers.paper.synthetic import SyntheticMarket
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.paper.fake_market import spxw
from tests.simulators.tastytrade.stage import Stage, play, take

feed = importlib.import_module("tastytrade.dxfeed")
PUT = ".SPXW261218P6800"


class Raw:
    """Speaks messages."""

    def __init__(self, socket: Any, token: str) -> None:
        self.socket, self.token = socket, token

    async def send(self, kind: str, channel: int = 0, **more: Any) -> None:
        await self.socket.send_json({"type": kind, "channel": channel} | more)

    async def next(self, *kinds: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while True:
                message: dict[str, Any] = await self.socket.receive_json()
                if not kinds or message["type"] in kinds:
                    return message

    async def log_in(self) -> None:
        """As the JavaScript client does: AUTH right behind SETUP."""
        await self.send("SETUP", keepaliveTimeout=60, acceptKeepaliveTimeout=60, version="0.1-DXF-JS/0.3.0")
        await self.send("AUTH", token=self.token)
        while (await self.next("AUTH_STATE"))["state"] != "AUTHORIZED":
            pass

    async def open(self, channel: int, **setup: Any) -> None:
        await self.send("CHANNEL_REQUEST", channel, service="FEED", parameters={"contract": "AUTO"})
        assert (await self.next("CHANNEL_OPENED"))["channel"] == channel
        await self.send("FEED_SETUP", channel, **setup)
        await self.next("FEED_CONFIG")


@asynccontextmanager
async def raw(stage: Stage, *, logged_in: bool = True) -> AsyncIterator[Raw]:
    _, answer = await stage.ask("GET", "/api-quote-tokens")
    data = answer["data"]
    async with (
        httpx2.AsyncClient(trust_env=False) as client,
        client.websocket(data["dxlink-url"], max_message_size_bytes=8 << 20) as socket,
    ):
        one = Raw(socket, data["token"])
        if logged_in:
            await one.log_in()
        yield one


def test_a_client_that_names_no_fields_is_told_them_before_its_first_data(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with raw(stage) as dx:
            await dx.open(1, acceptAggregationPeriod=0.1, acceptDataFormat="COMPACT")
            add = [
                {"symbol": PUT, "type": "Quote"},
                {"symbol": PUT, "type": "Trade"},
                {"symbol": "SPX", "type": "Trade"},
            ]
            await dx.send("FEED_SUBSCRIPTION", 1, add=add)
            names: dict[str, list[str]] = {}
            seen: dict[str, list[Any]] = {}
            while set(seen) != {"Quote", "Trade"}:
                message = await dx.next()
                if message["type"] == "FEED_CONFIG":
                    names |= message["eventFields"]
                else:
                    kind, values = message["data"]
                    assert len(values) % len(names[kind]) == 0
                    seen[kind] = values
            quote = dict(zip(names["Quote"], seen["Quote"], strict=True))
            assert (quote["eventType"], quote["eventSymbol"]) == ("Quote", PUT)
            trade = dict(zip(names["Trade"], seen["Trade"], strict=True))
            assert (trade["eventSymbol"], trade["price"], trade["size"]) == ("SPX", 7000.0, "NaN")

    play(tmp_path, scenario)


def test_values_stand_in_the_order_asked_for_or_under_their_names(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        fields = {"Quote": ["askPrice", "eventSymbol", "bidPrice", "nonsense"]}
        async with raw(stage) as dx:
            await dx.open(7, acceptDataFormat="COMPACT", acceptEventFields=fields)
            await dx.send("FEED_SUBSCRIPTION", 7, add=[{"symbol": PUT, "type": "Quote"}])
            kind, values = (await dx.next("FEED_DATA"))["data"]
            assert kind == "Quote"
            assert values[1] == PUT
            assert values[0] > values[2]
            assert values[3] == "NaN"
            await dx.open(9, acceptDataFormat="FULL", acceptEventFields=fields)
            await dx.send("FEED_SUBSCRIPTION", 9, add=[{"symbol": PUT, "type": "Quote"}])
            (row,) = (await dx.next("FEED_DATA"))["data"]
            assert row["eventType"] == "Quote"
            assert row["askPrice"] == values[0]

    play(tmp_path, scenario)


def test_a_bid_of_nothing_is_the_text_nan_and_the_sdk_drops_the_quote(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.hand.set_quote(spxw(6800, "P"), "0", "0.05")
        async with raw(stage) as dx:
            await dx.open(7, acceptEventFields={"Quote": ["bidPrice", "askPrice", "bidSize"]})
            await dx.send("FEED_SUBSCRIPTION", 7, add=[{"symbol": PUT, "type": "Quote"}])
            assert (await dx.next("FEED_DATA"))["data"] == ["Quote", ["NaN", 0.05, "NaN"]]
        async with stage.quotes(stage.session()) as dx:
            await dx.subscribe(feed.Quote, [PUT])
            with pytest.raises(TimeoutError):
                await take(dx, feed.Quote, 1, timeout_s=0.2)

    play(tmp_path, scenario)


def test_every_event_of_the_sdk_can_be_read(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.quotes(stage.session()) as dx:
            for kind, symbol in (
                (feed.Quote, "/ESZ26:XCME"),
                (feed.Trade, "SPX"),
                (feed.Greeks, PUT),
                (feed.Summary, "AAPL"),
                (feed.Profile, "AAPL"),
            ):
                await dx.subscribe(kind, [symbol])
                (event,) = await take(dx, kind, 1)
                assert event.event_symbol == symbol
            assert event.beta == Decimal("1.1")
            await dx.subscribe_candle(["SPX"], "5m")
            (candle,) = await take(dx, feed.Candle, 1)
            assert candle.event_symbol == "SPX{=5m,tho=true}"
            assert candle.close == 7000

    play(tmp_path, scenario)


def test_options_on_futures_are_found_by_their_streamer_symbols(tmp_path: Path) -> None:
    instruments = importlib.import_module("tastytrade.instruments")

    async def scenario(stage: Stage) -> None:
        session = stage.session()
        chain = await instruments.NestedFutureOptionChain.get(session, "ES")
        strikes = chain.option_chains[0].expirations[2].strikes
        symbol = strikes[len(strikes) // 2].put_streamer_symbol
        await stage.sim.stop()  # a new run has handed out no symbol yet
        await stage.sim.start()
        async with stage.quotes(session := stage.session()) as dx:
            await dx.subscribe(feed.Quote, [symbol])
            assert (await take(dx, feed.Quote, 1))[0].event_symbol == symbol

    play(tmp_path, scenario, market=SyntheticMarket(seed=7, start_utc=START))


def test_what_was_unsubscribed_comes_no_more_and_a_channel_can_be_opened_again(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.quotes(stage.session()) as dx:
            await dx.subscribe(feed.Quote, ["SPX", "AAPL"])
            await take(dx, feed.Quote, 2)
            await dx.unsubscribe(feed.Quote, ["SPX"])
            await stage.until(lambda: "remove" in stage.messages("/realtime")[-1])
            for symbol, level in (("SPX", "6900"), ("AAPL", "250")):
                stage.hand.set_level(symbol, level)
            await stage.pass_time(0.25)
            assert [one.event_symbol for one in await take(dx, feed.Quote, 1)] == ["AAPL"]
            await dx.unsubscribe_all(feed.Quote)
            await stage.until(lambda: stage.messages("/realtime")[-1]["type"] == "CHANNEL_CANCEL")
            await dx.subscribe(feed.Quote, ["SPX"])
            assert [one.event_symbol for one in await take(dx, feed.Quote, 1)] == ["SPX"]

    play(tmp_path, scenario)


def test_nothing_is_sent_that_did_not_change_nor_faster_than_asked(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.quotes(stage.session()) as dx:
            await dx.subscribe(feed.Quote, ["SPX"], refresh_interval=1.0)
            await take(dx, feed.Quote, 1)
            sent = stage.sim.parts.dxlink.sent
            await stage.pass_time(2)
            assert stage.sim.parts.dxlink.sent == sent
            for level in range(6900, 6908):
                stage.hand.set_level("SPX", str(level))
                await stage.pass_time(0.25)
            assert stage.sim.parts.dxlink.sent == sent + 2

    play(tmp_path, scenario)


def test_silent_symbols_unknown_ones_and_vix_have_no_quotes(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.silent = {"AAPL"}
        async with stage.quotes(stage.session()) as dx:
            await dx.subscribe(feed.Quote, ["AAPL", "NOPE", "VIX", "/NOPE", ".X"])
            await dx.subscribe(feed.Trade, ["VIX"])
            assert (await take(dx, feed.Trade, 1))[0].price == 17
            assert dx.get_event_nowait(feed.Quote) is None

    play(tmp_path, scenario)


def test_auth_before_setup_or_with_a_wrong_token_is_refused(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.strict_handshake = True

        async def too_early() -> None:
            async with raw(stage, logged_in=False) as dx:
                await dx.send("AUTH", token=dx.token)
                assert (await dx.next())["error"] == "BAD_ACTION"
                await dx.next()

        with pytest.raises(ExceptionGroup) as caught:
            await too_early()
        assert caught.value.subgroup(WebSocketDisconnect) is not None
        async with raw(stage, logged_in=False) as dx:
            await dx.send("SETUP", keepaliveTimeout=60, acceptKeepaliveTimeout=60, version="1")
            assert (await dx.next("AUTH_STATE"))["state"] == "UNAUTHORIZED"
            await dx.send("AUTH", token=dx.token[::-1])
            assert (await dx.next("AUTH_STATE"))["state"] == "UNAUTHORIZED"

        async def without_auth() -> None:
            async with raw(stage, logged_in=False) as dx:
                await dx.send("CHANNEL_REQUEST", 1, service="FEED")
                await dx.next("SETUP")

        with pytest.raises(ExceptionGroup):
            await without_auth()

    play(tmp_path, scenario)


def test_a_token_ends_and_the_sdk_insists_on_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.quote_token_life_s = 0.0
        async with raw(stage, logged_in=False) as dx:
            await dx.send("SETUP", acceptKeepaliveTimeout=60)
            await dx.send("AUTH", token=dx.token)
            assert [(await dx.next("AUTH_STATE"))["state"] for _ in range(2)] == ["UNAUTHORIZED"] * 2
        stage.habits.quote_token_life_s = 60.0

        async def outlives_its_token() -> None:
            async with stage.quotes(stage.session()):
                stage.sim.expire_quote_tokens()
                await asyncio.sleep(3)

        with pytest.raises(ExceptionGroup):
            await outlives_its_token()
        assert len([one for one in stage.messages("/realtime") if one["type"] == "AUTH"]) > 40

    play(tmp_path, scenario)


def test_a_message_too_long_ends_the_connection(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.max_message_bytes = 2000

        async def long_message() -> None:
            async with stage.quotes(stage.session()) as dx:
                await dx.subscribe(feed.Quote, [f".SPXW261218P{strike}" for strike in range(6000, 6100)])
                await asyncio.sleep(3)

        with pytest.raises(Exception, match="too long"):
            await long_message()
        stage.habits.max_message_bytes, stage.habits.max_symbols_per_message = None, 10

        async def many_symbols() -> None:
            async with stage.quotes(stage.session()) as dx:
                await dx.subscribe(feed.Quote, [f".SPXW261218P{strike}" for strike in range(6000, 6100)])
                await asyncio.sleep(3)

        with pytest.raises(Exception, match="too long"):
            await many_symbols()

    play(tmp_path, scenario)


def test_a_frame_too_large_ends_it_from_the_other_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The library as it is: the desk's own client, which a test before this one may have put in, takes larger frames.
    monkeypatch.setattr(importlib.import_module("tastytrade.streamer"), "AsyncClient", httpx2.AsyncClient)

    async def scenario(stage: Stage) -> None:
        stage.habits.least_frame_bytes = 70_000

        async def large_frame() -> None:
            async with stage.quotes(stage.session()) as dx:
                await dx.subscribe(feed.Quote, [PUT])
                await asyncio.sleep(120)

        # The client says goodbye with 1009, which the SDK words as "too long"; when the server ends the connection in
        # the same moment, the end itself is what is raised.
        with pytest.raises((TastytradeError, WebSocketDisconnect, WebSocketNetworkError)):
            await large_frame()
        async with raw(stage) as own:
            await own.open(7, acceptEventFields={"Quote": ["bidPrice"]})
            await own.send("FEED_SUBSCRIPTION", 7, add=[{"symbol": PUT, "type": "Quote"}])
            assert len((await own.next("FEED_DATA"))["data"][1]) > 1000

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (lambda sim: sim.drop_sockets("quotes"), WebSocketNetworkError),
        (lambda sim: sim.drop_sockets("quotes", code=1008), WebSocketDisconnect),
        (lambda sim: sim.send_market({"type": "ERROR", "channel": 0, "error": "X", "message": "unwell"}), Exception),
        (lambda sim: sim.expire_quote_tokens(), Exception),
        (lambda sim: sim.send_text("{", "quotes"), ValueError),
    ],
)
def test_a_quote_stream_ends_in_every_way(tmp_path: Path, end: Any, error: type[Exception]) -> None:
    async def scenario(stage: Stage) -> None:
        async def ends() -> None:
            async with stage.quotes(stage.session()):
                end(stage.sim)
                await asyncio.sleep(4)

        with pytest.raises(ExceptionGroup) as caught:
            await ends()
        assert caught.value.subgroup(error) is not None

    play(tmp_path, scenario)


def test_who_is_silent_too_long_is_timed_out(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.keepalive_timeout_s = 0.1

        async def is_silent() -> None:
            async with raw(stage) as dx:
                assert (await dx.next("ERROR"))["error"] == "TIMEOUT"
                await dx.next()

        with pytest.raises(ExceptionGroup):
            await is_silent()

    play(tmp_path, scenario)


def test_keepalives_are_answered_and_what_is_unknown_is_an_error(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with raw(stage) as dx:
            await dx.send("KEEPALIVE")
            await dx.next("KEEPALIVE")
            await dx.send("FEED_SETUP", 5)
            assert (await dx.next("ERROR"))["error"] == "BAD_ACTION"
            await dx.open(5)
            await dx.send("NONSENSE", 5)
            assert (await dx.next("ERROR"))["error"] == "INVALID_MESSAGE"
            await dx.socket.send_text(json.dumps({"type": "KEEPALIVE"}))
            assert (await dx.next("ERROR"))["error"] == "INVALID_MESSAGE"

    play(tmp_path, scenario)


def test_quotes_leave_at_a_pace_when_that_is_wanted(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.paced_ticks = True
        async with stage.quotes(stage.session()) as dx:
            await dx.subscribe(feed.Quote, ["SPX", PUT])
            await take(dx, feed.Quote, 2)
            stage.hand.set_level("SPX", "6900")
            await stage.pass_time(1)
            assert dx.get_event_nowait(feed.Quote) is None
            sent = stage.sim.send_ticks(0)
            assert stage.sim.send_ticks(10) == sent + 10
            assert {one.event_symbol for one in await take(dx, feed.Quote, 10)} == {"SPX", PUT}

    play(tmp_path, scenario)
