"""Ways in which the connection to TWS breaks, and how each is mended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from benchmarks.ibkr_desk import DeskOnTws
from execution.brokers.paper.faults import Call, CallFault, Failure


class Break(StrEnum):
    """What happens to the link."""

    CUT = "link cut"
    FLAP = "link cut twice, the second time while reconciling"
    BEFORE_SUBMIT = "cut before an order arrives"
    AFTER_SUBMIT = "cut after an order arrived"
    BEFORE_REPLACE = "cut before a new price arrives"
    AFTER_REPLACE = "cut after a new price arrived"
    BEFORE_CANCEL = "cut before a cancel arrives"
    AFTER_CANCEL = "cut after a cancel arrived"
    IN_WHAT_IF = "cut in a what-if"
    IN_SNAPSHOT = "cut in the snapshot of a reconcile"
    IN_LOOK = "cut while an order is looked for"
    RESTART = "TWS stopped and started"
    RESTART_IDS = "TWS stopped and started, order ids begin again"
    LOST_1101 = "1100, then 1101"
    LOST_1102 = "1100, then 1102"
    HALF_OPEN = "half-open"


#: Which call of the script breaks the link, and whether it is still done.
_CALLS = {
    Break.BEFORE_SUBMIT: (Call.SUBMIT, Failure.DISCONNECT_BEFORE),
    Break.AFTER_SUBMIT: (Call.SUBMIT, Failure.DISCONNECT_AFTER),
    Break.BEFORE_REPLACE: (Call.REPLACE, Failure.DISCONNECT_BEFORE),
    Break.AFTER_REPLACE: (Call.REPLACE, Failure.DISCONNECT_AFTER),
    Break.BEFORE_CANCEL: (Call.CANCEL, Failure.DISCONNECT_BEFORE),
    Break.AFTER_CANCEL: (Call.CANCEL, Failure.DISCONNECT_AFTER),
    Break.IN_WHAT_IF: (Call.SIMULATE, Failure.DISCONNECT_BEFORE),
    Break.IN_SNAPSHOT: (Call.SNAPSHOT, Failure.DISCONNECT_BEFORE),
    Break.IN_LOOK: (Call.FIND_ORDERS, Failure.DISCONNECT_AFTER),
}
_LOST = {Break.LOST_1101: 1101, Break.LOST_1102: 1102}
_RESTARTS = (Break.RESTART, Break.RESTART_IDS)


@dataclass(slots=True)
class Weather:
    """Breaks and mends the link of one desk."""

    on: DeskOnTws
    rng: Random

    @staticmethod
    def call_of(kind: Break) -> Call | None:
        """Returns the call that breaks the link, None where it breaks by itself."""
        return None if kind not in _CALLS else _CALLS[kind][0]

    def arm(self, kind: Break) -> None:
        """Has the next call of that kind break the link."""
        if kind in _CALLS:
            call, failure = _CALLS[kind]
            self.on.faults.fail(call, CallFault(failure))

    async def strike(self, kind: Break) -> None:
        """Breaks the link; where a call was to do it, only if it has not."""
        simulator = self.on.simulator
        if kind in _RESTARTS:
            self.on.habits.order_ids_roll_back = kind is Break.RESTART_IDS
            await self.on.stop_tws()
        elif kind in _LOST:
            simulator.broadcast(1100)
        elif kind is Break.HALF_OPEN:
            simulator.half_open()
        else:
            self.disarm()
            simulator.cut_link()

    async def mend(self, kind: Break) -> None:
        """Brings the link back; a flap breaks once more on the way."""
        simulator = self.on.simulator
        if kind in _RESTARTS:
            await self.on.start_tws()
        elif kind in _LOST:
            simulator.broadcast(_LOST[kind])
        elif kind is not Break.HALF_OPEN:
            simulator.mend_link()
        if kind is Break.FLAP:
            await asyncio.sleep(self.rng.uniform(0.0, 0.5))
            simulator.cut_link()
            await asyncio.sleep(self.rng.uniform(0.0, 0.3))
            simulator.mend_link()

    def disarm(self) -> None:
        """Takes back failures that no call has met."""
        for call in Call:
            while self.on.faults.take_call(call) is not None:
                continue
