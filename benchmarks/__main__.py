"""python -m benchmarks [--only NAME ...] [--out FILE] [--markdown FOLDER] [--check]: measures the desk."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import (
    charts,
    core,
    exactness,
    grids,
    growth,
    hedge_search,
    ibkr_codes,
    ibkr_combos,
    ibkr_live,
    ibkr_storms,
    journal,
    live,
    margins,
    markdown,
    memory,
    races,
    real_chain_tables,
    real_chains,
    startup,
    tasty_live,
    tasty_odd,
    tasty_posts,
    tasty_storms,
    ticket_previews,
    whole_book,
)
from benchmarks.figures import Outcome
from benchmarks.machine import load, machine
from benchmarks.plan import FULL, SHARED, TINY, Plan
from benchmarks.processes import NotMeasured
from models.clock import SystemClock

Measure = Callable[[Plan, Path], Outcome]


def _real_chains(plan: Plan, _folder: Path) -> Outcome:
    chains = plan.shared / "data"
    if not chains.is_dir():
        raise NotMeasured(f"the recorded chains are not at {chains}; say where with --shared")
    return real_chain_tables.outcome(real_chains.examine(chains))


BENCHMARKS: dict[str, Measure] = {
    "startup": startup.measure,
    "memory": memory.measure,
    "live": live.measure,
    "ibkr_live": ibkr_live.measure,
    "tasty_live": tasty_live.measure,
    "ibkr_storms": ibkr_storms.measure,
    "ibkr_codes": ibkr_codes.measure,
    "ibkr_combos": ibkr_combos.measure,
    "tasty_storms": tasty_storms.measure,
    "tasty_posts": tasty_posts.measure,
    "tasty_odd": tasty_odd.measure,
    "journal": journal.measure,
    "charts": charts.measure,
    "core": core.measure,
    "growth": growth.measure,
    "grids": grids.measure,
    "margins": margins.measure,
    "book": whole_book.measure,
    "ticket_previews": ticket_previews.measure,
    "hedge_search": hedge_search.measure,
    "races": races.measure,
    "exactness": exactness.measure,
    "real_chains": _real_chains,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when everything was measured (with --check: and every target met), otherwise 1."""
    asked = _parser().parse_args(arguments)
    plan = replace(TINY if asked.tiny else FULL, shared=asked.shared)
    if asked.seconds is not None:
        plan = replace(plan, live_s=asked.seconds)
    report = run(asked.only or list(BENCHMARKS), plan)
    text = json.dumps(report, indent=1)
    if asked.out is not None:
        asked.out.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
    if asked.markdown is not None:
        markdown.write_all(asked.markdown, report)
    print(summary(report), file=sys.stderr)
    is_good = not report["failed"] and not (asked.check and report["missed"])
    return 0 if is_good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--seconds", type=float, metavar="N", help="length of the live run (default 60)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the JSON here instead of standard output")
    parser.add_argument("--markdown", type=Path, metavar="FOLDER", help="put tables into its documents too")
    parser.add_argument(
        "--shared", type=Path, metavar="PATH", default=SHARED, help="folder of reference and data files"
    )
    parser.add_argument("--tiny", action="store_true", help="smallest sizes: proves that all runs, measures nothing")
    parser.add_argument("--check", action="store_true", help="end with 1 when a target is missed")
    return parser


def run(names: Sequence[str], plan: Plan) -> dict[str, Any]:
    """Returns the report of these benchmarks; one that cannot run is named in `failed` and the others go on."""
    found: dict[str, Outcome] = {}
    failed: dict[str, str] = {}
    load_before = load()
    for name in names:
        print(f"benchmarks: {name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="optiondesk-bench-", ignore_cleanup_errors=True) as folder:
            try:
                found[name] = BENCHMARKS[name](plan, Path(folder))
            except NotMeasured as error:
                failed[name] = str(error)
    return {
        "date": SystemClock().now_utc().date().isoformat(),
        "machine": machine(),
        "load_before": load_before,
        "load_after": load(),
        "benchmarks": {name: outcome.as_json() for name, outcome in found.items()},
        "missed": [
            f"{name}.{key}"
            for name, outcome in found.items()
            for key, one in outcome.figures.items()
            if one.is_met is False
        ],
        "failed": failed,
    }


def summary(report: dict[str, Any]) -> str:
    """Returns the report as a table for people."""
    lines = [f"load {report['load_before']} before, {report['load_after']} after"]
    for name, outcome in report["benchmarks"].items():
        for key, one in outcome["figures"].items():
            target = f"<= {one['at_most']:g}" if one["at_most"] is not None else ""
            target = f">= {one['at_least']:g}" if one["at_least"] is not None else target
            verdict = {None: "", True: "met", False: "MISSED"}[one["met"]]
            median = "no number" if one["median"] is None else one["median"]
            value, noise = f"{median:>12} {one['unit']:<10}", f"±{one['noise_pct'] or 0.0:<6}%"
            lines.append(f"{name:<11} {key:<58} {value} {noise} {target:<10} {verdict}")
    lines += [f"{name}: FAILED: {why}" for name, why in report["failed"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
