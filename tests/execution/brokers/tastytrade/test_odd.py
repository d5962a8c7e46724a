"""Odd objects sent to a whole desk; `python -m benchmarks --only tasty_odd` sends all forty."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.tasty_odd import run_odd
from benchmarks.tasty_odd_objects import Place, odd_objects

#: The first of each place, and one that ends its stream.
_NAMES = {one.place: one.name for one in reversed(odd_objects())}
_CHOSEN = [one for one in odd_objects() if _NAMES[one.place] == one.name or one.name == "huge frame"]


def test_there_are_forty_and_no_two_alike() -> None:
    named = {(one.place, one.name) for one in odd_objects()}
    assert len(named) == len(odd_objects()) == 40
    assert {one.place for one in _CHOSEN} == set(Place)


def test_each_is_counted_and_shown_and_costs_nothing_but_itself(tmp_path: Path) -> None:
    report = asyncio.run(run_odd(tmp_path, _CHOSEN, 3))
    assert list(report.problems) == []
    assert [(one.place, one.name, one.counted) for one in report.shown] == [(o.place, o.name, 1) for o in _CHOSEN]
    assert all("was set aside: " in one.text for one in report.shown)
