"""Tastytrade behind the port: the parts of the adapter put together on the engine's loop.

What the account stream says comes in on one ordered inbox and is taken by one task; quotes come apart and are
coalesced. The stream replays nothing: whenever it was away the desk reconciles by what REST tells.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from datetime import datetime
from decimal import Decimal
from typing import Final

from execution.brokers.port import (
    BrokerEvent,
    BrokerOrder,
    BrokerSnapshot,
    Capability,
    ChainExpiry,
    ConnectionEvent,
    ExecutionEvent,
    OddObjectEvent,
    UnderlyingMetrics,
    WhatIf,
)
from execution.brokers.stream import EventStream
from execution.brokers.tastytrade.account_desk import AccountDesk
from execution.brokers.tastytrade.admitting import admitted
from execution.brokers.tastytrade.catalog import TastyCatalog
from execution.brokers.tastytrade.contract_codec import measured_symbol
from execution.brokers.tastytrade.facts import (
    AlertFact,
    MarketFact,
    OddObject,
    StreamFact,
    TastyBalance,
    TastyGreeks,
    TastyOrder,
    TastyPosition,
    TastyQuote,
)
from execution.brokers.tastytrade.far_clock import FarClock
from execution.brokers.tastytrade.order_desk import OrderDesk
from execution.brokers.tastytrade.quotes import QuoteFeed
from execution.brokers.tastytrade.seam import preload_sdk
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from execution.brokers.tastytrade.wire_port import AlertSink, MarketSink, TastyWire
from execution.off_loop import off_loop
from models.account import AccountInfo
from models.clock import Clock, new_york_time
from models.contract import Contract
from models.enums import BrokerName, FeedState
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId, BrokerOrderId, ContractKey, OrderId
from models.order import Order, OrderLeg
from models.product import TickRule

_log = logging.getLogger(__name__)
MakeWire = Callable[[AlertSink, MarketSink], TastyWire]
ReadSecrets = Callable[[], TastySecrets]
_ALERTS: Final = "alerts"


class TastytradeBroker:
    """`execution.brokers.port.Broker` over one login. Engine thread only."""

    name = BrokerName.TASTYTRADE
    capabilities = frozenset({Capability.REPLACE, Capability.MODEL_GREEKS, Capability.BETAS, Capability.METRICS})

    def __init__(
        self,
        *,
        settings: TastySettings,
        secrets: ReadSecrets,
        clock: Clock,
        make_wire: MakeWire | None = None,
        last_known: Callable[[AccountId], datetime | None] | None = None,
    ) -> None:
        """`secrets` are read beside the loop, when the session is opened: they may block, and ask their user.

        `make_wire` None: the real SDK, which is imported then, before anything is live.
        """
        self._settings = settings
        self._secrets = secrets
        self._clock = clock
        self._make_wire = make_wire
        self._inbox: asyncio.Queue[AlertFact] = asyncio.Queue()
        self._stream = EventStream()
        self._tasks: list[asyncio.Task[None]] = []
        self._session: TastyWire | None = None
        self._accounts: tuple[AccountInfo, ...] = ()
        self._is_alerts_up = False
        self._is_quotes_up = False
        #: Alerts are back and quotes are not: told when they are, or when this is over.
        self._waiting: asyncio.TimerHandle | None = None
        self._catalog = TastyCatalog(self._wire, clock)
        self._far_clock = FarClock(clock, self._clocks_changed)
        self._holdings = AccountDesk(
            catalog=self._catalog,
            clock=self._far_clock,
            emit=self._emit,
            unexplained=self._look_soon,
            read=lambda account_id: self._wire().positions(account_id),
        )
        self._orders = OrderDesk(
            wire=self._wire,
            catalog=self._catalog,
            positions=self._holdings.quantities,
            unsettled=self._holdings.unsettled,
            accounts=lambda: [info.account_id for info in self._accounts],
            clock=clock,
            settings=settings,
            emit=self._emit,
            last_known=last_known,
            look_after_s=settings.timeouts.look_after_s,
            fees_after_s=settings.timeouts.fees_after_s,
        )
        self._quotes = QuoteFeed(
            wire=self._wire, catalog=self._catalog, clock=clock, settings=settings, emit=self._emit
        )

    async def connect(self) -> tuple[AccountInfo, ...]:
        """Logs in, reads the accounts and starts both streams."""
        if self._session is not None:
            # Asked again because what followed failed: session and streams mend themselves.
            return self._accounts
        self._stream.close()
        self._stream = EventStream()
        session = await self._new_session()
        try:
            login = await session.open()
            self._accounts = admitted(login.accounts, self._settings)
            self._session = session
            self._start_tasks()
            # What the streams say from here on is a change: that they come up for the first time is none.
            self._is_alerts_up = True
            await session.start_alerts([info.account_id for info in self._accounts])
            self._is_quotes_up = True
            await session.start_quotes()
        except BaseException:
            self._session = None
            self._is_alerts_up = self._is_quotes_up = False
            await self._end_tasks()
            await session.close()
            raise
        if self._is_alerts_up:
            names = ", ".join(info.account_id for info in self._accounts)
            self._tell_link(f"Connected to Tastytrade ({names}).", reconcile_needed=False)
        self._quotes.resubscribe()
        return self._accounts

    async def close(self) -> None:
        """Lets go of the session; working orders stay."""
        session, self._session = self._session, None
        self._stop_waiting()
        self._orders.link_lost()
        if session is not None:
            await session.close()
        await self._end_tasks()
        self._stream.close()

    def events(self) -> AsyncIterator[BrokerEvent]:
        """Returns the stream since `connect`."""
        return self._stream

    async def snapshot(self) -> BrokerSnapshot:
        """Reads orders, executions, then positions, so that no execution told is missing in the positions."""
        wire = self._wire()
        self._require_alerts()
        orders = await self._orders.snapshot()
        for execution in orders.executions:
            self._holdings.take_execution(execution)
        shown = [info.account_id for info in self._accounts]
        asked_utc = self._far_clock.now_utc()
        for account_id in shown:
            self._holdings.take_balance(await wire.balance(account_id))
            await self._holdings.take_all(account_id, await wire.positions(account_id))
        await self._inbox.join()
        return BrokerSnapshot(
            at_utc=self._clock.now_utc(),
            accounts=tuple(self._holdings.values(account_id) for account_id in shown),
            positions=tuple(p for account_id in shown for p in self._holdings.positions(account_id, asked_utc)),
            open_orders=orders.open_orders,
            completed_orders=orders.completed_orders,
            executions=orders.executions,
            executions_since_utc=orders.executions_since_utc,
            do_revisions_restart=True,
            positions_at_utc={name: at for name in shown if (at := self._holdings.positions_as_of(name)) is not None},
        )

    async def find_orders(self, order_ids: Collection[OrderId]) -> tuple[BrokerOrder, ...]:
        """Returns what Tastytrade knows of our orders."""
        return await self._orders.find_orders(order_ids)

    async def simulate(self, order: Order) -> WhatIf:
        """Returns the dry run."""
        return await self._orders.simulate(order)

    async def submit(self, order: Order) -> BrokerOrderId:
        """Sends the order once and returns Tastytrade's id."""
        self._require_alerts()
        return await self._orders.submit(order)

    async def replace(self, order: Order, limit_price: Decimal) -> None:
        """Asks for another price; a successor takes the order's place."""
        self._require_alerts()
        await self._orders.replace(order, limit_price)

    async def cancel(self, order: Order) -> None:
        """Asks to cancel."""
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
        """Returns the symbols offered by name."""
        return await self._catalog.underlyings()

    async def betas(self, symbols: Collection[str]) -> dict[str, float]:
        """Returns the betas of the market metrics; futures by their product."""
        asked = {symbol: measured_symbol(symbol) for symbol in symbols}
        told = {one.symbol: one.beta for one in await self._wire().metrics(tuple(dict.fromkeys(asked.values())))}
        return {symbol: beta for symbol, name in asked.items() if (beta := told.get(name)) is not None}

    async def underlying_metrics(self, symbol: str) -> UnderlyingMetrics | None:
        """Returns the vol ranks of the market metrics; those of a future by its product."""
        name = measured_symbol(symbol)
        told = next((one for one in await self._wire().metrics([name]) if one.symbol == name), None)
        if told is None:
            return None
        today = new_york_time(self._clock.now_utc()).date()
        is_to_come = told.earnings_on is not None and told.earnings_on >= today
        return UnderlyingMetrics(
            symbol=symbol,
            broker=self.name,
            at_utc=self._clock.now_utc(),
            iv_rank=told.iv_rank,
            iv_percentile=told.iv_percentile,
            iv_index=told.iv_index,
            liquidity_rating=told.liquidity_rating,
            next_earnings=told.earnings_on if is_to_come else None,
        )

    def set_subscriptions(self, contracts: Collection[Contract]) -> None:
        """States whose quotes are wanted."""
        self._quotes.set_subscriptions(contracts)

    # --- connection ---------------------------------------------------------------------------------------------------

    def _wire(self) -> TastyWire:
        if self._session is None:
            raise _offline("There is no session with Tastytrade.")
        return self._session

    def _require_alerts(self) -> None:
        """Without its stream nothing may be sent and no reading is complete: what follows would not be heard."""
        if not self._is_alerts_up:
            raise _offline("The account stream of Tastytrade is down.")

    async def _new_session(self) -> TastyWire:
        alerts, market = self._inbox.put_nowait, self._take_market
        if self._make_wire is not None:
            return self._make_wire(alerts, market)
        return await _sdk_session(self._settings, self._secrets, self._clock, alerts, market, self._far_clock.note)

    # --- facts --------------------------------------------------------------------------------------------------------

    def _take_market(self, facts: tuple[MarketFact, ...]) -> None:
        self._quotes.take([fact for fact in facts if isinstance(fact, TastyQuote | TastyGreeks)])
        for fact in facts:
            if isinstance(fact, StreamFact | OddObject):
                self._inbox.put_nowait(fact)

    async def _read_inbox(self) -> None:
        while True:
            fact = await self._inbox.get()
            try:
                await self._take(fact)
            except BrokerFailure as failure:
                self._odd(fact, str(failure))
            except Exception as error:  # noqa: BLE001 - named boundary: one odd fact never ends the stream
                _log.exception("a fact from Tastytrade could not be taken")
                self._odd(fact, type(error).__name__)
            finally:
                self._inbox.task_done()

    async def _take(self, fact: AlertFact) -> None:
        match fact:
            case TastyOrder():
                await self._orders.take(fact)
            case TastyBalance() | TastyPosition():
                await self._holdings.take(fact)
            case OddObject(source, what):
                self._emit(OddObjectEvent(f"tastytrade {source}", what))
            case StreamFact(name=name) if name == _ALERTS:
                self._alerts_changed(fact)
            case StreamFact():
                self._quotes_changed(fact)

    def _alerts_changed(self, fact: StreamFact) -> None:
        was_up, self._is_alerts_up = self._is_alerts_up, fact.is_up
        if fact.is_up and was_up and not fact.is_gap:
            return
        if fact.is_up and not self._is_quotes_up and not was_up:
            self._wait_for_quotes()
        elif fact.is_up:
            self._tell_back(fact.reason)
        elif was_up:
            self._stop_waiting()
            self._orders.link_lost()
            self._holdings.lost()
            text = f"The account stream of Tastytrade is down: {fact.reason}"
            self._emit(ConnectionEvent(FeedState.DOWN, text, reconcile_needed=True))

    def _quotes_changed(self, fact: StreamFact) -> None:
        was_up, self._is_quotes_up = self._is_quotes_up, fact.is_up
        if was_up and not fact.is_up:
            self._quotes.lost()
        if was_up == fact.is_up or not self._is_alerts_up:
            return
        if self._waiting is not None:
            if fact.is_up:
                self._tell_back()
            return
        text = "Quotes of Tastytrade flow again." if fact.is_up else f"Quotes of Tastytrade are down: {fact.reason}"
        self._tell_link(text, reconcile_needed=False)

    def _clocks_changed(self) -> None:
        if self._is_alerts_up and self._waiting is None:
            text = "" if self._far_clock.is_off else "Tastytrade's clock and this computer's agree again."
            self._tell_link(text, reconcile_needed=False)

    def _wait_for_quotes(self) -> None:
        self._stop_waiting()
        loop = asyncio.get_running_loop()
        self._waiting = loop.call_later(self._settings.timeouts.both_streams_s, self._tell_back)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _tell_back(self, reason: str = "") -> None:
        """Tells that alerts are heard again: what happened meanwhile must be asked for."""
        self._stop_waiting()
        self._orders.hold_back()
        text = reason or "The account stream of Tastytrade is back."
        if not self._is_quotes_up:
            text += " Its quotes are not."
        self._tell_link(text, reconcile_needed=True)

    def _tell_link(self, text: str, *, reconcile_needed: bool) -> None:
        is_sound = self._is_quotes_up and not self._far_clock.is_off
        text = f"{text} {self._far_clock.words}".strip()
        self._emit(ConnectionEvent(FeedState.LIVE if is_sound else FeedState.STALE, text, reconcile_needed))

    def _odd(self, fact: AlertFact, why: str) -> None:
        self._emit(OddObjectEvent("tastytrade", f"{type(fact).__name__} was set aside: {why}"))

    def _emit(self, event: BrokerEvent) -> None:
        if isinstance(event, ExecutionEvent):
            self._holdings.take_execution(event.execution)
        self._stream.put(event)

    # --- tasks --------------------------------------------------------------------------------------------------------

    def _start_tasks(self) -> None:
        loop = asyncio.get_running_loop()
        for name, work in (
            ("tastytrade inbox", self._read_inbox()),
            ("tastytrade quotes", self._quotes.run()),
            ("tastytrade accounts", self._holdings.run()),
            ("tastytrade transactions", self._read_again()),
        ):
            task = loop.create_task(work, name=name)
            task.add_done_callback(self._on_task_end)
            self._tasks.append(task)

    def _look_soon(self) -> None:
        self._orders.look_soon()

    async def _read_again(self) -> None:
        """Reads now and then what no alert tells: expirations, assignments, settlements, fees of the night."""
        while True:
            await asyncio.sleep(self._settings.timeouts.reread_every_s)
            if not self._is_alerts_up:
                continue  # what follows its return reads everything
            try:
                await self._orders.look()
            except BrokerFailure as failure:
                _log.info("transactions could not be read again: %s", failure)

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


async def _sdk_session(
    settings: TastySettings,
    read_secrets: ReadSecrets,
    clock: Clock,
    alerts: AlertSink,
    market: MarketSink,
    dated: Callable[[str], None],
) -> TastyWire:
    # First: without them nothing else has to be loaded.
    secrets = await off_loop(read_secrets, name="secrets")
    await preload_sdk()
    from execution.brokers.tastytrade.session import TastySession  # noqa: PLC0415 - brings the SDK's parts

    return TastySession(settings, secrets, clock, alerts=alerts, market=market, dated=dated)


def _offline(text: str) -> BrokerFailure:
    return BrokerFailure(FailureKind.OFFLINE, text, broker=BrokerName.TASTYTRADE.value, cure="It comes back by itself.")
