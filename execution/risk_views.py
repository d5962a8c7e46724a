"""A row of the dashboard's tables by underlying and by expiry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RiskBucket:
    """Sums of one underlying or of one expiry; dollars as PortfolioGreeks."""

    name: str
    positions: int
    market_value: float
    pnl_open: float
    raw_delta: float
    spx_equiv_delta: float
    gamma: float
    theta_per_day: float
    vega_per_point: float
    days_to_expiry: int | None = None
