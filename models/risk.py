"""Limits by regime, breaches, and the trades offered against them (002 sections 2.6-2.7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.enums import BreachState, Metric, Regime
from models.order import OrderLeg


@dataclass(frozen=True, slots=True)
class Limit:
    """Bounds of one metric; None = not bounded on that side."""

    metric: Metric
    low: float | None
    high: float | None

    def utilisation(self, value: float) -> float | None:
        """Returns the share of the limit used (1.0 = at the limit); None when that side is not bounded."""
        bound = self.high if value >= 0 else self.low
        if value == 0:
            return 0.0
        if bound is None:
            return None
        if bound == 0 or (bound > 0) != (value > 0):
            return float("inf")
        return value / bound

    def is_breached(self, value: float) -> bool:
        """Returns whether `value` lies outside the bounds."""
        return (self.low is not None and value < self.low) or (self.high is not None and value > self.high)


@dataclass(frozen=True, slots=True)
class RegimeLimits:
    """The limits that hold in one regime."""

    regime: Regime
    limits: tuple[Limit, ...]

    def of(self, metric: Metric) -> Limit | None:
        """Returns the limit of a metric, None when it has none."""
        return next((limit for limit in self.limits if limit.metric is metric), None)


@dataclass(frozen=True, slots=True)
class AITradeSuggestion:
    """A trade offered against a breach; `id` is what `trade_journal.ai_suggestion_id` points at."""

    id: str
    legs: tuple[OrderLeg, ...]
    projected_delta_change: float
    projected_theta_cost: float
    rationale: str


@dataclass(frozen=True, slots=True)
class RiskBreach:
    """A limit that is broken, from its detection until it clears or the user acts."""

    id: str
    #: e.g. VEGA_TOO_LOW, SPX_DELTA_TOO_HIGH
    breach_type: str
    metric: Metric
    threshold: float
    actual_value: float
    regime: Regime
    detected_at: datetime
    state: BreachState = BreachState.DETECTED
    archived_at: datetime | None = None
    suggestions: tuple[AITradeSuggestion, ...] = ()
