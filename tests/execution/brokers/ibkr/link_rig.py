"""A link over scripted connections: what opens, what fails, what was told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from execution.brokers.ibkr.advice import Trouble, failure_of
from execution.brokers.ibkr.facts import ClosedFact, ErrorFact
from execution.brokers.ibkr.link import Link
from execution.brokers.ibkr.settings import IbkrSettings, IbTimeouts
from execution.brokers.ibkr.wire_port import Greeting, IbWire
from execution.brokers.port import ConnectionEvent
from models.clock import ManualClock
from models.enums import FeedState
from tests.execution.brokers.ibkr.fake_wire import FakeWire

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
QUICK = IbTimeouts(ping_every_s=0.005, ping_dead_s=0.05, retry_first_s=0.002, retry_most_s=0.01)
SETTINGS = IbkrSettings(client_id=7, timeouts=QUICK)
#: Pings never come: what is tested is told, not noticed.
STILL = replace(SETTINGS, timeouts=replace(QUICK, ping_every_s=60))
IN_USE = failure_of(Trouble.CLIENT_ID_IN_USE, SETTINGS, code="326")
REFUSED = failure_of(Trouble.REFUSED, SETTINGS)
LIVE, STALE, DOWN = FeedState.LIVE, FeedState.STALE, FeedState.DOWN


class Rig:
    """A link over scripted wires. `opening` holds what the next wires do when opened: None = open."""

    def __init__(self, settings: IbkrSettings) -> None:
        self.clock = ManualClock(NOW)
        self.tws_clock = ManualClock(NOW)
        self.wires: list[FakeWire] = []
        self.opening: deque[BaseException | None] = deque()
        self.asking: deque[BaseException | None] = deque()
        self.events: list[ConnectionEvent] = []
        self.downs: list[str] = []
        self.ups: list[IbWire] = []
        #: Pauses are not waited, attempts take no time but this one.
        self.pauses: list[float] = []
        self.now_s = 0.0
        self.attempt_s = 0.0
        self.during_up: Callable[[], None] = lambda: None
        self._stirred = asyncio.Event()
        self.link = Link(
            make_wire=self._make,
            settings=settings,
            clock=self.clock,
            tell=self._tell,
            on_up=self._on_up,
            on_down=self._on_down,
            sleep=self._sleep,
            monotonic_s=lambda: self.now_s,
        )

    @property
    def states(self) -> list[tuple[FeedState, bool]]:
        return [(event.state, event.reconcile_needed) for event in self.events]

    def error(self, code: int, text: str = "") -> None:
        self.link.take_error(ErrorFact(-1, code, text))

    def lose_socket(self) -> None:
        self.wires[-1].is_open = False
        self.link.take_closed(ClosedFact("reset by peer"))

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not happened():
                self._stirred.clear()
                await self._stirred.wait()

    async def _sleep(self, pause_s: float) -> None:
        self.pauses.append(pause_s)
        await asyncio.sleep(0)

    def _make(self) -> FakeWire:
        self.now_s += self.attempt_s
        wire = FakeWire(self.tws_clock)
        failure = self.opening.popleft() if self.opening else None
        if failure is not None:
            wire.failures["open"].append(failure)
        self.wires.append(wire)
        self._stirred.set()
        return wire

    async def _on_up(self, wire: IbWire, greeting: Greeting) -> None:
        assert self.link.wire is wire  # the parts ask on the new connection
        assert greeting.accounts == ("DU100",)
        self.ups.append(wire)
        self.during_up()
        self._stirred.set()
        failure = self.asking.popleft() if self.asking else None
        if failure is not None:
            raise failure

    def _on_down(self, why: str) -> None:
        self.downs.append(why)
        self._stirred.set()

    def _tell(self, event: ConnectionEvent) -> None:
        self.events.append(event)
        self._stirred.set()


@asynccontextmanager
async def started(settings: IbkrSettings = STILL) -> AsyncIterator[Rig]:
    rig = Rig(settings)
    await rig.link.start()
    try:
        yield rig
    finally:
        await rig.link.stop()


def play(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)
