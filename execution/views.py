"""What the engine tells the window: immutable snapshots, and notices that are never dropped.

Arrays are float64 with NaN for unknown (the window shows an em dash) and are never written to after publishing.
A `State` supersedes the earlier one of the same type; a `Notice` is delivered one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from execution.analysis_views import AnalysisState
from execution.brokers.port import Capability
from execution.chain_views import ChainNumbers, ChainStatic
from execution.connection_views import LoginState
from execution.risk_views import RiskBucket
from execution.statement_views import StatementProgress
from execution.suggestion_views import SuggestionsState
from models.account import AccountInfo, AccountValues
from models.contract import Contract
from models.enums import BetaSource, BrokerName, FeedState, MarketDataKind, Metric, Mode, Regime, TradingState
from models.greeks import PortfolioGreeks
from models.ids import AccountId, OrderId
from models.order import Order
from models.risk import RegimeLimits, RiskBreach

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class Phase(StrEnum):
    """Where the desk is in its start-up (which is also its recovery)."""

    STARTING = "STARTING"
    CONNECTING = "CONNECTING"
    RECONCILING = "RECONCILING"
    READY = "READY"
    READ_ONLY = "READ_ONLY"
    FAILED = "FAILED"


# --- states -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeskState:
    """The desk as a whole. `problem` is what keeps it from READY, in words."""

    phase: Phase
    mode: Mode
    broker: BrokerName
    capabilities: frozenset[Capability]
    market_label: str
    trading_state: TradingState
    trading_state_reason: str
    armed: bool
    problem: str
    database_path: str
    #: Every broker that is open, the primary (`broker`) first; empty = that one alone.
    brokers: tuple[BrokerName, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountsState:
    """Accounts, their money, and which one the window shows (None = all)."""

    accounts: tuple[AccountInfo, ...]
    values: tuple[AccountValues, ...]
    selected: AccountId | None
    total: AccountValues | None


@dataclass(frozen=True, slots=True)
class RegimeInfo:
    """The regime, and the VIX levels at which it would change."""

    regime: Regime
    vix: float
    vix3m: float | None
    next_up_at: float | None
    next_down_at: float | None


@dataclass(frozen=True, slots=True)
class MarketState:
    """Header figures. `session` in words ("open, closes 16:15" / "closed until ..."); ages in seconds."""

    at_utc: datetime
    spx_price: float | None
    spx_change_pct: float | None
    vix: float | None
    vix_change: float | None
    regime: RegimeInfo | None
    feed: FeedState
    feed_text: str
    newest_quote_age_s: float | None
    session: str
    odd_objects: int
    #: Of the SPX level; None while there is no quote of it.
    spx_kind: MarketDataKind | None = None
    #: Of several brokers, those that are down while others are sound.
    brokers_down: tuple[BrokerName, ...] = ()


class RowStatus(StrEnum):
    """Why a position's figures are not to be taken at face value."""

    OK = "OK"
    STALE = "STALE"
    NO_QUOTE = "NO_QUOTE"
    ONE_SIDED = "ONE_SIDED"
    NO_VOL = "NO_VOL"
    NO_UNDERLYING = "NO_UNDERLYING"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class PositionRow:
    """The part of a position that changes only when positions do; its numbers are at the same index in BookNumbers."""

    broker: BrokerName
    account_id: AccountId
    contract: Contract
    quantity: Decimal
    average_price: Decimal
    beta: float
    beta_source: BetaSource


@dataclass(frozen=True, slots=True)
class StrategyGroup:
    """Legs that make one strategy.

    `rows` are indices into BookStructure.rows; `quantities` how much of each row belongs here, signed (one row may be
    shared by several groups).
    """

    group_id: str
    underlying: str
    name: str
    tag: str
    rows: tuple[int, ...]
    quantities: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class BookStructure:
    """The book's tree: underlying > strategy > leg. `version` ties BookNumbers to it."""

    version: int
    rows: tuple[PositionRow, ...]
    groups: tuple[StrategyGroup, ...]


