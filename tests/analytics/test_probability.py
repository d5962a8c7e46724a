"""POP, touch and expected moves: worked numbers, identities, edges, a simulation as second route."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analytics.black_scholes import bsm_price
from analytics.legs import LegKind, PayoffLeg
from analytics.payoff import analyse_payoff, payoff_at_expiry
from analytics.probability import (
    PROFIT_THRESHOLD_DOLLARS,
    ExpectedMoveMethod,
    expected_move,
    expected_move_iv,
    expected_move_straddle,
    expected_range_straddle,
    probability_above,
    probability_of_profit,
    probability_of_touch,
    rough_pop_of_credit,
    rough_pop_of_debit,
)

pytestmark = pytest.mark.usefixtures("strict_floats")

CREDIT = 15.24
T = 30 / 365.25
CONDOR = [
    PayoffLeg(LegKind.OPTION, "SPX", quantity, 100.0, is_call=is_call, strike=strike)
    for quantity, is_call, strike in ((1, False, 5650.0), (-1, False, 5700.0), (-1, True, 6250.0), (1, True, 6300.0))
]


def _zones(legs: list[PayoffLeg], cost: float) -> tuple[list[float], list[float]]:
    """Where a profit of at least a cent is made, as `probability_of_profit` wants it."""
    zones = analyse_payoff(legs, cost + PROFIT_THRESHOLD_DOLLARS).profit_zones
    return [zone.low for zone in zones], [np.inf if zone.high is None else zone.high for zone in zones]


def test_the_profit_zone_of_a_condor_ends_at_its_breakevens_less_a_cent() -> None:
    low, high = _zones(CONDOR, -100.0 * CREDIT)
    assert low == pytest.approx([5700.0 - CREDIT + 0.0001])
    assert high == pytest.approx([6250.0 + CREDIT - 0.0001])


def _lognormal(forward: float, t_years: float, vol: float, order: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Prices and their weights: the normal density on a fine grid of plus and minus nine deviations."""
    edges = np.linspace(-9.0, 9.0, order + 1)
    middle = 0.5 * (edges[1:] + edges[:-1])
    weight = np.exp(-0.5 * middle**2) / np.sqrt(2.0 * np.pi) * np.diff(edges)
    return forward * np.exp(vol * np.sqrt(t_years) * middle - 0.5 * vol**2 * t_years), weight


@pytest.mark.parametrize(
    ("legs", "cost"),
    [
        (CONDOR, -100.0 * CREDIT),
        ([PayoffLeg(LegKind.OPTION, "SPX", 1, 100.0, is_call=True, strike=6100.0)], 5_000.0),
        ([PayoffLeg(LegKind.OPTION, "SPX", -1, 100.0, is_call=False, strike=5700.0)], -2_144.0),
        (
            [
                PayoffLeg(LegKind.OPTION, "SPX", 2, 100.0, is_call=True, strike=6000.0),
                PayoffLeg(LegKind.OPTION, "SPX", 2, 100.0, is_call=False, strike=6000.0),
            ],
            46_600.0,
        ),
    ],
)
def test_pop_is_the_weight_of_the_prices_where_the_payoff_makes_a_cent(legs: list[PayoffLeg], cost: float) -> None:
    """Second route: value the payoff at 4,000 prices and add up the density where it pays."""
    low, high = _zones(legs, cost)
    pop = probability_of_profit(low=low, high=high, forward=6010.0, t_years=T, vol=0.17)
    prices, weight = _lognormal(6010.0, T, 0.17)
    paid = payoff_at_expiry(legs, prices, cost) >= PROFIT_THRESHOLD_DOLLARS
    assert pop == pytest.approx(weight[paid].sum(), abs=4e-3)


