"""Trades that bring a broken limit back inside: found among many thousand, best first, explained.

`search` finds them, `reprice` works out one of them from scratch. Families: close or reduce (whole strategies, their
sides, single legs), roll, buy a wing, add a vertical, a broken-wing butterfly or a calendar, hedge with index options,
futures or shares. Only listed contracts with two-sided quotes, one underlying and one account per trade, at most four
legs. docs/hedge-search.md describes families, score and limits of the method.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analytics.book_columns import Rows
from analytics.hedge_decision import Decision
from analytics.hedge_ideas import account_names, all_shapes
from analytics.hedge_limits import METRICS, standing
from analytics.hedge_market import (
    ContractColumns,
    HedgeAccount,
    HedgeError,
    HedgeMarket,
    Held,
    HeldRow,
    NoQuote,
    NotListed,
    SearchInput,
    SearchResult,
    contract_columns,
    worst_rungs,
)
from analytics.hedge_pool import is_tradeable
from analytics.hedge_reprice import cure_of, effects_of, limit_price, margin_after, reprice
from analytics.hedge_scores import Scored, total_score
from analytics.hedge_shapes import KINDS, NEW, NO_SECOND, Shapes
from analytics.hedge_units import GREEK_METRICS, Units, unit_columns
from analytics.hedge_words import summary
from models.enums import Action, Metric
from models.hedge import HedgeCandidate, HedgeKind, SearchLimits
from models.order import OrderLeg

__all__ = [
    "ContractColumns",
    "HedgeAccount",
    "HedgeError",
    "HedgeMarket",
    "Held",
    "HeldRow",
    "NoQuote",
    "NotListed",
    "SearchInput",
    "SearchResult",
    "contract_columns",
    "reprice",
    "search",
    "total_score",
]


def search(given: SearchInput, wish: SearchLimits | None = None, *, keep: int = 12) -> SearchResult:
    """The trades that cure, best score first, then "do nothing"; at most `keep` besides that.

    Where nothing cures alone the best partial cures are given and `is_partial` says so. Raises `HedgeError` for an
    input that cannot be searched.
    """
    started = time.perf_counter()
    asked = wish if wish is not None else SearchLimits()
    run = _Search(given, asked, keep)
    result = run.run()
    return replace(result, elapsed_s=time.perf_counter() - started)


class _Search:
    """One search: what it was given and what it has worked out so far."""

    def __init__(self, given: SearchInput, wish: SearchLimits, keep: int) -> None:
        self._given, self._wish, self._keep = given, wish, max(keep, 0)
        self._units = unit_columns(given, wish)
        self._totals = book_totals(given, self._units)
        self._where = standing(given, self._totals)
        self._names = account_names(given)

    def run(self) -> SearchResult:
        nothing = self._do_nothing()
        notes = self._notes()
        if not self._where.broken.any() or self._keep == 0:
            return SearchResult((nothing,), 0, 0, False, notes, 0.0)
        shapes = all_shapes(self._given, self._wish, self._units)
        if len(shapes) == 0:
            return SearchResult((nothing,), 0, 0, True, notes, 0.0)
        decision = Decision(self._given, self._wish, self._units, self._where, shapes)
        kept, is_partial = decision.best(self._keep)
        candidates = [self._candidate(decision.shapes, kept, at, f"c{at + 1:02d}") for at in range(len(kept))]
        return SearchResult(
            candidates=(*candidates, nothing),
            scored_count=decision.scored_count,
            pruned_count=max(decision.good_count - len(kept), 0),
            is_partial=is_partial,
            notes=notes,
            elapsed_s=0.0,
        )

    def _candidate(self, shapes: Shapes, kept: Scored, at: int, name: str) -> HedgeCandidate:
        shape, size = int(kept.shape[at]), int(kept.size[at])
        used = np.flatnonzero(shapes.ratio[shape])
        rows = shapes.rows[shape, used].tolist()
        counts = (shapes.ratio[shape, used] * size).tolist()
        legs = tuple(
            OrderLeg(self._units.contracts[row], Action.BUY if count > 0 else Action.SELL, abs(count))
            for row, count in zip(rows, counts, strict=True)
        )
        mids = [self._units.mid_price(row) for row in rows]
        change = float(kept.margin[at])
        margin = change if math.isfinite(change) else None
        after = {
            metric: None if before is None else float(before + kept.effect[at, METRICS.index(metric)])
            for metric, before in self._totals.items()
        }
        after[Metric.MARGIN_USED_PCT] = margin_after(self._given, margin)
        effects = effects_of(self._given.limits, self._totals, after)
        account, second = int(shapes.account[shape]), int(shapes.second[shape])
        candidate = HedgeCandidate(
            id=name,
            kind=self._kind(shapes, shape, size),
            legs=legs,
            limit_price=limit_price(legs, mids),
            effects=effects,
            cure=cure_of(effects),
            theta_change_per_day=float(kept.theta[at]),
            cost_usd=float(kept.cost[at]),
            slippage_usd=float(kept.slippage[at]),
            margin_change_usd=margin,
            worst_stress_before_usd=float(self._units.book_stress.min()),
            worst_stress_after_usd=float(kept.worst[at]),
            worst_stress_shift=self._given.stress_shifts[int(kept.worst_rung[at])],
            summary="",
            account_id=None if account == NEW else self._names[account],
            shares_cost_usd=float(kept.cost[at] - kept.premium[at]),
            second_kind=None if second == NO_SECOND else KINDS[second],
            second_at=int(shapes.second_at[shape]),
        )
        return replace(candidate, summary=summary(candidate))

    def _kind(self, shapes: Shapes, shape: int, size: int) -> HedgeKind:
        kind: HedgeKind = KINDS[int(shapes.kind[shape])]
        if kind is HedgeKind.CLOSE and size < shapes.most[shape]:
            return HedgeKind.REDUCE
        return kind

    def _do_nothing(self) -> HedgeCandidate:
        worst = int(worst_rungs(self._units.book_stress))
        loss = float(self._units.book_stress.min())
        candidate = HedgeCandidate(
            id="c00",
            kind=HedgeKind.DO_NOTHING,
            legs=(),
            limit_price=None,
            effects=effects_of(self._given.limits, self._totals, self._totals),
            cure=0.0,
            theta_change_per_day=0.0,
            cost_usd=0.0,
            slippage_usd=0.0,
            margin_change_usd=0.0,
            worst_stress_before_usd=loss,
            worst_stress_after_usd=loss,
            worst_stress_shift=self._given.stress_shifts[worst],
            summary="",
        )
        return replace(candidate, summary=summary(candidate))

    def _notes(self) -> tuple[str, ...]:
        units, held = self._units, self._units.held
        lost = np.flatnonzero(units.excluded[:held])
        side = np.where(units.quantity[:held] > 0, units.can_sell[:held], units.can_buy[:held])
        barred = ~np.array([is_tradeable(one) for one in units.contracts[:held]], dtype=np.bool_)
        open_ = units.quantity[:held] != 0.0
        left = np.flatnonzero(barred & open_)
        stuck = np.flatnonzero(~side & ~barred & ~units.excluded[:held] & open_)
        notes = []
        if lost.size:
            notes.append(f"{_count(lost.size)} without a price or vol, in no figure here: {self._labels(lost)}")
        if left.size:
            notes.append(
                f"{_count(left.size)} to be closed at the broker (adjusted options, crypto): {self._labels(left)}"
            )
        if stuck.size:
            notes.append(f"{_count(stuck.size)} without a quote to close at: {self._labels(stuck)}")
        unknown = [limit.metric.value for limit in self._given.limits if self._totals.get(limit.metric) is None]
        if unknown:
            notes.append(f"not known, so not held against its limit: {', '.join(unknown)}")
        return tuple(notes)

    def _labels(self, rows: Sequence[int] | Rows) -> str:
        return ", ".join(self._units.contracts[row].label for row in list(rows))


def book_totals(given: SearchInput, units: Units) -> dict[Metric, float | None]:
    """The book's figure of every metric, None where nothing of a book that is not empty is known."""
    held = units.held
    included = ~units.excluded[:held]
    totals: dict[Metric, float | None] = dict.fromkeys(GREEK_METRICS)
    if held == 0 or included.any():
        sums = units.quantity[:held][included] @ units.greeks[:held][included]
        totals = {
            metric: float(value) for metric, value in zip(GREEK_METRICS, np.atleast_1d(sums).tolist(), strict=True)
        }
    return {**totals, Metric.MARGIN_USED_PCT: given.margin_used_pct}


def _count(number: int) -> str:
    return f"{number} position{'' if number == 1 else 's'}"
