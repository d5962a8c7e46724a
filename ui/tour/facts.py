"""What the tour saw, as plain JSON."""

from __future__ import annotations

from typing import Any

from execution.views import BookNumbers, BookStructure
from models.clock import to_iso
from models.greeks import PortfolioGreeks
from models.order import Order


def plain(value: Any) -> Any:
    """Returns `value` as JSON-able data: decimals as text, times as ISO-8601 Z, unknown numbers as null."""
    from pydantic_core import to_jsonable_python  # noqa: PLC0415 - not needed before the first fact is written

    return to_jsonable_python(value, inf_nan_mode="null")


def greeks_facts(greeks: PortfolioGreeks) -> dict[str, Any]:
    """Returns the portfolio's Greeks under the names of the journal."""
    return {"at_utc": to_iso(greeks.timestamp), **greeks.as_journal()}


def position_facts(structure: BookStructure, numbers: BookNumbers) -> list[dict[str, Any]]:
    """Returns each position with its strategy and its figures; dollars and per-unit Greeks as named."""
    strategy = {row: group.name for group in structure.groups for row in group.rows}
    facts = []
    for index, row in enumerate(structure.rows):
        facts.append(
            {
                "contract": str(row.contract.key),
                "label": row.contract.label,
                "strategy": strategy.get(index),
                "quantity": plain(row.quantity),
                "multiplier": plain(row.contract.multiplier),
                "average_price": plain(row.average_price),
                "beta": row.beta,
                "beta_source": row.beta_source.value,
                "status": numbers.status[index].value,
                **{
                    name: plain(float(getattr(numbers, name)[index]))
                    for name in (
                        "mark", "market_value", "pnl_open", "iv", "unit_delta", "underlying_price", "raw_delta",
                        "spx_equiv_delta", "gamma", "theta_per_day", "vega_per_point",
                    )
                },
            }
        )  # fmt: skip
    return facts


def order_facts(order: Order) -> dict[str, Any]:
    """Returns the order's terms and outcome; the way there comes from the audit log."""
    return {
        "id": order.id,
        "broker_order_id": order.broker_order_id,
        "account_id": order.account_id,
        "strategy_tag": order.strategy_tag,
        "order_type": order.order_type.value,
        "limit_price": plain(order.limit_price),
        "tif": order.tif.value,
        "packages": order.packages,
        "status": order.status.value,
        "filled_packages": order.filled_packages,
        "legs": [
            {"contract": str(leg.contract.key), "action": leg.action.value, "quantity": leg.quantity}
            for leg in order.legs
        ],
        "fill_prices": plain(order.fill_prices or {}),
        "created_at": to_iso(order.created_at),
        "submitted_at": plain(order.submitted_at),
        "filled_at": plain(order.filled_at),
    }
