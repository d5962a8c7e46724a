"""Implied vols as a function of arrays: order, neighbours, chunks, units of price, twins, and a second method."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from analytics.black_scholes import Floats
from analytics.implied_vol import ImpliedVol, IvStatus, implied_vol, implied_vol_forward

pytestmark = pytest.mark.usefixtures("strict_floats")

_EPS = float(np.finfo(float).eps)


def _market(count: int, seed: int) -> dict[str, Any]:
    """A mixed chain: near and far, minutes to years, some prices without a vol."""
    dice = np.random.default_rng(seed)
    years = 10.0 ** dice.uniform(-4.5, 0.5, count)
    vol = 10.0 ** dice.uniform(-1.5, 0.5, count)
    call = dice.random(count) < 0.5
    spot, rate, carry = 100.0, 0.04, 0.01
    strike = spot * np.exp(dice.uniform(-6.0, 6.0, count) * vol * np.sqrt(years))
    rest: dict[str, Any] = {
        "spot": spot,
        "strike": strike,
        "t_years": years,
        "rate": rate,
        "dividend_yield": carry,
        "is_call": call,
    }
    price = _price(vol=vol, **rest)
    price[::17] = np.maximum(price[::17] - 0.5, 0.0)
    return {"price": price, **rest}


def _price(
    *,
    spot: float,
    strike: Floats,
    t_years: Floats,
    rate: float,
    dividend_yield: float,
    vol: Floats,
    is_call: Any,
) -> Floats:
    """The textbook formula, apart from the package's own kernel (Hull, ch. 17)."""
    deviation = vol * np.sqrt(t_years)
    d1 = (np.log(spot / strike) + (rate - dividend_yield) * t_years) / deviation + 0.5 * deviation
    side = np.where(is_call, 1.0, -1.0)
    near = spot * np.exp(-dividend_yield * t_years) * ndtr(side * d1)
    price: Floats = side * (near - strike * np.exp(-rate * t_years) * ndtr(side * (d1 - deviation)))
    return price


def _same_bits(one: ImpliedVol, other: ImpliedVol) -> bool:
    return one.vol.tobytes() == other.vol.tobytes() and one.status.tobytes() == other.status.tobytes()


def _rows(market: dict[str, Any], at: Any) -> dict[str, Any]:
    return {name: value if np.ndim(value) == 0 else value[at] for name, value in market.items()}


def test_the_order_of_rows_changes_no_bit_of_any() -> None:
    market = _market(5_000, 3)
    shuffled = np.random.default_rng(4).permutation(5_000)
    straight = implied_vol(**market)
    assert {IvStatus.OK, IvStatus.BELOW_INTRINSIC} <= {IvStatus(code) for code in np.unique(straight.status)}
    moved = implied_vol(**_rows(market, shuffled))
    assert _same_bits(ImpliedVol(straight.vol[shuffled], straight.status[shuffled]), moved)


@pytest.mark.parametrize("count", [1, 2, 7, 4095, 4096, 4097, 8192, 8193, 12_305])
def test_a_row_has_the_same_bits_in_any_company(count: int) -> None:
    market = _market(12_305, 5)
    whole = implied_vol(**market)
    part = implied_vol(**_rows(market, slice(0, count)))
    assert _same_bits(ImpliedVol(whole.vol[:count], whole.status[:count]), part)
    last = implied_vol(**_rows(market, slice(count - 1, count)))
    assert _same_bits(ImpliedVol(whole.vol[count - 1 : count], whole.status[count - 1 : count]), last)


@pytest.mark.parametrize("column", ["price", "strike", "t_years"])
@pytest.mark.parametrize("nonsense", [np.nan, np.inf, -np.inf, -1.0, 0.0, 1e300])
def test_bad_rows_leave_the_bits_of_their_neighbours_alone(column: str, nonsense: float) -> None:
    market = _market(1_000, 6)
    clean = implied_vol(**market)
    spoiled = {**market, column: market[column].copy()}
    bad = np.arange(1_000) % 7 == 3
    spoiled[column][bad] = nonsense
    found = implied_vol(**spoiled)
    assert _same_bits(ImpliedVol(clean.vol[~bad], clean.status[~bad]), ImpliedVol(found.vol[~bad], found.status[~bad]))
    assert np.all(found.status[bad] != IvStatus.OK)
    assert np.all(np.isnan(found.vol[bad]))


