"""A slope and curvature per underlying and expiry from vols that can be seen, for shocks whose smile slides.

Not a surface to price from: `analytics.volatility` has that. Here only the shape matters, and a bad quote must not
bend it: least absolute deviations by reweighting, one fit per underlying and expiry.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats
from analytics.book import BookArrays, Model, Rows
from analytics.scenarios.shocks import ScenarioError, SmileRows

_SECONDS_PER_YEAR = 365.0 * 86_400.0
_QUADRATIC_POINTS = 5
_ROUNDS = 30
#: Standard deviations from the money.
_REACH = 3.0


class SmilePoints(NamedTuple):
    """Vols seen, one entry each: underlying (row of the book's table), expiry, strike, forward of that expiry, vol."""

    underlying: npt.ArrayLike
    expiry_epoch_s: npt.ArrayLike
    strike: npt.ArrayLike
    forward: npt.ArrayLike
    vol: npt.ArrayLike


class SmileFit(NamedTuple):
    """f(k) = slope x k + curvature x k^2 over low..high; points: vols behind it, 0 where there is no fit."""

    slope: float
    curvature: float
    low: float
    high: float
    points: int


_FLAT = SmileFit(0.0, 0.0, 0.0, 0.0, 0)


def book_smiles(book: BookArrays, *, now_epoch_s: float, points: SmilePoints | None = None) -> SmileRows:
    """One smile per position of the book, from `points` or (None) from the fresh vols of the book's own options.

    A position's smile is that of its underlying and expiry. Linear rows, expired options and expiries that have not
    enough vols to show a shape (`fit_smile`) get a flat one with `points` 0 and stay on their strike's vol.
    Raises `ScenarioError` when the columns of `points` differ in length.
    """
    seen = own_points(book, now_epoch_s) if points is None else points
    under = np.atleast_1d(np.asarray(seen.underlying, dtype=np.intp))
    expiry, strike, forward, vol = (np.atleast_1d(np.asarray(part, dtype=np.float64)) for part in seen[1:])
    if any(part.shape != under.shape for part in (expiry, strike, forward, vol)):
        raise ScenarioError("the columns of the smile points differ in length. Give one entry of each per vol.")
    good = (strike > 0.0) & (forward > 0.0) & (vol > 0.0) & np.isfinite(strike + forward + vol)
    good &= expiry > now_epoch_s
    moneyness, seen_vol = np.log(strike[good] / forward[good]), vol[good]
    pairs = np.column_stack((under[good], expiry[good]))
    option = np.flatnonzero(book.model != Model.LINEAR)
    wanted = np.column_stack((book.underlying[option], book.expiry_epoch_s[option]))
    expiries, code = np.unique(np.concatenate((pairs, wanted)), axis=0, return_inverse=True)
    code = code.ravel()
    fits = np.zeros((len(expiries), len(_FLAT)))
    for group in np.unique(code[: len(pairs)]).tolist():
        mine = code[: len(pairs)] == group
        years = (float(expiries[group, 1]) - now_epoch_s) / _SECONDS_PER_YEAR
        fits[group] = fit_smile(log_moneyness=moneyness[mine], vol=seen_vol[mine], t_years=years)
    rows = np.zeros((len(book), len(_FLAT)))
    rows[option] = fits[code[len(pairs) :]]
    slope, curvature, low, high, count = rows.T.copy()
    return SmileRows(slope, curvature, low, high, count.astype(np.intp))


def own_points(book: BookArrays, now_epoch_s: float) -> SmilePoints:
    """The vols of the book's own options that are known, not stale, and not past their expiry."""
    option = (book.model != Model.LINEAR) & ~np.isnan(book.vol) & ~book.vol_stale
    at: Rows = np.flatnonzero(option & (book.expiry_epoch_s > now_epoch_s))
    growth = (book.rate[at] - book.carry_yield(at)) * book.t_years(now_epoch_s, at)
    forward = book.spot[book.underlying[at]] * np.exp(growth)
    return SmilePoints(book.underlying[at], book.expiry_epoch_s[at], book.strike[at], forward, book.vol[at])


def fit_smile(*, log_moneyness: npt.ArrayLike, vol: npt.ArrayLike, t_years: float) -> SmileFit:
    """Shape of one expiry's smile by least absolute deviations; level is free and not returned.

    log_moneyness: ln(strike / forward). A standard deviation is the median of the five vols nearest to the money times
    sqrt(t_years); vols further out than `_REACH` of them are left aside, no parabola holds there. A line from two
    strikes at least half a standard deviation apart, a parabola from five that span a whole one; with less there is
    no shape to see and the fit is flat with 0 points. Outliers among three or more strikes do not pull it.
    """
    k, v = np.asarray(log_moneyness, dtype=np.float64), np.asarray(vol, dtype=np.float64)
    if k.size < 2:
        return _FLAT
    deviation = float(np.median(v[np.argsort(np.abs(k), kind="stable")[:5]])) * float(np.sqrt(t_years))
    near = np.abs(k) <= _REACH * deviation
    k, v = k[near], v[near]
    strikes = np.unique(k)
    if strikes.size < 2:
        return _FLAT
    span = float(strikes[-1] - strikes[0])
    if span < 0.5 * deviation or span == 0.0:
        return _FLAT
    degree = 2 if strikes.size >= _QUADRATIC_POINTS and span >= deviation else 1
    # Scaled to the span, so that the equations are as well conditioned for a day as for three years.
    powers = np.vander(k / span, degree + 1, increasing=True)
    shape, trusted = _least_absolute(powers, v)
    curvature = float(shape[2]) / span**2 if degree == 2 else 0.0
    seen = k[trusted]
    return SmileFit(float(shape[1]) / span, curvature, float(seen.min()), float(seen.max()), int(seen.size))


def _least_absolute(powers: Floats, values: Floats) -> tuple[Floats, Bools]:
    """Coefficients, and the points within 6 robust deviations of them (all when the fit is exact)."""
    weight: Floats = np.ones(values.size)
    small = 1e-6 * float(np.median(values))
    coefficients: Floats = np.zeros(powers.shape[1])
    for _ in range(_ROUNDS):
        weighted = powers * weight[:, None]
        coefficients = np.asarray(np.linalg.lstsq(weighted.T @ powers, weighted.T @ values, rcond=None)[0])
        weight = small / np.maximum(np.abs(values - powers @ coefficients), small)
    miss = np.abs(values - powers @ coefficients)
    return coefficients, np.asarray(miss <= np.maximum(6.0 * np.median(miss), 100.0 * small))
