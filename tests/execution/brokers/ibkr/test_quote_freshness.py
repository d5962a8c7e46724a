"""What does not prove that an unchanged quote is still the market."""

from __future__ import annotations

import asyncio
from datetime import datetime

from execution.brokers.ibkr.facts import ErrorFact
from execution.brokers.port import QuotesEvent
from tests.execution.brokers.ibkr.quote_stage import CHAIN, REQUEST, Stage, play


def _told(stage: Stage, number: int) -> list[datetime]:
    return [
        quote.at_utc
        for _, event in stage.events
        if isinstance(event, QuotesEvent)
        for quote in event.quotes
        if quote.key == CHAIN[number].key
    ]


def test_delayed_ticks_prove_nothing_about_a_live_quote() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions(CHAIN[:2])
        await asyncio.sleep(1)
        stage.tick(6000, "1.00", "1.10")
        for cents in range(20, 30):
            stage.tick(6001, f"1.{cents}", "2.00", data_type=3)
            await asyncio.sleep(1)
        assert len(_told(stage, 0)) == 1

    play(scene)


def test_a_line_that_tws_complains_about_is_not_taken_for_fresh_until_it_ticks_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.feed.resubscribe()
        stage.feed.set_subscriptions(CHAIN[:2])
        await asyncio.sleep(1)
        stage.tick(6000, "1.00", "1.10")
        assert stage.feed.take_error(ErrorFact(REQUEST + 6000, 10182, "Failed to request live updates."))
        for cents in range(20, 30):
            stage.tick(6001, f"1.{cents}", "2.00")
            await asyncio.sleep(1)
        assert len(_told(stage, 0)) == 1
        stage.tick(6000, "1.05", "1.15")
        for cents in range(30, 40):
            stage.tick(6001, f"1.{cents}", "2.00")
            await asyncio.sleep(1)
        assert len(_told(stage, 0)) > 2

    play(scene)
