"""Implied vols: the reference file row by row, round trips over the whole plane, statuses, one bad row."""

import csv
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from analytics.black_scholes import Bools, Floats, bsm_price
from analytics.implied_vol import IvStatus, implied_vol, implied_vol_forward

pytestmark = pytest.mark.usefixtures("strict_floats")

_STATUS = {
    "ok": IvStatus.OK,
    "below_intrinsic": IvStatus.BELOW_INTRINSIC,
    "at_intrinsic": IvStatus.AT_INTRINSIC,
    "at_or_above_max": IvStatus.ABOVE_MAXIMUM,
    "invalid_input": IvStatus.BAD_INPUT,
}


class Reference:
    """iv.csv as columns, and what we make of it."""

    def __init__(self, path: Path) -> None:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))

        def column(name: str) -> Floats:
            return np.array([float(row[name]) if row[name] else np.nan for row in rows])

        self.ids = [row["id"] for row in rows]
        self.expected = np.array([_STATUS[row["expected"]] for row in rows])
        self.sigma, self.tolerance = column("sigma"), column("tol_sigma")
        self.well = column("well_conditioned") == 1.0
        self.ambiguous = column("ambiguous") == 1.0
        on_future = np.array([row["model"] == "black76" for row in rows])
        self.inputs = {
            "spot": column("S"),
            "strike": column("K"),
            "t_years": column("t"),
            "rate": column("r"),
            "dividend_yield": np.where(on_future, column("r"), column("q")),
            "is_call": np.array([row["flag"] == "c" for row in rows]),
        }
        self.price = column("price")
        self.found = implied_vol(price=self.price, **self.inputs)

    def repriced_within_rounding(self, mask: Bools) -> Bools:
        part = {name: values[mask] for name, values in self.inputs.items()}
        price = bsm_price(vol=self.found.vol[mask], **part)
        years = part["t_years"]
        legs = part["spot"] * np.exp(-part["dividend_yield"] * years) + part["strike"] * np.exp(-part["rate"] * years)
        close: Bools = np.abs(price - self.price[mask]) <= 8.0 * np.finfo(float).eps * legs
        return close


@pytest.fixture(scope="module")
def reference(shared_reference: Path) -> Reference:
    with np.errstate(all="raise", under="ignore"):
        return Reference(shared_reference / "iv.csv")


def test_every_well_conditioned_row_is_within_a_double(reference: Reference) -> None:
    mask = (reference.expected == IvStatus.OK) & reference.well
    error = np.abs(reference.found.vol - reference.sigma)[mask]
    allowed = np.maximum(reference.tolerance, 1e-12 * reference.sigma)[mask]
    assert np.all(reference.found.status[mask] == IvStatus.OK)
    assert np.all(error <= allowed)
    assert np.median(error / reference.sigma[mask]) < 1e-15
    assert mask.sum() > 250


def test_every_other_solvable_row_reprices_to_its_price(reference: Reference) -> None:
    mask = (reference.expected == IvStatus.OK) & ~reference.well & ~reference.ambiguous
    assert np.all(reference.found.status[mask] == IvStatus.OK)
    assert np.all(reference.repriced_within_rounding(mask))


def test_every_unsolvable_row_has_its_status_and_no_vol(reference: Reference) -> None:
    mask = (reference.expected != IvStatus.OK) & ~reference.ambiguous
    assert reference.found.status[mask].tolist() == reference.expected[mask].tolist()
    assert np.all(np.isnan(reference.found.vol[mask]))


def test_rows_within_rounding_of_a_bound_have_no_vol_or_one_that_reprices(reference: Reference) -> None:
    solved = reference.ambiguous & (reference.found.status == IvStatus.OK)
    assert np.all(reference.repriced_within_rounding(solved))
    unsolved = reference.ambiguous & ~solved
    assert np.all(np.isnan(reference.found.vol[unsolved]))


@given(
    st.floats(-3.0, 3.0),
    st.floats(1e-4, 3.0),
    st.floats(0.01, 3.0),
    st.floats(-0.02, 0.08),
    st.floats(0.0, 0.06),
    st.booleans(),
)
def test_a_price_and_its_vol_find_each_other(m: float, t: float, vol: float, r: float, q: float, call: bool) -> None:
    rest = {"spot": 100.0, "strike": 100.0 * np.exp(m), "t_years": t, "rate": r, "dividend_yield": q, "is_call": call}
    price = bsm_price(vol=vol, **rest)
    found = implied_vol(price=price, **rest)
    if found.status != IvStatus.OK:
        # The price lost its time value to rounding, or nearly reached the top: then it may not claim a vol.
        assert np.isnan(found.vol)
        legs = 100.0 * np.exp(-q * t), 100.0 * np.exp(m - r * t)
        intrinsic = max((legs[0] - legs[1]) * (1.0 if call else -1.0), 0.0)
        assert price - intrinsic < 1e-12 * sum(legs) or price >= legs[0 if call else 1] * (1 - 1e-12)
    else:
        assert bsm_price(vol=found.vol, **rest) == pytest.approx(float(price), abs=1e-15 * 100.0 * (1 + np.exp(m)) * 8)


