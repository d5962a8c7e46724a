"""Limit bars before and after a trade, from the what-if's figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from execution.ticket_views import LimitChange
from execution.views import LimitRow
from models.account import AccountValues
from models.enums import Metric
from models.order import SimulationResult
from models.risk import Limit

_PER_CENT = 100


def value_of(metric: Metric, result: SimulationResult, values: AccountValues | None, *, after: bool) -> float | None:
    """Returns a metric before or after the trade; margin as per cent of net liquidation; None = unknown.

    A book of which nothing can be valued has NaN for Greeks: unknown, and no comparison with a limit would see it.
    """
    greeks = result.projected_greeks if after else result.current_greeks
    match metric:
        case Metric.SPX_DELTA:
            return _known(greeks.spx_equiv_delta)
        case Metric.GAMMA:
            return _known(greeks.gamma)
        case Metric.THETA:
            return _known(greeks.theta)
        case Metric.VEGA:
            return _known(greeks.vega)
        case Metric.MARGIN_USED_PCT:
            margin = result.maintenance_margin_after if after else result.maintenance_margin_current
            return _margin_pct(margin, values)


def excess(limit: Limit, value: float) -> float:
    """Returns how far `value` lies outside the limit, 0 inside."""
    above = 0.0 if limit.high is None else value - limit.high
    below = 0.0 if limit.low is None else limit.low - value
    return max(above, below, 0.0)


def limit_changes(
    limits: Sequence[Limit], result: SimulationResult, values: AccountValues | None
) -> tuple[LimitChange, ...]:
    """Returns each limit bar before and after the trade."""
    return tuple(
        LimitChange(
            _row(limit, value_of(limit.metric, result, values, after=False)),
            _row(limit, value_of(limit.metric, result, values, after=True)),
        )
        for limit in limits
    )


def _row(limit: Limit, value: float | None) -> LimitRow:
    return LimitRow(
        metric=limit.metric,
        value=value,
        low=limit.low,
        high=limit.high,
        utilisation=None if value is None else limit.utilisation(value),
        is_breached=value is not None and limit.is_breached(value),
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _margin_pct(margin: Decimal | None, values: AccountValues | None) -> float | None:
    if margin is None or values is None or values.net_liquidation is None or values.net_liquidation <= 0:
        return None
    return float(margin / values.net_liquidation) * _PER_CENT
