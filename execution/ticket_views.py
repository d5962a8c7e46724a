"""What the engine answers about a ticket: the preview while it is built, the what-if, and what became of sending it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from execution.views import FloatArray, LimitRow
from models.enums import Metric
from models.gate import Denial
from models.greeks import PortfolioGreeks, UnitGreeks
from models.ids import OrderId
from models.order import Order
from models.product import TickRule
from models.quote import ModelGreeks, Quote


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the ticket, at a field: legs, leg:0 .. leg:3, quantity, limit_price, account, tif."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class LegPreview:
    """A staged leg with its market; `greeks` are the desk's own, the broker's stand beside them while they count."""

    quote: Quote | None
    greeks: UnitGreeks | None
    quote_age_s: float | None
    broker_greeks: ModelGreeks | None = None
    broker_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class LimitChange:
    """A limit before and after the trade."""

    before: LimitRow
    after: LimitRow


@dataclass(frozen=True, slots=True)
class TicketPreview:
    """What a ticket would do, without asking the broker. Prices net per package (debit > 0); money in dollars.

    `max_profit`/`max_loss` None = unknown; the `_unlimited` flags say when there is no bound.
    """

    order_id: OrderId
    problems: tuple[Problem, ...]
    strategy_name: str
    strategy_tag: str
    packages: int
    net_mid: Decimal | None
    net_natural: Decimal | None
    net_opposite: Decimal | None
    tick: TickRule | None
    suggested_limit: Decimal | None
    legs: tuple[LegPreview, ...]
    max_profit: Decimal | None
    max_profit_unlimited: bool
    max_loss: Decimal | None
    max_loss_unlimited: bool
    breakevens: tuple[float, ...]
    probability_of_profit: float | None
    trade_greeks: PortfolioGreeks | None
    before: PortfolioGreeks | None
    after: PortfolioGreeks | None
    limits: tuple[LimitChange, ...]
    binding: Metric | None
    largest_packages_that_fit: int | None
    payoff_spots: FloatArray | None
    payoff_at_expiry: FloatArray | None
    payoff_today: FloatArray | None
    spot: float | None


@dataclass(frozen=True, slots=True)
class SimulationOutcome:
    """The what-if's outcome: `order` SIMULATED with its result, or None with the problems or the failure."""

    order: Order | None
    problems: tuple[Problem, ...]
    failure: str | None
    limits: tuple[LimitChange, ...]
    warnings: tuple[Denial, ...]


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """`accepted` = it left the desk (its status tells the rest); otherwise the gate's reasons or the failure."""

    accepted: bool
    order: Order | None
    problems: tuple[Problem, ...]
    denials: tuple[Denial, ...]
    failure: str | None
