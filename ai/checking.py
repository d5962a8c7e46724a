"""Takes out of a model's answer what it may not say: other candidates, figures that are not in the payload, markup."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from ai.answer import ModelAnswer, RankedCandidate, Wish
from ai.claims import false_claims, mentioned
from ai.facts import COMMON, Facts, Figure
from ai.payload import MayAskFor, Payload, Unit
from ai.plain import clip, has_link, is_latin, plain, sentences
from ai.wishes import search_limits, wish_words
from models.hedge import SearchLimits
from models.ranking import Opinion

_LONGEST_RATIONALE: Final = 600
_LONGEST_COMMENT: Final = 800
_LONGEST_WATCH: Final = 160
_LONGEST_REASON: Final = 240
#: What is longer is no sentence; looking through it would hold up the engine.
_LONGEST_SENTENCE: Final = 500
_MOST_SENTENCES: Final = 24
_ENDS: Final = (".", "!", "?", "…")
_MOST_WATCHED: Final = 3

#: Candidate id -> the desk's own sentence on it.
Template = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """What may be shown. `removed` counts every figure, contract, candidate, link and constraint that was taken out."""

    opinions: tuple[Opinion, ...]
    comment: str
    wish: SearchLimits | None
    wish_text: str
    removed: int


class Checker:
    """Checks answers to one payload."""

    def __init__(self, payload: Payload, template: Template) -> None:
        """`template` speaks where the model said nothing that holds."""
        self._facts = Facts.of(payload)
        self._may_ask_for = payload.may_ask_for
        self._template = template

    def check(self, answer: ModelAnswer) -> CheckedAnswer:
        """Returns the answer without what is not true: unknown candidates and repeated ones go whole."""
        sieve = _Sieve(self._facts)
        opinions: dict[str, Opinion] = {}
        for ranked in answer.ranking:
            name = ranked.candidate_id.strip().lower()
            if name not in self._facts.ids or name in opinions:
                sieve.removed += 1
            else:
                opinions[name] = self._opinion(name, ranked, sieve)
        comment = sieve.text(answer.comment, _LONGEST_COMMENT)
        wish, wish_text = _wish(answer.wish, self._may_ask_for, sieve)
        return CheckedAnswer(tuple(opinions.values()), comment, wish, wish_text, sieve.removed)

    def _opinion(self, name: str, ranked: RankedCandidate, sieve: _Sieve) -> Opinion:
        rationale = sieve.text(ranked.rationale, _LONGEST_RATIONALE, own=name)
        watched = [sieve.text(each, _LONGEST_WATCH, own=name) for each in ranked.watch[:_MOST_WATCHED]]
        return Opinion(name, rationale or self._template(name), tuple(filter(None, watched)))


class _Sieve:
    """Lets sentences through that hold, and counts what it keeps back."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.removed = 0

    def text(self, text: str, longest: int, *, own: str | None = None) -> str:
        """Returns the sentences of a text that hold for its candidate and those they name; without one, for any."""
        kept: list[str] = []
        found = sentences(text)
        self.removed += len(found[_MOST_SENTENCES:])
        for sentence in found[:_MOST_SENTENCES]:
            if len(sentence) > _LONGEST_SENTENCE:
                self.removed += 1
                continue
            line = plain(sentence)
            if has_link(sentence) or has_link(line) or not is_latin(line):
                self.removed += 1
                continue
            owners = mentioned(line, self.facts) | ({own} if own is not None else frozenset())
            false = false_claims(line, self.facts.about(owners or self.facts.ids))
            self.removed += len(false)
            if not false and any(each.isalpha() for each in line):
                kept.append(line)
        return _fitting(kept, longest)


def _fitting(lines: list[str], longest: int) -> str:
    """Joins as many whole sentences as fit; a first one that is too long alone is cut.

    Lines end in a point where another follows: two of them are not to read as one figure or contract.
    """
    text = ""
    for line in lines:
        longer = f"{text}{'' if text.endswith(_ENDS) else '.'} {line}" if text else line
        if len(longer) > longest:
            break
        text = longer
    return text or (clip(lines[0], longest) if lines else "")


def _wish(wish: Wish | None, may_ask_for: MayAskFor, sieve: _Sieve) -> tuple[SearchLimits | None, str]:
    if wish is None:
        return None, ""
    limits, dropped = search_limits(wish, may_ask_for)
    sieve.removed += dropped
    if limits is None:
        return None, ""
    sieve.facts = replace(sieve.facts, figures=(*sieve.facts.figures, *_figures(limits)))
    return limits, f"{wish_words(limits)} {sieve.text(wish.reason, _LONGEST_REASON)}".strip()


def _figures(limits: SearchLimits) -> Iterator[Figure]:
    """The constraints themselves may be spoken of."""
    for value in (limits.max_cost_usd, limits.max_theta_given_up_per_day):
        if value is not None:
            yield Figure(value, Unit.USD, COMMON)
    yield Figure(limits.max_legs, Unit.COUNT, COMMON)
    if limits.max_days_to_expiry is not None:
        yield Figure(limits.max_days_to_expiry, Unit.DAYS, COMMON)
