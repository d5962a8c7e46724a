"""The fast way to an everyday vol against the bracketed iteration, over the whole table and at its seams."""

import numpy as np
import pytest

from analytics._iv_fast import solve_everyday
from analytics._iv_robust import solve_normalised
from analytics.black_scholes import Floats

_TOP = 1e-14


def _bracketed(distance: Floats, beta: Floats) -> Floats:
    top = np.exp(-0.5 * distance)
    return solve_normalised(beta * top, (1.0 - beta) * top, -distance)


def _options(deviation: Floats, wing: Floats) -> tuple[Floats, Floats]:
    """Distance and beta of options `wing` deviations from the money, beta from a solved round trip."""
    distance = deviation * wing
    low, high = np.full(distance.shape, -80.0), np.zeros(distance.shape)
    # The fraction at a deviation by bisection of the bracketed solver on a log scale: no third formula is needed.
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = _bracketed(distance, np.exp(middle)) < deviation
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return distance, np.exp(0.5 * (low + high))


def test_both_ways_agree_over_the_table_and_no_everyday_option_is_sent_away() -> None:
    dice = np.random.default_rng(2)
    # Over the table in its own terms: value from the far wing to nearly all of the leg, distance from none to far.
    size = 10.0 ** dice.uniform(-9.0, 0.8, 100_000)
    wing = np.exp(dice.uniform(-12.0, 600.0, 100_000))
    in_value = size / (wing + 2.5)
    distance, beta = wing * in_value, -np.expm1(-in_value)
    s, trusted = solve_everyday(distance, beta)
    assert trusted.all()
    assert np.abs(s / _bracketed(distance, beta) - 1.0).max() < _TOP


def test_both_ways_agree_at_the_seams() -> None:
    near = 1.0 + np.concatenate([-(10.0 ** np.arange(-15.0, -1.0)), [0.0], 10.0 ** np.arange(-15.0, -1.0)])
    # Where the series for short deviations ends.
    deviation, wing = np.meshgrid(0.25 * near, [0.0, 1e-6, 0.1, 0.5, 1.0, 3.0, 3.99, 4.0, 4.01, 8.0, 11.0])
    distance, beta = _options(deviation.ravel(), wing.ravel())
    s, trusted = solve_everyday(distance, beta)
    assert trusted.all()
    assert np.abs(s / _bracketed(distance, beta) - 1.0).max() < _TOP
    # The inflection point, where the step changes from beta to 1 - beta: d1 = 0, distance = s^2/2.
    deviation = np.geomspace(0.3, 3.5, 200)
    for shift in near:
        distance, beta = _options(deviation, 0.5 * deviation * shift)
        s, trusted = solve_everyday(distance, beta)
        assert trusted.all()
        assert np.abs(s / _bracketed(distance, beta) - 1.0).max() < _TOP


@pytest.mark.parametrize("distance", [0.0, 0.5, 7.9])
@pytest.mark.parametrize("beta", [0.0, -1e-300, -0.5, 1.0, 1.5, np.nan, np.inf, -np.inf, 0.9999, 1e-305])
def test_a_fraction_outside_the_table_is_never_trusted_and_disturbs_nobody(distance: float, beta: float) -> None:
    with np.errstate(all="ignore"):
        s, trusted = solve_everyday(np.array([0.1, distance, 0.1]), np.array([0.2, beta, 0.2]))
    assert trusted.tolist() == [True, False, True]
    alone, _ = solve_everyday(np.array([0.1]), np.array([0.2]))
    assert s[0] == s[2] == alone[0]


def test_too_small_a_value_at_the_money_and_too_far_a_strike_are_left_to_the_bracket() -> None:
    _, trusted = solve_everyday(np.array([0.0, 0.0, 8.5, 600.0]), np.array([1e-14, 1e-12, 0.2, 1e-5]))
    assert trusted.tolist() == [False, True, False, False]


def test_in_the_limit_of_small_options_s_is_linear_in_beta() -> None:
    beta = np.geomspace(1e-11, 1e-7, 50)
    s, trusted = solve_everyday(np.zeros(50), beta)
    assert trusted.all()
    # beta = erf(s / sqrt 8), whose next term is smaller by s^2/24.
    assert np.abs(s / (beta * np.sqrt(2.0 * np.pi)) - 1.0).max() < 1e-13
