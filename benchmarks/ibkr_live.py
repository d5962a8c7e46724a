"""The desk on Interactive Brokers: 100 market-data lines at 1,000 ticks a second from a simulated TWS."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Outcome, column, figure
from benchmarks.live import FRESH_AT_MOST_MS, KEEPS_UP, STALL_MAX_AT_MOST_MS, STALL_P99_AT_MOST_MS
from benchmarks.plan import Plan
from benchmarks.processes import run_child


def measure(plan: Plan, folder: Path) -> Outcome:
    """Several runs with a fresh desk and a fresh simulator each, cut into windows; the library is the installed one."""
    quiet = [run_child("benchmarks.children.live_blank", plan.quiet_s)]
    runs = [
        run_child(
            "benchmarks.children.ibkr_live_desk",
            folder / f"desk-{number}",
            plan.ibkr_ticks_per_s,
            plan.live_s,
            plan.live_windows,
            plan.ibkr_lines,
            within_s=plan.live_s + 240.0,
        )
        for number in range(plan.ibkr_runs)
    ]
    quiet.append(run_child("benchmarks.children.live_blank", plan.quiet_s))
    cut = [window for run in runs for window in run["windows"]]
    growth = [run["rss_after_mb"] - run["rss_before_mb"] for run in runs]
    return Outcome(
        {
            "lines": figure("lines", column(runs, "lines"), at_least=plan.ibkr_lines),
            "ticks_sent_per_s": figure("ticks/s", column(cut, "sent_per_s"), at_least=KEEPS_UP * plan.ibkr_ticks_per_s),
            "ticks_read_per_s": figure("ticks/s", column(cut, "ticks_per_s")),
            "read_of_sent": figure(
                "share", [run["read_in_all"] / run["sent_in_all"] for run in runs], at_least=KEEPS_UP
            ),
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
        },
        {key: value for key, value in runs[-1].items() if key != "windows"} | {"seconds": plan.live_s},
    )
