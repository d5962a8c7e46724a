"""Follows what a simulated broker sends to the window: what left when, what was read, and when it was shown.

The simulator writes how many events it had sent at which instant; messages on a socket keep their order, so the number
of an event that was read tells when it left. Both programs read the same monotonic clock of the machine. Time in the
socket, in the client library and in the adapter is therefore seen, also while the engine's loop is held up.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Slot

from execution.brokers.port import BrokerEvent, QuotesEvent
from execution.views import Notice, Publisher, RiskState, State
from ui.bridge import Bridge


@dataclass(frozen=True, slots=True)
class Packet:
    """What was read at once and concerns the book: the number of its first event, and when it was read."""

    first: int
    read_s: float
    at_utc: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """A packet that a delivered RiskState holds; the instants are of `perf_counter`."""

    packet: Packet
    taken_s: float
    shown_s: float


class Followed:
    """Counts of one connection. `took` is told what the engine takes; a subclass counts what is read. Engine thread."""

    def __init__(self) -> None:
        #: Ticks read, of all kinds; what came with them at once; changes that the adapter was told.
        self.ticks = 0
        self.packets = 0
        self.line_changes = 0
        #: What the engine took: events of the port, and quotes in them.
        self.events = 0
        self.quotes = 0
        #: Packets of the book that the engine has taken since this was last emptied, with the instant.
        self.fresh: list[tuple[Packet, float]] = []

    def counts(self) -> dict[str, int]:
        """Returns what is told per second."""
        names = ("ticks", "packets", "line_changes", "events", "quotes")
        return {name: getattr(self, name) for name in names}

    def facts(self) -> dict[str, Any]:
        """Returns what else is to be told of a run."""
        return {}

    @property
    def open_lines(self) -> int:
        """How many contracts are subscribed now."""
        raise NotImplementedError

    def taken(self, quotes: QuotesEvent) -> list[Packet]:
        """Returns the packets that these quotes hold, and forgets them."""
        raise NotImplementedError

    def took(self, event: BrokerEvent) -> None:
        """Notes an event that the engine takes."""
        self.events += 1
        if isinstance(event, QuotesEvent):
            self.quotes += len(event.quotes)
            now_s = time.perf_counter()
            self.fresh += [(packet, now_s) for packet in self.taken(event)]

    async def counted(self, stream: AsyncIterator[BrokerEvent]) -> AsyncIterator[BrokerEvent]:
        """Yields a broker's events, counted as the engine takes them."""
        async for event in stream:
            self.took(event)
            yield event


class TickPublisher:
    """Passes everything on; notes which packets each RiskState holds first. Engine thread, `taken_by` any."""

    def __init__(self, inner: Publisher, count: Followed) -> None:
        self._inner = inner
        self._count = count
        self._lock = threading.Lock()
        self._published: deque[tuple[RiskState, list[tuple[Packet, float]]]] = deque()

    def state(self, state: State) -> None:
        """Passes a state on."""
        if isinstance(state, RiskState):
            packets, self._count.fresh = self._count.fresh, []
            with self._lock:
                self._published.append((state, packets))
        self._inner.state(state)

    def notice(self, notice: Notice) -> None:
        """Passes a notice on."""
        self._inner.notice(notice)

    def held_first_by(self, shown: RiskState) -> list[tuple[Packet, float]]:
        """Returns the packets that a delivered state shows for the first time."""
        found: list[tuple[Packet, float]] = []
        with self._lock:
            while self._published:
                state, packets = self._published.popleft()
                found += packets
                if state is shown:
                    break
        return found


class ShownTicks(QObject):
    """Collects what each delivered RiskState shows for the first time. UI thread, after all panels."""

    def __init__(self, bridge: Bridge, publisher: TickPublisher) -> None:
        super().__init__()
        self._publisher = publisher
        self.found: list[Shown] = []
        self.compute_ms: list[float] = []
        bridge.subscribe(RiskState, self._on_risk)

    @Slot(object)
    def _on_risk(self, state: RiskState) -> None:
        now_s = time.perf_counter()
        self.compute_ms.append(state.compute_ms)
        self.found += [Shown(packet, taken_s, now_s) for packet, taken_s in self._publisher.held_first_by(state)]


class SentLog:
    """What the simulator wrote: how many events had left at which instant."""

    def __init__(self, path: Path) -> None:
        rows = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
        self._totals = [int(total) for total, _ in rows]
        self._instants = [float(instant) for _, instant in rows]

    def sent_s(self, number: int) -> float:
        """Returns when the event of this number left, counted from 1; raises IndexError for one that did not."""
        return self._instants[bisect_left(self._totals, number)]

    def between(self, began_s: float, ended_s: float) -> int:
        """Returns how many left within a time."""
        return self._at(ended_s) - self._at(began_s)

    def _at(self, instant_s: float) -> int:
        at = bisect_left(self._instants, instant_s)
        return self._totals[at - 1] if at else 0
