"""Trading sessions of the paper market where no exchange calendar was handed in."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from execution.storage import SessionCalendar
from models.clock import NEW_YORK
from models.enums import Settlement
from models.expiry import settlement_instant_utc

_SATURDAY: Final = 5
_LONGEST_GAP_DAYS: Final = 10


class WeekdaySessions:
    """Every weekday 09:30 to 16:00 New York, 13:00 on the standing early closes; knows no holidays."""

    def session_bounds_utc(self, day: date) -> tuple[datetime, datetime] | None:
        """Returns opening and close of `day`'s session, None at the weekend."""
        if day.weekday() >= _SATURDAY:
            return None
        opening = datetime.combine(day, time(9, 30), tzinfo=NEW_YORK).astimezone(UTC)
        return opening, settlement_instant_utc(day, Settlement.PM)


def is_open(calendar: SessionCalendar, at_utc: datetime) -> bool:
    """Returns whether the exchange trades at `at_utc`."""
    bounds = calendar.session_bounds_utc(at_utc.astimezone(NEW_YORK).date())
    return bounds is not None and bounds[0] <= at_utc < bounds[1]


def next_close_utc(calendar: SessionCalendar, after_utc: datetime) -> datetime:
    """Returns the first session close later than `after_utc`; raises ValueError when none comes within ten days."""
    day = after_utc.astimezone(NEW_YORK).date()
    for offset in range(_LONGEST_GAP_DAYS + 1):
        bounds = calendar.session_bounds_utc(day + timedelta(days=offset))
        if bounds is not None and bounds[1] > after_utc:
            return bounds[1]
    raise ValueError(f"the calendar has no session within {_LONGEST_GAP_DAYS} days of {after_utc:%Y-%m-%d}")


def last_close_utc(calendar: SessionCalendar, until_utc: datetime) -> datetime | None:
    """Returns the newest session close at or before `until_utc`; None when the last ten days had none."""
    day = until_utc.astimezone(NEW_YORK).date()
    for offset in range(_LONGEST_GAP_DAYS + 1):
        bounds = calendar.session_bounds_utc(day - timedelta(days=offset))
        if bounds is not None and bounds[1] <= until_utc:
            return bounds[1]
    return None
