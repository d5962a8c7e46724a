"""Ways in which the connection to TWS breaks, and how each is mended."""

from __future__ import annotations

from enum import StrEnum
from random import Random

from benchmarks.ibkr_desk import DeskOnTws
from benchmarks.storms import READY_WITHIN_S, Weather
from execution.brokers.paper.faults import Call, Failure
from tests.simulators.tws.order_replies import ExecTimeForm


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


class TwsWeather(Weather[Break, DeskOnTws]):
    """Breaks and mends the link to TWS."""

    def __init__(self, on: DeskOnTws, rng: Random) -> None:
        super().__init__(on, rng, _CALLS)

    async def strike(self, kind: Break) -> None:
        simulator = self.on.simulator
        if kind in _RESTARTS:
            self.on.habits.order_ids_roll_back = kind is Break.RESTART_IDS
            await self.on.stop_far()
        elif kind in _LOST:
            simulator.broadcast(1100)
        elif kind is Break.HALF_OPEN:
            simulator.half_open()
        else:
            self.disarm()
            simulator.cut_link()

    async def mend(self, kind: Break) -> None:
        simulator = self.on.simulator
        if kind in _RESTARTS:
            await self.on.start_far()
        elif kind in _LOST:
            simulator.broadcast(_LOST[kind])
        elif kind is not Break.HALF_OPEN:
            simulator.mend_link()
        if kind is Break.FLAP:
            await self.flap()

    async def noticed(self, kind: Break) -> None:
        simulator, watch = self.on.simulator, self.on.watch
        if kind is Break.HALF_OPEN:
            await watch.until(lambda: not any(one.is_deaf for one in simulator.state.clients), READY_WITHIN_S)
            await watch.until(lambda: bool(simulator.clients), READY_WITHIN_S)
        else:
            await watch.until(lambda: False, 0.05)

    def change_habits(self, number: int) -> None:
        habits, rng = self.on.habits, self.rng
        habits.disorder_seed = number if rng.random() < 0.5 else None
        habits.perm_id_late = rng.random() < 0.3
        habits.commission_first = rng.random() < 0.3
        habits.strict_modify = rng.random() < 0.5
        habits.id_held_s = rng.choice((0.0, 0.0, 0.5))
        habits.position_gap_s = rng.choice((0.0, 0.0, 0.05))
        habits.split_bytes = rng.choice((None, None, 700))
        habits.exec_time = rng.choice(tuple(ExecTimeForm))
