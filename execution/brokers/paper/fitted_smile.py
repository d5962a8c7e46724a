"""The surface of a recorded chain, moved from there.

An expiry's smile is its shape: total variance over the money's, as a function of standard deviations from the money,
    w(k) = theta * exp(2 L(z)),  z = k / sqrt(theta),
with L a uniform cubic spline from `LOW` to `HIGH` and w linear beyond. As vol and time move, theta moves and L stays:
a smile keeps its look in standard deviations.

No butterfly: Durrleman's condition (Gatheral & Jacquier, "Arbitrage-free SVI volatility surfaces", 2014, lemma 2.2) in
these terms is (1 - z L')^2 + G (L'' + L'^2) - theta G^2 L'^2 / 4 >= 0 with G = exp(2 L): theta enters only in the last
term, so a shape that holds it for the largest theta holds it for every smaller one. The solver sees to that.
No calendar spread below zero: an expiry's variance is the largest of its own and all earlier ones' at the same k. Black
prices rise with variance, so that is the largest of several convex prices, which is convex: no butterfly returns.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from execution.brokers.paper.surface import BoolArray, FloatArray, IntArray, years_between

#: Ends of the splines in standard deviations at the money, and the distance of their knots.
LOW: Final = -14.0
HIGH: Final = 8.0
STEP: Final = 0.5
#: Coefficients of a shape.
COEFFICIENTS: Final = round((HIGH - LOW) / STEP) + 3
#: How fast a change of the short-term variance fades with the term, per year.
KAPPA: Final = 4.0
#: The k at which expiries are compared: dense near the money, where short ones live.
_COMPARED_K: Final = np.concatenate([-np.geomspace(3.0, 5e-4, 70), [0.0], np.geomspace(5e-4, 1.5, 50)])


def spline_weights(z: FloatArray, order: int = 0) -> tuple[IntArray, FloatArray]:
    """Returns the first of four coefficients that matter at `z` in [LOW, HIGH] and their weights, shape (4, n).

    `order`: 0 the value, 1 and 2 the derivatives by z.
    """
    place = (z - LOW) / STEP
    first = np.clip(place.astype(np.int64), 0, COEFFICIENTS - 4)
    u = place - first
    v = 1.0 - u
    if order == 0:
        square, cube = u * u, u * u * u
        middle = (4.0 - 6.0 * square + 3.0 * cube) / 6.0
        last = cube / 6.0
        weights = np.stack([v * v * v / 6.0, middle, 1.0 - middle - last - v * v * v / 6.0, last])
    elif order == 1:
        weights = np.stack([-v * v, 3.0 * u * u - 4.0 * u, -3.0 * u * u + 2.0 * u + 1.0, u * u]) / (2.0 * STEP)
    else:
        weights = np.stack([v, 3.0 * u - 2.0, 1.0 - 3.0 * u, u]) / STEP**2
    return first, weights


def variance_lift(t_years: FloatArray, log_variance: float) -> FloatArray:
    """Returns what total variance to each term is multiplied by when the short-term variance moves by a log amount."""
    decay = KAPPA * np.maximum(t_years, 1e-9)
    return np.asarray(1.0 - np.expm1(log_variance) * np.expm1(-decay) / decay)


class _Shapes:
    """Shapes of many expiries, (n, COEFFICIENTS)."""

    def __init__(self, coefficients: FloatArray) -> None:
        self._flat = np.ascontiguousarray(coefficients).ravel()
        ends = []
        for z, outwards in ((LOW, -1.0), (HIGH, 1.0)):
            first, weights = spline_weights(np.array([z]), 1)
            slope = 2.0 * coefficients[:, first[0] : first[0] + 4] @ weights[:, 0]
            # Variance never falls on the way out.
            ends.append(outwards * np.maximum(outwards * slope, 0.0))
        self._ends = np.concatenate(ends)
        self._count = len(coefficients)

    def relative_variance(self, which: IntArray, z: FloatArray) -> FloatArray:
        """Returns total variance over theta of shapes `which` at `z`; shapes broadcast."""
        inside = np.minimum(np.maximum(z, LOW), HIGH)
        first, weights = spline_weights(inside)
        at = which * COEFFICIENTS + first
        flat = self._flat
        log_vol = weights[0] * flat[at]
        for number in (1, 2, 3):
            log_vol += weights[number] * flat[at + number]
        relative: FloatArray = np.exp(2.0 * log_vol)
        beyond = z - inside
        if beyond.any():
            relative *= 1.0 + self._ends[which + self._count * (beyond > 0.0)] * beyond
        return relative


class FittedSurface:
    """A fitted smile at one moment; the arrays of all its expiries, of which `rows` were asked for."""

    def __init__(self, shapes: _Shapes, theta: FloatArray, rows: IntArray) -> None:
        self._shapes, self._all_theta, self._rows = shapes, theta, rows
        self._leaders = _leaders(self._own(np.arange(theta.size)[:, None], _COMPARED_K[None, :]))

    @property
    def theta(self) -> FloatArray:
        """As the protocol says."""
        return np.asarray(self._all_theta[self._rows])

    def variance(self, which: IntArray, k: FloatArray) -> FloatArray:
        """As the protocol says: the largest of the expiry's own variance and those of earlier expiries above it."""
        leaders = self._leaders[self._rows[which]]
        found = self._own(leaders[:, 0], k)
        for column in range(1, leaders.shape[1]):
            other = np.flatnonzero(leaders[:, column] != leaders[:, 0])
            if other.size:
                found[other] = np.maximum(found[other], self._own(leaders[other, column], k[other]))
        return found

    def _own(self, which: IntArray, k: FloatArray) -> FloatArray:
        theta = self._all_theta[which]
        alive = theta > 0.0
        z = k / np.sqrt(np.where(alive, theta, 1.0))
        return np.asarray(theta * self._shapes.relative_variance(which, z))


