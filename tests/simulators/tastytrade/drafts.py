"""An order as a client sends it, what Tastytrade refuses in it, and as the exchange takes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from models.contract import Contract
from models.enums import Action, InstrumentKind, OrderStatus, OrderType, TimeInForce
from models.ids import AccountId, OrderId
from models.order import Order, OrderLeg
from models.product import underlying_kind
from tests.simulators.tastytrade.listing import Listing, instrument_type
from tests.simulators.tastytrade.records import RecordLeg
from tests.simulators.tastytrade.replies import invalid, preflight

MOST_LEGS: Final = 4
_ACTIONS: Final = {
    "Buy to Open": Action.BUY,
    "Buy to Close": Action.BUY,
    "Sell to Open": Action.SELL,
    "Sell to Close": Action.SELL,
    "Buy": Action.BUY,
    "Sell": Action.SELL,
}
_TYPES: Final = frozenset({"Limit", "Market", "Stop", "Stop Limit", "Marketable Limit", "Notional Market"})
_TIFS: Final = {"Day": TimeInForce.DAY, "GTC": TimeInForce.GTC}
_PRICED: Final = frozenset({"Limit", "Stop Limit"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What may change in a replacement. `net_price` per package, debit positive."""

    order_type: str
    time_in_force: str
    net_price: Decimal | None
    stop_trigger: Decimal | None
    external_identifier: str
    source: str

    @property
    def tif(self) -> TimeInForce:
        """The exchange's word for how long it is good."""
        return _TIFS[self.time_in_force]


@dataclass(frozen=True, slots=True)
class DraftLeg:
    """A leg whose contract was found."""

    contract: Contract
    symbol: str
    action: str
    quantity: int

    @property
    def order_leg(self) -> OrderLeg:
        """The leg as the exchange takes it."""
        return OrderLeg(self.contract, _ACTIONS[self.action], self.quantity)

    @property
    def closes(self) -> bool:
        """Whether it says that it closes a position."""
        return self.action.endswith("Close")


@dataclass(frozen=True, slots=True)
class Draft:
    """An order that can be read."""

    terms: Terms
    legs: tuple[DraftLeg, ...]
    is_strict: bool

    @property
    def order_legs(self) -> tuple[OrderLeg, ...]:
        """Its legs as the exchange takes them."""
        return tuple(leg.order_leg for leg in self.legs)

    @property
    def size(self) -> int:
        """Packages."""
        return math.gcd(*(leg.quantity for leg in self.legs))

    @property
    def underlying(self) -> str:
        """Symbol of what all legs are on."""
        return self.legs[0].contract.underlying

    @property
    def underlying_type(self) -> str:
        """Its type; indices count as equities."""
        return "Future" if underlying_kind(self.underlying) is InstrumentKind.FUTURE else "Equity"

    def record_legs(self) -> list[RecordLeg]:
        """Returns its legs as they are remembered."""
        return [RecordLeg(leg.symbol, instrument_type(leg.contract), leg.action, leg.quantity) for leg in self.legs]

    def order(self, account: AccountId, order_id: OrderId, now_utc: datetime, *, limit: Decimal | None) -> Order:
        """Returns it as the exchange takes it."""
        return Order(
            id=order_id,
            account_id=account,
            legs=self.order_legs,
            order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            limit_price=limit,
            tif=self.terms.tif,
            status=OrderStatus.PENDING,
            created_at=now_utc,
        )


def read_terms(body: Any) -> Terms:
    """Returns the terms of an order; raises Refusal for what cannot be one."""
    if not isinstance(body, dict):
        raise invalid("Request validation failed")
    order_type, tif = body.get("order-type"), body.get("time-in-force")
    if order_type not in _TYPES:
        raise invalid(f"order-type does not have a valid value: {order_type}")
    if tif not in _TIFS:
        raise invalid(f"time-in-force does not have a valid value: {tif}")
    price, effect = _number(body, "price"), body.get("price-effect")
    if order_type not in _PRICED and price is not None:
        raise preflight(("order_must_omit_price", f"A {order_type} order must omit its price"))
    if order_type in _PRICED and (price is None or price < 0):
        raise invalid("price is missing or negative")
    if price is not None and effect not in ("Debit", "Credit"):
        raise invalid("price-effect is missing")
    if order_type == "Market" and tif != "Day":
        raise preflight(("gtc_market_orders_not_supported", "Market orders are good for the day only"))
    stop = _number(body, "stop-trigger")
    if order_type.startswith("Stop") and stop is None:
        raise invalid("stop-trigger is missing")
    return Terms(
        order_type=order_type,
        time_in_force=tif,
        net_price=price if price is None or effect == "Debit" else -price,
        stop_trigger=stop,
        external_identifier=str(body.get("external-identifier") or ""),
        source=str(body.get("source") or ""),
    )


def read_draft(body: Any, listing: Listing) -> Draft:
    """Returns the order in a request; raises Refusal for what cannot be one."""
    terms = read_terms(body)
    raw = body.get("legs")
    if not isinstance(raw, list) or not raw:
        raise invalid("legs is missing")
    if len(raw) > MOST_LEGS:
        raise preflight(("too_many_legs", f"An order has at most {MOST_LEGS} legs"))
    legs = tuple(_leg(one, listing) for one in raw)
    if len({leg.symbol for leg in legs}) != len(legs):
        raise preflight(("duplicate_legs", "Every leg must have another symbol"))
    if terms.order_type == "Market" and len(legs) > 1:
        raise preflight(("market_order_multi_leg", "Market orders may have one leg only"))
    instructions = body.get("advanced-instructions") or {}
    strict = isinstance(instructions, dict) and instructions.get("strict-position-effect-validation") is True
    return Draft(terms, legs, strict)


def _leg(raw: Any, listing: Listing) -> DraftLeg:
    if not isinstance(raw, dict):
        raise invalid("legs is invalid")
    symbol, kind, action = str(raw.get("symbol")), raw.get("instrument-type"), raw.get("action")
    if action not in _ACTIONS:
        raise invalid(f"action does not have a valid value: {action}")
    quantity = _number(raw, "quantity")
    if quantity is None or quantity <= 0 or quantity != quantity.to_integral_value():
        raise invalid("quantity must be a whole number above zero")
    if kind == "Cryptocurrency":
        raise preflight(("cryptocurrency_trading_disabled", "Cryptocurrency cannot be traded through the API"))
    contract = listing.find(symbol)
    if contract is None or instrument_type(contract) != kind:
        raise preflight(("instrument_validation_failed", f"{symbol} is not a tradeable {kind}"))
    if (contract.kind is InstrumentKind.FUTURE) != (action in {"Buy", "Sell"}):
        raise preflight(("invalid_action", f"{action} is no action for {symbol}"))
    return DraftLeg(contract, symbol, action, int(quantity))


def _number(raw: dict[str, Any], name: str) -> Decimal | None:
    value = raw.get(name)
    if value is None:
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise invalid(f"{name} is invalid") from None
    if not found.is_finite():
        raise invalid(f"{name} is invalid")
    return found
