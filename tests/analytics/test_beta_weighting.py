"""Beta weighting: the reference books, the benchmark switch, scaling, what is excluded and what is assumed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.beta_weighting import (
    Benchmark,
    BenchmarkName,
    BetaWeighted,
    PortfolioTotals,
    beta_weight,
    switch_benchmark,
    time_weighted_vega,
    vol_beta_weighted_vega,
)
from analytics.black_scholes import black76_first_order, bsm_first_order

pytestmark = pytest.mark.usefixtures("strict_floats")


def _weigh(example: dict[str, Any], level: str = "last") -> BetaWeighted:
    """One book of the reference file; `level` chooses last or close prices for the weights, never for the Greeks."""
    columns: dict[str, list[float]] = {name: [] for name in ("delta", "gamma", "theta_per_day", "vega_per_point")}
    for leg in example["legs"]:
        under = example["underlyings"][leg["symbol"]]
        unit = [1.0, 0.0, 0.0, 0.0]
        if "strike" in leg:
            common = {"strike": leg["strike"], "t_years": leg["t"], "rate": under["r"], "vol": leg["sigma"]}
            common["is_call"] = leg["right"] == "C"
            if leg["kind"] == "future_option":
                values = black76_first_order(forward=under["last"], **common)
            else:
                values = bsm_first_order(spot=under["last"], dividend_yield=under["q"], **common)
            unit = [float(value) for value in values[1:]]
        for column, value in zip(columns.values(), unit, strict=True):
            column.append(value)
    of = [example["underlyings"][leg["symbol"]] for leg in example["legs"]]
    return beta_weight(
        quantity=[leg["qty"] for leg in example["legs"]],
        multiplier=[leg["multiplier"] for leg in example["legs"]],
        underlying_price=[under[level] for under in of],
        beta=[np.nan if under["beta"] is None else under["beta"] for under in of],
        index_price=example["index"][level],
        **columns,
    )


def test_every_reference_book_comes_out(shared_reference: Path) -> None:
    examples = json.loads((shared_reference / "betaweight.json").read_text())["examples"]
    assert len(examples) >= 10
    for example in examples:
        got, want = _weigh(example), example["totals"]
        scale = sum(abs(leg["delta_dollars"]) for leg in example["per_leg"]) + 1.0
        close = {"rel": 1e-11, "abs": 1e-13 * scale}
        assert got.totals.spx_equiv_delta == pytest.approx(want["bw_delta"], **close), example["id"]
        assert got.totals.gamma == pytest.approx(want["bw_gamma_second_order"], **close), example["id"]
        assert got.totals.theta_per_day == pytest.approx(want["theta_day"], **close), example["id"]
        assert got.totals.vega_per_point == pytest.approx(want["vega_1pct"], **close), example["id"]
        assert got.raw_delta.sum() == pytest.approx(want["raw_delta_sum"], **close), example["id"]
        assert got.delta_dollars.sum() == pytest.approx(want["delta_dollars"], **close), example["id"]
        assert got.gamma_dollars_per_1pct.sum() == pytest.approx(want["gamma_1pct_dollars"], **close), example["id"]
        level = example["index"]["last"]
        assert got.totals.spx_equiv_delta * level == pytest.approx(want["bw_delta_dollars"], **close), example["id"]
        first = got.totals.spx_equiv_delta * 0.01 * level
        second = first + 0.5 * got.totals.gamma * (0.01 * level) ** 2
        assert first == pytest.approx(want["pnl_index_up_1pct_delta_only"], **close), example["id"]
        assert second == pytest.approx(want["pnl_index_up_1pct_delta_gamma"], **close), example["id"]
        for i, leg in enumerate(example["per_leg"]):
            assert got.raw_delta[i] == pytest.approx(leg["position_delta"], rel=1e-11), example["id"]
            assert got.delta_dollars[i] == pytest.approx(leg["delta_dollars"], rel=1e-11), example["id"]
            assert got.theta_dollars_per_day[i] == pytest.approx(leg["theta_day"], rel=1e-11), example["id"]
            assert got.vega_dollars_per_point[i] == pytest.approx(leg["vega_1pct"], rel=1e-11), example["id"]
            assert got.spx_equiv_delta[i] == pytest.approx(leg["bw_delta"], rel=1e-11), example["id"]
            assert got.gamma_bw[i] == pytest.approx(leg["bw_gamma_second_order"], rel=1e-10, abs=1e-15), example["id"]
        on_close = _weigh(example, "close")
        assert on_close.totals.spx_equiv_delta == pytest.approx(want["bw_delta_close_ratio"], **close), example["id"]
        defaulted = sorted({example["legs"][i]["symbol"] for i in got.beta_defaulted})
        assert defaulted == sorted(example["beta_defaulted"]), example["id"]


BOOK = {
    "quantity": [-1.0, 100.0],
    "multiplier": [100.0, 1.0],
    "delta": [-0.1407, 1.0],
    "gamma": [0.000764, 0.0],
    "theta_per_day": [-1.088, 0.0],
    "vega_per_point": [3.84, 0.0],
    "underlying_price": [6000.0, 50.0],
    "beta": [1.0, 1.2],
}


def test_switching_the_benchmark_from_spx_to_spy_scales_delta_by_ten_and_gamma_by_a_hundred() -> None:
    spx, spy = beta_weight(**BOOK, index_price=6000.0), beta_weight(**BOOK, index_price=600.0)
    assert spy.totals.spx_equiv_delta == pytest.approx(10.0 * spx.totals.spx_equiv_delta, rel=1e-15)
    assert spy.totals.gamma == pytest.approx(100.0 * spx.totals.gamma, rel=1e-15)
    assert spy.totals.theta_per_day == spx.totals.theta_per_day
    assert spy.totals.vega_per_point == spx.totals.vega_per_point
    assert np.array_equal(spy.delta_dollars, spx.delta_dollars)


def test_the_worked_numbers_of_the_product_page() -> None:
    """product.md 5.1 and 5.2: a short 5700 put is +14.07 SPX deltas; 100 shares at 50 with beta 1.2 are one."""
    spx = beta_weight(**BOOK, index_price=6000.0)
    assert spx.spx_equiv_delta == pytest.approx([14.07, 1.0])
    assert spx.gamma_bw[0] == pytest.approx(-0.0764)
    assert spx.theta_dollars_per_day[0] == pytest.approx(108.8)
    assert spx.vega_dollars_per_point[0] == pytest.approx(-384.0)
    assert spx.gamma_dollars_per_1pct[0] == pytest.approx(-27_504.0)


SPX_BOOK = PortfolioTotals(14.07, -0.0764, 108.8, -384.0, 1, 2)


def test_totals_are_taken_to_another_benchmark_as_if_weighed_there() -> None:
    spx, spy = Benchmark(BenchmarkName.SPX, 6000.0), Benchmark(BenchmarkName.SPY, 598.7)
    future = Benchmark(BenchmarkName.ES, 6021.25)
    for other in (spy, future):
        switched = switch_benchmark(beta_weight(**BOOK, index_price=spx.level).totals, current=spx, wanted=other)
        assert switched == pytest.approx(beta_weight(**BOOK, index_price=other.level).totals, rel=1e-14)
        assert switched.spx_equiv_delta * other.level == pytest.approx((14.07 + 1.0) * 6000.0, rel=1e-14)
        back = switch_benchmark(switched, current=other, wanted=spx)
        assert back == pytest.approx(beta_weight(**BOOK, index_price=spx.level).totals, rel=1e-14)


def test_a_switch_of_the_benchmark_leaves_theta_vega_and_the_counts() -> None:
    switched = switch_benchmark(
        SPX_BOOK, current=Benchmark(BenchmarkName.SPX, 6000.0), wanted=Benchmark(BenchmarkName.SPY, 600.0)
    )
    assert switched == pytest.approx((140.7, -7.64, 108.8, -384.0, 1, 2))
    assert switched[2:] == SPX_BOOK[2:]


@pytest.mark.parametrize("level", [np.nan, 0.0, -5.0, np.inf])
def test_a_switch_from_or_to_an_unknown_level_leaves_delta_unknown(level: float) -> None:
    known, unknown = Benchmark(BenchmarkName.SPX, 6000.0), Benchmark(BenchmarkName.ES, level)
    for current, wanted in ((known, unknown), (unknown, known)):
        switched = switch_benchmark(SPX_BOOK, current=current, wanted=wanted)
        assert np.isnan(switched[:2]).all()
        assert switched[2:] == SPX_BOOK[2:]


@given(st.lists(st.tuples(st.integers(-50, 50), st.floats(-1, 1), st.floats(0.5, 500.0), st.floats(-3, 3)), min_size=1))
def test_five_times_the_contracts_is_five_times_every_number(
    legs: list[tuple[int, float, float, float]],
) -> None:
    qty, delta, price, beta = (np.array(column, dtype=float) for column in zip(*legs, strict=True))
    rest: dict[str, Any] = {"multiplier": 100.0, "delta": delta, "gamma": 0.01, "theta_per_day": -0.1}
    rest |= {"vega_per_point": 0.2, "underlying_price": price, "beta": beta, "index_price": 6000.0}
    one, five = beta_weight(quantity=qty, **rest), beta_weight(quantity=5.0 * qty, **rest)
    assert np.array(five.totals[:4]) == pytest.approx(5.0 * np.array(one.totals[:4]), rel=1e-9, abs=1e-9)


def test_totals_add_up_over_parts_of_the_book() -> None:
    whole = beta_weight(**BOOK, index_price=6000.0).totals
    parts = [
        beta_weight(**{name: [column[i]] for name, column in BOOK.items()}, index_price=6000.0).totals for i in (0, 1)
    ]
    assert np.array(whole[:4]) == pytest.approx(np.array(parts[0][:4]) + np.array(parts[1][:4]))


@pytest.mark.parametrize(
    "missing", ["quantity", "delta", "gamma", "theta_per_day", "vega_per_point", "underlying_price"]
)
def test_a_position_with_an_unknown_figure_is_listed_and_enters_no_sum(missing: str) -> None:
    book = {name: list(column) for name, column in BOOK.items()}
    book[missing][0] = np.nan
    got = beta_weight(**book, index_price=6000.0)
    assert got.excluded.tolist() == [0]
    assert got.included.tolist() == [False, True]
    assert tuple(got.totals) == pytest.approx((1.0, 0.0, 0.0, 0.0, 1, 0))
    assert np.isnan(got.spx_equiv_delta[0])


@pytest.mark.parametrize("unknown", [np.nan, np.inf])
def test_a_missing_beta_counts_as_one_and_is_listed(unknown: float) -> None:
    got = beta_weight(**{**BOOK, "beta": [1.0, unknown]}, index_price=6000.0)
    assert got.spx_equiv_delta[1] == pytest.approx(100.0 * 50.0 / 6000.0)
    assert got.beta_defaulted.tolist() == [1]
    assert got.totals.beta_defaulted_count == 1


def test_a_beta_that_the_caller_calls_default_is_listed_too() -> None:
    got = beta_weight(**BOOK, index_price=6000.0, beta_defaulted=[False, True])
    assert got.beta_defaulted.tolist() == [1]


@pytest.mark.parametrize("level", [np.nan, 0.0, -1.0, np.inf])
def test_without_an_index_delta_is_unknown_but_theta_still_stands(level: float) -> None:
    totals = beta_weight(**BOOK, index_price=level).totals
    assert np.isnan(totals.spx_equiv_delta)
    assert np.isnan(totals.gamma)
    assert totals.theta_per_day == pytest.approx(108.8)


def test_a_book_of_which_nothing_is_known_has_no_total_but_an_empty_one_has_zero() -> None:
    unknown = beta_weight(**{**BOOK, "delta": [np.nan, np.nan]}, index_price=6000.0).totals
    assert np.isnan(unknown.spx_equiv_delta)
    assert np.isnan(unknown.theta_per_day)
    assert unknown.excluded_count == 2
    empty = beta_weight(**dict.fromkeys(BOOK, np.array([])), index_price=6000.0).totals
    assert empty == (0.0, 0.0, 0.0, 0.0, 0, 0)


def test_a_number_too_large_to_hold_excludes_its_row_and_no_other() -> None:
    """A broker's unset 1.8e308 that slipped through must not become infinity in a total."""
    for name in ("delta", "gamma", "theta_per_day", "vega_per_point", "underlying_price", "quantity", "beta"):
        book = {key: list(column) for key, column in BOOK.items()}
        book[name][0] = 1.7976931348623157e308
        got = beta_weight(**book, index_price=6000.0)
        assert got.excluded.tolist() == [0], name
        assert tuple(got.totals) == pytest.approx((1.0, 0.0, 0.0, 0.0, 1, 0)), name


