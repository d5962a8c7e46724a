"""Alerts of the account stream, by their type: full objects of the same shapes as REST's."""

from __future__ import annotations

from execution.brokers.tastytrade.facts import TastyBalance, TastyOrder, TastyPosition
from execution.brokers.tastytrade.parsing_accounts import balance_of, position_of
from execution.brokers.tastytrade.parsing_orders import order_of


def alert_of(kind: str, data: object) -> TastyOrder | TastyBalance | TastyPosition | None:
    """Returns what an alert tells; None for types the desk has no use for (watch lists, quote alerts, year gains).

    Raises Odd for one that cannot be used.
    """
    if kind == "Order":
        return order_of(data)
    if kind == "AccountBalance":
        return balance_of(data)
    if kind == "CurrentPosition":
        return position_of(data)
    return None
