"""A simulator's life: the store it opens, the port it listens on, its ticking task, a cut link and its mending."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final, Protocol, TypeVar

from execution.brokers.paper.core import PaperCore, open_core
from execution.brokers.paper.faults import FaultScript
from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.sample_book import SampleBook
from execution.brokers.paper.sessions import WeekdaySessions
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from execution.brokers.paper.store import PaperStoreError
from execution.storage import SessionCalendar
from models.clock import Clock
from tests.simulators.postponed import Postponed

_log = logging.getLogger(__name__)
HOST: Final = "127.0.0.1"
_SHORTEST_SLEEP_S: Final = 0.002
_Part = TypeVar("_Part")


class PacedHabits(Protocol):
    """The habit that every simulator has: whether its ticks come at a pace, not with the market."""

    paced_ticks: bool


class Life(ABC):
    """What every simulator does between `start` and `stop`; these two on the same store are its restart.

    Driven by hand (`settings.manual`, `step`) or by its own task.
    """

    #: What it simulates, in words.
    name: ClassVar[str]
    #: The login's, unless the settings name others.
    default_account: ClassVar[PaperAccount]
    habits: PacedHabits

    def __init__(
        self,
        *,
        market: MarketSource,
        clock: Clock,
        store_path: Path,
        settings: PaperSettings | None = None,
        faults: FaultScript | None = None,
        sample_book: SampleBook | None = None,
        calendar: SessionCalendar | None = None,
    ) -> None:
        """Parameters as of the paper broker."""
        self._market = market
        self._clock = clock
        self._store_path = store_path
        self._settings = settings or PaperSettings(accounts=(self.default_account,))
        self._sample_book = sample_book
        self._calendar = calendar or WeekdaySessions()
        self.faults = faults or FaultScript()
        self._postponed = Postponed()
        self._core: PaperCore | None = None
        self._server: asyncio.Server | None = None
        self._listening: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._cut_at_utc: datetime | None = None
        self._wake = asyncio.Event()
        self._failure: BaseException | None = None
        #: Set when something went wrong inside the simulator itself.
        self.failed = asyncio.Event()
        self.port = 0

    # --- what a simulator adds ---

    @abstractmethod
    def deliver(self) -> None:
        """Sends what the exchange has to tell by now."""
        ...

    @abstractmethod
    def send_ticks(self, count: int) -> int:
        """Sends about so many ticks, lines in turn (see `habits.paced_ticks`); returns how many were sent in all."""
        ...

    @abstractmethod
    def _open(self, core: PaperCore) -> None:
        """Sets up its desks before the exchange of a new run."""
        ...

    @abstractmethod
    async def _close(self) -> None:
        """Ends every connection, waits until they are gone, and lets the desks of this run go."""
        ...

    @abstractmethod
    def _break_connections(self) -> None:
        """Ends every connection at once: the link is cut."""
        ...

    @abstractmethod
    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one client until its connection ends."""
        ...

    # --- life ---

    async def start(self, port: int = 0) -> int:
        """Opens the store and listens on loopback; returns the port (0 asked = the one of before, else any free)."""
        self._core = core = open_core(
            market=self._market,
            store_path=self._store_path,
            settings=self._settings,
            faults=self.faults,
            calendar=self._calendar,
            sample_book=self._sample_book,
            executor=None,
            now_utc=self._clock.now_utc(),
        )
        self._open(core)
        self._cut_at_utc = None
        await self._listen(_bound_socket(port or self.port))
        if not self._settings.manual:
            self._ticking = asyncio.get_running_loop().create_task(self._run(), name=f"{self.name.lower()}-simulator")
            self._ticking.add_done_callback(self._watch)
        return self.port

    async def stop(self) -> None:
        """Ends every connection and lets the store go; working orders stay for the next start.

        Raises what went wrong inside the simulator itself, if anything did.
        """
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        if self._listening is not None:
            await self._listening
        self._ticking = self._listening = None
        self._stop_listening()
        core, self._core = self._core, None
        self._postponed.clear()
        await self._close()
        if core is not None:
            core.save_market()
            core.store.close()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def step(self, now_utc: datetime | None = None) -> None:
        """Moves market and exchange to `now_utc` (None = the clock's time) and sends what is due."""
        core = self.core
        at_utc = self._now() if now_utc is None else max(now_utc, core.now_utc)
        core.step(at_utc)
        self._mend_when_due(at_utc)
        self.deliver()
        self._work(at_utc)

    @property
    def core(self) -> PaperCore:
        """The exchange behind the simulator: its book, its orders."""
        return self._started(self._core)

    # --- the link ---

    def cut_link(self) -> None:
        """Breaks every connection and refuses new ones."""
        if self._cut_at_utc is not None:
            return
        self._cut_at_utc = self._now()
        self._stop_listening()
        self._break_connections()

    def mend_link(self) -> None:
        """Takes connections again, at once."""
        if self._cut_at_utc is None:
            return
        self._cut_at_utc = None
        if self._listening is not None and not self._listening.done():
            return  # cut while it was still coming back: it will listen after all
        listening = self._listen(_bound_socket(self.port))
        name = f"{self.name.lower()}-simulator-listen"
        self._listening = asyncio.get_running_loop().create_task(listening, name=name)

    def _mend_when_due(self, now_utc: datetime) -> None:
        rest_s = self._settings.reconnect_after_s
        if (
            self._cut_at_utc is not None
            and rest_s is not None
            and now_utc - self._cut_at_utc >= timedelta(seconds=rest_s)
        ):
            self.mend_link()

    async def _listen(self, listening: socket.socket) -> None:
        self.port = int(listening.getsockname()[1])
        server = await asyncio.start_server(self._accept, sock=listening)
        if self._cut_at_utc is None:
            self._server = server
        else:
            server.close()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    # --- the ticking task ---

    async def _run(self) -> None:
        """Ticks at the quote interval, and sends what is due in between."""
        interval = timedelta(seconds=self._settings.quote_interval_s)
        next_tick = self._clock.now_utc()
        while True:
            now_utc = self._now()
            if now_utc >= next_tick:
                next_tick = now_utc + interval
                self._tick(now_utc)
            else:
                self.deliver()
                self._postponed.run_until(now_utc)
            due = (next_tick, self.core.outbox.next_due_utc(), self._postponed.next_due_utc())
            until = min(instant for instant in due if instant is not None)
            await self._sleep(max((until - self._now()).total_seconds(), _SHORTEST_SLEEP_S))

    async def _sleep(self, seconds: float) -> None:
        """Sleeps until something new may be due: a client's message came."""
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            # Not `wait_for`: in Python 3.11 it swallows a cancel that comes in the moment the wake does.
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _tick(self, now_utc: datetime) -> None:
        try:
            self.step(now_utc)
        except PaperStoreError as error:
            self._cannot_write(error)

    def _work(self, at_utc: datetime) -> None:
        """Does what else a step brings, after the exchange's news: here what was postponed until now."""
        self._postponed.run_until(at_utc)

    def _cannot_write(self, error: PaperStoreError) -> None:
        """Tells that a tick could not be written; the next one tries again."""
        _log.warning("%s simulator cannot write: %s", self.name, error)

    def _watch(self, task: asyncio.Task[None]) -> None:
        """Keeps and tells an error of the simulator's own: the market or a client goes on without this task."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("the simulated %s failed", self.name, exc_info=error)
            self._failure = self._failure or error
            self.failed.set()

    # --- inside ---

    def _now(self) -> datetime:
        """The clock's time, never before what the store has seen."""
        now_utc = self._clock.now_utc()
        return now_utc if self._core is None else max(now_utc, self._core.now_utc)

    def _started(self, part: _Part | None) -> _Part:
        """Returns a part of the present run; raises RuntimeError when there is none."""
        if part is None:
            raise RuntimeError(f"the {self.name} simulator is not started")
        return part


def _bound_socket(port: int) -> socket.socket:
    """A listening socket on loopback: connections queue from this moment on."""
    return socket.create_server((HOST, port))
