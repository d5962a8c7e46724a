"""Sessions of the exchange: half days, daylight saving, slots, and what is not known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from execution.sessions import ExchangeSessions, SessionUnknown, close_offset
from models.clock import NEW_YORK
from models.expiry import is_early_close


@pytest.fixture(scope="module")
def sessions() -> ExchangeSessions:
    return ExchangeSessions()


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _new_york(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


def test_a_full_day_runs_from_half_past_nine_to_four(sessions: ExchangeSessions) -> None:
    assert sessions.session_bounds_utc(date(2026, 5, 4)) == (_new_york(2026, 5, 4, 9, 30), _new_york(2026, 5, 4, 16))


def test_weekends_and_holidays_have_no_session(sessions: ExchangeSessions) -> None:
    for closed in (date(2026, 5, 2), date(2026, 5, 3), date(2026, 6, 19), date(2026, 11, 26), date(2026, 12, 25)):
        assert sessions.session_bounds_utc(closed) is None
        assert sessions.slots(closed) == ()


@pytest.mark.parametrize("half_day", [date(2026, 11, 27), date(2026, 12, 24)])
def test_a_half_day_has_14_slots_and_none_after_one_o_clock(sessions: ExchangeSessions, half_day: date) -> None:
    slots = sessions.slots(half_day)
    assert len(slots) == 14
    assert slots[-1].astimezone(NEW_YORK).strftime("%H:%M") == "12:45"


def test_2026_has_6502_slots_and_a_full_day_has_26_on_the_quarter_hours(sessions: ExchangeSessions) -> None:
    all_slots = [slot for day in _days(date(2026, 1, 1), date(2026, 12, 31)) for slot in sessions.slots(day)]
    assert len(all_slots) == 6502
    assert len(set(all_slots)) == 6502
    assert all(slot.minute in {0, 15, 30, 45} and slot.tzinfo is UTC for slot in all_slots)
    assert len(sessions.slots(date(2026, 5, 4))) == 26


@pytest.mark.parametrize(
    ("day", "opening_utc_hour"),
    [
        (date(2026, 3, 6), 14),  # Friday before the clocks go forward
        (date(2026, 3, 9), 13),
        (date(2026, 10, 30), 13),  # Friday before they go back
        (date(2026, 11, 2), 14),
    ],
)
def test_daylight_saving_moves_the_utc_opening_and_not_the_new_york_one(
    sessions: ExchangeSessions, day: date, opening_utc_hour: int
) -> None:
    bounds = sessions.session_bounds_utc(day)
    assert bounds is not None
    assert (bounds[0].hour, bounds[0].minute) == (opening_utc_hour, 30)
    assert bounds[0].astimezone(NEW_YORK).strftime("%H:%M") == "09:30"


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Asia/Tokyo", "Australia/Sydney", "UTC"])
def test_whether_it_is_open_does_not_depend_on_the_zone_of_the_asker(sessions: ExchangeSessions, zone: str) -> None:
    for day in _days(date(2026, 1, 1), date(2026, 12, 31)):
        bounds = sessions.session_bounds_utc(day)
        noon = _new_york(day.year, day.month, day.day, 12).astimezone(ZoneInfo(zone))
        assert sessions.is_open(noon) is (bounds is not None)
        if bounds is not None:
            assert not sessions.is_open(bounds[1].astimezone(ZoneInfo(zone)))
            assert sessions.is_open(bounds[0].astimezone(ZoneInfo(zone)))


def test_the_standing_half_day_rule_equals_the_calendar_from_2010_to_2027(sessions: ExchangeSessions) -> None:
    for day in _days(date(2010, 1, 1), date(2027, 10, 31)):
        bounds = sessions.session_bounds_utc(day)
        if bounds is not None:
            closes_at_one = bounds[1].astimezone(NEW_YORK).hour == 13
            assert closes_at_one is is_early_close(day), day


@pytest.mark.parametrize("day", [date(1999, 1, 4), date(2045, 1, 3)])
def test_a_day_outside_the_calendar_is_unknown_and_not_closed(sessions: ExchangeSessions, day: date) -> None:
    with pytest.raises(SessionUnknown, match="not known"):
        sessions.session_bounds_utc(day)
    assert sessions.describe(datetime(day.year, day.month, day.day, 15, tzinfo=UTC)) == "session unknown"


@pytest.mark.parametrize(
    ("now_utc", "words"),
    [
        (_new_york(2026, 5, 4, 12), "open, closes 16:00"),
        (_new_york(2026, 11, 27, 12), "open, closes 13:00"),
        (_new_york(2026, 5, 4, 8), "closed, opens 09:30"),
        (_new_york(2026, 5, 1, 16), "closed, opens Mon 09:30"),
        (_new_york(2026, 5, 22, 18), "closed, opens Tue 09:30"),
    ],
)
def test_the_header_says_when_it_closes_or_opens(sessions: ExchangeSessions, now_utc: datetime, words: str) -> None:
    assert sessions.describe(now_utc) == words


def test_the_next_open_and_close_skip_the_weekend(sessions: ExchangeSessions) -> None:
    friday_evening = _new_york(2026, 5, 1, 17)
    assert sessions.next_open_utc(friday_evening) == _new_york(2026, 5, 4, 9, 30)
    assert sessions.next_close_utc(friday_evening) == _new_york(2026, 5, 4, 16)


def test_index_options_close_a_quarter_hour_later_unless_they_expire(sessions: ExchangeSessions) -> None:
    day = date(2026, 5, 4)
    spxw, aapl = sessions.product_bounds_utc(day, "SPXW"), sessions.product_bounds_utc(day, "AAPL")
    expiring = sessions.product_bounds_utc(day, "SPXW", expiry=day)
    assert spxw is not None
    assert aapl is not None
    assert expiring is not None
    assert spxw[1] == _new_york(2026, 5, 4, 16, 15)
    assert aapl[1] == expiring[1] == _new_york(2026, 5, 4, 16)
    assert sessions.product_bounds_utc(date(2026, 5, 3), "SPXW") is None
    assert close_offset("SPY") == timedelta(minutes=15)
