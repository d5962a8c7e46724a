"""Books that pair within their expiries: when each expiry's own spread is proven the least, and when it is not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.legs import PayoffLeg, option_leg
from analytics.margin import MarginClass, RegTMargin, RegTParameters, UnderlyingTerms
from analytics.margin.pairing import Pairing, best_pairing
from analytics.margin.pairing_by_expiry import least_within_expiries, pairing_within_expiries
from analytics.margin.pairing_large import near_least_pairing, points_of
from analytics.margin.pairing_model import OptionLine, PairingProblem, StockHedge
from tests.analytics.test_margin_reg_t import DAY_S, least_by_hand, uncovered_points

INDEX = {"X": UnderlyingTerms(7_000.0, MarginClass.BROAD_INDEX)}
EXPIRIES = 20


def line(right: str, strike: float, days: float, lots: int, price: float = 1.0) -> PayoffLeg:
    return option_leg("U", right, strike, days * DAY_S, lots, price=price)


def problem_of(legs: list[PayoffLeg], hedge: StockHedge | None = None) -> PairingProblem:
    def lines(sign: int) -> tuple[OptionLine, ...]:
        return tuple(
            OptionLine(bool(leg.is_call), leg.strike, leg.expiry_epoch_s, int(abs(leg.quantity)), leg.price or 0.0)
            for leg in legs
            if leg.quantity * sign > 0
        )

    need = tuple(uncovered_points(leg, 100.0) for leg in legs if leg.quantity < 0)
    return PairingProblem(lines(-1), lines(1), need, hedge)


def seller(days: float, lots: int = 1) -> list[PayoffLeg]:
    """A condor and three put verticals on an index at 7,000, one size, in one expiry."""
    rows = [("P", 6_585.0, 1), ("P", 6_610.0, -1), ("C", 7_390.0, -1), ("C", 7_415.0, 1)]
    rows += [("P", strike - 25.0 * (sign > 0), sign) for strike in (6_495.0, 6_355.0, 6_220.0) for sign in (-1, 1)]
    return [
        option_leg("X", right, strike, days * DAY_S, sign * lots, price=2.0 + days / 10.0 + abs(strike - 7_000) / 100)
        for right, strike, sign in rows
    ]


def sellers_book(lots: int = 1) -> list[list[PayoffLeg]]:
    return [seller(7.0 * (number + 1), lots) for number in range(EXPIRIES)]


def index_need(legs: list[PayoffLeg]) -> tuple[float, float]:
    result = RegTMargin().requirement(legs, INDEX, 0.0)
    return result.option_requirement, result.pairing_gap


@pytest.mark.parametrize("lots", [1, 2, 5])
def test_a_regular_sellers_book_is_proven_to_need_the_sum_of_its_expiries(lots: int) -> None:
    books = sellers_book(lots)
    whole, gap = index_need([leg for book in books for leg in book])
    alone = [index_need(book) for book in books]
    assert gap == 0.0
    assert [one for _, one in alone] == [0.0] * EXPIRIES
    assert whole == pytest.approx(sum(need for need, _ in alone), abs=0.01)
    assert whole == pytest.approx(EXPIRIES * lots * 4 * 2_500.0)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_legs_of_a_proven_book_changes_nothing(seed: int) -> None:
    legs = [leg for book in sellers_book() for leg in book]
    mixed = [legs[i] for i in np.random.default_rng(seed).permutation(len(legs))]
    assert index_need(mixed) == pytest.approx(index_need(legs))


def test_shares_of_the_underlying_leave_the_proof_to_the_general_engine() -> None:
    legs = [line("P", 90, 7, 1), line("P", 95, 7, -1), line("P", 88, 14, 1), line("P", 94, 14, -1)]
    assert least_within_expiries(problem_of(legs)) is not None
    assert pairing_within_expiries(problem_of(legs)) is not None
    hedged = problem_of(legs, StockHedge(-1, UnderlyingTerms(100.0), RegTParameters()))
    assert least_within_expiries(hedged) is None
    assert pairing_within_expiries(hedged) is None


def test_a_later_long_that_serves_an_earlier_short_for_less_prevents_the_proof() -> None:
    early, late = [line("P", 90, 7, 1), line("P", 95, 7, -1)], [line("C", 110, 14, 1), line("C", 105, 14, -1)]
    assert least_within_expiries(problem_of([*early, *late])) is not None
    assert least_within_expiries(problem_of([*early, *late, line("P", 94, 21, 1)])) is None


def test_a_short_without_a_long_of_its_expiry_prevents_the_proof() -> None:
    legs = [line("P", 90, 7, 1), line("P", 95, 7, -2), line("P", 85, 14, 1), line("P", 94, 14, -1)]
    assert least_within_expiries(problem_of(legs)) is None


def test_a_straddle_of_two_expiries_that_costs_less_than_wide_spreads_prevents_the_proof() -> None:
    legs = [line("P", 50, 7, 1), line("P", 95, 7, -1), line("C", 150, 14, 1), line("C", 105, 14, -1)]
    assert least_within_expiries(problem_of(legs)) is None


def spreads() -> st.SearchStrategy[list[PayoffLeg]]:
    """Verticals in three expiries, one or two lots, no contract twice."""
    one = st.tuples(
        st.sampled_from("PC"),
        st.integers(86, 114),
        st.integers(1, 9),
        st.sampled_from([7.0, 14.0, 21.0]),
        st.booleans(),
    )

    def legs(rows: list[tuple[str, int, int, float, bool]]) -> list[PayoffLeg]:
        found = [
            line(right, strike + shift, days, lots, price=1.0 + strike % 4)
            for right, strike, width, days, above in rows
            for shift, lots in ((0, -1), (width if above else -width, 1))
        ]
        return list(found) if len({leg.identity for leg in found}) == len(found) else []

    return st.lists(one, min_size=1, max_size=3).map(legs)


@given(spreads(), st.integers(1, 5))
@settings(max_examples=150, deadline=None)
def test_what_is_proven_by_expiry_is_what_every_pairing_finds_and_times_n_stays_least(
    legs: list[PayoffLeg], times: int
) -> None:
    if not legs:
        return
    shorts, longs = [leg for leg in legs if leg.quantity < 0], [leg for leg in legs if leg.quantity > 0]
    proven = least_within_expiries(problem_of(legs))
    least = least_by_hand(shorts, longs, 100.0)
    if proven is not None:
        assert points_of(proven) == pytest.approx(least, abs=1e-3)
        assert proven.gap == 0.0
    scaled = problem_of([dataclasses.replace(leg, quantity=leg.quantity * times) for leg in legs])
    many, best = least_within_expiries(scaled), best_pairing(scaled)
    if many is not None:
        assert best.gap == 0.0
        assert points_of(many) == pytest.approx(points_of(best), abs=1e-3)
    apart = pairing_within_expiries(scaled)
    if apart is not None:
        assert points_of(apart) >= points_of(best) - 1e-3


def test_expiries_alike_solved_once_make_a_whole_pairing_of_the_book() -> None:
    rows = [("P", 88.0, 3), ("P", 92.0, -3), ("P", 82.0, -2), ("P", 79.0, 1), ("C", 108.0, -3), ("C", 112.0, 2)]
    legs = [line(right, strike, 7.0 * (n + 1), lots) for n in range(6) for right, strike, lots in rows]
    problem = problem_of(legs)
    apart = pairing_within_expiries(problem)
    assert apart is not None
    placed = _contracts(apart, problem)
    assert placed == [short.contracts for short in problem.shorts]
    alone = sum(points_of(best_pairing(problem_of(legs[at : at + 6]))) for at in range(0, len(legs), 6))
    assert points_of(apart) == pytest.approx(alone)
    near = near_least_pairing(problem)
    assert points_of(near) <= points_of(apart) + 1e-6
    assert points_of(near) - near.gap <= points_of(best_pairing(problem)) + 1e-3


def _contracts(pairing: Pairing, problem: PairingProblem) -> list[int]:
    """Contracts of each short that a pairing places."""
    placed = [0] * len(problem.shorts)
    for used in pairing.columns:
        for number in (used.column.short, used.column.other_short):
            if number >= 0:
                placed[number] += used.lots
    for spread in pairing.spreads:
        for number, count in zip(spread.block.shorts, spread.short_contracts, strict=True):
            placed[number] += count
    return placed
