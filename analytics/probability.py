"""Chances and expected moves under a lognormal price with one vol: the desk's POP, touch and expected-move figures.

The price at the horizon is lognormal with mean `forward` and total deviation vol x sqrt(t_years): the risk-neutral
convention of every retail platform, not a forecast. Smile is not in it: pass the vol that belongs to the levels asked.
"""

from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr, ndtr

from analytics.black_scholes import Bools, Floats

PROFIT_THRESHOLD_DOLLARS = 0.01
_MIN_DEVIATION = 1e-20
_MIN_PRICE, _MAX_PRICE = 1e-100, 1e100
_MAX_VOL, _MAX_YEARS = 1e3, 1e3


class ExpectedMoveMethod(Enum):
    """How an expected move was taken; show the name beside the number."""

    IV_SQRT_DAYS = "S x IV x sqrt(days/365), 1 SD"
    STRADDLE_1_SD = "ATM straddle x 1.25, 1 SD"
    STRADDLE_085 = "ATM straddle x 0.85, about a 50 % range"


class ProfitZones(NamedTuple):
    """Price ranges where the P&L reaches the threshold: from low[i] to high[i] (inf = no upper end), ascending."""

    low: Floats
    high: Floats


def probability_above(
    *, level: npt.ArrayLike, forward: npt.ArrayLike, t_years: npt.ArrayLike, vol: npt.ArrayLike
) -> Floats:
    """Chance that the price ends above `level` (the N(d2) of a call struck there).

    Arguments broadcast; level and forward in currency, forward > 0, level 0 or below = certain, inf = never. With no
    time or no vol left it is 1 above, 0 below and 1/2 exactly at the level. NaN for unusable inputs.
    """
    k, f, t, v = (np.asarray(x, dtype=np.float64) for x in (level, forward, t_years, vol))
    deviation = _deviation(t, v)
    bounded, known = _is_price(k), _is_price(f)
    distance = np.log(np.where(known, f, 1.0) / np.where(bounded, k, 1.0))
    moving = deviation > _MIN_DEVIATION
    score = distance / np.where(moving, deviation, 1.0) - 0.5 * deviation
    chance = np.where(moving, ndtr(score), 0.5 + 0.5 * np.sign(distance))
    chance = np.where(bounded, chance, np.where(k > 1.0, 0.0, 1.0))
    unusable = ~known | np.isnan(deviation) | np.isnan(k)
    return np.asarray(np.where(unusable, np.nan, chance))


def probability_between(
    *,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    forward: npt.ArrayLike,
    t_years: npt.ArrayLike,
    vol: npt.ArrayLike,
) -> Floats:
    """Chance that the price ends between `low` (0 = no lower end) and `high` (inf = no upper end)."""
    above_low = probability_above(level=low, forward=forward, t_years=t_years, vol=vol)
    return above_low - probability_above(level=high, forward=forward, t_years=t_years, vol=vol)


def profit_zones(
    *,
    knots: npt.ArrayLike,
    pnl: npt.ArrayLike,
    slope_above: float,
    threshold_dollars: float = PROFIT_THRESHOLD_DOLLARS,
) -> ProfitZones:
    """Where a payoff at expiry makes at least `threshold_dollars`.

    knots: underlying prices where the payoff bends, strictly ascending, the first one 0. pnl: dollars at each.
    slope_above: dollars per point beyond the last knot. Between knots the payoff is a straight line, so the ends are
    exact. Touching zones are one.
    """
    x, y = np.asarray(knots, dtype=np.float64), np.asarray(pnl, dtype=np.float64) - threshold_dollars
    if x.ndim != 1 or x.size == 0 or x.shape != y.shape or bool((np.diff(x) <= 0.0).any()):
        raise ValueError("knots must ascend strictly and have one pnl each: sort them and drop the doubles.")
    inside = y >= 0.0
    ends: list[float] = [float(x[0])] if inside[0] else []
    for i in np.flatnonzero(inside[1:] != inside[:-1]):
        share = y[i] / (y[i] - y[i + 1])
        ends.append(float(x[i] + share * (x[i + 1] - x[i])))
    last_inside = bool(inside[-1])
    if last_inside != (slope_above > 0.0 or (last_inside and slope_above == 0.0)):
        ends.append(float(x[-1] - y[-1] / slope_above))
        last_inside = not last_inside
    if last_inside:
        ends.append(float("inf"))
    pairs = np.asarray(ends, dtype=np.float64).reshape(-1, 2)
    return ProfitZones(pairs[:, 0], pairs[:, 1])


def probability_of_profit(
    *, low: npt.ArrayLike, high: npt.ArrayLike, forward: float, t_years: float, vol: float
) -> float:
    """Chance that the price ends in one of the profit zones [low[i], high[i]] (inf = no upper end).

    The zones must not overlap, as `profit_zones` gives them; none at all is 0. NaN when an input is unknown.
    """
    lows, highs = np.atleast_1d(np.asarray(low, np.float64)), np.atleast_1d(np.asarray(high, np.float64))
    if lows.size == 0:
        return 0.0
    chance = probability_between(low=lows, high=highs, forward=forward, t_years=t_years, vol=vol).sum()
    return float(min(max(chance, 0.0), 1.0)) if np.isfinite(chance) else float("nan")


