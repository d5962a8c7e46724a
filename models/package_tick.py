"""Price increments of a package, by the rules of the exchanges' complex order books."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from models.contract import Contract
from models.enums import InstrumentKind, Right
from models.errors import InvalidInput
from models.order import OrderLeg
from models.product import PENNY, TickRule

#: Cboe quotes SPX complex orders in 0.05 and boxes in 0.01 (complex order increments, SPX specification).
_PENNY_BOXES: Final = "SPX"


def package_tick(legs: Sequence[OrderLeg]) -> TickRule:
    """Returns the increments of a net price of two or more legs: the finest of the legs' own package increments.

    SPX boxes go in pennies. Raises InvalidInput when there are fewer than two legs.
    """
    if len(legs) < 2:
        raise InvalidInput("legs", f"A package has two or more legs, not {len(legs)}.")
    if _is_box(legs) and legs[0].contract.underlying == _PENNY_BOXES:
        return PENNY
    return min((leg.contract.net_tick for leg in legs), key=lambda rule: (rule.below, rule.above))


def _is_box(legs: Sequence[OrderLeg]) -> bool:
    """Two strikes of one expiration, each with a call against a put, the one bought where the other is sold."""
    contracts = [leg.contract for leg in legs]
    if len(legs) != 4 or any(one.kind is not InstrumentKind.OPTION for one in contracts):
        return False
    if len({(one.root, one.expiry) for one in contracts}) != 1 or len({leg.quantity for leg in legs}) != 1:
        return False
    by_place = {(leg.contract.strike, leg.contract.right): leg.action for leg in legs}
    strikes = sorted(_strikes(contracts))
    if len(by_place) != 4 or len(strikes) != 2:
        return False
    low, high = strikes
    low_call, high_call = by_place[low, Right.CALL], by_place[high, Right.CALL]
    return (
        by_place[low, Right.PUT] is low_call.opposite
        and by_place[high, Right.PUT] is high_call.opposite
        and low_call is not high_call
    )


def _strikes(contracts: Iterable[Contract]) -> set[Decimal]:
    return {one.strike for one in contracts if one.strike is not None}
