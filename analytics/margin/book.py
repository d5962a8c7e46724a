"""From legs to pairing problems: shared by securities and futures margin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from analytics.legs import PayoffLeg, net_legs
from analytics.margin.pairing import Pairing
from analytics.margin.pairing_model import OptionLine
from analytics.margin.terms import MarginError, MarginGroup, PairingKind

_WHOLE = 1e-9


def netted(legs: Sequence[PayoffLeg]) -> tuple[PayoffLeg, ...]:
    """One leg per contract; the legs themselves where no contract comes twice."""
    distinct = len({leg.identity for leg in legs}) == len(legs)
    return tuple(legs) if distinct else net_legs(legs)


def sized(leg: PayoffLeg, quantity: float) -> PayoffLeg:
    """The leg in another signed quantity; itself when it has that."""
    return leg if leg.quantity == quantity else leg.with_quantity(quantity)


def option_line(leg: PayoffLeg) -> OptionLine:
    """The option as the pairing sees it. Raises MarginError on a missing price or a part of a contract."""
    contracts = round(abs(leg.quantity))
    if abs(abs(leg.quantity) - contracts) > _WHOLE:
        raise MarginError(f"{leg.label}: {leg.quantity} contracts; options are held in whole contracts")
    return OptionLine(bool(leg.is_call), leg.strike, leg.expiry_epoch_s, contracts, option_price(leg))


def option_price(leg: PayoffLeg) -> float:
    """Price per unit. Raises MarginError when it is unknown or below zero."""
    if leg.price is None:
        raise MarginError(f"{leg.label} has no price: margin of an option needs its market value")
    if leg.price < 0:
        raise MarginError(f"{leg.label}: price {leg.price} is below zero; an option is never worth less than nothing")
    return leg.price


def by_multiplier(options: Iterable[PayoffLeg]) -> dict[float, list[PayoffLeg]]:
    """Options by contract multiplier, the one with most short contracts first: stock hedges that one."""
    groups: dict[float, list[PayoffLeg]] = defaultdict(list)
    for leg in options:
        groups[leg.multiplier].append(leg)

    def short_contracts(multiplier: float) -> float:
        return sum(-leg.quantity for leg in groups[multiplier] if leg.quantity < 0)

    return {m: groups[m] for m in sorted(groups, key=lambda m: (-short_contracts(m), m))}


def option_groups(
    shorts: Sequence[PayoffLeg], longs: Sequence[PayoffLeg], pairing: Pairing
) -> tuple[list[MarginGroup], list[int]]:
    """Groups of options alone, and the contracts of each long that cover something."""
    groups: list[MarginGroup] = []
    covering = [0] * len(longs)
    for used in pairing.columns:
        column = used.column
        if column.long >= 0:
            covering[column.long] += used.lots
        if column.uses_stock:
            continue
        members = [sized(shorts[i], -used.lots) for i in (column.short, column.other_short) if i >= 0]
        if column.long >= 0:
            members.append(sized(longs[column.long], used.lots))
        dollars = column.points * members[0].multiplier * used.lots
        groups.append(MarginGroup(column.kind, members[0].underlying, tuple(members), dollars))
    for spread in pairing.spreads:
        members = _spread_members(shorts, spread.block.shorts, spread.short_contracts, -1)
        members += _spread_members(longs, spread.block.longs, spread.long_contracts, 1)
        for index, count in zip(spread.block.longs, spread.long_contracts, strict=True):
            covering[index] += count
        dollars = spread.loss * members[0].multiplier
        groups.append(MarginGroup(PairingKind.SPREAD, members[0].underlying, tuple(members), dollars))
    return groups, covering


def _spread_members(
    legs: Sequence[PayoffLeg], indices: Sequence[int], counts: Sequence[int], sign: int
) -> list[PayoffLeg]:
    """The legs of one side of a spread block that are in use."""
    return [sized(legs[i], sign * n) for i, n in zip(indices, counts, strict=True) if n > 0]
