"""What is the paper broker's own: refusals, what-ifs, pace, accounts, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.paper.broker import PaperBroker
from execution.brokers.paper.settings import DEFAULT_ACCOUNT_ID, PaperAccount, PaperSettings
from execution.brokers.port import AccountEvent, FeeEvent, QuotesEvent
from models.contract import underlying_contract
from models.enums import OrderStatus, OrderType, TimeInForce
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId
from models.order import Order, OrderLeg
from tests.execution.brokers.contract_kit import buy, fills, order_of, sell, states
from tests.execution.brokers.paper.desk import PaperDesk, play, running_clock
from tests.execution.brokers.paper.fake_market import EXPIRY, HandMarket, aapl, spxw


def market_order(desk: PaperDesk, *legs: OrderLeg) -> Order:
    return replace(order_of(desk, legs, Decimal(0)), order_type=OrderType.MARKET, limit_price=None)


# --- refusals ---------------------------------------------------------------------------------------------------------


def _expired(desk: PaperDesk) -> Order:
    desk.clock.set(datetime(2026, 12, 18, 21, 0, tzinfo=UTC))
    return order_of(desk, (buy(spxw(6800, "P", EXPIRY)),), Decimal(1))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda d: replace(order_of(d, d.single(1), Decimal(1)), account_id=AccountId("NONE")),
            "no paper account NONE",
        ),
        (lambda d: order_of(d, (buy(spxw(6801, "P")),), Decimal(1)), "is not listed"),
        (lambda d: order_of(d, (), Decimal(1)), "at least one leg"),
        (lambda d: order_of(d, (buy(spxw(6800, "P")), sell(spxw(6800, "P"))), Decimal(1)), "stands in two legs"),
        (lambda d: order_of(d, (buy(spxw(6800, "P")), buy(aapl(280, "P"))), Decimal(1)), "share one underlying"),
        (lambda d: order_of(d, (buy(underlying_contract("SPX")),), Decimal(1)), "is an index"),
        (lambda d: order_of(d, d.single(0), Decimal(1)), "must be positive"),
        (lambda d: order_of(d, d.single(1), Decimal("1.03")), "not on the tick"),
        (lambda d: order_of(d, d.single(1), Decimal("NaN")), "not a number"),
        (lambda d: order_of(d, d.single(1), Decimal(-1)), "wrong sign"),
        (lambda d: replace(order_of(d, d.single(1), Decimal(1)), limit_price=None), "needs a limit price"),
        (lambda d: replace(market_order(d, *d.single(1)), tif=TimeInForce.GTC), "good for the day only"),
        (lambda d: replace(market_order(d, *d.single(1)), limit_price=Decimal(1)), "carries no limit price"),
        (
            lambda d: order_of(d, (buy(underlying_contract("AAPL"), 50), sell(aapl(290, "C"))), Decimal(100)),
            "whole multiples",
        ),
        (_expired, "has expired"),
        (lambda d: order_of(d, (sell(spxw(6900, "P"), 40),), Decimal("-0.05")), "Insufficient buying power"),
    ],
)
def test_an_unsound_order_is_refused_with_its_reason_and_the_what_if_says_the_same(
    tmp_path: Path, make: Callable[[PaperDesk], Order], words: str
) -> None:
    async def scenario(desk: PaperDesk) -> None:
        order = make(desk)
        answer = await desk.broker.simulate(order)
        assert answer.error is not None
        assert words in answer.error
        with pytest.raises(BrokerFailure, match=words) as caught:
            await desk.broker.submit(order)
        assert caught.value.kind is FailureKind.REJECTED
        assert await desk.broker.find_orders([order.id]) == ()

    play(tmp_path, scenario)


def test_a_market_order_needs_two_sides(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        contract = spxw(6800, "P")
        desk.market.set_quote(contract, None, "30.00")
        with pytest.raises(BrokerFailure, match="No two-sided market"):
            await desk.broker.submit(market_order(desk, buy(contract)))
        desk.market.set_quote(contract, "29.80", "30.00")
        order = market_order(desk, buy(contract))
        await desk.broker.submit(order)
        desk.market.set_quote(contract, None, None)
        await desk.pass_time(1)
        assert states(desk, order)[-1] is OrderStatus.REJECTED

    play(tmp_path, scenario)


def test_a_market_spread_fills_at_the_natural(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        legs = desk.condor(1)
        natural = desk.natural(legs)
        order = market_order(desk, *legs)
        await desk.broker.submit(order)
        await desk.pass_time(1)
        done = fills(desk, order).values()
        assert sum(e.signed_quantity * e.price for e in done) == natural

    play(tmp_path, scenario)


def test_an_order_that_reduces_risk_is_taken_without_buying_power(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        contract = spxw(6800, "P")
        desk.market.set_quote(contract, "29.80", "30.00")
        opening = order_of(desk, (sell(contract, 5),), Decimal("-29.80"))
        await desk.broker.submit(opening)
        await desk.pass_time(1)
        desk.market.set_level("SPX", "6000")
        desk.market.set_quote(contract, "800.00", "802.00")
        await desk.pass_time(2)
        values = (await desk.broker.snapshot()).accounts[0]
        assert values.buying_power is not None
        assert values.buying_power < 0
        closing = order_of(desk, (buy(contract, 2),), Decimal(810))
        await desk.broker.submit(closing)
        await desk.pass_time(1)
        assert states(desk, closing)[-1] is OrderStatus.FILLED

    play(tmp_path, scenario)


# --- what-if ----------------------------------------------------------------------------------------------------------


def test_the_what_if_of_a_vertical_adds_up_to_the_cent(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        short, long = spxw(6800, "P"), spxw(6700, "P")
        desk.market.set_quote(short, "29.80", "30.20")
        desk.market.set_quote(long, "19.80", "20.20")
        answer = await desk.broker.simulate(order_of(desk, (sell(short), buy(long)), Decimal("-9.80")))
        assert answer.initial_margin_before == 0
        assert answer.initial_margin_change == Decimal(9000)
        assert answer.fees == Decimal("2.72")
        # Twenty cents below the mid on one hundred, and the fees.
        assert answer.equity_change == Decimal("-22.72")
        assert answer.buying_power_after == Decimal(500_000) - Decimal("22.72") - 9000
        assert answer.warning is None

    play(tmp_path, scenario)


@pytest.mark.parametrize(("limit", "words"), [("-20", "may not fill"), ("-1", "far through the market")])
def test_a_limit_far_from_the_market_is_warned_of(tmp_path: Path, limit: str, words: str) -> None:
    async def scenario(desk: PaperDesk) -> None:
        short, long = spxw(6800, "P"), spxw(6700, "P")
        desk.market.set_quote(short, "29.80", "30.20")
        desk.market.set_quote(long, "19.80", "20.20")
        answer = await desk.broker.simulate(order_of(desk, (sell(short), buy(long)), Decimal(limit)))
        assert answer.error is None
        assert words in (answer.warning or "")

    play(tmp_path, scenario)


def test_what_the_what_if_promises_is_what_the_fill_does(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        legs = desk.condor(2)
        order = order_of(desk, legs, desk.natural(legs))
        answer = await desk.broker.simulate(order)
        before = (await desk.broker.snapshot()).accounts[0]
        await desk.broker.submit(order)
        await desk.pass_time(2)
        after = (await desk.broker.snapshot()).accounts[0]
        assert before.net_liquidation is not None
        assert after.net_liquidation is not None
        assert after.net_liquidation - before.net_liquidation == answer.equity_change
        assert after.initial_margin == answer.initial_margin_after
        assert after.maintenance_margin == answer.maintenance_margin_after
        assert after.buying_power == answer.buying_power_after
        fees = sum((e.fee for e in desk.events if isinstance(e, FeeEvent)), start=Decimal(0))
        assert fees == answer.fees

    play(tmp_path, scenario)


def test_in_exchange_hours_an_order_waits_for_the_next_session_and_is_told_so(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        await desk.move_to(datetime(2026, 11, 16, 23, 0, tzinfo=UTC))
        legs = desk.condor(1)
        order = order_of(desk, legs, desk.natural(legs))
        assert "next session" in ((await desk.broker.simulate(order)).warning or "")
        await desk.broker.submit(order)
        await desk.pass_time(60)
        assert fills(desk, order) == {}
        await desk.move_to(datetime(2026, 11, 17, 14, 30, tzinfo=UTC))
        assert states(desk, order)[-1] is OrderStatus.FILLED

    play(tmp_path, scenario, PaperSettings(manual=True, session_hours=True))


# --- pace, money, accounts --------------------------------------------------------------------------------------------


def test_displayed_sizes_fill_an_order_in_parts_over_ticks(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        contract = spxw(6800, "P")
        desk.market.set_quote(contract, "29.80", "30.20", bid_size=3, ask_size=3)
        order = order_of(desk, (buy(contract, 7),), Decimal("30.20"))
        await desk.broker.submit(order)
        await desk.pass_time(2)
        assert [e.quantity for e in fills(desk, order).values()] == [3, 3, 1]
        assert states(desk, order) == [OrderStatus.PENDING, OrderStatus.PARTIAL, OrderStatus.FILLED]

    play(tmp_path, scenario)


def test_underlyings_and_vix_are_always_quoted_and_a_budget_makes_the_rest_take_turns(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        wanted = [spxw(strike, "P") for strike in range(6000, 7050, 50)]
        desk.broker.set_subscriptions(wanted)
        await desk.pass_time(0.25)
        first = [e for e in desk.events if isinstance(e, QuotesEvent)][-1]
        assert len(first.quotes) == 10
        assert {"SPX", "AAPL", "VIX", "/ESZ6"} <= {quote.key for quote in first.quotes}
        for _ in range(4):
            await desk.pass_time(0.25)
        seen = {quote.key for e in desk.events if isinstance(e, QuotesEvent) for quote in e.quotes}
        assert {contract.key for contract in wanted} <= seen

    play(tmp_path, scenario, PaperSettings(manual=True, max_quotes_per_s=40))


def test_account_figures_are_sent_when_they_change_and_not_more_than_once_a_second(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        contract = spxw(6800, "P")
        desk.market.set_quote(contract, "29.80", "30.20")
        order = order_of(desk, (sell(contract),), Decimal("-29.80"))
        await desk.broker.submit(order)
        await desk.pass_time(2)
        desk.events.clear()
        await desk.pass_time(5)
        assert not any(isinstance(event, AccountEvent) for event in desk.events)
        desk.market.set_quote(contract, "28.80", "29.20")
        await desk.pass_time(5)
        assert sum(isinstance(event, AccountEvent) for event in desk.events) == 1

    play(tmp_path, scenario)


def test_two_accounts_hold_their_own(tmp_path: Path) -> None:
    second = PaperAccount(AccountId("PAPER-2"), "Second", Decimal(50_000))

    async def scenario(desk: PaperDesk) -> None:
        legs = desk.single(1)
        order = replace(order_of(desk, legs, desk.natural(legs)), account_id=second.account_id)
        await desk.broker.submit(order)
        await desk.pass_time(2)
        snapshot = await desk.broker.snapshot()
        assert [values.account_id for values in snapshot.accounts] == [DEFAULT_ACCOUNT_ID, "PAPER-2"]
        assert {position.account_id for position in snapshot.positions} == {"PAPER-2"}
        assert snapshot.accounts[0].cash_balance == 500_000

    play(tmp_path, scenario, PaperSettings(manual=True, accounts=(PaperAccount(), second)))


def test_a_fee_that_was_not_told_before_a_restart_is_told_after_it(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        legs = desk.single(1)
        order = order_of(desk, legs, desk.natural(legs))
        await desk.broker.submit(order)
        await desk.pass_time(2)
        (execution,) = (await desk.broker.snapshot()).executions
        assert execution.fee is None
        await desk.crash_and_restart()
        await desk.pass_time(3600)
        fees = [event for event in desk.events if isinstance(event, FeeEvent)]
        assert [event.execution_id for event in fees] == [execution.execution_id]
        assert (await desk.broker.snapshot()).executions[0].fee == fees[0].fee

    play(tmp_path, scenario, PaperSettings(manual=True, fee_delay_s=600))


def test_it_closes_when_that_is_asked_in_the_moment_something_happens(tmp_path: Path) -> None:
    async def run() -> None:
        clock = running_clock()
        broker = PaperBroker(market=HandMarket(clock.now_utc()), clock=clock, store_path=tmp_path / "paper.db")
        for turns in range(8):
            await broker.connect()
            await asyncio.sleep(0.01)
            broker._wake.set()
            for _ in range(turns):
                await asyncio.sleep(0)
            async with asyncio.timeout(5):
                await broker.close()

    asyncio.run(run())
