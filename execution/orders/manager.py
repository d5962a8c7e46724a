"""The order manager: every order from its what-if to its journal row. Engine thread only.

`simulate`, `send`, `cancel`, `replace` are the user's; `apply` takes the broker's events; `recover` is start-up,
reconnect and crash recovery in one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from execution.brokers.joined import broker_of_account, id_space
from execution.brokers.port import Broker, BrokerEvent, BrokerSnapshot
from execution.commands import TicketDraft
from execution.facts import DeskFacts
from execution.orders.applying import Applier, Followups
from execution.orders.changing import Changer
from execution.orders.journaling import Journalist
from execution.orders.ledger import Ledger
from execution.orders.reconcile import Reconciliation
from execution.orders.recorder import Halt, Recorder
from execution.orders.recovering import Recovery
from execution.orders.resolving import Resolver
from execution.orders.sending import Sender
from execution.orders.simulating import Simulator
from execution.orders.timers import Sleep, Timers
from execution.orders.timings import OrderTimings
from execution.storage import LoadedState, Storage
from execution.ticket_views import SendOutcome, SimulationOutcome
from execution.views import Publisher, Severity
from models.clock import Clock
from models.enums import Mode
from models.gate import Denial
from models.ids import AccountId, OrderId
from models.order import Order

DEFAULT_TIMINGS = OrderTimings()


@dataclass(frozen=True, slots=True)
class _Core:
    """What takes the broker's word and keeps it; everything else builds on it."""

    ledger: Ledger
    recorder: Recorder
    timers: Timers
    lock: asyncio.Lock
    applier: Applier
    resolver: Resolver


