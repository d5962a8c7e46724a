"""What the desk asks of the analyst: ranking and words, nothing else. It is composed in main and cannot reach back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from models.hedge import SearchLimits, Situation, Verified


@dataclass(frozen=True, slots=True)
class RankingTask:
    """One request. `verified` in the solver's order; only OFFERED ones may be chosen. `notes`: only if allowed."""

    breach_id: str | None
    situation: Situation
    verified: tuple[Verified, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the model says of one candidate, checked: every figure and contract in it stands in the payload."""

    candidate_id: str
    rationale: str
    watch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RankingProgress:
    """The model is at work: characters received so far."""

    received_chars: int


@dataclass(frozen=True, slots=True)
class RankingAnswer:
    """The checked answer: best first. `wish` asks for another search. Tokens and cost None = not told."""

    opinions: tuple[Opinion, ...]
    comment: str
    removed_claims: int
    wish: SearchLimits | None
    wish_text: str
    model: str
    payload_sha256: str
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    seconds: float


class RankingAnalyst(Protocol):
    """Engine thread only. One request at a time and one per breach within its cool-down."""

    def unavailable(self) -> str:
        """Returns why the model is not asked now, in words; empty when it can be."""
        ...

    def payload_text(self, task: RankingTask) -> str:
        """Returns exactly what a request for this task holds."""
        ...

    def rank(self, task: RankingTask) -> AsyncIterator[RankingProgress | RankingAnswer]:
        """Asks the model; ends with one answer, or raises KnownError with what to do. May be cancelled at any point."""
        ...

    def template(self, situation: Situation, verified: Verified) -> str:
        """Returns the desk's own sentence on a candidate, made of its figures."""
        ...
