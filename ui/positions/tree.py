"""Underlying > strategy > leg, built from a BookStructure under a filter. Pure, no Qt.

A strategy of a single leg is not worth a level of its own: the leg stands directly below its underlying. A filter
keeps or drops whole strategies, so a spread is never shown with half its legs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from execution.views import BookStructure, PositionRow, StrategyGroup
from models.contract import Contract
from models.ids import AccountId
from ui import format as fmt


class Level(Enum):
    """What a line of the tree stands for."""

    UNDERLYING = "underlying"
    STRATEGY = "strategy"
    LEG = "leg"


@dataclass(frozen=True, slots=True)
class Filter:
    """What to show. `text` is searched in underlying, strategy and contract; `within_days` counts calendar days."""

    text: str = ""
    account_id: AccountId | None = None
    within_days: int | None = None


@dataclass(slots=True, eq=False)
class Node:
    """One line. `slot` indexes the figures of its level; `key` survives structure changes."""

    level: Level
    key: str
    title: str
    slot: int
    parent: Node | None
    children: list[Node] = field(default_factory=list)
    row_in_parent: int = 0
    #: Position in the order shown.
    number: int = 0
    #: All legs below (or the leg itself), and the first of their settlement instants.
    legs: tuple[Leg, ...] = ()
    first_expiry_utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """A position's part in a strategy: `quantity` signed, `share` = that part of the whole position."""

    row: PositionRow
    row_index: int
    quantity: Decimal
    share: float
    group: StrategyGroup
    expires_at_utc: datetime | None


@dataclass(frozen=True, slots=True)
class Tree:
    """The lines, and where each leg's figures go. `group_of[leg]` and `underlying_of[leg]` are slots."""

    version: int
    roots: tuple[Node, ...]
    nodes: tuple[Node, ...]
    legs: tuple[Leg, ...]
    groups: tuple[StrategyGroup, ...]
    underlyings: tuple[str, ...]
    row_of: NDArray[np.intp]
    share: NDArray[np.float64]
    group_of: NDArray[np.intp]
    underlying_of: NDArray[np.intp]


def build_tree(structure: BookStructure, wanted: Filter, now_utc: datetime | None) -> Tree:
    """Returns the tree of what the filter lets through; groups in the order of the structure."""
    legs: list[Leg] = []
    groups: list[StrategyGroup] = []
    group_of: list[int] = []
    for group in structure.groups:
        parts = _legs_of(structure, group)
        if _passes(group, parts, wanted, now_utc):
            group_of.extend([len(groups)] * len(parts))
            groups.append(group)
            legs.extend(parts)
    underlyings = tuple(dict.fromkeys(group.underlying for group in groups))
    slot_of = {name: slot for slot, name in enumerate(underlyings)}
    roots, nodes = _nodes(groups, legs, group_of, underlyings)
    return Tree(
        version=structure.version,
        roots=roots,
        nodes=nodes,
        legs=tuple(legs),
        groups=tuple(groups),
        underlyings=underlyings,
        row_of=np.array([leg.row_index for leg in legs], dtype=np.intp),
        share=np.array([leg.share for leg in legs], dtype=np.float64),
        group_of=np.array(group_of, dtype=np.intp),
        underlying_of=np.array([slot_of[leg.group.underlying] for leg in legs], dtype=np.intp),
    )


def _legs_of(structure: BookStructure, group: StrategyGroup) -> list[Leg]:
    parts = []
    for row_index, quantity in zip(group.rows, group.quantities, strict=True):
        row = structure.rows[row_index]
        share = float(quantity / row.quantity) if row.quantity else 0.0
        parts.append(Leg(row, row_index, quantity, share, group, row.contract.expires_at_utc))
    return parts


def _passes(group: StrategyGroup, parts: list[Leg], wanted: Filter, now_utc: datetime | None) -> bool:
    if wanted.account_id is not None and all(leg.row.account_id != wanted.account_id for leg in parts):
        return False
    if wanted.within_days is not None and not any(_expires_within(leg, wanted.within_days, now_utc) for leg in parts):
        return False
    if not wanted.text:
        return True
    searched = " ".join([group.underlying, group.name, *(leg.row.contract.label for leg in parts)]).casefold()
    return all(word in searched for word in wanted.text.casefold().split())


def _expires_within(leg: Leg, days: int, now_utc: datetime | None) -> bool:
    expires = leg.expires_at_utc
    return expires is not None and now_utc is not None and fmt.days_to_expiry(expires, now_utc) <= days


def _nodes(
    groups: list[StrategyGroup], legs: list[Leg], group_of: list[int], underlyings: tuple[str, ...]
) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    roots = {
        name: Node(Level.UNDERLYING, f"underlying:{name}", name, slot, None) for slot, name in enumerate(underlyings)
    }
    by_group: dict[int, list[int]] = {}
    for leg_slot, group_slot in enumerate(group_of):
        by_group.setdefault(group_slot, []).append(leg_slot)
    for group_slot, leg_slots in by_group.items():
        group = groups[group_slot]
        parent = roots[group.underlying]
        if len(leg_slots) > 1:
            strategy = Node(Level.STRATEGY, group.group_id, group.name, group_slot, parent)
            parent.children.append(strategy)
            parent = strategy
        for leg_slot in leg_slots:
            row = legs[leg_slot].row
            key = f"{group.group_id}|{row.account_id}|{row.contract.key}"
            title = row.contract.label if parent.level is Level.UNDERLYING else leg_title(row.contract)
            leaf = Node(Level.LEG, key, title, leg_slot, parent, legs=(legs[leg_slot],))
            parent.children.append(leaf)
    ordered = tuple(roots.values())
    for root in ordered:
        _gather(root)
    return ordered, number_nodes(ordered)


def leg_title(contract: Contract) -> str:
    """Returns a leg's name below its strategy, strike first: `6750 P  5 Jun 26`."""
    if contract.right is None or contract.strike is None:
        return contract.label
    return f"{fmt.strike(contract.strike)} {contract.right.value}  {fmt.expiry_date(contract.expiry)}"


def _gather(node: Node) -> None:
    """Hands legs and their first expiry up the tree."""
    for child in node.children:
        _gather(child)
        node.legs += child.legs
    times = [leg.expires_at_utc for leg in node.legs if leg.expires_at_utc is not None]
    node.first_expiry_utc = min(times, default=None)


def number_nodes(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """Numbers lines in the order shown, and returns them all."""
    nodes: list[Node] = []

    def walk(children: list[Node] | tuple[Node, ...]) -> None:
        for row, node in enumerate(children):
            node.row_in_parent = row
            node.number = len(nodes)
            nodes.append(node)
            walk(node.children)

    walk(roots)
    return tuple(nodes)


def packages(legs: tuple[Leg, ...]) -> int | None:
    """Returns how many times the smallest package is held; None when a quantity is fractional."""
    if not legs or any(leg.quantity != leg.quantity.to_integral_value() for leg in legs):
        return None
    return math.gcd(*(abs(int(leg.quantity)) for leg in legs))
