"""What is the paper broker's own: refusals, what-ifs, pace, accounts, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.paper.broker import PaperBroker
from execution.brokers.paper.faults import Call, CallFault, Failure, FillBehavior, OrderScript
from execution.brokers.paper.settings import DEFAULT_ACCOUNT_ID, FillModel, PaperAccount, PaperSettings
from execution.brokers.port import AccountEvent, ConnectionEvent, FeeEvent, QuotesEvent
from models.clock import OffsetClock, SystemClock
from models.contract import underlying_contract
from models.enums import FeedState, OrderStatus, OrderType, TimeInForce
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId, ContractKey, ExecutionId
from models.order import Order, OrderLeg
from tests.execution.brokers.contract_kit import bought, buy, fills, held, known_order, order_of, sell, states
from tests.execution.brokers.paper.desk import START, PaperDesk
from tests.execution.brokers.paper.fake_market import EXPIRY, HandMarket, aapl, spxw

MANUAL = PaperSettings(manual=True)


def play(tmp_path: Path, scenario: Callable[[PaperDesk], Awaitable[None]], settings: PaperSettings = MANUAL) -> None:
    async def run() -> None:
        desk = PaperDesk(tmp_path / "paper.db", settings=settings)
        await desk.start()
        try:
            await scenario(desk)
        finally:
            await desk.stop()

    asyncio.run(run())


def running_clock() -> OffsetClock:
    """Returns a clock that runs from START at the pace of the computer's."""
    return OffsetClock(base=SystemClock(), offset=START - SystemClock().now_utc())


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


# --- faults and failures ----------------------------------------------------------------------------------------------


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
