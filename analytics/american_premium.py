"""The early-exercise premium of the put of strike 1, and its Greeks, from a boundary.

premium = integral over elapsed time e of  r exp(-r e) N(-d2) - q x exp(-q e) N(-d1)  with d1, d2 taken from spot x to
the boundary then in force: what the holder of exercised options earns on the strike, less the dividends given up (Kim
1990, Carr, Jarrow and Myneni 1992). Space derivatives go under the integral; derivatives by vol, rate and yield have
a part with the boundary held and a part through the boundary, which does not vanish in this representation.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from analytics.american_boundary import Boundary, driven
from analytics.american_equation import INV_SQRT_2PI, Exercise, angles, interpolation
from analytics.black_scholes import Floats

_POINTS = 20
# Next to the boundary the integrand of gamma has a narrow peak at small elapsed times: more points, crowded there.
_NEAR_POINTS = 64
_NEAR_POWER = 3
# Distance to the boundary, in total deviations, from which the plain rule is good to 1e-4 of gamma.
_NEAR = 0.5


# Rows of what `premium_terms` gives: the premium and its derivatives by spot, vol, rate, yield, spot thrice.
VALUE, BY_SPOT, BY_SPOT2, BY_VOL, BY_RATE, BY_YIELD, BY_SPOT3 = range(7)


class _Rule(NamedTuple):
    """Sines of the angles, weights of d(elapsed) / years, interpolation matrix, floors as `Scheme.cosine_share`."""

    sine: Floats
    weight: Floats
    matrix: Floats
    share: Floats


@lru_cache(maxsize=4)
def _rule(nodes: int, *, near: bool) -> _Rule:
    points, power = (_NEAR_POINTS, _NEAR_POWER) if near else (_POINTS, 1)
    sine, cosine, weights = angles(points, power)
    return _Rule(
        sine[:, None],
        (2.0 * weights * sine * cosine)[:, None],
        interpolation(cosine, nodes),
        0.25 * (cosine * cosine)[:, None],
    )


class _Flow(NamedTuple):
    """The integrand's parts; points x rows."""

    weight: Floats
    elapsed: Floats
    deviation: Floats
    d1: Floats
    d2: Floats
    bell: Floats
    strike: Floats
    spot: Floats
    level: Floats
    held_depth: Floats


def premium_terms(spot: Floats, problem: Exercise, boundary: Boundary) -> Floats:
    """Premium and as many derivatives as `boundary` bears: 1, 4 (with vol) or 7 (with rate and yield too) x rows.

    spot: per strike, rows. Derivatives are per 1.00 of spot, vol, rate and yield. Below the boundary, where the option
    is exercised, they mean nothing.
    """
    nodes = boundary.depth.shape[0] - 1
    terms = _terms(spot, problem, boundary, _rule(nodes, near=False))
    close = np.log(spot) + boundary.depth[0] < _NEAR * problem.vol * np.sqrt(problem.t_years)
    near = np.flatnonzero(close | driven(problem))
    if near.size:
        there = Exercise(*(column[near] for column in problem))
        terms[:, near] = _terms(spot[near], there, boundary.take(near), _rule(nodes, near=True))
    return terms


def _terms(spot: Floats, problem: Exercise, boundary: Boundary, rule: _Rule) -> Floats:
    flow = _flow(spot, problem, boundary, rule)
    _, r, q, v = problem
    value = (flow.weight * (r * flow.strike - q * flow.spot)).sum(axis=0)
    if boundary.by_vol is None:
        return np.asarray(value[None])
    # bell = exp(-r e) density(d2) / deviation, and x exp(-q e) density(d1) = level exp(-r e) density(d2).
    bell = flow.weight * flow.bell
    gain = (r - q * flow.level) * bell
    tilt = flow.d2 / flow.deviation
    by_spot = -(gain.sum(axis=0) + q * (flow.weight * flow.spot).sum(axis=0)) / spot
    curve = r * bell + gain * tilt
    by_spot2 = curve.sum(axis=0) / (spot * spot)
    by_vol = (bell * flow.deviation * (r * flow.d1 - q * flow.level * flow.d2)).sum(axis=0) / v
    by_vol -= _through(gain, flow, rule, boundary, boundary.by_vol)
    if boundary.by_rate is None or boundary.by_yield is None:
        return np.stack((value, by_spot, by_spot2, by_vol))
    steep = gain / (flow.deviation * flow.deviation) - curve * (tilt + 2.0)
    by_spot3 = steep.sum(axis=0) / (spot * spot * spot)
    drawn = (gain * flow.elapsed).sum(axis=0)
    earned = (flow.weight * flow.strike * (1.0 - r * flow.elapsed)).sum(axis=0)
    given = (flow.weight * flow.spot * (1.0 - q * flow.elapsed)).sum(axis=0)
    by_rate = earned - drawn - _through(gain, flow, rule, boundary, boundary.by_rate)
    by_yield = drawn - given - _through(gain, flow, rule, boundary, boundary.by_yield)
    return np.stack((value, by_spot, by_spot2, by_vol, by_rate, by_yield, by_spot3))


def _flow(spot: Floats, problem: Exercise, boundary: Boundary, rule: _Rule) -> _Flow:
    t, r, q, v = problem
    squared = boundary.depth * boundary.depth
    held_depth = np.sqrt(np.maximum(rule.matrix @ squared, squared[0] * rule.share))
    elapsed = t * (rule.sine * rule.sine)
    deviation = (v * np.sqrt(t)) * rule.sine
    d2 = (np.log(spot) + held_depth) / deviation
    d2 += (((r - q) / v - 0.5 * v) * np.sqrt(t)) * rule.sine
    d1 = d2 + deviation
    strike_fade = np.exp(-r * elapsed)
    bell = np.exp(-0.5 * d2 * d2)
    bell *= strike_fade
    # spot x exp(-q e) density(d1) = level x exp(-r e) density(d2), the Black-Scholes identity, saves an exponential.
    level = np.exp(-held_depth)
    return _Flow(
        weight=t * rule.weight,
        elapsed=elapsed,
        deviation=deviation,
        d1=d1,
        d2=d2,
        bell=bell * INV_SQRT_2PI / deviation,
        strike=strike_fade * ndtr(-d2),
        spot=spot * np.exp(-q * elapsed) * ndtr(-d1),
        level=level,
        held_depth=held_depth,
    )


def _through(gain: Floats, flow: _Flow, rule: _Rule, boundary: Boundary, slope: Floats) -> Floats:
    """Effect of a change of the nodes' depths on the premium: gain is its derivative by ln(level)."""
    moved = rule.matrix @ (boundary.depth * slope)
    return np.asarray((gain * moved / flow.held_depth).sum(axis=0))
