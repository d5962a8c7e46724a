"""Price increments: TWS's market rules.

TWS's `minTick` of an SPX option is 0.05 at every price; the rule named for the exchange says 0.05 below 3 and 0.10 from
there on. Only the rule is believed where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from execution.brokers.daily import DailyAnswers
from execution.brokers.ibkr.facts import IbContractDetails, IbPriceIncrement
from execution.brokers.ibkr.wire_port import IbWire
from models.clock import Clock
from models.product import TickRule


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
