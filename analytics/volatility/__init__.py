"""Implied volatility of a whole underlying: its rank in time, its forwards, and its smile across strikes."""

from analytics.volatility.forwards import (
    DEFAULT_STRIKES,
    ParityForward,
    forward_price,
    implied_dividend_yield,
    parity_forward,
)
from analytics.volatility.parity import (
    ParityLine,
    ParityStatus,
    RateCurve,
    fit_rate_curve,
    parity_line,
)
from analytics.volatility.rank import IvPercentile, IvRank, RankStatus, iv_percentile, iv_rank

__all__ = [
    "DEFAULT_STRIKES",
    "IvPercentile",
    "IvRank",
    "ParityForward",
    "ParityLine",
    "ParityStatus",
    "RankStatus",
    "RateCurve",
    "fit_rate_curve",
    "forward_price",
    "implied_dividend_yield",
    "iv_percentile",
    "iv_rank",
    "parity_forward",
    "parity_line",
]
