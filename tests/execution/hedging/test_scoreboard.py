from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.hedging.scoring import scoreboard
from execution.suggestion_views import ENOUGH_TO_TELL, ScoreLine
from models.suggestion_records import Horizon, ScoredSuggestion, SuggestionMark
from tests.execution.builders import NOW

MONEY = st.floats(-1e6, 1e6)
MAYBE = st.none() | MONEY


def a_mark(
    horizon: Horizon, hedge: float | None, nothing: float | None, solver: float | None, name: str = "s"
) -> SuggestionMark:
    return SuggestionMark(name, horizon, NOW, NOW, hedge, nothing, solver)


def a_scored(*marks: SuggestionMark, followed: bool = False, first: bool = True) -> ScoredSuggestion:
    return ScoredSuggestion("s", NOW - timedelta(hours=1), followed, False, first, marks)


MARKS = st.builds(a_mark, st.sampled_from(Horizon), MAYBE, MAYBE, MAYBE)
SCORED = st.builds(
    ScoredSuggestion,
    suggestion_id=st.uuids().map(str),
    made_at_utc=st.just(NOW),
    is_followed=st.booleans(),
    is_dismissed=st.booleans(),
    is_first=st.booleans(),
    marks=st.lists(MARKS, max_size=3, unique_by=lambda mark: mark.horizon).map(tuple),
)
SOME = st.lists(SCORED, max_size=30)


def hour(*scored: ScoredSuggestion) -> ScoreLine:
    return scoreboard(scored).lines[0]


def test_without_marks_there_are_no_averages() -> None:
    board = scoreboard([a_scored()])
    assert [line.horizon for line in board.lines] == ["1 hour", "1 day", "expiry"]
    assert (board.offered_count, board.accepted_count, board.dismissed_count) == (1, 0, 0)
    for line in board.lines:
        assert (line.count, line.suggestion_usd, line.nothing_usd, line.solver_first_usd) == (0, None, None, None)
        assert (line.followed_gain_usd, line.is_telling) == (None, False)


def test_the_averages_are_of_the_whole_book_with_it_without_it_and_with_the_searches_choice() -> None:
    line = hour(
        a_scored(a_mark(Horizon.HOUR, 120.0, -800.0, 80.0), followed=True),
        a_scored(a_mark(Horizon.HOUR, -20.0, 200.0, -20.0)),
    )
    assert (line.count, line.followed_count, line.better_than_nothing_count) == (2, 1, 1)
    assert line.suggestion_usd == pytest.approx((-680.0 + 180.0) / 2)
    assert line.nothing_usd == pytest.approx(-300.0)
    assert line.solver_first_usd == pytest.approx((-720.0 + 180.0) / 2)
    assert line.followed_gain_usd == pytest.approx(120.0)


def test_what_was_neither_shown_first_nor_followed_does_not_count() -> None:
    line = hour(a_scored(a_mark(Horizon.HOUR, 1e6, 0.0, 0.0), first=False))
    assert (line.count, line.unknown_count) == (0, 0)


def test_a_gain_of_nothing_is_not_better_than_nothing() -> None:
    assert hour(a_scored(a_mark(Horizon.HOUR, 0.0, 5.0, 0.0))).better_than_nothing_count == 0


def test_a_few_marks_do_not_tell_and_enough_do() -> None:
    one = a_scored(a_mark(Horizon.HOUR, 1.0, 1.0, 1.0))
    assert not hour(*[one] * (ENOUGH_TO_TELL - 1)).is_telling
    assert hour(*[one] * ENOUGH_TO_TELL).is_telling


@given(SOME)
def test_every_mark_of_what_counts_is_either_known_or_unknown(scored: list[ScoredSuggestion]) -> None:
    board = scoreboard(scored)
    marked = sum(len(one.marks) for one in scored if one.is_first or one.is_followed)
    assert sum(line.count + line.unknown_count for line in board.lines) == marked
    for line in board.lines:
        assert 0 <= line.better_than_nothing_count <= line.count
        assert 0 <= line.followed_count <= line.count
        assert (line.followed_gain_usd is None) == (line.followed_count == 0)
        for average in (line.suggestion_usd, line.nothing_usd, line.solver_first_usd):
            assert (average is None) == (line.count == 0)


@given(SOME)
def test_what_a_suggestion_gained_on_average_is_the_difference_of_the_two_averages(
    scored: list[ScoredSuggestion],
) -> None:
    for horizon, line in zip(Horizon, scoreboard(scored).lines, strict=True):
        gains = [
            mark.hedge_usd
            for one in scored
            if one.is_first or one.is_followed
            for mark in one.marks
            if mark.horizon is horizon and None not in (mark.hedge_usd, mark.nothing_usd, mark.solver_first_usd)
        ]
        assert line.count == len(gains)
        if line.suggestion_usd is not None and line.nothing_usd is not None:
            mean = math.fsum(gain for gain in gains if gain is not None) / len(gains)
            assert line.suggestion_usd - line.nothing_usd == pytest.approx(mean, abs=1e-6)


@given(SOME.flatmap(lambda scored: st.tuples(st.just(scored), st.permutations(scored))))
def test_the_order_of_the_suggestions_makes_no_difference(
    both: tuple[list[ScoredSuggestion], list[ScoredSuggestion]],
) -> None:
    scored, shuffled = both
    assert scoreboard(shuffled) == scoreboard(scored)


@given(SOME)
def test_following_more_of_them_changes_who_is_counted_never_what_a_mark_says(scored: list[ScoredSuggestion]) -> None:
    shown = [replace(one, is_first=True, is_followed=False) for one in scored]
    taken = [replace(one, is_first=False, is_followed=True) for one in scored]
    for before, after in zip(scoreboard(shown).lines, scoreboard(taken).lines, strict=True):
        assert (before.count, before.suggestion_usd) == (after.count, after.suggestion_usd)
        assert (before.followed_count, after.followed_count) == (0, after.count)
