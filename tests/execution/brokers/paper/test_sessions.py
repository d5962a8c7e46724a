"""Session closes on weekdays, weekends and early closes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from execution.brokers.paper.sessions import WeekdaySessions, is_open, last_close_utc, next_close_utc

WEEK = WeekdaySessions()


@pytest.mark.parametrize(
    ("now", "following", "previous"),
    [
        ("2026-11-16T15:00", "2026-11-16T21:00", "2026-11-13T21:00"),
        ("2026-11-16T21:00", "2026-11-17T21:00", "2026-11-16T21:00"),
        ("2026-11-21T12:00", "2026-11-23T21:00", "2026-11-20T21:00"),
        ("2026-11-27T15:00", "2026-11-27T18:00", "2026-11-26T21:00"),
        ("2026-07-06T19:59", "2026-07-06T20:00", "2026-07-03T20:00"),
    ],
)
def test_the_next_and_the_last_close_enclose_now(now: str, following: str, previous: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert next_close_utc(WEEK, at) == datetime.fromisoformat(following).replace(tzinfo=UTC)
    assert last_close_utc(WEEK, at) == datetime.fromisoformat(previous).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "opened"),
    [
        ("2026-11-16T14:29", False),
        ("2026-11-16T14:30", True),
        ("2026-11-16T20:59", True),
        ("2026-11-16T21:00", False),
        ("2026-11-21T16:00", False),
    ],
)
def test_the_exchange_is_open_from_the_opening_until_the_close(now: str, *, opened: bool) -> None:
    assert is_open(WEEK, datetime.fromisoformat(now).replace(tzinfo=UTC)) is opened


def test_a_calendar_without_sessions_is_an_error_and_not_an_endless_search() -> None:
    class Closed:
        def session_bounds_utc(self, day: date) -> tuple[datetime, datetime] | None:
            return None

    at = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)
    with pytest.raises(ValueError, match="no session within"):
        next_close_utc(Closed(), at)
    assert last_close_utc(Closed(), at) is None
