"""Words of the margin engines: what is known of an underlying, the percentages, and the result."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from analytics.legs import PayoffLeg


class MarginError(ValueError):
    """A book that cannot be margined; the message names the leg and what is missing."""


class MarginClass(StrEnum):
    """What the margin percentages depend on."""

    EQUITY = "equity"
    ETF_NARROW = "etf_narrow"
    NARROW_INDEX = "narrow_index"
    BROAD_INDEX = "broad_index"
    BROAD_ETF = "broad_etf"

    @property
    def is_broad(self) -> bool:
        """True for broad-based indices and the funds that track them."""
        return self in (MarginClass.BROAD_INDEX, MarginClass.BROAD_ETF)


class PairingKind(StrEnum):
    """Why a group of positions carries its requirement."""

    LONG_OPTION = "long_option"
    UNCOVERED = "uncovered"
    SHORT_STRADDLE = "short_straddle"
    SPREAD = "spread"
    TIME_SPREAD = "time_spread"
    COVERED_CALL = "covered_call"
    PROTECTIVE_PUT = "protective_put"
    COLLAR = "collar"
    CONVERSION = "conversion"
    COVERED_PUT = "covered_put"
    PROTECTIVE_CALL = "protective_call"
    REVERSE_CONVERSION = "reverse_conversion"
    LONG_STOCK = "long_stock"
    SHORT_STOCK = "short_stock"


@dataclass(frozen=True, slots=True)
class UnderlyingTerms:
    """Live price of an underlying and its margin class; `leverage` 2.0 or 3.0 for leveraged funds."""

    price: float
    margin_class: MarginClass = MarginClass.EQUITY
    leverage: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.price) or self.price <= 0:
            raise MarginError(f"underlying price {self.price} is not a positive number")
        if not math.isfinite(self.leverage) or self.leverage <= 0:
            raise MarginError(f"leverage {self.leverage} is not a positive number")


@dataclass(frozen=True, slots=True)
class RegTParameters:
    """Percentages of Regulation T, FINRA 4210 and the Cboe margin manual; house rules may raise them.

    Shares of 1. `leaps_min_days`: a long option with more days to expiry has loan value
    (`leaps_requirement` of its price instead of all of it), unless it covers a short.
    """

    equity_percent: float = 0.20
    broad_percent: float = 0.15
    minimum_percent: float = 0.10
    long_stock_initial: float = 0.50
    long_stock_maintenance: float = 0.25
    short_stock_initial: float = 1.50
    short_stock_maintenance: float = 0.30
    short_stock_per_share: float = 5.0
    cheap_stock_below: float = 5.0
    cheap_stock_per_share: float = 2.5
    hedged_stock_percent: float = 0.10
    leaps_min_days: float = 274.0
    leaps_requirement: float = 0.75


@dataclass(frozen=True, slots=True)
class MarginGroup:
    """Positions margined together, and the dollars needed to keep them.

    `members` are the caller's contracts with the signed quantity that this group uses; shares of stock
    included.
    """

    kind: PairingKind
    underlying: str
    members: tuple[PayoffLeg, ...]
    option_requirement: float
    stock_maintenance: float = 0.0


@dataclass(frozen=True, slots=True)
class FuturesGroup:
    """Maintenance of one underlying future under the percentage rule: outrights and options apart."""

    product: str
    underlying: str
    outright: float
    options: float
    notional: float


@dataclass(frozen=True, slots=True)
class FuturesBucket:
    """Futures and options on futures, by a percentage of notional: an estimate, not the exchange's SPAN."""

    initial: float
    maintenance: float
    long_option_cost: float
    short_option_proceeds: float
    groups: tuple[FuturesGroup, ...]
    method: str = "percentage of notional (estimate, not SPAN)"


@dataclass(frozen=True, slots=True)
class MarginRequirement:
    """Reg-T requirement of a book, dollars.

    `option_requirement` is gross in the Cboe manner: an uncovered short includes 100 % of its value, a
    spread is its maximum potential loss without premiums. `short_option_proceeds` may be applied to it.
    `stock_initial` of a short includes the sale proceeds (150 %), which are `short_stock_sale_proceeds`. Futures
    stand apart in `futures`.
    `pairing_gap`: 0 when the pairing is proven to need the least; in a book too large for a proof the most
    dollars a better pairing could save.
    """

    option_requirement: float
    long_option_cost: float
    short_option_proceeds: float
    stock_initial: float
    stock_maintenance: float
    option_maintenance: float
    groups: tuple[MarginGroup, ...]
    futures: FuturesBucket | None = None
    pairing_gap: float = 0.0
    short_stock_sale_proceeds: float = 0.0

    @property
    def initial_requirement_total(self) -> float:
        """Options, long options paid and stock: what the Cboe calculator prints. Without futures."""
        return self.option_requirement + self.long_option_cost + self.stock_initial

    @property
    def initial_call_net_of_proceeds(self) -> float:
        """Initial total less option premiums received: the buying power effect. Without futures."""
        return self.initial_requirement_total - self.short_option_proceeds

    @property
    def initial_call_net_of_all_proceeds(self) -> float:
        """Initial total less premiums and the proceeds of shares sold short: the deposit. Without futures."""
        return self.initial_call_net_of_proceeds - self.short_stock_sale_proceeds

    @property
    def maintenance_total(self) -> float:
        """Options and stock, without futures."""
        return self.option_maintenance + self.stock_maintenance

    @property
    def account_initial(self) -> float:
        """Initial requirement of the whole account: securities plus the futures estimate."""
        return self.initial_requirement_total + (self.futures.initial if self.futures else 0.0)

    @property
    def account_maintenance(self) -> float:
        """Maintenance requirement of the whole account: securities plus the futures estimate."""
        return self.maintenance_total + (self.futures.maintenance if self.futures else 0.0)


@dataclass(frozen=True, slots=True)
class MarginChange:
    """What an order does to the margin of a book."""

    before: MarginRequirement
    after: MarginRequirement

    @property
    def initial_change(self) -> float:
        """Account initial after minus before."""
        return self.after.account_initial - self.before.account_initial

    @property
    def maintenance_change(self) -> float:
        """Account maintenance after minus before."""
        return self.after.account_maintenance - self.before.account_maintenance
