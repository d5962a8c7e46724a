"""Small whole-number programmes: least cost.x with at_most @ x <= limits, x >= 0 and whole where asked.

A dense primal simplex from the all-slack start (limits are never negative), Gomory mixed-integer cuts at the
root (R. Gomory 1960; the textbook form of Wolsey, Integer Programming, 8.6), then branch and bound, each node
re-solved by a few dual simplex steps. A unit of an unknown that costs more than the best solution leaves to
save is struck from the table (reduced cost fixing, Wolsey 7.6), so tables shrink as the search closes in.
Meant for tables of up to some ten thousand entries: a step is one rank-one update. The search ends after so
much work, counted by table entries and not in time: the same programme always ends at the same solution.
Numpy and one BLAS routine, no state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dger

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_ZERO: Final = 1e-9
_FRACTION: Final = 1e-6
_CUT_ROUNDS: Final = 10
_CUT_ROUNDS_TO_BEAT: Final = 2
_CUTS_PER_ROUND: Final = 10
_CUT_FRACTION: Final = 0.05
_CUT_RANGE: Final = 1e5
_CUT_SHARE: Final = 0.4
_STALLED_AFTER: Final = 200
_DUAL_STEPS: Final = 2_000
_PRUNE: Final = 1e-6
_STEPS_AT_MOST: Final = 10_000
_DIVES: Final = 24
_ENTRIES_AT_ONCE: Final = 8_000
"""Fewer than for which a BLAS would start threads, which cost more than they save here."""
_CORNER: Final = 1e-7
_ROUNDING: Final = 1e-12
_STEP_WORK: Final = 30_000
_NODE_WORK: Final = 100_000
"""What the calls of a step, and of a node, cost beside their table entries; some 1,500 units a microsecond."""


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
    """Best x found, None when the work limit came before any; no solution costs less than `floor`."""

    x: FloatArray | None
    proven: bool
    floor: float


@dataclass(slots=True)
class _Work:
    """Work done in one search: by table entries, and a fixed part per step and per node."""

    done: int = 0


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
    work: _Work

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
        some = max(1, _ENTRIES_AT_ONCE // line.size)
        for start in range(0, factor.size, some):  # in place, three to five times as fast as by numpy
            dger(-1.0, line, factor[start : start + some], a=table[start : start + some].T, overwrite_a=1)
        table[row] = line
        self.work.done += _STEP_WORK + table.size // 4
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
        self.work.done += _NODE_WORK + table.size
        return _Tableau(table, np.concatenate((self.basis, labels)), self.off.copy(), whole, self.cut_from, self.work)

    def without_loose_cuts(self) -> _Tableau:
        """The same without the cuts that do not bind."""
        kept = self.basis < self.cut_from
        table = self.table[np.concatenate((kept, np.ones(1, dtype=bool)))]
        return _Tableau(table, self.basis[kept], self.off, self.whole, self.cut_from, self.work)

    def without_dear(self, best_cost: float) -> _Tableau:
        """The same without the unknowns of which one unit would cost as much as the best solution known."""
        dear = self.whole[self.off] & (self.table[-1, :-1] > best_cost - self.cost - _PRUNE)
        if dear.sum() * 8 < dear.size:
            return self
        kept = np.concatenate((~dear, np.ones(1, dtype=bool)))
        table = np.ascontiguousarray(self.table[:, kept])
        return _Tableau(table, self.basis.copy(), self.off[~dear], self.whole, self.cut_from, self.work)


def least_whole(
    programme: WholeProgramme, work_limit: int, *, at: FloatArray | None = None, beat: float = np.inf
) -> WholeSolution:
    """Least whole-number solution, or the best for so much work. Raises SimplexError when arithmetic fails.

    `work_limit`: in units of which some 1,500 take a microsecond; a first dive is
    made whatever it takes. `at`: a corner that keeps every limit, to start from in place of all slack. `beat`: the
    cost of a solution known already; only what costs less is looked for, and no dive is made.
    """
    if not programme.cost.size:
        return WholeSolution(np.zeros(0), proven=True, floor=0.0)
    root = _first_tableau(programme) if at is None else _tableau_at(programme, at)
    root.primal()
    rounds = _CUT_ROUNDS if beat == np.inf else _CUT_ROUNDS_TO_BEAT  # branches end soon where a solution is known
    root = _tightened(root, root.work.done + int(_CUT_SHARE * work_limit), rounds)
    return _Search(programme, root, beat).run(work_limit)


class _Search:
    """Branch and bound: down from the most promising half to a solution or a dead end, then the next."""

    __slots__ = ("best", "best_cost", "programme", "root", "waiting")

    def __init__(self, programme: WholeProgramme, root: _Tableau, beat: float) -> None:
        self.programme = programme
        self.root = root
        self.waiting: list[_Branch] = []
        self.best: FloatArray | None = None
        self.best_cost = beat

    def run(self, work_limit: int) -> WholeSolution:
        """Search until nothing is left or the limit is reached."""
        node: _Tableau | None = self.root
        if self.best_cost == np.inf:
            self._dive()
        for _ in range(_STEPS_AT_MOST):
            ahead = self._entered(node) if node is not None and node.cost < self.best_cost - _PRUNE else None
            if ahead is None:
                self.waiting = [half for half in self.waiting if half.floor < self.best_cost - _PRUNE]
                if not self.waiting:
                    return WholeSolution(self.best, proven=self.best is not None, floor=self.best_cost)
                ahead = min(self.waiting, key=lambda half: half.floor)
            if self.root.work.done >= work_limit:
                floor = min(self.best_cost, *(half.floor for half in self.waiting))
                return WholeSolution(self.best, proven=False, floor=floor)
            self.waiting.remove(ahead)
            node = ahead.solved()
        raise SimplexError("branch and bound found no end")

    def _dive(self) -> None:
        """A first solution, if one is near: half of the split unknowns at a time go to their nearest whole number."""
        node, share = self.root, 2
        for _ in range(_DIVES):
            x = node.values(self.programme.cost.size)
            off = np.where(self.programme.whole, np.abs(x - np.round(x)), 0.0)
            rows = np.flatnonzero(node.basis < off.size)
            rows = rows[off[node.basis[rows]] >= _FRACTION]
            if not rows.size:
                self.best, self.best_cost = x, node.cost
                return
            rows = rows[np.argsort(off[node.basis[rows]], kind="stable")[: -(-rows.size // share)]]
            line, value = node.table[rows, :-1], node.table[rows, -1]
            up = value - np.floor(value) > 0.5
            rounded = node.with_rows(
                np.where(up[:, None], line, -line), np.where(up, value - np.ceil(value), np.floor(value) - value)
            )
            if rounded.dual():
                node = rounded
            elif rows.size == 1:
                return
            else:
                share *= 4

    def _entered(self, node: _Tableau) -> _Branch | None:
        """Take a whole node as the best, or queue its halves; returns the half to look into next."""
        count = self.programme.cost.size
        x = node.values(count)
        off = np.where(self.programme.whole, np.abs(x - np.round(x)), 0.0)
        if off.max() < _FRACTION:
            self.best, self.best_cost = x, node.cost
            return None
        if self.best_cost < np.inf:
            node = node.without_dear(self.best_cost)
        halves = [half for half in _halves(node, off) if half.floor < self.best_cost - _PRUNE]
        self.waiting += halves
        return min(halves, key=lambda half: half.floor) if halves else None


def _first_tableau(programme: WholeProgramme) -> _Tableau:
    """All slack in the basis."""
    height, width = programme.at_most.shape
    table = np.zeros((height + 1, width + 1))
    table[:height, :width] = programme.at_most
    table[:height, -1] = programme.limits
    table[-1, :width] = programme.cost
    labels = np.arange(width + height)
    whole = np.concatenate((programme.whole, programme.whole_rows))
    return _Tableau(table, labels[width:], labels[:width].copy(), whole, width + height, _Work())


def _tableau_at(programme: WholeProgramme, x: FloatArray) -> _Tableau:
    """The tableau of the corner x, by one elimination among its unknowns. Raises SimplexError when x is none."""
    tableau = _first_tableau(programme)
    spare = programme.limits - programme.at_most @ x
    if spare.min(initial=0.0) < -_CORNER:
        raise SimplexError("the corner to start from breaks a limit")
    inside, binding = np.flatnonzero(x > _CORNER), np.flatnonzero(spare < _CORNER)
    part = programme.at_most[np.ix_(binding, inside)]
    rows = np.empty(inside.size, dtype=np.int64)
    for number in range(inside.size):
        row = int(np.abs(part[:, number]).argmax()) if len(part) else 0
        if not len(part) or abs(part[row, number]) < _CORNER:
            raise SimplexError("the point to start from is no corner")
        rows[number] = binding[row]
        entry, line = part[:, number] / part[row, number], part[row].copy()
        touched = entry.nonzero()[0]
        part[touched, number:] -= entry[touched, None] * line[number:]
        part[row] = 0.0
    table, others = tableau.table, np.ones(len(tableau.table), dtype=bool)
    others[rows] = False
    square = table[np.ix_(rows, inside)]
    solved = np.linalg.solve(square, np.concatenate((table[rows], np.eye(rows.size)), axis=1))
    line = solved[:, : table.shape[1]].copy()
    line[:, inside] = solved[:, table.shape[1] :]
    weight = table[np.ix_(others, inside)]
    table[np.ix_(others, inside)] = 0.0
    table[others] -= weight @ line
    table[rows] = line
    table[np.abs(table) < _ROUNDING] = 0.0
    table[:-1, -1] = np.maximum(table[:-1, -1], 0.0)
    tableau.basis[rows], tableau.off[inside] = inside, tableau.basis[rows]
    tableau.work.done += _STEP_WORK * rows.size
    return tableau


@dataclass(frozen=True, slots=True, eq=False)
class _Branch:
    """A half of a node, solved only when its turn comes: one row more than its parent; it costs at least `floor`."""

    parent: _Tableau
    line: FloatArray
    value: float
    floor: float

    def solved(self) -> _Tableau | None:
        """Its optimum; None when nothing is in it."""
        tableau = self.parent.with_rows(self.line[None, :], np.asarray([self.value]))
        return tableau if tableau.dual() else None


def _halves(node: _Tableau, off: FloatArray) -> list[_Branch]:
    """The two halves of a node: of the split unknown whose halves cost most, at most its floor, at least the next.

    What a half costs at least: the first dual step into it (N. Driebeek 1966). `off`: how far from whole.
    """
    rows = np.flatnonzero(node.basis < off.size)
    rows = rows[off[node.basis[rows]] >= _FRACTION]
    line, value = node.table[rows, :-1], node.table[rows, -1]
    price = np.maximum(node.table[-1, :-1], 0.0)
    over = value - np.floor(value)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = price / line
    down = np.where(line > _ZERO, ratio, np.inf).min(axis=1, initial=np.inf) * over
    up = np.where(line < -_ZERO, -ratio, np.inf).min(axis=1, initial=np.inf) * (1.0 - over)
    least, most = np.minimum(down, up), np.maximum(down, up)
    at = int(np.argmax(least + 0.1 * np.minimum(most, 10.0 * least) + 1e-6 * np.minimum(over, 1.0 - over)))
    cost, floor = node.cost, float(np.floor(value[at]))
    below = _Branch(node, -line[at], floor - float(value[at]), cost + float(down[at]))
    above = _Branch(node, line[at], float(value[at]) - floor - 1.0, cost + float(up[at]))
    return [below, above]


def _tightened(tableau: _Tableau, work_limit: int, rounds: int) -> _Tableau:
    """Rounds of Gomory mixed-integer cuts, until all is whole, they cut no more, or the work is done."""
    for _ in range(rounds):
        cuts, depth = _gomory_cuts(tableau)
        if not len(cuts) or tableau.work.done > work_limit:
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
