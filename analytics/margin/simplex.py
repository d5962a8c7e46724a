"""Small whole-number programmes: least cost.x with at_most @ x <= limits, x >= 0 and whole where asked.

A dense primal simplex from the all-slack start (limits are never negative), Gomory mixed-integer cuts at the
root (R. Gomory 1960; the textbook form of Wolsey, Integer Programming, 8.6), then branch and bound, each node
re-solved by a few dual simplex steps. Meant for tables of up to some ten thousand entries: a step is one
rank-one update, so a programme of 60 rows takes about a millisecond. Pure numpy, no state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_ZERO: Final = 1e-9
_FRACTION: Final = 1e-6
_CUT_ROUNDS: Final = 30
_CUTS_PER_ROUND: Final = 10
_CUT_FRACTION: Final = 0.02
_CUT_RANGE: Final = 1e7
_STALLED_AFTER: Final = 200
_DUAL_STEPS: Final = 2_000
_PRUNE: Final = 1e-6
_STEPS_AT_MOST: Final = 10_000
_SETTLE_STEPS: Final = 120


class SimplexError(ArithmeticError):
    """The tableau went wrong (unbounded, or no end of steps): solve the programme another way."""


@dataclass(frozen=True, slots=True)
class WholeProgramme:
    """min cost.x, at_most @ x <= limits, x >= 0.

    Shapes: cost (n,), at_most (m, n), limits (m,) never negative, whole (n,) and whole_rows (m,) say which
    unknowns, and which slacks of rows, are whole numbers.
    """

    cost: FloatArray
    at_most: FloatArray
    limits: FloatArray
    whole: BoolArray
    whole_rows: BoolArray


@dataclass(frozen=True, slots=True)
class WholeSolution:
    """Best x found, None when the node limit came before any; `proven` when no other can cost less."""

    x: FloatArray | None
    proven: bool


@dataclass(slots=True)
class _Tableau:
    """Basic unknowns in terms of the others: x[basis] + table @ x[off] = value; the reduced costs are the last row.

    `basis` labels the rows, `off` the columns; slacks, cuts and branches carry labels after the unknowns, `whole`
    says per label whether it is a whole number. The last column holds values; labels from `cut_from` are cuts.
    """

    table: FloatArray
    basis: IntArray
    off: IntArray
    whole: BoolArray
    cut_from: int

    @property
    def cost(self) -> float:
        """Cost of the present corner."""
        return -float(self.table[-1, -1])

    def values(self, count: int) -> FloatArray:
        """The first `count` unknowns."""
        x = np.zeros(self.whole.size)
        x[self.basis] = self.table[:-1, -1]
        return x[:count]

    def pivot(self, row: int, column: int) -> None:
        """Swap the unknown of `column` into the basis at `row`."""
        table = self.table
        inverse = 1.0 / float(table[row, column])
        line = table[row] * inverse
        line[column] = inverse
        factor = table[:, column].copy()
        factor[row] = 0.0
        table[:, column] = 0.0
        touched = factor.nonzero()[0]
        table[touched] -= factor[touched, None] * line
        table[row] = line
        self.basis[row], self.off[column] = self.off[column], self.basis[row]

    def primal(self) -> None:
        """Walk to the optimum from a corner that keeps every limit; Bland's rule when it stalls."""
        stalled = 0
        while True:
            price = self.table[-1, :-1]
            if stalled <= _STALLED_AFTER:
                column = int(price.argmin())
            else:
                below = np.flatnonzero(price < -_ZERO)
                column = int(below[self.off[below].argmin()]) if below.size else 0
            if price[column] >= -_ZERO:
                return
            entry, value = self.table[:-1, column], self.table[:-1, -1]
            rows = (entry > _ZERO).nonzero()[0]
            if not rows.size:
                raise SimplexError("unbounded programme")
            ratio = value[rows] / entry[rows]
            least = float(ratio.min())
            ties = rows[ratio <= least + 1e-12]
            by = -self.basis[ties] if stalled > _STALLED_AFTER else entry[ties]
            self.pivot(int(ties[by.argmax()]), column)
            stalled = stalled + 1 if least < 1e-12 else 0

    def dual(self) -> bool:
        """Walk back inside the limits from an optimal corner outside; False when there is no way."""
        for _ in range(_DUAL_STEPS):
            value = self.table[:-1, -1]
            row = int(value.argmin())
            if value[row] >= -_ZERO:
                return True
            entry = self.table[row, :-1]
            columns = (entry < -_ZERO).nonzero()[0]
            if not columns.size:
                return False
            ratio = np.maximum(self.table[-1, columns], 0.0) / -entry[columns]
            self.pivot(row, int(columns[ratio.argmin()]))
        raise SimplexError("dual simplex found no end")

    def with_rows(self, rows: FloatArray, values: FloatArray) -> _Tableau:
        """A copy with rows appended, each for a new slack in the basis."""
        table = np.concatenate((self.table[:-1], np.column_stack((rows, values)), self.table[-1:]))
        labels = np.arange(self.whole.size, self.whole.size + len(rows))
        whole = np.concatenate((self.whole, np.zeros(len(rows), dtype=bool)))
        return _Tableau(table, np.concatenate((self.basis, labels)), self.off.copy(), whole, self.cut_from)

    def without_loose_cuts(self) -> _Tableau:
        """The same without the cuts that do not bind."""
        kept = self.basis < self.cut_from
        table = self.table[np.concatenate((kept, np.ones(1, dtype=bool)))]
        return _Tableau(table, self.basis[kept], self.off, self.whole, self.cut_from)


