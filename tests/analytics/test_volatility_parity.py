"""Forward and rate from one line: exact on consistent prices, robust against stale ones, honest about their error."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.black_scholes import Floats, bsm_price
from analytics.volatility import ParityStatus, fit_rate_curve, forward_price, parity_forward, parity_line

pytestmark = pytest.mark.usefixtures("strict_floats")

STRIKES = np.arange(5000.0, 7001.0, 50.0)
T, RATE, YIELD, SPOT = 0.5, 0.041, 0.012, 6000.0
FORWARD = float(forward_price(spot=SPOT, t_years=T, rate=RATE, dividend_yield=YIELD))


def _prices(spot: float = SPOT, t: float = T, rate: float = RATE, q: float = YIELD) -> tuple[Floats, Floats]:
    vol = 0.18 - 0.2 * np.log(STRIKES / spot)
    shared: dict[str, Any] = {"spot": spot, "strike": STRIKES, "t_years": t, "rate": rate, "dividend_yield": q}
    return bsm_price(**shared, vol=vol, is_call=True), bsm_price(**shared, vol=vol, is_call=False)


@given(st.floats(5800.0, 6200.0), st.floats(0.02, 5.0), st.floats(-0.01, 0.1), st.floats(0.0, 0.05))
def test_consistent_prices_give_back_forward_rate_and_no_residual(spot: float, t: float, r: float, q: float) -> None:
    call, put = _prices(spot, t, r, q)
    found = parity_line(strike=STRIKES, call_price=call, put_price=put, t_years=t)
    assert found.status is ParityStatus.OK
    assert found.forward == pytest.approx(
        float(forward_price(spot=spot, t_years=t, rate=r, dividend_yield=q)), rel=1e-9
    )
    assert found.rate == pytest.approx(r, abs=1e-9 / t)
    assert found.discount_factor == pytest.approx(np.exp(-r * t), rel=1e-9)
    assert found.residual_p95 < 1e-7
    fixed = parity_line(strike=STRIKES, call_price=call, put_price=put, t_years=t, rate=r)
    assert fixed.forward == pytest.approx(found.forward, rel=1e-9)
    assert (fixed.rate, fixed.rate_se) == (r, 0.0)


def test_it_agrees_with_the_median_of_the_nearest_strikes_and_with_plain_least_squares_on_noise() -> None:
    call, put = _prices()
    call = call + np.random.default_rng(1).normal(0.0, 0.05, call.size)
    line = parity_line(strike=STRIKES, call_price=call, put_price=put, t_years=T, rate=RATE)
    near = parity_forward(strike=STRIKES, call_mid=call, put_mid=put, t_years=T, rate=RATE)
    assert line.forward == pytest.approx(near.forward, abs=0.1)
    both = parity_line(strike=STRIKES, call_price=call, put_price=put, t_years=T)
    slope, level = np.polyfit(STRIKES, call - put, 1)
    assert both.discount_factor == pytest.approx(-slope, abs=2e-5)
    assert both.forward == pytest.approx(-level / slope, abs=0.05)


def test_two_fifths_of_stale_prices_move_neither_forward_nor_rate() -> None:
    call, put = _prices()
    random = np.random.default_rng(5)
    stale = random.permutation(STRIKES.size)[: 2 * STRIKES.size // 5]
    call[stale] = np.maximum(call[stale] + random.uniform(15.0, 60.0, stale.size), 0.05)
    clean = np.setdiff1d(np.arange(STRIKES.size), stale)
    found = parity_line(strike=STRIKES, call_price=call, put_price=put, t_years=T)
    assert found.forward == pytest.approx(FORWARD, abs=1e-6)
    assert found.rate == pytest.approx(RATE, abs=1e-8)
    assert (found.strikes_used, found.strikes_given) == (clean.size, STRIKES.size)
    assert found.residual_median < 1e-6
    assert found.residual_p95 > 15.0
    fixed = parity_line(strike=STRIKES, call_price=call, put_price=put, t_years=T, rate=RATE)
    assert fixed.forward == pytest.approx(FORWARD, abs=1e-6)


def test_prices_known_better_count_for_more() -> None:
    call, put = _prices()
    call[::2] += np.resize([4.0, -1.0], call[::2].size)
    sd = np.where(np.arange(call.size) % 2 == 0, 10.0, 0.05)
    plain = parity_line(strike=STRIKES, call_price=call, put_price=put, t_years=T, rate=RATE)
    weighted = parity_line(strike=STRIKES, call_price=call, put_price=put, t_years=T, rate=RATE, price_sd=sd)
    assert abs(weighted.forward - FORWARD) < 0.01
    assert abs(weighted.forward - FORWARD) < abs(plain.forward - FORWARD)


def test_the_standard_errors_are_what_repetition_shows() -> None:
    call, put = _prices()
    random = np.random.default_rng(11)
    runs = [
        parity_line(strike=STRIKES, call_price=call + random.normal(0.0, 0.5, call.size), put_price=put, t_years=T)
        for _ in range(300)
    ]
    forwards, rates = np.array([run.forward for run in runs]), np.array([run.rate for run in runs])
    assert np.median([run.forward_se for run in runs]) == pytest.approx(forwards.std(), rel=0.2)
    assert np.median([run.rate_se for run in runs]) == pytest.approx(rates.std(), rel=0.2)
    assert forwards.mean() == pytest.approx(FORWARD, abs=0.05)


def test_scaling_all_prices_scales_the_forward_and_leaves_the_rate() -> None:
    call, put = _prices()
    call = call + np.random.default_rng(2).normal(0.0, 0.5, call.size)
    one = parity_line(strike=STRIKES, call_price=call, put_price=put, t_years=T)
    ten = parity_line(strike=STRIKES / 10.0, call_price=call / 10.0, put_price=put / 10.0, t_years=T)
    assert ten.forward * 10.0 == pytest.approx(one.forward, rel=1e-10)
    assert ten.forward_se * 10.0 == pytest.approx(one.forward_se, rel=1e-8)
    assert ten.rate == pytest.approx(one.rate, abs=1e-10)


def test_too_few_strikes_unknown_time_and_nonsense_have_no_forward_and_say_why() -> None:
    call, put = _prices()
    few: dict[str, Any] = {"strike": STRIKES[:3], "call_price": call[:3], "put_price": put[:3]}
    assert parity_line(**few, t_years=T).status is ParityStatus.TOO_FEW_STRIKES
    assert parity_line(**few, t_years=T, rate=RATE).forward == pytest.approx(FORWARD)
    none = parity_line(strike=STRIKES, call_price=np.nan, put_price=put, t_years=T, rate=RATE)
    assert (none.status, none.strikes_given) == (ParityStatus.TOO_FEW_STRIKES, 0)
    for t in (0.0, -1.0, np.nan, np.inf):
        found = parity_line(strike=STRIKES, call_price=call, put_price=put, t_years=t, rate=RATE)
        assert found.status is ParityStatus.BAD_INPUT
        assert np.isnan(found.forward)
    rising = parity_line(strike=STRIKES, call_price=put, put_price=call, t_years=T)
    assert rising.status is ParityStatus.NO_SANE_LINE
    below = parity_line(strike=STRIKES, call_price=1.0, put_price=9000.0, t_years=T, rate=RATE)
    assert below.status is ParityStatus.NO_SANE_LINE


def test_one_strike_many_times_is_no_line_and_raises_nothing() -> None:
    found = parity_line(strike=[6000.0] * 6, call_price=[200.0] * 6, put_price=[110.0] * 6, t_years=T)
    assert found.status is ParityStatus.NO_SANE_LINE


@given(st.lists(st.tuples(*[st.floats(0.0, 1e6)] * 3), max_size=30), st.booleans())
def test_whatever_prices_come_in_there_is_a_status_and_a_forward_only_with_ok(
    rows: list[tuple[float, float, float]], is_fixed: bool
) -> None:
    k, call, put = np.array(rows).reshape(-1, 3).T
    found = parity_line(strike=k, call_price=call, put_price=put, t_years=T, rate=RATE if is_fixed else None)
    assert (found.status is ParityStatus.OK) == bool(np.isfinite(found.forward))
    assert found.strikes_given <= len(rows)


def test_the_rate_curve_weighs_errors_and_ignores_a_wild_expiry() -> None:
    t = np.array([0.02, 0.1, 0.3, 0.6, 1.0, 2.0, 3.0])
    rate = 0.04 + 0.001 * t
    rate[0], rate[3] = 0.3, 0.11
    se = np.array([0.4, 0.01, 0.003, 0.001, 0.001, 0.0005, 0.0005])
    curve = fit_rate_curve(t_years=t, rate=rate, rate_se=se)
    assert curve.at([0.3, 1.0, 3.0]) == pytest.approx([0.0403, 0.041, 0.043], abs=3e-4)
    assert curve.at([0.001, 30.0]) == pytest.approx(curve.at([0.02, 3.0]))
    assert curve.expiries_used < t.size


def test_a_rate_curve_of_one_expiry_is_flat_and_of_none_is_refused() -> None:
    curve = fit_rate_curve(t_years=[0.5, 0.7], rate=[0.04, np.nan], rate_se=0.001 * np.ones(2))
    assert curve.at([0.1, 9.0]).tolist() == [0.04, 0.04]
    with pytest.raises(ValueError, match="no expiry has a known rate"):
        fit_rate_curve(t_years=[0.5], rate=[0.9], rate_se=[0.001])
