"""POP, touch and expected moves: worked numbers, identities, edges, a simulation as second route."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analytics.black_scholes import bsm_price
from analytics.probability import (
    ExpectedMoveMethod,
    expected_move,
    expected_move_iv,
    expected_move_straddle,
    expected_range_straddle,
    probability_above,
    probability_between,
    probability_of_profit,
    probability_of_touch,
    profit_zones,
    rough_pop_of_credit,
    rough_pop_of_debit,
)

pytestmark = pytest.mark.usefixtures("strict_floats")

CONDOR = np.array([0.0, 5650.0, 5700.0, 6250.0, 6300.0])
CREDIT = 15.24
CONDOR_PNL = 100.0 * (CREDIT - np.array([50.0, 50.0, 0.0, 0.0, 50.0]))
T = 30 / 365.25


def test_pop_of_the_worked_condor() -> None:
    """product.md 5.6: 5650/5700/6250/6300 for 15.24, S = 6000, 17 %: rough 69.5 %, lognormal 68.0 %."""
    assert float(rough_pop_of_credit(credit=CREDIT, width=50.0)) == pytest.approx(0.695, abs=5e-4)
    zones = profit_zones(knots=CONDOR, pnl=CONDOR_PNL, slope_above=0.0)
    pop = probability_of_profit(low=zones.low, high=zones.high, forward=6000.0, t_years=T, vol=0.17)
    assert pop == pytest.approx(0.680, abs=5e-4)


def test_profit_zone_of_the_worked_condor_ends_at_its_breakevens_less_a_cent() -> None:
    zones = profit_zones(knots=CONDOR, pnl=CONDOR_PNL, slope_above=0.0)
    assert zones.low == pytest.approx([5700.0 - CREDIT + 0.0001])
    assert zones.high == pytest.approx([6250.0 + CREDIT - 0.0001])


def test_expected_moves_of_the_worked_case() -> None:
    """product.md 5.5: S = 6000, 17 %, 30 days: 292, straddle 233 (x 1.25 is 1 SD again), x 0.85 is 198."""
    assert float(expected_move_iv(spot=6000.0, vol=0.17, days=30)) == pytest.approx(292.0, abs=0.5)
    common = {"spot": 6000.0, "strike": 6000.0, "t_years": 30 / 365, "rate": 0.0, "dividend_yield": 0.0, "vol": 0.17}
    straddle = float(bsm_price(**common, is_call=[True, False]).sum())
    assert straddle == pytest.approx(233.0, abs=0.5)
    assert float(expected_move_straddle(straddle=straddle)) == pytest.approx(292.0, abs=1.0)
    assert float(expected_range_straddle(straddle=straddle)) == pytest.approx(198.0, abs=0.5)


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


def test_the_rough_pop_of_a_debit_spread() -> None:
    assert float(rough_pop_of_debit(max_profit=3.0, width=5.0)) == pytest.approx(0.4)


@given(st.floats(50.0, 200.0), st.floats(0.01, 2.0), st.floats(0.05, 1.0))
def test_the_chance_above_is_the_slope_of_the_undiscounted_call(level: float, t: float, vol: float) -> None:
    step = 1e-3
    common = {"spot": 100.0, "t_years": t, "rate": 0.0, "dividend_yield": 0.0, "vol": vol, "is_call": True}
    down, up = bsm_price(strike=[level - step, level + step], **common)
    chance = probability_above(level=level, forward=100.0, t_years=t, vol=vol)
    assert float(chance) == pytest.approx((down - up) / (2 * step), abs=1e-5)


@given(st.floats(1.0, 300.0), st.floats(1.0, 300.0), st.floats(0.0, 2.0), st.floats(0.0, 1.0))
def test_the_ranges_of_the_price_share_out_all_of_the_chance(a: float, b: float, t: float, vol: float) -> None:
    low, high = sorted((a, b))
    parts = probability_between(low=[0.0, low, high], high=[low, high, np.inf], forward=100.0, t_years=t, vol=vol)
    assert np.all(parts >= 0.0)
    assert parts.sum() == pytest.approx(1.0, abs=1e-12)


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


@pytest.mark.parametrize(
    ("knots", "pnl", "slope", "want"),
    [
        ([0.0, 100.0], [-200.0, -200.0], 100.0, [(102.0, np.inf)]),
        ([0.0, 100.0], [9_800.0, -200.0], 0.0, [(0.0, 98.0)]),
        ([0.0, 100.0], [9_500.0, -500.0], 100.0, [(0.0, 95.0), (105.0, np.inf)]),
        ([0.0, 100.0], [-9_500.0, 500.0], -100.0, [(95.0, 105.0)]),
        ([0.0], [-1.0], 0.0, []),
        ([0.0], [1.0], 0.0, [(0.0, np.inf)]),
        ([0.0, 100.0], [0.0, 0.0], 0.0, []),
    ],
)
def test_zones_of_calls_puts_straddles_and_sure_things(
    knots: list[float], pnl: list[float], slope: float, want: list[tuple[float, float]]
) -> None:
    zones = profit_zones(knots=knots, pnl=pnl, slope_above=slope)
    got = list(zip(zones.low.tolist(), zones.high.tolist(), strict=True))
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        assert one == pytest.approx(other, abs=2e-4)


def test_no_zone_is_no_chance_and_everything_is_certain() -> None:
    assert probability_of_profit(low=[], high=[], forward=100.0, t_years=1.0, vol=0.2) == 0.0
    assert probability_of_profit(low=0.0, high=np.inf, forward=100.0, t_years=1.0, vol=0.2) == 1.0


def test_knots_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="ascend strictly"):
        profit_zones(knots=[0.0, 5.0, 5.0], pnl=[1.0, 2.0, 3.0], slope_above=0.0)


def test_touching_agrees_with_a_simulation() -> None:
    dice = np.random.default_rng(2)
    paths, steps, t, vol, rate = 20_000, 500, 0.25, 0.3, 0.05
    shocks = dice.normal((rate - 0.5 * vol**2) * t / steps, vol * np.sqrt(t / steps), (paths, steps))
    logs = np.cumsum(shocks, axis=1)
    # A path watched in steps misses crossings between them: shift the barrier by 0.5826 step deviations (Broadie).
    nudge = 0.5826 * vol * np.sqrt(t / steps)
    for barrier in (88.0, 112.0):
        distance = np.log(barrier / 100.0)
        hit = logs.min(axis=1) <= distance + nudge if distance < 0 else logs.max(axis=1) >= distance - nudge
        chance = probability_of_touch(barrier=barrier, spot=100.0, t_years=t, vol=vol, rate=rate)
        assert float(chance) == pytest.approx(hit.mean(), abs=0.012)


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
