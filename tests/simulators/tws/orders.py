"""A client's order as the exchange takes it, what TWS refuses in it, and the exchange's word in TWS's codes."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from models.contract import Contract
from models.enums import Action, OrderStatus, OrderType, TimeInForce
from models.ids import AccountId, OrderId
from models.order import Order, OrderLeg
from tests.simulators.tws.contracts import WireComboLeg, WireContract
from tests.simulators.tws.listing import Listing, Refusal
from tests.simulators.tws.order_replies import bag_echo
from tests.simulators.tws.place_order import WireOrder

MOST_LEGS: Final = 4
_TYPES: Final = {one.value: one for one in OrderType}
_TIFS: Final = {one.value: one for one in TimeInForce}
_STATUSES: Final = {
    OrderStatus.PENDING: "Submitted",
    OrderStatus.PARTIAL: "Submitted",
    OrderStatus.CANCEL_PENDING: "PendingCancel",
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELLED: "Cancelled",
    OrderStatus.REJECTED: "Inactive",
}


def status_text(status: OrderStatus) -> str:
    """Returns TWS's word for an order's state."""
    return _STATUSES[status]


def code_of(reason: str) -> int:
    """Returns the code under which TWS refuses for a reason of the exchange."""
    if "on the tick" in reason:
        return 110
    return 200 if "is not listed" in reason else 201


def refused_text(code: int, reason: str) -> str:
    """Returns TWS's sentence for a refusal; empty = the code's usual words."""
    return f"Order rejected - reason:{reason}" if code == 201 else ""


def account_of(order: WireOrder, accounts: tuple[AccountId, ...]) -> AccountId:
    """Returns the order's account; raises Refusal for an unknown one, and for none where there are several."""
    if not order.account:
        if len(accounts) > 1:
            raise Refusal(435)
        return accounts[0]
    if order.account not in accounts:
        raise Refusal(321, "Error validating request.-'bN' : cause - Invalid account code")
    return AccountId(order.account)


def order_of(
    contract: WireContract,
    order: WireOrder,
    *,
    listing: Listing,
    accounts: tuple[AccountId, ...],
    order_id: OrderId,
    now_utc: datetime,
) -> Order:
    """Returns the order in the desk's terms; raises Refusal with TWS's code where it cannot be one."""
    account_id = account_of(order, accounts)
    quantity = order.total_quantity
    if quantity <= 0 or quantity != quantity.to_integral_value():
        raise Refusal(321, "Error validating request.-'bN' : cause - The size value cannot be zero or a fraction.")
    order_type, tif = _TYPES.get(order.order_type), _TIFS.get(order.tif or "DAY")
    if order_type is None or tif is None:
        raise Refusal(201, f"Order rejected - reason:{order.order_type} {order.tif} is not supported here.")
    if order.leg_prices:
        raise Refusal(10043, "A guaranteed combination has one price: prices of its legs are not accepted.")
    if order.algo_params or order.conditions or not order.transmit:
        raise Refusal(201, refused_text(201, "Algorithms, conditions and orders held back are not supported here."))
    legs = _legs(contract, order.action, int(quantity), listing, now_utc)
    sign = 1 if order.action == "BUY" else -1
    is_limit = order_type is OrderType.LIMIT
    return Order(
        id=order_id,
        account_id=account_id,
        legs=legs,
        order_type=order_type,
        limit_price=order.limit_price * sign if is_limit and order.limit_price is not None else None,
        tif=tif,
        status=OrderStatus.PENDING,
        created_at=now_utc,
    )


def _legs(
    contract: WireContract, action: str, quantity: int, listing: Listing, now_utc: datetime
) -> tuple[OrderLeg, ...]:
    if action not in {"BUY", "SELL"}:
        raise Refusal(321, "Error validating request.-'bN' : cause - Invalid action")
    if not contract.is_bag:
        return (OrderLeg(listing.one(contract, now_utc), Action(action), quantity),)
    if not contract.exchange:
        raise Refusal(321, "Error validating request.-'bN' : cause - Missing order exchange")
    legs = contract.combo_legs
    if not 2 <= len(legs) <= MOST_LEGS or any(leg.ratio < 1 for leg in legs):
        raise Refusal(321, "Error validating request.-'bN' : cause - Invalid combination legs")
    if math.gcd(*(leg.ratio for leg in legs)) != 1:
        raise Refusal(321, "Error validating request.-'bN' : cause - Combination ratios have a common divisor")
    return tuple(_combo_leg(leg, action, quantity, listing) for leg in legs)


def _combo_leg(leg: WireComboLeg, action: str, quantity: int, listing: Listing) -> OrderLeg:
    contract = listing.by_id(leg.con_id)
    if contract is None or leg.action not in {"BUY", "SELL"}:
        raise Refusal(200)
    own = Action(leg.action)
    return OrderLeg(contract, own if action == "BUY" else own.opposite, leg.ratio * quantity)


def echoed(contract: WireContract, found: Contract | None, listing: Listing, *, sort_legs: bool) -> WireContract:
    """Returns the contract as TWS will repeat it: a combo under its own id, anything else completed."""
    if found is not None:
        return replace(listing.wire(found), exchange=contract.exchange)
    legs = contract.combo_legs
    if sort_legs:
        legs = tuple(sorted(legs, key=lambda leg: leg.con_id))
    return replace(bag_echo(contract), combo_legs=legs)


def same_contract(known: WireContract, sent: WireContract, *, strict: bool) -> bool:
    """Whether a modification names the contract of the order; `strict` also wants the legs in the echoed order."""
    if known.is_bag != sent.is_bag:
        return False
    if not known.is_bag:
        return sent.con_id in (0, known.con_id)
    mine, theirs = ([(leg.con_id, leg.ratio, leg.action) for leg in one.combo_legs] for one in (known, sent))
    return mine == theirs if strict else sorted(mine) == sorted(theirs)


def bag_of(legs: tuple[OrderLeg, ...], listing: Listing) -> WireContract:
    """Returns the combo of some legs, as TWS's own user would build it."""
    packages = math.gcd(*(leg.quantity for leg in legs))
    wire_legs = tuple(
        WireComboLeg(listing.con_ids.of(leg.contract.key), leg.quantity // packages, leg.action.value) for leg in legs
    )
    bag = WireContract(symbol=legs[0].contract.underlying, sec_type="BAG", exchange="SMART", currency="USD")
    return bag_echo(replace(bag, combo_legs=wire_legs))


def priced(order: WireOrder, limit_price: Decimal | None, sent: WireOrder) -> WireOrder:
    """Returns the order after a modification: the new price, and the fields of the newer message."""
    return replace(sent, limit_price=limit_price, order_ref=sent.order_ref or order.order_ref)
