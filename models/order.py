"""Orders of one to four legs, and the what-if answer that must precede sending (002 sections 2.3-2.5)."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from models.contract import Contract
from models.enums import Action, OrderStatus, OrderType, TimeInForce
from models.greeks import PortfolioGreeks, UnitGreeks
from models.ids import AccountId, BrokerOrderId, ContractKey, OrderId
from models.order_status import check_transition

MAX_LEGS = 4


@dataclass(frozen=True, slots=True)
class OrderLeg:
    """One leg. `quantity` is positive contracts (or shares) in the whole order; `action` carries the sign."""

    contract: Contract
    action: Action
    quantity: int
    #: Per-unit Greeks when the leg was staged, if known.
    greeks: UnitGreeks | None = field(default=None, compare=False)

    @property
    def signed_quantity(self) -> int:
        """Positive when the leg buys."""
        return self.action.sign * self.quantity


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """The broker's what-if answer with the portfolio's Greeks after the trade.

    Margins in dollars; a None is "margin unknown", a state of its own: never shown as 0. `fees` positive = paid.
    `fingerprint` is `Order.fingerprint` of what was simulated: the answer holds for exactly that order.
    """

    initial_margin_current: Decimal | None
    initial_margin_change: Decimal | None
    initial_margin_after: Decimal | None
    maintenance_margin_current: Decimal | None
    maintenance_margin_change: Decimal | None
    maintenance_margin_after: Decimal | None
    equity_change: Decimal | None
    buying_power_after: Decimal | None
    fees: Decimal | None
    current_greeks: PortfolioGreeks
    projected_greeks: PortfolioGreeks
    simulated_at: datetime
    fingerprint: str
    position_version: int
    broker_warn: str | None = None
    broker_error: str | None = None

    @property
    def margin_known(self) -> bool:
        """Whether the broker gave the margin after the trade."""
        return self.initial_margin_after is not None and self.maintenance_margin_after is not None


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the desk knows it. A change makes a new value; `to` is the only way to another status.

    `limit_price` is net per unit of the smallest package: positive = debit paid, negative = credit received.
    """

    id: OrderId
    account_id: AccountId
    legs: tuple[OrderLeg, ...]
    order_type: OrderType
    limit_price: Decimal | None
    tif: TimeInForce
    status: OrderStatus
    created_at: datetime
    simulation_result: SimulationResult | None = None
    user_rationale: str = ""
    ai_rationale: str | None = None
    ai_suggestion_id: str | None = None
    strategy_tag: str | None = None
    submitted_at: datetime | None = None
    filled_at: datetime | None = None
    broker_order_id: BrokerOrderId | None = None
    #: Per leg: average fill price per share, once there is one.
    fill_prices: dict[ContractKey, Decimal] | None = None
    #: Whole packages filled so far.
    filled_packages: int = 0
    #: Why it was refused, cancelled or became unknown, in words.
    reason: str | None = None

    @property
    def packages(self) -> int:
        """How many times the smallest package is traded: the greatest common divisor of the leg quantities."""
        return math.gcd(*(leg.quantity for leg in self.legs)) if self.legs else 0

    @property
    def underlying(self) -> str:
        """Symbol of the first leg's underlying."""
        return self.legs[0].contract.underlying if self.legs else ""

    @property
    def is_working(self) -> bool:
        """Whether the broker may still act on it."""
        return self.status in (
            OrderStatus.PENDING,
            OrderStatus.PARTIAL,
            OrderStatus.CANCEL_PENDING,
            OrderStatus.UNKNOWN,
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what a simulation holds for: account, legs, quantities, type, price and time in force."""
        facts = [
            self.account_id,
            self.order_type.value,
            self.tif.value,
            None if self.limit_price is None else str(self.limit_price.normalize()),
            sorted((leg.contract.key, leg.action.value, leg.quantity) for leg in self.legs),
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def to(self, status: OrderStatus) -> Order:
        """Returns this order in another status; raises IllegalTransition when the table forbids the step."""
        check_transition(self.id, self.status, status)
        return replace(self, status=status)
