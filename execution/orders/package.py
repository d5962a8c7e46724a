"""Arithmetic of an order's package: ratios, net prices, and which side must pay.

The package is the smallest whole trade in the order (`Order.packages` of them make the order). Its net price is in
points of the leg with the greatest multiplier: dollars of one package / that multiplier. For option packages that is
the sum of ratio x price; a buy-write of 100 shares and 1 call is priced per share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

from models.contract import Contract
from models.enums import Action, Right
from models.ids import ContractKey
from models.order import OrderLeg
from models.quote import Quote

_ZERO = Decimal(0)


def packages_of(legs: Sequence[OrderLeg]) -> int:
    """Returns how many packages the legs make (0 without legs)."""
    return math.gcd(*(leg.quantity for leg in legs)) if legs else 0


def ratios(legs: Sequence[OrderLeg]) -> tuple[int, ...]:
    """Returns contracts (or shares) of each leg in one package."""
    packages = packages_of(legs)
    return tuple(leg.quantity // packages for leg in legs) if packages else ()


def price_multiplier(legs: Sequence[OrderLeg]) -> Decimal:
    """Returns dollars of one point of the net price of one package."""
    return max((leg.contract.multiplier for leg in legs), default=Decimal(1))


def net_price(legs: Sequence[OrderLeg], prices: Sequence[Decimal]) -> Decimal:
    """Returns the net price of one package at the given price per leg; positive = debit."""
    dollars = sum(
        (
            leg.action.sign * ratio * leg.contract.multiplier * price
            for leg, ratio, price in zip(legs, ratios(legs), prices, strict=True)
        ),
        _ZERO,
    )
    return dollars / price_multiplier(legs)


def net_mid(legs: Sequence[OrderLeg], quotes: Mapping[ContractKey, Quote]) -> Decimal | None:
    """Returns the package's midpoint; None unless every leg is soundly quoted."""
    mids: list[Decimal] = []
    for leg in legs:
        quote = quotes.get(leg.contract.key)
        if quote is None or quote.mid is None:
            return None
        mids.append(quote.mid)
    return net_price(legs, mids) if mids else None


def net_natural(legs: Sequence[OrderLeg], quotes: Mapping[ContractKey, Quote]) -> Decimal | None:
    """Returns what crossing every spread would cost: buy at the ask, sell at the bid; None unless soundly quoted."""
    sides: list[Decimal] = []
    for leg in legs:
        quote = quotes.get(leg.contract.key)
        if quote is None or not quote.is_two_sided or quote.bid is None or quote.ask is None:
            return None
        sides.append(quote.ask if leg.action is Action.BUY else quote.bid)
    return net_price(legs, sides) if sides else None


def value_bounds(legs: Sequence[OrderLeg]) -> tuple[Decimal | None, Decimal | None] | None:
    """Returns the least and greatest worth of one package at expiry, in points; None on a side = no bound.

    Only for option packages that end at one instant with one multiplier; None for everything else. The worth is
    piecewise linear with kinks at the strikes, so zero, the strikes and the slope beyond the last one decide.
    """
    if not _ends_at_once(legs):
        return None
    strikes = [leg.contract.strike or _ZERO for leg in legs]
    worths = [_worth(legs, spot) for spot in (_ZERO, *strikes)]
    slope = sum(
        leg.action.sign * ratio
        for leg, ratio in zip(legs, ratios(legs), strict=True)
        if leg.contract.right is Right.CALL
    )
    return (None if slope < 0 else min(worths)), (None if slope > 0 else max(worths))


def required_sign(legs: Sequence[OrderLeg]) -> int:
    """Returns +1 when only a debit makes sense, -1 when only a credit does, 0 when either may.

    A package that can only be worth something at expiry is paid for; one that can only cost is paid to us. Where the
    payoff does not settle it (several expiries, stock with options), legs all on one side still do.
    """
    if not legs:
        return 0
    bounds = value_bounds(legs)
    if bounds is not None:
        low, high = bounds
        if low is not None and low >= 0 and high != 0:
            return 1
        if high is not None and high <= 0 and low != 0:
            return -1
        return 0
    signs = {leg.action.sign for leg in legs}
    return signs.pop() if len(signs) == 1 else 0


def _ends_at_once(legs: Sequence[OrderLeg]) -> bool:
    if not legs or not all(leg.contract.is_option and leg.quantity > 0 for leg in legs):
        return False
    return len({(leg.contract.expires_at_utc, leg.contract.multiplier) for leg in legs}) == 1


def _worth(legs: Sequence[OrderLeg], spot: Decimal) -> Decimal:
    return sum(
        (
            leg.action.sign * ratio * _intrinsic(leg.contract, spot)
            for leg, ratio in zip(legs, ratios(legs), strict=True)
        ),
        _ZERO,
    )


def _intrinsic(contract: Contract, spot: Decimal) -> Decimal:
    strike = contract.strike or _ZERO
    return max(spot - strike, _ZERO) if contract.right is Right.CALL else max(strike - spot, _ZERO)
