from __future__ import annotations

from datetime import UTC, datetime, timedelta

from execution.clock_watch import ClockWatch
from models.clock import ManualClock


def watch() -> tuple[ManualClock, list[float], list[float], ClockWatch]:
    clock, ticks, jumps = ManualClock(datetime(2026, 11, 20, tzinfo=UTC)), [0.0], list[float]()
    return clock, ticks, jumps, ClockWatch(clock, jumps.append, monotonic=lambda: ticks[0])


def test_time_that_passes_evenly_is_no_jump() -> None:
    clock, ticks, jumps, subject = watch()
    for _ in range(10):
        clock.advance(timedelta(seconds=5))
        ticks[0] += 5.1
        subject.look()
    assert not jumps


def test_an_hour_of_sleep_is_told_once() -> None:
    clock, ticks, jumps, subject = watch()
    clock.advance(timedelta(hours=1))
    ticks[0] += 5
    subject.look()
    subject.look()
    assert jumps == [3595.0]


def test_a_clock_set_back_is_told_too() -> None:
    clock, ticks, jumps, subject = watch()
    clock.set(datetime(2026, 11, 19, 23, tzinfo=UTC))
    ticks[0] += 5
    subject.look()
    assert jumps == [-3605.0]
