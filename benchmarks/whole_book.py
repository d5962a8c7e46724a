"""The whole book in one go: quotes in; vols, Greeks and beta-weighted totals out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from analytics.book import BookArrays
from benchmarks.figures import Figure, Outcome, figure
from benchmarks.plan import Plan
from benchmarks.racing import Job, race
from benchmarks.samples import NOW_S, SPOT, a_book

_MOST_MS_VOLS_KNOWN = 1.0
_AMERICAN_SHARE = 0.3


def measure(plan: Plan, _folder: Path) -> Outcome:
    """A European book of options, and one with a share of American options, which has no target."""
    count = plan.book_positions
    books = {
        "european": a_book(count, option_share=1.0),
        "with_american": a_book(count, option_share=1.0, american_share=_AMERICAN_SHARE),
    }
    jobs: dict[str, Job] = {}
    for name, book in books.items():
        jobs[f"{name}_quotes_to_totals"] = _from_quotes(book)
        jobs[f"{name}_vols_known"] = _from_vols(book)
    spent = race(jobs, runs=plan.book_runs)
    figures: dict[str, Figure] = {}
    for name, runs in spent.items():
        most_ms = _MOST_MS_VOLS_KNOWN if name == "european_vols_known" else None
        figures[name] = figure("ms", [run * 1e3 for run in runs], at_most=most_ms)
        figures[f"{name}_per_position"] = figure("us", [run / count * 1e6 for run in runs])
    facts = {"positions": count, "american_positions": int(books["with_american"].is_american.sum())}
    return Outcome(figures, facts)


def _from_quotes(book: BookArrays) -> Job:
    every, bid, ask = np.arange(len(book)), book.bid.copy(), book.ask.copy()

    def job() -> object:
        book.set_quotes(every, bid, ask)
        book.refresh_vols(NOW_S)
        return book.greeks(NOW_S, SPOT)

    return job


def _from_vols(book: BookArrays) -> Job:
    return lambda: book.greeks(NOW_S, SPOT)
