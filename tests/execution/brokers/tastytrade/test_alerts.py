"""The account stream against the loopback server: heartbeat, faults, odd objects, gaps, planned replacement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from execution.brokers.tastytrade.facts import AlertFact, StreamFact
from execution.brokers.tastytrade.settings import TastyTimeouts
from models.errors import BrokerFailure, BugError, FailureKind
from tests.execution.brokers.tastytrade.stream_rig import ACCOUNTS, Desk, by_number, desk, now_s, run, until
from tests.execution.brokers.tastytrade.stream_server import AlertSocket

UP = StreamFact("alerts", is_up=True)


def test_start_subscribes_every_account_with_a_fresh_token_and_says_so() -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.alerts()
            await stream.start(ACCOUNTS)
            (connect,) = far.server.alert.connects
            assert (connect["value"], connect["auth-token"]) == (list(ACCOUNTS), "Bearer access-1")
            assert stream.is_up
            assert far.facts == [UP]

    run(work())


def test_alerts_come_in_their_order_alone_and_in_batches() -> None:
    async def work() -> None:
        async with desk() as far:
            await far.alerts().start(ACCOUNTS)
            peer = far.server.alert
            peer.tell("Order", {"n": 1})
            peer.say({"results": [peer.event("Order", {"n": 2}), peer.event("AccountBalance", {"n": 5})]})
            peer.tell("Unheard", {"n": 4})
            peer.tell("Order", {"n": 10})
            await until(lambda: len(far.read) == 4)
            assert far.read == ["100", "50", "20", "10"]
            assert far.stream_facts == [UP]

    run(work())


def test_an_alert_beyond_64_kib_is_read_like_any_other() -> None:
    async def work() -> None:
        async with desk() as far:
            await far.alerts().start(ACCOUNTS)
            far.server.alert.tell("Order", {"n": 1, "padding": "x" * 3_000_000})
            far.server.alert.tell("Order", {"n": 2})
            await until(lambda: len(far.read) == 2)
            assert far.stream_facts == [UP]

    run(work())


ODD: dict[str, Callable[[AlertSocket], None]] = {
    "an object without what it needs": lambda peer: peer.tell("Order", {}),
    "data that is no object": lambda peer: peer.tell("Order", [1]),
    "data of null": lambda peer: peer.tell("AccountBalance", None),
    "an object our own reading stumbles over": lambda peer: peer.tell("Order", {"n": 0}),
    "a number where a word is": lambda peer: peer.say({"type": 17, "data": {}}),
    "a list": lambda peer: peer.say([1, 2]),
    "a bare number": lambda peer: peer.say(17),
    "null": lambda peer: peer.say_text("null"),
    "cut JSON": lambda peer: peer.say_text('{"type":"Order","data":{"n":'),
    "HTML": lambda peer: peer.say_text("<html>502</html>"),
    "an empty text": lambda peer: peer.say_text(""),
    "deep nesting": lambda peer: peer.say_text("[" * 200_000),
    "bytes": lambda peer: peer.say_bytes(b"\x00\x01"),
    "results that are no list": lambda peer: peer.say({"results": 5}),
    "a batch in a batch": lambda peer: peer.say({"results": [{"results": []}]}),
    "an answer without a number": lambda peer: peer.say({"status": "ok", "action": "heartbeat"}),
    "an answer with an odd number": lambda peer: peer.say({"status": "ok", "request-id": "one"}),
    "an odd sequence": lambda peer: peer.say({"type": "Order", "data": {}, "ws-sequence": "x"}),
}


@pytest.mark.parametrize("name", ODD)
def test_one_odd_object_is_set_aside_and_the_stream_stands(name: str) -> None:
    async def work() -> None:
        async with desk() as far:
            await far.alerts().start(ACCOUNTS)
            peer = far.server.alert
            peer.tell("Order", {"n": 1})
            ODD[name](peer)
            peer.tell("Order", {"n": 2})
            await until(lambda: len(far.read) == 2)
            assert len(far.odd) == (0 if name == "null" else 1), far.odd
            assert far.stream_facts == [UP]
            assert len(far.server.alerts) == 1

    run(work())


def test_an_unknown_answer_to_nothing_we_asked_is_passed_over() -> None:
    async def work() -> None:
        async with desk() as far:
            await far.alerts().start(ACCOUNTS)
            far.server.alert.say({"status": "ok", "action": "heartbeat", "request-id": 9999})
            far.server.alert.tell("Order", {"n": 1})
            await until(lambda: far.read)
            assert far.facts[0] == UP
            assert not far.odd

    run(work())


def test_a_refusal_without_a_number_fails_the_start_at_once_and_with_its_reason() -> None:
    async def work() -> None:
        async with desk() as far:
            reply = {"status": "error", "action": "connect", "web-socket-session-id": "1", "message": "failed"}
            far.server.connect_reply = reply
            began_s = now_s()
            with pytest.raises(BrokerFailure) as caught:
                await far.alerts().start(ACCOUNTS)
            assert (caught.value.kind, caught.value.code) == (FailureKind.REJECTED, "failed")
            assert now_s() - began_s < 1.0
            assert far.facts == []
            await asyncio.sleep(600)
            assert len(far.server.alerts) == 1, "a start that failed is not tried again"

    run(work())


START_FAILURES: dict[str, tuple[Callable[[Desk], None], FailureKind]] = {
    "502 at the upgrade": (lambda far: far.server.refuse.update({"/streamer": 502}), FailureKind.OFFLINE),
    "401 at the upgrade": (lambda far: far.server.refuse.update({"/streamer": 401}), FailureKind.AUTH),
    "429 at the upgrade": (lambda far: far.server.refuse.update({"/streamer": 429}), FailureKind.RATE_LIMIT),
    "a mute server": (lambda far: setattr(far.server, "is_mute", True), FailureKind.TIMEOUT),
}


@pytest.mark.parametrize("name", START_FAILURES)
def test_a_start_that_fails_says_what_happened_within_its_limit(name: str) -> None:
    spoil, kind = START_FAILURES[name]

    async def work() -> None:
        async with desk() as far:
            spoil(far)
            began_s = now_s()
            with pytest.raises(BrokerFailure) as caught:
                await far.alerts().start(ACCOUNTS)
            assert caught.value.kind is kind
            assert now_s() - began_s <= far.settings.timeouts.stream_s
            assert far.facts == []

    run(work())


def test_nobody_listening_fails_the_start_as_offline() -> None:
    async def work() -> None:
        async with desk() as far:
            await far.server.stop()
            with pytest.raises(BrokerFailure) as caught:
                await far.alerts().start(ACCOUNTS)
            assert caught.value.kind is FailureKind.OFFLINE

    run(work())


CUTS: dict[str, Callable[[AlertSocket], None]] = {
    "reset": lambda peer: peer.rst(),
    "end without farewell": lambda peer: peer.fin(),
    "close 1000": lambda peer: peer.close(1000, "Bye"),
    "close 1008": lambda peer: peer.close(1008, "policy"),
    "close 1011": lambda peer: peer.close(1011),
    "a refusal out of the blue": lambda peer: peer.say({"status": "error", "action": "heartbeat", "message": "no"}),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_broken_stream_is_told_once_and_comes_back_subscribed(name: str) -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.alerts()
            await stream.start(ACCOUNTS)
            CUTS[name](far.server.alert)
            await until(lambda: len(far.stream_facts) == 3)
            down, up = far.stream_facts[1:]
            assert (down.is_up, up) == (False, UP)
            assert down.reason
            assert far.server.alert.connects[0]["value"] == list(ACCOUNTS)
            far.server.alert.tell("Order", {"n": 4})
            await until(lambda: far.read == ["25"])
            assert len(far.server.alerts) == 2

    run(work())


def test_a_frozen_peer_is_noticed_within_the_silence_limit() -> None:
    async def work() -> None:
        async with desk() as far:
            await far.alerts().start(ACCOUNTS)
            await asyncio.sleep(100)
            assert far.stream_facts == [UP]
            frozen_s = now_s()
            far.server.alert.freeze()
            await until(lambda: len(far.stream_facts) == 3)
            noticed_s = far.when(lambda fact: not fact.is_up)
            assert noticed_s is not None
            assert noticed_s - frozen_s <= far.settings.timeouts.silence_s

    run(work())


def test_heartbeats_go_out_every_20_s_with_a_fresh_token() -> None:
    async def work() -> None:
        async with desk() as far:
            await far.alerts().start(ACCOUNTS)
            await asyncio.sleep(90)
            assert len(far.server.alert.heartbeats) == 4
            far.session.session_expiration = 0.0
            await asyncio.sleep(20)
            assert far.server.alert.heartbeats[-1]["auth-token"] == "Bearer access-2"
            assert far.stream_facts == [UP]

    run(work())


def test_a_login_server_that_is_down_costs_a_heartbeat_but_not_a_stream_that_speaks() -> None:
    async def work() -> None:
        async with desk() as far:
            await far.alerts().start(ACCOUNTS)
            far.server.refuse["/oauth/token"] = 502
            far.session.session_expiration = 0.0
            for number in range(1, 11):
                await asyncio.sleep(20)
                far.server.alert.tell("Order", {"n": number})
            assert far.server.alert.heartbeats == []
            del far.server.refuse["/oauth/token"]
            await asyncio.sleep(30)
            assert far.server.alert.heartbeats
            assert far.stream_facts == [UP]

    run(work())


def test_a_number_left_out_is_told_as_a_gap_and_repeats_are_none() -> None:
    async def work() -> None:
        async with desk() as far:
            await far.alerts().start(ACCOUNTS)
            peer = far.server.alert
            peer.sequence = 6
            peer.tell("Order", {"n": 1})
            peer.sequence = 9
            peer.tell("Order", {"n": 2})
            peer.sequence = 7
            peer.tell("Order", {"n": 4})
            peer.sequence = 9
            peer.tell("Order", {"n": 5})
            peer.tell("Order", {"n": 10})
            await until(lambda: len(far.read) == 5)
            (gap,) = far.stream_facts[1:]
            assert (gap.is_up, gap.is_gap) == (True, True)
            assert "2 messages" in gap.reason

    run(work())


def test_a_new_connection_counts_anew_without_a_gap() -> None:
    async def work() -> None:
        async with desk() as far:
            await far.alerts().start(ACCOUNTS)
            for number in (1, 2, 4):
                far.server.alert.tell("Order", {"n": number})
            await until(lambda: len(far.read) == 3)
            far.server.alert.rst()
            await until(lambda: len(far.stream_facts) == 3)
            far.server.alert.sequence = 40
            far.server.alert.tell("Order", {"n": 5})
            await until(lambda: len(far.read) == 4)
            assert not any(fact.is_gap for fact in far.stream_facts)

    run(work())


def test_the_planned_replacement_misses_no_alert_and_tells_nothing() -> None:
    async def work() -> None:
        async with desk(recycle_every_s=90.0) as far:
            await far.alerts().start(ACCOUNTS)
            sent = 0
            while len(far.server.alerts) < 4:
                sent += 1
                for peer in far.server.alerts:
                    if not peer.is_gone and peer.connects:
                        peer.tell("Order", {"n": 1, "is": sent})
                await asyncio.sleep(0.5)
            await asyncio.sleep(5)
            assert far.stream_facts == [UP]
            assert len(far.read) >= sent
            assert [peer.is_gone for peer in far.server.alerts] == [True, True, True, False]
            assert [peer.closed is not None for peer in far.server.alerts[:3]] == [True, True, True]

    run(work())


def test_an_alert_still_on_its_way_on_the_old_connection_arrives() -> None:
    async def work() -> None:
        async with desk(recycle_every_s=60.0) as far:
            await far.alerts().start(ACCOUNTS)
            old = far.server.alert
            await until(lambda: len(far.server.alerts) == 2 and far.server.alert.connects)
            await asyncio.sleep(1)
            old.tell("Order", {"n": 4})
            await asyncio.sleep(5)
            assert far.read == ["25"]
            assert old.is_gone

    run(work())


def test_a_replacement_that_fails_leaves_the_old_stream_standing_and_is_tried_again() -> None:
    async def work() -> None:
        async with desk(recycle_every_s=60.0) as far:
            await far.alerts().start(ACCOUNTS)
            far.server.refuse["/streamer"] = 502
            await asyncio.sleep(200)
            far.server.alert.tell("Order", {"n": 1})
            await until(lambda: far.read)
            assert len(far.server.alerts) == 1
            del far.server.refuse["/streamer"]
            await until(lambda: len(far.server.alerts) == 2)
            await asyncio.sleep(5)
            assert far.server.alerts[0].is_gone
            assert far.stream_facts == [UP]

    run(work())


def test_a_stream_that_breaks_while_its_replacement_comes_up_is_told_as_a_break() -> None:
    async def work() -> None:
        async with desk(recycle_every_s=60.0, heartbeat_every_s=30.0) as far:
            await far.alerts().start(ACCOUNTS)
            far.server.is_mute = True
            await until(lambda: len(far.server.alerts) == 2 and far.server.alert.connects)
            far.server.alerts[0].rst()
            await until(lambda: len(far.stream_facts) == 2)
            far.server.is_mute = False
            far.server.alert.answer(far.server.alert.connects[0])
            await until(lambda: len(far.stream_facts) == 3)
            assert [fact.is_up for fact in far.stream_facts] == [True, False, True]
            far.server.alert.tell("Order", {"n": 1})
            await until(lambda: far.read)

    run(work())


def test_streams_are_replaced_before_their_token_ends() -> None:
    assert TastyTimeouts().recycle_every_s < 24 * 3600
    assert TastyTimeouts().silence_s <= 75


def test_after_stop_no_fact_comes() -> None:
    async def work() -> None:
        async with desk() as far:
            stream = far.alerts()
            await stream.start(ACCOUNTS)
            far.server.alert.tell("Order", {"n": 1})
            await stream.stop()
            heard = list(far.facts)
            await asyncio.sleep(100)
            assert far.facts == heard
            assert not stream.is_up
            assert len(far.server.alerts) == 1
            with pytest.raises(BugError):
                await stream.start(ACCOUNTS)

    run(work())


def test_stop_in_the_middle_of_coming_up_ends_everything() -> None:
    async def work() -> None:
        async with desk() as far:
            far.server.is_mute = True
            stream = far.alerts()
            starting = asyncio.create_task(stream.start(ACCOUNTS))
            await until(lambda: far.server.alerts and far.server.alert.connects)
            starting.cancel()
            await asyncio.wait({starting})
            assert far.server.alert.is_gone or await _gone(far.server.alert)
            await stream.stop()

    run(work())


async def _gone(peer: AlertSocket) -> bool:
    await until(lambda: peer.is_gone)
    return True


def test_a_listener_that_fails_does_not_end_the_watch() -> None:
    async def work() -> None:
        async with desk() as far:
            failing: list[Any] = ["once"]

            def parse(kind: str, data: object) -> AlertFact | None:
                return by_number(kind, data)

            stream = far.alerts(parse)
            heard = far.take

            def fails_once(fact: AlertFact) -> None:
                if failing and not isinstance(fact, StreamFact):
                    failing.clear()
                    raise RuntimeError("listener")
                heard(fact)

            stream._sink = fails_once
            await stream.start(ACCOUNTS)
            far.server.alert.tell("Order", {"n": 1})
            await until(lambda: len(far.stream_facts) == 3)
            assert "listener" in far.stream_facts[1].reason
            far.server.alert.tell("Order", {"n": 2})
            await until(lambda: far.read == ["50"])

    run(work())