def least_whole(
    programme: WholeProgramme, node_limit: int, *, first_in: IntArray | None = None, settle: bool = False
) -> WholeSolution:
    """Least whole-number solution, or the best within `node_limit` nodes. Raises SimplexError when arithmetic fails.

    `first_in`: unknowns brought into the basis at the start, each to the row that needs it most; they must
    make every limit kept. With `settle` the search goes on a while past the limit until it has one solution.
    """
    count = programme.cost.size
    if not count:
        return WholeSolution(np.zeros(0), proven=True)
    root = _first_tableau(programme)
    for column in first_in if first_in is not None else ():
        _bring_in(root, int(column))
    root.primal()
    best: FloatArray | None = None
    best_cost = np.inf
    waiting: list[_Branch] = []
    node: _Tableau | None = _tightened(root)
    for step in range(_STEPS_AT_MOST):
        if node is not None and node.cost < best_cost - _PRUNE:
            x = node.values(count)
            off = np.where(programme.whole, np.abs(x - np.round(x)), 0.0)
            column = int(off.argmax()) if off.size else -1
            if column < 0 or off[column] < _FRACTION:
                best, best_cost = x, node.cost
            else:
                waiting += _branches(node, column)
        while waiting and waiting[-1].parent.cost >= best_cost - _PRUNE:
            waiting.pop()
        if not waiting:
            return WholeSolution(best, proven=best is not None)
        if step >= node_limit and (best is not None or not settle or step >= node_limit + _SETTLE_STEPS):
            return WholeSolution(best, proven=False)
        node = waiting.pop().solved()
    raise SimplexError("branch and bound found no end")


def _bring_in(tableau: _Tableau, column: int) -> None:
    """Pivot an unknown in where its row's limit is broken most, so that this row and those like it are kept."""
    entry, value = tableau.table[:-1, column], tableau.table[:-1, -1]
    rows = np.flatnonzero(entry < -_ZERO)
    if rows.size:
        over = value[rows] / -entry[rows]
        if over.min() < 0:
            tableau.pivot(int(rows[over.argmin()]), column)


def _first_tableau(programme: WholeProgramme) -> _Tableau:
    """All slack in the basis."""
    height, width = programme.at_most.shape
    table = np.zeros((height + 1, width + 1))
    table[:height, :width] = programme.at_most
    table[:height, -1] = programme.limits
    table[-1, :width] = programme.cost
    labels = np.arange(width + height)
    whole = np.concatenate((programme.whole, programme.whole_rows))
    return _Tableau(table, labels[width:], labels[:width].copy(), whole, width + height)


@dataclass(frozen=True, slots=True)
class _Branch:
    """A half of a node, solved only when its turn comes: one row more than its parent."""

    parent: _Tableau
    line: FloatArray
    value: float

    def solved(self) -> _Tableau | None:
        """Its optimum; None when nothing is in it."""
        tableau = self.parent.with_rows(self.line[None, :], np.asarray([self.value]))
        return tableau if tableau.dual() else None


def _branches(node: _Tableau, column: int) -> list[_Branch]:
    """The two halves: the unknown at most its floor, at least its ceiling; the nearer one last, to be next."""
    row = int(np.flatnonzero(node.basis == column)[0])
    value = float(node.table[row, -1])
    line = node.table[row, :-1]
    down = _Branch(node, -line, float(np.floor(value)) - value)
    up = _Branch(node, line, value - float(np.ceil(value)))
    return [down, up] if value - np.floor(value) > 0.5 else [up, down]


def _tightened(tableau: _Tableau) -> _Tableau:
    """Rounds of Gomory mixed-integer cuts, until all is whole or they cut no more."""
    for _ in range(_CUT_ROUNDS):
        cuts, depth = _gomory_cuts(tableau)
        if not len(cuts):
            break
        tableau = tableau.with_rows(-cuts, -depth)
        if not tableau.dual():
            raise SimplexError("cuts left nothing of a programme that has solutions")
        tableau = tableau.without_loose_cuts()
    return tableau


def _gomory_cuts(tableau: _Tableau) -> tuple[FloatArray, FloatArray]:
    """Cuts `cuts @ x >= depth` over the non-basis, from the rows whose whole unknown is furthest from whole."""
    value = tableau.table[:-1, -1]
    over = value - np.floor(value + _ZERO)
    rows = np.flatnonzero(tableau.whole[tableau.basis] & (over > _CUT_FRACTION) & (over < 1.0 - _CUT_FRACTION))
    if not rows.size:
        return np.zeros((0, tableau.off.size)), np.zeros(0)
    rows = rows[np.argsort(np.abs(over[rows] - 0.5), kind="stable")[:_CUTS_PER_ROUND]]
    line, depth = tableau.table[rows, :-1], over[rows][:, None]
    part = line - np.floor(line + _ZERO)
    part[np.abs(part) < _ZERO] = 0.0
    whole = np.where(part <= depth, part, depth * (1.0 - part) / (1.0 - depth))
    broken = np.where(line > 0, line, -line * depth / (1.0 - depth))
    cuts = np.where(tableau.whole[tableau.off], whole, broken)
    cuts[np.abs(cuts) < 1e-11] = 0.0
    largest = cuts.max(axis=1, initial=0.0)
    sound = (largest > 0) & (largest < _CUT_RANGE * np.where(cuts > 0, cuts, np.inf).min(axis=1, initial=np.inf))
    return cuts[sound], depth[sound, 0]
