"""A few raw bytes of TWS on loopback: the greeting, and answers a test writes field by field."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from execution.brokers.ibkr.connection import IbConnection
from execution.brokers.ibkr.facts import Fact, TickFact
from execution.brokers.ibkr.library import IbLibrary, installed_version, load_library
from execution.brokers.ibkr.settings import IbkrSettings, IbLibraryName, IbTimeouts
from models.clock import ManualClock
from tests.simulators.tws.framing import Fields, encode

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
GREETING_TIME = "20260105 10:00:00 US/Eastern"
F = TypeVar("F")
Field = str | int | float
Answer = Callable[["RawTws", list[str]], None]
#: Quick enough for tests, slow enough for a loaded machine where an answer does come.
QUICK = IbTimeouts(
    connect_s=0.5,
    answer_s=0.4,
    what_if_s=0.4,
    ping_every_s=0.05,
    ping_dead_s=0.3,
    retry_first_s=0.02,
    retry_most_s=0.05,
)
PATIENT = IbTimeouts(connect_s=10, answer_s=10, what_if_s=10)


def library_name() -> IbLibraryName:
    """Returns the library of this environment: the same tests run once in each."""
    return next(name for name in IbLibraryName if installed_version(name.value) is not None)


def frame(*fields: Field) -> bytes:
    """Returns one message: length, fields, each ended by NUL."""
    body = "".join(f"{value}\0" for value in fields).encode()
    return len(body).to_bytes(4, "big") + body


@dataclass
class RawTws:
    """Serves connections one after another. `answers` by the id of the request; `heard` are all requests."""

    version: int = 176
    greeting_time: str = GREETING_TIME
    accounts: str = "DU1"
    next_id: int = 1
    answers: dict[str, Answer] = field(default_factory=dict)
    heard: list[list[str]] = field(default_factory=list)
    #: Instead of the greeting: bytes, then the end; None = greet.
    instead: tuple[bytes, ...] | None = None
    closes_at_once: bool = False
    is_mute: bool = False
    port: int = 0
    connections: int = 0
    #: Set whenever something was heard; a waiting test looks again then.
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    def send(self, *fields: Field) -> None:
        self.send_raw(frame(*fields))

    def say(self, *messages: Fields) -> None:
        """Sends messages written by the simulator's code in one packet."""
        self.send_raw(b"".join(encode(message) for message in messages))

    def send_raw(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    def asked(self, message_id: int) -> list[list[str]]:
        return [fields for fields in self.heard if fields[0] == str(message_id)]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            await self._talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.closes_at_once:
            return
        assert await reader.readexactly(4) == b"API\0"
        await self._read(reader)
        if not self.is_mute:
            writer.write(frame(self.version, self.greeting_time))
        while True:
            fields = await self._read(reader)
            self.heard.append(fields)
            self.stirred.set()
            if self.is_mute:
                continue
            if fields[0] == "71":
                if self.instead is not None:
                    for data in self.instead:
                        writer.write(data)
                    return
                if self.accounts:
                    writer.write(frame(15, 1, self.accounts) + frame(9, 1, self.next_id))
            elif fields[0] in self.answers:
                self.answers[fields[0]](self, fields)
            elif fields[0] == "49":
                writer.write(frame(49, 1, int(NOW.timestamp())))

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> list[str]:
        length = int.from_bytes(await reader.readexactly(4), "big")
        return (await reader.readexactly(length)).decode().split("\0")[:-1]


@dataclass
class Desk:
    """A connection to a raw TWS, with what it told."""

    tws: RawTws
    library: IbLibrary
    settings: IbkrSettings
    clock: ManualClock
    facts: list[Fact] = field(default_factory=list)
    ticks: list[TickFact] = field(default_factory=list)
    _wires: list[IbConnection] = field(default_factory=list)

    def connection(self) -> IbConnection:
        wire = IbConnection(self.library, self.settings, self.clock, self._take_fact, self._take_ticks)
        self._wires.append(wire)
        return wire

    async def opened(self) -> IbConnection:
        wire = self.connection()
        await wire.open()
        return wire

    def told(self, kind: type[F]) -> list[F]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not happened():
                self.tws.stirred.clear()
                await self.tws.stirred.wait()

    def _take_fact(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.tws.stirred.set()

    def _take_ticks(self, ticks: tuple[TickFact, ...]) -> None:
        self.ticks.extend(ticks)
        self.tws.stirred.set()

    async def close(self) -> None:
        for wire in self._wires:
            await wire.close()
        await self.tws.stop()


@asynccontextmanager
async def desk_at(
    tws: RawTws, *, timeouts: IbTimeouts = PATIENT, is_clean: bool = True, **settings: Any
) -> AsyncIterator[Desk]:
    """Starts a raw TWS and hands out a desk on it. With `is_clean` a line in the decoder's log fails the test."""
    await tws.start()
    made = replace(IbkrSettings(port=tws.port, client_id=7, library=library_name(), timeouts=timeouts), **settings)
    desk = Desk(tws, load_library(made.library), made, ManualClock(NOW))
    lines = _Lines()
    log = logging.getLogger(f"{made.library.value}.Decoder")
    log.addHandler(lines)
    try:
        yield desk
    finally:
        log.removeHandler(lines)
        await desk.close()
    assert (lines.texts == []) is is_clean, lines.texts


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def play(scenario: Coroutine[Any, Any, None]) -> None:
    """Runs a scenario on a loop of its own."""
    asyncio.run(scenario)
