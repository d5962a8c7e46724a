"""What expires, is assigned or settled while the desk stays on: booked without a reconcile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from execution.brokers.port import ExecutionEvent, PositionsEvent
from execution.brokers.tastytrade.order_desk import OrderDesk
from execution.brokers.tastytrade.settings import TastyTimeouts
from models.trade import ExecutionKind
from tests.execution.brokers.contract_kit import buy, sell
from tests.execution.brokers.paper.fake_market import aapl, spxw
from tests.execution.brokers.tastytrade import desk as desk_module
from tests.execution.brokers.tastytrade.test_days_missed import D, DaysDesk
from tests.simulators.tastytrade.habits import Habits

K = ExecutionKind
_CLOSE = datetime(2026, 12, 18, 22, 0, tzinfo=UTC)


def settled(desk: DaysDesk) -> set[tuple[str, ExecutionKind]]:
    told = [event.execution for event in desk.events if isinstance(event, ExecutionEvent)]
    return {(one.contract.label, one.kind) for one in told if one.kind is not K.TRADE}


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not is_so():  # noqa: ASYNC110 - the desk has no event for everything
            await asyncio.sleep(0.02)


def play(folder: Path) -> None:
    short, worthless, assigned = spxw(7000, "P"), spxw(6000, "P"), aapl(290, "P")

    async def run() -> None:
        desk = DaysDesk(folder, habits=Habits(crypto=None))
        await desk.start()
        try:
            await desk.filled(sell(short), limit="-1.00")
            await desk.filled(buy(worthless), limit="20.00")
            await desk.filled(sell(assigned), limit="-1.00")
            await desk.settle()
            desk.market.set_level("SPX", "6990")
            desk.live_on(_CLOSE)
            await until(lambda: len(settled(desk)) == 4)
            assert settled(desk) == {
                (short.label, K.CASH_SETTLEMENT),
                (worthless.label, K.EXPIRED_WORTHLESS),
                (assigned.label, K.ASSIGNMENT),
                ("AAPL", K.ASSIGNMENT),
            }
            await desk.settle()
            last = [event for event in desk.events if isinstance(event, PositionsEvent)][-1]
            assert {one.contract.label: one.quantity for one in last.positions} == {"AAPL": D(100)}
        finally:
            await desk.stop()

    asyncio.run(run())


def test_holdings_that_change_without_a_fill_have_the_transactions_read(tmp_path: Path) -> None:
    play(tmp_path)


def test_transactions_are_read_now_and_then_even_if_nothing_else_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast: TastyTimeouts = replace(desk_module.FAST, reread_every_s=0.5)
    monkeypatch.setattr("tests.execution.brokers.tastytrade.test_days_missed.FAST", fast)
    monkeypatch.setattr(OrderDesk, "look_soon", lambda _: None)
    play(tmp_path)
