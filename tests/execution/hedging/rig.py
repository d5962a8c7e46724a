"""Candidates, situations and verdicts made by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import replace
from decimal import Decimal
from functools import wraps
from typing import Any, ParamSpec

from execution.hedging.finding import HedgeTask
from execution.hedging.sets import SetBook, fresh_set, suggestions_of
from execution.suggestion_views import SearchPhase, SuggestionSet, SuggestionsState
from models.enums import Metric, Regime
from models.hedge import HedgeCandidate, HedgeKind, LimitEffect, SearchLimits, Situation, Verdict, Verified
from models.ranking import Opinion, RankingAnswer, RankingProgress, RankingTask
from models.risk import Limit
from tests.execution.builders import ACCOUNT, NOW, condor_legs
from tests.execution.recorder import RecordingPublisher

P = ParamSpec("P")


def on_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs an async test on a loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


VEGA = Limit(Metric.VEGA, -1000.0, 2500.0)
DELTA = Limit(Metric.SPX_DELTA, -60.0, 60.0)
MARGIN = Limit(Metric.MARGIN_USED_PCT, None, 45.0)
SITUATION = Situation(
    at_utc=NOW,
    regime=Regime.MEDIUM_VOL,
    effects=(LimitEffect(VEGA, -1500.0, None), LimitEffect(DELTA, 10.0, None)),
    trigger_metrics=(Metric.VEGA,),
    spx_price=7200.75,
    vix=17.4,
)


def effects(vega: float | None = -900.0, delta: float | None = 12.0) -> tuple[LimitEffect, ...]:
    return LimitEffect(VEGA, -1500.0, vega), LimitEffect(DELTA, 10.0, delta)


def candidate(name: str = "c01", *, after: tuple[LimitEffect, ...] | None = None) -> HedgeCandidate:
    return HedgeCandidate(
        id=name,
        kind=HedgeKind.CLOSE,
        legs=condor_legs(),
        limit_price=Decimal("13.80"),
        effects=effects() if after is None else after,
        cure=1.0,
        theta_change_per_day=-30.0,
        cost_usd=1380.0,
        slippage_usd=40.0,
        margin_change_usd=-8600.0,
        worst_stress_before_usd=-20_000.0,
        worst_stress_after_usd=-15_000.0,
        worst_stress_shift=-0.4,
        summary=f"Close the condor ({name}).",
        account_id=ACCOUNT,
    )


def verified(name: str = "c01", verdict: Verdict = Verdict.OFFERED, reason: str = "") -> Verified:
    return Verified(
        candidate=candidate(name),
        verdict=verdict,
        reason=reason,
        initial_margin_change=Decimal(-8600),
        maintenance_margin_change=Decimal(-8600),
        buying_power_after=Decimal(100_000),
        fees=Decimal("2.60"),
        broker_warning=None,
        verified_at_utc=NOW,
    )


def words(_: Situation, one: Verified) -> str:
    return f"The desk's words on {one.candidate.id}."


def ready_set(*made: Verified, breach_id: str = "b1") -> SuggestionSet:
    """A set that is verified; its suggestions are called s:c01, s:c02 ..."""
    held = fresh_set(HedgeTask(breach_id), SITUATION, None)
    ids = {one.candidate.id: f"s:{one.candidate.id}" for one in made}
    return replace(held, search=SearchPhase.READY, suggestions=suggestions_of(SITUATION, made, ids, words))


def set_book() -> tuple[SetBook, RecordingPublisher]:
    publisher = RecordingPublisher()
    return SetBook(publisher), publisher


def told(publisher: RecordingPublisher) -> SuggestionsState:
    state = publisher.states[SuggestionsState]
    assert isinstance(state, SuggestionsState)
    return state


class ScriptedAnalyst:
    """Answers as it is told; `why` not empty: cannot be asked. `error` is raised in the middle of the answer."""

    def __init__(self) -> None:
        self.why = self.cooling = ""
        self.order: tuple[str, ...] = ()
        self.error: Exception | None = None
        self.wish: SearchLimits | None = None
        self.tasks: list[RankingTask] = []
        self.is_slow = False
        self.most_at_once = 0
        self._answering = 0

    def unavailable(self) -> str:
        return self.why

    def refusal(self, task: RankingTask) -> str:
        return self.cooling

    def payload_text(self, task: RankingTask) -> str:
        return "\n".join(one.candidate.summary for one in task.verified)

    def template(self, situation: Situation, verified: Verified) -> str:
        return words(situation, verified)

    async def test(self) -> str:
        return "The model answers."

    async def rank(self, task: RankingTask) -> AsyncGenerator[RankingProgress | RankingAnswer, None]:
        self.tasks.append(task)
        self._answering += 1
        self.most_at_once = max(self.most_at_once, self._answering)
        yield RankingProgress(120)
        if self.is_slow:
            await asyncio.sleep(0.02)
        self._answering -= 1
        if self.error is not None:
            raise self.error
        yield RankingAnswer(
            opinions=tuple(Opinion(name, f"The model's words on {name}.", ("SPX",)) for name in self.order),
            comment="All cure it.",
            removed_claims=1,
            wish=self.wish,
            wish_text="" if self.wish is None else "Only closes.",
            model="model-x",
            payload_sha256="0" * 64,
            tokens_in=900,
            tokens_out=80,
            cost_usd=0.01,
            seconds=1.5,
        )
