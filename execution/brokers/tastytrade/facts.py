"""What Tastytrade said, as frozen values without any library in them: the edge where the wire ends.

Signs are the desk's: quantities of positions signed (short < 0), net prices debit positive, money that leaves the
account negative in `cash_effect`s and positive in fees, margin changes positive when margin grows. Numbers are Decimal
or None ("NaN", absent); times aware UTC. Symbols stay Tastytrade's own; the contract codec makes keys of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class TastyAccount:
    """An account of the login."""

    account_number: str
    nickname: str
    account_type: str
    margin_or_cash: str
    is_closed: bool
    #: "Reg T", "Portfolio Margin", "IRA Margin"; empty when not told.
    margin_type: str
    #: False: read-only by authority or scope.
    may_trade: bool
    #: Who the login is to the account: "owner", "trade-only", "read-only"; empty when not told.
    authority: str = ""
    #: Tastytrade has frozen it.
    is_frozen: bool = False


@dataclass(frozen=True, slots=True)
class TastyBalance:
    """An account's money, dollars."""

    account_number: str
    net_liquidation: Decimal | None
    cash: Decimal | None
    derivative_buying_power: Decimal | None
    initial_margin: Decimal | None
    maintenance_margin: Decimal | None
    updated_at_utc: datetime | None


@dataclass(frozen=True, slots=True)
class TastyPosition:
    """A holding. `instrument_type` in Tastytrade's words ("Equity Option"); quantity signed."""

    account_number: str
    symbol: str
    instrument_type: str
    underlying_symbol: str
    quantity: Decimal
    multiplier: Decimal | None
    average_open_price: Decimal | None
    close_price: Decimal | None
    expires_at_utc: datetime | None
    updated_at_utc: datetime | None


@dataclass(frozen=True, slots=True)
class TastyFill:
    """One fill of one leg; deduplicated by (order id, symbol, fill id)."""

    fill_id: str
    quantity: Decimal
    price: Decimal
    at_utc: datetime


@dataclass(frozen=True, slots=True)
class TastyLeg:
    """One leg of an order. `action` in Tastytrade's words ("Sell to Open")."""

    symbol: str
    instrument_type: str
    action: str
    quantity: Decimal
    remaining: Decimal
    fills: tuple[TastyFill, ...]


@dataclass(frozen=True, slots=True)
class TastyOrder:
    """An order in full, as REST and alerts tell it. `net_price`: debit positive, None for market orders."""

    order_id: str
    account_number: str
    external_identifier: str
    source: str
    status: str
    order_type: str
    time_in_force: str
    net_price: Decimal | None
    size: Decimal
    legs: tuple[TastyLeg, ...]
    replaces_order_id: str
    replacing_order_id: str
    reject_reason: str
    received_at_utc: datetime | None
    updated_at_utc: datetime | None
    terminal_at_utc: datetime | None


@dataclass(frozen=True, slots=True)
class TastyTransaction:
    """One leg of one fill, a settlement, or money that moved. `fees` positive = paid; None where absent."""

    transaction_id: str
    account_number: str
    transaction_type: str
    sub_type: str
    symbol: str
    instrument_type: str
    underlying_symbol: str
    action: str
    quantity: Decimal | None
    price: Decimal | None
    cash_effect: Decimal | None
    fees: Decimal | None
    are_fees_estimated: bool
    order_id: str
    #: Joins a fill of the order to its transaction.
    fill_id: str
    executed_at_utc: datetime | None
    description: str


@dataclass(frozen=True, slots=True)
class TastyDryRun:
    """What an order would need: margin and buying power changes positive when more is needed; fees positive = paid."""

    margin_change: Decimal | None
    isolated_margin: Decimal | None
    buying_power_change: Decimal | None
    buying_power_before: Decimal | None
    buying_power_after: Decimal | None
    fees: Decimal | None
    warnings: tuple[str, ...]
    #: (code, message) of each error; a refusal may carry figures too.
    errors: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TastyQuote:
    """A market, coalesced. A bid that DXLink sends as NaN beside an ask is a zero bid: `bid` 0."""

    streamer_symbol: str
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    bid_size: int | None
    ask_size: int | None
    previous_close: Decimal | None
    received_at_utc: datetime


@dataclass(frozen=True, slots=True)
class TastyGreeks:
    """The broker's Greeks of an option; vega per vol point, theta per day."""

    streamer_symbol: str
    implied_vol: float | None
    delta: float | None
    gamma: float | None
    theta_per_day: float | None
    vega_per_point: float | None
    received_at_utc: datetime


@dataclass(frozen=True, slots=True)
class TastyMetrics:
    """Market metrics of a symbol; fractions, not per cent."""

    symbol: str
    beta: float | None
    iv_rank: float | None
    iv_percentile: float | None
    iv_index: float | None
    liquidity_rating: int | None = None
    #: When it is told, to be expected or done: may be past.
    earnings_on: date | None = None


@dataclass(frozen=True, slots=True)
class TastyTick:
    """An increment below a threshold; None = from there on."""

    value: Decimal
    threshold: Decimal | None


@dataclass(frozen=True, slots=True)
class TastyStrike:
    """A strike with the symbols of both sides, and their streamer symbols."""

    strike: Decimal
    call: str
    put: str
    call_streamer: str
    put_streamer: str


@dataclass(frozen=True, slots=True)
class TastyExpiration:
    """One expiration of one root. `settlement` AM or PM."""

    root: str
    underlying_symbol: str
    expiration: date
    settlement: str
    ticks: tuple[TastyTick, ...]
    multiplier: Decimal
    strikes: tuple[TastyStrike, ...]
    #: Of the future an option is on (`/ESZ6`), empty for equity options.
    future_symbol: str = ""


@dataclass(frozen=True, slots=True)
class OddObject:
    """Something that could not be read: kept raw (shortened), counted and shown; the rest of its list stands."""

    source: str
    what: str
    raw: str


@dataclass(frozen=True, slots=True)
class StreamFact:
    """A stream came up or went down. `name` is "alerts" or "quotes"; `is_gap`: messages were missed (ws-sequence)."""

    name: str
    is_up: bool
    reason: str = ""
    is_gap: bool = False


AlertFact = TastyOrder | TastyBalance | TastyPosition | OddObject | StreamFact
MarketFact = TastyQuote | TastyGreeks | OddObject | StreamFact
