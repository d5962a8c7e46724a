"""Trades that bring a broken limit back inside: as the search finds them, as the desk verifies them, as they are kept.

Signs and units are the desk's: Greeks of the whole book in dollars per SPX point, per calendar day and per vol point;
money in dollars, a cost positive when paid. None is "not known", never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from models.enums import Metric, Regime
from models.ids import AccountId
from models.order import OrderLeg
from models.risk import Limit


class HedgeKind(StrEnum):
    """What a candidate does."""

    DO_NOTHING = "DO_NOTHING"
    CLOSE = "CLOSE"
    REDUCE = "REDUCE"
    ROLL = "ROLL"
    WING = "WING"
    VERTICAL = "VERTICAL"
    BROKEN_WING = "BROKEN_WING"
    CALENDAR = "CALENDAR"
    INDEX_HEDGE = "INDEX_HEDGE"


class Verdict(StrEnum):
    """What became of a candidate when it was verified; only an OFFERED one may be loaded in a ticket."""

    OFFERED = "OFFERED"
    DOES_NOT_CURE = "DOES_NOT_CURE"
    BREAKS_LIMIT = "BREAKS_LIMIT"
    REFUSED = "REFUSED"
    NOT_LISTED = "NOT_LISTED"
    NO_QUOTE = "NO_QUOTE"
    MARGIN_UNKNOWN = "MARGIN_UNKNOWN"


@dataclass(frozen=True, slots=True)
class LimitEffect:
    """One limit of the regime before and after a trade."""

    limit: Limit
    before: float | None
    after: float | None

    @property
    def metric(self) -> Metric:
        """Which figure."""
        return self.limit.metric

    @property
    def is_broken_before(self) -> bool:
        """Whether the limit is broken without the trade."""
        return self.before is not None and self.limit.is_breached(self.before)

    @property
    def is_broken_after(self) -> bool:
        """Whether the limit is broken with the trade."""
        return self.after is not None and self.limit.is_breached(self.after)


@dataclass(frozen=True, slots=True)
class HedgeCandidate:
    """A trade the search found. `id` is unique within one search and short ("c07"); "do nothing" has no legs.

    limit_price: net of the smallest package at mid, rounded to the tick in the market's favour; positive = debit.
    theta_change_per_day: of the whole book, negative = theta given up. cost_usd: what is paid at mid (negative =
    received); a future's price is not paid. slippage_usd: from mid to the natural price, >= 0. margin_change_usd: by
    the desk's own rules; the broker's answer replaces it. worst_stress_*: the worst rung of the stress ladder, dollars
    of P&L (negative = loss), and its move of the index (-0.12 = a fall of 12 %). cure: share of the excess beyond all
    broken limits that goes away, 0..1. summary: one line in a trader's words, made of the figures here. account_id:
    where it would be traded: the account that holds what it closes, else the input's account for new trades; None
    without legs. shares_cost_usd: what of cost_usd goes into shares, which are worth it; the rest is option premium.
    second_kind: what the second of two trades in one order does, its legs being those from `second_at` on; None when
    it is one trade.
    """

    id: str
    kind: HedgeKind
    legs: tuple[OrderLeg, ...]
    limit_price: Decimal | None
    effects: tuple[LimitEffect, ...]
    cure: float
    theta_change_per_day: float
    cost_usd: float
    slippage_usd: float
    margin_change_usd: float | None
    worst_stress_before_usd: float | None
    worst_stress_after_usd: float | None
    worst_stress_shift: float | None
    summary: str
    account_id: AccountId | None = None
    shares_cost_usd: float = 0.0
    second_kind: HedgeKind | None = None
    second_at: int = 0

    @property
    def trades(self) -> tuple[tuple[HedgeKind, tuple[OrderLeg, ...]], ...]:
        """The one or two trades of the order: what each does, and its legs."""
        if self.second_kind is None:
            return ((self.kind, self.legs),)
        return ((self.kind, self.legs[: self.second_at]), (self.second_kind, self.legs[self.second_at :]))


@dataclass(frozen=True, slots=True)
class Verified:
    """A candidate repriced on the market of `verified_at_utc`, held against all limits and put to the broker's what-if.

    `candidate` carries the figures of that moment. Margins and fees are the broker's; `reason` says in words why it is
    not offered, empty when it is.
    """

    candidate: HedgeCandidate
    verdict: Verdict
    reason: str
    initial_margin_change: Decimal | None
    maintenance_margin_change: Decimal | None
    buying_power_after: Decimal | None
    fees: Decimal | None
    broker_warning: str | None
    verified_at_utc: datetime


@dataclass(frozen=True, slots=True)
class Situation:
    """What the trades are to cure: the limits as they stand, and the market they stand in.

    `trigger_metrics`: the broken limits, worst first. `is_premortem`: nothing is broken yet; `regime` is the one a step
    up would bring, and its limits are those of `effects`.
    """

    at_utc: datetime
    regime: Regime
    effects: tuple[LimitEffect, ...]
    trigger_metrics: tuple[Metric, ...]
    spx_price: float
    vix: float | None
    is_premortem: bool = False


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Constraints of one search; the model may ask for another search with others. None = not constrained.

    max_cost_usd: money paid, shares and spread included.
    """

    max_cost_usd: float | None = None
    max_theta_given_up_per_day: float | None = None
    max_legs: int = 4
    kinds: frozenset[HedgeKind] | None = None
    underlyings: frozenset[str] | None = None
    max_days_to_expiry: int | None = None
