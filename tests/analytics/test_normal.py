"""The tabulated normal distribution against scipy's, over its whole range."""

import numpy as np
import pytest
from scipy.special import ndtr

from analytics._normal import DENSITY_PART, LARGEST_ARGUMENT, cdf_and_step

pytestmark = pytest.mark.usefixtures("strict_floats")


def _cdf(x: np.ndarray) -> np.ndarray:
    cdf, step, gap, square = np.empty((4, *x.shape))
    kept = x.copy()
    cdf_and_step(x, cdf, step, (gap, square))
    assert np.array_equal(x, kept)
    return np.asarray(cdf + DENSITY_PART * np.exp(-0.5 * x * x) * step)


def test_it_is_the_normal_distribution_to_the_last_digits() -> None:
    x = np.random.default_rng(1).normal(0.0, 3.0, 400_000)
    assert np.abs(_cdf(x) - ndtr(x)).max() <= 4.5e-16


@pytest.mark.parametrize(("low", "high", "relative"), [(-6.0, 9.0, 2e-14), (-20.0, -6.0, 2e-12), (-37.0, -20.0, 5e-11)])
def test_the_tail_keeps_its_digits(low: float, high: float, relative: float) -> None:
    x = np.random.default_rng(2).uniform(low, high, 200_000)
    assert np.abs(_cdf(x) / ndtr(x) - 1.0).max() <= relative


def test_between_two_points_of_the_table_it_never_falls() -> None:
    x = np.linspace(-0.001, 0.001, 20_001)
    assert np.diff(_cdf(x)).min() > -1.2e-16


def test_far_out_it_is_zero_or_one() -> None:
    far = np.array([40.0, 1e3, 1e6, LARGEST_ARGUMENT])
    assert _cdf(far).tolist() == [1.0] * 4
    assert _cdf(-far).tolist() == [0.0] * 4
