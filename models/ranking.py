"""What passes between the desk and the analyst: a task out, checked opinions back."""

from __future__ import annotations

from dataclasses import dataclass

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
