"""The solver of smile shapes: true where vols are known, calm where they are not, and never a butterfly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.volatility.solver import Observations, butterfly_room, fit_shapes
from analytics.volatility.spline import HIGH, LOW
from execution.brokers.paper.fitted_smile import FittedSmile
from execution.brokers.paper.surface import FloatArray
from tests.execution.brokers.paper.arbitrage import worst_loss

T = np.array([0.01, 0.05, 0.2, 1.0])
THETA = 0.04 * T
EVERY_Z = np.linspace(LOW, HIGH, 1101)
YEAR_S = 365.0 * 86400.0


def _seen(log_vol: FloatArray, z: FloatArray, *, sd: float = 0.005) -> Observations:
    """The same vols for every expiry."""
    of = np.repeat(np.arange(T.size), z.size)
    values = np.tile(log_vol, T.size)
    return Observations(of, np.tile(z, T.size), values, np.full(values.size, sd), np.arange(values.size))


def _vols(shapes: FloatArray, z: FloatArray) -> FloatArray:
    smile = FittedSmile(expires_s=T * YEAR_S, theta=THETA, shapes=shapes, carry=np.zeros(T.size), fitted_at_s=0.0)
    number = np.full(z.size, 2)
    surface = smile.surface(T * YEAR_S, 0.0, 0.0)
    return np.asarray(0.5 * np.log(surface.variance(number, z * np.sqrt(THETA[2])) / THETA[2]))


def _smirk(z: FloatArray) -> FloatArray:
    return np.asarray(np.log(1.0 - 0.12 * z + 0.02 * z * z) / 1.5)


def test_a_sound_smile_is_followed_from_the_money_to_the_wings() -> None:
    z = np.linspace(-6.0, 3.0, 60)
    shapes, residual = fit_shapes(_seen(_smirk(z), z), T, THETA)
    assert _vols(shapes, z) == pytest.approx(_smirk(z), abs=0.01)
    assert np.abs(residual).max() < 3.0


def test_a_vol_that_contradicts_its_neighbours_counts_for_little_and_shows_a_large_residual() -> None:
    z = np.linspace(-4.0, 2.0, 61)
    spoilt = _smirk(z)
    spoilt[20] += 0.5
    shapes, residual = fit_shapes(_seen(spoilt, z), T, THETA)
    assert _vols(shapes, z) == pytest.approx(_smirk(z), abs=0.01)
    assert (np.abs(residual.reshape(T.size, z.size)[:, 20]) > 50.0).all()


def test_an_expiry_without_vols_takes_the_shape_of_its_neighbours() -> None:
    z = np.linspace(-4.0, 2.0, 61)
    seen = _seen(_smirk(z), z)
    others = seen.of != 2
    shapes, _ = fit_shapes(Observations(*(column[others] for column in seen)), T, THETA)
    assert _vols(shapes, z) == pytest.approx(_smirk(z), abs=0.015)


def test_without_any_vol_the_smile_is_flat() -> None:
    nothing = np.zeros(0)
    shapes, residual = fit_shapes(_seen(nothing, nothing), T, THETA)
    assert np.abs(shapes).max() == 0.0
    assert residual.size == 0


@given(
    seed=st.integers(0, 10_000),
    noise=st.floats(0.0, 1.0),
    sd=st.floats(0.004, 0.2),
    size=st.integers(1, 80),
    largest=st.floats(1.0, 12.0),
)
@settings(max_examples=40, deadline=None)
def test_whatever_vols_come_in_the_shapes_that_come_out_allow_no_butterfly(
    seed: int, noise: float, sd: float, size: int, largest: float
) -> None:
    random = np.random.default_rng(seed)
    z = np.sort(random.uniform(-18.0, 10.0, size))
    wild = np.clip(_smirk(z) + noise * random.standard_normal(size), -3.0, 3.0)
    shapes, _ = fit_shapes(_seen(wild, z, sd=sd), T, THETA * largest)
    assert butterfly_room(shapes, THETA * largest, EVERY_Z).min() > -1e-3
    smile = FittedSmile(expires_s=T * YEAR_S, theta=THETA, shapes=shapes, carry=np.zeros(T.size), fitted_at_s=0.0)
    strikes = [100.0 * np.exp(np.linspace(-20.0, 14.0, 171) * float(np.sqrt(theta))) for theta in THETA]
    lost = worst_loss(smile, T * YEAR_S, strikes, spot=100.0, at_s=0.0, log_variance=0.0)
    assert lost < 0.005
