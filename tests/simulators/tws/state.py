"""What one run of the simulated TWS stands on: the exchange, its contracts, orders and executions, its clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from execution.brokers.paper.core import PaperCore
from execution.brokers.paper.faults import FaultScript
from execution.brokers.paper.orders import PaperOrder
from execution.brokers.paper.store import StoreChange
from models.clock import new_york_time
from models.enums import OrderStatus
from models.ids import AccountId
from models.trade import Execution
from tests.simulators.postponed import Postponed
from tests.simulators.tws.client import Client
from tests.simulators.tws.con_ids import ConIds
from tests.simulators.tws.habits import Habits
from tests.simulators.tws.listing import Listing
from tests.simulators.tws.order_replies import OrderStateView, OrderView
from tests.simulators.tws.records import OrderRecords, TwsOrder
from tests.simulators.tws.tape import Tape

#: In an execution of an order given in TWS itself: no order id.
NO_ORDER_ID = 2_147_483_647


@dataclass(slots=True)
class TwsState:
    """From start to stop. `deliver` sends what the exchange has to tell by now, `cut` breaks every connection."""

    core: PaperCore
    habits: Habits
    faults: FaultScript
    postponed: Postponed
    now: Callable[[], datetime]
    deliver: Callable[[], None]
    cut: Callable[[], None]
    clients: list[Client] = field(default_factory=list)
    listing: Listing = field(init=False)
    records: OrderRecords = field(init=False)
    tape: Tape = field(init=False)

    def __post_init__(self) -> None:
        store = self.core.store
        self.listing = Listing(self.core.market, ConIds(store.fact))
        self.records = OrderRecords(store.fact, self.keep)
        self.tape = Tape(self.listing, self._order_of)

    def begin(self) -> None:
        """Takes up what an earlier run on this store left."""
        now_utc = self.core.now_utc
        since = self.completed_since()
        working = self.core.exchange.working
        known = (*working, *self.core.store.done_orders(since))
        self.records.begin(known, ids_from_one=self.habits.order_ids_roll_back)
        oldest = min((order.submitted_at_utc for order in working), default=since)
        self.tape.take(one.as_known_at(now_utc) for one in self.core.store.executions(min(oldest, since)))

    def keep(self, facts: tuple[tuple[str, str], ...]) -> None:
        """Writes texts that must survive a restart."""
        if facts:
            self.core.store.commit(StoreChange(self.core.now_utc, facts=facts))

    def keep_con_ids(self) -> None:
        """Writes the contract ids given since the last time."""
        self.keep(self.listing.con_ids.take_fresh())

    @property
    def accounts(self) -> tuple[AccountId, ...]:
        """Every account of the login."""
        return self.core.book.account_ids

    def midnight(self, days_ago: int = 0) -> datetime:
        """Returns New York's midnight of today, or of some days ago, in UTC."""
        here = new_york_time(self.now()) - timedelta(days=days_ago)
        return here.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(self.now().tzinfo)

    def completed_since(self) -> datetime:
        """Returns from when on completed orders are remembered."""
        return self.midnight(self.habits.completed_days)

    def started(self) -> Iterator[Client]:
        """Yields the clients whose API has started."""
        yield from [client for client in self.clients if client.client_id is not None]

    def listeners(self, record: TwsOrder) -> Iterator[tuple[Client, int]]:
        """Yields who is told of an order unasked, each with the order id it is told."""
        for client in self.started():
            if self.sees(client, record):
                yield client, self.order_id_for(client, record)

    def sees(self, client: Client, record: TwsOrder) -> bool:
        """Whether an order's news come to a client unasked."""
        if client.client_id == self.habits.master_client_id and client.client_id is not None:
            return True
        if record.order_id == 0:
            return False
        return client.client_id == record.client_id

    def order_id_for(self, client: Client, record: TwsOrder) -> int:
        """Returns the order id under which a client is told of an order: 0 for those of others."""
        own = client.client_id == record.client_id
        return record.order_id if own or self.habits.foreign_order_ids else 0

    def view(self, client: Client, record: TwsOrder, state: OrderStateView) -> OrderView:
        """Returns an order as this client is told of it."""
        return OrderView(
            order_id=self.order_id_for(client, record),
            client_id=record.client_id,
            perm_id=record.perm_id,
            contract=record.contract,
            order=record.order,
            state=state,
        )

    def is_acknowledged(self, paper: PaperOrder) -> bool:
        """Whether the exchange has an order already; before that it is PreSubmitted."""
        return paper.status is not OrderStatus.PENDING or paper.works_from_utc <= self.now()

    def _order_of(self, execution: Execution) -> tuple[TwsOrder, PaperOrder] | None:
        if execution.order_id is None:
            return None
        paper = self.core.exchange.find(execution.order_id)
        record = None if paper is None else self.records.of(paper)
        return None if paper is None or record is None else (record, paper)
