"""Several brokers as one: one book of all their accounts, and each order to the broker that holds its account.

What is asked of an account goes to its broker. What is asked of the market goes to the first one named, the primary,
and to the next where it does not list or quote it. A broker that is down locks its own accounts only; its positions
stay as it told them last. Before every broker was compared once, nothing is sent at all: half a book is no book.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from decimal import Decimal
from typing import Any, Final

from execution.brokers.house import House
from execution.brokers.joined_market import JoinedMarket, ended
from execution.brokers.joined_snapshot import account_of, merged
from execution.brokers.port import (
    AccountsEvent,
    Broker,
    BrokerEvent,
    BrokerOrder,
    BrokerSnapshot,
    Capability,
    ConnectionEvent,
    ModelGreeksEvent,
    OddObjectEvent,
    QuotesEvent,
    WhatIf,
)
from execution.brokers.stream import EventStream
from models.account import AccountInfo
from models.enums import BrokerName, FeedState
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId, BrokerOrderId, OrderId
from models.order import Order

Sleep = Callable[[float], Awaitable[None]]
_log = logging.getLogger(__name__)
_LOOK_EVERY_S: Final = 1.0
_RETRY_FIRST_S, _RETRY_MOST_S = 2.0, 60.0
_LAST_WORDS_S: Final = 2.0
#: The desk as a whole can what one of its brokers can (an account: what its own can), but these only ...
_IF_ALL: Final = frozenset({Capability.SIMULATED_MARKET})
#: ... and the brokers' own Greeks are shown under one name.
_IF_PRIMARY: Final = frozenset({Capability.MODEL_GREEKS})


class JoinedBroker(JoinedMarket):
    """Implements the port over several adapters, the primary first."""

    def __init__(self, brokers: Sequence[Broker], *, sleep: Sleep = asyncio.sleep) -> None:
        super().__init__(brokers)
        self.name: BrokerName = brokers[0].name
        self.names = tuple(broker.name for broker in brokers)
        every = frozenset.intersection(*(broker.capabilities for broker in brokers))
        some = frozenset.union(*(broker.capabilities for broker in brokers))
        lacking = (_IF_ALL - every) | (_IF_PRIMARY - brokers[0].capabilities)
        self.capabilities: frozenset[Capability] = some - lacking
        self._sleep = sleep
        self._stream = EventStream()
        self._holders: dict[AccountId, House] = {}
        self._looking: asyncio.Task[None] | None = None
        self._is_running = False
        #: What the links say while they come up is said at the end, once.
        self._is_opening = False
        self._wish = asyncio.Event()

    # --- life ---------------------------------------------------------------------------------------------------------

    async def connect(self) -> tuple[AccountInfo, ...]:
        """Connects all at once; fails when none comes up, when modes mix, or when two name the same account.

        One that does not come up is tried again by itself; until then the desk shows the others and sends nothing.
        """
        if not self._is_running:
            self._stream, self._is_running = EventStream(), True
        for house in self._houses:
            await _end(house.mending)
        self._is_opening = True
        try:
            answers = await asyncio.gather(*(self._open(house) for house in self._houses), return_exceptions=True)
        finally:
            self._is_opening = False
        failures = [answer for answer in answers if isinstance(answer, BrokerFailure)]
        try:
            _raise_others(answers)
            self._check_accounts()
        except BaseException:
            await self._let_go()
            raise
        if len(failures) == len(self._houses):
            raise min(failures, key=lambda failure: failure.is_users_turn)
        for house, answer in zip(self._houses, answers, strict=True):
            if isinstance(answer, BrokerFailure):
                house.feed, house.text, house.is_users_turn = FeedState.DOWN, str(answer), answer.is_users_turn
                self._mend(house)
        if self._looking is None:
            self._looking = self._start(self._look(), "joined quotes")
        self._share_quotes()
        if not all(house.is_sound for house in self._houses):
            self._tell_link("", reconcile_needed=False)
        return self.accounts

    async def close(self) -> None:
        """Lets go of all; working orders stay."""
        await self._let_go()
        self._stream.close()

    def events(self) -> AsyncIterator[BrokerEvent]:
        """Returns the stream since `connect`: of all brokers, each one's events in its own order."""
        return self._stream

    def try_again(self) -> None:
        """Has a broker that waits for the user, or for its next try, connected now."""
        self._wish.set()

    # --- accounts -----------------------------------------------------------------------------------------------------

    @property
    def accounts(self) -> tuple[AccountInfo, ...]:
        """The accounts of every broker that connected, the primary's first."""
        return tuple(info for house in self._houses for info in house.accounts)

    def holder(self, account_id: AccountId) -> Broker | None:
        """Returns the broker that holds an account; None for one that no open broker named."""
        house = self._holders.get(account_id)
        return None if house is None else house.broker

    def lock_reason(self, account_id: AccountId) -> str | None:
        """Returns why nothing may be sent in an account now, in words."""
        house = self._holders.get(account_id)
        if house is None:
            return f"No open broker has an account {account_id}."
        for each in (house, *(other for other in self._houses if not other.is_seen)):
            if each.words():
                return each.words()
            if each.is_locked:
                return f"{each.title} is still being compared with. Wait until that is done."
        return None

    def compared(self, snapshot: BrokerSnapshot) -> None:
        """Takes note that the desk agrees with what a snapshot told; a link that broke since stays locked."""
        for account_id, told_on in (snapshot.covers or {}).items():
            house = self._holders.get(account_id)
            if house is not None:
                house.agree(told_on)

    # --- orders -------------------------------------------------------------------------------------------------------

    async def snapshot(self) -> BrokerSnapshot:
        """Returns what those tell that answer; fails when none does. `covers` names the accounts it tells of."""
        asked = [(house, house.link_number) for house in self._able()]
        answers = await asyncio.gather(*(house.broker.snapshot() for house, _ in asked), return_exceptions=True)
        _raise_others(answers)
        told = []
        failed: list[tuple[House, BrokerFailure]] = []
        for (house, number), answer in zip(asked, answers, strict=True):
            if isinstance(answer, BrokerFailure):
                failed.append((house, answer))
            elif isinstance(answer, BrokerSnapshot):
                house.trouble = ""
                told.append((house.accounts, number, answer))
        if not told:
            raise failed[0][1] if failed else self._offline()
        for house, failure in failed:
            if house.feed is FeedState.LIVE:
                house.trouble = str(failure)
                house.break_link()
                house.is_users_turn = False
                self._mend(house)
                self._tell_link("", reconcile_needed=False)
        return merged(told)

    async def find_orders(self, order_ids: Collection[OrderId]) -> tuple[BrokerOrder, ...]:
        """Returns what any broker knows of them; fails when one that cannot be asked may know of a missing one."""
        answers = await asyncio.gather(
            *(house.broker.find_orders(order_ids) for house in self._houses), return_exceptions=True
        )
        found: list[BrokerOrder] = []
        failures: list[BaseException] = []
        for answer in answers:
            if isinstance(answer, BaseException):
                failures.append(answer)
            else:
                found += answer
        if failures and not set(order_ids) <= {one.order_id for one in found}:
            raise failures[0]
        return tuple(found)

    async def simulate(self, order: Order) -> WhatIf:
        """Asks the account's broker."""
        return await self._broker_of(order).simulate(order)

    async def submit(self, order: Order) -> BrokerOrderId:
        """Sends the order to the account's broker; refused here while that one is locked."""
        return await self._unlocked(order).submit(order)

    async def replace(self, order: Order, limit_price: Decimal) -> None:
        """Asks the account's broker for another price; refused here while that one is locked."""
        await self._unlocked(order).replace(order, limit_price)

    async def cancel(self, order: Order) -> None:
        """Asks the account's broker, locked or not."""
        await self._broker_of(order).cancel(order)

    def _broker_of(self, order: Order) -> Broker:
        house = self._holders.get(order.account_id)
        if house is None:
            text = f"No open broker has an account {order.account_id}."
            raise BrokerFailure(FailureKind.REJECTED, text, broker=self.name.value, cure="Reconcile, then try again.")
        return house.broker

    def _unlocked(self, order: Order) -> Broker:
        broker = self._broker_of(order)
        reason = self.lock_reason(order.account_id)
        if reason is not None:
            raise BrokerFailure(FailureKind.OFFLINE, reason, broker=broker.name.value)
        return broker

    # --- links --------------------------------------------------------------------------------------------------------

    async def _open(self, house: House) -> None:
        accounts = await house.broker.connect()
        house.opened(accounts)
        for info in accounts:
            self._holders.setdefault(info.account_id, house)
        if house.reading is None or house.reading.done():
            house.reading = self._start(self._read(house), f"{house.title} events")

    def _check_accounts(self) -> None:
        """Refuses what cannot be one book."""
        for house in self._houses:
            for info in house.accounts:
                other = self._holders[info.account_id]
                if other is not house:
                    text = f"{other.title} and {house.title} both name an account {info.account_id}."
                    raise self._refused(text, "Open these brokers one at a time.")
        modes = {info.mode: house.title for house in reversed(self._houses) for info in house.accounts}
        if len(modes) > 1:
            text = " and ".join(f"{title} has {mode.value.lower()} accounts" for mode, title in sorted(modes.items()))
            raise self._refused(f"{text}: paper and live do not go into one desk.", "Open brokers of one mode.")

    def _refused(self, text: str, cure: str) -> BrokerFailure:
        return BrokerFailure(FailureKind.REJECTED, text, broker=self.name.value, cure=cure, is_users_turn=True)

    async def _let_go(self) -> None:
        self._is_running = False
        await _end(self._looking)
        self._looking = None
        for house in self._houses:
            await _end(house.mending)
        await asyncio.gather(*(self._shut(house) for house in self._houses))

    async def _shut(self, house: House) -> None:
        """Closes one; what it still had to tell is told."""
        try:
            await house.broker.close()
        finally:
            if house.reading is not None:
                await ended(house.reading, _LAST_WORDS_S)
                await _end(house.reading)
            self._holders = {account: other for account, other in self._holders.items() if other is not house}
            house.closed()

    def _mend(self, house: House) -> None:
        if house.mending is None or house.mending.done():
            house.mending = self._start(self._mend_until_sound(house), f"{house.title} mending")

    async def _mend_until_sound(self, house: House) -> None:
        """Connects one that never came up, or asks one that did not tell its orders, until it does."""
        pause_s = _RETRY_FIRST_S
        was_open = house.is_open
        while not was_open or house.feed is FeedState.LIVE:
            await self._wait(None if house.is_users_turn else pause_s)
            pause_s = min(pause_s * 2, _RETRY_MOST_S)
            try:
                await (self._ask_again(house) if was_open else self._open_late(house))
            except BrokerFailure as failure:
                house.is_users_turn = failure.is_users_turn
                if house.note(str(failure)):
                    self._tell_link("", reconcile_needed=False)
                continue
            self._tell_link(f"{house.title} is connected.", reconcile_needed=True)
            return

    async def _ask_again(self, house: House) -> None:
        await house.broker.snapshot()
        house.trouble = ""

    async def _open_late(self, house: House) -> None:
        await self._open(house)
        try:
            self._check_accounts()
        except BrokerFailure:
            was_running, self._is_running = self._is_running, False
            await self._shut(house)
            self._is_running = was_running
            raise
        self._share_quotes()
        self._stream.put(AccountsEvent(self.accounts))

    async def _wait(self, at_most_s: float | None) -> None:
        """Waits a while (None = without end), or until the user wants it tried."""
        self._wish.clear()
        wish = asyncio.ensure_future(self._wish.wait())
        pause = [] if at_most_s is None else [asyncio.ensure_future(self._sleep(at_most_s))]
        try:
            await asyncio.wait([wish, *pause], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (wish, *pause):
                one.cancel()

    def _tell_link(self, text: str, *, reconcile_needed: bool) -> None:
        """Tells the links as one: LIVE when all are; STALE with words and accounts when some are."""
        if self._is_opening:
            return
        wrong = [house for house in self._houses if not house.is_sound]
        if not wrong:
            self._stream.put(ConnectionEvent(FeedState.LIVE, text or "All brokers are connected.", reconcile_needed))
            return
        words = " ".join(house.words() for house in wrong)
        if len(wrong) < len(self._houses):
            down = frozenset(info.account_id for house in wrong for info in house.accounts)
            self._stream.put(ConnectionEvent(FeedState.STALE, words, reconcile_needed, down))
            return
        feeds = {house.feed for house in wrong} - {FeedState.LIVE}
        state = FeedState.STALE if feeds == {FeedState.STALE} else FeedState.DOWN
        self._stream.put(ConnectionEvent(state, words, reconcile_needed))

    # --- events -------------------------------------------------------------------------------------------------------

    async def _read(self, house: House) -> None:
        async for event in house.broker.events():
            self._take(house, event)
        if self._is_running:
            _log.critical("the events of %s ended by themselves", house.title)
            self._stream.close()

    def _take(self, house: House, event: BrokerEvent) -> None:
        account_id = account_of(event)
        if account_id is not None and self._holders.setdefault(account_id, house) is not house:
            what = f"news of account {account_id}, which {self._holders[account_id].title} holds"
            self._stream.put(OddObjectEvent(house.title, what))
            return
        match event:
            case ConnectionEvent():
                self._take_link(house, event)
            case QuotesEvent():
                own = self._own_quotes(house, event)
                if own is not None:
                    self._stream.put(own)
            case ModelGreeksEvent():
                if house.number == 0:
                    self._stream.put(event)
            case _:
                self._stream.put(event)

    def _take_link(self, house: House, event: ConnectionEvent) -> None:
        is_back = house.feed is not FeedState.LIVE and event.state is FeedState.LIVE
        house.feed, house.text = event.state, "" if event.state is FeedState.LIVE else event.text
        if is_back or event.reconcile_needed or event.state is not FeedState.LIVE:
            house.break_link()
        self._share_quotes()
        self._tell_link(event.text, reconcile_needed=event.reconcile_needed or is_back)

    async def _look(self) -> None:
        while True:
            await self._sleep(_LOOK_EVERY_S)
            if self._split.look():
                self._share_quotes()

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._on_end)
        return task

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """A task that broke ends the stream, which halts the desk."""
        if not task.cancelled() and task.exception() is not None:
            _log.critical("%s failed", task.get_name(), exc_info=task.exception())
            self._stream.close()


