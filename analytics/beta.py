"""Beta of symbols against a benchmark from daily closes: ordinary least squares and two shrunk readings of it.

Model: r_symbol = alpha + beta x r_benchmark + e, one equation per pair of consecutive closes, unweighted. Returns are
simple by default, because a book's delta is moved by dx / x = beta x dI / I; log returns are offered and give a beta
a few thousandths away. Closes must be adjusted for splits and dividends: an unadjusted split is a return of -50 %.

Shrinkage, each under its own name, because a sample beta far from 1 is mostly a lucky or unlucky sample:
    Blume    1/3 + 2/3 x beta (Blume 1971, the "adjusted beta" of data vendors); does not look at the error
    Vasicek  w x beta + (1 - w) x prior mean, w = prior variance / (prior variance + standard error^2) (Vasicek 1973);
             a long, clean sample keeps its own beta and a short, noisy one moves to the prior
"""

from enum import Enum, IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats

TWO_YEARS_OF_RETURNS = 504
"""Default window, as at Interactive Brokers: daily returns of the past two years."""
MIN_OBSERVATIONS = 60
"""A quarter of trading days; with fewer the standard error of a stock's beta is of the size of beta itself."""
BLUME_WEIGHT = 2.0 / 3.0
PRIOR_MEAN = 1.0
PRIOR_STDEV = 0.5
"""Spread of betas across listed US stocks, roughly; the caller's own cross-section is better."""
# A return is a quotient of two rounded closes less 1: variation below this is rounding, not movement.
_FLAT_STDEV = 1e-14


class ReturnKind(Enum):
    """What is regressed."""

    SIMPLE = "simple"
    LOG = "log"


class BetaStatus(IntEnum):
    """Why a symbol has no beta."""

    OK = 0
    BAD_CLOSE = 1
    BAD_BENCHMARK_CLOSE = 2
    TOO_FEW_OBSERVATIONS = 3
    FLAT_CLOSES = 4
    FLAT_BENCHMARK = 5


class AlignedCloses(NamedTuple):
    """Closes of the days that both have. dates: ascending; closes, benchmark_closes: one per date."""

    dates: npt.NDArray[np.datetime64]
    closes: Floats
    benchmark_closes: Floats


class BetaEstimate(NamedTuple):
    """One entry per symbol (shape of `closes` without its last axis); figures are NaN unless status is OK.

    beta, alpha_per_day, standard_error (of beta), r_squared, residual_stdev_per_day: least squares, n - 2 degrees of
    freedom; alpha as a return per day. beta_blume, beta_vasicek: shrunk. observations: returns used. missing: returns
    of the window that could not be used for want of a close. window: returns looked back over. status: codes of
    `BetaStatus`.
    """

    beta: Floats
    beta_blume: Floats
    beta_vasicek: Floats
    standard_error: Floats
    alpha_per_day: Floats
    r_squared: Floats
    residual_stdev_per_day: Floats
    observations: npt.NDArray[np.int64]
    missing: npt.NDArray[np.int64]
    window: int
    status: npt.NDArray[np.int8]


class _Fit(NamedTuple):
    """Least squares of each row: what the figures are made of."""

    beta: Floats
    alpha: Floats
    variance_x: Floats
    variance_y: Floats
    sum_xx: Floats
    sum_ee: Floats
    sum_yy: Floats


def align_closes(
    *, dates: npt.ArrayLike, closes: npt.ArrayLike, benchmark_dates: npt.ArrayLike, benchmark_closes: npt.ArrayLike
) -> AlignedCloses:
    """Keep the days that both series have (inner join), ascending.

    dates: days (datetime64, or what numpy makes one of), any order, none twice. A return over a day that one of them
    lacks spans the same days for both. Raises ValueError for lengths that differ and days given twice.
    """
    own = _series("symbol", dates, closes)
    benchmark = _series("benchmark", benchmark_dates, benchmark_closes)
    common, at_own, at_benchmark = np.intersect1d(own[0], benchmark[0], assume_unique=True, return_indices=True)
    return AlignedCloses(common, own[1][at_own], benchmark[1][at_benchmark])


def estimate(
    *,
    closes: npt.ArrayLike,
    benchmark_closes: npt.ArrayLike,
    window: int = TWO_YEARS_OF_RETURNS,
    returns: ReturnKind = ReturnKind.SIMPLE,
    min_observations: int = MIN_OBSERVATIONS,
    prior_mean: float = PRIOR_MEAN,
    prior_stdev: float = PRIOR_STDEV,
) -> BetaEstimate:
    """Estimate the beta of one symbol or many from aligned daily closes, oldest first.

    closes: shape (..., days), one row per symbol; benchmark_closes: (days,), the same days. The last `window` returns
    are used (all of them when there are fewer). NaN is a missing day: the two returns that touch it are left out,
    never bridged. A close in the window that is zero, negative or infinite is an error of the data and gives
    BAD_CLOSE; fewer than `min_observations` usable returns give TOO_FEW_OBSERVATIONS; closes that never move have no
    beta (FLAT_CLOSES, FLAT_BENCHMARK). One bad symbol leaves the others alone.

    Raises ValueError for shapes that do not fit, window < 3, min_observations < 3 or a prior_stdev that is not > 0.
    """
    own, benchmark = np.asarray(closes, np.float64), np.asarray(benchmark_closes, np.float64)
    if benchmark.ndim != 1 or own.ndim < 1 or own.shape[-1] != benchmark.size:
        raise ValueError(
            f"closes {own.shape} and benchmark_closes {benchmark.shape} do not share their days: "
            "give (..., days) and (days,), joined by date first (align_closes)."
        )
    if window < 3 or min_observations < 3 or not 0.0 < prior_stdev < np.inf or not np.isfinite(prior_mean):
        raise ValueError(
            f"window {window} and min_observations {min_observations} must be 3 or more, prior_mean {prior_mean} a "
            f"number and prior_stdev {prior_stdev} > 0."
        )
    own, benchmark = own[..., -(window + 1) :], benchmark[-(window + 1) :]
    y = _returns(own, returns)
    x = np.broadcast_to(_returns(benchmark, returns), y.shape)
    usable = np.isfinite(y) & np.isfinite(x)
    observations = usable.sum(axis=-1)
    fit = _least_squares(np.where(usable, x, 0.0), np.where(usable, y, 0.0), usable)
    status = _status(own, benchmark, observations, min_observations, fit)
    return _figures(fit, observations, status, usable.shape[-1], prior_mean, prior_stdev)


