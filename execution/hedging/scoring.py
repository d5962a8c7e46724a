"""Holds suggestions against doing nothing, an hour, a day and an expiration after they were made, and keeps the score.

Contracts are quoted for as long as a mark takes. What is due while the desk is off or the exchange closed is marked as
soon as it can be, or recorded as not known when that is too late.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from typing import Final

from execution.core import DeskCore, underlyings_of
from execution.hedging.appointments import Appointment, Appointments
from execution.hedging.marking import Moment, Worth, book_worth, has_expired, legs_worth
from execution.storage import SessionCalendar, SuggestionStore
from execution.suggestion_views import Scoreboard, ScoreLine
from execution.views import LogLine, Publisher, Severity
from models.contract import Contract
from models.enums import FeedState
from models.errors import KnownError
from models.hedge import Verdict
from models.ids import ContractKey
from models.suggestion_records import (
    DueMark,
    Horizon,
    ScoredSuggestion,
    SuggestionMark,
    SuggestionRecord,
    SuggestionSetRecord,
)

_LOG = logging.getLogger(__name__)
#: Who wants the quotes.
OWNER: Final = "scoring"
_EVERY_S: Final = 60.0
_LOOK_S: Final = 0.1
#: A quote that came since it was asked for, or little before.
_NEW_S: Final = 60.0
#: How often a mark that lacks a price is tried before it is kept without.
_TRIES: Final = 3
_Key = tuple[str, Horizon]


class SuggestionScorer:
    """Engine thread only; an engine task. A mark that cannot be made is told and tried again; the desk goes on."""

    def __init__(
        self,
        *,
        core: DeskCore,
        store: SuggestionStore,
        sessions: SessionCalendar,
        publisher: Publisher,
        keeps_hours: bool = True,
        wait_s: float = 10.0,
    ) -> None:
        self._core = core
        self._store = store
        self._publisher = publisher
        self._appointments = Appointments(sessions, keeps_hours=keeps_hours)
        self._rounds = int(wait_s / _LOOK_S)
        self._tries: Counter[_Key] = Counter()
        #: Sets that a fault of ours keeps from being marked in this run of the desk.
        self._faulty: set[str] = set()
        self._told = ""

    async def run(self) -> None:
        """Marks what is due, for as long as the desk runs."""
        while True:
            await self.mark_due()
            await asyncio.sleep(_EVERY_S)

    async def mark_due(self) -> None:
        """Marks what is due and can be marked now; nothing while the feed is not live or nothing may be written."""
        if not self._core.is_read_only and self._core.feed is FeedState.LIVE:
            await self._safely("what is due", self._mark_sets())

    async def _mark_sets(self) -> None:
        due = await self._store.due_marks(self._core.clock.now_utc())
        by_set: dict[str, list[DueMark]] = {}
        for one in due:
            by_set.setdefault(one.set_id, []).append(one)
        for set_id, dues in by_set.items():
            if set_id not in self._faulty:
                await self._safely(set_id, self._mark_set(set_id, dues))

    async def _safely(self, what: str, work: Awaitable[None]) -> None:
        """The desk does not stop for a scoreboard: a failure is told, once in a row, and the rest goes on."""
        try:
            await work
        except KnownError as error:
            self._tell(f"Suggestions could not be marked: {error}")
        except Exception:  # noqa: BLE001 - named boundary: logged and told, and the desk goes on without this mark
            _LOG.exception("marking %s failed", what)
            self._faulty.add(what)
            self._tell("Suggestions could not be marked: a fault of the desk; the log file has the details.")

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self._publisher.notice(LogLine(self._core.clock.now_utc(), Severity.WARNING, "suggestions", text))

    async def _mark_set(self, set_id: str, dues: Sequence[DueMark]) -> None:
        now_utc = self._core.clock.now_utc()
        ready: list[tuple[DueMark, Appointment]] = []
        for due in dues:
            appointment = self._appointments.about(due, now_utc)
            if appointment.is_lost:
                await self._keep(due, (Worth(None), Worth(None), Worth(None)), appointment.note)
            elif appointment.is_ready:
                ready.append((due, appointment))
        made = await self._store.load_suggestion_set(set_id) if ready else None
        if made is None:
            return
        try:
            await self._quoted(_contracts(made, [due.suggestion_id for due, _ in ready]))
            await self._mark(made, ready)
        finally:
            self._core.subscriptions.want(OWNER, ())

    async def _mark(self, made: SuggestionSetRecord, ready: Sequence[tuple[DueMark, Appointment]]) -> None:
        now_utc = self._core.clock.now_utc()
        moment = Moment(now_utc, self._core.quote, self._appointments.last_session(now_utc))
        by_id = {one.id: one for one in made.suggestions}
        first = solver_first(made)
        nothing = book_worth(made.book, moment)
        solver = Worth(None) if first is None else legs_worth(first.verified, moment)
        for due, appointment in ready:
            hedge = legs_worth(by_id[due.suggestion_id].verified, moment)
            figures = (hedge, nothing, solver)
            key = (due.suggestion_id, due.horizon)
            self._tries[key] += 1
            if self._tries[key] < _TRIES and any(one.usd is None for one in figures):
                continue
            notes = [f"search's first choice: {note}" for note in solver.notes if note not in hedge.notes]
            await self._keep(due, figures, "; ".join([*hedge.notes, *nothing.notes, *notes, appointment.note]))

    async def _keep(self, due: DueMark, figures: tuple[Worth, Worth, Worth], note: str) -> None:
        hedge, nothing, solver = figures
        mark = SuggestionMark(
            suggestion_id=due.suggestion_id,
            horizon=due.horizon,
            due_utc=due.due_utc,
            marked_at_utc=self._core.clock.now_utc(),
            hedge_usd=hedge.usd,
            nothing_usd=nothing.usd,
            solver_first_usd=solver.usd,
            note=note.strip("; "),
        )
        await self._store.save_mark(mark)
        self._tries.pop((due.suggestion_id, due.horizon), None)

    async def _quoted(self, contracts: Iterable[Contract]) -> None:
        """Has contracts quoted, what has expired by its underlying; returns when all are, or after a while."""
        now_utc = self._core.clock.now_utc()
        contracts = tuple(contracts)
        alive = [one for one in contracts if not has_expired(one, now_utc)]
        wanted = (*alive, *underlyings_of(one.underlying for one in contracts if one.is_option))
        self._core.learn_contracts(wanted)
        self._core.subscriptions.want(OWNER, wanted)
        keys = [one.key for one in wanted]
        for _ in range(self._rounds):
            if all(self._is_new(key) for key in keys):
                return
            await asyncio.sleep(_LOOK_S)

    def _is_new(self, key: ContractKey) -> bool:
        age_s = self._core.quote_age_s(key)
        return age_s is not None and age_s <= _NEW_S


def solver_first(made: SuggestionSetRecord) -> SuggestionRecord | None:
    """Returns what the search itself would have traded: the first of its order that was on offer; None without one."""
    offered = [one for one in made.suggestions if one.verified.verdict is Verdict.OFFERED]
    return min(offered, key=lambda one: one.solver_position, default=None)


def scoreboard(scored: Sequence[ScoredSuggestion]) -> Scoreboard:
    """Returns whether following suggestions paid; see `ScoreLine` for what counts."""
    return Scoreboard(
        lines=tuple(_line(horizon, scored) for horizon in Horizon),
        offered_count=len(scored),
        accepted_count=sum(one.is_followed for one in scored),
        dismissed_count=sum(one.is_dismissed for one in scored),
    )


def _line(horizon: Horizon, scored: Sequence[ScoredSuggestion]) -> ScoreLine:
    marked = [
        (one, mark)
        for one in scored
        if one.is_first or one.is_followed
        for mark in one.marks
        if mark.horizon is horizon
    ]
    known = [
        (one.is_followed, mark.hedge_usd, mark.nothing_usd, mark.solver_first_usd)
        for one, mark in marked
        if mark.hedge_usd is not None and mark.nothing_usd is not None and mark.solver_first_usd is not None
    ]
    return ScoreLine(
        horizon=horizon.value,
        count=len(known),
        followed_count=sum(followed for followed, _, _, _ in known),
        suggestion_usd=_mean([nothing + hedge for _, hedge, nothing, _ in known]),
        nothing_usd=_mean([nothing for _, _, nothing, _ in known]),
        solver_first_usd=_mean([nothing + solver for _, _, nothing, solver in known]),
        better_than_nothing_count=sum(hedge > 0 for _, hedge, _, _ in known),
        unknown_count=len(marked) - len(known),
        followed_gain_usd=_mean([hedge for followed, hedge, _, _ in known if followed]),
    )


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _contracts(made: SuggestionSetRecord, suggestion_ids: Sequence[str]) -> tuple[Contract, ...]:
    """Everything a mark needs a price of: legs first, for a broker with few market-data lines."""
    first = solver_first(made)
    wanted = {*suggestion_ids, *(() if first is None else (first.id,))}
    legs = [leg.contract for one in made.suggestions if one.id in wanted for leg in one.verified.candidate.legs]
    return tuple(dict.fromkeys((*legs, *(held.contract for held in made.book))))
