"""The paper broker behind the port: an exchange with its own durable memory, on any market source.

It is the other side of the wire: an acceptance and each fill are committed in its own store before anything is told,
so that a desk killed at any instant finds the truth in `snapshot`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from execution.brokers.paper.core import PaperCore, open_core
from execution.brokers.paper.faults import Call, Failure, FaultScript
from execution.brokers.paper.link import Link, rejected
from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.orders import PaperOrder, net_tick_rule
from execution.brokers.paper.sample_book import SampleBook
from execution.brokers.paper.sessions import WeekdaySessions
from execution.brokers.paper.settings import PaperSettings
from execution.brokers.paper.store import PaperStoreError
from execution.brokers.paper.whatif import Question
from execution.brokers.port import (
    BrokerEvent,
    BrokerOrder,
    BrokerSnapshot,
    Capability,
    ChainExpiry,
    UnderlyingMetrics,
    WhatIf,
)
from execution.storage import SessionCalendar
from models.account import AccountInfo
from models.clock import Clock
from models.contract import Contract
from models.enums import BrokerName, Mode, OrderStatus, OrderType
from models.errors import BrokerFailure, FailureKind, InvalidInput
from models.ids import BrokerOrderId, ContractKey, OrderId
from models.order import Order, OrderLeg
from models.product import TickRule

_log = logging.getLogger(__name__)
_SHORTEST_SLEEP_S: Final = 0.002
_NO_ANSWER: Final = "The broker gave no what-if answer in time: margin unknown."


class PaperBroker:
    """`execution.brokers.port.Broker` over a `MarketSource`. With `settings.manual` the owner drives `step`."""

    name = BrokerName.PAPER
    capabilities = frozenset(
        {Capability.REPLACE, Capability.MARKET_SPREADS, Capability.MARKET_ON_CLOSE, Capability.SIMULATED_MARKET}
    )

    def __init__(
        self,
        *,
        market: MarketSource,
        clock: Clock,
        store_path: Path,
        settings: PaperSettings | None = None,
        faults: FaultScript | None = None,
        calendar: SessionCalendar | None = None,
        sample_book: SampleBook | None = None,
    ) -> None:
        """`sample_book` is opened when the store is new; `calendar` None: weekdays, without holidays."""
        self._market = market
        self._clock = clock
        self._store_path = store_path
        self._settings = settings or PaperSettings()
        self._faults = faults or FaultScript()
        self._calendar = calendar or WeekdaySessions()
        self._sample_book = sample_book
        self._link = Link(self._faults)
        self._wake = asyncio.Event()
        self._core: PaperCore | None = None
        self._task: asyncio.Task[None] | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._subscriptions: tuple[Contract, ...] = ()

    async def connect(self) -> tuple[AccountInfo, ...]:
        """Opens the store, settles what expired meanwhile, and starts the market."""
        fault = self._faults.take_call(Call.CONNECT)
        if fault is not None:
            if fault.failure is not Failure.DELAY:
                raise BrokerFailure(FailureKind.OFFLINE, fault.text, broker=self.name.value)
            await asyncio.sleep(fault.delay_s)
        if self._core is None:
            if not self._settings.manual and self._executor is None:
                self._executor = ThreadPoolExecutor(1, thread_name_prefix="paper-margin")
            self._core = self._open()
            self._core.feed.subscribe(self._subscriptions)
        self._link.open(f"Paper broker, {self._market.label}.")
        if not self._settings.manual and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(self._core), name="paper-broker")
            self._task.add_done_callback(self._stopped)
        return tuple(
            AccountInfo(
                self.name,
                account.account_id,
                Mode.PAPER,
                account.title,
                may_trade=True,
                margin_method=self._settings.margin_method_of(account.account_id),
            )
            for account in self._core.book.accounts
        )

    async def close(self) -> None:
        """Saves the market's state and lets the store go; working orders stay."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        core, self._core = self._core, None
        self._link.close()
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)
        if core is not None:
            try:
                core.save_market()
            except PaperStoreError as error:
                _log.warning("paper market not saved: %s", error)
            core.store.close()

    def events(self) -> AsyncIterator[BrokerEvent]:
        """Returns the stream of the present connection."""
        return self._link.stream

    async def snapshot(self) -> BrokerSnapshot:
        """Returns accounts, holdings, orders and executions as committed."""
        failure = await self._link.enter(Call.SNAPSHOT)
        answer = self._live().snapshot(self._now_utc())
        self._link.leave(Call.SNAPSHOT, failure)
        return answer

    async def find_orders(self, order_ids: Collection[OrderId]) -> tuple[BrokerOrder, ...]:
        """Returns the orders of these ids that ever reached it."""
        failure = await self._link.enter(Call.FIND_ORDERS)
        found = tuple(order.report() for order in self._live().store.find_orders(order_ids))
        self._link.leave(Call.FIND_ORDERS, failure)
        return found

    async def simulate(self, order: Order) -> WhatIf:
        """Returns the what-if answer; a lost answer is a WhatIf of Nones with a warning."""
        try:
            failure = await self._link.enter(Call.SIMULATE)
            answer = await self._what_if(order)
            self._link.leave(Call.SIMULATE, failure)
        except BrokerFailure as error:
            if error.kind is not FailureKind.TIMEOUT:
                raise
            return WhatIf(None, None, None, None, None, None, None, None, None, warning=_NO_ANSWER)
        return answer

    async def submit(self, order: Order) -> BrokerOrderId:
        """Accepts the order durably and returns its id; acceptance and fills follow as events."""
        failure = await self._link.enter(Call.SUBMIT)
        core, now_utc = self._live(), self._now_utc()
        if core.exchange.find(order.id) is not None:
            raise rejected(f"An order with the id {order.id} is here already: it was not sent twice.", code="duplicate")
        question = core.question(order, now_utc)
        core.require_market(order)
        if self._settings.enforce_buying_power:
            shortage = (await self._worked_out(question)).error
            if shortage is not None:
                raise rejected(shortage)
        accepted = self._stored(lambda: core.exchange.accept(core.draft(order, now_utc), now_utc))
        self._wake.set()
        self._link.leave(Call.SUBMIT, failure)
        return accepted.broker_order_id

    async def replace(self, order: Order, limit_price: Decimal) -> None:
        """Gives a working limit order another price."""
        failure = await self._link.enter(Call.REPLACE)
        core, now_utc = self._live(), self._now_utc()
        known = self._working(core, order, "replaced")
        if known.order_type is not OrderType.LIMIT:
            raise rejected("Only a limit order has a price to replace.")
        refusal = core.price_refusal(known, limit_price, now_utc)
        if refusal is not None:
            raise rejected(refusal)
        self._stored(lambda: core.exchange.change_price(known, limit_price, now_utc))
        self._wake.set()
        self._link.leave(Call.REPLACE, failure)

    async def cancel(self, order: Order) -> None:
        """Asks for a cancel; events tell how it ended."""
        failure = await self._link.enter(Call.CANCEL)
        core, now_utc = self._live(), self._now_utc()
        known = self._working(core, order, "cancelled")
        if core.refuses_cancel(known):
            raise rejected("The cancel was refused; the order keeps working.")
        self._stored(lambda: core.exchange.request_cancel(known, now_utc))
        self._wake.set()
        self._link.leave(Call.CANCEL, failure)

    async def expiries(self, underlying: str) -> tuple[ChainExpiry, ...]:
        """Returns the listed expirations."""
        self._link.require()
        found = self._market.expiries(underlying, self._now_utc())
        if not found:
            raise InvalidInput("symbol", f"{underlying!r} has no listed options in the {self._market.label}.")
        return found

    async def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """Returns the contracts of one expiration."""
        failure = await self._link.enter(Call.CHAIN)
        contracts = self._market.chain(expiry)
        self._link.leave(Call.CHAIN, failure)
        return contracts

    async def resolve(self, key: ContractKey) -> Contract:
        """Returns the listed contract of a key."""
        self._link.require()
        found = self._market.resolve(key)
        if found is None:
            raise InvalidInput("symbol", f"{key!r} is not listed in the {self._market.label}.")
        return found

    async def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        """Returns the increments of the package's net price."""
        return net_tick_rule(legs)

    async def underlyings(self) -> tuple[str, ...]:
        """Returns the symbols with options."""
        return self._market.underlyings()

    async def betas(self, symbols: Collection[str]) -> dict[str, float]:  # noqa: ARG002 - the port's signature
        """Returns nothing: a paper market publishes no betas."""
        return {}

    async def underlying_metrics(self, symbol: str) -> UnderlyingMetrics | None:  # noqa: ARG002 - the port's signature
        """Returns nothing: a paper market ranks no vols."""
        return None

    def set_subscriptions(self, contracts: Collection[Contract]) -> None:
        """States the full set of contracts whose quotes are wanted."""
        self._subscriptions = tuple(contracts)
        if self._core is not None:
            self._core.feed.subscribe(self._subscriptions)

    def step(self, now_utc: datetime | None = None) -> None:
        """Moves market and exchange to `now_utc` (None = the clock's time) and sends what is due."""
        core = self._live()
        at_utc = self._now_utc() if now_utc is None else max(now_utc, core.now_utc)
        core.step(at_utc)
        self._link.mend_after(self._settings.reconnect_after_s, at_utc)
        self._link.deliver(core.outbox.take(at_utc))

    def cut_link(self) -> None:
        """Breaks the connection as a network fault would; the broker lives on."""
        self._link.cut()

    def mend_link(self) -> None:
        """Brings a broken connection back; the desk is told to reconcile."""
        self._link.mend()

    async def _what_if(self, order: Order) -> WhatIf:
        try:
            question = self._live().question(order, self._now_utc())
        except BrokerFailure as refused:
            return WhatIf(None, None, None, None, None, None, None, None, None, error=refused.what)
        return await self._worked_out(question)

    async def _worked_out(self, question: Question) -> WhatIf:
        """Answers beside the engine's thread where there is a worker: a large book takes tenths of a second."""
        if self._executor is None:
            return question.answer()
        return await asyncio.get_running_loop().run_in_executor(self._executor, question.answer)

    async def _run(self, core: PaperCore) -> None:
        """Ticks at the quote interval and sends events when they are due in between."""
        interval = timedelta(seconds=self._settings.quote_interval_s)
        next_tick = self._clock.now_utc()
        while True:
            now_utc = self._now_utc()
            if now_utc >= next_tick:
                next_tick = now_utc + interval
                self._tick(now_utc)
            else:
                self._link.deliver(core.outbox.take(now_utc))
            due = core.outbox.next_due_utc()
            until = next_tick if due is None else min(next_tick, due)
            await self._sleep(max((until - self._now_utc()).total_seconds(), _SHORTEST_SLEEP_S))

    def _tick(self, now_utc: datetime) -> None:
        try:
            self.step(now_utc)
        except PaperStoreError as error:
            _log.warning("paper broker cannot write: %s", error)
            self._link.warn(str(error))

    async def _sleep(self, seconds: float) -> None:
        self._wake.clear()
        # Not `wait_for`: in Python 3.11 it swallows a cancel that comes in the moment the wake does.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """Surfaces a failure of the background task: the desk must not go on as if quotes still came."""
        if not task.cancelled() and task.exception() is not None:
            _log.error("the paper broker stopped", exc_info=task.exception())
            self._link.cut()

    def _open(self) -> PaperCore:
        try:
            return open_core(
                market=self._market,
                store_path=self._store_path,
                settings=self._settings,
                faults=self._faults,
                calendar=self._calendar,
                sample_book=self._sample_book,
                executor=self._executor,
                now_utc=self._clock.now_utc(),
            )
        except PaperStoreError as error:
            raise BrokerFailure(FailureKind.OFFLINE, error.what, broker=self.name.value, cure=error.cure) from error

    def _live(self) -> PaperCore:
        if self._core is None:
            raise BrokerFailure(FailureKind.OFFLINE, "The paper broker is not connected.", broker=self.name.value)
        return self._core

    def _now_utc(self) -> datetime:
        """Returns the clock's time, never before what the store has seen."""
        now_utc = self._clock.now_utc()
        return now_utc if self._core is None else max(now_utc, self._core.now_utc)

    def _stored(self, work: Callable[[], PaperOrder]) -> PaperOrder:
        """Runs what commits; a failed commit is a refusal, because nothing was changed."""
        try:
            return work()
        except PaperStoreError as error:
            raise rejected(str(error), code="store") from error

    def _working(self, core: PaperCore, order: Order, what: str) -> PaperOrder:
        """Returns the working order, or raises and repeats the state of one that is done."""
        known = core.exchange.find(order.id)
        if known is None:
            raise rejected(f"The order {order.id} is not known here.", code="unknown-order")
        if known.is_done or (what == "replaced" and known.status is OrderStatus.CANCEL_PENDING):
            core.exchange.repeat(known, self._now_utc())
            raise rejected(f"Too late: the order is {known.status.value} and cannot be {what}.", code="too-late")
        return known
