"""Regulation T / FINRA 4210 strategy margin of whole books, with the pairing that needs the least money.

Per underlying and multiplier the options and the stock are paired by `analytics.margin.pairing`; one
pairing, the one of least maintenance, explains initial and maintenance alike. Choices where brokers
differ: a spread is the maximum potential loss of all options of one expiry together (an unequal iron
condor needs its wider side); time spreads are pairwise, so a double diagonal needs both sides; a short
box needs its full width; index options are not hedged with funds. Futures go to `margin.futures`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from analytics.legs import PayoffLeg
from analytics.margin import rules
from analytics.margin.book import by_multiplier, netted, option_groups, option_line, option_price, sized
from analytics.margin.futures import FuturesRule, futures_bucket
from analytics.margin.pairing import Pairing, best_pairing
from analytics.margin.pairing_model import PairingProblem, StockHedge
from analytics.margin.terms import (
    MarginChange,
    MarginError,
    MarginGroup,
    MarginRequirement,
    PairingKind,
    RegTParameters,
    UnderlyingTerms,
)

_SECONDS_PER_DAY = 86_400.0


def reg_t_margin(
    positions: Sequence[PayoffLeg],
    underlyings: Mapping[str, UnderlyingTerms],
    *,
    as_of_epoch_s: float,
    rates: RegTParameters | None = None,
    futures_rules: Mapping[str, FuturesRule] | None = None,
) -> MarginRequirement:
    """Reg-T requirement of any combination or whole book, dollars, under its least pairing.

    `positions`: legs with signed quantity in contracts (shares for stock) and price per unit (market value
    of an option, cost of stock); `underlyings`: live price and margin class by symbol; `as_of_epoch_s`: UTC
    seconds, against which "more than nine months to expiry" is measured. Sources: Regulation T 220.12,
    FINRA 4210(f)(2), Cboe margin manual; readings in docs/margin.md. Raises MarginError naming the leg.

    >>> from analytics.legs import option_leg
    >>> from analytics.margin.terms import MarginClass
    >>> put = option_leg("SPX", "P", 410.0, 30 * 86_400.0, -1, price=0.10)
    >>> index = UnderlyingTerms(445.35, MarginClass.BROAD_INDEX)
    >>> reg_t_margin([put], {"SPX": index}, as_of_epoch_s=0.0).option_requirement
    4110.0
    """
    return RegTMargin(rates, futures_rules).requirement(positions, underlyings, as_of_epoch_s)


class RegTMargin:
    """Margin of securities books under one set of percentages; futures by their own named rules."""

    def __init__(
        self,
        rates: RegTParameters | None = None,
        futures_rules: Mapping[str, FuturesRule] | None = None,
    ) -> None:
        """`futures_rules`: by underlying, for every underlying of a leg with `is_future`."""
        self._rates = rates if rates is not None else RegTParameters()
        self._futures_rules = dict(futures_rules or {})

    def requirement(
        self, positions: Sequence[PayoffLeg], underlyings: Mapping[str, UnderlyingTerms], as_of_epoch_s: float
    ) -> MarginRequirement:
        """Requirement of a book, dollars.

        `underlyings` holds the live price and class of every underlying of securities; leg prices are
        market values per unit (for a stock leg: its cost, which initial margin is a share of; the live
        price when None). Legs of one contract are netted. Raises MarginError naming what is missing.
        """
        if not math.isfinite(as_of_epoch_s):
            raise MarginError(
                f"time {as_of_epoch_s} is not a number: days to expiry cannot be counted; pass UTC seconds"
            )
        securities: dict[str, list[PayoffLeg]] = defaultdict(list)
        futures: list[PayoffLeg] = []
        for leg in netted(positions):
            if leg.is_future:
                futures.append(leg)
            else:
                securities[leg.underlying].append(leg)
        parts = [
            self._underlying(legs, _terms_of(name, underlyings), as_of_epoch_s)
            for name, legs in sorted(securities.items())
        ]
        return MarginRequirement(
            option_requirement=_total(part.option_requirement for part in parts),
            long_option_cost=_total(part.long_option_cost for part in parts),
            short_option_proceeds=_total(part.short_option_proceeds for part in parts),
            stock_initial=_total(part.stock_initial for part in parts),
            stock_maintenance=_total(part.stock_maintenance for part in parts),
            option_maintenance=_total(part.option_maintenance for part in parts),
            groups=tuple(group for part in parts for group in part.groups),
            futures=futures_bucket(futures, self._futures_rules) if futures else None,
            pairing_gap=_total(part.pairing_gap for part in parts),
            short_stock_sale_proceeds=_total(part.short_stock_sale_proceeds for part in parts),
        )

    def change(
        self,
        positions: Sequence[PayoffLeg],
        order_legs: Sequence[PayoffLeg],
        underlyings: Mapping[str, UnderlyingTerms],
        as_of_epoch_s: float,
    ) -> MarginChange:
        """Requirement before and after the signed `order_legs` are filled: the what-if."""
        return MarginChange(
            self.requirement(positions, underlyings, as_of_epoch_s),
            self.requirement([*positions, *order_legs], underlyings, as_of_epoch_s),
        )

    def _underlying(self, legs: Sequence[PayoffLeg], terms: UnderlyingTerms, as_of_epoch_s: float) -> MarginRequirement:
        """Requirement of one underlying."""
        options = [leg for leg in legs if leg.is_option]
        stock = [leg for leg in legs if not leg.is_option]
        shares = _total(leg.quantity * leg.multiplier for leg in stock)
        groups: list[MarginGroup] = []
        long_cost = long_maintenance = gap = 0.0
        free_shares = shares
        for multiplier, same in by_multiplier(options).items():
            lots = math.trunc(free_shares / multiplier + math.copysign(1e-9, free_shares))
            shorts = [leg for leg in same if leg.quantity < 0]
            longs = [leg for leg in same if leg.quantity > 0]
            hedge = StockHedge(lots, terms, self._rates)
            pairing = best_pairing(self._problem(shorts, longs, hedge))
            gap += pairing.gap * multiplier
            found, covering = option_groups(shorts, longs, pairing)
            hedged = _stock_groups(shorts, longs, pairing, hedge, stock)
            free_shares -= _total(
                member.quantity for group in hedged for member in group.members if not member.is_option
            )
            groups += found + hedged
            cost, kept, alone = self._longs(longs, covering, as_of_epoch_s)
            long_cost, long_maintenance = long_cost + cost, long_maintenance + kept
            groups += alone
        groups += self._free_stock(free_shares, stock, terms)
        requirement = _total(group.option_requirement for group in groups)
        return MarginRequirement(
            option_requirement=requirement,
            long_option_cost=long_cost,
            short_option_proceeds=_total(
                -leg.quantity * leg.multiplier * option_price(leg) for leg in options if leg.quantity < 0
            ),
            stock_initial=_total(self._stock_initial(leg, terms) for leg in stock),
            stock_maintenance=_total(group.stock_maintenance for group in groups),
            option_maintenance=requirement + long_maintenance,
            groups=tuple(groups),
            pairing_gap=gap,
            short_stock_sale_proceeds=_total(_cost(leg, terms) for leg in stock if leg.quantity < 0),
        )

    def _problem(self, shorts: Sequence[PayoffLeg], longs: Sequence[PayoffLeg], hedge: StockHedge) -> PairingProblem:
        """The pairing problem of one underlying and multiplier."""
        lines = tuple(option_line(leg) for leg in shorts)
        base = (rules.uncovered_base(line.is_call, line.strike, hedge.terms, self._rates) for line in lines)
        return PairingProblem(
            shorts=lines,
            longs=tuple(option_line(leg) for leg in longs),
            uncovered=tuple(line.price + extra for line, extra in zip(lines, base, strict=True)),
            stock=hedge,
        )

    def _longs(
        self, longs: Sequence[PayoffLeg], covering: Sequence[int], as_of_epoch_s: float
    ) -> tuple[float, float, list[MarginGroup]]:
        """Cost of the longs, maintenance of those with loan value, and the groups of those on their own."""
        cost = maintenance = 0.0
        groups: list[MarginGroup] = []
        for leg, used in zip(longs, covering, strict=True):
            per_contract = option_price(leg) * leg.multiplier
            alone = leg.quantity - used
            days = (leg.expiry_epoch_s - as_of_epoch_s) / _SECONDS_PER_DAY
            has_loan_value = days > self._rates.leaps_min_days
            share = self._rates.leaps_requirement if has_loan_value else 1.0
            cost += per_contract * (used + alone * share)
            maintenance += per_contract * alone * share if has_loan_value else 0.0
            if alone > 0:
                member = sized(leg, alone)
                groups.append(MarginGroup(PairingKind.LONG_OPTION, leg.underlying, (member,), 0.0))
        return cost, maintenance, groups

    def _stock_initial(self, leg: PayoffLeg, terms: UnderlyingTerms) -> float:
        """Initial requirement of a stock position: a share of its cost, at least the maintenance rate."""
        value = _cost(leg, terms)
        if leg.quantity < 0:
            return self._rates.short_stock_initial * value
        leveraged = min(1.0, self._rates.long_stock_maintenance * terms.leverage)
        return max(self._rates.long_stock_initial, leveraged) * value

    def _free_stock(self, shares: float, stock: Sequence[PayoffLeg], terms: UnderlyingTerms) -> list[MarginGroup]:
        """The group of the shares that hedge nothing."""
        if abs(shares) < 1e-9:
            return []
        sign = 1 if shares > 0 else -1
        per_share = StockHedge(sign, terms, self._rates).unhedged()
        kind = PairingKind.LONG_STOCK if shares > 0 else PairingKind.SHORT_STOCK
        member = stock[0].with_quantity(shares / stock[0].multiplier)
        return [MarginGroup(kind, member.underlying, (member,), 0.0, per_share * abs(shares))]


def _stock_groups(
    shorts: Sequence[PayoffLeg],
    longs: Sequence[PayoffLeg],
    pairing: Pairing,
    hedge: StockHedge,
    stock: Sequence[PayoffLeg],
) -> list[MarginGroup]:
    """Groups of options with stock; their maintenance is that of the stock."""
    groups: list[MarginGroup] = []
    sign = 1 if hedge.lots > 0 else -1
    for used in pairing.columns:
        column = used.column
        if not column.uses_stock:
            continue
        options = [sized(shorts[column.short], -used.lots)] if column.short >= 0 else []
        if column.long >= 0:
            options.append(sized(longs[column.long], used.lots))
        shares = used.lots * options[0].multiplier
        dollars = (column.points + hedge.unhedged()) * shares
        members = (stock[0].with_quantity(sign * shares / stock[0].multiplier), *options)
        groups.append(MarginGroup(column.kind, options[0].underlying, members, 0.0, dollars))
    return groups


def _cost(leg: PayoffLeg, terms: UnderlyingTerms) -> float:
    """Dollars a stock position was bought or sold for; at the live price when its own is unknown."""
    return abs(leg.quantity) * leg.multiplier * (leg.price if leg.price is not None else terms.price)


def _terms_of(name: str, underlyings: Mapping[str, UnderlyingTerms]) -> UnderlyingTerms:
    """Terms of an underlying. Raises MarginError when they are not given."""
    if name not in underlyings:
        raise MarginError(f"no price and margin class of {name}: its margin cannot be computed")
    return underlyings[name]


def _total(numbers: Iterable[float]) -> float:
    """Exact sum."""
    return math.fsum(numbers)
