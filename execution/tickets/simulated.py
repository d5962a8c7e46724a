"""The limits before and after a simulated order, margin as the broker's what-if gave it."""

from __future__ import annotations

from decimal import Decimal

from execution.core import DeskCore
from execution.risk.limits import limit_changes, limit_rows, metric_values, values_after
from execution.ticket_views import LimitChange
from models.order import Order


def limits_after_simulation(core: DeskCore, order: Order) -> tuple[LimitChange, ...]:
    """Returns one entry a metric; margin after is None when the broker did not say."""
    result = order.simulation_result
    if result is None:
        return ()
    limits = core.limits()
    before = metric_values(result.current_greeks, core.margin_used_pct())
    after = values_after(
        result.current_greeks, result.projected_greeks, _margin_after_pct(core, result.maintenance_margin_change)
    )
    return limit_changes(limit_rows(limits, before), limit_rows(limits, after))


def _margin_after_pct(core: DeskCore, change: Decimal | None) -> float | None:
    total = core.total_values()
    if total is None or change is None or total.maintenance_margin is None or not total.net_liquidation:
        return None
    return float((total.maintenance_margin + change) / total.net_liquidation * 100)
