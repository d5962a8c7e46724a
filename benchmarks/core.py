"""The numbers core in this process: vectors against plain Python loops over the same options."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from analytics.black_scholes import bsm_first_order, bsm_price
from analytics.book import BookArrays, Model, PositionColumns, UnderlyingColumns
from analytics.implied_vol import implied_vol
from analytics.scenarios import pnl_grid
from benchmarks.figures import Figure, Outcome, figure
from benchmarks.plan import Plan

Floats = npt.NDArray[np.float64]
_SPOT, _RATE, _YIELD = 7200.0, 0.0375, 0.0125
_NOW_S = 1_800_000_000.0
_DAY_S = 86_400.0
_GRID_SPOTS, _GRID_VOLS = np.linspace(-0.15, 0.15, 13), np.linspace(-0.05, 0.15, 7)
#: The plain loop is timed over so many options, then given per option.
_LOOPED = 500


class Options:
    """Random options near the money, as columns and as rows."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(1)
        self.strike = _SPOT * rng.uniform(0.9, 1.1, count)
        self.t_years = rng.uniform(3, 180, count) / 365.0
        self.vol = rng.uniform(0.1, 0.5, count)
        self.is_call = rng.random(count) < 0.5
        self.price = bsm_price(
            spot=_SPOT,
            strike=self.strike,
            t_years=self.t_years,
            rate=_RATE,
            dividend_yield=_YIELD,
            vol=self.vol,
            is_call=self.is_call,
        )
        columns = (self.strike, self.t_years, self.vol, self.is_call, self.price)
        self.rows: list[tuple[float, float, float, bool, float]] = list(
            zip(*(column[:_LOOPED].tolist() for column in columns), strict=True)
        )

    def greeks(self) -> None:
        """Values and first-order Greeks of all, in one pass."""
        bsm_first_order(
            spot=_SPOT,
            strike=self.strike,
            t_years=self.t_years,
            rate=_RATE,
            dividend_yield=_YIELD,
            vol=self.vol,
            is_call=self.is_call,
        )

    def vols(self) -> None:
        """Implied vols of all, in one pass."""
        implied_vol(
            price=self.price,
            spot=_SPOT,
            strike=self.strike,
            t_years=self.t_years,
            rate=_RATE,
            dividend_yield=_YIELD,
            is_call=self.is_call,
        )


def plain_greeks(strike: float, t_years: float, vol: float, is_call: bool) -> tuple[float, ...]:
    """Black-Scholes-Merton value and first-order Greeks with the math module, one option (Hull, ch. 17 and 19)."""
    root_t = math.sqrt(t_years)
    d1 = (math.log(_SPOT / strike) + (_RATE - _YIELD + vol * vol / 2.0) * t_years) / (vol * root_t)
    d2 = d1 - vol * root_t
    sign = 1.0 if is_call else -1.0
    grown, discount = math.exp(-_YIELD * t_years), math.exp(-_RATE * t_years)
    n1, n2 = (0.5 * math.erfc(-sign * d / math.sqrt(2.0)) for d in (d1, d2))
    density = math.exp(-d1 * d1 / 2.0) / math.sqrt(2.0 * math.pi)
    value = sign * (_SPOT * grown * n1 - strike * discount * n2)
    gamma = grown * density / (_SPOT * vol * root_t)
    vega = _SPOT * grown * density * root_t
    theta = (
        -_SPOT * grown * density * vol / (2.0 * root_t)
        + sign * _YIELD * _SPOT * grown * n1
        - sign * _RATE * strike * discount * n2
    )
    return value, sign * grown * n1, gamma, theta / 365.0, vega / 100.0


def plain_vol(price: float, strike: float, t_years: float, is_call: bool) -> float:
    """Implied vol by Newton steps kept inside a bracket, one option."""
    low, high, vol = 1e-4, 5.0, 0.3
    for _ in range(100):
        value, _, _, _, vega = plain_greeks(strike, t_years, vol, is_call)
        miss = value - price
        if abs(miss) < 1e-9 * _SPOT:
            break
        low, high = (low, vol) if miss > 0.0 else (vol, high)
        step = vol - miss / (vega * 100.0) if vega > 0.0 else low
        vol = step if low < step < high else (low + high) / 2.0
    return vol


