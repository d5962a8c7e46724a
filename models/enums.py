"""Every closed set of the domain, with stable ASCII values that may be stored and compared."""

from __future__ import annotations

from enum import StrEnum


class BrokerName(StrEnum):
    """Where an account lives; the value is what `trade_journal.broker` holds."""

    PAPER = "PAPER"
    IBKR = "IBKR"
    TASTYTRADE = "TASTYTRADE"


class Mode(StrEnum):
    """Whether orders of a session can cost real money."""

    PAPER = "PAPER"
    LIVE = "LIVE"


class MarginMethod(StrEnum):
    """How a broker works out what an account must hold."""

    REG_T = "reg_t"
    PORTFOLIO = "portfolio"


class InstrumentKind(StrEnum):
    """What kind of thing a contract is."""

    STOCK = "STOCK"
    ETF = "ETF"
    INDEX = "INDEX"
    OPTION = "OPTION"
    FUTURE = "FUTURE"
    FUTURE_OPTION = "FUTURE_OPTION"
    CRYPTO = "CRYPTO"


class Right(StrEnum):
    """Call or put, in the one-letter form of OCC symbols."""

    CALL = "C"
    PUT = "P"


class Settlement(StrEnum):
    """When the settlement price is taken: at the opening (AM) or at the close (PM)."""

    AM = "AM"
    PM = "PM"


class ExerciseStyle(StrEnum):
    """Whether an option may be exercised before expiry."""

    EUROPEAN = "EUROPEAN"
    AMERICAN = "AMERICAN"


class Delivery(StrEnum):
    """What an option that ends in the money turns into."""

    CASH = "CASH"
    UNDERLYING = "UNDERLYING"


class Action(StrEnum):
    """Side of an order leg or of an execution."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL."""
        return 1 if self is Action.BUY else -1

    @property
    def opposite(self) -> Action:
        """The other side."""
        return Action.SELL if self is Action.BUY else Action.BUY


class OrderType(StrEnum):
    """Order types of the desk."""

    LIMIT = "LMT"
    MARKET = "MKT"
    MARKET_ON_CLOSE = "MOC"


class TimeInForce(StrEnum):
    """How long an order works."""

    DAY = "DAY"
    GTC = "GTC"


class OrderStatus(StrEnum):
    """Life of an order; the legal steps between them are in `models.order_status`."""

    DRAFT = "DRAFT"
    SIMULATED = "SIMULATED"
    PENDING = "PENDING"
    PARTIAL = "PARTIAL"
    CANCEL_PENDING = "CANCEL_PENDING"
    UNKNOWN = "UNKNOWN"
    FILLED = "FILLED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"


class JournalStatus(StrEnum):
    """How the trade event of a journal row ended."""

    FILLED = "FILLED"
    PARTIAL = "PARTIAL"
    CANCELLED = "CANCELLED"


class Regime(StrEnum):
    """Volatility regime; the risk limits depend on it."""

    LOW_VOL = "LOW_VOL"
    MEDIUM_VOL = "MEDIUM_VOL"
    HIGH_VOL = "HIGH_VOL"
    CRISIS = "CRISIS"


class BetaSource(StrEnum):
    """Where a beta came from, best first."""

    EXACT = "exact"
    OVERRIDE = "override"
    TASTYTRADE = "tastytrade"
    YFINANCE = "yfinance"
    CONFIG = "config"
    DEFAULT = "default"


class Metric(StrEnum):
    """Portfolio figures that can carry a limit."""

    SPX_DELTA = "spx_delta"
    GAMMA = "gamma"
    THETA = "theta"
    VEGA = "vega"
    MARGIN_USED_PCT = "margin_used_pct"

    @property
    def label(self) -> str:
        """Its name in a trader's words, as headers and bars show it."""
        return _METRIC_LABELS[self]


_METRIC_LABELS = {
    Metric.SPX_DELTA: "SPX delta",
    Metric.GAMMA: "Gamma",
    Metric.THETA: "Theta",
    Metric.VEGA: "Vega",
    Metric.MARGIN_USED_PCT: "Margin",
}


class MarketDataKind(StrEnum):
    """How far a quote can be trusted for trading."""

    LIVE = "LIVE"
    DELAYED = "DELAYED"
    FROZEN = "FROZEN"
    SIMULATED = "SIMULATED"


class FeedState(StrEnum):
    """Health of the connection to a broker."""

    CONNECTING = "CONNECTING"
    LIVE = "LIVE"
    STALE = "STALE"
    DOWN = "DOWN"


class TradingState(StrEnum):
    """Whether the desk may send: ACTIVE all, REDUCING only closing orders, HALTED nothing. Cancels always pass."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class BreachState(StrEnum):
    """Life of a risk breach (002 section 3)."""

    DETECTED = "DETECTED"
    REQUESTED = "REQUESTED"
    POPULATED = "POPULATED"
    SHOWN = "SHOWN"
    ARCHIVED = "ARCHIVED"


class SnapshotKind(StrEnum):
    """Why an account snapshot exists."""

    SCHEDULED = "SCHEDULED"
    ON_DEMAND = "ON_DEMAND"
    MISSED = "MISSED"
