"""What TWS said, as frozen values without any library in them: the edge where the wire ends.

Numbers are cleaned here: empty, NaN, 1.797e308, 2147483647, and -1 / -2 where they mean "not computed" are None. Times
are aware UTC. Nothing is interpreted: quantities and sides are TWS's, prices too (a combo's net credit is negative).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class IbComboLeg:
    """One leg of a BAG; `action` is BUY or SELL as in an order to buy the bag."""

    con_id: int
    ratio: int
    action: str
    exchange: str = "SMART"


@dataclass(frozen=True, slots=True)
class IbContract:
    """A contract as TWS writes it. Texts are empty and numbers 0 or None where it says nothing."""

    con_id: int
    symbol: str
    sec_type: str
    #: YYYYMMDD (or YYYYMM in a question).
    last_trade: str = ""
    strike: Decimal | None = None
    #: "C", "P" or empty.
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = "USD"
    local_symbol: str = ""
    trading_class: str = ""
    combo_legs: tuple[IbComboLeg, ...] = ()


@dataclass(frozen=True, slots=True)
class IbContractDetails:
    """A contract with what TWS knows beyond its name. `market_rule_ids` runs parallel to `valid_exchanges`."""

    contract: IbContract
    min_tick: Decimal | None
    valid_exchanges: tuple[str, ...]
    market_rule_ids: tuple[int, ...]
    #: The date of expiration; for AM-settled options the day after the last trade.
    real_expiration: date | None
    last_trade_time: str
    time_zone: str
    under_con_id: int
    under_symbol: str
    under_sec_type: str
    long_name: str
    stock_type: str
    contract_month: str
    price_magnifier: int = 1


@dataclass(frozen=True, slots=True)
class IbOptionParams:
    """One row of reqSecDefOptParams: the strikes are the union over all its expirations."""

    exchange: str
    under_con_id: int
    trading_class: str
    multiplier: str
    expirations: tuple[str, ...]
    strikes: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class IbPriceIncrement:
    """From `low_edge` on prices move by `increment`."""

    low_edge: Decimal
    increment: Decimal


@dataclass(frozen=True, slots=True)
class IbMargins:
    """The nine margins and the commissions of an order state; None = TWS did not say."""

    initial_before: Decimal | None
    maintenance_before: Decimal | None
    equity_before: Decimal | None
    initial_change: Decimal | None
    maintenance_change: Decimal | None
    equity_change: Decimal | None
    initial_after: Decimal | None
    maintenance_after: Decimal | None
    equity_after: Decimal | None
    commission: Decimal | None
    min_commission: Decimal | None
    max_commission: Decimal | None
    commission_currency: str
    warning_text: str

    @property
    def is_known(self) -> bool:
        """Whether this is the real answer: the first of two may be empty."""
        return self.initial_after is not None and self.maintenance_after is not None


@dataclass(frozen=True, slots=True)
class OpenOrderFact:
    """An order as TWS holds it, of any client. `order_id` is 0 or negative for those of other clients or TWS itself."""

    order_id: int
    client_id: int
    perm_id: int
    account: str
    order_ref: str
    contract: IbContract
    action: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None
    tif: str
    status: str
    is_what_if: bool
    margins: IbMargins


@dataclass(frozen=True, slots=True)
class CompletedOrderFact:
    """An order that is done; TWS gives neither order id nor client id any more."""

    perm_id: int
    account: str
    order_ref: str
    contract: IbContract
    action: str
    quantity: Decimal
    filled_quantity: Decimal | None
    order_type: str
    limit_price: Decimal | None
    tif: str
    status: str
    completed_status: str
    completed_at_utc: datetime | None


@dataclass(frozen=True, slots=True)
class OrderStatusFact:
    """TWS's own status of an order; `filled` and `remaining` count packages of a BAG."""

    order_id: int
    client_id: int
    perm_id: int
    status: str
    filled: Decimal
    remaining: Decimal
    average_fill_price: Decimal | None
    why_held: str


@dataclass(frozen=True, slots=True)
class ExecutionFact:
    """One execution: a leg, or the line of a whole combo (`contract.sec_type` BAG).

    `exec_id` ends in its revision (`....01`). `side` is BOT or SLD. `is_live` is False for one that was asked for.
    """

    exec_id: str
    order_id: int
    client_id: int
    perm_id: int
    account: str
    order_ref: str
    contract: IbContract
    side: str
    quantity: Decimal
    price: Decimal
    at_utc: datetime
    cumulative_quantity: Decimal
    is_live: bool


@dataclass(frozen=True, slots=True)
class CommissionFact:
    """The commission of an execution, positive = paid; it may come late, before its execution, or never."""

    exec_id: str
    commission: Decimal | None
    currency: str
    realized_pnl: Decimal | None


@dataclass(frozen=True, slots=True)
class ErrorFact:
    """An error, a warning or a piece of news. `request_id` is -1, or the id of a request or an order."""

    request_id: int
    code: int
    text: str
    advanced_reject: str = ""


@dataclass(frozen=True, slots=True)
class PositionFact:
    """A holding of an account; quantity 0 = gone. `average_cost` includes the multiplier."""

    account: str
    contract: IbContract
    quantity: Decimal
    average_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class PortfolioFact:
    """A holding with TWS's own valuation."""

    account: str
    contract: IbContract
    quantity: Decimal
    market_price: Decimal | None
    market_value: Decimal | None
    average_cost: Decimal | None
    unrealized_pnl: Decimal | None
    realized_pnl: Decimal | None


#: Key of the day's profit and loss among an account's figures.
DAY_PNL: Final = "DailyPnL"


@dataclass(frozen=True, slots=True)
class AccountValueFact:
    """One figure of an account, as text; `currency` may be BASE or empty. `DAY_PNL` comes on a wire of its own."""

    account: str
    key: str
    value: str
    currency: str


@dataclass(frozen=True, slots=True)
class IbGreeks:
    """Greeks of one model line; all None where TWS could not work them out. Vega per vol point, theta per day."""

    implied_vol: float | None
    delta: float | None
    gamma: float | None
    vega_per_point: float | None
    theta_per_day: float | None
    underlying_price: float | None
    option_price: float | None


@dataclass(frozen=True, slots=True)
class TickFact:
    """The present state of one market-data line, told when it changed. `data_type`: 1 live, 2 frozen, 3 / 4 delayed."""

    con_id: int
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    bid_size: int | None
    ask_size: int | None
    close: Decimal | None
    data_type: int
    greeks: IbGreeks | None
    at_utc: datetime


@dataclass(frozen=True, slots=True)
class ClosedFact:
    """The socket is gone."""

    reason: str


@dataclass(frozen=True, slots=True)
class OddFact:
    """A message the library or the seam could not read; the stream goes on."""

    source: str
    what: str


#: What comes in order, one by one; ticks are coalesced and come apart.
Fact = (
    OpenOrderFact
    | OrderStatusFact
    | ExecutionFact
    | CommissionFact
    | ErrorFact
    | PositionFact
    | PortfolioFact
    | AccountValueFact
    | ClosedFact
    | OddFact
)
