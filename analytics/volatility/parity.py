"""Forward and rate of an expiry together, from all of its strikes: the line that put-call parity draws.

European calls and puts of one expiry obey call - put = D (F - K) at every strike K, with D the discount factor and F
the forward. The difference falls in a straight line: its slope is -D, which gives the rate, and it crosses zero at F.
Trades are not made at one moment, so some points lie far off. The line is therefore found robustly: it starts at a
median (weighted median of the forwards with a known rate, repeated medians of the slopes without) and is refined by
re-weighted least squares with Tukey's biweight, which gives points beyond 4.685 robust deviations no weight at all.

Sources: Siegel, "Robust regression using repeated medians" (1982); Huber, "Robust Statistics" (1981), section 7.6
(standard errors); Beaton & Tukey (1974).
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Floats

_TUKEY = 4.685
_MAD_TO_SD = 1.4826
_ITERATIONS = 50
_SETTLED = 1e-12
#: Prices are made in ticks: residuals cannot be known to be smaller than this share of the largest strike.
_LEAST_SD = 1e-13
_FEWEST_FOR_RATE = 4
#: A chain's own rates are believed within this band, per year.
_SANE_RATE = 0.5
#: No discount factor is as small; its square still is a number.
_LEAST_DISCOUNT = 1e-100
_CURVE_ROUNDS = 30


class ParityStatus(IntEnum):
    """Why an expiry has, or has not, a forward."""

    OK = 0
    TOO_FEW_STRIKES = 1
    BAD_INPUT = 2
    NO_SANE_LINE = 3


class ParityLine(NamedTuple):
    """What put-call parity says of one expiry.

    forward, forward_se: currency. discount_factor: of the expiry. rate, rate_se: continuous per year, act/365; rate_se
    is 0 for a rate that was given. residual_median, residual_p95: of |call - put - D (F - K)| over all strikes, used or
    not, currency. residual_spread: robust standard deviation of the used ones (1.4826 x median absolute), currency.
    strikes_used: with any weight; strikes_given: with both prices. Figures are NaN where status is not OK.
    """

    forward: float
    forward_se: float
    discount_factor: float
    rate: float
    rate_se: float
    residual_median: float
    residual_p95: float
    residual_spread: float
    strikes_used: int
    strikes_given: int
    status: ParityStatus


class RateCurve(NamedTuple):
    """Zero rate of every term from the rates of many expiries: level + slope x t_years, held flat outside.

    level, slope: continuous per year, per year of term. spread: robust deviation of the expiries' rates from the curve.
    t_from, t_to: terms in years between which it was fitted. expiries_used: how many stood for it.
    """

    level: float
    slope: float
    spread: float
    t_from: float
    t_to: float
    expiries_used: int

    def at(self, t_years: npt.ArrayLike) -> Floats:
        """Rate of the terms, continuous per year, in the shape of `t_years`."""
        t = np.clip(np.asarray(t_years, dtype=np.float64), self.t_from, self.t_to)
        return np.asarray(self.level + self.slope * t)


def parity_line(
    *,
    strike: npt.ArrayLike,
    call_price: npt.ArrayLike,
    put_price: npt.ArrayLike,
    t_years: float,
    rate: float | None = None,
    price_sd: npt.ArrayLike = 1.0,
) -> ParityLine:
    """Forward, and with `rate` None the rate too, of one expiry of European options.

    strike, call_price, put_price, price_sd: one entry per strike, currency; they broadcast. A strike without two
    positive prices does not count. price_sd: how well call - put is known there; only the proportions matter (old or
    wide prices larger). t_years > 0, act/365. rate: continuous per year, or None to fit it, for which at least 4
    strikes are needed (1 otherwise). Never raises for prices: see `ParityStatus`.
    """
    k, call, put, sd = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (strike, call_price, put_price, price_sd))
    )
    usable = np.isfinite(k) & np.isfinite(call) & np.isfinite(put) & np.isfinite(sd)
    # Far below a cent of a cent: products of smaller numbers vanish.
    usable &= np.where(usable, (k > 1e-100) & (call > 1e-100) & (put > 1e-100) & (sd > 0.0), False)
    given = int(usable.sum())
    if not (np.isfinite(t_years) and t_years > 0.0) or (rate is not None and not abs(rate * t_years) <= 500.0):
        return no_line(given, ParityStatus.BAD_INPUT)
    if given < (_FEWEST_FOR_RATE if rate is None else 1):
        return no_line(given, ParityStatus.TOO_FEW_STRIKES)
    k, gap = k[usable], call[usable] - put[usable]
    weight = (float(np.median(sd[usable])) / sd[usable]) ** 2
    if rate is None:
        return _fit_both(k, gap, weight, t_years)
    return _fit_forward(k, gap, weight, t_years, rate)


def fit_rate_curve(*, t_years: npt.ArrayLike, rate: npt.ArrayLike, rate_se: npt.ArrayLike) -> RateCurve:
    """A straight line through the expiries' own rates, weighted by their errors and by whom they agree with.

    Arrays of one shape (n,): terms in years, rates and standard errors per year, as `parity_line` gives them. Rows
    that are not finite, or whose rate is beyond +-50 %, do not count; raises ValueError when none is left. With terms
    that span less than a month the curve is flat.
    """
    t, r, se = (np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (t_years, rate, rate_se))
    good = np.isfinite(t) & np.isfinite(r) & np.isfinite(se)
    good &= np.where(good, (t > 0.0) & (np.abs(r) <= _SANE_RATE) & (se > 0.0), False)
    if not good.any():
        raise ValueError("no expiry has a known rate: pass at least one with a finite rate and error.")
    t, r, se = t[good], r[good], se[good]
    bends = float(t.max() - t.min()) > 1.0 / 12.0 and t.size >= 3
    columns = np.stack([np.ones_like(t), t if bends else np.zeros_like(t)])
    coefficients = np.array([_weighted_median(r, 1.0 / se**2), 0.0])
    spread, weight = 0.0, 1.0 / se**2
    for _ in range(_CURVE_ROUNDS):
        miss = r - coefficients @ columns
        spread = _MAD_TO_SD * _weighted_median(np.abs(miss), 1.0 / (se + 1e-5))
        sd = np.hypot(se, spread)
        weight = 1.0 / (sd**2 * (1.0 + (miss / (2.0 * sd)) ** 2))
        coefficients = _least_squares(columns, r, weight) if bends else np.array([np.average(r, weights=weight), 0.0])
    used = int((np.abs(r - coefficients @ columns) <= 4.0 * np.hypot(se, spread)).sum())
    return RateCurve(float(coefficients[0]), float(coefficients[1]), spread, float(t.min()), float(t.max()), used)


def _fit_forward(k: Floats, gap: Floats, weight: Floats, t_years: float, rate: float) -> ParityLine:
    """Location of the strikes' own forwards; the discount is known."""
    discount = float(np.exp(-rate * t_years))
    forwards = k + gap / discount
    forward = _weighted_median(forwards, weight)
    used = weight
    for _ in range(_ITERATIONS):
        used = weight * _biweight((forwards - forward) * np.sqrt(weight), k)
        moved = float(np.average(forwards, weights=used))
        is_settled = abs(moved - forward) <= _SETTLED * abs(forward)
        forward = moved
        if is_settled:
            break
    if not forward > 0.0:
        return no_line(k.size, ParityStatus.NO_SANE_LINE)
    miss = forwards - forward
    freedom = max(_effective(used) - 1.0, 1.0)
    variance = float(np.sum(used * miss**2) / np.sum(used)) / freedom
    return _line(discount * miss, used, forward, float(np.sqrt(variance)), discount, rate, 0.0)


