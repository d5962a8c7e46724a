"""P&L of legs with several expiries, at the first expiry: a table of prices, then refinement of what it brackets.

The legs are valued once on a table as fine as the legs' own deviations, every strike on it. Where the table turns, and
where it changes sign, all brackets at once are cut into sixteen again and again: the caller's valuation is called about
ten times in all, with few prices after the first, whatever the number of brackets. What only rounding moves does not
count: an American option that is exercised offsets the leg written against it to the last digits, and each of those
would otherwise be a turn.

Error, against the same valuation searched to the end: maximum profit and loss within $0.01 plus a millionth of the
notional at stake; the P&L at a breakeven within a ten-millionth of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from analytics.legs import LegError, PayoffLeg
from analytics.payoff import (
    Bound,
    FloatArray,
    LaterLegValue,
    PayoffProfile,
    breakevens_of,
    check_one_underlying,
    common_expiry,
    intrinsic,
    net_cost_dollars,
    profit_zones_of,
    upside_slope,
)

_Rows = npt.NDArray[np.intp]
_Pnl = Callable[[FloatArray], FloatArray]

#: Cuts of a bracket in one call; a bracket of an extreme keeps two of the pieces, one of a crossing keeps one.
_PIECES = 16
_EXTREME_ROUNDS, _CROSSING_ROUNDS = 4, 3
#: Shares of the notional at stake: below the first a change is no turn, below the second a P&L is zero.
_NO_TURN, _ZERO = 1e-9, 1e-13
#: The lowest price searched, as a share of the lowest strike: for all that matters, zero.
_LOWEST = 1e-6
#: A leg's own table reaches so many of its deviations to either side of its strike, in steps of so many.
_REACH, _STEP = 8.0, 0.2
#: A deviation beyond which values bend over the whole range, and the even prices do.
_WIDEST = 1.0


class ValueUnknownError(LegError):
    """The legs that live on have no value at some price of the underlying."""


def analyse_multi_expiry(
    legs: Sequence[PayoffLeg],
    value_later: LaterLegValue,
    net_cost: float | None = None,
    grid_points: int = 4001,
    deviations: Sequence[float] = (),
) -> PayoffProfile:
    """Profile at the first expiry; options that live longer are valued by `value_later`.

    Searched from a millionth of the lowest to three times the highest strike. Whether profit or loss is unbounded
    follows from the contract count on the upside; within a bounded count the extremes are those of the searched
    range. grid_points: prices spread evenly around the strikes. deviations: one per leg, vol x sqrt(years left at the
    first expiry), 0 for a leg that ends there; with them the table is fine where the values bend and a few hundred
    even points do. Raises LegError as `analyse_payoff` does, ValueUnknownError where `value_later` gives no number.
    """
    check_one_underlying(legs)
    cost = net_cost_dollars(legs) if net_cost is None else net_cost
    first = common_expiry(legs)
    spots = _search_grid(legs, grid_points, deviations)
    stake = sum(abs(leg.quantity) * leg.multiplier * (leg.strike or leg.price or 0.0) for leg in legs) + abs(cost)

    def pnl(at: FloatArray) -> FloatArray:
        found = pnl_at(legs, at, first, value_later, cost)
        found[np.abs(found) <= _ZERO * stake] = 0.0
        return found

    values = pnl(spots)
    unknown = spots[~np.isfinite(values)]
    if unknown.size:
        raise ValueUnknownError(
            f"the legs have no value with {legs[0].underlying} at {unknown[0]:g}: look at their vols"
        )
    spots, values = _with_refined_extremes(pnl, spots, values, _NO_TURN * stake)
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


def pnl_at(
    legs: Sequence[PayoffLeg],
    spots: FloatArray,
    at_epoch_s: float | None,
    value_later: LaterLegValue,
    net_cost: float,
) -> FloatArray:
    """P&L in dollars at `at_epoch_s`, shape of `spots`: later options by `value_later`, others intrinsic."""
    total = np.full(spots.shape, -net_cost)
    for leg in legs:
        lives_on = leg.is_option and at_epoch_s is not None and leg.expiry_epoch_s > at_epoch_s
        unit = value_later(leg, spots, at_epoch_s) if lives_on and at_epoch_s is not None else intrinsic(leg, spots)
        total += leg.quantity * leg.multiplier * unit
    return total


def _search_grid(legs: Sequence[PayoffLeg], points: int, deviations: Sequence[float]) -> FloatArray:
    """Ascending prices: dense around the strikes, thin in the wings, every strike exactly on it."""
    marks = [leg.strike for leg in legs if leg.is_option] or [leg.price or 1.0 for leg in legs]
    low, high = min(marks), max(marks)
    steps = np.arange(-_REACH, _REACH + 0.5 * _STEP, _STEP)
    widths = zip(legs, deviations, strict=bool(deviations))
    around = [leg.strike * np.exp(min(one, _WIDEST) * steps) for leg, one in widths if one > 0.0]
    spots = np.unique(
        np.concatenate(
            (
                [_LOWEST * low],
                np.geomspace(0.01 * low, 0.6 * low, max(points // 20, 20)),
                np.linspace(0.6 * low, 1.5 * high, points),
                np.geomspace(1.5 * high, 3.0 * high, max(points // 20, 20)),
                *around,
                marks,
            )
        )
    )
    return spots[(spots >= _LOWEST * low) & (spots <= 3.0 * high)]


def _with_refined_extremes(
    pnl: _Pnl, spots: FloatArray, values: FloatArray, no_turn: float
) -> tuple[FloatArray, FloatArray]:
    """Add the local maxima and minima between the table's prices."""
    start, end, sign = _brackets_of_turns(values, no_turn)
    if sign.size == 0:
        return spots, values
    low, high = spots[start], spots[end]
    best, best_value = low, np.full(sign.size, -np.inf)
    every = np.arange(sign.size)
    for _ in range(_EXTREME_ROUNDS):
        probes = _cut(low, high)
        found = sign * pnl(probes)
        top = found.argmax(axis=0)
        better = found[top, every] > best_value
        best = np.where(better, probes[top, every], best)
        best_value = np.where(better, found[top, every], best_value)
        low, high = probes[np.maximum(top - 1, 0), every], probes[np.minimum(top + 1, _PIECES), every]
    vertex = _vertices(low, high, sign, pnl)
    found = sign * pnl(vertex)
    better = found > best_value
    best, best_value = np.where(better, vertex, best), np.where(better, found, best_value)
    return _merged(spots, values, best, sign * best_value)


