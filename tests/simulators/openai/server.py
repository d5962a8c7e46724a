"""An HTTP server on loopback that speaks chat completions and responses, streamed, and misbehaves as it is told.

    server = ModelServer()
    await server.start()
    server.plan(Behaviour(text='{"ranking": []}'), Behaviour(status=429, headers={"retry-after": "1"}))

Each request takes the next planned behaviour, or `server.usual` when none is left. Every request is kept as it came.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.simulators.openai.ranking import best_by_theta
from tests.simulators.openai.streams import chat_events, responses_events

HOST: Final = "127.0.0.1"
_CHAT: Final = "/v1/chat/completions"
_RESPONSES: Final = "/v1/responses"
_LONGEST_BODY: Final = 4_000_000

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one request meets. `text` is what the model says, or a function of the request's body that says it.

    end: "stop", "length", "content_filter"; None = the stream stops without saying why. cut_after, hold_after: messages
    after which the connection breaks, or nothing more comes until the client goes. `unknown_options`: answered with 400
    when the request has one of them. `raw`: bytes of a body sent in place of an answer.
    """

    text: str | Callable[[Body], str] = best_by_theta
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    error_code: str = ""
    error_message: str = "something is wrong"
    refusal: str = ""
    end: str | None = "stop"
    failure_code: str = ""
    usage: tuple[int, int] | None = (1200, 340)
    chunk_chars: int = 24
    pause_s: float = 0.0
    cut_after: int | None = None
    hold_after: int | None = None
    is_dripping: bool = False
    is_endless: bool = False
    is_packed: bool = False
    is_mute: bool = False
    unknown_options: tuple[str, ...] = ()
    raw: bytes | None = None
    raw_type: str = "text/event-stream"


@dataclass(slots=True)
class Recorded:
    """One request. `answering` is set with the first byte of the answer, `ended` when its connection is over.

    `was_left`: the client went before the answer was complete.
    """

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    was_left: bool = False

    @property
    def body(self) -> Body:
        """The JSON that was sent."""
        value: Body = json.loads(self.raw)
        return value


class ModelServer:
    """Serves until it is stopped."""

    def __init__(self, *, key: str | None = None, models: tuple[str, ...] = ()) -> None:
        """`key`: the one it accepts, None = any or none. `models`: those it knows, empty = all."""
        self._key = key
        self._models = models
        self._planned: deque[Behaviour] = deque()
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Condition()
        self._scheme = "http"
        self.usual = Behaviour()
        self.requests: list[Recorded] = []
        self.port = 0

    @property
    def url(self) -> str:
        """What a client takes as its base address."""
        return f"{self._scheme}://{HOST}:{self.port}/v1"

    def plan(self, *behaviours: Behaviour) -> None:
        """Sets what the next requests meet, one each."""
        self._planned.extend(behaviours)

    async def request(self, number: int = 1) -> Recorded:
        """Waits until so many requests have come, and returns the last of them."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= number)
        return self.requests[number - 1]

    async def start(self, port: int = 0, *, tls: ssl.SSLContext | None = None) -> int:
        """Listens; returns the port (0 asked = any free one)."""
        self._server = await asyncio.start_server(self._connected, HOST, port, ssl=tls)
        self._scheme = "http" if tls is None else "https"
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self.port

    async def stop(self) -> None:
        """Ends every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    # --- one connection, one request ---

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recorded: Recorded | None = None
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                recorded = await _read(reader)
                async with self._arrived:
                    self.requests.append(recorded)
                    self._arrived.notify_all()
                await self._answer(recorded, reader, writer)
        finally:
            if recorded is not None:
                recorded.ended.set()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, recorded: Recorded, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behaviour = self._meets(recorded)
        if behaviour.is_mute:
            writer.transport.abort()
            return
        gone = asyncio.get_running_loop().create_task(reader.read(1))
        answer = asyncio.get_running_loop().create_task(_write(recorded, behaviour, writer))
        try:
            await asyncio.wait({gone, answer}, return_when=asyncio.FIRST_COMPLETED)
            recorded.was_left = not answer.done()
        finally:
            for task in (gone, answer):
                task.cancel()
            await asyncio.gather(gone, answer, return_exceptions=True)

    def _meets(self, recorded: Recorded) -> Behaviour:
        """Returns what the request meets; what is wrong with itself comes first."""
        if recorded.path not in {_CHAT, _RESPONSES}:
            return Behaviour(status=404, error_message="no such address")
        if self._key is not None and recorded.headers.get("authorization") != f"Bearer {self._key}":
            said = f"Incorrect API key provided: {recorded.headers.get('authorization')}"
            return Behaviour(status=401, error_code="invalid_api_key", error_message=said)
        if self._models and recorded.body.get("model") not in self._models:
            return Behaviour(status=404, error_code="model_not_found", error_message="no such model")
        behaviour = self._planned[0] if self._planned else self.usual
        unknown = [name for name in behaviour.unknown_options if name in recorded.body]
        if unknown:
            return Behaviour(status=400, error_message=f"Unrecognized request argument supplied: {unknown[0]}")
        if self._planned:
            self._planned.popleft()
        return behaviour


