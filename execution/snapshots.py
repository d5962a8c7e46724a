"""Account snapshots at :00, :15, :30 and :45 of the exchange session, and on demand (reliability.md section 4).

APScheduler wakes the job each quarter of an hour; whether the slot lies in a session is asked of the calendar. A slot
that was due and not taken (the desk was off, asleep, hung or had no prices) is recorded as missed with the reason and
never filled with later prices.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from execution.storage import BookMarkWriter, SnapshotStore
from execution.views import LogLine, Publisher, Severity, SnapshotWritten
from models.book_mark import BookMark
from models.clock import Clock, new_york_time
from models.errors import KnownError
from models.ids import AccountId
from models.trade import AccountSnapshot

#: How late a slot may still be taken; past it the prices are no longer the slot's.
_GRACE = timedelta(minutes=5)
_TIME_LIMIT_S = 120.0
#: How far back missed slots are looked for after a pause.
_LOOK_BACK = timedelta(days=7)
_LOG = logging.getLogger(__name__)


class SnapshotsAndMarks(SnapshotStore, BookMarkWriter, Protocol):
    """Where accounts and the book are recorded."""


class SlotCalendar(Protocol):
    """Which quarter hours belong to a session."""

    def slots(self, day: date) -> tuple[datetime, ...]:
        """Returns the slots of a New York day, in order; raises KnownError where the calendar does not reach."""
        ...


def slots_between(calendar: SlotCalendar, after_utc: datetime, until_utc: datetime) -> tuple[datetime, ...]:
    """Returns the session's slots in (after, until], in order."""
    first, last = new_york_time(after_utc).date(), new_york_time(until_utc).date()
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return tuple(slot for day in days for slot in calendar.slots(day) if after_utc < slot <= until_utc)


def slot_of(now_utc: datetime) -> datetime:
    """Returns the quarter hour `now_utc` lies in."""
    return now_utc.replace(minute=now_utc.minute - now_utc.minute % 15, second=0, microsecond=0)


class SnapshotJob:
    """Takes scheduled and on-demand snapshots of every account, and marks the book beside them. Engine thread only."""

    def __init__(
        self,
        *,
        store: SnapshotsAndMarks,
        calendar: SlotCalendar,
        clock: Clock,
        publisher: Publisher,
        capture: Callable[[], Sequence[AccountSnapshot]],
        mark: Callable[[], BookMark],
        accounts: Callable[[], Sequence[AccountId]],
    ) -> None:
        self._store = store
        self._calendar = calendar
        self._clock = clock
        self._publisher = publisher
        self._capture = capture
        self._mark = mark
        self._accounts = accounts
        self._scheduler: Any = None
        self._started_at: datetime | None = None

    def start(self) -> None:
        """Starts the schedule on the running loop."""
        # Imported here: the scheduler is not needed before the window is up.
        from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED  # noqa: PLC0415
        from apscheduler.schedulers.asyncio import AsyncIOScheduler  # noqa: PLC0415
        from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

        self._started_at = self._clock.now_utc()
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.add_listener(self._on_trouble, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._scheduler.add_job(
            self.run_slot,
            CronTrigger(minute="*/15", second=2, timezone=UTC),
            id="snapshots",
            misfire_grace_time=int(_GRACE.total_seconds()),
            coalesce=True,
            max_instances=1,
        )
        self._scheduler.start()

    def stop(self) -> None:
        """Stops the schedule."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None

    def wake(self) -> None:
        """Looks at the schedule again, after the computer slept: the timer does not run during sleep."""
        if self._scheduler is not None:
            self._scheduler.wakeup()

    async def run_slot(self) -> None:
        """Takes the present slot if it belongs to a session, and records those missed before it."""
        now_utc = self._clock.now_utc()
        slot = slot_of(now_utc)
        await self.record_missed(slot - timedelta(microseconds=1))
        if not slots_between(self._calendar, slot - timedelta(microseconds=1), slot):
            return
        if now_utc - slot > _GRACE:
            await self._miss((slot,), f"taken too late, at {now_utc:%H:%M:%S} UTC")
            return
        try:
            await asyncio.wait_for(self._take(slot), _TIME_LIMIT_S)
        except TimeoutError:
            await self._miss((slot,), f"not done within {_TIME_LIMIT_S:.0f} s")

    async def take_now(self) -> tuple[str, ...]:
        """Takes a snapshot of every account on demand, returns the ids of the rows; KnownError without figures."""
        return await self._take(None)

    async def record_missed(self, until_utc: datetime) -> int:
        """Records every slot up to `until_utc` that has no row; returns how many there were."""
        missed = 0
        for account in self._accounts():
            last = await self._store.last_slot(account)
            if last is None:
                continue
            since = max(last, until_utc - _LOOK_BACK)
            slots = slots_between(self._calendar, since, until_utc)
            for slot in slots:
                off = self._started_at is not None and slot < self._started_at
                reason = "the desk was not running" if off else "the desk was asleep or too busy"
                missed += await self._store.record_missed_slot(slot, account, reason)
        if missed:
            self._publisher.notice(SnapshotWritten(self._clock.now_utc(), (), missed))
            self._say(Severity.WARNING, f"{missed} snapshot slots were missed and are recorded as such.")
        return missed

    async def _take(self, slot: datetime | None) -> tuple[str, ...]:
        snapshots = self._capture()
        if not snapshots:
            if slot is None:
                raise KnownError(
                    "No snapshot was taken: the broker's figures are not known now.",
                    cure="Connect, then try again.",
                )
            await self._miss((slot,), "the broker's figures were not known then")
            return ()
        mark = self._mark()
        written = [one.id for one in snapshots if await self._store.write_snapshot(one, slot)]
        if written:
            await self._store.write_book_mark(mark)
            self._publisher.notice(SnapshotWritten(self._clock.now_utc(), tuple(written)))
            what = "on demand" if slot is None else f"of {slot:%H:%M} UTC"
            self._say(Severity.INFO, f"Account snapshot {what} saved.")
        return tuple(written)

    async def _miss(self, slots: Sequence[datetime], reason: str) -> None:
        for slot in slots:
            for account in self._accounts():
                await self._store.record_missed_slot(slot, account, reason)
        self._publisher.notice(SnapshotWritten(self._clock.now_utc(), (), len(slots)))
        self._say(Severity.WARNING, f"Snapshot slot {slots[-1]:%H:%M} UTC missed: {reason}.")

    def _on_trouble(self, event: Any) -> None:
        error = getattr(event, "exception", None)
        if error is not None and not isinstance(error, KnownError):
            _LOG.error("snapshot job failed", exc_info=error)
        what = str(error) if error is not None else "the job could not start in time"
        self._say(Severity.ERROR, f"Snapshot not taken: {what}")

    def _say(self, severity: Severity, text: str) -> None:
        self._publisher.notice(LogLine(self._clock.now_utc(), severity, "snapshots", text))
