"""Whole books against betaweight.json and scenario.json, through the live book's own arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from analytics import beta_weighting
from analytics.book import BookArrays, BookGreeks, Model, PositionColumns, UnderlyingColumns
from analytics.scenarios import VolShift, pnl_grid
from benchmarks.reference.lines import Line, document, line, wrong
from tests.analytics.scenario_kit import reference_book

_RELATIVE = 1e-11
_SECONDS_PER_YEAR = 365.0 * 86_400.0
_EUROPEAN_GRID, _AMERICAN_GRID = 1e-12, 2e-6
_MODEL = {"stock": Model.LINEAR, "future": Model.LINEAR, "option": Model.BSM, "future_option": Model.BLACK76}
#: Our total > theirs; each is held against the sum of the legs' absolute figures.
_TOTALS = {
    "spx_equiv_delta": "bw_delta",
    "gamma": "bw_gamma_second_order",
    "theta_per_day": "theta_day",
    "vega_per_point": "vega_1pct",
}
_LEGS = {
    "raw_delta": "position_delta",
    "spx_equiv_delta": "bw_delta",
    "gamma_bw": "bw_gamma_second_order",
    "theta_dollars_per_day": "theta_day",
    "vega_dollars_per_point": "vega_1pct",
}


def beta_weight(folder: Path) -> list[Line]:
    """Returns every leg and total with the ratio of last prices, the delta with the ratio of closes, the defaults."""
    file = "betaweight.json"
    totals: dict[str, list[float]] = {key: [] for key in (*_TOTALS, "delta on closes")}
    legs: dict[str, list[np.ndarray]] = {key: [] for key in _LEGS}
    misses: list[bool] = []
    for example in document(folder / file)["examples"]:
        book = _book(example)
        found = book.greeks(0.0, example["index"]["last"])
        per_leg = {key: np.array([leg[theirs] for leg in example["per_leg"]]) for key, theirs in _LEGS.items()}
        for key, want in per_leg.items():
            size = np.maximum(np.abs(want), 1e-6 * np.abs(want).max() or 1.0)
            legs[key].append(np.abs(getattr(found, key) - want) / size)
        sizes = _sizes(example)
        for key, theirs in _TOTALS.items():
            totals[key].append(abs(getattr(found.totals, key) - example["totals"][theirs]) / sizes[theirs])
        closing = _delta_on_closes(example, found) - example["totals"]["bw_delta_close_ratio"]
        totals["delta on closes"].append(abs(closing) / sizes["bw_delta"])
        defaulted = {example["legs"][row]["symbol"] for row in np.flatnonzero(found.beta_defaulted)}
        misses.append(defaulted != set(example["beta_defaulted"]))
    return [
        *(Line(file, f"{key} of each leg", "relative", np.concatenate(mine), _RELATIVE) for key, mine in legs.items()),
        *(Line(file, f"total {key}", "of the legs", np.array(mine), _RELATIVE) for key, mine in totals.items()),
        wrong(file, "positions on the default beta", misses),
    ]


def _sizes(example: dict[str, Any]) -> dict[str, float]:
    return {theirs: sum(abs(leg[theirs]) for leg in example["per_leg"]) or 1.0 for theirs in _TOTALS.values()}


def _delta_on_closes(example: dict[str, Any], found: BookGreeks) -> float:
    """The same Greeks, weighed with yesterday's closes in place of last prices, as TWS does it."""
    closes = [example["underlyings"][leg["symbol"]]["close"] for leg in example["legs"]]
    weighed = beta_weighting.beta_weight(
        quantity=[leg["qty"] for leg in example["legs"]],
        multiplier=[leg["multiplier"] for leg in example["legs"]],
        delta=found.delta,
        gamma=found.gamma,
        theta_per_day=found.theta_per_day,
        vega_per_point=found.vega_per_point,
        underlying_price=closes,
        beta=found.beta,
        index_price=example["index"]["close"],
    )
    return weighed.totals.spx_equiv_delta


def _book(example: dict[str, Any]) -> BookArrays:
    legs, under = example["legs"], example["underlyings"]
    symbols = list(under)
    of = [under[leg["symbol"]] for leg in legs]
    return BookArrays(
        PositionColumns(
            quantity=[leg["qty"] for leg in legs],
            multiplier=[leg["multiplier"] for leg in legs],
            model=[_MODEL[leg["kind"]] for leg in legs],
            underlying=[symbols.index(leg["symbol"]) for leg in legs],
            strike=[leg.get("strike", np.nan) for leg in legs],
            expiry_epoch_s=[leg.get("t", np.nan) * _SECONDS_PER_YEAR for leg in legs],
            is_call=[leg.get("right") == "C" for leg in legs],
            rate=[one["r"] for one in of],
            dividend_yield=[one["q"] for one in of],
            vol=[leg.get("sigma", np.nan) for leg in legs],
        ),
        UnderlyingColumns(
            symbols,
            [under[symbol]["last"] for symbol in symbols],
            [np.nan if under[symbol]["beta"] is None else under[symbol]["beta"] for symbol in symbols],
        ),
    )


def scenario(folder: Path) -> list[Line]:
    """Returns every cell of every grid in dollars over the value of what is exposed, and in dollars."""
    file = "scenario.json"
    shares: dict[bool, list[np.ndarray]] = {False: [], True: []}
    dollars: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for example in document(folder / file)["examples"]:
        grid = pnl_grid(
            reference_book(example),
            now_epoch_s=0.0,
            spot_shifts=example["spot_shift"],
            vol_shifts=example["vol_shift"],
            days_forward=example["days_forward"],
            vol_mode=VolShift(example["vol_mode"]),
            beta_weighted=example["beta_weighted_spot_shift"],
        )
        errors = np.abs(grid.pnl - np.array(example["pnl"])).ravel()
        under = example["underlyings"]
        exposed = sum(
            abs(leg["qty"]) * leg["multiplier"] * max(leg.get("strike", 0.0), under[leg["symbol"]]["price"])
            for leg in example["legs"]
        )
        is_american = any(leg.get("style") == "american" for leg in example["legs"])
        shares[is_american].append(errors / exposed)
        dollars[is_american].append(errors)
    lines = []
    for is_american, bar in ((False, _EUROPEAN_GRID), (True, _AMERICAN_GRID)):
        name = "cells of books with American legs" if is_american else "cells of European books"
        for unit, errors, most in (("of exposure", shares[is_american], bar), ("$", dollars[is_american], None)):
            lines.append(line(file, name, unit, np.concatenate([*errors, np.empty(0)]), 0.0, 1.0, most))
    return lines
