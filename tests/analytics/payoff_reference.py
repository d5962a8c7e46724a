"""The slow way to a profile over several expiries, kept to hold the fast one against: golden sections and bisections.

Every bracket of a plain table is searched to the last digits, one step after the other, and the legs are valued anew
at each: hundreds of valuations. No table here follows the legs' own deviations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from analytics.legs import PayoffLeg
from analytics.payoff import (
    Bound,
    FloatArray,
    LaterLegValue,
    PayoffProfile,
    breakevens_of,
    check_one_underlying,
    common_expiry,
    net_cost_dollars,
    profit_zones_of,
    upside_slope,
)
from analytics.payoff_numeric import pnl_at

_GOLDEN = (5.0**0.5 - 1.0) / 2.0
_BISECTIONS = 60
_GOLDEN_STEPS = 50


def slow_profile(
    legs: Sequence[PayoffLeg],
    value_later: LaterLegValue,
    net_cost: float | None = None,
    grid_points: int = 2001,
) -> PayoffProfile:
    """Profile at the first expiry; searched over the same prices as the fast way."""
    check_one_underlying(legs)
    cost = net_cost_dollars(legs) if net_cost is None else net_cost
    first = common_expiry(legs)

    def pnl(spots: FloatArray) -> FloatArray:
        return pnl_at(legs, spots, first, value_later, cost)

    spots = _search_grid(legs, grid_points)
    values = pnl(spots)
    spots, values = _with_refined_extremes(pnl, spots, values)
    spots, values = _with_refined_crossings(pnl, spots, values)
    slope = upside_slope(legs)
    turns, at_turns = _sign_turns(spots, values)
    return PayoffProfile(
        max_profit=Bound(None if slope > 0 else float(values.max())),
        max_loss=Bound(None if slope < 0 else -float(values.min()) + 0.0),
        breakevens=breakevens_of(turns, at_turns, 0.0),
        profit_zones=profit_zones_of(turns, at_turns, 0.0),
        net_cost_dollars=cost,
        at_epoch_s=first,
        is_exact=False,
        searched_low=float(spots[0]),
        searched_high=float(spots[-1]),
    )


def _search_grid(legs: Sequence[PayoffLeg], points: int) -> FloatArray:
    """Ascending prices: dense around the strikes, thin in the wings, every strike exactly on it."""
    marks = [leg.strike for leg in legs if leg.is_option] or [leg.price or 1.0 for leg in legs]
    low, high = min(marks), max(marks)
    dense = np.linspace(0.6 * low, 1.5 * high, points)
    wings = (
        np.geomspace(0.01 * low, 0.6 * low, 200),
        np.geomspace(1.5 * high, 3.0 * high, 200),
    )
    return np.unique(np.concatenate(([1e-6 * low], dense, *wings, marks)))


def _with_refined_extremes(
    pnl: Callable[[FloatArray], FloatArray], spots: FloatArray, values: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Add the local maxima and minima between grid points."""
    inner, before, after = values[1:-1], values[:-2], values[2:]
    for sign in (1.0, -1.0):
        at = np.flatnonzero((sign * inner >= sign * before) & (sign * inner >= sign * after)) + 1
        if at.size == 0:
            continue
        found = _golden_maximum(partial(_signed, pnl, sign), spots[at - 1], spots[at + 1])
        spots, values = _merged(spots, values, found, pnl(found))
        inner, before, after = values[1:-1], values[:-2], values[2:]
    return spots, values


def _signed(pnl: Callable[[FloatArray], FloatArray], sign: float, spots: FloatArray) -> FloatArray:
    """P&L, mirrored for a minimum."""
    return sign * pnl(spots)


def _golden_maximum(f: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray) -> FloatArray:
    """Golden-section maxima of all brackets [low, high] at once."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    f_left, f_right = f(left), f(right)
    for _ in range(_GOLDEN_STEPS):
        keep_left = f_left >= f_right
        low, high = np.where(keep_left, low, left), np.where(keep_left, right, high)
        probe = np.where(keep_left, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        f_probe = f(probe)
        left, right = (
            np.where(keep_left, probe, right),
            np.where(keep_left, left, probe),
        )
        f_left, f_right = (
            np.where(keep_left, f_probe, f_right),
            np.where(keep_left, f_left, f_probe),
        )
    return 0.5 * (low + high)


def _with_refined_crossings(
    pnl: Callable[[FloatArray], FloatArray], spots: FloatArray, values: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Add the exact zero crossings with the value 0, found by bisection of every sign change."""
    at = np.flatnonzero(values[:-1] * values[1:] < 0)
    if at.size == 0:
        return spots, values
    low, high, sign_low = spots[at].copy(), spots[at + 1].copy(), np.sign(values[at])
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        same = np.sign(pnl(middle)) == sign_low
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return _merged(spots, values, 0.5 * (low + high), np.zeros(at.size))


def _merged(
    spots: FloatArray, values: FloatArray, new_spots: FloatArray, new_values: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Both point sets in ascending order; a new point replaces an old one at the same price."""
    merged, first = np.unique(np.concatenate((new_spots, spots)), return_index=True)
    return merged, np.concatenate((new_values, values))[first]


def _sign_turns(spots: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Only the points where the sign changes to either side, and both ends: all that zones need."""
    changes = np.diff(np.sign(values)) != 0
    keep = np.concatenate(([True], changes)) | np.concatenate((changes, [True]))
    return spots[keep], values[keep]
