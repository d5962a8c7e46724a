"""American options: the reference file row by row, published figures, properties, edges, shapes and a second method."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.american import (
    american,
    american_first_order,
    american_future,
    american_future_first_order,
    american_price,
)
from analytics.american_boundary import solve
from analytics.american_equation import Exercise
from analytics.black_scholes import Floats, bsm, bsm_price

_PRICE_BAR = 2e-6
_DELTA_BAR = 1e-4


def _rows(shared_reference: Path) -> list[dict[str, str]]:
    with (shared_reference / "american.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["div_model"] == "none"]


def _column(rows: list[dict[str, str]], name: str) -> Floats:
    return np.array([float(row[name] or "nan") for row in rows])


def _inputs(rows: list[dict[str, str]]) -> dict[str, Any]:
    names = {"spot": "S", "strike": "K", "t_years": "t", "rate": "r", "dividend_yield": "q", "vol": "sigma"}
    found: dict[str, Any] = {name: _column(rows, column) for name, column in names.items()}
    found["is_call"] = np.array([row["flag"] == "c" for row in rows])
    return found


def _tree(spot: float, strike: float, t: float, rate: float, carry: float, vol: float, *, call: bool) -> float:
    """Leisen-Reimer tree of 1001 steps: a method that shares nothing with the one under test."""
    steps, sign = 1001, 1.0 if call else -1.0
    d1 = (np.log(spot / strike) + (rate - carry + 0.5 * vol * vol) * t) / (vol * np.sqrt(t))

    def chance(d: float) -> float:
        z = (d / (steps + 1.0 / 3.0 + 0.1 / (steps + 1.0))) ** 2 * (steps + 1.0 / 6.0)
        return float(0.5 + np.sign(d) * 0.5 * np.sqrt(1.0 - np.exp(-z)))

    up, with_stock = chance(d1 - vol * np.sqrt(t)), chance(d1)
    grown, fade = np.exp((rate - carry) * t / steps), np.exp(-rate * t / steps)
    rise, fall = grown * with_stock / up, grown * (1.0 - with_stock) / (1.0 - up)
    index = np.arange(steps + 1)
    values = np.maximum(sign * (spot * rise**index * fall ** (steps - index) - strike), 0.0)
    for step in range(steps - 1, -1, -1):
        index = np.arange(step + 1)
        values = fade * (up * values[1:] + (1.0 - up) * values[:-1])
        values = np.maximum(values, sign * (spot * rise**index * fall ** (step - index) - strike))
    return float(values[0])


def test_every_continuous_yield_row_of_the_reference_is_met(shared_reference: Path) -> None:
    rows = _rows(shared_reference)
    inputs = _inputs(rows)
    values = american(**inputs)
    spot, root = inputs["spot"], np.sqrt(inputs["t_years"])
    spread = inputs["vol"] * root
    assert len(rows) > 150
    off = np.abs(values.price - _column(rows, "price")) / np.maximum(spot, inputs["strike"])
    assert off.max() <= _PRICE_BAR
    assert np.abs(values.delta - _column(rows, "delta")).max() <= _DELTA_BAR
    gamma = np.abs(values.gamma - _column(rows, "gamma")) - np.nan_to_num(_column(rows, "err_gamma"))
    assert (gamma * spot * spread).max() <= 1e-4
    vega = np.abs(values.vega_per_point - _column(rows, "vega_1pct")) * 100.0 / (spot * root)
    assert vega.max() <= 1e-4
    theta = np.abs(values.theta_per_day - _column(rows, "theta_day")) * 365.0
    theta -= np.nan_to_num(_column(rows, "err_theta"))
    assert (theta * root / (spot * inputs["vol"])).max() <= 1e-4


def test_precise_prices_are_nearer_to_the_reference(shared_reference: Path) -> None:
    rows = _rows(shared_reference)
    inputs = _inputs(rows)
    scale, known = np.maximum(inputs["spot"], inputs["strike"]), _column(rows, "price")
    plain, precise = (np.abs(american_price(**inputs, precise=precise) - known) / scale for precise in (False, True))
    assert precise.max() <= _PRICE_BAR
    assert np.quantile(precise, 0.9) < 0.6 * np.quantile(plain, 0.9)


def test_every_rho_of_the_reference_is_met_with_the_future_held_where_it_is_one(shared_reference: Path) -> None:
    rows = _rows(shared_reference)
    inputs = _inputs(rows)
    on_future = np.array([row["group"] == "am_futures" for row in rows])
    future = american_future(
        forward=inputs["spot"], **{name: inputs[name] for name in ("strike", "t_years", "rate", "vol", "is_call")}
    )
    found = np.where(on_future, future.rho_per_point, american(**inputs).rho_per_point) * 100.0
    given_rho = _column(rows, "rho")
    known = np.isfinite(given_rho)
    off = np.abs(found - given_rho)[known] / (inputs["strike"] * inputs["t_years"])[known]
    assert known.sum() > 100
    assert off.max() <= 1e-3


def test_exercised_rows_of_the_reference_hold_the_stock_and_nothing_else(shared_reference: Path) -> None:
    rows = [row for row in _rows(shared_reference) if row["region"] == "exercise"]
    inputs = _inputs(rows)
    values = american(**inputs)
    sign = np.where(inputs["is_call"], 1.0, -1.0)
    assert np.array_equal(values.price, sign * (inputs["spot"] - inputs["strike"]))
    assert np.array_equal(values.delta, sign)
    assert all(not np.any(greek) for greek in values[2:])


def test_every_american_example_of_the_textbooks_is_met(shared_reference: Path) -> None:
    """Where a book prints an approximation's own figure, `exact` is the true value."""
    entries = json.loads((shared_reference / "textbook.json").read_text())
    entries = entries if isinstance(entries, list) else entries["examples"]
    chosen = [
        entry
        for entry in entries
        if entry["model"].startswith("american") and entry["quantity"] == "price" and entry["exact"] is not None
    ]
    plain = [entry for entry in chosen if entry["inputs"].keys() == {"S", "K", "t", "r", "q", "sigma"}]
    assert len(plain) >= 30
    for entry in plain:
        book = entry["inputs"]
        found = american_price(
            spot=book["S"],
            strike=book["K"],
            # Ju's table is in whole days of a year of 360, as its note in the file says.
            t_years=round(book["t"] * 360.0) / 360.0 if "30/360" in entry["note"] else book["t"],
            rate=book["r"],
            dividend_yield=book["q"],
            vol=book["sigma"],
            is_call=entry["flag"] == "c",
        )
        assert abs(float(found) - entry["exact"]) <= _PRICE_BAR * max(book["S"], book["K"]), entry["id"]


