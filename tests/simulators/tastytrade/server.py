"""A simulated Tastytrade on loopback: REST, account stream and DXLink on one port, before the paper exchange.

A client sees what Tastytrade would send; a test scripts what goes wrong: `habits`, `trouble`, the paper broker's fault
script by our order id, and the methods below.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from execution.brokers.paper.core import PaperCore
from execution.brokers.paper.faults import FaultScript
from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.sample_book import SampleBook
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from execution.brokers.port import AccountEvent, BrokerEvent, ExecutionEvent, OddObjectEvent, PositionsEvent
from execution.storage import SessionCalendar
from models.clock import Clock
from models.ids import AccountId
from tests.simulators.life import HOST, Life
from tests.simulators.tastytrade.assembly import assemble
from tests.simulators.tastytrade.auth import CLIENT_SECRET, Logins, refresh_token
from tests.simulators.tastytrade.extra_book import open_future_option
from tests.simulators.tastytrade.habits import Habits, Troubles
from tests.simulators.tastytrade.parts import Parts
from tests.simulators.tastytrade.replies import Refusal
from tests.simulators.tastytrade.routes import Router
from tests.simulators.tastytrade.scripting import Scripted
from tests.simulators.tastytrade.state import TastyState
from tests.simulators.tastytrade.wire import Answering, HttpRequest, Peer, Reply, Serving, Socket, SocketMessage

_KEPT_REQUESTS: Final = 50_000
_HTML: Final = b"<html><body>upgrade refused</body></html>"
DEFAULT_ACCOUNT: Final = PaperAccount(AccountId("5WX00001"), "Simulated account")


class TastySimulator(Scripted, Life):
    """One Tastytrade."""

    name = "Tastytrade"
    default_account = DEFAULT_ACCOUNT

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
        super().__init__(
            market=market,
            clock=clock,
            store_path=store_path,
            settings=settings,
            faults=faults,
            sample_book=sample_book,
            calendar=calendar,
        )
        self.habits: Habits = habits or Habits()
        self.troubles = Troubles()
        #: What a client must present at its login.
        self.client_secret, self.refresh_token = CLIENT_SECRET, refresh_token(self.habits.scopes)
        # Tokens outlive a restart, as signed ones do.
        self._logins = Logins(self.habits, self.client_secret, self.refresh_token)
        #: Everything the clients sent, over restarts; the oldest are dropped at 50,000.
        self.requests: deque[HttpRequest | SocketMessage] = deque(maxlen=_KEPT_REQUESTS)
        self._parts: Parts | None = None
        self._router: Router | None = None
        self._peers: dict[Peer, asyncio.Task[None]] = {}
        self._told_positions: dict[tuple[AccountId, str], str] = {}
        self._balance_told_utc: dict[AccountId, datetime] = {}

    # --- life ---

    def _open(self, core: PaperCore) -> None:
        if self._sample_book is not None:
            open_future_option(core)
        tasty = TastyState(core, self.habits, self.faults, self._postponed, self._now, self.deliver, self.cut_link)
        self._parts = parts = assemble(tasty, self._logins, self._note_message)
        self._router = Router(parts, self.troubles, quote_url=lambda: f"ws://{HOST}:{self.port}/realtime")
        self._remember_positions(parts)

    async def _close(self) -> None:
        self._parts = self._router = None
        self._break_connections()
        await asyncio.gather(*self._peers.values(), return_exceptions=True)

    def _work(self, at_utc: datetime) -> None:
        parts = self.parts
        parts.teller.open_session()
        parts.complex_orders.run()
        super()._work(at_utc)
        self.deliver()
        parts.dxlink.check_tokens()

    def deliver(self) -> None:
        """Sends what the exchange has to tell by now."""
        parts = self.parts
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
        return f"http://{HOST}:{self.port}"

    @property
    def alerts_url(self) -> str:
        """Where the account stream is."""
        return f"ws://{HOST}:{self.port}/streamer"

    @property
    def parts(self) -> Parts:
        """The desks of this run: orders, accounts, listeners, DXLink sessions."""
        return self._started(self._parts)

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

    # --- inside ---

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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

    def _break_connections(self) -> None:
        for peer in list(self._peers):
            peer.reset()

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
        parts = self.parts
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
