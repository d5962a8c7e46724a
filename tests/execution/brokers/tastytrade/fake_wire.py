"""One login at Tastytrade whose answers the test gives: for the parts above the wire, without HTTP or a socket.

Answers stand in plain attributes; what was asked and sent is recorded. A `failures` entry makes the next call of that
name fail; a `scripts` entry answers the next write of that name instead of the plain rule. Facts are handed to the part
under test by the test itself.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final

from execution.brokers.tastytrade.facts import (
    TastyAccount,
    TastyBalance,
    TastyDryRun,
    TastyExpiration,
    TastyLeg,
    TastyMetrics,
    TastyOrder,
    TastyPosition,
    TastyTransaction,
)
from execution.brokers.tastytrade.wire_port import Login, TastyOrderDraft, always
from models.clock import NEW_YORK, Clock
from models.errors import BrokerFailure, FailureKind, InvalidInput

ACCOUNT_NUMBER: Final = "5WX00001"
#: What the desk's own orders name as their source.
OUR_SOURCE: Final = "Optiondesk/1.0"
NO_FIGURES: Final = TastyDryRun(None, None, None, None, None, None, (), ())
WORKING_WORDS: Final = frozenset(
    {"Received", "Routed", "In Flight", "Contingent", "Live", "Cancel Requested", "Replace Requested"}
)

PlaceScript = Callable[[TastyOrderDraft], TastyOrder]


def tasty_account(number: str = ACCOUNT_NUMBER, *, may_trade: bool = True) -> TastyAccount:
    """Returns an open margin account."""
    return TastyAccount(number, "Main", "Individual", "Margin", False, "Reg T", may_trade)


@dataclass(slots=True)
class FakeWire:
    """Implements `TastyWire`: keeps what is placed as Routed orders, and tells them again in every list.

    `hidden` orders are in no list (the broker has not caught up); `held_orders` is the far end's truth by order id.
    """

    clock: Clock
    login: Login = field(default_factory=lambda: Login((tasty_account(),), ("read", "trade")))
    balances: dict[str, TastyBalance] = field(default_factory=dict)
    held: dict[str, tuple[TastyPosition, ...]] = field(default_factory=dict)
    held_orders: dict[str, TastyOrder] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    moved: dict[str, tuple[TastyTransaction, ...]] = field(default_factory=dict)
    measured: dict[str, TastyMetrics] = field(default_factory=dict)
    chains: dict[str, tuple[TastyExpiration, ...]] = field(default_factory=dict)
    streamer_symbols: dict[str, str] = field(default_factory=dict)
    dry_run_reply: TastyDryRun = NO_FIGURES
    margin_reply: TastyDryRun = NO_FIGURES
    next_order_id: int = 501
    is_open: bool = False
    alerts_of: tuple[str, ...] = ()
    are_quotes_started: bool = False
    quoted: frozenset[str] = frozenset()
    greeked: frozenset[str] = frozenset()
    asked: list[tuple[str, object]] = field(default_factory=list)
    placed: list[tuple[str, TastyOrderDraft]] = field(default_factory=list)
    replaced: list[tuple[str, TastyOrderDraft]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    dry_runs: list[TastyOrderDraft] = field(default_factory=list)
    #: The next call of that name raises this; nothing has happened then.
    failures: defaultdict[str, deque[BaseException]] = field(default_factory=lambda: defaultdict(deque))
    #: The next write of that name is done, and then raises this: the answer is lost.
    lost_answers: defaultdict[str, deque[BaseException]] = field(default_factory=lambda: defaultdict(deque))
    #: What the next `place` becomes at the far end.
    scripts: deque[PlaceScript] = field(default_factory=deque)
    #: Awaited by every question when set: lets a test hold an answer back.
    gate: asyncio.Event | None = None

    # --- session and streams ------------------------------------------------------------------------------------------

    async def open(self) -> Login:
        await self._asked("open", None)
        self.is_open = True
        return self.login

    async def close(self) -> None:
        self.is_open = False

    async def start_alerts(self, account_numbers: Collection[str]) -> None:
        await self._asked("start_alerts", tuple(account_numbers))
        self.alerts_of = tuple(account_numbers)

    async def start_quotes(self) -> None:
        await self._asked("start_quotes", None)
        self.are_quotes_started = True

    def set_streamer_symbols(self, quotes: Collection[str], greeks: Collection[str]) -> None:
        self.asked.append(("set_streamer_symbols", (tuple(quotes), tuple(greeks))))
        self.quoted, self.greeked = frozenset(quotes), frozenset(greeks)

    # --- reads --------------------------------------------------------------------------------------------------------

    async def balance(self, account_number: str) -> TastyBalance:
        await self._asked("balance", account_number)
        empty = TastyBalance(account_number, None, None, None, None, None, None)
        return self.balances.get(account_number, empty)

    async def positions(self, account_number: str) -> tuple[TastyPosition, ...]:
        await self._asked("positions", account_number)
        return self.held.get(account_number, ())

    async def orders(self, account_number: str, since: date) -> tuple[TastyOrder, ...]:
        await self._asked("orders", (account_number, since))
        return self._listed(account_number, lambda order: _day_of(order) >= since or order.status in WORKING_WORDS)

    async def live_orders(self, account_number: str) -> tuple[TastyOrder, ...]:
        await self._asked("live_orders", account_number)
        today = self.clock.now_utc().astimezone(NEW_YORK).date()
        return self._listed(account_number, lambda order: _day_of(order) >= today or order.status in WORKING_WORDS)

    async def order(self, account_number: str, order_id: str) -> TastyOrder | None:
        await self._asked("order", (account_number, order_id))
        found = self.held_orders.get(order_id)
        is_there = found is not None and found.account_number == account_number and order_id not in self.hidden
        return found if is_there else None

    async def transactions(self, account_number: str, since: date) -> tuple[TastyTransaction, ...]:
        await self._asked("transactions", (account_number, since))
        told = self.moved.get(account_number, ())
        return tuple(each for each in told if _transaction_day(each) >= since)

    async def metrics(self, symbols: Collection[str]) -> tuple[TastyMetrics, ...]:
        await self._asked("metrics", tuple(symbols))
        return tuple(self.measured[symbol] for symbol in symbols if symbol in self.measured)

    async def chain(self, underlying: str) -> tuple[TastyExpiration, ...]:
        await self._asked("chain", underlying)
        return self.chains.get(underlying, ())

    async def futures_chain(self, product: str) -> tuple[TastyExpiration, ...]:
        await self._asked("futures_chain", product)
        return self.chains.get(product, ())

    async def streamer_symbol(self, symbol: str, instrument_type: str) -> str:
        await self._asked("streamer_symbol", (symbol, instrument_type))
        if symbol not in self.streamer_symbols:
            raise InvalidInput("symbol", f"Tastytrade does not know {symbol}.")
        return self.streamer_symbols[symbol]

    async def dry_run(self, account_number: str, draft: TastyOrderDraft) -> TastyDryRun:
        await self._asked("dry_run", (account_number, draft))
        self.dry_runs.append(draft)
        return self.dry_run_reply

    async def margin_dry_run(self, account_number: str, draft: TastyOrderDraft, underlying: str) -> TastyDryRun:
        await self._asked("margin_dry_run", (account_number, underlying))
        return self.margin_reply

    # --- writes -------------------------------------------------------------------------------------------------------

    async def place(
        self, account_number: str, draft: TastyOrderDraft, *, may_leave: Callable[[], bool] = always
    ) -> TastyOrder:
        await self._asked("place", (account_number, draft))
        _leave(may_leave)
        self.placed.append((account_number, draft))
        accepted = self.accept(account_number, draft)
        self._lose_answer("place")
        return accepted

    async def replace(
        self, account_number: str, order_id: str, draft: TastyOrderDraft, *, may_leave: Callable[[], bool] = always
    ) -> TastyOrder:
        await self._asked("replace", (account_number, order_id, draft))
        _leave(may_leave)
        self.replaced.append((order_id, draft))
        successor = replace(self.accept(account_number, draft), status="Contingent", replaces_order_id=order_id)
        self.held_orders[successor.order_id] = successor
        before = self.held_orders.get(order_id)
        if before is not None:
            self.held_orders[order_id] = replace(before, replacing_order_id=successor.order_id)
        self._lose_answer("replace")
        return successor

    async def cancel(self, account_number: str, order_id: str) -> None:
        await self._asked("cancel", (account_number, order_id))
        self.cancelled.append(order_id)
        before = self.held_orders.get(order_id)
        if before is None or before.status not in WORKING_WORDS:
            raise refusal("cannot_update_order", "Order is not in a cancellable state")
        self.held_orders[order_id] = replace(before, status="Cancel Requested")
        self._lose_answer("cancel")

    # --- what a test does ---------------------------------------------------------------------------------------------

    def accept(self, account_number: str, draft: TastyOrderDraft) -> TastyOrder:
        """Makes the far end take an order, as a script says or Routed, and returns it."""
        if self.scripts:
            order = self.scripts.popleft()(draft)
        else:
            order = order_from(draft, str(self.next_order_id), account_number, self.clock)
        self.next_order_id += 1
        self.held_orders[order.order_id] = order
        return order

    def put(self, *orders: TastyOrder) -> None:
        """Sets what the far end has of these orders."""
        for order in orders:
            self.held_orders[order.order_id] = order

    def count(self, name: str) -> int:
        """Returns how many times something was asked."""
        return sum(what == name for what, _ in self.asked)

    # --- within -------------------------------------------------------------------------------------------------------

    def _listed(self, account_number: str, is_in: Callable[[TastyOrder], bool]) -> tuple[TastyOrder, ...]:
        found = [
            order
            for order in self.held_orders.values()
            if order.account_number == account_number and order.order_id not in self.hidden and is_in(order)
        ]
        return tuple(reversed(found))

    async def _asked(self, what: str, about: object) -> None:
        self.asked.append((what, about))
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        waiting = self.failures[what]
        if waiting:
            raise waiting.popleft()

    def _lose_answer(self, what: str) -> None:
        waiting = self.lost_answers[what]
        if waiting:
            raise waiting.popleft()


def order_from(draft: TastyOrderDraft, order_id: str, account_number: str, clock: Clock) -> TastyOrder:
    """Returns the order that a draft becomes: Routed, nothing filled."""
    size = min(leg.quantity for leg in draft.legs)
    return TastyOrder(
        order_id=order_id,
        account_number=account_number,
        external_identifier=draft.external_identifier,
        source=OUR_SOURCE,
        status="Routed",
        order_type=draft.order_type,
        time_in_force=draft.time_in_force,
        net_price=draft.net_price,
        size=Decimal(size),
        legs=tuple(
            TastyLeg(
                leg.symbol, leg.instrument_type, leg.action, Decimal(leg.quantity), Decimal(leg.quantity), fills=()
            )
            for leg in draft.legs
        ),
        replaces_order_id="",
        replacing_order_id="",
        reject_reason="",
        received_at_utc=clock.now_utc(),
        updated_at_utc=clock.now_utc(),
        terminal_at_utc=None,
    )


def refusal(code: str, text: str) -> BrokerFailure:
    """Returns a decoded refusal, as the wire raises it."""
    return BrokerFailure(FailureKind.REJECTED, text, broker="TASTYTRADE", code=code)


def lost(text: str = "Tastytrade did not answer in time.") -> BrokerFailure:
    """Returns a write whose answer never came, as the wire raises it."""
    return BrokerFailure(FailureKind.TIMEOUT, text, broker="TASTYTRADE", outcome_unknown=True)


def offline(text: str = "Tastytrade cannot be reached.") -> BrokerFailure:
    """Returns a request that did not leave, as the wire raises it."""
    return BrokerFailure(FailureKind.OFFLINE, text, broker="TASTYTRADE")


def _leave(may_leave: Callable[[], bool]) -> None:
    if not may_leave():
        raise offline("The connection changed.")


def _day_of(order: TastyOrder) -> date:
    at = order.received_at_utc or order.updated_at_utc
    return date.min if at is None else at.astimezone(NEW_YORK).date()


def _transaction_day(transaction: TastyTransaction) -> date:
    at = transaction.executed_at_utc
    return date.max if at is None else at.astimezone(NEW_YORK).date()
