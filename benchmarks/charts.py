"""Charts of ten years of quarter-hour snapshots of three accounts, beside plain pyqtgraph curves of all points."""

from __future__ import annotations

from pathlib import Path

from benchmarks.databases import snapshots_of
from benchmarks.figures import Outcome, column, figure
from benchmarks.plan import Plan
from benchmarks.processes import run_child

DRAW_AT_MOST_MS = 200.0
#: Smooth: 30 pictures a second at the worst.
FRAME_AT_MOST_MS = 33.0


def measure(plan: Plan, folder: Path) -> Outcome:
    """Each run in a fresh process on the same database."""
    database, rows = snapshots_of(folder, accounts=plan.chart_accounts, years=plan.chart_years)
    runs = [
        run_child("benchmarks.children.charts_desk", folder / f"run-{number}", database, plan.chart_frames)
        for number in range(plan.chart_runs)
    ]
    return Outcome(
        {
            "draw_all": figure("ms", column(runs, "draw_ms"), at_most=DRAW_AT_MOST_MS),
            "change_metric_slowest": figure("ms", column(runs, "metric_ms"), at_most=DRAW_AT_MOST_MS),
            "pan_frame_p50": figure("ms", column(runs, "pan_p50_ms")),
            "pan_frame_p99": figure("ms", column(runs, "pan_p99_ms"), at_most=FRAME_AT_MOST_MS),
            "zoom_frame_p99": figure("ms", column(runs, "zoom_p99_ms"), at_most=FRAME_AT_MOST_MS),
            "read_in_worker": figure("ms", column(runs, "read_ms")),
            "plain_curves_draw": figure("ms", column(runs, "plain_draw_ms")),
            "plain_curves_pan_frame_p50": figure("ms", column(runs, "plain_pan_p50_ms")),
        },
        {"snapshots": rows, "points": runs[-1]["points"]},
    )
