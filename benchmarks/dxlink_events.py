"""Counts DXLink's events where the adapter takes them from a frame, and follows each quote of the book to the engine.

A quote of a contract is taken once the engine has one of the same contract that is as new: what it replaced while it
waited went with it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping
from functools import partial
from typing import Any, Final

from benchmarks.followed import Followed, Packet
from execution.brokers.port import BrokerEvent, BrokerSnapshot, QuotesEvent
from execution.brokers.tastytrade import dxlink
from execution.brokers.tastytrade.broker import TastytradeBroker
from execution.brokers.tastytrade.facts import MarketFact
from execution.brokers.tastytrade.feed import Events
from execution.brokers.tastytrade.market_book import MarketBook
from execution.brokers.tastytrade.session import TastySession
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from execution.brokers.tastytrade.wire_port import AlertSink, MarketSink, TastyWire
from models.account import AccountInfo
from models.clock import Clock
from models.contract import Contract
from models.ids import ContractKey

#: What is subscribed beside the desk's own wishes: options on this, nearest the money first.
_UNDERLYING: Final = "SPX"


class DxLinkEvents(Followed):
    """Counts of one broker. Engine thread only."""

    def __init__(self) -> None:
        super().__init__()
        self.quote_events = 0
        self.subscribed = 0
        #: Symbols that waited to be told, at most, and events that waited for the engine.
        self.waiting_at_most = 0
        self.untaken_at_most = 0
        #: Contracts that the desk itself wants, and those of them that are held.
        self.wanted: Collection[Contract] = ()
        self.held: frozenset[ContractKey] = frozenset()
        self._of_book: dict[str, ContractKey] = {}
        self._waiting: dict[ContractKey, deque[Packet]] = {}

    @property
    def open_lines(self) -> int:
        """How many contracts the desk itself wants."""
        return len(self.wanted)

    def stated(self, symbols: Collection[str], contracts: Mapping[str, Contract]) -> None:
        """Notes what is subscribed, and which of it concerns the book: what is held, and underlyings."""
        self.subscribed = len(symbols)
        known = {symbol: contracts[symbol] for symbol in symbols}
        asked = {one.key for one in self.wanted}
        self._of_book = {
            symbol: one.key
            for symbol, one in known.items()
            if one.key in self.held or (not one.is_option and one.key in asked)
        }

    def read(self, events: Events, clock: Clock) -> None:
        """Notes events of a frame before the adapter takes them."""
        first, self.ticks = self.ticks + 1, self.ticks + len(events.rows)
        self.packets += 1
        if events.kind != "Quote":
            return
        self.quote_events += len(events.rows)
        now_s, now_utc = time.perf_counter(), clock.now_utc()
        for number, row in enumerate(events.rows, start=first):
            key = self._of_book.get(row[0])
            if key is not None:
                self._waiting.setdefault(key, deque()).append(Packet(number, now_s, now_utc))

    def taken(self, quotes: QuotesEvent) -> list[Packet]:
        """Returns what these quotes hold, contract by contract."""
        found = []
        for quote in quotes.quotes:
            waiting = self._waiting.get(quote.key)
            while waiting and waiting[0].at_utc <= quote.at_utc:
                found.append(waiting.popleft())
        return found

    def told(self, facts: tuple[MarketFact, ...]) -> None:
        """Notes what the stream tells the adapter."""
        self.line_changes += len(facts)

    def counts(self) -> dict[str, int]:
        """Returns what is told per second, quote events apart."""
        return super().counts() | {"quote_events": self.quote_events}

    def facts(self) -> dict[str, Any]:
        """Returns what is told of the run as a whole."""
        return {
            "subscriptions": self.subscribed,
            "followed_contracts": len(self._of_book),
            "waiting_at_most": self.waiting_at_most,
            "untaken_at_most": self.untaken_at_most,
        }


class CountedTasty(TastytradeBroker):
    """The broker of Tastytrade, counted; what the desk wants is filled up to `contracts` with options on SPX."""

    def __init__(
        self, settings: TastySettings, secrets: TastySecrets, clock: Clock, *, count: DxLinkEvents, contracts: int
    ) -> None:
        super().__init__(settings=settings, secrets=lambda: secrets, clock=clock, make_wire=self._counted_wire)
        self._login = settings, secrets, clock
        self._count = count
        self._most = contracts
        self._beside: tuple[Contract, ...] = ()
        vars(dxlink)["MarketBook"] = partial(_CountedBook, count)

    async def connect(self) -> tuple[AccountInfo, ...]:
        """Connects, and looks up what else is to be subscribed."""
        accounts = await super().connect()
        found: list[Contract] = []
        for expiry in await self.expiries(_UNDERLYING):
            if len(found) >= 2 * self._most:
                break
            listed = await self.chain(expiry)
            found += listed[len(listed) // 2 - self._most // 8 : len(listed) // 2 + self._most // 8]
        self._beside = tuple(found)
        return accounts

    async def snapshot(self) -> BrokerSnapshot:
        """Reads, and notes what is held."""
        read = await super().snapshot()
        self._count.held = frozenset(position.contract.key for position in read.positions)
        return read

    def set_subscriptions(self, contracts: Collection[Contract]) -> None:
        """States what the desk wants, and more behind it."""
        self._count.wanted = tuple(contracts)
        filled = {one.key: one for one in (*contracts, *self._beside)}
        super().set_subscriptions(list(filled.values())[: max(self._most, len(contracts))])

    def events(self) -> AsyncIterator[BrokerEvent]:
        """Returns the stream, counted."""
        return self._count.counted(self._measured(super().events()))

    async def _measured(self, stream: AsyncIterator[BrokerEvent]) -> AsyncIterator[BrokerEvent]:
        async for event in stream:
            waiting = 1 + len(self._stream._events)  # noqa: SLF001 - how long the queue is, nothing else
            self._count.untaken_at_most = max(self._count.untaken_at_most, waiting)
            yield event

    def _counted_wire(self, alerts: AlertSink, market: MarketSink) -> TastyWire:
        def tell(facts: tuple[MarketFact, ...]) -> None:
            self._count.told(facts)
            market(facts)

        settings, secrets, clock = self._login
        return _CountedSession(self, settings, secrets, clock, alerts=alerts, market=tell)

    def stated(self, symbols: Collection[str]) -> None:
        """Notes what the stream is told to subscribe."""
        self._count.stated(symbols, self._quotes._contracts)  # noqa: SLF001 - the broker's own map, read only


class _CountedSession(TastySession):
    def __init__(
        self,
        broker: CountedTasty,
        settings: TastySettings,
        secrets: TastySecrets,
        clock: Clock,
        *,
        alerts: AlertSink,
        market: MarketSink,
    ) -> None:
        super().__init__(settings, secrets, clock, alerts=alerts, market=market)
        self._broker = broker

    def set_streamer_symbols(self, quotes: Collection[str], greeks: Collection[str]) -> None:
        self._broker.stated(quotes)
        super().set_streamer_symbols(quotes, greeks)


class _CountedBook(MarketBook):
    def __init__(self, count: DxLinkEvents, **named: Any) -> None:
        super().__init__(**named)
        self._count = count

    def take(self, life: int, events: Events) -> None:
        self._count.read(events, self._clock)
        super().take(life, events)
        self._count.waiting_at_most = max(self._count.waiting_at_most, self.waiting)
