"""From estimated candidates to those that are kept: exact values and margins for the few that may be shown.

Where margin is what is broken the estimates may wrong a trade: finalists come in the size that their exact margin calls
for as well, and whatever is cheaper than the best so far and could cure under the most hopeful margin is tried too.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from analytics.black_scholes import Bools, Floats
from analytics.book_columns import Rows
from analytics.hedge_choice import best_tier, diverse
from analytics.hedge_estimates import least_margin, naked_base
from analytics.hedge_ideas import account_names, wished
from analytics.hedge_limits import MARGIN_COLUMN, Standing
from analytics.hedge_margin import ExactMargins
from analytics.hedge_market import SearchInput
from analytics.hedge_pairs import paired
from analytics.hedge_scores import (
    Scored,
    UnitFigures,
    is_mere_difference,
    is_sound,
    joined_scores,
    scored,
    sized,
    unit_figures,
)
from analytics.hedge_shapes import MAX_LEGS, NEW, Ints, Shapes, joined
from analytics.hedge_units import Units, refined
from models.hedge import SearchLimits

#: Candidates worked out exactly when margin is broken, as multiples of those kept, and those that may be wronged.
_FINALISTS_BY_MARGIN, _OVERLOOKED = 2, 16
#: So many of those that cure are tried one size smaller too: margin does not fall in step with size.
_SMALLER = 4


class Decision:
    """Sizes, scores and chooses among the shapes of one search.

    `units` become exact where it was needed, `shapes` get pairs where no trade cures alone.
    """

    def __init__(self, given: SearchInput, wish: SearchLimits, units: Units, where: Standing, shapes: Shapes) -> None:
        self._given, self._wish, self._where = given, wish, where
        self.shapes = shapes
        self._names = account_names(given)
        self._is_margin_broken = bool((where.broken & (where.metric == MARGIN_COLUMN)).any())
        self.units = units
        self._figures = unit_figures(given, units, shapes)
        self._mere = is_mere_difference(shapes, self._figures, where)
        self._exact = ExactMargins(given, units)
        self.scored_count = 0
        self.good_count = 0

    def best(self, keep: int) -> tuple[Scored, bool]:
        """At most `keep` candidates, best first, and whether they cure only in part."""
        every = self._candidates(self._figures)
        good = every.take(self._sound(every))
        self.scored_count, self.good_count = len(every), len(good)
        exact = self._by_margin(good, keep) if self._is_margin_broken else self._as_needed(good, keep)
        exact = exact.take(self._sound(exact))
        if not self._where.is_clear(exact.after).any() and self._wish.max_legs > 1:
            exact = joined_scores(exact, self._pairs(every, exact, keep))
        tier, is_partial = best_tier(exact, self._where)
        return self._chosen(exact.take(tier), keep, by_cure=is_partial), is_partial

    def _candidates(self, figures: UnitFigures, shapes: Shapes | None = None) -> Scored:
        """Every shape in every size worth trying, on estimated margins."""
        some = self.shapes if shapes is None else shapes
        shape, size = wished(some, self._wish, *sized(some, figures, self._where))
        margin = figures.margin[shape] * size
        return scored(self._given, self.units, figures, self._where, shape, size, margin)

    def _pairs(self, every: Scored, exact: Scored, keep: int) -> Scored:
        """Two trades in one order, exactly: for when none clears alone."""
        known = self._figures.margin.copy()
        known[exact.shape] = np.where(np.isnan(exact.margin), known[exact.shape], exact.margin / exact.size)
        figures = self._with_unit_margins(known)
        shapes = replace(self.shapes, margin=known)
        legs = min(self._wish.max_legs, MAX_LEGS)
        found = joined_scores(every.take(~self._mere[every.shape]), exact)
        pairs = paired(self.units, self._where, shapes, figures, found, most_legs=legs)
        if len(pairs) == 0:
            return exact.take(np.empty(0, dtype=np.intp))
        first = len(self.shapes)
        self.shapes = joined([self.shapes, pairs])
        self._figures = unit_figures(self._given, self.units, self.shapes)
        self._mere = is_mere_difference(self.shapes, self._figures, self._where)
        found = self._candidates(unit_figures(self._given, self.units, pairs), pairs)
        found = replace(found, shape=found.shape + first)
        good = found.take(self._sound(found))
        self.scored_count, self.good_count = self.scored_count + len(found), self.good_count + len(good)
        finalists = self._finalists(good, _FINALISTS_BY_MARGIN * keep)
        made = self._exactly(finalists.shape, finalists.size)
        return made.take(self._sound(made))

    def _sound(self, found: Scored) -> Bools:
        good = is_sound(self._given, self.units, self._where, found, self._wish)
        return np.asarray(good & ~self._mere[found.shape])

    def _chosen(self, found: Scored, count: int, *, by_cure: bool) -> Scored:
        return found.take(diverse(found, self.shapes, self.units.contract, count, by_cure=by_cure))

    def _finalists(self, found: Scored, count: int) -> Scored:
        tier, is_partial = best_tier(found, self._where)
        return self._chosen(found.take(tier), count, by_cure=is_partial)

    def _as_needed(self, found: Scored, keep: int) -> Scored:
        """As many finalists as are kept, worked out exactly; twice as many when some of them fall."""
        finalists = self._finalists(found, keep)
        exact = self._exactly(finalists.shape, finalists.size)
        clear = self._where.is_clear(finalists.after)
        if (self._sound(exact) & (self._where.is_clear(exact.after) >= clear)).all():
            return exact
        others = found.take(~np.isin(found.shape, finalists.shape))
        more = self._finalists(others, keep)
        return joined_scores(exact, self._exactly(more.shape, more.size))

    def _by_margin(self, found: Scored, keep: int) -> Scored:
        """Finalists of every tier in the sizes that their exact margins call for, and what estimates have wronged."""
        finalists = self._finalists(found, _FINALISTS_BY_MARGIN * keep)
        rest = found.take(~np.isin(found.shape, finalists.shape))
        finalists = joined_scores(finalists, self._chosen(rest, -(-keep // 2), by_cure=True))
        exact = self._with_resized(self._exactly(finalists.shape, finalists.size))
        overlooked = self._overlooked(exact)
        if len(overlooked) == 0:
            return exact
        return joined_scores(exact, self._with_resized(self._exactly(overlooked.shape, overlooked.size)))

    def _overlooked(self, found: Scored) -> Scored:
        """Candidates cheaper than the best so far that would cure if they freed the most that a trade can free."""
        good = found.take(self._sound(found))
        best = good.score[self._where.is_clear(good.after)].min(initial=np.inf)
        naked = naked_base(self._given, self.units)
        least = np.minimum(least_margin(self.units, naked, self.shapes.rows, self.shapes.ratio), self._figures.margin)
        able = self._candidates(self._with_unit_margins(least))
        tried = np.isin(able.shape * 1_000_000 + able.size, found.shape * 1_000_000 + found.size)
        able = able.take(self._sound(able) & self._where.is_clear(able.after) & (able.score < best) & ~tried)
        order = np.argsort(able.score, kind="stable")
        _, first = np.unique(able.shape[order], return_index=True)
        return able.take(order[np.sort(first)][:_OVERLOOKED])

    def _with_unit_margins(self, margin: Floats) -> UnitFigures:
        """The figures under other margins of one unit."""
        effects = self._figures.effects.copy()
        effects[:, MARGIN_COLUMN] = self._given.margin_pct(margin)
        return replace(self._figures, effects=effects, margin=margin)

    def _with_resized(self, found: Scored) -> Scored:
        """The candidates, and those of them again whose exact margin per unit calls for another size."""
        per_unit = np.nan_to_num(found.margin / found.size)
        effects = self._figures.effects[found.shape]
        effects[:, MARGIN_COLUMN] = self._given.margin_pct(per_unit)
        bound = self._where.bounds(effects)
        most = np.minimum(self.shapes.most[found.shape], bound.most)
        wanted = np.minimum(np.ceil(np.minimum(bound.helps, most) - 1e-9), np.floor(most))
        tried = set(zip(found.shape.tolist(), found.size.tolist(), strict=True))
        clear = np.flatnonzero(self._where.is_clear(found.after) & self._sound(found))
        best = clear[np.argsort(found.score[clear], kind="stable")[:_SMALLER]]
        sizes = [*zip(found.shape.tolist(), wanted.tolist(), strict=True)]
        sizes += zip(found.shape[best].tolist(), (found.size[best] - 1).tolist(), strict=True)
        fresh = dict.fromkeys(
            (shape, int(size)) for shape, size in sizes if size >= 1.0 and (shape, int(size)) not in tried
        )
        pairs = np.array(list(fresh), dtype=np.int64).reshape(-1, 2)
        return joined_scores(found, self._exactly(pairs[:, 0].astype(np.intp), pairs[:, 1]))

    def _exactly(self, shape: Rows, size: Ints) -> Scored:
        """Candidates scored on exact values and margins, NaN where the account cannot be margined."""
        self._refine(shape)
        changes = [self._change(at, units) for at, units in zip(shape.tolist(), size.tolist(), strict=True)]
        margin = np.array([math.nan if one is None else one for one in changes], dtype=np.float64)
        return scored(self._given, self.units, self._figures, self._where, shape, size, margin)

    def _refine(self, shape: Rows) -> None:
        """Values exactly what some shapes hold and is only roughly valued so far."""
        used = self.shapes.rows[shape][self.shapes.ratio[shape] != 0]
        rows = np.unique(used[self.units.rough[used]])
        if rows.size:
            self.units = refined(self._given, self.units, rows)
            self._figures = unit_figures(self._given, self.units, self.shapes)
            self._exact = ExactMargins(self._given, self.units)

    def _change(self, at: int, size: int) -> float | None:
        account = int(self.shapes.account[at])
        used = np.flatnonzero(self.shapes.ratio[at])
        name = None if account == NEW else self._names[account]
        return self._exact.change(name, self.shapes.rows[at, used], self.shapes.ratio[at, used] * float(size))
