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

from analytics.black_scholes import Bools, Floats
from analytics.book_columns import Rows
from analytics.hedge_choice import best_tier, diverse
from analytics.hedge_closing import ClosingTrades, account_numbers
from analytics.hedge_estimates import least_margin, naked_base
from analytics.hedge_limits import MARGIN_COLUMN, METRICS, standing
from analytics.hedge_margin import ExactMargins, scan_base, scan_rungs, scanned
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
)
from analytics.hedge_opening import OpeningTrades
from analytics.hedge_reprice import cure_of, effects_of, limit_price, margin_after, reprice
from analytics.hedge_scores import (
    Scored,
    UnitFigures,
    is_sound,
    joined_scores,
    scored,
    sized,
    total_score,
    unit_figures,
)
from analytics.hedge_shapes import CODE, KINDS, NEW, Ints, Shapes, joined
from analytics.hedge_units import GREEK_METRICS, Units, refined, unit_columns
from analytics.hedge_words import summary
from models.enums import Action, MarginMethod, Metric
from models.hedge import HedgeCandidate, HedgeKind, SearchLimits
from models.ids import AccountId
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

#: Finalists whose margin is worked out exactly, as multiples of those kept; more when margin itself is broken.
_FINALISTS, _FINALISTS_BY_MARGIN = 2, 3
#: So many candidates that estimates may have wronged are worked out exactly as well, cheapest first.
_OVERLOOKED = 36


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
        self._exact = ExactMargins(given, self._units)
        names = account_numbers(given)
        self._names: tuple[AccountId, ...] = tuple(names)
        new = given.accounts[0].account_id if given.accounts else next(iter(names), None)
        self._new = names[new] if new is not None else NEW

    def run(self) -> SearchResult:
        nothing = self._do_nothing()
        notes = self._notes()
        if not self._where.broken.any() or self._keep == 0:
            return SearchResult((nothing,), 0, 0, False, notes, 0.0)
        shapes = self._shapes()
        self._figures = unit_figures(self._given, self._units, shapes)
        if len(shapes) == 0:
            return SearchResult((nothing,), 0, 0, True, notes, 0.0)
        shape, size = self._wished(shapes, *sized(shapes, self._figures, self._where))
        found = self._scored(self._figures, shape, size)
        good = np.flatnonzero(is_sound(self._given, self._units, self._where, found, self._wish))
        finalists = self._finalists(found.take(good), shapes)
        kept, is_partial = self._decided(shapes, finalists)
        candidates = [self._candidate(shapes, kept, at, f"c{at + 1:02d}") for at in range(len(kept))]
        return SearchResult(
            candidates=(*candidates, nothing),
            scored_count=int(shape.size),
            pruned_count=max(int(good.size) - len(kept), 0),
            is_partial=is_partial,
            notes=notes,
            elapsed_s=0.0,
        )

    def _wished(self, shapes: Shapes, shape: Rows, size: Ints) -> tuple[Rows, Ints]:
        """Without closing trades that are not wished for: whether one closes or reduces depends on its size."""
        kinds = self._wish.kinds
        if kinds is None:
            return shape, size
        whole = size == shapes.most[shape]
        closing = shapes.kind[shape] == CODE[HedgeKind.CLOSE]
        kept = ~closing | np.where(whole, HedgeKind.CLOSE in kinds, HedgeKind.REDUCE in kinds)
        return shape[kept], size[kept]

    def _shapes(self) -> Shapes:
        """Every shape the wish lets through, with its margin."""
        parts = [
            *ClosingTrades(self._given, self._wish, self._units).all(),
            *OpeningTrades(self._given, self._units).all(),
        ]
        shapes = joined(parts)
        legs = np.count_nonzero(shapes.ratio, axis=1)
        kept = legs <= self._wish.max_legs
        if self._wish.kinds is not None:
            kinds = set(self._wish.kinds)
            if HedgeKind.REDUCE in kinds or HedgeKind.CLOSE in kinds:
                kinds |= {HedgeKind.CLOSE}
            kept &= np.isin(shapes.kind, [CODE[kind] for kind in kinds])
        shapes = shapes.take(kept)
        account = np.where(shapes.account == NEW, self._new, shapes.account)
        shapes = replace(shapes, account=account)
        return replace(shapes, margin=self._unit_margin(shapes))

    def _unit_margin(self, shapes: Shapes) -> Floats:
        """Dollars of requirement of one unit: estimated, by a scan where the account is margined by risk."""
        margin = shapes.margin.copy()
        plain = np.zeros(len(shapes))
        stress = (
            unit_figures(self._given, self._units, replace(shapes, margin=plain)).stress if self._is_scanned() else None
        )
        for number, name in enumerate(self._names):
            mine = np.flatnonzero(shapes.account == number)
            account = self._given.account(name)
            if account is None:
                margin[mine] = 0.0
            elif account.margin.method is MarginMethod.PORTFOLIO and stress is not None:
                base = scan_base(self._given, self._units, name)
                margin[mine] = scanned(base, stress[mine][:, scan_rungs(self._given)])
        return margin

    def _is_scanned(self) -> bool:
        return any(one.margin.method is MarginMethod.PORTFOLIO for one in self._given.accounts)

    def _is_margin_broken(self) -> bool:
        return bool((self._where.broken & (self._where.metric == MARGIN_COLUMN)).any())

    def _exact_change(self, shapes: Shapes, at: int, size: int) -> float | None:
        used = np.flatnonzero(shapes.ratio[at])
        name = self._names[shapes.account[at]] if shapes.account[at] != NEW else None
        return self._exact.change(name, shapes.rows[at, used], shapes.ratio[at, used] * float(size))

    def _scored(self, figures: UnitFigures, shape: Rows, size: Ints, margin: Floats | None = None) -> Scored:
        dollars = figures.margin[shape] * size if margin is None else margin
        return scored(self._units, figures, self._where, shape, size, dollars, self._given.net_liq)

    def _finalists(self, found: Scored, shapes: Shapes) -> Scored:
        """The best few per kind and idea; when margin is what is broken also some that only seem to fall short."""
        count = self._keep * (_FINALISTS_BY_MARGIN if self._is_margin_broken() else _FINALISTS)
        tier, is_partial = best_tier(found, self._where)
        parts = [tier[diverse(found.take(tier), shapes, self._units.contract, count, by_cure=is_partial)]]
        if self._is_margin_broken() and not is_partial:
            rest = np.setdiff1d(np.arange(len(found)), tier)
            parts.append(rest[diverse(found.take(rest), shapes, self._units.contract, self._keep, by_cure=True)])
        return found.take(np.concatenate(parts))

    def _decided(self, shapes: Shapes, finalists: Scored) -> tuple[Scored, bool]:
        """The finalists on their exact margins: what still cures and breaks nothing, as many as are kept."""
        found = self._exactly(shapes, finalists.shape, finalists.size)
        if self._is_margin_broken():
            found = self._with_resized(shapes, found)
            overlooked = self._overlooked(shapes, found)
            if len(overlooked):
                more = self._exactly(shapes, overlooked.shape, overlooked.size)
                found = joined_scores(found, self._with_resized(shapes, more))
        found = found.take(is_sound(self._given, self._units, self._where, found, self._wish))
        tier, is_partial = best_tier(found, self._where)
        found = found.take(tier)
        return found.take(diverse(found, shapes, self._units.contract, self._keep, by_cure=is_partial)), is_partial

    def _overlooked(self, shapes: Shapes, found: Scored) -> Scored:
        """Candidates cheaper than the best so far that would cure if they freed the most that a trade can free."""
        good = found.take(is_sound(self._given, self._units, self._where, found, self._wish))
        best = good.score[self._where.is_clear(good.after)].min(initial=np.inf)
        naked = naked_base(self._given, self._units)
        least = np.minimum(least_margin(self._units, naked, shapes.rows, shapes.ratio), self._figures.margin)
        effects = self._figures.effects.copy()
        effects[:, MARGIN_COLUMN] = 100.0 * least / self._given.net_liq if self._given.net_liq else 0.0
        hopeful = replace(self._figures, effects=effects, margin=least)
        shape, size = self._wished(shapes, *sized(shapes, hopeful, self._where))
        able = self._scored(hopeful, shape, size)
        kept = is_sound(self._given, self._units, self._where, able, self._wish) & self._where.is_clear(able.after)
        kept &= (able.score < best) & ~_among(able, found)
        able = able.take(kept)
        order = np.argsort(able.score, kind="stable")
        _, first = np.unique(able.shape[order], return_index=True)
        return able.take(order[np.sort(first)][:_OVERLOOKED])

    def _with_resized(self, shapes: Shapes, found: Scored) -> Scored:
        shape, size = self._resized(shapes, found)
        return joined_scores(found, self._exactly(shapes, shape, size))

    def _exactly(self, shapes: Shapes, shape: Rows, size: Ints) -> Scored:
        """Candidates scored on exact values and margins, NaN where the account cannot be margined."""
        self._refine(shapes, shape)
        pairs = zip(shape.tolist(), size.tolist(), strict=True)
        changes = [self._exact_change(shapes, at, units) for at, units in pairs]
        margin = np.array([math.nan if one is None else one for one in changes], dtype=np.float64)
        return self._scored(self._figures, shape, size, margin)

    def _refine(self, shapes: Shapes, shape: Rows) -> None:
        """Values exactly what some shapes hold and is only roughly valued so far."""
        used = shapes.rows[shape][shapes.ratio[shape] != 0]
        rows = np.unique(used[self._units.rough[used]])
        if rows.size:
            self._units = refined(self._given, self._units, rows)
            self._figures = unit_figures(self._given, self._units, shapes)
            self._exact = ExactMargins(self._given, self._units)

    def _resized(self, shapes: Shapes, found: Scored) -> tuple[Rows, Ints]:
        """Sizes that would just cure on the exact margin per unit, where they are others than those tried."""
        per_unit = np.nan_to_num(found.margin / found.size)
        trial = replace(self._figures, effects=self._figures.effects[found.shape])
        trial.effects[:, MARGIN_COLUMN] = 100.0 * per_unit / self._given.net_liq if self._given.net_liq else 0.0
        bound = self._where.bounds(trial.effects)
        most = np.minimum(shapes.most[found.shape], bound.most)
        wanted = np.minimum(np.ceil(np.minimum(bound.helps, most) - 1e-9), np.floor(most))
        tried = set(zip(found.shape.tolist(), found.size.tolist(), strict=True))
        fresh = dict.fromkeys(
            (shape, int(size))
            for shape, size in zip(found.shape.tolist(), wanted.tolist(), strict=True)
            if size >= 1.0 and (shape, int(size)) not in tried
        )
        pairs = np.array(list(fresh), dtype=np.int64).reshape(-1, 2)
        return pairs[:, 0].astype(np.intp), pairs[:, 1]

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
        account = int(shapes.account[shape])
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
        )
        return replace(candidate, summary=summary(candidate))

    def _kind(self, shapes: Shapes, shape: int, size: int) -> HedgeKind:
        kind: HedgeKind = KINDS[int(shapes.kind[shape])]
        if kind is HedgeKind.CLOSE and size < shapes.most[shape]:
            return HedgeKind.REDUCE
        return kind

    def _do_nothing(self) -> HedgeCandidate:
        worst = int(self._units.book_stress.argmin())
        loss = float(self._units.book_stress[worst])
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
        stuck = np.flatnonzero(~side & ~units.excluded[:held] & (units.quantity[:held] != 0.0))
        notes = []
        if lost.size:
            notes.append(f"{_count(lost.size)} without a price or vol, in no figure here: {self._labels(lost)}")
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


def _among(some: Scored, others: Scored) -> Bools:
    """Which candidates are there already, in that size."""
    return np.isin(some.shape * 1_000_000 + some.size, others.shape * 1_000_000 + others.size)


def _count(number: int) -> str:
    return f"{number} position{'' if number == 1 else 's'}"
