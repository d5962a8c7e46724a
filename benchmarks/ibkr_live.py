"""The desk on Interactive Brokers: 100 market-data lines at 1,000 ticks a second from a simulated TWS."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Outcome, column, figure
from benchmarks.plan import Plan
from benchmarks.processes import run_child
from benchmarks.wire_live import blank, facts_of, wire_figures


def measure(plan: Plan, folder: Path) -> Outcome:
    """Several runs with a fresh desk and a fresh simulator each, cut into windows; the library is the installed one."""
    quiet = [blank(plan)]
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
    quiet.append(blank(plan))
    return Outcome(
        {
            "lines": figure("lines", column(runs, "lines"), at_least=plan.ibkr_lines),
            **wire_figures(runs, quiet, unit="ticks", ticks_per_s=plan.ibkr_ticks_per_s),
        },
        facts_of(runs[-1], plan),
    )
