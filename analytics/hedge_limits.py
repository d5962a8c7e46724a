"""Where the book stands against its limits, and how many units of a trade bring it back inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analytics.black_scholes import Bools, Floats
from analytics.book_columns import Rows
from analytics.hedge_market import SearchInput
from models.enums import Metric
from models.risk import Limit

#: Columns of every figure that a limit may be on.
METRICS = (Metric.SPX_DELTA, Metric.GAMMA, Metric.THETA, Metric.VEGA, Metric.MARGIN_USED_PCT)
MARGIN_COLUMN = METRICS.index(Metric.MARGIN_USED_PCT)
_ROUNDING = 1e-9


class SizeBounds(NamedTuple):
    """Units of each shape [N], as real numbers. inf = no number does.

    clears: so many bring every broken limit back inside by the margin at which the alarm ends. inside: just inside.
    helps: so many clear those broken limits that the shape can cure at all (0 = it cures none). most: so many break no
    other limit and overshoot none.
    """

    clears: Floats
    inside: Floats
    helps: Floats
    most: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Limits whose figure is known, one entry each.

    metric: column of `METRICS`. low, high: bounds, infinite where there is none. clear_low, clear_high: the same with
    the margin by which a figure must be back inside for a broken bound to clear.
    """

    limits: tuple[Limit, ...]
    metric: Rows
    before: Floats
    low: Floats
    high: Floats
    clear_low: Floats
    clear_high: Floats

    @property
    def broken(self) -> Bools:
        """Which limits are broken now."""
        return np.asarray((self.before < self.low) | (self.before > self.high))

    def excess(self, values: Floats) -> Floats:
        """How far values [..., limit] lie outside, 0 inside."""
        return np.maximum(np.maximum(self.low - values, values - self.high), 0.0)

    def after(self, effects: Floats) -> Floats:
        """Figures [N, limit] after effects [N, metric]."""
        return np.asarray(self.before + effects[:, self.metric])

    def cure(self, after: Floats) -> Floats:
        """Share of the excess that goes away, 0..1, every broken limit weighing alike; 0 when none is broken."""
        at = np.flatnonzero(self.broken)
        if at.size == 0:
            return np.zeros(after.shape[0])
        left = self.excess(after)[:, at] / self.excess(self.before)[at]
        return np.clip(1.0 - left, 0.0, 1.0).mean(axis=1)  # type: ignore[no-any-return]

    def bounds(self, effects: Floats, before: Floats | None = None) -> SizeBounds:
        """Sizes of shapes whose one unit has `effects` [N, metric]; `before` [N, limit]: from other figures each."""
        step, start = effects[:, self.metric], self.before if before is None else before
        below, above = start < self.low, start > self.high
        room = np.where(step > 0.0, self.high - start, self.low - start)
        most = np.where(step == 0.0, np.inf, _quotient(room, step))
        # A broken bound is not overshot; moving away from it is for `clears` to refuse.
        most = np.where((below & (step < 0.0)) | (above & (step > 0.0)), np.inf, most)
        cures = (below & (step > 0.0)) | (above & (step < 0.0))
        clear = np.where(cures, _quotient(np.where(below, self.clear_low, self.clear_high) - start, step), np.inf)
        inside = np.where(cures, _quotient(np.where(below, self.low, self.high) - start, step), np.inf)
        broken = below | above
        return SizeBounds(
            clears=_greatest(np.where(broken, clear, 0.0)),
            inside=_greatest(np.where(broken, inside, 0.0)),
            helps=_greatest(np.where(broken & cures, clear, 0.0)),
            most=most.min(axis=1, initial=np.inf) * (1.0 + _ROUNDING),
        )

    def is_clear(self, after: Floats) -> Bools:
        """Which rows [N] have every broken limit back inside by the margin, with allowance for rounding."""
        slack = _ROUNDING * np.maximum(np.abs(self.before), 1.0)
        back = (after >= self.clear_low - slack) & (after <= self.clear_high + slack)
        return np.asarray((back | ~self.broken).all(axis=1))


def standing(given: SearchInput, totals: dict[Metric, float | None]) -> Standing:
    """The limits of the input that have a figure."""
    limits = tuple(one for one in given.limits if totals.get(one.metric) is not None)
    before = np.array([totals[one.metric] for one in limits], dtype=np.float64)
    low = np.array([-np.inf if one.low is None else one.low for one in limits])
    high = np.array([np.inf if one.high is None else one.high for one in limits])
    bounded_low, bounded_high = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    inner_low = low + np.where(before < low, given.clear_margin * np.abs(bounded_low), 0.0)
    inner_high = high - np.where(before > high, given.clear_margin * np.abs(bounded_high), 0.0)
    return Standing(
        limits=limits,
        metric=np.array([METRICS.index(one.metric) for one in limits], dtype=np.intp),
        before=before,
        low=low,
        high=high,
        clear_low=np.minimum(inner_low, np.maximum(high, low)),
        clear_high=np.maximum(inner_high, np.minimum(high, low)),
    )


def _quotient(part: Floats, step: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(part / step)


def _greatest(values: Floats) -> Floats:
    return np.asarray(values.max(axis=1, initial=0.0))
