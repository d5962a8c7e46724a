from __future__ import annotations

import asyncio
import threading

import pytest

from execution.brokers.ibkr.facts import (
    ClosedFact,
)
from models.errors import BrokerFailure, BugError, FailureKind
from tests.execution.brokers.ibkr.raw_tws import NOW, PATIENT, QUICK, Desk, RawTws, desk_at, frame, play
from tests.execution.brokers.ibkr.wire_values import ORDER, SPY


def test_opening_tells_version_and_accounts_and_asks_for_nothing_else() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(accounts="DU1,DU2")) as desk:
            wire = desk.connection()
            assert not wire.is_open
            greeting = await wire.open()
            assert (greeting.server_version, greeting.accounts, wire.is_open) == (176, ("DU1", "DU2"), True)
            assert await wire.current_time() == NOW
            assert [fields[0] for fields in desk.tws.heard] == ["71", "49"]

    play(scenario())


def test_client_id_zero_binds_the_orders_made_in_tws() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(), client_id=0) as desk:
            await (await desk.opened()).current_time()
            assert desk.tws.asked(15) == [["15", "1", "1"]]

    play(scenario())


@pytest.mark.parametrize("version", [157, 163, 164, 170, 176])
def test_every_server_version_the_library_knows_is_spoken(version: int) -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(version=version)) as desk:
            assert (await desk.connection().open()).server_version == version

    play(scenario())


async def refused(desk: Desk) -> BrokerFailure:
    wire = desk.connection()
    with pytest.raises(BrokerFailure) as caught:
        await wire.open()
    assert not wire.is_open
    assert not caught.value.outcome_unknown
    with pytest.raises(BrokerFailure, match=r"no connection|closed"):
        await wire.current_time()
    return caught.value


def test_a_closed_port_is_told_at_once_with_where_to_look() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            await desk.tws.stop()
            failure = await refused(desk)
            assert failure.kind is FailureKind.OFFLINE
            assert "Enable ActiveX and Socket Clients" in str(failure)

    play(scenario())


def test_a_host_that_does_not_exist_is_told() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(), host="no-such-host.invalid") as desk:
            assert 'no computer named "no-such-host.invalid"' in str(await refused(desk))

    play(scenario())


def test_a_tws_that_does_not_greet_asks_the_user_something() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(is_mute=True), timeouts=QUICK) as desk:
            assert "Accept incoming connection" in str(await refused(desk))

    play(scenario())


def test_a_tws_that_closes_at_once_does_not_trust_the_address() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(closes_at_once=True)) as desk:
            assert "trusted IPs" in str(await refused(desk))

    play(scenario())


def test_a_client_id_in_use_is_told_without_waiting_for_the_time_limit() -> None:
    async def scenario() -> None:
        told = frame(4, 2, -1, 326, "Unable to connect as the client id is already in use.", "")
        async with desk_at(RawTws(instead=(told,))) as desk:
            async with asyncio.timeout(PATIENT.connect_s / 2):
                failure = await refused(desk)
            assert (failure.code, failure.kind) == ("326", FailureKind.AUTH)
            assert "Client id 7" in str(failure)

    play(scenario())


def test_a_tws_that_is_too_old_is_told_without_waiting_for_the_time_limit() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(version=151)) as desk:
            async with asyncio.timeout(PATIENT.connect_s / 2):
                assert "10.30" in str(await refused(desk))

    play(scenario())


def test_a_tws_without_a_login_is_told() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(accounts=""), timeouts=QUICK) as desk:
            assert "Finish the login" in str(await refused(desk))

    play(scenario())


def test_a_connection_is_opened_once() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            wire = await desk.opened()
            with pytest.raises(BugError, match="opened once"):
                await wire.open()

    play(scenario())


def test_the_end_of_the_socket_ends_every_wait_and_is_told_once() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(answers={"49": lambda _tws, _fields: None})) as desk:
            wire = await desk.opened()
            waits = [
                asyncio.ensure_future(wire.current_time()),
                asyncio.ensure_future(wire.positions()),
                asyncio.ensure_future(wire.account_updates("DU1")),
                asyncio.ensure_future(wire.open_orders()),
                asyncio.ensure_future(wire.completed_orders()),
                asyncio.ensure_future(wire.executions()),
                asyncio.ensure_future(wire.contract_details(SPY)),
                asyncio.ensure_future(wire.market_rule(26)),
                asyncio.ensure_future(wire.what_if(SPY, ORDER)),
            ]
            await desk.until(lambda: len(desk.tws.heard) == 10)
            desk.tws.cut()
            ended = await asyncio.gather(*waits, return_exceptions=True)
            assert [isinstance(one, BrokerFailure) and one.kind for one in ended] == [FailureKind.OFFLINE] * 9
            assert (len(desk.told(ClosedFact)), wire.is_open) == (1, False)
            with pytest.raises(BrokerFailure, match="no connection") as caught:
                wire.place(SPY, ORDER)
            assert not caught.value.outcome_unknown

    play(scenario())


def test_closing_ends_every_wait_and_no_fact_comes_afterwards() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(answers={"61": lambda _tws, _fields: None})) as desk:
            wire = await desk.opened()
            asked = asyncio.ensure_future(wire.positions())
            await desk.until(lambda: bool(desk.tws.asked(61)))
            desk.tws.send(4, 2, -1, 2104, "Market data farm connection is OK:usfarm", "")
            await wire.close()
            with pytest.raises(BrokerFailure, match="closed"):
                await asked
            await wire.close()
            assert desk.facts == []

    play(scenario())


def test_every_question_without_an_answer_ends_by_its_time_limit() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(answers={"49": lambda _tws, _fields: None}), timeouts=QUICK) as desk:
            wire = await desk.opened()
            ended = await asyncio.gather(
                wire.current_time(),
                wire.positions(),
                wire.account_updates("DU1"),
                wire.open_orders(),
                wire.completed_orders(),
                wire.executions(),
                wire.contract_details(SPY),
                wire.market_rule(26),
                return_exceptions=True,
            )
            assert [isinstance(one, BrokerFailure) and one.kind for one in ended] == [FailureKind.TIMEOUT] * 8
            assert wire.is_open  # an unanswered question, the executions among them, costs no connection

    play(scenario())


def test_another_thread_may_not_touch_the_connection() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            wire = await desk.opened()
            caught: list[BaseException] = []

            def touch() -> None:
                for action in (
                    lambda: wire.place(SPY, ORDER),
                    lambda: wire.cancel(5),
                    lambda: wire.subscribe(SPY),
                    lambda: wire.unsubscribe(1),
                    lambda: wire.set_market_data_type(1),
                    lambda: wire.positions().send(None),
                    lambda: wire.current_time().send(None),
                    lambda: wire.what_if(SPY, ORDER).send(None),
                    lambda: wire.close().send(None),
                ):
                    try:
                        action()
                    except BugError as error:
                        caught.append(error)

            thread = threading.Thread(target=touch)
            thread.start()
            thread.join()
            assert len(caught) == 9
            await wire.current_time()
            assert [fields[0] for fields in desk.tws.heard] == ["71", "49"]

    play(scenario())