def _brackets_of_turns(values: FloatArray, no_turn: float) -> tuple[_Rows, _Rows, FloatArray]:
    """First and last table index around every turn, and 1 where it is a maximum, -1 where a minimum.

    A stretch that rounding alone moves belongs to the bracket: it starts before the stretch and ends behind it.
    """
    steps = np.diff(values)
    moves = np.flatnonzero(np.abs(steps) > no_turn)
    rises = np.sign(steps[moves])
    turn = np.flatnonzero(rises[:-1] != rises[1:])
    return moves[turn], moves[turn + 1] + 1, rises[turn]


def _cut(low: FloatArray, high: FloatArray) -> FloatArray:
    """Prices that cut every bracket into equal pieces, both ends among them: prices x brackets."""
    share = (np.arange(_PIECES + 1) / _PIECES)[:, None]
    return np.asarray(low + share * (high - low))


def _vertices(low: FloatArray, high: FloatArray, sign: FloatArray, pnl: _Pnl) -> FloatArray:
    """Tops of the parabolas through both ends and the middle of every bracket; the middle where there is none."""
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    before, at, after = (sign * part for part in pnl(np.stack((low, middle, high))))
    bend = 2.0 * at - before - after
    bends = bend > 0.0
    shift = np.where(bends, 0.5 * (after - before) / np.where(bends, bend, 1.0), 0.0)
    return np.asarray(middle + half * np.clip(shift, -1.0, 1.0))


def _with_refined_crossings(pnl: _Pnl, spots: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Add the exact zero crossings with the value 0, one for every sign change."""
    at = np.flatnonzero(values[:-1] * values[1:] < 0)
    if at.size == 0:
        return spots, values
    low, high, sign_low = spots[at], spots[at + 1], np.sign(values[at])
    every = np.arange(at.size)
    for _ in range(_CROSSING_ROUNDS):
        probes = _cut(low, high)
        found = sign_low * pnl(probes)
        # The last end has the other sign, whatever rounding does to it here.
        found[-1] = np.minimum(found[-1], -np.finfo(np.float64).tiny)
        behind = np.maximum((found <= 0.0).argmax(axis=0), 1)
        low, high = probes[behind - 1, every], probes[behind, every]
        at_low, at_high = found[behind - 1, every], found[behind, every]
    drop = at_low - at_high
    share = np.clip(np.where(drop > 0.0, at_low / np.where(drop > 0.0, drop, 1.0), 0.5), 0.0, 1.0)
    return _merged(spots, values, low + share * (high - low), np.zeros(at.size))


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
