"""The equation that an early-exercise boundary satisfies, on a collocation grid: residuals and derivatives.

See `analytics.american_boundary` for the method; rows are the last axis throughout.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from analytics.black_scholes import Floats

INV_SQRT_2PI = 0.3989422804014327
_TINY = 1e-30


class Exercise(NamedTuple):
    """Columns of the problem per row, strike 1: years > 0, rate and yield per year, vol per sqrt(year) > 0."""

    t_years: Floats
    rate: Floats
    dividend_yield: Floats
    vol: Floats


class Scheme(NamedTuple):
    """Constants of the collocation: roots (sqrt of relative time) of the nodes, angles, weights, matrix.

    cosine_share: floor of h^2 at the points, in shares of its node's.
    matrix: node x point x node, from h^2 at the nodes to h^2 at node root x cos(angle); its transpose is for the
    Jacobian.
    """

    root: Floats
    sine: Floats
    slope_weight: Floats
    level_weight: Floats
    cosine_share: Floats
    matrix: Floats
    transposed: Floats


class Frame(NamedTuple):
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


class Terms(NamedTuple):
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


def interpolation(root: Floats, count: int) -> Floats:
    """Matrix from h^2 at `count` nodes and at expiry to h^2 at sqrt(relative time) `root`, in barycentric form."""
    index = np.arange(count + 1)
    nodes = 0.5 * (1.0 + np.cos(index * np.pi / count))
    weights = np.where((index == 0) | (index == count), 0.5, 1.0) * (-1.0) ** index
    # A point that is a node, to the last bit, gets that node's value alone.
    gap = root[:, None] - nodes
    share = weights / np.where(gap == 0.0, _TINY, gap)
    return np.asarray(share / share.sum(axis=1, keepdims=True))


@lru_cache(maxsize=3)
def scheme_of(nodes: int, points: int) -> Scheme:
    """Constants of a collocation at so many nodes with so many points per integral."""
    sine, cosine, weights = angles(points)
    root = 0.5 * (1.0 + np.cos(np.arange(nodes) * np.pi / nodes))
    matrix = interpolation((root[:, None] * cosine).ravel(), nodes).reshape(nodes, points, nodes + 1)
    return Scheme(
        root=root[:, None],
        sine=sine[:, None],
        slope_weight=(weights * cosine)[:, None] * (2.0 * INV_SQRT_2PI),
        level_weight=(weights * sine * cosine)[:, None] * 2.0,
        cosine_share=(0.25 * cosine * cosine)[:, None],
        matrix=matrix,
        transposed=np.ascontiguousarray(matrix.transpose(0, 2, 1)),
    )


def _density(d: Floats, fading: Floats) -> Floats:
    """The value exp(-d^2 / 2 - fading)."""
    value = d * d
    value *= -0.5
    value -= fading
    return np.exp(value, out=value)


def frame_of(problem: Exercise, scheme: Scheme) -> Frame:
    """What does not depend on the boundary."""
    t, r, q, v = problem
    root_t = scheme.root * np.sqrt(t)
    tau, deviation = root_t * root_t, root_t * v
    inverse = 1.0 / deviation
    pull = ((r - q) / v + 0.5 * v) * root_t
    elapsed = tau[:, None] * (scheme.sine * scheme.sine)
    spot_fading = q * elapsed
    level = tau[:, None] * scheme.level_weight
    return Frame(
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
        fade=np.exp(-spot_fading) * level,
        slope=(root_t / v)[:, None] * scheme.slope_weight,
    )


def equation(problem: Exercise, depth: Floats, frame: Frame, scheme: Scheme) -> Terms:
    """Numerator and denominator of equation A at every node, multiplied through by exp(-r u) and exp(-q u)."""
    _, r, q, _ = problem
    nodes = depth[:-1]
    squared = depth * depth
    squares = (scheme.matrix.reshape(-1, depth.shape[0]) @ squared).reshape(nodes.shape[0], -1, depth.shape[1])
    # In place from here on: fresh memory costs more than the arithmetic. A depth is concave in the root of time, so it
    # is no less than its node's share; half of that keeps what the polynomial undershoots next to expiry in bounds.
    np.maximum(squares, squared[:-1, None] * scheme.cosine_share, out=squares)
    held_depth = np.sqrt(squares, out=squares)
    plus = held_depth - nodes[:, None]
    plus *= frame.elapsed_inverse
    plus += frame.elapsed_pull
    minus = plus - frame.elapsed_deviation
    flow_strike = _density(minus, frame.strike_fading)
    flow_strike *= frame.slope
    flow_spot = _density(plus, frame.spot_fading)
    held = ndtr(plus)
    held *= frame.fade
    flow_spot *= frame.slope
    end_plus = frame.pull - nodes * frame.inverse
    end_minus = end_plus - frame.deviation
    end_strike = INV_SQRT_2PI * np.exp(-0.5 * end_minus * end_minus - r * frame.tau) * frame.inverse
    end_spot = INV_SQRT_2PI * np.exp(-0.5 * end_plus * end_plus) * frame.spot_discount * frame.inverse
    numerator = end_strike + r * flow_strike.sum(axis=1)
    denominator = end_spot + frame.spot_discount * ndtr(end_plus) + q * (flow_spot.sum(axis=1) + held.sum(axis=1))
    return Terms(
        frame.root_t, frame.deviation, frame.inverse, frame.elapsed, frame.elapsed_deviation, frame.elapsed_inverse,
        plus, minus, flow_strike, flow_spot, held, end_plus, end_minus, end_strike, end_spot, numerator, denominator,
        held_depth,
    )  # fmt: skip


def jacobian(problem: Exercise, terms: Terms, depth: Floats, scheme: Scheme) -> tuple[Floats, Floats]:
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


def slope_vol(problem: Exercise, terms: Terms) -> Floats:
    """Derivative of the residuals by vol with the depths held."""
    _, r, q, v = problem
    both, end = terms.plus * terms.minus - 1.0, terms.end_plus * terms.end_minus - 1.0
    numerator = terms.end_strike * end + r * (terms.flow_strike * both).sum(axis=1)
    spot = terms.flow_spot * (both - terms.elapsed_deviation * terms.minus)
    denominator = terms.end_spot * (end - terms.deviation * terms.end_minus) + q * spot.sum(axis=1)
    return np.asarray((denominator / terms.denominator - numerator / terms.numerator) / v)


def slopes_carry(problem: Exercise, terms: Terms) -> tuple[Floats, Floats]:
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
