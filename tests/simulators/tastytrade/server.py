"""A simulated Tastytrade on loopback: REST, account stream and DXLink on one port, before the paper exchange.

Driven by hand (`settings.manual`, `step`) or by its own task. A client sees what Tastytrade would send; a test scripts
what goes wrong: `habits`, `trouble`, the paper broker's fault script by our order id, and the methods below.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from execution.brokers.paper.core import PaperCore, open_core
from execution.brokers.paper.faults import FaultScript
from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.sample_book import SampleBook
from execution.brokers.paper.sessions import WeekdaySessions
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from execution.brokers.paper.store import PaperStoreError
from execution.brokers.port import AccountEvent, BrokerEvent, ExecutionEvent, OddObjectEvent, PositionsEvent
from execution.storage import SessionCalendar
from models.clock import Clock
from models.ids import AccountId
from tests.simulators.tastytrade.assembly import assemble
from tests.simulators.tastytrade.auth import CLIENT_SECRET, Logins, refresh_token
from tests.simulators.tastytrade.extra_book import open_future_option
from tests.simulators.tastytrade.habits import Habits, Troubles
from tests.simulators.tastytrade.parts import Parts
from tests.simulators.tastytrade.replies import Refusal
from tests.simulators.tastytrade.routes import Router
from tests.simulators.tastytrade.scripting import Scripted
from tests.simulators.tastytrade.state import Postponed, TastyState
from tests.simulators.tastytrade.wire import Answering, HttpRequest, Peer, Reply, Serving, Socket, SocketMessage

_log = logging.getLogger(__name__)
_HOST: Final = "127.0.0.1"
_SHORTEST_SLEEP_S: Final = 0.002
_KEPT_REQUESTS: Final = 50_000
_HTML: Final = b"<html><body>upgrade refused</body></html>"
DEFAULT_ACCOUNT: Final = PaperAccount(AccountId("5WX00001"), "Simulated account")


class TastySimulator(Scripted):
    """One Tastytrade. `stop` and `start` on the same store are its restart."""

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
    ) -> None:
        """Parameters as of the paper broker."""
        self._market, self._clock = market, clock
        self._store_path = store_path
        self._settings = settings or PaperSettings(accounts=(DEFAULT_ACCOUNT,))
        self._calendar = calendar or WeekdaySessions()
        self._sample_book = sample_book
        self.faults = faults or FaultScript()
        self.habits = habits or Habits()
        self.troubles = Troubles()
        #: What a client must present at its login.
        self.client_secret, self.refresh_token = CLIENT_SECRET, refresh_token(self.habits.scopes)
        # Tokens outlive a restart, as signed ones do.
        self._logins = Logins(self.habits, self.client_secret, self.refresh_token)
        #: Everything the clients sent, over restarts; the oldest are dropped at 50,000.
        self.requests: deque[HttpRequest | SocketMessage] = deque(maxlen=_KEPT_REQUESTS)
        self._postponed = Postponed()
        self._parts: Parts | None = None
        self._router: Router | None = None
        self._peers: dict[Peer, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None
        self._listening: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._cut_at_utc: datetime | None = None
        self._told_positions: dict[tuple[AccountId, str], str] = {}
        self._balance_told_utc: dict[AccountId, datetime] = {}
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
        if self._sample_book is not None:
            open_future_option(core)
        tasty = TastyState(core, self.habits, self.faults, self._postponed, self._now, self.deliver, self.cut_link)
        self._parts = parts = assemble(tasty, self._logins, self._note_message)
        self._router = Router(parts, self.troubles, quote_url=lambda: f"ws://{_HOST}:{self.port}/realtime")
        self._remember_positions(parts)
        self._cut_at_utc = None
        await self._listen(_bound_socket(port or self.port))
        if not self._settings.manual:
            self._ticking = asyncio.get_running_loop().create_task(self._run(), name="tastytrade-simulator")
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
        parts, self._parts, self._router = self._parts, None, None
        self._postponed.clear()
        for peer in list(self._peers):
            peer.reset()
        await asyncio.gather(*self._peers.values(), return_exceptions=True)
        if parts is not None:
            parts.tasty.core.save_market()
            parts.tasty.core.store.close()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def step(self, now_utc: datetime | None = None) -> None:
        """Moves market and exchange to `now_utc` (None = the clock's time) and sends what is due."""
        parts = self._live()
        at_utc = self._now() if now_utc is None else max(now_utc, parts.tasty.core.now_utc)
        parts.tasty.core.step(at_utc)
        self._mend_when_due(at_utc)
        self.deliver()
        parts.teller.open_session()
        parts.complex_orders.run()
        self._postponed.run_until(at_utc)
        self.deliver()
        parts.dxlink.check_tokens()

    def deliver(self) -> None:
        """Sends what the exchange has to tell by now."""
        parts = self._live()
        self._wake.set()
        events = parts.tasty.core.outbox.take(self._now())
        for event in events:
            if isinstance(event, ExecutionEvent):
                parts.ledger.note(event.execution)
            elif isinstance(event, OddObjectEvent):
                self.send_odd(event.what)
        parts.teller.follow(events)
        parts.dxlink.follow(events)
        self._tell_accounts(parts, events)
        parts.hub.flush()

    # --- what a test sees ---

    @property
    def url(self) -> str:
        """Where REST is."""
        return f"http://{_HOST}:{self.port}"

    @property
    def alerts_url(self) -> str:
        """Where the account stream is."""
        return f"ws://{_HOST}:{self.port}/streamer"

    @property
    def core(self) -> PaperCore:
        """The exchange behind this Tastytrade: its book, its orders."""
        return self._live().tasty.core

    @property
    def parts(self) -> Parts:
        """The desks of this run: orders, accounts, listeners, DXLink sessions."""
        return self._live()

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Everybody who is connected."""
        return tuple(self._peers)

    def sent(self, method: str, path_end: str) -> list[HttpRequest]:
        """Returns the requests of a method whose path ends so, oldest first."""
        asked = (one for one in self.requests if isinstance(one, HttpRequest))
        return [one for one in asked if one.method == method and one.path.endswith(path_end)]

    def placed(self) -> int:
        """Returns how many orders clients sent to work."""
        return len(self.sent("POST", "/orders"))

    # --- what a test does ---

    def cut_link(self) -> None:
        """Breaks every connection (RST) and refuses new ones."""
        if self._cut_at_utc is not None:
            return
        self._cut_at_utc = self._now()
        if self._server is not None:
            self._server.close()
            self._server = None
        for peer in list(self._peers):
            peer.reset()

    def mend_link(self) -> None:
        """Takes connections again, at once."""
        if self._cut_at_utc is None:
            return
        self._cut_at_utc = None
        if self._listening is not None and not self._listening.done():
            return  # cut while it was still coming back: it will listen after all
        listening = self._listen(_bound_socket(self.port))
        self._listening = asyncio.get_running_loop().create_task(listening, name="tastytrade-simulator-listen")

    # --- inside ---

    async def _listen(self, listening: socket.socket) -> None:
        self.port = int(listening.getsockname()[1])
        server = await asyncio.start_server(self._accept, sock=listening)
        if self._cut_at_utc is None:
            self._server = server
        else:
            server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one client until its connection ends."""
        task = asyncio.current_task()
        if self._parts is None or task is None or self._cut_at_utc is not None:
            writer.transport.abort()
            return
        serving = Serving(self._now, self._answer, self._refuse_socket, self._open_socket)
        peer = Peer(reader, writer, serving)
        self._peers[peer] = task
        task.add_done_callback(self._watch)
        try:
            await peer.serve()
        finally:
            del self._peers[peer]

    def _answer(self, request: HttpRequest, answering: Answering) -> None:
        self.requests.append(request)
        router = self._router
        if router is None or self._is_too_fast():
            reply = Refusal(429, "too_many_requests", "Too many requests").reply(request.path)
            answering.send(reply)
            return
        router.answer(request, answering)

    def _is_too_fast(self) -> bool:
        most = self.habits.max_requests_per_s
        if most is None:
            return False
        since = self._now() - timedelta(seconds=1)
        recent = [one for one in self.requests if isinstance(one, HttpRequest) and one.at_utc > since]
        return len(recent) > most

    def _refuse_socket(self, request: HttpRequest) -> Reply | None:
        self.requests.append(request)
        status = self.habits.upgrade_status
        return None if status is None else Reply(status, _HTML, "text/html")

    def _open_socket(self, opened: Socket) -> None:
        parts = self._live()
        if opened.path == "/realtime":
            parts.dxlink.open(opened)
        else:
            parts.hub.open(opened)

    def _note_message(self, opened: Socket, message: dict[str, Any]) -> None:
        self.requests.append(SocketMessage(opened.path, message, self._now()))

    def _remember_positions(self, parts: Parts) -> None:
        """What is held at the start was told by REST: only changes are alerts."""
        self._told_positions.clear()
        for stored in parts.ledger.executions():
            parts.ledger.note(stored.execution)
        for held in parts.tasty.core.book.holdings():
            self._told_positions[held.account_id, held.contract.key] = f"{held.quantity}"
        parts.tasty.core.outbox.take(self._now())

    def _tell_accounts(self, parts: Parts, events: Sequence[BrokerEvent]) -> None:
        moved = dict.fromkeys(event.account_id for event in events if isinstance(event, PositionsEvent))
        for account_id in moved:
            self._tell_positions(parts, account_id)
        every_s = self.habits.balance_every_s
        for event in events if every_s is not None else ():
            if isinstance(event, AccountEvent):
                account_id = event.values.account_id
                told = self._balance_told_utc.get(account_id)
                if told is None or (self._now() - told).total_seconds() >= (every_s or 0):
                    moved[account_id] = None
        for account_id in moved:
            self._balance_told_utc[account_id] = self._now()
            parts.hub.tell("AccountBalance", account_id, parts.accounts.balance(account_id))

    def _tell_positions(self, parts: Parts, account_id: AccountId) -> None:
        for held, told in parts.changed_positions(account_id, self._told_positions):
            self._told_positions[account_id, held.contract.key] = told
            parts.hub.tell("CurrentPosition", account_id, parts.accounts.position(held))

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
        """Sleeps until something new may be due: a client asked."""
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    def _watch(self, task: asyncio.Task[None]) -> None:
        """Keeps and tells an error of the simulator's own: the market or a client goes on without this task."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("the simulated Tastytrade failed", exc_info=error)
            self._failure = self._failure or error
            self.failed.set()

    def _tick(self, now_utc: datetime) -> None:
        try:
            self.step(now_utc)
        except PaperStoreError as error:
            _log.warning("Tastytrade simulator cannot write: %s", error)

    def _now(self) -> datetime:
        """The clock's time, never before what the store has seen."""
        now_utc = self._clock.now_utc()
        return now_utc if self._parts is None else max(now_utc, self._parts.tasty.core.now_utc)

    def _live(self) -> Parts:
        if self._parts is None:
            raise RuntimeError("the Tastytrade simulator is not started")
        return self._parts


def _bound_socket(port: int) -> socket.socket:
    """A listening socket on loopback: connections queue from this moment on."""
    return socket.create_server((_HOST, port))
