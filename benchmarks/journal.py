"""The journal browser on 100,000 trades: opening, every kind of filter, scrolling; beside a plain SQLite query."""

from __future__ import annotations

from pathlib import Path

from benchmarks.databases import journal_of
from benchmarks.figures import Outcome, column, figure
from benchmarks.plan import Plan
from benchmarks.processes import run_child

ANSWER_AT_MOST_MS = 150.0


def measure(plan: Plan, folder: Path) -> Outcome:
    """Each run in a fresh process on the same database."""
    database = journal_of(folder, plan.journal_rows)
    runs = [
        run_child(
            "benchmarks.children.journal_desk",
            folder / f"run-{number}",
            database,
            plan.journal_repeats,
            plan.journal_scrolls,
        )
        for number in range(plan.journal_runs)
    ]
    filters = {
        f"filter_{name}": figure(
            "ms", [ms for run in runs for ms in run["filters_ms"][name]], at_most=ANSWER_AT_MOST_MS
        )
        for name in runs[0]["filters_ms"]
    }
    loaded = [run["rows_loaded"] / max(run["rows_shown"], 1) for run in runs]
    return Outcome(
        {
            "open": figure("ms", column(runs, "open_ms"), at_most=ANSWER_AT_MOST_MS),
            **filters,
            "ui_stall_max_while_filtering": figure("ms", column(runs, "stall_max_ms")),
            "scroll_to_rows_p50": figure("ms", column(runs, "scroll_p50_ms")),
            "scroll_to_rows_p99": figure("ms", column(runs, "scroll_p99_ms")),
            "rows_loaded_per_row_shown": figure("x", loaded, at_most=1.0),
            "raw_sqlite_query": figure("ms", column(runs, "raw_sqlite_ms")),
        },
        {key: runs[-1][key] for key in ("total", "rows_loaded", "rows_shown", "most_held")},
    )
