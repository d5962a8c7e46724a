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
from analytics.margin.pairing_model import (
    Block,
    BoolArray,
    FloatArray,
    IntArray,
    PairingProblem,
    PairModel,
    build_model,
    covers,
)
from analytics.margin.simplex import SimplexError, WholeProgramme, least_whole
from analytics.margin.terms import MarginError

_COVERS_PER_LINE: Final = 4
_NODES: Final = 1
_ODD_LINES: Final = 60
_SPLIT_ABOVE: Final = 8
_WHOLE: Final = 1e-6

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
    """A pairing within a stated gap of the least. Raises MarginError if the solver gives up."""
    model = build_model(problem, _COVERS_PER_LINE)
    relaxed = _relax(model)
    pairing = pairing_of(problem, model, lots_of(model, _finish(model, relaxed)))
    points = sum(used.column.points * used.lots for used in pairing.columns)
    points += sum(spread.loss for spread in pairing.spreads)
    return Pairing(pairing.columns, pairing.spreads, max(0.0, points - relaxed.floor))


def _relax(model: PairModel) -> _Relaxed:
    """Solve with fractions. Payers are unknowns of their own here: that keeps the rows short."""
    shorts, width = model.need.size, model.cost.size
    chain_rows, chain_columns, chain_values, chains = _chain(model)
    rows = np.concatenate((model.rows, np.arange(shorts), model.limits.size + chain_rows))
    columns = np.concatenate((model.columns, width + np.arange(shorts), chain_columns))
    values = np.concatenate((model.values, np.ones(shorts), chain_values))
    table = csr_array((values, (rows, columns)), shape=(model.limits.size + chains, width + shorts + chains))
    result = _LINPROG(
        np.concatenate((model.cost, np.zeros(shorts + chains))),
        A_ub=table[shorts:],
        b_ub=np.concatenate((model.limits[shorts:], np.zeros(chains))),
        A_eq=table[:shorts],
        b_eq=model.limits[:shorts],
        method="highs-ds",
        options={"presolve": False, "simplex_dual_edge_weight_strategy": "devex"},
    )
    if result.x is None:
        raise MarginError(f"margin pairing found no solution: {result.message}")
    x = np.asarray(result.x)
    payers = x[width : width + shorts]
    uncovered = payers.copy()
    np.add.at(uncovered, model.riders, x[: model.first_cover])
    short_price = np.asarray(result.eqlin.marginals) + model.need
    long_price = -np.asarray(result.ineqlin.marginals)[: model.longs.strike.size]
    floor = model.paid_in_full + float(result.fun) + _left_out(model, short_price, long_price)
    return _Relaxed(x[:width], uncovered, np.floor(payers + _WHOLE), floor)


