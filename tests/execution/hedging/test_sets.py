"""How suggestions are ordered, by the search and by the model."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.hedging.sets import as_ai_suggestions, ranked_by_model
from execution.suggestion_views import PreMortem
from models.enums import Regime
from models.errors import InvalidInput
from models.hedge import Verdict
from models.ranking import Opinion, RankingAnswer
from tests.execution.builders import NOW
from tests.execution.hedging.rig import ready_set, set_book, told, verified

NAMES = ("c01", "c02", "c03", "c04")


def answer(*names: str) -> RankingAnswer:
    opinions = tuple(Opinion(name, f"why {name}") for name in names)
    return RankingAnswer(opinions, "", 0, None, "", "m", "0" * 64, None, None, None, 1.0)


def test_what_is_offered_comes_first_in_the_searchs_order_and_the_rest_is_struck_out() -> None:
    held = ready_set(verified("c01"), verified("c02", Verdict.REFUSED, "no"), verified("c03"))
    assert [(one.id, one.rank) for one in held.suggestions] == [("s:c01", 1), ("s:c03", 2), ("s:c02", 0)]
    assert [one.is_open for one in held.suggestions] == [True, True, False]


def test_the_models_order_and_words_replace_the_searchs_where_it_gave_them() -> None:
    held = ready_set(*(verified(name) for name in NAMES))
    ranked = ranked_by_model(held, answer("c03", "c01"))
    assert [one.verified.candidate.id for one in ranked] == ["c03", "c01", "c02", "c04"]
    assert [one.is_from_model for one in ranked] == [True, True, False, False]
    assert ranked[0].rationale == "why c03"
    assert ranked[2].rationale == "The desk's words on c02."


@given(st.lists(st.sampled_from((*NAMES, "c99")), unique=True))
def test_no_answer_loses_offers_or_doubles_a_suggestion(names: list[str]) -> None:
    held = ready_set(*(verified(name, Verdict.REFUSED if name == "c02" else Verdict.OFFERED) for name in NAMES))
    ranked = ranked_by_model(held, answer(*names))
    assert sorted(one.id for one in ranked) == sorted(one.id for one in held.suggestions)
    assert {one.id for one in ranked if one.rank > 0} == {"s:c01", "s:c03", "s:c04"}
    struck = next(one for one in ranked if one.id == "s:c02")
    assert (struck.rank, struck.is_from_model) == (0, False)


def test_sets_are_told_newest_first_and_a_suggestion_is_found_in_any() -> None:
    book, publisher = set_book()
    book.put(ready_set(verified("c01"), breach_id="old"))
    newer = replace(ready_set(verified("c07"), breach_id="new"), made_at_utc=NOW + timedelta(seconds=5))
    book.put(newer)
    assert [held.key for held in told(publisher).sets] == ["new", "old"]
    assert book.find("s:c01")[0].key == "old"
    book.drop("old")
    with pytest.raises(InvalidInput, match="gone"):
        book.find("s:c01")
    assert [held.key for held in told(publisher).sets] == ["new"]


def test_a_suggestion_that_is_not_offered_any_more_goes_behind_and_loses_its_rank() -> None:
    book, _ = set_book()
    book.put(ready_set(verified("c01"), verified("c02")))
    changed = book.change("s:c01", lambda one: replace(one, verified=verified("c01", Verdict.REFUSED, "no")))
    assert changed.rank == 0
    assert [one.id for one in book.find("s:c02")[0].suggestions] == ["s:c02", "s:c01"]
    assert book.find("s:c02")[1].rank == 1


def test_only_what_is_offered_goes_into_the_breach_in_the_shape_of_the_documents() -> None:
    held = ready_set(verified("c01"), verified("c02", Verdict.BREAKS_LIMIT, "no"))
    (made,) = as_ai_suggestions(held)
    assert (made.id, made.projected_delta_change, made.projected_theta_cost) == ("s:c01", 2.0, 30.0)


def test_a_premortem_is_told_when_it_reads_differently() -> None:
    book, publisher = set_book()
    book.look_ahead(PreMortem(NOW, Regime.HIGH_VOL, ("vega would",), breaks=True))
    first = told(publisher)
    book.look_ahead(PreMortem(NOW + timedelta(seconds=5), Regime.HIGH_VOL, ("vega would",), breaks=True))
    assert told(publisher) is first
    book.look_ahead(None)
    assert told(publisher).premortem is None
