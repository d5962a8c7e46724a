"""Orders in a trader's words. Pure, no Qt."""

from __future__ import annotations

from models.enums import Action, OrderStatus, OrderType
from models.order import Order, OrderLeg
from models.product import TickRule
from ui import format as fmt


def strategy(order: Order) -> str:
    """Returns what the order trades, in a few words: strategy or the only leg."""
    if order.strategy_tag:
        return fmt.words(order.strategy_tag)
    return order.legs[0].contract.label if len(order.legs) == 1 else f"{len(order.legs)} legs"


def leg_text(leg: OrderLeg) -> str:
    """Returns one leg: `BUY 2 SPXW 15 May 26 7000 P`."""
    return f"{leg.action.value} {leg.quantity} {leg.contract.label}"


def legs_text(order: Order) -> str:
    """Returns the legs on one line, short: `−2 7000 P / +2 6950 P  15 May 26`."""
    parts = []
    for leg in order.legs:
        sign = "+" if leg.action is Action.BUY else fmt.MINUS
        contract = leg.contract
        name = (
            f"{fmt.strike(contract.strike)} {contract.right.value}" if contract.right is not None else str(contract.key)
        )
        parts.append(f"{sign}{leg.quantity} {name}")
    expiries = sorted({leg.contract.expiry for leg in order.legs if leg.contract.expiry is not None})
    return "  ".join([" / ".join(parts), *(fmt.expiry_date(day) for day in expiries)])


def price_text(order: Order) -> str:
    """Returns the order's price: `CR 1.85`, `MKT`, `MOC`."""
    return fmt.net_price(order.limit_price) if order.order_type is OrderType.LIMIT else order.order_type.value


def net_tick(order: Order) -> TickRule:
    """Returns the increments of the order's net price: the coarsest package tick of its legs."""
    if len(order.legs) == 1:
        return order.legs[0].contract.tick
    return max((leg.contract.net_tick for leg in order.legs), key=lambda rule: rule.above)


def can_cancel(order: Order) -> bool:
    """Returns whether a cancel makes sense."""
    return order.status in (OrderStatus.PENDING, OrderStatus.PARTIAL)


def is_unknown(order: Order) -> bool:
    """Returns whether nobody knows yet what became of the order."""
    return order.status is OrderStatus.UNKNOWN


def can_replace(order: Order) -> bool:
    """Returns whether its price can be changed."""
    return can_cancel(order) and order.order_type is OrderType.LIMIT and order.limit_price is not None
