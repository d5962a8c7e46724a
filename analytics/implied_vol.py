"""Implied vols on arrays to the accuracy of a double, for any option that has one, and a status for any that has not.

Everyday rows are solved by one step from a tabulated guess (`analytics._iv_fast`); rows outside its table, or whose
step was too long to be trusted, by a bracketed iteration that holds from prices of 1e-300 to s = vol x sqrt(t) = 15
(`analytics._iv_robust`), after P. Jaeckel, "Let's Be Rational" (2015). Which of the two solved a row depends on that
row alone; they agree to 2e-14 where both hold.

The bounds are the European ones: max(S e^-qt - K e^-rt, 0) for calls, mirrored for puts, up to S e^-qt for calls and
K e^-rt for puts. An American option in the money can trade below the European bound; it then has no European vol.
"""

from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics._iv_fast import solve_everyday
from analytics._iv_robust import solve_normalised
from analytics.black_scholes import MAX_VOL, Bools, Floats

Statuses = npt.NDArray[np.int8]

_MAX_PRICE, _MIN_PRICE = 1e100, 1e-100
_MIN_YEARS, _MAX_YEARS = 1e-20, 1e3
_MAX_RATE, _MAX_CARRY = 1e3, 500.0
_AT_THE_MONEY = 1e-18
_SMALLEST_DEVIATION = 1e-20
_SMALLEST_VALUE = 1e-307
_MAX_LOG_MONEYNESS = 600.0
# Rows solved together: enough to hide numpy's cost per call, few enough for their columns to stay in the cache.
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