def test_the_published_premium_of_andersen_lake_and_offengenden_is_met() -> None:
    option: dict[str, Any] = {
        "spot": 100.0,
        "strike": 100.0,
        "t_years": 1.0,
        "rate": 0.05,
        "dividend_yield": 0.05,
        "vol": 0.25,
        "is_call": False,
    }
    assert float(american_price(**option) - bsm_price(**option)) == pytest.approx(0.106952702757, abs=2e-6)


def test_the_cheaper_entries_give_the_same_numbers(shared_reference: Path) -> None:
    inputs = _inputs(_rows(shared_reference))
    values, first = american(**inputs), american_first_order(**inputs)
    assert all(np.array_equal(getattr(values, name), getattr(first, name)) for name in first._fields)
    assert np.array_equal(american_price(**inputs), values.price)


@pytest.mark.parametrize("call", [True, False])
@pytest.mark.parametrize(
    ("rate", "carry", "vol", "t"),
    [(0.05, 0.0, 0.3, 0.5), (0.03, 0.06, 0.2, 1.5), (0.045, 0.045, 0.4, 0.25), (-0.005, 0.02, 0.25, 1.0)],
)
def test_a_binomial_tree_agrees(rate: float, carry: float, vol: float, t: float, call: bool) -> None:
    for strike in (85.0, 100.0, 120.0):
        found = american_price(
            spot=100.0, strike=strike, t_years=t, rate=rate, dividend_yield=carry, vol=vol, is_call=call
        )
        assert float(found) == pytest.approx(_tree(100.0, strike, t, rate, carry, vol, call=call), abs=3e-3)


