"""Implied volatility of a whole underlying: its rank in time, its forwards, and its smile across strikes."""

from analytics.volatility.american_parity import (
    EuropeanPrices,
    american_parity_line,
    european_equivalent,
    implied_spot,
)
from analytics.volatility.chain import ChainVols, VolStatus, chain_vols
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
from analytics.volatility.smile import OUTLIER_SD, fit_smiles, vol_uncertainty
from analytics.volatility.surface import Region, SmileReport, SmileStatus, SmileSurface, SmileVols

__all__ = [
    "DEFAULT_STRIKES",
    "OUTLIER_SD",
    "ChainVols",
    "EuropeanPrices",
    "IvPercentile",
    "IvRank",
    "ParityForward",
    "ParityLine",
    "ParityStatus",
    "RankStatus",
    "RateCurve",
    "Region",
    "SmileReport",
    "SmileStatus",
    "SmileSurface",
    "SmileVols",
    "VolStatus",
    "american_parity_line",
    "chain_vols",
    "european_equivalent",
    "fit_rate_curve",
    "fit_smiles",
    "forward_price",
    "implied_dividend_yield",
    "implied_spot",
    "iv_percentile",
    "iv_rank",
    "parity_forward",
    "parity_line",
    "vol_uncertainty",
]
