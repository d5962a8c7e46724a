"""Limits of the regimes, and where a figure stands against them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from execution.ticket_views import LimitChange
from execution.views import LimitRow
from models.enums import Metric, Regime
from models.errors import InvalidInput
from models.greeks import PortfolioGreeks
from models.risk import Limit, RegimeLimits


class LimitBook:
    """The limits in force; the user may change them, and a change holds at once."""

    def __init__(self, limits: Sequence[RegimeLimits]) -> None:
        self._by_regime = {one.regime: one for one in limits}

    def all(self) -> tuple[RegimeLimits, ...]:
        """Returns the limits of every regime."""
        return tuple(self._by_regime[regime] for regime in Regime)

    def of(self, regime: Regime | None) -> tuple[Limit, ...]:
        """Returns the limits of a regime; none while the regime is unknown."""
        return () if regime is None else self._by_regime[regime].limits

    def change(self, regime: Regime, metric: Metric, low: float | None, high: float | None) -> None:
        """Sets both bounds of one metric; raises InvalidInput when they are not numbers in order."""
        if any(bound is not None and not math.isfinite(bound) for bound in (low, high)):
            raise InvalidInput("limit", f"The limit of {metric.value} must be a finite number.")
        if low is not None and high is not None and low > high:
            raise InvalidInput(
                "limit", f"The lower limit of {metric.value} ({low:g}) is above the upper one ({high:g})."
            )
        held = self._by_regime[regime]
        others = tuple(limit for limit in held.limits if limit.metric is not metric)
        order = {kind: index for index, kind in enumerate(Metric)}
        limits = sorted((*others, Limit(metric, low, high)), key=lambda limit: order[limit.metric])
        self._by_regime[regime] = replace(held, limits=tuple(limits))


def metric_values(greeks: PortfolioGreeks, margin_used_pct: float | None) -> dict[Metric, float | None]:
    """Returns the book's figure of every metric."""
    return {
        Metric.SPX_DELTA: greeks.spx_equiv_delta,
        Metric.GAMMA: greeks.gamma,
        Metric.THETA: greeks.theta,
        Metric.VEGA: greeks.vega,
        Metric.MARGIN_USED_PCT: margin_used_pct,
    }


def values_after(
    before: PortfolioGreeks, after: PortfolioGreeks, margin_used_pct: float | None
) -> dict[Metric, float | None]:
    """Returns the figures after a trade; its Greeks are unknown when a leg of it has none (it would count as 0)."""
    values = metric_values(after, margin_used_pct)
    if after.excluded_count <= before.excluded_count:
        return values
    return {metric: value if metric is Metric.MARGIN_USED_PCT else None for metric, value in values.items()}


def limit_rows(limits: Sequence[Limit], values: Mapping[Metric, float | None]) -> tuple[LimitRow, ...]:
    """Returns one row a metric, bounded or not, in the order of Metric."""
    by_metric = {limit.metric: limit for limit in limits}
    return tuple(
        _row(metric, by_metric.get(metric, Limit(metric, None, None)), values.get(metric)) for metric in Metric
    )


def _row(metric: Metric, limit: Limit, value: float | None) -> LimitRow:
    known = value is not None and math.isfinite(value)
    return LimitRow(
        metric=metric,
        value=value if known else None,
        low=limit.low,
        high=limit.high,
        utilisation=limit.utilisation(value) if value is not None and known else None,
        is_breached=value is not None and known and limit.is_breached(value),
    )


def limit_changes(before: Sequence[LimitRow], after: Sequence[LimitRow]) -> tuple[LimitChange, ...]:
    """Pairs the rows of both moments."""
    return tuple(LimitChange(one, other) for one, other in zip(before, after, strict=True))


def binding_metric(changes: Sequence[LimitChange]) -> Metric | None:
    """Returns the metric that stands nearest to (or furthest beyond) its limit after the trade, None without limits."""
    used = [
        (change.after.utilisation, change.after.metric) for change in changes if change.after.utilisation is not None
    ]
    return max(used, key=lambda pair: pair[0])[1] if used else None
