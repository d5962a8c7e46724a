from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from execution.brokers.ibkr.advice import Trouble, failure_of
from execution.brokers.ibkr.facts import ClosedFact
from execution.brokers.ibkr.settings import IbTimeouts
from models.enums import FeedState
from models.errors import BrokerFailure, BugError, FailureKind
from tests.execution.brokers.ibkr.link_rig import (
    DOWN,
    IN_USE,
    LIVE,
    NOW,
    REFUSED,
    SETTINGS,
    STALE,
    STILL,
    Rig,
    play,
    started,
)


def test_a_first_connect_asks_everything_and_then_tells_live() -> None:
    async def scenario() -> None:
        rig = Rig(STILL)
        assert rig.link.state is FeedState.CONNECTING
        with pytest.raises(BrokerFailure, match="no connection") as caught:
            _ = rig.link.wire
        assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.OFFLINE, False)
        assert (await rig.link.start()).accounts == ("DU100",)
        assert (rig.link.state, rig.states, len(rig.ups)) == (LIVE, [(LIVE, False)], 1)
        with pytest.raises(BugError, match="once"):
            await rig.link.start()
        await rig.link.stop()
        assert not rig.wires[0].is_open
        assert rig.link.state is DOWN
        assert rig.states == [(LIVE, False)]

    play(scenario())


@pytest.mark.parametrize("trouble", [trouble for trouble in Trouble if trouble is not Trouble.CLIENT_ID_IN_USE])
def test_a_first_connect_that_fails_is_told_with_its_advice_and_not_tried_again(trouble: Trouble) -> None:
    async def scenario() -> None:
        rig = Rig(STILL)
        rig.opening.append(failure_of(trouble, SETTINGS))
        with pytest.raises(BrokerFailure) as caught:
            await rig.link.start()
        assert str(caught.value) == str(failure_of(trouble, SETTINGS))
        assert (len(rig.wires), rig.wires[0].is_open, rig.events) == (1, False, [])

    play(scenario())


def test_a_client_id_that_tws_still_holds_is_tried_again_and_one_that_stays_in_use_is_told() -> None:
    async def scenario() -> None:
        rig = Rig(STILL)
        rig.opening.extend([IN_USE, IN_USE, None])
        await rig.link.start()
        assert (len(rig.wires), rig.states) == (3, [(LIVE, False)])
        await rig.link.stop()
        rig = Rig(STILL)
        rig.opening.extend([IN_USE] * 9)
        with pytest.raises(BrokerFailure, match="Client id 7"):
            await rig.link.start()
        assert len(rig.wires) == 3

    play(scenario())


def test_a_first_connect_whose_questions_fail_leaves_no_connection() -> None:
    async def scenario() -> None:
        rig = Rig(STILL)
        rig.asking.append(BrokerFailure(FailureKind.TIMEOUT, "no positions", broker="IBKR"))
        with pytest.raises(BrokerFailure, match="no positions"):
            await rig.link.start()
        assert not rig.wires[0].is_open
        with pytest.raises(BrokerFailure, match="no connection"):
            _ = rig.link.wire

    play(scenario())


def test_a_broken_socket_is_down_at_once_and_live_again_on_a_fresh_connection() -> None:
    async def scenario() -> None:
        async with started() as rig:
            old = rig.link.wire
            rig.opening.extend([REFUSED, REFUSED])
            rig.lose_socket()
            assert (rig.link.state, len(rig.downs)) == (DOWN, 1)
            with pytest.raises(BrokerFailure, match="no connection"):
                _ = rig.link.wire
            await rig.until(lambda: rig.link.state is LIVE)
            assert rig.states == [(LIVE, False), (DOWN, True), (LIVE, True)]
            assert rig.link.wire is not old
            assert rig.ups[-1] is rig.link.wire
            assert len(rig.wires) == 4

    play(scenario())


def test_live_is_told_only_after_everything_was_asked_on_the_new_connection() -> None:
    async def scenario() -> None:
        async with started() as rig:
            seen: list[FeedState] = []
            rig.during_up = lambda: seen.append(rig.link.state)
            rig.asking.append(BrokerFailure(FailureKind.TIMEOUT, "no positions", broker="IBKR"))
            rig.lose_socket()
            await rig.until(lambda: rig.link.state is LIVE)
            assert seen == [DOWN, DOWN]
            assert rig.states[1:] == [(DOWN, True), (LIVE, True)]
            assert not rig.wires[-2].is_open

    play(scenario())


def test_the_end_of_a_connection_already_replaced_changes_nothing() -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.lose_socket()
            await rig.until(lambda: rig.link.state is LIVE)
            rig.link.take_closed(ClosedFact("of the old one, late"))
            assert (rig.link.state, len(rig.downs)) == (LIVE, 1)

    play(scenario())


