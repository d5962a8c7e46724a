"""Profit, loss and breakevens at expiration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import ndtr

from analytics.legs import LegError, PayoffLeg, linear_leg, net_legs, option_leg
from analytics.payoff import FloatArray, PayoffProfile, PriceZone, analyse_payoff, payoff_at_expiry
from analytics.payoff_numeric import analyse_multi_expiry

YEAR_S = 365 * 86_400.0


def option(right: str, strike: float, quantity: float, price: float, expiry: float = 1.0) -> PayoffLeg:
    return option_leg("SPX", right, strike, expiry, quantity, price=price)


def condor() -> list[PayoffLeg]:
    return [
        option("P", 5550, 1, 12.4),
        option("P", 5600, -1, 15.9),
        option("C", 6000, -1, 11.2),
        option("C", 6050, 1, 6.1),
    ]


def test_an_iron_condor_makes_its_credit_loses_the_rest_of_its_width_and_breaks_even_a_credit_away() -> None:
    profile = analyse_payoff(condor())
    assert profile.max_profit.dollars == pytest.approx(860)
    assert profile.max_loss.dollars == pytest.approx(4140)
    assert profile.breakevens == pytest.approx((5591.4, 6008.6))
    assert profile.profit_zones == (PriceZone(*profile.breakevens),)
    assert profile.net_cost_dollars == pytest.approx(-860)
    assert profile.is_credit
    assert profile.is_exact
    assert profile.reward_to_risk == pytest.approx(860 / 4140)
    assert profile.credit_to_width == pytest.approx(860 / 5000)


def test_a_naked_call_has_an_unbounded_loss_that_is_flagged_and_no_number() -> None:
    profile = analyse_payoff([option("C", 100, -1, 2)])
    assert profile.max_loss.is_unbounded
    assert profile.max_loss.dollars is None
    assert profile.reward_to_risk is None
    assert profile.credit_to_width is None
    assert profile.breakevens == (102.0,)
    assert profile.profit_zones == (PriceZone(0.0, 102.0),)


def test_a_naked_put_loses_at_most_its_strike_less_the_credit() -> None:
    profile = analyse_payoff([option("P", 100, -1, 2)])
    assert profile.max_loss.dollars == pytest.approx(9800)
    assert profile.profit_zones == (PriceZone(98.0, None),)


def test_a_long_straddle_profits_on_both_sides_without_limit_above() -> None:
    profile = analyse_payoff([option("P", 100, 1, 3), option("C", 100, 1, 4)])
    assert profile.max_profit.is_unbounded
    assert profile.max_loss.dollars == pytest.approx(700)
    assert profile.profit_zones == (PriceZone(0.0, 93.0), PriceZone(107.0, None))


def test_stock_uses_its_own_multiplier_beside_options() -> None:
    profile = analyse_payoff([linear_leg("SPX", 100, price=50), option("C", 55, -1, 1.5)])
    assert profile.max_profit.dollars == pytest.approx(650)
    assert profile.max_loss.dollars == pytest.approx(4850)
    assert profile.breakevens == pytest.approx((48.5,))


def test_a_butterfly_for_nothing_breaks_even_at_its_wings_and_cannot_lose() -> None:
    profile = analyse_payoff([option("C", 90, 1, 0), option("C", 100, -2, 0), option("C", 110, 1, 0)])
    assert profile.max_loss.dollars == 0
    assert profile.breakevens == (90.0, 110.0)
    assert profile.profit_zones == (PriceZone(90.0, 110.0),)
    assert profile.reward_to_risk is None


def test_a_free_straddle_touches_zero_at_its_strike_between_two_zones() -> None:
    profile = analyse_payoff([option("P", 100, 1, 0), option("C", 100, 1, 0)])
    assert profile.profit_zones == (PriceZone(0.0, 100.0), PriceZone(100.0, None))
    assert profile.breakevens == (100.0,)


def test_a_box_locks_in_its_profit_everywhere_and_has_no_breakeven() -> None:
    box = [option("C", 90, 1, 12), option("C", 110, -1, 2), option("P", 110, 1, 11), option("P", 90, -1, 1.5)]
    profile = analyse_payoff(box)
    assert profile.max_profit.dollars == pytest.approx(50)
    assert profile.max_loss.dollars == pytest.approx(-50)
    assert profile.breakevens == ()
    assert profile.profit_zones == (PriceZone(0.0, None),)


def test_a_given_net_cost_replaces_unknown_leg_prices_and_without_it_the_leg_is_named() -> None:
    legs = [option_leg("SPX", "P", 95, 1, 1, key="long put"), option_leg("SPX", "P", 100, 1, -1)]
    assert analyse_payoff(legs, -120.0).max_profit.dollars == pytest.approx(120)
    with pytest.raises(LegError, match="long put has no price"):
        analyse_payoff(legs)


def test_no_legs_mixed_underlyings_and_several_expiries_are_refused() -> None:
    with pytest.raises(LegError, match="no legs"):
        analyse_payoff([])
    with pytest.raises(LegError, match="SPX, SPY"):
        analyse_payoff([option("C", 100, 1, 1), option_leg("SPY", "C", 100, 1, 1, price=1)])
    with pytest.raises(LegError, match="different dates"):
        analyse_payoff([option("C", 100, -1, 1), option("C", 100, 1, 2, expiry=2.0)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": 0.0}, "quantity"),
        ({"quantity": math.nan}, "quantity"),
        ({"multiplier": 0.0}, "multiplier"),
        ({"strike": -1.0}, "strike"),
        ({"price": math.inf}, "price"),
        ({"expiry_epoch_s": math.nan}, "expiry"),
        ({"right": "X"}, "right"),
    ],
)
def test_a_leg_that_makes_no_sense_is_refused(change: dict[str, float], message: str) -> None:
    whole = {"underlying": "SPX", "right": "C", "strike": 100.0, "expiry_epoch_s": 1.0, "quantity": 1.0}
    with pytest.raises(LegError, match=message):
        option_leg(**{**whole, **change})  # type: ignore[arg-type]  # the wrong values are the point


def test_legs_of_one_contract_are_netted_and_flat_ones_drop_out() -> None:
    legs = [option("C", 100, 2, 1), option("C", 100, -2, 3), option("P", 90, 1, 1), option("P", 90, 2, 1)]
    assert [(leg.strike, leg.quantity) for leg in net_legs(legs)] == [(90, 3)]


leg_strategy = st.builds(
    option,
    st.sampled_from(["C", "P"]),
    st.integers(80, 120).map(float),
    st.integers(-3, 3).filter(bool).map(float),
    st.integers(0, 60).map(lambda ticks: ticks / 4),
)


def zone_edges(profile: PayoffProfile) -> list[tuple[float, float]]:
    return [(zone.low, math.inf if zone.high is None else zone.high) for zone in profile.profit_zones]


@given(st.lists(leg_strategy, min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_the_exact_figures_agree_with_the_payoff_on_a_fine_grid(legs: list[PayoffLeg]) -> None:
    profile = analyse_payoff(legs)
    spots = np.arange(0.0, 1000.0, 0.125)
    pnl = payoff_at_expiry(legs, spots)
    if profile.max_profit.dollars is not None:
        assert pnl.max() == pytest.approx(profile.max_profit.dollars, abs=1e-6)
    if profile.max_loss.dollars is not None:
        assert -pnl.min() == pytest.approx(profile.max_loss.dollars, abs=1e-6)
    inside = np.zeros(spots.shape, dtype=bool)
    for low, high in zone_edges(profile):
        inside |= (spots > low) & (spots < high)
    clear = np.abs(pnl) > 1e-6
    ends = profile.profit_zones and profile.profit_zones[0].low == 0.0
    clear[0] &= not ends
    assert np.array_equal(inside[clear], pnl[clear] > 0)
    assert payoff_at_expiry(legs, np.asarray(profile.breakevens)) == pytest.approx(0.0, abs=1e-6)


def black_scholes(leg: PayoffLeg, spots: FloatArray, at_epoch_s: float) -> FloatArray:
    sigma, t_years = 0.2, (leg.expiry_epoch_s - at_epoch_s) / YEAR_S
    d1 = (np.log(spots / leg.strike) + 0.5 * sigma**2 * t_years) / (sigma * math.sqrt(t_years))
    call = spots * ndtr(d1) - leg.strike * ndtr(d1 - sigma * math.sqrt(t_years))
    return np.asarray(call if leg.is_call else call - spots + leg.strike)


def test_a_calendar_peaks_at_its_strike_and_loses_at_most_its_debit() -> None:
    later = option("C", 100, 1, 4.0, expiry=0.25 * YEAR_S)
    legs = [option("C", 100, -1, 2.5, expiry=0.1 * YEAR_S), later]
    profile = analyse_multi_expiry(legs, black_scholes)
    at_strike = float(black_scholes(later, np.array([100.0]), 0.1 * YEAR_S)[0])
    assert not profile.is_exact
    assert profile.max_profit.dollars == pytest.approx(100 * (at_strike - 1.5), abs=1e-6)
    assert profile.max_loss.dollars == pytest.approx(150, abs=0.01)
    low, high = profile.breakevens
    assert 90 < low < 100 < high < 112
    assert profile.profit_zones == (PriceZone(low, high),)
    for spot in (low, high):
        value = float(black_scholes(later, np.array([spot]), 0.1 * YEAR_S)[0]) - max(spot - 100, 0)
        assert value == pytest.approx(1.5, abs=1e-9)


def test_an_extreme_between_grid_points_is_refined_even_on_a_coarse_grid() -> None:
    near, far = 0.1 * YEAR_S, 0.25 * YEAR_S
    legs = [
        option("P", 90, -1, 0.5, expiry=near),
        option("C", 110, -1, 0.5, expiry=near),
        option("P", 97, 1, 3.0, expiry=far),
        option("C", 97, 1, 4.0, expiry=far),
    ]
    later = legs[2:]

    def loss(spot: float) -> float:
        value = sum(float(black_scholes(leg, np.array([spot]), near)[0]) for leg in later)
        return 100 * (value - 6.0)

    least = float(minimize_scalar(loss, bounds=(90, 105), method="bounded", options={"xatol": 1e-10}).fun)
    profile = analyse_multi_expiry(legs, black_scholes, grid_points=40)
    assert profile.max_loss.dollars == pytest.approx(-least, abs=1e-7)


def test_several_expiries_still_flag_an_unbounded_side() -> None:
    legs = [option("C", 100, -2, 2.5, expiry=0.1 * YEAR_S), option("C", 100, 1, 4.0, expiry=0.25 * YEAR_S)]
    profile = analyse_multi_expiry(legs, black_scholes)
    assert profile.max_loss.is_unbounded
    assert not profile.max_profit.is_unbounded


@given(st.lists(leg_strategy, min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_the_numeric_search_finds_the_exact_answer_when_all_expire_together(legs: list[PayoffLeg]) -> None:
    exact, found = analyse_payoff(legs), analyse_multi_expiry(legs, black_scholes)
    assert found.max_profit.is_unbounded == exact.max_profit.is_unbounded
    assert found.max_loss.is_unbounded == exact.max_loss.is_unbounded
    reachable = [x for x in exact.breakevens if found.searched_low < x < (found.searched_high or 0.0)]
    assert [x for x in found.breakevens if x < 300] == pytest.approx([x for x in reachable if x < 300], abs=1e-6)