def rough_pop_of_credit(*, credit: npt.ArrayLike, width: npt.ArrayLike) -> Floats:
    """The floor trader's POP of a credit spread, 1 - credit / width; same units for both, width > 0."""
    return np.asarray(1.0 - np.asarray(credit, dtype=np.float64) / np.asarray(width, dtype=np.float64))


def rough_pop_of_debit(*, max_profit: npt.ArrayLike, width: npt.ArrayLike) -> Floats:
    """The floor trader's POP of a debit spread, 1 - max profit / width; same units for both, width > 0."""
    return np.asarray(1.0 - np.asarray(max_profit, dtype=np.float64) / np.asarray(width, dtype=np.float64))


def probability_of_touch(
    *,
    barrier: npt.ArrayLike,
    spot: npt.ArrayLike,
    t_years: npt.ArrayLike,
    vol: npt.ArrayLike,
    rate: npt.ArrayLike = 0.0,
    dividend_yield: npt.ArrayLike = 0.0,
) -> Floats:
    """Chance that the price trades at `barrier` at any moment before the horizon (watched continuously).

    Arguments broadcast; barrier and spot in currency, > 0. At the barrier it is 1; with no time or vol left it is 0
    elsewhere. Reflection principle with drift: Haug, ch. 4.19, the undiscounted one-touch.
    """
    b, s, t, v, r, q = (np.asarray(x, np.float64) for x in (barrier, spot, t_years, vol, rate, dividend_yield))
    deviation = _deviation(t, v)
    known = _is_price(b) & _is_price(s) & ~np.isnan(deviation) & (np.abs(r) <= 1e3) & (np.abs(q) <= 1e3)
    distance = np.log(np.where(known, b, 1.0) / np.where(known, s, 1.0))
    side = np.sign(distance)
    moving = known & (deviation > _MIN_DEVIATION)
    safe = np.where(moving, deviation, 1.0)
    carry = np.where(moving, r, 0.0) - np.where(moving, q, 0.0)
    drift = np.where(moving, carry * np.where(moving, t, 0.0) - 0.5 * deviation * deviation, 0.0)
    direct = ndtr(side * (drift - distance) / safe)
    # exp(2 drift distance / deviation^2) can be huge while its partner is tiny: multiply them as logarithms.
    log_mirror = 2.0 * drift * distance / (safe * safe) + log_ndtr(-side * (drift + distance) / safe)
    chance = np.minimum(direct + np.exp(np.minimum(log_mirror, 0.0)), 1.0)
    chance = np.where(side == 0.0, 1.0, np.where(moving, chance, 0.0))
    return np.asarray(np.where(known, chance, np.nan))


def expected_move_iv(*, spot: npt.ArrayLike, vol: npt.ArrayLike, days: npt.ArrayLike) -> Floats:
    """One standard deviation in currency: spot x vol x sqrt(days / 365), calendar days."""
    s, v, d = (np.asarray(x, dtype=np.float64) for x in (spot, vol, days))
    return np.asarray(s * v * np.sqrt(np.where(d >= 0.0, d, np.nan) / 365.0))


def expected_move_straddle(*, straddle: npt.ArrayLike) -> Floats:
    """One standard deviation in currency from the at-the-money straddle's price: x 1.25."""
    return np.asarray(1.25 * np.asarray(straddle, dtype=np.float64))


def expected_range_straddle(*, straddle: npt.ArrayLike) -> Floats:
    """About a 50 % range in currency from the at-the-money straddle's price: x 0.85."""
    return np.asarray(0.85 * np.asarray(straddle, dtype=np.float64))


def expected_move(method: ExpectedMoveMethod, *, spot: float, vol: float, days: float, straddle: float) -> float:
    """Expected move in currency by the named method; NaN when the figure that method needs is unknown (NaN)."""
    if method is ExpectedMoveMethod.IV_SQRT_DAYS:
        return float(expected_move_iv(spot=spot, vol=vol, days=days))
    if method is ExpectedMoveMethod.STRADDLE_1_SD:
        return float(expected_move_straddle(straddle=straddle))
    return float(expected_range_straddle(straddle=straddle))


def _is_price(values: Floats) -> Bools:
    """Positive and of a size that quotients of two can hold."""
    return np.asarray((values > _MIN_PRICE) & (values < _MAX_PRICE))


def _deviation(t: Floats, v: Floats) -> Floats:
    """Vol x sqrt(t), NaN for a negative, unknown or absurd one."""
    good = (t >= 0.0) & (t <= _MAX_YEARS) & (v >= 0.0) & (v <= _MAX_VOL)
    return np.asarray(np.where(good, np.where(good, v, 0.0) * np.sqrt(np.where(good, t, 0.0)), np.nan))
