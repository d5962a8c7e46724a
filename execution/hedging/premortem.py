"""What would break if the volatility regime stepped up now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from execution.risk.limits import limit_rows
from execution.suggestion_views import PreMortem
from models.enums import Metric, Regime
from models.risk import Limit


def next_regime(regime: Regime | None) -> Regime | None:
    """Returns the regime one step up; None from the highest, or while it is unknown."""
    order = tuple(Regime)
    if regime is None or regime is order[-1]:
        return None
    return order[order.index(regime) + 1]


def premortem(
    regime: Regime, limits: tuple[Limit, ...], values: Mapping[Metric, float | None], at_utc: datetime
) -> PreMortem:
    """Returns the present figures held against the limits of another regime, what would break first in each line."""
    rows = [row for row in limit_rows(limits, values) if row.is_breached and row.value is not None]
    rows.sort(key=lambda row: -(row.utilisation or 0.0))
    lines = tuple(_line(row.metric, row.value or 0.0, row.low, row.high) for row in rows)
    return PreMortem(at_utc, regime, lines, breaks=bool(lines))


def broken_metrics(limits: tuple[Limit, ...], values: Mapping[Metric, float | None]) -> tuple[Metric, ...]:
    """Returns the metrics beyond their limits, the one furthest beyond first."""
    rows = [row for row in limit_rows(limits, values) if row.is_breached]
    return tuple(row.metric for row in sorted(rows, key=lambda row: -(row.utilisation or 0.0)))


def _line(metric: Metric, value: float, low: float | None, high: float | None) -> str:
    bound = low if low is not None and value < low else high
    unit = " %" if metric is Metric.MARGIN_USED_PCT else ""
    return f"{metric.label} {value:,.1f}{unit} would be beyond {bound:,.1f}{unit}"
