"""From process start to the first paint of the desk, beside a blank PySide6 + pyqtgraph window."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Outcome, figure
from benchmarks.plan import Plan
from benchmarks.processes import time_to_first_line

RATIO_AT_MOST = 1.6


def measure(plan: Plan, folder: Path) -> Outcome:
    """Alternates desk and blank windows, each in a fresh process; the first of each warms the disk and is dropped."""
    desk, blank, bare, rest = list[float](), list[float](), list[float](), list[float]()
    heavy, panels = set[str](), set[str]()
    modules = 0
    for number in range(plan.startup_runs + 1):
        blank_s, _ = time_to_first_line("benchmarks.children.start_blank", "plot")
        desk_s, facts = time_to_first_line("benchmarks.children.start_desk", folder / f"desk-{number}")
        bare_s, _ = time_to_first_line("benchmarks.children.start_blank")
        if number:
            desk.append(desk_s * 1000.0)
            blank.append(blank_s * 1000.0)
            bare.append(bare_s * 1000.0)
            rest.append(float(facts["rest_ms"]))
        heavy.update(facts["heavy"])
        panels.update(facts["panels"])
        modules = int(facts["modules"])
    return Outcome(
        {
            "ratio": figure("x", [d / b for d, b in zip(desk, blank, strict=True)], at_most=RATIO_AT_MOST),
            "desk_first_paint": figure("ms", desk),
            "blank_pyqtgraph_window": figure("ms", blank),
            "blank_qt_window": figure("ms", bare),
            "other_panels_after_paint": figure("ms", rest),
            "heavy_modules_before_paint": figure("modules", [len(heavy)], at_most=0),
        },
        {"heavy_modules": sorted(heavy), "panels_before_paint": sorted(panels), "modules_before_paint": modules},
    )
