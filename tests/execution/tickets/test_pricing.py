"""A package valued at any price: figures over several expiries, and what is worked out only once."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.american_boundary import Boundary, solve
from analytics.american_equation import Exercise
from analytics.exercise import option_price
from analytics.legs import PayoffLeg, linear_leg, option_leg
from analytics.payoff import FloatArray, analyse_payoff
from execution.tickets.pricing import LegMarket, PackageValues, probability_of_profit
from tests.analytics.payoff_reference import slow_profile

DAY_S = 86_400.0
YEAR_S = 365.0 * DAY_S


def leg(right: str, strike: float, days: float, quantity: float, *, american: bool = True) -> PayoffLeg:
    return replace(option_leg("SPY", right, strike, days * DAY_S, quantity), is_american=american)


def calendar(*, american: bool = True) -> list[PayoffLeg]:
    return [leg("C", 757, 6, -6, american=american), leg("C", 757, 55, 6, american=american)]


def double_diagonal(*, american: bool = True) -> list[PayoffLeg]:
    return [
        leg("P", 740, 6, -1, american=american),
        leg("P", 735, 55, 1, american=american),
        leg("C", 770, 6, -1, american=american),
        leg("C", 775, 62, 1, american=american),
    ]


def markets(count: int, rate: float = 0.04, dividend_yield: float = 0.012) -> list[LegMarket]:
    return [LegMarket(0.13 + 0.01 * number, rate, dividend_yield) for number in range(count)]


def valued_anew(legs: list[PayoffLeg], of: list[LegMarket], spots: FloatArray, at_s: float, index: int) -> FloatArray:
    one, market = legs[index], of[index]
    return option_price(
        spot=spots,
        strike=one.strike,
        t_years=max(one.expiry_epoch_s - at_s, 0.0) / YEAR_S,
        rate=market.rate,
        dividend_yield=market.rate if one.is_future else market.dividend_yield,
        vol=market.vol,
        is_call=bool(one.is_call),
        is_american=one.is_american,
    )


@given(st.booleans(), st.booleans(), st.floats(0.0, 0.07), st.floats(-0.02, 0.07), st.floats(0.3, 1.0))
@settings(max_examples=12, deadline=None)
def test_figures_and_the_chance_of_profit_are_those_of_the_slow_search(
    american: bool, is_double: bool, rate: float, dividend_yield: float, share: float
) -> None:
    legs = double_diagonal(american=american) if is_double else calendar(american=american)
    of = markets(len(legs), rate, dividend_yield)
    values = PackageValues(legs, of)
    first = 6 * DAY_S
    cost = share * float(values.pnl(np.array([757.0]), first, 0.0)[0])
    numbers = {one.identity: number for number, one in enumerate(legs)}

    def value(one: PayoffLeg, spots: FloatArray, at_s: float) -> FloatArray:
        return valued_anew(legs, of, spots, at_s, numbers[one.identity])

    found, slow = values.profile(cost), slow_profile(legs, value, cost, 401)
    assert found is not None
    assert found.max_profit.dollars == pytest.approx(slow.max_profit.dollars, abs=0.5)
    assert found.max_loss.dollars == pytest.approx(slow.max_loss.dollars, abs=0.5)
    assert found.breakevens == pytest.approx(slow.breakevens, abs=1e-4)
    chance = probability_of_profit(found, legs, of, 757.0, 0.0)
    assert chance is not None
    assert chance == pytest.approx(probability_of_profit(slow, legs, of, 757.0, 0.0), abs=1e-6)
    assert 0.0 < chance < 1.0


@pytest.mark.parametrize("at_days", [0.0, 6.0])
def test_the_curve_is_the_sum_of_its_legs_each_valued_by_itself(at_days: float) -> None:
    legs, of = double_diagonal(), markets(4)
    spots = np.linspace(680.0, 830.0, 61)
    parts = [
        one.quantity * one.multiplier * valued_anew(legs, of, spots, at_days * DAY_S, number)
        for number, one in enumerate(legs)
    ]
    curve = PackageValues(legs, of).pnl(spots, at_days * DAY_S, 900.0)
    assert curve == pytest.approx(np.sum(parts, axis=0) - 900.0, abs=1e-9)


def test_shares_in_a_package_follow_the_price_and_an_option_on_a_future_carries_at_the_rate() -> None:
    share = linear_leg("SPY", 100, price=757.0)
    spots = np.array([700.0, 757.0])
    assert PackageValues([share], markets(1)).pnl(spots, 0.0, 75_700.0) == pytest.approx([-5_700.0, 0.0])
    on_future = [replace(leg("C", 757, 55, 1), is_future=True)]
    mark = PackageValues(on_future, markets(1, dividend_yield=0.3)).at(on_future[0], spots, 0.0)
    assert mark == pytest.approx(valued_anew(on_future, markets(1), spots, 0.0, 0), abs=1e-9)


def test_a_package_that_expires_together_is_solved_exactly_even_without_vols() -> None:
    legs = [leg("C", 750, 6, 1), leg("C", 760, 6, -1)]
    unknown = [LegMarket(math.nan, 0.04, 0.012)] * 2
    assert PackageValues(legs, unknown).profile(400.0) == analyse_payoff(legs, 400.0)


@pytest.mark.parametrize("vol", [math.nan, 1e9])
def test_a_later_leg_whose_value_is_not_known_leaves_the_figures_unknown(vol: float) -> None:
    of = [*markets(1), LegMarket(vol, 0.04, 0.012)]
    assert PackageValues(calendar(), of).profile(5_400.0) is None


def test_each_exercise_boundary_is_solved_once_for_a_profile_and_its_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    solved: list[int] = []

    def counted(problem: Exercise, *, with_vol: bool, with_carry: bool, precise: bool) -> Boundary:
        solved.append(problem.vol.size)
        return solve(problem, with_vol=with_vol, with_carry=with_carry, precise=precise)

    monkeypatch.setattr("analytics.american_yield.solve", counted)
    values = PackageValues(double_diagonal(), markets(4))
    assert values.profile(900.0) is not None
    assert solved == [1, 1]
    spots = np.linspace(680.0, 830.0, 61)
    values.pnl(spots, 6 * DAY_S, 900.0)
    assert solved == [1, 1]
    values.pnl(spots, 0.0, 900.0)
    assert solved == [1, 1, 1, 1, 1, 1]