def test_scalars_broadcast_over_the_book_and_the_inputs_stay_as_they_were() -> None:
    delta = np.array([0.5, np.nan, -0.25])
    before = delta.copy()
    rest = {"gamma": 0.0, "theta_per_day": 0.0, "vega_per_point": 0.0, "underlying_price": 50.0, "beta": np.nan}
    got = beta_weight(quantity=2, multiplier=100, delta=delta, index_price=5000.0, **rest)
    assert got.spx_equiv_delta == pytest.approx([1.0, np.nan, -0.5], nan_ok=True)
    assert got.beta_defaulted.tolist() == [0, 1, 2]
    assert got.totals.beta_defaulted_count == 2
    assert np.array_equal(delta, before, equal_nan=True)


def test_the_gamma_is_the_change_of_the_delta_it_stands_beside() -> None:
    """Second route: move the index a little, the stock by beta, and price again."""
    spot, index, beta = 226.47, 5803.37, 1.24
    option = {"strike": 230.0, "t_years": 45 / 365, "rate": 0.043, "dividend_yield": 0.004, "vol": 0.24}

    def delta_at(move: float) -> BetaWeighted:
        moved = spot * (1.0 + beta * move / index)
        unit = bsm_first_order(spot=moved, is_call=True, **option)
        # Dollars per index point at the start: the ratio is that of the starting prices.
        return beta_weight(
            quantity=-7,
            multiplier=100,
            delta=unit.delta,
            gamma=unit.gamma,
            theta_per_day=unit.theta_per_day,
            vega_per_point=unit.vega_per_point,
            underlying_price=spot,
            beta=beta,
            index_price=index,
        )

    step = 0.5
    slope = (delta_at(step).totals.spx_equiv_delta - delta_at(-step).totals.spx_equiv_delta) / (2.0 * step)
    assert delta_at(0.0).totals.gamma == pytest.approx(slope, rel=1e-6)


