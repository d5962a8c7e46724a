"""Solves for the smile shapes of many expiries at once from vols of unequal certainty.

A penalised spline (Eilers & Marx, "Flexible smoothing with B-splines and penalties", 1996) in standard deviations from
the money, coupled between neighbouring expiries, robust against prints that contradict their neighbours (Cauchy
weights), and held free of butterflies: where Durrleman's expression falls under a margin, the step is drawn to where it
does not.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from execution.brokers.paper.fitted_smile import COEFFICIENTS, HIGH, LOW, STEP, spline_weights
from execution.brokers.paper.surface import FloatArray, IntArray

_ITERATIONS: Final = 30
_SETTLED: Final = 1e-4
#: How unlike a straight line (second differences), a parabola (third), and the neighbour in time a shape is expected
#: to be; the last per square root of a unit of log time.
_BEND_SD: Final = 0.10
_TWIST_SD: Final = 0.04
_NEIGHBOUR_SD: Final = 0.10
_NEIGHBOUR_LEAST_SD: Final = 0.004
_LEVEL_SD: Final = 1.0
_SHAPE_MARGIN: Final = 0.02
_SHAPE_SD: Final = 0.003
_COLLOCATION: Final = np.arange(LOW, HIGH + 1e-9, STEP / 4.0)


class Observations(NamedTuple):
    """Vols seen, columns of equal length.

    of: number of the expiry. z: standard deviations from the money. log_vol: ln(vol / the expiry's reference vol), known
    to `sd`. row: row of the chain file.
    """

    of: IntArray
    z: FloatArray
    log_vol: FloatArray
    sd: FloatArray
    row: IntArray


def fit_shapes(seen: Observations, t: FloatArray, theta_most: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Returns shapes (n, COEFFICIENTS) and the residuals of the observations in their uncertainties.

    `theta_most`: the largest total variance in the money at which the shapes must hold no butterfly, (n,).
    """
    count = t.size
    inside = (seen.z >= LOW) & (seen.z <= HIGH)
    first, weights = spline_weights(np.clip(seen.z, LOW, HIGH))
    usable = np.where(inside, 1.0 / seen.sd**2, 0.0)
    smooth = _smoothness()
    coupling = 1.0 / (_NEIGHBOUR_SD**2 * np.diff(np.log(t)) + _NEIGHBOUR_LEAST_SD**2)
    shapes = np.zeros((count, COEFFICIENTS))
    for number in range(_ITERATIONS):
        residual = seen.log_vol - _value(shapes, seen.of, first, weights)
        weight = usable / (1.0 + (residual / (2.0 * seen.sd)) ** 2) if number else usable
        blocks, right = _data_terms(count, seen.of, first, weights, weight, seen.log_vol)
        blocks += smooth
        _add_shape_terms(blocks, right, shapes, theta_most)
        moved = _solve_chain(blocks, right, coupling)
        step = moved - shapes
        shapes = moved
        if np.abs(step).max() < _SETTLED:
            break
    residual = seen.log_vol - _value(shapes, seen.of, first, weights)
    return shapes, np.where(inside, residual / seen.sd, 0.0)


def butterfly_room(shapes: FloatArray, theta: FloatArray, z: FloatArray) -> FloatArray:
    """Returns Durrleman's expression of shapes (n, COEFFICIENTS) at `z` (m,), shape (n, m); below 0 is arbitrage."""
    level, slope, bend = (shapes @ _basis(z, order).T for order in range(3))
    relative = np.exp(2.0 * level)
    return (
        (1.0 - z * slope) ** 2
        + relative * (bend + slope * slope)
        - 0.25 * theta[:, None] * (relative * slope) ** 2
    )


def _basis(z: FloatArray, order: int) -> FloatArray:
    first, weights = spline_weights(z, order)
    basis = np.zeros((z.size, COEFFICIENTS))
    for number in range(4):
        basis[np.arange(z.size), first + number] = weights[number]
    return basis


def _value(shapes: FloatArray, of: IntArray, first: IntArray, weights: FloatArray) -> FloatArray:
    return np.asarray(sum(weights[number] * shapes[of, first + number] for number in range(4)))


def _smoothness() -> FloatArray:
    bend = np.diff(np.eye(COEFFICIENTS), n=2, axis=0) / _BEND_SD
    twist = np.diff(np.eye(COEFFICIENTS), n=3, axis=0) / _TWIST_SD
    return np.asarray(bend.T @ bend + twist.T @ twist + np.eye(COEFFICIENTS) / _LEVEL_SD**2)


def _data_terms(
    count: int, of: IntArray, first: IntArray, weights: FloatArray, weight: FloatArray, target: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The observations' part of the normal equations: (n, m, m) and (n, m)."""
    size = COEFFICIENTS
    blocks, right = np.zeros(count * size * size), np.zeros(count * size)
    for p in range(4):
        at = of * size + first + p
        right += np.bincount(at, weight * weights[p] * target, minlength=right.size)
        for q in range(4):
            blocks += np.bincount(at * size + first + q, weight * weights[p] * weights[q], minlength=blocks.size)
    return blocks.reshape(count, size, size), right.reshape(count, size)


def _add_shape_terms(blocks: FloatArray, right: FloatArray, shapes: FloatArray, theta: FloatArray) -> None:
    """Adds, where the shapes allow a butterfly, a pull to where the linearised expression reaches the margin."""
    bases = [_basis(_COLLOCATION, order) for order in range(3)]
    level, slope, bend = (shapes @ basis.T for basis in bases)
    z, relative, wide = _COLLOCATION, np.exp(2.0 * level), theta[:, None]
    room = butterfly_room(shapes, theta, z)
    by_level = relative * (2.0 * (bend + slope * slope) - wide * relative * slope * slope)
    by_slope = -2.0 * z * (1.0 - z * slope) + 2.0 * relative * slope - 0.5 * wide * relative**2 * slope
    for number in np.flatnonzero((room < _SHAPE_MARGIN).any(axis=1)):
        short = room[number] < _SHAPE_MARGIN
        rows = sum(
            factor[short, None] * basis[short]
            for factor, basis in zip((by_level[number], by_slope[number], relative[number]), bases, strict=True)
        )
        rows = np.asarray(rows) / _SHAPE_SD
        wanted = rows @ shapes[number] + (_SHAPE_MARGIN - room[number][short]) / _SHAPE_SD
        blocks[number] += rows.T @ rows
        right[number] += rows.T @ wanted


def _solve_chain(blocks: FloatArray, right: FloatArray, coupling: FloatArray) -> FloatArray:
    """Solves the normal equations with neighbours pulled together (block tridiagonal, off-diagonal -coupling)."""
    count, size = right.shape
    unit = np.eye(size)
    joined = np.concatenate([[0.0], coupling]) + np.concatenate([coupling, [0.0]])
    diagonal = blocks + joined[:, None, None] * unit
    inverse = np.empty_like(diagonal)
    carried = right.copy()
    for number in range(count):
        if number:
            link = coupling[number - 1]
            diagonal[number] -= link * link * inverse[number - 1]
            carried[number] += link * (inverse[number - 1] @ carried[number - 1])
        inverse[number] = np.linalg.inv(diagonal[number])
    solved = np.empty_like(right)
    for number in range(count - 1, -1, -1):
        later = coupling[number] * solved[number + 1] if number + 1 < count else 0.0
        solved[number] = inverse[number] @ (carried[number] + later)
    return solved
