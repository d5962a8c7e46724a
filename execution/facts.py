"""What order management may ask of the rest of the desk: values at the moment of asking, unknown as None."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from models.account import AccountInfo, AccountValues
from models.enums import TradingState
from models.greeks import PortfolioGreeks
from models.ids import AccountId, ContractKey
from models.order import OrderLeg
from models.position import UnifiedPosition
from models.product import TickRule
from models.quote import Quote
from models.risk import Limit
from models.trade import Execution, MarketContext


@dataclass(frozen=True, slots=True)
class OrderCaps:
    """Size, price and rate caps of the gate (config)."""

    max_contracts_per_leg: int
    max_notional_usd: Decimal
    max_loss_usd: Decimal
    collar_pct_of_mid: Decimal
    collar_min_usd: Decimal
    max_orders_per_minute: int
    max_orders_per_day: int
    max_open_orders_per_underlying: int
    quote_max_age_s: float
    simulation_max_age_s: float
    duplicate_window_s: float
    block_on_limit_breach: bool


class DeskFacts(Protocol):
    """Read-only view of the desk for the order manager and the gate. Engine thread only."""

    #: Rises with every change of positions; a simulation holds for one version.
    position_version: int
    #: False while starting or reconciling: nothing may be sent.
    trading_unlocked: bool
    is_read_only: bool
    trading_state: TradingState
    caps: OrderCaps

    def account(self, account_id: AccountId) -> AccountInfo | None:
        """Returns the connected account of that id."""
        ...

    def account_values(self, account_id: AccountId) -> AccountValues | None:
        """Returns its newest money figures."""
        ...

    def is_armed(self, account_id: AccountId) -> bool:
        """Returns whether orders of this account may go out: paper always, live after the typed arming."""
        ...

    def quote(self, key: ContractKey) -> Quote | None:
        """Returns the newest quote."""
        ...

    def quote_age_s(self, key: ContractKey) -> float | None:
        """Returns how long ago the newest quote came in; None when there is none."""
        ...

    def quotes_are_simulated(self) -> bool:
        """Returns whether MarketDataKind.SIMULATED counts as live here (paper broker)."""
        ...

    def positions(self, account_id: AccountId) -> Sequence[UnifiedPosition]:
        """Returns what the account holds."""
        ...

    def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        """Returns the price increments of the package."""
        ...

    def greeks(self, *, without: Sequence[Execution] = (), extra_legs: Sequence[OrderLeg] = ()) -> PortfolioGreeks:
        """Returns the whole book's Greeks now, less some executions (before a trade) or plus legs (after one)."""
        ...

    def limits(self) -> tuple[Limit, ...]:
        """Returns the limits of the present regime; empty while the regime is unknown."""
        ...

    def max_loss_usd(self, legs: tuple[OrderLeg, ...], limit_price: Decimal | None) -> Decimal | None:
        """Returns the package's greatest loss at expiry (positive dollars); None when unlimited or unknown."""
        ...

    def market_context(self) -> MarketContext:
        """Returns SPX, VIX and regime as of now."""
        ...

    def strategy_tag(self, legs: tuple[OrderLeg, ...]) -> str:
        """Returns the recognised strategy's tag, e.g. iron_condor."""
        ...

    def now_utc(self) -> datetime:
        """Returns desk time."""
        ...

    def want_quotes(self, owner: str, keys: Collection[ContractKey]) -> None:
        """Asks that these contracts be quoted as long as `owner` names them (replaces its earlier list)."""
        ...