def test_a_row_far_beyond_its_maximum_stops_no_other_even_where_its_numbers_overflow() -> None:
    """Warnings are errors here: the price over a value discounted by e^500 is more than a double holds."""
    found = implied_vol_forward(
        price=[4.0, 1e99], forward=100.0, strike=105.0, t_years=0.5, rate=[0.03, 1000.0], is_call=True
    )
    assert found.status.tolist() == [IvStatus.OK, IvStatus.ABOVE_MAXIMUM]
    assert np.isfinite(found.vol[0])
    assert np.isnan(found.vol[1])


def test_one_number_for_all_rows_is_the_same_as_a_column_of_it() -> None:
    market = _market(3_000, 7)
    columns = {name: np.broadcast_to(value, (3_000,)).copy() for name, value in market.items()}
    assert _same_bits(implied_vol(**market), implied_vol(**columns))


@given(st.integers(-40, 40))
def test_doubling_every_price_changes_no_bit(doublings: int) -> None:
    market = _market(64, 8)
    unit = 2.0**doublings
    scaled = {**market, **{name: market[name] * unit for name in ("price", "spot", "strike")}}
    assert _same_bits(implied_vol(**market), implied_vol(**scaled))


@given(st.floats(-1.0, 1.0), st.floats(0.003, 3.0), st.floats(0.03, 3.0), st.floats(-0.02, 0.1), st.floats(0.0, 0.08))
def test_a_call_and_the_put_of_its_parity_have_one_vol(
    m: float, years: float, vol: float, rate: float, carry: float
) -> None:
    strike = 100.0 * math.exp(m)
    rest: dict[str, Any] = {"spot": 100.0, "strike": strike, "t_years": years, "rate": rate, "dividend_yield": carry}
    legs = 100.0 * math.exp(-carry * years), strike * math.exp(-rate * years)
    out_is_call = legs[0] < legs[1]
    out = float(_price(vol=np.array(vol), is_call=out_is_call, **rest))
    within = out + abs(legs[0] - legs[1])
    found = implied_vol(price=[out, within], is_call=[out_is_call, not out_is_call], **rest)
    deviation = vol * math.sqrt(years)
    d1 = math.log(legs[0] / legs[1]) / deviation + 0.5 * deviation
    vega = legs[0] * math.sqrt(years) * math.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi)
    # The in-the-money price was rounded at the size of its legs; that much vol nobody can bring back.
    lost = 8.0 * _EPS * sum(legs) / vega if vega > 0.0 else math.inf
    if lost < 0.01 * vol:
        assert found.status.tolist() == [IvStatus.OK, IvStatus.OK]
        assert abs(found.vol[0] - found.vol[1]) <= lost + 1e-14 * vol


@given(st.floats(-2.5, 2.5), st.floats(1e-4, 3.0), st.lists(st.floats(1e-9, 0.999), min_size=2, max_size=20))
def test_a_higher_price_never_has_a_lower_vol(m: float, years: float, shares: list[float]) -> None:
    strike = 100.0 * math.exp(m)
    low, high = max(100.0 - strike, 0.0), 100.0
    price = np.sort(low + (high - low) * np.array(shares))
    found = implied_vol(
        price=price, spot=100.0, strike=strike, t_years=years, rate=0.0, dividend_yield=0.0, is_call=True
    )
    vol = found.vol[found.status == IvStatus.OK]
    assert np.all(np.diff(vol) >= -4e-14 * vol[1:])
    apart = np.diff(price[found.status == IvStatus.OK]) > 1e-10 * (100.0 + strike)
    assert np.all(np.diff(vol)[apart] > 0.0)


def test_plain_bisection_finds_the_same_vols() -> None:
    market = _market(400, 9)
    found = implied_vol(**market)
    checked = 0
    for row in np.flatnonzero(found.status == IvStatus.OK):
        one = {name: value if np.ndim(value) == 0 else value[row] for name, value in market.items()}
        price, years = float(one["price"]), float(one["t_years"])
        legs = 100.0 * math.exp(-0.01 * years), float(one["strike"]) * math.exp(-0.04 * years)
        side = 1.0 if one["is_call"] else -1.0
        if side * (legs[0] - legs[1]) > 0.0:
            continue
        low, high = 1e-9, 20.0
        for _ in range(200):
            middle = 0.5 * (low + high)
            deviation = middle * math.sqrt(years)
            d1 = math.log(legs[0] / legs[1]) / deviation + 0.5 * deviation
            tails = (math.erfc(-side * d / math.sqrt(2.0)) / 2.0 for d in (d1, d1 - deviation))
            value = side * (legs[0] * next(tails) - legs[1] * next(tails))
            low, high = (middle, high) if value < price else (low, middle)
        checked += 1
        # The log of the legs is good to a rounding, which a short-dated option feels in its vol.
        assert found.vol[row] == pytest.approx(middle, rel=1e-12 + 20.0 * _EPS / (middle * math.sqrt(years)))
    assert checked > 150


