"""Business days of the US stock and options exchanges, by their standing rules.

The rules reach any year (LEAPS run past the range of the exchange calendar); a test holds them against XNYS. Closings
nobody could foresee are not in them.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from models.product import third_friday

_DAY: Final = timedelta(days=1)
_THURSDAY = 3
_SATURDAY, _SUNDAY = 5, 6


@lru_cache(maxsize=128)
def exchange_holidays(year: int) -> frozenset[date]:
    """Returns the standing holidays of the US stock and options exchanges in `year` (weekdays on which they close)."""
    fixed = [_observed(date(year, 7, 4)), _observed(date(year, 12, 25))]
    new_year = date(year, 1, 1)
    # New Year's Day on a Saturday is not made up on the Friday before: that is the old year's last business day.
    if new_year.weekday() != _SATURDAY:
        fixed.append(_observed(new_year))
    if year >= 2022:
        fixed.append(_observed(date(year, 6, 19)))
    floating = [
        _nth_weekday(year, 1, 0, 3),
        _nth_weekday(year, 2, 0, 3),
        easter_sunday(year) - 2 * _DAY,
        _nth_weekday(year, 6, 0, 1) - 7 * _DAY,
        _nth_weekday(year, 9, 0, 1),
        _nth_weekday(year, 11, _THURSDAY, 4),
    ]
    return frozenset(fixed + floating)


def is_business_day(day: date) -> bool:
    """Returns whether the exchanges trade on `day` by the standing rules."""
    return day.weekday() < _SATURDAY and day not in exchange_holidays(day.year)


def business_day_on_or_before(day: date) -> date:
    """Returns `day`, or the business day before it."""
    while not is_business_day(day):
        day -= _DAY
    return day


def monthly_expiration(year: int, month: int) -> date:
    """Returns the standard monthly expiration, moved off a holiday."""
    return business_day_on_or_before(third_friday(year, month))


def month_end(year: int, month: int) -> date:
    """Returns the last business day of a month."""
    following = date(year + month // 12, month % 12 + 1, 1)
    return business_day_on_or_before(following - _DAY)


def easter_sunday(year: int) -> date:
    """Returns Easter Sunday (the anonymous Gregorian computus, Meeus, Astronomical Algorithms, chapter 8)."""
    golden, century, rest = year % 19, year // 100, year % 100
    leap, short = divmod(century, 4)
    shift = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap - shift + 15) % 30
    quad, left = divmod(rest, 4)
    weekday = (32 + 2 * short + 2 * quad - epact - left) % 7
    correction = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * correction + 114, 31)
    return date(year, month, day + 1)


def _observed(day: date) -> date:
    if day.weekday() == _SATURDAY:
        return day - _DAY
    return day + _DAY if day.weekday() == _SUNDAY else day


def _nth_weekday(year: int, month: int, weekday: int, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))