def _raise_others(answers: Sequence[object]) -> None:
    """Raises what is no broker's failure: nothing is tried again then."""
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, BrokerFailure):
            raise answer


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(task, return_exceptions=True)


def holder(broker: Broker, account_id: AccountId) -> Broker:
    """Returns the broker that holds an account: the only one, or the one among several."""
    if isinstance(broker, JoinedBroker):
        return broker.holder(account_id) or broker
    return broker


def broker_of_account(broker: Broker, account_id: AccountId) -> BrokerName:
    """Returns the name under which an account's orders, fills and rows are kept."""
    return holder(broker, account_id).name


def id_space(broker: Broker, account_id: AccountId) -> str:
    """Returns what sets a broker's own ids apart from another's; empty where one broker is open."""
    return f"{broker_of_account(broker, account_id).value}:" if isinstance(broker, JoinedBroker) else ""


def lock_reason(broker: Broker, account_id: AccountId) -> str | None:
    """Returns why nothing may go to an account's broker now although the desk is ready; None = it may."""
    return broker.lock_reason(account_id) if isinstance(broker, JoinedBroker) else None


def brokers_of(broker: Broker) -> tuple[BrokerName, ...]:
    """Returns the names of the brokers that are open, the primary first."""
    return broker.names if isinstance(broker, JoinedBroker) else (broker.name,)
