"""When a suggestion can be marked: at its due time while the exchange is open, else by the next session's first quotes.

A mark that would be made too late would say something of another time than its own, so it is recorded as not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from execution.storage import SessionCalendar
from models.clock import new_york_time
from models.errors import KnownError
from models.suggestion_records import DueMark, Horizon

#: The first quotes of a session are wide, and the last of one stand a while.
_AFTER_OPENING: Final = timedelta(minutes=5)
_AFTER_CLOSE: Final = timedelta(minutes=15)
_LATEST: Final = {Horizon.HOUR: timedelta(hours=1), Horizon.DAY: timedelta(days=1)}
_LOOK_AHEAD_DAYS: Final = 14
#: Less than this is not worth a word.
_ON_TIME: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Appointment:
    """What is to be done about a due mark now. `is_lost`: too late, recorded as not known; `note` in words."""

    is_ready: bool
    is_lost: bool
    note: str


class Appointments:
    """Asks the exchange calendar; a market without hours is always open. Where the calendar ends, quotes decide."""

    def __init__(self, calendar: SessionCalendar, *, keeps_hours: bool) -> None:
        self._calendar = calendar
        self._keeps_hours = keeps_hours

    def about(self, due: DueMark, now_utc: datetime) -> Appointment:
        """Returns what to do about a mark that is due."""
        wanted = self._wanted(due.due_utc)
        late = now_utc - wanted
        if late < timedelta(0):
            return Appointment(is_ready=False, is_lost=False, note="")
        words = () if late <= _ON_TIME else (f"{_told(late)} late",)
        if self._is_too_late(due, wanted, now_utc):
            return Appointment(is_ready=False, is_lost=True, note=f"not known: {words[0] if words else 'too late'}")
        moved = () if wanted == due.due_utc else ("the exchange was closed when it was due",)
        return Appointment(is_ready=self._wanted(now_utc) == now_utc, is_lost=False, note="; ".join((*moved, *words)))

    def last_session(self, now_utc: datetime) -> date | None:
        """Returns the newest day with a session before today, whose close quotes carry; None when it is not known."""
        today = new_york_time(now_utc).date()
        days = (today - timedelta(days=number) for number in range(1, _LOOK_AHEAD_DAYS))
        try:
            return next((day for day in days if self._calendar.session_bounds_utc(day) is not None), None)
        except KnownError:
            return None

    def _wanted(self, at_utc: datetime) -> datetime:
        """The first instant from `at_utc` on at which there are quotes to mark by."""
        if not self._keeps_hours:
            return at_utc
        try:
            sessions = self._sessions_from(at_utc)
        except KnownError:
            return at_utc
        times = (max(at_utc, opening + _AFTER_OPENING) for opening, close in sessions if at_utc < close + _AFTER_CLOSE)
        return next(times, at_utc)

    def _is_too_late(self, due: DueMark, wanted: datetime, now_utc: datetime) -> bool:
        latest = _LATEST.get(due.horizon)
        if latest is not None:
            return now_utc - wanted > latest
        # At expiry: what was settled can be seen until the end of the session after.
        try:
            sessions = self._sessions_from(due.due_utc)
        except KnownError:
            sessions = []
        ends = next((close for opening, close in sessions if opening > due.due_utc), due.due_utc + timedelta(days=1))
        return now_utc >= ends + _AFTER_CLOSE

    def _sessions_from(self, at_utc: datetime) -> list[tuple[datetime, datetime]]:
        first = new_york_time(at_utc).date()
        days = (first + timedelta(days=number) for number in range(_LOOK_AHEAD_DAYS))
        found = (self._calendar.session_bounds_utc(day) for day in days)
        return [bounds for bounds in found if bounds is not None]


def _told(late: timedelta) -> str:
    if late < timedelta(hours=2):
        return f"{late // timedelta(minutes=1)} min"
    if late < timedelta(days=2):
        return f"{late // timedelta(hours=1)} h"
    return f"{late // timedelta(days=1)} days"
