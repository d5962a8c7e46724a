"""Positions from TWS as they are told: never half of a combo, never a fill undone."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from execution.brokers.ibkr.facts import PositionFact
from execution.brokers.port import PositionsEvent
from execution.core import held_quantities
from models.account import AccountInfo
from models.enums import BrokerName, Mode
from models.ids import ContractKey
from models.trade import Execution
from tests.execution.brokers.ibkr.account_stage import AAPL, ACCOUNT, LEGS, Stage, fill_of, held, play
from tests.execution.brokers.ibkr.fake_catalog import ib
from tests.execution.builders import core_at


def test_nothing_is_told_by_event_before_a_snapshot_was_read() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        await asyncio.sleep(30)
        assert stage.events == []

    play(scene)


def test_the_same_word_again_is_no_news() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await stage.hold(AAPL, 100)
        await asyncio.sleep(30)
        assert stage.events == []

    play(scene)


@pytest.mark.parametrize("is_fill_first", [True, False])
def test_a_fill_and_its_position_are_told_together_as_of_the_fill(is_fill_first: bool) -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(5)
        at_utc = stage.clock.now_utc().replace(microsecond=1)
        if is_fill_first:
            stage.desk.take_execution(fill_of(AAPL, 20, at_utc))
        else:
            await stage.hold(AAPL, 120)
        await asyncio.sleep(2)
        assert stage.told() == []
        if is_fill_first:
            await stage.hold(AAPL, 120)
        else:
            stage.desk.take_execution(fill_of(AAPL, 20, at_utc))
        await asyncio.sleep(1)
        assert stage.told() == [held((AAPL, 120))]
        (event,) = [event for event in stage.events if isinstance(event, PositionsEvent)]
        assert event.positions[0].at_utc == at_utc

    play(scene)


def test_half_of_a_combo_is_never_told() -> None:
    async def scene(stage: Stage) -> None:
        for leg in LEGS:
            await stage.hold(leg, 5)
        stage.read()
        await asyncio.sleep(3)
        at_utc = stage.clock.now_utc().replace(microsecond=0)
        for number, leg in enumerate(LEGS):
            stage.desk.take_execution(fill_of(leg, 1, at_utc + timedelta(microseconds=number + 1), number))
        for leg in LEGS:
            await asyncio.sleep(0.9)
            await stage.hold(leg, 6)
        await asyncio.sleep(1)
        assert stage.told() == [held(*((leg, 6) for leg in LEGS))]

    play(scene)


def test_after_three_seconds_the_word_of_tws_counts_and_a_late_fill_is_in_it() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(10)
        filled_utc = stage.clock.now_utc().replace(microsecond=0)
        await asyncio.sleep(1)
        await stage.hold(AAPL, 130)
        await asyncio.sleep(2.5)
        assert stage.told() == []
        await asyncio.sleep(1)
        assert stage.told() == [held((AAPL, 130))]
        stage.desk.take_execution(fill_of(AAPL, 30, filled_utc + timedelta(microseconds=1)))
        await asyncio.sleep(20)
        assert stage.told() == [held((AAPL, 130))]

    play(scene)


def test_a_word_against_the_fills_counts_after_its_time_and_repeating_it_is_enough() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(5)
        stage.desk.take_execution(fill_of(AAPL, 20, stage.clock.now_utc()))
        await stage.hold(AAPL, 100)
        await asyncio.sleep(4)
        assert stage.told() == [held((AAPL, 100))]

    play(scene)


def test_as_long_as_tws_is_silent_on_a_fill_its_older_word_does_not_undo_it() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(5)
        stage.desk.take_execution(fill_of(AAPL, 20, stage.clock.now_utc()))
        await asyncio.sleep(9)
        assert stage.told() == []
        await asyncio.sleep(2)
        assert stage.told() == [held((AAPL, 100))]

    play(scene)


def test_a_fill_that_is_told_again_and_a_corrected_one_count_once() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(5)
        at_utc = stage.clock.now_utc()
        for revision, quantity in ((1, 20), (1, 20), (2, 25), (1, 20)):
            stage.desk.take_execution(fill_of(AAPL, quantity, at_utc, revision=revision))
        await stage.hold(AAPL, 125)
        await asyncio.sleep(1)
        assert stage.told() == [held((AAPL, 125))]

    play(scene)


def test_a_position_that_holds_a_fill_is_never_older_than_it() -> None:
    async def scene(stage: Stage) -> None:
        asked_utc = stage.clock.now_utc()
        fill_utc = asked_utc + timedelta(seconds=1, microseconds=3)
        stage.desk.take_execution(fill_of(AAPL, 100, fill_utc))
        await stage.hold(AAPL, 100)
        assert {one.at_utc for one in stage.desk.positions(ACCOUNT, asked_utc)} == {fill_utc}
        assert {one.at_utc for one in stage.desk.positions(ACCOUNT, asked_utc)} == {fill_utc}

    play(scene)


def test_while_the_link_is_down_no_position_is_told() -> None:
    async def scene(stage: Stage) -> None:
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(5)
        stage.desk.take_execution(fill_of(AAPL, 20, stage.clock.now_utc()))
        stage.desk.lost()
        await asyncio.sleep(60)
        assert stage.told() == []
        stage.desk.positions_asked()
        await stage.hold(AAPL, 120)
        stage.desk.positions_answered()
        await asyncio.sleep(1)
        assert stage.told() == [held((AAPL, 120))]

    play(scene)


def test_settled_waits_for_the_positions_of_a_fill_but_not_for_ever() -> None:
    async def scene(stage: Stage) -> None:
        now_s = asyncio.get_running_loop().time
        await stage.hold(AAPL, 100)
        stage.read()
        await asyncio.sleep(5)
        stage.desk.take_execution(fill_of(AAPL, 20, stage.clock.now_utc()))
        start_s = now_s()
        waiting = asyncio.get_running_loop().create_task(stage.desk.settled())
        await asyncio.sleep(1)
        assert not waiting.done()
        await stage.hold(AAPL, 120)
        await waiting
        assert now_s() - start_s == pytest.approx(1, abs=0.01)
        await asyncio.sleep(1)
        stage.desk.take_execution(fill_of(AAPL, 20, stage.clock.now_utc(), 2))
        start_s = now_s()
        await stage.desk.settled()
        assert now_s() - start_s == pytest.approx(3, abs=0.01)

    play(scene)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_road_is_slower_the_book_of_the_desk_never_loses_a_fill(seed: int) -> None:
    """Fills and positions come on two roads with their own delays; the desk's core takes what is told, in order."""
    dice = Random(seed)

    async def scene(stage: Stage) -> None:
        loop = asyncio.get_running_loop()
        core = core_at()
        core.accounts[ACCOUNT] = AccountInfo(BrokerName.IBKR, ACCOUNT, Mode.PAPER, "IBKR", may_trade=True)
        truth = dict.fromkeys((AAPL, *LEGS), 10)
        expected = dict(truth)
        for contract, quantity in truth.items():
            await stage.hold(contract, quantity)
        core.set_positions(ACCOUNT, stage.desk.positions(ACCOUNT, stage.clock.now_utc().replace(microsecond=0)))
        await asyncio.sleep(2)
        seen = len(stage.events)

        def book() -> dict[ContractKey, Decimal]:
            return held_quantities(core.positions(ACCOUNT))

        def apply_events() -> None:
            nonlocal seen
            for event in stage.events[seen:]:
                assert isinstance(event, PositionsEvent)
                core.set_positions(ACCOUNT, event.positions)
                assert book() == held(*expected.items()), "an event undid a fill that was told"
            seen = len(stage.events)

        def tell_fill(fill: Execution) -> None:
            apply_events()
            expected[fill.contract] += int(fill.signed_quantity)
            stage.desk.take_execution(fill)
            core.take_execution(fill)
            assert book() == held(*expected.items())

        jobs: list[asyncio.Task[None]] = []

        def tell_position(fact: PositionFact) -> None:
            jobs.append(loop.create_task(stage.desk.take(fact)))

        number, fill_road_s, position_road_s = 0, 0.0, 0.0
        stamps: dict[datetime, int] = {}
        for _ in range(30):
            contracts = dice.choice([(AAPL,), LEGS, LEGS[:2]])
            for contract in contracts:
                number += 1
                change = dice.choice([-2, -1, 1, 2])
                truth[contract] += change
                second = stage.clock.now_utc().replace(microsecond=0)
                stamps[second] = stamps.get(second, 0) + 1
                fill = fill_of(contract, change, second + timedelta(microseconds=stamps[second]), number)
                # Each road keeps its own sequence (timers of one instant would not).
                fill_road_s = max(fill_road_s + 0.001, loop.time() + dice.choice([0.0, 0.1, 0.8]))
                position_road_s = max(position_road_s + 0.001, loop.time() + dice.choice([0.0, 0.1, 0.8]))
                loop.call_at(fill_road_s, tell_fill, fill)
                position = PositionFact(ACCOUNT, ib(contract), Decimal(truth[contract]), Decimal(250))
                loop.call_at(position_road_s, tell_position, position)
            await asyncio.sleep(dice.choice([0.05, 0.5, 4.0]))
            apply_events()
        await asyncio.sleep(15)
        apply_events()
        await asyncio.gather(*jobs)
        assert book() == held(*truth.items())
        assert stage.told(), "nothing was ever told"

    play(scene)
