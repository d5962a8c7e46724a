"""Exchange sessions: when the options exchanges trade, and the quarter-hour slots of a session.

XNYS of exchange_calendars is the one calendar whose holidays and half days equal those of the options exchanges; a
product that trades past the stock close (index options, broad ETF options) adds its offset. The calendar knows about
twenty years back and one year ahead: a day outside is unknown, never "closed".
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from models.clock import NEW_YORK
from models.errors import KnownError
from models.product import INDEX_SYMBOLS, option_product

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

SLOT: Final = timedelta(minutes=15)
#: How long index and broad ETF options trade past the stock close.
LATE_CLOSE: Final = timedelta(minutes=15)
_LATE_CLOSING_FUNDS: Final = frozenset({"SPY", "QQQ", "IWM", "DIA"})
_LOOK_AHEAD_DAYS: Final = 14


class SessionUnknown(KnownError):
    """The exchange calendar does not reach the day asked for; it may be open or closed."""


class ExchangeSessions:
    """Sessions of the US options exchanges. The calendar library is imported on the first question."""

    def __init__(self) -> None:
        self._calendar: ExchangeCalendar | None = None
        self._bounds: dict[date, tuple[datetime, datetime] | None] = {}

    def session_bounds_utc(self, day: date) -> tuple[datetime, datetime] | None:
        """Returns opening and close of `day`'s session, None when the exchange is closed; half days included.

        Raises SessionUnknown when the calendar does not reach `day`.
        """
        if day not in self._bounds:
            self._bounds[day] = self._look_up(day)
        return self._bounds[day]

    def product_bounds_utc(
        self, day: date, option_root: str, *, expiry: date | None = None
    ) -> tuple[datetime, datetime] | None:
        """Returns when options of `option_root` trade on `day`: index and broad ETF options close 15 minutes later.

        A series that expires on `day` (`expiry == day`) stops at the stock close. None and errors as above.
        """
        bounds = self.session_bounds_utc(day)
        if bounds is None:
            return None
        return bounds[0], bounds[1] + (timedelta(0) if expiry == day else close_offset(option_root))

    def slots(self, day: date) -> tuple[datetime, ...]:
        """Returns the snapshot slots of `day`, aware UTC: every quarter hour from the opening to before the close.

        26 on a full day (09:30 to 15:45 New York), 14 on a half day, none when closed. Errors as above.
        """
        bounds = self.session_bounds_utc(day)
        if bounds is None:
            return ()
        opening, close = bounds
        return tuple(opening + number * SLOT for number in range((close - opening) // SLOT))

    def is_open(self, now_utc: datetime) -> bool:
        """Returns whether the stock session is on at `now_utc` (opening included, close not). Errors as above."""
        bounds = self.session_bounds_utc(now_utc.astimezone(NEW_YORK).date())
        return bounds is not None and bounds[0] <= now_utc < bounds[1]

    def next_open_utc(self, now_utc: datetime) -> datetime:
        """Returns the first opening after `now_utc`. Errors as above."""
        return next(opening for opening, _ in self._sessions_from(now_utc) if opening > now_utc)

    def next_close_utc(self, now_utc: datetime) -> datetime:
        """Returns the first close after `now_utc`. Errors as above."""
        return next(close for _, close in self._sessions_from(now_utc) if close > now_utc)

    def describe(self, now_utc: datetime) -> str:
        """Returns the header's words: `open, closes 16:00`, `closed, opens Mon 09:30`, or that it is not known."""
        try:
            if self.is_open(now_utc):
                return f"open, closes {self.next_close_utc(now_utc).astimezone(NEW_YORK):%H:%M}"
            opening = self.next_open_utc(now_utc).astimezone(NEW_YORK)
        except SessionUnknown:
            return "session unknown"
        today = now_utc.astimezone(NEW_YORK).date()
        return f"closed, opens {opening:%H:%M}" if opening.date() == today else f"closed, opens {opening:%a %H:%M}"

    def _sessions_from(self, now_utc: datetime) -> Iterator[tuple[datetime, datetime]]:
        first = now_utc.astimezone(NEW_YORK).date()
        for number in range(_LOOK_AHEAD_DAYS):
            bounds = self.session_bounds_utc(first + timedelta(days=number))
            if bounds is not None:
                yield bounds
        raise SessionUnknown(f"No session of the exchange is known in the {_LOOK_AHEAD_DAYS} days from {first}.")

    def _look_up(self, day: date) -> tuple[datetime, datetime] | None:
        calendar = self._loaded()
        first, last = calendar.first_session.date(), calendar.last_session.date()
        if not first <= day <= last:
            raise SessionUnknown(
                f"The exchange calendar reaches from {first} to {last}; whether {day} is a session is not known.",
                cure="Start the desk again to extend it, or update the exchange_calendars package.",
            )
        stamp = day.isoformat()
        if not calendar.is_session(stamp):
            return None
        opening = calendar.session_open(stamp).to_pydatetime().astimezone(UTC)
        return opening, calendar.session_close(stamp).to_pydatetime().astimezone(UTC)

    def _loaded(self) -> ExchangeCalendar:
        if self._calendar is None:
            # A quarter of a second and the whole of pandas: only when somebody asks.
            from exchange_calendars import get_calendar  # noqa: PLC0415

            with warnings.catch_warnings():
                # The library still uses a pandas call that pandas 4 will change; nothing the user could act on.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._calendar = get_calendar("XNYS")
        return self._calendar


def close_offset(option_root: str) -> timedelta:
    """Returns how long past the stock close options of `option_root` trade on a day they do not expire."""
    underlying = option_product(option_root).underlying
    return LATE_CLOSE if underlying in INDEX_SYMBOLS or underlying in _LATE_CLOSING_FUNDS else timedelta(0)
