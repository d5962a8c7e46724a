"""European values and Greeks: a second method, finite differences, identities, edges, shapes; golden figures."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics._bsm_kernel import BOX
from analytics.black_scholes import (
    Floats,
    OptionValues,
    black76,
    black76_price,
    bsm,
    bsm_price,
)
from tests.analytics.option_samples import Sample

pytestmark = pytest.mark.usefixtures("strict_floats")


def test_hull_example_of_a_call_and_a_put() -> None:
    """Hull, Options, Futures and Other Derivatives, 7th ed., example 13.6: 4.76 and 0.81."""
    price = bsm_price(spot=42.0, strike=40.0, t_years=0.5, rate=0.1, dividend_yield=0.0, vol=0.2, is_call=[True, False])
    assert price == pytest.approx([4.76, 0.81], abs=0.005)


def _by_quadrature(sample: Sample) -> Floats:
    """Discounted expectation of the payoff over the lognormal density, by 200-point Gauss-Legendre on its support."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    deviation = sample.vol * np.sqrt(sample.t_years)
    drift = (sample.rate - sample.dividend_yield) * sample.t_years - 0.5 * deviation**2
    kink = (np.log(sample.strike / sample.spot) - drift) / deviation
    low, high = np.where(sample.is_call, kink, -12.0), np.where(sample.is_call, np.maximum(kink, 0.0) + 12.0, kink)
    half = 0.5 * (high - low)
    z = low + half * (nodes[:, None] + 1.0)
    payoff = np.abs(sample.spot * np.exp(drift + deviation * z) - sample.strike)
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    return np.asarray(np.exp(-sample.rate * sample.t_years) * half * (weights @ (payoff * density)))


def test_the_price_is_the_discounted_expectation_of_the_payoff() -> None:
    sample = Sample(2_000)
    assert bsm_price(**sample.arguments()) == pytest.approx(_by_quadrature(sample), abs=1e-11)


def _slope(of: str, by: str, step: float, sample: Sample) -> Floats:
    """Sixth-order central difference of one value by one input."""
    at = getattr(sample, by)

    def moved(steps: float) -> Floats:
        value: Floats = getattr(bsm(**sample.arguments(**{by: at + steps * step})), of)
        return value

    odd = [moved(number) - moved(-number) for number in (1.0, 2.0, 3.0)]
    return (45.0 * odd[0] - 9.0 * odd[1] + odd[2]) / (60.0 * step)


@pytest.mark.parametrize(
    ("greek", "of", "by", "step", "factor", "tolerance"),
    [
        ("delta", "price", "spot", 2e-2, 1.0, 1e-10),
        ("gamma", "delta", "spot", 2e-2, 1.0, 1e-11),
        ("vega_per_point", "price", "vol", 2e-4, 0.01, 1e-10),
        ("rho_per_point", "price", "rate", 1e-3, 0.01, 1e-10),
        ("vanna", "delta", "vol", 2e-4, 1.0, 1e-9),
        ("volga", "vega_per_point", "vol", 2e-4, 100.0, 1e-7),
        ("theta_per_day", "price", "t_years", 5e-5, -1.0 / 365.0, 1e-9),
        ("charm_per_day", "delta", "t_years", 5e-5, -1.0 / 365.0, 1e-9),
    ],
)
def test_each_greek_is_the_slope_of_what_it_says(
    greek: str, of: str, by: str, step: float, factor: float, tolerance: float
) -> None:
    sample = Sample()
    want = _slope(of, by, step, sample) * factor
    assert getattr(bsm(**sample.arguments()), greek) == pytest.approx(want, abs=tolerance, rel=1e-8)


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


@given(prices, moneyness, years, carries, carries, vols, st.integers(-20, 20), st.booleans())
def test_a_currency_a_million_times_larger_or_smaller_changes_units_and_not_one_bit(
    s: float, m: float, t: float, r: float, q: float, v: float, doublings: int, call: bool
) -> None:
    unit, k = 2.0**doublings, s * np.exp(m)
    rest = {"t_years": t, "rate": r, "dividend_yield": q, "vol": v, "is_call": call}
    one, two = bsm(spot=s, strike=k, **rest), bsm(spot=s * unit, strike=k * unit, **rest)
    assert (two.delta, two.vanna, two.charm_per_day) == (one.delta, one.vanna, one.charm_per_day)
    assert two.gamma * unit == one.gamma
    for name in ("price", "theta_per_day", "vega_per_point", "rho_per_point", "volga"):
        assert getattr(two, name) == getattr(one, name) * unit


