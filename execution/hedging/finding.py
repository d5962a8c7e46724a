"""What the service needs of a search: a frozen look at book and market, candidates of it, and a candidate's figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from models.contract import Contract
from models.enums import Metric
from models.hedge import HedgeCandidate, SearchLimits, Situation


@dataclass(frozen=True, slots=True)
class Found:
    """What a search brought, the best first and "do nothing" among them. `note`: what it could not look at."""

    candidates: tuple[HedgeCandidate, ...]
    scored_count: int
    note: str


class Look(Protocol):
    """Book, market and limits frozen at one instant. Taken on the engine thread, used on any."""

    @property
    def situation(self) -> Situation:
        """What is to be cured."""
        ...

    def search(self, wish: SearchLimits) -> Found:
        """Returns the candidates; takes a while: on a worker's thread. Raises KnownError."""
        ...

    def price(self, candidate: HedgeCandidate) -> HedgeCandidate:
        """Returns the candidate with every figure worked out anew on this look. Raises KnownError."""
        ...


class Finder(Protocol):
    """Takes looks. Engine thread only."""

    def look(self, contracts: Sequence[Contract], task: HedgeTask) -> Look:
        """Returns book and market as they are now, `contracts` to choose from.

        Raises KnownError while SPX or the regime is unknown.
        """
        ...


@dataclass(frozen=True, slots=True)
class HedgeTask:
    """What is looked for. `breach_id` None: what a step up of the regime would break.

    `metric`: the broken limit that must be cured; where no trade cures every broken one, those that cure this one and
    leave the others no worse are looked for. None: all of them must be.
    """

    breach_id: str | None
    metric: Metric | None = None

    @property
    def key(self) -> str:
        """Its name among the sets."""
        return self.breach_id or PREMORTEM


PREMORTEM = "premortem"