def _fit_both(k: Floats, gap: Floats, weight: Floats, t_years: float) -> ParityLine:
    """Line through (strike, call - put): slope -D, zero at F. Strikes are centred so that both errors come apart."""
    centre = float(np.average(k, weights=weight))
    x = k - centre
    slope = _repeated_median(x, gap)
    level = _weighted_median(gap - slope * x, weight)
    columns, line, used = np.stack([np.ones_like(x), x]), np.array([level, slope]), weight
    for _ in range(_ITERATIONS):
        used = weight * _biweight((gap - line @ columns) * np.sqrt(weight), k)
        moved = _least_squares(columns, gap, used)
        is_settled = bool(np.abs(moved - line).max() <= _SETTLED * (abs(line).max() + 1.0))
        line = moved
        if is_settled:
            break
    level, slope = float(line[0]), float(line[1])
    if not slope < -_LEAST_DISCOUNT:
        return no_line(k.size, ParityStatus.NO_SANE_LINE)
    discount, forward = -slope, centre - level / slope
    if not (forward > 0.0 and np.isfinite(forward)):
        return no_line(k.size, ParityStatus.NO_SANE_LINE)
    miss = gap - line @ columns
    normal = (columns * used) @ columns.T
    freedom = max(_effective(used) - 2.0, 1.0)
    scale = float(np.sum(used * miss**2) / np.sum(used)) * _effective(used) / freedom
    covariance = np.linalg.pinv(normal) * scale * float(np.sum(used)) / _effective(used)
    # F = centre - level / slope: its error by the delta method.
    by_level, by_slope = -1.0 / slope, level / slope**2
    forward_variance = (
        by_level**2 * covariance[0, 0] + 2.0 * by_level * by_slope * covariance[0, 1] + by_slope**2 * covariance[1, 1]
    )
    return _line(
        miss,
        used,
        forward,
        float(np.sqrt(max(forward_variance, 0.0))),
        discount,
        -float(np.log(discount)) / t_years,
        float(np.sqrt(max(covariance[1, 1], 0.0))) / discount / t_years,
    )


