"""Events on their way to the desk, each with the time at which it leaves."""

from __future__ import annotations

import heapq
from datetime import datetime

from execution.brokers.port import BrokerEvent


class Outbox:
    """Events with the time at which they leave. Events of one lane never overtake each other."""

    def __init__(self) -> None:
        self._waiting: list[tuple[datetime, int, BrokerEvent]] = []
        self._lanes: dict[str, datetime] = {}
        self._count = 0

    def post(self, event: BrokerEvent, due_utc: datetime, *, lane: str) -> None:
        """Adds an event that leaves at `due_utc`, or later if the lane's previous one does."""
        due_utc = max(due_utc, self._lanes.get(lane, due_utc))
        self._lanes[lane] = due_utc
        self._count += 1
        heapq.heappush(self._waiting, (due_utc, self._count, event))

    def take(self, now_utc: datetime) -> list[BrokerEvent]:
        """Returns and removes what is due, in order."""
        due: list[BrokerEvent] = []
        while self._waiting and self._waiting[0][0] <= now_utc:
            due.append(heapq.heappop(self._waiting)[2])
        if not self._waiting:
            self._lanes.clear()
        return due

    def next_due_utc(self) -> datetime | None:
        """Returns when the next event leaves."""
        return self._waiting[0][0] if self._waiting else None
