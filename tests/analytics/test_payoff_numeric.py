"""Profiles over several expiries: the table and its refinement against the slow search, and what they cost."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.exercise import option_price, option_price_by_spot
from analytics.legs import PayoffLeg, linear_leg, option_leg
from analytics.payoff import FloatArray, LaterLegValue, PayoffProfile, PriceZone, common_expiry
from analytics.payoff_numeric import ValueUnknownError, analyse_multi_expiry, pnl_at
from tests.analytics.payoff_reference import slow_profile

DAY_S = 86_400.0
YEAR_S = 365.0 * DAY_S
#: What the fast way may be off, beside a millionth of the notional at stake.
A_CENT = 0.01


class World(NamedTuple):
    rate: float
    dividend_yield: float
    vol: float
    #: Vol per 1.00 of ln(strike / 100): legs have vols of their own.
    skew: float

    def vol_of(self, leg: PayoffLeg) -> float:
        return max(self.vol + self.skew * math.log(leg.strike / 100.0), 0.03)

    def terms(self, leg: PayoffLeg, at_epoch_s: float) -> dict[str, float]:
        return {
            "strike": leg.strike,
            "t_years": (leg.expiry_epoch_s - at_epoch_s) / YEAR_S,
            "rate": self.rate,
            "dividend_yield": self.dividend_yield,
            "vol": self.vol_of(leg),
        }

    def value(self, leg: PayoffLeg, spots: FloatArray, at_epoch_s: float) -> FloatArray:
        """The independent valuation: everything is worked out anew at every call."""
        return option_price(
            spot=spots, **self.terms(leg, at_epoch_s), is_call=bool(leg.is_call), is_american=leg.is_american
        )

    def values_by_spot(self) -> LaterLegValue:
        priced = {}

        def value(leg: PayoffLeg, spots: FloatArray, at_epoch_s: float) -> FloatArray:
            if leg.identity not in priced:
                priced[leg.identity] = option_price_by_spot(
                    **self.terms(leg, at_epoch_s), is_call=bool(leg.is_call), is_american=leg.is_american
                )
            return priced[leg.identity](spots)

        return value

    def deviations(self, legs: list[PayoffLeg]) -> list[float]:
        first = common_expiry(legs) or 0.0
        return [
            self.vol_of(leg) * math.sqrt((leg.expiry_epoch_s - first) / YEAR_S) if leg.is_option else 0.0
            for leg in legs
        ]


def leg(right: str, strike: float, days: float, quantity: float, *, american: bool = False) -> PayoffLeg:
    return replace(option_leg("SPY", right, strike, days * DAY_S, quantity), is_american=american)


worlds = st.builds(
    World,
    rate=st.floats(0.0, 0.08),
    dividend_yield=st.floats(-0.03, 0.10),
    vol=st.floats(0.08, 0.7),
    skew=st.floats(-0.3, 0.3),
)


@st.composite
def packages(draw: st.DrawFn, *, american: bool) -> list[PayoffLeg]:
    """Calendars, diagonals, their doubles, ratios and three expiries, long and short."""
    near, gap = draw(st.floats(0.3, 60.0)), draw(st.floats(0.25, 400.0))
    size = draw(st.sampled_from([-6.0, -1.0, 1.0, 6.0]))
    sides = draw(st.sampled_from(["C", "P", "PC"]))
    legs = []
    for right in sides:
        short = draw(st.integers(85, 115))
        shift = draw(st.sampled_from([0, 0, -10, -1, 2, 7]))
        ratio = draw(st.sampled_from([1.0, 1.0, 1.0, 2.0]))
        later = draw(st.sampled_from([near + gap, near + gap, near + 2.0 * gap]))
        legs.append(leg(right, short, near, -size * ratio, american=american))
        legs.append(leg(right, short + shift, later, size, american=american))
    if draw(st.booleans()) and len(legs) < 4:
        legs.append(replace(linear_leg("SPY", 100.0 * size), price=100.0))
    return legs


def stake(legs: list[PayoffLeg], cost: float) -> float:
    return sum(abs(one.quantity) * one.multiplier * (one.strike or 100.0) for one in legs) + abs(cost)


def a_cost(legs: list[PayoffLeg], world: World, share: float) -> float:
    """A net cost at which there are profits and losses: the value at 100 at the first expiry, and a part of it more."""
    at = float(pnl_at(legs, np.array([100.0]), common_expiry(legs), world.value, 0.0)[0])
    return at * share


def agrees(legs: list[PayoffLeg], world: World, cost: float, slow_points: int) -> None:
    found = analyse_multi_expiry(legs, world.values_by_spot(), cost, 121, world.deviations(legs))
    slow = slow_profile(legs, world.value, cost, slow_points)
    slack = A_CENT + 1e-6 * stake(legs, cost)
    for fast_bound, slow_bound in ((found.max_profit, slow.max_profit), (found.max_loss, slow.max_loss)):
        assert fast_bound.is_unbounded == slow_bound.is_unbounded
        if fast_bound.dollars is not None:
            assert fast_bound.dollars == pytest.approx(slow_bound.dollars, abs=slack)
    first = common_expiry(legs)
    at_ends = pnl_at(legs, np.array(found.breakevens), first, world.value, cost)
    assert at_ends == pytest.approx(0.0, abs=1e-7 * stake(legs, cost))
    spots = np.concatenate((np.geomspace(1.0, 300.0, 900), np.linspace(70.0, 140.0, 1401)))
    pnl = pnl_at(legs, spots, first, world.value, cost)
    clear = np.abs(pnl) > slack
    assert np.array_equal(in_profit(found, spots)[clear], pnl[clear] > 0.0)
    assert np.array_equal(in_profit(slow, spots)[clear], pnl[clear] > 0.0)


def in_profit(profile: PayoffProfile, spots: FloatArray) -> FloatArray:
    inside = np.zeros(spots.shape, dtype=bool)
    for zone in profile.profit_zones:
        inside |= (spots > zone.low) & (spots < (math.inf if zone.high is None else zone.high))
    return inside


@given(packages(american=False), worlds, st.floats(0.2, 1.1))
@settings(max_examples=60, deadline=None)
def test_european_packages_of_several_expiries_have_the_figures_of_the_slow_search(
    legs: list[PayoffLeg], world: World, share: float
) -> None:
    agrees(legs, world, a_cost(legs, world, share), 2001)


@given(packages(american=True), worlds, st.floats(0.2, 1.1))
@settings(max_examples=25, deadline=None)
def test_american_packages_of_several_expiries_have_the_figures_of_the_slow_search(
    legs: list[PayoffLeg], world: World, share: float
) -> None:
    agrees(legs, world, a_cost(legs, world, share), 401)


WORLD = World(0.04, 0.012, 0.14, -0.2)
SPY_CALENDAR = [leg("C", 757, 6, -6, american=True), leg("C", 757, 55, 6, american=True)]
DOUBLE_DIAGONAL = [
    leg("P", 740, 6, -1, american=True),
    leg("P", 735, 55, 1, american=True),
    leg("C", 770, 6, -1, american=True),
    leg("C", 775, 55, 1, american=True),
]


@pytest.mark.parametrize("legs", [SPY_CALENDAR, DOUBLE_DIAGONAL])
@pytest.mark.parametrize("dividend_yield", [-0.01, 0.0, 0.012, 0.06])
def test_an_american_package_is_valued_a_dozen_times_at_few_prices(
    legs: list[PayoffLeg], dividend_yield: float
) -> None:
    world = WORLD._replace(vol=0.5, dividend_yield=dividend_yield)
    value, asked = world.values_by_spot(), dict.fromkeys((one.identity for one in legs), (0, 0))

    def counted(one: PayoffLeg, spots: FloatArray, at_epoch_s: float) -> FloatArray:
        calls, prices = asked[one.identity]
        asked[one.identity] = (calls + 1, prices + spots.size)
        return value(one, spots, at_epoch_s)

    profile = analyse_multi_expiry(legs, counted, 5_000.0, 121, world.deviations(legs))
    assert profile.max_profit.dollars is not None
    # An exercised leg and the one written against it differ by rounding alone: a thousand turns that are none.
    assert max(calls for calls, _ in asked.values()) <= 12
    assert max(prices for _, prices in asked.values()) <= 1_200


def test_a_calendar_of_hours_is_seen_in_all_its_narrowness() -> None:
    world = World(0.04, 0.012, 0.08, 0.0)
    legs = [leg("C", 100, 1.0, -1), leg("C", 100, 1.1, 1)]
    apex = float(world.value(legs[1], np.array([100.0]), DAY_S)[0])
    profile = analyse_multi_expiry(legs, world.value, 5.0, 121, world.deviations(legs))
    assert profile.max_profit.dollars == pytest.approx(100.0 * apex - 5.0, abs=1e-9)
    assert len(profile.breakevens) == 2
    assert profile.breakevens[1] - profile.breakevens[0] < 0.4


def test_two_peaks_within_minutes_of_expiry_are_found_between_the_even_prices() -> None:
    world = World(0.0, 0.0, 0.08, 0.0)
    sooner, later = 1.002, 1.008
    legs = [leg("C", 120, 1.0, -1)]
    legs += [leg(right, 100, sooner, 10) for right in "PC"] + [leg(right, 100, later, -15) for right in "PC"]
    around = np.linspace(99.8, 100.2, 40_001)
    worth = pnl_at(legs, around, DAY_S, world.value, 0.0)
    # The peaks stand more than a dollar above the strike between them: each is a profit of its own.
    assert worth.max() > float(worth[20_000]) + 1.0
    profile = analyse_multi_expiry(legs, world.value, float(worth.max()) - 0.5, 121, world.deviations(legs))
    assert profile.max_profit.dollars == pytest.approx(0.5, abs=A_CENT)
    (first, second) = profile.profit_zones
    assert 99.9 < first.low < (first.high or math.inf) < 100.0 < second.low < (second.high or math.inf) < 100.1


def test_puts_sold_for_the_first_expiry_lose_their_whole_strike_at_zero() -> None:
    world = World(0.0, 0.0, 0.2, 0.0)
    legs = [leg("P", 100, 10, -2), leg("P", 90, 60, 1)]
    profile = analyse_multi_expiry(legs, world.value, -300.0, 121, world.deviations(legs))
    assert profile.max_loss.dollars == pytest.approx(2 * 10_000 - 9_000 - 300, abs=0.02)


def test_an_exercised_calendar_that_cost_nothing_has_no_breakevens_of_rounding() -> None:
    world = World(0.05, 0.0, 0.2, 0.0)
    legs = [leg("P", 100, 10, -3, american=True), leg("P", 100, 60, 3, american=True)]
    profile = analyse_multi_expiry(legs, world.values_by_spot(), 0.0, 121, world.deviations(legs))
    # Below the exercise boundary both legs are worth the same: neither profit nor loss. Above it the later one is worth
    # more, as long as it is worth anything.
    exercised, worthless = profile.breakevens
    assert 60 < exercised < 100
    assert float(world.value(legs[1], np.array([worthless]), 10 * DAY_S)[0]) < 1e-9
    assert profile.max_loss.dollars == 0.0
    assert profile.profit_zones == (PriceZone(exercised, worthless),)


def test_a_leg_without_a_value_is_named_as_the_reason_and_no_number_is_made_up() -> None:
    legs = [leg("C", 100, 10, -1), leg("C", 100, 60, 1)]
    with pytest.raises(ValueUnknownError, match="no value with SPY at"):
        analyse_multi_expiry(legs, WORLD._replace(vol=math.nan).values_by_spot(), 1.0)


def test_as_many_deviations_as_legs_are_taken() -> None:
    with pytest.raises(ValueError, match="argument"):
        analyse_multi_expiry(SPY_CALENDAR, WORLD.value, 1.0, 121, [0.1])
