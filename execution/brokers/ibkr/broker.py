"""Interactive Brokers behind the port: the parts of the adapter put together on the engine's loop.

What TWS says comes in on one ordered inbox and is taken by one task; ticks come apart and are coalesced. State lives
here and in the desk, never in the library, so that a new connection begins with an empty one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from decimal import Decimal
from itertools import count
from typing import Final

from execution.brokers.ibkr.account_desk import AccountDesk
from execution.brokers.ibkr.catalog import ContractCatalog
from execution.brokers.ibkr.facts import (
    AccountValueFact,
    ClosedFact,
    CommissionFact,
    ErrorFact,
    ExecutionFact,
    Fact,
    OddFact,
    OpenOrderFact,
    OrderStatusFact,
    PortfolioFact,
    PositionFact,
    TickFact,
)
from execution.brokers.ibkr.link import Link
from execution.brokers.ibkr.order_desk import OrderDesk
from execution.brokers.ibkr.quotes import QuoteFeed
from execution.brokers.ibkr.settings import IbkrSettings, mode_of_account
from execution.brokers.ibkr.wire_port import FactSink, Greeting, IbWire, TickSink
from execution.brokers.port import (
    BrokerEvent,
    BrokerOrder,
    BrokerSnapshot,
    Capability,
    ChainExpiry,
    ExecutionEvent,
    OddObjectEvent,
    UnderlyingMetrics,
    WhatIf,
)
from execution.brokers.stream import EventStream
from models.account import AccountInfo
from models.clock import Clock
from models.contract import Contract
from models.enums import BrokerName, Mode
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId, BrokerOrderId, ContractKey, OrderId
from models.order import Order, OrderLeg
from models.product import TickRule

_log = logging.getLogger(__name__)
MakeWire = Callable[[FactSink, TickSink], IbWire]
_SOURCE: Final = "ibkr"
_FACTS_AT_A_TIME: Final = 100
#: Answers without which a connection is still of use: the snapshot asks again, and stands or falls with them.
_NO_LISTING: Final = (FailureKind.TIMEOUT, FailureKind.REJECTED)


class IbkrBroker:
    """`execution.brokers.port.Broker` over TWS or IB Gateway. Engine thread only."""

    name = BrokerName.IBKR
    capabilities = frozenset({Capability.REPLACE, Capability.MARKET_ON_CLOSE, Capability.MODEL_GREEKS})

    def __init__(self, *, settings: IbkrSettings, clock: Clock, make_wire: MakeWire | None = None) -> None:
        """`make_wire` None: the real library, imported on the thread that connects."""
        self._settings = settings
        self._clock = clock
        self._make_wire = make_wire or self._library_wire
        #: Facts with the number of the connection they came by.
        self._inbox: asyncio.Queue[tuple[int, Fact]] = asyncio.Queue()
        self._connection = 0
        self._stream = EventStream()
        self._tasks: list[asyncio.Task[None]] = []
        self._accounts: tuple[AccountInfo, ...] = ()
        self._catalog = ContractCatalog(self._wire, clock)
        self._orders = OrderDesk(
            wire=self._wire, catalog=self._catalog, clock=clock, settings=settings, emit=self._emit
        )
        self._holdings = AccountDesk(catalog=self._catalog, clock=clock, settings=settings, emit=self._emit)
        self._quotes = QuoteFeed(
            wire=self._wire, catalog=self._catalog, clock=clock, settings=settings, emit=self._emit
        )
        self._link = Link(
            make_wire=self._new_wire,
            settings=settings,
            clock=clock,
            tell=self._emit,
            on_up=self._on_up,
            on_down=self._on_down,
        )

    async def connect(self) -> tuple[AccountInfo, ...]:
        """Connects; refuses accounts of the other kind than the settings say, before anything is read of them."""
        if self._tasks:
            # Asked again because what followed failed: the link mends itself, and is either up or says so.
            _ = self._link.wire
            return self._accounts
        self._stream.close()
        self._stream = EventStream()
        self._accounts = ()
        loop = asyncio.get_running_loop()
        for name, work in (
            ("ibkr inbox", self._read_inbox()),
            ("ibkr quotes", self._quotes.run()),
            ("ibkr accounts", self._holdings.run()),
        ):
            task = loop.create_task(work, name=name)
            task.add_done_callback(self._on_task_end)
            self._tasks.append(task)
        try:
            await self._link.start()
        except BaseException:
            await self._end_tasks()
            raise
        return self._accounts

    async def close(self) -> None:
        """Lets go of TWS; working orders stay."""
        await self._link.stop()
        self._orders.link_lost()
        await self._end_tasks()
        self._stream.close()

    def events(self) -> AsyncIterator[BrokerEvent]:
        """Returns the stream since `connect`."""
        return self._stream

    async def snapshot(self) -> BrokerSnapshot:
        """Asks TWS for orders, executions, then positions, so that no execution told is missing in the positions."""
        wire = self._link.wire
        tws_now_utc = await wire.current_time()
        orders = await self._orders.snapshot()
        for execution in orders.executions:
            self._holdings.take_execution(execution)
        await self._ask_positions(wire)
        await self._holdings.settled()
        shown = [info.account_id for info in self._accounts]
        return BrokerSnapshot(
            at_utc=self._clock.now_utc(),
            accounts=tuple(self._holdings.values(account_id) for account_id in shown),
            positions=tuple(p for account_id in shown for p in self._holdings.positions(account_id, tws_now_utc)),
            open_orders=tuple(order for order in orders.open_orders if order.account_id in shown),
            completed_orders=tuple(order for order in orders.completed_orders if order.account_id in shown),
            executions=tuple(one for one in orders.executions if one.account_id in shown),
            executions_since_utc=orders.executions_since_utc,
            positions_at_utc={name: at for name in shown if (at := self._holdings.positions_as_of(name)) is not None},
        )

    async def find_orders(self, order_ids: Collection[OrderId]) -> tuple[BrokerOrder, ...]:
        """Returns what TWS knows of our orders."""
        return await self._orders.find_orders(order_ids)

    async def simulate(self, order: Order) -> WhatIf:
        """Returns TWS's what-if answer."""
        return await self._orders.simulate(order)

    async def submit(self, order: Order) -> BrokerOrderId:
        """Sends the order once and returns TWS's permanent id."""
        self._require_trading(order)
        return await self._orders.submit(order)

    async def replace(self, order: Order, limit_price: Decimal) -> None:
        """Asks for another price."""
        self._require_trading(order)
        await self._orders.replace(order, limit_price)

    async def cancel(self, order: Order) -> None:
        """Asks to cancel."""
        self._require_sending()
        await self._orders.cancel(order)

    async def expiries(self, underlying: str) -> tuple[ChainExpiry, ...]:
        """Returns the listed expirations."""
        return await self._catalog.expiries(underlying)

    async def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """Returns the contracts of one expiration."""
        return await self._catalog.chain(expiry)

    async def resolve(self, key: ContractKey) -> Contract:
        """Returns the listed contract of a key."""
        return await self._catalog.resolve(key)

    async def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        """Returns the increments of the package's net price."""
        return await self._catalog.net_tick_rule(legs)

    async def underlyings(self) -> tuple[str, ...]:
        """Returns the symbols offered by name; TWS knows any other too."""
        return await self._catalog.underlyings()

    async def betas(self, symbols: Collection[str]) -> dict[str, float]:  # noqa: ARG002 - the port's signature
        """Returns nothing: TWS tells no betas over this wire."""
        return {}

    async def underlying_metrics(self, symbol: str) -> UnderlyingMetrics | None:  # noqa: ARG002 - the port's signature
        """Returns nothing: TWS tells no vol ranks over this wire."""
        return None

    def set_subscriptions(self, contracts: Collection[Contract]) -> None:
        """States whose quotes are wanted."""
        self._quotes.set_subscriptions(contracts)

    # --- connection ---------------------------------------------------------------------------------------------------

    def _wire(self) -> IbWire:
        return self._link.wire

    def _new_wire(self) -> IbWire:
        self._connection += 1
        number = self._connection
        return self._make_wire(
            lambda fact: self._hear(number, fact),
            lambda ticks: self._take_ticks(number, ticks),
        )

    def _library_wire(self, facts: FactSink, ticks: TickSink) -> IbWire:
        # The library wants a loop on the thread that imports it, which this is.
        from execution.brokers.ibkr.connection import IbConnection  # noqa: PLC0415
        from execution.brokers.ibkr.library import load_library  # noqa: PLC0415

        return IbConnection(load_library(self._settings.library), self._settings, self._clock, facts, ticks)

    async def _on_up(self, wire: IbWire, greeting: Greeting) -> None:
        """Makes a new connection useful before the desk hears of it."""
        self._accounts = self._admitted(greeting.accounts)
        await self._learn_order_ids(wire)
        for info in self._accounts:
            await wire.account_updates(info.account_id)
            wire.subscribe_day_pnl(info.account_id)
        await self._ask_positions(wire)
        self._quotes.resubscribe()

    async def _learn_order_ids(self, wire: IbWire) -> None:
        """Has TWS name every order that works, so that no request takes the number of one.

        TWS may begin to count anew while GTC orders keep their numbers, and all requests share the orders' counter: a
        what-if under the number of a working order would change it, and an error would be laid at the wrong door.
        """
        try:
            await wire.open_orders()
        except BrokerFailure as failure:
            if failure.kind not in _NO_LISTING:
                raise
            _log.warning("TWS does not tell its working orders yet: %s", failure)

    async def _ask_positions(self, wire: IbWire) -> None:
        self._holdings.positions_asked()
        await wire.positions()
        await self._inbox.join()
        self._holdings.positions_answered()

    def _on_down(self, why: str) -> None:
        _log.warning("connection to TWS lost: %s", why)
        self._orders.link_lost()
        self._quotes.lost()
        self._holdings.lost()

    def _admitted(self, names: Collection[str]) -> tuple[AccountInfo, ...]:
        settings = self._settings
        shown = [AccountId(name) for name in names if not settings.accounts or name in settings.accounts]
        if not shown:
            told = ", ".join(names) or "none"
            raise BrokerFailure(
                FailureKind.REJECTED,
                f"TWS offers the accounts {told}, and none of them is among those the settings ask for.",
                broker=self.name.value,
                cure="Correct the accounts in the settings, or leave them empty to see all.",
            )
        for account_id in shown:
            mode = mode_of_account(account_id)
            if mode is not settings.mode:
                raise BrokerFailure(
                    FailureKind.REJECTED,
                    f"{account_id} is a {mode.value.lower()} account, but the settings expect a "
                    f"{settings.mode.value.lower()} one: nothing was opened.",
                    broker=self.name.value,
                    cure="Log TWS in to the other account, or change the mode (and port) in the settings.",
                )
        known = [info.account_id for info in self._accounts]
        missing = [account_id for account_id in known if account_id not in shown]
        if missing:
            raise BrokerFailure(
                FailureKind.REJECTED,
                f"TWS is logged in to {', '.join(names)} now, without {', '.join(missing)}: nothing is asked or sent.",
                broker=self.name.value,
                cure="Log TWS in as before, or restart the desk.",
            )
        return self._accounts or tuple(self._account(account_id) for account_id in shown)

    def _account(self, account_id: AccountId) -> AccountInfo:
        settings, mode = self._settings, mode_of_account(account_id)
        may_trade = not settings.read_only and (mode is Mode.PAPER or account_id in settings.trading_accounts)
        title = f"IBKR {'paper' if mode is Mode.PAPER else 'LIVE'}"
        return AccountInfo(self.name, account_id, mode, title, may_trade)

    def _require_trading(self, order: Order) -> None:
        """The desk's gate looks at this too; here it is looked at once more, at the last door before the wire."""
        self._require_sending()
        info = next((info for info in self._accounts if info.account_id == order.account_id), None)
        if info is None or not info.may_trade:
            why = "is no account of this connection" if info is None else "is open for reading only"
            raise BrokerFailure(
                FailureKind.REJECTED,
                f"{order.account_id} {why}: nothing was sent.",
                broker=self.name.value,
                cure="Choose an account that may trade; live ones are named in the settings.",
            )

    def _require_sending(self) -> None:
        if self._settings.read_only:
            raise BrokerFailure(
                FailureKind.REJECTED,
                "The connection to Interactive Brokers is read-only: nothing was sent.",
                broker=self.name.value,
                cure="Turn off read-only in the settings and restart the desk.",
            )

    # --- facts --------------------------------------------------------------------------------------------------------

    def _hear(self, number: int, fact: Fact) -> None:
        """Takes a fact from a connection. What it means for the link is heard at once, whatever is still in line."""
        if isinstance(fact, ErrorFact) and number == self._connection:
            self._link.take_error(fact)
        self._inbox.put_nowait((number, fact))

    def _take_ticks(self, number: int, ticks: tuple[TickFact, ...]) -> None:
        if number == self._connection:
            self._quotes.take_ticks(ticks)

    async def _read_inbox(self) -> None:
        for taken in count(1):
            if taken % _FACTS_AT_A_TIME == 0:
                # A whole day comes at once after a reconnect: pings, cancels and the window get their turns.
                await asyncio.sleep(0)
            number, fact = await self._inbox.get()
            try:
                await self._take(fact, is_present=number == self._connection)
            except BrokerFailure as failure:
                self._odd(fact, str(failure))
            except Exception as error:  # noqa: BLE001 - named boundary: one odd fact never ends the stream
                _log.exception("a fact from TWS could not be taken: %r", fact)
                self._odd(fact, f"{type(error).__name__}: {error}")
            finally:
                self._inbox.task_done()

    async def _take(self, fact: Fact, *, is_present: bool) -> None:
        """Takes a fact. What a former connection said of orders stays true; of itself and of its lines it does not."""
        match fact:
            case OpenOrderFact() | OrderStatusFact() | ExecutionFact() | CommissionFact():
                await self._orders.take(fact)
            case PositionFact() | PortfolioFact() | AccountValueFact():
                await self._holdings.take(fact)
            case ErrorFact():
                if not (is_present and self._quotes.take_error(fact)):
                    await self._orders.take(fact)
            case ClosedFact():
                self._link.take_closed(fact)
            case OddFact(source, what):
                self._emit(OddObjectEvent(source, what))

    def _odd(self, fact: Fact, why: str) -> None:
        self._emit(OddObjectEvent(_SOURCE, f"{type(fact).__name__} was set aside: {why}"))

    def _emit(self, event: BrokerEvent) -> None:
        if isinstance(event, ExecutionEvent):
            self._holdings.take_execution(event.execution)
        self._stream.put(event)

    async def _end_tasks(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_task_end(self, task: asyncio.Task[None]) -> None:
        """A task here never ends by itself: if one does, the stream ends, and the desk halts."""
        if not task.cancelled():
            _log.critical("%s ended", task.get_name(), exc_info=task.exception())
            self._stream.close()
