"""The volatility surface: no butterfly, no calendar arbitrage, and a variance index that says what it should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.black_scholes import black76_price
from execution.brokers.paper.surface import (
    CarriedSmile,
    FloatArray,
    ParametricSmile,
    Slices,
    black,
    total_variance,
    variance_index,
    years_between,
)

DAY_S = 86400.0
EXPIRES_S = np.array([0.2, 1.0, 2.0, 3.0, 7.0, 14.0, 30.0, 45.0, 60.0, 93.0, 180.0, 365.0, 730.0, 1800.0]) * DAY_S
STRIKES = np.exp(np.linspace(-1.2, 0.8, 161))


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
    _assert_no_arbitrage(slices)


def _ssvi() -> ParametricSmile:
    return ParametricSmile(short_vol=0.14, long_vol=0.2, kappa=3.0, rho=-0.6, eta=1.0, rate=0.04, dividend_yield=0.01)


def test_a_surface_has_the_total_variance_of_its_slices() -> None:
    surface, slices = _ssvi().surface(EXPIRES_S, DAY_S / 2, 0.3), _ssvi().slices(EXPIRES_S, DAY_S / 2, 0.3)
    k = np.linspace(-0.3, 0.2, EXPIRES_S.size)
    assert surface.theta.tolist() == slices.theta.tolist()
    assert surface.theta[0] == 0.0
    every = np.arange(EXPIRES_S.size)
    assert surface.variance(every, k) == pytest.approx(total_variance(*slices, k))


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
    smile = _ssvi()
    calm, stressed = (variance_index(smile, EXPIRES_S, 0.0, x, days=30) for x in (0.0, 0.6))
    assert calm is not None
    assert stressed is not None
    assert stressed > calm + 2.0
    assert variance_index(smile, EXPIRES_S[:1], 0.0, 0.0, days=30) is None


def test_a_tracking_fund_has_the_index_s_smile_and_its_own_carry() -> None:
    base = _ssvi()
    fund = CarriedSmile(base, net_carry=0.02)
    assert fund.surface(EXPIRES_S, 0.0, 0.1).theta.tolist() == base.surface(EXPIRES_S, 0.0, 0.1).theta.tolist()
    assert fund.carry(EXPIRES_S, 0.0) == pytest.approx(0.02 * years_between(0.0, EXPIRES_S))
    assert fund.knows(float(EXPIRES_S[2]))


def test_a_surface_that_would_allow_butterflies_is_refused() -> None:
    with pytest.raises(ValueError, match="butterfly"):
        ParametricSmile(short_vol=0.2, long_vol=0.2, kappa=4.0, rho=-0.8, eta=1.5, rate=0.0, dividend_yield=0.0)