def _leaders(variance: FloatArray) -> IntArray:
    """Per expiry itself and the earlier expiries that lie above it somewhere, (n, most of them), padded with itself."""
    numbers = np.arange(len(variance))
    highest = np.maximum.accumulate(variance, axis=0)
    holder = np.maximum.accumulate(np.where(variance >= highest, numbers[:, None], 0), axis=0)
    crossed: BoolArray = (holder != numbers[:, None]).any(axis=1)
    found = {int(row): np.setdiff1d(holder[row], row) for row in np.flatnonzero(crossed)}
    columns = 1 + max((above.size for above in found.values()), default=0)
    leaders = np.repeat(numbers[:, None], columns, axis=1)
    for row, above in found.items():
        leaders[row, 1 : 1 + above.size] = above
    return leaders


class FittedSmile:
    """Shapes fitted to a recorded chain at `fitted_at_s`, moved from there.

    Time: an expiry keeps its vol in the money as it comes nearer. Level: `variance_lift`, so the front reacts most.
    """

    def __init__(
        self, *, expires_s: FloatArray, theta: FloatArray, shapes: FloatArray, carry: FloatArray, fitted_at_s: float
    ) -> None:
        self._expires_s, self._theta, self._carry = expires_s, theta, carry
        self._shapes = _Shapes(shapes)
        self._t_fitted = years_between(fitted_at_s, expires_s)

    def surface(self, expires_s: FloatArray, at_s: float, log_variance: float) -> FittedSurface:
        """As the protocol says; `expires_s` must be fitted ones."""
        t = years_between(at_s, self._expires_s)
        theta = self._theta * (t / self._t_fitted) * variance_lift(t, log_variance)
        return FittedSurface(self._shapes, theta, np.searchsorted(self._expires_s, expires_s))

    def carry(self, expires_s: FloatArray, at_s: float) -> FloatArray:
        """As the protocol says: the fitted carry, shrinking with the time left."""
        rows = np.searchsorted(self._expires_s, expires_s)
        return self._carry[rows] * years_between(at_s, self._expires_s[rows]) / self._t_fitted[rows]

    def knows(self, expires_s: float) -> bool:
        """As the protocol says: fitted ones."""
        return bool((self._expires_s == expires_s).any())
