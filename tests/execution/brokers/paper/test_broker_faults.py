"""The paper broker when store, link or script fail, and its background task."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.paper.broker import PaperBroker
from execution.brokers.paper.faults import Call, CallFault, Failure, FillBehavior, OrderScript
from execution.brokers.paper.settings import DEFAULT_ACCOUNT_ID, FillModel, PaperSettings
from execution.brokers.port import ConnectionEvent, FeeEvent, QuotesEvent
from models.enums import FeedState, OrderStatus
from models.errors import BrokerFailure, FailureKind
from models.ids import ContractKey, ExecutionId
from tests.execution.brokers.contract_kit import bought, buy, fills, held, known_order, order_of
from tests.execution.brokers.paper.desk import START, PaperDesk, play, running_clock
from tests.execution.brokers.paper.fake_market import HandMarket, spxw


def test_a_scheduled_fill_comes_at_its_time(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        legs = desk.condor(1)
        order = order_of(desk, legs, desk.resting(legs))
        at = datetime(2026, 11, 16, 15, 5, tzinfo=UTC)
        desk.faults.next_order(OrderScript(fills=FillBehavior.SCHEDULED, fill_at_utc=at))
        await desk.broker.submit(order)
        await desk.pass_time(200)
        assert fills(desk, order) == {}
        await desk.move_to(at)
        assert bought(fills(desk, order)) == {leg.contract.key: leg.signed_quantity for leg in legs}

    play(tmp_path, scenario)


def test_a_broken_link_comes_back_by_itself_and_asks_for_a_reconcile(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        desk.fail(Call.SNAPSHOT, CallFault(Failure.DISCONNECT_BEFORE))
        with pytest.raises(BrokerFailure, match="broke during 'snapshot'") as caught:
            await desk.broker.snapshot()
        assert not caught.value.outcome_unknown
        await desk.pass_time(1)
        with pytest.raises(BrokerFailure, match="not connected"):
            await desk.broker.snapshot()
        await desk.pass_time(2)
        links = [event for event in desk.events if isinstance(event, ConnectionEvent)]
        assert [event.state for event in links] == [FeedState.LIVE, FeedState.DOWN, FeedState.LIVE]
        assert links[-1].reconcile_needed
        assert (await desk.broker.snapshot()).positions == ()

    play(tmp_path, scenario)


def test_a_connect_that_fails_says_so_and_the_next_one_works(tmp_path: Path) -> None:
    async def run() -> None:
        desk = PaperDesk(tmp_path / "paper.db")
        desk.fail(Call.CONNECT, CallFault(Failure.REJECT, text="Maintenance."))
        with pytest.raises(BrokerFailure, match="Maintenance") as caught:
            await desk.broker.connect()
        assert caught.value.kind is FailureKind.OFFLINE
        await desk.start()
        assert (await desk.broker.snapshot()).positions == ()
        await desk.stop()

    asyncio.run(run())


def test_a_store_in_use_elsewhere_is_offline_with_a_cure(tmp_path: Path) -> None:
    async def run() -> None:
        first, second = PaperDesk(tmp_path / "paper.db"), PaperDesk(tmp_path / "paper.db")
        await first.start()
        with pytest.raises(BrokerFailure, match="Close the other desk") as caught:
            await second.broker.connect()
        assert caught.value.kind is FailureKind.OFFLINE
        await first.stop()

    asyncio.run(run())


def test_an_order_that_cannot_be_committed_is_refused_and_never_works(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        core = desk.broker._core
        assert core is not None
        core.store._connection.execute("PRAGMA query_only=ON")
        legs = desk.condor(1)
        order = order_of(desk, legs, desk.natural(legs))
        with pytest.raises(BrokerFailure, match="could not be written") as caught:
            await desk.broker.submit(order)
        assert not caught.value.outcome_unknown
        core.store._connection.execute("PRAGMA query_only=OFF")
        await desk.pass_time(3)
        assert held(await desk.broker.snapshot()) == {}

    play(tmp_path, scenario)


def test_the_background_task_ticks_fills_and_stops(tmp_path: Path) -> None:
    async def run() -> None:
        market, clock = HandMarket(START), running_clock()
        settings = PaperSettings(quote_interval_s=0.01, ack_delay_s=0.0, fee_delay_s=0.0)
        broker = PaperBroker(market=market, clock=clock, store_path=tmp_path / "paper.db", settings=settings)
        await broker.connect()
        desk = PaperDesk(tmp_path / "other.db")
        contract = spxw(6800, "P")
        market.set_quote(contract, "29.80", "30.20")
        order = replace(order_of(desk, (buy(contract),), Decimal("30.20")), account_id=DEFAULT_ACCOUNT_ID)
        told: set[ExecutionId] = set()
        async with asyncio.timeout(60):
            await broker.submit(order)
            async for event in broker.events():
                if isinstance(event, FeeEvent):
                    told.add(event.execution_id)
                    break
        assert told == {e.execution_id for e in (await broker.snapshot()).executions}
        await broker.close()
        assert [event async for event in broker.events() if isinstance(event, FeeEvent)] == []

    asyncio.run(run())


def test_a_background_task_that_cannot_write_says_so_and_goes_on(tmp_path: Path) -> None:
    async def run() -> None:
        settings = PaperSettings(quote_interval_s=0.01, market_state_interval_s=0.0)
        broker = PaperBroker(
            market=HandMarket(START), clock=running_clock(), store_path=tmp_path / "paper.db", settings=settings
        )
        await broker.connect()
        core = broker._core
        assert core is not None
        core.store._connection.execute("PRAGMA query_only=ON")
        async with asyncio.timeout(60):
            async for event in broker.events():
                if isinstance(event, ConnectionEvent) and event.state is FeedState.STALE:
                    assert "could not be written" in event.text
                    break
            core.store._connection.execute("PRAGMA query_only=OFF")
            async for event in broker.events():
                if isinstance(event, QuotesEvent):
                    break
        await broker.close()

    asyncio.run(run())


def test_orders_of_the_desk_are_known_after_weeks_but_told_in_the_snapshot_for_days(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        legs = desk.single(1)
        order = order_of(desk, legs, desk.natural(legs))
        await desk.broker.submit(order)
        await desk.pass_time(2)
        assert known_order(await desk.broker.snapshot(), order).status is OrderStatus.FILLED
        await desk.move_to(datetime(2026, 12, 10, 15, 0, tzinfo=UTC))
        snapshot = await desk.broker.snapshot()
        assert (snapshot.executions, snapshot.completed_orders) == ((), ())
        assert held(snapshot) == {ContractKey(legs[0].contract.key): Decimal(1)}
        assert len(await desk.broker.find_orders([order.id])) == 1

    play(tmp_path, scenario, PaperSettings(manual=True, fill_model=FillModel(use_displayed_size=False)))
