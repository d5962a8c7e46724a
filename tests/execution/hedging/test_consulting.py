"""The talk with the analyst: only after consent, broken off at any time, never in the way of the desk's own ranking."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from execution.hedging.consulting import Consultant, notes_of
from execution.hedging.keeping import SuggestionKeeper, digest
from execution.suggestion_views import AnalystPhase, AnalystReport, SearchPhase
from models.clock import ManualClock
from models.errors import InvalidInput, KnownError
from models.hedge import SearchLimits, Verdict
from models.ranking import RankingAnswer
from tests.execution.builders import NOW
from tests.execution.hedging.rig import ScriptedAnalyst, on_loop, ready_set, set_book, verified


class Keeper(SuggestionKeeper):
    """Notes what would be written."""

    def __init__(self) -> None:
        self.kept: list[RankingAnswer] = []
        self.refuses = False

    async def keep_ranking(self, held: object, answer: RankingAnswer) -> None:
        if self.refuses:
            raise KnownError("The disk is full.")
        self.kept.append(answer)


class Rig:
    """A consultant on a scripted analyst, with one set that is ready."""

    def __init__(self, *, consent: bool = True, struck_only: bool = False) -> None:
        self.analyst = ScriptedAnalyst()
        self.sets, self.publisher = set_book()
        self.consent = consent
        self.keeper = Keeper()
        self.reruns: list[SearchLimits] = []
        self.consultant = Consultant(
            analyst=self.analyst,
            has_consent=lambda: self.consent,
            give_consent=self._agree,
            notes=lambda: ("sold the condor too early",),
            destination=lambda: "model-x at https://host/v1",
            sets=self.sets,
            keeper=self.keeper,
            clock=ManualClock(NOW),
        )
        verdict = Verdict.REFUSED if struck_only else Verdict.OFFERED
        self.sets.put(ready_set(*(verified(name, verdict) for name in ("c01", "c02", "c03"))))

    async def _agree(self) -> None:
        self.consent = True

    def report(self) -> AnalystReport:
        held = self.sets.get("b1")
        assert held is not None
        return held.analyst

    def shown(self) -> list[str]:
        held = self.sets.get("b1")
        assert held is not None
        return [one.verified.candidate.id for one in held.suggestions]

    async def until(self, phase: AnalystPhase) -> AnalystReport:
        for _ in range(500):
            if self.report().phase is phase:
                return self.report()
            await asyncio.sleep(0.001)
        raise AssertionError(self.report())


@on_loop
async def test_the_models_ranking_takes_the_place_of_the_searchs_and_is_kept() -> None:
    rig = Rig()
    rig.analyst.order = ("c02",)
    rig.consultant.consult("b1", rig.reruns.append)
    report = await rig.until(AnalystPhase.DONE)
    assert rig.shown() == ["c02", "c01", "c03"]
    assert (report.model, report.tokens_in, report.removed_claims, report.comment) == (
        "model-x",
        900,
        1,
        "All cure it.",
    )
    assert [one.model for one in rig.keeper.kept] == ["model-x"]
    assert rig.analyst.tasks[0].notes == ("sold the condor too early",)


@on_loop
async def test_nothing_is_sent_before_the_user_has_agreed() -> None:
    rig = Rig(consent=False)
    rig.consultant.consult("b1", rig.reruns.append)
    assert rig.report().phase is AnalystPhase.WAITING_CONSENT
    with pytest.raises(KnownError, match="Read what would be sent"):
        await rig.consultant.ask("b1", rig.reruns.append)
    view = rig.consultant.payload("b1")
    assert (view.sent_at_utc, view.sha256) == (None, digest(view.text))
    with pytest.raises(InvalidInput, match="changed meanwhile"):
        await rig.consultant.ask("b1", rig.reruns.append, digest("something else"))
    assert (rig.analyst.tasks, rig.consent) == ([], False)
    await rig.consultant.ask("b1", rig.reruns.append, view.sha256)
    await rig.until(AnalystPhase.DONE)
    assert len(rig.analyst.tasks) == 1
    sent = rig.consultant.payload("b1")
    assert (sent.text, sent.sent_at_utc) == (view.text, NOW)


@on_loop
async def test_without_an_analyst_the_set_says_why_and_stands() -> None:
    rig = Rig()
    rig.analyst.why = "There is no key."
    rig.consultant.consult("b1", rig.reruns.append)
    assert (rig.report().phase, rig.report().text) == (AnalystPhase.OFF, "There is no key.")
    with pytest.raises(KnownError, match="There is no key"):
        await rig.consultant.ask("b1", rig.reruns.append)
    assert rig.shown() == ["c01", "c02", "c03"]


@on_loop
async def test_a_question_that_cools_down_is_refused_and_the_ranking_at_hand_stands() -> None:
    rig = Rig()
    rig.analyst.order = ("c02",)
    rig.consultant.consult("b1", rig.reruns.append)
    done = await rig.until(AnalystPhase.DONE)
    rig.analyst.cooling = "The model was asked a moment ago."
    with pytest.raises(KnownError, match="a moment ago"):
        await rig.consultant.ask("b1", rig.reruns.append)
    assert rig.report() == done
    assert rig.shown() == ["c02", "c01", "c03"]


@on_loop
async def test_where_nothing_is_offered_the_analyst_is_not_asked() -> None:
    rig = Rig(struck_only=True)
    rig.consultant.consult("b1", rig.reruns.append)
    assert rig.report().phase is AnalystPhase.OFF
    assert rig.analyst.tasks == []


@pytest.mark.parametrize(
    ("error", "said"),
    [(KnownError("The server is busy."), "The server is busy."), (RuntimeError("bug"), "A fault of the desk")],
)
@on_loop
async def test_an_analyst_that_fails_leaves_the_desks_ranking(
    error: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig()
    rig.analyst.error = error
    rig.consultant.consult("b1", rig.reruns.append)
    report = await rig.until(AnalystPhase.FAILED)
    assert report.text.startswith(said)
    assert report.text.endswith("The desk's own ranking stands.")
    assert rig.shown() == ["c01", "c02", "c03"]
    assert bool(caplog.records) is isinstance(error, RuntimeError)


@on_loop
async def test_a_second_request_that_fails_leaves_the_models_ranking_and_says_so() -> None:
    rig = Rig()
    rig.analyst.order = ("c03",)
    rig.consultant.consult("b1", rig.reruns.append)
    await rig.until(AnalystPhase.DONE)
    rig.analyst.error = KnownError("The server is busy.")
    await rig.consultant.ask("b1", rig.reruns.append)
    report = await rig.until(AnalystPhase.FAILED)
    assert report.text == "The server is busy. The model's earlier ranking stands."
    assert rig.shown() == ["c03", "c01", "c02"]


@on_loop
async def test_a_talk_is_broken_off_by_the_user_and_an_answer_for_an_older_search_is_dropped() -> None:
    rig = Rig()
    rig.analyst.order = ("c03",)
    rig.consultant.consult("b1", rig.reruns.append)
    rig.consultant.stop("b1")
    assert rig.report().phase is AnalystPhase.CANCELLED
    await rig.consultant.stop_all()
    assert rig.keeper.kept == []
    rig.consultant.consult("b1", rig.reruns.append)
    rig.sets.put(ready_set(verified("c01"), verified("c09")))
    for _ in range(20):
        await asyncio.sleep(0)
    assert rig.shown() == ["c01", "c09"]
    assert rig.keeper.kept == []


@on_loop
async def test_the_model_may_ask_for_one_more_search_and_no_more() -> None:
    rig = Rig()
    rig.analyst.order, rig.analyst.wish = ("c01",), SearchLimits(max_legs=2)
    rig.consultant.consult("b1", rig.reruns.append)
    assert (await rig.until(AnalystPhase.DONE)).asked_for == "Only closes."
    await asyncio.sleep(0.01)
    assert rig.reruns == [SearchLimits(max_legs=2)]
    rig.sets.put(ready_set(verified("c01")))
    rig.consultant.consult("b1", rig.reruns.append)
    await rig.until(AnalystPhase.DONE)
    assert len(rig.reruns) == 1


@on_loop
async def test_the_search_a_model_asks_for_does_not_break_off_its_own_answer() -> None:
    rig = Rig()
    rig.analyst.order, rig.analyst.wish = ("c03",), SearchLimits(max_legs=2)

    def rerun(wish: SearchLimits) -> None:
        rig.consultant.stop("b1")  # as a search does that begins
        rig.reruns.append(wish)

    rig.consultant.consult("b1", rerun)
    await rig.until(AnalystPhase.DONE)
    await asyncio.sleep(0.01)
    assert (rig.reruns, rig.report().phase) == ([SearchLimits(max_legs=2)], AnalystPhase.DONE)
    assert rig.shown() == ["c03", "c01", "c02"]


@on_loop
async def test_a_ranking_that_cannot_be_kept_is_not_shown() -> None:
    rig = Rig()
    rig.analyst.order, rig.keeper.refuses = ("c03",), True
    rig.consultant.consult("b1", rig.reruns.append)
    report = await rig.until(AnalystPhase.FAILED)
    assert report.text == "The disk is full. The desk's own ranking stands."
    assert rig.shown() == ["c01", "c02", "c03"]


@on_loop
async def test_two_breaches_at_once_are_ranked_one_after_the_other() -> None:
    rig = Rig()
    rig.sets.put(ready_set(verified("c01"), verified("c02"), breach_id="b2"))
    rig.analyst.order = ("c02",)
    rig.analyst.is_slow = True
    rig.consultant.consult("b1", rig.reruns.append)
    rig.consultant.consult("b2", rig.reruns.append)
    await rig.until(AnalystPhase.DONE)
    for _ in range(200):
        await asyncio.sleep(0.001)
    assert [task.breach_id for task in rig.analyst.tasks] == ["b1", "b2"]
    assert rig.analyst.most_at_once == 1
    other = rig.sets.get("b2")
    assert other is not None
    assert other.analyst.phase is AnalystPhase.DONE


@on_loop
async def test_a_set_that_is_not_verified_yet_cannot_be_ranked() -> None:
    rig = Rig()
    held = rig.sets.get("b1")
    assert held is not None
    rig.sets.put(replace(held, search=SearchPhase.VERIFYING))
    with pytest.raises(KnownError, match="not done"):
        await rig.consultant.ask("b1", rig.reruns.append)
    rig.consultant.consult("gone", rig.reruns.append)
    with pytest.raises(KnownError, match="gone"):
        rig.consultant.payload("gone")
    assert notes_of(()) == ()
