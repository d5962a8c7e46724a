"""Chances and expected moves under a lognormal price with one vol: the desk's POP, touch and expected-move figures.

The price at the horizon is lognormal with mean `forward` and total deviation vol x sqrt(t_years): the risk-neutral
convention of every retail platform, not a forecast. Smile is not in it: pass the vol that belongs to the levels asked.
"""

from enum import Enum

import numpy as np
import numpy.typing as npt
from scipy.special import erfcx, ndtr

from analytics.black_scholes import Bools, Floats

PROFIT_THRESHOLD_DOLLARS = 0.01
"""What counts as a profit: a cent, as tastytrade has it."""
_MIN_DEVIATION = 1e-20
_SQRT_HALF = 0.5**0.5
_MIN_PRICE, _MAX_PRICE = 1e-100, 1e100
_MAX_VOL, _MAX_YEARS = 1e3, 1e3


class ExpectedMoveMethod(Enum):
    """How an expected move was taken."""

    IV_SQRT_DAYS = "iv_sqrt_days"
    STRADDLE_1_SD = "straddle_1_sd"
    STRADDLE_085 = "straddle_085"

    @property
    def label(self) -> str:
        """Words to show beside the number: three methods give three numbers."""
        return {
            ExpectedMoveMethod.IV_SQRT_DAYS: "S x IV x sqrt(days/365), 1 SD",
            ExpectedMoveMethod.STRADDLE_1_SD: "ATM straddle x 1.25, 1 SD",
            ExpectedMoveMethod.STRADDLE_085: "ATM straddle x 0.85, about a 50 % range",
        }[self]


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


def probability_of_profit(
    *,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    forward: float,
    t_years: float,
    vol: npt.ArrayLike,
    vol_at_high: npt.ArrayLike | None = None,
) -> float:
    """Chance that the price ends in one of the profit zones [low[i], high[i]] (inf = no upper end).

    The zones lie between the breakevens, as `analytics.payoff` finds them, and must not overlap; none at all is 0. For
    "a profit of a cent or more" hand the payoff a cost that is PROFIT_THRESHOLD_DOLLARS higher. vol: one for all, or
    one per zone; where the smile differs from end to end, the vol at `low` here and the one at `high` in vol_at_high.
    NaN when an input is unknown or a zone ends below its start. t_years: act/365.
    """
    lows, highs = np.atleast_1d(np.asarray(low, np.float64)), np.atleast_1d(np.asarray(high, np.float64))
    if lows.size == 0:
        return 0.0
    over_low = probability_above(level=lows, forward=forward, t_years=t_years, vol=vol)
    upper_vol = vol if vol_at_high is None else vol_at_high
    if (highs < lows).any():
        return float("nan")
    over_high = probability_above(level=highs, forward=forward, t_years=t_years, vol=upper_vol)
    chance = float((over_low - over_high).sum())
    return min(max(chance, 0.0), 1.0) if np.isfinite(chance) else float("nan")


def rough_pop_of_credit(*, credit: npt.ArrayLike, width: npt.ArrayLike) -> Floats:
    """The floor trader's POP of a credit spread, 1 - credit / width, to hold the lognormal one against.

    Same units for both; broadcasts. NaN unless 0 <= credit <= width and width > 0.
    """
    return _one_less(credit, width)


