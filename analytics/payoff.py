"""Profit and loss of a set of legs at expiration: extremes, breakevens, profit zones.

Legs that all expire together are solved exactly: the payoff is piecewise linear between strikes. Legs
of several expiries are valued at the first expiry with a function the caller supplies for the later
ones, searched on a grid and refined (see `analytics.payoff_numeric`). Underlying prices run from 0 up.
Signs: net price > 0 is a debit paid, < 0 a credit received; P&L is in dollars.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.legs import LegError, PayoffLeg

FloatArray = NDArray[np.float64]

LaterLegValue = Callable[[PayoffLeg, FloatArray, float], FloatArray]
"""(leg, underlying prices, epoch seconds) -> value per unit of the leg, same shape as the prices."""


@dataclass(frozen=True, slots=True)
class Bound:
    """An extreme of the P&L. `dollars` is None exactly when it is unbounded."""

    dollars: float | None

    @property
    def is_unbounded(self) -> bool:
        """True when there is no limit."""
        return self.dollars is None


@dataclass(frozen=True, slots=True)
class PriceZone:
    """Open interval of underlying prices; `high` is None when it has no upper end."""

    low: float
    high: float | None


@dataclass(frozen=True, slots=True)
class PayoffProfile:
    """What a position can make and lose at `at_epoch_s`.

    `max_loss.dollars` is positive for money that can be lost (negative: a profit is locked in).
    `net_cost_dollars` > 0 paid, < 0 received. `breakevens` are the prices, ascending, where a profit or
    a loss ends. `is_exact` is False for several expiries: then the figures hold for underlying prices
    between `searched_low` and `searched_high` and for the caller's valuation.
    """

    max_profit: Bound
    max_loss: Bound
    breakevens: tuple[float, ...]
    profit_zones: tuple[PriceZone, ...]
    net_cost_dollars: float
    at_epoch_s: float | None
    is_exact: bool
    searched_low: float = 0.0
    searched_high: float | None = None

    @property
    def is_credit(self) -> bool:
        """True when money is received for the position."""
        return self.net_cost_dollars < 0

    @property
    def reward_to_risk(self) -> float | None:
        """Max profit / max loss; None when either is unbounded or there is nothing to lose."""
        if self.max_profit.dollars is None or self.max_loss.dollars is None or self.max_loss.dollars <= 0:
            return None
        return self.max_profit.dollars / self.max_loss.dollars

    @property
    def credit_to_width(self) -> float | None:
        """Credit as a share of what is at stake (credit + max loss): the width of a spread or condor.

        None for debits and for unbounded losses.
        """
        if not self.is_credit or self.max_loss.dollars is None:
            return None
        width = self.max_loss.dollars - self.net_cost_dollars
        return -self.net_cost_dollars / width if width > 0 else None


def net_cost_dollars(legs: Sequence[PayoffLeg]) -> float:
    """Sum of quantity x multiplier x price; > 0 paid. Raises LegError when a price is unknown."""
    total = 0.0
    for leg in legs:
        if leg.price is None:
            raise LegError(f"leg {leg.label} has no price: give it one, or pass the net cost of the whole")
        total += leg.quantity * leg.multiplier * leg.price
    return total


def intrinsic(leg: PayoffLeg, spots: FloatArray) -> FloatArray:
    """Value per unit at its own expiry, shape of `spots`; a linear leg is worth its underlying."""
    if not leg.is_option:
        return spots
    return np.maximum(spots - leg.strike, 0.0) if leg.is_call else np.maximum(leg.strike - spots, 0.0)


def payoff_at_expiry(legs: Sequence[PayoffLeg], spots: ArrayLike, net_cost: float | None = None) -> FloatArray:
    """P&L in dollars at each underlying price, shape of `spots`, every option at its intrinsic value.

    `net_cost` in dollars replaces the sum over the legs' prices.
    """
    prices = np.asarray(spots, dtype=np.float64)
    cost = net_cost_dollars(legs) if net_cost is None else net_cost
    total = np.full(prices.shape, -cost)
    for leg in legs:
        total += leg.quantity * leg.multiplier * intrinsic(leg, prices)
    return total


def common_expiry(legs: Sequence[PayoffLeg]) -> float | None:
    """First option expiry in epoch seconds; None when there is no option."""
    return min((leg.expiry_epoch_s for leg in legs if leg.is_option), default=None)


def is_single_expiry(legs: Sequence[PayoffLeg]) -> bool:
    """True when all options settle at the same instant, or there are none."""
    return len({leg.expiry_epoch_s for leg in legs if leg.is_option}) <= 1


def analyse_payoff(legs: Sequence[PayoffLeg], net_cost: float | None = None) -> PayoffProfile:
    """Exact profile of legs on one underlying that all expire together.

    Raises LegError on no legs, several underlyings, several expiries or an unknown price.
    """
    check_one_underlying(legs)
    if not is_single_expiry(legs):
        raise LegError("legs expire on different dates: use analyse_multi_expiry with a valuation function")
    cost = net_cost_dollars(legs) if net_cost is None else net_cost
    knots = np.unique([0.0, *(leg.strike for leg in legs if leg.is_option)])
    values = _snapped(payoff_at_expiry(legs, knots, cost), legs, cost)
    slope = upside_slope(legs)
    return PayoffProfile(
        max_profit=Bound(None if slope > 0 else float(values.max())),
        max_loss=Bound(None if slope < 0 else -float(values.min()) + 0.0),
        breakevens=breakevens_of(knots, values, slope),
        profit_zones=profit_zones_of(knots, values, slope),
        net_cost_dollars=cost,
        at_epoch_s=common_expiry(legs),
        is_exact=True,
    )


def check_one_underlying(legs: Sequence[PayoffLeg]) -> None:
    """Raise LegError unless there is at least one leg and all are on the same underlying."""
    names = sorted({leg.underlying for leg in legs})
    if len(names) != 1:
        what = "no legs given" if not names else f"legs on several underlyings ({', '.join(names)})"
        raise LegError(f"{what}: a payoff needs legs on one underlying")


def upside_slope(legs: Sequence[PayoffLeg]) -> float:
    """Dollars per point far above all strikes, rounding noise removed."""
    terms = [leg.quantity * leg.multiplier for leg in legs if leg.is_call or not leg.is_option]
    slope = math.fsum(terms)
    return 0.0 if abs(slope) <= 1e-12 * math.fsum(abs(term) for term in terms) else slope


def _snapped(values: FloatArray, legs: Sequence[PayoffLeg], cost: float) -> FloatArray:
    """Values within float noise of zero set to zero, so that flat zero stretches are seen as such."""
    stake = math.fsum(abs(leg.quantity) * leg.multiplier * (leg.strike + abs(leg.price or 0.0)) for leg in legs)
    return np.where(np.abs(values) <= 1e-13 * (stake + abs(cost)) + 1e-12, 0.0, values)


def _cuts(knots: FloatArray, values: FloatArray, slope: float) -> list[tuple[float, float | None, int]]:
    """Split [0, inf) at every zero and return (low, high, sign) of each stretch, neighbours merged."""
    edges: list[float] = [float(knots[0])]
    for left, right, at_left, at_right in zip(knots[:-1], knots[1:], values[:-1], values[1:], strict=True):
        if at_left * at_right < 0:
            edges.append(float(left + (right - left) * at_left / (at_left - at_right)))
        edges.append(float(right))
    last, last_value = float(knots[-1]), float(values[-1])
    if slope * last_value < 0:
        edges.append(last - last_value / slope)
    stretches: list[tuple[float, float | None, int]] = []
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        inside = low + 1.0 if high is None else 0.5 * (low + high)
        value = float(np.interp(inside, knots, values)) + slope * max(inside - last, 0.0)
        sign = int(np.sign(value)) if abs(value) > 1e-300 else 0
        touches_zero = _is_zero_at(low, knots, values)
        if stretches and stretches[-1][2] == sign and not (touches_zero and sign != 0):
            stretches[-1] = (stretches[-1][0], high, sign)
        else:
            stretches.append((low, high, sign))
    return stretches


def _is_zero_at(price: float, knots: FloatArray, values: FloatArray) -> bool:
    """True when the payoff is exactly zero at a knot, which ends an open profit or loss zone."""
    position = int(np.searchsorted(knots, price))
    return position < knots.size and float(knots[position]) == price and float(values[position]) == 0.0


def profit_zones_of(knots: FloatArray, values: FloatArray, slope: float) -> tuple[PriceZone, ...]:
    """Maximal open intervals above zero of a piecewise linear P&L that goes on with `slope` past the end."""
    return tuple(PriceZone(low, high) for low, high, sign in _cuts(knots, values, slope) if sign > 0)


def breakevens_of(knots: FloatArray, values: FloatArray, slope: float) -> tuple[float, ...]:
    """Ends of the profit and loss zones, ascending, without 0 and infinity."""
    ends: set[float] = set()
    for low, high, sign in _cuts(knots, values, slope):
        if sign != 0:
            ends.update(end for end in (low, high) if end is not None and end > float(knots[0]))
    return tuple(sorted(ends))
