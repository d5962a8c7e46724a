"""A loopback Tastytrade as far as its two sockets go: login, quote token, account stream, strict DXLink, and faults.

One port, on the loop of the test. Everything received is kept; every socket can be cut, frozen or made to say anything.
"""

from __future__ import annotations

import asyncio
import json
import socket as sockets
import struct
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

import h11
import wsproto
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Request, TextMessage

#: dxLink's own limit of a message it takes.
LARGEST_MESSAGE: Final = 64 << 10
_CHUNK: Final = 1 << 16


class StreamServer:
    """Listens on `port` once started. Attributes are switches a test turns while it runs."""

    def __init__(self) -> None:
        self.port = 0
        self.alerts: list[AlertSocket] = []
        self.feeds: list[FeedSocket] = []
        self.logins = 0
        self.quote_tokens = 0
        #: HTTP status instead of an upgrade, per path; of `/oauth/token` and `/api-quote-tokens`, too.
        self.refuse: dict[str, int] = {}
        self.valid_token = ""
        #: What a connect to the account stream is answered with, instead of its acknowledgement.
        self.connect_reply: dict[str, Any] | None = None
        self.is_mute = False
        self.has_unauthorized = True
        #: FULL lists of objects instead of COMPACT lists of values.
        self.is_full = False
        #: Announces its own order of values instead of keeping the asked one.
        self.own_fields: dict[str, list[str]] | None = None
        self.market: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> None:
        """Listens; on the port of before when it is given."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Nobody is there any more; connections that stand are reset."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for each in (*self.alerts, *self.feeds):
            each.rst()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def alert(self) -> AlertSocket:
        """The newest account socket."""
        return self.alerts[-1]

    @property
    def feed(self) -> FeedSocket:
        """The newest DXLink socket."""
        return self.feeds[-1]

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The server's own tasks."""
        return self._tasks

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        http = h11.Connection(h11.SERVER)
        while True:
            request, body = await _request(http, reader)
            if request is None:
                return
            path = request.target.decode().partition("?")[0]
            headers = {name.decode().lower(): value.decode() for name, value in request.headers}
            status = self.refuse.get(path)
            if status is None and headers.get("upgrade", "").lower() == "websocket":
                await self._upgrade(path, request, reader, writer)
                return
            answer = self._answer(path, body) if status is None else {"error": {"code": "refused", "message": "no"}}
            writer.write(_response(http, status or 200, answer))
            await writer.drain()
            if http.our_state is h11.MUST_CLOSE:
                return
            http.start_next_cycle()

    def _answer(self, path: str, body: bytes) -> dict[str, Any]:
        if path == "/oauth/token":
            assert json.loads(body)["grant_type"] == "refresh_token"
            self.logins += 1
            return {"access_token": f"access-{self.logins}", "expires_in": 900}
        assert path == "/api-quote-tokens", path
        self.quote_tokens += 1
        self.valid_token = f"quote-{self.quote_tokens}"
        url = f"ws://127.0.0.1:{self.port}/realtime"
        return {"data": {"token": self.valid_token, "dxlink-url": url, "level": "api"}}

    async def _upgrade(
        self, path: str, request: h11.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if path == "/streamer":
            alert = AlertSocket(self, request, reader, writer)
            self.alerts.append(alert)
            await alert.run()
        else:
            assert path == "/realtime", path
            feed = FeedSocket(self, request, reader, writer)
            self.feeds.append(feed)
            await feed.run()


class ServerSocket:
    """One websocket as the server has it."""

    def __init__(
        self, server: StreamServer, request: h11.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self.received: list[dict[str, Any]] = []
        #: (code, reason) with which the client closed.
        self.closed: tuple[int, str | None] | None = None
        self.is_gone = False
        self._reader = reader
        self._writer = writer
        self._thaw = asyncio.Event()
        self._thaw.set()
        self._ws = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        self._ws.initiate_upgrade_connection(list(request.headers), request.target)

    async def run(self) -> None:
        """Speaks until the end."""
        try:
            while True:
                for event in self._ws.events():
                    self._take(event)
                if self.closed is not None:
                    return
                data = await self._reader.read(_CHUNK)
                await self._thaw.wait()
                if not data:
                    return
                self._ws.receive_data(data)
        finally:
            self.is_gone = True

    def say(self, message: object) -> None:
        """Sends a message."""
        self.say_text(json.dumps(message))

    def say_text(self, text: str) -> None:
        """Sends a text as it stands."""
        self._write(self._ws.send(TextMessage(text)))

    def say_bytes(self, data: bytes) -> None:
        """Sends a binary message."""
        self._write(self._ws.send(BytesMessage(data)))

    def close(self, code: int, reason: str = "") -> None:
        """Closes as websockets do."""
        self._write(self._ws.send(CloseConnection(code, reason)))

    def rst(self) -> None:
        """Breaks the connection with a reset."""
        if self.is_gone:
            return
        raw = self._writer.transport.get_extra_info("socket")
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def fin(self) -> None:
        """Ends the connection without a farewell."""
        self._writer.close()

    def freeze(self) -> None:
        """Reads and says nothing from now on, while the connection stands; what is sent to it fills up its buffers."""
        self._thaw.clear()

    def _write(self, data: bytes) -> None:
        if self._thaw.is_set() and not self._writer.is_closing():
            self._writer.write(data)

    def _take(self, event: wsproto.events.Event) -> None:
        if isinstance(event, Request):
            self._write(self._ws.send(AcceptConnection()))
        elif isinstance(event, Ping):
            self._write(self._ws.send(event.response()))
        elif isinstance(event, CloseConnection):
            self.closed = (event.code, event.reason)
            if self._ws.state is wsproto.connection.ConnectionState.REMOTE_CLOSING:
                self._write(self._ws.send(event.response()))
        elif isinstance(event, TextMessage):
            assert event.message_finished
            assert len(event.data) <= LARGEST_MESSAGE
            message = json.loads(event.data)
            self.received.append(message)
            if not self.server.is_mute:
                self.answer(message)

    def answer(self, message: dict[str, Any]) -> None:
        """Answers a message."""
        raise NotImplementedError


class AlertSocket(ServerSocket):
    """The account stream: acknowledges, counts what it says."""

    sequence = 0

    @property
    def connects(self) -> list[dict[str, Any]]:
        """The connects received."""
        return [message for message in self.received if message["action"] == "connect"]

    @property
    def heartbeats(self) -> list[dict[str, Any]]:
        """The heartbeats received."""
        return [message for message in self.received if message["action"] == "heartbeat"]

    def answer(self, message: dict[str, Any]) -> None:
        """Acknowledges a request."""
        reply = self.server.connect_reply
        if message["action"] == "connect" and reply is not None:
            self.say(reply)
            return
        ack = {"status": "ok", "action": message["action"], "web-socket-session-id": "5b6e2799"}
        self.say({**ack, "value": message.get("value"), "request-id": message["request-id"]})

    def event(self, kind: str, data: object) -> dict[str, Any]:
        """Returns the next event."""
        self.sequence += 1
        return {"type": kind, "data": data, "timestamp": 1789669948424, "ws-sequence": self.sequence}

    def tell(self, kind: str, data: object) -> None:
        """Sends an event."""
        self.say(self.event(kind, data))


class FeedSocket(ServerSocket):
    """DXLink, strict: SETUP, UNAUTHORIZED, AUTH, AUTHORIZED, and only then channels."""

    is_authorised = False

    def __init__(
        self, server: StreamServer, request: h11.Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(server, request, reader, writer)
        self.channels: dict[int, dict[str, list[str]]] = {}
        self.subscribed: dict[str, set[str]] = defaultdict(set)
        self.largest_subscription = 0

    @property
    def auths(self) -> list[str]:
        """The tokens received."""
        return [message["token"] for message in self.received if message["type"] == "AUTH"]

    def answer(self, message: dict[str, Any]) -> None:
        """Goes on with the handshake, or does what is asked."""
        handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            "SETUP": self._set_up,
            "AUTH": self._authorise,
            "KEEPALIVE": lambda _: self.say({"type": "KEEPALIVE", "channel": 0}),
            "CHANNEL_REQUEST": self._open,
            "FEED_SETUP": self._feed_setup,
            "FEED_SUBSCRIPTION": self._subscribe,
        }
        handlers[message["type"]](message)

    def expire(self) -> None:
        """The token has ended: the state is told, as after 24 h."""
        self.server.valid_token = ""
        self.say({"type": "AUTH_STATE", "channel": 0, "state": "UNAUTHORIZED"})

    def publish(self, kind: str, *events: dict[str, Any]) -> None:
        """Sends events of subscribed symbols in one frame."""
        self.say(self.frame(kind, *(event for event in events if event["eventSymbol"] in self.subscribed[kind])))

    def frame(self, kind: str, *events: dict[str, Any]) -> dict[str, Any]:
        """Returns a data frame, in the form and order the channel has."""
        channel, fields = next((number, fields) for number, fields in self.channels.items() if kind in fields)
        if self.server.is_full:
            return {"type": "FEED_DATA", "channel": channel, "data": [{"eventType": kind, **each} for each in events]}
        values = [event.get(name, 0) for event in events for name in fields[kind]]
        return {"type": "FEED_DATA", "channel": channel, "data": [kind, values]}

    def _set_up(self, message: dict[str, Any]) -> None:
        self.say({**message, "version": "1.0-1.2.1-20240722-153442"})
        if self.server.has_unauthorized:
            self.say({"type": "AUTH_STATE", "channel": 0, "state": "UNAUTHORIZED"})

    def _authorise(self, message: dict[str, Any]) -> None:
        self.is_authorised = message["token"] == self.server.valid_token
        state = "AUTHORIZED" if self.is_authorised else "UNAUTHORIZED"
        self.say({"type": "AUTH_STATE", "channel": 0, "state": state})

    def _open(self, message: dict[str, Any]) -> None:
        assert self.is_authorised
        self.channels[message["channel"]] = {}
        self.say({"type": "CHANNEL_OPENED", "channel": message["channel"], "service": "FEED"})

    def _feed_setup(self, message: dict[str, Any]) -> None:
        own, asked = self.server.own_fields, message["acceptEventFields"]
        fields = asked if own is None else {kind: own[kind] for kind in asked}
        self.channels[message["channel"]] = fields
        config = {"type": "FEED_CONFIG", "channel": message["channel"], "dataFormat": "COMPACT"}
        self.say(config if own is None else {**config, "eventFields": fields})

    def _subscribe(self, message: dict[str, Any]) -> None:
        assert self.channels[message["channel"]]
        added, removed = message.get("add", []), message.get("remove", [])
        self.largest_subscription = max(self.largest_subscription, len(added), len(removed))
        for each in removed:
            self.subscribed[each["type"]].discard(each["symbol"])
        for each in added:
            self.subscribed[each["type"]].add(each["symbol"])
            known = self.server.market[each["type"]].get(each["symbol"])
            if known is not None:
                self.publish(each["type"], known)


async def _request(http: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request | None, bytes]:
    request: h11.Request | None = None
    body = b""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.ConnectionClosed):
            return None, body
        else:
            return request, body


def _response(http: h11.Connection, status: int, answer: dict[str, Any]) -> bytes:
    body = b"<html>Bad Gateway</html>" if status == 502 else json.dumps(answer).encode()
    kind = "text/html" if status == 502 else "application/json"
    headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
    head = http.send(h11.Response(status_code=status, headers=headers))
    return (head or b"") + (http.send(h11.Data(data=body)) or b"") + (http.send(h11.EndOfMessage()) or b"")
