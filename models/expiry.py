"""The exact instant at which an option settles."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from models.clock import NEW_YORK
from models.enums import Settlement

_OPEN = time(9, 30)
_CLOSE = time(16, 0)
_EARLY_CLOSE = time(13, 0)
_THURSDAY = 3


def is_early_close(day: date) -> bool:
    """Returns whether US options close at 13:00 New York on `day`.

    The exchanges' standing rule: the day after Thanksgiving, and July 3 and December 24 when they are Monday to
    Thursday (on a Friday the holiday itself is observed). The test holds it against the XNYS calendar, 2010-2027.
    """
    if (day.month, day.day) in ((7, 3), (12, 24)):
        return day.weekday() <= _THURSDAY
    return day.month == 11 and day.weekday() == 4 and 23 <= day.day <= 29


def settlement_instant_utc(expiry: date, settlement: Settlement) -> datetime:
    """Returns when the settlement price of `expiry` is fixed, aware UTC.

    PM: the close, 16:00 New York (13:00 on an early close). AM: the opening, 09:30 New York.
    """
    close = _EARLY_CLOSE if is_early_close(expiry) else _CLOSE
    at = _OPEN if settlement is Settlement.AM else close
    return datetime.combine(expiry, at, tzinfo=NEW_YORK).astimezone(UTC)


def days_to_expiry(expiry: date, now_utc: datetime) -> int:
    """Returns DTE as traders count it: calendar days from today's New York date to `expiry` (0 = today)."""
    return (expiry - now_utc.astimezone(NEW_YORK).date()) // timedelta(days=1)
