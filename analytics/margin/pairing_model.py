"""The pairing of one underlying as a linear programme: columns are ways to margin a lot, rows are positions.

Every short option contract must be uncovered, in a short straddle, covered by a long option that lives at
least as long, in the spread of its expiry, or covered by stock. The spread of an expiry is one block: its
requirement is the largest loss of intrinsic value at any exercise price, its longs at least as many as its
shorts per right. Costs are points (dollars / multiplier); stock costs are relative to unhedged stock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from analytics.margin import rules
from analytics.margin.terms import PairingKind, RegTParameters, UnderlyingTerms

FloatArray = NDArray[np.float64]

_TIE_BREAK = 1e-6
"""Points charged for using a long option, so that longs which do not help stay free."""


class OptionLine(NamedTuple):
    """One option position: whole contracts (positive), price in points."""

    is_call: bool
    strike: float
    expiry_epoch_s: float
    contracts: int
    price: float


class Column(NamedTuple):
    """A way to margin one lot; -1 where a short, second short or long has no part in it."""

    kind: PairingKind
    cost: float
    short: int = -1
    other_short: int = -1
    long: int = -1
    uses_stock: bool = False

    @property
    def points(self) -> float:
        """The cost without the charge that breaks ties."""
        return self.cost - _TIE_BREAK if self.long >= 0 else self.cost


@dataclass(frozen=True, slots=True)
class StockHedge:
    """Stock that options may hedge: signed lots of `multiplier` shares, and its rules."""

    lots: int
    terms: UnderlyingTerms
    rates: RegTParameters

    def unhedged(self) -> float:
        """Maintenance of one share that hedges nothing."""
        if self.lots >= 0:
            return rules.long_stock_maintenance(self.terms.price, self.terms, self.rates)
        return self.terms.price + rules.short_stock_extra(self.terms, self.rates)


@dataclass(frozen=True, slots=True)
class PairingProblem:
    """Positions of one underlying and multiplier.

    `uncovered`: requirement of each short on its own in points, its value included.
    """

    shorts: tuple[OptionLine, ...]
    longs: tuple[OptionLine, ...]
    uncovered: tuple[float, ...]
    stock: StockHedge | None = None


def uncovered_columns(problem: PairingProblem) -> list[Column]:
    """Every short on its own."""
    return [Column(PairingKind.UNCOVERED, points, short=index) for index, points in enumerate(problem.uncovered)]


def straddle_column(call: int, put: int, cost: float) -> Column:
    """Short call and short put as one group."""
    return Column(PairingKind.SHORT_STRADDLE, cost, short=call, other_short=put)


def cover_column(short: int, long: int, width: float) -> Column:
    """Short covered by a long of a later expiry."""
    return Column(PairingKind.TIME_SPREAD, width + _TIE_BREAK, short=short, long=long)


def stock_columns(problem: PairingProblem) -> list[Column]:
    """Options hedged by stock, or stock hedged by options."""
    if problem.stock is None or problem.stock.lots == 0:
        return []
    build = _long_stock_columns if problem.stock.lots > 0 else _short_stock_columns
    return build(problem, problem.stock)


def _long_stock_columns(problem: PairingProblem, stock: StockHedge) -> list[Column]:
    """Covered calls, protective puts, collars and conversions."""
    terms, rates, base = stock.terms, stock.rates, stock.unhedged()
    columns: list[Column] = []
    calls = [(index, short) for index, short in enumerate(problem.shorts) if short.is_call]
    for index, call in calls:
        cost = rules.covered_call_maintenance(call.strike, terms, rates) - base
        columns.append(Column(PairingKind.COVERED_CALL, cost, short=index, uses_stock=True))
    for long_index, put in enumerate(problem.longs):
        if put.is_call:
            continue
        cost = rules.protective_put_maintenance(put.strike, terms, rates) - base + _TIE_BREAK
        columns.append(Column(PairingKind.PROTECTIVE_PUT, cost, long=long_index, uses_stock=True))
        for index, call in calls:
            if call.expiry_epoch_s == put.expiry_epoch_s and put.strike <= call.strike:
                kind = PairingKind.CONVERSION if put.strike == call.strike else PairingKind.COLLAR
                cost = rules.collar_maintenance(put.strike, call.strike, terms, rates) - base + _TIE_BREAK
                columns.append(Column(kind, cost, short=index, long=long_index, uses_stock=True))
    return columns


def _short_stock_columns(problem: PairingProblem, stock: StockHedge) -> list[Column]:
    """Covered puts, protective calls and reverse conversions."""
    terms, rates, base = stock.terms, stock.rates, stock.unhedged()
    columns: list[Column] = []
    puts = [(index, short) for index, short in enumerate(problem.shorts) if not short.is_call]
    for index, put in puts:
        cost = rules.covered_put_maintenance(put.strike, terms, rates) - base
        columns.append(Column(PairingKind.COVERED_PUT, cost, short=index, uses_stock=True))
    for long_index, call in enumerate(problem.longs):
        if not call.is_call:
            continue
        cost = rules.protective_call_maintenance(call.strike, terms, rates) - base + _TIE_BREAK
        columns.append(Column(PairingKind.PROTECTIVE_CALL, cost, long=long_index, uses_stock=True))
        for index, put in puts:
            if call.expiry_epoch_s == put.expiry_epoch_s and put.strike == call.strike:
                cost = rules.reverse_conversion_maintenance(put.strike, terms, rates) - base + _TIE_BREAK
                kind = PairingKind.REVERSE_CONVERSION
                columns.append(Column(kind, cost, short=index, long=long_index, uses_stock=True))
    return columns


@dataclass(slots=True)
class _Triplets:
    """A sparse matrix while it is being filled."""

    rows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, row: int, column: int, value: float) -> None:
        """Set one entry."""
        self.rows.append(row)
        self.columns.append(column)
        self.values.append(value)

    def matrix(self, row_count: int, column_count: int) -> csr_array:
        """The finished matrix, shape (row_count, column_count)."""
        return csr_array((self.values, (self.rows, self.columns)), shape=(row_count, column_count))


class SpreadBlock(NamedTuple):
    """Longs and shorts of one expiry that may be margined as one spread."""

    expiry_epoch_s: float
    shorts: tuple[int, ...]
    longs: tuple[int, ...]


def spread_blocks(problem: PairingProblem) -> list[SpreadBlock]:
    """Blocks of the expiries that hold a short and a long of the same right."""
    blocks: list[SpreadBlock] = []
    for expiry in sorted({short.expiry_epoch_s for short in problem.shorts}):
        longs = [i for i, line in enumerate(problem.longs) if line.expiry_epoch_s == expiry]
        rights = {problem.longs[i].is_call for i in longs}
        shorts = tuple(
            i for i, line in enumerate(problem.shorts) if line.expiry_epoch_s == expiry and line.is_call in rights
        )
        if shorts:
            blocks.append(SpreadBlock(expiry, shorts, tuple(longs)))
    return blocks


@dataclass(frozen=True, slots=True)
class LinearModel:
    """min cost.x, equal @ x == contracts of shorts, at_most @ x <= limits, x >= 0.

    Columns: those of `columns` first, then for each block its shorts, its longs and its loss. Rows of
    `at_most`: longs, stock, then the blocks.
    """

    cost: FloatArray
    equal: csr_array
    equal_to: FloatArray
    at_most: csr_array
    limits: FloatArray
    whole: NDArray[np.int8]


def build_model(problem: PairingProblem, columns: list[Column], blocks: list[SpreadBlock]) -> LinearModel:
    """Assemble the programme for the given columns."""
    equal, at_most = _Triplets(), _Triplets()
    cost = [column.cost for column in columns]
    stock_row = len(problem.longs)
    for index, column in enumerate(columns):
        for short in (column.short, column.other_short):
            if short >= 0:
                equal.add(short, index, 1.0)
        if column.long >= 0:
            at_most.add(column.long, index, 1.0)
        if column.uses_stock:
            at_most.add(stock_row, index, 1.0)
    limits = [float(line.contracts) for line in problem.longs] + [
        float(abs(problem.stock.lots)) if problem.stock else 0.0
    ]
    whole = [1] * len(columns)
    for block in blocks:
        _add_block(problem, block, equal, at_most, cost, limits, whole)
    return LinearModel(
        cost=np.asarray(cost),
        equal=equal.matrix(len(problem.shorts), len(cost)),
        equal_to=np.asarray([float(line.contracts) for line in problem.shorts]),
        at_most=at_most.matrix(len(limits), len(cost)),
        limits=np.asarray(limits),
        whole=np.asarray(whole, dtype=np.int8),
    )


def _add_block(
    problem: PairingProblem,
    block: SpreadBlock,
    equal: _Triplets,
    at_most: _Triplets,
    cost: list[float],
    limits: list[float],
    whole: list[int],
) -> None:
    """Append columns and rows of one spread block: counts per right, and the loss at every strike."""
    lines = [problem.shorts[i] for i in block.shorts] + [problem.longs[j] for j in block.longs]
    signs = [1.0] * len(block.shorts) + [-1.0] * len(block.longs)
    first = len(cost)
    loss_column = first + len(lines)
    for offset, short in enumerate(block.shorts):
        equal.add(short, first + offset, 1.0)
    for offset, long in enumerate(block.longs):
        at_most.add(long, first + len(block.shorts) + offset, 1.0)
    cost += [0.0] * len(block.shorts) + [_TIE_BREAK] * len(block.longs) + [1.0]
    whole += [1] * len(lines) + [0]
    for is_call in sorted({line.is_call for line in lines}):
        for offset, line in enumerate(lines):
            if line.is_call == is_call:
                at_most.add(len(limits), first + offset, signs[offset])
        limits.append(0.0)
    for strike in sorted({line.strike for line in lines}):
        for offset, line in enumerate(lines):
            gap = strike - line.strike if line.is_call else line.strike - strike
            if gap > 0:
                at_most.add(len(limits), first + offset, signs[offset] * gap)
        at_most.add(len(limits), loss_column, -1.0)
        limits.append(0.0)


def block_loss(problem: PairingProblem, block: SpreadBlock, short_used: FloatArray, long_used: FloatArray) -> float:
    """Largest intrinsic loss in points of contracts used, at any exercise price of the block."""
    lines = [problem.shorts[i] for i in block.shorts] + [problem.longs[j] for j in block.longs]
    used = np.concatenate((short_used, -long_used))
    strikes = np.asarray([line.strike for line in lines])
    is_call = np.asarray([line.is_call for line in lines])
    at = np.unique(strikes)[:, None]
    intrinsic = np.where(is_call, np.maximum(at - strikes, 0.0), np.maximum(strikes - at, 0.0))
    return max(0.0, float((intrinsic @ used).max()))