@given(prices, moneyness, years, carries, carries, vols, st.floats(1e-6, 1e6), st.booleans())
def test_price_scales_with_the_currency(
    s: float, m: float, t: float, r: float, q: float, v: float, unit: float, call: bool
) -> None:
    k = s * np.exp(m)
    rest = {"t_years": t, "rate": r, "dividend_yield": q, "vol": v, "is_call": call}
    one, two = bsm(spot=s, strike=k, **rest), bsm(spot=s * unit, strike=k * unit, **rest)
    assert two.price == pytest.approx(one.price * unit, rel=0.0, abs=1e-11 * s * unit)
    assert two.delta == pytest.approx(one.delta, rel=0.0, abs=1e-11)


@given(prices, st.floats(0.01, 0.5), years, carries, carries, vols)
def test_a_box_of_four_options_is_its_discounted_width(
    s: float, width: float, t: float, r: float, q: float, v: float
) -> None:
    low, high = s, s * (1.0 + width)
    values = bsm(
        spot=s,
        strike=[low, high, high, low],
        t_years=t,
        rate=r,
        dividend_yield=q,
        vol=v,
        is_call=[True, True, False, False],
    )
    box = np.array([1.0, -1.0, 1.0, -1.0])
    assert values.price @ box == pytest.approx((high - low) * np.exp(-r * t), abs=1e-12 * s)
    assert values.delta @ box == pytest.approx(0.0, abs=1e-14)
    assert values.vega_per_point @ box == pytest.approx(0.0, abs=1e-13 * s)


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


def test_nothing_overflows_at_the_corners_of_the_fast_path() -> None:
    sides = (BOX.price, BOX.price, BOX.t_years, BOX.carry, BOX.carry, BOX.vol)
    corners = np.array(list(itertools.product(*sides)))
    spot, strike, t_years, rate, dividend_yield, vol = corners.T
    for is_call in (True, False):
        values = bsm(
            spot=spot,
            strike=strike,
            t_years=t_years,
            rate=rate,
            dividend_yield=dividend_yield,
            vol=vol,
            is_call=is_call,
        )
        for value in values:
            assert np.all(np.isfinite(value))
        assert np.all(values.price <= np.where(is_call, spot, strike) * np.exp(100.0))
        assert np.all(values.gamma >= 0.0)
        assert np.all(values.vega_per_point >= 0.0)
        assert np.all(values.delta >= 0.0 if is_call else values.delta <= 0.0)


def test_the_two_paths_meet_where_the_fast_one_ends() -> None:
    """A vol of 0.1 % is the least the fast path takes; a hair below it, the slow one answers."""

    def at(vol: float) -> OptionValues:
        strike, is_call = 100.5 + np.linspace(-0.2, 0.2, 41), [[True], [False]]
        return bsm(spot=100.0, strike=strike, t_years=0.25, rate=0.03, dividend_yield=0.01, vol=vol, is_call=is_call)

    fast, slow = at(1e-3), at(np.nextafter(1e-3, 0.0))
    for one, other in zip(fast, slow, strict=True):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-11 * np.abs(other).max())


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


@pytest.mark.parametrize(
    ("spot", "strike", "t_years", "rate", "dividend_yield", "vol", "is_call", "price"),
    [
        (74.38, 74.4034107987999, 9.512937595129377e-06, 0.0, 0.0, 0.05, True, 8.73013498626805e-05),
        (100.0, 100.04620978121169, 5.7077625570776254e-05, 0.05, 0.0, 0.03, True, 0.00017959816381500114),
        (74.38, 74.34485051838598, 5.7077625570776254e-05, 0.043, 0.013, 0.03, False, 0.00011112554748039552),
        (5803.37, 5802.0, 9.512937595129377e-06, 0.043, 0.013, 0.12, False, 0.3400064205814273),
    ],
)
def test_the_last_minutes_of_a_calm_market_keep_their_digits_out_of_the_money(
    spot: float,
    strike: float,
    t_years: float,
    rate: float,
    dividend_yield: float,
    vol: float,
    is_call: bool,
    price: float,
) -> None:
    """Worth a millionth of the underlying: the difference of the two legs alone is off by 3e-11. At 40 digits."""
    found = bsm(
        spot=spot, strike=strike, t_years=t_years, rate=rate, dividend_yield=dividend_yield, vol=vol, is_call=is_call
    )
    assert float(found.price) == pytest.approx(price, rel=1e-12, abs=0.0)


def test_prices_meet_without_a_step_where_the_short_formula_takes_over() -> None:
    """On both sides of a deviation of 1e-3 and of the forward, put-call parity and a smooth price hold."""
    vol = 1e-3 * (1.0 + np.array([-1e-9, 1e-9]))
    for strike in (99.95, 99.8, 100.05, 100.2):
        call, put = (
            bsm(spot=100.0, strike=strike, t_years=1.0, rate=0.0, dividend_yield=0.0, vol=vol, is_call=side).price
            for side in (True, False)
        )
        cheap = call if strike > 100.0 else put
        assert abs(cheap[1] / cheap[0] - 1.0) < 1e-7
        assert np.abs(call - put - (100.0 - strike)).max() < 1e-13