def _series(whose: str, dates: npt.ArrayLike, closes: npt.ArrayLike) -> tuple[npt.NDArray[np.datetime64], Floats]:
    days, values = np.asarray(dates, dtype="datetime64[D]"), np.asarray(closes, dtype=np.float64)
    if days.ndim != 1 or days.shape != values.shape:
        raise ValueError(f"the {whose} has {days.shape} dates and {values.shape} closes: give one close per date.")
    if np.unique(days).size != days.size:
        raise ValueError(f"the {whose} has days twice: keep one close per date.")
    return days, values


def _returns(closes: Floats, kind: ReturnKind) -> Floats:
    """Return from each close to the next along the last axis; NaN where either is missing or not a price."""
    prices = np.where((closes > 0.0) & (closes < np.inf), closes, np.nan)
    with np.errstate(over="ignore", divide="ignore"):
        quotient = prices[..., 1:] / prices[..., :-1]
        return np.log(quotient) if kind is ReturnKind.LOG else quotient - 1.0


def _least_squares(x: Floats, y: Floats, usable: Bools) -> _Fit:
    """Fit each row over its usable entries (the others are 0 in x and y); centred first, which keeps the digits."""
    count = np.maximum(usable.sum(axis=-1, keepdims=True), 1)
    mean_x, mean_y = x.sum(axis=-1, keepdims=True) / count, y.sum(axis=-1, keepdims=True) / count
    dx, dy = np.where(usable, x - mean_x, 0.0), np.where(usable, y - mean_y, 0.0)
    sum_xx, sum_yy, sum_xy = (dx * dx).sum(axis=-1), (dy * dy).sum(axis=-1), (dx * dy).sum(axis=-1)
    beta = sum_xy / np.where(sum_xx > 0.0, sum_xx, 1.0)
    residual = dy - beta[..., None] * dx
    many = count[..., 0]
    return _Fit(
        beta=beta,
        alpha=mean_y[..., 0] - beta * mean_x[..., 0],
        variance_x=sum_xx / many,
        variance_y=sum_yy / many,
        sum_xx=sum_xx,
        sum_ee=(residual * residual).sum(axis=-1),
        sum_yy=sum_yy,
    )


def _status(
    own: Floats, benchmark: Floats, observations: npt.NDArray[np.int64], min_observations: int, fit: _Fit
) -> npt.NDArray[np.int8]:
    """Reason per symbol; the first that holds in the order of the data's way: closes, number, movement."""
    status = np.full(observations.shape, BetaStatus.OK, dtype=np.int8)
    status[fit.variance_x <= _FLAT_STDEV**2] = BetaStatus.FLAT_BENCHMARK
    status[fit.variance_y <= _FLAT_STDEV**2] = BetaStatus.FLAT_CLOSES
    status[observations < min_observations] = BetaStatus.TOO_FEW_OBSERVATIONS
    status[_is_bad(own).any(axis=-1)] = BetaStatus.BAD_CLOSE
    if _is_bad(benchmark).any():
        status[...] = BetaStatus.BAD_BENCHMARK_CLOSE
    return status


def _is_bad(closes: Floats) -> Bools:
    """Neither a price nor a missing day."""
    return (closes <= 0.0) | np.isinf(closes)


def _figures(
    fit: _Fit,
    observations: npt.NDArray[np.int64],
    status: npt.NDArray[np.int8],
    window: int,
    prior_mean: float,
    prior_stdev: float,
) -> BetaEstimate:
    ok = status == BetaStatus.OK
    nan = np.where(ok, 0.0, np.nan)
    variance_e = fit.sum_ee / np.where(ok, observations - 2, 1)
    error_squared = variance_e / np.where(ok, fit.sum_xx, 1.0)
    weight = prior_stdev**2 / (prior_stdev**2 + error_squared)
    return BetaEstimate(
        beta=fit.beta + nan,
        beta_blume=1.0 - BLUME_WEIGHT + BLUME_WEIGHT * fit.beta + nan,
        beta_vasicek=weight * fit.beta + (1.0 - weight) * prior_mean + nan,
        standard_error=np.sqrt(error_squared) + nan,
        alpha_per_day=fit.alpha + nan,
        r_squared=1.0 - fit.sum_ee / np.where(ok, fit.sum_yy, 1.0) + nan,
        residual_stdev_per_day=np.sqrt(variance_e) + nan,
        observations=observations,
        missing=window - observations,
        window=window,
        status=status,
    )
