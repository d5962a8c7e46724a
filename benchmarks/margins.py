"""Reg-T and portfolio margin of large books."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from analytics.american import american_price
from analytics.book import BookArrays
from analytics.legs import PayoffLeg
from analytics.margin import RegTMargin, RiskBook, portfolio_margin
from benchmarks.figures import Figure, Outcome, figure
from benchmarks.plan import Plan
from benchmarks.racing import Job, race
from benchmarks.samples import LEVELS, NOW_S, a_book, condors, leg_terms, risk_terms, some_legs

_REG_T_MS, _PORTFOLIO_MS = 20.0, 10.0
_UNDERLYINGS = int(LEVELS.size)


def measure(plan: Plan, _folder: Path) -> Outcome:
    """Several books of each kind; all runs of all books make the figure, the slowest book is told beside it."""
    legs, seeds = plan.margin_legs, range(plan.margin_books)
    reg_t = {
        "reg_t_one_underlying": [some_legs(legs, 1, seed) for seed in seeds],
        "reg_t_iron_condors": [condors(legs, seed) for seed in seeds],
        "reg_t_eight_underlyings": [some_legs(legs, _UNDERLYINGS, seed) for seed in seeds],
    }
    risk = {
        "portfolio_european": [a_book(legs, option_share=1.0, seed=seed) for seed in seeds],
        "portfolio_american": [a_book(legs, option_share=1.0, american_share=1.0, seed=seed) for seed in seeds],
    }
    works: dict[str, tuple[float, list[Job]]] = {
        **{name: (_REG_T_MS, [_reg_t(book) for book in books]) for name, books in reg_t.items()},
        **{name: (_PORTFOLIO_MS, [_portfolio(book) for book in books]) for name, books in risk.items()},
    }
    jobs = {f"{name}/{number}": job for name, (_, mine) in works.items() for number, job in enumerate(mine)}
    spent = race(jobs, runs=plan.margin_runs)
    figures: dict[str, Figure] = {}
    for name, (most_ms, mine) in works.items():
        figures.update(_figures(name, most_ms, [spent[f"{name}/{number}"] for number in range(len(mine))]))
    return Outcome(figures, {"legs": legs, "books_of_each_kind": plan.margin_books, "pairing_gap_shares": _gaps(reg_t)})


def _figures(name: str, most_ms: float, spent: Sequence[Sequence[float]]) -> dict[str, Figure]:
    slowest = max(spent, key=statistics.median)
    return {
        name: figure("ms", [run * 1e3 for runs in spent for run in runs], at_most=most_ms),
        f"{name}_slowest_book": figure("ms", [run * 1e3 for run in slowest], at_most=most_ms),
    }


def _reg_t(legs: Sequence[PayoffLeg]) -> Job:
    engine, terms = RegTMargin(), leg_terms(_UNDERLYINGS)
    return lambda: engine.requirement(legs, terms, NOW_S)


def _portfolio(book: BookArrays) -> Job:
    terms = risk_terms(_UNDERLYINGS)
    return lambda: portfolio_margin(RiskBook.from_book(book, NOW_S, terms), american=american_price)


def _gaps(books: Mapping[str, Sequence[Sequence[PayoffLeg]]]) -> dict[str, list[float]]:
    """Per kind and book: what a better pairing could save at most, of the requirement; 0 where the least is proven."""
    engine, terms = RegTMargin(), leg_terms(_UNDERLYINGS)
    found = {name: [engine.requirement(legs, terms, NOW_S) for legs in mine] for name, mine in books.items()}
    return {
        name: [round(one.pairing_gap / max(one.maintenance_total, 1.0), 6) for one in mine]
        for name, mine in found.items()
    }
