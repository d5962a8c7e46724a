"""Counts ticks at the library's decoder and at the adapter's door, and says which concern the book."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from benchmarks.followed import Followed, Packet
from execution.brokers.ibkr.broker import IbkrBroker
from execution.brokers.ibkr.connection import IbConnection
from execution.brokers.ibkr.facts import Fact, IbContract, PositionFact, TickFact
from execution.brokers.ibkr.library import IbLibrary, load_library
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.ibkr.wire_port import FactSink, IbWire, TickSink
from execution.brokers.port import BrokerEvent, QuotesEvent
from models.clock import Clock

#: Price with size, size, Greeks, generic tick, text: what the simulator counts as a tick.
_TICKS: Final = (1, 2, 21, 45, 46)


class WireTicks(Followed):
    """Counts at the library's decoder, at the adapter's door and at its event stream. Engine thread only."""

    def __init__(self, settings: IbkrSettings, clock: Clock) -> None:
        super().__init__()
        self._settings = settings
        self._clock = clock
        self._open: set[int] = set()
        self._of_book: set[int] = set()
        self._waiting: deque[Packet] = deque()
        self._packet_begins = 0

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
        self._open.add(contract.con_id)
        if contract.sec_type not in ("OPT", "FOP"):
            self._of_book.add(contract.con_id)

    @property
    def open_lines(self) -> int:
        """How many lines are open now."""
        return len(self._open)

    def closed(self, con_id: int) -> None:
        """Notes that a line was given back."""
        self._open.discard(con_id)

    def taken(self, quotes: QuotesEvent) -> list[Packet]:
        """Returns every packet up to the newest of the quotes: the adapter tells all lines at once."""
        newest, found = max(quote.at_utc for quote in quotes.quotes), []
        while self._waiting and self._waiting[0].at_utc <= newest:
            found.append(self._waiting.popleft())
        return found

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
        self._count.closed(con_id)


class CountedBroker(IbkrBroker):
    """The broker of Interactive Brokers, its events counted as the engine takes them."""

    def __init__(self, *, settings: IbkrSettings, clock: Clock, count: WireTicks) -> None:
        super().__init__(settings=settings, clock=clock, make_wire=count.make_wire)
        self._count = count

    def events(self) -> AsyncIterator[BrokerEvent]:
        """Returns the stream, counted."""
        return self._count.counted(super().events())