def _line(
    miss: Floats, used: Floats, forward: float, forward_se: float, discount: float, rate: float, rate_se: float
) -> ParityLine:
    size = np.abs(miss)
    counted = used > 0.0
    return ParityLine(
        forward=forward,
        forward_se=forward_se,
        discount_factor=discount,
        rate=rate,
        rate_se=rate_se,
        residual_median=float(np.median(size)),
        residual_p95=float(np.quantile(size, 0.95)),
        residual_spread=_MAD_TO_SD * float(np.median(size[counted])),
        strikes_used=int(counted.sum()),
        strikes_given=int(size.size),
        status=ParityStatus.OK,
    )


def no_line(given: int, status: ParityStatus) -> ParityLine:
    """Returns the line of an expiry that has none, and why; `given` strikes had both prices."""
    nan = float("nan")
    return ParityLine(nan, nan, nan, nan, nan, nan, nan, nan, 0, given, status)


def _biweight(miss: Floats, k: Floats) -> Floats:
    """Tukey's weights of residuals that have equal variance; all one when more than half of them are alike."""
    scale = max(_MAD_TO_SD * float(np.median(np.abs(miss))), _LEAST_SD * float(k.max()))
    share = np.minimum(np.abs(miss) / (_TUKEY * scale), 1.0)
    return np.asarray((1.0 - share * share) ** 2)


def _least_squares(columns: Floats, target: Floats, weight: Floats) -> Floats:
    """Weighted least squares; `columns` (p, n)."""
    root = np.sqrt(weight)
    return np.asarray(np.linalg.lstsq((columns * root).T, target * root, rcond=None)[0])


def _effective(weight: Floats) -> float:
    """How many equally weighted points are worth as much (Kish)."""
    return float(np.sum(weight) ** 2 / np.sum(weight**2))


def _repeated_median(x: Floats, y: Floats) -> float:
    """Median over points of the median slope to the others: holds until half of the points are wrong."""
    run, rise = x[:, None] - x[None, :], y[:, None] - y[None, :]
    apart = run != 0.0
    slopes = np.where(apart, rise / np.where(apart, run, 1.0), np.nan)
    known = apart.any(axis=1)
    return float(np.median(np.nanmedian(slopes[known], axis=1))) if known.any() else 0.0


def _weighted_median(values: Floats, weights: Floats) -> float:
    """The value at which half of the weight lies below; the middle of two where that is exactly between them."""
    order = np.argsort(values, kind="stable")
    ordered, mass = values[order], np.cumsum(weights[order])
    half = 0.5 * mass[-1]
    first = int(np.searchsorted(mass, half * (1.0 - 1e-12)))
    if abs(mass[first] - half) <= 1e-12 * half and first + 1 < ordered.size:
        return float(0.5 * (ordered[first] + ordered[first + 1]))
    return float(ordered[first])
