"""The normalised implied vol problem solved for any row that has a solution, however deep in the wings.

Method, after P. Jaeckel, "Let's Be Rational" (2015). The option is its out-of-the-money twin, normalised:
b = price / (discount x sqrt(F K)), x = -|ln(F/K)|, s = vol x sqrt(t). The inflection point s_c = sqrt(2|x|) splits the
axis. Below it the guess blends the exact small-price asymptote b ~ 2 pi |x| / (3 sqrt 3) N(-|x|/(s sqrt 3))^3 with the
tangent at s_c and the iteration runs on 1 / ln b; above it the guess blends that tangent with the exact large-price
asymptote b_max - b ~ 2 cosh(x/2) N(-s/2), and the iteration runs on b, or on ln(b_max - b) in the upper half.
Householder steps of fourth order, kept inside a bracket that every evaluation narrows; rows leave as they converge.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import erfcx, erfinv, ndtri

from analytics.black_scholes import Bools, Floats

_SQRT_2 = 1.4142135623730951
_SQRT_2PI = 2.5066282746310002
_SQRT_3 = 1.7320508075688772
_SMALL_HALF_DEVIATION = 0.2
_SMALL_LOG_MONEYNESS = 1.0
_MAX_ITERATIONS = 40
# A fourth-order step of this relative size leaves an error far below one rounding.
_CONVERGED = 1e-5
_TINIEST = 1e-300


class _Black(NamedTuple):
    """The normalised option at s: slope/value ratios are free of under- and overflow."""

    log_value: Floats
    slope: Floats
    slope_over_value: Floats


def solve_normalised(value: Floats, room: Floats, x: Floats) -> Floats:
    """Root s of b(x, s) = value, where room = b_max - value is known on its own (no cancellation near the top)."""
    inflection = np.sqrt(-2.0 * x)
    top = np.exp(0.5 * x)
    value_c = 0.5 * top * (1.0 - erfcx(inflection / _SQRT_2))
    low_side = value < value_c
    s, low, high = _guess(value, room, x, inflection, value_c, top, low_side)
    high_side = ~low_side & (value > 0.5 * top)
    log_value, log_room = np.log(value), np.log(room)
    rows = np.arange(value.size)
    for _ in range(_MAX_ITERATIONS):
        here = s[rows]
        step, error = _step(
            here, x[rows], value[rows], log_value[rows], log_room[rows], low_side[rows], high_side[rows]
        )
        low[rows] = np.where(error < 0.0, np.maximum(low[rows], here), low[rows])
        high[rows] = np.where(error > 0.0, np.minimum(high[rows], here), high[rows])
        moved = here + step
        outside = (error != 0.0) & ((moved <= low[rows]) | (moved >= high[rows])) & (np.abs(step) > 1e-12 * here)
        if outside.any():
            moved = np.where(outside, _between(low[rows], high[rows]), moved)
        s[rows] = moved
        rows = rows[outside | (np.abs(step) > _CONVERGED * here)]
        if rows.size == 0:
            break
    return s


def _between(low: Floats, high: Floats) -> Floats:
    """A point strictly inside a bracket whose upper end may still be unknown (infinite)."""
    known = np.isfinite(high)
    return np.where(known, 0.5 * (low + np.where(known, high, 0.0)), 2.0 * low + 1.0)


def _guess(
    value: Floats, room: Floats, x: Floats, inflection: Floats, value_c: Floats, top: Floats, low_side: Bools
) -> tuple[Floats, Floats, Floats]:
    """First s and a bracket around the root, from the two asymptotes and the tangent at the inflection point."""
    distance = -x
    # At the inflection point b''' / b' = -1, so the inverse bends by a sixth of the cube.
    along = (value - value_c) * _SQRT_2PI / top
    tangent = inflection + along * (1.0 + np.minimum(along * along, 4.0) / 6.0)
    s = np.empty_like(value)
    low, high = np.where(low_side, 0.0, inflection), np.where(low_side, inflection, np.inf)
    if low_side.any():
        d, b = distance[low_side], value[low_side]
        tail = np.cbrt(np.minimum(b * 3.0 * _SQRT_3 / (2.0 * np.pi * d), 0.125))
        asymptote = np.minimum(-d / (_SQRT_3 * ndtri(np.minimum(tail, 0.4999))), inflection[low_side])
        # Where the tangent meets zero the option is worth about this much: far below it the asymptote is right.
        knee = top[low_side] * 0.15 * d / (1.0 + 2.5 * d)
        weight = b * b / (b * b + knee * knee)
        s[low_side] = (1.0 - weight) * asymptote + weight * np.maximum(tangent[low_side], 0.1 * asymptote)
    up = ~low_side
    if up.any():
        b, c = value[up], value_c[up]
        small = 2.0 * _SQRT_2 * erfinv(np.minimum(b, 0.5))
        large = -2.0 * ndtri(np.minimum(room[up] / (2.0 * np.cosh(0.5 * x[up])), 0.5))
        asymptote = np.where(b < 0.5, np.maximum(small, large), large)
        weight = room[up] / (top[up] - c)
        s[up] = weight * tangent[up] + (1.0 - weight) * asymptote
    return s, low, high


def _step(
    s: Floats, x: Floats, value: Floats, log_value: Floats, log_room: Floats, low_side: Bools, high_side: Bools
) -> tuple[Floats, Floats]:
    """One Householder step for every row, and the sign of (b(s) - value) to narrow its bracket."""
    step, error = np.empty_like(s), np.empty_like(s)
    halley0 = x * x / (s * s * s) - 0.25 * s
    third0 = halley0 * halley0 - 3.0 * (x / (s * s)) ** 2 - 0.25
    if low_side.any():
        m = low_side
        black = _black(x[m], s[m])
        log_b, ratio, target = black.log_value, black.slope_over_value, log_value[m]
        newton = (target - log_b) * log_b / target / ratio
        halley = halley0[m] - ratio * (1.0 + 2.0 / log_b)
        third = third0[m] + 2.0 * ratio**2 * (1.0 + 3.0 / log_b * (1.0 + 1.0 / log_b))
        third -= 3.0 * halley0[m] * ratio * (1.0 + 2.0 / log_b)
        step[m], error[m] = _householder(newton, halley, third), log_b - target
    if high_side.any():
        m = high_side
        log_c, ratio = _complement(x[m], s[m])
        newton = (log_c - log_room[m]) / ratio
        halley = halley0[m] + ratio
        third = third0[m] + ratio * (2.0 * ratio + 3.0 * halley0[m])
        step[m], error[m] = _householder(newton, halley, third), log_room[m] - log_c
    m = ~(low_side | high_side)
    if m.any():
        black = _black(x[m], s[m])
        miss = value[m] - np.exp(black.log_value)
        step[m] = _householder(miss / black.slope, halley0[m], third0[m])
        error[m] = -miss
    return step, error


def _householder(newton: Floats, halley: Floats, third: Floats) -> Floats:
    """Fourth-order step from the Newton step and the derivative ratios f''/f' and f'''/f'; Newton where it misleads."""
    denominator = 1.0 + newton * (halley + third * newton / 6.0)
    sound = denominator > 0.1
    factor = (1.0 + 0.5 * halley * newton) / np.where(sound, denominator, 1.0)
    return np.where(sound & (factor > 0.1) & (factor < 10.0), newton * factor, newton)


