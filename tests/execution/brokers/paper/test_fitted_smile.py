"""The recorded surface in motion: it keeps its look in standard deviations and never allows static arbitrage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.volatility.spline import COEFFICIENTS, HIGH, LOW, spline_weights
from execution.brokers.paper.chain_file import read_chain_file
from execution.brokers.paper.fitted_smile import FittedSmile, variance_lift
from execution.brokers.paper.paths import LOG_VARIANCE_BOUND
from execution.brokers.paper.smile_fit import fit_chain
from execution.brokers.paper.surface import FloatArray, years_between
from tests.execution.brokers.paper.arbitrage import worst_loss
from tests.execution.brokers.paper.chain_maker import RATE

DAY_S = 86400.0
EXPIRES_S = np.array([0.2, 1.0, 2.0, 3.0, 7.0, 14.0, 30.0, 45.0, 60.0, 93.0, 180.0, 365.0, 730.0, 1800.0]) * DAY_S
CENTRES = np.linspace(LOW - 0.5, HIGH + 0.5, COEFFICIENTS)
CARRY = 0.03


def _smile(vol: FloatArray | float = 0.2, tilt: float = -0.03) -> FittedSmile:
    t = years_between(0.0, EXPIRES_S)
    shapes = np.tile(tilt * CENTRES, (EXPIRES_S.size, 1))
    return FittedSmile(expires_s=EXPIRES_S, theta=vol**2 * t, shapes=shapes, carry=CARRY * t, fitted_at_s=0.0)


@given(z=st.floats(LOW, HIGH), coefficients=st.lists(st.floats(-1.0, 1.0), min_size=4, max_size=4))
@settings(deadline=None)
def test_the_derivatives_of_the_spline_are_those_of_its_value(z: float, coefficients: list[float]) -> None:
    step = 1e-4
    here = min(max(z, LOW + 2 * step), HIGH - 2 * step)
    shape = np.resize(np.array(coefficients), COEFFICIENTS)

    def at(place: float, order: int) -> float:
        first, weights = spline_weights(np.array([place]), order)
        return float(shape[first[0] : first[0] + 4] @ weights[:, 0])

    for order in (0, 1):
        slope = (at(here + step, order) - at(here - step, order)) / (2 * step)
        assert slope == pytest.approx(at(here, order + 1), abs=0.02)


def test_at_the_moment_of_the_fit_the_variance_is_that_of_the_shape() -> None:
    surface = _smile().surface(EXPIRES_S[4:7], 0.0, 0.0)
    t = years_between(0.0, EXPIRES_S[4:7])
    for z in (-3.0, 0.0, 2.0):
        found = surface.variance(np.arange(3), z * 0.2 * np.sqrt(t))
        assert np.sqrt(found / t) == pytest.approx(0.2 * np.exp(-0.03 * z))


def test_beyond_its_knots_the_variance_goes_on_in_a_line_and_never_falls_outwards() -> None:
    surface = _smile().surface(EXPIRES_S[4:5], 0.0, 0.0)
    root = 0.2 * float(np.sqrt(years_between(0.0, EXPIRES_S[4:5])[0]))
    left = surface.variance(np.zeros(3, dtype=np.int64), root * (LOW - np.array([0.0, 5.0, 10.0])))
    right = surface.variance(np.zeros(3, dtype=np.int64), root * (HIGH + np.array([0.0, 5.0, 10.0])))
    assert left[1] > left[0]
    assert left[2] - left[1] == pytest.approx(left[1] - left[0])
    assert right.tolist() == [right[0]] * 3


def test_an_expiry_never_has_less_variance_than_an_earlier_one_at_the_same_moneyness() -> None:
    vol = np.full(EXPIRES_S.size, 0.2)
    vol[7] = 0.1
    surface = _smile(vol).surface(EXPIRES_S, 0.0, 0.0)
    k = np.linspace(-0.4, 0.3, 29)
    before = np.zeros_like(k)
    for number in range(EXPIRES_S.size):
        now = surface.variance(np.full(k.size, number), k)
        assert (now >= before * (1.0 - 1e-9)).all()
        before = now
    assert surface.variance(np.array([7]), np.zeros(1)) == pytest.approx(surface.variance(np.array([6]), np.zeros(1)))


def test_a_rise_of_vol_lifts_the_front_most_and_other_expiries_asked_for_change_nothing() -> None:
    smile = _smile()
    calm, stressed = smile.surface(EXPIRES_S, 0.0, 0.0), smile.surface(EXPIRES_S, 0.0, 0.5)
    lift = np.sqrt(stressed.theta / calm.theta)
    assert (np.diff(lift) < 0.0).all()
    assert lift[0] == pytest.approx(np.exp(0.25), rel=0.01)
    assert lift[-1] < 1.1
    some = smile.surface(EXPIRES_S[3:5], 0.0, 0.5)
    assert some.theta.tolist() == stressed.theta[3:5].tolist()
    k = np.array([-0.05, 0.02])
    assert some.variance(np.array([0, 1]), k).tolist() == stressed.variance(np.array([3, 4]), k).tolist()


@given(low=st.floats(-LOG_VARIANCE_BOUND, 0.0), high=st.floats(0.0, LOG_VARIANCE_BOUND), t=st.floats(0.0, 6.0))
@settings(deadline=None)
def test_the_lift_follows_the_short_variance_and_fades_with_the_term(low: float, high: float, t: float) -> None:
    terms = np.array([t, t + 0.1])
    down, up = variance_lift(terms, low), variance_lift(terms, high)
    assert np.exp(low) <= down[0] * (1.0 + 1e-6)
    assert down[0] <= down[1] <= 1.0
    assert 1.0 <= up[1] <= up[0] <= np.exp(high) * (1.0 + 1e-6)


def test_expired_expiries_have_no_variance_and_carry_shrinks_with_the_time_left() -> None:
    smile = _smile()
    surface = smile.surface(EXPIRES_S, 1.5 * DAY_S, 0.0)
    assert surface.theta[:2].tolist() == [0.0, 0.0]
    assert surface.variance(np.array([0, 1]), np.array([-0.1, 0.1])).tolist() == [0.0, 0.0]
    assert smile.carry(EXPIRES_S, 1.5 * DAY_S) == pytest.approx(CARRY * years_between(1.5 * DAY_S, EXPIRES_S))
    assert smile.knows(float(EXPIRES_S[0]))
    assert not smile.knows(float(EXPIRES_S[0]) + 1.0)


class _Recorded:
    """A real chain's smile with its listed strikes."""

    def __init__(self, path: Path, tick: float) -> None:
        chain = read_chain_file(path)
        fit = fit_chain(chain, rate=RATE)
        self.expires_s, first = np.unique(fit.expires_s, return_index=True)
        self.strikes = [np.unique(chain.strike[np.array(fit.series[number].rows)]) for number in first]
        self.at_s, self.spot, self.tick = fit.at_s, chain.underlying_price, tick
        self.smile = FittedSmile(
            expires_s=fit.expires_s, theta=fit.theta, shapes=fit.shapes, carry=fit.carry, fitted_at_s=fit.at_s
        )


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> list[_Recorded]:
    ticks = {"SPX": 0.05, "QQQ": 0.01, "AAPL": 0.01, "MSFT": 0.01}
    return [_Recorded(shared_data / f"chain_{name}_2026-05-04.parquet", tick) for name, tick in ticks.items()]


def test_the_recorded_chains_hold_no_arbitrage_at_the_start(recorded: list[_Recorded]) -> None:
    for one in recorded:
        lost = worst_loss(one.smile, one.expires_s, one.strikes, spot=one.spot, at_s=one.at_s, log_variance=0.0)
        assert lost < 0.2 * one.tick


@given(
    number=st.integers(0, 3),
    log_variance=st.floats(-LOG_VARIANCE_BOUND, LOG_VARIANCE_BOUND),
    elapsed_days=st.floats(-0.01, 400.0),
    move=st.floats(-0.5, 0.4),
)
@settings(max_examples=60, deadline=None)
def test_the_recorded_chains_hold_no_arbitrage_wherever_time_vol_and_price_go(
    recorded: list[_Recorded], number: int, log_variance: float, elapsed_days: float, move: float
) -> None:
    one = recorded[number]
    lost = worst_loss(
        one.smile,
        one.expires_s,
        one.strikes,
        spot=one.spot * float(np.exp(move)),
        at_s=one.at_s + elapsed_days * DAY_S,
        log_variance=log_variance,
    )
    assert lost < one.tick
