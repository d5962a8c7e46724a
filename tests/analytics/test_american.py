"""American options: the reference file row by row, published figures, properties, edges, shapes and a second method."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from analytics.american import american, american_first_order, american_future, american_price
from analytics.black_scholes import Floats, bsm

_PRICE_BAR = 2e-6
_DELTA_BAR = 1e-4


def _rows(shared_reference: Path, **wanted: str) -> list[dict[str, str]]:
    with (shared_reference / "american.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if all(row[key] == value for key, value in wanted.items())]


def _column(rows: list[dict[str, str]], name: str) -> Floats:
    return np.array([float(row[name]) for row in rows])


def _inputs(rows: list[dict[str, str]]) -> dict[str, np.ndarray]:
    names = {"spot": "S", "strike": "K", "t_years": "t", "rate": "r", "dividend_yield": "q", "vol": "sigma"}
    found: dict[str, np.ndarray] = {name: _column(rows, column) for name, column in names.items()}
    found["is_call"] = np.array([row["flag"] == "c" for row in rows])
    return found


def test_every_continuous_yield_row_of_the_reference_is_met(shared_reference: Path) -> None:
    rows = _rows(shared_reference, div_model="none")
    inputs = _inputs(rows)
    values = american(**inputs)
    scale = np.maximum(inputs["spot"], inputs["strike"])
    assert len(rows) > 150
    assert np.all(np.abs(values.price - _column(rows, "price")) <= _PRICE_BAR * scale)


def test_the_cheaper_entries_give_the_same_numbers(shared_reference: Path) -> None:
    inputs = _inputs(_rows(shared_reference, div_model="none"))
    values, first = american(**inputs), american_first_order(**inputs)
    assert all(np.array_equal(getattr(values, name), getattr(first, name)) for name in first._fields)
    assert np.array_equal(american_price(**inputs), values.price)


def test_a_call_without_yield_is_european_to_the_last_bit() -> None:
    inputs = {"spot": 100.0, "strike": np.array([80.0, 100.0, 120.0]), "t_years": 0.5, "rate": 0.05, "vol": 0.3}
    found = american(**inputs, dividend_yield=0.0, is_call=True)
    expected = bsm(**inputs, dividend_yield=0.0, is_call=True)
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(found, expected, strict=True))


def test_an_option_on_a_future_has_the_yield_of_the_rate_and_its_own_rho() -> None:
    given = {
        "strike": np.array([90.0, 100.0, 110.0]),
        "t_years": 1.0,
        "vol": 0.25,
        "is_call": np.array([True, False, True]),
    }
    future = american_future(forward=100.0, rate=0.05, **given)
    spot = american(spot=100.0, rate=0.05, dividend_yield=0.05, **given)
    assert np.array_equal(future.price, spot.price)
    up, down = (american_price(spot=100.0, rate=r, dividend_yield=r, **given) for r in (0.051, 0.049))
    np.testing.assert_allclose(future.rho_per_point, (up - down) / 0.2, rtol=1e-4)
