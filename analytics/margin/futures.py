"""Margin of futures and options on futures by a percentage of notional: an estimate, named as such.

The exchange's SPAN figures are not available here. Outright futures are charged a percentage of notional,
net per underlying future; an uncovered short option is charged its value plus that percentage less half
the out-of-the-money amount, at least a minimum percentage; longs are paid in full; spreads and short
straddles pair as securities do. Futures and options on them do not offset each other.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analytics.legs import PayoffLeg
from analytics.margin.book import by_multiplier, option_groups, option_line, option_price
from analytics.margin.pairing import best_pairing
from analytics.margin.pairing_model import PairingProblem
from analytics.margin.terms import FuturesBucket, FuturesGroup, MarginError


@dataclass(frozen=True, slots=True)
class FuturesRule:
    """Percentages of one underlying future, and its live price.

    Shares of notional (price x multiplier). `product` is for display; `initial_factor` turns maintenance
    into initial (1.1 at the exchanges).
    """

    product: str
    price: float
    maintenance_percent: float
    minimum_percent: float
    initial_factor: float = 1.1

    def __post_init__(self) -> None:
        numbers = (self.price, self.maintenance_percent, self.minimum_percent, self.initial_factor)
        if not all(math.isfinite(number) and number > 0 for number in numbers):
            raise MarginError(f"futures rule of {self.product}: every number must be positive: {self}")
        if self.minimum_percent > self.maintenance_percent:
            raise MarginError(f"futures rule of {self.product}: minimum percent above maintenance percent")

    def uncovered_points(self, is_call: bool, strike: float, price: float) -> float:
        """Requirement of one uncovered short option, its value included, points."""
        out_of_the_money = max(strike - self.price, 0.0) if is_call else max(self.price - strike, 0.0)
        outright = self.maintenance_percent * self.price
        return price + max(outright - 0.5 * out_of_the_money, self.minimum_percent * self.price)


def futures_bucket(legs: Sequence[PayoffLeg], rules: Mapping[str, FuturesRule]) -> FuturesBucket:
    """Estimate for futures legs; `rules` by underlying. Raises MarginError on an underlying without rule."""
    by_underlying: dict[str, list[PayoffLeg]] = defaultdict(list)
    for leg in legs:
        by_underlying[leg.underlying].append(leg)
    groups: list[FuturesGroup] = []
    initial = 0.0
    for name, same in sorted(by_underlying.items()):
        if name not in rules:
            raise MarginError(f"no futures margin rule for {name}: add its percentage of notional")
        group = _underlying_group(name, same, rules[name])
        groups.append(group)
        initial += rules[name].initial_factor * (group.outright + group.options)
    options = [leg for leg in legs if leg.is_option]
    return FuturesBucket(
        initial=initial,
        maintenance=math.fsum(group.outright + group.options for group in groups),
        long_option_cost=_premiums(leg for leg in options if leg.quantity > 0),
        short_option_proceeds=-_premiums(leg for leg in options if leg.quantity < 0),
        groups=tuple(groups),
    )


def _underlying_group(name: str, legs: Sequence[PayoffLeg], rule: FuturesRule) -> FuturesGroup:
    """Maintenance of one underlying future."""
    net = math.fsum(leg.quantity * leg.multiplier for leg in legs if not leg.is_option)
    notional = abs(net) * rule.price
    dollars = 0.0
    for same in by_multiplier(leg for leg in legs if leg.is_option).values():
        shorts = [leg for leg in same if leg.quantity < 0]
        longs = [leg for leg in same if leg.quantity > 0]
        lines = tuple(option_line(leg) for leg in shorts)
        uncovered = tuple(rule.uncovered_points(line.is_call, line.strike, line.price) for line in lines)
        pairing = best_pairing(PairingProblem(lines, tuple(option_line(leg) for leg in longs), uncovered))
        groups, _ = option_groups(shorts, longs, pairing)
        dollars += math.fsum(group.option_requirement for group in groups)
    return FuturesGroup(rule.product, name, rule.maintenance_percent * notional, dollars, notional)


def _premiums(options: Iterable[PayoffLeg]) -> float:
    """Signed market value of options, dollars."""
    return math.fsum(leg.quantity * leg.multiplier * option_price(leg) for leg in options)
