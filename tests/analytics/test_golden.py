"""The golden tests of the product page (5.10) and its worked figures (5.1, 5.2, 5.5, 5.6), through the live book.

Published risk tools fail each of these. Those that belong to orders, journal, contracts or clocks are covered where
their parts live; `ELSEWHERE` names them, and a test sees to it that they are still there.
"""

import ast
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analytics.beta_weighting import (
    Benchmark,
    BenchmarkName,
    beta_weight,
    switch_benchmark,
    time_weighted_vega,
    vol_beta_weighted_vega,
)
from analytics.black_scholes import bsm_price
from analytics.book import BookArrays, BookGreeks, Exclusion, Model, PositionColumns, UnderlyingColumns
from analytics.legs import LegKind, PayoffLeg
from analytics.payoff import analyse_payoff
from analytics.probability import (
    PROFIT_THRESHOLD_DOLLARS,
    ExpectedMoveMethod,
    expected_move,
    probability_of_profit,
    rough_pop_of_credit,
)
from analytics.scenarios import ExplainInputs, pnl_curve, pnl_explain, pnl_grid, stress_ladder

pytestmark = pytest.mark.usefixtures("strict_floats")

NOW = 1_780_000_000.0
DAY = 86_400.0
SPX = Benchmark(BenchmarkName.SPX, 6000.0)
SPY = Benchmark(BenchmarkName.SPY, 600.0)
NAN = float("nan")

BOOKS = "tests/execution/test_books_add_up.py"
PAPER = "tests/execution/brokers/paper"
ELSEWHERE = {
    "5 a winner of two legs is one win": (
        "tests/execution/orders/test_journaling.py::test_a_filled_order_is_one_row_with_the_book_before_and_after",
        "tests/analytics/test_performance.py::test_every_figure_of_every_trade_list_is_exact",
    ),
    "5 totals equal on every screen": (
        "tests/execution/risk/test_live_book.py::test_the_tree_names_the_condor_and_uses_every_contract_once",
        "tests/analytics/test_book.py::test_exclusion_codes_and_totals_always_tell_the_same_story",
    ),
    "6 journal sum is the broker's cash change to the cent": (
        f"{BOOKS}::test_open_add_partial_close_turn_roll_and_settlement_add_up_to_the_brokers_cash",
        f"{PAPER}/test_settlement.py::test_a_stock_option_not_in_the_money_by_a_cent_expires_worthless",
    ),
    "7 feed dropped between submit and fill, restart: one fill, one row": (
        "tests/execution/test_kill.py::test_a_hundred_kills_send_nothing_twice_and_lose_or_double_no_fill",
        "tests/execution/orders/test_recovering.py::test_a_crash_after_the_submit_adopts_the_order_and_its_fills",
    ),
    "8 an unset what-if is margin unknown": (
        "tests/execution/orders/test_simulating.py::test_unknown_margin_is_a_state_and_is_warned_of",
        "tests/ui/ticket/test_confirming.py::test_an_unknown_margin_is_a_word_and_never_a_zero",
    ),
    "9 a one-sided quote": (
        "tests/analytics/test_book.py::test_a_quote_that_is_no_market_gives_no_mark_and_keeps_the_last_vol",
        "tests/execution/risk/test_live_book.py::test_a_one_sided_quote_keeps_the_last_vol_and_is_marked_stale",
    ),
    "10 SPX AM and SPXW PM on one date": (
        "tests/models/test_contract.py::test_spx_am_and_spxw_pm_of_one_date_are_two_contracts_with_two_settlements",
        "tests/ui/chain/test_expiries.py::test_spx_and_spxw_of_one_date_are_two_tiles",
    ),
    "11 a combo of four legs: net tick, sign, fills in any order": (
        "tests/execution/orders/test_applying.py::test_a_combo_fills_package_by_package_and_leg_by_leg",
        "tests/execution/brokers/contract_faults.py::test_events_out_of_order_lose_nothing",
    ),
    "5.5 rank 81 and percentile 98 on one day": (
        "tests/analytics/test_volatility_rank.py::test_the_same_day_can_be_rank_81_and_percentile_98",
    ),
    "12 clock change, early close": (
        "tests/execution/test_sessions.py::test_daylight_saving_moves_the_utc_opening_and_not_the_new_york_one",
        "tests/execution/test_sessions.py::test_a_half_day_has_14_slots_and_none_after_one_o_clock",
        "tests/models/test_contract.py::test_winter_time_and_half_days_move_the_settlement_instant",
    ),
}


def short_put(quantity: float = -1.0) -> PositionColumns:
    """The worked position of 5.1: short one SPX 5700 put, 30 days of a 365.25-day year, 17 %, no carry."""
    return PositionColumns(
        quantity=quantity,
        multiplier=100,
        model=Model.BSM,
        underlying=0,
        strike=5700.0,
        expiry_epoch_s=NOW + 30 / 365.25 * 365 * DAY,
        is_call=False,
        rate=0.0,
        dividend_yield=0.0,
        vol=0.17,
    )


