from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from execution.brokers.daily import DailyAnswers
from models.clock import ManualClock

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


class Source:
    """Counts how often it is asked; answers when let."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()
        self.failure: Exception | None = None

    async def ask(self) -> int:
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return number


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_question_is_asked_once_however_many_want_to_know() -> None:
    async def scenario() -> None:
        answers: DailyAnswers[str, int] = DailyAnswers(ManualClock(NOON))
        source = Source()
        waiting = [asyncio.create_task(answers.get("a", source.ask)) for _ in range(20)]
        await settle()
        source.gate.set()
        assert await asyncio.gather(*waiting) == [1] * 20
        assert await answers.get("a", source.ask) == 1
        assert (source.asked, answers.known("a"), answers.known("b")) == (1, 1, None)
        assert await answers.get("b", source.ask) == 2

    run(scenario())


def test_a_new_new_york_day_asks_again_and_midnight_utc_does_not() -> None:
    async def scenario() -> None:
        clock = ManualClock(datetime(2026, 11, 20, 23, 0, tzinfo=UTC))
        answers: DailyAnswers[str, int] = DailyAnswers(clock)
        source = Source()
        source.gate.set()
        assert await answers.get("a", source.ask) == 1
        clock.advance(timedelta(hours=5, minutes=59))  # 23:59 New York
        assert await answers.get("a", source.ask) == 1
        clock.advance(timedelta(minutes=1))
        assert answers.known("a") is None
        assert await answers.get("a", source.ask) == 2

    run(scenario())


def test_an_answer_to_yesterdays_question_reaches_who_waits_and_nobody_else() -> None:
    async def scenario() -> None:
        clock = ManualClock(NOON)
        answers: DailyAnswers[str, int] = DailyAnswers(clock)
        source = Source()
        yesterday = asyncio.create_task(answers.get("a", source.ask))
        await settle()
        clock.advance(timedelta(days=1))
        today = asyncio.create_task(answers.get("a", source.ask))
        await settle()
        source.gate.set()
        assert (await yesterday, await today) == (1, 2)
        await settle()
        assert answers.known("a") == 2

    run(scenario())


def test_a_failure_is_told_to_all_and_the_next_one_asks_again() -> None:
    async def scenario() -> None:
        answers: DailyAnswers[str, int] = DailyAnswers(ManualClock(NOON))
        source = Source()
        source.failure = RuntimeError("no answer")
        waiting = [asyncio.create_task(answers.get("a", source.ask)) for _ in range(3)]
        await settle()
        source.gate.set()
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert [str(one) for one in told] == ["no answer"] * 3
        source.failure = None
        assert await answers.get("a", source.ask) == 2

    run(scenario())


def test_one_who_gives_up_does_not_take_the_question_from_the_others() -> None:
    async def scenario() -> None:
        answers: DailyAnswers[str, int] = DailyAnswers(ManualClock(NOON))
        source = Source()
        first = asyncio.create_task(answers.get("a", source.ask))
        second = asyncio.create_task(answers.get("a", source.ask))
        await settle()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        source.gate.set()
        assert await second == 1

    run(scenario())


def test_an_answer_from_another_road_is_kept_for_the_day() -> None:
    clock = ManualClock(NOON)
    answers: DailyAnswers[str, int] = DailyAnswers(clock)
    answers.set("a", 7)
    assert answers.known("a") == 7
    clock.advance(timedelta(days=1))
    assert answers.known("a") is None
