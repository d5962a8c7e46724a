"""Tastytrade's time by the dates of its answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from execution.brokers.tastytrade.far_clock import FarClock
from models.clock import ManualClock

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


class Stage:
    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.changes: list[bool] = []
        self.far = FarClock(self.clock, self._changed)

    def _changed(self) -> None:
        self.changes.append(self.far.is_off)

    def answer(self, ahead_s: float) -> None:
        self.far.note(format_datetime(self.clock.now_utc() + timedelta(seconds=ahead_s), usegmt=True))


def test_before_any_answer_it_is_this_computers_time() -> None:
    assert Stage().far.now_utc() == NOW


@pytest.mark.parametrize("date", ["", "now", "Fri, 99 Nov 2026 15:00:00 GMT", "Fri, 20 Nov 2026 16:00:00"])
def test_what_is_no_date_says_nothing(date: str) -> None:
    stage = Stage()
    stage.far.note(date)
    assert stage.far.now_utc() == NOW
    assert stage.changes == []


def test_whole_seconds_and_the_way_of_an_answer_are_no_difference() -> None:
    stage = Stage()
    for ahead_s in (-2, -1, 0, 2):
        stage.answer(ahead_s)
    assert stage.far.now_utc() == NOW


def test_a_difference_is_added_and_a_slow_answer_makes_none() -> None:
    stage = Stage()
    stage.answer(8)
    assert stage.far.now_utc() == NOW + timedelta(seconds=8)
    stage.answer(-10)  # 18 s on its way
    assert stage.far.now_utc() == NOW + timedelta(seconds=8)
    assert stage.far.words == ""


def test_it_tells_when_the_clocks_part_and_when_they_agree() -> None:
    stage = Stage()
    stage.answer(31)
    assert stage.far.is_off
    assert "31 s ahead of this computer's" in stage.far.words
    for _ in range(5):
        stage.answer(-31)
    assert "31 s behind this computer's" in stage.far.words
    stage.answer(0)
    assert stage.changes == [True, False]