def test_pop_is_the_share_of_simulated_ends_that_pay() -> None:
    dice, ends = np.random.default_rng(7), 400_000
    shock = dice.standard_normal(ends)
    prices = 6000.0 * np.exp(0.17 * np.sqrt(T) * shock - 0.5 * 0.17**2 * T)
    paid = (payoff_at_expiry(CONDOR, prices, -100.0 * CREDIT) >= PROFIT_THRESHOLD_DOLLARS).mean()
    low, high = _zones(CONDOR, -100.0 * CREDIT)
    pop = probability_of_profit(low=low, high=high, forward=6000.0, t_years=T, vol=0.17)
    assert abs(pop - paid) <= 4.0 * np.sqrt(pop * (1.0 - pop) / ends)


def test_a_zone_that_ends_below_its_start_has_no_chance_rather_than_a_chance_of_nothing() -> None:
    assert np.isnan(probability_of_profit(low=6100.0, high=5900.0, forward=6000.0, t_years=T, vol=0.17))
    assert np.isnan(
        probability_of_profit(low=[0.0, 6100.0], high=[5900.0, 6000.0], forward=6000.0, t_years=T, vol=0.17)
    )
    assert probability_of_profit(low=6000.0, high=6000.0, forward=6000.0, t_years=T, vol=0.17) == 0.0


def test_a_short_option_is_likelier_to_pay_than_to_end_worthless() -> None:
    """product.md 5.6: POP is not P(OTM); for a short option it is larger by the credit's cushion."""
    put = PayoffLeg(LegKind.OPTION, "SPX", -1, 100.0, is_call=False, strike=5700.0)
    low, high = _zones([put], -2_144.0)
    pop = probability_of_profit(low=low, high=high, forward=6000.0, t_years=T, vol=0.17)
    assert pop > float(probability_above(level=5700.0, forward=6000.0, t_years=T, vol=0.17))


def test_each_end_of_a_zone_may_have_its_own_vol() -> None:
    common = {"forward": 6000.0, "t_years": T}
    skewed = probability_of_profit(low=5700.0, high=6250.0, vol=0.2, vol_at_high=0.13, **common)
    above = probability_above(level=[5700.0, 6250.0], vol=[0.2, 0.13], **common)
    assert skewed == pytest.approx(float(above[0] - above[1]), abs=1e-15)


@pytest.mark.parametrize(
    ("method", "move"),
    [
        (ExpectedMoveMethod.IV_SQRT_DAYS, 6000 * 0.17 * np.sqrt(30 / 365)),
        (ExpectedMoveMethod.STRADDLE_1_SD, 250.0),
        (ExpectedMoveMethod.STRADDLE_085, 170.0),
    ],
)
def test_an_expected_move_is_asked_for_by_name(method: ExpectedMoveMethod, move: float) -> None:
    assert expected_move(method, spot=6000.0, vol=0.17, days=30.0, straddle=200.0) == pytest.approx(move)


def test_an_expected_move_without_its_input_is_unknown() -> None:
    nan = float("nan")
    assert np.isnan(expected_move(ExpectedMoveMethod.IV_SQRT_DAYS, spot=6000.0, vol=nan, days=30.0, straddle=9.0))
    assert np.isnan(expected_move(ExpectedMoveMethod.STRADDLE_085, spot=6000.0, vol=0.2, days=30.0, straddle=nan))
    assert np.isnan(expected_move_iv(spot=6000.0, vol=0.17, days=-1.0))


@pytest.mark.parametrize("unusable", [{"vol": -0.1}, {"spot": -1.0}, {"days": np.inf}, {"vol": np.nan}])
def test_an_expected_move_of_nonsense_is_unknown(unusable: dict[str, float]) -> None:
    assert np.isnan(expected_move_iv(**{"spot": 6000.0, "vol": 0.17, "days": 30.0, **unusable}))
    assert np.isnan(expected_move_straddle(straddle=-1.0))
    assert np.isnan(expected_range_straddle(straddle=np.inf))


def test_every_method_has_words_of_its_own() -> None:
    assert len({method.label for method in ExpectedMoveMethod}) == 3
    assert "1.25" in ExpectedMoveMethod.STRADDLE_1_SD.label