def test_vega_is_weighed_by_the_root_of_thirty_days_over_the_days_left() -> None:
    got = time_weighted_vega(vega_dollars_per_point=[-384.0, -100.0, 250.0], t_years=np.array([30.0, 7.5, 120.0]) / 365)
    assert got.vega_dollars_per_point == pytest.approx([-384.0, -200.0, 125.0])
    assert got.total_vega_dollars_per_point == pytest.approx(-459.0)
    assert got.excluded.size == got.floored.size == 0


def test_a_total_of_time_weighted_vega_is_the_loss_when_vols_move_with_the_root_of_time() -> None:
    """Second route: reprice a calendar with every vol moved by 0.01 sqrt(30 / days) points."""
    days = np.array([10.0, 60.0])
    vol, tiny = np.array([0.2, 0.18]), 1e-4
    common: dict[str, Any] = {
        "spot": 6000.0,
        "strike": 5900.0,
        "t_years": days / 365,
        "rate": 0.04,
        "dividend_yield": 0.013,
    }
    quantity = np.array([-300.0, 100.0])
    vega = quantity * bsm_first_order(vol=vol, is_call=False, **common).vega_per_point
    move = tiny * np.sqrt(30.0 / days)
    up, down = (bsm_first_order(vol=vol + sign * move, is_call=False, **common).price for sign in (1.0, -1.0))
    change_per_point = float((quantity * (up - down)).sum()) / (2.0 * tiny) * 0.01
    got = time_weighted_vega(vega_dollars_per_point=vega, t_years=days / 365)
    assert got.total_vega_dollars_per_point == pytest.approx(change_per_point, rel=1e-6)


