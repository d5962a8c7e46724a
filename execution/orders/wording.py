"""How orders and prices are worded in logs and messages: `CR 1.85`, `2 SPXW iron condor`."""

from __future__ import annotations

from decimal import Decimal

from execution.orders.fills import Progress, average_net
from models.contract import plain
from models.enums import OrderStatus, OrderType
from models.order import Order
from models.order_status import TERMINAL

_S = OrderStatus
_WORDS = {
    _S.PENDING: "Working",
    _S.PARTIAL: "Working",
    _S.CANCEL_PENDING: "Cancelling",
    _S.UNKNOWN: "Not known whether the broker has it",
    _S.FILLED: "Filled",
    _S.REJECTED: "Refused by the broker",
    _S.CANCELLED: "Cancelled",
}
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
    return f"{'/'.join(roots)} {tag}".strip()


def terms_of(order: Order) -> str:
    """Returns quantity, name and price: `2 SPXW iron condor at CR 1.85`."""
    if order.order_type is OrderType.LIMIT and order.limit_price is not None:
        return f"{order.packages} {name_of(order)} at {net_text(order.limit_price)}"
    how = "at the market" if order.order_type is OrderType.MARKET else "at the close"
    return f"{order.packages} {name_of(order)} {how}"


def change_text(before: Order, after: Order, progress: Progress) -> str:
    """Returns what a trader reads when an order takes a step (`Filled 2 of 2 SPXW iron condor at CR 1.85`).

    Empty for the fill of one leg of a package that is not whole yet: that is worth no line of its own.
    """
    net = average_net(after, progress)
    at = "" if net is None else f" at {average_text(net)}"
    done = f"Filled {after.filled_packages} of {after.packages} {name_of(after)}{at}"
    if after.status is _S.PARTIAL and before.status in TERMINAL:
        done = f"A fill arrived after the end. {done}"
    if after.order_type is OrderType.LIMIT and before.limit_price != after.limit_price:
        return f"New price: {terms_of(after)}."
    why = f" ({after.reason})" if after.reason else ""
    if _is_leg_only(before, after):
        return ""
    if progress.is_any:
        texts = {
            _S.FILLED: f"{done}.",
            _S.PARTIAL: f"{done}, the rest is working.{why}" if before.status not in TERMINAL else f"{done}.",
            _S.CANCELLED: f"Cancelled after a part. {done}.{why}",
            _S.CANCEL_PENDING: f"Cancelling. {done}.",
        }
        if after.status in texts:
            return texts[after.status]
    return f"{_WORDS.get(after.status, after.status.value.lower())}: {terms_of(after)}.{why}"


def _is_leg_only(before: Order, after: Order) -> bool:
    same = before.filled_packages == after.filled_packages and before.status is after.status is _S.PARTIAL
    return same and len(after.legs) > 1 and after.reason is None and before.limit_price == after.limit_price
