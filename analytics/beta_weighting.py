"""Position Greeks turned into one benchmark's terms, and the totals of a book.

Conventions (quantity signed, short < 0; all arrays one entry per position):
    raw_delta        quantity x multiplier x delta: dollars per 1 point of the position's own underlying
    spx_equiv_delta  raw_delta x underlying_price x beta / index_price: dollars per 1 point of the index
    gamma            quantity x multiplier x gamma x (beta x underlying_price / index_price)^2: the change of
                     spx_equiv_delta per 1 point of the index
    theta, vega      plain dollar sums per calendar day and per vol point; never scaled by beta or benchmark
The benchmark is whatever `index_price` is: the level of SPX, the price of SPY (delta x10, gamma x100) or a future;
`switch_benchmark` takes figures from one to another without pricing again.

Where platforms read these words differently, the app follows
    last prices in the ratio, as tastytrade and thinkorswim do; TWS takes yesterday's closes of underlying and index:
        hand those in and its figure comes out;
    the second-order gamma, the only one that is the derivative of the delta shown; "every Greek times the ratio"
        gives a gamma that is off by the ratio;
    a future at its own price: /ES at 5824.75 against SPX 5803.37 weighs 50.18, not a flat 50;
    a missing beta as 1.0, named in `beta_defaulted` and counted: thinkorswim drops the position instead, and a book
        with a hole in it shows too little risk.

Two more readings of vega stand beside the plain sum, never in place of it: `time_weighted_vega` (what the book
feels when 30-day vol moves a point and other expiries follow with the root of time) and `vol_beta_weighted_vega` (what
it feels when a vol index moves a point).
"""

from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats

Indices = npt.NDArray[np.intp]

DEFAULT_BETA = 1.0
DEFAULT_VOL_BETA = 1.0
VEGA_REFERENCE_DAYS = 30.0
VEGA_FLOOR_DAYS = 1.0
_DAYS_PER_YEAR = 365.0


class BenchmarkName(Enum):
    """What deltas can be expressed in."""

    SPX = "SPX"
    SPY = "SPY"
    ES = "/ES"


class Benchmark(NamedTuple):
    """What a beta-weighted delta is per one point of. level: its price in dollars or points, > 0; NaN = unknown."""

    name: BenchmarkName
    level: float


class PortfolioTotals(NamedTuple):
    """Sums over the positions that could be valued.

    spx_equiv_delta: dollars per index point. gamma: change of that per index point. theta_per_day: dollars per
    calendar day. vega_per_point: dollars per 0.01 of vol. A figure is NaN (unknown, never 0) when a book that is not
    empty has nothing to sum. excluded_count: positions left out. beta_defaulted_count: included ones on beta 1.0
    for want of a real one.
    """

    spx_equiv_delta: float
    gamma: float
    theta_per_day: float
    vega_per_point: float
    excluded_count: int
    beta_defaulted_count: int


class BetaWeighted(NamedTuple):
    """Per-position figures (NaN where excluded), what was left out or assumed, and the totals.

    delta_dollars: raw_delta x underlying price. gamma_dollars_per_1pct: change of delta_dollars when the position's
    own underlying moves 1 %. included: mask. excluded, beta_defaulted: indices of positions.
    """

    raw_delta: Floats
    spx_equiv_delta: Floats
    gamma_bw: Floats
    theta_dollars_per_day: Floats
    vega_dollars_per_point: Floats
    delta_dollars: Floats
    gamma_dollars_per_1pct: Floats
    included: Bools
    excluded: Indices
    beta_defaulted: Indices
    totals: PortfolioTotals


class TimeWeightedVega(NamedTuple):
    """Vega in terms of 30-day vol (or of the reference days asked for).

    vega_dollars_per_point: per position, dollars per 0.01 of 30-day vol, NaN where excluded. total: their sum, NaN when
    nothing of a book that is not empty is known. excluded: indices left out. floored: indices whose time was taken
    as `VEGA_FLOOR_DAYS` because less is left.
    """

    vega_dollars_per_point: Floats
    total_vega_dollars_per_point: float
    excluded: Indices
    floored: Indices


