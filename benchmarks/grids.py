"""The scenario grid of a large book: time per revaluation, and the memory it takes beside the book."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np

from analytics.book import BookArrays
from analytics.scenarios import pnl_grid
from benchmarks.figures import Figure, Outcome, figure
from benchmarks.plan import Plan
from benchmarks.racing import Job, race
from benchmarks.samples import NOW_S, a_book

_MOST_NS, _MOST_MB = 60.0, 100.0
_AMERICAN_SHARE = 0.3


def measure(plan: Plan, _folder: Path) -> Outcome:
    """A book of options only, European; and one with a share of American options, which has no target."""
    spots, vols, dates = plan.grid_shape
    cells = spots * vols * dates
    books = {
        "european": a_book(plan.grid_positions, option_share=1.0),
        "with_american": a_book(plan.grid_positions, option_share=1.0, american_share=_AMERICAN_SHARE),
    }
    jobs = {name: _grid(book, plan.grid_shape) for name, book in books.items()}
    spent = race(jobs, runs=plan.grid_runs)
    figures: dict[str, Figure] = {}
    for name, job in jobs.items():
        has_target = name == "european"
        runs = [run / (cells * plan.grid_positions) * 1e9 for run in spent[name]]
        figures[f"{name}_per_revaluation"] = figure("ns", runs, at_most=_MOST_NS if has_target else None)
        figures[f"{name}_whole_grid"] = figure("ms", [run * 1e3 for run in spent[name]])
        figures[f"{name}_peak_extra_memory"] = figure(
            "MB", [peak_extra_mb(job)], at_most=_MOST_MB if has_target else None
        )
    facts = {"positions": plan.grid_positions, "cells": cells, "revaluations": cells * plan.grid_positions}
    return Outcome(figures, {**facts, "american_positions": int(books["with_american"].is_american.sum())})


def peak_extra_mb(job: Job) -> float:
    """Returns the most memory that a call holds at any moment beyond what was held before, numpy's arrays included.

    Counted by the interpreter's own allocation hooks in a run of its own, because counting takes time.
    """
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        job()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (peak - before) / 2**20


def _grid(book: BookArrays, shape: tuple[int, int, int]) -> Job:
    spots, vols, dates = shape
    axes: dict[str, Any] = {
        "spot_shifts": np.linspace(-0.15, 0.15, spots),
        "vol_shifts": np.linspace(-0.05, 0.15, vols),
        "days_forward": np.linspace(0.0, 2.5, dates),
    }
    return lambda: pnl_grid(book, now_epoch_s=NOW_S, **axes)