def test_a_half_open_link_is_noticed_by_its_silence_and_replaced() -> None:
    async def scenario() -> None:
        async with started(SETTINGS) as rig:
            silent = rig.wires[0]
            silent.gate = asyncio.Event()  # takes questions, answers none
            await rig.until(lambda: (DOWN, True) in rig.states)
            assert "does not answer" in rig.downs[0]
            await rig.until(lambda: rig.link.state is LIVE)
            assert rig.link.wire is rig.wires[1]
            assert not silent.is_open

    play(scenario())


def test_a_half_open_link_is_noticed_within_25_seconds_and_back_within_15() -> None:
    timeouts = IbTimeouts()
    assert timeouts.ping_every_s + timeouts.ping_dead_s <= 25
    # at worst an attempt began just before TWS was back, and is waited out; the next follows after the first pause
    assert timeouts.connect_s + timeouts.retry_first_s <= 15
    assert timeouts.retry_most_s <= 15


@pytest.mark.parametrize(
    ("attempt_s", "pauses"),
    [(0.0, [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]), (3.0, [0.5, 0.5, 0.5, 1.0, 5.0, 5.0]), (10.0, [0.5] * 6)],
)
def test_pauses_grow_and_a_slow_attempt_counts_as_a_part_of_the_next(attempt_s: float, pauses: list[float]) -> None:
    # TWS may come back during an attempt that was already lost: a whole pause on top would exceed the 15 s
    async def scenario() -> None:
        rig = Rig(replace(SETTINGS, timeouts=replace(IbTimeouts(), ping_every_s=60)))
        rig.attempt_s = attempt_s
        await rig.link.start()
        rig.opening.extend([REFUSED] * 5)
        rig.lose_socket()
        await rig.until(lambda: rig.link.state is LIVE)
        assert rig.pauses == pauses
        await rig.link.stop()

    play(scenario())


def test_what_only_the_user_can_change_is_told_once_while_it_is_tried_on() -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.opening.extend([IN_USE, IN_USE, REFUSED, IN_USE])
            rig.lose_socket()
            await rig.until(lambda: rig.link.state is LIVE)
            assert rig.states == [(LIVE, False), (DOWN, True), (DOWN, False), (LIVE, True)]
            assert "Client id 7" in rig.events[2].text

    play(scenario())


def test_a_fault_of_ours_in_asking_does_not_end_the_watch() -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.asking.append(ZeroDivisionError("ours"))
            rig.lose_socket()
            await rig.until(lambda: rig.link.state is LIVE)
            assert len(rig.wires) == 3

    play(scenario())


@pytest.mark.parametrize("code", [1100, 2110])
@pytest.mark.parametrize("restored", [1101, 1102])
def test_tws_without_ibkr_is_down_and_everything_is_asked_anew_when_it_is_back(code: int, restored: int) -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.error(code, "Connectivity has been lost")
            assert (rig.link.state, rig.states[-1], len(rig.downs)) == (DOWN, (DOWN, True), 1)
            with pytest.raises(BrokerFailure, match="no connection"):
                _ = rig.link.wire
            rig.error(code, "still lost")
            rig.error(restored, "Connectivity has been restored")
            await rig.until(lambda: rig.link.state is LIVE)
            assert rig.states == [(LIVE, False), (DOWN, True), (LIVE, True)]
            assert (len(rig.wires), len(rig.ups)) == (1, 2)  # the same connection

    play(scenario())


def test_a_restored_link_whose_loss_was_not_told_is_reconciled_too() -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.error(1102)
            await rig.until(lambda: len(rig.events) == 3)
            assert rig.states[1:] == [(DOWN, True), (LIVE, True)]

    play(scenario())


def test_a_link_lost_again_while_it_is_asked_stays_down() -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.error(1100)
            rig.during_up = lambda: rig.error(1100)
            rig.error(1102)
            await rig.until(lambda: len(rig.ups) == 2)
            assert rig.link.state is DOWN
            rig.during_up = lambda: None
            rig.error(1101)
            await rig.until(lambda: rig.link.state is LIVE)
            assert [state for state, _ in rig.states] == [LIVE, DOWN, LIVE]

    play(scenario())


def test_when_asking_anew_fails_a_fresh_connection_is_made() -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.asking.append(BrokerFailure(FailureKind.TIMEOUT, "no positions", broker="IBKR"))
            rig.error(1102)
            await rig.until(lambda: rig.link.state is LIVE and len(rig.wires) == 2)
            assert rig.states[1:] == [(DOWN, True), (LIVE, True)]

    play(scenario())


def test_a_socket_lost_while_tws_is_cut_off_is_one_down() -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.error(1100)
            rig.lose_socket()
            await rig.until(lambda: rig.link.state is LIVE)
            assert rig.states == [(LIVE, False), (DOWN, True), (LIVE, True)]
            assert len(rig.downs) == 1

    play(scenario())


