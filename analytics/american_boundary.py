"""Early-exercise boundaries of American options on arrays: one collocation problem per row, all rows at once.

Everything here is the put of strike 1; a call is the put with spot and strike, rate and yield exchanged (McDonald
and Schroder 1998). Rows are the last axis throughout, so that each numpy operation runs over contiguous memory.

Method, after L. Andersen, M. Lake, D. Offengenden, "High performance American option pricing" (2016): the boundary
B(u) at u years to expiry is written B = exp(-h); h^2 is interpolated on Chebyshev nodes in sqrt(u); at every node B
satisfies their equation A, B = exp(-(r - q) u) N / D. Three things differ from the paper. The quadrature variable is
an angle a, elapsed time = u sin(a)^2, in which both ends of the integrals are smooth and the points to interpolate at
do not depend on the option: interpolation is one constant matrix. The limit at expiry, h(0) = ln(yield / rate) where
the yield is the larger, is an end value of h^2 and not a scale of B, so that nothing breaks where yield and rate meet.
And the equations of a row are solved together by Newton's method from the boundary of Barone-Adesi and Whaley (1987):
plain fixed-point steps oscillate where the drift outweighs the vol, Newton does not, and its matrix also gives the
boundary's derivatives.

What Newton's last step leaves is turned into a bound on price and delta. Rows above it, long lives and strong drift
are solved on more nodes and points; rows that still miss it, by shorter steps; what is left is NaN.
"""

from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from analytics.american_equation import (
    INV_SQRT_2PI,
    Exercise,
    Scheme,
    Terms,
    equation,
    frame_of,
    interpolation,
    jacobian,
    scheme_of,
    slope_vol,
    slopes_carry,
)
from analytics.black_scholes import Bools, Floats

# Drift per deviation above which the integrals have a step that needs more points.
_DRIVEN = 2.0
# Rate or yield x years, and deviation, from both of which on the boundary bends too much for few nodes.
_LONG, _WIDE = 0.15, 0.8
_START_STEPS = 2
# What is left of a boundary's error may move the price by so much of the strike, or delta by fifty times that.
_SETTLED = 1e-7
_DELTA_SHARE = 0.02
# A row whose moves never got that small is given up if its last one still moves the price by this much.
_LOST = 1e-6
# Rows up to which the library solves faster.
_FEW = 80
_TINY = 1e-30


class _Way(NamedTuple):
    """How to solve: nodes, points per integral, Newton steps, and the most a step takes a depth up and down, in shares.

    stops: stop early when all rows have settled.
    """

    nodes: int
    points: int
    steps: int
    up: float
    down: float
    stops: bool


_PLAIN = _Way(7, 7, 3, 0.25, 0.3, stops=False)
_PRECISE = _Way(10, 10, 3, 0.25, 0.3, stops=False)
_FINE = _Way(13, 20, 6, 0.25, 0.3, stops=True)
_DAMPED = _Way(13, 20, 30, 0.15, 0.15, stops=True)


class Boundary(NamedTuple):
    """B(u) = exp(-depth). depth: nodes x rows; the first node is the whole life, the last is expiry.

    by_vol, by_rate, by_yield: derivatives of depth per 1.00, nodes x rows; None unless asked for.
    """

    depth: Floats
    by_vol: Floats | None
    by_rate: Floats | None
    by_yield: Floats | None

    def today(self) -> Floats:
        """Spot per strike at or below which the put is exercised now."""
        return np.asarray(np.exp(-self.depth[0]))

    def take(self, rows: np.typing.NDArray[np.intp] | slice) -> "Boundary":
        """The boundaries of some rows, in that order."""
        return Boundary(self.depth[:, rows], *(None if part is None else part[:, rows] for part in self[1:]))


def driven(problem: Exercise) -> Bools:
    """Rows whose drift over the whole life outweighs the deviation: they need finer rules."""
    t, r, q, v = problem
    return np.asarray(np.abs(r - q) * np.sqrt(t) > _DRIVEN * v)


