"""Two-sided markets: on tick, never crossed, as wide as such options trade."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.brokers.paper.quoting import (
    SCALE,
    TickColumns,
    decimal_maker,
    markets,
    sizes,
    snap,
    spread_width,
    tick_row,
)
from models.product import FUTURE_OPTION_TICK, NICKEL_DIME, PENNY, PENNY_NICKEL, TickRule

RULES = (NICKEL_DIME, PENNY, PENNY_NICKEL, FUTURE_OPTION_TICK)


def _columns(rule: TickRule) -> TickColumns:
    return TickColumns(*(np.array([value]) for value in tick_row(rule)))


def _market(
    price: float, rule: TickRule = NICKEL_DIME, *, spot: float = 7200.0, width: float = 1.0
) -> tuple[Decimal, Decimal]:
    made = markets(
        np.array([price]),
        intrinsic=np.array([0.0]),
        spot=np.array([spot]),
        t_years=np.array([0.1]),
        width=np.array([width]),
        tick=_columns(rule),
    )
    money = decimal_maker()
    return money(int(made.bid[0])), money(int(made.ask[0]))


@given(price=st.floats(0.0, 3000.0), rule=st.sampled_from(RULES), width=st.floats(0.2, 2.0))
@settings(deadline=None)
def test_both_sides_are_on_tick_around_the_price_and_at_least_a_tick_apart(
    price: float, rule: TickRule, width: float
) -> None:
    bid, ask = _market(price, rule, width=width)
    assert rule.is_on_tick(bid)
    assert rule.is_on_tick(ask)
    assert 0 <= bid < ask
    assert float(bid) <= price + 1e-6
    assert float(ask) >= price - 1e-6


@given(price=st.floats(0.0, 3000.0), rule=st.sampled_from(RULES))
@settings(deadline=None)
def test_the_last_price_is_on_tick_and_the_nearest_one(price: float, rule: TickRule) -> None:
    last = decimal_maker()(int(snap(np.array([price]), _columns(rule))[0]))
    assert rule.is_on_tick(last)
    assert abs(float(last) - price) <= float(rule.above) / 2 + 1e-9


def test_spreads_are_those_a_trader_knows() -> None:
    cheap, month, deep = _market(0.02), _market(110.0), _market(2000.0)
    assert cheap == (Decimal("0.00"), Decimal("0.05"))
    assert Decimal("0.50") <= month[1] - month[0] <= Decimal("1.50")
    assert deep[1] - deep[0] > month[1] - month[0]
    spy = _market(5.0, PENNY, spot=740.0, width=spread_width("SPY"))
    assert spy[1] - spy[0] <= Decimal("0.04")
    assert spread_width("SPY") < spread_width("SPX") < spread_width("ZZZ")


def test_a_price_becomes_the_same_decimal_every_time() -> None:
    money = decimal_maker()
    assert money(3050) == Decimal("3.05")
    assert str(money(3050)) == "3.05"
    assert str(money(12_345)) == "12.345"
    assert money(7 * SCALE) is money(7000)


def test_sizes_are_whole_positive_and_repeat_for_the_same_contract_and_pulse() -> None:
    rows, price = np.arange(500), np.linspace(0.05, 400.0, 500)
    bid, ask = sizes(rows, 7, price)
    again = sizes(rows, 7, price)
    assert (bid > 0).all()
    assert (ask > 0).all()
    assert len(set(bid.tolist())) > 10
    assert bid[:50].mean() > bid[-50:].mean()
    assert (bid.tolist(), ask.tolist()) == (again[0].tolist(), again[1].tolist())
    assert sizes(rows, 8, price)[0].tolist() != bid.tolist()
