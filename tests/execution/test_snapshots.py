from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from execution.sessions import ExchangeSessions
from execution.snapshots import SnapshotJob, slot_of, slots_between
from execution.views import LogLine, SnapshotWritten
from models.book_mark import BookMark
from models.clock import ManualClock
from models.enums import BrokerName
from models.errors import KnownError
from models.ids import AccountId, new_uuid
from models.trade import AccountSnapshot, MarketContext
from tests.execution.recorder import RecordingPublisher

ACCOUNT = AccountId("PAPER-1")
#: Friday 2026-11-27 is the half day after Thanksgiving: 09:30 to 13:00 New York.
OPENING = datetime(2026, 11, 27, 14, 30, tzinfo=UTC)


class MemoryStore:
    """Slots and snapshots in dictionaries, with the storage's own rule of one row a slot and account."""

    def __init__(self) -> None:
        self.taken: dict[datetime, AccountSnapshot] = {}
        self.on_demand: list[AccountSnapshot] = []
        self.missed: dict[datetime, str] = {}
        self.marks: list[BookMark] = []

    async def write_book_mark(self, mark: BookMark) -> bool:
        self.marks.append(mark)
        return True

    async def write_snapshot(self, snapshot: AccountSnapshot, slot_utc: datetime | None) -> bool:
        if slot_utc is None:
            self.on_demand.append(snapshot)
            return True
        if slot_utc in self.taken or slot_utc in self.missed:
            return False
        self.taken[slot_utc] = snapshot
        return True

    async def record_missed_slot(self, slot_utc: datetime, account_id: AccountId, reason: str) -> bool:
        if slot_utc in self.taken or slot_utc in self.missed:
            return False
        self.missed[slot_utc] = reason
        return True

    async def last_slot(self, account_id: AccountId) -> datetime | None:
        return max([*self.taken, *self.missed], default=None)


class Stage:
    def __init__(self, start: datetime = OPENING) -> None:
        self.clock = ManualClock(start)
        self.store = MemoryStore()
        self.publisher = RecordingPublisher()
        self.has_values = True
        self.job = SnapshotJob(
            store=self.store,
            calendar=SESSIONS,
            clock=self.clock,
            publisher=self.publisher,
            capture=self.capture,
            mark=lambda: BookMark(self.clock.now_utc(), ()),
            accounts=lambda: [ACCOUNT],
        )

    def capture(self) -> list[AccountSnapshot]:
        if not self.has_values:
            return []
        now = self.clock.now_utc()
        context = MarketContext(now, 7000.0, 17.0, 19.0, None)
        return [AccountSnapshot(new_uuid(), now, ACCOUNT, BrokerName.PAPER, None, None, None, context)]

    async def at(self, moment: datetime) -> None:
        self.clock.set(moment)
        await self.job.run_slot()


SESSIONS = ExchangeSessions()


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def run_quarter_hours(stage: Stage, start: datetime, count: int) -> None:
    for number in range(count):
        await stage.at(start + number * timedelta(minutes=15) + timedelta(seconds=2))


@pytest.mark.anyio
async def test_a_half_day_gives_fourteen_slots_and_none_after_its_close(stage: Stage) -> None:
    await run_quarter_hours(stage, OPENING - timedelta(hours=2), 4 * 12)
    assert len(stage.store.taken) == 14
    assert max(stage.store.taken) == datetime(2026, 11, 27, 17, 45, tzinfo=UTC)
    assert not stage.store.missed


@pytest.mark.anyio
async def test_the_same_slot_is_taken_once_however_often_the_job_runs(stage: Stage) -> None:
    await stage.at(OPENING + timedelta(seconds=2))
    await stage.at(OPENING + timedelta(seconds=9))
    assert len(stage.store.taken) == 1


@pytest.mark.anyio
async def test_slots_slept_through_are_recorded_as_missed_and_not_filled_later(stage: Stage) -> None:
    await stage.at(OPENING + timedelta(seconds=2))
    await stage.at(OPENING + timedelta(hours=1, seconds=2))
    assert sorted(stage.store.missed) == [OPENING + n * timedelta(minutes=15) for n in (1, 2, 3)]
    assert len(stage.store.taken) == 2
    assert any(isinstance(one, SnapshotWritten) and one.missed == 3 for one in stage.publisher.notices)


@pytest.mark.anyio
async def test_a_slot_that_comes_up_too_late_is_missed_with_the_reason(stage: Stage) -> None:
    await stage.at(OPENING + timedelta(minutes=7))
    assert "too late" in stage.store.missed[OPENING]
    assert not stage.store.taken


@pytest.mark.anyio
async def test_without_account_values_the_slot_is_missed_rather_than_zero(stage: Stage) -> None:
    stage.has_values = False
    await stage.at(OPENING + timedelta(seconds=2))
    assert "not known" in stage.store.missed[OPENING]


@pytest.mark.anyio
async def test_a_snapshot_on_demand_needs_no_session(stage: Stage) -> None:
    stage.clock.set(datetime(2026, 11, 28, 3, 0, tzinfo=UTC))
    assert len(await stage.job.take_now()) == 1
    stage.has_values = False
    with pytest.raises(KnownError, match="not known now"):
        await stage.job.take_now()
    assert len(stage.store.on_demand) == 1
    assert any(isinstance(one, LogLine) and "on demand" in one.text for one in stage.publisher.notices)


@pytest.mark.anyio
async def test_a_new_account_has_missed_nothing(stage: Stage) -> None:
    assert await stage.job.record_missed(OPENING + timedelta(hours=2)) == 0


def test_a_slot_is_the_quarter_hour_before() -> None:
    assert slot_of(datetime(2026, 5, 4, 19, 59, 59, tzinfo=UTC)) == datetime(2026, 5, 4, 19, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "offset_hours"), [((2026, 3, 6), -5), ((2026, 3, 9), -4), ((2026, 10, 30), -4), ((2026, 11, 2), -5)]
)
def test_slots_follow_new_york_through_the_change_of_the_clocks(day: tuple[int, int, int], offset_hours: int) -> None:
    midnight = datetime(*day, tzinfo=UTC)
    slots = slots_between(SESSIONS, midnight, midnight + timedelta(days=1))
    assert len(slots) == 26
    assert slots[0] == midnight + timedelta(hours=9 - offset_hours, minutes=30)


@pytest.mark.anyio
async def test_the_book_is_marked_with_every_snapshot_and_not_without_one() -> None:
    stage = Stage()
    await stage.at(OPENING)
    assert [mark.at_utc for mark in stage.store.marks] == [OPENING]
    await stage.at(OPENING)
    assert len(stage.store.marks) == 1, "the slot has its row already"
    stage.clock.advance(timedelta(minutes=1))
    await stage.job.take_now()
    assert len(stage.store.marks) == 2
    stage.has_values = False
    await stage.at(OPENING + timedelta(minutes=15))
    assert len(stage.store.marks) == 2
