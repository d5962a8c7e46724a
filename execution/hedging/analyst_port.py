"""What the desk asks of the analyst: ranking and words, nothing else. It is composed in main and cannot reach back."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from models.hedge import Situation, Verified
from models.ranking import RankingAnswer, RankingProgress, RankingTask


class RankingAnalyst(Protocol):
    """Engine thread only. One request at a time and one per breach within its cool-down."""

    def unavailable(self) -> str:
        """Returns why the model is not asked now, in words; empty when it can be."""
        ...

    def refusal(self, task: RankingTask) -> str:
        """Returns why this very task may not be asked now (it cools down, say), in words; empty when it may."""
        ...

    def payload_text(self, task: RankingTask) -> str:
        """Returns exactly what a request for this task holds."""
        ...

    def rank(self, task: RankingTask) -> AsyncGenerator[RankingProgress | RankingAnswer, None]:
        """Asks the model; ends with one answer, or raises KnownError with what to do. May be cancelled at any point."""
        ...

    def template(self, situation: Situation, verified: Verified) -> str:
        """Returns the desk's own sentence on a candidate, made of its figures."""
        ...