def test_a_move_of_one_deviation_holds_two_thirds_and_the_straddle_s_range_about_half() -> None:
    common = {"forward": 6000.0, "t_years": 30 / 365, "vol": 0.17}
    one = float(expected_move_iv(spot=6000.0, vol=0.17, days=30))
    assert probability_of_profit(low=6000.0 - one, high=6000.0 + one, **common) == pytest.approx(0.683, abs=0.005)
    half = float(expected_range_straddle(straddle=233.4))
    assert probability_of_profit(low=6000.0 - half, high=6000.0 + half, **common) == pytest.approx(0.5, abs=0.01)


def test_the_rough_pop_of_a_credit_and_of_a_debit_spread() -> None:
    assert float(rough_pop_of_credit(credit=2.0, width=5.0)) == pytest.approx(0.6)
    assert float(rough_pop_of_debit(max_profit=3.0, width=5.0)) == pytest.approx(0.4)


def test_a_rough_pop_of_an_impossible_spread_is_unknown_in_its_place_only() -> None:
    found = rough_pop_of_credit(credit=[1.0, 6.0, -1.0, 1.0, np.nan], width=[5.0, 5.0, 5.0, 0.0, 5.0])
    assert float(found[0]) == pytest.approx(0.8)
    assert np.isnan(found[1:]).all()


@given(st.floats(50.0, 200.0), st.floats(0.01, 2.0), st.floats(0.05, 1.0))
def test_the_chance_above_is_the_slope_of_the_undiscounted_call(level: float, t: float, vol: float) -> None:
    step = 1e-3
    common: dict[str, Any] = {
        "spot": 100.0,
        "t_years": t,
        "rate": 0.0,
        "dividend_yield": 0.0,
        "vol": vol,
        "is_call": True,
    }
    down, up = bsm_price(strike=[level - step, level + step], **common)
    chance = probability_above(level=level, forward=100.0, t_years=t, vol=vol)
    assert float(chance) == pytest.approx((down - up) / (2 * step), abs=1e-5)


@given(st.floats(1.0, 300.0), st.floats(1.0, 300.0), st.floats(0.0, 2.0), st.floats(0.0, 1.0))
def test_the_ranges_of_the_price_share_out_all_of_the_chance(a: float, b: float, t: float, vol: float) -> None:
    low, high = sorted((a, b))
    common = {"forward": 100.0, "t_years": t, "vol": vol}
    ends = [0.0, low, high, np.inf]
    parts = [probability_of_profit(low=ends[i], high=ends[i + 1], **common) for i in range(3)]
    assert min(parts) >= 0.0
    assert sum(parts) == pytest.approx(1.0, abs=1e-12)
    assert probability_of_profit(low=ends[:3], high=ends[1:], **common) == pytest.approx(1.0, abs=1e-12)


def test_only_vol_squared_times_time_matters() -> None:
    level = np.array([80.0, 100.0, 130.0])
    one = probability_above(level=level, forward=100.0, t_years=1.0, vol=0.2)
    assert probability_above(level=level, forward=100.0, t_years=0.25, vol=0.4) == pytest.approx(one, rel=1e-14)


def test_without_time_or_vol_the_outcome_is_certain() -> None:
    for t, vol in ((0.0, 0.2), (1.0, 0.0)):
        found = probability_above(level=[99.0, 100.0, 101.0, 0.0, np.inf], forward=100.0, t_years=t, vol=vol)
        assert found.tolist() == [1.0, 0.5, 0.0, 1.0, 0.0]


def test_unusable_inputs_are_unknown_not_zero() -> None:
    nan = np.nan
    found = probability_above(
        level=[nan, 100, 100, 100, 100],
        forward=[100, nan, -1, 100, 100],
        t_years=[1, 1, 1, -1, 1],
        vol=[1, 1, 1, 1, nan],
    )
    assert np.isnan(found).all()
    assert np.isnan(probability_of_profit(low=90.0, high=110.0, forward=100.0, t_years=1.0, vol=nan))


