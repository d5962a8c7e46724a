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
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import erfcx, ndtr

from analytics.black_scholes import Bools, Floats

INV_SQRT_2PI = 0.3989422804014327
_NODES = 7
_POINTS = 7
# Drift per deviation above which the integrals have a step that needs more points.
_DRIVEN = 2.0
_DRIVEN_POINTS = 20
_START_STEPS = 2
_NEWTON_STEPS = 3
_TINY = 1e-30
_MILLS_DEGREE = 10
_MILLS_SCALE = 0.35


class Exercise(NamedTuple):
    """Columns of the problem per row, strike 1: years > 0, rate and yield per year, vol per sqrt(year) > 0."""

    t_years: Floats
    rate: Floats
    dividend_yield: Floats
    vol: Floats


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


class _Scheme(NamedTuple):
    """Constants of the collocation: roots (sqrt of relative time) of the nodes, angles, weights, matrix.

    matrix: node x point x node, from h^2 at the nodes to h^2 at node root x cos(angle); its transpose is for the
    Jacobian.
    """

    root: Floats
    sine: Floats
    slope_weight: Floats
    level_weight: Floats
    matrix: Floats
    transposed: Floats


class _Frame(NamedTuple):
    """What the evaluations of equation A share, whatever the boundary; nodes x points x rows, or nodes x rows."""

    tau: Floats
    root_t: Floats
    deviation: Floats
    inverse: Floats
    pull: Floats
    spot_discount: Floats
    elapsed: Floats
    elapsed_deviation: Floats
    elapsed_inverse: Floats
    elapsed_pull: Floats
    strike_fading: Floats
    spot_fading: Floats
    fade: Floats
    slope: Floats
    level: Floats


class _Terms(NamedTuple):
    """What one evaluation of equation A leaves behind for its derivatives; nodes x points x rows, or nodes x rows."""

    root_t: Floats
    deviation: Floats
    inverse: Floats
    elapsed: Floats
    elapsed_deviation: Floats
    elapsed_inverse: Floats
    plus: Floats
    minus: Floats
    flow_strike: Floats
    flow_spot: Floats
    held: Floats
    end_plus: Floats
    end_minus: Floats
    end_strike: Floats
    end_spot: Floats
    numerator: Floats
    denominator: Floats
    held_depth: Floats


def angles(points: int, power: int = 1) -> tuple[Floats, Floats, Floats]:
    """Sines, cosines and weights of a Gauss-Legendre rule over the quarter turn; a power above 1 crowds it near 0."""
    x, weights = np.polynomial.legendre.leggauss(points)
    share = 0.5 * (x + 1.0)
    turn = 0.5 * np.pi * share**power
    return np.sin(turn), np.cos(turn), weights * (0.25 * np.pi * power) * share ** (power - 1)


def interpolation(root: Floats) -> Floats:
    """Matrix from h^2 at the nodes, expiry last, to h^2 at sqrt(relative time) `root`, in barycentric form."""
    index = np.arange(_NODES + 1)
    nodes = 0.5 * (1.0 + np.cos(index * np.pi / _NODES))
    weights = np.where((index == 0) | (index == _NODES), 0.5, 1.0) * (-1.0) ** index
    # A point that is a node, to the last bit, gets that node's value alone.
    gap = root[:, None] - nodes
    share = weights / np.where(gap == 0.0, _TINY, gap)
    return np.asarray(share / share.sum(axis=1, keepdims=True))


@lru_cache(maxsize=2)
def _scheme(points: int) -> _Scheme:
    sine, cosine, weights = angles(points)
    root = 0.5 * (1.0 + np.cos(np.arange(_NODES) * np.pi / _NODES))
    matrix = interpolation((root[:, None] * cosine).ravel()).reshape(_NODES, points, _NODES + 1)
    return _Scheme(
        root=root[:, None],
        sine=sine[:, None],
        slope_weight=(weights * cosine)[:, None] * (2.0 * INV_SQRT_2PI),
        level_weight=(weights * sine * cosine)[:, None] * 2.0,
        matrix=matrix,
        transposed=np.ascontiguousarray(matrix.transpose(0, 2, 1)),
    )