def _black(x: Floats, s: Floats) -> _Black:
    """The values ln b, b' and b'/b for x <= 0, through scaled functions that neither cancel nor underflow.

    With h = x/s and t = s/2, b = n(h, t) (Y(h+t) - Y(h-t)), n = exp(-(h^2+t^2)/2)/sqrt(2 pi), Y = N / density. For
    small t near the money the difference is summed as the Taylor series 2 (t Y' + t^3/6 Y''' + ...).
    """
    h, t = x / s, 0.5 * s
    exponent = -0.5 * (h * h + t * t)
    small = (t < _SMALL_HALF_DEVIATION) & (x > -_SMALL_LOG_MONEYNESS)
    if small.all():
        gap = _mills_gap(h, t)
    else:
        root_half = np.sqrt(0.5 * np.pi)
        upper = erfcx(-np.minimum(h + t, 36.0) / _SQRT_2)
        gap = root_half * (upper - erfcx((t - h) / _SQRT_2))
        if small.any():
            gap[small] = _mills_gap(h[small], t[small])
    gap = np.maximum(gap, _TINIEST)
    slope = np.exp(exponent) / _SQRT_2PI
    return _Black(
        log_value=exponent + np.log(gap / _SQRT_2PI), slope=np.maximum(slope, _TINIEST), slope_over_value=1.0 / gap
    )


def _mills_gap(h: Floats, t: Floats) -> Floats:
    """Y(h+t) - Y(h-t) for small t, from Y' = 1 + hY and Y^(n+1) = h Y^(n) + n Y^(n-1)."""
    y: Floats = np.sqrt(0.5 * np.pi) * erfcx(-h / _SQRT_2)
    even, odd = y, 1.0 + h * y
    power, t_squared = t, t * t
    total: Floats = odd * power
    for order in (1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0):
        even = h * odd + order * even
        odd = h * even + (order + 1.0) * odd
        power = power * t_squared / ((order + 1.0) * (order + 2.0))
        total = total + odd * power
    return 2.0 * total


def _complement(x: Floats, s: Floats) -> tuple[Floats, Floats]:
    """ln(b_max - b) and b'/(b_max - b), a sum of two positive terms, for s beyond the inflection point."""
    h, t = x / s, 0.5 * s
    mass: Floats = 0.5 * (erfcx((h + t) / _SQRT_2) + erfcx((t - h) / _SQRT_2))
    return -0.5 * (h * h + t * t) + np.log(mass), 1.0 / (_SQRT_2PI * mass)
