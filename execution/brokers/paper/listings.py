"""Which expirations and strikes the exchanges list, for the synthetic market.

Expirations on a holiday move to the business day before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from models.business_days import business_day_on_or_before, is_business_day, month_end, monthly_expiration

_DAY: Final = timedelta(days=1)
_THURSDAY, _FRIDAY = 3, 4
_SATURDAY, _SUNDAY = 5, 6


@dataclass(frozen=True, slots=True)
class ExpiryPlan:
    """Which expirations a root has, counted from a day.

    `daily_days` every business day within so many days (`weekdays` narrows them), `weekly_days` every Friday,
    `monthly_months` third Fridays, `month_end_months` last business days, `leap_years` Decembers (and Januaries of
    stocks) beyond.
    """

    root: str
    daily_days: int = 0
    weekdays: frozenset[int] = frozenset(range(5))
    weekly_days: int = 0
    monthly_months: int = 0
    month_end_months: int = 0
    leap_years: int = 0
    leap_months: tuple[int, ...] = (12,)

    def expiries(self, today: date) -> tuple[date, ...]:
        """Returns the expirations listed on `today`, in date order, today's own included."""
        return tuple(sorted({day for day in self._candidates(today) if day >= today}))

    def _candidates(self, today: date) -> Iterator[date]:
        for number in range(self.daily_days + 1 if self.daily_days else 0):
            day = today + timedelta(days=number)
            if day.weekday() in self.weekdays and is_business_day(day):
                yield day
        for number in range(self.weekly_days + 1 if self.weekly_days else 0):
            day = today + timedelta(days=number)
            if day.weekday() == _FRIDAY:
                yield business_day_on_or_before(day)
        for number in range(max(self.monthly_months, self.month_end_months) + 1):
            year, month = today.year + (today.month - 1 + number) // 12, (today.month - 1 + number) % 12 + 1
            if number <= self.monthly_months and self.monthly_months:
                yield monthly_expiration(year, month)
            if number <= self.month_end_months and self.month_end_months:
                yield month_end(year, month)
        for number in range(self.leap_years + 1 if self.leap_years else 0):
            for month in self.leap_months:
                yield monthly_expiration(today.year + number, month)


_STOCK_WEEKDAYS: Final = frozenset({0, 2, 4})


def expiry_plans(underlying: str) -> tuple[ExpiryPlan, ...]:
    """Returns the expiration plans of an underlying's roots, as the exchanges list them."""
    if underlying == "SPX":
        return (
            ExpiryPlan("SPXW", daily_days=38, weekly_days=60, monthly_months=4, month_end_months=12),
            ExpiryPlan("SPX", monthly_months=12, leap_years=5, leap_months=(6, 12)),
        )
    if underlying == "XSP":
        return (ExpiryPlan("XSP", daily_days=12, weekly_days=45, monthly_months=6, month_end_months=3),)
    if underlying in {"SPY", "QQQ"}:
        plan = ExpiryPlan(underlying, 12, weekly_days=45, monthly_months=9, month_end_months=6, leap_years=2)
        return (plan,)
    return (
        ExpiryPlan(
            underlying,
            12,
            weekdays=_STOCK_WEEKDAYS,
            weekly_days=45,
            monthly_months=8,
            leap_years=2,
            leap_months=(1, 6, 12),
        ),
    )


@dataclass(frozen=True, slots=True)
class StrikeBand:
    """Strikes every `step` from `low` to `high`, both fractions of the reference level."""

    low: float
    high: float
    step: Decimal


def _bands(*rows: tuple[float, float, str]) -> tuple[StrikeBand, ...]:
    return tuple(StrikeBand(low, high, Decimal(step)) for low, high, step in rows)


_INDEX_NEAR: Final = _bands(
    (0.93, 1.05, "5"), (0.86, 1.08, "10"), (0.75, 1.12, "25"), (0.5, 1.2, "100"), (0.35, 1.3, "200")
)
_INDEX_MID: Final = _bands(
    (0.95, 1.05, "5"), (0.85, 1.1, "10"), (0.65, 1.18, "25"), (0.45, 1.3, "100"), (0.25, 1.6, "200")
)
_INDEX_FAR: Final = _bands((0.75, 1.2, "25"), (0.6, 1.3, "50"), (0.45, 1.5, "100"), (0.2, 1.7, "200"))
_INDEX_LEAP: Final = _bands((0.75, 1.3, "100"), (0.25, 2.0, "200"))
_FUND_NEAR: Final = _bands((0.88, 1.08, "1"), (0.7, 1.15, "5"))
_FUND_FAR: Final = _bands((0.75, 1.2, "5"), (0.4, 1.5, "10"))
_STOCK_NEAR: Final = _bands((0.85, 1.15, "2.5"), (0.6, 1.45, "5"))
_STOCK_FAR: Final = _bands((0.7, 1.35, "5"), (0.4, 1.9, "10"))


_Ladder = tuple[tuple[int, tuple[StrikeBand, ...]], ...]
#: Bands that are added once an expiration is at most so many days away.
_INDEX_LADDER: Final[_Ladder] = ((10, _INDEX_NEAR), (120, _INDEX_MID), (500, _INDEX_FAR), (10_000, _INDEX_LEAP))
_FUND_LADDER: Final[_Ladder] = ((200, _FUND_NEAR), (10_000, _FUND_FAR))
_STOCK_LADDER: Final[_Ladder] = ((60, _STOCK_NEAR), (10_000, _STOCK_FAR))


def strike_bands(underlying: str, days: int) -> tuple[StrikeBand, ...]:
    """Returns the strike bands of an expiration `days` calendar days away.

    What was listed when it was farther away stays listed: strikes are added as it comes nearer, never taken away.
    """
    if underlying == "SPX" or underlying.startswith("/"):
        ladder = _INDEX_LADDER
    else:
        ladder = _FUND_LADDER if underlying in {"SPY", "QQQ", "XSP"} else _STOCK_LADDER
    return tuple(band for within, bands in ladder if days <= within for band in bands)


def listed_strikes(levels: Sequence[float], bands: Sequence[StrikeBand]) -> tuple[Decimal, ...]:
    """Returns the strikes around every reference level, ascending, each a whole multiple of its band's step."""
    found: set[Decimal] = set()
    for level in levels:
        for band in bands:
            first, last = int(level * band.low / float(band.step)) + 1, int(level * band.high / float(band.step))
            found.update(band.step * number for number in range(first, last + 1))
    return tuple(sorted(found))
