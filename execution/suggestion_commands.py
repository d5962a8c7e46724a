"""What the AI panel may ask of the engine. Each is a frozen value; `Desk.handle` answers with the type named."""

from __future__ import annotations

from dataclasses import dataclass

from models.hedge import SearchLimits
from models.secret_text import SecretText


@dataclass(frozen=True, slots=True)
class FindSuggestions:
    """-> None; `SuggestionsState` follows. Searches again, at once; `breach_id` None: for a step up of the regime."""

    breach_id: str | None
    wish: SearchLimits | None = None


@dataclass(frozen=True, slots=True)
class VerifySuggestion:
    """-> suggestion_views.Suggestion. Reprices it, holds it against the limits and asks the broker again."""

    suggestion_id: str


@dataclass(frozen=True, slots=True)
class LoadSuggestion:
    """-> commands.TicketDraft with the suggestion's id and rationale; InvalidInput when it is not offered any more."""

    suggestion_id: str


@dataclass(frozen=True, slots=True)
class DismissSuggestion:
    """-> None. With the user's reason, which is kept."""

    suggestion_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SuggestionsShown:
    """-> None. The panel shows this set: its breach becomes SHOWN."""

    key: str


@dataclass(frozen=True, slots=True)
class AskAnalyst:
    """-> None. Has the model rank this set now; InvalidInput "consent" while the user has not agreed to what is sent.

    `consent_to`: the SHA-256 of the payload he has read and agrees to send; it holds for exactly that.
    """

    key: str
    consent_to: str = ""


@dataclass(frozen=True, slots=True)
class StopAnalyst:
    """-> None. Breaks off the request of this set."""

    key: str


@dataclass(frozen=True, slots=True)
class ReadPayload:
    """-> suggestion_views.PayloadView. What would be sent for this set, or what was."""

    key: str


@dataclass(frozen=True, slots=True)
class ReadScoreboard:
    """-> suggestion_views.Scoreboard."""


@dataclass(frozen=True, slots=True)
class ReadAnalystSettings:
    """-> suggestion_views.AnalystSettingsView."""


@dataclass(frozen=True, slots=True)
class SaveAnalystSettings:
    """-> suggestion_views.AnalystSettingsView. `api_key`: None = leave it, empty = forget it. InvalidInput by field.

    `passphrase`: of the vault, where the key is kept in one that is locked or not made yet.
    """

    is_on: bool
    base_url: str
    model: str
    api_key: SecretText | None
    may_send_notes: bool
    usd_per_million_in: float | None
    usd_per_million_out: float | None
    passphrase: SecretText | None = None


@dataclass(frozen=True, slots=True)
class TestAnalyst:
    """-> str, what the server said to a request of no content, in words; KnownError with what to do."""


SuggestionCommand = (
    FindSuggestions
    | VerifySuggestion
    | LoadSuggestion
    | DismissSuggestion
    | SuggestionsShown
    | AskAnalyst
    | StopAnalyst
    | ReadPayload
    | ReadScoreboard
    | ReadAnalystSettings
    | SaveAnalystSettings
    | TestAnalyst
)
