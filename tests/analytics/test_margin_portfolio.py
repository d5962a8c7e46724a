"""Portfolio margin: the reference examples point by point, the rules by hand, properties, and what is refused."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.american import american_price
from analytics.black_scholes import Floats, bsm_price
from analytics.book import Model
from analytics.margin.portfolio import PortfolioRules, portfolio_margin, portfolio_margins
from analytics.margin.risk_book import RiskBook, RiskKind, RiskTerms
from analytics.margin.span import SpanParameters
from analytics.margin.terms import MarginError
from tests.analytics.margin_books import PRICES, TERMS, Line, book_of, european_value, lines, reference_book, stock

pytestmark = pytest.mark.usefixtures("strict_floats")

SHORT_PUT = ("SPX", -1.0, "P", 5700.0, 30.0 * 365.0 / 365.25, 0.17)
CL_RANGES = {"/CL": SpanParameters(5.0, 0.07, 30.0)}


def test_every_reference_example_agrees_at_every_point(shared_reference: Path) -> None:
    examples = json.loads((shared_reference / "margin_pm.json").read_text())["examples"]
    assert examples
    for example in examples:
        _check_example(example)


def _check_example(example: dict[str, Any]) -> None:
    book = reference_book(example)
    found = portfolio_margin(book, rules=_rules(example))
    name = example["id"]
    scale = max(abs(pnl) for group in example["class_groups"].values() for pnl in group["pnl"])
    for symbol, moves in zip(book.symbols, found.moves, strict=True):
        np.testing.assert_allclose(100.0 * moves, example["points_pct"][symbol], rtol=1e-14, err_msg=name)
    assert {group.name for group in found.class_groups} == set(example["class_groups"]), name
    for group in found.class_groups:
        stated = example["class_groups"][group.name]
        np.testing.assert_allclose(group.point_pnl, stated["pnl"], rtol=1e-10, atol=1e-12 * scale, err_msg=name)
        assert group.worst_point == stated["worst_point"], name
        assert group.max_loss == pytest.approx(stated["max_loss"], rel=1e-10, abs=1e-12 * scale), name
        assert group.minimum == pytest.approx(stated["minimum"], rel=1e-12), name
        assert group.requirement == pytest.approx(stated["requirement"], rel=1e-11), name
    _check_rows(example, book, found.row_pnl, found.row_minimum, scale)
    for product in found.product_groups:
        stated = example["product_groups"][product.name]
        assert set(product.classes) == set(stated["classes"]), name
        assert product.offset == stated["offset"], name
        assert product.requirement == pytest.approx(stated["requirement"], rel=1e-11), name
        if "combined_pnl" in stated:
            np.testing.assert_allclose(product.point_pnl, stated["combined_pnl"], rtol=1e-10, err_msg=name)
            assert product.max_loss == pytest.approx(stated["max_loss"], rel=1e-11), name
            assert product.requirement_without_offset == pytest.approx(stated["sum_without_offset"], rel=1e-11), name
    assert found.requirement == pytest.approx(example["requirement"], rel=1e-11), name
    assert round(found.requirement, 2) == example["requirement_rounded"], name


def _rules(example: dict[str, Any]) -> PortfolioRules:
    offsets = {name: group["offset"] for name, group in example["product_groups"].items() if group["offset"]}
    return PortfolioRules(product_offsets=offsets)


def _check_rows(example: dict[str, Any], book: RiskBook, pnl: Floats, minimum: Floats, scale: float) -> None:
    stated = [leg for group in example["class_groups"].values() for leg in group["legs"]]
    order = [next(i for i, leg in enumerate(stated) if leg["leg"] == mine) for mine in example["legs"]]
    assert len(order) == len(book)
    for row, index in enumerate(order):
        np.testing.assert_allclose(pnl[row], stated[index]["pnl"], rtol=1e-10, atol=1e-12 * scale)
        assert minimum[row] == pytest.approx(stated[index]["minimum_charge"], rel=1e-11, abs=1e-12)


@pytest.mark.parametrize(("down", "dollars"), [(-0.08, 20_000.0), (-0.12, 40_500.0), (-0.15, 58_000.0)])
def test_the_worked_short_put_loses_what_the_product_text_says(down: float, dollars: float) -> None:
    book = book_of(SHORT_PUT, rate=0.0)
    found = portfolio_margin(book, rules=PortfolioRules(broad_high_cap=(down, 0.06)))
    assert found.requirement == pytest.approx(dollars, abs=60.0)
    assert found.class_groups[0].worst_point == 1


def test_ten_points_are_five_equal_steps_each_way_without_the_unchanged_price() -> None:
    moves = PortfolioRules().moves(TERMS["SPX"])
    np.testing.assert_allclose(
        moves, [-0.08, -0.064, -0.048, -0.032, -0.016, 0.012, 0.024, 0.036, 0.048, 0.06], rtol=1e-15
    )
    assert 0.0 not in moves


@pytest.mark.parametrize(
    ("kind", "down", "up"),
    [
        (RiskKind.BROAD_HIGH_CAP, -0.08, 0.06),
        (RiskKind.BROAD_NON_HIGH_CAP, -0.10, 0.10),
        (RiskKind.NARROW_INDEX, -0.15, 0.15),
        (RiskKind.SECTOR_ETF, -0.15, 0.15),
        (RiskKind.EQUITY, -0.15, 0.15),
    ],
)
def test_each_kind_has_its_range_and_leverage_multiplies_it(kind: RiskKind, down: float, up: float) -> None:
    plain = PortfolioRules().moves(RiskTerms(kind, "X"))
    assert (plain[0], plain[-1]) == (down, up)
    np.testing.assert_allclose(PortfolioRules().moves(RiskTerms(kind, "X", leverage=3.0)), 3.0 * plain, rtol=1e-15)


def test_an_inverse_fund_gains_at_the_points_where_the_index_falls() -> None:
    inverse = {**TERMS, "MSFT": RiskTerms(RiskKind.BROAD_HIGH_CAP, "SP500", "broad", leverage=-1.0)}
    book = book_of(stock("SPY", 100.0), stock("MSFT", 600.0), underlyings=inverse, prices={**PRICES, "MSFT": 100.0})
    found = portfolio_margin(book)
    assert found.row_pnl[1, 0] == pytest.approx(0.08 * 60_000.0)
    np.testing.assert_allclose(found.class_groups[0].point_pnl, 0.0, atol=1e-9)


def test_a_second_method_one_number_at_a_time_gives_the_same_points() -> None:
    book = book_of(
        ("SPX", -2.0, "P", 5500.0, 40.0, 0.2),
        ("SPY", 5.0, "C", 610.0, 12.0, 0.13),
        ("/ES", -1.0, "C", 6200.0, 25.0, 0.12),
        stock("/ES", 1.0),
        ("NDX", 1.0, "P", 20000.0, 60.0, 0.22),
    )
    found = portfolio_margin(book)
    for row in range(len(book)):
        price = float(book.price[book.underlying[row]])
        for point, move in enumerate(found.moves[book.underlying[row]].tolist()):
            change = _scalar(book, row, price * (1.0 + move)) - _scalar(book, row, price)
            dollars = change * float(book.quantity[row] * book.multiplier[row])
            assert found.row_pnl[row, point] == pytest.approx(dollars, rel=1e-9, abs=1e-7)


def _scalar(book: RiskBook, row: int, price: float) -> float:
    if book.model[row] == Model.LINEAR:
        return price
    return european_value(
        price,
        float(book.strike[row]),
        float(book.t_years[row]),
        float(book.rate[row]),
        float(book.carry_yield[row]),
        float(book.vol[row]),
        bool(book.is_call[row]),
    )


def test_gains_of_one_class_offset_losses_of_another_by_ninety_per_cent_point_by_point() -> None:
    both = portfolio_margin(book_of(SHORT_PUT, ("NDX", 1.0, "P", 20500.0, 30.0, 0.2)))
    product = both.product_groups[0]
    first, second = both.class_groups
    expected = [
        sum(pnl * (0.9 if pnl > 0.0 else 1.0) for pnl in pair)
        for pair in zip(first.point_pnl.tolist(), second.point_pnl.tolist(), strict=True)
    ]
    np.testing.assert_allclose(product.point_pnl, expected, rtol=1e-14)
    assert product.classes == ("NDX", "SP500")
    assert product.offset == 0.9
    assert product.minimum == first.minimum + second.minimum


def test_an_offset_of_its_own_replaces_the_general_one_for_that_product() -> None:
    book = book_of(SHORT_PUT, ("NDX", 1.0, "P", 20500.0, 30.0, 0.2))
    none = portfolio_margin(book, rules=PortfolioRules(product_offsets={"broad": 0.0}))
    losses = [np.minimum(group.point_pnl, 0.0) for group in none.class_groups]
    np.testing.assert_allclose(none.product_groups[0].point_pnl, losses[0] + losses[1], rtol=1e-14)
    assert none.product_groups[0].offset == 0.0


def test_minimum_charges_futures_and_short_options_in_full_and_caps_long_options_at_their_value() -> None:
    book = book_of(
        stock("/ES", -2.0),
        ("SPX", -3.0, "P", 3000.0, 5.0, 0.3),
        ("SPX", 4.0, "P", 2990.0, 5.0, 0.3),
        ("SPX", 1.0, "C", 6000.0, 30.0, 0.15),
        stock("AAPL", 100.0),
    )
    minimum = portfolio_margin(book).row_minimum
    assert minimum[:2].tolist() == [0.375 * 50 * 2, 0.375 * 100 * 3]
    assert 0.0 <= minimum[2] < 1e-9
    assert minimum[3:].tolist() == [37.5, 0.0]


def test_a_market_price_caps_the_long_minimum_before_the_model_value_does() -> None:
    book = book_of(("SPX", 2.0, "C", 6000.0, 30.0, 0.15), market_price=[0.05])
    assert portfolio_margin(book).row_minimum[0] == 0.05 * 100 * 2


def test_two_lines_of_one_contract_are_charged_for_what_is_left_after_netting() -> None:
    book = book_of(SHORT_PUT, ("SPX", 1.0, "P", 5700.0, SHORT_PUT[4], 0.17))
    found = portfolio_margin(book)
    assert found.requirement == 0.0
    short = portfolio_margin(book_of(("SPX", -3.0, *SHORT_PUT[2:]), ("SPX", 1.0, *SHORT_PUT[2:])))
    assert short.row_minimum.tolist() == [75.0, 0.0]


def test_the_minimum_binds_where_no_point_loses_as_much() -> None:
    found = portfolio_margin(book_of(("SPX", -10.0, "P", 3000.0, 5.0, 0.3)))
    assert found.requirement == 375.0
    assert found.class_groups[0].minimum_binds
    assert found.product_groups[0].minimum_binds
    assert not portfolio_margin(book_of(SHORT_PUT)).class_groups[0].minimum_binds


def test_an_empty_book_needs_nothing() -> None:
    found = portfolio_margin(book_of(model=[], multiplier=[]))
    assert found.requirement == 0.0
    assert found.product_groups == ()
    assert found.class_groups == ()
    assert found.row_pnl.shape == (0, 10)


def test_flat_lines_need_nothing() -> None:
    assert portfolio_margin(book_of(("SPX", 0.0, *SHORT_PUT[2:]), stock("AAPL", 0.0))).requirement == 0.0


@given(st.lists(lines(), min_size=1, max_size=8))
def test_five_times_the_book_needs_five_times_the_margin(drawn: list[Line]) -> None:
    once = portfolio_margin(book_of(*drawn))
    five = portfolio_margin(book_of(*((line[0], 5.0 * line[1], *line[2:]) for line in drawn)))
    assert five.requirement == pytest.approx(5.0 * once.requirement, rel=1e-9, abs=1e-6)
    np.testing.assert_allclose(five.row_pnl, 5.0 * once.row_pnl, rtol=1e-12, atol=1e-9)


@given(
    st.lists(lines(("SPX", "/ES", "NDX")), min_size=1, max_size=5), st.lists(lines(("AAPL",)), min_size=1, max_size=4)
)
def test_unrelated_products_add_up_exactly(index: list[Line], shares: list[Line]) -> None:
    together = portfolio_margin(book_of(*index, *shares)).requirement
    apart = portfolio_margin(book_of(*index)).requirement + portfolio_margin(book_of(*shares)).requirement
    assert together == pytest.approx(apart, rel=1e-12, abs=1e-6)


@given(st.lists(lines(), min_size=2, max_size=8), st.integers(1, 7))
def test_netting_never_needs_more_than_the_parts(drawn: list[Line], cut: int) -> None:
    first, second = drawn[:cut], drawn[cut:]
    parts = sum(portfolio_margin(book_of(*part)).requirement for part in (first, second) if part)
    assert portfolio_margin(book_of(*drawn)).requirement <= parts * (1.0 + 1e-12) + 1e-6


@given(st.lists(lines(), min_size=1, max_size=8))
def test_a_larger_offset_never_needs_more(drawn: list[Line]) -> None:
    book = book_of(*drawn)
    needs = [portfolio_margin(book, rules=PortfolioRules(offset=offset)).requirement for offset in (0.0, 0.5, 0.9, 1.0)]
    assert all(more >= less - 1e-6 for more, less in itertools.pairwise(needs))


@given(st.lists(lines(("SPX", "NDX", "AAPL")).filter(lambda line: bool(line[2])), min_size=1, max_size=6))
def test_long_options_never_need_more_than_they_are_worth(drawn: list[Line]) -> None:
    book = book_of(*((line[0], abs(line[1]), *line[2:]) for line in drawn))
    spot = book.price[book.underlying]
    value = bsm_price(
        spot=spot,
        strike=book.strike,
        t_years=book.t_years,
        rate=book.rate,
        dividend_yield=book.carry_yield,
        vol=book.vol,
        is_call=book.is_call,
    )
    worth = float((value * book.quantity * book.multiplier).sum())
    assert portfolio_margin(book).requirement <= worth * (1.0 + 1e-12) + 1e-9


@given(lines(("SPX", "AAPL")), st.integers(1, 9), st.integers(1, 9))
def test_a_wider_range_never_needs_less_for_shares_and_single_short_options(
    line: Line, narrow: int, extra: int
) -> None:
    book = book_of((line[0], -abs(line[1]), *line[2:]))
    needs = []
    for width in (narrow / 50.0, (narrow + extra) / 50.0):
        rules = PortfolioRules(broad_high_cap=(-width, width), equity=(-width, width))
        needs.append(portfolio_margin(book, rules=rules).requirement)
    assert needs[1] >= needs[0] - 1e-9


def test_futures_outside_the_class_groups_take_span_like_arrays_and_are_added() -> None:
    outside: Line = ("/CL", -1.0, "P", 70.0, 20.0, 0.38)
    found = portfolio_margin(book_of(SHORT_PUT, outside), span_parameters=CL_RANGES)
    alone = portfolio_margin(book_of(SHORT_PUT))
    assert found.spans[0].product == "/CL"
    assert found.span_requirement > 0.0
    assert found.requirement == alone.requirement + found.span_requirement
    assert np.isnan(found.row_pnl[1]).all()
    assert found.row_minimum[1] == 0.0


def test_american_rows_use_the_valuer_handed_in_and_the_result_says_which_rule_applied() -> None:
    asked: list[Any] = []

    def dearer(**inputs: Any) -> Floats:
        asked.append(inputs["strike"])
        return np.asarray(2.0 * bsm_price(**inputs))

    book = book_of(("AAPL", -1.0, "P", 210.0, 30.0, 0.3), SHORT_PUT, is_american=[True, False])
    plain, early = portfolio_margin(book), portfolio_margin(book, american=dearer)
    np.testing.assert_allclose(early.row_pnl[0], 2.0 * plain.row_pnl[0], rtol=1e-12)
    np.testing.assert_array_equal(early.row_pnl[1], plain.row_pnl[1])
    assert [np.asarray(strike).tolist() for strike in asked] == [[210.0]]
    assert "valued as European" in plain.method
    assert "early exercise" in early.method
    assert "American" not in portfolio_margin(book_of(SHORT_PUT)).method


def test_a_range_beyond_the_whole_price_stops_at_zero() -> None:
    terms = {**TERMS, "AAPL": RiskTerms(RiskKind.EQUITY, "AAPL", leverage=8.0)}
    assert portfolio_margin(book_of(stock("AAPL", 100.0), underlyings=terms)).requirement == 22_000.0


def test_a_future_without_scan_ranges_is_refused_by_name() -> None:
    with pytest.raises(MarginError, match="/CL: no SPAN-like scan ranges for /CL"):
        portfolio_margin(book_of(stock("/CL", 1.0)))


def test_a_valuer_without_an_answer_is_refused_with_the_leg_named() -> None:
    book = book_of(("AAPL", -1.0, "P", 210.0, 30.0, 0.3), is_american=True)
    with pytest.raises(MarginError, match="AAPL 210P has no value"):
        portfolio_margin(book, american=lambda **inputs: np.asarray(inputs["spot"]) * np.nan)


@pytest.mark.parametrize(
    "wrong",
    [
        {"equity": (0.1, 0.1)},
        {"equity": (-1.1, 0.1)},
        {"sector_etf": (-0.1, math.nan)},
        {"steps": 0},
        {"offset": 1.1},
        {"product_offsets": {"broad": -0.1}},
        {"minimum_per_unit": math.nan},
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(MarginError, match="portfolio margin"):
        PortfolioRules(**wrong)


def test_american_puts_are_valued_by_the_american_engine_point_by_point() -> None:
    book = book_of(("AAPL", -2.0, "P", 250.0, 200.0, 0.3), is_american=True)
    found = portfolio_margin(book, american=american_price)

    def dollars(price: float) -> float:
        value = american_price(
            spot=price, strike=250.0, t_years=book.t_years[0], rate=0.04, dividend_yield=0.0, vol=0.3, is_call=False
        )
        return -200.0 * float(value)

    expected = [dollars(220.0 * (1.0 + move)) - dollars(220.0) for move in found.moves[0].tolist()]
    np.testing.assert_allclose(found.row_pnl[0], expected, rtol=1e-9)
    # At -15 % the put is exercised: its loss ends at intrinsic value, while the European one is worth less than that.
    assert dollars(220.0 * 0.75) == pytest.approx(-200.0 * 85.0)


@given(st.lists(lines(("SPX", "NDX", "AAPL", "/ES")), min_size=1, max_size=5))
def test_many_price_levels_at_once_give_what_each_gives_alone(drawn: list[Line]) -> None:
    book = book_of(*drawn)
    levels = book.price * np.array([[0.9], [1.0], [1.15]])
    together = portfolio_margins(book, prices=levels)
    for level, found in zip(levels, together, strict=True):
        alone = portfolio_margin(book.moved(level, book.t_years, book.vol))
        assert found.requirement == pytest.approx(alone.requirement, rel=1e-12, abs=1e-9)
        np.testing.assert_allclose(found.row_pnl, alone.row_pnl, rtol=1e-12, atol=1e-9)