class _Rows(NamedTuple):
    """Inputs in one dimension: price in full length, the others in full length or, if the same everywhere, scalar.

    side: +1 for calls, -1 for puts.
    """

    price: Floats
    spot: Floats
    strike: Floats
    t_years: Floats
    rate: Floats
    dividend_yield: Floats
    side: Floats

    def part(self, run: slice) -> "_Rows":
        """A run of rows."""
        return _Rows(*(column[run] if column.ndim else column for column in self))

    def pick(self, rows: npt.NDArray[np.intp] | Bools) -> "_Rows":
        """The rows named by index or mask."""
        return _Rows(*(column[rows] if column.ndim else column for column in self))


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
    it never raises and never touches another row. A vol above 1000 (100,000 %), which the pricing functions refuse, is
    reported as ABOVE_MAXIMUM. Raises ValueError for shapes that do not broadcast. Source: Jaeckel (2015), module text.
    """
    side = np.where(np.asarray(is_call, dtype=np.bool_), 1.0, -1.0)
    columns = (price, spot, strike, t_years, rate, dividend_yield, side)
    arrays = [np.asarray(column, dtype=np.float64) for column in columns]
    shape = np.broadcast(*arrays).shape
    rows = _Rows(_flat(arrays[0], shape), *(_flat_or_scalar(array, shape) for array in arrays[1:]))
    if _all_good(rows):
        vol, status = _solve(rows)
    else:
        vol = np.full(rows.price.shape, np.nan)
        status = np.full(rows.price.shape, IvStatus.BAD_INPUT, dtype=np.int8)
        good = _good_inputs(rows)
        vol[good], status[good] = _solve(rows.pick(good))
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
    """Annual vol at which an option on a future (Black-76, premium paid at once) is worth `price`.

    Arguments, statuses and behaviour as in `implied_vol`; forward: the future's price, > 0.
    """
    return implied_vol(
        price=price, spot=forward, strike=strike, t_years=t_years, rate=rate, dividend_yield=rate, is_call=is_call
    )


def _flat(column: Floats, shape: tuple[int, ...]) -> Floats:
    """The column in the full shape, as one dimension."""
    return (column if column.shape == shape else np.broadcast_to(column, shape)).reshape(-1)


def _flat_or_scalar(column: Floats, shape: tuple[int, ...]) -> Floats:
    """The column as one dimension, or without any where one value holds for all rows."""
    return column.reshape(()) if column.size == 1 else _flat(column, shape)


def _all_good(rows: _Rows) -> bool:
    """Whether every row passes `_good_inputs`, at the price of a few minima and maxima. False means: ask there."""
    if rows.price.size == 0:
        return True
    # A NaN makes the extremes NaN, and every comparison with it false.
    if not (rows.price.min() >= -_MAX_PRICE and rows.price.max() <= _MAX_PRICE):
        return False
    for column in (rows.spot, rows.strike):
        if not (column.min() >= _MIN_PRICE and column.max() <= _MAX_PRICE):
            return False
    longest = rows.t_years.max()
    if not (rows.t_years.min() >= _MIN_YEARS and longest <= _MAX_YEARS):
        return False
    steepest = min(_MAX_RATE, _MAX_CARRY / longest)
    return all(column.min() >= -steepest and column.max() <= steepest for column in (rows.rate, rows.dividend_yield))


def _good_inputs(rows: _Rows) -> Bools:
    """Finite, positive and inside the domain that `analytics.black_scholes` states, row by row."""
    p, s, k, t, r, q, _ = rows
    good: Bools = (np.abs(p) <= _MAX_PRICE) & (s >= _MIN_PRICE) & (s <= _MAX_PRICE)
    good &= (k >= _MIN_PRICE) & (k <= _MAX_PRICE) & (t >= _MIN_YEARS) & (t <= _MAX_YEARS)
    good &= (np.abs(r) <= _MAX_RATE) & (np.abs(q) <= _MAX_RATE)
    years = np.where(good, t, 0.0)
    for carry in (r, q):
        good &= np.abs(np.where(good, carry, 0.0) * years) <= _MAX_CARRY
    return good


def _solve(rows: _Rows) -> tuple[Floats, Statuses]:
    """Annual vol and status of rows whose inputs are good."""
    count = rows.price.size
    vol, trusted = np.empty(count), np.empty(count, dtype=np.bool_)
    status = np.zeros(count, dtype=np.int8)
    runs = -(-count // _CHUNK)
    edges = [count * number // runs for number in range(runs + 1)] if runs else []
    # Rows without a solution divide by zero or take the logarithm of a negative number here, and are not trusted.
    with np.errstate(all="ignore"):
        for start, stop in pairwise(edges):
            run = slice(start, stop)
            vol[run], trusted[run] = _everyday_vols(rows.part(run))
    if not trusted.all():
        left = np.flatnonzero(~trusted)
        for start in range(0, left.size, _CHUNK):
            at = left[start : start + _CHUNK]
            vol[at], status[at] = _robust_vols(rows.pick(at))
    return vol, status


def _everyday_vols(rows: _Rows) -> tuple[Floats, Bools]:
    """Vols by the fast way, and which of them hold."""
    spot_leg, strike_leg = _legs(rows)
    gain = spot_leg - strike_leg
    time_value = rows.price - np.maximum(rows.side * gain, 0.0)
    beta = time_value / np.minimum(spot_leg, strike_leg)
    distance = np.broadcast_to(_distance(rows), beta.shape)
    deviation, trusted = solve_everyday(distance, beta)
    vol = deviation / np.sqrt(rows.t_years)
    return vol, trusted & (vol <= MAX_VOL)


def _legs(rows: _Rows) -> tuple[Floats, Floats]:
    """Present values of the share and of the strike, the two legs of the option."""
    years = rows.t_years
    return rows.spot * np.exp(-rows.dividend_yield * years), rows.strike * np.exp(-rows.rate * years)


def _distance(rows: _Rows) -> Floats:
    """|ln(F/K)|, through log1p of the gap between spot and strike, which keeps every digit near the money."""
    gap = rows.spot - rows.strike
    apart = np.log1p(np.abs(gap) / np.minimum(rows.spot, rows.strike))
    distance: Floats = np.abs(np.copysign(apart, gap) + (rows.rate - rows.dividend_yield) * rows.t_years)
    return distance


def _robust_vols(rows: _Rows) -> tuple[Floats, Statuses]:
    """Annual vol, NaN where there is none, and status of any rows whose inputs are good."""
    price = rows.price
    spot_leg, strike_leg = _legs(rows)
    ceiling = np.where(rows.side > 0.0, spot_leg, strike_leg)
    time_value = price - np.maximum(rows.side * (spot_leg - strike_leg), 0.0)
    status = np.where(time_value < 0.0, IvStatus.BELOW_INTRINSIC, IvStatus.OK).astype(np.int8)
    status[time_value == 0.0] = IvStatus.AT_INTRINSIC
    status[price >= ceiling] = IvStatus.ABOVE_MAXIMUM
    vol = np.full(price.shape, np.nan)
    if status.all():
        return vol, status
    # Divide in two steps: the product of two large prices could overflow, that of their roots cannot. The quotient
    # of a row without a vol can; it is looked at by nobody and must not stop the others.
    root_s, root_k = np.sqrt(spot_leg), np.sqrt(strike_leg)
    with np.errstate(over="ignore"):
        value = time_value / root_s / root_k
        room = (ceiling - price) / root_s / root_k
    distance = np.broadcast_to(_distance(rows), price.shape)
    x = np.where(distance < _AT_THE_MONEY, 0.0, -distance)
    # At the money s is about 2.5 times the value, and the pricing kernel knows no deviation below 1e-20.
    # Elsewhere a time value below 1e-307 of the price level has too few bits left to hold a vol.
    floor = np.where(x == 0.0, _SMALLEST_DEVIATION, _SMALLEST_VALUE)
    solvable = (status == IvStatus.OK) & (value > floor) & (room > 0.0) & (distance < _MAX_LOG_MONEYNESS)
    status[(status == IvStatus.OK) & ~solvable] = IvStatus.AT_INTRINSIC
    if solvable.any():
        vol[solvable] = solve_normalised(value[solvable], room[solvable], x[solvable])
        vol /= np.sqrt(rows.t_years)
    beyond = vol > MAX_VOL
    vol[beyond], status[beyond] = np.nan, IvStatus.ABOVE_MAXIMUM
    return vol, status
