"""Least requirement over all pairings of one underlying, in whole contracts.

Books whose programme is small enough (some sixty lines on one underlying and multiplier) are solved by
`margin.simplex`, nearly all to a proven least requirement; a search that outlasts its work limit states what a
better pairing could save at most. Larger books go to `margin.pairing_large`: a valid pairing, so never too low
a requirement, with such a gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.margin.pairing_model import (
    Column,
    FloatArray,
    IntArray,
    PairingProblem,
    PairModel,
    SpreadBlock,
    block_loss,
    build_model,
    cover_column,
    ride_levels,
    straddle_column,
    uncovered_column,
)
from analytics.margin.simplex import SimplexError, WholeProgramme, least_whole

_SMALL_LINES: Final = 100
_SMALL_TABLE: Final = 110_000
_WORK: Final = 26_000_000
"""Work limit of a search: some thirteen milliseconds."""
_KEPT: Final = 1e-6


@dataclass(frozen=True, slots=True)
class UsedColumn:
    """A column and how many lots of it the best pairing uses."""

    column: Column
    lots: int


@dataclass(frozen=True, slots=True)
class UsedSpread:
    """A spread block as used: contracts per short and per long of the block, and its loss in points."""

    block: SpreadBlock
    short_contracts: tuple[int, ...]
    long_contracts: tuple[int, ...]
    loss: float


@dataclass(frozen=True, slots=True)
class Pairing:
    """The best pairing of one underlying; `gap` is the most points a better one could save, 0 when none can."""

    columns: tuple[UsedColumn, ...]
    spreads: tuple[UsedSpread, ...]
    gap: float = 0.0


@dataclass(frozen=True, slots=True)
class Lots:
    """A solution in whole lots: riders per short, covers and stock columns by number, contracts per block."""

    riders: Mapping[int, int]
    covers: Mapping[tuple[int, int], int]
    with_stock: Mapping[int, int]
    blocks: tuple[IntArray, ...]


def best_pairing(problem: PairingProblem) -> Pairing:
    """Solve one underlying. Raises MarginError if the solver gives up, which no valid book causes."""
    if not problem.shorts and not (problem.stock and problem.stock.lots and problem.longs):
        return Pairing((), ())
    if len(problem.shorts) == 1 and not problem.longs and not (problem.stock and problem.stock.lots):
        return Pairing((UsedColumn(uncovered_column(0, problem.uncovered[0]), problem.shorts[0].contracts),), ())
    if len(problem.shorts) + len(problem.longs) <= _SMALL_LINES:
        model = build_model(problem, None)
        height = model.limits.size + model.riders.size
        if height * (height + model.cost.size) <= _SMALL_TABLE:
            least = _least(problem, model)
            if least is not None:
                return least
    from analytics.margin.pairing_large import near_least_pairing  # noqa: PLC0415 - SciPy's optimizers only if needed

    return near_least_pairing(problem)


def _least(problem: PairingProblem, model: PairModel) -> Pairing | None:
    """The least, proven or with its gap stated where the search outlasts its work limit; None when arithmetic fails."""
    programme = programme_of(model)
    try:
        solution = least_whole(programme, _WORK)
    except SimplexError:
        return None
    if solution.x is None:
        return None
    x = np.round(solution.x)
    x[model.losses] = solution.x[model.losses]
    if (programme.at_most @ x > programme.limits + _KEPT * (1.0 + np.abs(x).max(initial=0.0))).any():
        return None
    gap = 0.0 if solution.proven else max(0.0, float(programme.cost @ x) - solution.floor)
    return pairing_of(problem, model, lots_of(model, x), gap)


def programme_of(model: PairModel) -> WholeProgramme:
    """The model with its rows of riders: above a requirement no more may ride than pay on the other side."""
    at_most = np.zeros((model.limits.size, model.cost.size))
    at_most[model.rows, model.columns] = model.values
    prices = (at_most[:, model.losses] != 0).any(axis=1)
    at_most[prices] /= np.abs(at_most[prices]).max(axis=1, initial=1.0)[:, None]
    is_call, need, riders = model.shorts.is_call, model.need, model.riders
    levels = ride_levels(need, is_call, riders)
    other = (is_call[levels][:, None] != is_call[None, :]) & (need[None, :] >= need[levels][:, None])
    same = (is_call[levels][:, None] == is_call[riders][None, :]) & (need[riders][None, :] >= need[levels][:, None])
    chain = other @ at_most[: need.size]
    chain[:, : riders.size] += same
    whole = np.ones(model.cost.size, dtype=bool)
    whole[model.losses] = False
    return WholeProgramme(
        cost=model.cost,
        at_most=np.concatenate((at_most, chain)),
        limits=np.concatenate((model.limits, other @ model.shorts.contracts)),
        whole=whole,
        whole_rows=np.concatenate((~prices, np.ones(levels.size, dtype=bool))),
    )


def lots_of(model: PairModel, x: FloatArray) -> Lots:
    """The solution of the programme in whole lots."""
    lots = np.round(x).astype(np.int64)
    cover = lots[model.first_cover : model.first_stock]
    stock = lots[model.first_stock : model.first_stock + len(model.with_stock)]
    return Lots(
        riders={int(model.riders[i]): int(lots[i]) for i in np.flatnonzero(lots[: model.first_cover])},
        covers={(int(model.cover_short[i]), int(model.cover_long[i])): int(cover[i]) for i in np.flatnonzero(cover)},
        with_stock={int(i): int(stock[i]) for i in np.flatnonzero(stock)},
        blocks=tuple(lots[block.first : block.first + block.gains.shape[1]] for block in model.blocks),
    )


def pairing_of(problem: PairingProblem, model: PairModel, lots: Lots, gap: float = 0.0) -> Pairing:
    """Name the groups of a solution; every requirement is worked out anew, none taken from the solver."""
    left = [line.contracts for line in problem.shorts]
    used: list[UsedColumn] = []
    for (short, long), count in lots.covers.items():
        line, guard = problem.shorts[short], problem.longs[long]
        width = guard.strike - line.strike if line.is_call else line.strike - guard.strike
        used.append(UsedColumn(cover_column(short, long, max(width, 0.0)), count))
        left[short] -= count
    for index, count in lots.with_stock.items():
        column = model.with_stock[index]
        used.append(UsedColumn(column, count))
        if column.short >= 0:
            left[column.short] -= count
    spreads: list[UsedSpread] = []
    for block, contracts in zip(model.blocks, lots.blocks, strict=True):
        spreads += _used_spread(problem, block.spread, contracts)
        for short, count in zip(block.spread.shorts, contracts, strict=False):
            left[short] -= int(count)
    return Pairing(tuple(used + _uncovered(problem, left, lots.riders)), tuple(spreads), gap)


def _uncovered(problem: PairingProblem, left: list[int], riders: Mapping[int, int]) -> list[UsedColumn]:
    """Riders with payers of the other right and no lesser requirement, the hardest to place first; the rest alone."""
    need = problem.uncovered
    paying = {i: count - riders.get(i, 0) for i, count in enumerate(left)}
    used: list[UsedColumn] = []
    for rider in sorted(riders, key=lambda i: -need[i]):
        line, count = problem.shorts[rider], riders[rider]
        for payer, free in paying.items():
            if not count:
                break
            if free <= 0 or problem.shorts[payer].is_call == line.is_call or need[payer] < need[rider]:
                continue
            lots = min(count, free)
            call, put = (rider, payer) if line.is_call else (payer, rider)
            used.append(UsedColumn(straddle_column(call, put, need[payer] + line.price), lots))
            paying[payer] -= lots
            count -= lots
        paying[rider] += count  # none is left in a valid solution
    return used + [UsedColumn(uncovered_column(i, need[i]), count) for i, count in paying.items() if count > 0]


def _used_spread(problem: PairingProblem, block: SpreadBlock, contracts: IntArray) -> list[UsedSpread]:
    """The block as used, none when it holds no short; its loss is recomputed, not taken from the solver."""
    shorts, longs = contracts[: len(block.shorts)], contracts[len(block.shorts) :]
    if not shorts.any():
        return []
    loss = block_loss(problem, block, shorts.astype(np.float64), longs.astype(np.float64))
    return [UsedSpread(block, tuple(int(n) for n in shorts), tuple(int(n) for n in longs), loss)]
