"""Measures fitted smiles: what they miss of the points, and what static arbitrage is left, on a grid of their own."""

from typing import Final, NamedTuple

import numpy as np

from analytics.black_scholes import Bools, Floats, black76_price
from analytics.volatility.solver import butterfly_room
from analytics.volatility.spline import HIGH, LOW, Ints, spline_weights
from analytics.volatility.surface import FEWEST_POINTS, Fitted, SmileReport, SmileStatus

_ROUNDING: Final = 1e-9
_LEE: Final = 2.0
_INSIDE_Z: Final = np.linspace(LOW, HIGH, 4401)
#: How far beyond the spline the straight wings are looked at, in standard deviations.
_BEYOND_Z: Final = np.concatenate([np.linspace(0.0, 6.0, 121), np.geomspace(6.5, 2000.0, 80)])


class Points(NamedTuple):
    """The observations among the points given: `row` of the caller, `of` the expiry's place in time."""

    row: Ints
    of: Ints
    k: Floats
    vol: Floats
    sd: Floats


def measured(fitted: Fitted, points: Points, used: Bools, outlier: Bools, given: Ints) -> SmileReport:
    """The report of fitted smiles; `used` and `outlier` are masks of the points, `given` counts per expiry."""
    count, order = fitted.forward.size, fitted.order
    of = order[points.of] if order.size else points.of
    report = _empty(count)._replace(
        points_given=given,
        points_used=np.bincount(of[used], minlength=count),
        outliers=np.bincount(of[outlier], minlength=count),
    )
    if not order.size:
        return report
    _measure_misses(report, fitted, points, used, of)
    left, right = _wing_slopes(fitted.coefficients, fitted.theta)
    report.left_slope[order], report.right_slope[order] = left, right
    report.butterfly_least[order] = _least_g(fitted, left, right)
    status = np.where(report.points_used < FEWEST_POINTS, SmileStatus.TOO_FEW_POINTS, SmileStatus.OK)
    has_arbitrage = report.butterfly_least < -_ROUNDING
    has_arbitrage |= np.fmax(report.left_slope, report.right_slope) > _LEE
    status = np.where(has_arbitrage, SmileStatus.ARBITRAGE_LEFT, status)
    status = np.where(fitted.place < 0, SmileStatus.NO_SMILE, status)
    return report._replace(status=status.astype(np.int8))


def _measure_misses(report: SmileReport, fitted: Fitted, points: Points, used: Bools, of: Ints) -> None:
    """Fills in what the smiles miss of the points they used."""
    f, t = fitted.forward[of], fitted.t_years[of]
    smile = np.sqrt(fitted.variance(points.of, points.k) / t)
    own = np.sqrt(fitted.own_variance(points.of, points.k) / t)
    fair, seen = (
        black76_price(forward=f, strike=f * np.exp(points.k), t_years=t, rate=0.0, vol=vol, is_call=points.k > 0.0)
        for vol in (smile, points.vol)
    )
    vol_miss, price_miss = np.abs(smile - points.vol), np.abs(fair - seen)
    for number in np.unique(of[used]):
        mine = used & (of == number)
        report.vol_error_median[number] = np.median(vol_miss[mine])
        report.vol_error_p95[number] = np.quantile(vol_miss[mine], 0.95)
        report.price_error_median[number] = np.median(price_miss[mine])
        report.calendar_lift[number] = float((smile[mine] - own[mine]).max())


def _empty(count: int) -> SmileReport:
    unknown = [np.full(count, np.nan) for _ in range(7)]
    zero = np.zeros(count, dtype=np.int64)
    return SmileReport(np.full(count, SmileStatus.NO_SMILE, dtype=np.int8), zero, zero, zero, *unknown)


def _wing_slopes(coefficients: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """Slopes of total variance in |k| beyond the spline, never negative: theta G 2 L' / sqrt(theta)."""
    found = []
    for z, outwards in ((LOW, -1.0), (HIGH, 1.0)):
        first, value = spline_weights(np.array([z]))
        _, by_z = spline_weights(np.array([z]), 1)
        part = coefficients[:, first[0] : first[0] + 4]
        relative = np.exp(2.0 * part @ value[:, 0])
        found.append(np.maximum(outwards * 2.0 * relative * (part @ by_z[:, 0]), 0.0) * np.sqrt(theta))
    return found[0], found[1]


def _least_g(fitted: Fitted, left: Floats, right: Floats) -> Floats:
    """Least of Durrleman's g, an expiry: inside from the spline, outside from the straight lines that continue it."""
    shapes, theta = fitted.shapes, fitted.theta
    which = np.arange(theta.size)[:, None]
    relative = shapes.relative_variance(which, _INSIDE_Z[None, :])
    least = (relative * butterfly_room(fitted.coefficients, theta, _INSIDE_Z)).min(axis=1)
    for end, outwards, slope in ((LOW, -1.0, left), (HIGH, 1.0, right)):
        z = end + outwards * _BEYOND_Z
        k = np.abs(z[None, :]) * np.sqrt(theta[:, None])
        w = theta[:, None] * shapes.relative_variance(which, z[None, :])
        rise = slope[:, None]
        line = (1.0 - 0.5 * k * rise / w) ** 2 - 0.25 * rise**2 * (1.0 / w + 0.25)
        least = np.minimum(least, line.min(axis=1))
    return np.asarray(least)
