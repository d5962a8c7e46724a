"""The account stream: who listens to which account, and what each is told, with the bad habits of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from models.ids import AccountId
from tests.simulators.tastytrade.auth import Logins
from tests.simulators.tastytrade.replies import JsonObject, epoch_ms
from tests.simulators.tastytrade.state import TastyState
from tests.simulators.tastytrade.wire import Socket

_OTHERS: Final = frozenset({"public-watchlists-subscribe", "quote-alerts-subscribe", "user-message-subscribe"})


@dataclass(slots=True, eq=False)
class Listener:
    """One socket on the account stream."""

    socket: Socket
    session_id: str
    accounts: set[str] = field(default_factory=set)
    is_connected: bool = False
    heartbeats: int = 0
    #: Number of the last alert.
    sequence: int = 0
    _waiting: list[JsonObject] = field(default_factory=list)
    _idle: asyncio.TimerHandle | None = None

    def queue(self, message: JsonObject) -> None:
        """Adds an alert that leaves with the next `flush`."""
        self._waiting.append(message)

    def flush(self, *, batches: bool, disorder: Random | None) -> None:
        """Sends what waits."""
        waiting, self._waiting = self._waiting, []
        if disorder is not None:
            disorder.shuffle(waiting)
        if batches and len(waiting) > 1:
            self.socket.send({"results": waiting})
            return
        for message in waiting:
            self.socket.send(message)

    def watch(self, idle_s: float | None) -> None:
        """Closes the socket once nothing was heard for so long."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if idle_s is not None:
            self._idle = asyncio.get_running_loop().call_later(idle_s, self.socket.close, 1000, "Bye")


@dataclass(slots=True)
class AlertHub:
    """Every listener."""

    tasty: TastyState
    logins: Logins
    note: Callable[[Socket, dict[str, Any]], None]
    listeners: list[Listener] = field(default_factory=list)
    _sessions: int = 0
    _lost: int = 0

    def open(self, socket: Socket) -> None:
        """Serves a new socket."""
        self._sessions += 1
        listener = Listener(socket, f"{0x5B6E2798 + self._sessions:x}")
        self.listeners.append(listener)
        socket.on_message = lambda message: self._message(listener, message)
        socket.on_end = lambda: self._end(listener)
        socket.on_sign_of_life = lambda: listener.watch(self.tasty.habits.idle_alerts_s)
        listener.watch(self.tasty.habits.idle_alerts_s)

    def _end(self, listener: Listener) -> None:
        listener.watch(None)
        if listener in self.listeners:
            self.listeners.remove(listener)

    # --- what a client says ---

    def _message(self, listener: Listener, message: dict[str, Any]) -> None:
        self.note(listener.socket, message)
        action = message.get("action")
        if not self.logins.knows(str(message.get("auth-token", ""))):
            self._refuse(listener, message, "failed")
        elif action == "connect":
            self._connect(listener, message)
        elif action == "heartbeat":
            listener.heartbeats += 1
            self._answer(listener, message, {})
        elif action in _OTHERS:
            if listener.is_connected:
                self._answer(listener, message, {})
            else:
                self._refuse(listener, message, "connect-not-completed")
        else:
            self._refuse(listener, message, "not-implemented")

    def _connect(self, listener: Listener, message: dict[str, Any]) -> None:
        value = message.get("value")
        asked = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        if self.tasty.habits.refuse_connect:
            self._refuse(listener, message, self.tasty.habits.refuse_connect)
        elif not asked or any(one not in self.tasty.accounts for one in asked):
            self._refuse(listener, message, "failed")
        else:
            listener.accounts |= set(asked)
            listener.is_connected = True
            self._answer(listener, message, {"value": asked})

    def _answer(self, listener: Listener, message: dict[str, Any], more: JsonObject) -> None:
        answer = {"status": "ok", "action": message.get("action"), "web-socket-session-id": listener.session_id}
        if "request-id" in message:
            more = more | {"request-id": message["request-id"]}
        listener.socket.send(answer | more)

    def _refuse(self, listener: Listener, message: dict[str, Any], text: str) -> None:
        answer: JsonObject = {
            "status": "error",
            "action": message.get("action"),
            "web-socket-session-id": listener.session_id,
            "message": text,
        }
        if self.tasty.habits.refusal_has_request_id and "request-id" in message:
            answer["request-id"] = message["request-id"]
        listener.socket.send(answer)

    # --- what it is told ---

    def tell(self, kind: str, account: AccountId | None, data: Any) -> None:
        """Tells everybody who listens to an account (None = everybody); leaves with the next `flush`."""
        habits = self.tasty.habits
        if kind in habits.muted:
            return
        is_lost, self._lost = self._lost > 0, max(self._lost - 1, 0)
        for listener in self.listeners:
            if not listener.is_connected or (account is not None and account not in listener.accounts):
                continue
            listener.sequence += 1
            message = {
                "type": kind,
                "data": data,
                "timestamp": epoch_ms(self.tasty.now()),
                "ws-sequence": listener.sequence,
            }
            for _ in range(0 if is_lost else habits.copies):
                listener.queue(message)

    def lose(self, count: int) -> None:
        """Lets the next alerts be lost: they are counted, and never arrive."""
        self._lost += count

    def flush(self) -> None:
        """Sends what waits."""
        seed = self.tasty.habits.disorder_seed
        for listener in self.listeners:
            disorder = None if seed is None else Random(seed + listener.sequence)
            listener.flush(batches=self.tasty.habits.batches, disorder=disorder)
