"""SPAN-like margin: the reference examples, the printed array, the rules by hand, properties, what is refused."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.black_scholes import bsm_price
from analytics.book import Model
from analytics.margin.risk_book import RiskBook, RiskKind, RiskTerms
from analytics.margin.span import SpanParameters, risk_arrays, scan, span_by_product, span_requirement
from analytics.margin.terms import MarginError
from tests.analytics.margin_books import Line, book_of, european_value, lines, stock

pytestmark = pytest.mark.usefixtures("strict_floats")

FUTURE = {"F": RiskTerms(RiskKind.SPAN_FUTURE, "F", is_future=True)}
ES = SpanParameters(310.0, 0.04, 100.0)
MOVES = [0.0, 1 / 3, -1 / 3, 2 / 3, -2 / 3, 1.0, -1.0]


def reference_book(example: dict[str, Any]) -> RiskBook:
    legs = example["legs"]
    return RiskBook.of(
        underlyings=FUTURE,
        prices={"F": example["F"]},
        quantity=[leg["qty"] for leg in legs],
        multiplier=example["multiplier"],
        model=[Model.BLACK76 if "strike" in leg else Model.LINEAR for leg in legs],
        underlying=["F"] * len(legs),
        strike=[leg.get("strike", np.nan) for leg in legs],
        t_years=[leg.get("t", np.nan) for leg in legs],
        is_call=[leg.get("right") == "C" for leg in legs],
        rate=example["r"],
        vol=[leg.get("sigma", np.nan) for leg in legs],
    )


def parameters_of(example: dict[str, Any]) -> SpanParameters:
    return SpanParameters(
        price_scan_range_points=example["price_scan_range_points"],
        volatility_scan_range=example["volatility_scan_range"],
        short_option_minimum_per_contract=example["short_option_minimum_per_contract"],
        extreme_multiple=example["extreme"]["multiple"],
        covered_fraction=example["extreme"]["covered_fraction"],
    )


def test_every_reference_example_agrees_in_every_scenario(shared_reference: Path) -> None:
    examples = json.loads((shared_reference / "margin_span.json").read_text())["examples"]
    assert examples
    for example in examples:
        name = example["id"]
        found = span_requirement(reference_book(example), parameters_of(example))
        scale = max(map(abs, example["scenario_pnl"]))
        np.testing.assert_allclose(
            found.scenario_pnl, example["scenario_pnl"], rtol=1e-10, atol=1e-13 * scale, err_msg=name
        )
        np.testing.assert_allclose(found.row_pnl.sum(axis=0), found.scenario_pnl, rtol=1e-12, atol=1e-9)
        assert found.scan_risk == pytest.approx(example["scan_risk"], rel=1e-11), name
        assert found.worst_scenario == example["worst_scenario"], name
        assert found.short_option_minimum == example["short_option_minimum"], name
        assert found.risk_requirement == pytest.approx(example["risk_requirement"], rel=1e-11), name
        assert found.net_option_value == pytest.approx(example["net_option_value"], rel=1e-11), name


def test_the_printed_arrays_of_mcmillan_net_to_his_requirements(shared_reference: Path) -> None:
    printed = json.loads((shared_reference / "margin_span.json").read_text())["published_array"]
    arrays = {"call": printed["long_dec_410_call"], "future": printed["long_future"]}
    assert printed["portfolios"]
    for portfolio in printed["portfolios"]:
        held = portfolio["positions"]
        found = scan(arrays=[arrays[name] for name in held], quantity=list(held.values()))
        assert found.scan_risk == portfolio["requirement"], portfolio["name"]
        np.testing.assert_array_equal(found.scenario_pnl, portfolio.get("array", arrays["call"]))
        worst = {"-3/3, vol down": 14, "-3/3, vol up": 13}[portfolio["worst"]]
        assert found.worst_scenario == worst, portfolio["name"]


def test_a_future_has_the_printed_array_with_twice_the_range_covered_at_35_per_cent(shared_reference: Path) -> None:
    printed = json.loads((shared_reference / "margin_span.json").read_text())["published_array"]["long_future"]
    book = RiskBook.of(
        underlyings=FUTURE, prices={"F": 410.0}, quantity=1.0, multiplier=500.0, model=Model.LINEAR, underlying=["F"]
    )
    rules = SpanParameters(20.0, 0.1, extreme_multiple=2.0, covered_fraction=0.35)
    np.testing.assert_allclose(risk_arrays(book, rules)[0], printed, atol=5.0)
    np.testing.assert_allclose(risk_arrays(book, rules)[0, 14:], printed[14:], rtol=1e-14)


def test_a_second_method_one_number_at_a_time_gives_the_same_sixteen_scenarios() -> None:
    book = book_of(("/ES", -3.0, "P", 5700.0, 20.0, 0.18), ("/ES", 2.0, "C", 6200.0, 0.5, 0.13), stock("/ES", 1.0))
    arrays = risk_arrays(book, ES)
    for row in range(2):
        now = _black(book, row, 6020.0, 0.0, 0.0)
        ahead = [_black(book, row, 6020.0 + 310.0 * move, 1.0, vol) for move in MOVES for vol in (0.04, -0.04)]
        extremes = [_black(book, row, 6020.0 + 930.0 * side, 1.0, 0.0) for side in (1.0, -1.0)]
        expected = [50.0 * (v - now) for v in ahead] + [0.33 * 50.0 * (v - now) for v in extremes]
        np.testing.assert_allclose(arrays[row], expected, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(arrays[2, ::2][:7], [50.0 * 310.0 * move for move in MOVES], rtol=1e-12)


def _black(book: RiskBook, row: int, forward: float, days: float, vol_shift: float) -> float:
    rate = float(book.rate[row])
    years = max(float(book.t_years[row]) - days / 365.0, 0.0)
    vol = float(book.vol[row]) + vol_shift
    return european_value(forward, float(book.strike[row]), years, rate, rate, vol, bool(book.is_call[row]))


def test_the_scan_risk_is_the_largest_loss_even_where_the_first_of_equal_scenarios_loses_less() -> None:
    array = np.zeros(16)
    array[[3, 11, 15]] = [-100.0, -100.0 - 1e-10, 1e3]
    found = scan(arrays=array, quantity=1.0)
    assert found.worst_scenario == 4
    assert found.scan_risk == -array[11]


def test_requirement_against_cash_takes_net_option_value_off() -> None:
    short = span_requirement(book_of(("/ES", -1.0, "P", 5700.0, 20.0, 0.18)), ES)
    assert short.net_option_value < 0.0
    assert short.requirement_against_cash == short.risk_requirement - short.net_option_value
    assert "not the exchange's" in short.method
    assert not short.minimum_binds
    assert span_requirement(book_of(("/ES", -9.0, "P", 3000.0, 5.0, 0.3)), ES).minimum_binds


def test_futures_alone_have_no_option_value_and_no_minimum() -> None:
    found = span_requirement(book_of(stock("/ES", -2.0)), ES)
    assert (found.net_option_value, found.short_option_minimum) == (0.0, 0.0)
    assert found.scan_risk == pytest.approx(2 * 50 * 310.0)
    assert found.worst_scenario == 11


def test_a_future_below_zero_leaves_options_at_their_discounted_intrinsic_value() -> None:
    lines_at = (("/CL", 1.0, "P", 70.0, 31.0, 0.4), ("/CL", 1.0, "C", 70.0, 31.0, 0.4), stock("/CL", 1.0))
    book = book_of(*lines_at)
    rules = SpanParameters(40.0, 0.05, extreme_multiple=3.0, covered_fraction=1.0)
    put, call, future = risk_arrays(book, rules)[:, 15].tolist()
    at = math.exp(-0.04 * 30.0 / 365.0)
    put_now, call_now = (_black(book, row, 74.0, 0.0, 0.0) for row in (0, 1))
    assert put == pytest.approx(1000.0 * ((70.0 - (74.0 - 120.0)) * at - put_now), rel=1e-12)
    assert call == pytest.approx(-1000.0 * call_now, rel=1e-12)
    assert future == -120_000.0


def test_vols_never_fall_below_the_floor() -> None:
    book = book_of(("/ES", -1.0, "C", 6020.0, 20.0, 0.03))
    down = risk_arrays(book, ES)[0, 1]
    floored = european_value(6020.0, 6020.0, 19.0 / 365.0, 0.04, 0.04, 0.001, True)
    now = european_value(6020.0, 6020.0, 20.0 / 365.0, 0.04, 0.04, 0.03, True)
    assert down == pytest.approx(50.0 * (floored - now), rel=1e-9)


@given(st.lists(lines(("/ES",)), min_size=1, max_size=8))
def test_five_times_the_book_needs_five_times_the_margin(drawn: list[Line]) -> None:
    once = span_requirement(book_of(*drawn), ES)
    five = span_requirement(book_of(*((line[0], 5.0 * line[1], *line[2:]) for line in drawn)), ES)
    assert five.risk_requirement == pytest.approx(5.0 * once.risk_requirement, rel=1e-9, abs=1e-6)
    assert five.net_option_value == pytest.approx(5.0 * once.net_option_value, rel=1e-12, abs=1e-9)


@given(st.lists(lines(("/ES",)), min_size=2, max_size=8), st.integers(1, 7))
def test_netting_never_needs_more_than_the_parts(drawn: list[Line], cut: int) -> None:
    parts = sum(span_requirement(book_of(*p), ES).risk_requirement for p in (drawn[:cut], drawn[cut:]) if p)
    assert span_requirement(book_of(*drawn), ES).risk_requirement <= parts * (1.0 + 1e-12) + 1e-6


@given(lines(("/ES",)), st.integers(1, 9), st.integers(1, 9))
def test_a_wider_price_range_never_needs_less_for_one_position(line: Line, narrow: int, extra: int) -> None:
    book = book_of(line)
    needs = [
        span_requirement(book, SpanParameters(50.0 * width, 0.04)).risk_requirement
        for width in (narrow, narrow + extra)
    ]
    assert needs[1] >= needs[0] - 1e-9


def test_products_are_margined_apart_and_futures_of_a_class_group_take_their_span_name() -> None:
    book = book_of(stock("/ES", 1.0), ("/CL", -1.0, "P", 70.0, 20.0, 0.38), stock("/ES", -3.0))
    rules = {"/ES": ES, "/CL": SpanParameters(5.0, 0.07, 30.0)}
    oil, index = span_by_product(book, np.arange(3), rules)
    assert (oil.product, index.product) == ("/CL", "/ES")
    assert index.row_pnl.shape == (2, 16)
    assert index.scan_risk == pytest.approx(2 * 50 * 310.0)


def test_no_positions_need_nothing() -> None:
    found = span_requirement(book_of(model=[], multiplier=[]), ES)
    assert found.risk_requirement == 0.0
    assert found.row_pnl.shape == (0, 16)


def test_american_rows_use_the_valuer_handed_in() -> None:
    book = book_of(("/CL", -1.0, "P", 70.0, 20.0, 0.38), is_american=True)
    rules = SpanParameters(5.0, 0.07)
    doubled = risk_arrays(book, rules, american=lambda **inputs: np.asarray(2.0 * bsm_price(**inputs)))
    np.testing.assert_allclose(doubled, 2.0 * risk_arrays(book, rules), rtol=1e-12)


def test_an_american_put_on_a_future_below_zero_is_worth_its_whole_intrinsic_value() -> None:
    book = book_of(("/CL", 1.0, "P", 70.0, 31.0, 0.4), is_american=True)
    rules = SpanParameters(40.0, 0.05, covered_fraction=1.0)

    def at_once(**inputs: Any) -> Any:
        shape = np.broadcast_shapes(*(np.shape(value) for value in inputs.values()))
        return np.broadcast_to(np.maximum(inputs["strike"] - np.asarray(inputs["spot"]), 0.0), shape)

    assert risk_arrays(book, rules, american=at_once)[0, 15] == pytest.approx(1000.0 * 116.0)


def test_positions_that_depend_on_no_future_are_refused_by_name() -> None:
    with pytest.raises(MarginError, match="SPX 5700P does not depend on a future"):
        span_requirement(book_of(stock("/ES", 1.0), ("SPX", -1.0, "P", 5700.0, 20.0, 0.2)), ES)
    with pytest.raises(MarginError, match="AAPL does not depend on a future"):
        span_requirement(book_of(stock("AAPL", 1.0)), ES)


def test_arrays_of_another_shape_are_refused() -> None:
    with pytest.raises(MarginError, match="expected"):
        scan(arrays=np.zeros((2, 16)), quantity=[1.0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_scan_range_points": 0.0},
        {"price_scan_range_points": math.nan},
        {"volatility_scan_range": -0.1},
        {"short_option_minimum_per_contract": math.inf},
        {"extreme_multiple": -1.0},
        {"covered_fraction": 1.5},
        {"look_ahead_days": -1.0},
    ],
)
def test_parameters_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(MarginError, match="SPAN-like parameters"):
        SpanParameters(**{"price_scan_range_points": 310.0, "volatility_scan_range": 0.04, **wrong})