def _long(problem: Exercise) -> Bools:
    """Rows whose boundary bends too much for few nodes."""
    t, r, q, v = problem
    return np.asarray((np.maximum(r, np.abs(q)) * t > _LONG) & (v * np.sqrt(t) > _WIDE))


def solve(problem: Exercise, *, with_vol: bool = False, with_carry: bool = False, precise: bool = False) -> Boundary:
    """Boundary of every row, and its derivatives by vol, or by rate and yield, when asked for.

    precise: ten nodes instead of seven, for a third of the error at one and a half times the cost.

    Rows must be in the single-boundary regime: rate > 0, or rate == 0 with a negative yield. Rows that a few nodes and
    steps do not settle are solved again on more nodes with more and shorter steps; one that still has not settled is
    NaN. If any row needs it, the nodes of all are as many.
    """
    fine = driven(problem) | _long(problem)
    found = None
    if not fine.all():
        way = _PRECISE if precise else _PLAIN
        found, left = _solve(problem, way, with_vol=with_vol, with_carry=with_carry)
        fine |= ~(left < _SETTLED)
    if not fine.any() and found is not None:
        return found
    rows = np.flatnonzero(fine)
    better = _refined(Exercise(*(column[rows] for column in problem)), with_vol=with_vol, with_carry=with_carry)
    if found is None:
        return better
    whole = finer(found, _FINE.nodes)
    _put(whole, rows, better)
    return whole


def _refined(problem: Exercise, *, with_vol: bool, with_carry: bool) -> Boundary:
    """Boundaries on more nodes, first by steps of the usual length and then, where those fail, by shorter ones."""
    found, left = _solve(problem, _FINE, with_vol=with_vol, with_carry=with_carry)
    rows = np.flatnonzero(~(left < _SETTLED))
    if rows.size:
        stubborn = Exercise(*(column[rows] for column in problem))
        better, left = _solve(stubborn, _DAMPED, with_vol=with_vol, with_carry=with_carry)
        for part in better:
            if part is not None:
                part[:, ~(left < _LOST)] = np.nan
        _put(found, rows, better)
    return found


def _put(whole: Boundary, rows: np.typing.NDArray[np.intp], better: Boundary) -> None:
    """Replace some rows, in place."""
    for target, part in zip(whole, better, strict=True):
        if target is not None and part is not None:
            target[:, rows] = part


def finer(boundary: Boundary, nodes: int) -> Boundary:
    """The same boundaries on more nodes: the squares of the depths are the same polynomials."""
    if boundary.depth.shape[0] == nodes + 1:
        return boundary
    matrix = _to_nodes(boundary.depth.shape[0] - 1, nodes)
    depth = np.sqrt(np.maximum(matrix @ (boundary.depth * boundary.depth), _TINY))
    return Boundary(
        depth, *(None if part is None else matrix @ (boundary.depth * part) / depth for part in boundary[1:])
    )


@lru_cache(maxsize=2)
def _to_nodes(few: int, many: int) -> Floats:
    return interpolation(0.5 * (1.0 + np.cos(np.arange(many + 1) * np.pi / many)), few)


def joined(pieces: list[Boundary]) -> Boundary:
    """Several boundaries' rows, one after the other; all must bear the same derivatives."""
    nodes = max(piece.depth.shape[0] for piece in pieces) - 1
    pieces = [finer(piece, nodes) for piece in pieces]
    depth, by_vol, by_rate, by_yield = (
        None
        if any(part is None for part in parts)
        else np.concatenate([part for part in parts if part is not None], axis=1)
        for parts in zip(*pieces, strict=True)
    )
    return Boundary(np.empty((nodes + 1, 0)) if depth is None else depth, by_vol, by_rate, by_yield)


