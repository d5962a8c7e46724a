"""Orders whose POST fails after acceptance; `python -m benchmarks --only tasty_posts` sends fifty in each way."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.tasty_posts import PostsReport, run_posts, summed
from tests.simulators.tastytrade.habits import AFTER_ACCEPTANCE

_DESKS = 3


def test_every_order_is_found_again_and_none_is_sent_twice(tmp_path: Path) -> None:
    async def run() -> list[PostsReport]:
        hands = [AFTER_ACCEPTANCE[first::_DESKS] for first in range(_DESKS)]
        found = await asyncio.gather(*(run_posts(tmp_path, hand, [seed]) for seed, hand in enumerate(hands, start=1)))
        return [report for reports in found for report in reports]

    reports = asyncio.run(run())
    assert [problem for report in reports for problem in report.problems] == []
    ways = summed(reports)
    assert [way.trouble for way in ways] == list(AFTER_ACCEPTANCE)
    assert all((way.posts, way.found) == (1, 1) for way in ways)
    assert sum(way.unheard for way in ways) > 0, "some were found without an alert"
    assert sum(way.unknown for way in ways) > 0, "some were of unknown outcome"
