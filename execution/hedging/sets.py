"""The suggestions as the panel sees them: one set a breach, ranked, with what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from execution.hedging.finding import HedgeTask
from execution.suggestion_views import (
    AnalystPhase,
    AnalystReport,
    PreMortem,
    SearchPhase,
    Suggestion,
    SuggestionSet,
    SuggestionsState,
)
from execution.views import Publisher
from models.errors import InvalidInput
from models.hedge import Situation, Verdict, Verified
from models.ids import new_uuid
from models.ranking import RankingAnswer
from models.risk import AITradeSuggestion, RiskBreach

Words = Callable[[Situation, Verified], str]
#: What the analyst says before it was asked.
NOT_ASKED: Final = AnalystReport(AnalystPhase.OFF, "", "")


class SetBook:
    """Holds the sets and tells the panel of every change. Engine thread only."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._sets: dict[str, SuggestionSet] = {}
        self._premortem: PreMortem | None = None

    def keys(self) -> tuple[str, ...]:
        """Returns the keys of all sets."""
        return tuple(self._sets)

    def get(self, key: str) -> SuggestionSet | None:
        """Returns a set."""
        return self._sets.get(key)

    def find(self, suggestion_id: str) -> tuple[SuggestionSet, Suggestion]:
        """Returns a suggestion with its set; raises InvalidInput when it is gone."""
        for held in self._sets.values():
            for one in held.suggestions:
                if one.id == suggestion_id:
                    return held, one
        raise InvalidInput("suggestion", "That suggestion is gone: its breach is over, or there are newer ones.")

    def put(self, held: SuggestionSet) -> None:
        """Takes a set in place of the one of its key."""
        self._sets[held.key] = held
        self.tell()

    def drop(self, key: str) -> None:
        """Lets a set go."""
        if self._sets.pop(key, None) is not None:
            self.tell()

    def change(self, suggestion_id: str, changed: Callable[[Suggestion], Suggestion]) -> Suggestion:
        """Replaces one suggestion and ranks its set anew; raises InvalidInput when it is gone."""
        held, _ = self.find(suggestion_id)
        moved = tuple(changed(one) if one.id == suggestion_id else one for one in held.suggestions)
        self.put(replace(held, suggestions=ranked(moved)))
        return self.find(suggestion_id)[1]

    def look_ahead(self, found: PreMortem | None) -> None:
        """Takes what a step up of the regime would break; told when it reads differently."""
        before, self._premortem = self._premortem, found
        if _reads(before) != _reads(found):
            self.tell()

    def tell(self) -> None:
        """Publishes everything."""
        newest = sorted(self._sets.values(), key=lambda held: held.made_at_utc, reverse=True)
        self._publisher.state(SuggestionsState(tuple(newest), self._premortem))


def fresh_set(task: HedgeTask, situation: Situation, breach: RiskBreach | None) -> SuggestionSet:
    """Returns the set of a search that begins."""
    names = ", ".join(metric.label for metric in situation.trigger_metrics)
    step_up = f"If the regime steps up to {situation.regime.value.removesuffix('_VOL')}: {names or 'nothing breaks'}"
    return SuggestionSet(
        key=task.key,
        set_id=new_uuid(),
        breach_id=task.breach_id,
        title=step_up if breach is None else f"{breach.metric.label} beyond its limit",
        situation=situation,
        search=SearchPhase.SEARCHING,
        search_text="",
        scored_count=0,
        suggestions=(),
        analyst=NOT_ASKED,
        made_at_utc=situation.at_utc,
    )


def suggestions_of(
    situation: Situation, verified: Iterable[Verified], ids: Mapping[str, str], words: Words
) -> tuple[Suggestion, ...]:
    """Returns verified candidates as suggestions, those offered first, in the search's own order."""
    made = (
        Suggestion(
            id=ids[one.candidate.id],
            verified=one,
            rank=0,
            solver_rank=place,
            rationale=words(situation, one),
            is_from_model=False,
        )
        for place, one in enumerate(verified, start=1)
    )
    return ranked(tuple(made))


def ranked(suggestions: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
    """Returns them with those that are offered first, counted from 1; the others keep their order behind, as 0."""
    offered = [one for one in suggestions if one.verified.verdict is Verdict.OFFERED]
    others = [one for one in suggestions if one.verified.verdict is not Verdict.OFFERED]
    return (
        *(replace(one, rank=place) for place, one in enumerate(offered, start=1)),
        *(replace(one, rank=0) for one in others),
    )


def ranked_by_model(held: SuggestionSet, answer: RankingAnswer) -> tuple[Suggestion, ...]:
    """Returns the set's suggestions in the model's order with its words; those it left out follow in the search's."""
    opinions = {one.candidate_id: (place, one) for place, one in enumerate(answer.opinions)}
    last = len(opinions)
    told: list[tuple[int, Suggestion]] = []
    for one in held.suggestions:
        place, opinion = opinions.get(one.verified.candidate.id, (last + one.solver_rank, None))
        if opinion is not None and one.verified.verdict is Verdict.OFFERED:
            told.append((place, replace(one, rationale=opinion.rationale, watch=opinion.watch, is_from_model=True)))
        else:
            told.append((last + one.solver_rank, one))
    return ranked([one for _, one in sorted(told, key=lambda pair: pair[0])])


def as_ai_suggestions(held: SuggestionSet) -> tuple[AITradeSuggestion, ...]:
    """Returns those that are offered in the shape of 002 section 2.7."""
    return tuple(
        AITradeSuggestion(
            id=one.id,
            legs=one.verified.candidate.legs,
            projected_delta_change=_delta_change(one),
            projected_theta_cost=-one.verified.candidate.theta_change_per_day,
            rationale=one.rationale,
        )
        for one in held.suggestions
        if one.rank > 0
    )


def accepted(at_utc: datetime) -> Callable[[Suggestion], Suggestion]:
    """Returns what loading does to a suggestion."""
    return lambda one: replace(one, accepted_at_utc=at_utc)


def _delta_change(one: Suggestion) -> float:
    for effect in one.verified.candidate.effects:
        if effect.metric.value == "spx_delta" and effect.before is not None and effect.after is not None:
            return effect.after - effect.before
    return 0.0


def _reads(found: PreMortem | None) -> tuple[object, ...]:
    return () if found is None else (found.regime, found.lines)
