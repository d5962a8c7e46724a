"""The implied vol of everyday options in one step: a tabulated guess, then one Householder step of fourth order.

Unknown: s = vol x sqrt(t). Given, of the out-of-the-money twin of the option: d = |ln(F/K)| and the fraction
beta = time value / smaller of the two discounted legs, so that with h = d/s, t = s/2, d1 = t - h and d2 = -(t + h)

    beta = N(d1) - e^d N(d2)

Guess. With L = -ln(1 - beta), both d and L are of the size of s or smaller and known. p = d + sqrt(2 pi) L tells the
size; p/s is 1 at the money and h in the wings, a smooth function of the two coordinates

    w = ln(1 + ln(1 + 0.4 d/L))   (moneyness, about ln(h^2/2) in the wings)   and   y = p / (p + 2)   (size)

It is tabulated on 128 x 64 nodes with its first and second differences along each, solved once by
`analytics._iv_robust`. The guess is off by 1e-6 of s as a rule and by 7e-5 at worst.

Step. Below the inflection point (d1 <= 0) the logarithm of beta is matched, above it the logarithm of 1 - beta, both
through scaled complementary error functions E(z) = exp(z^2) erfc(z), which neither cancel nor underflow there:

    beta = exp(-d1^2/2)/2 (E(-d1/sqrt 2) - E(-d2/sqrt 2)),   1 - beta = exp(-d1^2/2)/2 (E(d1/sqrt 2) + E(-d2/sqrt 2))

For s < 0.25 and d < 1 the difference is summed as a series instead (see `_short`). A fourth-order step from a guess
off by e leaves an error of the order of e^4: steps above 1e-4 are not trusted, and such rows, like those outside the
table (values below some 1e-274 of the strike, s beyond about 4, ln(F/K) beyond 8), are left to
`analytics._iv_robust`.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import erfcx

from analytics._iv_robust import solve_normalised
from analytics.black_scholes import Bools, Floats

_SQRT_2PI = 2.5066282746310002
_SQRT_HALF_PI = 1.2533141373155001
_SQRT_HALF = 0.7071067811865476
# The table: w from 0 to _W_END, where a value is 1e-274 of its distance, y from 0 to _Y_END.
_W_SCALE, _W_END, _W_NODES = 0.4, 6.45, 128
_Y_SHIFT, _Y_END, _Y_NODES = 2.0, 0.8, 64
_W_STEP, _Y_STEP = _W_END / (_W_NODES - 1), _Y_END / (_Y_NODES - 1)
#: The first column of nodes stands for the limit of small options.
_SMALLEST_Y = 1e-7
#: Below this size the time value of an option has too few digits in L.
_SMALLEST_SIZE = 1e-12
_SHORT_DEVIATION, _SHORT_DISTANCE = 0.25, 1.0
_TRUSTED_STEP = 1e-4


class _Table(NamedTuple):
    """p/s at the nodes, in row order, and its halved differences: p/s ~ value + u (w1 + u w2) + v (y1 + v y2)."""

    value: Floats
    w1: Floats
    w2: Floats
    y1: Floats
    y2: Floats


def solve_everyday(distance: Floats, beta: Floats) -> tuple[Floats, Bools]:
    """Return s of every row and whether it may be trusted; what stands in the other rows has no meaning.

    distance: |ln(F/K)|. beta: time value over the smaller discounted leg. One dimension, same length. The numbers of
    a row depend on nothing but that row. Rows that have no solution at all are never trusted; they may trip the
    processor's flags on their way, so callers wrap this in `numpy.errstate`.
    """
    s, inside = _guess(distance, beta)
    h, t = distance / s, 0.5 * s
    short = (s < _SHORT_DEVIATION) & (distance < _SHORT_DISTANCE)
    count = np.count_nonzero(short)
    if count in (0, s.size):
        ratio, value_over_slope = (_short if count else _long)(h, t, beta)
    else:
        ratio, value_over_slope = np.empty_like(s), np.empty_like(s)
        for rows, kernel in ((short.nonzero()[0], _short), ((~short).nonzero()[0], _long)):
            ratio[rows], value_over_slope[rows] = kernel(h[rows], t[rows], beta[rows])
    d1 = t - h
    step = _householder(np.log(ratio) + 0.5 * (d1 * d1), s / value_over_slope, h, t)
    return s + s * step, inside & (np.abs(step) <= _TRUSTED_STEP)


def _guess(distance: Floats, beta: Floats) -> tuple[Floats, Bools]:
    """First s from the table, and which rows lie inside it."""
    size_in_value = -np.log1p(-beta)
    size = distance + _SQRT_2PI * size_in_value
    w = np.log1p(np.log1p(_W_SCALE * (distance / size_in_value)))
    y = size / (size + _Y_SHIFT)
    inside: Bools = (w < _W_END) & (y < _Y_END) & (size > _SMALLEST_SIZE)
    if not inside.all():
        w, y = np.where(inside, w, 0.0), np.where(inside, y, 0.0)
    along_w, along_y = w * (1.0 / _W_STEP), y * (1.0 / _Y_STEP)
    row, column = np.rint(along_w), np.rint(along_y)
    u, v = along_w - row, along_y - column
    node = (row * _Y_NODES + column).astype(np.intp)
    value, w1, w2, y1, y2 = (part.take(node) for part in _table())
    return size / (value + u * (w1 + u * w2) + v * (y1 + v * y2)), inside


@lru_cache(maxsize=1)
def _table() -> _Table:
    """Solve the nodes: 4 ms, once per process, never changed afterwards."""
    w = _W_STEP * np.arange(_W_NODES + 1)[:, None]
    y = np.maximum(_Y_STEP * np.arange(_Y_NODES + 1), _SMALLEST_Y)
    size = _Y_SHIFT * y / (1.0 - y)
    ratio = np.expm1(np.expm1(w)) / _W_SCALE
    size_in_value = size / (ratio + _SQRT_2PI)
    distance = ratio * size_in_value
    top = np.exp(-0.5 * distance)
    value, room = top * -np.expm1(-size_in_value), top * np.exp(-size_in_value)
    s = solve_normalised(value.ravel(), room.ravel(), -distance.ravel()).reshape(size_in_value.shape)
    nodes = np.empty((_W_NODES + 2, _Y_NODES + 2))
    nodes[1:, 1:] = size / s
    # One line of nodes before the first, for its differences: the cubic through the first four, extended.
    nodes[0, 1:] = 4.0 * nodes[1, 1:] - 6.0 * nodes[2, 1:] + 4.0 * nodes[3, 1:] - nodes[4, 1:]
    nodes[:, 0] = 4.0 * nodes[:, 1] - 6.0 * nodes[:, 2] + 4.0 * nodes[:, 3] - nodes[:, 4]
    here = nodes[1:-1, 1:-1]
    above, below, right, left = nodes[2:, 1:-1], nodes[:-2, 1:-1], nodes[1:-1, 2:], nodes[1:-1, :-2]
    parts = (
        here,
        0.5 * (above - below),
        0.5 * (above - 2.0 * here + below),
        0.5 * (right - left),
        0.5 * (right - 2.0 * here + left),
    )
    table = _Table(*(part.ravel() for part in parts))
    for part in table:
        part.setflags(write=False)
    return table


def _long(h: Floats, t: Floats, beta: Floats) -> tuple[Floats, Floats]:
    """Of rows whose s is not small: the target over g exp(d1^2/2), and g/g', g = beta or 1 - beta, the smaller."""
    d1 = t - h
    upper = d1 > 0.0
    first, second = erfcx(np.abs(d1) * _SQRT_HALF), erfcx((h + t) * _SQRT_HALF)
    gap = np.where(upper, -first, first) - second
    return 2.0 * np.where(upper, 1.0 - beta, beta) / np.abs(gap), gap * _SQRT_HALF_PI


