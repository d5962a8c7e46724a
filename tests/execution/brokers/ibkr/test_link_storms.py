"""A link that is lost again before it was mended, and faults of our own in the watch over it."""

from __future__ import annotations

import asyncio

import pytest

from models.errors import BrokerFailure
from tests.execution.brokers.ibkr.link_rig import DOWN, LIVE, SETTINGS, play, started


def test_a_link_lost_again_before_it_was_mended_stays_closed_until_tws_is_back() -> None:
    async def scenario() -> None:
        async with started() as rig:
            for code in (1100, 1102, 1100):
                rig.error(code)
            for _ in range(50):
                await asyncio.sleep(0)
            assert rig.states == [(LIVE, False), (DOWN, True)]
            with pytest.raises(BrokerFailure, match="no connection"):
                _ = rig.link.wire
            rig.error(1102)
            await rig.until(lambda: rig.states[-1] == (LIVE, True))
            assert rig.link.wire is rig.wires[-1]

    play(scenario())


def test_a_link_lost_while_the_sign_of_life_is_awaited_stays_closed() -> None:
    async def scenario() -> None:
        async with started() as rig:
            rig.wires[-1].gate = asyncio.Event()
            rig.error(1101)
            for _ in range(10):
                await asyncio.sleep(0)
            rig.error(1100)
            rig.wires[-1].gate.set()
            for _ in range(50):
                await asyncio.sleep(0)
            with pytest.raises(BrokerFailure, match="no connection"):
                _ = rig.link.wire
            assert rig.states[-1] == (DOWN, True)

    play(scenario())


def test_a_fault_of_our_own_while_connecting_does_not_end_the_watch() -> None:
    async def scenario() -> None:
        async with started(SETTINGS) as rig:
            rig.opening.append(ValueError("nobody thought of this"))
            rig.lose_socket()
            await rig.until(lambda: rig.states[-1] == (LIVE, True))
            assert len(rig.wires) == 3

    play(scenario())
