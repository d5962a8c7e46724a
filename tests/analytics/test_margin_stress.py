"""The margin horizon: no shock is no change, moves by hand, margin calls, expiry within the horizon, house ladder."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.legs import linear_leg
from analytics.margin.account import AccountMargin, against_net_liquidation
from analytics.margin.futures import FuturesRule
from analytics.margin.portfolio import portfolio_margin
from analytics.margin.reg_t import RegTMargin
from analytics.margin.risk_book import RiskBook
from analytics.margin.span import SpanParameters, span_requirement
from analytics.margin.stress import MarginHorizon, MarginStress, Rung, StressBook, house_ladder
from analytics.margin.terms import MarginError, UnderlyingTerms
from analytics.scenarios.shocks import SpotVolBeta, VolShift
from models.enums import MarginMethod
from tests.analytics.margin_books import Line, book_of, european_value, lines, stock

pytestmark = pytest.mark.usefixtures("strict_floats")

#: The worked position of the product text: price 21.44, delta -0.1407.
SHORT_PUT = ("SPX", -1.0, "P", 5700.0, 30.0 * 365.0 / 365.25, 0.17)
BETA = {"SPX": 1.0, "AAPL": 1.5, "/ES": 1.0}
ES = {"/ES": SpanParameters(310.0, 0.04, 100.0), "/CL": SpanParameters(5.0, 0.07, 30.0)}


def stressed(*drawn: Line, net_liquidation: float = 100_000.0, rate: float = 0.0) -> StressBook:
    return StressBook(book_of(*drawn, rate=rate), net_liquidation, BETA)


def by(method: MarginMethod) -> MarginStress:
    return MarginStress(AccountMargin(method, span_parameters=ES))


@pytest.mark.parametrize("method", list(MarginMethod))
def test_no_shock_is_exactly_no_change(method: MarginMethod) -> None:
    held = stressed(SHORT_PUT, stock("AAPL", 100.0), ("AAPL", -1.0, "C", 230.0, 40.0, 0.3), stock("/ES", 1.0))
    found = by(method).horizon(held, spot_shifts=[-0.1, 0.0, 0.1])
    assert found.pnl[0, 0, 1] == 0.0
    assert found.equity[0, 0, 1] == 100_000.0
    assert found.requirement[0, 0, 1] == AccountMargin(method, span_parameters=ES).requirement(held.book)
    np.testing.assert_array_equal(found.excess, found.equity - found.requirement)


def test_the_worked_short_put_needs_sixty_thousand_by_strategy_and_twenty_by_risk() -> None:
    held = stressed(SHORT_PUT)
    assert AccountMargin(MarginMethod.REG_T).requirement(held.book) == pytest.approx(62_144.0 - 2_144.0, abs=1.0)
    assert AccountMargin(MarginMethod.PORTFOLIO).requirement(held.book) == pytest.approx(20_000.0, abs=60.0)


def test_the_worked_short_put_loses_a_third_more_with_twelve_points_of_vol() -> None:
    found = by(MarginMethod.PORTFOLIO).horizon(stressed(SHORT_PUT), spot_shifts=-0.08, vol_shifts=[0.0, 0.12])
    assert found.pnl[0, 0, 0] == pytest.approx(-20_000.0, abs=60.0)
    assert found.pnl[0, 1, 0] == pytest.approx(-26_800.0, abs=60.0)


@pytest.mark.parametrize("mode", list(VolShift))
def test_a_cell_is_a_revaluation_one_number_at_a_time_with_the_requirement_of_the_moved_book(mode: VolShift) -> None:
    line: Line = ("AAPL", -3.0, "P", 200.0, 50.0, 0.3)
    held = stressed(line, stock("AAPL", 200.0), rate=0.04)
    shift, vol_shift, days = -0.1, 0.2, 7.0
    found = by(MarginMethod.PORTFOLIO).horizon(
        held, spot_shifts=shift, vol_shifts=vol_shift, days_forward=days, vol_mode=mode
    )
    price = 220.0 * (1.0 + 1.5 * shift)
    vol = 0.3 + vol_shift if mode is VolShift.ABSOLUTE else 0.3 * (1.0 + vol_shift)
    then = european_value(price, 200.0, 43.0 / 365.0, 0.04, 0.0, vol, False)
    now = european_value(220.0, 200.0, 50.0 / 365.0, 0.04, 0.0, 0.3, False)
    assert found.pnl[0, 0, 0] == pytest.approx(-300.0 * (then - now) + 200.0 * (price - 220.0), rel=1e-10)
    moved = book_of(
        ("AAPL", -3.0, "P", 200.0, 43.0, vol),
        stock("AAPL", 200.0),
        prices={"AAPL": price},
    )
    assert found.requirement[0, 0, 0] == pytest.approx(portfolio_margin(moved).requirement, rel=1e-12)


def test_strategy_margin_of_a_cell_is_that_of_the_moved_book() -> None:
    lines_held: tuple[Line, ...] = (SHORT_PUT, ("SPX", 1.0, "P", 5500.0, SHORT_PUT[4], 0.19), stock("AAPL", -100.0))
    found = by(MarginMethod.REG_T).horizon(stressed(*lines_held), spot_shifts=[-0.1])
    # A put spread needs its width less the credit net liquidation has paid; a short share 30 % of its price.
    spread_value = sum(
        quantity * european_value(5400.0, strike, SHORT_PUT[4] / 365.0, 0.0, 0.0, vol, False)
        for quantity, strike, vol in ((-1.0, 5700.0, 0.17), (1.0, 5500.0, 0.19))
    )
    shares = 0.30 * 100.0 * 220.0 * 0.85
    assert found.requirement[0, 0, 0] == pytest.approx(20_000.0 + 100.0 * spread_value + shares, rel=1e-10)


def test_short_shares_and_futures_are_stated_against_net_liquidation() -> None:
    legs = [linear_leg("AAPL", -100.0), linear_leg("/ES", 1.0, multiplier=50.0, is_future=True)]
    rules = {"/ES": FuturesRule("/ES", 6020.0, 0.07, 0.02)}
    need = RegTMargin(None, rules).requirement(legs, {"AAPL": UnderlyingTerms(220.0)}, 0.0)
    total = against_net_liquidation(need, legs, {"AAPL": 220.0, "/ES": 6020.0})
    assert total == pytest.approx(0.30 * 22_000.0 + 0.07 * 50.0 * 6020.0)


def test_strategy_accounts_take_arrays_where_they_know_them_and_the_percentage_rule_elsewhere() -> None:
    book = book_of(stock("/ES", 1.0), stock("/CL", 1.0))
    rules = {"/CL": FuturesRule("/CL", 1.0, 0.09, 0.03)}
    margin = AccountMargin(MarginMethod.REG_T, futures_rules=rules, span_parameters={"/ES": ES["/ES"]})
    arrays = span_requirement(book_of(stock("/ES", 1.0)), ES["/ES"]).risk_requirement
    assert margin.requirement(book) == pytest.approx(arrays + 0.09 * 74_000.0)


@pytest.mark.parametrize("method", list(MarginMethod))
def test_the_margin_call_is_where_excess_is_zero_and_never_past_it(method: MarginMethod) -> None:
    held = stressed(SHORT_PUT, ("SPX", -1.0, "C", 6300.0, 30.0, 0.13), net_liquidation=70_000.0)
    engine = by(method)
    horizon = engine.horizon(held, spot_shifts=np.linspace(-0.4, 0.4, 9))
    call = engine.margin_call(held, horizon, tolerance=1e-6)
    assert not call.in_call_now
    assert -0.4 < call.down_shift < 0.0 < call.up_shift < 0.4
    for level, out in ((call.down_shift, -2e-6), (call.up_shift, 2e-6)):
        at, past = engine.horizon(held, spot_shifts=[level, level + out]).excess[0, 0].tolist()
        assert at >= 0.0 > past


def test_a_grid_in_any_order_without_the_unchanged_price_finds_the_same_margin_call() -> None:
    held = stressed(SHORT_PUT, net_liquidation=70_000.0)
    engine = by(MarginMethod.PORTFOLIO)
    ordered = engine.margin_call(held, engine.horizon(held, spot_shifts=[-0.4, -0.2, -0.1, 0.0, 0.2]))
    mixed = engine.margin_call(held, engine.horizon(held, spot_shifts=[0.2, -0.1, -0.4, -0.2]))
    assert mixed.down_shift == ordered.down_shift
    assert math.isnan(mixed.up_shift)
    assert mixed.excess_now == ordered.excess_now


def test_an_account_in_call_already_says_so_and_gives_no_levels() -> None:
    held = stressed(SHORT_PUT, net_liquidation=10_000.0)
    engine = by(MarginMethod.PORTFOLIO)
    call = engine.margin_call(held, engine.horizon(held, spot_shifts=[-0.1, 0.1]))
    assert call.in_call_now
    assert call.excess_now < 0.0
    assert math.isnan(call.down_shift)
    assert math.isnan(call.up_shift)


def test_a_book_of_long_options_is_never_called_for_more_than_it_holds() -> None:
    held = stressed(("SPX", 1.0, "P", 5700.0, 30.0, 0.17), net_liquidation=2_200.0)
    engine = by(MarginMethod.PORTFOLIO)
    horizon = engine.horizon(held, spot_shifts=np.linspace(-0.4, 0.4, 9), days_forward=[0.0, 20.0, 40.0])
    assert (horizon.excess >= 0.0).all()
    call = engine.margin_call(held, horizon, day=1)
    assert math.isnan(call.down_shift)
    assert math.isnan(call.up_shift)


@pytest.mark.parametrize("method", list(MarginMethod))
def test_an_option_that_expires_within_the_horizon_is_cash_at_its_intrinsic_value(method: MarginMethod) -> None:
    held = stressed(("SPX", -1.0, "P", 5700.0, 5.0, 0.17), stock("AAPL", 10.0))
    found = by(method).horizon(held, spot_shifts=[-0.1], days_forward=[4.0, 6.0])
    now = european_value(6000.0, 5700.0, 5.0 / 365.0, 0.0, 0.0, 0.17, False)
    shares = 10.0 * 220.0
    assert found.pnl[1, 0, 0] == pytest.approx(-100.0 * (300.0 - now) - 0.15 * shares, rel=1e-10)
    rate = 0.25 if method is MarginMethod.REG_T else 0.15
    assert found.requirement[1, 0, 0] == pytest.approx(rate * 0.85 * shares, rel=1e-12)
    assert found.requirement[0, 0, 0] > 10_000.0


def test_an_option_past_its_expiry_already_stays_until_the_broker_removes_it() -> None:
    held = stressed(("SPX", -1.0, "P", 5700.0, 0.0, 0.0))
    found = by(MarginMethod.PORTFOLIO).horizon(held, spot_shifts=[0.0], days_forward=[0.0, 1.0])
    assert (found.requirement > 0.0).all()


def test_a_spot_vol_beta_lifts_vols_in_a_fall_and_no_rise_takes_more_than_its_share() -> None:
    response = SpotVolBeta(1.5, 1.0, min_days=7.0, max_fall_share=0.5)
    line: Line = ("SPX", -1.0, "P", 5700.0, 30.0, 0.17)
    found = by(MarginMethod.PORTFOLIO).horizon(stressed(line), spot_shifts=[-0.05, 0.0, 0.2], response=response)
    now = european_value(6000.0, 5700.0, 30.0 / 365.0, 0.0, 0.0, 0.17, False)
    for cell, price, vol in ((0, 5700.0, 0.17 + 0.075), (2, 7200.0, 0.085)):
        then = european_value(price, 5700.0, 30.0 / 365.0, 0.0, 0.0, vol, False)
        assert found.pnl[0, 0, cell] == pytest.approx(-100.0 * (then - now), rel=1e-10)
    assert found.pnl[0, 0, 1] == 0.0
    relative = SpotVolBeta(8.0, 5.0, VolShift.RELATIVE)
    by_share = by(MarginMethod.PORTFOLIO).horizon(stressed(line), spot_shifts=[-0.05], response=relative)
    lifted = european_value(5700.0, 5700.0, 30.0 / 365.0, 0.0, 0.0, 0.17 * 1.4, False)
    assert by_share.pnl[0, 0, 0] == pytest.approx(-100.0 * (lifted - now), rel=1e-10)


def test_a_fall_beyond_the_whole_price_stops_at_zero_by_either_method() -> None:
    held = StressBook(book_of(stock("AAPL", 100.0)), 22_000.0, {"AAPL": 3.0})
    for method in MarginMethod:
        found = by(method).horizon(held, spot_shifts=[-0.4])
        assert found.pnl[0, 0, 0] == -22_000.0
        assert found.requirement[0, 0, 0] <= 1.0


def test_unknown_betas_move_one_for_one() -> None:
    held = StressBook(book_of(stock("MSFT", 10.0)), 1_000.0, {})
    assert by(MarginMethod.PORTFOLIO).horizon(held, spot_shifts=-0.1).pnl[0, 0, 0] == pytest.approx(-430.0)


@settings(max_examples=25)
@given(st.lists(lines(("SPX", "AAPL", "/ES")), min_size=1, max_size=5))
def test_five_times_the_book_has_five_times_the_pnl_and_requirement(drawn: list[Line]) -> None:
    def grid(times: float) -> MarginHorizon:
        held = stressed(*((line[0], times * line[1], *line[2:]) for line in drawn))
        return by(MarginMethod.PORTFOLIO).horizon(held, spot_shifts=[-0.2, 0.1], days_forward=[0.0, 10.0])

    once, five = grid(1.0), grid(5.0)
    np.testing.assert_allclose(five.pnl, 5.0 * once.pnl, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(five.requirement, 5.0 * once.requirement, rtol=1e-9, atol=1e-6)


def test_the_grid_has_one_entry_per_day_vol_and_shift() -> None:
    found = by(MarginMethod.PORTFOLIO).horizon(
        stressed(SHORT_PUT), spot_shifts=[-0.1, 0.0], vol_shifts=[0.0, 0.1, 0.2], days_forward=[0.0, 1.0, 2.0, 3.0]
    )
    assert found.pnl.shape == found.requirement.shape == found.excess.shape == (4, 3, 2)
    assert found.method is MarginMethod.PORTFOLIO
    assert "TIMS-like" in found.method_text


def test_the_house_ladder_compares_each_loss_with_its_multiple_of_net_liquidation() -> None:
    held = stressed(SHORT_PUT, net_liquidation=30_000.0)
    first, *rest = house_ladder(held)
    assert (first.index_shift, first.limit) == (-0.12, 30_000.0)
    assert first.pnl == pytest.approx(-40_500.0, abs=60.0)
    assert not first.passes
    assert first.used == pytest.approx(40_500.0 / 30_000.0, rel=0.002)
    assert [rung.index_shift for rung in rest] == [-0.20, -0.25, -0.30, -0.40]
    # At -30 % the put is 1,500 in the money: 147.9k lost against 120k; at -40 % 207.9k against 240k.
    assert [rung.passes for rung in rest] == [False, False, False, True]
    own = house_ladder(held, rungs=(Rung(0.05, 0.5),))
    assert own[0].pnl > 0.0
    assert own[0].used == 0.0


def test_a_ladder_without_equity_fails_every_loss_and_passes_every_gain() -> None:
    held = stressed(SHORT_PUT, net_liquidation=-1.0)
    lost, won = house_ladder(held, rungs=(Rung(-0.1, 1.0), Rung(0.1, 1.0)))
    assert math.isinf(lost.used)
    assert not lost.passes
    assert won.passes


@pytest.mark.parametrize(
    "wrong",
    [
        {"spot_shifts": [math.nan]},
        {"spot_shifts": []},
        {"spot_shifts": [[0.0]]},
        {"spot_shifts": 0.0, "vol_shifts": math.inf},
        {"spot_shifts": 0.0, "days_forward": -1.0},
    ],
)
def test_shocks_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(MarginError, match="margin horizon"):
        by(MarginMethod.PORTFOLIO).horizon(stressed(SHORT_PUT), **wrong)


def test_equity_or_beta_that_is_no_number_is_refused() -> None:
    book: RiskBook = book_of(SHORT_PUT)
    with pytest.raises(MarginError, match="net liquidation"):
        StressBook(book, math.nan, {})
    with pytest.raises(MarginError, match="SPX: beta"):
        StressBook(book, 1.0, {"SPX": math.inf})


def test_a_future_without_any_rule_is_refused() -> None:
    with pytest.raises(MarginError, match="/CL"):
        AccountMargin(MarginMethod.REG_T).requirement(book_of(stock("/CL", 1.0)))
