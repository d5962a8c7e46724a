from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.ibkr.edge import (
    UNSET_TEXT,
    date_of,
    decimal_of,
    float_of,
    quantity_of,
    size_of,
    tws_time,
    tws_zone,
    whole_of,
)

PARIS = ZoneInfo("Europe/Paris")
AT = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "unset",
    ["", " ", "nan", "NaN", UNSET_TEXT, "1.7976931348623157e+308", "2147483647", "9223372036854775807", "inf", "abc"],
)
def test_every_way_tws_writes_no_number_is_none(unset: str) -> None:
    assert decimal_of(unset) is None
    assert whole_of(unset) == 0


@pytest.mark.parametrize("unset", [float("nan"), float("inf"), float("-inf"), 1.7976931348623157e308, 2147483647.0])
def test_unset_floats_are_none(unset: float) -> None:
    assert decimal_of(unset) is None
    assert quantity_of(unset) == 0


def test_unset_floats_of_sizes_and_greeks_are_none() -> None:
    assert [float_of(value) for value in (float("nan"), 1.7976931348623157e308, -0.5)] == [None, None, -0.5]
    assert [size_of(value) for value in (-1.0, float("nan"), 2147483647.0, 12.0)] == [None, None, None, 12]


@given(st.integers(-(10**9), 10**9), st.integers(0, 6))
def test_a_price_comes_out_as_tws_wrote_it(digits: int, places: int) -> None:
    written = Decimal(digits).scaleb(-places)
    assert decimal_of(float(str(written))) == written
    assert decimal_of(format(written, "f")) == written


def test_whole_numbers_bear_no_fraction_digits() -> None:
    assert (str(decimal_of(2.0)), str(decimal_of("185.00"))) == ("2", "185")


def test_a_date_is_read_from_the_start_of_a_text_and_nothing_else() -> None:
    assert date_of("20261218 16:00:00 US/Eastern") == date(2026, 12, 18)
    assert [date_of(text) for text in ("", "202612", "20261399", "x0261218")] == [None] * 4


@pytest.mark.parametrize(
    "text",
    [
        "20260105 10:00:00 US/Eastern",
        "20260105 09:00:00 US/Central",
        "20260105-15:00:00",
        "20260105  16:00:00",
        "20260105 16:00:00",
        "20260105 16:00:00 Romance Standard Time",
        "1767625200",
    ],
)
def test_all_forms_of_a_time_are_the_same_instant(text: str) -> None:
    assert tws_time(text, PARIS) == AT


@pytest.mark.parametrize("text", ["", "20260105", "2026-01-05 10:00:00", "20261399 10:00:00", "20260105 25:00:00"])
def test_a_time_in_no_known_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|month|hour|unconverted|match"):
        tws_time(text, PARIS)


def test_tws_own_zone_is_taken_by_name_when_the_name_fits_its_clock() -> None:
    assert tws_zone("20260105 10:00:02 US/Eastern", AT) == ZoneInfo("US/Eastern")


@pytest.mark.parametrize(
    ("told", "hours"),
    [("20260105 16:00:04 Romance Standard Time", 1.0), ("20260105 20:29:58 India Standard Time", 5.5)],
)
def test_tws_own_zone_is_measured_when_its_name_is_a_windows_one(told: str, hours: float) -> None:
    assert tws_zone(told, AT).utcoffset(None) == timedelta(hours=hours)


def test_a_name_that_does_not_fit_the_clock_is_not_believed() -> None:
    # EST is a fixed zone in the database; a TWS that says so in summer runs on New York's summer time
    summer = datetime(2026, 7, 6, 14, 0, tzinfo=UTC)
    assert tws_zone("20260706 10:00:00 EST", summer).utcoffset(None) == timedelta(hours=-4)


@pytest.mark.parametrize("told", ["", "whenever", "20190105 10:00:00 Romance Standard Time"])
def test_without_any_evidence_tws_is_taken_to_run_on_new_york_time(told: str) -> None:
    assert tws_zone(told, AT) == ZoneInfo("America/New_York")
