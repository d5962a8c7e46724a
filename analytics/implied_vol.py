"""Implied vols on arrays to the accuracy of a double, for any option that has one, and a status for any that has not.

Method, after P. Jaeckel, "Let's Be Rational" (2015): the option is turned into its out-of-the-money twin and
normalised, b = price / (discount x sqrt(F K)), x = -|ln(F/K)|, s = vol x sqrt(t). The inflection point
s_c = sqrt(2|x|) splits the axis. Below it the guess blends the exact small-price asymptote
b ~ 2 pi |x| / (3 sqrt 3) N(-|x|/(s sqrt 3))^3 with the tangent at s_c and the iteration runs on 1 / ln b; above it
the guess blends that tangent with the exact large-price asymptote b_max - b ~ 2 cosh(x/2) N(-s/2), and the iteration
runs on b, or on ln(b_max - b) in the upper half. Householder steps of fourth order, kept inside a bracket that every
evaluation narrows; rows leave the iteration as they converge.

The bounds are the European ones: max(S e^-qt - K e^-rt, 0) for calls, mirrored for puts, up to S e^-qt for calls and
K e^-rt for puts. An American option in the money can trade below the European bound; it then has no European vol.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import erfcx, erfinv, ndtri

from analytics.black_scholes import MAX_VOL, Bools, Floats

Statuses = npt.NDArray[np.int8]

_SQRT_2 = 1.4142135623730951
_SQRT_2PI = 2.5066282746310002
_SQRT_3 = 1.7320508075688772
_SMALL_HALF_DEVIATION = 0.2
_SMALL_LOG_MONEYNESS = 1.0
_MAX_ITERATIONS = 40
# A fourth-order step of this relative size leaves an error far below one rounding.
_CONVERGED = 1e-5
_TINIEST = 1e-300
_AT_THE_MONEY = 1e-18
_SMALLEST_DEVIATION = 1e-20
# Rows solved together: their columns stay in the processor's cache.
_CHUNK = 4096


class IvStatus(IntEnum):
    """Why a row has, or has not, an implied vol."""

    OK = 0
    BELOW_INTRINSIC = 1
    AT_INTRINSIC = 2
    ABOVE_MAXIMUM = 3
    BAD_INPUT = 4


class ImpliedVol(NamedTuple):
    """vol: annual, NaN wherever status is not OK. status: int8 codes of `IvStatus`. Both in the broadcast shape."""

    vol: Floats
    status: Statuses


class _Black(NamedTuple):
    """The normalised option at s: slope/value ratios are free of under- and overflow."""

    log_value: Floats
    slope: Floats
    slope_over_value: Floats


def implied_vol(
    *,
    price: npt.ArrayLike,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    dividend_yield: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> ImpliedVol:
    """Annual vol at which a European option on a spot is worth `price`.

    Arguments broadcast to one shape. price, spot, strike: currency per unit, spot and strike > 0. t_years: > 0,
    act/365. rate, dividend_yield: continuously compounded per year. A row that has no vol gets NaN and its status;
    it never raises and never touches another row. A vol above 1000 (100,000 %), which the
    pricing functions refuse, is reported as ABOVE_MAXIMUM.
    """
    call = np.asarray(is_call, dtype=np.bool_)
    raw = tuple(np.asarray(v, dtype=np.float64) for v in (price, spot, strike, t_years, rate, dividend_yield))
    shape = np.broadcast_shapes(call.shape, *(v.shape for v in raw))
    p, s, k, t, r, q, c = (np.broadcast_to(v, shape).ravel() for v in (*raw, call))
    vol = np.full(p.shape, np.nan)
    status = np.full(p.shape, IvStatus.BAD_INPUT, dtype=np.int8)
    good = _good_inputs(p, s, k, t, r, q)
    if not good.all():
        p, s, k, t, r, q, c = (v[good] for v in (p, s, k, t, r, q, c))
    spot_leg, strike_leg = s * np.exp(-q * t), k * np.exp(-r * t)
    moneyness = _log_ratio(s, k) + (r - q) * t
    found, why = _solve_rows(p, spot_leg, strike_leg, moneyness, c)
    annual = found / np.sqrt(t)
    beyond = annual > MAX_VOL
    annual[beyond], why[beyond] = np.nan, IvStatus.ABOVE_MAXIMUM
    vol[good], status[good] = annual, why
    return ImpliedVol(vol.reshape(shape), status.reshape(shape))


def implied_vol_forward(
    *,
    price: npt.ArrayLike,
    forward: npt.ArrayLike,
    strike: npt.ArrayLike,
    t_years: npt.ArrayLike,
    rate: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> ImpliedVol:
    """Annual vol at which a European option on a future (Black-76, premium paid at once) is worth `price`.

    Arguments, statuses and behaviour as in `implied_vol`; forward: the future's price, > 0.
    """
    return implied_vol(
        price=price, spot=forward, strike=strike, t_years=t_years, rate=rate, dividend_yield=rate, is_call=is_call
    )


def _good_inputs(p: Floats, s: Floats, k: Floats, t: Floats, r: Floats, q: Floats) -> Bools:
    """Finite, positive and inside the domain that `analytics.black_scholes` states."""
    good = (np.abs(p) <= 1e100) & (s >= 1e-100) & (s <= 1e100) & (k >= 1e-100) & (k <= 1e100)
    good &= (t >= 1e-20) & (t <= 1e3) & (np.abs(r) <= 1e3) & (np.abs(q) <= 1e3)
    years = np.where(good, t, 0.0)
    for carry in (r, q):
        good &= np.abs(np.where(good, carry, 0.0) * years) <= 500.0
    return good


def _log_ratio(s: Floats, k: Floats) -> Floats:
    """ln(s/k), through log1p near the money where the quotient alone would lose digits."""
    gap = s - k
    near = np.abs(gap) < 0.5 * k
    return np.where(near, np.log1p(np.where(near, gap / k, 0.0)), np.log(s / k))


def _solve_rows(
    price: Floats, spot_leg: Floats, strike_leg: Floats, moneyness: Floats, call: Bools
) -> tuple[Floats, Statuses]:
    """Total deviation s = vol x sqrt(t) and status of rows whose inputs are good."""
    ceiling = np.where(call, spot_leg, strike_leg)
    intrinsic = np.maximum(np.where(call, spot_leg - strike_leg, strike_leg - spot_leg), 0.0)
    time_value = price - intrinsic
    status = np.where(time_value < 0.0, IvStatus.BELOW_INTRINSIC, IvStatus.OK).astype(np.int8)
    status[time_value == 0.0] = IvStatus.AT_INTRINSIC
    status[price >= ceiling] = IvStatus.ABOVE_MAXIMUM
    # Divide in two steps: the product of two large prices could overflow, that of their roots cannot.
    root_s, root_k = np.sqrt(spot_leg), np.sqrt(strike_leg)
    value = time_value / root_s / root_k
    room = (ceiling - price) / root_s / root_k
    x = np.where(np.abs(moneyness) < _AT_THE_MONEY, 0.0, -np.abs(moneyness))
    # At the money s is about 2.5 times the value, and the pricing kernel knows no deviation below 1e-20.
    # Elsewhere a time value below 1e-307 of the price level has too few bits left to hold a vol.
    floor = np.where(x == 0.0, _SMALLEST_DEVIATION, 1e-307)
    solvable = (status == IvStatus.OK) & (value > floor) & (room > 0.0) & (x > -600.0)
    status[(status == IvStatus.OK) & ~solvable] = IvStatus.AT_INTRINSIC
    deviation = np.full(price.shape, np.nan)
    if solvable.any():
        rows = np.flatnonzero(solvable)
        for start in range(0, rows.size, _CHUNK):
            part = rows[start : start + _CHUNK]
            deviation[part] = _solve_normalised(value[part], room[part], x[part])
    return deviation, status


def _solve_normalised(value: Floats, room: Floats, x: Floats) -> Floats:
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