def test_the_last_day_is_the_floor_and_is_listed() -> None:
    got = time_weighted_vega(vega_dollars_per_point=-10.0, t_years=np.array([0.0, 0.25, 1.0, 2.0]) / 365)
    assert got.vega_dollars_per_point[:3] == pytest.approx(-10.0 * np.sqrt(30.0))
    assert got.floored.tolist() == [0, 1]
    longer = time_weighted_vega(vega_dollars_per_point=-10.0, t_years=2.0 / 365, floor_days=7.0)
    assert longer.total_vega_dollars_per_point == pytest.approx(-10.0 * np.sqrt(30.0 / 7.0))
    quarter = time_weighted_vega(vega_dollars_per_point=-10.0, t_years=45.0 / 365, reference_days=90.0)
    assert quarter.total_vega_dollars_per_point == pytest.approx(-10.0 * np.sqrt(2.0))


def test_time_weighted_vega_needs_no_time_where_there_is_no_vega_and_lists_what_it_lacks() -> None:
    got = time_weighted_vega(
        vega_dollars_per_point=[0.0, -4.0, -5.0, np.nan, np.inf], t_years=[np.nan, np.nan, -1, 1, 1]
    )
    assert got.excluded.tolist() == [1, 2, 3, 4]
    assert got.vega_dollars_per_point[0] == 0.0
    assert np.isnan(got.vega_dollars_per_point[1:]).all()
    assert got.total_vega_dollars_per_point == 0.0
    assert np.isnan(time_weighted_vega(vega_dollars_per_point=[np.nan], t_years=[1.0]).total_vega_dollars_per_point)
    assert time_weighted_vega(vega_dollars_per_point=[], t_years=[]).total_vega_dollars_per_point == 0.0


