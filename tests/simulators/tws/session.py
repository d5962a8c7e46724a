"""A client's way into TWS: versions agreed, API started, its messages read and written down, then answered."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from execution.brokers.paper.faults import Call, Failure
from models.clock import new_york_time
from tests.simulators.tws import replies
from tests.simulators.tws.answers import Answers
from tests.simulators.tws.client import Client
from tests.simulators.tws.framing import MIN_SERVER_VERSION, Hello, handshake
from tests.simulators.tws.requests import Request, StartApi, UnknownRequest, parse
from tests.simulators.tws.state import TwsState

_log = logging.getLogger(__name__)
_FARMS_OK: Final = (2104, 2106, 2158)
_OUTDATED: Final = MIN_SERVER_VERSION - 7
_KEPT_REQUESTS: Final = 50_000


@dataclass(slots=True)
class RequestLog:
    """What the clients sent, newest last; the oldest are dropped at some length."""

    requests: deque[Request] = field(default_factory=lambda: deque(maxlen=_KEPT_REQUESTS))
    #: Requests with fields that nobody asked for, and those without a name.
    surplus: list[Request] = field(default_factory=list)

    def note(self, request: Request) -> None:
        """Writes a request down."""
        self.requests.append(request)
        if request.surplus or isinstance(request, UnknownRequest):
            _log.warning("TWS simulator: fields that nobody asked for in %r", request)
            self.surplus.append(request)


@dataclass(slots=True)
class Sessions:
    """Handles the messages of all clients of one run. `is_taken` tells whether a client id is in use."""

    tws: TwsState
    answers: Answers
    server_version: int
    log: RequestLog
    is_taken: Callable[[int], bool]

    def handle(self, client: Client, message: Hello | tuple[str, ...]) -> None:
        """Handles one message; raises ProtocolError for one that is none."""
        if isinstance(message, Hello):
            self._welcome(client, message)
            return
        request = parse(message, client.version)
        self.log.note(request)
        if isinstance(request, StartApi):
            self._start(client, request.client_id)
        elif client.client_id is None:
            client.error(-1, 504, "Not connected")
        elif type(request) not in self.tws.habits.unanswered:
            self.answers.answer(client, request)
            self.tws.keep_con_ids()
            self.tws.deliver()

    def _welcome(self, client: Client, hello: Hello) -> None:
        """Agrees on a version, unless a script lets the connection fail."""
        fault = self.tws.faults.take_call(Call.CONNECT)
        if fault is None:
            self._greet(client, hello)
        elif fault.failure is Failure.DELAY:
            due_utc = self.tws.now() + timedelta(seconds=fault.delay_s)
            self.tws.postponed.at(due_utc, lambda: self._greet(client, hello))
        elif fault.failure is not Failure.DROP:
            client.close()

    def _greet(self, client: Client, hello: Hello) -> None:
        version = hello.negotiated(self.server_version)
        time_text = _connection_time(self.tws.now())
        if self.tws.habits.too_old or version is None:
            client.send_raw(handshake(_OUTDATED, time_text))
            client.close()
            return
        client.version = version
        client.send_raw(handshake(version, time_text))

    def _start(self, client: Client, client_id: int) -> None:
        if self.is_taken(client_id):
            client.error(-1, 326)
            client.close()
            return
        client.client_id = client_id
        client.send(replies.managed_accounts(self.tws.accounts))
        client.send(replies.next_valid_id(self.tws.records.next_id(client_id)))
        for code in _FARMS_OK:
            client.error(-1, code)


def _connection_time(now_utc: datetime) -> str:
    there = new_york_time(now_utc)
    return f"{there:%Y%m%d %H:%M:%S} {there.tzname()}"