def rough_pop_of_debit(*, max_profit: npt.ArrayLike, width: npt.ArrayLike) -> Floats:
    """The floor trader's POP of a debit spread, 1 - max profit / width; as `rough_pop_of_credit`."""
    return _one_less(max_profit, width)


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

    Arguments broadcast; barrier and spot in currency, > 0; rate and yield continuous, a year. At the barrier it is 1;
    with no time left it is 0 elsewhere, and without vol it is 1 if the carry alone takes the price there. NaN for
    unusable inputs. Reflection principle with drift: Haug, ch. 4.19, the undiscounted one-touch.
    """
    b, s, t, v, r, q = (np.asarray(x, np.float64) for x in (barrier, spot, t_years, vol, rate, dividend_yield))
    deviation = _deviation(t, v)
    known = _is_price(b) & _is_price(s) & ~np.isnan(deviation) & (np.abs(r) <= 1e3) & (np.abs(q) <= 1e3)
    distance = np.log(np.where(known, b, 1.0) / np.where(known, s, 1.0))
    side, away = np.sign(distance), np.abs(distance)
    carry = np.where(known, r, 0.0) - np.where(known, q, 0.0)
    # From here on the barrier lies above: both the distance and the drift are measured towards it.
    pull = side * carry * np.where(known, t, 0.0)
    moving = known & (deviation > _MIN_DEVIATION)
    safe = np.where(moving, deviation, 1.0)
    drift = np.where(moving, pull - side * 0.5 * deviation * deviation, 0.0)
    chance = np.minimum(ndtr((drift - away) / safe) + _mirrored(away, drift, safe), 1.0)
    chance = np.where(moving, chance, np.where(pull >= away, 1.0, 0.0))
    return np.asarray(np.where(known, np.where(side == 0.0, 1.0, chance), np.nan))


def expected_move_iv(*, spot: npt.ArrayLike, vol: npt.ArrayLike, days: npt.ArrayLike) -> Floats:
    """One standard deviation in currency: spot x vol x sqrt(days / 365), calendar days; NaN when one is negative."""
    s, v, d = (_not_negative(x) for x in (spot, vol, days))
    return np.asarray(s * v * np.sqrt(d / 365.0))


def expected_move_straddle(*, straddle: npt.ArrayLike) -> Floats:
    """One standard deviation in currency from the at-the-money straddle's price: x 1.25; NaN for a negative price."""
    return np.asarray(1.25 * _not_negative(straddle))


def expected_range_straddle(*, straddle: npt.ArrayLike) -> Floats:
    """About a 50 % range in currency from the at-the-money straddle's price: x 0.85; NaN for a negative price."""
    return np.asarray(0.85 * _not_negative(straddle))


def expected_move(method: ExpectedMoveMethod, *, spot: float, vol: float, days: float, straddle: float) -> float:
    """Expected move in currency by the named method; NaN when the figure that method needs is unknown (NaN)."""
    if method is ExpectedMoveMethod.IV_SQRT_DAYS:
        return float(expected_move_iv(spot=spot, vol=vol, days=days))
    if method is ExpectedMoveMethod.STRADDLE_1_SD:
        return float(expected_move_straddle(straddle=straddle))
    return float(expected_range_straddle(straddle=straddle))


def _mirrored(away: Floats, drift: Floats, deviation: Floats) -> Floats:
    """exp(2 drift away / deviation^2) x N(-(away + drift) / deviation): the paths that touch and come back.

    The factors can be huge and tiny at once. Where the argument of N is negative its own Gaussian is taken into the
    exponent, which then is a single square; elsewhere both factors are at most 1.
    """
    reach = (away + drift) / deviation
    ahead = reach >= 0.0
    single = 0.5 * erfcx(np.where(ahead, reach, 0.0) * _SQRT_HALF) * np.exp(-0.5 * ((away - drift) / deviation) ** 2)
    against = np.where(ahead, 0.0, 2.0 * (drift / deviation) * (away / deviation))
    return np.asarray(np.where(ahead, single, np.exp(against) * ndtr(-reach)))


def _one_less(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    p, w = np.broadcast_arrays(np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64))
    usable = (p >= 0.0) & (p <= w) & (w > 0.0) & (w < np.inf)
    return np.asarray(np.where(usable, 1.0 - np.where(usable, p, 0.0) / np.where(usable, w, 1.0), np.nan))


def _not_negative(values: npt.ArrayLike) -> Floats:
    given = np.asarray(values, dtype=np.float64)
    return np.asarray(np.where((given >= 0.0) & (given < np.inf), given, np.nan))


def _is_price(values: Floats) -> Bools:
    """Positive and of a size that quotients of two can hold."""
    return np.asarray((values > _MIN_PRICE) & (values < _MAX_PRICE))


def _deviation(t: Floats, v: Floats) -> Floats:
    """Vol x sqrt(t), NaN for a negative, unknown or absurd one."""
    good = (t >= 0.0) & (t <= _MAX_YEARS) & (v >= 0.0) & (v <= _MAX_VOL)
    return np.asarray(np.where(good, np.where(good, v, 0.0) * np.sqrt(np.where(good, t, 0.0)), np.nan))
