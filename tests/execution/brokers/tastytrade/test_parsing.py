from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.tastytrade import parsing
from execution.brokers.tastytrade.facts import OddObject
from execution.brokers.tastytrade.parsing import Odd

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6))
def test_a_number_comes_out_as_it_was_written(number: Decimal) -> None:
    assert parsing.decimal_of(str(number)) == number
    assert parsing.decimal_of(number) == number


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "",
        "Infinity",
        "-inf",
        "abc",
        None,
        True,
        [],
        {},
        float("nan"),
        float("inf"),
        "1e99",
        "1e-99",
        Decimal("NaN"),
    ],
)
def test_what_is_no_number_is_none(value: Any) -> None:
    assert parsing.decimal_of(value) is None


def test_numbers_come_as_text_and_as_numbers_and_ids_as_either() -> None:
    raw = {"a": 1, "b": "2.50", "c": 44178.164, "d": True, "e": [1], "id": 270561}
    assert [parsing.decimal_at(raw, key) for key in "abcde"] == [1, Decimal("2.50"), Decimal("44178.164"), None, None]
    assert [parsing.text_at(raw, key) for key in ("id", "b", "d", "e", "x")] == ["270561", "2.50", "", "", ""]


def test_what_must_be_there_is_missed_by_its_name() -> None:
    for look, message in (
        (lambda: parsing.needed_text({}, "symbol"), "no symbol"),
        (lambda: parsing.needed_decimal({"quantity": "NaN"}, "quantity"), "quantity is no number"),
        (lambda: parsing.needed_decimal({}, "quantity"), "no quantity"),
        (lambda: parsing.needed_date({"day": "soon"}, "day"), "day is no date"),
        (lambda: parsing.mapping_of([], "the order"), "the order is not an object"),
        (lambda: parsing.list_of({}, "legs"), "legs is not a list"),
    ):
        with pytest.raises(Odd, match=message):
            look()
    assert parsing.needed_date({"day": "2026-12-18"}, "day") == date(2026, 12, 18)
    assert parsing.list_of(None, "legs") == []


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-18T15:31:02.199+00:00", datetime(2026, 11, 18, 15, 31, 2, 199000, tzinfo=UTC)),
        ("2023-06-07T19:55:23.376Z", datetime(2023, 6, 7, 19, 55, 23, 376000, tzinfo=UTC)),
        ("2023-06-08 13:30:00+00", datetime(2023, 6, 8, 13, 30, tzinfo=UTC)),
        ("2026-11-18T10:31:02-05:00", datetime(2026, 11, 18, 15, 31, 2, tzinfo=UTC)),
        (1789669948464, datetime(2026, 9, 17, 18, 32, 28, 464000, tzinfo=UTC)),
        (0, None),
        ("2026-11-18", None),
        ("2026-11-18T15:31:02", None),
        (10**17, None),
        ("9999-12-31T23:59:59-23:59", None),
        ({}, None),
    ],
)
def test_times_come_as_text_with_an_offset_or_in_milliseconds(value: Any, at: datetime | None) -> None:
    assert parsing.time_of(value) == at


def test_an_odd_item_goes_aside_and_its_list_stands() -> None:
    odd: list[OddObject] = []
    found = parsing.each(
        [{"n": 1}, {"n": "NaN"}, None, {"n": 2}],
        lambda raw: parsing.needed_decimal(parsing.mapping_of(raw, "it"), "n"),
        source="numbers",
        odd=odd.append,
    )
    assert found == (Decimal(1), Decimal(2))
    assert [(each.source, each.what, each.raw) for each in odd] == [
        ("numbers", "n is no number", '{"n": "NaN"}'),
        ("numbers", "it is not an object", "null"),
    ]


def test_an_odd_object_keeps_no_more_of_itself_than_is_worth_it() -> None:
    kept = parsing.odd_object("s", "w", {"x": "y" * 10_000})
    assert (len(kept.raw), kept.raw[-1]) == (parsing.RAW_LENGTH, "…")
    loop: list[Any] = []
    loop.append(loop)
    assert "list" in parsing.odd_object("s", "w", loop).raw


@given(JSON_VALUES)
def test_nothing_that_json_can_hold_makes_a_reader_fall(value: Any) -> None:
    raw = {"it": value}
    parsing.text_at(raw, "it")
    parsing.decimal_at(raw, "it")
    parsing.float_at(raw, "it")
    parsing.time_at(raw, "it")
    assert parsing.odd_object("s", "w", value).raw
