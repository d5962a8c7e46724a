"""Recognise the strategy in a handful of legs on one underlying.

Legs of one contract are netted and quantities reduced to their smallest ratio before the shape is looked
at, so 10 iron condors and 1 are the same strategy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.legs import LegError, PayoffLeg, net_legs
from analytics.strategy_kinds import Bias, Family, StrategyKind
from analytics.strategy_shapes import Shape, ShapeLeg, kind_of

_WHOLE = 1e-9


@dataclass(frozen=True, slots=True)
class Recognised:
    """A strategy as a trader names it.

    `units`: how many times the smallest ratio is held (0 for stock alone and for custom books of stock).
    `is_credit`: True when money is received, from the legs' prices; None when a price is unknown.
    """

    kind: StrategyKind
    name: str
    units: int
    is_credit: bool | None

    @property
    def tag(self) -> str:
        """Stable text for the journal: iron_condor, short_strangle, ..."""
        return self.kind.tag

    @property
    def bias(self) -> Bias:
        """What the position wants to happen."""
        return self.kind.bias

    @property
    def family(self) -> Family:
        """Coarse group."""
        return self.kind.family


def recognise(legs: Sequence[PayoffLeg], *, cash_secured: bool = False) -> Recognised:
    """Name the strategy of legs on one underlying.

    `cash_secured` names a single short put so. Raises LegError on several underlyings or when the legs
    net to nothing.
    """
    if len({leg.underlying for leg in legs}) > 1:
        names = ", ".join(sorted({leg.underlying for leg in legs}))
        raise LegError(f"legs on several underlyings ({names}): a strategy is on one underlying")
    net = net_legs(legs)
    if not net:
        raise LegError("no legs, or legs that cancel each other: there is no strategy to name")
    shape, units = shape_of(net)
    kind = kind_of(shape) if shape is not None else StrategyKind.CUSTOM
    if cash_secured and kind is StrategyKind.SHORT_PUT:
        kind = StrategyKind.CASH_SECURED_PUT
    return Recognised(kind, _name(kind, shape), units, _is_credit(net))


def shape_of(legs: Sequence[PayoffLeg]) -> tuple[Shape | None, int]:
    """The legs in their smallest ratio and how often it is held; None for parts of a contract.

    Stock counts in lots of the options' multiplier; stock that is no whole lot, or several multipliers,
    has no shape.
    """
    options = sorted((leg for leg in legs if leg.is_option), key=_order)
    linear = [leg for leg in legs if not leg.is_option]
    if not options:
        sign = 1 if math.fsum(leg.quantity for leg in linear) > 0 else -1
        return (Shape((), sign, linear[0].is_future), 0) if len(linear) == 1 else (None, 0)
    lot = options[0].multiplier
    if any(leg.multiplier != lot for leg in options) or any(leg.is_future != options[0].is_future for leg in legs):
        return None, 0
    lots = math.fsum(leg.quantity * leg.multiplier for leg in linear) / lot
    counts = [leg.quantity for leg in options] + ([lots] if linear else [])
    if any(abs(count - round(count)) > _WHOLE or round(count) == 0 for count in counts):
        return None, 0
    units = math.gcd(*(abs(round(count)) for count in counts))
    expiries = sorted({leg.expiry_epoch_s for leg in options})
    shape_legs = tuple(
        ShapeLeg(bool(leg.is_call), leg.strike, expiries.index(leg.expiry_epoch_s), round(leg.quantity) // units)
        for leg in options
    )
    stock = round(lots) // units if linear else 0
    return Shape(shape_legs, stock, options[0].is_future), units


def _order(leg: PayoffLeg) -> tuple[float, float, bool]:
    """Expiry, strike, puts before calls."""
    return leg.expiry_epoch_s, leg.strike, bool(leg.is_call)


def _name(kind: StrategyKind, shape: Shape | None) -> str:
    """The kind's name with the right and the ratio filled in."""
    if shape is None or not shape.legs:
        return kind.pattern
    right = "call" if shape.legs[0].is_call else "put"
    ratio = "x".join(str(abs(leg.quantity)) for leg in sorted(shape.legs, key=lambda leg: abs(leg.quantity)))
    return kind.pattern.format(right=right, Right=right.capitalize(), ratio=ratio)


def _is_credit(legs: Sequence[PayoffLeg]) -> bool | None:
    """True when the prices add up to money received; None when one is unknown."""
    total = 0.0
    for leg in legs:
        if leg.price is None:
            return None
        total += leg.quantity * leg.multiplier * leg.price
    return total < 0