class BookNumbers(NamedTuple):
    """Live figures per row of the BookStructure of the same version; dollars, per-unit Greeks as named.

    All risk figures are made of the desk's own `iv` and `unit_delta`; the broker's model stands beside them, NaN where
    it has none, or none of the last 60 s. `is_delayed`: the quote or the underlying's price is a delayed one.
    """

    version: int
    at_utc: datetime
    mark: FloatArray
    market_value: FloatArray
    pnl_open: FloatArray
    pnl_day: FloatArray
    iv: FloatArray
    unit_delta: FloatArray
    underlying_price: FloatArray
    raw_delta: FloatArray
    spx_equiv_delta: FloatArray
    gamma: FloatArray
    theta_per_day: FloatArray
    vega_per_point: FloatArray
    quote_age_s: FloatArray
    extrinsic_value: FloatArray
    status: tuple[RowStatus, ...]
    broker_iv: FloatArray
    broker_delta: FloatArray
    broker_age_s: FloatArray
    is_delayed: BoolArray


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit bar. `utilisation` 1.0 = at the limit; None = no bound on that side or value unknown."""

    metric: Metric
    value: float | None
    low: float | None
    high: float | None
    utilisation: float | None
    is_breached: bool


@dataclass(frozen=True, slots=True)
class ExcludedPosition:
    """A position that is in no total, and why."""

    label: str
    reason: RowStatus


@dataclass(frozen=True, slots=True)
class RiskState:
    """Portfolio Greeks against the regime's limits. `benchmark_price` scales the deltas (SPX, SPY or /ES)."""

    greeks: PortfolioGreeks
    benchmark: str
    benchmark_price: float | None
    dollars_per_one_pct: float | None
    limits: tuple[LimitRow, ...]
    regime_limits: tuple[RegimeLimits, ...]
    by_underlying: tuple[RiskBucket, ...]
    by_expiry: tuple[RiskBucket, ...]
    excluded: tuple[ExcludedPosition, ...]
    defaulted_betas: tuple[str, ...]
    compute_ms: float
    #: Vega with every expiry weighted by sqrt(30 / days left), dollars per vol point; None = unknown.
    vega_30_day: float | None = None
    #: Vega in dollars per point of VIX: each option's vega x its vol / VIX (vol beta 1); None = unknown.
    vega_vix_weighted: float | None = None


@dataclass(frozen=True, slots=True)
class PriceSlice:
    """One row of the price slices table."""

    spot_shift_pct: float
    spot: float
    pnl: float
    spx_equiv_delta: float
    gamma: float
    theta_per_day: float
    vega_per_point: float


@dataclass(frozen=True, slots=True)
class ScenarioState:
    """P&L curve, slices and heat map; all dollars against now, zero shock = exactly zero.

    `curve_*` run over `spots` (SPX levels); `grid[vol, spot]`.
    """

    as_of_utc: datetime
    spot_now: float
    spots: FloatArray
    curve_today: FloatArray
    curve_date: FloatArray
    curve_expiry: FloatArray
    days_forward: float
    last_expiry_days: float
    slices: tuple[PriceSlice, ...]
    grid_spot_shifts_pct: FloatArray
    grid_vol_shifts: FloatArray
    vol_shift_relative: bool
    grid: FloatArray
    expected_move_1d: float | None
    positions: int
    left_out: int
    #: How the figures were worked out, in a trader's words.
    method: str = ""


@dataclass(frozen=True, slots=True)
class OrdersState:
    """Orders of the session, newest first: working ones and those done today; foreign ones are marked."""

    orders: tuple[Order, ...]
    foreign: frozenset[OrderId]


@dataclass(frozen=True, slots=True)
class BreachesState:
    """Open breaches, and those archived lately, newest first.

    `acknowledged`: broken still, but the user has acted on them: not raised again before they have cleared once.
    """

    open: tuple[RiskBreach, ...]
    archived: tuple[RiskBreach, ...]
    acknowledged: frozenset[Metric] = frozenset()


# --- notices ----------------------------------------------------------------------------------------------------------


class Severity(StrEnum):
    """How loud a log line is."""

    INFO = "INFO"
    GOOD = "GOOD"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log panel; `toast` lines are shown over the window for a moment as well."""

    at_utc: datetime
    severity: Severity
    source: str
    text: str
    toast: bool = False


@dataclass(frozen=True, slots=True)
class OrderNotice:
    """An order changed; one notice a change."""

    order: Order
    text: str


@dataclass(frozen=True, slots=True)
class JournalWritten:
    """A journal row was written or edited."""

    journal_id: str


@dataclass(frozen=True, slots=True)
class SnapshotWritten:
    """Snapshot rows were written, or slots recorded as missed."""

    at_utc: datetime
    snapshot_ids: tuple[str, ...]
    missed: int = 0


State = (
    DeskState
    | AccountsState
    | MarketState
    | BookStructure
    | BookNumbers
    | RiskState
    | ScenarioState
    | ChainStatic
    | ChainNumbers
    | OrdersState
    | BreachesState
    | AnalysisState
    | StatementProgress
    | SuggestionsState
    | LoginState
)
Notice = LogLine | OrderNotice | JournalWritten | SnapshotWritten


class Publisher(Protocol):
    """Where the engine puts what it tells; callable from the engine thread, never blocks."""

    def state(self, state: State) -> None:
        """Publishes the newest state of its type."""
        ...

    def notice(self, notice: Notice) -> None:
        """Publishes a notice; every one is delivered, in order."""
        ...
