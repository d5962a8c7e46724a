"""The desk on Tastytrade: 500 contracts subscribed and 10,000 quote events a second from a simulated DXLink."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Outcome, column, figure
from benchmarks.live import KEEPS_UP
from benchmarks.plan import Plan
from benchmarks.processes import run_child
from benchmarks.wire_live import blank, facts_of, windows_of, wire_figures

#: What may be added in a minute: pools and caches that fill, what the measuring writes down. A queue of events that
#: grows by a hundredth of what comes would be ten times as much.
_GROWTH_AT_MOST_MB = 20.0


def measure(plan: Plan, folder: Path) -> Outcome:
    """Several runs with a fresh desk and a fresh simulator each, cut into windows."""
    quiet = [blank(plan)]
    runs = [
        run_child(
            "benchmarks.children.tasty_live_desk",
            folder / f"desk-{number}",
            plan.tasty_quotes_per_s,
            plan.live_s,
            plan.live_windows,
            plan.tasty_shown,
            plan.tasty_contracts,
            within_s=plan.live_s + 240.0,
        )
        for number in range(plan.tasty_runs)
    ]
    quiet.append(blank(plan))
    least = KEEPS_UP * plan.tasty_quotes_per_s
    common = wire_figures(runs, quiet, unit="events", ticks_per_s=plan.tasty_quotes_per_s)
    return Outcome(
        {
            "subscriptions": figure("contracts", column(runs, "subscriptions"), at_least=plan.tasty_contracts),
            "of_them_the_desks_own": figure("contracts", column(runs, "lines"), at_least=plan.tasty_shown),
            "quote_events_read_per_s": figure(
                "events/s", column(windows_of(runs), "quote_events_per_s"), at_least=least
            ),
            **common,
            "rss_growth": figure("MB", common["rss_growth"].runs, at_most=_GROWTH_AT_MOST_MB),
            "waiting_to_be_told_at_most": figure(
                "facts", column(runs, "waiting_at_most"), at_most=2.0 * plan.tasty_contracts
            ),
            "waiting_for_the_engine_at_most": figure("events", column(runs, "untaken_at_most")),
        },
        facts_of(runs[-1], plan),
    )
