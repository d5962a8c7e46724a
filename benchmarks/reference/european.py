"""European values, Greeks and implied vols against greeks_bsm.csv, greeks_black76.csv and iv.csv."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from analytics.black_scholes import Floats, OptionValues, black76, bsm, bsm_price
from analytics.implied_vol import IvStatus, implied_vol
from benchmarks.reference.lines import Line, Table, line, wrong

_OF_SCALE, _RELATIVE, _LARGE = 1e-12, 1e-11, 1e-6
_STATUS = {
    "ok": IvStatus.OK,
    "below_intrinsic": IvStatus.BELOW_INTRINSIC,
    "at_intrinsic": IvStatus.AT_INTRINSIC,
    "at_or_above_max": IvStatus.ABOVE_MAXIMUM,
    "invalid_input": IvStatus.BAD_INPUT,
}


def greeks(folder: Path) -> list[Line]:
    """Returns two lines a quantity and file: over the natural scale, and relative where the value is not tiny."""
    spot, future = Table(folder / "greeks_bsm.csv"), Table(folder / "greeks_black76.csv")
    common = [_inputs(table) for table in (spot, future)]
    of_spot = bsm(spot=spot.numbers("S"), dividend_yield=spot.numbers("q"), **common[0])
    of_future = black76(forward=future.numbers("F"), **common[1])
    return [
        *_greek_lines("greeks_bsm.csv", spot, of_spot, spot.numbers("S")),
        *_greek_lines("greeks_black76.csv", future, of_future, future.numbers("F")),
    ]


def _inputs(table: Table) -> dict[str, Any]:
    names = {"strike": "K", "t_years": "t", "rate": "r", "vol": "sigma"}
    return {**{name: table.numbers(column) for name, column in names.items()}, "is_call": table.are("flag", "c")}


def _greek_lines(file: str, table: Table, values: OptionValues, level: Floats) -> list[Line]:
    t, vol, strike = table.numbers("t"), table.numbers("sigma"), table.numbers("K")
    root = np.sqrt(t)
    columns: dict[str, tuple[Floats, str, Floats]] = {
        "price": (values.price, "price", level),
        "delta": (values.delta, "delta", np.ones_like(t)),
        "gamma": (values.gamma, "gamma", 1.0 / (level * vol * root)),
        "theta a day": (values.theta_per_day, "theta_day", level * vol / root / 365.0),
        "vega a point": (values.vega_per_point, "vega_1pct", level * root / 100.0),
        "rho a point": (values.rho_per_point, "rho_1pct", strike * t / 100.0),
        "vanna": (values.vanna, "vanna", 1.0 / vol),
        "volga": (values.volga, "volga", level * root / vol),
        "charm a day": (values.charm_per_day, "charm_day", 1.0 / t / 365.0),
    }
    lines = []
    for name, (got, column, scale) in columns.items():
        want = table.numbers(column)
        large = np.abs(want) > _LARGE * scale
        lines.append(line(file, name, "of scale", got, want, scale, _OF_SCALE))
        lines.append(line(file, name, "relative", got[large], want[large], np.abs(want[large]), _RELATIVE))
    return lines


def vols(folder: Path) -> list[Line]:
    """Returns the lines of iv.csv: solved rows, rows that can only be priced again, and statuses."""
    table = Table(folder / "iv.csv")
    expected = np.array([_STATUS[row["expected"]] for row in table.rows])
    is_well, is_ambiguous = table.are("well_conditioned", "1"), table.are("ambiguous", "1")
    inputs: dict[str, Any] = {
        "spot": table.numbers("S"),
        "strike": table.numbers("K"),
        "t_years": table.numbers("t"),
        "rate": table.numbers("r"),
        "dividend_yield": np.where(table.are("model", "black76"), table.numbers("r"), table.numbers("q")),
        "is_call": table.are("flag", "c"),
    }
    price, sigma = table.numbers("price"), table.numbers("sigma")
    found = implied_vol(price=price, **inputs)
    solved = expected == IvStatus.OK
    well, poor = solved & is_well, solved & ~is_well & ~is_ambiguous
    clear = ~solved & ~is_ambiguous
    either = is_ambiguous & (found.status == IvStatus.OK)
    allowed = np.maximum(table.numbers("tol_sigma"), 1e-12 * sigma)
    legs = sum(
        inputs[level] * np.exp(-inputs[carry] * inputs["t_years"])
        for level, carry in (("spot", "dividend_yield"), ("strike", "rate"))
    )
    rounding = 8.0 * np.finfo(float).eps * np.asarray(legs)

    def priced_again(mask: np.ndarray, quantity: str) -> Line:
        again = bsm_price(vol=found.vol[mask], **{name: column[mask] for name, column in inputs.items()})
        return line("iv.csv", quantity, "of rounding", again, price[mask], rounding[mask], 1.0)

    return [
        line("iv.csv", "well-conditioned", "of tolerance", found.vol[well], sigma[well], allowed[well], 1.0),
        line("iv.csv", "well-conditioned", "relative", found.vol[well], sigma[well], sigma[well], None),
        priced_again(poor, "ill-conditioned, priced again"),
        priced_again(either, "at a bound and solved, priced again"),
        wrong("iv.csv", "status of solvable rows", found.status[solved & ~is_ambiguous] != IvStatus.OK),
        wrong(
            "iv.csv",
            "status of unsolvable rows, no vol",
            (found.status[clear] != expected[clear]) | ~np.isnan(found.vol[clear]),
        ),
        wrong("iv.csv", "at a bound and unsolved, no vol", ~np.isnan(found.vol[is_ambiguous & ~either])),
    ]