class VolBetaWeightedVega(NamedTuple):
    """Vega in terms of a vol index such as VIX.

    vega_dollars_per_index_point: per position, dollars per one point (0.01) of the vol index, NaN where excluded.
    total: their sum, NaN when nothing of a book that is not empty is known. excluded: indices left out.
    vol_beta_defaulted: indices with vega that were weighed with vol beta 1.0 for want of a real one.
    """

    vega_dollars_per_index_point: Floats
    total_vega_dollars_per_index_point: float
    excluded: Indices
    vol_beta_defaulted: Indices


def beta_weight(
    *,
    quantity: npt.ArrayLike,
    multiplier: npt.ArrayLike,
    delta: npt.ArrayLike,
    gamma: npt.ArrayLike,
    theta_per_day: npt.ArrayLike,
    vega_per_point: npt.ArrayLike,
    underlying_price: npt.ArrayLike,
    beta: npt.ArrayLike,
    index_price: float,
    beta_defaulted: npt.ArrayLike = False,
) -> BetaWeighted:
    """Weigh unit Greeks into the benchmark whose level is `index_price` and add them up.

    Arguments broadcast to one dimension, one entry per position; delta, gamma, theta, vega are per one unit as
    `analytics.black_scholes` gives them; underlying_price is the live price of the underlying, never the strike.
    A NaN (or a number too large to hold) in quantity, multiplier, price or any Greek excludes that position from every
    total. A NaN beta counts as 1.0 and is listed, as are those the caller marks in `beta_defaulted`. With an unknown
    index (NaN, infinite or <= 0) delta and gamma are unknown while theta and vega still stand.
    """
    qty, mult, unit_delta, unit_gamma, unit_theta, unit_vega, price, given_beta = _columns(
        quantity, multiplier, delta, gamma, theta_per_day, vega_per_point, underlying_price, beta
    )
    used_beta, defaulted = _or_default(given_beta, DEFAULT_BETA)
    defaulted = defaulted | np.asarray(beta_defaulted, dtype=np.bool_)
    index = index_price if 0.0 < index_price < np.inf else np.nan
    # A row that overflows is excluded by the check below; it must not stop the others.
    with np.errstate(over="ignore", invalid="ignore"):
        units = qty * mult
        raw_delta, raw_gamma = units * unit_delta, units * unit_gamma
        theta, vega = units * unit_theta, units * unit_vega
        delta_dollars, dollar_beta = raw_delta * price, price * used_beta
        gamma_dollars = raw_gamma * price * price * 0.01
        beta_delta, beta_gamma = raw_delta * dollar_beta, raw_gamma * dollar_beta * dollar_beta
        known = np.isfinite(beta_delta + beta_gamma + gamma_dollars + theta + vega)
        weighted_delta, weighted_gamma = beta_delta / index, beta_gamma / (index * index)
    figures = (raw_delta, weighted_delta, weighted_gamma, theta, vega, delta_dollars, gamma_dollars)
    excluded = np.flatnonzero(~known)
    if excluded.size:
        for column in figures:
            column[excluded] = np.nan
    totals = PortfolioTotals(
        spx_equiv_delta=_total(weighted_delta, known, excluded),
        gamma=_total(weighted_gamma, known, excluded),
        theta_per_day=_total(theta, known, excluded),
        vega_per_point=_total(vega, known, excluded),
        excluded_count=int(excluded.size),
        beta_defaulted_count=int(np.count_nonzero(defaulted & known)),
    )
    return BetaWeighted(*figures, known, excluded, np.flatnonzero(defaulted), totals)


def switch_benchmark(totals: PortfolioTotals, *, current: Benchmark, wanted: Benchmark) -> PortfolioTotals:
    """Express totals weighed at `current.level` per one point of `wanted` instead.

    Delta scales with the ratio of the levels and gamma with its square; theta, vega and the counts stay, and delta x
    level is unchanged. Delta and gamma are NaN when a level is unknown (NaN, infinite or <= 0).
    """
    usable = 0.0 < current.level < np.inf and 0.0 < wanted.level < np.inf
    ratio = current.level / wanted.level if usable else float("nan")
    return totals._replace(spx_equiv_delta=totals.spx_equiv_delta * ratio, gamma=totals.gamma * (ratio * ratio))


