"""The desk under load: 500 positions, 2,000 quotes a second on the real engine and the real window."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Outcome, column, figure
from benchmarks.plan import Plan
from benchmarks.processes import run_child

STALL_P99_AT_MOST_MS, STALL_MAX_AT_MOST_MS = 50.0, 150.0
FRESH_AT_MOST_MS = 100.0
#: The engine keeps up when it processes what arrives; a per cent is lost to where a window is cut.
KEEPS_UP = 0.99


def measure(plan: Plan, folder: Path) -> Outcome:
    """One long run cut into windows; beside it the same heartbeat in a blank window, before and after."""
    quiet = [run_child("benchmarks.children.live_blank", plan.quiet_s)]
    run = run_child(
        "benchmarks.children.live_desk",
        folder / "desk",
        plan.live_positions,
        plan.live_quotes_per_s,
        plan.live_s,
        plan.live_windows,
        within_s=plan.live_s + 240.0,
    )
    quiet.append(run_child("benchmarks.children.live_blank", plan.quiet_s))
    cut = run["windows"]
    share = [one["processed_per_s"] / plan.live_quotes_per_s for one in cut]
    return Outcome(
        {
            "processed_of_arrived": figure("share", share, at_least=KEEPS_UP),
            "processed_per_s": figure("quotes/s", column(cut, "processed_per_s")),
            "queue_deepest": figure("quotes", [run["queue_deepest"]], at_most=plan.live_quotes_per_s),
            "ui_stall_p50": figure("ms", column(cut, "stall_p50_ms")),
            "ui_stall_p99": figure("ms", column(cut, "stall_p99_ms"), at_most=STALL_P99_AT_MOST_MS),
            "ui_stall_p99_whole_run": figure("ms", [run["stall_p99_ms"]], at_most=STALL_P99_AT_MOST_MS),
            "ui_stall_max_whole_run": figure("ms", [run["stall_max_ms"]], at_most=STALL_MAX_AT_MOST_MS),
            "greeks_age_p50": figure("ms", column(cut, "fresh_p50_ms"), at_most=FRESH_AT_MOST_MS),
            "greeks_age_p99": figure("ms", column(cut, "fresh_p99_ms"), at_most=FRESH_AT_MOST_MS),
            "cpu_of_one_core": figure("%", column(cut, "cpu_pct")),
            "blank_stall_p99": figure("ms", column(quiet, "p99_ms")),
            "blank_stall_max": figure("ms", column(quiet, "max_ms")),
        },
        {key: value for key, value in run.items() if key != "windows"} | {"seconds": plan.live_s},
    )
