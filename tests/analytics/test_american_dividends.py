"""Cash dividends: the reference rows of both models, the meaning of schedules, properties and an independent sum."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from analytics.american import (
    CashDividends,
    DividendModel,
    american,
    american_first_order,
    american_implied_vol,
    american_price,
)
from analytics.black_scholes import Floats, bsm_price

_HALF_A_CENT = 5e-5
_STOCK: dict[str, Any] = {"spot": 100.0, "t_years": 0.5, "rate": 0.045, "dividend_yield": 0.0, "vol": 0.25}


def _reference(shared_reference: Path, model: DividendModel) -> tuple[dict[str, Any], list[dict[str, str]]]:
    with (shared_reference / "american.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["div_model"] == model.value]
    names = {"spot": "S", "strike": "K", "t_years": "t", "rate": "r", "dividend_yield": "q", "vol": "sigma"}
    inputs: dict[str, Any] = {name: np.array([float(row[key]) for row in rows]) for name, key in names.items()}
    inputs["is_call"] = np.array([row["flag"] == "c" for row in rows])
    schedules = [[pair.split(":") for pair in row["divs"].split(";")] for row in rows]
    times, amounts = (np.full((len(rows), max(map(len, schedules))), np.nan) for _ in range(2))
    for index, pairs in enumerate(schedules):
        times[index, : len(pairs)] = [float(pair[0]) for pair in pairs]
        amounts[index, : len(pairs)] = [float(pair[1]) for pair in pairs]
    return {**inputs, "dividends": CashDividends(times, amounts), "dividend_model": model}, rows


@pytest.mark.parametrize("model", [DividendModel.SPOT, DividendModel.ESCROWED])
def test_every_row_of_the_reference_is_within_half_a_cent_at_100(shared_reference: Path, model: DividendModel) -> None:
    inputs, rows = _reference(shared_reference, model)
    values = american(**inputs)
    scale = np.maximum(inputs["spot"], inputs["strike"])
    assert len(rows) >= 25
    assert np.all(np.abs(values.price - [float(row["price"]) for row in rows]) <= _HALF_A_CENT * scale)
    assert np.all(np.abs(values.delta - [float(row["delta"]) for row in rows]) <= 5e-4)
    root = np.sqrt(inputs["t_years"])
    gamma = np.abs(values.gamma - [float(row["gamma"]) for row in rows])
    assert np.all(gamma * inputs["spot"] * inputs["vol"] * root <= 2e-3)
    vega = np.abs(values.vega_per_point - [float(row["vega_1pct"]) for row in rows])
    assert np.all(vega * 100.0 <= 2e-3 * inputs["spot"] * root)
    theta = np.abs(values.theta_per_day - [float(row["theta_day"]) for row in rows]) * 365.0
    assert np.all(theta * root <= 1e-3 * inputs["spot"] * inputs["vol"])


def test_one_dividend_on_a_call_equals_the_integral_of_what_the_holder_does_there() -> None:
    """Without a yield a call is exercised just before the ex-date or kept as a European one: one integral."""
    date, cash, strike = 0.3, 1.5, np.array([85.0, 100.0, 110.0])
    found = american_price(strike=strike, is_call=True, dividends=[(date, cash)], **_STOCK)
    z = np.linspace(-9.0, 9.0, 200_001)
    spot = 100.0 * np.exp((0.045 - 0.5 * 0.25**2) * date + 0.25 * np.sqrt(date) * z)
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    for price, k in zip(found, strike, strict=True):
        kept = bsm_price(
            spot=spot - cash, strike=k, t_years=0.5 - date, rate=0.045, dividend_yield=0.0, vol=0.25, is_call=True
        )
        worth = np.exp(-0.045 * date) * np.trapezoid(np.maximum(kept, spot - k) * density, z)
        assert float(price) == pytest.approx(float(worth), abs=5e-3)


@pytest.mark.parametrize("nothing", [[], None, [(0.6, 2.0)], [(-0.1, 2.0)], [(0.0, 2.0)], [(0.2, 0.0)]])
@pytest.mark.parametrize("call", [True, False])
def test_dividends_outside_the_life_of_the_option_change_nothing(nothing: Any, call: bool) -> None:
    strike = np.array([90.0, 100.0, 110.0])
    found = american(strike=strike, is_call=call, dividends=nothing, **_STOCK)
    plain = american(strike=strike, is_call=call, **_STOCK)
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(found, plain, strict=True))


def test_schedules_may_be_pairs_for_all_or_a_padded_row_each() -> None:
    strike = np.array([95.0, 100.0, 105.0])
    shared = american_price(strike=strike, is_call=False, dividends=[(0.1, 0.5), (0.35, 0.6)], **_STOCK)
    each = CashDividends(
        np.array([[0.35, 0.1, np.nan], [0.1, np.nan, 0.35], [np.nan, 0.1, 0.35]]),
        np.array([[0.6, 0.5, 9.0], [0.5, 9.0, 0.6], [9.0, 0.5, 0.6]]),
    )
    np.testing.assert_allclose(
        american_price(strike=strike, is_call=False, dividends=each, **_STOCK), shared, rtol=1e-12
    )
    mixed = CashDividends(np.array([[0.1], [np.nan]]), np.array([[0.5], [np.nan]]))
    pair = american_price(strike=100.0, is_call=False, dividends=mixed, **_STOCK)
    assert pair.shape == (2,)
    assert float(pair[1]) == float(american_price(strike=100.0, is_call=False, **_STOCK))


def test_a_schedule_without_its_axis_or_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="schedule axis"):
        american_price(strike=100.0, is_call=True, dividends=CashDividends(0.1, 1.0), **_STOCK)
    with pytest.raises(ValueError, match="pairs"):
        american_price(strike=100.0, is_call=True, dividends=[0.1, 1.0, 0.2], **_STOCK)


def test_a_negative_or_infinite_dividend_is_nan_in_its_row_only() -> None:
    each = CashDividends(np.full((3, 1), 0.2), np.array([[-1.0], [np.inf], [1.0]]))
    values = american(strike=100.0, is_call=True, dividends=each, **_STOCK)
    assert all(np.array_equal(np.isnan(greek), [True, True, False]) for greek in values)


def test_dividends_cheapen_calls_and_make_puts_dearer() -> None:
    strike = np.array([90.0, 100.0, 110.0])
    amounts = (0.0, 0.5, 1.0, 2.0, 4.0)
    for call, sign in ((True, -1.0), (False, 1.0)):
        prices = [american_price(strike=strike, is_call=call, dividends=[(0.25, cash)], **_STOCK) for cash in amounts]
        assert np.all(sign * np.diff(prices, axis=0) > -1e-3)
        intrinsic = np.maximum((1.0 if call else -1.0) * (100.0 - strike), 0.0)
        assert np.all(np.array(prices) >= intrinsic - 1e-9)


def test_the_value_does_not_jump_for_the_holder_across_the_ex_date() -> None:
    """Just before the ex-date the unexercised option is the option just after it at the lower spot."""
    rest = {**_STOCK, "t_years": 0.3}
    before = american_price(strike=100.0, is_call=False, dividends=[(1e-7, 2.0)], **rest)
    after = american_price(strike=100.0, is_call=False, **{**rest, "spot": 98.0})
    assert float(before) == pytest.approx(float(after), abs=5e-3)


def test_a_call_about_to_lose_a_large_dividend_is_exercised() -> None:
    values = american(strike=80.0, is_call=True, dividends=[(1e-6, 10.0)], **_STOCK)
    assert float(values.price) == pytest.approx(20.0, abs=1e-4)
    assert float(values.delta) == pytest.approx(1.0, abs=1e-6)


def test_values_scale_with_the_currency() -> None:
    one = american_price(strike=105.0, is_call=False, dividends=[(0.2, 1.0)], **_STOCK)
    ten = american_price(strike=1050.0, is_call=False, dividends=[(0.2, 10.0)], **{**_STOCK, "spot": 1000.0})
    assert float(ten) == pytest.approx(10.0 * float(one), rel=1e-9)


def test_greeks_are_slopes_of_the_price() -> None:
    inputs: dict[str, Any] = {
        **_STOCK, "strike": np.array([90.0, 100.0, 110.0] * 2), "is_call": np.arange(6) < 3,
    }  # fmt: skip
    dividends = [(0.1, 0.8), (0.35, 0.8)]
    values = american(dividends=dividends, **inputs)
    first = american_first_order(dividends=dividends, **inputs)

    def slope(name: str, step: float, of: str = "price") -> Floats:
        up, down = (
            american(dividends=dividends, **{**inputs, name: inputs[name] + sign * step}) for sign in (1.0, -1.0)
        )
        return np.asarray((getattr(up, of) - getattr(down, of)) / (2.0 * step))

    np.testing.assert_allclose(values.delta, slope("spot", 0.5), atol=2e-3)
    np.testing.assert_allclose(values.gamma, slope("spot", 0.5, "delta"), atol=1e-3)
    np.testing.assert_allclose(values.vega_per_point * 100.0, slope("vol", 0.01), rtol=1e-2)
    np.testing.assert_allclose(values.rho_per_point * 100.0, slope("rate", 5e-3), atol=0.2)
    assert all(np.array_equal(getattr(values, name), getattr(first, name)) for name in first._fields)
    # A day later every ex-date and the expiry are a day nearer.
    day = 1.0 / 365.0
    tomorrow = american_price(
        dividends=[(0.1 - day, 0.8), (0.35 - day, 0.8)], **{**inputs, "t_years": inputs["t_years"] - day}
    )
    np.testing.assert_allclose(values.theta_per_day, tomorrow - values.price, atol=1e-3)


def test_a_yield_acts_beside_the_cash() -> None:
    plain, with_yield = (
        american_price(strike=100.0, is_call=False, dividends=[(0.2, 1.0)], **{**_STOCK, "dividend_yield": carry})
        for carry in (0.0, 0.03)
    )
    assert float(with_yield) > float(plain) + 0.4


def test_implied_vols_come_back_with_dividends() -> None:
    inputs = {name: value for name, value in _STOCK.items() if name != "vol"}
    vol, strike = np.array([0.2, 0.3, 0.5, 0.2, 0.3, 0.5]), np.array([95.0, 100.0, 105.0] * 2)
    call, dividends = np.arange(6) < 3, [(0.1, 0.8), (0.35, 0.8)]
    price = american_price(strike=strike, is_call=call, vol=vol, dividends=dividends, **inputs)
    found = american_implied_vol(price=price, strike=strike, is_call=call, dividends=dividends, **inputs)
    np.testing.assert_allclose(found.vol, vol, atol=1e-6)


def test_the_escrowed_model_without_early_exercise_is_the_formula_on_the_reduced_spot() -> None:
    """A call far from exercise: Black-Scholes on spot less present value, written out here."""
    price = american_price(
        strike=150.0, is_call=True, dividends=[(0.2, 0.5)], dividend_model=DividendModel.ESCROWED, **_STOCK
    )
    reduced = 100.0 - 0.5 * np.exp(-0.045 * 0.2)
    spread = 0.25 * np.sqrt(0.5)
    d1 = (np.log(reduced / 150.0) + 0.045 * 0.5) / spread + 0.5 * spread
    expected = reduced * ndtr(d1) - 150.0 * np.exp(-0.045 * 0.5) * ndtr(d1 - spread)
    assert float(price) == pytest.approx(float(expected), abs=1e-3)
