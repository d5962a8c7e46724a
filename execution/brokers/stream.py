"""The stream of a broker's events, which one reader takes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

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
