"""Solves for the smile shapes of many expiries at once from vols of unequal certainty.

A penalised spline (Eilers & Marx, "Flexible smoothing with B-splines and penalties", 1996) in standard deviations from
the money, coupled between neighbouring expiries, robust against prints that contradict their neighbours (Cauchy
weights), and held free of butterflies: where Durrleman's expression falls under a margin, the step is drawn to where it
does not. The expression is taken over the relative variance, which makes it nearly linear in the shape's curvature, so
that the steps settle.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from analytics.black_scholes import Floats
from analytics.volatility.spline import COEFFICIENTS, HIGH, LOW, STEP, Ints, spline_weights

_ITERATIONS: Final = 40
_SETTLED: Final = 1e-4
#: How unlike a straight line (second differences) and a parabola (third) a shape is expected to be: far out and, since
#: smiles turn there, within about `_TURN_SD` standard deviations of the money.
_BEND_FAR_SD: Final = 0.05
_BEND_NEAR_SD: Final = 0.30
_TWIST_FAR_SD: Final = 0.02
_TWIST_NEAR_SD: Final = 0.20
_TURN_SD: Final = 2.0
#: How unlike its neighbour in time: per square root of a unit of log time, and at the least.
_NEIGHBOUR_SD: Final = 0.15
_NEIGHBOUR_LEAST_SD: Final = 0.01
_LEVEL_SD: Final = 1.0
_SHAPE_MARGIN: Final = 0.01
_SHAPE_SD: Final = 0.01
_COLLOCATION: Final = np.arange(LOW, HIGH + 1e-9, STEP / 4.0)
#: Where the finished shapes are looked at.
_CHECKED: Final = np.arange(LOW, HIGH + 1e-9, STEP / 25.0)
#: Most of z L', half of how fast ln(variance) grows with ln(distance): from 1 on an option would gain by being farther
#: out. Less towards the ends, so that a line continues the wing without arbitrage.
_STEEPEST: Final = np.interp(_COLLOCATION, [-10.5, -10.0, 4.0, 6.0], [0.6, 0.7, 0.85, 0.7])
_STEEPER_THAN_ASKED: Final = 0.1
_STEEP_SD: Final = 0.02
_FULL_STEPS: Final = 5
_LONGEST_STEP: Final = 0.5
#: A shape's coefficients stay within: vols between a twelfth and twelve times the reference.
_MOST: Final = 2.5
#: How far beyond the knots a wing's line is looked at, in standard deviations.
_BEYOND: Final = np.concatenate([[0.0], np.geomspace(0.5, 500.0, 16)])
#: What a shape that still allows a butterfly is flattened by until it does not, and what it must then hold where it is
#: looked at, so that it also holds in between.
_FLATTER: Final = 0.97
_ROOM_LEAST: Final = 1e-3


class Observations(NamedTuple):
    """Vols seen, columns of equal length.

    of: number of the expiry. z: standard deviations from the money. log_vol: ln(vol / the expiry's reference vol),
    known to `sd`. row: the caller's own number of it.
    """

    of: Ints
    z: Floats
    log_vol: Floats
    sd: Floats
    row: Ints


def fit_shapes(seen: Observations, t: Floats, theta_most: Floats) -> tuple[Floats, Floats]:
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
        _add_wing_terms(blocks, right, shapes)
        moved = _solve_chain(blocks, right, coupling)
        step = np.clip(moved - shapes, -_LONGEST_STEP, _LONGEST_STEP)
        shapes = np.clip(shapes + (1.0 if number < _FULL_STEPS else 0.5) * step, -_MOST, _MOST)
        if np.abs(step).max() < _SETTLED:
            break
    shapes = _without_butterflies(shapes, theta_most)
    residual = seen.log_vol - _value(shapes, seen.of, first, weights)
    return shapes, np.where(inside, residual / seen.sd, 0.0)


def butterfly_room(shapes: Floats, theta: Floats, z: Floats) -> Floats:
    """Returns Durrleman's expression over relative variance, of shapes (n, COEFFICIENTS) at `z` (m,), shape (n, m).

    Below 0 is arbitrage: (1 - z L')^2 / G + L'' + L'^2 - theta G L'^2 / 4, see `spline`.
    """
    level, slope, bend = (shapes @ _basis(z, order).T for order in range(3))
    relative = np.exp(2.0 * level)
    room = (1.0 - z * slope) ** 2 / relative + bend + slope**2 * (1.0 - 0.25 * theta[:, None] * relative)
    return np.asarray(room)


def _without_butterflies(shapes: Floats, theta: Floats) -> Floats:
    """Flattens the shapes that allow a butterfly, in them or in the lines beyond; a flat one allows none."""
    made, slope = shapes.copy(), _basis(_CHECKED, 1)
    steepest = np.interp(_CHECKED, _COLLOCATION, _STEEPEST) + _STEEPER_THAN_ASKED
    while True:
        short = (butterfly_room(made, theta, _CHECKED) < _ROOM_LEAST).any(axis=1)
        short |= (_CHECKED * (made @ slope.T) > steepest).any(axis=1)
        for end, outwards in ((LOW, -1.0), (HIGH, 1.0)):
            short |= (_room_beyond(made, theta, end, outwards) < 0.0).any(axis=1)
        if not short.any():
            return made
        made[short] *= _FLATTER


def _room_beyond(shapes: Floats, theta: Floats, end: float, outwards: float) -> Floats:
    """Durrleman's expression along the line w = w0 (1 + s d) that continues a shape, at distances d from its end."""
    at_end = np.array([end])
    relative = np.exp(2.0 * shapes @ _basis(at_end, 0).T)
    rise = np.maximum(2.0 * outwards * shapes @ _basis(at_end, 1).T, 0.0)
    grown = 1.0 + rise * _BEYOND
    inner = 1.0 - 0.5 * (abs(end) + _BEYOND) * rise / grown
    room = inner**2 - 0.25 * relative * rise**2 / grown - theta[:, None] * (relative * rise) ** 2 / 16.0
    return np.asarray(room)


def _basis(z: Floats, order: int) -> Floats:
    first, weights = spline_weights(z, order)
    basis = np.zeros((z.size, COEFFICIENTS))
    for number in range(4):
        basis[np.arange(z.size), first + number] = weights[number]
    return basis


def _value(shapes: Floats, of: Ints, first: Ints, weights: Floats) -> Floats:
    return np.asarray(sum(weights[number] * shapes[of, first + number] for number in range(4)))


def _smoothness() -> Floats:
    total = np.eye(COEFFICIENTS) / _LEVEL_SD**2
    centre = LOW + STEP * (np.arange(COEFFICIENTS) - 1.0)
    for order, far, near in ((2, _BEND_FAR_SD, _BEND_NEAR_SD), (3, _TWIST_FAR_SD, _TWIST_NEAR_SD)):
        middle = 0.5 * (centre[order:] + centre[:-order])
        sd = far + (near - far) * np.exp(-((middle / _TURN_SD) ** 2))
        rough = np.diff(np.eye(COEFFICIENTS), n=order, axis=0) / sd[:, None]
        total += rough.T @ rough
    return total


def _data_terms(
    count: int, of: Ints, first: Ints, weights: Floats, weight: Floats, target: Floats
) -> tuple[Floats, Floats]:
    """The observations' part of the normal equations: (n, m, m) and (n, m)."""
    size = COEFFICIENTS
    blocks, right = np.zeros(count * size * size), np.zeros(count * size)
    for p in range(4):
        at = of * size + first + p
        right += np.bincount(at, weight * weights[p] * target, minlength=right.size)
        for q in range(4):
            blocks += np.bincount(at * size + first + q, weight * weights[p] * weights[q], minlength=blocks.size)
    return blocks.reshape(count, size, size), right.reshape(count, size)


def _add_shape_terms(blocks: Floats, right: Floats, shapes: Floats, theta: Floats) -> None:
    """Adds, where the shapes allow a butterfly, a pull to where the linearised expression reaches the margin."""
    bases = [_basis(_COLLOCATION, order) for order in range(3)]
    level, slope = (shapes @ basis.T for basis in bases[:2])
    relative, wide = np.exp(2.0 * level), theta[:, None]
    room = butterfly_room(shapes, theta, _COLLOCATION)
    inner = 1.0 - _COLLOCATION * slope
    by_level = -2.0 * inner**2 / relative - 0.5 * wide * relative * slope**2
    by_slope = -2.0 * _COLLOCATION * inner / relative + 2.0 * slope - 0.5 * wide * relative * slope
    for number in np.flatnonzero((room < _SHAPE_MARGIN).any(axis=1)):
        short = room[number] < _SHAPE_MARGIN
        rows = by_level[number][short, None] * bases[0][short] + by_slope[number][short, None] * bases[1][short]
        rows = (rows + bases[2][short]) / _SHAPE_SD
        wanted = rows @ shapes[number] + (_SHAPE_MARGIN - room[number][short]) / _SHAPE_SD
        blocks[number] += rows.T @ rows
        right[number] += rows.T @ wanted


def _add_wing_terms(blocks: Floats, right: Floats, shapes: Floats) -> None:
    """Adds, where a wing is too steep, a pull to the steepest."""
    basis = _COLLOCATION[:, None] * _basis(_COLLOCATION, 1) / _STEEP_SD
    most = _STEEPEST / _STEEP_SD
    steep = shapes @ basis.T > most
    for number in np.flatnonzero(steep.any(axis=1)):
        rows = basis[steep[number]]
        blocks[number] += rows.T @ rows
        right[number] += rows.T @ most[steep[number]]


def _solve_chain(blocks: Floats, right: Floats, coupling: Floats) -> Floats:
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
