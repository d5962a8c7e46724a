"""Keeps suggestions: the moment they were made in, the order they were shown in, and what became of them."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

from execution.core import DeskCore
from execution.hedging.sets import as_ai_suggestions
from execution.risk.watch import RiskWatch
from execution.storage import SuggestionStore
from execution.suggestion_views import SuggestionSet
from models.clock import Clock
from models.contract import Contract
from models.enums import BreachState
from models.ranking import RankingAnswer
from models.suggestion_records import LegQuote, MarkedHolding, SuggestionFate, SuggestionRecord, SuggestionSetRecord


class SuggestionKeeper:
    """Writes; and moves the breach on in its life as its suggestions come. Engine thread only."""

    def __init__(self, *, core: DeskCore, store: SuggestionStore, watch: RiskWatch, clock: Clock) -> None:
        self._core = core
        self._store = store
        self._watch = watch
        self._clock = clock

    async def keep(self, held: SuggestionSet) -> None:
        """Writes a set that is verified; raises KnownError when that fails."""
        await self._store.save_suggestions(self._record(held))
        await self._tell_breach(held)

    async def keep_ranking(self, held: SuggestionSet, answer: RankingAnswer) -> None:
        """Writes the order and the words the model gave."""
        records = self._record(held).suggestions
        await self._store.rank_suggestions(held.set_id, answer.model, answer.payload_sha256, records)
        await self._tell_breach(held)

    async def fate(self, suggestion_id: str, fate: SuggestionFate, text: str = "") -> None:
        """Writes what happened to one."""
        await self._store.record_fate(suggestion_id, fate, text, self._clock.now_utc())

    async def _tell_breach(self, held: SuggestionSet) -> None:
        if held.breach_id is not None:
            await self._watch.advance(held.breach_id, BreachState.POPULATED, as_ai_suggestions(held))

    def _record(self, held: SuggestionSet) -> SuggestionSetRecord:
        book = tuple(
            MarkedHolding(row.contract, row.quantity, self._mid(row.contract)) for row in self._core.book.structure.rows
        )
        return SuggestionSetRecord(
            id=held.set_id,
            breach_id=held.breach_id,
            made_at_utc=held.made_at_utc,
            situation=held.situation,
            book_hash=self._book_hash(),
            book=book,
            scored_count=held.scored_count,
            payload_sha256=None,
            model=None,
            suggestions=tuple(
                SuggestionRecord(
                    id=one.id,
                    position=place,
                    solver_position=one.solver_rank - 1,
                    verified=one.verified,
                    rationale=one.rationale,
                    is_from_model=one.is_from_model,
                )
                for place, one in enumerate(held.suggestions)
            ),
            quotes=self._quotes(held),
        )

    def _quotes(self, held: SuggestionSet) -> tuple[LegQuote, ...]:
        legs = (leg for one in held.suggestions for leg in one.verified.candidate.legs)
        found = (self._core.quote(key) for key in dict.fromkeys(leg.contract.key for leg in legs))
        return tuple(LegQuote(one.key, one.bid, one.ask, one.at_utc) for one in found if one is not None)

    def _mid(self, contract: Contract) -> Decimal | None:
        quote = self._core.quote(contract.key)
        if quote is None:
            return None
        if quote.bid is not None and quote.ask is not None and quote.ask > 0:
            return (quote.bid + quote.ask) / 2
        return quote.mark

    def _book_hash(self) -> str:
        rows = sorted(
            (str(row.account_id), str(row.contract.key), str(row.quantity)) for row in self._core.book.structure.rows
        )
        return digest(json.dumps(rows))


def digest(text: str) -> str:
    """Returns the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
