"""Price increments: TWS's market rules, and the increments of a package's net price.

TWS's `minTick` of an SPX option is 0.05 at every price; the rule named for the exchange says 0.05 below 3 and 0.10 from
there on. Only the rule is believed where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

from execution.brokers.daily import DailyAnswers
from execution.brokers.ibkr.facts import IbContractDetails, IbPriceIncrement
from execution.brokers.ibkr.wire_port import IbWire
from models.clock import Clock
from models.contract import Contract
from models.enums import InstrumentKind, Right
from models.errors import InvalidInput
from models.order import OrderLeg
from models.product import PENNY, TickRule

#: Cboe quotes SPX complex orders in 0.05 and boxes in 0.01 (complex order increments, SPX specification).
_PENNY_BOXES: Final = "SPX"


def tick_rule_of(increments: Iterable[IbPriceIncrement]) -> TickRule | None:
    """Returns the increments at prices from 0 up; None when the table says nothing usable.

    A table with more than two sizes keeps its first, and from its second edge on takes the smallest size that is a
    whole multiple of all the others: never finer than TWS allows.
    """
    usable = sorted((one for one in increments if one.increment > 0), key=lambda one: one.low_edge)
    at_zero = [one for one in usable if one.low_edge <= 0][-1:]
    bands: list[IbPriceIncrement] = []
    for one in (*at_zero, *(one for one in usable if one.low_edge > 0)):
        if not bands or bands[-1].increment != one.increment:
            bands.append(one)
    if not bands:
        return None
    first, *rest = bands
    if not rest:
        return TickRule(first.increment, Decimal(0), first.increment)
    return TickRule(first.increment, rest[0].low_edge, _common_multiple([one.increment for one in rest]))


def _common_multiple(sizes: Sequence[Decimal]) -> Decimal:
    unit = Decimal(1).scaleb(min(int(size.normalize().as_tuple().exponent) for size in sizes))
    return Decimal(math.lcm(*(int(size / unit) for size in sizes))) * unit


def rule_id_of(details: IbContractDetails, exchange: str) -> int | None:
    """Returns the number of the rule for an exchange: the rules run parallel to the valid exchanges. None = no rule."""
    by_exchange = dict(zip(details.valid_exchanges, details.market_rule_ids, strict=False))
    return by_exchange.get(exchange)


class MarketRules:
    """Asks for each rule once a day."""

    def __init__(self, wire: Callable[[], IbWire], clock: Clock) -> None:
        self._wire = wire
        self._answers: DailyAnswers[int, TickRule | None] = DailyAnswers(clock)

    async def tick(self, rule_id: int | None) -> TickRule | None:
        """Returns the increments of a rule, None where TWS has none; raises BrokerFailure when it does not answer."""
        if rule_id is None:
            return None

        async def ask() -> TickRule | None:
            return tick_rule_of(await self._wire().market_rule(rule_id))

        return await self._answers.get(rule_id, ask)


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
