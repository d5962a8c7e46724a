"""The fast path of `analytics.black_scholes`: living options inside a wide ordinary domain, block by block.

What depends on time, carry and strike alone is computed on the unbroadcast shapes; the rest runs over blocks of a
few thousand values in work arrays that stay in the cache. The sign of a put rides on the square root of time and on
the discounts, so calls and puts take the same path without branches. One exp gives both densities:
S e^-qt n(d1) = K e^-rt n(d2). log(S / K) is log1p(|S - K| / min(S, K)) with the sign of S - K, exact to the last bit
where the two are close: a plain log(S / K) is off by half an ulp of 1, and an option five minutes from its expiry
multiplies that by 10,000. Every value is computed by itself: the same option gives the same bits in any company.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy import absolute, add, copysign, divide, exp, log1p, maximum, minimum, multiply, negative, sqrt, subtract
from scipy.special import erfcx

from analytics._blocks import BLOCK, Index, cut
from analytics._normal import DENSITY_PART, cdf_and_step

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DAYS_PER_YEAR = 365.0
POINT = 0.01
# Constants are arrays of no dimension: a ufunc takes them 0.1 us faster than Python's floats. The kernel's densities
# are in units of DENSITY_PART, a sixth of the true ones.
_ZERO, _HALF, _MINUS_HALF, _ONE, _MINUS_TWO = (np.array(value) for value in (0.0, 0.5, -0.5, 1.0, -2.0))
_SIX, _MINUS_SIX, _HALF_OF_SIX, _MINUS_HALF_OF_SIX = (np.array(value) for value in (6.0, -6.0, 3.0, -3.0))
_POINT, _MINUS_POINT, _SIX_POINTS, _POINTS_IN_ONE = (np.array(value) for value in (0.01, -0.01, 0.06, 100.0))
_PER_DAY, _DENSITY_PART = np.array(1.0 / DAYS_PER_YEAR), np.array(DENSITY_PART)
_SQRT_HALF, _SQRT_HALF_PI = 0.5**0.5, (0.5 * np.pi) ** 0.5
# Below such a deviation (five minutes at a vol of 30 %) an option out of the money takes its price from one term; so
# far out that term loses digits itself and the price is below 1e-15 of the scale.
_SMALL_DEVIATION, _FAR_OUT = np.array(1e-3), 8.0
_WORK_ROWS = 12
_WORTH_ALIGNING = 512


class Box(NamedTuple):
    """The domain of this kernel, each input by itself: |d| stays below 2^40 and nothing overflows."""

    price: tuple[float, float] = (1e-60, 1e60)
    t_years: tuple[float, float] = (1e-12, 100.0)
    carry: tuple[float, float] = (-1.0, 1.0)
    vol: tuple[float, float] = (1e-3, 1e3)


BOX = Box()


class Inputs(NamedTuple):
    """The seven arguments, broadcastable against each other."""

    spot: Floats
    strike: Floats
    t_years: Floats
    rate: Floats
    dividend_yield: Floats
    vol: Floats
    is_call: Bools


class _Operands(NamedTuple):
    """What a block needs, unbroadcast. A signed term is negative for puts.

    carry: (rate - dividend_yield) x t. signed_deviation: vol x sqrt(t). signed_strike_leg: strike x e^-rt.
    """

    spot: Floats
    strike: Floats
    t_years: Floats
    rate: Floats
    dividend_yield: Floats
    vol: Floats
    carry: Floats
    signed_root_t: Floats
    signed_deviation: Floats
    half_deviation: Floats
    signed_discount_yield: Floats
    signed_strike_leg: Floats


def fill(inputs: Inputs, out: Floats, *, on_future: bool) -> None:
    """Fill out [values, *shape] with the first 1, 5, 6 or 9 of the fields of `OptionValues`.

    Every input must lie in `BOX`; shape is the broadcast shape of the inputs, with at least one axis and value.
    """
    shape = out.shape[1:]
    size = out[0].size
    if size <= BLOCK:
        operands = _operands(inputs, on_future=on_future)
        _block(operands, _work(size).reshape(_WORK_ROWS, *shape), out, on_future=on_future)
        return
    inputs = Inputs._make([value.reshape(()) if value.size == 1 else value for value in inputs])
    if out.flags.c_contiguous and all(value.ndim == 0 or value.shape == shape for value in inputs):
        inputs = Inputs._make([value.reshape(-1) if value.ndim else value for value in inputs])
        out, shape = out.reshape(len(out), size), (size,)
    whole = _hoisted(inputs, size, on_future=on_future)
    division = cut(shape)
    work = _work(division.largest)
    for index in division.indexes():
        if whole is None:
            part = Inputs._make([_at(value, index, shape) for value in inputs])
            operands = _operands(part, on_future=on_future)
        else:
            operands = _Operands._make([_at(value, index, shape) for value in whole])
        target = out[(slice(None), *index)]
        room = work[: _WORK_ROWS * target[0].size].reshape(_WORK_ROWS, *target.shape[1:])
        _block(operands, room, target, on_future=on_future)


def _work(size: int) -> Floats:
    """Work space for blocks of so many values, flat; it begins on a 64-byte line, as wide loads and stores want it."""
    if size < _WORTH_ALIGNING:
        return np.empty(_WORK_ROWS * size)
    raw = np.empty(_WORK_ROWS * size + 8)
    start = -(raw.__array_interface__["data"][0] // 8) % 8
    return raw[start : start + _WORK_ROWS * size]


def _hoisted(inputs: Inputs, size: int, *, on_future: bool) -> _Operands | None:
    """Return the operands of all blocks at once where broadcasting makes them much smaller than the result."""
    without_spot = np.broadcast_shapes(*(value.shape for value in inputs[1:]))
    return _operands(inputs, on_future=on_future) if 4 * int(np.prod(without_spot)) <= size else None


def _at(value: npt.NDArray[np.generic], index: Index, shape: tuple[int, ...]) -> npt.NDArray[np.generic]:
    """Return the part of a broadcastable array that a block of the broadcast shape needs, itself broadcastable."""
    if value.ndim == 0 or value.shape == shape:
        return value[index] if value.ndim else value
    own = zip(value.shape, index[len(shape) - value.ndim :], strict=False)
    return value[tuple(_only(at) if length == 1 else at for length, at in own)]


def _only(at: int | slice) -> int | slice:
    """The index of an axis of length 1 that stands for any length."""
    return 0 if isinstance(at, int) else slice(None)


def _operands(inputs: Inputs, *, on_future: bool) -> _Operands:
    """Everything that does not need the spot; exp and sqrt run on the shapes as they came."""
    minus_t = negative(inputs.t_years)
    rate_t = multiply(inputs.rate, minus_t)
    discount = exp(rate_t)
    if on_future:
        discount_yield, carry = discount, _ZERO
    else:
        yield_t = multiply(inputs.dividend_yield, minus_t)
        discount_yield, carry = exp(yield_t), subtract(yield_t, rate_t)
    sign = inputs.is_call.astype(np.float64)
    add(sign, sign, sign)
    subtract(sign, _ONE, sign)
    signed_root_t = multiply(sign, sqrt(inputs.t_years))
    signed_deviation = multiply(inputs.vol, signed_root_t)
    return _Operands(
        spot=inputs.spot,
        strike=inputs.strike,
        t_years=inputs.t_years,
        rate=inputs.rate,
        dividend_yield=inputs.dividend_yield,
        vol=inputs.vol,
        carry=carry,
        signed_root_t=signed_root_t,
        signed_deviation=signed_deviation,
        half_deviation=multiply(signed_deviation, _HALF),
        signed_discount_yield=multiply(sign, discount_yield),
        signed_strike_leg=multiply(multiply(sign, discount), inputs.strike),
    )


def _log_forward_ratio(o: _Operands) -> Floats:
    """log(forward / strike), broadcast as far as spot, strike and carry need it."""
    gap = subtract(o.spot, o.strike)
    ratio = divide(absolute(gap), minimum(o.spot, o.strike))
    return add(copysign(log1p(ratio), gap), o.carry)


def _block(o: _Operands, work: Floats, out: Floats, *, on_future: bool) -> None:
    """Fill one block [values, *block shape] of the result."""
    d, cdf, step, legs = work[0:2], work[2:4], work[4:6], work[9:11]
    density, spot_density, spare = work[6], work[7], work[8]
    price, delta = out[0], out[1] if len(out) > 1 else spare
    divide(_log_forward_ratio(o), o.signed_deviation, spare)
    add(spare, o.half_deviation, d[0])
    subtract(spare, o.half_deviation, d[1])
    multiply(d[0], d[0], density)
    multiply(density, _MINUS_HALF, density)
    exp(density, density)
    multiply(density, _DENSITY_PART, density)
    cdf_and_step(d, cdf, step, (work[8:10], work[10:12]))
    # density: e^-qt n(d1), signed. spot_density: that times the spot, which is K e^-rt n(d2) as well.
    multiply(density, o.signed_discount_yield, density)
    multiply(density, o.spot, spot_density)
    spot_leg, strike_leg = legs
    multiply(cdf[0], o.signed_discount_yield, delta)
    multiply(density, step[0], spot_leg)
    add(delta, spot_leg, delta)
    multiply(delta, o.spot, spot_leg)
    multiply(cdf[1], o.signed_strike_leg, strike_leg)
    multiply(spot_density, step[1], price)
    add(strike_leg, price, strike_leg)
    subtract(spot_leg, strike_leg, price)
    maximum(price, _ZERO, out=price)
    small = absolute(o.signed_deviation) < _SMALL_DEVIATION
    if small.any():
        _small_prices(o.signed_deviation, small, d, spot_density, price)
    if len(out) >= 5:
        _first_order(o, density, spot_density, legs, cdf[0], out)
    if len(out) >= 6:
        time_times = price if on_future else strike_leg
        multiply(time_times, o.t_years, out[5])
        multiply(out[5], _MINUS_POINT if on_future else _POINT, out[5])
    if len(out) >= 9:
        _higher(o, d, density, cdf[0], out)


def _small_prices(signed_deviation: Floats, small: Bools, d: Floats, spot_density: Floats, price: Floats) -> None:
    """Replace prices out of the money whose two legs differ by so little that the difference loses digits.

    With R(y) = N(-y) / n(y), the middle y = -(d1 + d2) / 2 (turned for puts) and the deviation s, the price is
    S e^-qt n(d1) (R(y - s/2) - R(y + s/2)) = -S e^-qt n(d1) s (R1 + s^2 R3 / 24 + ...), with the derivatives
    R1 = y R - 1, R2 = R + y R1, R3 = 2 R1 + y R2; what follows is below a double's last digit at such deviations.
    """
    middle = (d[0] + d[1]) * -0.5
    at = np.nonzero(small & (middle > 0.0) & (middle < _FAR_OUT))
    if at[0].size == 0:
        return
    deviation, y = np.broadcast_to(signed_deviation, price.shape)[at], middle[at]
    ratio = _SQRT_HALF_PI * erfcx(y * _SQRT_HALF)
    first = y * ratio - 1.0
    third = 2.0 * first + y * (ratio + y * first)
    price[at] = -6.0 * spot_density[at] * deviation * (first + deviation * deviation * third / 24.0)


def _first_order(o: _Operands, density: Floats, spot_density: Floats, legs: Floats, spare: Floats, out: Floats) -> None:
    """Gamma, theta and vega; the signs of a put cancel in each product."""
    gamma, theta, vega = out[2], out[3], out[4]
    multiply(o.spot, o.signed_deviation, spare)
    divide(density, spare, gamma)
    multiply(gamma, _SIX, gamma)
    multiply(spot_density, o.signed_root_t, vega)
    multiply(vega, _SIX_POINTS, vega)
    multiply(spot_density, o.vol, theta)
    divide(theta, o.signed_root_t, theta)
    multiply(theta, _MINUS_HALF_OF_SIX, theta)
    multiply(legs[0], o.dividend_yield, spare)
    add(theta, spare, theta)
    multiply(legs[1], o.rate, spare)
    subtract(theta, spare, theta)
    multiply(theta, _PER_DAY, theta)


def _higher(o: _Operands, d: Floats, density: Floats, spare: Floats, out: Floats) -> None:
    """Vanna, volga and charm."""
    delta, vega, vanna, volga, charm = out[1], out[4], out[6], out[7], out[8]
    multiply(density, d[1], vanna)
    divide(vanna, o.vol, vanna)
    multiply(vanna, _MINUS_SIX, vanna)
    multiply(d[0], d[1], volga)
    divide(volga, o.vol, volga)
    multiply(volga, vega, volga)
    multiply(volga, _POINTS_IN_ONE, volga)
    # charm = q delta - e^-qt n(d1) (2 (r - q) t - d2 deviation) / (2 t deviation)
    multiply(o.carry, _MINUS_TWO, spare)
    multiply(d[1], o.signed_deviation, charm)
    add(charm, spare, charm)
    multiply(charm, density, charm)
    multiply(o.t_years, o.signed_deviation, spare)
    divide(charm, spare, charm)
    multiply(charm, _HALF_OF_SIX, charm)
    multiply(delta, o.dividend_yield, spare)
    add(charm, spare, charm)
    multiply(charm, _PER_DAY, charm)