def test_a_call_without_yield_is_european_to_the_last_bit() -> None:
    inputs: dict[str, Any] = {
        "spot": 100.0,
        "strike": np.array([80.0, 120.0]),
        "t_years": 0.5,
        "rate": 0.05,
        "vol": 0.3,
    }
    found = american(**inputs, dividend_yield=0.0, is_call=True)
    expected = bsm(**inputs, dividend_yield=0.0, is_call=True)
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(found, expected, strict=True))
    assert np.array_equal(
        american_price(**{**inputs, "rate": 0.0}, dividend_yield=0.01, is_call=False),
        bsm_price(**{**inputs, "rate": 0.0}, dividend_yield=0.01, is_call=False),
    )


def test_an_option_on_a_future_has_the_yield_of_the_rate_and_its_own_rho() -> None:
    given_inputs: dict[str, Any] = {
        "strike": np.array([90.0, 100.0, 110.0]),
        "t_years": 1.0,
        "vol": 0.25,
        "is_call": np.array([True, False, True]),
    }
    future = american_future(forward=100.0, rate=0.05, **given_inputs)
    spot = american(spot=100.0, rate=0.05, dividend_yield=0.05, **given_inputs)
    first = american_future_first_order(forward=100.0, rate=0.05, **given_inputs)
    assert np.array_equal(future.price, spot.price)
    assert np.array_equal(first.delta, spot.delta)
    up, down = (american_price(spot=100.0, rate=r, dividend_yield=r, **given_inputs) for r in (0.051, 0.049))
    np.testing.assert_allclose(future.rho_per_point, (up - down) / 0.2, rtol=1e-4)


def test_every_greek_is_the_slope_of_the_price() -> None:
    inputs: dict[str, Any] = {
        "spot": 100.0,
        "strike": np.array([80.0, 95.0, 100.0, 110.0, 80.0, 95.0, 100.0, 110.0]),
        "t_years": 0.7,
        "rate": 0.05,
        "dividend_yield": 0.03,
        "vol": 0.3,
        "is_call": np.arange(8) < 4,
    }
    values = american(**inputs)

    def slope(name: str, step: float, of: str = "price") -> Floats:
        up, down = (american(**{**inputs, name: inputs[name] + sign * step}) for sign in (1.0, -1.0))
        return np.asarray((getattr(up, of) - getattr(down, of)) / (2.0 * step))

    np.testing.assert_allclose(values.delta, slope("spot", 0.01), atol=1e-5)
    np.testing.assert_allclose(values.gamma, slope("spot", 0.01, "delta"), atol=1e-6)
    np.testing.assert_allclose(values.vega_per_point * 100.0, slope("vol", 1e-3), atol=2e-3)
    np.testing.assert_allclose(values.rho_per_point * 100.0, slope("rate", 1e-4), atol=2e-3)
    np.testing.assert_allclose(values.theta_per_day * 365.0, -slope("t_years", 1e-3), atol=1e-3)
    np.testing.assert_allclose(values.vanna, slope("vol", 1e-3, "delta"), atol=1e-4)
    np.testing.assert_allclose(values.volga, slope("vol", 1e-3, "vega_per_point") * 100.0, atol=2e-2)
    np.testing.assert_allclose(values.charm_per_day * 365.0, -slope("t_years", 1e-3, "delta"), atol=1e-4)


_options = st.fixed_dictionaries(
    {
        "strike": st.floats(60.0, 160.0),
        "t_years": st.floats(0.003, 3.0),
        "rate": st.sampled_from([0.0, 0.005, 0.03, 0.05, 0.08]),
        "dividend_yield": st.sampled_from([0.0, 0.01, 0.03, 0.0501, 0.07]),
        "vol": st.floats(0.06, 1.2),
        "is_call": st.booleans(),
    }
)