def _short(h: Floats, t: Floats, beta: Floats) -> tuple[Floats, Floats]:
    """The same two of rows with a small s, always of beta, from the Taylor series of Mills' ratio about -h.

    With Y = N/n: beta = n(d1) (Y(t - h) - Y(-t - h)) and the difference is 2 (t Y' + t^3 Y^(3)/3! + ...), taken at -h
    from Y' = 1 - h Y and, for c_k = Y^(k)/k!, (k + 1) c_(k+1) = c_(k-1) - h c_k. The first term left out is below
    1e-16 of the sum for s up to 0.25.
    """
    t_squared = t * t
    even = _SQRT_HALF_PI * erfcx(h * _SQRT_HALF)
    odd = 1.0 - h * even
    total, power = odd, t_squared
    for order in (2.0, 4.0, 6.0, 8.0, 10.0):
        even = (even - h * odd) * (1.0 / order)
        odd = (odd - h * even) * (1.0 / (order + 1.0))
        total = total + odd * power
        power = power * t_squared
    gap = 2.0 * (total * t)
    return _SQRT_2PI * beta / gap, gap


def _householder(miss: Floats, slope: Floats, h: Floats, t: Floats) -> Floats:
    """Fourth-order relative step ds/s for f(s) = ln g(s), of which f falls short by `miss`.

    slope: s g'/g. For beta and for 1 - beta alike g''/g' = (h^2 - t^2)/s and g^(3)/g' = (g''/g')^2 - 3 h^2/s^2 - 1/4;
    the derivatives of the logarithm follow. All are kept in units of s.
    """
    newton = miss / slope
    h_squared, t_squared = h * h, t * t
    bend = h_squared - t_squared
    halley = bend - slope
    third = bend * (bend - 3.0 * slope) + 2.0 * (slope * slope) - 3.0 * h_squared - t_squared
    bent = halley * newton
    return newton * (1.0 + 0.5 * bent) / (1.0 + bent + third * (newton * newton) * (1.0 / 6.0))
