"""The port every broker implements: paper, Interactive Brokers, Tastytrade.

Threading: every method is called from the engine's loop thread and none blocks it; each has its own time limit.
Ordering: events of one order arrive in the broker's order. Truth: executions, then order states, never a library's
guess. Retry: reads may be retried inside; `submit`, `replace` and `cancel` are sent once, whatever happens.
Link: after `connect` the adapter reconnects by itself, with growing pauses, and tells each change by ConnectionEvent;
a clock that differs from the broker's by more than 30 s is a STALE link. Odd objects never end the stream.
Signs: positive price = debit, quantities as in `models.order`; the adapter converts at its edge.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from models.account import AccountInfo, AccountValues
from models.contract import Contract
from models.enums import BrokerName, FeedState, OrderStatus, OrderType, Settlement, TimeInForce
from models.ids import AccountId, BrokerOrderId, ContractKey, ExecutionId, OrderId
from models.order import Order, OrderLeg
from models.position import UnifiedPosition
from models.product import TickRule
from models.quote import ModelGreeks, Quote
from models.trade import Execution


class Capability(StrEnum):
    """What not every broker can do; the window shows only what the broker has."""

    REPLACE = "REPLACE"
    MARKET_SPREADS = "MARKET_SPREADS"
    MARKET_ON_CLOSE = "MARKET_ON_CLOSE"
    MODEL_GREEKS = "MODEL_GREEKS"
    #: The tape runs on simulated prices: a quote's `MarketDataKind.SIMULATED` counts as live.
    SIMULATED_MARKET = "SIMULATED_MARKET"
    BETAS = "BETAS"
    #: Tells vol ranks of underlyings (`Broker.underlying_metrics`).
    METRICS = "METRICS"


@dataclass(frozen=True, slots=True)
class ChainExpiry:
    """One listed expiration of one option root: SPX (AM) and SPXW (PM) of a date are two."""

    underlying: str
    root: str
    expiry: date
    settlement: Settlement


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """An order as the broker tells it; `order_id` is ours when the broker echoed it, None for foreign orders.

    Where a new price makes a new order (Tastytrade), the successor tells `replaces`, and the end of the one that was
    replaced is not told as CANCELLED: it would end the order. CANCELLED and REJECTED are told on the broker's evidence
    only, never on an error message alone.
    """

    broker_order_id: BrokerOrderId
    order_id: OrderId | None
    account_id: AccountId
    legs: tuple[OrderLeg, ...]
    order_type: OrderType
    limit_price: Decimal | None
    tif: TimeInForce
    status: OrderStatus
    filled_packages: int
    at_utc: datetime
    reason: str | None = None
    #: The order this one replaced, if the broker works by replacement.
    replaces: BrokerOrderId | None = None


@dataclass(frozen=True, slots=True)
class BrokerSnapshot:
    """All that a reconcile needs, complete as of `at_utc`.

    `executions` reach back to `executions_since_utc`; earlier ones need another source (statements, transactions). They
    are of legs only (no line of the whole combo), with the newest revision, and with the fee where it is known by now.
    Each position carries `at_utc`, the moment it was true at the broker: a fill after it is added to it, so both times
    must come from one clock, and an execution that the position holds already must not be later.
    """

    at_utc: datetime
    accounts: tuple[AccountValues, ...]
    positions: tuple[UnifiedPosition, ...]
    open_orders: tuple[BrokerOrder, ...]
    completed_orders: tuple[BrokerOrder, ...]
    executions: tuple[Execution, ...]
    executions_since_utc: datetime
    #: As of when an account's positions are, on the executions' clock, for one without any; absent = `at_utc`.
    positions_at_utc: Mapping[AccountId, datetime] = field(default_factory=dict)
    #: The adapter counts revisions from 1 in every session: an execution that differs from what is known corrects it.
    do_revisions_restart: bool = False
    #: Of several brokers, the accounts this tells of, each with the number of the link it was told on; None = all.
    covers: Mapping[AccountId, int] | None = None
    #: Where it differs by account; absent = `executions_since_utc`.
    executions_since_of: Mapping[AccountId, datetime] = field(default_factory=dict)
    #: Of several brokers, the accounts of those whose revisions restart.
    revisions_restart_in: frozenset[AccountId] = frozenset()

    def tells_of(self, account_id: AccountId) -> bool:
        """Returns whether what it does not hold of an account is not there."""
        return self.covers is None or account_id in self.covers


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A broker's what-if answer; None = it did not say. `error` set means it would refuse the order.

    Margins in dollars; `equity_change` dollars; `fees` positive = paid.
    """

    initial_margin_before: Decimal | None
    initial_margin_change: Decimal | None
    initial_margin_after: Decimal | None
    maintenance_margin_before: Decimal | None
    maintenance_margin_change: Decimal | None
    maintenance_margin_after: Decimal | None
    equity_change: Decimal | None
    buying_power_after: Decimal | None
    fees: Decimal | None
    warning: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class UnderlyingMetrics:
    """The broker's own figures of an underlying, by its own methods; fractions (0.37 = 37 %), None = not told."""

    symbol: str
    broker: BrokerName
    at_utc: datetime
    iv_rank: float | None = None
    iv_percentile: float | None = None
    #: The broker's volatility index of the underlying, a year.
    iv_index: float | None = None
    #: 0 (poor) to 4 or 5 (best), as the broker counts.
    liquidity_rating: int | None = None
    next_earnings: date | None = None


