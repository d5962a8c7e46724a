from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.answer import ModelAnswer
from ai.checking import CheckedAnswer, Checker
from ai.claims import false_claims, mentioned
from ai.facts import Facts
from ai.payload_build import build_payload
from ai.plain import has_link, sentences
from models.hedge import HedgeKind, SearchLimits
from tests.ai.builders import task

PAYLOAD = build_payload(task(), may_send_notes=False)
FACTS = Facts.of(PAYLOAD)
IDS = {"c07", "c03", "c12", "c15", "c00"}


def check(**answer: Any) -> CheckedAnswer:
    return Checker(PAYLOAD, lambda name: f"The desk on {name}.").check(
        ModelAnswer.model_validate({"ranking": [], **answer})
    )


def ranked(name: str, rationale: str = "It cures.", *watch: str) -> dict[str, Any]:
    return {"candidate_id": name, "rationale": rationale, "watch": list(watch)}


def test_a_true_answer_stays_as_it_is() -> None:
    rationale = "Buy 2 SPXW 18 Dec 26 6800 P: vega goes from 137% to 72.1% of its limit. It costs $4,270."
    answer = check(ranking=[ranked("c07", rationale, "VIX above 24.6")], comment="c07 is dearer than c03 at $1,234.50.")
    (opinion,) = answer.opinions
    assert (opinion.candidate_id, opinion.rationale, opinion.watch) == ("c07", rationale, ("VIX above 24.6",))
    assert (answer.comment, answer.removed, answer.wish) == ("c07 is dearer than c03 at $1,234.50.", 0, None)


def test_a_false_figure_takes_its_sentence_along_and_is_counted() -> None:
    answer = check(
        ranking=[ranked("c07", "It cures everything. It costs $9,999 and 88 %. I would do it.", "VIX at 99")]
    )
    assert answer.opinions[0].rationale == "It cures everything. I would do it."
    assert answer.opinions[0].watch == ()
    assert answer.removed == 3


def test_where_nothing_is_left_the_desk_speaks() -> None:
    answer = check(ranking=[ranked("c07", "It costs $9,999."), ranked("c03", ""), ranked("c12", "** ## <br>")])
    assert [each.rationale for each in answer.opinions] == [f"The desk on {name}." for name in ("c07", "c03", "c12")]


_OTHERS = ["c99", "c21", "", "c7", "c007", "c07; c03", "SPXW 18 Dec 26 6750 P", "DO_NOTHING", "с07"]


@pytest.mark.parametrize("name", _OTHERS)
def test_an_unknown_or_struck_out_candidate_is_dropped_and_counted(name: str) -> None:
    answer = check(ranking=[ranked(name, "The best of all."), ranked("c07")])
    assert [each.candidate_id for each in answer.opinions] == ["c07"]
    assert answer.removed == 1


def test_a_candidate_named_twice_keeps_its_first_place() -> None:
    answer = check(ranking=[ranked("c03", "First."), ranked("c07"), ranked("c03", "Again.")])
    assert [(each.candidate_id, each.rationale) for each in answer.opinions] == [
        ("c03", "First."),
        ("c07", "It cures."),
    ]
    assert answer.removed == 1


def test_a_figure_of_another_candidate_is_false_unless_that_one_is_named() -> None:
    assert check(ranking=[ranked("c07", "It costs $1,234.50.")]).removed == 1
    assert check(ranking=[ranked("c07", "Dearer than c03 at $1,234.50.")]).removed == 0


def test_a_link_takes_its_sentence_along() -> None:
    answer = check(ranking=[ranked("c07", "It cures. See https://evil.example/?d=U123. ![x](//evil.example/x.png)")])
    assert answer.opinions[0].rationale == "It cures."
    assert answer.removed == 2


def test_texts_are_bounded() -> None:
    long = "It cures the broken limit and that is all. " * 200
    answer = check(ranking=[ranked("c07", long, *[long] * 20)], comment=long)
    assert len(answer.opinions[0].rationale) <= 600
    assert len(answer.opinions[0].watch) == 3
    assert all(len(each) <= 160 for each in answer.opinions[0].watch)
    assert len(answer.comment) <= 800
    assert answer.comment.endswith("all.")


