"""The fast way to an everyday vol against the bracketed iteration, over the whole table and at its seams."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from analytics import _iv_fast
from analytics._iv_fast import solve_everyday
from analytics._iv_robust import solve_normalised
from analytics.black_scholes import Bools, Floats
from analytics.implied_vol import IvStatus, implied_vol_forward

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


def test_the_guess_is_as_good_as_the_step_needs() -> None:
    dice = np.random.default_rng(12)
    y, w = dice.uniform(0.0, 0.8, 50_000), dice.uniform(0.0, 6.4, 50_000)
    wing = np.expm1(np.expm1(w)) / 0.4
    in_value = 2.0 * y / (1.0 - y) / (wing + np.sqrt(2.0 * np.pi))
    distance, beta = wing * in_value, -np.expm1(-in_value)
    s, inside = _iv_fast._guess(distance, beta)
    error = np.abs(s / _bracketed(distance, beta) - 1.0)[inside]
    assert inside.mean() > 0.999
    assert error.max() < 8e-5
    assert np.median(error) < 2e-6


@pytest.mark.parametrize(
    ("kernel", "deviation", "wing"),
    [
        (_iv_fast._short, 0.2, 0.0),
        (_iv_fast._short, 0.2, 0.5),
        (_iv_fast._short, 0.05, 3.0),
        (_iv_fast._long, 0.8, 0.2),
        (_iv_fast._long, 0.8, 2.0),
        (_iv_fast._long, 2.5, 0.4),
        (_iv_fast._long, 0.3, 9.0),
    ],
)
def test_a_step_is_of_fourth_order(
    kernel: Callable[[Floats, Floats, Floats], tuple[Floats, Floats]], deviation: float, wing: float
) -> None:
    distance, beta = _options(np.array([deviation]), np.array([wing]))
    left = []
    for off in (0.04, 0.02, 0.01):
        s = np.array([deviation * (1.0 + off)])
        h, t = distance / s, 0.5 * s
        ratio, value_over_slope = kernel(h, t, beta)
        miss = np.log(ratio) + 0.5 * (t - h) ** 2
        step = _iv_fast._householder(miss, s / value_over_slope, h, t)
        left.append(abs(float((s + s * step)[0]) / deviation - 1.0))
    # Half the distance leaves a sixteenth of the error.
    for coarse, fine in pairwise(left):
        assert fine < coarse / 11.0 or fine < 1e-13
    assert left[0] < 2.0 * 0.04**4


def test_a_poor_guess_is_noticed_and_the_bracket_finds_the_vol(monkeypatch: pytest.MonkeyPatch) -> None:
    market: dict[str, Any] = {
        "forward": 100.0,
        "strike": np.linspace(60.0, 160.0, 41),
        "t_years": 0.5,
        "rate": 0.0,
        "is_call": True,
    }
    price = np.maximum(100.0 - market["strike"], 0.0) + 3.0
    right = implied_vol_forward(price=price, **market)
    guess = _iv_fast._guess

    def poor(distance: Floats, beta: Floats) -> tuple[Floats, Bools]:
        s, inside = guess(distance, beta)
        return 1.3 * s, inside

    monkeypatch.setattr(_iv_fast, "_guess", poor)
    found = implied_vol_forward(price=price, **market)
    assert np.all(found.status == IvStatus.OK)
    assert np.abs(found.vol / right.vol - 1.0).max() < 1e-14


def test_short_options_in_far_wings_keep_their_last_digits() -> None:
    dice = np.random.default_rng(13)
    distance, beta = dice.uniform(5.0, 7.5, 5_000), np.exp(dice.uniform(-600.0, -200.0, 5_000))
    s, trusted = solve_everyday(distance, beta)
    short = s < 0.25
    assert trusted.all()
    assert short.sum() > 500
    assert np.abs(s / _bracketed(distance, beta) - 1.0)[short].max() < 8e-16


def test_a_strike_a_hair_from_the_forward_keeps_every_digit_of_the_gap() -> None:
    strike = 1.0 + 1e-7
    hair = strike - 1.0
    price = np.array([0.1, 0.5, 1.0, 5.0]) * hair
    found = implied_vol_forward(price=price, forward=1.0, strike=strike, t_years=1.0, rate=0.0, is_call=True)
    expected = _bracketed(np.full(4, math.log1p(hair)), price)
    assert np.abs(found.vol / expected - 1.0).max() < 1e-14