def test_out_of_the_money_vols_come_back_to_rounding_over_the_whole_plane() -> None:
    dice = np.random.default_rng(11)
    count = 20_000
    forward, years = 100.0, 10.0 ** dice.uniform(-5.0, 0.5, count)
    vol = 10.0 ** dice.uniform(-2.0, 0.5, count)
    deviations = dice.uniform(0.0, 20.0, count)
    call = dice.random(count) < 0.5
    strike = forward * np.exp(np.where(call, 1.0, -1.0) * deviations * vol * np.sqrt(years))
    side, s = np.where(call, 1.0, -1.0), vol * np.sqrt(years)
    d1 = np.log(forward / strike) / s + 0.5 * s
    price = np.exp(-0.02 * years) * side * (forward * ndtr(side * d1) - strike * ndtr(side * (d1 - s)))
    checked = (price > 1e-300) & (vol * np.sqrt(years) < 6.0)
    found = implied_vol_forward(
        price=price[checked],
        forward=forward,
        strike=strike[checked],
        t_years=years[checked],
        rate=0.02,
        is_call=call[checked],
    )
    assert np.all(found.status == IvStatus.OK)
    # One rounding of the strike moves ln(F/K) by eps, and the price handed in feels it as eps / deviation.
    deviation = (vol * np.sqrt(years))[checked]
    error = np.abs(found.vol / vol[checked] - 1.0)
    assert np.all(error <= 1e-13 + 50.0 * np.finfo(float).eps / deviation)


def test_tiny_prices_still_have_a_vol() -> None:
    found = implied_vol(
        price=[1e-300, 1e-100, 1e-10],
        spot=100.0,
        strike=200.0,
        t_years=0.25,
        rate=0.0,
        dividend_yield=0.0,
        is_call=True,
    )
    assert np.all(found.status == IvStatus.OK)
    assert np.all(np.diff(found.vol) > 0.0)


def test_vol_rises_with_price() -> None:
    price = np.linspace(0.01, 99.0, 500)
    found = implied_vol(price=price, spot=100.0, strike=100.0, t_years=1.0, rate=0.0, dividend_yield=0.0, is_call=True)
    assert np.all(found.status == IvStatus.OK)
    assert np.all(np.diff(found.vol) > 0.0)


@pytest.mark.parametrize(
    ("price", "changes", "status"),
    [
        (-0.01, {}, IvStatus.BELOW_INTRINSIC),
        (0.0, {}, IvStatus.AT_INTRINSIC),
        (100.0, {}, IvStatus.ABOVE_MAXIMUM),
        (500.0, {}, IvStatus.ABOVE_MAXIMUM),
        (9.0, {"strike": 90.0}, IvStatus.BELOW_INTRINSIC),
        (10.0, {"strike": 90.0}, IvStatus.AT_INTRINSIC),
        (np.nan, {}, IvStatus.BAD_INPUT),
        (np.inf, {}, IvStatus.BAD_INPUT),
        (5.0, {"t_years": 0.0}, IvStatus.BAD_INPUT),
        (5.0, {"t_years": -1.0}, IvStatus.BAD_INPUT),
        (5.0, {"spot": 0.0}, IvStatus.BAD_INPUT),
        (5.0, {"strike": np.nan}, IvStatus.BAD_INPUT),
        (5.0, {"rate": np.inf}, IvStatus.BAD_INPUT),
        (5.0, {"rate": 900.0}, IvStatus.BAD_INPUT),
        (5.0, {"dividend_yield": -900.0}, IvStatus.BAD_INPUT),
        (5.0, {"t_years": 2000.0}, IvStatus.BAD_INPUT),
        (5.0, {"t_years": 1e-21}, IvStatus.BAD_INPUT),
        (5.0, {"spot": 1e101}, IvStatus.BAD_INPUT),
        (5.0, {"strike": 1e-101}, IvStatus.BAD_INPUT),
        (1e101, {}, IvStatus.BAD_INPUT),
    ],
)
def test_a_row_without_a_vol_says_why_and_leaves_the_others_alone(
    price: float, changes: dict[str, float], status: IvStatus
) -> None:
    good = {"spot": 100.0, "strike": 100.0, "t_years": 1.0, "rate": 0.0, "dividend_yield": 0.0}
    columns = {name: np.array([value, changes.get(name, value), value]) for name, value in good.items()}
    found = implied_vol(price=[8.0, price, 8.0], is_call=True, **columns)
    assert found.status.tolist() == [IvStatus.OK, status, IvStatus.OK]
    assert np.isnan(found.vol[1])
    assert found.vol[0] == found.vol[2] == implied_vol(price=8.0, is_call=True, **good).vol