def test_published_implied_vols(shared_reference: Path) -> None:
    examples = json.loads((shared_reference / "textbook.json").read_text("utf-8"))["examples"]
    seen = 0
    for example in examples:
        if example["quantity"] != "implied_volatility":
            continue
        inputs, call = example["inputs"], example["flag"] == "c"
        common = {"price": inputs["price"], "strike": inputs["K"], "t_years": inputs["t"], "rate": inputs["r"]}
        if example["model"] == "black76":
            found = implied_vol_forward(forward=inputs["F"], is_call=call, **common)
        else:
            found = implied_vol(spot=inputs["S"], dividend_yield=inputs["q"], is_call=call, **common)
        assert float(found.vol) == pytest.approx(example["published"], abs=example["tol"])
        assert float(found.vol) == pytest.approx(example["exact"], rel=1e-12)
        seen += 1
    assert seen > 0


def test_hulls_call_at_1_875_has_a_vol_of_23_5_percent() -> None:
    found = implied_vol(price=1.875, spot=21.0, strike=20.0, t_years=0.25, rate=0.1, dividend_yield=0.0, is_call=True)
    assert float(found.vol) == pytest.approx(0.235, abs=5e-4)


def test_at_the_money_a_total_deviation_of_fifteen_comes_back() -> None:
    deviation = np.array([0.001, 0.1, 1.0, 3.0, 6.0, 10.0, 15.0])
    # F = K = 1, no rates: the call is worth 2 N(s/2) - 1, all but 6e-14 of the share at s = 15.
    price = 1.0 - 2.0 * ndtr(-0.5 * deviation)
    found = implied_vol_forward(price=price, forward=1.0, strike=1.0, t_years=1.0, rate=0.0, is_call=True)
    assert np.all(found.status == IvStatus.OK)
    slope = np.exp(-0.125 * deviation**2) / math.sqrt(2.0 * math.pi)
    assert np.all(np.abs(found.vol - deviation) <= 1e-15 * deviation + _EPS / slope)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (1, 1), (3, 1), (2, 3, 4)])
def test_every_shape_comes_back_as_it_went_in(shape: tuple[int, ...]) -> None:
    found = implied_vol(
        price=np.full(shape, 8), spot=100, strike=100.0, t_years=1, rate=0, dividend_yield=0, is_call=True
    )
    assert found.vol.shape == found.status.shape == shape
    assert found.vol.dtype == np.float64
    assert found.status.dtype == np.int8
    assert np.all(found.status == IvStatus.OK)
    turned = implied_vol(
        price=8.0, spot=np.full(shape, 100.0), strike=100.0, t_years=1, rate=0, dividend_yield=0, is_call=True
    )
    assert _same_bits(found, turned)


def test_arguments_of_three_shapes_meet_in_one() -> None:
    strike, years = np.array([90.0, 100.0, 110.0]), np.array([[0.1], [1.0]])
    found = implied_vol(
        price=12.0, spot=100.0, strike=strike, t_years=years, rate=0.01, dividend_yield=0.0, is_call=[True, True, False]
    )
    assert found.vol.shape == (2, 3)
    for row, column in np.ndindex(2, 3):
        alone = implied_vol(
            price=12.0,
            spot=100.0,
            strike=strike[column],
            t_years=years[row, 0],
            rate=0.01,
            dividend_yield=0.0,
            is_call=column < 2,
        )
        assert alone.vol.tobytes() == found.vol[row, column].tobytes()


def test_a_vol_that_no_pricing_function_takes_is_above_the_maximum() -> None:
    # 40 of 100 with a millionth of a second to go.
    found = implied_vol_forward(price=40.0, forward=100.0, strike=100.0, t_years=3e-14, rate=0.0, is_call=True)
    assert found.status == IvStatus.ABOVE_MAXIMUM
    assert np.isnan(found.vol)