@lru_cache(maxsize=1)
def _mills_coefficients() -> tuple[float, ...]:
    """Coefficients c of Mills' ratio N(-z) / density(z) ~ w sum c_k w^k, w = 1 / (1 + 0.35 z), highest first."""
    nodes = np.cos((np.arange(_MILLS_DEGREE + 1) + 0.5) * np.pi / (_MILLS_DEGREE + 1))
    w = 0.5 * (nodes + 1.0)
    z = (1.0 / w - 1.0) / _MILLS_SCALE
    ratio = np.sqrt(0.5 * np.pi) * erfcx(z / np.sqrt(2.0)) / w
    fit = np.polynomial.Chebyshev.fit(w, ratio, _MILLS_DEGREE, domain=[0.0, 1.0])
    coefficients = fit.convert(kind=np.polynomial.Polynomial).coef
    return tuple(float(value) for value in coefficients[::-1])


def _density(d: Floats, fading: Floats) -> Floats:
    """The value exp(-d^2 / 2 - fading)."""
    value = d * d
    value *= -0.5
    value -= fading
    return np.exp(value, out=value)


def _mills(d: Floats) -> Floats:
    """N(-|d|) / exp(-d^2 / 2) to 3e-9 / exp(-d^2 / 2): half the cost of the exact function where the latter is known.

    Only ever multiplied by a rate or yield and integrated over the life, which leaves 1e-9 of the strike.
    """
    w = np.abs(d)
    w *= _MILLS_SCALE
    w += 1.0
    np.divide(1.0, w, out=w)
    first, *others = _mills_coefficients()
    total = w * first
    for value in others:
        total += value
        total *= w
    total *= INV_SQRT_2PI
    return total


def upper_tail(d: Floats, faded_density: Floats, fade: Floats) -> Floats:
    """The value fade x N(d), given fade x exp(-d^2 / 2) and fade."""
    tail = _mills(d)
    tail *= faded_density
    return np.where(d < 0.0, tail, fade - tail)


def driven(problem: Exercise) -> Bools:
    """Rows whose drift over the whole life outweighs the deviation: they need finer rules."""
    t, r, q, v = problem
    return np.asarray(np.abs(r - q) * np.sqrt(t) > _DRIVEN * v)


def solve(problem: Exercise, *, with_vol: bool = False, with_carry: bool = False) -> Boundary:
    """Boundary of every row, and its derivatives by vol, or by rate and yield, when asked for.

    Rows must be in the single-boundary regime: rate > 0, or rate == 0 with a negative yield.
    """
    hard = driven(problem)
    if not hard.any():
        return _solve(problem, _scheme(_POINTS), with_vol=with_vol, with_carry=with_carry)
    easy_rows, hard_rows = np.flatnonzero(~hard), np.flatnonzero(hard)
    pieces = [
        _solve(
            Exercise(*(column[rows] for column in problem)), _scheme(points), with_vol=with_vol, with_carry=with_carry
        )
        for rows, points in ((easy_rows, _POINTS), (hard_rows, _DRIVEN_POINTS))
        if rows.size
    ]
    return joined(pieces).take(np.argsort(np.concatenate((easy_rows, hard_rows))))


def joined(pieces: list[Boundary]) -> Boundary:
    """Several boundaries' rows, one after the other; all must bear the same derivatives."""
    depth, by_vol, by_rate, by_yield = (
        None
        if any(part is None for part in parts)
        else np.concatenate([part for part in parts if part is not None], axis=1)
        for parts in zip(*pieces, strict=True)
    )
    return Boundary(np.empty((_NODES + 1, 0)) if depth is None else depth, by_vol, by_rate, by_yield)