def mixed(scale: float = 1.0) -> PositionColumns:
    """A strangle on SPX, stock with a covered call, an /ES future with a put on it."""
    return PositionColumns(
        quantity=scale * np.array([-1.0, -1.0, 200.0, -2.0, 1.0, -3.0]),
        multiplier=[100, 100, 1, 100, 50, 50],
        model=[Model.BSM, Model.BSM, Model.LINEAR, Model.BSM, Model.LINEAR, Model.BLACK76],
        underlying=[0, 0, 1, 1, 2, 2],
        strike=[5700, 6300, NAN, 235, NAN, 5800],
        expiry_epoch_s=[NOW + 30 * DAY, NOW + 30 * DAY, NAN, NOW + 45 * DAY, NAN, NOW + 20 * DAY],
        is_call=[False, True, False, True, False, False],
        rate=0.04,
        dividend_yield=[0.013, 0.013, 0.0, 0.004, 0.0, 0.0],
        vol=[0.17, 0.13, NAN, 0.25, NAN, 0.18],
    )


def underlyings(aapl_beta: float = 1.24) -> UnderlyingColumns:
    return UnderlyingColumns(("SPX", "AAPL", "/ESM6"), [6000.0, 226.5, 6021.0], [1.0, aapl_beta, 1.0])


def only_spx() -> UnderlyingColumns:
    return UnderlyingColumns(("SPX",), 6000.0, 1.0)


def mixed_book(scale: float = 1.0) -> BookArrays:
    return BookArrays(mixed(scale), underlyings())


def test_the_worked_position_has_every_figure_of_the_product_page() -> None:
    greeks = BookArrays(short_put(), only_spx()).greeks(NOW, SPX.level)
    assert greeks.price[0] == pytest.approx(21.44, abs=0.005)
    assert greeks.delta[0] == pytest.approx(-0.1407, abs=5e-5)
    assert greeks.gamma[0] == pytest.approx(0.000764, abs=5e-7)
    assert greeks.theta_per_day[0] == pytest.approx(-1.088, abs=1e-3)
    assert greeks.vega_per_point[0] == pytest.approx(3.840, abs=5e-4)
    assert greeks.market_value[0] == pytest.approx(-2144.0, abs=0.5)
    totals = greeks.totals
    assert totals.spx_equiv_delta == pytest.approx(14.07, abs=0.005)
    assert totals.spx_equiv_delta * SPX.level == pytest.approx(84_422, abs=1.0)
    assert totals.spx_equiv_delta * SPX.level / 100.0 == pytest.approx(844, abs=0.5)
    assert totals.gamma == pytest.approx(-0.0764, abs=5e-5)
    assert totals.gamma * SPX.level / 100.0 == pytest.approx(-4.58, abs=0.005)
    assert 0.5 * totals.gamma * (SPX.level / 100.0) ** 2 == pytest.approx(-137.5, abs=0.05)
    # The page's day is a 365.25th of a year, ours a 365th.
    assert totals.theta_per_day * 365 / 365.25 == pytest.approx(108.8, abs=0.05)
    assert totals.vega_per_point == pytest.approx(-384.0, abs=0.05)
    weighed = beta_weight(
        quantity=-1,
        multiplier=100,
        delta=greeks.delta,
        gamma=greeks.gamma,
        theta_per_day=greeks.theta_per_day,
        vega_per_point=greeks.vega_per_point,
        underlying_price=6000.0,
        beta=1.0,
        index_price=SPX.level,
    )
    assert weighed.delta_dollars[0] == pytest.approx(84_422, abs=1.0)
    assert weighed.gamma_dollars_per_1pct[0] == pytest.approx(-27_504, abs=1.0)
    against_spy = switch_benchmark(totals, current=SPX, wanted=SPY)
    assert against_spy.spx_equiv_delta == pytest.approx(140.7, abs=0.05)
    assert against_spy.gamma == pytest.approx(-7.64, abs=0.005)


def test_a_hundred_shares_at_fifty_with_beta_one_point_two_are_one_index_delta() -> None:
    stock = replace(short_put(100.0), multiplier=1, model=Model.LINEAR, strike=NAN, expiry_epoch_s=NAN, vol=NAN)
    greeks = BookArrays(stock, UnderlyingColumns(("XYZ",), 50.0, 1.2)).greeks(NOW, SPX.level)
    assert greeks.totals.spx_equiv_delta == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("other", [SPY, Benchmark(BenchmarkName.ES, 6021.0)])