def test_a_wish_keeps_what_a_search_knows() -> None:
    answer = check(
        wish={
            "reason": "At most $2,000 and 2 legs would do. Vega is at 137 %. It would bring 77 %.",
            "max_cost_usd": 2000,
            "max_theta_given_up_per_day": -5,
            "max_legs": 2,
            "kinds": ["VERTICAL", "ROLL", "MAGIC", "DO_NOTHING"],
            "underlyings": ["SPX", "AAPL"],
            "max_days_to_expiry": 45,
        }
    )
    assert answer.wish == SearchLimits(
        max_cost_usd=2000.0,
        max_legs=2,
        kinds=frozenset({HedgeKind.VERTICAL, HedgeKind.ROLL}),
        underlyings=frozenset({"SPX"}),
        max_days_to_expiry=45,
    )
    assert answer.wish_text == (
        "Another search: at most $2,000, at most 2 legs, only roll or vertical, in SPX, expiring within 45 days. "
        "At most $2,000 and 2 legs would do. Vega is at 137 %."
    )
    assert answer.removed == 5


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"max_legs": 9},
        {"max_cost_usd": float("inf")},
        {"kinds": ["MAGIC"]},
        {"max_days_to_expiry": -1},
        {"max_legs": 4},
    ],
)
def test_a_wish_without_a_usable_constraint_is_none(wish: dict[str, Any]) -> None:
    answer = check(wish={"reason": "Please.", **wish})
    assert (answer.wish, answer.wish_text) == (None, "")


_BOGUS = (
    "SPXW {day} Dec 26 {strike} P",
    ".SPXW26121{digit}P{strike}",
    "AAPL {strike} calls",
    "Dec 18 {strike}P",
    "SPXW  261218C0{strike}000",
    "the {strike}/{other} put spread",
    "/ES {strike} put",
)


def _bogus(rng: random.Random) -> str:
    strike = rng.choice([each for each in range(5000, 8000, 25) if each not in {6500, 6600, 6700, 6800}])
    return rng.choice(_BOGUS).format(day=rng.randint(1, 28), strike=strike, other=strike + 50, digit=rng.randint(0, 9))


def test_of_five_hundred_answers_with_half_their_contracts_bogus_not_one_bogus_contract_or_card_is_shown() -> None:
    rng = random.Random(20_261_120)
    labels = [leg.contract.label for candidate in PAYLOAD.candidates for leg in candidate.legs]
    shown = removed = planted = 0
    for _ in range(500):
        ranking = []
        for _ in range(rng.randint(1, 6)):
            is_bogus = rng.random() < 0.5
            name = rng.choice(sorted(IDS)) if rng.random() < 0.5 else f"c{rng.randint(30, 999)}"
            contract = _bogus(rng) if is_bogus else rng.choice(labels)
            planted += is_bogus
            ranking.append(ranked(name, f"I would trade {contract}. It is robust.", f"{contract} at mid"))
        answer = check(ranking=ranking, comment=f"Trade {_bogus(rng)} instead.")
        planted += 1
        assert {each.candidate_id for each in answer.opinions} <= IDS
        assert answer.comment == ""
        for opinion in answer.opinions:
            own = FACTS.about(frozenset({opinion.candidate_id}))
            for text in (opinion.rationale, *opinion.watch):
                shown += 1
                assert false_claims(text, own) == ()
        removed += answer.removed
    assert shown > 500
    assert removed >= planted


_PIECES = (
    "6800|6750|P|puts|SPXW|AAPL|18 Dec 26|c07|c99|137%|$4,270|$1|.|. | |-|/|**|<b>|](|https://|x.com|two|contracts"
)
_WORDS = st.sampled_from([*_PIECES.split("|"), "\u200b", "\u202e", "½", "k", "Dec", "(", "and", "\n"])


@given(st.lists(_WORDS, max_size=25).map("".join) | st.lists(_WORDS, max_size=25).map(" ".join) | st.text(max_size=80))
def test_whatever_a_model_writes_what_is_shown_is_plain_and_true(text: str) -> None:
    answer = check(ranking=[ranked("c07", text, text)], comment=text, wish={"reason": text, "max_legs": 2})
    own = FACTS.about(frozenset({"c07"}))
    (opinion,) = answer.opinions
    for shown in (opinion.rationale, answer.comment, answer.wish_text, *opinion.watch):
        assert not set(shown) & set("<>*_`#[]{}|\\~^")
        assert shown.isprintable()
        assert not has_link(shown)
    for shown in (opinion.rationale, *opinion.watch):
        for sentence in sentences(shown):
            if not shown.startswith("The desk on"):
                named = mentioned(sentence, FACTS) | {"c07"}
                assert false_claims(sentence, FACTS.about(named) if named > {"c07"} else own) == ()
