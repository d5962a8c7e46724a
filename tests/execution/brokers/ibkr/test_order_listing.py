from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from execution.brokers.ibkr.order_listing import executions_since_utc
from models.clock import NEW_YORK
from tests.execution.brokers.ibkr.order_kit import fills_of, single

AFTERNOON = datetime(2026, 5, 4, 19, 0, tzinfo=UTC)
EVENING = datetime(2026, 5, 5, 1, 0, tzinfo=UTC)
MIDNIGHT_NY = datetime(2026, 5, 4, tzinfo=NEW_YORK)


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Tokyo"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The computer's own zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_executions_are_complete_since_the_later_midnight(zone: str) -> None:
    expected = {
        "UTC": {AFTERNOON: MIDNIGHT_NY, EVENING: datetime(2026, 5, 5, tzinfo=UTC)},
        "America/New_York": {AFTERNOON: MIDNIGHT_NY, EVENING: MIDNIGHT_NY},
        "Asia/Tokyo": {
            AFTERNOON: datetime(2026, 5, 4, 15, tzinfo=UTC),
            EVENING: datetime(2026, 5, 4, 15, tzinfo=UTC),
        },
    }
    for now, since in expected[zone].items():
        assert executions_since_utc(now, (), NEW_YORK) == since


def test_a_tws_in_another_zone_than_this_computer_cuts_at_its_own_midnight() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    assert executions_since_utc(AFTERNOON, (), tokyo) == datetime(2026, 5, 5, tzinfo=tokyo)


def test_an_older_execution_shows_that_tws_keeps_more_days() -> None:
    older = replace(fills_of(single())[0], at_utc=datetime(2026, 5, 1, 14, 30, tzinfo=UTC))
    assert executions_since_utc(AFTERNOON, (older,), NEW_YORK) == older.at_utc
