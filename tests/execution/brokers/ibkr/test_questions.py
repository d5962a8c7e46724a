from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from execution.brokers.ibkr.questions import Questions
from models.errors import BrokerFailure, FailureKind

AT = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
LONG_S = 10.0
SHORT_S = 0.02


def gone() -> BrokerFailure:
    return BrokerFailure(FailureKind.OFFLINE, "gone", broker="IBKR")


class Sent:
    """Counts what was sent and lets a test wait for it."""

    def __init__(self) -> None:
        self.count = 0
        self._more = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self._more.set()

    async def reach(self, count: int) -> None:
        while self.count < count:
            self._more.clear()
            await self._more.wait()


def play(scenario: Callable[[Questions, Sent], Coroutine[Any, Any, None]], *, grace_s: float = SHORT_S) -> None:
    async def run() -> None:
        async with asyncio.timeout(LONG_S):
            await scenario(Questions(grace_s), Sent())

    asyncio.run(run())


def test_an_answer_is_what_came_until_its_end() -> None:
    async def scenario(questions: Questions, sent: Sent) -> None:
        asked = asyncio.ensure_future(questions.ask(5, "it", sent, LONG_S))
        await sent.reach(1)
        questions.add(5, "a")
        questions.add(6, "of another")
        questions.add(5, "b")
        questions.end(5)
        assert await asked == ["a", "b"]
        assert not questions.is_open(5)

    play(scenario)


@pytest.mark.parametrize("key", [5, "all open orders"])
def test_a_question_without_an_answer_ends_by_its_time_limit(key: int | str) -> None:
    async def scenario(questions: Questions, sent: Sent) -> None:
        with pytest.raises(BrokerFailure, match=r"did not answer it within 0\.02 s") as caught:
            await questions.ask(key, "it", sent, SHORT_S)
        assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.TIMEOUT, False)

    play(scenario)


def test_the_end_of_the_link_ends_every_question_and_every_later_one() -> None:
    async def scenario(questions: Questions, sent: Sent) -> None:
        waiting = [
            asyncio.ensure_future(questions.ask(5, "it", sent, LONG_S)),
            asyncio.ensure_future(questions.ask("orders", "it", sent, LONG_S)),
            asyncio.ensure_future(questions.ask("orders", "in turn", sent, LONG_S)),
            asyncio.ensure_future(questions.ask_time(sent, LONG_S)),
        ]
        await sent.reach(3)
        questions.end_all(gone)
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [isinstance(one, BrokerFailure) and one.kind for one in ended] == [FailureKind.OFFLINE] * 4
        with pytest.raises(BrokerFailure, match="gone"):
            await questions.ask(6, "it", sent, LONG_S)
        with pytest.raises(BrokerFailure, match="gone"):
            await questions.ask_time(sent, LONG_S)
        assert sent.count == 3

    play(scenario)


def test_a_refusal_ends_a_question_with_its_code() -> None:
    async def scenario(questions: Questions, sent: Sent) -> None:
        asked = asyncio.ensure_future(questions.ask(5, "it", sent, LONG_S))
        await sent.reach(1)
        questions.refuse(6, 321, "not this one")
        questions.refuse(5, 321, "no")
        with pytest.raises(BrokerFailure, match=r"no \(code 321") as caught:
            await asked
        assert (caught.value.kind, caught.value.code) == (FailureKind.REJECTED, "321")

    play(scenario)


def test_an_answer_with_an_unreadable_part_is_no_answer() -> None:
    async def scenario(questions: Questions, sent: Sent) -> None:
        asked = asyncio.ensure_future(questions.ask("orders", "all orders", sent, LONG_S))
        await sent.reach(1)
        questions.add("orders", "a")
        questions.spoil("orders", "a message of kind 5")
        questions.end("orders")
        with pytest.raises(BrokerFailure, match="all orders could not be read whole") as caught:
            await asked
        assert caught.value.kind is FailureKind.PROTOCOL

    play(scenario)


