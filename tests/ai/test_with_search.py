"""What the desk's own search finds, told to a model: whatever trade it is, true words about it lose nothing."""

from __future__ import annotations

import json

import pytest

from ai.answer import ModelAnswer
from ai.checking import Checker
from ai.payload_build import build_payload
from ai.prompt import user_text
from ai.templates import template
from analytics.hedge_search import search
from models.contract import underlying_contract
from models.enums import Metric, Regime
from models.hedge import Situation, Verdict, Verified
from models.ranking import RankingTask
from models.risk import Limit
from tests.ai.builders import verified
from tests.analytics import hedge_worlds as world
from tests.analytics.hedge_worlds import NOW, SPX, Line, call, es, limit, mes, put, spy
from tests.simulators.openai.ranking import best_by_theta

STRIKES = (6300, 6500, 6600, 6700, 6800, 6900, 7000, 7100, 7200, 7300, 7400, 7600)
MARKET = [
    *world.chain(STRIKES, (11, 25, 46)),
    *world.chain((640, 660, 680, 700, 720), (25,), "XSP"),
    *world.chain((600, 640, 660, 680, 700, 720), (25,), "SPY"),
    es(),
    mes(),
    spy(),
]
BOOKS: dict[str, tuple[list[Line], list[Limit]]] = {
    "short strangle": (
        [Line(put(6600), -3), Line(call(7300), -3)],
        [limit(Metric.VEGA, -1500, 2500), limit(Metric.SPX_DELTA, -60, 60), limit(Metric.MARGIN_USED_PCT, None, 40)],
    ),
    "long shares": (
        [Line(underlying_contract("AAPL"), 2000), Line(spy(), 300)],
        [limit(Metric.SPX_DELTA, -60, 60), limit(Metric.GAMMA, -4, None)],
    ),
    "short puts": (
        [Line(put(6700), -4), Line(put(6800, 46), -2)],
        [limit(Metric.SPX_DELTA, -60, 60), limit(Metric.GAMMA, -1, None), limit(Metric.THETA, -250, 900)],
    ),
}


def task_of(lines: list[Line], limits: list[Limit]) -> RankingTask:
    found = search(world.given(lines, MARKET, limits), keep=12)
    passed: tuple[Verified, ...] = tuple(verified(each) for each in found.candidates)
    nothing = found.candidates[-1]
    broken = tuple(effect.metric for effect in nothing.effects if effect.is_broken_before)
    return RankingTask("b-1", Situation(NOW, Regime.HIGH_VOL, nothing.effects, broken, SPX, 24.6), passed)


@pytest.fixture(scope="module", params=BOOKS)
def asked(request: pytest.FixtureRequest) -> RankingTask:
    return task_of(*BOOKS[request.param])


def test_every_trade_found_can_be_named(asked: RankingTask) -> None:
    payload = build_payload(asked, may_send_notes=False)
    assert len(payload.candidates) == len(asked.verified) > 3
    assert payload.candidates[-1].kind == "DO_NOTHING"


def test_a_model_that_repeats_the_data_loses_nothing(asked: RankingTask) -> None:
    payload = build_payload(asked, may_send_notes=False)
    text = best_by_theta({"input": user_text(payload)})
    answer = ModelAnswer.model_validate(json.loads(text))
    by_id = {each.candidate.id: each for each in asked.verified}
    checked = Checker(payload, lambda name: template(asked.situation, by_id[name])).check(answer)
    assert checked.removed == 0
    assert len(checked.opinions) == len(payload.candidates)
    assert checked.comment


def test_the_desk_s_own_words_hold_for_every_trade(asked: RankingTask) -> None:
    for each in asked.verified:
        assert each.verdict is Verdict.OFFERED
        text = template(asked.situation, each)
        assert "nan" not in text
        assert "None" not in text
        assert all(leg.contract.label in text for leg in each.candidate.legs)
        assert text.endswith(".")
        assert 40 < len(text) < 600