@settings(max_examples=60, deadline=None)
@given(_options)
def test_price_bounds_monotony_convexity_and_scaling(option: dict[str, Any]) -> None:
    spots = np.linspace(70.0, 140.0, 29)
    price = american_price(spot=spots, **option)
    sign = 1.0 if option["is_call"] else -1.0
    slack = 1e-6 * 160.0
    assert np.all(price >= np.maximum(sign * (spots - option["strike"]), 0.0) - 1e-12)
    assert np.all(price >= bsm_price(spot=spots, **option) - slack)
    assert np.all(sign * np.diff(price) >= -slack)
    assert np.all(np.diff(price, 2) >= -slack)
    assert np.all(american_price(spot=spots, **{**option, "vol": option["vol"] * 1.1}) >= price - slack)
    assert np.all(american_price(spot=spots, **{**option, "t_years": option["t_years"] * 1.1}) >= price - slack)
    scaled = american_price(spot=spots * 7.0, **{**option, "strike": option["strike"] * 7.0})
    np.testing.assert_allclose(scaled, price * 7.0, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(_options)
def test_a_call_is_the_put_with_everything_exchanged(option: dict[str, Any]) -> None:
    mirrored = {
        "spot": option["strike"],
        "strike": 100.0,
        "t_years": option["t_years"],
        "rate": option["dividend_yield"],
        "dividend_yield": option["rate"],
        "vol": option["vol"],
        "is_call": not option["is_call"],
    }
    assert float(american_price(spot=100.0, **option)) == pytest.approx(float(american_price(**mirrored)), abs=1e-9)


def test_the_price_leaves_the_intrinsic_value_smoothly_at_the_boundary() -> None:
    problem = Exercise(*(np.array([value]) for value in (0.5, 0.05, 0.01, 0.25)))
    edge = 100.0 * float(solve(problem).today()[0])
    spots = edge * np.array([0.9999, 1.0, 1.0 + 1e-9, 1.0001, 1.001])
    values = american(spot=spots, strike=100.0, t_years=0.5, rate=0.05, dividend_yield=0.01, vol=0.25, is_call=False)
    np.testing.assert_allclose(values.price, [*(100.0 - spots[:4]), values.price[4]], atol=1e-5)
    assert values.price[4] > 100.0 - spots[4]
    np.testing.assert_allclose(values.delta[:4], -1.0, atol=2e-3)
    # At the boundary the Black-Scholes equation leaves 2 (r K - q B) / (vol B)^2 of gamma.
    assert values.gamma[4] == pytest.approx(2.0 * (5.0 - 0.01 * edge) / (0.25 * edge) ** 2, rel=0.05)


def test_the_boundary_solves_its_own_equation_where_yield_and_rate_nearly_meet() -> None:
    ratio = np.array([0.99, 0.9999, 1.0, 1.0001, 1.001, 1.01, 1.1])
    size = np.ones(ratio.size)
    level = solve(Exercise(0.08 * size, 0.05 * size, 0.05 * ratio, 0.4 * size)).today()
    assert np.all(np.diff(level) < 0.0)
    assert np.all(np.abs(np.diff(level)[1:4]) < 1e-3)


def test_spots_on_another_axis_give_what_each_row_gives_alone() -> None:
    shift = np.array([[0.9], [1.0], [1.1]])
    rows: dict[str, Any] = {
        "strike": np.array([95.0, 100.0, 105.0, 110.0]),
        "t_years": np.array([0.1, 0.5, 1.0, 2.0]),
        "rate": 0.05,
        "dividend_yield": 0.02,
        "vol": np.array([0.2, 0.3, 0.25, 0.4]),
        "is_call": np.array([True, False, True, False]),
    }
    grid = american_first_order(spot=100.0 * shift, **rows)
    for index, factor in enumerate(shift[:, 0]):
        alone = american_first_order(spot=100.0 * factor, **rows)
        for name in alone._fields:
            np.testing.assert_allclose(getattr(grid, name)[index], getattr(alone, name), rtol=1e-12, atol=1e-14)
    assert american(spot=100.0, **rows).price.shape == (4,)
    assert american_price(
        spot=100.0, **{**rows, "strike": np.empty(0), "t_years": 1.0, "vol": 0.2, "is_call": True}
    ).shape == (0,)


def test_chunks_of_a_large_book_do_not_disturb_each_other() -> None:
    strike = np.linspace(60.0, 150.0, 700)
    inputs: dict[str, Any] = {
        "spot": 100.0,
        "t_years": 0.5,
        "rate": 0.05,
        "dividend_yield": 0.01,
        "vol": 0.3,
        "is_call": False,
    }
    whole = american_price(strike=strike, **inputs)
    np.testing.assert_allclose(american_price(strike=strike[300:310], **inputs), whole[300:310], rtol=1e-13)


@pytest.mark.parametrize("name", ["spot", "strike", "t_years", "rate", "dividend_yield", "vol"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_row_is_nan_and_disturbs_no_other(name: str, bad: float) -> None:
    inputs: dict[str, Any] = {
        "spot": 100.0,
        "strike": 100.0,
        "t_years": 0.5,
        "rate": 0.05,
        "dividend_yield": 0.02,
        "vol": 0.2,
        "is_call": False,
    }
    values = american(**{**inputs, name: np.array([inputs[name], bad])})
    plain = american(**inputs)
    assert all(np.isnan(greek[1]) for greek in values)
    assert all(greek[0] == pytest.approx(float(alone), rel=1e-12) for greek, alone in zip(values, plain, strict=True))


def test_at_expiry_the_limits_are_the_european_ones() -> None:
    inputs: dict[str, Any] = {"strike": 100.0, "t_years": 0.0, "rate": 0.05, "dividend_yield": 0.02, "vol": 0.2}
    spots = np.array([90.0, 100.0, 110.0])
    found = american(spot=spots, is_call=False, **inputs)
    assert all(
        np.array_equal(mine, theirs)
        for mine, theirs in zip(found, bsm(spot=spots, is_call=False, **inputs), strict=True)
    )


def test_without_vol_the_best_certain_date_is_taken() -> None:
    inputs: dict[str, Any] = {"t_years": 2.0, "vol": 0.0}
    now = american(spot=90.0, strike=100.0, rate=0.05, dividend_yield=0.0, is_call=False, **inputs)
    assert (float(now.price), float(now.delta), float(now.theta_per_day)) == (10.0, -1.0, 0.0)
    # Dividends first outweigh interest, then not: the put gains until t with r K e^-rt = q S e^-qt.
    middle = american(spot=100.0, strike=100.0, rate=0.08, dividend_yield=0.12, is_call=False, **inputs)
    dates = np.linspace(0.0, 2.0, 200_001)
    best = 100.0 * np.max(np.exp(-0.08 * dates) - np.exp(-0.12 * dates))
    assert float(middle.price) == pytest.approx(best, abs=1e-8)


def test_two_boundaries_are_priced_and_symmetric() -> None:
    """A put with yield < rate < 0 is exercised between two spots only."""
    spots = np.array([60.0, 90.0, 100.0, 110.0])
    put = american(spot=spots, strike=100.0, t_years=2.0, rate=-0.01, dividend_yield=-0.03, vol=0.15, is_call=False)
    call = american_price(
        spot=100.0, strike=spots, t_years=2.0, rate=-0.03, dividend_yield=-0.01, vol=0.15, is_call=True
    )
    np.testing.assert_allclose(put.price, call, atol=1e-5)
    tree = [_tree(float(spot), 100.0, 2.0, -0.01, -0.03, 0.15, call=False) for spot in spots]
    np.testing.assert_allclose(put.price, tree, atol=3e-3)
    assert (float(put.price[0]), float(put.delta[0])) == (40.0, -1.0)
