"""The reference error table: every row of every reference file, held against the fair bar of its file."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.figures import Figure, Outcome, figure
from benchmarks.plan import Plan
from benchmarks.processes import NotMeasured


def measure(plan: Plan, _folder: Path) -> Outcome:
    """One figure per quantity with a bar (its largest error); the table is among the facts.

    Raises NotMeasured when the reference files are not there.
    """
    from benchmarks.reference import books, early, european, margin, performance, textbook

    folder = plan.shared / "reference"
    if not folder.is_dir():
        raise NotMeasured(f"the reference files are not at {folder}; say where with --shared")
    parts = (
        european.greeks,
        european.vols,
        early.american_lines,
        textbook.textbook,
        margin.reg_t,
        margin.portfolio,
        margin.span,
        books.beta_weight,
        books.scenario,
        performance.stats,
    )
    lines = [line for part in parts for line in part(folder)]
    figures: dict[str, Figure] = {}
    for line in lines:
        if line.bar is not None and line.errors.size:
            name = re.sub(r"\W+", "_", f"{line.file.partition('.')[0]} {line.quantity} {line.unit}").strip("_").lower()
            figures[name] = figure("", [line.worst], at_most=line.bar)
    return Outcome(figures, {"table": [line.as_json() for line in lines]})