def test_a_new_connection_to_a_tws_that_is_cut_off_waits_for_its_word() -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.during_up = lambda: rig.error(1100)
            rig.lose_socket()
            await rig.until(lambda: len(rig.ups) == 2)
            assert rig.link.state is DOWN
            rig.during_up = lambda: None
            rig.error(1102)
            await rig.until(lambda: rig.link.state is LIVE)
            assert (rig.states[1:], len(rig.wires)) == ([(DOWN, True), (LIVE, True)], 2)

    play(scenario())


def test_a_first_connect_to_a_tws_that_is_cut_off_is_down_until_its_word() -> None:
    async def scenario() -> None:
        rig = Rig(STILL)
        rig.during_up = lambda: rig.error(1100)
        await rig.link.start()
        assert (rig.link.state, rig.states) == (DOWN, [(DOWN, True)])
        rig.during_up = lambda: None
        rig.error(1102)
        await rig.until(lambda: rig.link.state is LIVE)
        assert rig.states == [(DOWN, True), (LIVE, True)]
        await rig.link.stop()

    play(scenario())


@pytest.mark.parametrize(("broken", "mended"), [(2103, 2104), (2103, 2108), (2157, 2158)])
def test_a_broken_data_farm_is_stale_until_that_farm_is_mended(broken: int, mended: int) -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.error(broken, "the farm connection is broken:usfarm")
            rig.error(broken, "the farm connection is broken:usfarm")
            assert (rig.link.state, rig.states[-1]) == (STALE, (STALE, False))
            assert "usfarm" in rig.events[-1].text
            rig.error(mended, "OK:eufarm")
            assert rig.link.state is STALE
            rig.error(mended, "OK:usfarm")
            rig.error(mended, "OK:usfarm")
            assert rig.states == [(LIVE, False), (STALE, False), (LIVE, False)]
            assert rig.link.wire is rig.wires[0]

    play(scenario())


def test_a_broken_farm_of_historical_data_changes_nothing() -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.error(2105, "HMDS data farm connection is broken:ushmds")
            rig.error(2106, "HMDS data farm connection is OK:ushmds")
            assert (rig.link.state, rig.states) == (LIVE, [(LIVE, False)])

    play(scenario())


def test_of_two_broken_farms_both_must_mend() -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.error(2103, "broken:usfarm")
            rig.error(2157, "broken:secdefil")
            rig.error(2104, "OK:usfarm")
            assert rig.link.state is STALE
            rig.error(2158, "OK:secdefil")
            assert rig.link.state is LIVE

    play(scenario())


def test_a_farm_broken_before_the_link_was_lost_is_forgotten_with_the_old_connection() -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.error(2103, "broken:usfarm")
            rig.lose_socket()
            await rig.until(lambda: rig.link.state is LIVE)
            assert [state for state, _ in rig.states] == [LIVE, STALE, DOWN, LIVE]

    play(scenario())


@pytest.mark.parametrize("code", [0, 200, 201, 202, 354, 399, 1300, 2109, 2119, 10197])
def test_other_codes_change_nothing(code: int) -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.error(code, "text:usfarm")
            assert (rig.link.state, len(rig.events)) == (LIVE, 1)

    play(scenario())


@pytest.mark.parametrize(("off_s", "way"), [(31, "ahead of"), (-31, "behind")])
def test_a_clock_that_is_off_is_stale_until_it_is_right(off_s: int, way: str) -> None:
    async def scenario() -> None:
        async with started(SETTINGS) as rig:
            rig.tws_clock.advance(timedelta(seconds=off_s))
            await rig.until(lambda: rig.link.state is STALE)
            assert f"31 s {way} it" in rig.events[-1].text
            rig.tws_clock.set(NOW + timedelta(seconds=29))
            await rig.until(lambda: rig.link.state is LIVE)
            assert rig.states[1:] == [(STALE, False), (LIVE, False)]

    play(scenario())


def test_a_clock_that_is_off_from_the_start_is_told_after_live() -> None:
    async def scenario() -> None:
        rig = Rig(STILL)
        rig.tws_clock.advance(timedelta(minutes=5))
        await rig.link.start()
        assert rig.states == [(LIVE, False), (STALE, False)]
        await rig.link.stop()

    play(scenario())


def test_stopping_while_it_connects_again_ends_it() -> None:
    async def scenario() -> None:
        rig = Rig(STILL)
        await rig.link.start()
        rig.opening.extend([REFUSED] * 1000)
        rig.lose_socket()
        await rig.until(lambda: len(rig.wires) > 3)
        await rig.link.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not any(wire.is_open for wire in rig.wires)

    play(scenario())
