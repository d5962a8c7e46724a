"""Background work: later, once, under one name; what breaks is told."""

from __future__ import annotations

import asyncio

import pytest

from execution.orders.timers import Timers
from execution.orders.timings import OrderTimings
from models.clock import ManualClock
from models.errors import KnownError
from tests.execution.orders.builders import NOW
from tests.execution.orders.harness import Sleeper, run, settle


def test_a_name_started_again_replaces_what_waits_under_it() -> None:
    async def story() -> None:
        sleep = Sleeper(ManualClock(NOW))
        done: list[str] = []
        timers = Timers(sleep=sleep, on_failure=done.append)

        async def first() -> None:
            done.append("first")

        async def second() -> None:
            done.append("second")

        timers.later("work", 5, first)
        await sleep.pass_time(3)
        timers.later("work", 5, second)
        await sleep.pass_time(3)
        assert done == []
        assert timers.is_running("work")
        await sleep.pass_time(3)
        assert done == ["second"]
        assert not timers.is_running("work")

    run(story())


def test_work_under_way_is_not_started_twice() -> None:
    async def story() -> None:
        started: list[int] = []
        gate = asyncio.Event()
        timers = Timers(sleep=asyncio.sleep, on_failure=lambda _text: None)

        async def work() -> None:
            started.append(1)
            await gate.wait()

        timers.start("work", work)
        timers.start("work", work)
        await settle()
        gate.set()
        await timers.idle()
        assert started == [1]

    run(story())


@pytest.mark.parametrize(
    ("error", "words"), [(KnownError("The line is down."), "line is down"), (KeyError("x"), "KeyError")]
)
def test_work_that_breaks_is_told(error: Exception, words: str) -> None:
    async def story() -> None:
        told: list[str] = []
        timers = Timers(sleep=asyncio.sleep, on_failure=told.append)

        async def work() -> None:
            raise error

        timers.start("work", work)
        await timers.idle()
        assert len(told) == 1
        assert words in told[0]

    run(story())


def test_closing_gives_up_what_waits() -> None:
    async def story() -> None:
        sleep = Sleeper(ManualClock(NOW))
        done: list[int] = []
        timers = Timers(sleep=sleep, on_failure=lambda _text: None)

        async def work() -> None:
            done.append(1)

        timers.later("work", 5, work)
        await settle()
        await timers.close()
        await sleep.pass_time(10)
        assert done == []

    run(story())


def test_a_grace_too_short_to_prove_absence_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 30 s"):
        OrderTimings(find_pauses_s=(1.0, 5.0))
    assert OrderTimings().grace_s == 60.0
