"""European values and Greeks: published figures, 60-digit references, finite differences, identities, edges."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.black_scholes import (
    Floats,
    OptionValues,
    black76,
    black76_first_order,
    black76_price,
    bsm,
    bsm_first_order,
    bsm_price,
)

pytestmark = pytest.mark.usefixtures("strict_floats")


class Sample:
    """Random but ordinary options, one per row."""

    def __init__(self, count: int = 400, seed: int = 3) -> None:
        dice = np.random.default_rng(seed)
        self.spot = dice.uniform(50.0, 150.0, count)
        self.strike = self.spot * np.exp(dice.normal(0.0, 0.2, count))
        self.t_years = dice.uniform(0.02, 2.0, count)
        self.rate = dice.uniform(-0.01, 0.08, count)
        self.dividend_yield = dice.uniform(0.0, 0.06, count)
        self.vol = dice.uniform(0.08, 0.9, count)
        self.is_call = dice.random(count) < 0.5

    def arguments(self, **changes: Floats) -> dict[str, Floats]:
        return {**vars(self), **changes}


def _reference(path: Path) -> tuple[dict[str, Floats], np.ndarray]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in {"id", "group", "flag"}]
    columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
    return columns, np.array([row["flag"] == "c" for row in rows])


def _assert_exact(name: str, got: Floats, want: Floats, scale: Floats) -> None:
    """Assert the bar of the reference README: 1e-12 of the natural scale, 1e-11 relative where it is not tiny."""
    error = np.abs(got - want)
    large = np.abs(want) > 1e-6 * scale
    assert (error / scale).max() <= 1e-12, f"{name}: {(error / scale).max():.2e} of scale"
    assert (error[large] / np.abs(want[large])).max() <= 1e-11, name


def _compare(values: OptionValues, ref: dict[str, Floats], price_level: Floats) -> None:
    root_t = np.sqrt(ref["t"])
    vol = ref["sigma"]
    one = np.ones_like(vol)
    _assert_exact("price", values.price, ref["price"], price_level)
    _assert_exact("delta", values.delta, ref["delta"], one)
    _assert_exact("gamma", values.gamma, ref["gamma"], 1.0 / (price_level * vol * root_t))
    _assert_exact("vega", values.vega_per_point, ref["vega_1pct"], price_level * root_t / 100.0)
    _assert_exact("theta", values.theta_per_day, ref["theta_day"], price_level * vol / root_t / 365.0)
    _assert_exact("rho", values.rho_per_point, ref["rho_1pct"], ref["K"] * ref["t"] / 100.0)
    _assert_exact("vanna", values.vanna, ref["vanna"], 1.0 / vol)
    _assert_exact("volga", values.volga, ref["volga"], price_level * root_t / vol)
    _assert_exact("charm", values.charm_per_day, ref["charm_day"], 1.0 / ref["t"] / 365.0)


def test_every_row_of_the_spot_reference_is_met(shared_reference: Path) -> None:
    ref, is_call = _reference(shared_reference / "greeks_bsm.csv")
    values = bsm(
        spot=ref["S"],
        strike=ref["K"],
        t_years=ref["t"],
        rate=ref["r"],
        dividend_yield=ref["q"],
        vol=ref["sigma"],
        is_call=is_call,
    )
    _compare(values, ref, ref["S"])


def test_every_row_of_the_futures_reference_is_met(shared_reference: Path) -> None:
    ref, is_call = _reference(shared_reference / "greeks_black76.csv")
    values = black76(
        forward=ref["F"], strike=ref["K"], t_years=ref["t"], rate=ref["r"], vol=ref["sigma"], is_call=is_call
    )
    _compare(values, ref, ref["F"])


def test_published_examples_come_out_as_printed(shared_reference: Path) -> None:
    document = json.loads((shared_reference / "textbook.json").read_text())
    examples = document if isinstance(document, list) else document["examples"]
    fields = {
        "price": ("price", 1.0),
        "delta": ("delta", 1.0),
        "gamma": ("gamma", 1.0),
        "vega": ("vega_per_point", 100.0),
        "vega_1pct": ("vega_per_point", 1.0),
        "theta_year": ("theta_per_day", 365.0),
        "theta_day": ("theta_per_day", 1.0),
        "rho": ("rho_per_point", 100.0),
        "rho_1pct": ("rho_per_point", 1.0),
    }
    checked = 0
    for example in examples:
        if example["model"] not in {"bsm", "black76"} or example["quantity"] not in fields:
            continue
        given_inputs, is_call = example["inputs"], example["flag"] == "c"
        common = {"strike": given_inputs["K"], "t_years": given_inputs["t"], "rate": given_inputs["r"]}
        common |= {"vol": given_inputs["sigma"], "is_call": is_call}
        if example["model"] == "bsm":
            values = bsm(spot=given_inputs["S"], dividend_yield=given_inputs.get("q", 0.0), **common)
        else:
            values = black76(forward=given_inputs["F"], **common)
        name, factor = fields[example["quantity"]]
        got = float(getattr(values, name)) * factor
        assert abs(got - example["published"]) <= example["tol"], example["id"]
        checked += 1
    assert checked > 100


def test_hull_example_of_a_call_and_a_put() -> None:
    """Hull, Options, Futures and Other Derivatives, 7th ed., example 13.6: 4.76 and 0.81."""
    price = bsm_price(spot=42.0, strike=40.0, t_years=0.5, rate=0.1, dividend_yield=0.0, vol=0.2, is_call=[True, False])
    assert price == pytest.approx([4.76, 0.81], abs=0.005)


@pytest.mark.parametrize(
    ("greek", "of", "by", "step", "factor"),
    [
        ("delta", "price", "spot", 1e-4, 1.0),
        ("gamma", "delta", "spot", 1e-4, 1.0),
        ("vega_per_point", "price", "vol", 1e-5, 0.01),
        ("rho_per_point", "price", "rate", 1e-5, 0.01),
        ("vanna", "delta", "vol", 1e-5, 1.0),
        ("theta_per_day", "price", "t_years", 1e-6, -1.0 / 365.0),
        ("charm_per_day", "delta", "t_years", 1e-6, -1.0 / 365.0),
    ],
)
def test_each_greek_is_the_slope_of_what_it_says(greek: str, of: str, by: str, step: float, factor: float) -> None:
    sample = Sample()
    at = getattr(sample, by)
    up = getattr(bsm(**sample.arguments(**{by: at + step})), of)
    down = getattr(bsm(**sample.arguments(**{by: at - step})), of)
    assert getattr(bsm(**sample.arguments()), greek) == pytest.approx((up - down) / (2.0 * step) * factor, abs=2e-6)


def test_volga_is_the_slope_of_vega() -> None:
    sample = Sample()
    up = bsm(**sample.arguments(vol=sample.vol + 1e-5)).vega_per_point
    down = bsm(**sample.arguments(vol=sample.vol - 1e-5)).vega_per_point
    assert bsm(**sample.arguments()).volga == pytest.approx((up - down) / 2e-5 * 100.0, abs=1e-5)


def test_rho_of_an_option_on_a_future_holds_the_future_still() -> None:
    sample = Sample()
    arguments = sample.arguments()
    del arguments["dividend_yield"]
    arguments["forward"] = arguments.pop("spot")
    up = black76_price(**{**arguments, "rate": sample.rate + 1e-5})
    down = black76_price(**{**arguments, "rate": sample.rate - 1e-5})
    assert black76(**arguments).rho_per_point == pytest.approx((up - down) / 2e-5 * 0.01, abs=1e-7)


prices = st.floats(1.0, 10_000.0)
moneyness = st.floats(-1.0, 1.0)
years = st.floats(1e-5, 3.0)
carries = st.floats(-0.02, 0.1)
vols = st.floats(0.03, 3.0)


@given(prices, moneyness, years, carries, carries, vols)
def test_put_call_parity_holds(s: float, m: float, t: float, r: float, q: float, v: float) -> None:
    k = s * np.exp(m)
    values = bsm(spot=s, strike=k, t_years=t, rate=r, dividend_yield=q, vol=v, is_call=[True, False])
    gap = s * np.exp(-q * t) - k * np.exp(-r * t)
    assert values.price[0] - values.price[1] == pytest.approx(gap, abs=1e-11 * (s + k))
    assert values.delta[0] - values.delta[1] == pytest.approx(np.exp(-q * t), abs=1e-13)
    assert values.gamma[0] == values.gamma[1]
    assert values.vega_per_point[0] == values.vega_per_point[1]


@given(prices, moneyness, years, vols, st.floats(0.2, 5.0), st.booleans())
def test_only_vol_squared_times_time_matters_without_carry(
    s: float, m: float, t: float, v: float, k: float, call: bool
) -> None:
    one = black76_price(forward=s, strike=s * np.exp(m), t_years=t, rate=0.0, vol=v, is_call=call)
    two = black76_price(forward=s, strike=s * np.exp(m), t_years=t / k**2, rate=0.0, vol=v * k, is_call=call)
    assert two == pytest.approx(one, abs=1e-11 * s)


@given(prices, moneyness, years, carries, carries, vols, st.floats(1e-3, 1e3), st.booleans())
def test_price_scales_with_the_currency(
    s: float, m: float, t: float, r: float, q: float, v: float, unit: float, call: bool
) -> None:
    rest = {"t_years": t, "rate": r, "dividend_yield": q, "vol": v, "is_call": call}
    one = bsm(spot=s, strike=s * np.exp(m), **rest)
    two = bsm(spot=s * unit, strike=s * np.exp(m) * unit, **rest)
    assert two.price == pytest.approx(one.price * unit, abs=1e-11 * s * unit)
    assert two.delta == pytest.approx(one.delta, abs=1e-11)


@given(prices, moneyness, years, carries, carries, vols, st.booleans())
def test_price_lies_between_its_bounds_and_never_falls_with_vol(
    s: float, m: float, t: float, r: float, q: float, v: float, call: bool
) -> None:
    k = s * np.exp(m)
    low, high = bsm_price(spot=s, strike=k, t_years=t, rate=r, dividend_yield=q, vol=[v, v * 1.1], is_call=call)
    legs = s * np.exp(-q * t), k * np.exp(-r * t)
    intrinsic = max(legs[0] - legs[1] if call else legs[1] - legs[0], 0.0)
    rounding = 1e-12 * (s + k)
    assert intrinsic - rounding <= low <= high + rounding
    assert high <= (legs[0] if call else legs[1]) + rounding
    assert low >= 0.0


def test_at_expiry_an_option_is_its_intrinsic_value_and_has_no_greeks_but_delta() -> None:
    values = bsm(
        spot=[110.0, 100.0, 90.0, 110.0, 90.0],
        strike=100.0,
        t_years=0.0,
        rate=0.05,
        dividend_yield=0.02,
        vol=0.2,
        is_call=[True, True, True, False, False],
    )
    assert values.price.tolist() == [10.0, 0.0, 0.0, 0.0, 10.0]
    assert values.delta.tolist() == [1.0, 0.5, 0.0, 0.0, -1.0]
    for greek in values[2:]:
        assert np.all(greek == 0.0)


def test_without_vol_an_option_is_a_certain_cash_flow() -> None:
    values = bsm(spot=110.0, strike=100.0, t_years=1.0, rate=0.05, dividend_yield=0.02, vol=0.0, is_call=True)
    later = bsm(spot=110.0, strike=100.0, t_years=1.0 - 1e-6, rate=0.05, dividend_yield=0.02, vol=0.0, is_call=True)
    assert float(values.price) == pytest.approx(110.0 * np.exp(-0.02) - 100.0 * np.exp(-0.05), rel=1e-15)
    assert float(values.delta) == pytest.approx(np.exp(-0.02), rel=1e-15)
    assert float(values.theta_per_day) == pytest.approx(float(later.price - values.price) / 1e-6 / 365.0, abs=1e-8)
    assert [float(g) for g in (values.gamma, values.vega_per_point, values.vanna, values.volga)] == [0.0] * 4


def test_a_worthless_underlying_leaves_the_put_its_discounted_strike() -> None:
    price = bsm_price(
        spot=0.0, strike=100.0, t_years=1.0, rate=0.05, dividend_yield=0.0, vol=0.3, is_call=[True, False]
    )
    assert price == pytest.approx([0.0, 100.0 * np.exp(-0.05)])


@pytest.mark.parametrize(
    "bad",
    [
        {"spot": np.nan},
        {"spot": -1.0},
        {"spot": np.inf},
        {"strike": -5.0},
        {"t_years": -0.1},
        {"t_years": np.inf},
        {"vol": -0.2},
        {"vol": np.nan},
        {"rate": np.inf},
        {"rate": 900.0},
        {"dividend_yield": np.nan},
    ],
)
def test_a_bad_row_is_nan_and_leaves_the_others_alone(bad: dict[str, float]) -> None:
    good = {"spot": 100.0, "strike": 95.0, "t_years": 0.7, "rate": 0.03, "dividend_yield": 0.01, "vol": 0.25}
    columns = {name: np.array([value, bad.get(name, value), value]) for name, value in good.items()}
    values = bsm(**columns, is_call=True)
    alone = bsm(**good, is_call=True)
    for got, want in zip(values, alone, strict=True):
        assert np.isnan(got[1])
        assert got[0] == got[2] == want


def test_nothing_a_broker_can_send_raises_or_gives_half_an_answer() -> None:
    dice = np.random.default_rng(1)
    nasty = [0.0, 1e-320, 1e-100, 1e-10, 0.01, 0.2, 1.0, 50.0, 6000.0, 1e10, 1e100, 1e101, -1.0, -0.05, 700.0]
    nasty += [1.7976931348623157e308, np.inf, -np.inf, np.nan]
    names = ("spot", "strike", "t_years", "rate", "dividend_yield", "vol")
    values = bsm(**{name: dice.choice(nasty, 200_000) for name in names}, is_call=dice.random(200_000) < 0.5)
    unknown = np.isnan(values.price)
    assert 0.5 < unknown.mean() < 1.0
    for value in values:
        assert np.array_equal(np.isfinite(value), ~unknown)


def test_results_have_the_broadcast_shape_of_all_arguments() -> None:
    values = bsm(
        spot=np.full((4, 1, 1), 100.0),
        strike=np.full((3, 1), 100.0),
        t_years=0.5,
        rate=0.0,
        dividend_yield=0.0,
        vol=0.2,
        is_call=[True, False],
    )
    assert {value.shape for value in values} == {(4, 3, 2)}
    empty = bsm(spot=[], strike=[], t_years=[], rate=0.0, dividend_yield=0.0, vol=[], is_call=True)
    assert {value.shape for value in empty} == {(0,)}


def test_the_cheaper_calls_agree_with_the_full_one_to_the_last_bit() -> None:
    arguments = Sample().arguments()
    full, first = bsm(**arguments), bsm_first_order(**arguments)
    for got, want in zip(first, full[:5], strict=True):
        assert np.array_equal(got, want)
    assert np.array_equal(bsm_price(**arguments), full.price)
    arguments["forward"] = arguments.pop("spot")
    del arguments["dividend_yield"]
    on_future = black76(**arguments)
    assert np.array_equal(black76_price(**arguments), on_future.price)
    for got, want in zip(black76_first_order(**arguments), on_future[:5], strict=True):
        assert np.array_equal(got, want)


def test_the_worked_position_of_the_product_page() -> None:
    """product.md 5.1: short one 5700 put, S = 6000, 30 days of a 365.25-day year, 17 %, no carry."""
    put = bsm(spot=6000.0, strike=5700.0, t_years=30 / 365.25, rate=0.0, dividend_yield=0.0, vol=0.17, is_call=False)
    assert float(put.price) == pytest.approx(21.44, abs=0.005)
    assert float(put.delta) == pytest.approx(-0.1407, abs=5e-5)
    assert float(put.gamma) == pytest.approx(0.000764, abs=5e-7)
    assert float(put.theta_per_day) == pytest.approx(-1.088, abs=1e-3)
    assert float(put.vega_per_point) == pytest.approx(3.840, abs=5e-4)
    short = -100.0
    assert short * float(put.delta) * 6000.0 == pytest.approx(84_422, abs=1.0)
    assert short * float(put.gamma) * 60.0 == pytest.approx(-4.58, abs=0.005)
    assert 0.5 * short * float(put.gamma) * 60.0**2 == pytest.approx(-137.5, abs=0.05)


def test_three_hours_before_expiry_theta_is_that_of_three_hours() -> None:
    """product.md 5.10-4: about -26.6 a day at the money at 15 %, not the -3.3 of a floored day count."""
    values = bsm(spot=6000.0, strike=6000.0, t_years=3 / 24 / 365, rate=0.0, dividend_yield=0.0, vol=0.15, is_call=True)
    assert float(values.theta_per_day) == pytest.approx(-26.6, abs=0.05)
