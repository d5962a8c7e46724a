"""Least requirement over all pairings of one underlying, in whole contracts.

Small books are solved as one whole-number programme over every pair: the least requirement there is. In
larger books a relaxation with the cheapest pairs of every position first prices each contract; where it
splits a contract between the spread of its expiry and something else, each spread is rounded on its own at
those prices, and what is left is matched across expiries. That is a valid pairing too, so never too low a
requirement, and stays fast with hundreds of positions.
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
_PAIRS: Final = 8
_NODE_LIMIT: Final = 2000
_WHOLE: Final = 1e-6
_RANK_WEIGHT: Final = 0.01

_LINPROG = cast("Callable[..., OptimizeResult]", linprog)  # its stubs know dense matrices only

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


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
    """Every pair: straddles (calls x puts), covers (shorts x longs); cost inf where barred.

    The ranks order the pairs of one position: by cost, and among equal costs the best match first, so
    that positions do not all ask for the same few partners.
    """

    calls: tuple[int, ...]
    puts: tuple[int, ...]
    straddle_cost: FloatArray
    cover_cost: FloatArray
    straddle_rank: FloatArray
    cover_rank: FloatArray


def best_pairing(problem: PairingProblem) -> Pairing:
    """Solve one underlying. Raises MarginError if the solver gives up, which no valid book causes."""
    columns = uncovered_columns(problem) + stock_columns(problem)
    if not columns:
        return Pairing((), ())
    table = _pair_table(problem)
    pairs = int(np.isfinite(table.straddle_cost).sum() + np.isfinite(table.cover_cost).sum())
    if pairs > _ALL_PAIRS_UP_TO:
        return _by_prices(problem)
    columns += _columns_of(table, np.isfinite(table.straddle_cost), np.isfinite(table.cover_cost))
    return _solve(problem, columns, spread_blocks(problem))


def _by_prices(problem: PairingProblem) -> Pairing:
    """Relaxation, then spreads rounded at its prices, then the rest of the book across expiries."""
    blocks = spread_blocks(problem)
    columns = _cheap_columns(problem)
    solution, short_price, long_price = _solve_relaxed(build_model(problem, columns, blocks))
    spreads: list[UsedSpread] = []
    short_left = [line.contracts for line in problem.shorts]
    long_left = [line.contracts for line in problem.longs]
    first = len(columns)
    for block in blocks:
        end = first + len(block.shorts) + len(block.longs)
        contracts = _round_block(problem, block, solution[first : end + 1], short_price, long_price)
        first = end + 1
        for index, count in zip(block.shorts, contracts, strict=False):
            short_left[index] -= int(count)
        for index, count in zip(block.longs, contracts[len(block.shorts) :], strict=True):
            long_left[index] -= int(count)
        spreads += _used_spread(problem, block, contracts)
    shorts = [i for i, count in enumerate(short_left) if count > 0]
    longs = [j for j, count in enumerate(long_left) if count > 0]
    rest = PairingProblem(
        shorts=tuple(problem.shorts[i]._replace(contracts=short_left[i]) for i in shorts),
        longs=tuple(problem.longs[j]._replace(contracts=long_left[j]) for j in longs),
        uncovered=tuple(problem.uncovered[i] for i in shorts),
        stock=problem.stock,
    )
    across = _solve(rest, _cheap_columns(rest), [])
    return Pairing(tuple(_in_book(used, shorts, longs) for used in across.columns), tuple(spreads))


def _round_block(
    problem: PairingProblem,
    block: SpreadBlock,
    relaxed: FloatArray,
    short_price: FloatArray,
    long_price: FloatArray,
) -> IntArray:
    """Whole contracts of a block's shorts and longs, each next to its relaxed number.

    A short left out costs its price in the relaxation, a long taken in costs its own.
    """
    low, high = np.floor(relaxed + _WHOLE), np.ceil(relaxed - _WHOLE)
    low[-1], high[-1] = 0.0, np.inf
    if np.array_equal(low[:-1], high[:-1]):
        return np.round(relaxed[:-1]).astype(np.int64)
    alone = PairingProblem(
        shorts=tuple(problem.shorts[i] for i in block.shorts),
        longs=tuple(problem.longs[j] for j in block.longs),
        uncovered=tuple(float(short_price[i]) for i in block.shorts),
    )
    count = len(block.shorts)
    own = SpreadBlock(block.expiry_epoch_s, tuple(range(count)), tuple(range(len(block.longs))))
    model = build_model(alone, uncovered_columns(alone), [own])
    model.cost[2 * count : 2 * count + len(block.longs)] += long_price[list(block.longs)]
    free = np.full(count, np.inf)
    whole = _solve_whole(model, np.concatenate((np.zeros(count), low)), np.concatenate((free, high)))
    return np.round(whole[count:-1]).astype(np.int64)


def _cheap_columns(problem: PairingProblem) -> list[Column]:
    """Uncovered, with stock, and the cheapest few pairs of every position."""
    table = _pair_table(problem)
    pairs = _columns_of(table, _lowest(table.straddle_rank, _PAIRS), _lowest(table.cover_rank, _PAIRS))
    return uncovered_columns(problem) + stock_columns(problem) + pairs


def _in_book(used: UsedColumn, shorts: list[int], longs: list[int]) -> UsedColumn:
    """The same column with the indices of the whole book."""
    column = used.column
    moved = column._replace(
        short=shorts[column.short] if column.short >= 0 else -1,
        other_short=shorts[column.other_short] if column.other_short >= 0 else -1,
        long=longs[column.long] if column.long >= 0 else -1,
    )
    return UsedColumn(moved, used.lots)


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
    gap = _RANK_WEIGHT * np.abs(long_strike - strike)
    helps = (call == long_call) & (long_expiry > expiry) & (width < need[:, None])
    return _PairTable(
        calls=calls,
        puts=puts,
        straddle_cost=straddle,
        cover_cost=np.where(helps, width, np.inf),
        straddle_rank=np.abs(call_need - put_need),
        cover_rank=np.where(helps, width + gap, np.inf),
    )


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


def _lowest(cost: FloatArray, count: int) -> BoolArray:
    """Mask of the `count` lowest finite entries of each row and of each column."""
    mask = np.zeros(cost.shape, dtype=bool)
    if cost.size == 0:
        return mask
    for axis in (0, 1):
        rank = np.argsort(cost, axis=axis, kind="stable").take(range(min(count, cost.shape[axis])), axis=axis)
        np.put_along_axis(mask, rank, True, axis=axis)
    return mask & np.isfinite(cost)


def _solve(problem: PairingProblem, columns: list[Column], blocks: list[SpreadBlock]) -> Pairing:
    """Best use of the given columns and blocks, in whole contracts."""
    if not columns:
        return Pairing((), ())
    model = build_model(problem, columns, blocks)
    if not blocks and not any(column.uses_stock for column in columns):
        solution = _solve_relaxed(model)[0]  # calls and long puts against the others: corners are whole
    else:
        solution = _solve_whole(model, np.zeros(model.cost.size), np.full(model.cost.size, np.inf))
    lots = np.round(solution).astype(np.int64)
    used = tuple(UsedColumn(column, int(lots[i])) for i, column in enumerate(columns) if lots[i] > 0)
    spreads: list[UsedSpread] = []
    first = len(columns)
    for block in blocks:
        end = first + len(block.shorts) + len(block.longs)
        spreads += _used_spread(problem, block, lots[first:end])
        first = end + 1
    return Pairing(used, tuple(spreads))


def _used_spread(problem: PairingProblem, block: SpreadBlock, contracts: IntArray) -> list[UsedSpread]:
    """The block as used, none when it holds no short; its loss is recomputed, not taken from the solver."""
    shorts, longs = contracts[: len(block.shorts)], contracts[len(block.shorts) :]
    if not shorts.any():
        return []
    loss = block_loss(problem, block, shorts.astype(np.float64), longs.astype(np.float64))
    return [UsedSpread(block, tuple(int(n) for n in shorts), tuple(int(n) for n in longs), loss)]


def _solve_relaxed(model: LinearModel) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Solution with fractions, price of one contract more of each short, and worth of each limit (>= 0)."""
    result = _LINPROG(
        model.cost,
        A_ub=model.at_most,
        b_ub=model.limits,
        A_eq=model.equal,
        b_eq=model.equal_to,
        method="highs-ds",
    )
    if result.x is None:
        raise MarginError(f"margin pairing found no solution: {result.message}")
    return np.asarray(result.x), np.asarray(result.eqlin.marginals), -np.asarray(result.ineqlin.marginals)


def _solve_whole(model: LinearModel, low: FloatArray, high: FloatArray) -> FloatArray:
    """Solution in whole contracts between the bounds."""
    result = milp(
        model.cost,
        integrality=model.whole,
        bounds=Bounds(low, high),
        constraints=(
            LinearConstraint(model.equal, model.equal_to, model.equal_to),
            LinearConstraint(model.at_most, -np.inf, model.limits),
        ),
        # without presolve: HiGHS prints from inside its own on some of these programmes
        options={"mip_rel_gap": 0.0, "node_limit": _NODE_LIMIT, "presolve": False},
    )
    if result.x is None:
        raise MarginError(f"margin pairing found no whole-contract solution: {result.message}")
    return np.asarray(result.x)
