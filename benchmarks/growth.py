"""How the time for Greeks and implied vols grows with the number of options, on one thread."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Figure, Outcome, figure
from benchmarks.plan import Plan
from benchmarks.racing import race
from benchmarks.samples import Options


def measure(plan: Plan, _folder: Path) -> Outcome:
    """Per size: ns per option for value, delta, gamma, theta and vega; and for an implied vol."""
    figures: dict[str, Figure] = {}
    for count in plan.growth_sizes:
        options = Options(count)
        spent = race({"greeks": options.greeks, "implied_vol": options.vols}, runs=plan.growth_runs)
        for work, runs in spent.items():
            figures[f"{work}_{count}"] = figure("ns", [run / count * 1e9 for run in runs])
    return Outcome(figures, {"sizes": list(plan.growth_sizes)})