def _solve(problem: Exercise, way: _Way, *, with_vol: bool, with_carry: bool) -> tuple[Boundary, Floats]:
    """Boundaries, and what each may still be wrong by, see `_left`."""
    scheme = scheme_of(way.nodes, way.points)
    last, last_by_rate, last_by_yield = _expiry_depth(problem)
    frame = frame_of(problem, scheme)
    depth = np.concatenate((_start(problem, last, scheme), last[None]))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for step in range(way.steps - 1):
            terms = equation(problem, depth, frame, scheme)
            matrix, _ = jacobian(problem, terms, depth, scheme)
            moves = _eliminate(matrix, _miss(depth, terms)[:, None])[:, 0]
            _advance(depth, moves, last, way)
            if way.stops and step and np.all(_left(problem, depth, moves, last) < 1e-3 * _SETTLED):
                break
        terms = equation(problem, depth, frame, scheme)
        matrix, end_column = jacobian(problem, terms, depth, scheme)
        columns = [_miss(depth, terms)]
        # The last step is far below one part in a thousand: its matrix serves the derivatives as well.
        if with_vol:
            columns.append(slope_vol(problem, terms))
        if with_carry:
            by_rate, by_yield = slopes_carry(problem, terms)
            columns += [by_rate - end_column * last_by_rate, by_yield - end_column * last_by_yield]
        moves = _eliminate(matrix, np.stack(columns, axis=1))
        left = _left(problem, depth, moves[:, 0], last)
        _advance(depth, moves[:, 0], last, way)
        if way is _DAMPED:
            # Too deep to say how deep, and so deep that it does not matter: neither do its derivatives.
            moves[:, 1:] = np.where(np.isfinite(moves[:, 1:]), moves[:, 1:], 0.0)
    ends = ([np.zeros_like(last)] if with_vol else []) + ([last_by_rate, last_by_yield] if with_carry else [])
    found = [np.concatenate((moves[:, 1 + k], end[None])) for k, end in enumerate(ends)]
    by_vol = found[0] if with_vol else None
    return Boundary(depth, by_vol, *((found[-2], found[-1]) if with_carry else (None, None))), left


def _miss(depth: Floats, terms: Terms) -> Floats:
    """Residual of the equation at every node."""
    return np.asarray(-depth[:-1] - np.log(terms.numerator / terms.denominator))


def _advance(depth: Floats, moves: Floats, last: Floats, way: _Way) -> None:
    """Take a step, in place, of bounded length; a row that has none to take went too deep and comes up."""
    above = depth[:-1] - last
    least = -way.up * above
    step = np.clip(moves, least, way.down * above)
    depth[:-1] += np.where(np.isfinite(step), step, least) if way.stops else step


def _left(problem: Exercise, depth: Floats, moves: Floats, last: Floats) -> Floats:
    """What is left after a step of the error in the price of strike 1, or in a fiftieth of delta, whichever is more.

    A node's move changes the price by no more than its share of a deviation of what exercise earns over the life; of
    Newton's step as much is left as the step is of the depth, and where there is no step, all of it.
    """
    t, r, q, v = problem
    deviation = v * np.sqrt(t)
    above = depth[:-1] - last
    size = np.where(np.isfinite(moves), np.abs(moves), above)
    share = np.minimum((size / above).max(axis=0), 1.0)
    earned = t * np.abs(r - q * np.exp(-depth[0]))
    return np.asarray(share * size.max(axis=0) / deviation * earned * (1.0 + _DELTA_SHARE / deviation))


def _expiry_depth(problem: Exercise) -> tuple[Floats, Floats, Floats]:
    """Depth just before expiry, ln(yield / rate) or 0, and its derivatives by rate and by yield."""
    below = (problem.dividend_yield > problem.rate) & (problem.rate > 0.0)
    rate, dividend_yield = np.where(below, problem.rate, 1.0), np.where(below, problem.dividend_yield, 1.0)
    depth = np.log(dividend_yield / rate)
    return depth, np.where(below, -1.0 / rate, 0.0), np.where(below, 1.0 / dividend_yield, 0.0)


