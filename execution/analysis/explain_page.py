"""What made the P&L since a recorded moment: delta, gamma, theta, vega, trades and the rest."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.book import SECONDS_PER_YEAR, Model
from analytics.exercise import option_first_order, option_implied_vol
from analytics.implied_vol import IvStatus
from analytics.scenarios import ExplainInputs, PnlExplain, PnlParts, pnl_explain, sum_by
from execution.analysis.scene import Scene
from execution.analysis_views import Baseline, ExplainLine, ExplainState
from models.book_mark import BookMark, PositionMark
from models.clock import epoch_s
from models.ids import AccountId, ContractKey
from models.trade import Execution

_Key = tuple[AccountId, ContractKey]
_SECONDS_PER_DAY = 86_400.0
_METHOD = (
    "Greeks of the baseline, at today's carry, times what moved since (Taylor); trades at their prices and fees; "
    "the residual is what the expansion misses"
)


@dataclass(frozen=True, slots=True, eq=False)
class ExplainTask:
    """What is explained: from `start` to `end`, with what was traded in between."""

    baselines: tuple[Baseline, ...]
    baseline: Baseline | None
    start: BookMark | None
    end: BookMark
    traded: tuple[Execution, ...]


def explain_page(scene: Scene, task: ExplainTask) -> ExplainState:
    """Returns the parts of the P&L, in total, by underlying and by position of the accounts looked at."""
    started = time.perf_counter()
    start = task.start
    if start is None or task.baseline is None:
        why = "Nothing to explain from yet: the book is recorded once all of it is quoted."
        return no_explanation(scene, why, task.baselines, task.baseline)
    wanted = {info.account_id for info, _ in scene.accounts}
    before = _by_key(one for one in with_present_carry(start, scene) if one.account_id in wanted)
    after = _by_key(one for one in task.end.positions if one.account_id in wanted)
    traded = _traded(execution for execution in task.traded if execution.account_id in wanted)
    keys = sorted({*before, *after, *traded})
    names = _names(before, after, task.traded)
    days = (epoch_s(task.end.at_utc) - epoch_s(start.at_utc)) / _SECONDS_PER_DAY
    found = pnl_explain(_inputs(keys, before, after, traded, days))
    labels = {row.contract.key: row.contract.label for row in scene.rows}
    labels |= {one.contract.key: one.contract.label for one in task.traded}
    positions = [labels.get(key, key) for _, key in keys]
    underlyings = sorted({names[key] for key in keys})
    codes = np.array([underlyings.index(names[key]) for key in keys], dtype=np.intp)
    grouped = sum_by(found.rows, group=codes, groups=len(underlyings))
    unexplained = np.unique(np.concatenate((found.no_greeks, found.no_price))).tolist()
    return ExplainState(
        note=scene.note(_METHOD, time.perf_counter() - started, left_out=len(unexplained)),
        baselines=task.baselines,
        baseline=task.baseline,
        total=_line("Total", found.totals, 0),
        by_underlying=_sorted(_line(name, grouped, at) for at, name in enumerate(underlyings)),
        by_position=_sorted(_line(name, found.rows, at) for at, name in enumerate(positions) if _has_pnl(found, at)),
        unexplained=tuple(positions[at] for at in unexplained),
    )


def no_explanation(
    scene: Scene, problem: str, baselines: tuple[Baseline, ...] = (), baseline: Baseline | None = None
) -> ExplainState:
    """Returns the page without figures; it says why."""
    return ExplainState(scene.note(_METHOD, 0.0, problem), baselines, baseline, None, (), (), ())


def with_present_carry(start: BookMark, scene: Scene) -> tuple[PositionMark, ...]:
    """The baseline's positions, with vol and Greeks of options still held at the rate and yield in use now.

    A forward that was learned since then would otherwise show as vega made and lost again in the residual. Prices and
    spots stay; an option whose price then had no vol at this carry keeps what was recorded.
    """
    book, row_of = scene.book, {(row.account_id, row.contract.key): at for at, row in enumerate(scene.rows)}
    held = [(at, row_of.get((one.account_id, one.contract_key), -1)) for at, one in enumerate(start.positions)]
    held = [(at, row) for at, row in held if row >= 0 and book.model[row] != Model.LINEAR]
    if not held:
        return start.positions
    rows = np.array([row for _, row in held])
    marks = [start.positions[at] for at, _ in held]
    terms: dict[str, npt.NDArray[Any]] = {
        "spot": _column(marks, "spot"),
        "strike": book.strike[rows],
        "t_years": np.maximum(book.expiry_epoch_s[rows] - epoch_s(start.at_utc), 0.0) / SECONDS_PER_YEAR,
        "rate": book.rate[rows],
        "dividend_yield": book.carry_yield(rows),
        "is_call": book.is_call[rows],
        "is_american": book.is_american[rows],
    }
    found = option_implied_vol(price=_column(marks, "price"), **terms)
    values = option_first_order(vol=found.vol, **terms)
    positions = list(start.positions)
    for place, (at, _) in enumerate(held):
        if found.status[place] == IvStatus.OK:
            positions[at] = replace(
                positions[at],
                vol=float(found.vol[place]),
                delta=float(values.delta[place]),
                gamma=float(values.gamma[place]),
                theta_per_day=float(values.theta_per_day[place]),
                vega_per_point=float(values.vega_per_point[place]),
            )
    return tuple(positions)


def _by_key(positions: Iterable[PositionMark]) -> dict[_Key, PositionMark]:
    return {(one.account_id, one.contract_key): one for one in positions}


def _names(
    before: Mapping[_Key, PositionMark], after: Mapping[_Key, PositionMark], traded: Sequence[Execution]
) -> dict[_Key, str]:
    names = {(one.account_id, one.contract.key): one.contract.underlying for one in traded}
    return names | {key: one.underlying for key, one in (*before.items(), *after.items())}


@dataclass(frozen=True, slots=True)
class _Trades:
    """Of one contract: change of the quantity, dollars paid for it with fees, dollars per point."""

    quantity: float
    cash: float
    multiplier: float


def _traded(executions: Iterable[Execution]) -> dict[_Key, _Trades]:
    found: dict[_Key, _Trades] = {}
    for one in executions:
        key = (one.account_id, one.contract.key)
        known = found.get(key, _Trades(0.0, 0.0, float(one.contract.multiplier)))
        cash = -float(one.cash_effect) + float(one.fee or 0)
        found[key] = _Trades(known.quantity + float(one.signed_quantity), known.cash + cash, known.multiplier)
    return found


def _inputs(
    keys: Sequence[_Key],
    before: Mapping[_Key, PositionMark],
    after: Mapping[_Key, PositionMark],
    traded: Mapping[_Key, _Trades],
    days: float,
) -> ExplainInputs:
    firsts, lasts = [before.get(key) for key in keys], [after.get(key) for key in keys]
    deals = [traded.get(key) for key in keys]
    held, holds = _column(firsts, "quantity", 0.0), _column(lasts, "quantity", 0.0)
    change = np.array([0.0 if one is None else one.quantity for one in deals])
    cash = np.array([0.0 if one is None else one.cash for one in deals])
    # A quantity that changed without a trade the desk knows of: what it cost is not known, so neither is its P&L.
    cash = np.where(np.abs(holds - held - change) < 1e-9, cash, np.nan)
    multiplier = np.array(
        [next(one.multiplier for one in known if one is not None) for known in zip(firsts, lasts, deals, strict=True)]
    )
    return ExplainInputs(
        quantity_start=held,
        quantity_end=holds,
        multiplier=multiplier,
        price_start=_column(firsts, "price"),
        price_end=_column(lasts, "price"),
        spot_start=_column(firsts, "spot"),
        spot_end=_column(lasts, "spot"),
        vol_start=_column(firsts, "vol"),
        vol_end=_column(lasts, "vol"),
        days=np.full(len(keys), days),
        delta=_column(firsts, "delta"),
        gamma=_column(firsts, "gamma"),
        theta_per_day=_column(firsts, "theta_per_day"),
        vega_per_point=_column(firsts, "vega_per_point"),
        trade_cash=cash,
    )


def _column(marks: Sequence[PositionMark | None], name: str, missing: float = math.nan) -> npt.NDArray[np.float64]:
    values = [None if one is None else getattr(one, name) for one in marks]
    return np.array([missing if value is None else value for value in values], dtype=np.float64)


def _line(name: str, parts: PnlParts, at: int) -> ExplainLine:
    """The residual holds what the page has no column for."""
    rest = math.fsum(float(part[at]) for part in (parts.vanna, parts.volga, parts.residual) if not math.isnan(part[at]))
    return ExplainLine(
        name=name,
        actual=float(parts.actual[at]),
        delta=float(parts.delta[at]),
        gamma=float(parts.gamma[at]),
        theta=float(parts.theta[at]),
        vega=float(parts.vega[at]),
        trades=float(parts.trades[at]),
        residual=rest + (0.0 if math.isnan(parts.unexplained[at]) else float(parts.unexplained[at])),
    )


def _has_pnl(found: PnlExplain, at: int) -> bool:
    return not math.isnan(found.rows.actual[at])


def _sorted(lines: Iterable[ExplainLine]) -> tuple[ExplainLine, ...]:
    """The largest P&L first, gains and losses alike."""
    return tuple(sorted(lines, key=lambda line: -abs(line.actual)))
