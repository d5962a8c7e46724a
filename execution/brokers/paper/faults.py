"""What can go wrong at a broker, on demand: per order or per call, for tests, drills and the tour."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from execution.brokers.port import OddObjectEvent
from models.errors import FailureKind
from models.ids import OrderId


class Call(StrEnum):
    """Calls of the port that can be made to fail."""

    CONNECT = "connect"
    SNAPSHOT = "snapshot"
    FIND_ORDERS = "find_orders"
    SIMULATE = "simulate"
    SUBMIT = "submit"
    REPLACE = "replace"
    CANCEL = "cancel"
    CHAIN = "chain"


class Failure(StrEnum):
    """How a call fails."""

    #: A decoded refusal; nothing happened.
    REJECT = "reject"
    #: The answer takes `delay_s` longer.
    DELAY = "delay"
    #: The request is lost: nothing happened, no answer comes.
    DROP = "drop"
    #: It happened, but the answer is lost.
    DONE_THEN_TIMEOUT = "done-then-timeout"
    #: The link breaks before the request arrives.
    DISCONNECT_BEFORE = "disconnect-before"
    #: The link breaks after it was done, before the answer.
    DISCONNECT_AFTER = "disconnect-after"


class FillBehavior(StrEnum):
    """When an order fills, whatever the market says (all but MODEL)."""

    MODEL = "model"
    IMMEDIATE = "immediate"
    DELAYED = "delayed"
    SCHEDULED = "scheduled"
    PARTIAL = "partial"
    NEVER = "never"
    #: Accepted, then refused by the exchange.
    REJECT = "reject"


class CancelBehavior(StrEnum):
    """What a request to cancel meets."""

    NORMAL = "normal"
    #: The order fills first; the cancel comes too late.
    FILL_WINS = "fill-wins"
    #: The cancel is confirmed, then a fill that was on its way arrives.
    LATE_FILL = "late-fill"
    #: No answer ever comes and the order keeps working.
    IGNORED = "ignored"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class CallFault:
    """One failure of one call."""

    failure: Failure
    delay_s: float = 0.0
    kind: FailureKind = FailureKind.REJECTED
    text: str = "Refused by the fault script."


@dataclass(frozen=True, slots=True)
class OrderScript:
    """How one order fares. `delay_s` belongs to DELAYED, PARTIAL (before the rest) and the correction."""

    fills: FillBehavior = FillBehavior.MODEL
    delay_s: float = 1.0
    #: For SCHEDULED.
    fill_at_utc: datetime | None = None
    #: Packages of the first fill for PARTIAL; None = half, at least one.
    first_packages: int | None = None
    cancel: CancelBehavior = CancelBehavior.NORMAL
    #: How many times each of its events is sent.
    copies: int = 1
    #: Sends the events of one step last to first: order state before executions, fee before its execution.
    reversed_events: bool = False
    #: Price change of the first leg's execution, sent as revision 2 after `delay_s`.
    correction: Decimal | None = None
    reason: str = "Refused by the exchange."


PLAIN = OrderScript()


class FaultScript:
    """Holds what is to go wrong. Empty: nothing. Engine thread only."""

    def __init__(self) -> None:
        self._calls: defaultdict[Call, deque[CallFault]] = defaultdict(deque)
        self._orders: dict[OrderId, OrderScript] = {}
        self._next: deque[OrderScript] = deque()
        self._odd: deque[OddObjectEvent] = deque()

    def fail(self, call: Call, fault: CallFault, *, times: int = 1) -> None:
        """Makes the next `times` uses of a call fail."""
        self._calls[call].extend([fault] * times)

    def for_order(self, order_id: OrderId, script: OrderScript) -> None:
        """Scripts the order of that client id."""
        self._orders[order_id] = script

    def next_order(self, script: OrderScript) -> None:
        """Scripts the next order that reaches the broker unscripted."""
        self._next.append(script)

    def odd_object(self, source: str, what: str) -> None:
        """Sends one unreadable object with the next step."""
        self._odd.append(OddObjectEvent(source, what))

    def take_call(self, call: Call) -> CallFault | None:
        """Returns and uses up the next failure of a call."""
        waiting = self._calls.get(call)
        return waiting.popleft() if waiting else None

    def assign(self, order_id: OrderId) -> None:
        """Binds the next unbound script to an order that just reached the broker."""
        if order_id not in self._orders and self._next:
            self._orders[order_id] = self._next.popleft()

    def of(self, order_id: OrderId | None) -> OrderScript:
        """Returns how an order fares."""
        return PLAIN if order_id is None else self._orders.get(order_id, PLAIN)

    def take_odd(self) -> list[OddObjectEvent]:
        """Returns and uses up the odd objects."""
        odd = list(self._odd)
        self._odd.clear()
        return odd


def tour_orders() -> FaultScript:
    """Returns how the orders of the tour fare: the first fills in two parts, the second rests."""
    script = FaultScript()
    script.next_order(OrderScript(fills=FillBehavior.PARTIAL, first_packages=1, delay_s=1.5))
    script.next_order(OrderScript(fills=FillBehavior.NEVER))
    return script