def a_book(count: int) -> BookArrays:
    """Returns a book of `count` quoted positions on eight underlyings, nine tenths of them options, vols solved."""
    rng = np.random.default_rng(2)
    spots = np.array([7200.0, 720.0, 640.0, 285.0, 430.0, 195.0, 400.0, 7210.0])
    at = rng.integers(0, spots.size, count)
    model = np.where(rng.random(count) < 0.9, Model.BSM, Model.LINEAR).astype(np.int8)
    vol = rng.uniform(0.12, 0.5, count)
    book = BookArrays(
        PositionColumns(
            quantity=rng.integers(1, 5, count) * rng.choice((-1.0, 1.0), count),
            multiplier=np.where(model == Model.LINEAR, 1.0, 100.0),
            model=model,
            underlying=at.astype(np.intp),
            strike=spots[at] * rng.uniform(0.9, 1.1, count),
            expiry_epoch_s=_NOW_S + rng.uniform(3, 180, count) * _DAY_S,
            is_call=rng.random(count) < 0.5,
            rate=np.full(count, _RATE),
            dividend_yield=np.full(count, _YIELD),
            vol=vol,
        ),
        UnderlyingColumns(
            tuple(f"U{number}" for number in range(spots.size)),
            spots,
            np.linspace(0.8, 1.8, spots.size),
            np.zeros(spots.size, dtype=np.bool_),
        ),
    )
    price = book.greeks(_NOW_S, _SPOT).price
    book.set_quotes(np.arange(count), price * 0.99, price * 1.01)
    book.refresh_vols(_NOW_S)
    return book


def measure(plan: Plan, _folder: Path) -> Outcome:
    """Vectors and loops in turn, run by run."""
    options, book = Options(plan.core_options), a_book(plan.core_positions)
    few = Options(plan.core_positions)
    every = np.arange(plan.core_positions)
    bid, ask = book.bid.copy(), book.ask.copy()

    def requote() -> None:
        book.set_quotes(every, bid, ask)
        book.refresh_vols(_NOW_S)

    def loop_greeks() -> None:
        for strike, t_years, vol, is_call, _ in options.rows:
            plain_greeks(strike, t_years, vol, is_call)

    def loop_vols() -> None:
        for strike, t_years, _, is_call, price in options.rows:
            plain_vol(price, strike, t_years, is_call)

    def grid() -> None:
        pnl_grid(book, now_epoch_s=_NOW_S, spot_shifts=_GRID_SPOTS, vol_shifts=_GRID_VOLS)

    many, looped = plan.core_options, len(options.rows)
    cells = _GRID_SPOTS.size * _GRID_VOLS.size
    jobs: dict[str, tuple[str, float, Callable[[], None]]] = {
        "greeks_per_option": ("ns", 1e9 / many, options.greeks),
        "greeks_per_option_of_book_size": ("ns", 1e9 / plan.core_positions, few.greeks),
        "greeks_per_option_plain_loop": ("ns", 1e9 / looped, loop_greeks),
        "implied_vol_per_option": ("ns", 1e9 / many, options.vols),
        "implied_vol_per_option_plain_loop": ("ns", 1e9 / looped, loop_vols),
        "book_greeks": ("ms", 1e3, lambda: _drop(book.greeks(_NOW_S, _SPOT))),
        "book_all_vols_solved": ("ms", 1e3, requote),
        "scenario_grid": ("ms", 1e3, grid),
        "scenario_grid_per_value": ("ns", 1e9 / (cells * plan.core_positions), grid),
    }
    runs: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(plan.core_runs + 1):
        for name, (_, scale, job) in random.Random(number).sample(list(jobs.items()), len(jobs)):
            started = time.perf_counter()
            job()
            if number:
                runs[name].append((time.perf_counter() - started) * scale)
    figures = {name: figure(jobs[name][0], found) for name, found in runs.items()}
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


def _drop(_value: object) -> None:
    """Lets a result go."""
