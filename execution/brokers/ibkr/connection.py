"""One connection to TWS over the client library: `wire_port.IbWire`, used once.

The library connects, frames, throttles (45 messages a second), encodes and decodes; nothing else of it is used. Its own
start-up (which fails when TWS does not answer the executions) is left out: after the API has started, the parts ask for
what they need. Every wait ends: by the answer, a refusal, its time limit, or the end of the link.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any, Final

from execution.brokers.ibkr.advice import NAME, Trouble, failure_of
from execution.brokers.ibkr.edge import tws_zone
from execution.brokers.ibkr.facts import (
    ClosedFact,
    CompletedOrderFact,
    ExecutionFact,
    Fact,
    IbContract,
    IbContractDetails,
    IbOptionParams,
    IbPriceIncrement,
    OpenOrderFact,
    PositionFact,
    TickFact,
)
from execution.brokers.ibkr.ib_objects import library_contract, library_order
from execution.brokers.ibkr.library import IbLibrary
from execution.brokers.ibkr.padding import install
from execution.brokers.ibkr.questions import Questions
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.ibkr.taps import (
    COMPLETED_ORDERS,
    OPEN_ORDERS,
    POSITIONS,
    Taps,
    WhatIfWait,
    account_key,
    market_rule_key,
)
from execution.brokers.ibkr.tick_lines import TickLines
from execution.brokers.ibkr.wire_port import FactSink, Greeting, IbOrder, TickSink, WhatIfReply
from models.clock import NEW_YORK, Clock
from models.errors import BrokerFailure, BugError, FailureKind

_log = logging.getLogger(__name__)

_CLIENT_ID_IN_USE: Final = 326
#: How long TWS may take to confirm the end of a connection before the socket is torn down.
_GOODBYE_S: Final = 1.0


class IbConnection:
    """Made, opened, used and closed on the loop's thread; every method asserts it."""

    def __init__(
        self, library: IbLibrary, settings: IbkrSettings, clock: Clock, facts: FactSink, ticks: TickSink
    ) -> None:
        self._thread_id = threading.get_ident()
        self._library = library
        self._settings = settings
        self._clock = clock
        self._facts = facts
        self._ticks = ticks
        self._questions = Questions()
        self._lines = TickLines(self._tell_ticks, clock.now_utc)
        self._ib = library.new_ib()
        self._taps = Taps(
            tell=self._tell,
            questions=self._questions,
            lines=self._lines,
            own_zone=lambda: self._own_zone,
            raise_ids=self._ib.client.updateReqId,
        )
        install(self._ib, self._taps, self._questions, tell=self._tell, own_zone=lambda: self._own_zone)
        self._ib.updateEvent += self._on_packet
        self._ib.client.conn.hasData += self._on_bytes
        self._ib.client.conn.disconnected += self._on_disconnected
        self._gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._greeting_bytes: bytes | None = b""
        self._server_version = 0
        self._own_zone: tzinfo = NEW_YORK
        self._accounts: tuple[str, ...] = ()
        self._account_requests: dict[str, int] = {}
        self._was_used = False
        self._is_open = False

    # --- life --------------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether the API has started and the socket stands."""
        return self._is_open

    @property
    def own_zone(self) -> tzinfo:
        """TWS's own time zone, by its greeting."""
        return self._own_zone

    async def open(self) -> Greeting:
        """Connects and starts the API. Raises BrokerFailure with advice; the connection is of no use then."""
        self._assert_thread()
        if self._was_used:
            raise BugError("a connection to TWS is opened once; make another")
        self._was_used = True
        settings, client = self._settings, self._ib.client
        connecting: asyncio.Future[None] = asyncio.ensure_future(
            client.connectAsync(settings.host, settings.port, settings.client_id, settings.timeouts.connect_s)
        )
        either: set[asyncio.Future[Any]] = {connecting, self._gone}
        try:
            await asyncio.wait(either, timeout=settings.timeouts.connect_s, return_when=asyncio.FIRST_COMPLETED)
            is_ready = connecting.done() and not connecting.cancelled() and connecting.exception() is None
            if not is_ready or self._gone.done():
                raise self._why_not(connecting)
            self._accounts = tuple(client.getAccounts())
            self._is_open = True
            if settings.client_id == 0:
                self._send(lambda: client.reqAutoOpenOrders(True))  # orders made in TWS become known to this client
        finally:
            if not self._is_open:
                connecting.cancel()
                await asyncio.wait({connecting})
                await self.close()
        return Greeting(self._server_version, self._accounts)

    async def close(self) -> None:
        """Lets go; no fact comes afterwards, and whatever was asked ends as OFFLINE."""
        self._assert_thread()
        self._facts, self._ticks = _told_no_more, _told_no_more
        self._end_all("The connection was closed.")
        transport = self._ib.client.conn.transport
        self._ib.client.disconnect()
        if transport is not None and not self._gone.done():
            await asyncio.wait({self._gone}, timeout=_GOODBYE_S)
            transport.abort()  # a dead peer never takes what is still to be sent

    # --- questions ---------------------------------------------------------------------------------------------------

    async def current_time(self) -> datetime:
        """Returns TWS's clock, to the second."""
        self._assert_thread()
        return await self._questions.ask_time(self._sending(self._ib.client.reqCurrentTime), self._answer_s)

    async def positions(self) -> tuple[PositionFact, ...]:
        """Returns all holdings, the newest word on each, and subscribes to changes."""
        told: list[PositionFact] = await self._ask(POSITIONS, POSITIONS, self._ib.client.reqPositions)
        newest = {(fact.account, fact.contract.con_id): fact for fact in told}
        return tuple(newest.values())

    async def account_updates(self, account: str) -> None:
        """Subscribes to an account's values. TWS streams the holdings' valuation too when there is one account only."""
        client = self._ib.client
        if self._accounts == (account,):
            key = account_key(account)
            await self._ask(key, key, lambda: client.reqAccountUpdates(True, account))
            return
        if (earlier := self._account_requests.pop(account, None)) is not None:
            self._send(lambda: client.cancelAccountUpdatesMulti(earlier))
        request_id = self._account_requests[account] = self._new_id()
        await self._ask(
            request_id, account_key(account), lambda: client.reqAccountUpdatesMulti(request_id, account, "", False)
        )

    def subscribe_day_pnl(self, account: str) -> None:
        """Subscribes to an account's profit and loss of the day, once a connection."""
        if account not in self._taps.pnl_accounts.values():
            request_id = self._new_id()
            self._taps.pnl_accounts[request_id] = account
            self._send(lambda: self._ib.client.reqPnL(request_id, account, ""))

    async def open_orders(self) -> tuple[OpenOrderFact, ...]:
        """Returns the working orders of every client."""
        return tuple(await self._ask_orders(OPEN_ORDERS, self._ib.client.reqAllOpenOrders))

    async def completed_orders(self) -> tuple[CompletedOrderFact, ...]:
        """Returns what is done, of TWS and of every client."""
        request = self._ib.client.reqCompletedOrders
        return tuple(await self._ask_orders(COMPLETED_ORDERS, lambda: request(False)))

    async def executions(self) -> tuple[ExecutionFact, ...]:
        """Returns the executions of all clients; a TWS that does not answer costs a TIMEOUT, not the connection."""
        request_id, everything = self._new_id(), self._library.module.ExecutionFilter()
        request = self._ib.client.reqExecutions
        return tuple(await self._ask(request_id, "the executions", lambda: request(request_id, everything)))

    async def contract_details(self, contract: IbContract) -> tuple[IbContractDetails, ...]:
        """Returns every contract that fits; empty when none does. Never of a BAG: TWS may leave that unanswered."""
        if contract.sec_type == "BAG":
            raise BugError("TWS has no contract details of a combo; ask for its legs")
        request_id, asked = self._new_id(), library_contract(self._library, contract)
        request = self._ib.client.reqContractDetails
        name = contract.local_symbol or f"{contract.symbol} {contract.sec_type} {contract.last_trade}".strip()
        what = f"the question about {name or contract.con_id}"
        return tuple(await self._ask(request_id, what, lambda: request(request_id, asked)))

    async def option_params(self, underlying: IbContractDetails) -> tuple[IbOptionParams, ...]:
        """Returns the option classes on an underlying."""
        request_id, contract = self._new_id(), underlying.contract
        exchange = contract.exchange if contract.sec_type == "FUT" else ""
        request = self._ib.client.reqSecDefOptParams
        return tuple(
            await self._ask(
                request_id,
                f"the question about options on {contract.symbol}",
                lambda: request(request_id, contract.symbol, exchange, contract.sec_type, contract.con_id),
            )
        )

    async def market_rule(self, rule_id: int) -> tuple[IbPriceIncrement, ...]:
        """Returns a price increment table, by rising edge."""
        key, request = market_rule_key(rule_id), self._ib.client.reqMarketRule
        return tuple(await self._ask(key, key, lambda: request(rule_id)))

    # --- market data -------------------------------------------------------------------------------------------------

    def set_market_data_type(self, data_type: int) -> None:
        """States which quotes are wanted."""
        self._send(lambda: self._ib.client.reqMarketDataType(data_type))

    def subscribe(self, contract: IbContract) -> int:
        """Opens a line and returns its request id; a contract that has a line keeps it."""
        self._assert_thread()
        if not contract.con_id:
            raise BugError(f"market data are asked by contract id, {contract.symbol!r} has none yet")
        if (existing := self._lines.request_of(contract.con_id)) is not None:
            return existing
        request_id, asked = self._new_id(), library_contract(self._library, contract)
        self._lines.open(contract.con_id, request_id)
        try:
            self._send(lambda: self._ib.client.reqMktData(request_id, asked, "", False, False, []))
        except BrokerFailure:
            self._lines.close(contract.con_id)
            raise
        return request_id

    def unsubscribe(self, con_id: int) -> None:
        """Closes a line; one that is not open is none of TWS's business."""
        self._assert_thread()
        if (request_id := self._lines.close(con_id)) is not None:
            self._send(lambda: self._ib.client.cancelMktData(request_id))

    # --- orders ------------------------------------------------------------------------------------------------------

    async def what_if(self, contract: IbContract, order: IbOrder) -> WhatIfReply:
        """Returns the real answer of two, a refusal, or what came until the time limit. Raises OFFLINE only."""
        self._assert_thread()
        wait = WhatIfWait(asyncio.get_running_loop().create_future())
        order_id = self._new_id()
        self._taps.what_ifs[order_id] = wait
        try:
            self._place(contract, order, order_id, is_what_if=True)
            async with asyncio.timeout(self._settings.timeouts.what_if_s):
                await wait.done
        except TimeoutError:
            _log.info("the what-if %d got no full answer", order_id)
        finally:
            del self._taps.what_ifs[order_id]
        return wait.reply()

    def place(self, contract: IbContract, order: IbOrder, order_id: int | None = None) -> int:
        """Sends an order to work, or a change of one. Raises OFFLINE when nothing was sent."""
        used = self._new_id() if order_id is None else order_id
        self._place(contract, order, used, is_what_if=False)
        return used

    def cancel(self, order_id: int) -> None:
        """Asks to cancel an order."""
        self._send(lambda: self._ib.client.cancelOrder(order_id, ""))

    # --- within ------------------------------------------------------------------------------------------------------

    @property
    def _answer_s(self) -> float:
        return self._settings.timeouts.answer_s

    def _assert_thread(self) -> None:
        if threading.get_ident() != self._thread_id:
            raise BugError("the connection to TWS belongs to the engine's thread; another one touched it")

    def _new_id(self) -> int:
        self._assert_thread()
        if not self._is_open:
            raise _offline("There is no connection to TWS.")
        return int(self._ib.client.getReqId())

    def _sending(self, action: Callable[[], object]) -> Callable[[], None]:
        return lambda: self._send(action)

    def _send(self, action: Callable[[], object]) -> None:
        self._assert_thread()
        if not self._is_open:
            raise _offline("There is no connection to TWS.")
        try:
            action()
        except ConnectionError as error:
            raise _offline("There is no connection to TWS.") from error

    async def _ask(self, key: int | str, what: str, action: Callable[[], object]) -> list[Any]:
        self._assert_thread()
        return await self._questions.ask(key, what, self._sending(action), self._answer_s)

    async def _ask_orders(self, key: str, action: Callable[[], object]) -> list[Any]:
        """A read-only API tells no orders. Who only watches needs none; who trades must know that they are not told."""
        try:
            return await self._ask(key, key, action)
        except BrokerFailure as failure:
            if not self._settings.read_only or failure.kind is not FailureKind.REJECTED:
                raise
            _log.info("the API is read-only and does not tell %s", key)
            return []

    def _place(self, contract: IbContract, order: IbOrder, order_id: int, *, is_what_if: bool) -> None:
        sent = library_order(self._library, order, order_id=order_id, is_what_if=is_what_if)
        asked = library_contract(self._library, contract)
        self._send(lambda: self._ib.client.placeOrder(order_id, asked, sent))

    def _tell(self, fact: Fact) -> None:
        self._facts(fact)

    def _tell_ticks(self, ticks: tuple[TickFact, ...]) -> None:
        self._ticks(ticks)

    def _on_packet(self) -> None:
        self._lines.flush()

    def _on_bytes(self, data: bytes) -> None:
        """Reads TWS's greeting beside the library, which throws its time away: it tells TWS's own zone."""
        if self._greeting_bytes is None:
            return
        self._greeting_bytes += data
        end = 4 + int.from_bytes(self._greeting_bytes[:4], "big")
        if len(self._greeting_bytes) < max(end, 5):
            return
        fields = self._greeting_bytes[4:end].decode(errors="replace").split("\0")
        self._greeting_bytes = None
        if len(fields) >= 2 and fields[0].isdigit():
            self._server_version = int(fields[0])
            self._own_zone = tws_zone(fields[1], self._clock.now_utc())
            if self._server_version < self._library.oldest_server and not self._gone.done():
                self._gone.set_result("too old")  # the library waits on, but speaks no further

    def _on_disconnected(self, message: str) -> None:
        reason = message or "TWS closed the connection."
        was_open = self._is_open
        if not self._gone.done():
            self._gone.set_result(reason)
        self._end_all(f"The link to TWS broke: {reason}")
        if was_open:
            self._tell(ClosedFact(reason))

    def _end_all(self, what: str) -> None:
        self._is_open = False
        self._questions.end_all(lambda: _offline(what))
        for wait in self._taps.what_ifs.values():
            if not wait.done.done():
                wait.done.set_exception(_offline(what))

    def _why_not(self, connecting: asyncio.Future[None]) -> BrokerFailure:
        """Returns the failure that tells a user why the connection did not come about."""
        settings = self._settings
        told = {fact.code: fact.text for fact in self._taps.errors}
        if _CLIENT_ID_IN_USE in told:
            return failure_of(Trouble.CLIENT_ID_IN_USE, settings, detail=told[_CLIENT_ID_IN_USE], code="326")
        if 0 < self._server_version < self._library.oldest_server:
            return failure_of(Trouble.TOO_OLD, settings, detail=f"it speaks version {self._server_version}")
        if self._gone.done():
            last = next((f"{code}: {text}" for code, text in reversed(told.items())), "")
            return failure_of(Trouble.CLOSED_AT_ONCE, settings, detail=last)
        error = connecting.exception() if connecting.done() and not connecting.cancelled() else None
        if error is not None and not isinstance(error, TimeoutError):
            return failure_of(_socket_trouble(error), settings, detail=str(error))
        if self._server_version:
            return failure_of(Trouble.NOT_LOGGED_IN, settings)
        is_connected = self._ib.client.conn.transport is not None
        return failure_of(Trouble.NO_ANSWER if is_connected else Trouble.UNREACHABLE, settings)


def _socket_trouble(error: BaseException) -> Trouble:
    match error:
        case ConnectionRefusedError():
            return Trouble.REFUSED
        case socket.gaierror():
            return Trouble.HOST_UNKNOWN
        case _:
            return Trouble.UNREACHABLE


def _offline(what: str) -> BrokerFailure:
    return BrokerFailure(FailureKind.OFFLINE, what, broker=NAME, cure="The desk reconnects by itself; try again then.")


def _told_no_more(_: object) -> None:
    """A sink after the end."""
