"""The wire between desk and paper broker: up or down, and the calls that a fault script makes fail on it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from execution.brokers.paper.faults import Call, Failure, FaultScript
from execution.brokers.port import BrokerEvent, ConnectionEvent
from execution.brokers.stream import EventStream
from models.enums import BrokerName, FeedState
from models.errors import BrokerFailure, FailureKind

NAME: Final = BrokerName.PAPER.value
#: Calls that may have taken effect although no answer came.
_SENDS: Final = frozenset({Call.SUBMIT, Call.REPLACE, Call.CANCEL})


def rejected(text: str, *, code: str = "") -> BrokerFailure:
    """Returns a decoded refusal: nothing happened."""
    return BrokerFailure(FailureKind.REJECTED, text, broker=NAME, code=code)


class Link:
    """State of the wire. While it is down calls fail and events are lost; the broker behind it lives on."""

    def __init__(self, faults: FaultScript) -> None:
        self._faults = faults
        self.stream = EventStream()
        self.is_up = False
        self._down_since_utc: datetime | None = None

    def open(self, text: str) -> None:
        """Brings the link up for a new connection; the stream of an earlier one ends."""
        self.stream.close()
        self.stream = EventStream()
        self._down_since_utc = None
        self.is_up = True
        self.stream.put(ConnectionEvent(FeedState.LIVE, text, reconcile_needed=False))

    def close(self) -> None:
        """Ends the connection and the event stream."""
        self.is_up = False
        self.stream.close()

    def cut(self) -> None:
        """Breaks the link: the desk learns it, further events are lost until `mend`."""
        if self.is_up:
            self.is_up = False
            self.stream.put(
                ConnectionEvent(FeedState.DOWN, "The link to the paper broker broke.", reconcile_needed=True)
            )

    def mend(self) -> None:
        """Brings a broken link back; the desk must reconcile."""
        if not self.is_up:
            self.is_up = True
            self.stream.put(ConnectionEvent(FeedState.LIVE, "The paper broker is back.", reconcile_needed=True))

    def mend_after(self, rest_s: float | None, now_utc: datetime) -> None:
        """Mends a link that was found broken `rest_s` ago or longer; None leaves it broken."""
        if self.is_up or rest_s is None:
            self._down_since_utc = None
        elif self._down_since_utc is None:
            self._down_since_utc = now_utc
        elif (now_utc - self._down_since_utc).total_seconds() >= rest_s:
            self._down_since_utc = None
            self.mend()

    def warn(self, text: str) -> None:
        """Tells that the broker's answers are not to be relied on."""
        if self.is_up:
            self.stream.put(ConnectionEvent(FeedState.STALE, text, reconcile_needed=False))

    def deliver(self, events: list[BrokerEvent]) -> None:
        """Sends events; lost while the link is down."""
        if self.is_up:
            for event in events:
                self.stream.put(event)

    def require(self) -> None:
        """Raises BrokerFailure(OFFLINE) while the link is down: nothing is sent then."""
        if not self.is_up:
            raise BrokerFailure(
                FailureKind.OFFLINE, "The paper broker is not connected.", broker=NAME, cure="Connect, then try again."
            )

    async def enter(self, call: Call) -> Failure | None:
        """Starts a call: raises where it fails before it takes effect; returns how it fails after, None if it works."""
        self.require()
        fault = self._faults.take_call(call)
        if fault is None:
            return None
        match fault.failure:
            case Failure.DELAY:
                await asyncio.sleep(fault.delay_s)
                self.require()
                return None
            case Failure.REJECT:
                raise BrokerFailure(fault.kind, fault.text, broker=NAME)
            case Failure.DROP:
                raise _no_answer(call)
            case Failure.DISCONNECT_BEFORE:
                self.cut()
                raise _broke(call)
            case Failure.DONE_THEN_TIMEOUT | Failure.DISCONNECT_AFTER:
                return fault.failure

    def leave(self, call: Call, failure: Failure | None) -> None:
        """Ends a call that took effect: raises where its answer is lost."""
        if failure is Failure.DONE_THEN_TIMEOUT:
            raise _no_answer(call)
        if failure is Failure.DISCONNECT_AFTER:
            self.cut()
            raise _broke(call)


def _no_answer(call: Call) -> BrokerFailure:
    return BrokerFailure(
        FailureKind.TIMEOUT,
        f"The paper broker gave no answer to {call.value!r} in time.",
        broker=NAME,
        outcome_unknown=call in _SENDS,
    )


def _broke(call: Call) -> BrokerFailure:
    return BrokerFailure(
        FailureKind.OFFLINE,
        f"The link to the paper broker broke during {call.value!r}.",
        broker=NAME,
        outcome_unknown=call in _SENDS,
    )
