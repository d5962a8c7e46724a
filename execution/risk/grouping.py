"""Positions grouped into the strategies a trader sees, account by account."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from analytics.strategy_groups import OrderHint
from analytics.strategy_groups import group_positions as partition
from execution.payoff_legs import payoff_leg
from execution.views import PositionRow, StrategyGroup
from models.contract import Contract
from models.enums import InstrumentKind


def group_positions(rows: Sequence[PositionRow], hints: Sequence[OrderHint] = ()) -> tuple[StrategyGroup, ...]:
    """Returns the book's strategies; every contract belongs to exactly one of them.

    `hints` tell what was opened together and win over what merely looks like a strategy.
    """
    groups: list[StrategyGroup] = []
    for account in sorted({row.account_id for row in rows}):
        indices = [index for index, row in enumerate(rows) if row.account_id == account]
        legs = [payoff_leg(rows[index].contract, rows[index].quantity) for index in indices]
        for found in partition(legs, hints):
            members = [(indices[member.position], _exact(member.quantity)) for member in found.members]
            first = rows[members[0][0]].contract
            groups.append(
                StrategyGroup(
                    group_id=f"{account}|{found.strategy.tag}|"
                    + "|".join(rows[row].contract.key for row, _ in members),
                    underlying=found.underlying,
                    name=_named(found.strategy.name, first),
                    tag=found.strategy.tag,
                    rows=tuple(row for row, _ in members),
                    quantities=tuple(quantity for _, quantity in members),
                )
            )
    return tuple(groups)


def _named(strategy: str, first: Contract) -> str:
    if first.kind is InstrumentKind.CRYPTO:
        return "Crypto"  # for the payoff it is a stock like any other
    return strategy if first.expiry is None else f"{strategy} {first.expiry:%d %b %y}"


def _exact(quantity: float) -> Decimal:
    """Contracts are whole; a fraction of a share keeps its digits."""
    return Decimal(int(quantity)) if quantity.is_integer() else Decimal(str(quantity))