async def _read(reader: asyncio.StreamReader) -> Recorded:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
    length = min(int(headers.get("content-length", "0")), _LONGEST_BODY)
    return Recorded(method, path, headers, await reader.readexactly(length))


async def _write(recorded: Recorded, behaviour: Behaviour, writer: asyncio.StreamWriter) -> None:
    if behaviour.status != 200:
        error = {
            "message": behaviour.error_message,
            "type": "error",
            "param": None,
            "code": behaviour.error_code or None,
        }
        await _whole(recorded, writer, behaviour, json.dumps({"error": error}).encode(), "application/json")
        return
    if behaviour.raw is not None:
        await _whole(recorded, writer, behaviour, behaviour.raw, behaviour.raw_type)
        return
    packed = {"content-encoding": "gzip"} if behaviour.is_packed else {}
    _head(recorded, writer, behaviour, {"content-type": "text/event-stream", "transfer-encoding": "chunked", **packed})
    number = 0
    async for event in _events(recorded, behaviour):
        if number == behaviour.cut_after:
            writer.transport.abort()
            return
        if number == behaviour.hold_after:
            await asyncio.Event().wait()
        data = gzip.compress(event) if behaviour.is_packed else event
        for piece in _pieces(data, drip=behaviour.is_dripping):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        number += 1
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _events(recorded: Recorded, behaviour: Behaviour) -> AsyncIterator[bytes]:
    text = behaviour.text if isinstance(behaviour.text, str) else behaviour.text(recorded.body)
    said = replace(behaviour, text=text)
    make = chat_events if recorded.path == _CHAT else responses_events
    for event in make(recorded.body, said, text):
        yield event
        if behaviour.pause_s:
            await asyncio.sleep(behaviour.pause_s)
    while behaviour.is_endless:
        yield b": still thinking\n\n" * 4096


def _pieces(data: bytes, *, drip: bool) -> Iterator[bytes]:
    if drip:
        yield from (data[at : at + 1] for at in range(len(data)))
    else:
        yield data


async def _whole(
    recorded: Recorded, writer: asyncio.StreamWriter, behaviour: Behaviour, body: bytes, content_type: str
) -> None:
    _head(recorded, writer, behaviour, {"content-type": content_type, "content-length": str(len(body))})
    writer.write(body)
    await writer.drain()


def _head(recorded: Recorded, writer: asyncio.StreamWriter, behaviour: Behaviour, headers: dict[str, str]) -> None:
    lines = [f"HTTP/1.1 {behaviour.status} -", "connection: close"]
    lines += [f"{name}: {value}" for name, value in {**headers, **behaviour.headers}.items()]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    recorded.answering.set()
