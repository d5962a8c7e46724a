"""The adapter as a whole on the simulated TWS: which accounts it opens, what it refuses, what it tells of money."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from execution.brokers.ibkr.facts import OddFact
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.port import AccountEvent, ConnectionEvent, NoticeEvent
from models.enums import FeedState, Mode
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId
from tests.execution.brokers.contract_kit import order_of
from tests.execution.brokers.ibkr.desk import ACCOUNT, FAST, IbkrDesk, library

LIVE = AccountId("U7654321")
SETTINGS = IbkrSettings(library=library(), timeouts=FAST)


def play(
    folder: Path,
    scenario: Callable[[IbkrDesk], Awaitable[None]],
    settings: IbkrSettings = SETTINGS,
    *,
    account_id: AccountId = ACCOUNT,
) -> None:
    async def run() -> None:
        desk = IbkrDesk(folder, settings=settings, account_id=account_id)
        await desk.start()
        try:
            await scenario(desk)
        finally:
            await desk.stop()

    asyncio.run(run())


async def refused(folder: Path, settings: IbkrSettings, account_id: AccountId) -> BrokerFailure:
    desk = IbkrDesk(folder, settings=settings, account_id=account_id)
    try:
        with pytest.raises(BrokerFailure) as caught:
            await desk.start()
        return caught.value
    finally:
        await desk.stop()


def test_the_profit_of_the_day_comes_with_the_account(tmp_path: Path) -> None:
    async def scenario(desk: IbkrDesk) -> None:
        await desk.pass_time(3)
        told = [event.values for event in desk.events if isinstance(event, AccountEvent)]
        assert told[-1].day_pnl is not None
        assert told[-1].net_liquidation is not None

    play(tmp_path, scenario)


def test_a_paper_account_may_trade_and_its_name_is_not_said_twice(tmp_path: Path) -> None:
    async def scenario(desk: IbkrDesk) -> None:
        (info,) = await desk.broker.connect()
        assert (info.account_id, info.mode, info.may_trade) == (ACCOUNT, Mode.PAPER, True)
        assert ACCOUNT not in info.title

    play(tmp_path, scenario)


def test_a_live_account_behind_paper_settings_is_not_opened(tmp_path: Path) -> None:
    failure = asyncio.run(refused(tmp_path, SETTINGS, LIVE))
    assert failure.kind is FailureKind.REJECTED
    assert "U7654321 is a live account" in str(failure)
    assert "nothing was opened" in str(failure)


def test_a_paper_account_behind_live_settings_is_not_opened(tmp_path: Path) -> None:
    failure = asyncio.run(refused(tmp_path, replace(SETTINGS, mode=Mode.LIVE), ACCOUNT))
    assert "DU1234567 is a paper account" in str(failure)


def test_accounts_that_tws_does_not_have_are_named(tmp_path: Path) -> None:
    settings = replace(SETTINGS, accounts=frozenset({AccountId("DU9")}))
    failure = asyncio.run(refused(tmp_path, settings, ACCOUNT))
    assert "TWS offers the accounts DU1234567" in str(failure)


@pytest.mark.parametrize(("marked", "may_trade"), [(frozenset[AccountId](), False), (frozenset({LIVE}), True)])
def test_a_live_account_may_trade_only_when_it_is_marked_for_it(
    tmp_path: Path, marked: frozenset[AccountId], *, may_trade: bool
) -> None:
    async def scenario(desk: IbkrDesk) -> None:
        (info,) = await desk.broker.connect()
        assert (info.mode, info.may_trade) == (Mode.LIVE, may_trade)

    play(tmp_path, scenario, replace(SETTINGS, mode=Mode.LIVE, trading_accounts=marked), account_id=LIVE)


def test_a_read_only_connection_sends_nothing(tmp_path: Path) -> None:
    async def scenario(desk: IbkrDesk) -> None:
        legs = desk.single(1)
        order = order_of(desk, legs, desk.resting(legs))
        for attempt in (desk.broker.submit(order), desk.broker.cancel(order)):
            with pytest.raises(BrokerFailure) as caught:
                await attempt
            assert not caught.value.outcome_unknown
            assert "read-only" in str(caught.value)
        assert desk.placed() == 0

    play(tmp_path, scenario, replace(SETTINGS, read_only=True))


def test_a_lost_link_of_tws_itself_is_told_and_mended_with_a_reconcile(tmp_path: Path) -> None:
    async def scenario(desk: IbkrDesk) -> None:
        desk.simulator.broadcast(1100)
        await desk.settle()
        desk.simulator.broadcast(1102)
        await desk.settle()
        links = [(e.state, e.reconcile_needed) for e in desk.events if isinstance(e, ConnectionEvent)]
        assert links[-2:] == [(FeedState.DOWN, True), (FeedState.LIVE, True)]

    play(tmp_path, scenario)


def test_a_competing_session_is_said_once_in_words(tmp_path: Path) -> None:
    async def scenario(desk: IbkrDesk) -> None:
        desk.broker.set_subscriptions([desk.single(1)[0].contract])
        await desk.pass_time(1)
        for _ in range(3):
            desk.simulator.broadcast(10197)
        await desk.settle()
        said = [event for event in desk.events if isinstance(event, NoticeEvent)]
        assert len(said) == 1

    play(tmp_path, scenario)


def test_a_flood_of_facts_leaves_the_engine_its_turns(tmp_path: Path) -> None:
    async def scenario(desk: IbkrDesk) -> None:
        facts, turns, most, broker = 2_000, 0, 0, desk.broker
        for _ in range(facts):
            broker._inbox.put_nowait((broker._connection, OddFact("test", "a fact")))
        while broker._inbox.qsize():
            before = broker._inbox.qsize()
            await asyncio.sleep(0)
            turns += 1
            most = max(most, before - broker._inbox.qsize())
        assert most <= 100
        assert turns >= facts // 100

    play(tmp_path, scenario)