# --- events, a closed union of frozen values -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QuotesEvent:
    """New quotes, newest per contract."""

    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class ModelGreeksEvent:
    """The broker's own Greeks."""

    greeks: tuple[ModelGreeks, ...]


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """An order's state at the broker."""

    order: BrokerOrder


@dataclass(frozen=True, slots=True)
class ExecutionEvent:
    """A fill, a correction of one (higher revision), or a settlement."""

    execution: Execution


@dataclass(frozen=True, slots=True)
class FeeEvent:
    """Commission and fees of an execution, known now; positive = paid."""

    account_id: AccountId
    execution_id: ExecutionId
    fee: Decimal


@dataclass(frozen=True, slots=True)
class PositionsEvent:
    """All positions of one account, as of `at_utc` on the executions' clock; None = now."""

    account_id: AccountId
    positions: tuple[UnifiedPosition, ...]
    at_utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """New account values."""

    values: AccountValues


@dataclass(frozen=True, slots=True)
class ConnectionEvent:
    """The link changed. On `reconcile_needed` trading locks until a new snapshot agrees."""

    state: FeedState
    text: str
    reconcile_needed: bool
    #: Of several brokers some are sound: accounts of the others, which alone are locked. None = the link is one.
    down: frozenset[AccountId] | None = None


@dataclass(frozen=True, slots=True)
class AccountsEvent:
    """All accounts, when one of several brokers was connected later than the others; a reconcile follows."""

    accounts: tuple[AccountInfo, ...]


@dataclass(frozen=True, slots=True)
class OddObjectEvent:
    """Something the adapter could not read: counted and shown, the stream goes on."""

    source: str
    what: str


@dataclass(frozen=True, slots=True)
class NoticeEvent:
    """Something the broker wants the user to know: a subscription that lacks, a position that cannot be shown."""

    source: str
    text: str


BrokerEvent = (
    QuotesEvent
    | ModelGreeksEvent
    | OrderEvent
    | ExecutionEvent
    | FeeEvent
    | PositionsEvent
    | AccountEvent
    | ConnectionEvent
    | AccountsEvent
    | OddObjectEvent
    | NoticeEvent
)


class Broker(Protocol):
    """One broker connection. Raises only `models.errors.BrokerFailure` (and InvalidInput for unknown symbols)."""

    name: BrokerName
    capabilities: frozenset[Capability]

    async def connect(self) -> tuple[AccountInfo, ...]:
        """Connects and returns the accounts; afterwards `snapshot` is complete."""
        ...

    async def close(self) -> None:
        """Lets go of the connection; working orders stay as they are at the broker."""
        ...

    def events(self) -> AsyncIterator[BrokerEvent]:
        """Returns the stream of events since `connect`; read by one reader. Quotes may be coalesced, nothing else.

        It ends after `close` and at no other time: a stream that ends by itself halts the desk.
        """
        ...

    async def snapshot(self) -> BrokerSnapshot:
        """Returns accounts, positions, orders and executions as the broker has them now."""
        ...

    async def find_orders(self, order_ids: Collection[OrderId]) -> tuple[BrokerOrder, ...]:
        """Returns what the broker knows of our orders (open or completed); one it never saw is absent."""
        ...

    async def simulate(self, order: Order) -> WhatIf:
        """Returns the what-if answer. No answer in time: a WhatIf of Nones with a warning. Nothing is sent to work."""
        ...

    async def submit(self, order: Order) -> BrokerOrderId:
        """Sends the order once, our id with it. BrokerFailure.outcome_unknown tells a refusal from not knowing."""
        ...

    async def replace(self, order: Order, limit_price: Decimal) -> None:
        """Asks for another limit price of a working order; the answer comes as events."""
        ...

    async def cancel(self, order: Order) -> None:
        """Asks to cancel; the answer comes as events (a fill may still win)."""
        ...

    async def expiries(self, underlying: str) -> tuple[ChainExpiry, ...]:
        """Returns the listed expirations in date order; raises InvalidInput for an unknown underlying."""
        ...

    async def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """Returns the listed contracts of one expiration, by strike, call before put."""
        ...

    async def resolve(self, key: ContractKey) -> Contract:
        """Returns the listed contract of a key; raises InvalidInput when it is not listed."""
        ...

    async def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        """Returns the increments of the package's net price."""
        ...

    async def underlyings(self) -> tuple[str, ...]:
        """Returns the underlyings with options the user may browse by name (others may exist)."""
        ...

    async def betas(self, symbols: Collection[str]) -> dict[str, float]:
        """Returns the broker's own betas to the S&P 500; unknown symbols are absent. Empty without Capability.BETAS."""
        ...

    async def underlying_metrics(self, symbol: str) -> UnderlyingMetrics | None:
        """Returns the broker's own vol ranks of an underlying; None for what it does not measure.

        Always None without Capability.METRICS.
        """
        ...

    def set_subscriptions(self, contracts: Collection[Contract]) -> None:
        """States the full set of contracts whose quotes are wanted; the adapter works out the difference."""
        ...
