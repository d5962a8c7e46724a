"""A simulated TWS on loopback: the text protocol in front of the paper broker's exchange.

A client sees what a real TWS would send; a test scripts what goes wrong: `habits`, the paper broker's fault script, and
the methods below.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from execution.brokers.paper.core import PaperCore
from execution.brokers.paper.faults import FaultScript
from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.sample_book import SampleBook
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from execution.brokers.paper.store import PaperStoreError
from execution.brokers.port import OddObjectEvent
from execution.storage import SessionCalendar
from models.clock import Clock
from models.enums import TimeInForce
from models.ids import AccountId
from models.order import OrderLeg
from tests.simulators.life import Life
from tests.simulators.tws.answers import Answers
from tests.simulators.tws.client import Client, Wiring
from tests.simulators.tws.error_texts import text_of_code
from tests.simulators.tws.framing import MAX_SERVER_VERSION, Fields
from tests.simulators.tws.habits import Habits
from tests.simulators.tws.requests import Request
from tests.simulators.tws.session import RequestLog, Sessions
from tests.simulators.tws.state import TwsState

#: A message id that no client knows.
_UNREADABLE: Final = 9999
DEFAULT_ACCOUNT: Final = PaperAccount(AccountId("DU1234567"), "Simulated TWS account")


class TwsSimulator(Life):
    """One TWS."""

    name = "TWS"
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
        server_version: int = MAX_SERVER_VERSION,
    ) -> None:
        """Parameters as of the paper broker; `server_version` is the highest it speaks."""
        super().__init__(
            market=market,
            clock=clock,
            store_path=store_path,
            settings=settings,
            faults=faults,
            sample_book=sample_book,
            calendar=calendar,
        )
        self._server_version = server_version
        self.habits: Habits = habits or Habits()
        self._log = RequestLog()
        self._wiring = Wiring(self.habits, self._now, self._postponed)
        self._tws: TwsState | None = None
        self._answers: Answers | None = None
        self._sessions: Sessions | None = None
        self._readers: set[asyncio.Task[None]] = set()
        self._held_ids: dict[int, datetime] = {}
        self._is_upstream_lost = False

    # --- life ---

    def _open(self, core: PaperCore) -> None:
        self._tws = TwsState(core, self.habits, self.faults, self._postponed, self._now, self.deliver, self.cut_link)
        self._tws.begin()
        self._answers = Answers(self._tws)
        self._sessions = Sessions(self._tws, self._answers, self._server_version, self._log, self._is_taken)
        self._is_upstream_lost = False
        self._held_ids.clear()

    async def _close(self) -> None:
        tws, self._tws = self._tws, None
        self._answers = self._sessions = None
        for client in [] if tws is None else list(tws.clients):
            client.close()
        await asyncio.gather(*self._readers, return_exceptions=True)

    def deliver(self) -> None:
        """Sends what the exchange has to tell by now; told to nobody while TWS has lost its own link."""
        answers = self._desks()
        self._wake.set()
        events = self.core.outbox.take(self._now())
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

    def mend_link(self) -> None:
        """Takes connections again, at once; answers that were being lost come through again."""
        for client in self._live().clients:
            client.loses_orders = False
        super().mend_link()

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

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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

    def _break_connections(self) -> None:
        for client in list(self._live().clients):
            self._hold_id(client)
            client.abort()

    def _cannot_write(self, error: PaperStoreError) -> None:
        super()._cannot_write(error)
        self.broadcast(2110)

    def _live(self) -> TwsState:
        return self._started(self._tws)

    def _desks(self) -> Answers:
        return self._started(self._answers)
