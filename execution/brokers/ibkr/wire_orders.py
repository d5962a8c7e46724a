"""The desk's orders in TWS's form and back: pure.

The desk's net price is positive for a debit. A combination goes out as BUY of a BAG, so its price keeps the desk's sign
(a credit is negative); a single SELL has TWS's positive price, so its sign turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from execution.brokers.ibkr.facts import IbComboLeg, IbContract, OpenOrderFact
from execution.brokers.ibkr.failures import unsupported
from execution.brokers.ibkr.wire_port import IbOrder
from execution.orders.package import ratios
from models.enums import Action, OrderType, TimeInForce
from models.order import Order

BAG: Final = "BAG"
_SMART: Final = "SMART"
_BUY, _SELL = "BUY", "SELL"
_TYPES: Final = {"LMT": OrderType.LIMIT, "MKT": OrderType.MARKET, "MOC": OrderType.MARKET_ON_CLOSE}


@dataclass(frozen=True, slots=True)
class LegShape:
    """A leg as TWS tells it: which contract, which side, how many in the whole order."""

    con_id: int
    action: Action
    quantity: int


def check_sendable(order: Order) -> None:
    """Raises BrokerFailure UNSUPPORTED for what TWS would not take, or would take as something else."""
    if not order.legs or not order.account_id:
        raise unsupported("An order without legs or account cannot be sent.", "Build the order again.")
    if len(order.legs) > 1 and order.order_type is not OrderType.LIMIT:
        text = f"A combination is not sent to Interactive Brokers as {order.order_type.value}."
        raise unsupported(text, "Use one net limit price.")
    if order.order_type is OrderType.MARKET_ON_CLOSE and order.tif is not TimeInForce.DAY:
        raise unsupported("A market-on-close order works for the day only.", "Set DAY.")
    if order.order_type is OrderType.LIMIT:
        _check_price(order, order.limit_price)


def _check_price(order: Order, limit_price: Decimal | None) -> None:
    if limit_price is None or not limit_price.is_finite():
        raise unsupported("A limit order needs a price.", "Type the price.")
    if len(order.legs) == 1 and limit_price * order.legs[0].action.sign < 0:
        raise unsupported(f"TWS takes no negative price for {order.legs[0].contract.label}.", "Turn the sign.")


def wire_price(action: str, net: Decimal | None) -> Decimal | None:
    """Returns TWS's price of an order with that action for the desk's net price."""
    return -net if net is not None and action == _SELL else net


def net_of(action: str, price: Decimal | None) -> Decimal | None:
    """Returns the desk's net price for TWS's price of an order with that action."""
    return wire_price(action, price)


def wire_order(order: Order) -> IbOrder:
    """Returns the order as it is sent: account and time in force always named, our id in `order_ref`."""
    is_combo = len(order.legs) > 1
    action = _BUY if is_combo else order.legs[0].action.value
    limit = order.limit_price if order.order_type is OrderType.LIMIT else None
    return IbOrder(
        action=action,
        quantity=Decimal(order.packages),
        order_type=order.order_type.value,
        limit_price=wire_price(action, limit),
        tif=order.tif.value,
        account=order.account_id,
        order_ref=order.id,
    )


def wire_contract(order: Order, qualified: Sequence[IbContract]) -> IbContract:
    """Returns what is traded: the one contract, or a BAG of the qualified legs in the order's own sequence.

    A position's contract names no exchange, so one is always set: SMART, or where all legs are listed (futures).
    """
    exchanges = {contract.exchange or _SMART for contract in qualified}
    exchange = exchanges.pop() if len(exchanges) == 1 else _SMART
    first = qualified[0]
    if len(qualified) == 1:
        return replace(first, exchange=exchange)
    legs = tuple(
        IbComboLeg(contract.con_id, ratio, leg.action.value, contract.exchange or _SMART)
        for contract, ratio, leg in zip(qualified, ratios(order.legs), order.legs, strict=True)
    )
    return IbContract(0, first.symbol, BAG, exchange=exchange, currency=first.currency, combo_legs=legs)


def changed_order(order: Order, opened: OpenOrderFact, limit_price: Decimal) -> tuple[IbContract, IbOrder, Decimal]:
    """Returns what is sent to change the price of an order as TWS holds it, and the price in TWS's sign.

    The contract is TWS's echo with its own sequence of legs: another sequence is refused with code 105.
    """
    _check_price(order, limit_price)
    price = -limit_price if opened.action == _SELL else limit_price
    contract = opened.contract if opened.contract.exchange else replace(opened.contract, exchange=_SMART)
    changed = IbOrder(
        action=opened.action,
        quantity=opened.quantity,
        order_type=opened.order_type,
        limit_price=price,
        tif=opened.tif,
        account=opened.account,
        order_ref=opened.order_ref,
    )
    return contract, changed, price


def leg_shapes(contract: IbContract, action: str, quantity: Decimal) -> tuple[LegShape, ...]:
    """Returns the legs of an order TWS told; a SELL of a BAG turns every leg.

    Empty where the side is unknown, and for what is no whole number of anything: fractions of shares, orders by cash
    amount, orders that ended unfilled (TWS tells those with a quantity of 0).
    """
    side = _side(action)
    if side is None or quantity <= 0 or quantity != int(quantity):
        return ()
    if contract.sec_type != BAG:
        return (LegShape(contract.con_id, side, int(quantity)),)
    shapes: list[LegShape] = []
    for leg in contract.combo_legs:
        own = _side(leg.action)
        if own is None or leg.ratio <= 0:
            return ()
        shapes.append(LegShape(leg.con_id, own if side is Action.BUY else own.opposite, int(quantity * leg.ratio)))
    return tuple(shapes)


def _side(action: str) -> Action | None:
    """SSHORT and the like are sales."""
    if action == _BUY:
        return Action.BUY
    return Action.SELL if action in (_SELL, "SSHORT", "SLONG") else None


def order_type_of(text: str, limit_price: Decimal | None) -> OrderType:
    """Returns the order type; what the desk does not make itself (stops, VWAP...) by whether it has a limit."""
    return _TYPES.get(text, OrderType.MARKET if limit_price is None else OrderType.LIMIT)


def is_own_type(text: str) -> bool:
    """Returns whether the desk has a word for this order type."""
    return text in _TYPES


def tif_of(text: str) -> TimeInForce:
    """Returns the time in force; everything that outlives a day counts as GTC."""
    return TimeInForce.GTC if text in ("GTC", "GTD") else TimeInForce.DAY
