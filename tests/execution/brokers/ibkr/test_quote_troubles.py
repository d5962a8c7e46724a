"""What TWS says about its market data: told once in words, and only dead lines are closed."""

from __future__ import annotations

import asyncio

import pytest

from execution.brokers.ibkr.data_errors import NO_LINE_LEFT, TROUBLES
from execution.brokers.ibkr.facts import ErrorFact
from execution.brokers.port import QuotesEvent
from models.enums import MarketDataKind
from tests.execution.brokers.ibkr.quote_stage import CHAIN, REQUEST, SPX, Stage, play


@pytest.mark.parametrize("code", sorted(TROUBLES.keys() - {NO_LINE_LEFT}))
def test_each_trouble_is_told_once_in_words_and_only_a_dead_line_is_closed(code: int) -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([SPX, *CHAIN[:2]])
        await asyncio.sleep(1)
        for _ in range(3):
            assert stage.feed.take_error(ErrorFact(REQUEST + 6000, code, "as TWS says it"))
        await asyncio.sleep(1)
        assert len(stage.words()) == 1
        assert TROUBLES[code].sentence in stage.words()[0]
        expected = {1, 6001} if TROUBLES[code].is_dead else {1, 6000, 6001}
        assert set(stage.wire.lines) == expected

    play(scene)


def test_a_missing_subscription_is_told_once_for_a_markets_options() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([SPX, *CHAIN[:50]])
        await asyncio.sleep(3)
        for contract in (SPX, *CHAIN[:50]):
            stage.feed.take_error(ErrorFact(REQUEST + contract.conid, 354, "not subscribed"))
        assert [text.split(":")[0] for text in stage.words()] == ["SPX", "SPX options"]
        await asyncio.sleep(600)
        assert stage.wire.lines == {}
        assert stage.sent()["subscribe"] == 51

    play(scene)


def test_delayed_quotes_are_told_and_labelled() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([CHAIN[0]])
        await asyncio.sleep(1)
        stage.feed.take_error(ErrorFact(REQUEST + 6000, 10167, "Displaying delayed market data"))
        stage.tick(6000, "1.00", "1.10", data_type=3)
        await asyncio.sleep(1)
        assert "quotes are delayed" in stage.words()[0]
        (event,) = [event for _, event in stage.events if isinstance(event, QuotesEvent)]
        assert event.quotes[0].kind is MarketDataKind.DELAYED

    play(scene)


def test_a_competing_session_is_told_once_and_tried_again_every_minute() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([SPX, CHAIN[0]])
        await asyncio.sleep(1)
        for _ in range(3):
            for con_id in tuple(stage.wire.lines):
                stage.feed.take_error(ErrorFact(REQUEST + con_id, 10197, "competing live session"))
            await asyncio.sleep(30)
            assert stage.wire.lines == {}
            await asyncio.sleep(31)
            assert set(stage.wire.lines) == {1, 6000}
        assert len(stage.words()) == 1

    play(scene)


def test_when_tws_has_fewer_lines_than_thought_the_budget_shrinks_for_a_while_and_options_yield_to_the_index() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions(CHAIN[:5])
        await asyncio.sleep(1)
        stage.feed.set_subscriptions([*CHAIN[:5], SPX])
        await asyncio.sleep(0.5)
        stage.feed.take_error(ErrorFact(REQUEST + 1, 101, "Max number of tickers has been reached"))
        await asyncio.sleep(1)
        assert set(stage.wire.lines) == {1, 6000, 6001, 6002, 6003}
        await asyncio.sleep(61)
        assert set(stage.wire.lines) == {1, 6000, 6001, 6002, 6003, 6004}
        assert sum("no market-data line left" in text for text in stage.words()) == 1

    play(scene)


def test_errors_of_orders_and_of_the_link_are_somebody_elses() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([SPX])
        await asyncio.sleep(1)
        for request_id, code in ((55, 201), (55, 101), (-1, 1100), (-1, 2104), (-1, 200), (55, 354)):
            assert not stage.feed.take_error(ErrorFact(request_id, code, "text"))
        assert stage.words() == []
        assert stage.feed.take_error(ErrorFact(-1, 10197, "text"))
        assert len(stage.words()) == 1

    play(scene)


def test_a_code_nobody_knows_changes_nothing_and_is_told_in_the_words_of_tws() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([SPX])
        await asyncio.sleep(1)
        assert stage.feed.take_error(ErrorFact(REQUEST + 1, 12345, "Something new"))
        assert set(stage.wire.lines) == {1}
        assert "Something new (code 12345)" in stage.words()[0]

    play(scene)


def test_the_complaint_about_a_line_that_was_closed_just_now_is_taken_silently() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions([SPX])
        await asyncio.sleep(1)
        stage.feed.take_error(ErrorFact(REQUEST + 1, 354, "not subscribed"))
        assert stage.feed.take_error(ErrorFact(REQUEST + 1, 300, "Can't find EId with tickerId"))
        assert len(stage.words()) == 1

    play(scene)
