"""The volatility surface: no butterfly, no calendar arbitrage, and a variance index that says what it should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.black_scholes import black76_price
from execution.brokers.paper.surface import (
    NO_TAIL,
    CarriedSmile,
    FittedSmile,
    FloatArray,
    ParametricSmile,
    Slices,
    Tail,
    black,
    is_arbitrage_free,
    slice_price,
    total_variance,
    variance_index,
    without_arbitrage,
    years_between,
)

DAY_S = 86400.0
EXPIRES_S = np.array([0.2, 1.0, 2.0, 3.0, 7.0, 14.0, 30.0, 45.0, 60.0, 93.0, 180.0, 365.0, 730.0, 1800.0]) * DAY_S
STRIKES = np.exp(np.linspace(-1.2, 0.8, 161))

slice_parameters = st.lists(
    st.tuples(st.floats(1e-5, 0.5), st.floats(-0.98, 0.98), st.floats(1e-4, 3.0)), min_size=1, max_size=8
)


def _calls(theta: float, rho: float, psi: float) -> FloatArray:
    variance = total_variance(theta, rho, psi, np.log(STRIKES))
    return black(np.ones_like(STRIKES), STRIKES, variance, np.ones(STRIKES.size, dtype=np.bool_))


def _assert_no_arbitrage(slices: Slices) -> None:
    before = np.zeros_like(STRIKES)
    for theta, rho, psi in zip(*slices, strict=True):
        if theta == 0.0:
            continue
        calls = _calls(theta, rho, psi)
        slopes = np.diff(calls) / np.diff(STRIKES)
        assert (slopes <= 1e-12).all()
        assert (slopes >= -1.0 - 1e-12).all()
        assert (np.diff(slopes) >= -1e-9).all(), "a butterfly costs less than nothing"
        variance = total_variance(theta, rho, psi, np.log(STRIKES))
        assert (variance >= before * (1.0 - 1e-9) - 1e-12).all(), "a calendar spread costs less than nothing"
        before = variance


@given(parameters=slice_parameters)
@settings(deadline=None)
def test_whatever_slices_come_in_those_that_come_out_hold_no_arbitrage(
    parameters: list[tuple[float, float, float]],
) -> None:
    theta, rho, psi = (np.array(column) for column in zip(*parameters, strict=True))
    made = without_arbitrage(Slices(theta, rho, psi))
    assert is_arbitrage_free(made)
    _assert_no_arbitrage(made)


@given(parameters=slice_parameters)
@settings(deadline=None)
def test_slices_that_hold_no_arbitrage_are_left_as_they_are(parameters: list[tuple[float, float, float]]) -> None:
    theta, rho, psi = (np.array(column) for column in zip(*parameters, strict=True))
    made = without_arbitrage(Slices(theta, rho, psi))
    assert without_arbitrage(made) is made


def test_a_steep_wing_and_a_falling_variance_are_recognised_as_arbitrage() -> None:
    steep = Slices(np.array([0.01]), np.array([-0.7]), np.array([0.5]))
    falling = Slices(np.array([0.02, 0.01]), np.array([0.0, 0.0]), np.array([0.05, 0.05]))
    sound = Slices(np.array([0.01, 0.02]), np.array([-0.5, -0.5]), np.array([0.08, 0.11]))
    assert not is_arbitrage_free(steep)
    assert not is_arbitrage_free(falling)
    assert is_arbitrage_free(sound)


@given(
    log_variance=st.floats(-2.5, 2.5),
    elapsed_days=st.floats(0.0, 400.0),
    short_vol=st.floats(0.08, 0.8),
    long_vol=st.floats(0.1, 0.8),
    rho=st.floats(-0.9, 0.3),
    eta=st.floats(0.3, 1.05),
)
@settings(max_examples=60, deadline=None)
def test_the_synthetic_surface_holds_no_arbitrage_at_any_time_and_level_of_vol(
    log_variance: float, elapsed_days: float, short_vol: float, long_vol: float, rho: float, eta: float
) -> None:
    smile = ParametricSmile(
        short_vol=short_vol, long_vol=long_vol, kappa=4.0, rho=rho, eta=eta, rate=0.04, dividend_yield=0.01
    )
    slices = smile.slices(EXPIRES_S, elapsed_days * DAY_S, log_variance)
    assert is_arbitrage_free(slices)
    _assert_no_arbitrage(slices)


@given(
    weight=st.floats(0.01, 0.3),
    stretch=st.floats(1.0, 3.0),
    log_variance=st.floats(-2.5, 2.5),
    days=st.floats(0.0, 300.0),
)
@settings(max_examples=60, deadline=None)
def test_a_tail_makes_far_puts_dearer_and_no_arbitrage(
    weight: float, stretch: float, log_variance: float, days: float
) -> None:
    slices = _fitted().slices(EXPIRES_S, days * DAY_S, log_variance)
    tail = Tail(weight, stretch)
    forward, puts = np.ones_like(STRIKES), np.zeros(STRIKES.size, dtype=np.bool_)
    before = np.zeros_like(STRIKES)
    for theta, rho, psi in zip(*slices, strict=True):
        price, plain = (
            slice_price(theta, rho, psi, forward=forward, strike=STRIKES, is_call=puts, tail=one)
            for one in (tail, NO_TAIL)
        )
        slopes = np.diff(price) / np.diff(STRIKES)
        assert (np.diff(slopes) >= -1e-9).all()
        assert ((slopes >= -1e-12) & (slopes <= 1.0 + 1e-12)).all()
        assert (price >= before - 1e-12).all()
        far = np.log(STRIKES) < -2.0 * np.sqrt(theta)
        assert (price[far] >= plain[far] - 1e-12).all()
        before = price


def _fitted() -> FittedSmile:
    base = ParametricSmile(short_vol=0.14, long_vol=0.2, kappa=3.0, rho=-0.6, eta=1.0, rate=0.04, dividend_yield=0.01)
    slices = base.slices(EXPIRES_S, 0.0, 0.0)
    tilted = Slices(slices.theta, slices.rho + np.linspace(-0.05, 0.05, EXPIRES_S.size), slices.psi)
    return FittedSmile(expires_s=EXPIRES_S, fitted=tilted, carry=base.carry(EXPIRES_S, 0.0), fitted_at_s=0.0, kappa=4.0)


@given(log_variance=st.floats(-2.5, 2.5), elapsed_days=st.floats(-0.02, 400.0))
@settings(max_examples=60, deadline=None)
def test_a_fitted_surface_stays_free_of_arbitrage_as_time_and_vol_move(
    log_variance: float, elapsed_days: float
) -> None:
    slices = _fitted().slices(EXPIRES_S, elapsed_days * DAY_S, log_variance)
    assert is_arbitrage_free(slices)
    _assert_no_arbitrage(slices)


def test_a_fitted_surface_is_the_fit_at_the_moment_of_the_fit_and_reacts_most_in_front() -> None:
    smile = _fitted()
    now, stressed = smile.slices(EXPIRES_S, 0.0, 0.0), smile.slices(EXPIRES_S, 0.0, 0.5)
    again = smile.slices(EXPIRES_S[3:5], 0.0, 0.0)
    lift = np.sqrt(stressed.theta / now.theta)
    assert (np.diff(lift) < 0.0).all()
    assert lift[0] > 1.25
    assert lift[-1] < 1.1
    assert again.theta.tolist() == now.theta[3:5].tolist()
    assert smile.knows(float(EXPIRES_S[0]))
    assert not smile.knows(float(EXPIRES_S[0]) + 1.0)


def test_an_expired_slice_prices_at_intrinsic_value() -> None:
    slices = _fitted().slices(EXPIRES_S, 1.5 * DAY_S, 0.0)
    assert slices.theta[:2].tolist() == [0.0, 0.0]
    calls = _calls(float(slices.theta[0]), float(slices.rho[0]), float(slices.psi[0]))
    assert calls == pytest.approx(np.maximum(1.0 - STRIKES, 0.0), abs=1e-8)


@given(forward=st.floats(50.0, 9000.0), moneyness=st.floats(-0.7, 0.7), vol=st.floats(0.05, 1.5), t=st.floats(0.002, 5))
@settings(deadline=None)
def test_prices_equal_those_of_the_numbers_core(forward: float, moneyness: float, vol: float, t: float) -> None:
    strike = np.array([forward * np.exp(moneyness)] * 2)
    is_call = np.array([True, False])
    ours = black(np.array([forward] * 2), strike, np.array([vol * vol * t] * 2), is_call)
    theirs = black76_price(forward=forward, strike=strike, t_years=t, rate=0.0, vol=vol, is_call=is_call)
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9 * forward)


def test_the_variance_index_of_a_flat_surface_is_its_vol() -> None:
    flat = ParametricSmile(short_vol=0.2, long_vol=0.2, kappa=4.0, rho=0.0, eta=0.01, rate=0.0, dividend_yield=0.0)
    assert variance_index(flat, EXPIRES_S, 0.0, 0.0, days=30) == pytest.approx(20.0, abs=0.02)
    assert variance_index(flat, EXPIRES_S, 0.0, 0.0, days=93) == pytest.approx(20.0, abs=0.02)


def test_the_variance_index_equals_cboe_s_sum_over_dense_strikes() -> None:
    smile = ParametricSmile(short_vol=0.14, long_vol=0.2, kappa=4.0, rho=-0.6, eta=1.0, rate=0.0, dividend_yield=0.0)
    two = np.array([30.0, 37.0]) * DAY_S
    theta, rho, psi = (float(column[0]) for column in smile.slices(two, 0.0, 0.0))
    strikes = np.arange(0.4, 1.8, 0.0005)
    price = black(np.ones_like(strikes), strikes, total_variance(theta, rho, psi, np.log(strikes)), strikes >= 1.0)
    cboe = 100.0 * np.sqrt(2.0 * np.sum(0.0005 / strikes**2 * price) / (30.0 / 365.0))
    assert variance_index(smile, two, 0.0, 0.0, days=30) == pytest.approx(cboe, abs=0.05)


def test_the_variance_index_rises_with_vol_and_is_unknown_without_two_expiries() -> None:
    smile = _fitted()
    calm, stressed = (variance_index(smile, EXPIRES_S, 0.0, x, days=30) for x in (0.0, 0.6))
    assert calm is not None
    assert stressed is not None
    assert stressed > calm + 2.0
    assert variance_index(smile, EXPIRES_S[:1], 0.0, 0.0, days=30) is None


def test_a_tracking_fund_has_the_index_s_smile_and_its_own_carry() -> None:
    base = _fitted()
    fund = CarriedSmile(base, net_carry=0.02)
    assert fund.slices(EXPIRES_S, 0.0, 0.1).theta.tolist() == base.slices(EXPIRES_S, 0.0, 0.1).theta.tolist()
    assert fund.carry(EXPIRES_S, 0.0) == pytest.approx(0.02 * years_between(0.0, EXPIRES_S))
    assert fund.knows(float(EXPIRES_S[2]))


def test_a_surface_that_would_allow_butterflies_is_refused() -> None:
    with pytest.raises(ValueError, match="butterfly"):
        ParametricSmile(short_vol=0.2, long_vol=0.2, kappa=4.0, rho=-0.8, eta=1.5, rate=0.0, dividend_yield=0.0)
