"""Full revaluation of a frozen book over spots x vols x dates, summed per group: the one loop behind every P&L here.

Rows and spots are taken in blocks of `CELLS` so that every buffer stays in the processor's second-level cache; memory
does not grow with the book or the grid. Today's value comes from the same arithmetic as every scenario, so a cell
without a shock is exactly 0.0.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np

from analytics.black_scholes import Bools, Floats
from analytics.book import Rows
from analytics.scenarios.columns import Frozen, Linear, Options
from analytics.scenarios.early import AmericanBlock
from analytics.scenarios.kernel import EuropeanBlock, VolField, intrinsic, prices_of

CELLS = 8_192


class GroupedPnl(NamedTuple):
    """pnl[group, date, vol, spot]: dollars against now. floored: valuations (contract x cell) on a vol floor."""

    pnl: Floats
    floored: int


class _Block(Protocol):
    """Values one block of rows over one run of spots."""

    live: Bools

    def set_date(self, days_forward: float) -> None:
        """Let so many calendar days pass."""

    def values(self, vol: Floats) -> Floats:
        """Unit values [row, spot] at vols [row, 1] or [row, spot]; may be overwritten by the next call."""


def grouped_pnl(frozen: Frozen, spots: Floats, vols: Floats, days: Floats, *, cells: int = CELLS) -> GroupedPnl:
    """P&L of every group on the product of the axes. `cells`: size of a block; changes speed, not figures."""
    pnl = np.zeros((frozen.groups, days.size, vols.size, spots.size))
    pnl += linear_pnl(frozen.linear, frozen.groups, spots)[:, None, None, :]
    floored = _add_options(frozen, frozen.european, EuropeanBlock, (spots, vols, days), pnl, cells)
    floored += _add_options(frozen, frozen.american, AmericanBlock, (spots, vols, days), pnl, cells)
    return GroupedPnl(pnl, floored)


def linear_pnl(linear: Linear, groups: int, spots: Floats) -> Floats:
    """Dollars [group, spot] of the rows that are their underlying."""
    moved = np.maximum(1.0 + linear.slope[:, None] * spots + linear.extra[:, None], 0.0)
    made = (linear.spot[:, None] * moved - linear.spot[:, None]) * linear.units[:, None]
    out = np.zeros((groups, spots.size))
    np.add.at(out, linear.group, made)
    return out


def expiry_pnl(frozen: Frozen, spots: Floats) -> Floats:
    """Dollars [group, spot] with every option at its intrinsic value at these prices."""
    out = linear_pnl(frozen.linear, frozen.groups, spots)
    for options, block in ((frozen.european, EuropeanBlock), (frozen.american, AmericanBlock)):
        for rows, run in blocks(len(options), spots.size, CELLS):
            part = options.take(rows)
            worth = intrinsic(part, prices_of(part, spots[run])) - _today(part, frozen, block)
            add_rows(out[:, run], worth, part)
    return out


def time_value(frozen: Frozen) -> Floats:
    """Dollars [group]: today's value of the options less what they would fetch if exercised now."""
    out = np.zeros((frozen.groups, 1))
    for options, block in ((frozen.european, EuropeanBlock), (frozen.american, AmericanBlock)):
        for rows, _ in blocks(len(options), 1, CELLS):
            part = options.take(rows)
            add_rows(out, _today(part, frozen, block) - intrinsic(part, part.spot[:, None]), part)
    return out[:, 0]


def blocks(rows: int, spots: int, cells: int) -> Iterator[tuple[slice, slice]]:
    """Runs of rows and runs of spots that together stay within `cells`."""
    if rows == 0 or spots == 0:
        return
    width = min(spots, cells)
    height = max(cells // width, 1)
    for top in range(0, rows, height):
        for left in range(0, spots, width):
            yield slice(top, min(top + height, rows)), slice(left, min(left + width, spots))


def _add_options(
    frozen: Frozen,
    options: Options,
    kind: type[EuropeanBlock] | type[AmericanBlock],
    axes: tuple[Floats, Floats, Floats],
    pnl: Floats,
    cells: int,
) -> int:
    spots, vols, days = axes
    moves, floored = frozen.moves, 0
    for rows, run in blocks(len(options), spots.size, cells):
        part = options.take(rows)
        now = _today(part, frozen, kind)
        prices = prices_of(part, spots[run])
        field = VolField(part, spots[run], prices, moves.dynamics.response)
        block: _Block = kind(part, prices, vol_per_cell=moves.dynamics.per_cell)
        at_vols = [field.at(shift, moves.vol_mode) for shift in vols.tolist()]
        for i, passed in enumerate(days.tolist()):
            block.set_date(passed)
            for j, (vol, held) in enumerate(at_vols):
                values = block.values(vol)
                values -= now
                add_rows(pnl[:, i, j, run], values, part)
                floored += count_floored(held, block.live, prices.shape[1])
    return floored


def _today(options: Options, frozen: Frozen, kind: type[EuropeanBlock] | type[AmericanBlock]) -> Floats:
    """Unit values [row, 1] with no shock, by the same arithmetic as every scenario."""
    moves = frozen.moves
    still, zero = replace(options, extra=np.zeros(len(options))), np.zeros(1)
    prices = prices_of(still, zero)
    block = kind(still, prices, vol_per_cell=moves.dynamics.per_cell)
    block.set_date(0.0)
    vol, _ = VolField(still, zero, prices, moves.dynamics.response).at(0.0, moves.vol_mode)
    return block.values(vol)


def add_rows(out: Floats, values: Floats, options: Options) -> None:
    """Add whole positions of unit values [row, spot] to `out` [group, spot]; the rows are sorted by group."""
    values = values * options.units[:, None]
    starts = group_starts(options.group)
    if starts.size == 1:
        out[options.group[0]] += values.sum(axis=0)
    else:
        out[options.group[starts]] += np.add.reduceat(values, starts, axis=0)


def group_starts(group: Rows) -> Rows:
    """First row of every run of one group."""
    return np.concatenate(([0], np.flatnonzero(group[1:] != group[:-1]) + 1)).astype(np.intp)


def count_floored(held: Bools, live: Bools, spots: int) -> int:
    """Valuations on a floor among rows that still have a vol."""
    if not held.any():
        return 0
    each = spots if held.shape[1] == 1 else 1
    return int(np.count_nonzero(held & live[:, None])) * each
