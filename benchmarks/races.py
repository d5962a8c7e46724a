"""The numbers core against other libraries, in the same run: ratios, and both absolute figures."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.figures import Figure, Outcome, figure
from benchmarks.plan import Plan
from benchmarks.processes import ROOT, NotMeasured, run_child

PEERS_PYTHON = ROOT / ".venv-peers" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
_OURS = "ours"
#: Race name (without its size) > rival > how many times faster we must be; sizes apart where they differ.
_TARGETS: Mapping[str, Mapping[str, float]] = {
    # numpy is the backend that fast-vollib takes by itself; the other one is told beside it.
    "greeks": {"fast_vollib_numpy": 2.5},
    "greeks_10000": {"fast_vollib_numpy": 2.5, "fused_numba_loop": 1.0},
    "implied_vol_10000": dict.fromkeys(("fast_vollib_numpy", "fast_vollib_numba", "fast_vollib_jackel"), 1.0),
    "implied_vol_100000": dict.fromkeys(("fast_vollib_numpy", "fast_vollib_numba", "fast_vollib_jackel"), 1.0 / 1.5),
    "book": {"nautilus_trader": 25.0},
    "american": {"quantlib": 10.0},
}
#: Our worst error, and over that of the rival: race (without its size) > error > target.
_MOST_ERROR: Mapping[str, Mapping[str, float]] = {"implied_vol": {"ours": 1e-12}}
_RIVALS_ERRORS: Mapping[str, tuple[str, ...]] = {"american": ("price", "delta", "gamma", "vega")}
#: Every contestant has one thread.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
#: Milliseconds for the Greeks and totals of the book whose vols are known.
_CACHED_BOOK_AT_MOST_MS = 1.0


def measure(plan: Plan, _folder: Path) -> Outcome:
    """One process runs all races; raises NotMeasured when the peers are not installed."""
    if not PEERS_PYTHON.exists():
        raise NotMeasured("the libraries to race against are not installed: run `make bench` instead")
    tiny = ("--tiny",) if plan.is_tiny else ()
    found = run_child("benchmarks.peers", *tiny, within_s=900.0, python=PEERS_PYTHON, variables=_ONE_THREAD)
    figures: dict[str, Figure] = {}
    for name, one in found["races"].items():
        figures.update(race_figures(name, one["unit"], one["runs"]))
    for name, errors in found["errors"].items():
        figures.update(error_figures(name, errors))
    return Outcome(figures, {"versions": found["versions"], "errors": found["errors"]})


def race_figures(name: str, unit: str, runs: Mapping[str, Sequence[float]]) -> dict[str, Figure]:
    """Returns the absolute figure of every contestant, and a ratio for every rival."""
    figures = {f"{name}_{who}": figure(unit, mine) for who, mine in runs.items()}
    work = name.rpartition("_")[0]
    wanted = _TARGETS.get(name, _TARGETS.get(work, {}))
    for rival, theirs in runs.items():
        if rival.startswith(_OURS):
            continue
        ratios = [slow / fast for slow, fast in zip(theirs, runs[_OURS], strict=True)]
        figures[f"{name}_times_faster_than_{rival}"] = figure("x", ratios, at_least=wanted.get(rival))
    if "ours_vols_known" in runs:
        positions = float(name.rpartition("_")[2])
        spent = [run * positions / 1000.0 for run in runs["ours_vols_known"]]
        figures[f"{name}_vols_known_in_all"] = figure("ms", spent, at_most=_CACHED_BOOK_AT_MOST_MS)
    return figures


def error_figures(name: str, errors: Mapping[str, float]) -> dict[str, Figure]:
    """Returns the errors that a race's target speaks of, beside the speed: ours alone, or as a share of the rival's."""
    work = name.rpartition("_")[0]
    figures = {
        f"{name}_worst_relative_error_of_{who}": figure("", [errors[who]], at_most=most)
        for who, most in _MOST_ERROR.get(work, {}).items()
    }
    for quantity in _RIVALS_ERRORS.get(work, ()):
        share = errors[f"ours_{quantity}"] / errors[f"quantlib_{quantity}"]
        figures[f"{name}_{quantity}_error_over_quantlibs"] = figure("x", [share], at_most=1.0)
    return figures
