"""Orders as bare JSON, for what the SDK would not send."""

from __future__ import annotations

from typing import Any

from tests.execution.brokers.contract_kit import buy
from tests.execution.brokers.paper.fake_market import spxw

PUT = (buy(spxw(6800, "P"), 1),)
BASE_LEG: dict[str, Any] = {
    "instrument-type": "Equity Option",
    "symbol": PUT[0].contract.key,
    "action": "Buy to Open",
    "quantity": 1,
}
BASE: dict[str, Any] = {
    "time-in-force": "Day",
    "order-type": "Limit",
    "price": "5.00",
    "price-effect": "Debit",
    "legs": [BASE_LEG],
    "source": "test/1.0",
}


def wire_order(**terms: Any) -> dict[str, Any]:
    """Underscores stand for dashes; None leaves a field out."""
    return {name: one for name, one in (BASE | dashed(terms)).items() if one is not None}


def dashed(terms: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): one for name, one in terms.items()}


def leg(**facts: Any) -> dict[str, Any]:
    return BASE_LEG | dashed(facts)
