"""The account stream with the SDK: what is told, in which order, and how a stream goes wrong."""

from __future__ import annotations

import asyncio
import importlib
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from httpx2.websockets import WebSocketDisconnect, WebSocketNetworkError, WebSocketUpgradeError

from execution.brokers.paper.faults import FillBehavior, OrderScript
from models.ids import new_order_id
from tests.simulators.tastytrade.stage import ACCOUNT, CONDOR, CROSSING, RESTING, SECOND, Stage, play, take

account_models = importlib.import_module("tastytrade.account")


class Wire:
    """Every frame one listener was sent."""

    def __init__(self, stage: Stage) -> None:
        self._listener = stage.sim.parts.hub.listeners[-1]
        self.frames: list[dict[str, Any]] = []
        self._send = self._listener.socket.send
        self._listener.socket.send = self._note  # type: ignore[method-assign]

    def _note(self, message: Any) -> None:
        self.frames.append(json.loads(json.dumps(message)))
        self._send(message)

    def orders(self) -> list[dict[str, Any]]:
        return [one["data"] for one in self.frames if one.get("type") == "Order"]


def test_a_filled_order_is_told_leg_by_leg_and_every_alert_is_numbered(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        async with stage.alerts(session):
            wire = Wire(stage)
            await stage.place(session, stage.limit(CROSSING))
            assert [one["status"] for one in wire.orders()] == ["Routed"]
            await stage.pass_time(1)
            told = wire.orders()
            assert [one["status"] for one in told] == ["Routed", "Live", *["Filled"] * 5]
            filled = [sum(len(leg["fills"]) > 0 for leg in one["legs"]) for one in told]
            assert filled == [0, 0, 1, 2, 3, 4, 4]
            numbers = [one["ws-sequence"] for one in wire.frames]
            assert numbers == list(range(1, len(numbers) + 1))
            kinds = {one["type"] for one in wire.frames}
            assert kinds == {"Order", "CurrentPosition", "AccountBalance"}
            stage.habits.staggered = False
            before = len(wire.orders())
            await stage.place(session, stage.limit(CROSSING))
            await stage.pass_time(1)
            assert [one["status"] for one in wire.orders()[before:]] == ["Routed", "Live", "Filled"]

    play(tmp_path, scenario)


def test_alerts_of_a_new_order_may_come_behind_its_answer_and_legs_far_apart(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        stage.habits.alerts_first, stage.habits.leg_gap_s, stage.habits.tells_in_flight = False, 1.0, True
        async with stage.alerts(session):
            wire = Wire(stage)
            await stage.place(session, stage.limit(CROSSING))
            await stage.pass_time(0.5)
            told = wire.orders()
            assert [one["status"] for one in told] == ["Routed", "In Flight", "Live", "Filled", "Filled"]
            assert [len(leg["fills"]) for leg in told[-1]["legs"]] == [1, 0, 0, 0]
            await stage.pass_time(4)
            assert [len(leg["fills"]) for leg in wire.orders()[-1]["legs"]] == [1, 1, 1, 1]

    play(tmp_path, scenario)


def test_copies_disorder_and_batches(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        async with stage.alerts(session):
            wire = Wire(stage)
            stage.habits.copies, stage.habits.disorder_seed = 2, 3
            await stage.place(session, stage.limit(CROSSING))
            await stage.pass_time(1)
            numbers = [one["ws-sequence"] for one in wire.frames]
            assert sorted(numbers) != numbers
            assert all(numbers.count(one) == 2 for one in numbers)
            wire.frames.clear()
            stage.habits.copies, stage.habits.disorder_seed, stage.habits.batches = 1, None, True
            await stage.place(session, stage.limit(CROSSING))
            await stage.pass_time(1)
            batches = [one["results"] for one in wire.frames if "results" in one]
            assert batches
            assert all(len(one) > 1 for one in batches)

    play(tmp_path, scenario)


def test_empty_and_reversed_fills(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session, own = stage.session(), new_order_id()
        stage.habits.late_empty_fills = True
        stage.faults.for_order(own, OrderScript(fills=FillBehavior.IMMEDIATE, reversed_events=True))
        async with stage.alerts(session):
            wire = Wire(stage)
            await stage.place(session, stage.limit(RESTING, order_id=own))
            await stage.pass_time(1)
            filled = [one for one in wire.orders() if one["status"] == "Filled"]
            assert [len(leg["fills"]) for leg in filled[0]["legs"]] == [0] * 4
            assert [len(leg["fills"]) for leg in filled[-1]["legs"]] == [1] * 4

    play(tmp_path, scenario)


def test_lost_alerts_leave_a_gap_in_the_numbers(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        async with stage.alerts(session):
            wire = Wire(stage)
            stage.sim.lose_alerts(2)
            await stage.place(session, stage.limit(RESTING))
            await stage.pass_time(0.5)
            stage.sim.place_foreign(CONDOR, -RESTING)
            assert [one["ws-sequence"] for one in wire.frames] == [3]

    play(tmp_path, scenario)


def test_each_hears_of_its_accounts_only(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        async with stage.alerts(session, (SECOND,)) as alerts:
            await stage.place(session, stage.limit(RESTING))
            await stage.place(session, stage.limit(RESTING), SECOND)
            (order,) = await take(alerts, stage.order.PlacedOrder, 1)
            assert order.account_number == SECOND
            stage.sim.place_foreign(CONDOR, -RESTING, account_id=SECOND)
            (order,) = await take(alerts, stage.order.PlacedOrder, 1)
            assert order.source == "WB2;0.174.2"

    play(tmp_path, scenario)


def test_a_position_that_is_gone_is_told_with_a_quantity_of_zero(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        put = (CONDOR[0],)
        async with stage.alerts(session) as alerts:
            await stage.place(session, stage.limit(Decimal("-400.00"), put))
            await stage.pass_time(2)
            (held,) = await take(alerts, account_models.CurrentPosition, 1)
            assert (held.quantity, held.quantity_direction) == (2, "Long")
            stage.sim.place_foreign([type(put[0])(put[0].contract, put[0].action.opposite, 2)], Decimal("-1.00"))
            await stage.pass_time(2)
            (gone,) = await take(alerts, account_models.CurrentPosition, 1)
            assert (gone.quantity, gone.quantity_direction) == (0, "Zero")
            assert await take(alerts, account_models.AccountBalance, 1)

    play(tmp_path, scenario)


def test_a_connect_may_be_refused_without_saying_which_request(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        stage.habits.refuse_connect, stage.habits.refusal_has_request_id = "failed", True
        with pytest.raises(ExceptionGroup) as caught:
            async with stage.alerts(session):
                pass
        assert "failed" in repr(caught.value.exceptions)
        stage.habits.refusal_has_request_id = False
        streamer = stage.lib.AlertStreamer(session)
        streamer.base_url = stage.sim.alerts_url
        async with streamer:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await streamer.subscribe_accounts([await stage.account(session)])

    play(tmp_path, scenario)


def test_other_subscriptions_need_a_connect_first(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        stage.habits.refusal_has_request_id = True
        with pytest.raises(ExceptionGroup) as caught:
            async with stage.alerts(session, ()) as alerts:
                await alerts.subscribe_quote_alerts()
        assert "subscribe_accounts" in repr(caught.value.exceptions)
        async with stage.alerts(session) as alerts:
            await alerts.subscribe_quote_alerts()
            streamer = importlib.import_module("tastytrade.streamer")
            await alerts._subscribe(streamer.SubscriptionType.HEARTBEAT)
            assert stage.sim.parts.hub.listeners[0].heartbeats == 1
        connects = [one for one in stage.messages() if one["action"] == "connect"]
        assert connects[-1]["value"] == [ACCOUNT]

    play(tmp_path, scenario)


def test_one_account_as_bare_text_and_a_bare_token_are_taken(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        async with stage.alerts(session, ()) as alerts:
            await session.refresh()
            message = {"auth-token": session.session_token, "action": "connect", "value": ACCOUNT, "request-id": 9}
            await alerts._websocket.send_json(message)
            await stage.until(lambda: stage.sim.parts.hub.listeners[0].accounts == {ACCOUNT})

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (lambda sim: sim.drop_sockets("alerts"), WebSocketNetworkError),
        (lambda sim: sim.drop_sockets("alerts", hard=False), WebSocketNetworkError),
        (lambda sim: sim.drop_sockets("alerts", code=1011), WebSocketDisconnect),
        (lambda sim: sim.cut_link(), WebSocketNetworkError),
        (lambda sim: sim.send_odd(), ValueError),
        (lambda sim: sim.send_text("<html>"), ValueError),
    ],
)
def test_a_stream_ends_in_every_way(tmp_path: Path, end: Any, error: type[Exception]) -> None:
    async def scenario(stage: Stage) -> None:
        async def connect() -> None:
            async with asyncio.timeout(5), stage.alerts(stage.session()):
                end(stage.sim)
                await asyncio.sleep(4)

        with pytest.raises(ExceptionGroup) as caught:
            await connect()
        assert caught.value.subgroup(error) is not None

    play(tmp_path, scenario)


def test_a_silent_client_is_said_goodbye_to(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.idle_alerts_s = 0.1
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(5), stage.alerts(stage.session()):
                await asyncio.sleep(4)
        assert caught.value.subgroup(WebSocketDisconnect) is not None
        stage.habits.idle_alerts_s = None

    play(tmp_path, scenario)


def test_an_upgrade_may_be_answered_with_html(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.upgrade_status = 502
        with pytest.raises(WebSocketUpgradeError):
            async with stage.alerts(stage.session()):
                pass

    play(tmp_path, scenario)


def test_a_frozen_stream_says_nothing_more(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        async with stage.alerts(session) as alerts:
            stage.sim.freeze_sockets("alerts")
            await stage.place(session, stage.limit(RESTING))
            with pytest.raises(TimeoutError):
                await take(alerts, stage.order.PlacedOrder, 1, timeout_s=0.2)
            assert stage.sim.peers

    play(tmp_path, scenario)


def test_balances_are_told_as_often_as_wanted(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        async with stage.alerts(session) as alerts:
            await stage.place(session, stage.limit(Decimal("-400.00"), CONDOR[:1]))
            await stage.pass_time(2)
            stage.habits.balance_every_s = 2.0
            for level in ("6990", "6980", "6970", "6960"):
                stage.hand.set_level("SPX", level)
                await stage.pass_time(1)
            first, *later = await take(alerts, account_models.AccountBalance, 3)
            assert all(one.net_liquidating_value > first.net_liquidating_value for one in later)
            assert later[1].updated_at - later[0].updated_at >= timedelta(seconds=2)

    play(tmp_path, scenario)


def test_a_message_with_a_token_that_has_ended_is_refused(tmp_path: Path) -> None:
    streamer = importlib.import_module("tastytrade.streamer")

    async def scenario(stage: Stage) -> None:
        stage.habits.refusal_has_request_id = True
        session = stage.session()

        async def beats() -> None:
            async with stage.alerts(session) as alerts:
                stage.sim.expire_tokens()
                await alerts._subscribe(streamer.SubscriptionType.HEARTBEAT)

        with pytest.raises(ExceptionGroup) as caught:
            await beats()
        assert "failed" in repr(caught.value.exceptions)
        await session.refresh(force=True)
        async with stage.alerts(session) as alerts:
            await alerts._subscribe(streamer.SubscriptionType.HEARTBEAT)

    play(tmp_path, scenario)


def test_the_same_story_is_told_in_the_same_words(tmp_path: Path) -> None:
    stories: list[list[dict[str, Any]]] = []
    own = new_order_id()

    async def scenario(stage: Stage) -> None:
        session = stage.session()
        stage.habits.disorder_seed = 5
        async with stage.alerts(session):
            wire = Wire(stage)
            await stage.place(session, stage.limit(CROSSING, order_id=own))
            await stage.pass_time(1)
            stories.append(wire.frames)

    for folder in ("first", "second"):
        play(tmp_path / folder, scenario)
    assert stories[0] == stories[1]
