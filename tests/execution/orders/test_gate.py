"""Each reason of the gate, alone; an empty context denies; a check that breaks denies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.orders.gate import CHECKS, REPLACE_CHECKS, gate
from execution.orders.gate_context import GateContext, SentOrder, Traffic, build_context
from models.clock import ManualClock
from models.contract import underlying_contract
from models.enums import (
    Action,
    BrokerName,
    MarketDataKind,
    Metric,
    Mode,
    OrderStatus,
    OrderType,
    Right,
    TimeInForce,
    TradingState,
)
from models.gate import Denial, DenialCode
from models.greeks import PortfolioGreeks
from models.ids import AccountId, new_order_id
from models.order import Order, OrderLeg, SimulationResult
from models.risk import Limit
from tests.execution.orders.builders import ACCOUNT, CAPS, NOW, condor, greeks, leg, option
from tests.execution.orders.fake_facts import FakeFacts

C = DenialCode
TRAFFIC = Traffic(intents_today=3, open_in_underlying=1)
PUT = option(7000)


def order(legs: tuple[OrderLeg, ...] | None = None, price: str | None = "-1.85", **changes: Any) -> Order:
    made = Order(
        id=new_order_id(),
        account_id=ACCOUNT,
        legs=condor() if legs is None else legs,
        order_type=OrderType.LIMIT,
        limit_price=None if price is None else Decimal(price),
        tif=TimeInForce.DAY,
        status=OrderStatus.SIMULATED,
        created_at=NOW,
    )
    made = replace(made, **changes)
    return replace(made, simulation_result=simulation(made))


def simulation(of: Order, **changes: Any) -> SimulationResult:
    result = SimulationResult(
        initial_margin_current=Decimal(50_000),
        initial_margin_change=Decimal(20_000),
        initial_margin_after=Decimal(70_000),
        maintenance_margin_current=Decimal(40_000),
        maintenance_margin_change=Decimal(20_000),
        maintenance_margin_after=Decimal(60_000),
        equity_change=Decimal(0),
        buying_power_after=Decimal(280_000),
        fees=None,
        current_greeks=greeks(10.0),
        projected_greeks=greeks(14.0),
        simulated_at=NOW - timedelta(seconds=10),
        fingerprint=of.fingerprint,
        position_version=7,
    )
    return replace(result, **changes)


def resimulated(of: Order, **changes: Any) -> Order:
    return replace(of, simulation_result=simulation(of, **changes))


def context(of: Order | None = None, **changes: Any) -> GateContext:
    facts = FakeFacts(ManualClock(NOW))
    made = build_context(
        order() if of is None else of,
        facts,
        traffic=TRAFFIC,
        session_broker=BrokerName.PAPER,
        session_mode=Mode.PAPER,
        now_utc=NOW,
    )
    return replace(made, **changes)


def codes(denials: tuple[Denial, ...]) -> set[DenialCode]:
    return {denial.code for denial in denials}


def with_quote(**changes: Any) -> GateContext:
    base = context()
    changed = replace(base.quotes[PUT.key], **changes)
    return replace(base, quotes={**base.quotes, PUT.key: changed})


def caps(**changes: Any) -> GateContext:
    return context(caps=replace(CAPS, **changes))


def live() -> GateContext:
    base = context()
    assert base.account is not None
    return replace(base, account=replace(base.account, mode=Mode.LIVE), session_mode=Mode.LIVE, is_armed=False)


def account(**changes: Any) -> GateContext:
    base = context()
    assert base.account is not None
    return replace(base, account=replace(base.account, **changes))


def sent(seconds_ago: float, fingerprint: str = "other") -> SentOrder:
    return SentOrder(new_order_id(), fingerprint, NOW - timedelta(seconds=seconds_ago))


RISK_REVERSAL = (leg(option(7000), Action.SELL), leg(option(7500, Right.CALL), Action.BUY))
GOOD = order()
LONG_DELTA = resimulated(GOOD, projected_greeks=greeks(75.0))
Case = tuple[Order, GateContext]
CASES: dict[DenialCode, tuple[Callable[[], Case], ...]] = {
    C.TRADING_LOCKED: (lambda: (GOOD, context(trading_unlocked=False)),),
    C.TRADING_HALTED: (
        lambda: (GOOD, context(trading_state=TradingState.HALTED)),
        lambda: (GOOD, context(trading_state=None)),
    ),
    C.REDUCING_ONLY: (lambda: (GOOD, context(trading_state=TradingState.REDUCING)),),
    C.READ_ONLY_DESK: (lambda: (GOOD, context(is_read_only=True)),),
    C.ACCOUNT_UNKNOWN: (
        lambda: (GOOD, context(account=None)),
        lambda: (GOOD, account(account_id=AccountId("PAPER-2"))),
    ),
    C.ACCOUNT_READ_ONLY: (lambda: (GOOD, account(may_trade=False)),),
    C.MODE_MISMATCH: (
        lambda: (GOOD, account(mode=Mode.LIVE)),
        lambda: (GOOD, account(broker=BrokerName.IBKR)),
        lambda: (GOOD, context(session_mode=None)),
    ),
    C.LIVE_NOT_ARMED: (lambda: (GOOD, live()),),
    C.NOT_SIMULATED: (lambda: (replace(GOOD, simulation_result=None), context()),),
    C.SIMULATION_STALE: (
        lambda: (resimulated(GOOD, simulated_at=NOW - timedelta(seconds=30.1)), context()),
        lambda: (resimulated(GOOD, simulated_at=NOW + timedelta(seconds=60)), context()),
    ),
    C.SIMULATION_DIFFERS: (
        lambda: (replace(GOOD, limit_price=Decimal("-1.90")), context()),
        lambda: (replace(GOOD, tif=TimeInForce.GTC), context()),
        lambda: (replace(GOOD, legs=condor(1)), context()),
    ),
    C.POSITIONS_CHANGED: (
        lambda: (GOOD, context(position_version=8)),
        lambda: (GOOD, context(position_version=None)),
    ),
    C.BROKER_REFUSED: (lambda: (resimulated(GOOD, broker_error="No permission for SPX."), context()),),
    C.MARGIN_UNKNOWN: (lambda: (resimulated(GOOD, maintenance_margin_after=None), context()),),
    C.BUYING_POWER: (
        lambda: (resimulated(GOOD, buying_power_after=Decimal(-1)), context()),
        lambda: (resimulated(GOOD, buying_power_after=None, initial_margin_change=Decimal(300_001)), context()),
        lambda: (resimulated(GOOD, buying_power_after=None), context(values=None)),
    ),
    C.QUOTE_MISSING: (
        lambda: (GOOD, replace(context(), quotes={})),
        lambda: (order(()), context()),
    ),
    C.QUOTE_STALE: (
        lambda: (GOOD, replace(context(), quote_ages_s=dict.fromkeys(context().quotes, 5.1))),
        lambda: (GOOD, replace(context(), quote_ages_s={})),
        lambda: (GOOD, replace(context(), quote_ages_s={key: float("nan") for key in context().quotes})),
    ),
    C.QUOTE_ONE_SIDED: (
        lambda: (GOOD, with_quote(bid=None)),
        lambda: (GOOD, with_quote(ask=None)),
        lambda: (GOOD, with_quote(bid=Decimal(-1))),
    ),
    C.QUOTE_CROSSED: (lambda: (GOOD, with_quote(bid=Decimal("5.20"), ask=Decimal("5.00"))),),
    C.QUOTE_NOT_LIVE: (
        lambda: (GOOD, with_quote(kind=MarketDataKind.DELAYED)),
        lambda: (GOOD, with_quote(kind=MarketDataKind.FROZEN)),
        lambda: (GOOD, with_quote(kind=MarketDataKind.SIMULATED)),
    ),
    C.PRICE_COLLAR: (
        lambda: (order(price="-1.45"), context()),
        lambda: (order(price=None, order_type=OrderType.MARKET), wide_market()),
    ),
    C.PRICE_OFF_TICK: (
        lambda: (order(price="-1.87"), context()),
        lambda: (GOOD, context(tick=None)),
    ),
    C.PRICE_SIGN: (
        lambda: (order(price="1.85"), context()),
        lambda: (order(RISK_REVERSAL, "1.00"), context(order(RISK_REVERSAL))),
    ),
    C.SIZE_CAP: (lambda: (order(condor(51)), context(order(condor(51)))),),
    C.NOTIONAL_CAP: (
        lambda: (GOOD, caps(max_notional_usd=Decimal(1_499_999))),
        lambda: (order((leg(underlying_contract("AAPL"), Action.BUY, 10),), "290"), context()),
    ),
    C.MAX_LOSS_CAP: (
        lambda: (GOOD, context(max_loss_usd=Decimal(50_001))),
        lambda: (resimulated(GOOD, initial_margin_change=Decimal(50_001)), context(max_loss_usd=None)),
        lambda: (resimulated(GOOD, initial_margin_change=None), context(max_loss_usd=None)),
    ),
    C.ORDER_RATE: (
        lambda: (GOOD, context(traffic=replace(TRAFFIC, intents_today=50))),
        lambda: (GOOD, context(traffic=replace(TRAFFIC, intents_today=None))),
        lambda: (GOOD, context(traffic=replace(TRAFFIC, sent=tuple(sent(6 * n + 0.5) for n in range(10))))),
    ),
    C.OPEN_ORDERS_CAP: (lambda: (GOOD, context(traffic=replace(TRAFFIC, open_in_underlying=5))),),
    C.DUPLICATE: (lambda: (GOOD, context(traffic=replace(TRAFFIC, sent=(sent(4.9, GOOD.fingerprint),)))),),
    C.SYMBOL_LOCKED: (lambda: (GOOD, context(traffic=replace(TRAFFIC, unknown_in_underlying=(new_order_id(),)))),),
    C.CLOSE_FLIPS_POSITION: (
        lambda: (GOOD, context(held={PUT.key: Decimal(1)})),
        lambda: (
            GOOD,
            context(held={PUT.key: Decimal(2)}, traffic=replace(TRAFFIC, remaining_sells={PUT.key: Decimal(1)})),
        ),
        lambda: (GOOD, context(held=None)),
    ),
    C.CONTRACT_EXPIRED: (lambda: (GOOD, context(now_utc=PUT.expires_at_utc)),),
    C.LIMIT_BREACH: (
        lambda: (LONG_DELTA, context()),
        lambda: (resimulated(GOOD, current_greeks=greeks(70.0), projected_greeks=greeks(71.0)), context()),
        lambda: (GOOD, context(limits=())),
        lambda: (resimulated(GOOD, projected_greeks=greeks(10.0, excluded=1)), context()),
        lambda: (GOOD, context(limits=(Limit(Metric.MARGIN_USED_PCT, None, 11.0),))),
        lambda: (GOOD, context(limits=(Limit(Metric.MARGIN_USED_PCT, None, 50.0),), values=None)),
    ),
    C.CHECK_FAILED: (lambda: (GOOD, context(traffic=None)),),
}


def wide_market() -> GateContext:
    base = context()
    wide = {
        key: replace(each, bid=each.bid and each.bid - 1, ask=each.ask and each.ask + 1)
        for key, each in base.quotes.items()
    }
    return replace(base, quotes=wide)


def test_a_sound_order_passes() -> None:
    assert gate(GOOD, context()) == ()


def test_every_reason_has_a_case() -> None:
    assert set(CASES) == set(DenialCode)


@pytest.mark.parametrize("code", CASES, ids=[code.value for code in CASES])
def test_each_reason_is_given_in_words(code: DenialCode) -> None:
    for case in CASES[code]:
        denials = gate(*case())
        assert code in codes(denials)
        assert all(denial.text.endswith((".", "!")) or ":" in denial.text for denial in denials)


def test_an_empty_context_denies_whatever_the_order() -> None:
    assert {C.TRADING_LOCKED, C.TRADING_HALTED, C.READ_ONLY_DESK, C.ACCOUNT_UNKNOWN} <= codes(gate(GOOD, GateContext()))


#: These judge what the order itself carries; another check denies the order that lacks it, or the context.
JUDGE_THE_ORDER_ONLY = {"not_simulated", "simulation_differs", "broker_refused", "margin_unknown", "buying_power"}


def test_every_check_that_asks_the_desk_denies_when_the_desk_knows_nothing() -> None:
    bare = order(RISK_REVERSAL, "1.00")
    silent = {check.__name__ for check in CHECKS if check(bare, GateContext()) is None}
    assert silent == JUDGE_THE_ORDER_ONLY


def test_a_check_that_raises_is_a_reason_too(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_order: Order, _context: GateContext) -> Denial | None:
        raise ZeroDivisionError

    denials = gate(GOOD, context(), (broken,))
    assert codes(denials) == {C.CHECK_FAILED}
    assert "broken" in caplog.text


def test_all_reasons_come_at_once() -> None:
    found = codes(gate(replace(GOOD, simulation_result=None), context(trading_unlocked=False, is_read_only=True)))
    assert found == {C.TRADING_LOCKED, C.READ_ONLY_DESK, C.NOT_SIMULATED}


def test_a_patient_price_is_not_collared() -> None:
    assert C.PRICE_COLLAR not in codes(gate(order(price="-20.00"), context()))


def test_closing_orders_pass_while_only_reducing() -> None:
    closing = order((leg(PUT, Action.BUY, 2),), "5.00")
    held = context(closing, trading_state=TradingState.REDUCING, held={PUT.key: Decimal(-2)}, max_loss_usd=Decimal(0))
    assert gate(closing, held) == ()
    more = order((leg(PUT, Action.BUY, 3),), "5.00")
    assert {C.REDUCING_ONLY, C.CLOSE_FLIPS_POSITION} <= codes(gate(more, held))


def test_closing_a_long_option_is_judged_by_its_margin_not_as_a_naked_short() -> None:
    closing = order((leg(PUT, Action.SELL, 2),), "-5.00")
    held = context(closing, held={PUT.key: Decimal(2)}, max_loss_usd=Decimal(1_400_000))
    assert gate(resimulated(closing, initial_margin_change=Decimal(-500)), held) == ()
    wing = gate(resimulated(closing, initial_margin_change=Decimal(90_000)), held)
    assert codes(wing) == {C.MAX_LOSS_CAP}


def test_a_trade_that_improves_a_broken_limit_passes() -> None:
    better = resimulated(GOOD, current_greeks=greeks(90.0), projected_greeks=greeks(75.0))
    assert gate(better, context()) == ()


def test_limits_do_not_block_where_that_is_not_configured() -> None:
    assert gate(LONG_DELTA, caps(block_on_limit_breach=False)) == ()


def test_simulated_quotes_count_on_a_simulated_tape_only() -> None:
    tape = replace(with_quote(kind=MarketDataKind.SIMULATED), simulated_quotes_count=True)
    assert gate(GOOD, tape) == ()


def test_an_armed_live_account_passes_in_a_live_session() -> None:
    assert gate(GOOD, replace(live(), is_armed=True)) == ()


@given(
    bid=st.none() | st.decimals(Decimal(-1), Decimal(9), places=2),
    ask=st.none() | st.decimals(Decimal(-1), Decimal(9), places=2),
    age=st.none() | st.floats(0, 20),
    kind=st.sampled_from(MarketDataKind),
)
def test_no_order_passes_on_a_quote_that_is_stale_crossed_one_sided_or_not_live(
    bid: Decimal | None, ask: Decimal | None, age: float | None, kind: MarketDataKind
) -> None:
    state = with_quote(bid=bid, ask=ask, kind=kind)
    ages = {key: value for key, value in {**state.quote_ages_s, PUT.key: age}.items() if value is not None}
    is_sound = bid is not None and ask is not None and 0 <= bid <= ask and ask > 0
    is_fresh = age is not None and age <= CAPS.quote_max_age_s and kind is MarketDataKind.LIVE
    passed = not codes(gate(GOOD, replace(state, quote_ages_s=ages))) & {
        C.QUOTE_MISSING,
        C.QUOTE_STALE,
        C.QUOTE_NOT_LIVE,
        C.QUOTE_ONE_SIDED,
        C.QUOTE_CROSSED,
    }
    assert passed == (is_sound and is_fresh)


@given(held=st.integers(-5, 5), working=st.integers(0, 5), quantity=st.integers(1, 5), action=st.sampled_from(Action))
def test_no_close_can_turn_a_position_around(held: int, working: int, quantity: int, action: Action) -> None:
    one = order((leg(PUT, action, quantity),), "5.00" if action is Action.BUY else "-5.00")
    side = {PUT.key: Decimal(working)}
    traffic = replace(TRAFFIC, remaining_buys=side, remaining_sells=side)
    denied = C.CLOSE_FLIPS_POSITION in codes(gate(one, context(one, held={PUT.key: Decimal(held)}, traffic=traffic)))
    closes = held * action.sign < 0
    assert denied == (closes and quantity + min(working, abs(held)) > abs(held))


def test_an_order_at_the_close_has_no_price_to_collar_or_sign() -> None:
    at_close = order((leg(PUT, Action.SELL),), None, order_type=OrderType.MARKET_ON_CLOSE)
    assert gate(at_close, context(at_close)) == ()


def test_a_price_of_zero_or_none_has_no_sign() -> None:
    for price in ("0", None, "NaN"):
        assert C.PRICE_SIGN in codes(gate(order(price=price), context()))


@pytest.mark.parametrize("metric", [Metric.GAMMA, Metric.THETA])
def test_every_greek_is_held_against_its_limit(metric: Metric) -> None:
    tight = (Limit(metric, -0.5, 40.0),)
    flat = resimulated(GOOD, current_greeks=replace(greeks(), gamma=0.0, theta=0.0))
    assert codes(gate(flat, context(limits=tight))) == {C.LIMIT_BREACH}


@pytest.mark.parametrize("metric", [Metric.SPX_DELTA, Metric.GAMMA, Metric.THETA, Metric.VEGA])
@pytest.mark.parametrize("bounds", [(-60.0, None), (None, 60.0), (-60.0, 60.0)])
def test_greeks_nobody_knows_are_inside_no_limit(metric: Metric, bounds: tuple[float | None, float | None]) -> None:
    nothing = PortfolioGreeks(NOW, math.nan, math.nan, math.nan, math.nan, 0, 1)
    blind = resimulated(GOOD, current_greeks=nothing, projected_greeks=nothing)
    assert codes(gate(blind, context(limits=(Limit(metric, *bounds),)))) == {C.LIMIT_BREACH}


def test_a_one_sided_limit_names_its_side() -> None:
    for limit in (Limit(Metric.SPX_DELTA, None, 12.0), Limit(Metric.VEGA, 0.0, None)):
        before = resimulated(GOOD, current_greeks=greeks(10.0, vega=0.0))
        (denial,) = gate(before, context(limits=(limit,)))
        assert "the limit of" in denial.text


NONE_LEFT = resimulated(GOOD, buying_power_after=Decimal(0))
FROM_VALUES = resimulated(GOOD, buying_power_after=None, initial_margin_change=Decimal(300_000))
AT_THE_EDGE: tuple[Callable[[], Case], ...] = (
    lambda: (NONE_LEFT, context()),
    lambda: (FROM_VALUES, context(max_loss_usd=Decimal(1))),
    lambda: (GOOD, replace(context(), quote_ages_s=dict.fromkeys(context().quotes, 5.0))),
    lambda: (resimulated(GOOD, simulated_at=NOW - timedelta(seconds=30)), context()),
    lambda: (GOOD, caps(max_notional_usd=Decimal(1_500_000))),
    lambda: (GOOD, context(max_loss_usd=Decimal(50_000))),
    lambda: (order(price="-1.50"), context()),
    lambda: (GOOD, with_quote(bid=Decimal(5), ask=Decimal(5))),
    lambda: (order(price="-0.05"), replace(with_quote(bid=Decimal(0), ask=Decimal(6)), caps=replace(CAPS))),
    lambda: (GOOD, context(traffic=replace(TRAFFIC, sent=(sent(5.0, GOOD.fingerprint),)))),
    lambda: (GOOD, context(traffic=replace(TRAFFIC, sent=(sent(1.0),)))),
    lambda: (GOOD, context(traffic=replace(TRAFFIC, open_in_underlying=4))),
    lambda: (order(RISK_REVERSAL, "-2.50"), context(order(RISK_REVERSAL), max_loss_usd=None)),
    lambda: (order(RISK_REVERSAL, "-1.50"), context(order(RISK_REVERSAL), max_loss_usd=None)),
)


@pytest.mark.parametrize("number", range(len(AT_THE_EDGE)))
def test_what_is_exactly_at_the_edge_passes(number: int) -> None:
    assert gate(*AT_THE_EDGE[number]()) == ()


def test_a_leg_of_nothing_is_over_the_size_cap() -> None:
    empty = order((leg(PUT, Action.SELL, 0), leg(option(6900), Action.BUY, 1)))
    assert C.SIZE_CAP in codes(gate(empty, context(empty)))


def test_an_account_whose_broker_is_down_is_locked_with_its_own_words_though_the_desk_is_ready() -> None:
    locked = context(account_lock="Tastytrade is down.")
    (denial,) = [one for one in gate(order(), locked) if one.code is DenialCode.TRADING_LOCKED]
    assert denial.text == "Tastytrade is down."
    (denial,) = gate(order(), locked, REPLACE_CHECKS)
    assert denial.code is DenialCode.TRADING_LOCKED
