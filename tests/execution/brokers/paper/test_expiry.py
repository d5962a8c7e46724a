"""The paper broker over expiries and closes, with the app on and off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from execution.brokers.paper.broker import PaperBroker
from execution.brokers.port import BrokerSnapshot, ExecutionEvent, OddObjectEvent
from models.contract import option_contract
from models.enums import OrderStatus, OrderType, Right
from models.order import OrderLeg
from models.trade import ExecutionKind
from tests.execution.brokers.contract_kit import buy, cash, held, known_order, order_of, sell
from tests.execution.brokers.paper.desk import PaperDesk, play
from tests.execution.brokers.paper.fake_market import EXPIRY, LATER, aapl, spxw

OPENING = datetime(2026, 12, 18, 14, 30, tzinfo=UTC)
CLOSE = datetime(2026, 12, 18, 21, 0, tzinfo=UTC)
MONDAY = datetime(2026, 12, 21, 15, 0, tzinfo=UTC)


async def trade(desk: PaperDesk, *legs: OrderLeg) -> None:
    await desk.broker.submit(order_of(desk, legs, desk.natural(legs)))
    await desk.pass_time(2)


def settlements(snapshot: BrokerSnapshot) -> list[tuple[ExecutionKind, datetime, Decimal]]:
    return [
        (e.kind, e.executed_at_utc, e.cash_effect) for e in snapshot.executions if e.kind is not ExecutionKind.TRADE
    ]


def test_an_index_put_settles_at_the_level_of_the_closing_instant(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        await trade(desk, sell(spxw(7000, "P"), 2))
        before = await desk.broker.snapshot()
        desk.market.plan_level(CLOSE, "SPX", "6950.25")
        desk.market.plan_level(MONDAY, "SPX", "6000")
        await desk.move_to(MONDAY)
        after = await desk.broker.snapshot()
        assert settlements(after) == [(ExecutionKind.CASH_SETTLEMENT, CLOSE, Decimal(-9950))]
        assert cash(after, desk.account_id) - cash(before, desk.account_id) == Decimal(-9950)
        assert held(after) == {}
        assert [e.execution.kind for e in desk.events if isinstance(e, ExecutionEvent)][
            -1
        ] is ExecutionKind.CASH_SETTLEMENT

    play(tmp_path, scenario)


def test_the_morning_series_settles_at_the_opening(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        await trade(desk, buy(option_contract("SPX", EXPIRY, Right.CALL, Decimal(7000))))
        desk.market.plan_level(OPENING, "SPX", "7011.00")
        desk.market.plan_level(CLOSE, "SPX", "7200.00")
        await desk.move_to(MONDAY)
        snapshot = await desk.broker.snapshot()
        assert settlements(snapshot) == [(ExecutionKind.CASH_SETTLEMENT, OPENING, Decimal(1100))]

    play(tmp_path, scenario)


def test_a_short_stock_put_in_the_money_becomes_shares(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        await trade(desk, sell(aapl(280, "P"), 1))
        desk.market.plan_level(CLOSE, "AAPL", "275.50")
        await desk.move_to(MONDAY)
        snapshot = await desk.broker.snapshot()
        assert held(snapshot) == {"AAPL": Decimal(100)}
        assert snapshot.positions[0].average_price == Decimal(280)
        assert [kind for kind, _, _ in settlements(snapshot)] == [ExecutionKind.ASSIGNMENT] * 2

    play(tmp_path, scenario)


def test_what_expired_while_the_app_was_off_settles_at_the_next_start(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        await trade(desk, sell(spxw(7000, "P"), 1))
        order = order_of(desk, (buy(spxw(6500, "P", LATER)),), Decimal("0.10"))
        await desk.broker.submit(order)
        await desk.broker.close()
        desk.market.plan_level(CLOSE, "SPX", "6990.00")
        desk.market.plan_level(MONDAY, "SPX", "7300.00")
        desk.clock.set(MONDAY)
        await desk.broker.connect()
        snapshot = await desk.broker.snapshot()
        assert settlements(snapshot) == [(ExecutionKind.CASH_SETTLEMENT, CLOSE, Decimal(-1000))]
        gone = (await desk.broker.find_orders([order.id]))[0]
        assert gone.status is OrderStatus.CANCELLED
        assert desk.market.advances == sorted(desk.market.advances)

    play(tmp_path, scenario)


def test_a_market_on_close_order_fills_at_the_close_and_can_close_what_expires(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        await desk.move_to(datetime(2026, 12, 18, 19, 0, tzinfo=UTC))
        legs = (sell(spxw(7000, "C", LATER)),)
        order = replace(order_of(desk, legs, Decimal(0)), order_type=OrderType.MARKET_ON_CLOSE, limit_price=None)
        await desk.broker.submit(order)
        await desk.pass_time(5)
        assert known_order(await desk.broker.snapshot(), order).status is OrderStatus.PENDING
        desk.market.set_quote(legs[0].contract, "140.00", "141.00")
        await desk.move_to(MONDAY)
        snapshot = await desk.broker.snapshot()
        (done,) = [e for e in snapshot.executions if e.order_id == order.id]
        assert (done.executed_at_utc, done.price) == (CLOSE, Decimal("140.00"))

    play(tmp_path, scenario)


def test_a_market_on_close_order_without_a_market_is_cancelled(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        legs = (sell(spxw(7000, "C", LATER)),)
        order = replace(order_of(desk, legs, Decimal(0)), order_type=OrderType.MARKET_ON_CLOSE, limit_price=None)
        await desk.broker.submit(order)
        desk.market.set_quote(legs[0].contract, None, "141.00")
        await desk.pass_to_next_session()
        done = known_order(await desk.broker.snapshot(), order)
        assert done.status is OrderStatus.CANCELLED
        assert done.reason == "No two-sided market at the close."

    play(tmp_path, scenario)


def test_an_expired_holding_without_a_level_stays_and_is_told_once(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        await trade(desk, sell(aapl(280, "P"), 1))
        desk.market.drop_level("AAPL")
        await desk.move_to(MONDAY)
        await desk.pass_time(2)
        assert held(await desk.broker.snapshot()) == {aapl(280, "P").key: Decimal(-1)}
        assert sum(isinstance(event, OddObjectEvent) for event in desk.events) == 1
        desk.market.set_level("AAPL", "300")
        await desk.pass_time(1)
        assert held(await desk.broker.snapshot()) == {}

    play(tmp_path, scenario)


def test_the_profit_of_the_day_counts_from_the_last_close(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        contract = spxw(6800, "P", LATER)
        desk.market.set_quote(contract, "29.80", "30.20")
        await trade(desk, sell(contract))
        await desk.pass_to_next_session()
        desk.market.set_quote(contract, "24.80", "25.20")
        await desk.pass_time(2)
        assert (await desk.broker.snapshot()).accounts[0].day_pnl == Decimal(500)

    play(tmp_path, scenario)


def test_time_never_runs_back_when_the_clock_does(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        await trade(desk, sell(spxw(7000, "P"), 1))
        seen = (await desk.broker.snapshot()).at_utc
        await desk.broker.close()
        desk.clock.set(datetime(2026, 11, 16, 14, 0, tzinfo=UTC))
        broker = PaperBroker(market=desk.market, clock=desk.clock, store_path=desk.path, settings=desk.settings)
        await broker.connect()
        assert (await broker.snapshot()).at_utc >= seen
        await broker.close()

    play(tmp_path, scenario)
