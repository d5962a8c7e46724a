"""A simulated TWS on loopback: the text protocol in front of the paper broker's exchange.

Driven by hand (`settings.manual`, `step`) or by its own task. A client sees what a real TWS would send; a test scripts
what goes wrong: `habits`, the paper broker's fault script, and the methods below.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from execution.brokers.paper.core import PaperCore, open_core
from execution.brokers.paper.faults import FaultScript
from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.sample_book import SampleBook
from execution.brokers.paper.sessions import WeekdaySessions
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from execution.brokers.paper.store import PaperStoreError
from execution.brokers.port import OddObjectEvent
from execution.storage import SessionCalendar
from models.clock import Clock
from models.enums import TimeInForce
from models.ids import AccountId
from models.order import OrderLeg
from tests.simulators.tws.answers import Answers
from tests.simulators.tws.client import Client, Postponed, Wiring
from tests.simulators.tws.error_texts import text_of_code
from tests.simulators.tws.framing import MAX_SERVER_VERSION, Fields
from tests.simulators.tws.habits import Habits
from tests.simulators.tws.requests import Request
from tests.simulators.tws.session import RequestLog, Sessions
from tests.simulators.tws.state import TwsState

_log = logging.getLogger(__name__)
_HOST: Final = "127.0.0.1"
_SHORTEST_SLEEP_S: Final = 0.002
#: A message id that no client knows.
_UNREADABLE: Final = 9999
DEFAULT_ACCOUNT: Final = PaperAccount(AccountId("DU1234567"), "Simulated TWS account")


class TwsSimulator:
    """One TWS. `stop` and `start` on the same store are its restart."""

    def __init__(
        self,
        *,
        market: MarketSource,
        clock: Clock,
        store_path: Path,
        settings: PaperSettings | None = None,
        faults: FaultScript | None = None,
        habits: Habits | None = None,
        sample_book: SampleBook | None = None,
        calendar: SessionCalendar | None = None,
        server_version: int = MAX_SERVER_VERSION,
    ) -> None:
        """Parameters as of the paper broker; `server_version` is the highest it speaks."""
        self._market = market
        self._clock = clock
        self._store_path = store_path
        self._settings = settings or PaperSettings(accounts=(DEFAULT_ACCOUNT,))
        self._calendar = calendar or WeekdaySessions()
        self._sample_book = sample_book
        self._server_version = server_version
        self.faults = faults or FaultScript()
        self.habits = habits or Habits()
        self._log = RequestLog()
        self._postponed = Postponed()
        self._wiring = Wiring(self.habits, self._now, self._postponed)
        self._tws: TwsState | None = None
        self._answers: Answers | None = None
        self._sessions: Sessions | None = None
        self._server: asyncio.Server | None = None
        self._listening: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._readers: set[asyncio.Task[None]] = set()
        self._held_ids: dict[int, datetime] = {}
        self._cut_at_utc: datetime | None = None
        self._is_upstream_lost = False
        self._wake = asyncio.Event()
        self._failure: BaseException | None = None
        #: Set when something went wrong inside the simulator itself.
        self.failed = asyncio.Event()
        self.port = 0

    # --- life ---

    async def start(self, port: int = 0) -> int:
        """Opens the store and listens on loopback; returns the port (0 asked = the one of before, else any free)."""
        core = open_core(
            market=self._market,
            store_path=self._store_path,
            settings=self._settings,
            faults=self.faults,
            calendar=self._calendar,
            sample_book=self._sample_book,
            executor=None,
            now_utc=self._clock.now_utc(),
        )
        self._tws = TwsState(core, self.habits, self.faults, self._postponed, self._now, self.deliver, self.cut_link)
        self._tws.begin()
        self._answers = Answers(self._tws)
        self._sessions = Sessions(self._tws, self._answers, self._server_version, self._log, self._is_taken)
        self._is_upstream_lost, self._cut_at_utc = False, None
        self._held_ids.clear()
        await self._listen(_bound_socket(port or self.port))
        if not self._settings.manual:
            self._ticking = asyncio.get_running_loop().create_task(self._run(), name="tws-simulator")
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
        if self._server is not None:
            self._server.close()
            self._server = None
        tws, self._tws = self._tws, None
        self._answers = self._sessions = None
        self._postponed.clear()
        for client in [] if tws is None else list(tws.clients):
            client.close()
        if self._readers:
            await asyncio.gather(*self._readers, return_exceptions=True)
        if tws is not None:
            tws.core.save_market()
            tws.core.store.close()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def step(self, now_utc: datetime | None = None) -> None:
        """Moves market and exchange to `now_utc` (None = the clock's time) and sends what is due."""
        tws = self._live()
        at_utc = self._now() if now_utc is None else max(now_utc, tws.core.now_utc)
        tws.core.step(at_utc)
        self._mend_when_due(at_utc)
        self.deliver()
        self._postponed.run_until(at_utc)

    def deliver(self) -> None:
        """Sends what the exchange has to tell by now; told to nobody while TWS has lost its own link."""
        tws, answers = self._live(), self._desks()
        self._wake.set()
        events = tws.core.outbox.take(self._now())
        if not events:
            return
        if self._is_upstream_lost:
            answers.teller.note(events)
            return
        answers.teller.tell(events)
        answers.accounts.follow(events)
        answers.ticks.follow(events)
        for event in events:
            if isinstance(event, OddObjectEvent):
                self.send_unreadable(event.what)

    # --- what a test sees ---

    @property
    def core(self) -> PaperCore:
        """The exchange behind this TWS: its book, its orders."""
        return self._live().core

    @property
    def state(self) -> TwsState:
        """Contract ids, order records and executions of this run."""
        return self._live()

    @property
    def requests(self) -> deque[Request]:
        """Everything the clients sent, over restarts; the oldest are dropped at 50,000."""
        return self._log.requests

    @property
    def surplus(self) -> list[Request]:
        """Requests with fields that nobody asked for, and those without a name."""
        return self._log.surplus

    @property
    def rate_violations(self) -> int:
        """How often a client sent faster than allowed."""
        return self._wiring.rate_violations

    @property
    def clients(self) -> tuple[Client, ...]:
        """The clients whose API has started."""
        return tuple(self._live().started())

    def lines_of(self, client_id: int) -> int:
        """Returns how many market data lines a client has open."""
        ticks = self._desks().ticks
        return sum(ticks.lines_of(client) for client in self.clients if client.client_id == client_id)

    # --- what a test does ---

    def send_ticks(self, count: int) -> int:
        """Sends about so many ticks, lines in turn (see `habits.paced_ticks`); returns how many were sent in all."""
        return self._desks().ticks.send_in_turn(count)

    def cut_link(self) -> None:
        """Breaks every connection and refuses new ones."""
        if self._cut_at_utc is not None:
            return
        self._cut_at_utc = self._now()
        if self._server is not None:
            self._server.close()
            self._server = None
        for client in list(self._live().clients):
            self._hold_id(client)
            client.abort()

    def mend_link(self) -> None:
        """Takes connections again, at once; answers that were being lost come through again."""
        for client in self._live().clients:
            client.loses_orders = False
        if self._cut_at_utc is None:
            return
        self._cut_at_utc = None
        if self._listening is not None and not self._listening.done():
            return  # cut while it was still coming back: it will listen after all
        listening = self._listen(_bound_socket(self.port))
        self._listening = asyncio.get_running_loop().create_task(listening, name="tws-simulator-listen")

    def half_open(self) -> None:
        """Lets the present connections go deaf: the sockets stand, nothing comes or goes; new ones work."""
        for client in self._live().clients:
            client.is_deaf = True

    def broadcast(self, code: int, text: str = "", *, req_id: int = -1, client_id: int | None = None) -> None:
        """Sends an error or a notice to all clients, or to one. 1100 stops all news until 1101 or 1102.

        After 1101 every market data line is gone.
        """
        if code == 1100:
            self._is_upstream_lost = True
        elif code in (1101, 1102):
            self._is_upstream_lost = False
        if code == 1101:
            self._desks().ticks.lose_all()
        for client in self.clients:
            if client_id in (None, client.client_id):
                client.error(req_id, code, text or text_of_code(code))

    def send(self, message: Fields, *, client_id: int | None = None) -> None:
        """Sends any message to all clients, or to one."""
        for client in self.clients:
            if client_id in (None, client.client_id):
                client.send(message)

    def send_unreadable(self, what: str = "an object nobody knows") -> None:
        """Sends a message that no client can read."""
        self.send((_UNREADABLE, what))

    def place_manual(
        self,
        legs: Sequence[OrderLeg],
        limit_price: Decimal | None,
        *,
        account_id: AccountId | None = None,
        tif: TimeInForce = TimeInForce.DAY,
    ) -> int:
        """Gives an order in TWS's own window; `limit_price` net, debit positive, None = market. Returns its permId.

        Raises Refusal when the exchange does not take it.
        """
        account = self._live().accounts[0] if account_id is None else account_id
        record = self._desks().orders.place_manual(tuple(legs), limit_price, account, tif)
        self.deliver()
        return record.perm_id

    # --- inside ---

    async def _listen(self, listening: socket.socket) -> None:
        self.port = int(listening.getsockname()[1])
        server = await asyncio.start_server(self._accept, sock=listening)
        if self._cut_at_utc is None:
            self._server = server
        else:
            server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one client until its socket ends."""
        tws, sessions = self._tws, self._sessions
        task = asyncio.current_task()
        if tws is None or sessions is None or task is None or self._cut_at_utc is not None:
            writer.transport.abort()
            return
        client = Client(reader, writer, self._wiring)
        self._readers.add(task)
        task.add_done_callback(self._watch)
        tws.clients.append(client)
        try:
            await client.read(sessions.handle)
            client.close()
            await client.ended()
        finally:
            if client.is_deaf:
                self._hold_id(client)
            client.writer.close()
            tws.clients.remove(client)
            sessions.answers.forget(client)
            self._readers.discard(task)

    def _is_taken(self, client_id: int) -> bool:
        held_until = self._held_ids.get(client_id)
        if held_until is not None and self._now() < held_until:
            return True
        clients = self._live().clients
        return any(client.client_id == client_id and not client.writer.is_closing() for client in clients)

    def _hold_id(self, client: Client) -> None:
        if client.client_id is not None and self.habits.id_held_s > 0:
            self._held_ids[client.client_id] = self._now() + timedelta(seconds=self.habits.id_held_s)

    def _mend_when_due(self, now_utc: datetime) -> None:
        rest_s = self._settings.reconnect_after_s
        if (
            self._cut_at_utc is not None
            and rest_s is not None
            and now_utc - self._cut_at_utc >= timedelta(seconds=rest_s)
        ):
            self.mend_link()

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

    def _watch(self, task: asyncio.Task[None]) -> None:
        """Keeps and tells an error of the simulator's own: the market or a client goes on without this task."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("the simulated TWS failed", exc_info=error)
            self._failure = self._failure or error
            self.failed.set()

    def _tick(self, now_utc: datetime) -> None:
        try:
            self.step(now_utc)
        except PaperStoreError as error:
            _log.warning("TWS simulator cannot write: %s", error)
            self.broadcast(2110)

    def _now(self) -> datetime:
        """The clock's time, never before what the store has seen."""
        now_utc = self._clock.now_utc()
        return now_utc if self._tws is None else max(now_utc, self._tws.core.now_utc)

    def _live(self) -> TwsState:
        if self._tws is None:
            raise RuntimeError("the TWS simulator is not started")
        return self._tws

    def _desks(self) -> Answers:
        if self._answers is None:
            raise RuntimeError("the TWS simulator is not started")
        return self._answers


def _bound_socket(port: int) -> socket.socket:
    """A listening socket on loopback: connections queue from this moment on."""
    return socket.create_server((_HOST, port))
