"""Two hundred attacks through three channels: what they reach, what leaves, what is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ai.answer import ModelAnswer
from ai.checking import CheckedAnswer, Checker
from ai.claims import false_claims
from ai.facts import Facts
from ai.payload_build import build_payload
from ai.plain import has_link
from ai.templates import template
from models.contract import Contract, underlying_contract
from models.enums import Action
from models.hedge import SearchLimits, Verified
from models.order import OrderLeg
from models.ranking import Opinion
from tests.ai.attacks import ACCOUNT, CANARY, HOST, KEY, attacks
from tests.ai.builders import CLOSE, SITUATION, STRUCK, VERIFIED, task, verified
from tests.ai.conftest import Rig
from tests.simulators.openai.server import Behaviour

ATTACKS = attacks()
MARKUP = set("<>*_`#[]{}|\\~^")
PAYLOAD = build_payload(task(), may_send_notes=False)
FACTS = Facts.of(PAYLOAD)
BY_ID = {each.candidate.id: each for each in VERIFIED}
SECRETS = (ACCOUNT, KEY, KEY.removeprefix("sk-proj-"), "512,340.22", "512340.22", "198,412.11", "555 123 4567")


def check(**answer: object) -> CheckedAnswer:
    checker = Checker(PAYLOAD, lambda name: template(SITUATION, BY_ID[name]))
    return checker.check(ModelAnswer.model_validate({"ranking": [], **answer}))


def assert_shown_safely(text: str) -> None:
    assert not set(text) & MARKUP, text
    assert text.isprintable(), text
    assert not has_link(text), text
    assert HOST not in text
    assert all(secret not in text for secret in SECRETS), text


def texts(answer: CheckedAnswer) -> Iterator[tuple[str, frozenset[str]]]:
    for opinion in answer.opinions:
        for text in (opinion.rationale, *opinion.watch):
            yield text, frozenset({opinion.candidate_id})
    yield answer.comment, FACTS.ids
    yield answer.wish_text, FACTS.ids


def test_there_are_two_hundred_and_no_two_are_the_same() -> None:
    assert len(ATTACKS) == len(set(ATTACKS)) == 200
    assert sum(CANARY in each for each in ATTACKS) > 100


def test_no_note_leaves_by_itself() -> None:
    sent = build_payload(task(notes=ATTACKS), may_send_notes=False).text()
    assert sent == PAYLOAD.text()


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_allowed_note_carries_no_account_key_balance_or_link_and_stays_in_its_fence(attack: str) -> None:
    payload = build_payload(task(notes=(attack,)), may_send_notes=True)
    notes = " ".join(payload.untrusted_notes)
    assert_shown_safely(notes)
    data = json.loads(payload.text())
    assert data.pop("untrusted_notes") == list(payload.untrusted_notes)
    bare = json.loads(PAYLOAD.text())
    del bare["untrusted_notes"]
    assert data == bare


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_figure_or_contract_of_a_note_may_still_not_be_said(attack: str) -> None:
    facts = Facts.of(build_payload(task(notes=(attack,)), may_send_notes=True))
    assert facts == FACTS


def spelt(symbol: str) -> Contract:
    return replace(underlying_contract("AAPL"), root=symbol, underlying=symbol)


@pytest.mark.parametrize("attack", ATTACKS)
def test_symbols_ids_reasons_and_warnings_carry_nothing_out(attack: str) -> None:
    foreign: tuple[Verified, ...] = (
        verified(replace(CLOSE, id="c31", legs=(OrderLeg(spelt(attack), Action.BUY, 1),))),
        verified(replace(CLOSE, id="c32", legs=(OrderLeg(spelt(attack.upper()), Action.BUY, 1),))),
        verified(replace(CLOSE, id=attack)),
        verified(replace(CLOSE, id="c33", summary=attack), reason=attack, warning=attack),
        replace(STRUCK, reason=attack, broker_warning=attack, candidate=replace(STRUCK.candidate, id=attack)),
    )
    payload = build_payload(task(breach=attack, of=(*VERIFIED, *foreign)), may_send_notes=False)
    text = payload.text()
    assert CANARY not in text
    assert HOST not in text
    assert all(secret not in text for secret in SECRETS)
    assert {each.id for each in payload.candidates} == {*FACTS.ids, "c33"}
    assert attack not in Facts.of(payload).symbols


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_answer_that_echoes_an_attack_names_no_other_trade_and_shows_nothing_dangerous(attack: str) -> None:
    answer = check(
        ranking=[
            {"candidate_id": attack, "rationale": "It cures."},
            {"candidate_id": "c07", "rationale": attack, "watch": [attack, "VIX at 24.6"]},
            {"candidate_id": "c99", "rationale": attack},
        ],
        comment=attack,
        wish={"reason": attack, "max_cost_usd": 2000, "kinds": [attack], "underlyings": [attack, "SPX"]},
    )
    assert [each.candidate_id for each in answer.opinions] == ["c07"]
    assert answer.removed >= 4
    assert answer.wish == SearchLimits(max_cost_usd=2000.0, underlyings=frozenset({"SPX"}))
    for text, owners in texts(answer):
        assert_shown_safely(text)
        if text != template(SITUATION, BY_ID["c07"]) and not text.startswith("Another search"):
            assert false_claims(text, FACTS.about(owners)) == ()
    assert "6750" not in " ".join(text for text, _ in texts(answer))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_reason_of_the_broker_s_is_shown_plain(attack: str) -> None:
    text = template(SITUATION, replace(STRUCK, reason=attack))
    assert not set(text) & MARKUP
    assert text.isprintable()
    assert not has_link(text)
    assert len(text) < 500


def test_an_opinion_has_no_place_for_a_trade() -> None:
    assert set(Opinion.__dataclass_fields__) == {"candidate_id", "rationale", "watch"}
    assert Opinion.__dataclass_fields__["candidate_id"].type == "str"


@pytest.mark.anyio
async def test_over_the_wire_all_two_hundred_reach_nothing(rig: Rig) -> None:
    """The model itself is taken over: it echoes the attack in every field, as its whole answer and as its form."""
    rig.set(may_send_notes=True, cool_down_s=0.0)
    for number, attack in enumerate(ATTACKS):
        said = {"ranking": [{"candidate_id": "c03", "rationale": attack, "watch": [attack]}], "comment": attack}
        rig.server.plan(Behaviour(text=f"{attack}\n{json.dumps(said)}", chunk_chars=200))
        answer = await rig.rank(task(breach=f"b-{number}", notes=(attack,)))
        assert {each.candidate_id for each in answer.opinions} <= FACTS.ids
        for text in (answer.comment, answer.wish_text, *(each.rationale for each in answer.opinions)):
            assert_shown_safely(text)
    assert len(rig.server.requests) == 200
    for request in rig.server.requests:
        raw = request.raw.decode()
        assert HOST not in raw
        assert all(secret not in raw for secret in SECRETS)
        assert "tools" not in request.body
        assert "functions" not in request.body
