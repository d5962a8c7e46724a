"""American values against american.csv."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from analytics.american import CashDividends, DividendModel, american
from analytics.black_scholes import Bools, Floats, OptionValues
from benchmarks.reference.lines import Line, Table, line

_FILE = "american.csv"
#: Price over the greater of spot and strike: the issue's bar for a yield, half a cent at 100 for cash dividends.
_PRICE, _CASH_PRICE, _DELTA = 2e-6, 5e-5, 1e-4
_MODELS = {"spot": DividendModel.SPOT, "escrowed": DividendModel.ESCROWED}


def american_lines(folder: Path) -> list[Line]:
    """Returns price and delta per group and dividend model, and the other Greeks over all rows."""
    table = Table(folder / _FILE)
    lines: list[Line] = []
    others: dict[str, list[Floats]] = {}
    groups = sorted({(row["group"], row["div_model"]) for row in table.rows})
    for group, model in groups:
        mask = table.are("group", group) & table.are("div_model", model)
        values, inputs = _values(table, mask, model)
        top = np.maximum(inputs["spot"], inputs["strike"])
        has_cash = model != "none"
        name = f"{group}, {model} dividends" if has_cash else group
        want = {key: table.numbers(key)[mask] for key in ("price", "delta")}
        price_bar = _CASH_PRICE if has_cash else _PRICE
        lines.append(line(_FILE, f"price: {name}", "of max(S, K)", values.price, want["price"], top, price_bar))
        delta_bar = None if has_cash else _DELTA
        lines.append(line(_FILE, f"delta: {name}", "absolute", values.delta, want["delta"], 1.0, delta_bar))
        for key, error in _other_errors(table, mask, values, inputs, holds_forward=group == "am_futures").items():
            others.setdefault(f"{key}: {'cash dividends' if has_cash else 'continuous yield'}", []).append(error)
    return [*lines, *(Line(_FILE, key, "of scale", np.concatenate(others[key]), None) for key in sorted(others))]


def _values(table: Table, mask: Bools, model: str) -> tuple[OptionValues, dict[str, Any]]:
    names = {"spot": "S", "strike": "K", "t_years": "t", "rate": "r", "dividend_yield": "q", "vol": "sigma"}
    inputs: dict[str, Any] = {name: table.numbers(column)[mask] for name, column in names.items()}
    inputs["is_call"] = table.are("flag", "c")[mask]
    if model == "none":
        return american(**inputs), inputs
    schedules = [
        [tuple(map(float, part.split(":"))) for part in row["divs"].split(";")]
        for row, is_mine in zip(table.rows, mask, strict=True)
        if is_mine
    ]
    cash = np.full((2, len(schedules), max(map(len, schedules))), np.nan)
    for number, schedule in enumerate(schedules):
        cash[:, number, : len(schedule)] = np.array(schedule).T
    return american(**inputs, dividends=CashDividends(cash[0], cash[1]), dividend_model=_MODELS[model]), inputs


def _other_errors(
    table: Table, mask: Bools, values: OptionValues, inputs: dict[str, Any], *, holds_forward: bool
) -> dict[str, Floats]:
    """Errors over the natural scales. Options on futures have a rho of their own (`american_future`), left out here."""
    spot, root, vol = inputs["spot"], np.sqrt(inputs["t_years"]), inputs["vol"]
    columns: dict[str, tuple[Floats, str, Floats]] = {
        "gamma": (values.gamma, "gamma", 1.0 / (spot * vol * root)),
        "theta a day": (values.theta_per_day, "theta_day", spot * vol / root / 365.0),
        "vega a point": (values.vega_per_point, "vega_1pct", spot * root / 100.0),
    }
    found = {key: np.abs(got - table.numbers(column)[mask]) / scale for key, (got, column, scale) in columns.items()}
    if not holds_forward:
        # Rows next to the exercise boundary have none in the file.
        want = table.numbers("rho")[mask]
        error = np.abs(100.0 * values.rho_per_point - want) / (inputs["strike"] * inputs["t_years"])
        found["rho a point"] = error[np.isfinite(want)]
    return found