def time_weighted_vega(
    *,
    vega_dollars_per_point: npt.ArrayLike,
    t_years: npt.ArrayLike,
    reference_days: float = VEGA_REFERENCE_DAYS,
    floor_days: float = VEGA_FLOOR_DAYS,
) -> TimeWeightedVega:
    """Weigh vega with sqrt(reference_days / days left): short-dated vol moves more than long-dated.

    vega_dollars_per_point: whole position, dollars per 0.01 of its own vol. t_years: years left, act/365, fractional;
    days left = t_years x 365, never less than floor_days (the weight has no limit as time runs out; at the default
    it stops at 5.48). A position without vega (a stock, an expired option) adds 0 and needs no time; any other with a
    time that is NaN or negative is excluded.
    """
    vega, years = _columns(vega_dollars_per_point, t_years)
    days = years * _DAYS_PER_YEAR
    none = vega == 0.0
    timed = days >= 0.0
    floored = timed & (days < floor_days) & ~none
    weight = np.sqrt(reference_days / np.maximum(np.where(timed, days, floor_days), floor_days))
    known = np.isfinite(vega) & (timed | none)
    weighted = np.where(known, vega, 0.0) * weight
    excluded = np.flatnonzero(~known)
    weighted[excluded] = np.nan
    return TimeWeightedVega(weighted, _total(weighted, known, excluded), excluded, np.flatnonzero(floored & known))


def vol_beta_weighted_vega(
    *,
    vega_dollars_per_point: npt.ArrayLike,
    vol: npt.ArrayLike,
    vol_beta: npt.ArrayLike,
    index_vol: float,
) -> VolBetaWeightedVega:
    """Weigh vega into points of a vol index: vega x vol_beta x vol / index_vol.

    vega_dollars_per_point: whole position, dollars per 0.01 of its own vol. vol: the position's implied vol and
    index_vol the index's level, both 0.20 = 20 % (VIX 17.4 is 0.174). vol_beta: relative change of the position's vol
    per relative change of the index, the same change of variable as for price (d vol / vol = vol_beta x d index /
    index). A NaN vol_beta counts as 1.0 and is listed. A position without vega adds 0 and needs no vol; any other with
    an unknown or negative vol is excluded. With an unknown index nothing is known.
    """
    vega, own, given_beta = _columns(vega_dollars_per_point, vol, vol_beta)
    used_beta, defaulted = _or_default(given_beta, DEFAULT_VOL_BETA)
    usable = 0.0 < index_vol < np.inf
    none = vega == 0.0
    known = np.isfinite(vega) & (none | ((own >= 0.0) & (own < np.inf))) & usable
    weighted = np.where(known, vega, 0.0) * used_beta * np.where(known & ~none, own, 0.0)
    weighted /= index_vol if usable else 1.0
    excluded = np.flatnonzero(~known)
    weighted[excluded] = np.nan
    listed = np.flatnonzero(defaulted & known & ~none)
    return VolBetaWeightedVega(weighted, _total(weighted, known, excluded), excluded, listed)


def _columns(*given: npt.ArrayLike) -> tuple[Floats, ...]:
    """Float arrays of one dimension and one length; columns that already are pass through untouched."""
    arrays = [np.asarray(column, dtype=np.float64) for column in given]
    shape = arrays[0].shape
    if len(shape) == 1 and all(array.shape == shape for array in arrays):
        return tuple(arrays)
    return tuple(np.broadcast_arrays(*(np.atleast_1d(array) for array in arrays)))


def _or_default(values: Floats, default: float) -> tuple[Floats, Bools]:
    """Values with `default` where unknown, and where that was."""
    missing = ~np.isfinite(values)
    return (np.where(missing, default, values) if missing.any() else values), missing


def _total(values: Floats, known: Bools, excluded: Indices) -> float:
    """Sum of the known values; NaN when there are positions and all are excluded."""
    if excluded.size == 0:
        return float(np.add.reduce(values))
    return float(np.add.reduce(values[known])) if excluded.size < values.size else float("nan")