def _solve(problem: Exercise, scheme: _Scheme, *, with_vol: bool, with_carry: bool) -> Boundary:
    last, last_by_rate, last_by_yield = _expiry_depth(problem)
    depth = np.concatenate((_start(problem, last, scheme), last[None]))
    frame = _frame(problem, scheme)
    slopes: list[Floats] = []
    for step in range(_NEWTON_STEPS):
        terms = _equation(problem, depth, frame, scheme)
        matrix, end_column = _jacobian(problem, terms, depth, scheme)
        columns = [-depth[:-1] - np.log(terms.numerator / terms.denominator)]
        if step == _NEWTON_STEPS - 1:
            # The last step is far below one part in a thousand: its matrix serves the derivatives as well.
            slopes = [_slope_vol(problem, terms)] if with_vol else []
            if with_carry:
                by_rate, by_yield = _slopes_carry(problem, terms)
                slopes += [by_rate - end_column * last_by_rate, by_yield - end_column * last_by_yield]
        moves = _eliminate(matrix, np.stack(columns + slopes, axis=1))
        above = depth[:-1] - last
        depth[:-1] += np.clip(moves[:, 0], -0.25 * above, 0.3 * above)
    ends = ([np.zeros_like(last)] if with_vol else []) + ([last_by_rate, last_by_yield] if with_carry else [])
    found = [np.concatenate((moves[:, 1 + k], end[None])) for k, end in enumerate(ends)]
    return Boundary(depth, found[0] if with_vol else None, *((found[-2], found[-1]) if with_carry else (None, None)))


def _expiry_depth(problem: Exercise) -> tuple[Floats, Floats, Floats]:
    """Depth just before expiry, ln(yield / rate) or 0, and its derivatives by rate and by yield."""
    below = (problem.dividend_yield > problem.rate) & (problem.rate > 0.0)
    rate, dividend_yield = np.where(below, problem.rate, 1.0), np.where(below, problem.dividend_yield, 1.0)
    depth = np.log(dividend_yield / rate)
    return depth, np.where(below, -1.0 / rate, 0.0), np.where(below, 1.0 / dividend_yield, 0.0)


def _start(problem: Exercise, last: Floats, scheme: _Scheme) -> Floats:
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


def _frame(problem: Exercise, scheme: _Scheme) -> _Frame:
    t, r, q, v = problem
    root_t = scheme.root * np.sqrt(t)
    tau, deviation = root_t * root_t, root_t * v
    inverse = 1.0 / deviation
    pull = ((r - q) / v + 0.5 * v) * root_t
    elapsed = tau[:, None] * (scheme.sine * scheme.sine)
    spot_fading = q * elapsed
    return _Frame(
        tau=tau,
        root_t=root_t,
        deviation=deviation,
        inverse=inverse,
        pull=pull,
        spot_discount=np.exp(-q * tau),
        elapsed=elapsed,
        elapsed_deviation=deviation[:, None] * scheme.sine,
        elapsed_inverse=inverse[:, None] * (1.0 / scheme.sine),
        elapsed_pull=pull[:, None] * scheme.sine,
        strike_fading=r * elapsed,
        spot_fading=spot_fading,
        fade=np.exp(-spot_fading),
        slope=(root_t / v)[:, None] * scheme.slope_weight,
        level=tau[:, None] * scheme.level_weight,
    )


def _equation(problem: Exercise, depth: Floats, frame: _Frame, scheme: _Scheme) -> _Terms:
    """Numerator and denominator of equation A at every node, multiplied through by exp(-r u) and exp(-q u)."""
    _, r, q, _ = problem
    nodes = depth[:-1]
    squares = scheme.matrix.reshape(-1, depth.shape[0]) @ (depth * depth)
    # In place from here on: fresh memory costs more than the arithmetic.
    np.maximum(squares, _TINY, out=squares)
    held_depth = np.sqrt(squares, out=squares).reshape(nodes.shape[0], -1, depth.shape[1])
    plus = held_depth - nodes[:, None]
    plus *= frame.elapsed_inverse
    plus += frame.elapsed_pull
    minus = plus - frame.elapsed_deviation
    flow_strike = _density(minus, frame.strike_fading)
    flow_strike *= frame.slope
    flow_spot = _density(plus, frame.spot_fading)
    held = upper_tail(plus, flow_spot, frame.fade)
    held *= frame.level
    flow_spot *= frame.slope
    end_plus = frame.pull - nodes * frame.inverse
    end_minus = end_plus - frame.deviation
    end_strike = INV_SQRT_2PI * np.exp(-0.5 * end_minus * end_minus - r * frame.tau) * frame.inverse
    end_spot = INV_SQRT_2PI * np.exp(-0.5 * end_plus * end_plus) * frame.spot_discount * frame.inverse
    numerator = end_strike + r * flow_strike.sum(axis=1)
    denominator = end_spot + frame.spot_discount * ndtr(end_plus) + q * (flow_spot.sum(axis=1) + held.sum(axis=1))
    return _Terms(
        frame.root_t, frame.deviation, frame.inverse, frame.elapsed, frame.elapsed_deviation, frame.elapsed_inverse,
        plus, minus, flow_strike, flow_spot, held, end_plus, end_minus, end_strike, end_spot, numerator, denominator,
        held_depth,
    )  # fmt: skip


