"""The one shape in which payoff, strategy and margin code sees a holding: a frozen, unit-named leg.

`execution/` converts contracts and positions into it; nothing here knows a broker or a symbol syntax.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class LegKind(StrEnum):
    """Whether a leg pays off with a kink (option) or in a straight line (stock, future)."""

    OPTION = "option"
    LINEAR = "linear"


class LegError(ValueError):
    """A leg, or a set of legs, that cannot be analysed; the message names the leg and the cure."""


@dataclass(frozen=True, slots=True)
class PayoffLeg:
    """One contract line: what it is, how many, and at what price.

    `quantity` is signed (short < 0) in contracts, shares for stock. `multiplier` is dollars per point
    of one contract: 1 for stock, 100 for SPX, 50 for /ES. `price` is per unit of the underlying, as
    quoted; None when unknown. `expiry_epoch_s` is the settlement instant (UTC seconds), so an AM
    expiry sorts before the PM expiry of the same day. `is_future` marks futures and options on
    futures. `key` names the contract for the caller and is carried through untouched. `is_american` is for
    valuing a leg before its expiry; payoff at expiry, pairing and identity do not depend on it.
    """

    kind: LegKind
    underlying: str
    quantity: float
    multiplier: float
    is_call: bool | None = None
    strike: float = 0.0
    expiry_epoch_s: float = 0.0
    price: float | None = None
    is_future: bool = False
    key: str = ""
    is_american: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.quantity) or self.quantity == 0:
            raise LegError(f"leg {self.label}: quantity {self.quantity} must be a number other than zero")
        if not math.isfinite(self.multiplier) or self.multiplier <= 0:
            raise LegError(f"leg {self.label}: multiplier {self.multiplier} must be positive")
        if self.price is not None and not math.isfinite(self.price):
            raise LegError(f"leg {self.label}: price {self.price} is not finite; pass None when unknown")
        if self.kind is LegKind.OPTION:
            self._check_option()

    def _check_option(self) -> None:
        """Raise LegError when an option lacks a right, a positive strike or a finite expiry."""
        if self.is_call is None:
            raise LegError(f"leg {self.label}: an option needs is_call True or False")
        if not math.isfinite(self.strike) or self.strike <= 0:
            raise LegError(f"leg {self.label}: strike {self.strike} must be positive")
        if not math.isfinite(self.expiry_epoch_s):
            raise LegError(f"leg {self.label}: expiry {self.expiry_epoch_s} is not finite")

    @property
    def label(self) -> str:
        """Short text for messages: the caller's key, else underlying, strike and right."""
        if self.key:
            return self.key
        if self.kind is LegKind.LINEAR:
            return self.underlying
        return f"{self.underlying} {self.strike:g}{'C' if self.is_call else 'P'}"

    @property
    def is_option(self) -> bool:
        """True for an option leg."""
        return self.kind is LegKind.OPTION

    @property
    def is_put(self) -> bool:
        """True for a put; False for calls and linear legs."""
        return self.kind is LegKind.OPTION and not self.is_call

    @property
    def identity(self) -> tuple[str, str, bool, float, float, float, bool]:
        """Equal for two legs of the same contract, whatever their quantity or price."""
        return (
            self.underlying,
            self.kind.value,
            bool(self.is_call),
            self.strike if self.is_option else 0.0,
            self.expiry_epoch_s if self.is_option else 0.0,
            self.multiplier,
            self.is_future,
        )

    def with_quantity(self, quantity: float) -> PayoffLeg:
        """The same contract in another signed quantity."""
        return replace(self, quantity=quantity)


def net_legs(legs: Iterable[PayoffLeg]) -> tuple[PayoffLeg, ...]:
    """One leg per contract with the summed quantity, in order of first appearance; flat contracts drop out.

    The first known price and the first key of a contract are kept.
    """
    merged: dict[tuple[str, str, bool, float, float, float, bool], list[PayoffLeg]] = {}
    for leg in legs:
        merged.setdefault(leg.identity, []).append(leg)
    result: list[PayoffLeg] = []
    for same in merged.values():
        quantity = math.fsum(leg.quantity for leg in same)
        if abs(quantity) > 1e-9:
            price = next((leg.price for leg in same if leg.price is not None), None)
            key = next((leg.key for leg in same if leg.key), "")
            result.append(replace(same[0], quantity=quantity, price=price, key=key))
    return tuple(result)


def option_leg(
    underlying: str,
    right: str,
    strike: float,
    expiry_epoch_s: float,
    quantity: float,
    *,
    multiplier: float = 100.0,
    price: float | None = None,
    is_future: bool = False,
    key: str = "",
) -> PayoffLeg:
    """Build an option leg; `right` is "C" or "P". Raises LegError on anything else."""
    if right not in ("C", "P"):
        raise LegError(f"option on {underlying}: right {right!r} must be 'C' or 'P'")
    return PayoffLeg(
        LegKind.OPTION,
        underlying,
        quantity,
        multiplier,
        right == "C",
        strike,
        expiry_epoch_s,
        price,
        is_future,
        key,
    )


def linear_leg(
    underlying: str,
    quantity: float,
    *,
    multiplier: float = 1.0,
    price: float | None = None,
    is_future: bool = False,
    key: str = "",
) -> PayoffLeg:
    """Build a stock (multiplier 1) or futures leg."""
    return PayoffLeg(
        LegKind.LINEAR,
        underlying,
        quantity,
        multiplier,
        price=price,
        is_future=is_future,
        key=key,
    )
