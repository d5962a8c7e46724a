"""Pairing of one underlying with too many lines for a proof: a relaxation, rounded, and what it may be off by.

The relaxation with fractions of contracts is solved by SciPy's HiGHS. Its whole part stands; the contracts it
splits, and the lines they belong to, are solved among themselves in whole contracts by `margin.simplex`. The
result is a valid pairing of the whole book, so never too low. The relaxation, corrected for the covers left
out of it, is a floor no pairing can go below: the difference is the stated gap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from scipy.optimize import OptimizeResult, linprog
from scipy.sparse import csr_array

from analytics.margin.pairing import Pairing, lots_of, pairing_of
from analytics.margin.pairing_by_expiry import expiries_repeat, least_within_expiries, pairing_within_expiries
from analytics.margin.pairing_model import (
    Block,
    BoolArray,
    FloatArray,
    IntArray,
    PairingProblem,
    PairModel,
    build_model,
    covers,
    ride_levels,
)
from analytics.margin.simplex import SimplexError, WholeProgramme, least_whole
from analytics.margin.terms import MarginError

_FEW_LINES: Final = 140
_COVERS_OF_FEW: Final = 12
_COVERS_PER_LINE: Final = 3
_WORK_OF_LINES: Final = 900_000_000
"""Work limit of the search among odd contracts, times lines: three milliseconds in a book of two hundred."""
_SPLIT_ABOVE: Final = 8
_WHOLE: Final = 1e-6
_CENT: Final = 1e-4
"""Points below which a gap is rounding and the charge that breaks ties."""

_LINPROG = cast("Callable[..., OptimizeResult]", linprog)  # its stubs know dense matrices only


@dataclass(frozen=True, slots=True)
class _Relaxed:
    """Unknowns with fractions, and `floor`: points no pairing can go below.

    Per short `uncovered` contracts, and whole contracts among them that are `payers`.
    """

    x: FloatArray
    uncovered: FloatArray
    payers: FloatArray
    floor: float


def near_least_pairing(problem: PairingProblem) -> Pairing:
    """A pairing within a stated gap of the least. Raises MarginError if the solver gives up.

    Where expiries repeat, a book that pairs within them is proven without the relaxation, or else the lesser of
    the relaxation's pairing and of each expiry's own is taken.
    """
    repeats = expiries_repeat(problem)
    proven = least_within_expiries(problem) if repeats else None
    if proven is not None:
        return proven
    near = _relaxed_pairing(problem)
    apart = pairing_within_expiries(problem) if repeats and near.gap else None
    saved = points_of(near) - points_of(apart) if apart is not None else 0.0
    if apart is None or saved <= 0.0:
        return near
    gap = near.gap - saved
    return Pairing(apart.columns, apart.spreads, gap if gap > _CENT else 0.0)


def points_of(pairing: Pairing) -> float:
    """Requirement of a pairing, points."""
    points = sum(used.column.points * used.lots for used in pairing.columns)
    return points + sum(spread.loss for spread in pairing.spreads)


def _relaxed_pairing(problem: PairingProblem) -> Pairing:
    """The relaxation in whole contracts, and how far it may be off."""
    few = len(problem.shorts) + len(problem.longs) <= _FEW_LINES
    model = build_model(problem, _COVERS_OF_FEW if few else _COVERS_PER_LINE)
    relaxed = _relax(model)
    pairing = pairing_of(problem, model, lots_of(model, _finish(model, relaxed)))
    gap = points_of(pairing) - relaxed.floor
    return Pairing(pairing.columns, pairing.spreads, gap if gap > _CENT else 0.0)


def _relax(model: PairModel) -> _Relaxed:
    """Solve with fractions. Payers are unknowns of their own here: that keeps the rows short.

    Every short is placed and every lot of stock used or idle, at costs none of which is below zero: so the
    all-slack start of the dual simplex is within its limits, which halves its steps.
    """
    shorts, longs, width = model.need.size, model.longs.strike.size, model.cost.size
    chain_rows, chain_columns, chain_values, chains = _chain(model)
    idle, height = width + shorts + chains, model.limits.size
    rows = np.concatenate((model.rows, np.arange(shorts), height + chain_rows, [shorts + longs]))
    columns = np.concatenate((model.columns, width + np.arange(shorts), chain_columns, [idle]))
    largest = np.zeros(height)
    np.maximum.at(largest, model.rows, np.abs(model.values))
    largest[: shorts + longs + 1] = 1.0  # prices and stock keep their units, rows of spreads are brought to one scale
    values = np.concatenate((model.values / largest[model.rows], np.ones(shorts), chain_values, [1.0]))
    table = csr_array((values, (rows, columns)), shape=(height + chains, idle + 1))
    stock = np.arange(model.first_stock, model.first_stock + len(model.with_stock))
    price = np.concatenate((model.need, np.zeros(height + chains - shorts)))
    cost = np.concatenate((model.cost, np.zeros(shorts + chains + 1))) + table.T @ price
    most_saved = -float(cost[stock].min(initial=0.0))
    cost[stock] += most_saved
    cost[idle] = most_saved
    limits = np.concatenate((model.limits, np.zeros(chains)))
    placed = np.concatenate((np.arange(shorts), [shorts + longs]))
    others = np.concatenate((np.arange(shorts, shorts + longs), np.arange(shorts + longs + 1, height + chains)))
    result = _LINPROG(
        cost,
        A_ub=table[others],
        b_ub=limits[others],
        A_eq=table[placed],
        b_eq=limits[placed],
        method="highs-ds",
        options={"presolve": False, "simplex_dual_edge_weight_strategy": "devex"},
    )
    if result.x is None:
        raise MarginError(f"margin pairing found no solution: {result.message}")
    x = np.asarray(result.x)
    payers = x[width : width + shorts]
    uncovered = payers.copy()
    np.add.at(uncovered, model.riders, x[: model.first_cover])
    short_price = np.asarray(result.eqlin.marginals)[:shorts]
    long_price = -np.asarray(result.ineqlin.marginals)[:longs]
    floor = float(result.fun) - most_saved * float(model.limits[shorts + longs])
    floor -= _left_out(model, short_price, long_price)
    return _Relaxed(x[:width], uncovered, np.floor(payers + _WHOLE), floor)


def _chain(model: PairModel) -> tuple[IntArray, IntArray, FloatArray, int]:
    """Rows that let a rider ride: payers of the other right and no lesser requirement, less riders before it.

    Down the riders of a right by falling requirement a surplus is handed on, from each payer that comes into
    reach to the next: surplus = surplus before + payers - riders. Returns triplets and the number of rows.
    """
    width, shorts = model.cost.size, model.need.size
    rows: list[IntArray] = []
    columns: list[IntArray] = []
    values: list[FloatArray] = []
    done = 0
    for is_call in (True, False):
        unknown = np.flatnonzero(model.shorts.is_call[model.riders] == is_call)
        unknown = unknown[np.argsort(-model.need[model.riders[unknown]], kind="stable")]
        payers = np.flatnonzero(model.shorts.is_call != is_call)
        reach = np.searchsorted(-model.need[model.riders[unknown]], -model.need[payers], side="left")
        payers, reach = payers[reach < unknown.size], reach[reach < unknown.size]
        level = np.zeros(unknown.size, dtype=np.int64)
        level[reach] = 1
        level = np.maximum(level.cumsum() - 1, 0)
        levels = np.arange(int(level[-1]) + 1 if level.size else 0)
        surplus = width + shorts + done + levels
        rows += [done + level, done + level[reach], done + levels, done + levels[1:]]
        columns += [unknown, width + payers, surplus, surplus[:-1]]
        ones = np.ones(levels.size)
        values += [np.ones(unknown.size), -np.ones(payers.size), ones, -ones[1:]]
        done += levels.size
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(values), done


def _left_out(model: PairModel, short_price: FloatArray, long_price: FloatArray) -> float:
    """What covers left out of the relaxation could still save, at most.

    Where such a cover is cheaper than its prices say, the short's price is lowered or the long's raised until it
    is not; each long in turn by what costs least given the others. Any such prices hold for all pairings.
    """
    short, long, width = covers(model.shorts, model.longs, model.need, None)
    over = short_price[short] - width - long_price[long]
    breaks = over > _WHOLE
    if not breaks.any():
        return 0.0
    shorts, short_at = np.unique(short[breaks], return_inverse=True)
    longs, long_at = np.unique(long[breaks], return_inverse=True)
    excess = np.zeros((longs.size, shorts.size))
    excess[long_at, short_at] = over[breaks]
    lots, guards = model.shorts.contracts[shorts], model.longs.contracts[longs]
    left, raised = excess.copy(), 0.0
    for index in np.argsort(-(excess @ lots) / guards, kind="stable"):
        left[index] = 0.0
        down = excess[index] - left.max(axis=0)
        order = np.argsort(-down, kind="stable")
        at = int(np.searchsorted(lots[order].cumsum(), guards[index], side="right"))
        price = max(0.0, float(down[order[at]])) if at < order.size else 0.0
        raised += price * float(guards[index])
        left[index] = np.maximum(excess[index] - price, 0.0)
    return raised + float(left.max(axis=0) @ lots)


def _whole_part(model: PairModel, relaxed: _Relaxed, table: csr_array) -> tuple[FloatArray, BoolArray, BoolArray]:
    """The whole part of the relaxation as a valid solution, its odd lines, and the unknowns they may use.

    Odd are the lines that the relaxation splits; they may use covers (of many lines: those it uses), their spread,
    stock, and ride or pay. Where whole parts would leave a spread more shorts than longs, shorts step out of it.
    """
    lines = model.need.size + model.longs.strike.size
    base = np.floor(relaxed.x + _WHOLE)
    split = np.abs(relaxed.x - np.round(relaxed.x)) > _WHOLE
    split[model.losses] = False
    odd = table[:lines] @ split > 0
    odd[: model.need.size] |= np.abs(relaxed.uncovered - np.round(relaxed.uncovered)) > _WHOLE
    for block in model.blocks:
        if split[block.first : block.first + block.gains.shape[1]].any():
            _keep_covered(model, block, base, split, odd)
    inside = np.ones(base.size, dtype=bool)
    if lines > _FEW_LINES:
        inside[model.first_cover : model.first_stock] = split[model.first_cover : model.first_stock]
    return base, odd, inside


def _keep_covered(model: PairModel, block: Block, base: FloatArray, split: BoolArray, odd: BoolArray) -> None:
    """Take shorts out of the whole part of a block, split ones first, until its longs cover them per right."""
    short, long = np.asarray(block.spread.shorts), np.asarray(block.spread.longs)
    for is_call in (True, False):
        mine = np.flatnonzero(model.shorts.is_call[short] == is_call)
        guard = block.first + short.size + np.flatnonzero(model.longs.is_call[long] == is_call)
        over = base[block.first + mine].sum() - base[guard].sum()
        for index in mine[np.argsort(~split[block.first + mine], kind="stable")]:
            out = min(over, base[block.first + index])
            if out > 0:
                base[block.first + index] -= out
                over -= out
                odd[short[index]] = True


def _finish(model: PairModel, relaxed: _Relaxed) -> FloatArray:
    """Whole contracts: the whole part of the relaxation stands, the odd contracts are solved among themselves.

    Odd lines, expiry after expiry, that find nothing are halved.
    """
    table = csr_array((model.values, (model.rows, model.columns)), shape=(model.limits.size, model.cost.size))
    x, odd, inside = _whole_part(model, relaxed, table)
    expiry = np.concatenate((model.shorts.expiry, model.longs.expiry))
    lines = np.flatnonzero(odd)
    waiting = [lines[np.argsort(expiry[lines], kind="stable")]]
    corner: FloatArray | None = relaxed.x
    while waiting:
        part = waiting.pop()
        outside = np.ones(odd.size, dtype=bool)
        outside[part] = False
        later = np.zeros(odd.size, dtype=bool)
        for other in waiting:
            later[other] = True
        payers = np.where(later[: model.need.size], relaxed.payers, np.inf)
        chosen = np.flatnonzero(inside & (table[: odd.size].T @ outside == 0))
        if not _solve_part(model, table, x, chosen, payers, corner) and part.size > _SPLIT_ABOVE:
            waiting += np.array_split(part, 2)[::-1]
        corner = None
    return x


def _solve_part(
    model: PairModel, table: csr_array, x: FloatArray, chosen: IntArray, payers: FloatArray, corner: FloatArray | None
) -> bool:
    """Solve the chosen unknowns on top of x, in place, with the losses of their blocks; False when unsolved.

    `payers`: how many contracts of each short may be counted on to pay for riders; `corner`: the relaxation.
    """
    losses = model.losses
    first = np.asarray([block.first for block in model.blocks], dtype=np.int64)
    losses = losses[np.searchsorted(chosen, losses) > np.searchsorted(chosen, first)]
    before = x[losses]
    x[losses] = 0.0
    chosen = np.concatenate((np.setdiff1d(chosen, model.losses, assume_unique=True), losses))
    programme = _programme_of_rest(model, table, x, chosen, payers)
    work = _WORK_OF_LINES // (model.need.size + model.longs.strike.size)
    try:
        rest = least_whole(programme, work, at=corner[chosen] - x[chosen] if corner is not None else None).x
    except SimplexError:
        rest = None
    if rest is None:
        x[losses] = before
        return False  # x alone is a pairing too: its odd contracts stay uncovered
    x[chosen] += rest
    return True


def _programme_of_rest(
    model: PairModel, table: csr_array, base: FloatArray, chosen: IntArray, payers: FloatArray
) -> WholeProgramme:
    """The programme of the chosen unknowns on top of `base`, without the limits they cannot reach."""
    shorts, riders, need, is_call = model.need.size, model.riders, model.need, model.shorts.is_call
    spare = model.limits - table @ base
    at_most = table[:, chosen].toarray()
    levels = ride_levels(need, is_call, riders)
    reached = need[None, :] >= need[levels][:, None]
    other = (is_call[levels][:, None] != is_call[None, :]) & reached
    same = (is_call[levels][:, None] == is_call[riders][None, :]) & reached[:, riders]
    chain = other @ at_most[:shorts]
    rides = np.flatnonzero(chosen < riders.size)
    chain[:, rides] += same[:, chosen[rides]]
    chain_spare = np.maximum(other @ np.minimum(spare[:shorts], payers) - same @ base[: riders.size], 0.0)
    loss = np.isin(chosen, model.losses)
    prices = (at_most[:, loss] != 0).any(axis=1)
    at_most, spare = np.concatenate((at_most, chain)), np.concatenate((spare, chain_spare))
    whole_rows = np.concatenate((~prices, np.ones(levels.size, dtype=bool)))
    scale = np.where(whole_rows, 1.0, np.abs(at_most).max(axis=1, initial=1.0))
    at_most, spare = at_most / scale[:, None], spare / scale
    lines = at_most[: shorts + model.longs.strike.size + 1]
    most = np.where(lines > 0, spare[: len(lines), None], np.inf).min(axis=0, initial=np.inf)
    most[loss] = 0.0
    reachable = np.maximum(at_most, 0.0) @ most > spare + 1e-9
    reachable[: len(lines)] = True  # these gave the bounds
    reachable &= (at_most != 0).any(axis=1)
    return WholeProgramme(model.cost[chosen], at_most[reachable], spare[reachable], ~loss, whole_rows[reachable])
