"""Contracts and positions in the shape the payoff, strategy and margin code takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from analytics.legs import LegKind, PayoffLeg
from models.clock import epoch_s
from models.contract import Contract
from models.enums import ExerciseStyle, InstrumentKind, Right
from models.order import OrderLeg

_FUTURES = frozenset({InstrumentKind.FUTURE, InstrumentKind.FUTURE_OPTION})


def payoff_leg(contract: Contract, quantity: Decimal | int, price: Decimal | float | None = None) -> PayoffLeg:
    """Returns the leg; `quantity` signed, `price` per share as quoted (None = unknown)."""
    line = PayoffLeg(
        LegKind.LINEAR,
        contract.underlying,
        float(quantity),
        float(contract.multiplier),
        price=None if price is None else float(price),
        is_future=contract.kind in _FUTURES,
        key=str(contract.key),
    )
    if not contract.is_option:
        return line
    expires = contract.expires_at_utc
    return replace(
        line,
        kind=LegKind.OPTION,
        is_call=contract.right is Right.CALL,
        strike=float(contract.strike or 0),
        expiry_epoch_s=0.0 if expires is None else epoch_s(expires),
        is_american=contract.style is ExerciseStyle.AMERICAN,
    )


def payoff_legs(legs: Sequence[OrderLeg]) -> tuple[PayoffLeg, ...]:
    """Returns an order's legs without prices (the net price is given beside them)."""
    return tuple(payoff_leg(leg.contract, leg.signed_quantity) for leg in legs)