def test_nothing_a_broker_can_send_raises_or_gives_a_vol_that_does_not_reprice() -> None:
    dice = np.random.default_rng(1)
    nasty = [0.0, 1e-320, 1e-100, 1e-10, 0.01, 0.2, 1.0, 3.0, 50.0, 100.0, 6000.0, 1e10, 1e100, 1e101, -1.0, -0.05]
    nasty += [1.7976931348623157e308, np.inf, -np.inf, np.nan, 700.0]
    price, spot, strike, years, rate, carry = (dice.choice(nasty, 200_000) for _ in range(6))
    # Half of the rows get plain time and carry, so that enough of them have a vol.
    plain = dice.random(200_000) < 0.5
    years, rate, carry = np.where(plain, 0.5, years), np.where(plain, 0.03, rate), np.where(plain, 0.01, carry)
    inputs: dict[str, Any] = {"spot": spot, "strike": strike, "t_years": years, "rate": rate}
    inputs |= {"dividend_yield": carry, "is_call": dice.random(200_000) < 0.5}
    found = implied_vol(price=price, **inputs)
    ok = found.status == IvStatus.OK
    assert np.array_equal(np.isfinite(found.vol), ok)
    assert {IvStatus(code) for code in np.unique(found.status)} == set(IvStatus)
    again = bsm_price(vol=found.vol, **inputs)[ok]
    legs = spot[ok] * np.exp(-carry[ok] * years[ok]) + strike[ok] * np.exp(-rate[ok] * years[ok])
    assert np.abs((again - price[ok]) / legs).max() < 1e-14
    assert ok.sum() > 1_000


def test_results_have_the_broadcast_shape_of_all_arguments() -> None:
    found = implied_vol(
        price=[[5.0], [6.0]],
        spot=100.0,
        strike=[95.0, 100.0, 105.0],
        t_years=1.0,
        rate=0.0,
        dividend_yield=0.0,
        is_call=True,
    )
    assert found.vol.shape == found.status.shape == (2, 3)
    nothing = implied_vol(price=[], spot=100.0, strike=[], t_years=1.0, rate=0.0, dividend_yield=0.0, is_call=True)
    assert nothing.vol.shape == (0,)
    one = implied_vol(price=8.0, spot=100.0, strike=100.0, t_years=1.0, rate=0.0, dividend_yield=0.0, is_call=True)
    assert one.vol.shape == ()


@pytest.mark.parametrize(("name", "column"), [("SPX", "close"), ("QQQ", "mid"), ("AAPL", "mid"), ("MSFT", "mid")])
def test_every_option_of_a_real_chain_gets_a_vol_that_reprices_or_a_reason(
    shared_data: Path, name: str, column: str
) -> None:
    chain = pl.read_parquet(shared_data / f"chain_{name}_2026-05-04.parquet")
    price = chain[column].to_numpy().astype(np.float64)
    inputs: dict[str, Any] = {
        "spot": chain["underlying_price"].to_numpy(),
        "strike": chain["strike"].to_numpy(),
        "t_years": (chain["expiry"] - date(2026, 5, 4)).dt.total_days().to_numpy() / 365,
        "rate": 0.04,
        "dividend_yield": 0.01,
        "is_call": (chain["right"] == "C").to_numpy(),
    }
    found = implied_vol(price=price, **inputs)
    ok = found.status == IvStatus.OK
    assert ok.mean() > 0.3
    assert np.array_equal(np.isnan(found.vol), ~ok)
    assert np.array_equal(found.status == IvStatus.BAD_INPUT, np.isnan(price) | (inputs["t_years"] <= 0.0))
    again = bsm_price(vol=found.vol, **inputs)
    assert np.abs(again - price)[ok].max() <= 1e-14 * (inputs["spot"] + inputs["strike"]).max()
