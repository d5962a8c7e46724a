"""Follows ticks from the simulated TWS to the window: what left when, what was read, and when it was shown.

The simulator writes how many ticks it had sent at which instant; messages on a socket keep their order, so the number
of a tick that was read tells when it left. Both programs read the same monotonic clock of the machine. Time in the
socket, in the client library and in the adapter is therefore seen, also while the engine's loop is held up.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, Slot

from execution.brokers.ibkr.broker import IbkrBroker
from execution.brokers.ibkr.connection import IbConnection
from execution.brokers.ibkr.facts import Fact, IbContract, PositionFact, TickFact
from execution.brokers.ibkr.library import IbLibrary, load_library
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.ibkr.wire_port import FactSink, IbWire, TickSink
from execution.brokers.port import BrokerEvent, QuotesEvent
from execution.views import Notice, Publisher, RiskState, State
from models.clock import Clock
from ui.bridge import Bridge

#: Price with size, size, Greeks, generic tick, text: what the simulator counts as a tick.
_TICKS: Final = (1, 2, 21, 45, 46)


@dataclass(frozen=True, slots=True)
class Packet:
    """What was read at once and concerns the book: the number of its first tick, and when it was read."""

    first: int
    read_s: float
    at_utc: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """A packet that a delivered RiskState holds; the instants are of `perf_counter`."""

    packet: Packet
    taken_s: float
    shown_s: float


class WireTicks:
    """Counts at the library's decoder, at the adapter's door and at its event stream. Engine thread only."""

    def __init__(self, settings: IbkrSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.ticks = 0
        self.packets = 0
        self.line_changes = 0
        self.events = 0
        self.quotes = 0
        #: Lines open now.
        self.open_lines: set[int] = set()
        self._of_book: set[int] = set()
        self._waiting: deque[Packet] = deque()
        self._packet_begins = 0
        #: Packets of the book that the engine has taken since this was last emptied, with the instant.
        self.fresh: list[tuple[Packet, float]] = []

    def make_wire(self, facts: FactSink, ticks: TickSink) -> IbWire:
        """Returns the adapter's own connection, counted."""
        made: list[Any] = []
        library = load_library(self._settings.library)
        wire = _CountedConnection(
            _WatchedLibrary(library.name, library.version, library.module, made.append),
            self._settings,
            self._clock,
            partial(self._fact, facts),
            partial(self._packet, ticks),
            self,
        )
        handlers = made[0].client.decoder.handlers
        for message_id in _TICKS:
            handlers[message_id] = partial(self._tick, handlers[message_id])
        return wire

    def opened(self, contract: IbContract) -> None:
        """Notes a line; underlyings belong to the book."""
        self.open_lines.add(contract.con_id)
        if contract.sec_type not in ("OPT", "FOP"):
            self._of_book.add(contract.con_id)

    def took(self, event: BrokerEvent) -> None:
        """Notes an event that the engine takes: quotes hold every packet up to the newest of them."""
        self.events += 1
        if not isinstance(event, QuotesEvent):
            return
        self.quotes += len(event.quotes)
        newest, now_s = max(quote.at_utc for quote in event.quotes), time.perf_counter()
        while self._waiting and self._waiting[0].at_utc <= newest:
            self.fresh.append((self._waiting.popleft(), now_s))

    def read(self, ticks: int) -> None:
        """Notes ticks that the decoder has before it."""
        self.ticks += ticks

    def heard(self, fact: Fact) -> None:
        """Notes what is held."""
        if isinstance(fact, PositionFact):
            self._of_book.add(fact.contract.con_id)

    def packet(self, ticks: tuple[TickFact, ...]) -> None:
        """Notes the lines that changed with what was read at once."""
        self.packets += 1
        self.line_changes += len(ticks)
        if any(tick.con_id in self._of_book for tick in ticks):
            self._waiting.append(Packet(self._packet_begins + 1, time.perf_counter(), ticks[0].at_utc))
        self._packet_begins = self.ticks

    def _tick(self, decode: Callable[[list[str]], None], fields: list[str]) -> None:
        self.read(1)
        decode(fields)

    def _fact(self, facts: FactSink, fact: Fact) -> None:
        self.heard(fact)
        facts(fact)

    def _packet(self, sink: TickSink, ticks: tuple[TickFact, ...]) -> None:
        self.packet(ticks)
        sink(ticks)


@dataclass(frozen=True, slots=True)
class _WatchedLibrary(IbLibrary):
    made: Callable[[Any], None]

    def new_ib(self) -> Any:
        ib = self.module.IB()
        self.made(ib)
        return ib


class _CountedConnection(IbConnection):
    def __init__(
        self,
        library: IbLibrary,
        settings: IbkrSettings,
        clock: Clock,
        facts: FactSink,
        ticks: TickSink,
        count: WireTicks,
    ) -> None:
        super().__init__(library, settings, clock, facts, ticks)
        self._count = count

    def subscribe(self, contract: IbContract) -> int:
        request_id = super().subscribe(contract)
        self._count.opened(contract)
        return request_id

    def unsubscribe(self, con_id: int) -> None:
        super().unsubscribe(con_id)
        self._count.open_lines.discard(con_id)


class CountedBroker(IbkrBroker):
    """The broker of Interactive Brokers, its events counted as the engine takes them."""

    def __init__(self, *, settings: IbkrSettings, clock: Clock, count: WireTicks) -> None:
        super().__init__(settings=settings, clock=clock, make_wire=count.make_wire)
        self._count = count

    def events(self) -> AsyncIterator[BrokerEvent]:
        """Returns the stream, counted."""
        return self._counted(super().events())

    async def _counted(self, stream: AsyncIterator[BrokerEvent]) -> AsyncIterator[BrokerEvent]:
        async for event in stream:
            self._count.took(event)
            yield event


class TickPublisher:
    """Passes everything on; notes which packets each RiskState holds first. Engine thread, `taken_by` any."""

    def __init__(self, inner: Publisher, count: WireTicks) -> None:
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
    """What the simulator wrote: how many ticks had left at which instant."""

    def __init__(self, path: Path) -> None:
        rows = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
        self._totals = [int(total) for total, _ in rows]
        self._instants = [float(instant) for _, instant in rows]

    def sent_s(self, number: int) -> float:
        """Returns when the tick of this number left, counted from 1; raises IndexError for one that did not."""
        return self._instants[bisect_left(self._totals, number)]

    def between(self, began_s: float, ended_s: float) -> int:
        """Returns how many left within a time."""
        return self._at(ended_s) - self._at(began_s)

    def _at(self, instant_s: float) -> int:
        at = bisect_left(self._instants, instant_s)
        return self._totals[at - 1] if at else 0
