"""One client's socket: its bytes in, messages out, with the habits that concern the wire."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from tests.simulators.postponed import Postponed
from tests.simulators.tws import replies
from tests.simulators.tws.error_texts import text_of_code
from tests.simulators.tws.framing import ClientStream, Fields, Hello, ProtocolError, encode
from tests.simulators.tws.habits import Habits

_log = logging.getLogger(__name__)
#: Messages about orders: openOrder(End), orderStatus, executions, commissions, completed orders, and errors on orders.
ORDER_MESSAGES: Final = frozenset({3, 5, 11, 53, 55, 59, 101, 102})
_READ_BYTES: Final = 65536
#: The rate is watched over two seconds: messages that a busy machine reads late come bunched.
_RATE_WINDOW_S: Final = 2.0


@dataclass(slots=True)
class Wiring:
    """What every client shares: habits, the time, postponed work."""

    habits: Habits
    now: Callable[[], datetime]
    postponed: Postponed
    #: How often a client sent faster than allowed.
    rate_violations: int = 0


@dataclass(slots=True, eq=False)
class Client:
    """A connected client. Identity is the connection, not the client id."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    wiring: Wiring
    version: int = 0
    client_id: int | None = None
    auto_bind: bool = False
    #: Nothing comes in or goes out any more, and the socket stands.
    is_deaf: bool = False
    #: Messages about orders are lost.
    loses_orders: bool = False
    _buffer: bytearray = field(default_factory=bytearray)
    _flushing: bool = False
    _splitter: asyncio.Task[None] | None = None
    _arrivals: deque[float] = field(default_factory=deque)

    # --- in ---

    async def read(self, handle: Callable[[Client, Hello | tuple[str, ...]], None]) -> None:
        """Hands every message to `handle` until the socket ends; what is no message ends it too (error 507)."""
        stream = ClientStream()
        with contextlib.suppress(ConnectionError, TimeoutError):
            while data := await self.reader.read(_READ_BYTES):
                if self.is_deaf:
                    continue
                try:
                    for message in stream.feed(data):
                        if self.writer.is_closing():
                            return
                        self._count_message()
                        handle(self, message)
                except ProtocolError as error:
                    _log.warning("TWS simulator: a client does not speak the protocol: %s", error)
                    self.error(-1, 507)
                    self.close()
                    return

    def _count_message(self) -> None:
        most = self.wiring.habits.max_messages_per_s
        now_s = time.monotonic()
        self._arrivals.append(now_s)
        while self._arrivals[0] < now_s - _RATE_WINDOW_S:
            self._arrivals.popleft()
        if most is not None and len(self._arrivals) > most * _RATE_WINDOW_S:
            self._arrivals.clear()
            self.wiring.rate_violations += 1
            self.error(-1, 100)

    # --- out ---

    def send(self, message: Fields, *, after_s: float = 0.0) -> None:
        """Sends a message, by the simulator's time `after_s` later, unless a habit loses or delays it."""
        message_id = message[0]
        habits = self.wiring.habits
        if message_id in habits.muted or (self.loses_orders and message_id in ORDER_MESSAGES):
            return
        delay_s = after_s + (habits.delays_s.get(message_id, 0.0) if isinstance(message_id, int) else 0.0)
        data = encode(message)
        if delay_s <= 0:
            self._put(data)
        else:
            due = self.wiring.now() + timedelta(seconds=delay_s)
            self.wiring.postponed.at(due, lambda: self._put(data))

    def error(self, req_id: int, code: int, text: str = "") -> None:
        """Sends an error, a warning or a notice; `text` empty = the code's usual words."""
        self.send(replies.error(req_id, code, text or text_of_code(code), self.version))

    def send_raw(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self._put(data)

    def _put(self, data: bytes) -> None:
        if self.is_deaf or self.writer.is_closing():
            return
        self._buffer += data
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Writes what was put since the last turn of the loop: one turn, one piece on the wire."""
        self._flushing = False
        if self.is_deaf or self.writer.is_closing():
            self._buffer.clear()
            return
        if self._splitter is None and self.wiring.habits.split_bytes is None:
            self.writer.write(bytes(self._buffer))
            self._buffer.clear()
        elif self._splitter is None:
            self._splitter = asyncio.get_running_loop().create_task(self._write_split())

    async def _write_split(self) -> None:
        """Writes piece by piece, so that the client's reads end in the middle of messages."""
        while self._buffer and not (self.is_deaf or self.writer.is_closing()):
            size = self.wiring.habits.split_bytes or len(self._buffer)
            self.writer.write(bytes(self._buffer[:size]))
            del self._buffer[:size]
            await asyncio.sleep(0)
        self._splitter = None

    # --- the end ---

    def close(self) -> None:
        """Says goodbye: what was sent still arrives, then the socket ends."""
        self.flush()
        self.writer.close()

    def abort(self) -> None:
        """Ends the socket at once; what was not read is lost."""
        self._buffer.clear()
        self.writer.transport.abort()

    async def ended(self) -> None:
        """Waits until the socket is gone."""
        if self._splitter is not None:
            self._splitter.cancel()
        with contextlib.suppress(ConnectionError, TimeoutError):
            await self.writer.wait_closed()
