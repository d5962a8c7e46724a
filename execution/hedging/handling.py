"""Answers the AI panel's commands; each arm is one command's meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from execution import suggestion_commands as commands
from execution.hedging.analyst_desk import AnalystDesk
from execution.hedging.consulting import Consultant
from execution.hedging.scoring import SuggestionScorer, scoreboard
from execution.hedging.service import SuggestionService
from execution.storage import SuggestionStore


@dataclass(frozen=True, slots=True)
class SuggestionHandler:
    """What the panel's commands work on."""

    service: SuggestionService
    consultant: Consultant
    analyst: AnalystDesk
    store: SuggestionStore
    scorer: SuggestionScorer

    async def handle(self, command: commands.SuggestionCommand) -> Any:  # noqa: C901, PLR0911 - one arm a command
        """Returns the answer named in the command's docstring; raises KnownError with what to do."""
        match command:
            case commands.FindSuggestions(breach_id, wish):
                return self.service.find(breach_id, wish)
            case commands.VerifySuggestion(suggestion_id):
                return await self.service.verify(suggestion_id)
            case commands.LoadSuggestion(suggestion_id):
                return await self.service.load(suggestion_id)
            case commands.DismissSuggestion(suggestion_id, reason):
                return await self.service.dismiss(suggestion_id, reason)
            case commands.SuggestionsShown(key):
                return await self.service.shown(key)
            case commands.AskAnalyst(key, consent_to):
                return await self.service.ask_analyst(key, consent_to)
            case commands.StopAnalyst(key):
                return self.consultant.stop(key)
            case commands.ReadPayload(key):
                return self.consultant.payload(key)
            case commands.ReadScoreboard():
                return scoreboard(await self.store.scored_suggestions())
            case commands.ReadAnalystSettings():
                return await self.analyst.view()
            case commands.SaveAnalystSettings():
                return await self.analyst.save(command)
            case commands.TestAnalyst():
                return await self.analyst.test()