def test_no_zone_is_no_chance_and_everything_is_certain() -> None:
    assert probability_of_profit(low=[], high=[], forward=100.0, t_years=1.0, vol=0.2) == 0.0
    assert probability_of_profit(low=0.0, high=np.inf, forward=100.0, t_years=1.0, vol=0.2) == 1.0


def test_touching_agrees_with_a_simulation() -> None:
    """Between two looks at a path a bridge crosses with exp(-2 a b / variance): no bias, only chance remains."""
    dice = np.random.default_rng(2)
    paths, steps, t, vol, rate = 40_000, 12, 0.25, 0.3, 0.05
    variance = vol**2 * t / steps
    shocks = dice.normal((rate - 0.5 * vol**2) * t / steps, np.sqrt(variance), (paths, steps))
    logs = np.concatenate([np.zeros((paths, 1)), np.cumsum(shocks, axis=1)], axis=1)
    for barrier in (80.0, 88.0, 112.0, 130.0):
        gap = np.abs(np.log(barrier / 100.0)) - np.sign(np.log(barrier / 100.0)) * logs
        missed = np.where((gap[:, 1:] > 0) & (gap[:, :-1] > 0), 1 - np.exp(-2 * gap[:, 1:] * gap[:, :-1] / variance), 0)
        touched = 1.0 - missed.prod(axis=1)
        chance = float(probability_of_touch(barrier=barrier, spot=100.0, t_years=t, vol=vol, rate=rate))
        assert abs(chance - touched.mean()) <= 4.0 * touched.std() / np.sqrt(paths), barrier


