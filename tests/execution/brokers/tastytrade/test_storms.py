"""A whole desk while its link breaks in every manner; `python -m benchmarks --only tasty_storms` does it 200 times."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.storms import StormReport
from benchmarks.tasty_storms import run_storms
from benchmarks.tasty_weather import Break

#: One of each manner, dealt to four desks that trade at the same time.
_HANDS = (
    (Break.FLAP, Break.LOST_ANSWER, Break.ALERTS_DEAF, Break.BURST_502),
    (Break.AFTER_SUBMIT, Break.RESTART, Break.ALERTS_RESET, Break.SLOW),
    (Break.AFTER_REPLACE, Break.HALF_OPEN, Break.QUOTES_CLOSED, Break.TOKENS_AND_SOCKETS),
    (Break.AFTER_CANCEL, Break.IN_SNAPSHOT, Break.ALERTS_LOST, Break.UPGRADES_REFUSED),
)


def test_no_break_of_the_link_loses_doubles_or_resends_anything(tmp_path: Path) -> None:
    async def run() -> list[StormReport]:
        return await asyncio.gather(
            *(run_storms(tmp_path / str(seed), seed, hand) for seed, hand in enumerate(_HANDS, start=1))
        )

    reports = asyncio.run(run())
    assert [problem for report in reports for problem in report.problems] == []
    assert {kind for report in reports for kind in report.kinds} == {kind.value for hand in _HANDS for kind in hand}
    books = [report.books for report in reports if report.books is not None]
    assert len(books) == len(reports)
    # How many depends on the machine; that some did is what makes the rest of it mean something.
    assert sum(one.fills for one in books) > 0, "orders were filled on the way"
    assert sum(report.downs for report in reports) >= len(_HANDS), "the desk was told of the breaks"
