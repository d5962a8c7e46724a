"""How orders and prices are worded in logs and messages: `CR 1.85`, `2 SPXW iron condor`."""

from __future__ import annotations

from decimal import Decimal

from models.contract import plain
from models.enums import OrderType
from models.order import Order

_TWO_PLACES = Decimal("0.01")


def price_text(price: Decimal) -> str:
    """Returns a price with at least two decimals, without exponent."""
    rounded = price.quantize(_TWO_PLACES)
    return f"{rounded:f}" if rounded == price else plain(price)


def net_text(price: Decimal) -> str:
    """Returns a net price as `DB 0.40` (paid), `CR 1.85` (received) or `even`."""
    if price == 0:
        return "even"
    return f"{'DB' if price > 0 else 'CR'} {price_text(abs(price))}"


def average_text(price: Decimal) -> str:
    """Returns an average net price, rounded to a hundredth of a cent at most."""
    return net_text(Decimal(plain(price.quantize(Decimal("0.0001")))))


def signed_text(quantity: Decimal) -> str:
    """Returns a signed quantity: `+2`, `-1`, `0`."""
    return "0" if quantity == 0 else f"{'+' if quantity > 0 else '-'}{plain(abs(quantity))}"


def name_of(order: Order) -> str:
    """Returns what is traded: `SPXW iron condor`, or the side and contract of a single leg."""
    if len(order.legs) == 1:
        leg = order.legs[0]
        return f"{leg.action.value} {leg.contract.label}"
    roots = sorted({leg.contract.root for leg in order.legs})
    tag = (order.strategy_tag or "order").replace("_", " ")
    return f"{'/'.join(roots)} {tag}"


def terms_of(order: Order) -> str:
    """Returns quantity, name and price: `2 SPXW iron condor at CR 1.85`."""
    if order.order_type is OrderType.LIMIT and order.limit_price is not None:
        return f"{order.packages} {name_of(order)} at {net_text(order.limit_price)}"
    how = "at the market" if order.order_type is OrderType.MARKET else "at the close"
    return f"{order.packages} {name_of(order)} {how}"