def _start(problem: Exercise, last: Floats, scheme: Scheme) -> Floats:
    """Depth of Barone-Adesi and Whaley's boundary at the nodes, by Newton from the form of Bjerksund and Stensland."""
    t, r, q, v = problem
    tau = t * scheme.root * scheme.root
    deviation = v * scheme.root * np.sqrt(t)
    drift = (r - q) / (v * v) - 0.5
    # rate / (1 - exp(-rate tau)) -> 1 / tau as the rate vanishes.
    grown = -np.expm1(-r * tau)
    pace = np.where(grown > _TINY, r / np.where(grown > _TINY, grown, 1.0), 1.0 / tau)
    power = -drift - np.sqrt(drift * drift + 2.0 * pace / (v * v))
    perpetual = -drift - np.sqrt(drift * drift + 2.0 * r / (v * v))
    deepest = np.maximum(np.log1p(-1.0 / np.minimum(perpetual, -_TINY)) - last, _TINY)
    above = _first_depth(tau, deviation, problem, last, deepest)
    spot_discount, strike_discount = np.exp(-q * tau), np.exp(-r * tau)
    shift = (drift + 1.0) * v * v * tau / deviation
    for _ in range(_START_STEPS):
        depth = last + above
        level = np.exp(-depth)
        d1 = shift - depth / deviation
        density = INV_SQRT_2PI * np.exp(-0.5 * d1 * d1) * spot_discount
        stock = spot_discount * ndtr(-d1)
        put = strike_discount * ndtr(deviation - d1) - level * stock
        miss = level * (1.0 - stock) + power * (1.0 - level - put)
        slope = (1.0 - power) * (1.0 - stock) + density / deviation
        above = above + np.clip(miss / (slope * level), -0.6 * above, 1.5 * above)
    return np.asarray(last + above)


def _first_depth(tau: Floats, deviation: Floats, problem: Exercise, last: Floats, deepest: Floats) -> Floats:
    """A rough depth below its value at expiry: the perpetual one, approached by the laws of the first moments.

    From the strike: deviations x sqrt(2 ln(1 / g)), g of the order of drift x tau (Evans, Kuske and Keller 2002). From
    well below it: 0.639 deviations.
    """
    _, r, q, _ = problem
    growth = np.sqrt(8.0 * np.pi) * np.abs(r - q) * tau / deviation + 4.0 * np.sqrt(np.pi) * np.maximum(r, -q) * tau
    flat = deviation * np.sqrt(2.0 * np.log1p(1.0 / np.maximum(growth, _TINY)))
    share = last / (last + deviation)
    flat, steep = (-deepest * np.expm1(-rough / deepest) for rough in (flat, 0.6388 * deviation))
    return np.asarray(flat * (1.0 - share) + steep * share)


def _eliminate(matrix: Floats, columns: Floats) -> Floats:
    """Solve node x node systems of all rows at once: Gauss without pivoting, for the diagonal dominates.

    Few rows go to the library, whose work is per row and not per operation.
    """
    count = matrix.shape[0]
    if matrix.shape[2] <= _FEW:
        with suppress(np.linalg.LinAlgError):
            solved = np.linalg.solve(matrix.transpose(2, 0, 1), columns.transpose(2, 0, 1))
            return np.asarray(solved.transpose(1, 2, 0), dtype=np.float64)
    for k in range(count - 1):
        factor = matrix[k + 1 :, k] / matrix[k, k]
        matrix[k + 1 :, k + 1 :] -= factor[:, None] * matrix[k, k + 1 :]
        columns[k + 1 :] -= factor[:, None] * columns[k]
    for k in range(count - 1, -1, -1):
        columns[k] /= matrix[k, k]
        columns[:k] -= matrix[:k, k, None] * columns[k]
    return columns
