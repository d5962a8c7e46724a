"""Least requirement over all pairings of one underlying, in whole contracts.

Small books are solved as one whole-number programme over every pair. Larger books start with few pairs and
add those that would lower the cost (column generation), which is exact for the relaxation; where that
leaves a fraction of a contract, a whole-number programme over the same pairs decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, linprog, milp

from analytics.margin.pairing_model import (
    Column,
    FloatArray,
    LinearModel,
    PairingProblem,
    SpreadBlock,
    block_loss,
    build_model,
    cover_column,
    spread_blocks,
    stock_columns,
    straddle_column,
    uncovered_columns,
)
from analytics.margin.terms import MarginError

_ALL_PAIRS_UP_TO: Final = 400
_FIRST_PAIRS: Final = 3
_NEW_PAIRS: Final = 2
_MAX_ROUNDS: Final = 60
_WHOLE: Final = 1e-6
_MIP_GAP: Final = 1e-6
_NODE_LIMIT: Final = 2000

_LINPROG = cast("Callable[..., OptimizeResult]", linprog)  # its stubs know dense matrices only

BoolArray = NDArray[np.bool_]


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
    """The best pairing of one underlying."""

    columns: tuple[UsedColumn, ...]
    spreads: tuple[UsedSpread, ...]


@dataclass(frozen=True, slots=True)
class _PairTable:
    """Cost of every pair: straddles (calls x puts), covers (shorts x longs); inf where barred."""

    calls: tuple[int, ...]
    puts: tuple[int, ...]
    straddle_cost: FloatArray
    cover_cost: FloatArray


def best_pairing(problem: PairingProblem) -> Pairing:
    """Solve one underlying. Raises MarginError if the solver gives up, which no valid book causes."""
    blocks = spread_blocks(problem)
    columns = uncovered_columns(problem) + stock_columns(problem)
    if not columns:
        return Pairing((), ())
    table = _pair_table(problem)
    pairs = int(np.isfinite(table.straddle_cost).sum() + np.isfinite(table.cover_cost).sum())
    if pairs <= _ALL_PAIRS_UP_TO:
        columns += _columns_of(table, table.straddle_cost < np.inf, table.cover_cost < np.inf)
        model = build_model(problem, columns, blocks)
        return _read(problem, columns, blocks, _solve_whole(model))
    return _by_generation(problem, columns, blocks, table)


def _pair_table(problem: PairingProblem) -> _PairTable:
    """Vectorised costs of all pairs; pairs of one expiry belong to the spread blocks."""
    shorts, longs = problem.shorts, problem.longs
    calls = tuple(i for i, line in enumerate(shorts) if line.is_call)
    puts = tuple(i for i, line in enumerate(shorts) if not line.is_call)
    need = np.asarray(problem.uncovered)
    price = np.asarray([line.price for line in shorts])
    call_need, put_need = need[list(calls)][:, None], need[list(puts)][None, :]
    straddle = np.where(
        call_need >= put_need, call_need + price[list(puts)][None, :], put_need + price[list(calls)][:, None]
    )
    strike = np.asarray([line.strike for line in shorts])[:, None]
    call = np.asarray([line.is_call for line in shorts], dtype=bool)[:, None]
    expiry = np.asarray([line.expiry_epoch_s for line in shorts])[:, None]
    long_strike = np.asarray([line.strike for line in longs])[None, :]
    long_call = np.asarray([line.is_call for line in longs], dtype=bool)[None, :]
    long_expiry = np.asarray([line.expiry_epoch_s for line in longs])[None, :]
    width = np.maximum(np.where(call, long_strike - strike, strike - long_strike), 0.0)
    helps = (call == long_call) & (long_expiry > expiry) & (width < need[:, None])
    return _PairTable(calls, puts, straddle, np.where(helps, width, np.inf))


def _columns_of(table: _PairTable, straddles: BoolArray, covers: BoolArray) -> list[Column]:
    """Columns of the pairs marked in the two masks, which have the shapes of the cost tables."""
    found = [
        straddle_column(table.calls[i], table.puts[j], float(table.straddle_cost[i, j]))
        for i, j in zip(*np.nonzero(straddles), strict=True)
    ]
    found += [
        cover_column(int(i), int(j), float(table.cover_cost[i, j])) for i, j in zip(*np.nonzero(covers), strict=True)
    ]
    return found


def _by_generation(
    problem: PairingProblem, columns: list[Column], blocks: list[SpreadBlock], table: _PairTable
) -> Pairing:
    """Solve a large book: add pairs until none lowers the cost, then insist on whole contracts."""
    straddles = _lowest(table.straddle_cost, _FIRST_PAIRS)
    covers = _lowest(table.cover_cost, _FIRST_PAIRS)
    columns = columns + _columns_of(table, straddles, covers)
    model = build_model(problem, columns, blocks)
    solution, short_dual, limit_dual = _solve_relaxed(model)
    for _ in range(_MAX_ROUNDS):
        new_straddles, new_covers = _improving(table, short_dual, limit_dual, straddles, covers)
        if not new_straddles.any() and not new_covers.any():
            break
        straddles |= new_straddles
        covers |= new_covers
        columns = columns + _columns_of(table, new_straddles, new_covers)
        model = build_model(problem, columns, blocks)
        solution, short_dual, limit_dual = _solve_relaxed(model)
    lots = solution[model.whole > 0]
    if np.abs(lots - np.round(lots)).max(initial=0.0) > _WHOLE:
        solution = _solve_whole(model)
    return _read(problem, columns, blocks, solution)


def _improving(
    table: _PairTable,
    short_dual: FloatArray,
    limit_dual: FloatArray,
    straddles: BoolArray,
    covers: BoolArray,
) -> tuple[BoolArray, BoolArray]:
    """Masks of the pairs that would lower the cost: the best few per short with negative reduced cost."""
    call_dual, put_dual = short_dual[list(table.calls)][:, None], short_dual[list(table.puts)][None, :]
    straddle_gain = np.where(straddles, np.inf, table.straddle_cost - call_dual - put_dual)
    long_dual = limit_dual[: table.cover_cost.shape[1]][None, :]
    cover_gain = np.where(covers, np.inf, table.cover_cost - short_dual[:, None] - long_dual)
    return (
        _lowest(straddle_gain, _NEW_PAIRS) & (straddle_gain < -_WHOLE),
        _lowest(cover_gain, _NEW_PAIRS) & (cover_gain < -_WHOLE),
    )


def _lowest(cost: FloatArray, count: int) -> BoolArray:
    """Mask of the `count` lowest finite entries of each row and of each column."""
    mask = np.zeros(cost.shape, dtype=bool)
    if cost.size == 0:
        return mask
    for axis in (0, 1):
        rank = np.argsort(cost, axis=axis, kind="stable").take(range(min(count, cost.shape[axis])), axis=axis)
        np.put_along_axis(mask, rank, True, axis=axis)
    return mask & np.isfinite(cost)


def _solve_relaxed(model: LinearModel) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Solution, duals of the shorts and duals of the limits, fractions allowed."""
    result = _LINPROG(
        model.cost,
        A_ub=model.at_most,
        b_ub=model.limits,
        A_eq=model.equal,
        b_eq=model.equal_to,
        method="highs",
    )
    if result.x is None:
        raise MarginError(f"margin pairing found no solution: {result.message}")
    return np.asarray(result.x), np.asarray(result.eqlin.marginals), np.asarray(result.ineqlin.marginals)


