"""Memory of the desk with the sample book, all panels built and shown once, beside the blank window."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Outcome, column, figure
from benchmarks.plan import Plan
from benchmarks.processes import run_child

RSS_AT_MOST_MB = 350.0


def measure(plan: Plan, folder: Path) -> Outcome:
    """Each run in a fresh process with a fresh data folder; resident set as the system counts it."""
    desk, blank = [], []
    for number in range(plan.memory_runs):
        blank.append(run_child("benchmarks.children.memory_blank", min(plan.memory_run_s, 2.0)))
        desk.append(run_child("benchmarks.children.memory_desk", folder / f"desk-{number}", plan.memory_run_s))
    return Outcome(
        {
            "desk_rss": figure("MB", column(desk, "rss_mb"), at_most=RSS_AT_MOST_MB),
            "desk_uss": figure("MB", column(desk, "uss_mb")),
            "blank_rss": figure("MB", column(blank, "rss_mb")),
        },
        {"positions": desk[-1]["positions"], "panels": desk[-1]["panels"]},
    )
