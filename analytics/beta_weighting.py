"""Position Greeks turned into one benchmark's terms, and the totals of a book.

Conventions (quantity signed, short < 0; all arrays one entry per position):
    raw_delta        quantity x multiplier x delta: dollars per 1 point of the position's own underlying
    spx_equiv_delta  raw_delta x underlying_price x beta / index_price: dollars per 1 point of the index
    gamma            quantity x multiplier x gamma x (beta x underlying_price / index_price)^2: the change of
                     spx_equiv_delta per 1 point of the index (second order, not "every Greek times the ratio")
    theta, vega      plain dollar sums per calendar day and per vol point; never scaled by beta or benchmark
The benchmark is whatever `index_price` is: the level of SPX, the price of SPY (delta x10, gamma x100) or a future.
A future keeps its own price: /ES at 5824.75 against SPX 5803.37 weighs 50.18, not 50.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats

DEFAULT_BETA = 1.0


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
    excluded: npt.NDArray[np.intp]
    beta_defaulted: npt.NDArray[np.intp]
    totals: PortfolioTotals


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
    A NaN in quantity, multiplier, price or any Greek excludes that position from every total. A NaN beta counts as
    1.0 and is listed, as are those the caller marks in `beta_defaulted`. With an unknown index (NaN, infinite or
    <= 0) delta and gamma are unknown while theta and vega still stand.
    """
    columns = (quantity, multiplier, delta, gamma, theta_per_day, vega_per_point, underlying_price, beta)
    arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(c, dtype=np.float64)) for c in columns))
    qty, mult, unit_delta, unit_gamma, unit_theta, unit_vega, price, raw_beta = arrays
    no_beta = ~np.isfinite(raw_beta)
    used_beta = np.where(no_beta, DEFAULT_BETA, raw_beta)
    defaulted = no_beta | np.asarray(beta_defaulted, dtype=np.bool_)
    index = index_price if 0.0 < index_price < np.inf else np.nan
    units = qty * mult
    raw_delta = units * unit_delta
    raw_gamma = units * unit_gamma
    ratio = used_beta * price / index
    known = np.isfinite(raw_delta + raw_gamma + units * (unit_theta + unit_vega) + price)
    nan = np.where(known, 0.0, np.nan)
    theta, vega = units * unit_theta + nan, units * unit_vega + nan
    raw_delta, raw_gamma = raw_delta + nan, raw_gamma + nan
    weighted_delta, weighted_gamma = raw_delta * ratio, raw_gamma * ratio * ratio
    totals = PortfolioTotals(
        spx_equiv_delta=_total(weighted_delta, known),
        gamma=_total(weighted_gamma, known),
        theta_per_day=_total(theta, known),
        vega_per_point=_total(vega, known),
        excluded_count=int(known.size - np.count_nonzero(known)),
        beta_defaulted_count=int(np.count_nonzero(defaulted & known)),
    )
    return BetaWeighted(
        raw_delta=raw_delta,
        spx_equiv_delta=weighted_delta,
        gamma_bw=weighted_gamma,
        theta_dollars_per_day=theta,
        vega_dollars_per_point=vega,
        delta_dollars=raw_delta * price,
        gamma_dollars_per_1pct=raw_gamma * price * price * 0.01,
        included=known,
        excluded=np.flatnonzero(~known),
        beta_defaulted=np.flatnonzero(np.broadcast_to(defaulted, known.shape)),
        totals=totals,
    )


def _total(values: Floats, known: Bools) -> float:
    """Sum of the known values; NaN when there are positions and none is known."""
    if known.all():
        return float(values.sum())
    return float(values[known].sum()) if known.any() else float("nan")
