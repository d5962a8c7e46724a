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
from analytics.hedge_closing import ClosingTrades, account_numbers
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
from analytics.hedge_scores import Scored, UnitFigures, is_sound, scored, sized, total_score, undominated, unit_figures
from analytics.hedge_shapes import CODE, KINDS, NEW, Ints, Shapes, joined
from analytics.hedge_units import GREEK_METRICS, Units, unit_columns
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

#: So many of each kind, best score first, are held against each other.
_COMPARED = 600
#: Finalists whose margin is worked out exactly, as multiples of those kept; more when margin itself is broken.
_FINALISTS, _FINALISTS_BY_MARGIN = 2, 6
#: Share of the kept that one kind may fill while others have something to offer.
_KIND_SHARE = 3


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
        if len(shapes) == 0:
            return SearchResult((nothing,), 0, 0, True, notes, 0.0)
        figures = unit_figures(self._given, self._units, shapes)
        shape, size = sized(shapes, figures, self._where)
        found = self._scored(figures, shape, size)
        good = np.flatnonzero(is_sound(self._given, self._units, self._where, found, self._wish))
        finalists = self._finalists(found.take(good), shapes)
        kept, is_partial = self._decided(shapes, figures, finalists)
        candidates = [self._candidate(shapes, kept, at, f"c{at + 1:02d}") for at in range(len(kept))]
        return SearchResult(
            candidates=(*candidates, nothing),
            scored_count=int(shape.size),
            pruned_count=max(int(good.size) - len(kept), 0),
            is_partial=is_partial,
            notes=notes,
            elapsed_s=0.0,
        )

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
        """Dollars of requirement of one unit: estimated; of closing trades exactly when margin is what is broken."""
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
        if self._is_margin_broken():
            for at in np.flatnonzero(shapes.kind == CODE[HedgeKind.CLOSE]).tolist():
                exact = self._exact_change(shapes, at, 1)
                margin[at] = margin[at] if exact is None else exact
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

    def _tiers(self, found: Scored) -> tuple[Bools, Bools]:
        """Which clear every broken limit by the margin, and which bring all just inside."""
        return self._where.is_clear(found.after), found.cure >= 1.0

    def _best_tier(self, found: Scored) -> tuple[Rows, bool]:
        """The candidates of the best tier there is, and whether that is only partial."""
        clears, inside = self._tiers(found)
        for tier in (clears, inside):
            if tier.any():
                return np.flatnonzero(tier), False
        return np.arange(len(found)), len(found) > 0

    def _finalists(self, found: Scored, shapes: Shapes) -> Scored:
        """The best few per kind and idea, of more than one tier where exact margins may decide between them."""
        count = self._keep * (_FINALISTS_BY_MARGIN if self._is_margin_broken() else _FINALISTS)
        tier, is_partial = self._best_tier(found)
        chosen = self._diverse(found.take(tier), shapes, count, by_cure=is_partial)
        parts = [tier[chosen]]
        if self._is_margin_broken() and not is_partial:
            rest = np.setdiff1d(np.arange(len(found)), tier)
            parts.append(rest[self._diverse(found.take(rest), shapes, count // 2, by_cure=True)])
        return found.take(np.concatenate(parts))

    def _diverse(self, found: Scored, shapes: Shapes, count: int, *, by_cure: bool) -> Rows:
        """Undominated candidates, best first, no idea and no kind crowding out the others."""
        order = (
            np.lexsort((found.score, -np.round(found.cure, 1))) if by_cure else np.argsort(found.score, kind="stable")
        )
        kinds = shapes.kind[found.shape]
        survivors: list[int] = []
        for kind in np.unique(kinds).tolist():
            mine = order[kinds[order] == kind][:_COMPARED]
            survivors += mine[undominated(found.take(mine))].tolist()
        rank = np.empty(len(found), dtype=np.intp)
        rank[order] = np.arange(order.size)
        survivors.sort(key=lambda at: int(rank[at]))
        families = shapes.family[found.shape]
        return _spread(survivors, kinds, families, count)

    def _decided(self, shapes: Shapes, figures: UnitFigures, finalists: Scored) -> tuple[Scored, bool]:
        """The finalists on their exact margins: what still cures and breaks nothing, as many as are kept."""
        margin = np.array(
            [
                math.nan if change is None else change
                for change in (
                    self._exact_change(shapes, shape, size)
                    for shape, size in zip(finalists.shape.tolist(), finalists.size.tolist(), strict=True)
                )
            ],
            dtype=np.float64,
        )
        found = self._scored(figures, finalists.shape, finalists.size, margin)
        found = found.take(is_sound(self._given, self._units, self._where, found, self._wish))
        tier, is_partial = self._best_tier(found)
        found = found.take(tier)
        chosen = self._diverse(found, shapes, self._keep, by_cure=is_partial)
        return found.take(chosen), is_partial or len(found) == 0

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


def _spread(ranked: list[int], kinds: Ints, families: Ints, count: int) -> Rows:
    """The best of every idea first, then second ones, a kind filling at most its share while others have something."""
    most = max(-(-count // _KIND_SHARE), 1)
    chosen: list[int] = []
    for cap in (most, count):
        for depth in (1, 2, 3, count):
            for at in ranked:
                if len(chosen) >= count:
                    break
                if at in chosen:
                    continue
                same_kind = sum(kinds[one] == kinds[at] for one in chosen)
                same_idea = sum(families[one] == families[at] for one in chosen)
                if same_kind < cap and same_idea < depth:
                    chosen.append(at)
    place = {at: number for number, at in enumerate(ranked)}
    return np.array(sorted(chosen, key=place.__getitem__), dtype=np.intp)


def _count(number: int) -> str:
    return f"{number} position{'' if number == 1 else 's'}"
