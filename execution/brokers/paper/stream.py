"""Events on their way to the desk: a timed outbox, and the stream one reader takes them from."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime

from execution.brokers.port import BrokerEvent, QuotesEvent


class EventStream(AsyncIterator[BrokerEvent]):
    """A queue for one reader. Quotes that were not read yet merge, newest per contract; nothing else is merged."""

    def __init__(self) -> None:
        self._events: deque[BrokerEvent] = deque()
        self._wake = asyncio.Event()
        self._closed = False

    def put(self, event: BrokerEvent) -> None:
        """Adds an event."""
        if self._closed:
            return
        last = self._events[-1] if self._events else None
        if isinstance(event, QuotesEvent) and isinstance(last, QuotesEvent):
            newest = {quote.key: quote for quote in (*last.quotes, *event.quotes)}
            self._events[-1] = QuotesEvent(tuple(newest.values()))
        else:
            self._events.append(event)
        self._wake.set()

    def close(self) -> None:
        """Ends the stream once what it holds is read."""
        self._closed = True
        self._wake.set()

    def __aiter__(self) -> AsyncIterator[BrokerEvent]:
        return self

    async def __anext__(self) -> BrokerEvent:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._events.popleft()


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
