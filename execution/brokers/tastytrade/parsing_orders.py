"""Orders out of Tastytrade's JSON and into it: as listed, as alerted, as tried without sending, as sent.

Statuses, order types and actions stay the words they came as: a word nobody knows is a fact like any other, and what
to make of it is for the order book to say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from execution.brokers.tastytrade.facts import TastyDryRun, TastyFill, TastyLeg, TastyOrder
from execution.brokers.tastytrade.parsing import (
    Json,
    Odd,
    decimal_at,
    list_of,
    mapping_of,
    needed_decimal,
    needed_text,
    text_at,
    time_at,
)
from execution.brokers.tastytrade.seam import SOURCE
from execution.brokers.tastytrade.signs import is_closing, money_in, money_out, net_price, wire_price
from execution.brokers.tastytrade.wire_port import TastyOrderDraft

_NO_MAPPING: Final[Json] = {}


def order_of(raw: object, account_number: str = "") -> TastyOrder:
    """Returns an order as REST and alerts tell it, in full.

    `account_number` is whose it is where the order itself does not say. Raises Odd without an id, a status, an account,
    or with legs or fills that cannot be counted.
    """
    order = mapping_of(raw, "the order")
    legs = tuple(_leg(leg, order) for leg in list_of(order.get("legs"), "legs"))
    if not legs:  # with nothing to count it would pass for wholly filled
        raise Odd("no legs")
    only_action = legs[0].action if len(legs) == 1 else ""
    return TastyOrder(
        order_id=needed_text(order, "id"),
        account_number=text_at(order, "account-number") or account_number or needed_text(order, "account-number"),
        external_identifier=text_at(order, "external-identifier"),
        source=text_at(order, "source"),
        status=needed_text(order, "status"),
        order_type=text_at(order, "order-type"),
        time_in_force=text_at(order, "time-in-force"),
        net_price=net_price(decimal_at(order, "price"), text_at(order, "price-effect"), only_action),
        size=decimal_at(order, "size") or _size(legs),
        legs=legs,
        replaces_order_id=text_at(order, "replaces-order-id"),
        replacing_order_id=text_at(order, "replacing-order-id"),
        reject_reason=text_at(order, "reject-reason"),
        received_at_utc=time_at(order, "received-at"),
        updated_at_utc=time_at(order, "updated-at"),
        terminal_at_utc=time_at(order, "terminal-at"),
    )


def placed_order_of(raw: object, account_number: str) -> TastyOrder:
    """Returns the order in the answer to a POST (wrapped with its effects) or a PUT (bare); raises Odd."""
    answer = mapping_of(raw, "the answer")
    return order_of(answer.get("order", answer), account_number)


def dry_run_of(raw: object, errors: Iterable[tuple[str, str]]) -> TastyDryRun:
    """Returns what an order would need; a refusal may come with figures too, or without any.

    `errors` are those of the answer's error block; the figures' own are added. What cannot be read is None.
    """
    answer = _mapping_or_none(raw)
    # The margin endpoint tells the same figures without the wrapping.
    power = _mapping_or_none(answer.get("buying-power-effect", answer))
    fees = _mapping_or_none(answer.get("fee-calculation"))
    own_errors = tuple(_message(item) for item in _items(answer, "errors"))
    told = tuple(errors)
    return TastyDryRun(
        margin_change=_cost(power, "change-in-margin-requirement"),
        isolated_margin=_cost(power, "isolated-order-margin-requirement"),
        buying_power_change=_cost(power, "change-in-buying-power"),
        buying_power_before=_holding(power, "current-buying-power"),
        buying_power_after=_holding(power, "new-buying-power"),
        fees=_cost(fees, "total-fees"),
        warnings=tuple(text or code for code, text in (_message(item) for item in _items(answer, "warnings"))),
        errors=told + tuple(error for error in own_errors if error not in told),
    )


def draft_body(draft: TastyOrderDraft) -> dict[str, Any]:
    """Returns the body of an order as the SDK writes it, without what only its paper service reads (`behavior`).

    Raises InvalidInput for an even price.
    """
    legs = [
        {
            "instrument-type": leg.instrument_type,
            "symbol": leg.symbol,
            "action": leg.action,
            "quantity": leg.quantity,
        }
        for leg in draft.legs
    ]
    return replacement_body(draft) | {"legs": legs}


def replacement_body(draft: TastyOrderDraft) -> dict[str, Any]:
    """Returns the body that changes a working order: price, type and time in force; its legs stay.

    A new price makes a new order: one that closes is strict anew, or it would open where its position is gone.
    """
    body: dict[str, Any] = {
        "time-in-force": draft.time_in_force,
        "source": SOURCE,
        "external-identifier": draft.external_identifier,
        "order-type": draft.order_type,
    }
    if draft.net_price is not None:
        body["price"], body["price-effect"] = wire_price(draft.net_price)
    return body | _advice(draft)


def _advice(draft: TastyOrderDraft) -> dict[str, Any]:
    if draft.is_strict and any(is_closing(leg.action) for leg in draft.legs):
        return {"advanced-instructions": {"strict-position-effect-validation": True}}
    return {}


def _leg(raw: object, order: Json) -> TastyLeg:
    leg = mapping_of(raw, "a leg")
    fills = tuple(_fill(fill, order) for fill in list_of(leg.get("fills"), "fills"))
    quantity = needed_decimal(leg, "quantity")
    remaining = decimal_at(leg, "remaining-quantity")
    if remaining is None:
        remaining = max(quantity - sum((fill.quantity for fill in fills), Decimal(0)), Decimal(0))
    return TastyLeg(
        symbol=needed_text(leg, "symbol"),
        instrument_type=text_at(leg, "instrument-type"),
        action=text_at(leg, "action"),
        quantity=quantity,
        remaining=remaining,
        fills=fills,
    )


def _fill(raw: object, order: Json) -> TastyFill:
    fill = mapping_of(raw, "a fill")
    at_utc = time_at(fill, "filled-at") or time_at(order, "updated-at") or time_at(order, "received-at")
    if at_utc is None:
        raise Odd("a fill without a time")
    return TastyFill(
        needed_text(fill, "fill-id"), needed_decimal(fill, "quantity"), needed_decimal(fill, "fill-price"), at_utc
    )


def _size(legs: tuple[TastyLeg, ...]) -> Decimal:
    """The greatest common divisor of the legs; fractional shares are one package."""
    if any(leg.quantity != leg.quantity.to_integral_value() for leg in legs):
        return Decimal(1)
    return Decimal(math.gcd(*(int(leg.quantity) for leg in legs)))


def _cost(raw: Json, key: str) -> Decimal | None:
    return money_out(decimal_at(raw, key), text_at(raw, f"{key}-effect"))


def _holding(raw: Json, key: str) -> Decimal | None:
    return money_in(decimal_at(raw, key), text_at(raw, f"{key}-effect"))


def _mapping_or_none(raw: object) -> Json:
    return raw if isinstance(raw, dict) else _NO_MAPPING


def _items(raw: Json, key: str) -> list[Any]:
    found = raw.get(key)
    return found if isinstance(found, list) else []


def _message(raw: object) -> tuple[str, str]:
    item = _mapping_or_none(raw)
    return text_at(item, "code"), text_at(item, "message")
