"""The pairing of one underlying as a programme: unknowns are ways to margin a lot, rows are positions.

Every short option contract must be uncovered, in a short straddle, covered by a long option that lives
longer, in the spread of its expiry, or covered by stock. The spread of an expiry is one block: its
requirement is the largest loss of intrinsic value at any exercise price, its longs at least as many as its
shorts per right; that loss can only peak at the exercise price of a long. Costs are points (dollars /
multiplier); stock costs are relative to unhedged stock.

A short straddle needs the greater of its two uncovered requirements plus the value of the other option. So
of the two, the side of the greater requirement pays in full and the other rides along for its own value.
Riders therefore need no partner by name: it is enough that, above every level of requirement, no more
contracts of one right ride than contracts of the other right pay (a nested family of limits, so whole
numbers match up). That is at most one row per rider instead of one unknown per pair: of riders between which
no payer comes into reach, the row of the least requirement holds the others.

Unknowns are measured against everything paid in full: every short starts as a payer, the others save.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.margin import rules
from analytics.margin.terms import PairingKind, RegTParameters, UnderlyingTerms

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

TIE_BREAK: Final = 1e-7
"""Points charged for using a long option, so that longs which do not help stay free."""
_RANK_WEIGHT: Final = 0.01
_FREE_ROUNDS: Final = 2


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
    points: float
    short: int = -1
    other_short: int = -1
    long: int = -1
    uses_stock: bool = False


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


def uncovered_column(short: int, points: float) -> Column:
    """A short on its own."""
    return Column(PairingKind.UNCOVERED, points, short=short)


def straddle_column(call: int, put: int, points: float) -> Column:
    """Short call and short put as one group."""
    return Column(PairingKind.SHORT_STRADDLE, points, short=call, other_short=put)


def cover_column(short: int, long: int, width: float) -> Column:
    """Short covered by a long of a later expiry."""
    return Column(PairingKind.TIME_SPREAD, width, short=short, long=long)


def stock_columns(problem: PairingProblem) -> list[Column]:
    """Options hedged by stock, or stock hedged by options."""
    if problem.stock is None or problem.stock.lots == 0:
        return []
    build = _long_stock_columns if problem.stock.lots > 0 else _short_stock_columns
    return build(problem, problem.stock)


def _by_expiry(shorts: list[tuple[int, OptionLine]]) -> dict[float, list[tuple[int, OptionLine]]]:
    """Numbered shorts by expiry."""
    grouped: dict[float, list[tuple[int, OptionLine]]] = {}
    for index, short in shorts:
        grouped.setdefault(short.expiry_epoch_s, []).append((index, short))
    return grouped


def _long_stock_columns(problem: PairingProblem, stock: StockHedge) -> list[Column]:
    """Covered calls, protective puts, collars and conversions."""
    terms, rates, base = stock.terms, stock.rates, stock.unhedged()
    columns: list[Column] = []
    calls = [(index, short) for index, short in enumerate(problem.shorts) if short.is_call]
    by_expiry = _by_expiry(calls)
    for index, call in calls:
        cost = rules.covered_call_maintenance(call.strike, terms, rates) - base
        columns.append(Column(PairingKind.COVERED_CALL, cost, short=index, uses_stock=True))
    for long_index, put in enumerate(problem.longs):
        if put.is_call:
            continue
        cost = rules.protective_put_maintenance(put.strike, terms, rates) - base
        columns.append(Column(PairingKind.PROTECTIVE_PUT, cost, long=long_index, uses_stock=True))
        for index, call in by_expiry.get(put.expiry_epoch_s, ()):
            if put.strike <= call.strike:
                kind = PairingKind.CONVERSION if put.strike == call.strike else PairingKind.COLLAR
                cost = rules.collar_maintenance(put.strike, call.strike, terms, rates) - base
                columns.append(Column(kind, cost, short=index, long=long_index, uses_stock=True))
    return columns


def _short_stock_columns(problem: PairingProblem, stock: StockHedge) -> list[Column]:
    """Covered puts, protective calls and reverse conversions."""
    terms, rates, base = stock.terms, stock.rates, stock.unhedged()
    columns: list[Column] = []
    puts = [(index, short) for index, short in enumerate(problem.shorts) if not short.is_call]
    by_expiry = _by_expiry(puts)
    for index, put in puts:
        cost = rules.covered_put_maintenance(put.strike, terms, rates) - base
        columns.append(Column(PairingKind.COVERED_PUT, cost, short=index, uses_stock=True))
    for long_index, call in enumerate(problem.longs):
        if not call.is_call:
            continue
        cost = rules.protective_call_maintenance(call.strike, terms, rates) - base
        columns.append(Column(PairingKind.PROTECTIVE_CALL, cost, long=long_index, uses_stock=True))
        for index, put in by_expiry.get(call.expiry_epoch_s, ()):
            if put.strike == call.strike:
                cost = rules.reverse_conversion_maintenance(put.strike, terms, rates) - base
                kind = PairingKind.REVERSE_CONVERSION
                columns.append(Column(kind, cost, short=index, long=long_index, uses_stock=True))
    return columns


class SpreadBlock(NamedTuple):
    """Longs and shorts of one expiry that may be margined as one spread."""

    expiry_epoch_s: float
    shorts: tuple[int, ...]
    longs: tuple[int, ...]


class Lines:
    """Option lines as arrays, one entry per line."""

    __slots__ = ("contracts", "expiry", "is_call", "price", "strike")

    def __init__(self, lines: tuple[OptionLine, ...]) -> None:
        self.is_call: BoolArray = np.asarray([line.is_call for line in lines], dtype=bool)
        self.strike: FloatArray = np.asarray([line.strike for line in lines], dtype=np.float64)
        self.expiry: FloatArray = np.asarray([line.expiry_epoch_s for line in lines], dtype=np.float64)
        self.contracts: FloatArray = np.asarray([line.contracts for line in lines], dtype=np.float64)
        self.price: FloatArray = np.asarray([line.price for line in lines], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Block:
    """A spread block among the unknowns: its shorts, its longs, then its loss, from unknown `first` on.

    `gains`: intrinsic value per contract at each exercise price of a long, negative for longs, shape
    (prices, shorts + longs).
    """

    spread: SpreadBlock
    first: int
    gains: FloatArray


@dataclass(frozen=True, slots=True)
class PairModel:
    """Unknowns: riders, covers (short, long), columns with stock, then the blocks.

    Costs are savings against paying in full, so the requirement is `paid_in_full` plus cost.x. Rows: shorts,
    longs, stock, then of each block its rights and its prices, as triplets.
    """

    shorts: Lines
    longs: Lines
    need: FloatArray
    riders: IntArray
    cover_short: IntArray
    cover_long: IntArray
    with_stock: tuple[Column, ...]
    blocks: tuple[Block, ...]
    cost: FloatArray
    rows: IntArray
    columns: IntArray
    values: FloatArray
    limits: FloatArray
    paid_in_full: float

    @property
    def first_cover(self) -> int:
        """Unknown of the first cover."""
        return len(self.riders)

    @property
    def first_stock(self) -> int:
        """Unknown of the first column with stock."""
        return self.first_cover + len(self.cover_short)

    @property
    def losses(self) -> IntArray:
        """The unknowns that are losses of blocks: the only ones that need not be whole."""
        ends = [block.first + block.gains.shape[1] for block in self.blocks]
        return np.asarray(ends, dtype=np.int64)


class _Rows:
    """The triplets, limits and costs of a model while it is put together."""

    __slots__ = ("columns", "cost", "height", "limits", "rows", "values", "width")

    def __init__(self, limits: FloatArray) -> None:
        self.rows: list[IntArray] = []
        self.columns: list[IntArray] = []
        self.values: list[FloatArray] = []
        self.limits = [limits]
        self.cost: list[FloatArray] = []
        self.height = limits.size
        self.width = 0

    def unknowns(self, cost: FloatArray) -> IntArray:
        """Add unknowns, and return their numbers."""
        self.cost.append(cost)
        self.width += cost.size
        return np.arange(self.width - cost.size, self.width)

    def put(self, rows: IntArray, columns: IntArray, values: FloatArray) -> None:
        """Set entries."""
        self.rows.append(rows)
        self.columns.append(columns)
        self.values.append(values)

    def matrix_rows(self, matrix: FloatArray, columns: IntArray) -> None:
        """Append rows `matrix @ x[columns] <= 0`."""
        row, column = np.nonzero(matrix)
        self.put(row + self.height, columns[column], matrix[row, column])
        self.limits.append(np.zeros(len(matrix)))
        self.height += len(matrix)


def build_model(problem: PairingProblem, covers_per_line: int | None) -> PairModel:
    """Put the model together; with the closest covers of every line, `covers_per_line` and some more, None for all."""
    shorts, longs, need = Lines(problem.shorts), Lines(problem.longs), np.asarray(problem.uncovered, dtype=np.float64)
    lots = abs(problem.stock.lots) if problem.stock else 0
    build = _Rows(np.concatenate((shorts.contracts, longs.contracts, np.asarray([float(lots)]))))
    count = shorts.contracts.size
    riders = _riders(shorts, need)
    unknown = build.unknowns(shorts.price[riders] - need[riders])
    build.put(riders, unknown, np.ones(riders.size))
    cover_short, cover_long, width = covers(shorts, longs, need, covers_per_line)
    unknown = build.unknowns(width + TIE_BREAK - need[cover_short])
    build.put(cover_short, unknown, np.ones(unknown.size))
    build.put(count + cover_long, unknown, np.ones(unknown.size))
    with_stock = tuple(stock_columns(problem))
    _add_stock(build, with_stock, need, count, longs.contracts.size)
    blocks = tuple(_add_block(build, spread, shorts, longs, need) for spread in _spread_blocks(shorts, longs))
    return PairModel(
        shorts=shorts,
        longs=longs,
        need=need,
        riders=riders,
        cover_short=cover_short,
        cover_long=cover_long,
        with_stock=with_stock,
        blocks=blocks,
        cost=np.concatenate(build.cost),
        rows=np.concatenate(build.rows),
        columns=np.concatenate(build.columns),
        values=np.concatenate(build.values),
        limits=np.concatenate(build.limits),
        paid_in_full=float(shorts.contracts @ need),
    )


def _riders(shorts: Lines, need: FloatArray) -> IntArray:
    """Shorts that some short of the other right, of no lesser requirement, could pay for."""
    most_call = need[shorts.is_call].max(initial=-np.inf)
    most_put = need[~shorts.is_call].max(initial=-np.inf)
    return np.flatnonzero(need <= np.where(shorts.is_call, most_put, most_call))


def ride_levels(need: FloatArray, is_call: BoolArray, riders: IntArray) -> IntArray:
    """The riders whose rows are needed: the last, by falling requirement, before another payer comes into reach."""
    kept: list[IntArray] = []
    for right in (True, False):
        own = riders[is_call[riders] == right]
        own = own[np.argsort(-need[own], kind="stable")]
        reach = np.searchsorted(-need[own], -need[is_call != right], side="left")
        ends = np.zeros(own.size + 1, dtype=bool)
        ends[reach] = True
        ends[-1] = True
        kept.append(own[ends[1:]])
    return np.concatenate(kept)


def covers(
    shorts: Lines, longs: Lines, need: FloatArray, per_line: int | None
) -> tuple[IntArray, IntArray, FloatArray]:
    """Pairs of a short and a long of its right that lives longer and helps, and the width between them."""
    distance = longs.strike[None, :] - shorts.strike[:, None]
    width = np.maximum(np.where(shorts.is_call[:, None], distance, -distance), 0.0)
    helps = (shorts.is_call[:, None] == longs.is_call[None, :]) & (longs.expiry[None, :] > shorts.expiry[:, None])
    helps &= width < need[:, None]
    if per_line is not None and helps.size:
        rank = np.where(helps, width + _RANK_WEIGHT * np.abs(distance), np.inf)
        near = np.zeros(rank.shape, dtype=bool)
        for axis in (0, 1):
            count = min(per_line, rank.shape[axis])
            first = np.argpartition(rank, count - 1, axis=axis).take(range(count), axis=axis)
            np.put_along_axis(near, first, True, axis=axis)
        helps &= near | _still_free(rank, shorts, longs, need)
    short, long = np.nonzero(helps)
    return short, long, width[short, long]


def _still_free(rank: FloatArray, shorts: Lines, longs: Lines, need: FloatArray) -> BoolArray:
    """Pairs for shorts whose closest longs are taken: each short in turn, dearest first, takes what is left, twice."""
    taken = np.zeros(rank.shape, dtype=bool)
    order = np.argsort(-need, kind="stable").tolist()
    for _ in range(_FREE_ROUNDS):
        free = np.where(taken, np.inf, rank)
        left = longs.contracts.tolist()
        for short in order:
            row, wanted = free[short], shorts.contracts[short]
            while wanted > 0:
                long = int(row.argmin())
                if row[long] == np.inf:
                    break
                taken[short, long] = True
                used = min(wanted, left[long])
                wanted -= used
                left[long] -= used
                if left[long] <= 0:
                    free[:, long] = np.inf
    return taken


def _add_stock(build: _Rows, with_stock: tuple[Column, ...], need: FloatArray, shorts: int, longs: int) -> None:
    """Append the columns with stock: one share lot each, and the option or options it hedges."""
    unknown = build.unknowns(
        np.asarray(
            [
                column.points
                - (need[column.short] if column.short >= 0 else 0.0)
                + (TIE_BREAK if column.long >= 0 else 0.0)
                for column in with_stock
            ],
            dtype=np.float64,
        )
    )
    short = np.asarray([column.short for column in with_stock], dtype=np.int64)
    long = np.asarray([column.long for column in with_stock], dtype=np.int64)
    build.put(short[short >= 0], unknown[short >= 0], np.ones(int((short >= 0).sum())))
    build.put(shorts + long[long >= 0], unknown[long >= 0], np.ones(int((long >= 0).sum())))
    build.put(np.full(unknown.size, shorts + longs), unknown, np.ones(unknown.size))


def _spread_blocks(shorts: Lines, longs: Lines) -> list[SpreadBlock]:
    """Blocks of the expiries that hold a short and a long of the same right."""
    blocks: list[SpreadBlock] = []
    for expiry in sorted(set(shorts.expiry.tolist()) & set(longs.expiry.tolist())):
        own = np.flatnonzero(longs.expiry == expiry)
        calls, puts = bool(longs.is_call[own].any()), not longs.is_call[own].all()
        covered = np.flatnonzero((shorts.expiry == expiry) & np.where(shorts.is_call, calls, puts))
        if covered.size:
            blocks.append(SpreadBlock(expiry, tuple(covered.tolist()), tuple(own.tolist())))
    return blocks


def _add_block(build: _Rows, spread: SpreadBlock, shorts: Lines, longs: Lines, need: FloatArray) -> Block:
    """Append one spread block: counts per right, and the loss at the exercise price of every long."""
    short, long = np.asarray(spread.shorts), np.asarray(spread.longs)
    is_call = np.concatenate((shorts.is_call[short], longs.is_call[long]))
    strike = np.concatenate((shorts.strike[short], longs.strike[long]))
    sign = np.concatenate((np.ones(short.size), -np.ones(long.size)))
    unknown = build.unknowns(np.concatenate((-need[short], np.full(long.size, TIE_BREAK), np.ones(1))))
    build.put(short, unknown[: short.size], np.ones(short.size))
    build.put(shorts.strike.size + long, unknown[short.size : -1], np.ones(long.size))
    rights = np.asarray(sorted(set(longs.is_call[long].tolist())))
    above = np.asarray(sorted(set(longs.strike[long].tolist())))[:, None] - strike
    gains = np.maximum(np.where(is_call, above, -above), 0.0) * sign
    matrix = np.zeros((rights.size + len(gains), unknown.size))
    matrix[: rights.size, :-1] = (is_call == rights[:, None]) * sign
    matrix[rights.size :, :-1] = gains
    matrix[rights.size :, -1] = -1.0
    build.matrix_rows(matrix, unknown)
    return Block(spread, int(unknown[0]), gains)


def block_loss(problem: PairingProblem, block: SpreadBlock, short_used: FloatArray, long_used: FloatArray) -> float:
    """Largest intrinsic loss in points of contracts used, at any exercise price of the block."""
    lines = [problem.shorts[i] for i in block.shorts] + [problem.longs[j] for j in block.longs]
    used = np.concatenate((short_used, -long_used))
    strikes = np.asarray([line.strike for line in lines])
    above = strikes[:, None] - strikes
    intrinsic = np.maximum(np.where(np.asarray([line.is_call for line in lines]), above, -above), 0.0)
    return max(0.0, float((intrinsic @ used).max()))
