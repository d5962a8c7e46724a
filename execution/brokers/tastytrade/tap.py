"""Stands between a websocket and the SDK's streamer that reads it.

The streamer's reader gets only what keeps its handshake going; the data itself goes to the desk as it came. So nothing
of it waits in the SDK's queues, which never end, and nothing of it can take the reader down by failing to parse. A
socket that says nothing for too long is dead: the SDK would wait for ever. Nothing of the SDK is imported here.
"""

from __future__ import annotations

import json
import logging
import socket as sockets
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from execution.brokers.tastytrade.facts import OddObject
from execution.brokers.tastytrade.parsing import odd_object
from execution.brokers.tastytrade.seam import TastySdk
from models.enums import BrokerName
from models.errors import BrokerFailure, FailureKind

_log = logging.getLogger(__name__)

NAME: Final = BrokerName.TASTYTRADE.value
#: The code with which either end closes a connection on which a message larger than it takes came.
_TOO_LARGE: Final = 1009


class SocketTap(ABC):
    """What the SDK's streamer uses instead of its websocket. `stream` names it to the user: "account stream"."""

    def __init__(
        self, socket: Any, *, stream: str, sdk: TastySdk, silence_s: float, odd: Callable[[OddObject], None]
    ) -> None:
        self.stream = stream
        self._socket = socket
        self._closed: type[Exception] = sdk.http.websockets.WebSocketDisconnect
        self._unreadable: type[Exception] = sdk.http.websockets.WebSocketInvalidTypeReceived
        self._silence_s = silence_s
        self._odd = odd
        self._for_sdk: deque[dict[str, Any]] = deque()

    async def receive_json(self) -> dict[str, Any]:
        """Returns the next message the streamer itself must see.

        Raises BrokerFailure(TIMEOUT) after `silence_s` without any message, BrokerFailure of the stream's own kind when
        the other end refuses, and the SDK's socket errors when the connection breaks.
        """
        while not self._for_sdk:
            message = await self._next_message()
            if message is not None:
                self._for_sdk.extend(self.take(message))
        return self._for_sdk.popleft()

    async def send_json(self, message: dict[str, Any]) -> None:
        """Sends what the streamer says."""
        self.note_sent(message)
        await self._socket.send_json(message)

    def abort(self) -> None:
        """Breaks the connection without a farewell, which a peer that reads nothing could hold up for ever."""
        raw = self._socket.stream.get_extra_info("socket")
        if raw is None:
            return
        try:
            raw.shutdown(sockets.SHUT_RDWR)
        except OSError:
            _log.debug("the %s was broken already", self.stream)

    def tell_odd(self, what: str, raw: object) -> None:
        """Sets something aside that cannot be used; the stream stands."""
        self._odd(odd_object(self.stream, what, raw))

    @abstractmethod
    def take(self, message: object) -> tuple[dict[str, Any], ...]:
        """Takes a message and returns what of it the streamer must see."""

    @abstractmethod
    def note_sent(self, message: dict[str, Any]) -> None:
        """Sees what the streamer sends."""

    async def _next_message(self) -> object:
        """Returns a decoded message; None for one that is no JSON, which is told and passed over."""
        try:
            text = await self._socket.receive_text(timeout=self._silence_s)
        except TimeoutError:
            self.abort()
            raise BrokerFailure(
                FailureKind.TIMEOUT,
                f"The {self.stream} has said nothing for {self._silence_s:g} s: the connection is dead.",
                broker=NAME,
            ) from None
        except self._closed as error:
            if getattr(error, "code", None) == _TOO_LARGE:
                self.tell_odd(f"a message too large ends the connection (code {_TOO_LARGE})", "")
            raise
        except self._unreadable as error:
            self.tell_odd("not a text message", str(getattr(error, "event", "")))
            return None
        try:
            message: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            self.tell_odd(f"not JSON: {error}", text)
            return None
        return message
