"""The whole book in one go: quotes in; vols, Greeks and beta-weighted totals out."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from analytics.book import BookArrays
from benchmarks.figures import Figure, Outcome, figure
from benchmarks.plan import Plan
from benchmarks.racing import Job, race
from benchmarks.samples import LEVELS, NOW_S, SPOT, a_book

_MOST_MS_VOLS_KNOWN = 1.0
_AMERICAN_SHARE = 0.3
#: Underlyings move so much between two calls: as they tick, and so far that nothing solved before is of use.
_TICK, _JUMP = 2e-4, 2e-2


def measure(plan: Plan, _folder: Path) -> Outcome:
    """A European book of options, and one with a share of American options, which has no target.

    Underlyings and quotes move between any two calls, so that nothing is measured that was only remembered.
    """
    count = plan.book_positions
    european = a_book(count, option_share=1.0)
    american = a_book(count, option_share=1.0, american_share=_AMERICAN_SHARE)
    jobs: dict[str, Job] = {
        "european_quotes_to_totals": _from_quotes(european, _TICK),
        "european_vols_known": _from_vols(european, _TICK),
        "with_american_quotes_to_totals": _from_quotes(american, _TICK),
        "with_american_vols_known": _from_vols(american, _TICK),
        "with_american_after_a_jump": _from_quotes(american, _JUMP),
    }
    spent = race(jobs, runs=plan.book_runs)
    figures: dict[str, Figure] = {}
    for name, runs in spent.items():
        most_ms = _MOST_MS_VOLS_KNOWN if name == "european_vols_known" else None
        figures[name] = figure("ms", [run * 1e3 for run in runs], at_most=most_ms)
        figures[f"{name}_per_position"] = figure("us", [run / count * 1e6 for run in runs])
    return Outcome(figures, {"positions": count, "american_positions": int(american.is_american.sum())})


def _from_quotes(given: BookArrays, move: float) -> Job:
    """Prices of underlyings and quotes of all positions in; vols, Greeks and totals out."""
    book, every, at = given.copy(), np.arange(len(given)), np.arange(LEVELS.size)
    states = []
    for side in (-0.5, 0.5):
        levels = LEVELS * (1.0 + side * move)
        book.set_spots(at, levels)
        price = book.greeks(NOW_S, SPOT).price
        states.append((levels, price * 0.99, price * 1.01))
    states_in_turn = itertools.cycle(states)

    def job() -> object:
        levels, bid, ask = next(states_in_turn)
        book.set_spots(at, levels)
        book.set_quotes(every, bid, ask)
        book.refresh_vols(NOW_S)
        return book.greeks(NOW_S, SPOT)

    return job


def _from_vols(given: BookArrays, move: float) -> Job:
    """Prices of underlyings in; Greeks and totals out, at the vols known."""
    book, at = given.copy(), np.arange(LEVELS.size)
    levels_in_turn = itertools.cycle([LEVELS * (1.0 - 0.5 * move), LEVELS * (1.0 + 0.5 * move)])

    def job() -> object:
        book.set_spots(at, next(levels_in_turn))
        return book.greeks(NOW_S, SPOT)

    return job