def _touch_by_quadrature(away: float, pull: float, t: float, vol: float) -> float:
    """Integral of the density of the first time at a level `away` above, drift `pull` a year towards it."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    # u = 1 / sqrt(time): the density is smooth in u and dies away like exp(-u^2).
    start = 1.0 / np.sqrt(t)
    span = 14.0 * vol / away + 2.0 * abs(pull) / vol * t
    u = start + 0.5 * span * (nodes + 1.0)
    time = 1.0 / u**2
    density = 2.0 * away / (vol * np.sqrt(2.0 * np.pi)) * np.exp(-0.5 * ((away - pull * time) * u / vol) ** 2)
    return float(0.5 * span * (weights * density).sum())


@pytest.mark.parametrize("barrier", [60.0, 85.0, 99.0, 101.0, 118.0, 170.0])
@pytest.mark.parametrize(
    ("t", "vol", "rate", "carry_out"), [(0.08, 0.17, 0.0, 0.0), (0.5, 0.3, 0.06, 0.01), (2.0, 0.25, -0.01, 0.08)]
)
def test_touching_agrees_with_the_density_of_the_first_time(
    barrier: float, t: float, vol: float, rate: float, carry_out: float
) -> None:
    side = np.sign(np.log(barrier / 100.0))
    want = _touch_by_quadrature(abs(np.log(barrier / 100.0)), side * (rate - carry_out - 0.5 * vol**2), t, vol)
    got = probability_of_touch(barrier=barrier, spot=100.0, t_years=t, vol=vol, rate=rate, dividend_yield=carry_out)
    assert float(got) == pytest.approx(want, rel=1e-10, abs=1e-14)


def test_without_vol_the_carry_alone_takes_the_price_to_a_barrier_or_does_not() -> None:
    found = probability_of_touch(barrier=[103.0, 104.0, 97.0], spot=100.0, t_years=0.7, vol=[0.0, 0.0, 0.0], rate=0.05)
    assert found.tolist() == [1.0, 0.0, 0.0]
    nearly = probability_of_touch(barrier=[103.0, 104.0, 97.0], spot=100.0, t_years=0.7, vol=1e-9, rate=0.05)
    assert nearly.tolist() == [1.0, 0.0, 0.0]


@given(st.floats(1e-12, 1e-2), st.floats(-1e-9, 1e-9))
def test_a_barrier_a_hair_from_where_the_carry_ends_is_not_drowned_in_rounding(vol: float, hair: float) -> None:
    """Touching is the limit of a step as vol goes to nothing: it never leaves the two ends by more than the density."""
    got = float(probability_of_touch(barrier=100.0 * np.exp(0.05 + hair), spot=100.0, t_years=1.0, vol=vol, rate=0.05))
    assert 0.0 <= got <= 1.0
    if hair > 10.0 * vol:
        assert got < 1e-12
    if hair < -10.0 * vol:
        assert got > 1.0 - 1e-12


@given(st.floats(1.01, 3.0), st.floats(1e-3, 2.0), st.floats(0.02, 1.0))
def test_touching_a_driftless_barrier_is_as_likely_up_as_down_in_log_price(ratio: float, t: float, vol: float) -> None:
    """With the carry at half the variance the log price has no drift: the two sides mirror, and touch = 2 x beyond."""
    rate = 0.5 * vol**2
    up, down = probability_of_touch(barrier=[100.0 * ratio, 100.0 / ratio], spot=100.0, t_years=t, vol=vol, rate=rate)
    assert up == pytest.approx(down, rel=1e-9, abs=1e-15)
    beyond = float(probability_above(level=100.0 * ratio, forward=100.0 * np.exp(rate * t), t_years=t, vol=vol))
    assert up == pytest.approx(2.0 * beyond, rel=1e-8, abs=1e-15)


def test_arguments_broadcast() -> None:
    grid = probability_of_touch(barrier=[[90.0], [110.0]], spot=100.0, t_years=[0.1, 0.5, 1.0], vol=0.2)
    assert grid.shape == (2, 3)
    assert float(grid[1, 2]) == float(probability_of_touch(barrier=110.0, spot=100.0, t_years=1.0, vol=0.2))
    assert probability_above(level=[[90.0], [110.0]], forward=100.0, t_years=[0.1, 0.5], vol=0.2).shape == (2, 2)


@given(st.floats(20.0, 500.0), st.floats(1e-4, 2.0), st.floats(0.02, 2.0), st.floats(-0.05, 0.1))
def test_touching_is_at_least_as_likely_as_ending_beyond(barrier: float, t: float, vol: float, rate: float) -> None:
    assume(barrier != 100.0)
    touch = float(probability_of_touch(barrier=barrier, spot=100.0, t_years=t, vol=vol, rate=rate))
    above = float(probability_above(level=barrier, forward=100.0 * np.exp(rate * t), t_years=t, vol=vol))
    beyond = above if barrier > 100.0 else 1.0 - above
    assert beyond - 1e-12 <= touch <= 1.0


@pytest.mark.parametrize(
    "bad",
    [
        {"barrier": np.inf},
        {"spot": 0.0},
        {"t_years": np.inf},
        {"vol": -0.1},
        {"rate": np.inf},
        {"dividend_yield": np.nan},
    ],
)
def test_touching_with_an_unusable_input_is_unknown(bad: dict[str, float]) -> None:
    good = {"barrier": 110.0, "spot": 100.0, "t_years": 0.5, "vol": 0.2, "rate": 0.01, "dividend_yield": 0.0}
    assert np.isnan(probability_of_touch(**{**good, **bad}))
    assert 0.0 < float(probability_of_touch(**good)) < 1.0


def test_touching_at_the_barrier_is_certain_and_without_time_impossible() -> None:
    found = probability_of_touch(
        barrier=[100.0, 101.0, 101.0, np.nan], spot=100.0, t_years=[1, 0, 1, 1], vol=[0.2, 0.2, 0, 0.2]
    )
    assert found[:3].tolist() == [1.0, 0.0, 0.0]
    assert np.isnan(found[3])
