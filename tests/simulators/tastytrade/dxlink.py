"""DXLink: handshake, channels, subscriptions, and the market's events in the fields each channel asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from execution.brokers.port import BrokerEvent, QuotesEvent
from models.contract import Contract
from models.enums import InstrumentKind
from models.ids import ContractKey
from models.quote import Quote
from tests.simulators.tastytrade.auth import Logins
from tests.simulators.tastytrade.coins import coin_contract, coin_quote
from tests.simulators.tastytrade.events import DEFAULT_FIELDS, NAN, Event, Tape
from tests.simulators.tastytrade.flood import Flood, FloodLine
from tests.simulators.tastytrade.replies import JsonObject
from tests.simulators.tastytrade.state import TastyState
from tests.simulators.tastytrade.wire import Socket

_VERSION: Final = "1.0-1.2.1-20240722-153442"
_KEEPALIVE_S: Final = 60.0
_FROM_QUOTES: Final = frozenset({"Quote", "Trade", "TradeETH"})
#: Events of one frame, so that it stays well below the 64 KiB that clients take.
_EVENTS_PER_FRAME: Final = 100
_EVENT_BYTES: Final = 60
_ONCE: Final = frozenset({"Summary", "Profile", "Candle"})


@dataclass(slots=True)
class Channel:
    """One channel of a session."""

    number: int
    #: Fields asked for, by event type.
    fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    announced: set[str] = field(default_factory=set)
    is_full: bool = False
    period_s: float = 0.1
    symbols: dict[str, dict[str, Contract]] = field(default_factory=dict)
    #: Contracts whose news wait for the channel's next frame, by event type.
    pending: dict[str, dict[str, Quote | None]] = field(default_factory=dict)
    sent_utc: datetime | None = None
    #: Time of the Greeks last sent, by symbol.
    greeks_told: dict[str, int] = field(default_factory=dict)

    def names(self, kind: str) -> tuple[str, ...]:
        """Returns the fields of an event in the order in which they are sent."""
        return self.fields.get(kind, DEFAULT_FIELDS[kind])


@dataclass(slots=True, eq=False)
class Session:
    """One DXLink connection."""

    socket: Socket
    is_set_up: bool = False
    is_authorized: bool = False
    token: str = ""
    auths: int = 0
    keepalives: int = 0
    timeout_s: float = _KEEPALIVE_S
    channels: dict[int, Channel] = field(default_factory=dict)
    _idle: asyncio.TimerHandle | None = None

    def send(self, kind: str, channel: int, **facts: Any) -> None:
        """Sends one message."""
        self.socket.send({"type": kind, "channel": channel} | facts)

    def watch(self, timeout_s: float | None) -> None:
        """Ends the session once nothing was heard for so long."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if timeout_s is not None:
            self._idle = asyncio.get_running_loop().call_later(timeout_s, self._time_out)

    def _time_out(self) -> None:
        self.send("ERROR", 0, error="TIMEOUT", message="No messages received for a while.")
        self.socket.close(1000, "keepalive timeout")


