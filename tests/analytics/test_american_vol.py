"""Implied vols of American options: reference prices, every status, guesses, shapes."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.american import american_first_order, american_implied_vol, american_price
from analytics.implied_vol import IvStatus

_PUT: dict[str, Any] = {
    "spot": 100.0, "strike": 100.0, "t_years": 0.5, "rate": 0.05, "dividend_yield": 0.01, "is_call": False,
}  # fmt: skip


def test_every_reference_price_gives_its_vol_or_says_that_it_is_exercised(shared_reference: Path) -> None:
    with (shared_reference / "american.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["div_model"] == "none"]
    names = {"spot": "S", "strike": "K", "t_years": "t", "rate": "r", "dividend_yield": "q", "price": "price"}
    inputs: dict[str, Any] = {name: np.array([float(row[key]) for row in rows]) for name, key in names.items()}
    inputs["is_call"] = np.array([row["flag"] == "c" for row in rows])
    found = american_implied_vol(**inputs)
    exercised = np.array([row["region"] == "exercise" for row in rows])
    assert np.all(found.status[exercised] == IvStatus.AT_INTRINSIC)
    assert np.all(found.status[~exercised] == IvStatus.OK)
    sigma = np.array([float(row["sigma"]) for row in rows])
    vega = np.array([float(row["vega"]) for row in rows]) / (inputs["spot"] * np.sqrt(inputs["t_years"]))
    told = ~exercised & (vega > 0.01)
    assert np.abs(found.vol - sigma)[told].max() < 2e-5
    price = inputs.pop("price")
    again = american_price(vol=np.where(exercised, 0.2, found.vol), **inputs)
    off = np.abs(again - price) / np.maximum(inputs["spot"], inputs["strike"])
    assert off[~exercised].max() < 1e-10


@settings(max_examples=60, deadline=None)
@given(
    strike=st.floats(70.0, 140.0),
    t_years=st.floats(0.01, 2.0),
    rate=st.sampled_from([0.0, 0.02, 0.05]),
    dividend_yield=st.sampled_from([0.0, 0.01, 0.05]),
    vol=st.floats(0.1, 1.0),
    is_call=st.booleans(),
)
def test_the_vol_put_in_comes_back(**option: Any) -> None:
    vol = option.pop("vol")
    values = american_first_order(spot=100.0, vol=vol, **option)
    found = american_implied_vol(price=values.price, spot=100.0, **option)
    if float(values.vega_per_point) > 1e-3:
        assert abs(float(found.vol) - vol) < 1e-7
    elif found.status == IvStatus.OK:
        assert abs(float(american_price(spot=100.0, vol=found.vol, **option) - values.price)) < 1e-6


def test_each_row_says_why_it_has_no_vol() -> None:
    price = np.array([5.0, 19.9, 20.0, 120.0, 121.0, np.nan, -1.0, np.inf])
    found = american_implied_vol(price=price, **{**_PUT, "strike": np.array([100.0, *[120.0] * 7])})
    assert found.status.tolist() == [
        IvStatus.OK,
        IvStatus.BELOW_INTRINSIC,
        IvStatus.AT_INTRINSIC,
        IvStatus.ABOVE_MAXIMUM,
        IvStatus.ABOVE_MAXIMUM,
        IvStatus.BAD_INPUT,
        IvStatus.BAD_INPUT,
        IvStatus.BAD_INPUT,
    ]
    assert np.array_equal(np.isfinite(found.vol), found.status == IvStatus.OK)


def test_an_expired_option_has_no_vol() -> None:
    assert american_implied_vol(price=1.0, **{**_PUT, "t_years": 0.0}).status == IvStatus.BAD_INPUT


def test_a_put_between_its_exercise_value_and_the_european_maximum_has_a_vol() -> None:
    """K exp(-rt) bounds the European put, K the American one."""
    found = american_implied_vol(price=98.5, **_PUT)
    assert found.status == IvStatus.OK
    assert abs(float(american_price(vol=found.vol, **_PUT)) - 98.5) < 1e-6


def test_a_guess_changes_the_way_and_not_the_end() -> None:
    strike = np.linspace(80.0, 120.0, 9)
    inputs = {**_PUT, "strike": strike}
    price = american_price(vol=0.3, **inputs)
    cold = american_implied_vol(price=price, **inputs)
    for guess in (0.29, 0.05, 3.0, np.where(strike > 100.0, np.nan, 0.31)):
        warm = american_implied_vol(price=price, guess=guess, **inputs)
        np.testing.assert_allclose(warm.vol[2:], cold.vol[2:], atol=1e-9)


def test_shapes_broadcast() -> None:
    found = american_implied_vol(price=np.array([[6.0], [7.0]]), **{**_PUT, "strike": np.array([99.0, 100.0, 101.0])})
    assert found.vol.shape == found.status.shape == (2, 3)
    assert american_implied_vol(price=np.empty(0), **_PUT).vol.shape == (0,)


def test_a_vol_that_meets_its_price_to_the_last_digit_is_kept_and_not_halved() -> None:
    """Rounding can put the last Newton step on the edge of the bracket: that is no reason to bisect."""
    strike = np.arange(800.0, 1201.0, 10.0)
    common: dict[str, Any] = {"spot": 1000.0, "rate": 0.0375, "dividend_yield": 0.0125}
    for days, vol in itertools.product((11.0, 45.0, 137.0, 228.0), np.linspace(0.1, 0.4, 13).tolist()):
        near = strike[np.abs(np.log(strike / 1000.0)) < 1.2 * vol * np.sqrt(days / 365.0)]
        inputs = common | {"t_years": days / 365.0, "strike": near, "is_call": np.array([[True], [False]])}
        price = np.round(american_price(vol=vol, **inputs), 4)
        found = american_implied_vol(price=price, **inputs)
        ok = found.status == IvStatus.OK
        np.testing.assert_allclose(american_price(vol=found.vol[ok], **_rows(inputs, ok)), price[ok], atol=1e-6)


def _rows(inputs: dict[str, Any], chosen: Any) -> dict[str, Any]:
    return {name: np.broadcast_to(value, chosen.shape)[chosen] for name, value in inputs.items()}
