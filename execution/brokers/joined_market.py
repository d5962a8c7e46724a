"""The market as several brokers list and quote it: the primary's word first, the next one's where it has none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, TypeVar

from execution.brokers.house import House
from execution.brokers.port import Broker, Capability, ChainExpiry, QuotesEvent, UnderlyingMetrics
from execution.brokers.quote_split import QuoteSplit
from models.contract import Contract
from models.enums import FeedState
from models.errors import BrokerFailure, FailureKind, InvalidInput, KnownError
from models.ids import ContractKey
from models.order import OrderLeg
from models.product import TickRule
from models.quote import Quote

_T = TypeVar("_T")
_NOBODY: Final = "No broker is connected."


class JoinedMarket:
    """The half of `JoinedBroker` that asks no account."""

    def __init__(self, brokers: Sequence[Broker]) -> None:
        self._houses = tuple(House(number, broker) for number, broker in enumerate(brokers))
        self._split = QuoteSplit(len(self._houses))

    async def expiries(self, underlying: str) -> tuple[ChainExpiry, ...]:
        """Returns the primary's expirations, or those of the next that lists the underlying."""
        return await self._first(lambda broker: broker.expiries(underlying))

    async def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """Returns the primary's contracts, or those of the next that lists the expiration."""
        return await self._first(lambda broker: broker.chain(expiry))

    async def resolve(self, key: ContractKey) -> Contract:
        """Returns the contract as the first lists it that does; an order's own are asked of its account's broker."""
        return await self._first(lambda broker: broker.resolve(key))

    async def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        """Returns the increments of the first that knows the package."""
        return await self._first(lambda broker: broker.net_tick_rule(legs))

    async def underlyings(self) -> tuple[str, ...]:
        """Returns what any of them lists by name, the primary's first; fails when none answers."""
        lists: list[tuple[str, ...]] = []
        failures: list[KnownError] = []
        for house in self._able():
            try:
                lists.append(await house.broker.underlyings())
            except KnownError as error:
                failures.append(error)
        if not lists:
            raise failures[0] if failures else self._offline()
        return tuple(dict.fromkeys(symbol for symbols in lists for symbol in symbols))

    async def betas(self, symbols: Collection[str]) -> dict[str, float]:
        """Returns every broker's betas, the primary's where two know one; fails when nobody who has any answers."""
        found: dict[str, float] = {}
        able = [house for house in self._able() if Capability.BETAS in house.broker.capabilities]
        failures: list[KnownError] = []
        for house in able:
            try:
                found = await house.broker.betas(symbols) | found
            except KnownError as error:
                failures.append(error)
        if len(failures) == len(able):
            raise failures[0] if failures else self._offline()
        return found

    async def underlying_metrics(self, symbol: str) -> UnderlyingMetrics | None:
        """Returns the figures of the first that measures the underlying."""
        for house in self._able():
            if Capability.METRICS in house.broker.capabilities:
                found = await house.broker.underlying_metrics(symbol)
                if found is not None:
                    return found
        return None

    def set_subscriptions(self, contracts: Collection[Contract]) -> None:
        """States whose quotes are wanted; each contract is asked of one broker."""
        self._split.want(contracts)
        self._share_quotes()

    def _share_quotes(self) -> None:
        """Asks each broker for its part; one whose link is gone has none."""
        for house in self._houses:
            is_up = house.is_open and house.feed in (FeedState.LIVE, FeedState.STALE)
            self._split.set_up(house.number, is_up=is_up)
        for house in self._houses:
            if house.is_open:
                house.broker.set_subscriptions(self._split.part(house.number))

    def _own_quotes(self, house: House, event: QuotesEvent) -> QuotesEvent | None:
        """Returns the quotes of what this broker is to quote: one contract never has two prices in turn."""
        quotes = tuple(quote for quote in event.quotes if self._split.is_at(quote.key, house.number))
        self._split.hear(house.number, [quote.key for quote in quotes if _says_something(quote)])
        return QuotesEvent(quotes) if quotes else None

    def _able(self) -> list[House]:
        return [house for house in self._houses if house.is_open]

    async def _first(self, ask: Callable[[Broker], Awaitable[_T]]) -> _T:
        """Returns the first answer; raises what the first that was asked said when none has any."""
        first: KnownError | None = None
        for house in self._able():
            try:
                answer = await ask(house.broker)
            except (BrokerFailure, InvalidInput) as error:
                first = first or error
                continue
            if answer != ():
                return answer
        raise first or self._offline()

    def _offline(self) -> BrokerFailure:
        name = self._houses[0].broker.name
        return BrokerFailure(FailureKind.OFFLINE, _NOBODY, broker=name.value, cure="It is tried again by itself.")


def _says_something(quote: Quote) -> bool:
    return quote.bid is not None or quote.ask is not None or quote.last is not None


async def ended(task: asyncio.Task[None], within_s: float) -> bool:
    """Waits a while for a task to end by itself; returns whether it has."""
    done, _ = await asyncio.wait([task], timeout=within_s)
    return bool(done)
