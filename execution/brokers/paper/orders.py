"""An order as the paper exchange holds it, and what makes it refuse one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from execution.brokers.port import BrokerOrder
from models.contract import Contract
from models.enums import InstrumentKind, OrderStatus, OrderType, TimeInForce
from models.ids import AccountId, BrokerOrderId, OrderId
from models.order import MAX_LEGS, OrderLeg
from models.order_status import TERMINAL
from models.product import TickRule


@dataclass(frozen=True, slots=True)
class PaperOrder:
    """An accepted order. `serial` is its row at the broker; `fills` counts fills, to number executions."""

    serial: int
    order_id: OrderId
    account_id: AccountId
    legs: tuple[OrderLeg, ...]
    order_type: OrderType
    limit_price: Decimal | None
    tif: TimeInForce
    status: OrderStatus
    filled_packages: int
    fills: int
    submitted_at_utc: datetime
    #: From here on it may fill.
    works_from_utc: datetime
    #: Session close at which a DAY order dies and a MOC order fills; None for GTC.
    day_ends_utc: datetime | None
    changed_at_utc: datetime
    #: When a requested cancel takes effect.
    cancel_due_utc: datetime | None = None
    reason: str | None = None

    @property
    def broker_order_id(self) -> BrokerOrderId:
        """The broker's own id."""
        return broker_order_id(self.serial)

    @property
    def packages(self) -> int:
        """Smallest packages in the order."""
        return math.gcd(*(leg.quantity for leg in self.legs))

    @property
    def remaining(self) -> int:
        """Packages not filled."""
        return self.packages - self.filled_packages

    @property
    def is_done(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in TERMINAL

    def with_status(self, status: OrderStatus, at_utc: datetime, *, reason: str | None = None) -> PaperOrder:
        """Returns it in another state."""
        return replace(self, status=status, changed_at_utc=at_utc, reason=reason or self.reason)

    def report(self) -> BrokerOrder:
        """Returns it as the port tells it."""
        return BrokerOrder(
            broker_order_id=self.broker_order_id,
            order_id=self.order_id,
            account_id=self.account_id,
            legs=self.legs,
            order_type=self.order_type,
            limit_price=self.limit_price,
            tif=self.tif,
            status=self.status,
            filled_packages=self.filled_packages,
            at_utc=self.changed_at_utc,
            reason=self.reason,
        )


def broker_order_id(serial: int) -> BrokerOrderId:
    """Returns the broker id of a row number."""
    return BrokerOrderId(f"P{serial:08d}")


def package_unit(contracts: tuple[Contract, ...]) -> Decimal:
    """Returns the dollars one point of net price is worth per package: the largest multiplier of its legs."""
    return max(contract.multiplier for contract in contracts)


def package_weights(legs: tuple[OrderLeg, ...]) -> tuple[Decimal, ...]:
    """Returns each leg's signed weight in the net price: contracts per package times its share of the unit.

    Legs of one multiplier weigh their ratio; 100 shares beside one option weigh 1, so a buy-write is stock less call.
    """
    packages = math.gcd(*(leg.quantity for leg in legs))
    unit = package_unit(tuple(leg.contract for leg in legs))
    return tuple(Decimal(leg.signed_quantity // packages) * leg.contract.multiplier / unit for leg in legs)


def refusal(
    legs: tuple[OrderLeg, ...],
    order_type: OrderType,
    limit_price: Decimal | None,
    tif: TimeInForce,
    now_utc: datetime,
    net_tick: TickRule,
) -> str | None:
    """Returns why an order is refused whatever the account holds, None when it is sound."""
    why = _legs_refusal(legs, now_utc)
    if why is not None:
        return why
    if order_type is OrderType.LIMIT:
        return _price_refusal(legs, limit_price, net_tick)
    if limit_price is not None:
        return "A market order carries no limit price."
    if tif is not TimeInForce.DAY:
        return "A market or market-on-close order is good for the day only."
    return None


def _legs_refusal(legs: tuple[OrderLeg, ...], now_utc: datetime) -> str | None:
    if not 1 <= len(legs) <= MAX_LEGS:
        return f"An order has one to {MAX_LEGS} legs, not {len(legs)}."
    if len({leg.contract.key for leg in legs}) != len(legs):
        return "The same contract stands in two legs."
    if len({leg.contract.underlying for leg in legs}) != 1:
        return "All legs of an order share one underlying."
    for leg in legs:
        why = _leg_refusal(leg, now_utc)
        if why is not None:
            return why
    if any(weight != weight.to_integral_value() for weight in package_weights(legs)):
        return "Shares in a package with options come in whole multiples of the options' deliverable."
    return None


def _leg_refusal(leg: OrderLeg, now_utc: datetime) -> str | None:
    if leg.quantity <= 0:
        return f"The quantity of {leg.contract.label} must be positive."
    if leg.contract.kind is InstrumentKind.INDEX:
        return f"{leg.contract.label} is an index: it cannot be traded."
    expires = leg.contract.expires_at_utc
    return f"{leg.contract.label} has expired." if expires is not None and expires <= now_utc else None


def _price_refusal(legs: tuple[OrderLeg, ...], limit_price: Decimal | None, net_tick: TickRule) -> str | None:
    if limit_price is None:
        return "A limit order needs a limit price."
    if not limit_price.is_finite():
        return f"The limit price {limit_price} is not a number."
    if not net_tick.is_on_tick(limit_price):
        return f"The limit price {limit_price} is not on the tick of {net_tick.tick_at(limit_price)}."
    if len(legs) == 1 and limit_price * legs[0].action.sign <= 0:
        return "A single order buys for a debit and sells for a credit: the limit price has the wrong sign or is zero."
    return None


def net_tick_rule(legs: tuple[OrderLeg, ...]) -> TickRule:
    """Returns the increments of a package: the contract's own for one leg, the finest of the legs for several."""
    if len(legs) == 1:
        return legs[0].contract.tick
    return min((leg.contract.net_tick for leg in legs), key=lambda rule: (rule.below, rule.above))
