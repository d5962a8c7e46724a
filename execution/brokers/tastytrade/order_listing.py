"""Reads what Tastytrade has (orders, then transactions) and takes the answer into the books.

Alerts say nothing of what happened before they were subscribed or while they were down, so these lists are the
evidence: after a connect, after a gap, and whenever a request was not answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from execution.brokers.tastytrade.executions import FillBook
from execution.brokers.tastytrade.facts import TastyOrder, TastyTransaction
from execution.brokers.tastytrade.order_book import OrderBook
from execution.brokers.tastytrade.order_record import OrderRecord
from execution.brokers.tastytrade.order_teller import Teller
from execution.brokers.tastytrade.tasty_orders import FILLED
from execution.brokers.tastytrade.transactions import bookings, held_before, is_bookable, unbooked_words
from execution.brokers.tastytrade.wire_port import TastyWire
from models.clock import NEW_YORK, Clock, new_york_time
from models.contract import Contract
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId

#: Fees are reconciled overnight; a long weekend lies between at most.
FEE_DAYS: Final = timedelta(days=5)
#: The desk's database loads what was executed within a week: what is older is told from the very instant.
_OVERLAP: Final = timedelta(days=6)
#: How far back the trades are read that tell which side of an option expired, and orders nobody finds.
HISTORY: Final = timedelta(days=400)
LOOK_BACK: Final = timedelta(days=90)
LastKnown = Callable[[AccountId], datetime | None]
_log = logging.getLogger(__name__)


class History:
    """From when on each account's past is told to the desk, fixed when it is first asked."""

    def __init__(self, *, clock: Clock, last_known: LastKnown | None) -> None:
        self._clock = clock
        self._last_known = last_known
        self._since: dict[AccountId, datetime] = {}

    def since_utc(self, account_id: AccountId) -> datetime:
        """Returns the instant from which an account's orders and executions are told."""
        since = self._since.get(account_id)
        if since is None:
            known = None if self._last_known is None else self._last_known(account_id)
            since = told_since(self._clock.now_utc(), known)
            self._since[account_id] = since
        return since


@dataclass(frozen=True, slots=True)
class Listing:
    """Ids of the orders that were listed, and the book's count when they were asked for."""

    mentioned: frozenset[str]
    asked_at: int


