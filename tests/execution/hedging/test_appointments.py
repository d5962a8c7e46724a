from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from execution.hedging.appointments import Appointment, Appointments
from execution.sessions import ExchangeSessions
from models.suggestion_records import DueMark, Horizon

SESSIONS = ExchangeSessions()


def about(
    due_utc: datetime, now_utc: datetime, horizon: Horizon = Horizon.HOUR, *, keeps_hours: bool = True
) -> Appointment:
    return Appointments(SESSIONS, keeps_hours=keeps_hours).about(DueMark("s", "set", horizon, due_utc), now_utc)


def first_ready(due_utc: datetime, horizon: Horizon = Horizon.HOUR) -> datetime | None:
    """The first minute of ten days at which it can be marked."""
    minutes = (due_utc + timedelta(minutes=number) for number in range(10 * 24 * 60))
    return next((at for at in minutes if about(due_utc, at, horizon).is_ready), None)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("due", "ready"),
    [
        ("2026-05-04 15:00", "2026-05-04 15:00"),  # in a session
        ("2026-05-04 13:30", "2026-05-04 13:35"),  # at its opening
        ("2026-05-04 20:14", "2026-05-04 20:14"),  # its last quotes still stand
        ("2026-05-04 20:15", "2026-05-05 13:35"),  # over night
        ("2026-05-08 21:00", "2026-05-11 13:35"),  # over a weekend
        ("2026-05-22 21:00", "2026-05-26 13:35"),  # over Memorial Day
        ("2026-11-27 18:30", "2026-11-30 14:35"),  # after an early close; winter time
    ],
)
def test_it_is_marked_when_due_or_by_the_first_sound_quotes_of_the_next_session(due: str, ready: str) -> None:
    assert first_ready(utc(due)) == utc(ready)


def test_nothing_is_ready_while_the_exchange_is_closed_though_not_lost_either() -> None:
    due = utc("2026-05-04 15:00")
    night = about(due, utc("2026-05-04 23:00"), Horizon.DAY)
    assert (night.is_ready, night.is_lost) == (False, False)


def test_an_hours_mark_waits_an_hour_from_when_it_could_be_made() -> None:
    due, opening = utc("2026-05-04 21:00"), utc("2026-05-05 13:35")
    assert about(due, opening + timedelta(hours=1)).is_ready
    assert about(due, opening + timedelta(hours=1, seconds=1)).is_lost


@pytest.mark.parametrize(("at", "is_lost"), [("2026-05-05 20:14", False), ("2026-05-05 20:15", True)])
def test_at_expiry_there_is_time_until_the_next_session_is_over(at: str, is_lost: bool) -> None:
    assert about(utc("2026-05-04 20:00"), utc(at), Horizon.EXPIRY).is_lost is is_lost


def test_a_market_without_hours_is_ready_at_any_time() -> None:
    sunday = utc("2026-05-10 03:00")
    assert about(sunday, sunday, keeps_hours=False) == Appointment(is_ready=True, is_lost=False, note="")


def test_where_the_calendar_ends_quotes_decide() -> None:
    far = datetime(2060, 5, 4, 3, 0, tzinfo=UTC)
    assert about(far, far).is_ready
    assert about(far, far + timedelta(hours=23), Horizon.EXPIRY).is_ready
    assert about(far, far + timedelta(days=2), Horizon.EXPIRY).is_lost
    assert Appointments(SESSIONS, keeps_hours=True).last_session(far) is None


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2026-05-05 14:00", date(2026, 5, 4)),
        ("2026-05-11 14:00", date(2026, 5, 8)),
        ("2026-05-09 14:00", date(2026, 5, 8)),
        ("2026-05-26 14:00", date(2026, 5, 22)),
        # Still Monday in New York.
        ("2026-05-12 03:00", date(2026, 5, 8)),
    ],
)
def test_the_close_that_quotes_carry_is_that_of_the_last_day_with_a_session(now: str, last: date) -> None:
    assert Appointments(SESSIONS, keeps_hours=True).last_session(utc(now)) == last
