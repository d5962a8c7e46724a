"""The quote stream: DXLink through the SDK's streamer, kept standing, with what is subscribed as a set of its own.

The desk states the full set of symbols it wants; differences leave in pieces, and everything leaves again on a new
connection. Low-traffic symbols may be silent for hours on a sound connection, so only the silence of the connection
itself, keep-alives included, counts as death.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from typing import Any, Final

from execution.brokers.tastytrade.facts import MarketFact, OddObject, StreamFact
from execution.brokers.tastytrade.feed import FeedReader
from execution.brokers.tastytrade.market_book import MarketBook
from execution.brokers.tastytrade.seam import SOCKET_WRAP, TastySdk
from execution.brokers.tastytrade.settings import TastySettings
from execution.brokers.tastytrade.supervise import Life, Supervisor, extend, stream_failure
from execution.brokers.tastytrade.tap import NAME, SocketTap
from execution.brokers.tastytrade.wire_port import MarketSink
from models.clock import Clock
from models.errors import BrokerFailure, FailureKind

_log = logging.getLogger(__name__)

QUOTES: Final = "quotes"
QUOTE_STREAM: Final = "quote stream"
#: As many symbols as one message takes: long messages make the server drop the connection.
CHUNK: Final = 250
_GREEKS: Final = "Greeks"
#: In the order they are subscribed: what prices a position first.
_KINDS: Final = ("Quote", _GREEKS, "Trade", "Summary")
#: Errors after which the server hangs up; others concern one message and are informational.
_FATAL_ERRORS: Final = frozenset({"UNSUPPORTED_PROTOCOL", "TIMEOUT", "UNAUTHORIZED"})


class QuoteStream:
    """Quotes and Greeks of one login. Loop thread only; `start` once, `stop` ends it and no fact comes afterwards."""

    def __init__(
        self,
        *,
        sdk: TastySdk,
        session: Any,
        settings: TastySettings,
        clock: Clock,
        sink: MarketSink,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._sdk = sdk
        self._session = session
        self._timeouts = settings.timeouts
        self._interval_s = settings.refresh_interval_s
        self._sink = sink
        self._is_stopped = False
        self._wanted: dict[str, frozenset[str]] = dict.fromkeys(_KINDS, frozenset())
        #: One per connection: each subscribes for itself.
        self._changed: set[asyncio.Event] = set()
        self._book = MarketBook(
            clock=clock,
            interval_s=settings.refresh_interval_s,
            prompt=settings.prompt_subscriptions,
            sink=self._tell,
        )
        self._supervisor = Supervisor(
            name=QUOTES,
            connect=self._connect,
            renew=lambda: session.refresh(force=True),
            explain=lambda error: stream_failure(error, stream=QUOTE_STREAM, sdk=sdk),
            timeouts=settings.timeouts,
            tell=self._tell_stream,
            jitter=jitter,
        )

    async def start(self) -> None:
        """Connects and authorises; raises BrokerFailure when that fails, and nothing is tried again."""
        await self._supervisor.start()

    async def stop(self) -> None:
        """Ends the stream; returns when no task of it is left."""
        self._is_stopped = True
        await self._supervisor.stop()
        self._book.close()

    @property
    def is_up(self) -> bool:
        """Whether the stream stands, with everything subscribed."""
        return self._supervisor.stands

    def set_symbols(self, quotes: Collection[str], greeks: Collection[str]) -> None:
        """States the full set of streamer symbols wanted, by need; may be called at any time, before `start` too."""
        wanted = frozenset(quotes)
        self._wanted = {kind: frozenset(greeks) if kind == _GREEKS else wanted for kind in _KINDS}
        self._book.want(quotes, greeks)
        for changed in self._changed:
            changed.set()

    async def _connect(self, life: Life) -> None:
        """Enters, subscribes, follows what is wanted until it breaks; one task enters and leaves."""
        SOCKET_WRAP.set(lambda socket: self._tapped(socket, life))
        changed = asyncio.Event()
        self._changed.add(changed)
        sent: dict[str, set[str]] = {kind: set() for kind in _KINDS}
        entry = self._sdk.streamer.DXLinkStreamer(self._session)
        try:
            async with asyncio.timeout(self._timeouts.stream_s) as limit, entry as streamer:
                while await self._subscribe_some(streamer, sent):
                    extend(limit, self._timeouts.stream_s)
                extend(limit, None)
                life.come_up()
                while True:
                    await changed.wait()
                    changed.clear()
                    while await self._subscribe_some(streamer, sent):
                        pass
        finally:
            self._changed.discard(changed)
            for queue in (*entry._send.values(), *entry._recv.values()):  # noqa: SLF001 - the SDK leaves them open
                queue.close()

    async def _subscribe_some(self, streamer: Any, sent: dict[str, set[str]]) -> bool:
        """Sends one message of the difference between what is wanted and what was sent; False when there is none."""
        for kind in _KINDS:
            event = getattr(self._sdk.dxfeed, kind)
            surplus = _some(sent[kind] - self._wanted[kind])
            if surplus:
                sent[kind].difference_update(surplus)
                await streamer.unsubscribe(event, surplus)
                if kind in {"Quote", _GREEKS}:
                    self._book.forget(surplus, greeks=kind == _GREEKS)
                return True
            missing = _some(self._wanted[kind] - sent[kind])
            if missing:
                sent[kind].update(missing)
                await streamer.subscribe(event, missing, self._interval_s)
                return True
        return False

    def _tapped(self, socket: Any, life: Life) -> QuoteTap:
        tap = QuoteTap(
            socket,
            sdk=self._sdk,
            silence_s=self._timeouts.silence_s,
            life=life.number,
            book=self._book,
            odd=lambda odd: self._tell((odd,)),
        )
        life.abort = tap.abort
        return tap

    def _tell_stream(self, fact: StreamFact) -> None:
        if not fact.is_up:
            self._book.flush()
            self._book.clear()
        self._tell((fact,))

    def _tell(self, facts: tuple[MarketFact, ...]) -> None:
        if not self._is_stopped:
            self._sink(facts)


class QuoteTap(SocketTap):
    """Takes the data of one DXLink connection; the SDK sees the handshake and the opening of channels only."""

    def __init__(
        self,
        socket: Any,
        *,
        sdk: TastySdk,
        silence_s: float,
        life: int,
        book: MarketBook,
        odd: Callable[[OddObject], None],
    ) -> None:
        super().__init__(socket, stream=QUOTE_STREAM, sdk=sdk, silence_s=silence_s, odd=odd)
        self._life = life
        self._book = book
        self._reader = FeedReader(self.tell_odd)
        #: Channels asked for and not yet opened, and opened ones.
        self._asked: set[int] = set()
        self._open: set[int] = set()
        self._was_token_sent = False
        self._is_authorised = False
        self._takers: dict[str, Callable[[dict[str, Any]], tuple[dict[str, Any], ...]]] = {
            "FEED_DATA": self._take_data,
            "AUTH_STATE": self._take_auth,
            "CHANNEL_OPENED": self._take_opened,
            "CHANNEL_CLOSED": self._take_closed,
            "FEED_CONFIG": self._take_config,
            "ERROR": self._take_error,
            "SETUP": _pass_over,
            "KEEPALIVE": _pass_over,
        }

    def note_sent(self, message: dict[str, Any]) -> None:
        """Keeps which channels were asked for, and the order of the values asked for."""
        if message.get("type") == "CHANNEL_REQUEST":
            self._asked.add(message["channel"])
        elif message.get("type") == "FEED_SETUP":
            self._reader.note_fields(message.get("acceptEventFields"))

    def take(self, message: object) -> tuple[dict[str, Any], ...]:
        """Takes a message and returns what the SDK must see; raises BrokerFailure when the server refuses."""
        kind = message.get("type") if isinstance(message, dict) else None
        taker = self._takers.get(kind) if isinstance(kind, str) else None
        if taker is None or not isinstance(message, dict):
            self.tell_odd("a message of no known type", message)
            return ()
        return taker(message)

    def _take_data(self, message: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        for events in self._reader.read(message.get("data")):
            self._book.take(self._life, events)
        return ()

    def _take_auth(self, message: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        """The SDK answers every UNAUTHORIZED with the same token at once, and trips over a second AUTHORIZED."""
        state = message.get("state")
        if state == "UNAUTHORIZED":
            if self._was_token_sent:
                what = "ended" if self._is_authorised else "was not accepted"
                raise _refused(FailureKind.AUTH, f"The token of the {QUOTE_STREAM} {what}.", "UNAUTHORIZED")
            self._was_token_sent = True
            return (message,)
        if state == "AUTHORIZED":
            is_first, self._is_authorised = not self._is_authorised, True
            return (message,) if is_first else ()
        self.tell_odd("an authorisation of no known state", message)
        return ()

    def _take_opened(self, message: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        channel = message.get("channel")
        if isinstance(channel, int) and channel in self._asked:
            self._asked.discard(channel)
            self._open.add(channel)
            return (message,)
        self.tell_odd("a channel opened that was not asked for", message)
        return ()

    def _take_closed(self, message: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        if message.get("channel") not in self._open | self._asked:
            self.tell_odd("a channel closed that was not open", message)
            return ()
        raise _refused(FailureKind.OFFLINE, f"Tastytrade closed a channel of the {QUOTE_STREAM}.", "CHANNEL_CLOSED")

    def _take_config(self, message: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        self._reader.note_fields(message.get("eventFields"))
        return ()

    def _take_error(self, message: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        """An error is informational in DXLink, unless the server hangs up after it or nothing stands yet."""
        code, text = str(message.get("error", "")), str(message.get("message", ""))
        if code in _FATAL_ERRORS or not self._is_authorised:
            kind = FailureKind.AUTH if code == "UNAUTHORIZED" else FailureKind.OFFLINE
            raise _refused(kind, f"The {QUOTE_STREAM} reports {code or 'an error'}: {text}.", code)
        _log.warning("the %s reports %s: %s", QUOTE_STREAM, code, text)
        self.tell_odd(f"error {code}", message)
        return ()


def _pass_over(_: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Proves that the other end lives, and that was all."""
    return ()


def _refused(kind: FailureKind, what: str, code: str) -> BrokerFailure:
    return BrokerFailure(kind, what, broker=NAME, code=code, cure="It is brought back by itself with a fresh token.")


def _some(symbols: Iterable[str]) -> list[str]:
    return list(islice(symbols, CHUNK))
