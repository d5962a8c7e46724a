"""The form of a smile: a cubic spline in standard deviations from the money, straight in total variance beyond it.

An expiry's smile is its shape: total variance over the money's, as a function of standard deviations from the money,
    w(k) = theta * exp(2 L(z)),  z = k / sqrt(theta),  k = ln(strike / forward),
with L a uniform cubic spline from `LOW` to `HIGH` and w linear in k beyond, which is what Lee's moment formula allows
at most (a slope of w in k up to 2).

No butterfly: Durrleman's condition in these terms is (1 - z L')^2 + G (L'' + L'^2) - theta G^2 L'^2 / 4 >= 0 with
G = exp(2 L): theta enters only in the last term, so a shape that holds it for the largest theta holds it for every
smaller one. The solver sees to that.
Sources: Gatheral & Jacquier, "Arbitrage-free SVI volatility surfaces" (2014), lemma 2.2; R. Lee, "The moment formula
for implied volatility at extreme strikes" (2004).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import Bools, Floats

Ints = npt.NDArray[np.int64]

#: Ends of the splines in standard deviations at the money, and the distance of their knots.
LOW: Final = -14.0
HIGH: Final = 8.0
STEP: Final = 0.5
#: Coefficients of a shape.
COEFFICIENTS: Final = round((HIGH - LOW) / STEP) + 3


def spline_weights(z: Floats, order: int = 0) -> tuple[Ints, Floats]:
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


class SmileShapes:
    """Shapes of many expiries, (n, COEFFICIENTS)."""

    def __init__(self, coefficients: Floats) -> None:
        self._flat = np.ascontiguousarray(coefficients).ravel()
        ends = []
        for z, outwards in ((LOW, -1.0), (HIGH, 1.0)):
            first, weights = spline_weights(np.array([z]), 1)
            slope = 2.0 * coefficients[:, first[0] : first[0] + 4] @ weights[:, 0]
            # Variance never falls on the way out.
            ends.append(outwards * np.maximum(outwards * slope, 0.0))
        self._ends = np.concatenate(ends)
        self._count = len(coefficients)

    def relative_variance(self, which: Ints, z: Floats) -> Floats:
        """Returns total variance over theta of shapes `which` at `z`; shapes broadcast."""
        inside = np.minimum(np.maximum(z, LOW), HIGH)
        first, weights = spline_weights(inside)
        at = which * COEFFICIENTS + first
        flat = self._flat
        log_vol = weights[0] * flat[at]
        for number in (1, 2, 3):
            log_vol += weights[number] * flat[at + number]
        relative: Floats = np.exp(2.0 * log_vol)
        beyond = z - inside
        if beyond.any():
            relative *= 1.0 + self._ends[which + self._count * (beyond > 0.0)] * beyond
        return relative


def variance_leaders(variance: Floats) -> Ints:
    """Per expiry itself and the earlier expiries that lie above it somewhere, (n, most of them), padded with itself."""
    numbers = np.arange(len(variance))
    highest = np.maximum.accumulate(variance, axis=0)
    holder = np.maximum.accumulate(np.where(variance >= highest, numbers[:, None], 0), axis=0)
    crossed: Bools = (holder != numbers[:, None]).any(axis=1)
    found = {int(row): np.setdiff1d(holder[row], row) for row in np.flatnonzero(crossed)}
    columns = 1 + max((above.size for above in found.values()), default=0)
    leaders = np.repeat(numbers[:, None], columns, axis=1)
    for row, above in found.items():
        leaders[row, 1 : 1 + above.size] = above
    return leaders
