"""Four-leg combos told in the worst ways; `python -m benchmarks --only ibkr_combos` sends 1,000 of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.ibkr_combos import run_combos


def test_books_agree_after_combos_in_parts_in_disorder_repeated_and_corrected(tmp_path: Path) -> None:
    report = asyncio.run(run_combos(tmp_path, 12, seed=2))
    assert report.problems == ()
    assert report.combos >= 12
    assert min(report.partial, report.doubled, report.disordered, report.corrected) >= 2
    books = report.books
    assert books is not None
    assert books.fills >= 12 * 4
    assert books.corrected >= 2
    assert books.journal_rows > report.combos, "a correction after the row has a row of its own"
