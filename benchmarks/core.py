"""The numbers core in this process: vectors against plain Python loops over the same options."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from analytics.scenarios import pnl_grid
from benchmarks.figures import Figure, Outcome, figure
from benchmarks.plan import Plan
from benchmarks.racing import Job, race
from benchmarks.samples import DIVIDEND_YIELD, NOW_S, RATE, SPOT, Options, a_book

_GRID_SPOTS, _GRID_VOLS = np.linspace(-0.15, 0.15, 13), np.linspace(-0.05, 0.15, 7)


def plain_greeks(strike: float, t_years: float, vol: float, is_call: bool) -> tuple[float, ...]:
    """Black-Scholes-Merton value and first-order Greeks with the math module, one option (Hull, ch. 17 and 19)."""
    root_t = math.sqrt(t_years)
    d1 = (math.log(SPOT / strike) + (RATE - DIVIDEND_YIELD + vol * vol / 2.0) * t_years) / (vol * root_t)
    d2 = d1 - vol * root_t
    sign = 1.0 if is_call else -1.0
    grown, discount = math.exp(-DIVIDEND_YIELD * t_years), math.exp(-RATE * t_years)
    n1, n2 = (0.5 * math.erfc(-sign * d / math.sqrt(2.0)) for d in (d1, d2))
    density = math.exp(-d1 * d1 / 2.0) / math.sqrt(2.0 * math.pi)
    value = sign * (SPOT * grown * n1 - strike * discount * n2)
    gamma = grown * density / (SPOT * vol * root_t)
    vega = SPOT * grown * density * root_t
    theta = (
        -SPOT * grown * density * vol / (2.0 * root_t)
        + sign * DIVIDEND_YIELD * SPOT * grown * n1
        - sign * RATE * strike * discount * n2
    )
    return value, sign * grown * n1, gamma, theta / 365.0, vega / 100.0


def plain_vol(price: float, strike: float, t_years: float, is_call: bool) -> float:
    """Implied vol by Newton steps kept inside a bracket, one option."""
    low, high, vol = 1e-4, 5.0, 0.3
    for _ in range(100):
        value, _, _, _, vega = plain_greeks(strike, t_years, vol, is_call)
        miss = value - price
        if abs(miss) < 1e-9 * SPOT:
            break
        low, high = (low, vol) if miss > 0.0 else (vol, high)
        step = vol - miss / (vega * 100.0) if vega > 0.0 else low
        vol = step if low < step < high else (low + high) / 2.0
    return vol


def measure(plan: Plan, _folder: Path) -> Outcome:
    """Vectors and loops in turn, run by run."""
    options, few, book = Options(plan.core_options), Options(plan.core_positions), a_book(plan.core_positions)
    every = np.arange(plan.core_positions)
    bid, ask = book.bid.copy(), book.ask.copy()

    def requote() -> None:
        book.set_quotes(every, bid, ask)
        book.refresh_vols(NOW_S)

    def loop_greeks() -> None:
        for strike, t_years, vol, is_call, _ in options.rows:
            plain_greeks(strike, t_years, vol, is_call)

    def loop_vols() -> None:
        for strike, t_years, _, is_call, price in options.rows:
            plain_vol(price, strike, t_years, is_call)

    def grid() -> None:
        pnl_grid(book, now_epoch_s=NOW_S, spot_shifts=_GRID_SPOTS, vol_shifts=_GRID_VOLS)

    many, looped = plan.core_options, len(options.rows)
    cells = _GRID_SPOTS.size * _GRID_VOLS.size
    jobs: dict[str, tuple[str, float, Job]] = {
        "greeks_per_option": ("ns", 1e9 / many, options.greeks),
        "greeks_per_option_of_book_size": ("ns", 1e9 / plan.core_positions, few.greeks),
        "greeks_per_option_plain_loop": ("ns", 1e9 / looped, loop_greeks),
        "implied_vol_per_option": ("ns", 1e9 / many, options.vols),
        "implied_vol_per_option_plain_loop": ("ns", 1e9 / looped, loop_vols),
        "book_greeks": ("ms", 1e3, lambda: book.greeks(NOW_S, SPOT)),
        "book_all_vols_solved": ("ms", 1e3, requote),
        "scenario_grid": ("ms", 1e3, grid),
    }
    spent = race({name: job for name, (_, _, job) in jobs.items()}, runs=plan.core_runs)
    figures = {name: figure(unit, [run * scale for run in spent[name]]) for name, (unit, scale, _) in jobs.items()}
    return Outcome(
        figures,
        {
            "positions": plan.core_positions,
            "options": many,
            "grid_cells": cells,
            "greeks_times_faster_than_loop": _times(figures, "greeks_per_option"),
            "implied_vol_times_faster_than_loop": _times(figures, "implied_vol_per_option"),
        },
    )


def _times(figures: dict[str, Figure], name: str) -> float:
    fast, slow = figures[name], figures[f"{name}_plain_loop"]
    return round(slow.median / fast.median, 1)