def _chain(model: PairModel) -> tuple[IntArray, IntArray, FloatArray, int]:
    """Rows that let a rider ride: payers of the other right and no lesser requirement, less riders before it.

    Down the riders of a right by falling requirement a surplus is handed on: surplus = surplus before +
    payers that come into reach - riders. Returns triplets and the number of rows.
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
        own = np.arange(unknown.size)
        surplus = width + shorts + done + own
        rows += [done + own, done + reach, done + own, done + own[1:]]
        columns += [unknown, width + payers, surplus, surplus[:-1]]
        values += [np.ones(own.size), -np.ones(payers.size), np.ones(own.size), -np.ones(max(own.size - 1, 0))]
        done += unknown.size
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(values), done


def _left_out(model: PairModel, short_price: FloatArray, long_price: FloatArray) -> float:
    """What covers left out of the relaxation could still save at its prices, at most: never above 0."""
    short, long, width = covers(model.shorts, model.longs, model.need, None)
    saving = np.zeros(model.need.size)
    np.minimum.at(saving, short, width + long_price[long] - short_price[short])
    return float(saving @ model.shorts.contracts)


def _whole_part(model: PairModel, relaxed: _Relaxed, table: csr_array) -> tuple[FloatArray, BoolArray, BoolArray]:
    """The whole part of the relaxation as a valid solution, its odd lines, and the unknowns they may use.

    Odd are the lines that the relaxation splits; they may use the covers it uses, their spread, stock, and
    ride or pay. Where whole parts would leave a spread more shorts than longs, shorts step out of it.
    """
    lines = model.need.size + model.longs.strike.size
    base = np.floor(relaxed.x + _WHOLE)
    split = np.abs(relaxed.x - np.round(relaxed.x)) > _WHOLE
    split[model.losses] = False
    odd = table[:lines] @ split > 0
    odd[: model.need.size] |= np.abs(relaxed.uncovered - np.round(relaxed.uncovered)) > _WHOLE
    for block in model.blocks:
        _keep_covered(model, block, base, split, odd)
    inside = np.ones(base.size, dtype=bool)
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

    So many odd lines at a time, expiry after expiry, that a search stays short.
    """
    table = csr_array((model.values, (model.rows, model.columns)), shape=(model.limits.size, model.cost.size))
    x, odd, inside = _whole_part(model, relaxed, table)
    expiry = np.concatenate((model.shorts.expiry, model.longs.expiry))
    lines = np.flatnonzero(odd)
    lines = lines[np.argsort(expiry[lines], kind="stable")]
    waiting = np.array_split(lines, max(1, lines.size // _ODD_LINES))[::-1]
    while waiting:
        part = waiting.pop()
        outside = np.ones(odd.size, dtype=bool)
        outside[part] = False
        later = np.zeros(odd.size, dtype=bool)
        for other in waiting:
            later[other] = True
        payers = np.where(later[: model.need.size], relaxed.payers, np.inf)
        chosen = np.flatnonzero(inside & (table[: odd.size].T @ outside == 0))
        if not _solve_part(model, table, x, chosen, payers) and part.size > _SPLIT_ABOVE:
            waiting += np.array_split(part, 2)[::-1]
    return x


def _solve_part(model: PairModel, table: csr_array, x: FloatArray, chosen: IntArray, payers: FloatArray) -> bool:
    """Solve the chosen unknowns on top of x, in place, with the losses of their blocks; False when unsolved.

    `payers`: how many contracts of each short may be counted on to pay for riders.
    """
    losses = [loss for block in model.blocks if np.isin(np.arange(block.first, loss := _loss_of(block)), chosen).any()]
    x[losses] = 0.0
    chosen = np.concatenate((chosen[~np.isin(chosen, model.losses)], np.asarray(losses, dtype=np.int64)))
    programme = _programme_of_rest(model, table, x, chosen, payers)
    try:
        rest = least_whole(programme, _NODES, first_in=np.flatnonzero(~programme.whole), settle=True).x
    except SimplexError:
        rest = None
    if rest is None:
        return False  # x alone is a pairing too: its odd contracts stay uncovered
    x[chosen] += rest
    return True


def _loss_of(block: Block) -> int:
    """The unknown that is the block's loss."""
    return block.first + len(block.spread.shorts) + len(block.spread.longs)


def _programme_of_rest(
    model: PairModel, table: csr_array, base: FloatArray, chosen: IntArray, payers: FloatArray
) -> WholeProgramme:
    """The programme of the chosen unknowns on top of `base`, without the limits they cannot reach."""
    shorts, riders, need, is_call = model.need.size, model.riders, model.need, model.shorts.is_call
    spare = model.limits - table @ base
    at_most = table[:, chosen].toarray()
    reached = need[None, :] >= need[riders][:, None]
    other = (is_call[riders][:, None] != is_call[None, :]) & reached
    same = (is_call[riders][:, None] == is_call[riders][None, :]) & reached[:, riders]
    chain = other @ at_most[:shorts]
    rides = np.flatnonzero(chosen < riders.size)
    chain[:, rides] += same[:, chosen[rides]]
    chain_spare = np.maximum(other @ np.minimum(spare[:shorts], payers) - same @ base[: riders.size], 0.0)
    loss = np.isin(chosen, model.losses)
    prices = (at_most[:, loss] != 0).any(axis=1)
    at_most, spare = np.concatenate((at_most, chain)), np.concatenate((spare, chain_spare))
    whole_rows = np.concatenate((~prices, np.ones(riders.size, dtype=bool)))
    scale = np.where(whole_rows, 1.0, np.abs(at_most).max(axis=1, initial=1.0))
    at_most, spare = at_most / scale[:, None], spare / scale
    lines = at_most[: shorts + model.longs.strike.size + 1]
    most = np.where(lines > 0, spare[: len(lines), None], np.inf).min(axis=0, initial=np.inf)
    most[loss] = 0.0
    reachable = np.maximum(at_most, 0.0) @ most > spare + 1e-9
    reachable[: len(lines)] = True  # these gave the bounds
    reachable &= (at_most != 0).any(axis=1)
    return WholeProgramme(model.cost[chosen], at_most[reachable], spare[reachable], ~loss, whole_rows[reachable])
