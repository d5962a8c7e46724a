"""Answers a broken limit with trades that cure it: searched, verified, ranked, kept; and what a step up would break.

One search at a time, beside the engine's thread; the panel sees each step. A search whose breach is over is broken off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from execution.commands import TicketDraft
from execution.core import DeskCore
from execution.hedging.consulting import Consultant, Rerun
from execution.hedging.finding import PREMORTEM, Finder, HedgeTask
from execution.hedging.keeping import SuggestionKeeper
from execution.hedging.listing import ListingDesk
from execution.hedging.premortem import next_regime, premortem
from execution.hedging.sets import SetBook, fresh_set, suggestions_of
from execution.hedging.verifying import Verifier
from execution.risk.breaches import BreachMonitor
from execution.risk.limits import metric_values
from execution.risk.watch import RiskWatch
from execution.suggestion_views import SearchPhase, Suggestion, SuggestionSet
from execution.views import LogLine, Publisher, Severity
from models.clock import Clock
from models.enums import BreachState, FeedState, Metric, OrderType, TimeInForce
from models.errors import InvalidInput, KnownError
from models.hedge import HedgeCandidate, SearchLimits, Verified
from models.ids import new_order_id, new_uuid
from models.risk import RiskBreach
from models.suggestion_records import SuggestionFate

_LOG = logging.getLogger(__name__)
_LOOK_S: Final = 0.5
_PREMORTEM_EVERY_S: Final = 5.0
#: A search that failed is tried again by itself after this long, then after twice as long, and so on.
_AGAIN_AFTER_S, _AGAIN_MOST_S = 20.0, 320.0
#: A broker that leaves so many what-ifs in a row without an answer is not asked the rest.
_MOST_UNANSWERED: Final = 2
_NOT_NOW: Final = "The desk searches as soon as it is connected and SPX, VIX and the limits are known."
_LOOKS_ON: Final = "This desk is read-only: another one works on the same database, and searches."
_FAILED_BY_WISH: Final = "The other search that the model asked for failed; these stand."
_NOTHING_BY_WISH: Final = "The other search that the model asked for found nothing to offer; these stand."
_FAULT: Final = "A fault of the desk; the log file has the details."


class SuggestionService:
    """Engine thread only."""

    def __init__(
        self,
        *,
        core: DeskCore,
        breaches: BreachMonitor,
        watch: RiskWatch,
        listing: ListingDesk,
        finder: Finder,
        verifier: Verifier,
        consultant: Consultant,
        keeper: SuggestionKeeper,
        sets: SetBook,
        publisher: Publisher,
        clock: Clock,
    ) -> None:
        self._core = core
        self._breaches = breaches
        self._watch = watch
        self._listing = listing
        self._finder = finder
        self._verifier = verifier
        self._consultant = consultant
        self._keeper = keeper
        self._sets = sets
        self._publisher = publisher
        self._clock = clock
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()
        #: Loop time before which a search that failed is not begun again, and how long was waited for it.
        self._again_at: dict[str, tuple[float, float]] = {}
        #: Version of the positions on which each suggestion was verified.
        self._held_at: dict[str, int] = {}
        self._premortem_at = 0.0
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="hedge-search")

    async def run(self) -> None:
        """Follows the breaches until it is cancelled."""
        self._sets.tell()
        try:
            while True:
                self._follow_breaches()
                self._look_ahead()
                await asyncio.sleep(_LOOK_S)
        finally:
            for job in self._jobs.values():
                job.cancel()
            await asyncio.gather(*self._jobs.values(), return_exceptions=True)
            await self._consultant.stop_all()
            self._worker.shutdown(wait=False, cancel_futures=True)

    # --- the panel's commands -----------------------------------------------------------------------------------------

    def find(self, breach_id: str | None, wish: SearchLimits | None) -> None:
        """Searches again, at once; raises KnownError while that is not possible."""
        if not self._is_calm():
            raise KnownError("There is nothing to search on now.", cure=self._why_not())
        if breach_id is not None and breach_id not in self._open():
            raise InvalidInput("breach", "That breach is over.")
        if breach_id is None and next_regime(self._core.regime.regime) is None:
            raise InvalidInput("regime", "The regime cannot step up any further.")
        self._begin(self._task(breach_id or PREMORTEM), wish or SearchLimits())

    async def verify(self, suggestion_id: str) -> Suggestion:
        """Reprices one, holds it against the limits and asks the broker again."""
        if not self._is_calm():
            raise KnownError("It cannot be simulated now.", cure=self._why_not())
        held, suggestion = self._sets.find(suggestion_id)
        contracts = [leg.contract for one in held.suggestions for leg in one.verified.candidate.legs]
        task, version = self._task(held.key), self._core.position_version
        look = self._finder.look(contracts, task)
        verified = await self._verifier.verify(suggestion.verified.candidate, look, _must_cure(task, held))
        self._held_at[suggestion_id] = version
        return self._sets.change(suggestion_id, lambda one: replace(one, verified=verified))

    async def load(self, suggestion_id: str) -> TicketDraft:
        """Returns the suggestion as a ticket; nothing is sent, it still needs Simulate and Send."""
        _, suggestion = self._sets.find(suggestion_id)
        candidate = suggestion.verified.candidate
        if not suggestion.is_open or candidate.account_id is None:
            raise InvalidInput("suggestion", "It is not offered any more.", cure="Simulate it again.")
        if self._held_at.get(suggestion_id) != self._core.position_version:
            raise InvalidInput(
                "suggestion", "Positions have changed since it was simulated.", cure="Simulate it again."
            )
        await self._keeper.fate(suggestion_id, SuggestionFate.LOADED)
        now_utc = self._clock.now_utc()
        with contextlib.suppress(InvalidInput):  # its set may have gone while that was written
            self._sets.change(suggestion_id, lambda one: replace(one, accepted_at_utc=now_utc))
        return TicketDraft(
            order_id=new_order_id(),
            account_id=candidate.account_id,
            legs=candidate.legs,
            order_type=OrderType.LIMIT,
            limit_price=candidate.limit_price,
            tif=TimeInForce.DAY,
            ai_suggestion_id=suggestion_id,
            ai_rationale=suggestion.rationale,
        )

    async def dismiss(self, suggestion_id: str, reason: str) -> None:
        """Takes one off the list, with the user's reason."""
        text = reason.strip()
        if not text:
            raise InvalidInput("reason", "Say in a word why, so that the scoreboard can tell later who was right.")
        self._sets.find(suggestion_id)
        await self._keeper.fate(suggestion_id, SuggestionFate.DISMISSED, text)
        with contextlib.suppress(InvalidInput):  # its set may have gone while that was written
            self._sets.change(suggestion_id, lambda one: replace(one, dismissed=text))

    async def shown(self, key: str) -> None:
        """The panel shows a set."""
        held = self._sets.get(key)
        if held is not None and held.breach_id is not None and held.search is SearchPhase.READY:
            await self._watch.advance(held.breach_id, BreachState.SHOWN)

    async def ask_analyst(self, key: str, consent_to: str) -> None:
        """Has a set ranked because the user wants it."""
        await self._consultant.ask(key, self._rerun(key), consent_to)

    # --- what is going on ---------------------------------------------------------------------------------------------

    def _follow_breaches(self) -> None:
        """A new breach is searched for, one whose limits changed anew; a set whose breach is over goes."""
        opened = self._open()
        for key in {*self._sets.keys(), *self._jobs, *self._again_at} - opened.keys():
            if key != PREMORTEM or self._has_stepped():
                self._drop(key)
        if not self._is_calm():
            return
        now = asyncio.get_running_loop().time()
        for key in (*opened, *([PREMORTEM] if self._sets.get(PREMORTEM) else [])):
            if self._is_wanted(key) and now >= self._again_at.get(key, (0.0, 0.0))[0]:
                self._begin(self._task(key), SearchLimits())

    def _is_wanted(self, key: str) -> bool:
        """Whether a search is to begin: there is none yet, the last one failed, or it was against other limits."""
        job, held = self._jobs.get(key), self._sets.get(key)
        if job is not None and not job.done():
            return False
        if held is None or held.search is SearchPhase.FAILED:
            return True
        regime = self._core.regime.regime if key != PREMORTEM else next_regime(self._core.regime.regime)
        limits = tuple(effect.limit for effect in held.situation.effects)
        return regime is not held.situation.regime or limits != self._core.limit_book.of(regime)

    def _has_stepped(self) -> bool:
        """Whether what a step up would break was looked for, and the regime is another one since."""
        held = self._sets.get(PREMORTEM)
        return held is not None and held.situation.regime is not next_regime(self._core.regime.regime)

    def _look_ahead(self) -> None:
        """Works out what the next regime would break."""
        now = asyncio.get_running_loop().time()
        if now < self._premortem_at or not self._is_calm():
            return
        self._premortem_at = now + _PREMORTEM_EVERY_S
        up = next_regime(self._core.regime.regime)
        if up is None:
            self._sets.look_ahead(None)
            return
        values = metric_values(self._core.greeks(), self._core.margin_used_pct())
        self._sets.look_ahead(premortem(up, self._core.limit_book.of(up), values, self._clock.now_utc()))

    def _begin(self, task: HedgeTask, wish: SearchLimits, stands: SuggestionSet | None = None) -> None:
        """`stands`: what is shown again if the search brings nothing that may be offered."""
        old = self._jobs.pop(task.key, None)
        if old is not None:
            old.cancel()
        self._consultant.stop(task.key)
        job = asyncio.get_running_loop().create_task(self._guarded(task, wish, stands), name=f"suggestions {task.key}")
        self._jobs[task.key] = job

    def _rerun(self, key: str) -> Rerun:
        return lambda wish: self._begin(self._task(key), wish, stands=self._sets.get(key))

    async def _guarded(self, task: HedgeTask, wish: SearchLimits, stands: SuggestionSet | None) -> None:
        """A search that fails says so on its card; the desk goes on."""
        try:
            async with self._one_at_a_time:
                try:
                    held = await self._work(task, wish)
                    is_back = stands is not None and not _has_offer(held) and self._put_back(stands, _NOTHING_BY_WISH)
                finally:
                    self._keep_quoted(stands)
            if is_back:
                return
            await self._keep(held)
            self._again_at.pop(task.key, None)
            self._consultant.consult(task.key, self._rerun(task.key))
        except KnownError as error:
            if stands is None or not self._put_back(stands, f"{_FAILED_BY_WISH} {error}"):
                self._failed(task, str(error))
        except Exception:  # noqa: BLE001 - named boundary: logged, told, and the desk goes on without suggestions
            _LOG.exception("the search for %s failed", task.key)
            self._failed(task, _FAULT)

    async def _work(self, task: HedgeTask, wish: SearchLimits) -> SuggestionSet:
        """Returns what was found, verified; each step is shown."""
        if task.breach_id is not None:
            await self._watch.advance(task.breach_id, BreachState.REQUESTED)
        # Shown before the chains are there: a broker takes its time for them.
        held = fresh_set(task, self._finder.look((), task).situation, self._open().get(task.key))
        self._sets.put(held)
        listing = await self._listing.gather()
        look = self._finder.look(listing.contracts, task)
        held = replace(held, situation=look.situation, made_at_utc=look.situation.at_utc)
        found = await asyncio.get_running_loop().run_in_executor(self._worker, look.search, wish)
        notes = " ".join(text for text in (found.note, *listing.left_out) if text)
        held = replace(
            held,
            search=SearchPhase.VERIFYING,
            scored_count=found.scored_count,
            found_count=len(found.candidates),
            search_text=notes,
        )
        self._sets.put(held)
        return await self._verified(task, held, found.candidates)

    async def _keep(self, held: SuggestionSet) -> None:
        ready = replace(held, search=SearchPhase.READY)
        await self._keeper.keep(ready)
        self._sets.put(ready)

    async def _verified(
        self, task: HedgeTask, held: SuggestionSet, candidates: tuple[HedgeCandidate, ...]
    ) -> SuggestionSet:
        """One after the other: brokers do not like many questions at once. Each is shown as soon as it is known.

        Each is held against book and market of its own moment: a slow broker takes minutes for all of them.
        """
        contracts = [leg.contract for candidate in candidates for leg in candidate.legs]
        ids: Mapping[str, str] = defaultdict(new_uuid)
        done: list[Verified] = []
        for candidate in candidates:
            if not self._is_calm():
                raise KnownError("The search was broken off.", cure=self._why_not())
            version, look = self._core.position_version, self._finder.look(contracts, task)
            done.append(await self._verifier.verify(candidate, look, _must_cure(task, held)))
            self._held_at[ids[candidate.id]] = version
            held = replace(held, suggestions=suggestions_of(held.situation, done, ids, self._consultant.words))
            self._sets.put(held)
            if self._verifier.unanswered >= _MOST_UNANSWERED:
                raise KnownError("The broker does not answer when it is asked to simulate.")
        return held

    # --- small things -------------------------------------------------------------------------------------------------

    def _is_calm(self) -> bool:
        """Whether figures and link are sound enough to search on."""
        return (
            self._core.feed is FeedState.LIVE
            and not self._core.is_read_only
            and self._core.regime.regime is not None
            and not math.isnan(self._core.spx_price())
        )

    def _why_not(self) -> str:
        return _LOOKS_ON if self._core.is_read_only else _NOT_NOW

    def _task(self, key: str) -> HedgeTask:
        breach = self._open().get(key)
        return HedgeTask(None if key == PREMORTEM else key, None if breach is None else breach.metric)

    def _put_back(self, stands: SuggestionSet, text: str) -> bool:
        """Shows a set again that another search was to replace; False when there is nothing in it to offer."""
        if not _has_offer(stands):
            return False
        self._sets.put(replace(stands, search_text=text))
        return True

    def _keep_quoted(self, stands: SuggestionSet | None = None) -> None:
        """What is shown, or may be shown again, stays quoted; what was only searched does not."""
        sets = [*map(self._sets.get, self._sets.keys()), stands]
        shown = [one for held in sets if held is not None for one in held.suggestions]
        self._listing.keep([leg.contract for one in shown for leg in one.verified.candidate.legs])
        self._held_at = {one.id: self._held_at[one.id] for one in shown if one.id in self._held_at}

    def _open(self) -> dict[str, RiskBreach]:
        return {breach.id: breach for breach in self._breaches.state().open}

    def _failed(self, task: HedgeTask, text: str) -> None:
        pause_s = min(2 * self._again_at.get(task.key, (0.0, _AGAIN_AFTER_S / 2))[1], _AGAIN_MOST_S)
        self._again_at[task.key] = asyncio.get_running_loop().time() + pause_s, pause_s
        held = self._sets.get(task.key)
        if held is None:
            # It failed before there was anything to show.
            self._publisher.notice(LogLine(self._clock.now_utc(), Severity.WARNING, "suggestions", text))
            return
        self._sets.put(replace(held, search=SearchPhase.FAILED, search_text=text))

    def _drop(self, key: str) -> None:
        job = self._jobs.pop(key, None)
        if job is not None:
            job.cancel()
        self._again_at.pop(key, None)
        self._consultant.forget(key)
        self._sets.drop(key)
        if not self._one_at_a_time.locked():  # else the search that runs does it when it ends
            self._keep_quoted()


def _must_cure(task: HedgeTask, held: SuggestionSet) -> tuple[Metric, ...]:
    return held.situation.trigger_metrics if task.metric is None else (task.metric,)


def _has_offer(held: SuggestionSet) -> bool:
    return any(one.is_open for one in held.suggestions)