def test_of_one_name_only_one_question_is_under_way() -> None:
    # an order placed between two questions must be in the second answer: they cannot share one
    async def scenario(questions: Questions, sent: Sent) -> None:
        first = asyncio.ensure_future(questions.ask("orders", "it", sent, LONG_S))
        second = asyncio.ensure_future(questions.ask("orders", "it", sent, LONG_S))
        await sent.reach(1)
        assert sent.count == 1
        questions.add("orders", "old")
        questions.end("orders")
        assert await first == ["old"]
        await sent.reach(2)
        questions.add("orders", "new")
        questions.end("orders")
        assert await second == ["new"]

    play(scenario)


def test_the_late_answer_to_a_question_given_up_is_not_taken_for_that_of_the_next() -> None:
    async def scenario(questions: Questions, sent: Sent) -> None:
        with pytest.raises(BrokerFailure):
            await questions.ask("orders", "it", sent, SHORT_S)
        asked = asyncio.ensure_future(questions.ask("orders", "it", sent, LONG_S))
        await sent.reach(2)
        questions.end("orders")  # the first one's: it held no order yet
        questions.add("orders", "mine")
        questions.end("orders")
        assert await asked == ["mine"]

    play(scenario, grace_s=LONG_S)


def test_when_the_first_answer_never_comes_the_second_is_taken_after_a_moment() -> None:
    async def scenario(questions: Questions, sent: Sent) -> None:
        with pytest.raises(BrokerFailure):
            await questions.ask("orders", "it", sent, SHORT_S)
        asked = asyncio.ensure_future(questions.ask("orders", "it", sent, LONG_S))
        await sent.reach(2)
        questions.add("orders", "mine")
        questions.end("orders")
        assert await asked == ["mine"]
        again = asyncio.ensure_future(questions.ask("orders", "it", sent, LONG_S))
        await sent.reach(3)
        questions.end("orders")
        assert await again == []

    play(scenario)


def test_a_late_answer_that_comes_between_two_questions_is_used_up() -> None:
    async def scenario(questions: Questions, sent: Sent) -> None:
        with pytest.raises(BrokerFailure):
            await questions.ask("orders", "it", sent, SHORT_S)
        questions.add("orders", "late")
        questions.end("orders")
        asked = asyncio.ensure_future(questions.ask("orders", "it", sent, LONG_S))
        await sent.reach(2)
        questions.add("orders", "mine")
        questions.end("orders")
        assert await asked == ["mine"]

    play(scenario, grace_s=LONG_S)


def test_the_time_is_handed_out_in_the_order_of_the_questions() -> None:
    async def scenario(questions: Questions, sent: Sent) -> None:
        with pytest.raises(BrokerFailure, match="clock"):
            await questions.ask_time(sent, SHORT_S)
        asked = asyncio.ensure_future(questions.ask_time(sent, LONG_S))
        await sent.reach(2)
        questions.take_time(AT)  # the first one's, late
        questions.take_time(AT.replace(second=9))
        assert (await asked).second == 9
        questions.take_time(AT)  # one nobody asked for

    play(scenario)


def test_what_cannot_be_sent_leaves_no_question_behind() -> None:
    async def scenario(questions: Questions, sent: Sent) -> None:
        def fail() -> None:
            raise gone()

        for key in (5, "orders"):
            with pytest.raises(BrokerFailure, match="gone"):
                await questions.ask(key, "it", fail, LONG_S)
            assert not questions.is_open(key)
        with pytest.raises(BrokerFailure, match="gone"):
            await questions.ask_time(fail, LONG_S)

    play(scenario)


def test_a_cancelled_question_is_gone() -> None:
    async def scenario(questions: Questions, sent: Sent) -> None:
        asked = asyncio.ensure_future(questions.ask("orders", "it", sent, LONG_S))
        await sent.reach(1)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert not questions.is_open("orders")

    play(scenario)
