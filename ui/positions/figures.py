"""Figures of every line: per leg from BookNumbers, summed per strategy and underlying. Pure numpy, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from execution.market.model_greeks import DELTA_APART, VOL_APART, are_apart
from execution.views import BookNumbers, RowStatus
from ui.positions.tree import Level, Node, Tree

#: Dollars and Greeks of a position: a leg has its share, lines above have the sum.
ADDITIVE: Final = (
    "market_value",
    "pnl_open",
    "pnl_day",
    "raw_delta",
    "spx_equiv_delta",
    "gamma",
    "theta_per_day",
    "vega_per_point",
    "extrinsic_value",
)
#: Figures of one contract: legs only.
PER_UNIT: Final = (
    "mark",
    "iv",
    "unit_delta",
    "underlying_price",
    "quote_age_s",
    "broker_iv",
    "broker_delta",
    "broker_age_s",
)
FIELDS: Final = ADDITIVE + PER_UNIT
#: What the desk and the broker both give: ours, the broker's, and from which difference on the two are marked.
BOTH: Final = (("iv", "broker_iv", VOL_APART), ("unit_delta", "broker_delta", DELTA_APART))

_FIELD_AT: Final = {name: index for index, name in enumerate(FIELDS)}
#: Statuses with which a position still counts in the totals.
COUNTED: Final = frozenset({RowStatus.OK, RowStatus.STALE})


@dataclass(frozen=True, slots=True)
class Figures:
    """Arrays [field, slot] per level; NaN = unknown. `left_out` counts legs missing in a sum, [field, slot].

    `delayed`: whether a line rests on a delayed quote, [slot] per level. `apart`: where a leg's figure and the broker's
    differ enough to be marked, [slot] by field of either; `differs`: whether a line has such a leg, [slot] per level.
    """

    at_utc: datetime
    values: dict[Level, NDArray[np.float64]]
    left_out: dict[Level, NDArray[np.int64]]
    status: tuple[RowStatus, ...]
    delayed: dict[Level, NDArray[np.bool_]]
    apart: dict[str, NDArray[np.bool_]]
    differs: dict[Level, NDArray[np.bool_]]

    def value(self, node: Node, name: str) -> float:
        """Returns a figure of a line, NaN when unknown or when it does not exist on that level."""
        return float(self.values[node.level][_FIELD_AT[name], node.slot])

    def missing(self, node: Node, name: str) -> int:
        """Returns how many legs are not in the line's sum."""
        return 0 if node.level is Level.LEG else int(self.left_out[node.level][_FIELD_AT[name], node.slot])


def figures_of(tree: Tree, numbers: BookNumbers) -> Figures:
    """Returns the figures of all lines; the versions of tree and numbers must agree."""
    rows = tree.row_of
    table = np.array([getattr(numbers, name)[rows] for name in FIELDS]).reshape(len(FIELDS), len(rows))
    table[: len(ADDITIVE)] *= tree.share
    values = {Level.LEG: table}
    left_out = {}
    delayed = {Level.LEG: np.asarray(numbers.is_delayed[rows], dtype=np.bool_)}
    apart = _apart(table)
    differs = {Level.LEG: np.logical_or.reduce(list(apart.values()))}
    for level, slot_of, count in (
        (Level.STRATEGY, tree.group_of, len(tree.groups)),
        (Level.UNDERLYING, tree.underlying_of, len(tree.underlyings)),
    ):
        sums, gaps = _sums(table, slot_of, count)
        values[level] = sums
        left_out[level] = gaps
        delayed[level] = np.bincount(slot_of, weights=delayed[Level.LEG], minlength=count) > 0
        differs[level] = np.bincount(slot_of, weights=differs[Level.LEG], minlength=count) > 0
    status = tuple(numbers.status[row] for row in rows)
    return Figures(numbers.at_utc, values, left_out, status, delayed, apart, differs)


def _apart(table: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
    found: dict[str, NDArray[np.bool_]] = {}
    for ours, theirs, most in BOTH:
        found[ours] = found[theirs] = are_apart(table[_FIELD_AT[ours]], table[_FIELD_AT[theirs]], most)
    return found


def _sums(
    table: NDArray[np.float64], slot_of: NDArray[np.intp], count: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sums what is known; a slot in which nothing is known stays NaN."""
    sums = np.full((len(FIELDS), count), np.nan)
    gaps = np.zeros((len(FIELDS), count), dtype=np.int64)
    for index in range(len(ADDITIVE)):
        is_known = ~np.isnan(table[index])
        total = np.bincount(slot_of, weights=np.where(is_known, table[index], 0.0), minlength=count)
        known = np.bincount(slot_of, weights=is_known, minlength=count)
        sums[index] = np.where(known > 0, total, np.nan)
        gaps[index] = np.bincount(slot_of, weights=~is_known, minlength=count).astype(np.int64)
    # Lines above a leg share one underlying, and so its price.
    price = _FIELD_AT["underlying_price"]
    is_known = ~np.isnan(table[price])
    sums[price, slot_of[is_known]] = table[price, is_known]
    return sums, gaps


def changed_slots(old: Figures, new: Figures, level: Level) -> NDArray[np.bool_]:
    """Returns [field, slot] True where a figure is another one than before (unknown equals unknown)."""
    before, after = old.values[level], new.values[level]
    changed: NDArray[np.bool_] = (before != after) & ~(np.isnan(before) & np.isnan(after))
    return changed
