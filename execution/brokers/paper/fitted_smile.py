"""The surface of a recorded chain, moved from there.

An expiry's smile is its shape: total variance over the money's, as a function of standard deviations from the money
(`analytics.volatility.spline`). As vol and time move, theta moves and L stays: a smile keeps its look in standard
deviations. The solver holds every shape free of butterflies for the largest theta, hence for every smaller one.
No calendar spread below zero: an expiry's variance is the largest of its own and all earlier ones' at the same k. Black
prices rise with variance, so that is the largest of several convex prices, which is convex: no butterfly returns.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analytics.volatility.spline import SmileShapes, variance_leaders
from execution.brokers.paper.surface import FloatArray, IntArray, years_between

#: How fast a change of the short-term variance fades with the term, per year.
KAPPA: Final = 4.0
#: The k at which expiries are compared: dense near the money, where short ones live.
_COMPARED_K: Final = np.concatenate([-np.geomspace(3.0, 5e-4, 70), [0.0], np.geomspace(5e-4, 1.5, 50)])


def variance_lift(t_years: FloatArray, log_variance: float) -> FloatArray:
    """Returns what total variance to each term is multiplied by when the short-term variance moves by a log amount."""
    decay = KAPPA * np.maximum(t_years, 1e-9)
    return np.asarray(1.0 - np.expm1(log_variance) * np.expm1(-decay) / decay)


class FittedSurface:
    """A fitted smile at one moment; the arrays of all its expiries, of which `rows` were asked for."""

    def __init__(self, shapes: SmileShapes, theta: FloatArray, rows: IntArray) -> None:
        self._shapes, self._all_theta, self._rows = shapes, theta, rows
        self._leaders = variance_leaders(self._own(np.arange(theta.size)[:, None], _COMPARED_K[None, :]))

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


class FittedSmile:
    """Shapes fitted to a recorded chain at `fitted_at_s`, moved from there.

    Time: an expiry keeps its vol in the money as it comes nearer. Level: `variance_lift`, so the front reacts most.
    """

    def __init__(
        self,
        *,
        expires_s: FloatArray,
        theta: FloatArray,
        shapes: FloatArray,
        carry: FloatArray,
        fitted_at_s: float,
        lean: float = 0.0,
    ) -> None:
        """`lean`: the part of every carry that is no carry, see `Smile.lean`."""
        self._expires_s, self._theta, self._carry, self._lean = expires_s, theta, carry, lean
        self._shapes = SmileShapes(shapes)
        self._t_fitted = years_between(fitted_at_s, expires_s)

    def surface(self, expires_s: FloatArray, at_s: float, log_variance: float) -> FittedSurface:
        """As the protocol says; `expires_s` must be fitted ones."""
        t = years_between(at_s, self._expires_s)
        theta = self._theta * (t / self._t_fitted) * variance_lift(t, log_variance)
        return FittedSurface(self._shapes, theta, np.searchsorted(self._expires_s, expires_s))

    def carry(self, expires_s: FloatArray, at_s: float) -> FloatArray:
        """As the protocol says: the fitted carry, shrinking with the time left."""
        rows = np.searchsorted(self._expires_s, expires_s)
        return self._carry[rows] * self._left(rows, at_s)

    def lean(self, expires_s: FloatArray, at_s: float) -> FloatArray:
        """As the protocol says: the fitted one, shrinking with the time left as the carry does."""
        return self._lean * self._left(np.searchsorted(self._expires_s, expires_s), at_s)

    def _left(self, rows: IntArray, at_s: float) -> FloatArray:
        """Time left as a share of the time left at the fit."""
        return years_between(at_s, self._expires_s[rows]) / self._t_fitted[rows]

    def knows(self, expires_s: float) -> bool:
        """As the protocol says: fitted ones."""
        return bool((self._expires_s == expires_s).any())
