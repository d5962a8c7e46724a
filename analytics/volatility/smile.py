"""Smiles of all expiries of an underlying at once, free of static arbitrage, to mark what nobody quotes.

The form is a penalised cubic spline in standard deviations from the money (`spline`), the fit is robust and couples
neighbouring expiries (`solver`), so that an expiry with few trades leans on those beside it. What comes out is checked
here again, on its own grid:
    butterfly   Durrleman's g(k) = (1 - k w'/2w)^2 - w'^2/4 (1/w + 1/4) + w''/2 >= 0, the density's sign;
    calendar    total variance at equal k = ln(K/F) never falls with the term: each expiry gives the largest of its own
                and all earlier ones' variance, which is convex in price again; how much that lifted is reported;
    wings       beyond the spline total variance is straight in k with a slope of at most 2 (Lee's moment formula).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats
from analytics.volatility.smile_checks import Points, measured
from analytics.volatility.solver import Observations, fit_shapes
from analytics.volatility.spline import COEFFICIENTS, HIGH, LOW, Ints, SmileShapes
from analytics.volatility.surface import Fitted, SmileSurface

#: A point this many of its own uncertainties off its smile counts as an outlier.
OUTLIER_SD: Final = 6.0
#: How well a smile of this form can follow a market's, of the vol: no point is believed to be better known.
_MODEL_SD: Final = 0.004
_MOST_VOL: Final = 10.0
_NEAREST: Final = 6
_ROUNDING: Final = 1e-12


def fit_smiles(
    *,
    expiry: npt.ArrayLike,
    strike: npt.ArrayLike,
    vol: npt.ArrayLike,
    vol_sd: npt.ArrayLike,
    forward: npt.ArrayLike,
    t_years: npt.ArrayLike,
) -> SmileSurface:
    """Smiles through implied vols of unequal certainty.

    expiry (number of the expiry, 0..n-1), strike (currency), vol (annual), vol_sd (how well the vol is known, annual:
    see `vol_uncertainty`): one entry a point, broadcast to (m,). forward (currency), t_years (act/365): one an expiry,
    (n,). A point that is not finite, not positive, of no known expiry, or a vol above 10 is no observation. An expiry
    whose forward or time is not finite and positive gets NO_SMILE; so do all when there is no observation at all. An
    expiry with fewer than 5 points takes its neighbours' shape and says TOO_FEW_POINTS. Never raises for a bad row.
    """
    f, t = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (forward, t_years)))
    given = [np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (expiry, strike, vol, vol_sd)]
    number, strikes, vols, sd = np.broadcast_arrays(*given)
    alive = np.flatnonzero(np.isfinite(f) & np.isfinite(t) & (np.nan_to_num(f) > 0.0) & (np.nan_to_num(t) > 0.0))
    order = alive[np.argsort(t[alive], kind="stable")]
    place = np.full(f.size, -1, dtype=np.int64)
    place[order] = np.arange(order.size)
    points = _observations(number, strikes, vols, sd, f, place)
    if not points.row.size:
        order, place = order[:0], np.full_like(place, -1)
    reference = _money_vols(points, order.size)
    theta = reference**2 * t[order]
    coefficients, residual = np.zeros((order.size, COEFFICIENTS)), np.zeros(0)
    if order.size:
        z = points.k / np.sqrt(theta[points.of])
        log_vol = np.log(points.vol / reference[points.of])
        seen = Observations(points.of, z, log_vol, np.hypot(points.sd / points.vol, _MODEL_SD), points.row)
        coefficients, residual = fit_shapes(seen, t[order], theta)
        residual = np.where((z < LOW) | (z > HIGH), np.nan, residual)
    fitted = Fitted(place, order, f, t, theta, coefficients, SmileShapes(coefficients))
    outlier = np.abs(residual) > OUTLIER_SD
    used = np.abs(residual) <= OUTLIER_SD
    report = measured(fitted, points, used, outlier, np.bincount(_numbers(number, f.size), minlength=f.size + 1)[:-1])
    is_outlier, residual_sd = np.zeros(strikes.shape, dtype=np.bool_), np.full(strikes.shape, np.nan)
    is_outlier[points.row[outlier]] = True
    residual_sd[points.row] = residual
    return SmileSurface(report, is_outlier, residual_sd, _reach(fitted, points, used), fitted)


def vol_uncertainty(
    *,
    price_sd: npt.ArrayLike,
    vega_per_point: npt.ArrayLike,
    delta: npt.ArrayLike,
    spot: npt.ArrayLike,
    age_minutes: npt.ArrayLike,
    annual_vol_of_spot: float = 0.15,
) -> Floats:
    """How well a vol is known, annual: its price's noise and the underlying's moves since the trade, over vega.

    price_sd: half the spread, or the tick (currency). vega_per_point: currency per 0.01. age_minutes: trading minutes
    since the price was made, 0 for a live midpoint; the underlying is taken to move `annual_vol_of_spot` a year of 252
    days of 390 minutes. Infinite where vega is 0. Arguments broadcast.
    """
    noise, vega, d, s, age = (
        np.asarray(v, dtype=np.float64) for v in (price_sd, vega_per_point, delta, spot, age_minutes)
    )
    moved = np.abs(d) * s * annual_vol_of_spot * np.sqrt(np.maximum(age, 0.0) / (252.0 * 390.0))
    off, slope = np.broadcast_arrays(np.hypot(noise, moved), vega * 100.0)
    return np.asarray(np.where(slope > 0.0, off / np.where(slope > 0.0, slope, 1.0), np.inf))


def _numbers(number: Floats, count: int) -> Ints:
    """Expiry numbers as integers; `count` stands for none."""
    known = np.isfinite(number) & (number >= 0) & (number < count)
    return np.where(known, number, count).astype(np.int64)


def _observations(number: Floats, strike: Floats, vol: Floats, sd: Floats, forward: Floats, place: Ints) -> Points:
    of = np.append(place, -1)[_numbers(number, forward.size)]
    known = (of >= 0) & np.isfinite(strike) & np.isfinite(vol) & np.isfinite(sd)
    known &= np.where(known, (strike > 0.0) & (vol > 0.0) & (vol <= _MOST_VOL) & (sd >= 0.0), False)
    row = np.flatnonzero(known)
    k = np.log(strike[row] / forward[number[row].astype(np.int64)])
    return Points(row, of[row], k, vol[row], sd[row])


def _money_vols(points: Points, count: int) -> Floats:
    """A first vol at the money an expiry: the median of the nearest six on each side; its neighbours' without any."""
    first = np.full(count, np.nan)
    for number in range(count):
        mine = np.flatnonzero(points.of == number)
        k = points.k[mine]
        mine = mine[np.argsort(k, kind="stable")]
        middle = int(np.count_nonzero(k < -_ROUNDING))
        near = mine[max(middle - _NEAREST, 0) : middle + _NEAREST]
        if near.size:
            first[number] = np.median(points.vol[near])
    known = np.flatnonzero(np.isfinite(first))
    if not known.size:
        return first
    return np.asarray(np.interp(np.arange(count), known, first[known]))


def _reach(fitted: Fitted, points: Points, used: Bools) -> Floats:
    """Lowest and highest strike used, an expiry of the caller."""
    reach = np.full((fitted.forward.size, 2), np.nan)
    for place, number in enumerate(fitted.order):
        k = points.k[used & (points.of == place)]
        if k.size:
            reach[number] = fitted.forward[number] * np.exp([k.min() - _ROUNDING, k.max() + _ROUNDING])
    return reach