class Lister:
    """One listing at a time. Engine thread only."""

    def __init__(
        self,
        *,
        wire: Callable[[], TastyWire],
        book: OrderBook,
        fills: FillBook,
        teller: Teller,
        clock: Clock,
        accounts: Callable[[], Collection[AccountId]],
        since_utc: Callable[[AccountId], datetime],
    ) -> None:
        self._wire = wire
        self._book = book
        self._fills = fills
        self._teller = teller
        self._clock = clock
        self._accounts = accounts
        self._since_utc = since_utc
        self._one_at_a_time = asyncio.Lock()
        self._has_listed = False
        #: Transactions by account and id, each in its newest reading.
        self._rows: dict[str, dict[str, TastyTransaction]] = {}
        self._history: dict[str, tuple[TastyTransaction, ...]] = {}

    @property
    def has_listed(self) -> bool:
        """Whether everything was told once since the link came up."""
        return self._has_listed

    def link_lost(self) -> None:
        """Forgets that everything was told."""
        self._has_listed = False

    async def ask(self) -> Listing:
        """Brings the books up to Tastytrade's orders and transactions; BrokerFailure when a part is not answered."""
        async with self._one_at_a_time:
            asked_at = self._book.count
            mentioned: set[str] = set()
            for account_id in self._accounts():
                mentioned |= await self._ask_orders(account_id, self._first_day(account_id))
            for account_id in self._accounts():
                await self._ask_transactions(account_id, self._first_day(account_id))
            self._has_listed = True
            return Listing(frozenset(mentioned), asked_at)

    async def ask_orders(self, *, since: timedelta | None = None) -> frozenset[str]:
        """Brings the book up to Tastytrade's orders only, of so long ago or as far back as usual; returns their ids."""
        async with self._one_at_a_time:
            mentioned: set[str] = set()
            for account_id in self._accounts():
                day = self._first_day(account_id) if since is None else self._today() - since
                mentioned |= await self._ask_orders(account_id, day)
            return frozenset(mentioned)

    async def ask_order(self, record: OrderRecord) -> None:
        """Asks for one order."""
        found = await self._wire().order(record.account_number, record.order_id)
        if found is not None:
            self._take(found)

    async def ask_fees(self, accounts: Collection[str]) -> None:
        """Reads the transactions of some accounts again."""
        async with self._one_at_a_time:
            for name in accounts:
                await self._ask_transactions(AccountId(name), self._today() - FEE_DAYS)

    # --- orders -------------------------------------------------------------------------------------------------------

    async def _ask_orders(self, account_id: AccountId, since: date) -> set[str]:
        # Working ones first: one that ends meanwhile is then in both lists, never in neither.
        live = await self._wire().live_orders(account_id)
        past = await self._wire().orders(account_id, since)
        for order in (*past, *live):
            self._take(order)
        await self._ask_heirs(account_id)
        return {order.order_id for order in (*past, *live)}

    async def _ask_heirs(self, account_id: AccountId) -> None:
        """Asks for orders that replaced one of these and were not listed."""
        for record in self._book.records():
            heir = self._book.lost_heir(record) if record.account_number == account_id else ""
            found = await self._readable(account_id, heir) if heir else None
            if found is not None:
                self._take(found)

    async def _readable(self, account_number: str, order_id: str) -> TastyOrder | None:
        """Returns an order, None for one that Tastytrade will not tell or nobody can read: it costs no list."""
        try:
            return await self._wire().order(account_number, order_id)
        except BrokerFailure as failure:
            if failure.kind not in (FailureKind.REJECTED, FailureKind.PROTOCOL):
                raise
            self._teller.odd(f"Order {order_id} cannot be read by itself: {failure.what}")
            return None

    def _take(self, order: TastyOrder) -> None:
        self._fills.take_order(order)
        self._book.take(order)

    # --- transactions -------------------------------------------------------------------------------------------------

    async def _ask_transactions(self, account_id: AccountId, since: date) -> None:
        rows = await self._wire().transactions(account_id, since)
        known = self._rows.setdefault(account_id, {})
        known.update({row.transaction_id: row for row in rows})
        self._fills.take_transactions(rows)
        await self._book_missing()
        await self._book_settlements(account_id, rows)

    async def _book_missing(self) -> None:
        """Asks the orders again whose fills are fewer than their transactions, then believes the transactions."""
        orders = {row.order_id: row for row in self._fills.unjoined()}
        for order_id, row in orders.items():
            found = await self._readable(row.account_number, order_id)
            if found is not None:
                self._take(found)
        self._fills.add_unjoined()
        for row in self._fills.unjoined():
            self._teller.odd(
                f"Transaction {row.transaction_id} belongs to no fill of order {row.order_id} ({row.symbol}): "
                "it is not booked. Compare with the statement."
            )

    async def _book_settlements(self, account_id: AccountId, rows: Sequence[TastyTransaction]) -> None:
        contracts: dict[str, Contract] = {}
        for row in rows:
            if (words := unbooked_words(row)) is not None:
                self._teller.notice(words)
            if is_bookable(row) and row.symbol not in contracts:
                what = f"transaction {row.transaction_id}"
                found = await self._teller.contract_of(row.symbol, row.instrument_type, what, must_answer=True)
                if found is not None:
                    contracts[row.symbol] = found
        known = list(self._rows[account_id].values())
        result = bookings(rows, contracts, lambda row: held_before(known, row))
        if result.sideless:
            history = await self._history_of(account_id)
            result = bookings(rows, contracts, lambda row: held_before([*_others(history, known), *known], row))
        self._fills.take_bookings(result.booked)
        for row in result.sideless:
            self._teller.odd(
                f"Transaction {row.transaction_id} ({row.sub_type} of {row.symbol}) does not say which side ended: "
                "it is not booked. The position is right all the same."
            )
        for text in result.odd:
            self._teller.odd(text)

    async def _history_of(self, account_id: AccountId) -> tuple[TastyTransaction, ...]:
        """Returns the trades of the last year and more: read once, when an expiration does not say its side."""
        if account_id not in self._history:
            _log.info("the transactions of %s are read far back, to know which side expired", account_id)
            self._history[account_id] = await self._wire().transactions(account_id, self._today() - HISTORY)
        return self._history[account_id]

    # --- days ---------------------------------------------------------------------------------------------------------

    def _today(self) -> date:
        return new_york_time(self._clock.now_utc()).date()

    def _first_day(self, account_id: AccountId) -> date:
        """From the desk's last look on, and far enough back for fees that were estimates."""
        return min(new_york_time(self._since_utc(account_id)).date(), self._today() - FEE_DAYS)


def told_since(now_utc: datetime, last_known_utc: datetime | None) -> datetime:
    """Returns from when on history is told: the New York day of the desk's last look; today when it never looked.

    After a long time away it is the instant itself: the desk no longer has that day's executions at hand to compare.
    """
    if last_known_utc is not None and now_utc - last_known_utc > _OVERLAP:
        return last_known_utc
    day = new_york_time(min(last_known_utc or now_utc, now_utc)).date()
    return datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).astimezone(now_utc.tzinfo)


def is_waiting_for_fills(record: OrderRecord, book: OrderBook) -> bool:
    """Returns whether an order is said to be filled although legs are missing."""
    return record.word == FILLED and not book.is_complete(record)


def _others(history: Sequence[TastyTransaction], known: Sequence[TastyTransaction]) -> list[TastyTransaction]:
    have = {row.transaction_id for row in known}
    return [row for row in history if row.transaction_id not in have]
