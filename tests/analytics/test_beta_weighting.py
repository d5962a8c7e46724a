"""Beta weighting: the reference books, the benchmark switch, scaling, what is excluded and what is assumed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.beta_weighting import BetaWeighted, beta_weight
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
        for i, leg in enumerate(example["per_leg"]):
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