def test_vega_is_weighed_into_points_of_the_vol_index() -> None:
    """product.md 5.2: vega x beta_v x iv / iv_index; VIX 20, a stock at 40 % with vol beta 0.6."""
    got = vol_beta_weighted_vega(
        vega_dollars_per_point=[-384.0, 100.0], vol=[0.2, 0.4], vol_beta=[1.0, 0.6], index_vol=0.2
    )
    assert got.vega_dollars_per_index_point == pytest.approx([-384.0, 120.0])
    assert got.total_vega_dollars_per_index_point == pytest.approx(-264.0)
    assert got.vol_beta_defaulted.size == got.excluded.size == 0


def test_a_missing_vol_beta_counts_as_one_and_is_listed_where_there_is_vega() -> None:
    got = vol_beta_weighted_vega(
        vega_dollars_per_point=[-50.0, 0.0, -50.0], vol=[0.3, np.nan, np.nan], vol_beta=np.nan, index_vol=0.2
    )
    assert got.vega_dollars_per_index_point == pytest.approx([-75.0, 0.0, np.nan], nan_ok=True)
    assert got.vol_beta_defaulted.tolist() == [0]
    assert got.excluded.tolist() == [2]
    assert got.total_vega_dollars_per_index_point == pytest.approx(-75.0)


def test_vega_with_a_vol_that_is_none_is_left_out_of_the_index_s_points() -> None:
    got = vol_beta_weighted_vega(
        vega_dollars_per_point=[-50.0, -50.0, -50.0, 4.0], vol=[-0.3, np.inf, np.nan, 0.4], vol_beta=0.5, index_vol=0.2
    )
    assert got.excluded.tolist() == [0, 1, 2]
    assert got.total_vega_dollars_per_index_point == pytest.approx(4.0)


@pytest.mark.parametrize("level", [np.nan, 0.0, -0.2, np.inf])
def test_without_a_vol_index_no_vega_is_known_in_its_points(level: float) -> None:
    got = vol_beta_weighted_vega(vega_dollars_per_point=[-50.0, 9.0], vol=0.3, vol_beta=1.0, index_vol=level)
    assert got.excluded.tolist() == [0, 1]
    assert np.isnan(got.total_vega_dollars_per_index_point)


@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.floats(0.0, 3.0), st.floats(0.01, 3.0), st.floats(0.1, 2.0)), min_size=1
    )
)
def test_five_times_the_vega_is_five_times_every_weighted_vega(legs: list[tuple[float, float, float, float]]) -> None:
    vega, years, vol, vol_beta = (np.array(column) for column in zip(*legs, strict=True))
    close: dict[str, Any] = {"rel": 1e-9, "abs": 1e-6}
    one, five = (time_weighted_vega(vega_dollars_per_point=k * vega, t_years=years) for k in (1.0, 5.0))
    assert five.total_vega_dollars_per_point == pytest.approx(5.0 * one.total_vega_dollars_per_point, **close)
    rest: dict[str, Any] = {"vol": vol, "vol_beta": vol_beta, "index_vol": 0.18}
    low, high = (vol_beta_weighted_vega(vega_dollars_per_point=k * vega, **rest) for k in (1.0, 5.0))
    total = low.total_vega_dollars_per_index_point
    assert high.total_vega_dollars_per_index_point == pytest.approx(5.0 * total, **close)
