"""Figures, days and times of Flex statements in every form that a query can be set to."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.ibkr.flex_values import BadValue, SlashOrder, day_of, instant_of, number, slash_order
from models.clock import NEW_YORK

MONTH, DAY, UNTOLD = SlashOrder.MONTH_FIRST, SlashOrder.DAY_FIRST, SlashOrder.UNTOLD


@given(st.decimals(min_value=-(10**13), max_value=10**13, places=8, allow_nan=False))
def test_amounts_are_read_digit_for_digit_with_and_without_thousands(value: Decimal) -> None:
    assert number(f"{value:f}") == value
    assert number(f"{value:,f}") == value


@pytest.mark.parametrize("text", ["", "--", "-"])
def test_nothing_is_no_figure(text: str) -> None:
    assert number(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "Infinity",
        "1e99",
        "1e-40",
        "0x10",
        "1,2,3",
        "\u0661\u0662",
        "1.2.3",
        "12 000",
        "9" * 400,
        "1_000",
        "+",
        ".",
    ],
)
def test_what_is_no_figure_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        number(text)


@given(st.text(max_size=30))
def test_no_text_does_harm(text: str) -> None:
    for read in (number, lambda one: day_of(one, MONTH), lambda one: instant_of(one, DAY)):
        with contextlib.suppress(BadValue):
            read(text)


@given(st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31)))
def test_every_day_is_read_in_every_form(day: date) -> None:
    named = f"{day.day:02d}-{'JanFebMarAprMayJunJulAugSepOctNovDec'[day.month * 3 - 3 : day.month * 3]}-{day:%Y}"
    for text in (f"{day:%Y%m%d}", f"{day:%Y-%m-%d}", named, named[:-4] + named[-2:]):
        assert day_of(text, UNTOLD) == day
    assert day_of(f"{day:%m/%d/%Y}", MONTH) == day == day_of(f"{day:%d/%m/%y}", DAY)


@pytest.mark.parametrize("text", ["20260230", "2026-13-01", "31-Foo-26", "yesterday", "2026", "40/40/2026"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        day_of(text, MONTH)


def test_days_with_slashes_are_read_as_the_whole_file_writes_them() -> None:
    assert slash_order(["03/04/2026", "03/25/2026"]) is MONTH
    assert slash_order(["03/04/2026;101500", "25/03/2026"]) is DAY
    assert slash_order(["2026-03-04", ""]) is UNTOLD
    with pytest.raises(BadValue, match="day first in some rows"):
        slash_order(["25/03/2026", "03/25/2026"])


def test_a_day_that_can_be_two_is_not_guessed() -> None:
    with pytest.raises(BadValue, match="set the Flex Query's dates to yyyy-MM-dd"):
        day_of("03/04/2026", UNTOLD)
    assert day_of("05/05/2026", UNTOLD) == date(2026, 5, 5)


@pytest.mark.parametrize(
    "text",
    [
        "20261116;103005",
        "20261116 103005",
        "20261116,103005",
        "2026-11-16;10:30:05",
        "2026-11-16, 10:30:05 EST",
        "2026-11-16T10:30:05",
        "2026-11-16T10:30:05-05:00",
        "2026-11-16;10:30:05 US/Eastern",
        "2026-11-16;15:30:05 UTC",
        "2026-11-16T15:30:05Z",
        "16-Nov-26;103005",
    ],
)
def test_every_form_of_a_time_is_the_same_instant(text: str) -> None:
    assert instant_of(text, UNTOLD) == datetime(2026, 11, 16, 15, 30, 5, tzinfo=UTC)


@given(
    st.datetimes(
        min_value=datetime(2010, 1, 1),  # noqa: DTZ001 - the zone is given below
        max_value=datetime(2040, 1, 1),  # noqa: DTZ001 - the zone is given below
        timezones=st.just(UTC),
    )
)
def test_new_york_times_come_back_as_the_instant_they_were(at: datetime) -> None:
    at = at.replace(microsecond=0)
    local = at.astimezone(NEW_YORK)
    assert instant_of(f"{local:%Y%m%d;%H%M%S} {local.tzname()}", UNTOLD) == at


def test_minutes_alone_and_summer_time_are_read() -> None:
    assert instant_of("20260706;0930", UNTOLD) == datetime(2026, 7, 6, 13, 30, tzinfo=UTC)
    assert instant_of("20260706;09:30:00 EST", UNTOLD) == datetime(2026, 7, 6, 13, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["20261116", "20261116;256199", "20261116;10:30 Mars", "20261116;10:30 +99:99", ";1030"]
)
def test_a_time_that_cannot_be_placed_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        instant_of(text, UNTOLD)
