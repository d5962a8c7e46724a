"""Portfolio sensitivities. Signs and units as design section 4: theta per calendar day, vega per vol point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PortfolioGreeks:
    """The whole book, SPX beta-weighted (002 section 2.2).

    `spx_equiv_delta` in dollars per SPX point, `gamma` in deltas per SPX point, `theta` in dollars per calendar day,
    `vega` in dollars per vol point. Positions without a usable price or Greek are not in the sums but in
    `excluded_count`; `beta_unavailable_count` are those that took the default beta of 1.
    """

    timestamp: datetime
    spx_equiv_delta: float
    gamma: float
    theta: float
    vega: float
    beta_unavailable_count: int
    excluded_count: int = 0

    def as_journal(self) -> dict[str, float | None]:
        """Returns the object `trade_journal.pre_greeks_json` and `post_greeks_json` hold; unknown is null."""
        return {
            "spx_delta": _known(self.spx_equiv_delta),
            "gamma": _known(self.gamma),
            "theta": _known(self.theta),
            "vega": _known(self.vega),
            "excluded": self.excluded_count,
            "beta_defaulted": self.beta_unavailable_count,
        }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


@dataclass(frozen=True, slots=True)
class UnitGreeks:
    """Per-unit Greeks of one contract (before quantity and multiplier)."""

    price: float
    vol: float | None
    delta: float
    gamma: float
    theta_per_day: float
    vega_per_point: float