class OrderManager:
    """The orders of the desk's broker, or of several joined.

    `halt(reason)` must stop trading at once and tell it; it must not wait for this manager.
    """

    def __init__(
        self,
        *,
        broker: Broker,
        storage: Storage,
        facts: DeskFacts,
        publisher: Publisher,
        clock: Clock,
        mode: Mode,
        halt: Halt,
        timings: OrderTimings = DEFAULT_TIMINGS,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        core = _core(broker, storage, facts, publisher, clock, halt, timings, sleep)
        self._ledger, self._recorder, self._timers = core.ledger, core.recorder, core.timers
        self._applier, self._resolver = core.applier, core.resolver
        self._sender = Sender(
            broker=broker,
            ledger=core.ledger,
            storage=storage,
            facts=facts,
            recorder=core.recorder,
            applier=core.applier,
            clock=clock,
            timings=timings,
            mode=mode,
            lock=core.lock,
            resolve=core.resolver.start,
        )
        self._simulator = Simulator(
            broker=broker,
            ledger=core.ledger,
            storage=storage,
            facts=facts,
            recorder=core.recorder,
            clock=clock,
            timings=timings,
            warnings=self._sender.denials,
        )
        self._changer = _changer(broker, facts, timings, core, self._sender)
        self._recovery = Recovery(
            ledger=core.ledger,
            recorder=core.recorder,
            applier=core.applier,
            sender=self._sender,
            resolver=core.resolver,
            lock=core.lock,
            id_space=partial(id_space, broker),
        )
        core.applier.followups = Followups(
            resolve=core.resolver.start,
            fetch_executions=core.resolver.fetch_later,
            cancel=self._changer.cancel_in_background,
        )

    async def simulate(self, draft: TicketDraft) -> SimulationOutcome:
        """Runs the broker's what-if; the order is SIMULATED, or told what is wrong. Nothing is sent to work."""
        return await self._simulator.simulate(draft)

    async def send(self, draft: TicketDraft) -> SendOutcome:
        """Sends the ticket's order, at most once per order id, if validation and every check of the gate agree."""
        return await self._sender.send(draft)

    async def cancel(self, order_id: OrderId) -> bool:
        """Asks the broker to cancel; True when the request went out. Bypasses the gate. InvalidInput: nothing to do."""
        return await self._changer.cancel(order_id)

    async def cancel_all(self, account_id: AccountId | None = None) -> int:
        """Cancels our working orders, of one account or of all; returns how many cancels went out."""
        return await self._changer.cancel_all(account_id)

    async def replace(self, order_id: OrderId, limit_price: Decimal) -> SendOutcome:
        """Asks the broker for another limit price of a working order, after the gate's price checks."""
        return await self._changer.replace_price(order_id, limit_price)

    async def check(self, order_id: OrderId) -> None:
        """Asks the broker again about an order of unknown outcome and tells the answer; nothing is sent."""
        await self._resolver.check(order_id)

    async def declare_not_sent(self, order_id: OrderId) -> None:
        """Settles an order of unknown outcome that the broker does not know; raises InvalidInput before the grace."""
        await self._resolver.declare_not_sent(order_id)

    async def apply(self, event: BrokerEvent) -> None:
        """Takes a broker event. Call it after the book has taken what the event says of positions.

        Order states, executions and fees are this manager's; other events pass by.
        """
        await self._applier.apply(event)

    async def recover(self, loaded: LoadedState, snapshot: BrokerSnapshot) -> Reconciliation:
        """Brings orders in line with database and broker; start-up, reconnect and crash recovery alike."""
        return await self._recovery.recover(loaded, snapshot)

    async def denials(self, order: Order) -> tuple[Denial, ...]:
        """Returns what the gate would say to `order` now; nothing is recorded or sent."""
        return await self._sender.denials(order)

    def order(self, order_id: OrderId) -> Order | None:
        """Returns our order of that id as it is now."""
        tracked = self._ledger.get(order_id)
        return None if tracked is None else tracked.order

    def orders(self) -> tuple[Order, ...]:
        """Returns what the window shows: orders that were sent, ours and outside ones, newest first."""
        return self._ledger.orders()

    @property
    def has_unwritten(self) -> bool:
        """Whether the database refused something that the next `recover` makes good."""
        return self._recorder.has_unwritten

    def publish(self) -> None:
        """Publishes the list of orders."""
        self._recorder.publish_orders()

    async def idle(self) -> None:
        """Returns when no background work (looking for orders, late journal rows) is left."""
        await self._timers.idle()

    async def close(self) -> None:
        """Stops background work. Orders stay as they are at the broker; the next start-up takes up the rest."""
        await self._timers.close()


def _core(
    broker: Broker,
    storage: Storage,
    facts: DeskFacts,
    publisher: Publisher,
    clock: Clock,
    halt: Halt,
    timings: OrderTimings,
    sleep: Sleep,
) -> _Core:
    ledger, lock = Ledger(partial(id_space, broker)), asyncio.Lock()
    broker_of = partial(broker_of_account, broker)
    recorder = Recorder(
        storage=storage, publisher=publisher, ledger=ledger, broker_of=broker_of, clock=clock, halt=halt
    )
    timers = Timers(sleep=sleep, on_failure=lambda text: recorder.say(text, Severity.ERROR, toast=True))
    journalist = Journalist(
        storage=storage,
        facts=facts,
        recorder=recorder,
        publisher=publisher,
        broker_of=broker_of,
        clock=clock,
        stale_context_after_s=timings.stale_context_after_s,
    )
    applier = Applier(
        ledger=ledger,
        storage=storage,
        facts=facts,
        recorder=recorder,
        journalist=journalist,
        timers=timers,
        timings=timings,
        broker_of=broker_of,
        lock=lock,
    )
    resolver = Resolver(
        broker=broker,
        ledger=ledger,
        recorder=recorder,
        applier=applier,
        timers=timers,
        timings=timings,
        sleep=sleep,
        clock=clock,
        lock=lock,
    )
    return _Core(ledger, recorder, timers, lock, applier, resolver)


def _changer(broker: Broker, facts: DeskFacts, timings: OrderTimings, core: _Core, sender: Sender) -> Changer:
    return Changer(
        broker=broker,
        ledger=core.ledger,
        facts=facts,
        recorder=core.recorder,
        timings=timings,
        timers=core.timers,
        lock=core.lock,
        denials=sender.denials,
        resolve=core.resolver.start,
    )