def _jacobian(problem: Exercise, terms: _Terms, depth: Floats, scheme: _Scheme) -> tuple[Floats, Floats]:
    """Minus the derivatives of each node's residual: by each node's depth, node x node x row, and by that at expiry."""
    _, r, q, _ = problem
    own_n, own_d = (r / terms.numerator)[:, None], (q / terms.denominator)[:, None]
    kernel = terms.plus * terms.elapsed_inverse
    kernel -= 1.0
    kernel *= terms.flow_spot
    kernel *= own_d
    strike = terms.minus * terms.elapsed_inverse
    strike *= terms.flow_strike
    strike *= own_n
    kernel -= strike
    diagonal = 1.0 + terms.end_strike * terms.end_minus * terms.inverse / terms.numerator
    diagonal -= terms.end_spot * (terms.end_plus * terms.inverse - 1.0) / terms.denominator
    diagonal -= kernel.sum(axis=1)
    kernel /= terms.held_depth
    matrix: Floats = (scheme.transposed @ kernel) * depth
    own = np.arange(depth.shape[0] - 1)
    matrix[own, own] += diagonal
    return matrix[:, :-1], matrix[:, -1]


def _slope_vol(problem: Exercise, terms: _Terms) -> Floats:
    """Derivative of the residuals by vol with the depths held."""
    _, r, q, v = problem
    both, end = terms.plus * terms.minus - 1.0, terms.end_plus * terms.end_minus - 1.0
    numerator = terms.end_strike * end + r * (terms.flow_strike * both).sum(axis=1)
    spot = terms.flow_spot * (both - terms.elapsed_deviation * terms.minus)
    denominator = terms.end_spot * (end - terms.deviation * terms.end_minus) + q * spot.sum(axis=1)
    return np.asarray((denominator / terms.denominator - numerator / terms.numerator) / v)


def _slopes_carry(problem: Exercise, terms: _Terms) -> tuple[Floats, Floats]:
    """Derivatives of the residuals by rate and by yield with the depths, also that at expiry, held."""
    _, r, q, v = problem
    tau, pace = terms.root_t * terms.root_t, terms.elapsed * terms.elapsed_inverse
    shift = terms.root_t / v
    pull_strike = r * (terms.flow_strike * terms.minus * pace).sum(axis=1)
    pull_strike += terms.end_strike * terms.end_minus * shift
    pull_spot = q * (terms.flow_spot * (terms.elapsed - terms.plus * pace)).sum(axis=1)
    pull_spot += terms.end_spot * (terms.deviation - terms.end_plus) * shift
    pull = pull_spot / terms.denominator + pull_strike / terms.numerator
    earned = (terms.flow_strike * (1.0 - r * terms.elapsed)).sum(axis=1) - tau * terms.end_strike
    given = ((terms.flow_spot + terms.held) * (1.0 - q * terms.elapsed)).sum(axis=1)
    given -= tau * (terms.end_spot + np.exp(-q * tau) * ndtr(terms.end_plus))
    return pull - earned / terms.numerator, given / terms.denominator - pull


def _eliminate(matrix: Floats, columns: Floats) -> Floats:
    """Solve node x node systems of all rows at once: Gauss without pivoting, for the diagonal dominates."""
    count = matrix.shape[0]
    for k in range(count - 1):
        factor = matrix[k + 1 :, k] / matrix[k, k]
        matrix[k + 1 :, k + 1 :] -= factor[:, None] * matrix[k, k + 1 :]
        columns[k + 1 :] -= factor[:, None] * columns[k]
    for k in range(count - 1, -1, -1):
        columns[k] /= matrix[k, k]
        columns[:k] -= matrix[:k, k, None] * columns[k]
    return columns
