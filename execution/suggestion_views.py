"""What the AI panel shows: suggestions against a breach, the analyst's words, and how following them has paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from models.enums import Regime
from models.hedge import Situation, Verified

#: Suggestions a line of the scoreboard must count before its averages mean anything.
ENOUGH_TO_TELL: Final = 20


class AnalystPhase(StrEnum):
    """What the language model is doing for a set of suggestions."""

    #: No key, switched off, or offline: the panel works with the solver's own ranking.
    OFF = "OFF"
    WAITING_CONSENT = "WAITING_CONSENT"
    WORKING = "WORKING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class SearchPhase(StrEnum):
    """Where the desk's own search is."""

    SEARCHING = "SEARCHING"
    VERIFYING = "VERIFYING"
    READY = "READY"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One card. `id` is `signals.id`. `rank` counts from 1 in the order shown; 0 = struck out.

    `rationale` is the model's when `is_from_model`, else the desk's own sentence. `dismissed`: the user's reason, None
    while it stands.
    """

    id: str
    verified: Verified
    rank: int
    solver_rank: int
    rationale: str
    is_from_model: bool
    watch: tuple[str, ...] = ()
    accepted_at_utc: datetime | None = None
    dismissed: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still be loaded."""
        return self.rank > 0 and self.dismissed is None


@dataclass(frozen=True, slots=True)
class AnalystReport:
    """What the model did for one set. Tokens and cost are None while unknown; `cost_usd` by the prices in the settings.

    `removed_claims`: numbers and contracts it wrote that are not in the payload; they were taken out.
    """

    phase: AnalystPhase
    #: Why it is off or failed, in words; empty else.
    text: str
    model: str
    comment: str = ""
    removed_claims: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    seconds: float | None = None
    #: A further search the model asked for, in words; empty = none.
    asked_for: str = ""


@dataclass(frozen=True, slots=True)
class SuggestionSet:
    """The suggestions against one breach, or for a step up of the regime. `key`: the breach's id, or "premortem"."""

    key: str
    #: Of this search: a new one has another.
    set_id: str
    breach_id: str | None
    title: str
    situation: Situation
    search: SearchPhase
    search_text: str
    scored_count: int
    suggestions: tuple[Suggestion, ...]
    analyst: AnalystReport
    made_at_utc: datetime
    #: How many candidates the search found, all of which are verified.
    found_count: int = 0


@dataclass(frozen=True, slots=True)
class PreMortem:
    """What would break if the regime stepped up now; `metrics` in words with figures, empty = nothing would."""

    at_utc: datetime
    regime: Regime
    lines: tuple[str, ...]
    breaks: bool


@dataclass(frozen=True, slots=True)
class SuggestionsState:
    """Published whenever something changed; sets newest first."""

    sets: tuple[SuggestionSet, ...]
    premortem: PreMortem | None


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """How one horizon ("1 hour", "1 day", "expiry") went, on average; dollars. None = nothing marked yet.

    Of each set counts what was shown first, and what was followed. The three averages are profits of the whole book of
    the moment they were made in, over the same `count` suggestions: with the suggestion, left alone, with the search's
    own first choice. `unknown_count`: marks with a part that could not be known, which are not counted.
    `followed_gain_usd`: by how much those followed did better than doing nothing, on average.
    """

    horizon: str
    count: int
    followed_count: int
    suggestion_usd: float | None
    nothing_usd: float | None
    solver_first_usd: float | None
    better_than_nothing_count: int
    unknown_count: int = 0
    followed_gain_usd: float | None = None

    @property
    def is_telling(self) -> bool:
        """Whether there are enough to say more than chance would."""
        return self.count >= ENOUGH_TO_TELL


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """Whether following the suggestions paid. `accepted_count`: those of which an order went out."""

    lines: tuple[ScoreLine, ...]
    offered_count: int
    accepted_count: int
    dismissed_count: int


@dataclass(frozen=True, slots=True)
class AnalystSettingsView:
    """The analyst's settings as they are; never a key. `key_place`: where the key is kept, empty = none.

    `store_place`: where a key would be kept; `is_locked`: its passphrase is needed before the key can be read;
    `is_new_vault`: it is a vault that is made, with a new passphrase, when the first secret is kept.
    """

    is_on: bool
    base_url: str
    model: str
    key_place: str
    may_send_notes: bool
    has_consented: bool
    usd_per_million_in: float | None
    usd_per_million_out: float | None
    problem: str = ""
    store_place: str = ""
    is_locked: bool = False
    is_new_vault: bool = False


@dataclass(frozen=True, slots=True)
class PayloadView:
    """Exactly what would be or was sent, as text."""

    text: str
    sent_at_utc: datetime | None
    destination: str
    sha256: str
