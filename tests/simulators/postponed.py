"""What a simulator does later, in order of time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime


class Postponed:
    """Work that waits for its time, in order of time; done when the owner's time gets there."""

    def __init__(self) -> None:
        self._waiting: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, due_utc: datetime, work: Callable[[], None]) -> None:
        """Adds work for an instant."""
        self._count += 1
        heapq.heappush(self._waiting, (due_utc, self._count, work))

    def run_until(self, now_utc: datetime) -> None:
        """Does what is due."""
        while self._waiting and self._waiting[0][0] <= now_utc:
            heapq.heappop(self._waiting)[2]()

    def next_due_utc(self) -> datetime | None:
        """Returns when the next piece of work is due."""
        return self._waiting[0][0] if self._waiting else None

    def clear(self) -> None:
        """Drops everything."""
        self._waiting.clear()
