"""The only place that reads the time. Aware UTC in, aware UTC out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

#: Market schedules are New York time; the user's own zone is for display only.
NEW_YORK = ZoneInfo("America/New_York")


class Clock(Protocol):
    """Tells the time of the desk."""

    def now_utc(self) -> datetime:
        """Returns the aware UTC time."""
        ...


class SystemClock:
    """The computer's own clock."""

    def now_utc(self) -> datetime:
        """Returns the aware UTC time of the computer."""
        return datetime.now(UTC)


class OffsetClock:
    """Runs at the pace of `base`, a fixed time away from it: a recorded market lives on its own day."""

    def __init__(self, *, base: Clock, offset: timedelta) -> None:
        self._base = base
        self.offset = offset

    def now_utc(self) -> datetime:
        """Returns the base clock's time plus the offset."""
        return self._base.now_utc() + self.offset


class ManualClock:
    """Stands still until told to move: tests, and headless runs that must be repeatable."""

    def __init__(self, start_utc: datetime) -> None:
        self._now_utc = require_utc(start_utc)

    def now_utc(self) -> datetime:
        """Returns the time last set."""
        return self._now_utc

    def advance(self, by: timedelta) -> None:
        """Moves the clock on."""
        self._now_utc += by

    def set(self, now_utc: datetime) -> None:
        """Sets the clock."""
        self._now_utc = require_utc(now_utc)


def require_utc(at: datetime) -> datetime:
    """Returns `at` unchanged; raises ValueError unless it is aware and in UTC."""
    if at.utcoffset() != timedelta(0):
        raise ValueError(f"time must be aware UTC, got {at!r}")
    return at


def to_iso(at_utc: datetime) -> str:
    """Returns ISO-8601 UTC with microseconds and a `Z`, the form the database holds."""
    return require_utc(at_utc).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def from_iso(text: str) -> datetime:
    """Returns the aware UTC datetime of an ISO-8601 text ending in `Z`; raises ValueError otherwise."""
    if not text.endswith("Z"):
        raise ValueError(f"not an ISO-8601 UTC time ending in Z: {text!r}")
    return datetime.fromisoformat(text)


def epoch_s(at_utc: datetime) -> float:
    """Returns POSIX seconds of an aware time, the form the numeric core takes."""
    return require_utc(at_utc).timestamp()


def new_york_time(at_utc: datetime) -> datetime:
    """Returns the same instant on a New York clock."""
    return at_utc.astimezone(NEW_YORK)