@dataclass(slots=True)
class DxLink:
    """Every session."""

    tasty: TastyState
    logins: Logins
    tape: Tape
    note: Callable[[Socket, dict[str, Any]], None]
    sessions: list[Session] = field(default_factory=list)
    #: Events sent, of all sessions.
    sent: int = 0
    _newest: dict[ContractKey, Quote] = field(default_factory=dict)
    #: What is sent at a pace, as long as nothing else is subscribed.
    _flood: Flood | None = None

    def open(self, socket: Socket) -> None:
        """Serves a new socket."""
        session = Session(socket)
        self.sessions.append(session)
        socket.max_bytes = self.tasty.habits.max_message_bytes
        socket.on_message = lambda message: self._message(session, message)
        socket.on_end = lambda: self._end(session)
        session.watch(self._timeout(session))

    def _end(self, session: Session) -> None:
        session.watch(None)
        if session in self.sessions:
            self.sessions.remove(session)
            self._follow_feed()

    def _timeout(self, session: Session) -> float:
        asked = self.tasty.habits.keepalive_timeout_s
        return session.timeout_s if asked is None else asked

    # --- what a client says ---

    def _message(self, session: Session, message: dict[str, Any]) -> None:
        self.note(session.socket, message)
        session.watch(self._timeout(session))
        kind, number = message.get("type"), message.get("channel")
        if not isinstance(number, int):
            session.send("ERROR", 0, error="INVALID_MESSAGE", message="Channel is missing")
        elif kind == "SETUP":
            self._set_up(session, message)
        elif kind == "AUTH":
            self._auth(session, str(message.get("token", "")))
        elif kind == "KEEPALIVE":
            session.keepalives += 1
            self._check_token(session)
            session.send("KEEPALIVE", 0)
        elif not session.is_set_up or not session.is_authorized:
            session.send("ERROR", 0, error="UNAUTHORIZED", message="Authorization required")
            session.socket.close(1008, "unauthorized")
        else:
            self._in_channel(session, kind, number, message)

    def _set_up(self, session: Session, message: dict[str, Any]) -> None:
        asked = message.get("acceptKeepaliveTimeout")
        session.timeout_s = float(asked) if isinstance(asked, int | float) and asked > 0 else _KEEPALIVE_S
        session.watch(self._timeout(session))
        session.is_set_up = True
        session.send("SETUP", 0, keepaliveTimeout=60, acceptKeepaliveTimeout=60, version=_VERSION)
        if not session.is_authorized:
            session.send("AUTH_STATE", 0, state="UNAUTHORIZED")

    def _auth(self, session: Session, token: str) -> None:
        session.auths += 1
        if self.tasty.habits.strict_handshake and not session.is_set_up:
            session.send("ERROR", 0, error="BAD_ACTION", message="AUTH before SETUP")
            session.socket.close(1008, "bad handshake")
            return
        if not self.logins.knows_quote(token):
            session.send("AUTH_STATE", 0, state="UNAUTHORIZED")
            if session.auths > 50:
                session.socket.close(1008, "too many tries")
            return
        session.token, session.is_authorized = token, True
        session.send("AUTH_STATE", 0, state="AUTHORIZED", userId="U0001")

    def _check_token(self, session: Session) -> None:
        """A token that has ended is noticed, and told again and again for as long as the client insists on it."""
        if session.is_authorized and not self.logins.knows_quote(session.token):
            session.is_authorized = False
            session.channels.clear()
            self._follow_feed()
            session.send("AUTH_STATE", 0, state="UNAUTHORIZED")

    def check_tokens(self) -> None:
        """Tells every session whose token has ended."""
        for session in list(self.sessions):
            self._check_token(session)

    def _in_channel(self, session: Session, kind: Any, number: int, message: dict[str, Any]) -> None:
        if kind == "CHANNEL_REQUEST":
            session.channels[number] = Channel(number)
            parameters = {"contract": "AUTO", "subFormat": "LIST"}
            session.send("CHANNEL_OPENED", number, service=message.get("service", "FEED"), parameters=parameters)
            return
        channel = session.channels.get(number)
        if channel is None:
            session.send("ERROR", number, error="BAD_ACTION", message="Channel is not opened")
        elif kind == "CHANNEL_CANCEL":
            del session.channels[number]
            session.send("CHANNEL_CLOSED", number)
            self._follow_feed()
        elif kind == "FEED_SETUP":
            self._feed_setup(session, channel, message)
        elif kind == "FEED_SUBSCRIPTION":
            self._subscription(session, channel, message)
        else:
            session.send("ERROR", number, error="INVALID_MESSAGE", message=f"Unknown message {kind}")

    def _feed_setup(self, session: Session, channel: Channel, message: dict[str, Any]) -> None:
        asked = message.get("acceptEventFields")
        accepted = asked if isinstance(asked, dict) else {}
        channel.fields |= {kind: tuple(names) for kind, names in accepted.items() if kind in DEFAULT_FIELDS}
        channel.is_full = message.get("acceptDataFormat", "COMPACT") == "FULL" or self.tasty.habits.full_format
        period = message.get("acceptAggregationPeriod")
        channel.period_s = float(period) if isinstance(period, int | float) else channel.period_s
        channel.announced |= set(channel.fields)
        self._configure(session, channel, {kind: list(names) for kind, names in channel.fields.items()})

    def _configure(self, session: Session, channel: Channel, names: dict[str, list[str]]) -> None:
        facts: JsonObject = {
            "dataFormat": "FULL" if channel.is_full else "COMPACT",
            "aggregationPeriod": channel.period_s,
        }
        if names:
            facts["eventFields"] = names
        session.send("FEED_CONFIG", channel.number, **facts)

    def _subscription(self, session: Session, channel: Channel, message: dict[str, Any]) -> None:
        most = self.tasty.habits.max_symbols_per_message
        asked = [one for one in message.get("add") or () if isinstance(one, dict)]
        if most is not None and len(asked) > most:
            session.socket.close(1009, "message too long")
            return
        if message.get("reset"):
            channel.symbols.clear()
        for one in message.get("remove") or ():
            channel.symbols.get(str(one.get("type")), {}).pop(str(one.get("symbol")), None)
        added: dict[str, dict[str, Contract]] = {}
        for one in asked:
            kind, symbol = str(one.get("type")), str(one.get("symbol"))
            contract = self._contract(symbol.split("{", maxsplit=1)[0])
            if kind in DEFAULT_FIELDS and contract is not None and symbol not in self.tasty.habits.silent:
                added.setdefault(kind, {})[symbol] = contract
        for kind, symbols in added.items():
            self._announce(session, channel, kind)
            channel.symbols.setdefault(kind, {}).update(symbols)
        self._follow_feed()
        self._begin(session, channel, added)

    def _contract(self, symbol: str) -> Contract | None:
        coins = coin_contract(self.tasty.habits.crypto, symbol)
        return coins or self.tasty.listing.streamed(symbol, self.tasty.now())

    def _announce(self, session: Session, channel: Channel, kind: str) -> None:
        """Tells the fields of a type that the client did not name, before its first data."""
        if kind in channel.announced:
            return
        channel.fields.setdefault(kind, DEFAULT_FIELDS[kind])
        channel.announced.add(kind)
        self._configure(session, channel, {kind: list(channel.fields[kind])})

    def _begin(self, session: Session, channel: Channel, added: dict[str, dict[str, Contract]]) -> None:
        """Sends the present state of what was just subscribed."""
        contracts = {one.key: one for symbols in added.values() for one in symbols.values()}
        now_utc, coins = self.tasty.now(), self.tasty.habits.crypto
        fresh = self.tasty.core.valuation.refresh(_listed(contracts.values()), now_utc)
        self._newest |= {quote.key: quote for quote in fresh}
        if coins is not None and coins.symbol in contracts:
            self._newest[ContractKey(coins.symbol)] = coin_quote(coins, now_utc)
        for kind, symbols in added.items():
            self._send(session, channel, kind, self._events(kind, list(symbols.items())))

    def _follow_feed(self) -> None:
        """Tells the exchange's feed what is wanted."""
        self._flood = None
        wanted = {
            contract.key: contract
            for session in self.sessions
            for channel in session.channels.values()
            for symbols in channel.symbols.values()
            for contract in symbols.values()
        }
        self.tasty.core.feed.subscribe(_listed(wanted.values()))
        self._newest = {key: quote for key, quote in self._newest.items() if key in wanted}

    # --- what it is told ---

    def follow(self, events: Sequence[BrokerEvent]) -> None:
        """Takes over new quotes and sends what is due."""
        fresh = {quote.key: quote for event in events if isinstance(event, QuotesEvent) for quote in event.quotes}
        if not fresh:
            return
        moved = {key for key, quote in fresh.items() if not _is_same(self._newest.get(key), quote)}
        self._newest |= fresh
        for session in self.sessions:
            for channel in session.channels.values():
                self._wait(channel, moved)
                self._flush(session, channel)

    def _wait(self, channel: Channel, moved: set[ContractKey]) -> None:
        is_paced = self.tasty.habits.paced_ticks
        for kind, symbols in channel.symbols.items():
            if kind in _ONCE or (is_paced and kind == "Quote"):
                continue
            waiting = channel.pending.setdefault(kind, {})
            for symbol, contract in symbols.items():
                if contract.key in moved or kind not in _FROM_QUOTES:
                    waiting[symbol] = None

    def _flush(self, session: Session, channel: Channel) -> None:
        now_utc = self.tasty.now()
        period = timedelta(seconds=channel.period_s)
        if channel.sent_utc is not None and now_utc - channel.sent_utc < period:
            return
        channel.sent_utc = now_utc
        pending, channel.pending = channel.pending, {}
        for kind, waiting in pending.items():
            symbols = channel.symbols.get(kind, {})
            due = [(symbol, symbols[symbol]) for symbol in waiting if symbol in symbols]
            events = self._events(kind, due)
            if kind == "Greeks":
                events = [one for one in events if channel.greeks_told.get(one["eventSymbol"]) != one["time"]]
            self._send(session, channel, kind, events)

    def _events(self, kind: str, symbols: Sequence[tuple[str, Contract]]) -> list[Event]:
        if kind == "Greeks":
            return self.tape.greeks(symbols, self.tasty.now(), self.tasty.habits.greeks_every_s)
        found: list[Event] = []
        for symbol, contract in symbols:
            quote = self._newest.get(contract.key)
            event = None if quote is None else self._event(kind, symbol, contract, quote)
            if event is not None:
                found.append(event)
        return found

    def _event(self, kind: str, symbol: str, contract: Contract, quote: Quote) -> Event | None:
        match kind:
            case "Quote":
                return self.tape.quote(symbol, contract, quote)
            case "Trade":
                return self.tape.trade(symbol, contract, quote)
            case "Summary":
                return self.tape.summary(symbol, contract, quote)
            case "Profile":
                return self.tape.profile(symbol, contract)
            case "Candle":
                return self.tape.candle(symbol, contract, quote)
            case _:
                return None

    def _send(self, session: Session, channel: Channel, kind: str, events: Iterable[Event]) -> None:
        found = list(events)
        if not found:
            return
        if kind == "Greeks":
            channel.greeks_told |= {one["eventSymbol"]: one["time"] for one in found}
        least = self.tasty.habits.least_frame_bytes
        while least > _EVENT_BYTES * len(found):
            found += found
        size = len(found) if least else _EVENTS_PER_FRAME
        for start in range(0, len(found), size):
            self._send_frame(session, channel, kind, found[start : start + size])

    def _send_frame(self, session: Session, channel: Channel, kind: str, events: Sequence[Event]) -> None:
        names = channel.names(kind)
        self.sent += len(events)
        data: list[Any]
        if channel.is_full:
            named = [name for name in names if name != "eventType"]
            data = [{"eventType": kind} | {name: one.get(name, NAN) for name in named} for one in events]
        else:
            flat = [kind if name == "eventType" else one.get(name, NAN) for one in events for name in names]
            data = [kind, flat]
        session.send("FEED_DATA", channel.number, data=data)

    def send_in_turn(self, count: int) -> int:
        """Sends about so many Quote events, subscriptions in turn; returns how many events were ever sent."""
        if self._flood is None:
            lines = [
                FloodLine(session.socket, channel.number, channel.names("Quote"), channel.is_full, symbol, contract)
                for session in self.sessions
                for channel in session.channels.values()
                for symbol, contract in channel.symbols.get("Quote", {}).items()
            ]
            self._flood = Flood(self.tape, lines, _EVENTS_PER_FRAME)
        self.sent += self._flood.send(self._newest, count)
        return self.sent

    def broadcast(self, message: JsonObject) -> None:
        """Sends any message to every session."""
        for session in self.sessions:
            session.socket.send(message)


def _listed(contracts: Iterable[Contract]) -> list[Contract]:
    """What the exchange lists: coins have a market of their own."""
    return [one for one in contracts if one.kind is not InstrumentKind.CRYPTO]


def _is_same(before: Quote | None, now: Quote) -> bool:
    if before is None:
        return False
    mine = (before.bid, before.ask, before.last, before.bid_size, before.ask_size, before.previous_close)
    return mine == (now.bid, now.ask, now.last, now.bid_size, now.ask_size, now.previous_close)
