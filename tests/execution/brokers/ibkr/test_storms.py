"""A whole desk while its link breaks in every way; `python -m benchmarks --only ibkr_storms` does it 200 times."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.ibkr_storms import run_storms
from benchmarks.ibkr_weather import Break
from benchmarks.storms import StormReport

_KINDS = tuple(Break)


def test_no_break_of_the_link_loses_doubles_or_resends_anything(tmp_path: Path) -> None:
    async def run() -> list[StormReport]:
        parts = [_KINDS[first::4] for first in range(4)]
        return await asyncio.gather(
            *(run_storms(tmp_path / str(seed), len(kinds), seed, kinds) for seed, kinds in enumerate(parts, start=1))
        )

    reports = asyncio.run(run())
    assert [problem for report in reports for problem in report.problems] == []
    assert {kind for report in reports for kind in report.kinds} == {kind.value for kind in Break}
    books = [report.books for report in reports if report.books is not None]
    assert len(books) == len(reports)
    # How many depends on the machine; that some did is what makes the rest of it mean something.
    assert sum(one.fills for one in books) > 0, "orders were filled on the way"
    assert sum(report.downs for report in reports) >= len(Break) - 1, "the desk was told of the breaks"
