"""Lets the analyst rank what is verified: after the user has read what is sent, once a breach, broken off at any time.

Without an analyst the panel works by the search's own ranking and the desk's own words, and says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from execution.hedging.analyst_port import RankingAnalyst
from execution.hedging.keeping import SuggestionKeeper, digest
from execution.hedging.sets import SetBook, ranked_by_model
from execution.suggestion_views import AnalystPhase, AnalystReport, PayloadView, SearchPhase, SuggestionSet
from models.clock import Clock
from models.errors import InvalidInput, KnownError
from models.hedge import SearchLimits, Situation, Verified
from models.order import Order
from models.ranking import RankingAnswer, RankingProgress, RankingTask

_LOG = logging.getLogger(__name__)
_FAULT: Final = "A fault of the desk; the log file has the details."
_READ_FIRST: Final = "Read what would be sent, then allow it once for this server."
#: A model that always wants another search is asked no more often than this for one breach.
_MOST_WISHES: Final = 1
_MOST_NOTES: Final = 10
Rerun = Callable[[SearchLimits], None]


class Consultant:
    """Talks to the analyst for the sets. Engine thread only."""

    def __init__(
        self,
        *,
        analyst: RankingAnalyst,
        has_consent: Callable[[], bool],
        give_consent: Callable[[], Awaitable[None]],
        notes: Callable[[], tuple[str, ...]],
        destination: Callable[[], str],
        sets: SetBook,
        keeper: SuggestionKeeper,
        clock: Clock,
    ) -> None:
        """`notes` are the user's own words on the journal, empty unless allowed; `destination`: server and model."""
        self._analyst = analyst
        self._has_consent = has_consent
        self._give_consent = give_consent
        self._notes = notes
        self._destination = destination
        self._sets = sets
        self._keeper = keeper
        self._clock = clock
        self._talks: dict[str, asyncio.Task[None]] = {}
        #: The analyst answers one request at a time; that of another breach waits.
        self._one_at_a_time = asyncio.Lock()
        self._sent: dict[str, PayloadView] = {}
        self._wishes: dict[str, int] = {}

    def words(self, situation: Situation, verified: Verified) -> str:
        """Returns the desk's own sentence on a candidate."""
        return self._analyst.template(situation, verified)

    def consult(self, key: str, rerun: Rerun) -> None:
        """Has a fresh set ranked, if the analyst can be asked and the user has agreed; else says why not."""
        held = self._sets.get(key)
        if held is None:
            return
        why = self._why_not(held)
        if why:
            self._report(held, AnalystPhase.OFF, why)
        elif not any(one.rank > 0 for one in held.suggestions):
            self._report(held, AnalystPhase.OFF, "Nothing is offered, so there is nothing to rank.")
        elif not self._has_consent():
            self._report(held, AnalystPhase.WAITING_CONSENT, _READ_FIRST)
        else:
            self._start(held, rerun)

    async def ask(self, key: str, rerun: Rerun, consent_to: str = "") -> None:
        """Has a set ranked because the user wants it; raises KnownError saying why it cannot be.

        `consent_to`: the fingerprint of the payload that the user has read and agrees to send.
        """
        held = self._sets.get(key)
        if held is None or held.search is not SearchPhase.READY:
            raise InvalidInput("set", "The search is not done yet.")
        why = self._why_not(held)
        if why:
            raise KnownError(why)
        if consent_to:
            if consent_to != self._view(self._task(held), is_sent=False).sha256:
                raise InvalidInput("payload", "What would be sent has changed meanwhile.", cure="Read it once more.")
            await self._give_consent()
        if not self._has_consent():
            raise InvalidInput("consent", _READ_FIRST)
        now = self._sets.get(key)
        if now is None or now.set_id != held.set_id:
            raise InvalidInput("set", "There are newer suggestions.", cure="Ask about those.")
        self._start(now, rerun)

    def payload(self, key: str) -> PayloadView:
        """Returns what was sent for a set, or what would be."""
        sent = self._sent.get(key)
        held = self._sets.get(key)
        if sent is not None and held is not None and held.analyst.phase is not AnalystPhase.WAITING_CONSENT:
            return sent
        if held is None:
            raise InvalidInput("set", "Those suggestions are gone.")
        return self._view(self._task(held), is_sent=False)

    def stop(self, key: str) -> None:
        """Breaks off the request of a set."""
        talk = self._talks.pop(key, None)
        if talk is None or talk.done():
            return
        talk.cancel()
        held = self._sets.get(key)
        if held is not None:
            self._report(held, AnalystPhase.CANCELLED, f"Stopped. {_what_stands(held)}")

    def forget(self, key: str) -> None:
        """Lets a set go that is over."""
        self.stop(key)
        self._sent.pop(key, None)
        self._wishes.pop(key, None)

    async def stop_all(self) -> None:
        """Breaks off everything, and returns when it has ended."""
        talks = [talk for talk in self._talks.values() if not talk.done()]
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    # --- inside ---

    def _why_not(self, held: SuggestionSet) -> str:
        """Why the analyst cannot be asked, empty when it can be; a settings file edited by hand may be the reason."""
        try:
            return self._analyst.unavailable() or self._analyst.refusal(self._task(held))
        except KnownError as error:
            return str(error)

    def _start(self, held: SuggestionSet, rerun: Rerun) -> None:
        self.stop(held.key)
        task = self._task(held)
        self._sent[held.key] = self._view(task, is_sent=True)
        self._report(held, AnalystPhase.WORKING, "Asked…")
        talk = asyncio.get_running_loop().create_task(self._talk(held.key, held.set_id, task, rerun), name="analyst")
        self._talks[held.key] = talk

    async def _talk(self, key: str, set_id: str, task: RankingTask, rerun: Rerun) -> None:
        wish: SearchLimits | None = None
        try:
            async with self._one_at_a_time, aclosing(self._analyst.rank(task)) as answering:
                async for told in answering:
                    held = self._sets.get(key)
                    if held is None or held.set_id != set_id:
                        return
                    if isinstance(told, RankingProgress):
                        text = f"Answering… {told.received_chars:,} characters so far"
                        self._report(held, AnalystPhase.WORKING, text)
                    else:
                        wish = await self._take(held, told)
            if wish is not None:
                # Its request has ended: the search that follows would break it off, and say so.
                self._talks.pop(key, None)
                rerun(wish)
        except KnownError as error:
            self._end(key, set_id, str(error))
        except Exception:  # noqa: BLE001 - named boundary: logged, told; the desk's own ranking stands
            _LOG.exception("the analyst failed")
            self._end(key, set_id, _FAULT)

    async def _take(self, held: SuggestionSet, answer: RankingAnswer) -> SearchLimits | None:
        """Takes the ranking; returns the other search that is wished for, None when there is to be none."""
        asked_for = answer.wish_text if answer.wish is not None else ""
        report = AnalystReport(
            phase=AnalystPhase.DONE,
            text="",
            model=answer.model,
            comment=answer.comment,
            removed_claims=answer.removed_claims,
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            cost_usd=answer.cost_usd,
            seconds=answer.seconds,
            asked_for=asked_for,
        )
        ranked = replace(held, suggestions=ranked_by_model(held, answer), analyst=report)
        await self._keeper.keep_ranking(ranked, answer)
        now = self._sets.get(held.key)
        if now is None or now.set_id != held.set_id:
            return None
        # Of what is shown now: a card may have been dismissed while that was written.
        self._sets.put(replace(now, suggestions=ranked_by_model(now, answer), analyst=report))
        if answer.wish is None or self._wishes.get(held.key, 0) >= _MOST_WISHES:
            return None
        self._wishes[held.key] = self._wishes.get(held.key, 0) + 1
        return answer.wish

    def _end(self, key: str, set_id: str, why: str) -> None:
        held = self._sets.get(key)
        if held is not None and held.set_id == set_id:
            self._report(held, AnalystPhase.FAILED, f"{why} {_what_stands(held)}")

    def _report(self, held: SuggestionSet, phase: AnalystPhase, text: str) -> None:
        self._sets.put(replace(held, analyst=AnalystReport(phase, text, self._destination())))

    def _task(self, held: SuggestionSet) -> RankingTask:
        in_solver_order = sorted(held.suggestions, key=lambda one: one.solver_rank)
        return RankingTask(
            breach_id=held.breach_id,
            situation=held.situation,
            verified=tuple(one.verified for one in in_solver_order),
            notes=self._notes(),
        )

    def _view(self, task: RankingTask, *, is_sent: bool) -> PayloadView:
        text = self._analyst.payload_text(task)
        at_utc = self._clock.now_utc() if is_sent else None
        return PayloadView(text, at_utc, self._destination(), digest(text))


def _what_stands(held: SuggestionSet) -> str:
    whose = "The model's earlier" if any(one.is_from_model for one in held.suggestions) else "The desk's own"
    return f"{whose} ranking stands."


def notes_of(orders: Iterable[Order]) -> tuple[str, ...]:
    """Returns the user's own words on the newest orders of the session."""
    notes = (one.user_rationale.strip() for one in orders)
    return tuple([note for note in notes if note][:_MOST_NOTES])
