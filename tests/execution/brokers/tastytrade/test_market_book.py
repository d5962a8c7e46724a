"""The newest market of every symbol: told promptly or at times, never an older one last, each value read as it came."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.brokers.tastytrade.facts import MarketFact, TastyGreeks, TastyQuote
from execution.brokers.tastytrade.feed import Events
from execution.brokers.tastytrade.market_book import MarketBook
from tests.execution.brokers.ibkr.virtual_time import LoopClock, run_virtually

A, B, C = ".A", ".B", ".C"


class Stage:
    def __init__(self, *, interval_s: float, prompt: int) -> None:
        self.batches: list[tuple[MarketFact, ...]] = []
        self.book = MarketBook(clock=LoopClock(), interval_s=interval_s, prompt=prompt, sink=self.batches.append)

    def take(self, *rows: tuple[Any, ...], kind: str = "Quote", life: int = 1) -> None:
        self.book.take(life, Events(kind, rows))

    def bids(self, symbol: str) -> list[Decimal | None]:
        told = [fact for batch in self.batches for fact in batch if isinstance(fact, TastyQuote)]
        return [fact.bid for fact in told if fact.streamer_symbol == symbol]


def play(scene: Callable[[Stage], Awaitable[None]], *, interval_s: float = 0.25, prompt: int = 1) -> None:
    async def run() -> None:
        stage = Stage(interval_s=interval_s, prompt=prompt)
        await scene(stage)
        stage.book.close()

    run_virtually(run())


def row(symbol: str, bid: Any) -> tuple[Any, ...]:
    return (symbol, bid, 9999.5, 3, 4)


def test_events_that_are_read_in_one_go_are_one_fact_a_symbol_and_the_newest() -> None:
    async def scene(stage: Stage) -> None:
        stage.book.want([A, B], [])
        for number in range(1000):
            stage.take(row(A, float(number)), row(B, float(number)))
        await asyncio.sleep(1)
        assert stage.bids(A) == stage.bids(B) == [Decimal("999.0")]

    play(scene)


def test_the_first_by_need_do_not_wait_for_those_told_at_times() -> None:
    async def scene(stage: Stage) -> None:
        stage.book.want([B, A], [A, B])
        for number in range(10):
            stage.take(row(A, float(number)), row(B, float(number)))
            await asyncio.sleep(0.02)
        assert len(stage.bids(B)) == 10
        assert len(stage.bids(A)) == 1

    play(scene)


def test_one_that_becomes_first_is_told_at_once_from_then_on() -> None:
    async def scene(stage: Stage) -> None:
        stage.book.want([B, A], [])
        stage.take(row(A, 1.0))
        await asyncio.sleep(0.06)
        stage.take(row(A, 2.0))
        stage.book.want([A, B], [])
        await asyncio.sleep(0.3)
        stage.take(row(A, 3.0))
        await asyncio.sleep(0.001)
        assert stage.bids(A) == [Decimal("1.0"), Decimal("2.0"), Decimal("3.0")]

    play(scene)


def test_greeks_are_told_at_times_also_of_the_first() -> None:
    async def scene(stage: Stage) -> None:
        stage.book.want([A], [A])
        for number in range(10):
            stage.take((A, 0.2, number / 10, 0.001, -1.5, 0.0), kind="Greeks")
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        told = [fact for batch in stage.batches for fact in batch if isinstance(fact, TastyGreeks)]
        assert len(told) == 2
        assert (told[-1].delta, told[-1].vega_per_point) == (0.9, 0.0)

    play(scene)


def test_many_that_are_due_together_are_told_in_several_pieces_right_behind_each_other() -> None:
    async def scene(stage: Stage) -> None:
        symbols = [f".{number}" for number in range(500)]
        stage.book.want(symbols, [])
        for bid in (1.0, 2.0):
            stage.take(*(row(symbol, bid) for symbol in symbols))
            await asyncio.sleep(0.5)
        assert max(len(batch) for batch in stage.batches) <= 60
        assert all(stage.bids(symbol) == [Decimal("1.0"), Decimal("2.0")] for symbol in symbols)

    play(scene)


def test_what_waits_is_no_more_than_the_symbols_and_is_dropped_when_nobody_wants_it() -> None:
    async def scene(stage: Stage) -> None:
        stage.book.want([A, B, C], [])
        stage.take(row(B, 1.0), row(C, 1.0))
        stage.take(row(B, 2.0), row(".D", 1.0))
        assert stage.book.waiting == 2
        stage.book.want([A, B], [])
        await asyncio.sleep(1)
        assert [len(batch) for batch in stage.batches] == [1]
        assert stage.bids(B) == [Decimal("2.0")]

    play(scene)


@pytest.mark.parametrize(
    ("raw", "bid"),
    [
        ("NaN", Decimal(0)),
        (None, None),
        (True, None),
        ("1.25", Decimal("1.25")),
        (1, Decimal(1)),
        (1.0, Decimal(1)),
        (1e300, None),
        ("Infinity", None),
    ],
)
def test_a_price_is_read_anew_whatever_it_was_before(raw: Any, bid: Decimal | None) -> None:
    async def scene(stage: Stage) -> None:
        stage.book.want([A], [])
        expected = []
        for before, value in ((1.0, Decimal(1)), (True, None), ("NaN", Decimal(0)), (None, None), (1, Decimal(1))):
            stage.take(row(A, before))
            await asyncio.sleep(0.01)
            stage.take(row(A, raw))
            await asyncio.sleep(0.01)
            expected += [value, bid]
        assert stage.bids(A) == expected

    play(scene)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from([A, B, C]),
        st.integers(0, 40_000).map(lambda number: number / 4),
        st.sampled_from([0.0, 0.01, 0.3]),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(steps=_STEPS, prompt=st.integers(0, 3))
def test_the_last_that_is_told_of_a_symbol_is_the_last_that_came(
    steps: list[tuple[str, float, float]], prompt: int
) -> None:
    async def scene(stage: Stage) -> None:
        stage.book.want([A, B, C], [])
        newest: dict[str, Decimal] = {}
        for symbol, bid, pause_s in steps:
            stage.take(row(symbol, bid))
            newest[symbol] = Decimal(repr(bid))
            await asyncio.sleep(pause_s)
        await asyncio.sleep(1)
        assert {symbol: stage.bids(symbol)[-1] for symbol in newest} == newest

    play(scene, prompt=prompt)