def _solve_whole(model: LinearModel) -> FloatArray:
    """Solution in whole contracts."""
    result = milp(
        model.cost,
        integrality=model.whole,
        bounds=Bounds(0.0, np.inf),
        constraints=(
            LinearConstraint(model.equal, model.equal_to, model.equal_to),
            LinearConstraint(model.at_most, -np.inf, model.limits),
        ),
        options={"mip_rel_gap": _MIP_GAP, "node_limit": _NODE_LIMIT},
    )
    if result.x is None:
        raise MarginError(f"margin pairing found no whole-contract solution: {result.message}")
    return np.asarray(result.x)


def _read(problem: PairingProblem, columns: list[Column], blocks: list[SpreadBlock], solution: FloatArray) -> Pairing:
    """Turn solver numbers into whole lots; losses are recomputed from the contracts, not taken from it."""
    lots = np.round(solution).astype(np.int64)
    used = tuple(UsedColumn(column, int(lots[i])) for i, column in enumerate(columns) if lots[i] > 0)
    spreads: list[UsedSpread] = []
    first = len(columns)
    for block in blocks:
        middle, end = first + len(block.shorts), first + len(block.shorts) + len(block.longs)
        shorts, longs = lots[first:middle], lots[middle:end]
        first = end + 1
        if shorts.any():
            loss = block_loss(problem, block, shorts.astype(np.float64), longs.astype(np.float64))
            spreads.append(UsedSpread(block, tuple(int(n) for n in shorts), tuple(int(n) for n in longs), loss))
    return Pairing(used, tuple(spreads))