def test_golden_1_a_switch_of_benchmark_moves_delta_and_gamma_and_nothing_else(other: Benchmark) -> None:
    book = mixed_book()
    at_spx, there = book.greeks(NOW, SPX.level), book.greeks(NOW, other.level)
    switched = switch_benchmark(at_spx.totals, current=SPX, wanted=other)
    ratio = SPX.level / other.level
    assert switched == pytest.approx(there.totals, rel=1e-12)
    assert there.totals.spx_equiv_delta == pytest.approx(ratio * at_spx.totals.spx_equiv_delta, rel=1e-12)
    assert there.totals.gamma == pytest.approx(ratio**2 * at_spx.totals.gamma, rel=1e-12)
    assert there.totals.theta_per_day == at_spx.totals.theta_per_day
    assert there.totals.vega_per_point == at_spx.totals.vega_per_point
    dollars = at_spx.totals.spx_equiv_delta * SPX.level
    assert there.totals.spx_equiv_delta * other.level == pytest.approx(dollars, rel=1e-12)


def book_numbers(book: BookArrays) -> np.ndarray:
    """Everything the desk says about a book, in one row."""
    greeks = book.greeks(NOW, SPX.level)
    grid = pnl_grid(book, now_epoch_s=NOW, spot_shifts=[-0.1, 0.03], vol_shifts=[-0.02, 0.05], days_forward=[0.0, 25.0])
    ladder = stress_ladder(book, now_epoch_s=NOW, index_price=SPX.level)
    vega = greeks.vega_dollars_per_point
    return np.concatenate(
        [
            greeks.totals[:4],
            *(greeks.raw_delta, greeks.spx_equiv_delta, greeks.gamma_bw, greeks.market_value, vega),
            greeks.theta_dollars_per_day,
            grid.pnl.ravel(),
            *(ladder.pnl, ladder.spx_equiv_delta, ladder.gamma, ladder.theta_per_day, ladder.vega_per_point),
            [time_weighted_vega(vega_dollars_per_point=vega, t_years=greeks.t_years).total_vega_dollars_per_point],
            vol_beta_weighted_vega(
                vega_dollars_per_point=vega, vol=greeks.vol, vol_beta=0.8, index_vol=0.17
            ).vega_dollars_per_index_point,
        ]
    )


def test_golden_2_five_contracts_are_five_times_every_number() -> None:
    one, five = book_numbers(mixed_book()), book_numbers(mixed_book(5.0))
    assert np.isfinite(one).all()
    assert five == pytest.approx(5.0 * one, rel=1e-10, abs=1e-9)


def test_golden_3_no_shock_is_exactly_no_pnl() -> None:
    book = mixed_book()
    grid = pnl_grid(book, now_epoch_s=NOW, spot_shifts=[-0.1, 0.0], vol_shifts=[0.0, 0.1], days_forward=[0.0, 5.0])
    assert grid.pnl[0, 0, 1] == 0.0
    assert np.count_nonzero(grid.pnl) == grid.pnl.size - 1
    assert pnl_curve(book, now_epoch_s=NOW, spot_shifts=[0.0]).pnl[0] == 0.0
    assert stress_ladder(book, now_epoch_s=NOW, index_price=SPX.level, spot_shifts=[0.0]).pnl[0] == 0.0


def test_golden_3_between_two_equal_snapshots_nothing_is_explained() -> None:
    greeks: BookGreeks = mixed_book().greeks(NOW, SPX.level)
    spot = np.array([6000.0, 6000.0, 226.5, 226.5, 6021.0, 6021.0])
    vol = np.where(np.isnan(greeks.vol), 0.0, greeks.vol)
    quantity = mixed().quantity
    inputs = ExplainInputs(
        quantity_start=quantity,
        quantity_end=quantity,
        multiplier=mixed().multiplier,
        price_start=greeks.price,
        price_end=greeks.price,
        spot_start=spot,
        spot_end=spot,
        vol_start=vol,
        vol_end=vol,
        days=0.0,
        delta=greeks.delta,
        gamma=greeks.gamma,
        theta_per_day=greeks.theta_per_day,
        vega_per_point=greeks.vega_per_point,
    )
    for part in pnl_explain(inputs).totals:
        assert float(part[0]) == 0.0


def test_golden_4_three_hours_before_expiry_theta_is_what_the_next_minute_takes() -> None:
    """About -26.6 a day at the money at 15 %; a day count floored to whole days says -3.3."""
    columns = replace(short_put(1.0), strike=6000.0, vol=0.15, expiry_epoch_s=NOW + 3 * 3600.0)
    book = BookArrays(columns, only_spx())
    now = book.greeks(NOW, SPX.level)
    assert now.theta_per_day[0] == pytest.approx(-26.6, abs=0.05)
    assert now.totals.theta_per_day == pytest.approx(-2_660.0, abs=5.0)
    before, after = (book.greeks(NOW + seconds, SPX.level).price[0] for seconds in (-30.0, 30.0))
    assert (after - before) * 24 * 60 == pytest.approx(now.theta_per_day[0], rel=1e-4)
    later = book.greeks(NOW + 2.75 * 3600.0, SPX.level).theta_per_day[0]
    assert later == pytest.approx(now.theta_per_day[0] * np.sqrt(12.0), rel=1e-3)


