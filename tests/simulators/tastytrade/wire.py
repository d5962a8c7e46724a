"""One client's connection: HTTP/1.1 requests and answers, or a WebSocket, on the same port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Pong, Request, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

_READ_BYTES: Final = 65536
_MOST_WAITING_BYTES: Final = 256 << 20
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What a client asked. `path` decoded and without the query; header names in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes
    at_utc: datetime

    def first(self, name: str) -> str | None:
        """Returns the first value of a query parameter, None when it is absent or empty."""
        return next((value for key, value in self.query if key == name and value), None)

    def all(self, name: str) -> list[str]:
        """Returns every value of a query parameter, with `[]` behind its name or not."""
        return [value for key, value in self.query if key in (name, f"{name}[]")]

    def json(self) -> Any:
        """Returns the body; raises ValueError when it is no JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class SocketMessage:
    """What a client sent on a WebSocket. `path` tells which one."""

    path: str
    message: dict[str, Any]
    at_utc: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, ready to leave."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    #: Sends no more than so many bytes of the body, then ends the connection.
    cut_at: int | None = None


def json_reply(status: int, content: Any) -> Reply:
    """Returns a JSON answer."""
    return Reply(status, json.dumps(content, separators=(",", ":")).encode())


@dataclass(slots=True, eq=False)
class Answering:
    """The answer that is awaited on a connection: given now, later, or never."""

    peer: Peer
    _done: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, reply: Reply) -> None:
        """Sends the answer."""
        self.peer.write_reply(reply)
        self._done.set()

    def reset(self) -> None:
        """Ends the connection without an answer, hard."""
        self.peer.reset()
        self._done.set()

    def hang_up(self) -> None:
        """Ends the connection without an answer, politely."""
        self.peer.close()
        self._done.set()

    async def given(self) -> None:
        """Waits for the answer, or the end of the connection."""
        ended = asyncio.ensure_future(self.peer.ended.wait())
        done = asyncio.ensure_future(self._done.wait())
        await asyncio.wait({ended, done}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        done.cancel()


@dataclass(slots=True)
class Serving:
    """What a connection hands its news to."""

    now: Callable[[], datetime]
    answer: Callable[[HttpRequest, Answering], None]
    #: Returns a refusal, or None to take the socket.
    refuse_socket: Callable[[HttpRequest], Reply | None]
    socket_opened: Callable[[Socket], None]


class Peer:
    """A connected client. Everything it is sent goes through `write`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, serving: Serving) -> None:
        self._reader, self._writer, self._serving = reader, writer, serving
        self._http = h11.Connection(h11.SERVER)
        self.socket: Socket | None = None
        #: Nothing comes in or goes out any more, and the connection stands.
        self.is_deaf = False
        self.ended = asyncio.Event()

    async def serve(self) -> None:
        """Reads until the connection ends."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            try:
                await self._serve_http()
            except h11.RemoteProtocolError:
                self.write_reply(Reply(400, b"bad request", "text/plain"))
            except RemoteProtocolError:
                self.reset()
        self.ended.set()
        if self.socket is not None:
            self.socket.ended()
        self.close()

    async def _serve_http(self) -> None:
        head: h11.Request | None = None
        body = bytearray()
        while not self.ended.is_set():
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await self._read()
                self._http.receive_data(data)
                if not data:
                    return
            elif isinstance(event, h11.Request):
                head, body = event, bytearray()
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                if not await self._handle(head, bytes(body)):
                    return
            else:
                return

    async def _handle(self, head: h11.Request, body: bytes) -> bool:
        """Answers one request; returns whether another may follow on this connection."""
        request = _request(head, body, self._serving.now())
        if request.headers.get("upgrade", "").lower() == "websocket":
            refusal = self._serving.refuse_socket(request)
            if refusal is None:
                await self._serve_socket(head, request)
                return False
            self.write_reply(refusal)
            return self._next_cycle()
        answering = Answering(self)
        self._serving.answer(request, answering)
        watch = asyncio.ensure_future(self._watch_silence())
        await answering.given()
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        return self._next_cycle()

    async def _watch_silence(self) -> None:
        """Notes that the client went away while it waits for an answer."""
        data = await self._read()
        self._http.receive_data(data)
        if not data:
            self.ended.set()

    def _next_cycle(self) -> bool:
        if self.ended.is_set() or self._http.our_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    async def _serve_socket(self, head: h11.Request, request: HttpRequest) -> None:
        connection = WSConnection(ConnectionType.SERVER)
        connection.initiate_upgrade_connection(list(head.headers), head.target)
        self.socket = Socket(self, connection, request.path)
        rest = self._http.trailing_data[0]
        if rest:
            connection.receive_data(rest)
        while not self.ended.is_set():
            self.socket.take(connection)
            if connection.state is ConnectionState.CLOSED:
                return
            data = await self._read()
            connection.receive_data(data or None)
            if not data:
                self.socket.take(connection)
                return

    async def _read(self) -> bytes:
        while True:
            data = await self._reader.read(_READ_BYTES)
            if not self.is_deaf or not data:
                return data

    # --- out ---

    def socket_opened(self, opened: Socket) -> None:
        """Passes on that a WebSocket stands."""
        self._serving.socket_opened(opened)

    def write_reply(self, reply: Reply) -> None:
        """Sends an HTTP answer."""
        date = format_datetime(self._serving.now().astimezone(UTC), usegmt=True)
        kind, length = ("content-type", reply.content_type), ("content-length", str(len(reply.body)))
        headers = [("date", date), kind, length, *reply.headers]
        if self._http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        reason = b"OK" if reply.status < 300 else b"Error"
        self.write(self._http.send(h11.Response(status_code=reply.status, headers=headers, reason=reason)) or b"")
        if reply.cut_at is not None:
            self.write(self._http.send(h11.Data(data=reply.body[: reply.cut_at])) or b"")
            self.close()
            return
        self.write(self._http.send(h11.Data(data=reply.body)) or b"")
        self.write(self._http.send(h11.EndOfMessage()) or b"")

    def write(self, data: bytes) -> None:
        """Sends bytes; a client that takes nothing for too long is dropped."""
        if self.is_deaf or self._writer.is_closing():
            return
        self._writer.write(data)
        if self._writer.transport.get_write_buffer_size() > _MOST_WAITING_BYTES:
            self.reset()

    def close(self) -> None:
        """Ends the connection after what was written (FIN)."""
        self.ended.set()
        if not self._writer.is_closing():
            self._writer.close()

    def reset(self) -> None:
        """Ends the connection at once (RST)."""
        self.ended.set()
        raw = self._writer.get_extra_info("socket")
        if raw is not None and not self._writer.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._writer.transport.abort()


class Socket:
    """A WebSocket of a client; `on_message` and `on_end` belong to who serves it."""

    def __init__(self, peer: Peer, connection: WSConnection, path: str) -> None:
        self.peer, self.path = peer, path
        self._connection = connection
        self._parts: list[str] = []
        self._size = 0
        #: Messages beyond it are refused with 1009.
        self.max_bytes: int | None = None
        self.on_message: Callable[[dict[str, Any]], None] = _nothing
        self.on_end: Callable[[], None] = _nothing_at_all
        #: Called with everything that comes, pings too.
        self.on_sign_of_life: Callable[[], None] = _nothing_at_all
        self.received = 0

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._connection.state is ConnectionState.OPEN and not self.peer.ended.is_set()

    def take(self, connection: WSConnection) -> None:
        """Handles what came in."""
        for event in connection.events():
            if isinstance(event, Request):
                self.peer.write(connection.send(AcceptConnection()))
                self.peer.socket_opened(self)
                continue
            self.on_sign_of_life()
            if isinstance(event, TextMessage):
                self._text(event)
            elif isinstance(event, Ping):
                self.peer.write(connection.send(event.response()))
            elif isinstance(event, CloseConnection):
                if connection.state is ConnectionState.REMOTE_CLOSING:
                    self.peer.write(connection.send(event.response()))
            elif isinstance(event, BytesMessage):
                self.close(1003, "text only")
            elif not isinstance(event, Pong):
                self.close(1002)

    def _text(self, event: TextMessage) -> None:
        self._parts.append(event.data)
        self._size += len(event.data)
        if self.max_bytes is not None and self._size > self.max_bytes:
            self._parts.clear()
            self.close(1009, "message too long")
            return
        if not event.message_finished:
            return
        text, self._parts, self._size = "".join(self._parts), [], 0
        self.received += 1
        try:
            message = json.loads(text)
        except ValueError:
            self.close(1007, "not JSON")
            return
        if isinstance(message, dict):
            self.on_message(message)

    def send(self, message: Any) -> None:
        """Sends a message as JSON."""
        self.send_text(json.dumps(message, separators=(",", ":")))

    def send_text(self, text: str) -> None:
        """Sends any text."""
        if self.is_open:
            self.peer.write(self._connection.send(TextMessage(data=text)))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes with a code."""
        with contextlib.suppress(LocalProtocolError):
            self.peer.write(self._connection.send(CloseConnection(code=code, reason=reason)))

    def ended(self) -> None:
        """Tells who serves it that it is over."""
        self.on_end()
        self.on_message, self.on_end, self.on_sign_of_life = _nothing, _nothing_at_all, _nothing_at_all


def _nothing(_: dict[str, Any]) -> None:
    """Before anybody serves the socket."""


def _nothing_at_all() -> None:
    """Before anybody serves the socket."""


def _request(head: h11.Request, body: bytes, at_utc: datetime) -> HttpRequest:
    split = urlsplit(head.target.decode("ascii"))
    return HttpRequest(
        method=head.method.decode("ascii"),
        path=unquote(split.path),
        query=tuple(parse_qsl(split.query, keep_blank_values=True)),
        headers={name.decode("ascii").lower(): value.decode("latin-1") for name, value in head.headers},
        body=body,
        at_utc=at_utc,
    )
