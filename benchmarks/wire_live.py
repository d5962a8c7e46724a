"""What the runs of the desk on a simulated broker showed, as figures with the rules of the desk's window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.figures import Figure, column, figure
from benchmarks.live import FRESH_AT_MOST_MS, KEEPS_UP, STALL_MAX_AT_MOST_MS, STALL_P99_AT_MOST_MS
from benchmarks.plan import Plan
from benchmarks.processes import run_child


def blank(plan: Plan) -> dict[str, Any]:
    """Returns how a blank window's heart beats now."""
    return run_child("benchmarks.children.live_blank", plan.quiet_s)


def windows_of(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the windows of all runs."""
    return [window for run in runs for window in run["windows"]]


def facts_of(run: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """Returns what of a run is no figure."""
    return {key: value for key, value in run.items() if key != "windows"} | {"seconds": plan.live_s}


def wire_figures(
    runs: Sequence[dict[str, Any]], quiet: Sequence[dict[str, Any]], *, unit: str, ticks_per_s: float
) -> dict[str, Figure]:
    """Returns the figures of several runs; `quiet` are blank windows before and after them, `unit` what is sent."""
    cut = windows_of(runs)
    growth = [run["rss_after_mb"] - run["rss_before_mb"] for run in runs]
    return {
        f"{unit}_sent_per_s": figure(f"{unit}/s", column(cut, "sent_per_s"), at_least=KEEPS_UP * ticks_per_s),
        f"{unit}_read_per_s": figure(f"{unit}/s", column(cut, "ticks_per_s")),
        "read_of_sent": figure("share", [run["read_in_all"] / run["sent_in_all"] for run in runs], at_least=KEEPS_UP),
        "packets_per_s": figure("packets/s", column(cut, "packets_per_s")),
        "line_changes_per_s": figure("changes/s", column(cut, "line_changes_per_s")),
        "events_per_s": figure("events/s", column(cut, "events_per_s")),
        "quotes_per_s": figure("quotes/s", column(cut, "quotes_per_s")),
        "ui_stall_p50": figure("ms", column(cut, "stall_p50_ms")),
        "ui_stall_p99": figure("ms", column(cut, "stall_p99_ms"), at_most=STALL_P99_AT_MOST_MS),
        "ui_stall_p99_whole_run": figure("ms", column(runs, "stall_p99_ms"), at_most=STALL_P99_AT_MOST_MS),
        "ui_stall_max_whole_run": figure("ms", column(runs, "stall_max_ms"), at_most=STALL_MAX_AT_MOST_MS),
        "greeks_age_p50": figure("ms", column(cut, "age_p50_ms"), at_most=FRESH_AT_MOST_MS),
        "greeks_age_p99": figure("ms", column(cut, "age_p99_ms"), at_most=FRESH_AT_MOST_MS),
        "cpu_of_one_core": figure("%", column(cut, "cpu_pct")),
        "rss_growth": figure("MB", growth),
        "rss_at_the_end": figure("MB", column(runs, "rss_after_mb")),
        "blank_stall_p99": figure("ms", column(quiet, "p99_ms")),
        "blank_stall_max": figure("ms", column(quiet, "max_ms")),
    }