def test_golden_9_what_is_unknown_is_listed_and_the_totals_are_marked() -> None:
    """No vol: excluded. No price: excluded with all that hangs on it. No beta: weighed as 1 and counted (design 4)."""
    columns = mixed()
    unknown_vol = replace(columns, vol=[NAN, 0.13, NAN, 0.25, NAN, 0.18])
    book = BookArrays(unknown_vol, underlyings(aapl_beta=NAN))
    greeks = book.greeks(NOW, SPX.level)
    assert greeks.exclusion.tolist() == [Exclusion.NO_VOL, *[Exclusion.INCLUDED] * 5]
    assert (greeks.totals.excluded_count, greeks.totals.beta_defaulted_count) == (1, 2)
    assert np.isnan(greeks.spx_equiv_delta[0])
    assert greeks.totals.spx_equiv_delta == pytest.approx(np.nansum(greeks.spx_equiv_delta), rel=1e-14)
    assert greeks.spx_equiv_delta[2] == pytest.approx(200 * 226.5 / SPX.level)
    book.set_spots([2], [NAN])
    without = book.greeks(NOW, SPX.level)
    price = Exclusion.NO_UNDERLYING_PRICE
    included = Exclusion.INCLUDED
    assert without.exclusion.tolist() == [Exclusion.NO_VOL, included, included, included, price, price]
    assert without.totals.excluded_count == 3


def test_worked_expected_moves_of_the_product_page() -> None:
    """5.5: S = 6000, 17 %, 30 days: 292; the straddle 233 (x 1.25 is 292 again), x 0.85 is 198."""
    common: dict[str, Any] = {
        "spot": 6000.0,
        "strike": 6000.0,
        "t_years": 30 / 365,
        "rate": 0.0,
        "dividend_yield": 0.0,
        "vol": 0.17,
    }
    straddle = float(bsm_price(**common, is_call=[True, False]).sum())
    asked = {"spot": 6000.0, "vol": 0.17, "days": 30.0, "straddle": straddle}
    assert straddle == pytest.approx(233.0, abs=0.5)
    assert expected_move(ExpectedMoveMethod.IV_SQRT_DAYS, **asked) == pytest.approx(292.0, abs=0.5)
    assert expected_move(ExpectedMoveMethod.STRADDLE_1_SD, **asked) == pytest.approx(292.0, abs=1.0)
    assert expected_move(ExpectedMoveMethod.STRADDLE_085, **asked) == pytest.approx(198.0, abs=0.5)
    assert 6000.0 * 0.17 * np.sqrt(30 / 252) == pytest.approx(352.0, abs=0.5)  # days of one count, year of the other


def test_worked_pop_of_the_product_page() -> None:
    """5.6: iron condor 5650/5700/6250/6300 for 15.24: rough 69.5 %, lognormal 68.0 %."""
    legs = [
        PayoffLeg(LegKind.OPTION, "SPX", quantity, 100.0, is_call=is_call, strike=strike)
        for quantity, is_call, strike in (
            (1, False, 5650.0),
            (-1, False, 5700.0),
            (-1, True, 6250.0),
            (1, True, 6300.0),
        )
    ]
    common: dict[str, Any] = {"spot": 6000.0, "t_years": 30 / 365.25, "rate": 0.0, "dividend_yield": 0.0, "vol": 0.17}
    worth = bsm_price(strike=[leg.strike for leg in legs], is_call=[bool(leg.is_call) for leg in legs], **common)
    credit = -float(sum(leg.quantity * value for leg, value in zip(legs, worth, strict=True)))
    assert credit == pytest.approx(15.24, abs=0.005)
    assert float(rough_pop_of_credit(credit=credit, width=50.0)) == pytest.approx(0.695, abs=5e-4)
    zones = analyse_payoff(legs, -100.0 * credit + PROFIT_THRESHOLD_DOLLARS).profit_zones
    low, high = [zone.low for zone in zones], [np.inf if zone.high is None else zone.high for zone in zones]
    pop = probability_of_profit(low=low, high=high, forward=6000.0, t_years=30 / 365.25, vol=0.17)
    assert pop == pytest.approx(0.680, abs=5e-4)


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


@pytest.mark.parametrize("golden", ELSEWHERE)
def test_a_golden_test_that_lives_elsewhere_is_still_there(golden: str) -> None:
    root = Path(__file__).resolve().parents[2]
    for place in ELSEWHERE[golden]:
        file, name = place.split("::")
        assert name in names_in(root / file), place
