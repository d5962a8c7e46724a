"""The moments P&L can be explained from: recorded marks of the last days, and the one taken when the desk opened."""

from __future__ import annotations

from datetime import datetime, timedelta

from execution.analysis.explain_page import ExplainTask
from execution.analysis.marks import is_whole, mark_of
from execution.analysis_views import Baseline
from execution.core import DeskCore
from execution.storage import BookMarkStore
from models.book_mark import BookMark
from models.clock import new_york_time

_LOOK_BACK = timedelta(days=10)
#: A book of which something stays unquoted is recorded all the same after so long.
_PATIENCE = timedelta(seconds=20)


class Baselines:
    """Finds what to explain from. Engine thread only."""

    def __init__(self, core: DeskCore, store: BookMarkStore) -> None:
        self._core = core
        self._store = store
        self._opening: BookMark | None = None
        self._waiting_since: datetime | None = None
        self._loaded: BookMark | None = None

    def observe(self) -> None:
        """Records the book once, as soon as all of it is quoted (or has had time to be)."""
        if self._opening is not None or not len(self._core.book.arrays):
            return
        now_utc = self._core.clock.now_utc()
        self._waiting_since = self._waiting_since or now_utc
        if is_whole(self._core) or now_utc - self._waiting_since > _PATIENCE:
            self._opening = mark_of(self._core)

    async def task(self, wanted_utc: datetime | None) -> ExplainTask:
        """Returns what to explain: from the wanted moment, or else the last close, or else the desk's opening."""
        now_utc = self._core.clock.now_utc()
        times = await self._store.book_mark_times(now_utc - _LOOK_BACK)
        opened = [self._opening.at_utc] if self._opening is not None else []
        baselines = tuple(
            Baseline(at, _label(at, now_utc, is_opening=at in opened)) for at in sorted({*times, *opened}, reverse=True)
        )
        chosen = wanted_utc if wanted_utc in {one.at_utc for one in baselines} else self._usual(times, now_utc)
        start = await self._load(chosen)
        traded = () if start is None else await self._store.load_executions_since(start.at_utc)
        baseline = next((one for one in baselines if one.at_utc == chosen), None)
        return ExplainTask(baselines, baseline, start, mark_of(self._core), traded)

    def _usual(self, times: tuple[datetime, ...], now_utc: datetime) -> datetime | None:
        today = new_york_time(now_utc).date()
        earlier = [at for at in times if new_york_time(at).date() < today]
        if earlier:
            return max(earlier)
        return self._opening.at_utc if self._opening is not None else (min(times) if times else None)

    async def _load(self, at_utc: datetime | None) -> BookMark | None:
        if at_utc is None:
            return None
        if self._opening is not None and self._opening.at_utc == at_utc:
            return self._opening
        if self._loaded is None or self._loaded.at_utc != at_utc:
            self._loaded = await self._store.load_book_mark(at_utc)
        return self._loaded


def _label(at_utc: datetime, now_utc: datetime, *, is_opening: bool) -> str:
    at, today = new_york_time(at_utc), new_york_time(now_utc).date()
    when = f"{at:%H:%M}" if at.date() == today else f"{at:%a %d %b %H:%M}"
    return f"{when} New York, desk opened" if is_opening else f"{when} New York"
