"""A small HTTP server on the loopback that answers what a test scripted: every shape of answer, and every way to fail.

The token service works by itself; everything else is answered from `answers`, by method and path, in turn, the last one
again and again. Every request is kept.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import h11

JSON = "application/json; charset=utf-8"
HTML_502 = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came. `path` is as it was written, escapes and all."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Canned:
    """An answer: `body` is sent as JSON unless it is bytes. `fault` is what happens instead of a sound answer."""

    body: Any = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    #: "silence": nothing ever comes; "hang up": the connection is closed; "cut": half of the body comes.
    fault: str = ""

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def data(content: Any, status: int = 200, **more: Any) -> Canned:
    """Returns an answer in its envelope."""
    return Canned({"data": content, "context": "/"} | more, status)


def items(*content: Any, **more: Any) -> Canned:
    """Returns a list in its envelope."""
    return data({"items": list(content)}, **more)


def error(status: int, code: str, message: str = "Words of the server", **more: Any) -> Canned:
    """Returns a refusal in its envelope."""
    return Canned({"error": {"code": code, "message": message} | more}, status)


@dataclass(slots=True)
class CannedServer:
    """Runs on the test's loop. `accepted` is the only one that is taken; None takes every one."""

    answers: dict[str, list[Canned]] = field(default_factory=dict)
    token_answers: list[Canned] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    tokens_given: int = 0
    accepted: str | None = None
    on_request: Callable[[Seen], None] | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def of(self, path: str) -> list[Seen]:
        """Returns the requests of a path."""
        return [each for each in self.seen if each.path == path]

    @property
    def logins(self) -> list[Seen]:
        return self.of("/oauth/token")

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[CannedServer]:
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await self._serve(reader, writer)
            except (asyncio.CancelledError, ConnectionError, h11.RemoteProtocolError):
                pass
            finally:
                tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        while True:
            request = await self._request(connection, reader)
            if request is None:
                return
            self.seen.append(request)
            if self.on_request is not None:
                self.on_request(request)
            canned = self._answer(request)
            if canned.fault == "silence":
                await asyncio.Event().wait()
            if canned.fault == "hang up":
                return
            content = canned.content
            headers = [("content-type", JSON), ("content-length", str(len(content))), *canned.headers]
            writer.write(connection.send(h11.Response(status_code=canned.status, headers=headers)) or b"")
            if canned.fault == "cut":
                writer.write(connection.send(h11.Data(content[: len(content) // 2])) or b"")
                await writer.drain()
                return
            writer.write(connection.send(h11.Data(content)) or b"")
            writer.write(connection.send(h11.EndOfMessage()) or b"")
            await writer.drain()
            connection.start_next_cycle()

    async def _request(self, connection: h11.Connection, reader: asyncio.StreamReader) -> Seen | None:
        head: h11.Request | None = None
        body = b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                received = await reader.read(65536)
                if not received:
                    return None
                connection.receive_data(received)
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                parts = urlsplit(head.target.decode())
                return Seen(
                    head.method.decode(),
                    parts.path,
                    {key: values[0] for key, values in parse_qs(parts.query).items()},
                    {name.decode().lower(): value.decode() for name, value in head.headers},
                    json.loads(body) if body else None,
                )
            else:
                return None

    def _answer(self, request: Seen) -> Canned:
        if request.path == "/oauth/token":
            if self.token_answers:
                return self.token_answers.pop(0)
            self.tokens_given += 1
            token = f"token-{self.tokens_given}"
            if self.accepted is not None:
                self.accepted = token
            return Canned({"access_token": token, "token_type": "Bearer", "expires_in": 900, "id_token": "x"})
        if self.accepted is not None and request.headers.get("authorization") != f"Bearer {self.accepted}":
            return error(401, "invalid_session", "This session has expired")
        scripted = self.answers.get(f"{request.method} {request.path}")
        if not scripted:
            return error(404, "record_not_found", f"Couldn't find {request.path}")
        return scripted.pop(0) if len(scripted) > 1 else scripted[0]
