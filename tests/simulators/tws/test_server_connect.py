"""The simulated TWS takes clients, refuses them, loses them and comes back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.paper.faults import Call, CallFault, Failure
from execution.brokers.paper.settings import PaperSettings
from tests.simulators.tws.habits import Habits
from tests.simulators.tws.requests import ReqExecutions, StartApi
from tests.simulators.tws.stage import ACCOUNT, CONDOR, SECOND, Stage, errors, of, play

_START_API = (71, 2, 31, "")


@pytest.mark.parametrize(
    ("asked", "own", "agreed"),
    [
        ("v157..176", 178, 176),
        ("v157..178", 178, 178),
        ("v100..225", 178, 178),
        ("v100..157", 178, 157),
        ("v157..178", 176, 176),
    ],
)
def test_the_lower_of_both_maxima_is_spoken(tmp_path: Path, asked: str, own: int, agreed: int) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.dial()
        answer = await client.greet(asked)
        assert answer == (str(agreed), "20261116 10:00:00 EST")

    play(tmp_path, scenario, server_version=own)


def test_the_api_starts_with_accounts_next_id_and_the_farms(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw(client_id=None)
        client.send(*_START_API)
        told = await client.sync()
        assert told[0] == ("15", "1", f"{ACCOUNT},{SECOND}")
        assert told[1] == ("9", "1", "1")
        assert errors(told) == [(-1, 2104), (-1, 2106), (-1, 2158)]

    play(tmp_path, scenario)


def test_nothing_is_answered_before_the_api_has_started(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw(client_id=None)
        client.send(61, 1)
        assert (await client.next())[:4] == ("4", "2", "-1", "504")

    play(tmp_path, scenario)


def test_the_real_library_connects_and_is_synchronised(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        assert ib.isConnected()
        assert ib.managedAccounts() == [ACCOUNT, SECOND]
        kinds = [type(request).__name__ for request in stage.sim.requests]
        assert kinds[:4] == ["StartApi", "ReqPositions", "ReqOpenOrders", "ReqCompletedOrders"]
        assert kinds[-1] == "ReqExecutions"

    play(tmp_path, scenario)


def test_a_client_id_in_use_is_refused_and_the_socket_closed(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        first = await stage.raw(31)
        second = await stage.raw(client_id=None)
        second.send(*_START_API)
        assert errors(await second.end()) == [(-1, 326)]
        await first.hang_up()
        third = await stage.raw(31)
        assert errors(await third.sync()) == []

    play(tmp_path, scenario)


def test_an_id_stays_taken_a_while_after_a_socket_died(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.id_held_s = 5
        await stage.raw(31)
        stage.sim.cut_link()
        stage.sim.mend_link()
        again = await stage.raw(client_id=None)
        again.send(*_START_API)
        assert errors(await again.end()) == [(-1, 326)]
        stage.clock.advance(timedelta(seconds=6))
        assert errors(await (await stage.raw(31)).sync()) == []

    play(tmp_path, scenario)


def test_a_tws_that_is_too_old_answers_below_the_clients_range_and_closes(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.too_old = True
        client = await stage.dial()
        assert int((await client.greet("v157..176"))[0]) < 157
        assert await client.end() == []

    play(tmp_path, scenario)


def test_what_is_no_message_ends_the_connection(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        client.send("nonsense")
        assert errors(await client.end()) == [(-1, 507)]
        assert errors(await (await stage.raw()).sync()) == []

    play(tmp_path, scenario)


def test_a_cut_link_drops_clients_refuses_new_ones_and_comes_back_at_once(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        stage.sim.cut_link()
        assert await client.end() == []
        with pytest.raises(ConnectionRefusedError):
            await stage.dial()
        stage.sim.mend_link()
        assert errors(await (await stage.raw()).sync()) == []

    play(tmp_path, scenario)


def test_a_link_may_be_cut_again_before_it_is_back(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        for _ in range(3):
            stage.sim.cut_link()
            stage.sim.mend_link()
        await stage.raw()
        stage.sim.cut_link()
        stage.sim.mend_link()
        stage.sim.cut_link()
        assert stage.sim._listening is not None
        await stage.sim._listening
        with pytest.raises(ConnectionRefusedError):
            await stage.dial()

    play(tmp_path, scenario)


def test_a_restart_in_the_middle_of_messages_answers_none_of_them(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        stage.habits.max_messages_per_s = None
        for _ in range(200):
            client.send(16, 1)
        await asyncio.sleep(0)
        await stage.sim.stop()
        await client.end()
        await stage.sim.start()
        assert errors(await (await stage.raw()).sync()) == []

    play(tmp_path, scenario)


def test_the_link_comes_back_by_itself_where_the_settings_say_so(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.raw()
        stage.sim.cut_link()
        stage.pass_time(1)
        with pytest.raises(ConnectionRefusedError):
            await stage.dial()
        stage.pass_time(2)
        await stage.raw()

    play(tmp_path, scenario, settings=PaperSettings(manual=True, reconnect_after_s=2.0))


def test_a_script_lets_connections_fail_or_wait(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.faults.fail(Call.CONNECT, CallFault(Failure.REJECT))
        stage.faults.fail(Call.CONNECT, CallFault(Failure.DELAY, delay_s=1))
        refused, late = await stage.dial(), await stage.dial()
        with pytest.raises(EOFError):
            await refused.greet("v157..176")
        answer = asyncio.ensure_future(late.greet("v157..176"))
        other = await stage.raw()
        assert not answer.done()
        stage.pass_time(1)
        assert (await answer)[0] == "176"
        await other.sync()

    play(tmp_path, scenario)


def test_its_clock_may_be_wrong(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        assert await ib.reqCurrentTimeAsync() == stage.clock.now_utc()
        stage.habits.clock_off_s = 90
        assert await ib.reqCurrentTimeAsync() == stage.clock.now_utc() + timedelta(seconds=90)

    play(tmp_path, scenario)


def test_a_half_open_link_stands_and_is_silent_while_new_ones_work(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        deaf = await stage.raw(31)
        stage.sim.half_open()
        deaf.send(49, 1)
        other = await stage.raw(32)
        await other.sync()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(deaf.next(), 0.05)
        assert len(stage.sim.clients) == 2

    play(tmp_path, scenario)


def test_the_api_in_read_only_mode_refuses_everything_about_orders(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib(readonly=True)
        heard: list[tuple[int, int]] = []
        ib.errorEvent += lambda req_id, code, *_: heard.append((req_id, code))
        stage.habits.read_only_api = True
        trade = ib.placeOrder(stage.bag(CONDOR), stage.limit("BUY", 1, -5.0))
        ib.reqAllOpenOrdersAsync()
        await ib.reqCurrentTimeAsync()
        assert (trade.order.orderId, 321) in heard
        assert (-1, 321) in heard
        assert stage.sim.core.exchange.working == ()

    play(tmp_path, scenario)


def test_a_client_that_sends_too_fast_is_told_and_counted(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        for _ in range(150):
            client.send(8, 1, 1)
        assert errors(await client.sync()) == [(-1, 100)]
        assert stage.sim.rate_violations == 1

    play(tmp_path, scenario)


def test_the_library_itself_never_sends_too_fast(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        for _ in range(60):
            ib.client.reqIds(1)
        await ib.reqCurrentTimeAsync()
        assert stage.sim.rate_violations == 0

    play(tmp_path, scenario)


@pytest.mark.parametrize("piece", [1, 3, 7])
def test_messages_split_anywhere_are_read_whole(tmp_path: Path, piece: int) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.split_bytes = piece
        ib = await stage.ib()
        trade = ib.placeOrder(stage.bag(CONDOR), stage.limit("BUY", 1, 200.0))
        await ib.reqCurrentTimeAsync()
        stage.pass_time(1)
        await ib.reqCurrentTimeAsync()
        assert trade.orderStatus.status == "Filled"

    play(tmp_path, scenario)


def test_a_message_may_come_late_and_be_overtaken(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        stage.habits.delays_s[9] = 2.0
        client.send(8, 1, 1)
        assert of(await client.sync(), 9) == []
        stage.pass_time(1.75)
        assert of(await client.sync(), 9) == []
        stage.pass_time(0.25)
        assert of(await client.sync(), 9) == [("9", "1", "1")]

    play(tmp_path, scenario)


def test_muted_messages_and_unanswered_requests_stay_away(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        stage.habits.muted.add(62)
        stage.habits.unanswered.add(ReqExecutions)
        client.send(61, 1)
        client.send(7, 3, 5, 0, "", "", "", "", "", "")
        assert await client.sync() == []
        assert any(isinstance(request, ReqExecutions) for request in stage.sim.requests)

    play(tmp_path, scenario)


def test_notices_go_to_all_clients_or_to_one(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        one, two = await stage.raw(1), await stage.raw(2)
        stage.sim.broadcast(2103)
        stage.sim.broadcast(10197, req_id=7, client_id=2)
        assert errors(await one.sync()) == [(-1, 2103)]
        assert errors(await two.sync()) == [(-1, 2103), (7, 10197)]

    play(tmp_path, scenario)


def test_an_odd_object_reaches_every_client_and_harms_no_other_message(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        stage.faults.odd_object("orders", "status 'Quantum'")
        stage.pass_time(0.25)
        assert await ib.reqCurrentTimeAsync() is not None
        assert len(stage.complaints.lines) == 1
        assert "Quantum" in stage.complaints.lines[0]

    play(tmp_path, scenario, may_complain=True)


def test_a_restart_keeps_port_orders_and_ids(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        trade = ib.placeOrder(stage.bag(CONDOR), stage.limit("BUY", 1, -100.0, orderRef="mine"))
        await ib.reqCurrentTimeAsync()
        port, con_ids = stage.sim.port, [leg.conId for leg in trade.contract.comboLegs]
        await stage.sim.stop()
        await asyncio.sleep(0)
        assert not ib.isConnected()
        assert await stage.sim.start() == port
        again = await stage.ib()
        (found,) = again.openTrades()
        assert (found.order.permId, found.order.orderRef) == (trade.order.permId, "mine")
        assert found.order.orderId == trade.order.orderId
        assert [leg.conId for leg in found.contract.comboLegs] == con_ids
        assert again.client.getReqId() > trade.order.orderId

    play(tmp_path, scenario)


def test_order_ids_may_roll_back_with_a_restart(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.order_ids_roll_back = True
        ib = await stage.ib()
        ib.placeOrder(stage.bag(CONDOR), stage.limit("BUY", 1, -100.0))
        await ib.reqCurrentTimeAsync()
        await stage.sim.stop()
        await stage.sim.start()
        client = await stage.raw(client_id=None)
        client.send(71, 2, 17, "")
        assert of(await client.sync(), 9) == [("9", "1", "1")]

    play(tmp_path, scenario)


def test_lost_and_restored_connectivity_stops_news_and_starts_it_again(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        trade = ib.placeOrder(stage.bag(CONDOR), stage.limit("BUY", 1, 200.0))
        await ib.reqCurrentTimeAsync()
        stage.sim.broadcast(1100)
        stage.pass_time(2)
        await ib.reqCurrentTimeAsync()
        assert trade.orderStatus.status == "PreSubmitted"
        assert trade.fills == []
        stage.sim.broadcast(1102)
        await ib.reqExecutionsAsync()
        assert len(trade.fills) == 5

    play(tmp_path, scenario)


def test_after_1101_every_market_data_line_is_gone(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        ib.reqMktData(stage.option(CONDOR[0].contract))
        await ib.reqCurrentTimeAsync()
        assert stage.sim.lines_of(17) == 1
        stage.sim.broadcast(1101)
        assert stage.sim.lines_of(17) == 0

    play(tmp_path, scenario)


def test_every_request_is_written_down(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.raw(31)
        assert StartApi(31) in stage.sim.requests

    play(tmp_path, scenario)


def test_all_habits_are_off_at_first() -> None:
    habits: Any = Habits()
    assert not any((habits.too_old, habits.read_only_api, habits.muted, habits.unanswered, habits.strict_modify))
