"""Fitted smiles: the vol at any strike of any expiry, and how far each can be trusted."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats
from analytics.volatility.spline import Ints, SmileShapes

Statuses = npt.NDArray[np.int8]


#: Fewer points than this say a level but no shape: the neighbours' is taken.
FEWEST_POINTS = 5


class SmileStatus(IntEnum):
    """What an expiry's smile is worth."""

    OK = 0
    TOO_FEW_POINTS = 1
    ARBITRAGE_LEFT = 2
    NO_SMILE = 3


class Region(IntEnum):
    """Where a vol comes from: between strikes that were seen, beyond them, the neighbours' shape, or nowhere."""

    INTERPOLATED = 0
    BELOW_STRIKES = 1
    ABOVE_STRIKES = 2
    BORROWED = 3
    NONE = 4


class SmileVols(NamedTuple):
    """vol: annual, NaN in Region.NONE. region: int8 codes of `Region`. Both in the broadcast shape."""

    vol: Floats
    region: Statuses


class SmileReport(NamedTuple):
    """One entry an expiry, in the caller's order.

    status: int8 codes of `SmileStatus`. points_given, points_used, outliers: counts (given = used + outliers + those
    that are no observation or beyond the spline). vol_error_median, vol_error_p95: |smile - point| over the used
    points, annual vol. price_error_median: the same in currency, undiscounted. butterfly_least: least g(k) on the grid,
    below 0 is arbitrage. calendar_lift: largest vol by which an earlier expiry's variance lifts this one between the
    strikes seen. left_slope, right_slope: of total variance in |k| in the wings, at most 2. NaN where unknown.
    """

    status: Statuses
    points_given: Ints
    points_used: Ints
    outliers: Ints
    vol_error_median: Floats
    vol_error_p95: Floats
    price_error_median: Floats
    butterfly_least: Floats
    calendar_lift: Floats
    left_slope: Floats
    right_slope: Floats


class Fitted(NamedTuple):
    """The numbers behind the smiles of the n expiries that have one, in time order.

    place: per expiry of the caller its place in time, -1 without a smile. order: the reverse. forward, t_years: of the
    caller's expiries. theta: total variance at the money. coefficients: of the shapes, (n, COEFFICIENTS).
    """

    place: Ints
    order: Ints
    forward: Floats
    t_years: Floats
    theta: Floats
    coefficients: Floats
    shapes: SmileShapes

    def own_variance(self, of: Ints, k: Floats) -> Floats:
        """Total variance of the places' own smiles at k = ln(strike / forward)."""
        level = self.theta[of]
        return np.asarray(level * self.shapes.relative_variance(of, k / np.sqrt(level)))

    def variance(self, of: Ints, k: Floats) -> Floats:
        """Total variance at k: the largest of the place's own and of all earlier ones'."""
        if not of.size:
            return np.zeros(0)
        count = of + 1
        starts = np.cumsum(count) - count
        which = np.arange(int(count.sum())) - np.repeat(starts, count)
        return np.asarray(np.maximum.reduceat(self.own_variance(which, np.repeat(k, count)), starts))


@dataclass(frozen=True, slots=True)
class SmileSurface:
    """Fitted smiles. Expiries are numbered as the caller gave them.

    report: per expiry. is_outlier, residual_sd: per point given, in the caller's order; residual_sd is
    ln(point / smile) in the point's own uncertainties, NaN for what was no observation. reach: lowest and highest
    strike used, (n, 2), currency, NaN without any.
    """

    report: SmileReport
    is_outlier: Bools
    residual_sd: Floats
    reach: Floats
    fitted: Fitted

    def vol(self, *, expiry: npt.ArrayLike, strike: npt.ArrayLike) -> SmileVols:
        """Annual vols at strikes (currency) of expiries (their numbers); the two broadcast.

        NaN and Region.NONE for an expiry without a smile, a number out of range or a strike not above 0.
        """
        fitted, count = self.fitted, self.fitted.forward.size
        number, k = np.broadcast_arrays(np.asarray(expiry), np.asarray(strike, dtype=np.float64))
        row, strikes = number.ravel().astype(np.int64), k.ravel()
        good = (row >= 0) & (row < count) & np.isfinite(strikes) & (strikes > 0.0)
        place = np.append(fitted.place, -1)[np.where(good, row, count)]
        good = place >= 0
        vol = np.full(row.shape, np.nan)
        region = np.full(row.shape, Region.NONE, dtype=np.int8)
        row, strikes = row[good], strikes[good]
        k_seen = np.log(strikes / fitted.forward[row])
        vol[good] = np.sqrt(fitted.variance(place[good], k_seen) / fitted.t_years[row])
        low, high = self.reach[row].T
        where = np.where(strikes < low, Region.BELOW_STRIKES, Region.INTERPOLATED)
        where = np.where(strikes > high, Region.ABOVE_STRIKES, where)
        is_borrowed = self.report.points_used[row] < FEWEST_POINTS
        region[good] = np.where(is_borrowed, Region.BORROWED, where)
        return SmileVols(vol.reshape(number.shape), region.reshape(number.shape))
