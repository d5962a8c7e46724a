"""A broker that streams quotes at a fixed rate for a given book, and measures how far behind the engine is.

Quote number i arrives at start + i / rate, whether or not the engine looks: the feed hands over what has arrived at
every turn of the engine's loop, as a socket would, and its age counts from the arrival. A loop that is held up is
therefore seen in the figures and not left out of them.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NoReturn

from benchmarks.book import ACCOUNT
from execution.brokers.paper.market import MarketSource
from execution.brokers.port import (
    BrokerEvent,
    BrokerOrder,
    BrokerSnapshot,
    Capability,
    ChainExpiry,
    QuotesEvent,
    UnderlyingMetrics,
    WhatIf,
)
from models.account import AccountInfo, AccountValues
from models.clock import Clock
from models.contract import Contract
from models.enums import BrokerName, MarketDataKind, Mode
from models.errors import BrokerFailure, FailureKind, InvalidInput
from models.ids import BrokerOrderId, ContractKey, OrderId
from models.order import Order, OrderLeg
from models.position import UnifiedPosition
from models.product import TickRule
from models.quote import Quote

_TURN_S = 0.005
#: Prices each contract goes through, around where the market stood.
_STEPS = 16
#: Underlyings and indices tick this many times as often as an option.
_UNDERLYING_WEIGHT = 4
_CASH = Decimal(2_000_000)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch on its way: the event, and when each of its quotes arrived (perf_counter seconds)."""

    event: QuotesEvent
    at_s: tuple[float, ...]


class _Ticking:
    """A contract whose price wanders around where the market stood, a tick or a hundredth of a per cent at a time."""

    def __init__(self, contract: Contract, start: Quote) -> None:
        self.contract = contract
        self._start = start
        self._at = 0
        rng = random.Random(str(contract.key))
        place, moves = 0, list[Decimal]()
        for _ in range(_STEPS):
            place += rng.choice((-1, 1)) if abs(place) < 3 else -place // abs(place)
            moves.append(self._move(place))
        tick = contract.tick.below
        # Somebody always offers: an option that is worth nothing is asked at one tick, not at 0.
        self._prices = tuple((_moved(start.bid, move, Decimal(0)), _moved(start.ask, move, tick)) for move in moves)

    def _move(self, steps: int) -> Decimal:
        mark = self._start.mark or Decimal(1)
        tick = self.contract.tick.below
        step = tick if self.contract.is_option else max(tick, (mark / 10_000).quantize(tick))
        return steps * step

    def next(self, now_utc: datetime) -> Quote:
        """Returns its next quote."""
        self._at = (self._at + 1) % _STEPS
        bid, ask = self._prices[self._at]
        start = self._start
        return Quote(start.key, bid, ask, start.last, now_utc, MarketDataKind.SIMULATED, 10, 10, start.previous_close)


def _moved(price: Decimal | None, by: Decimal, least: Decimal) -> Decimal | None:
    return None if price is None else max(price + by, least)


class MeasuredStream(AsyncIterator[BrokerEvent]):
    """The queue between feed and engine; nothing is merged or dropped. Engine thread only."""

    def __init__(self) -> None:
        self._waiting: deque[Arrival] = deque()
        self._wake = asyncio.Event()
        self._in_queue = 0
        self.deepest = 0
        self.taken = 0
        #: Arrivals of the book's quotes that the engine has taken since `fresh` was last emptied.
        self.fresh: list[float] = []
        self.of_book: frozenset[ContractKey] = frozenset()

    def put(self, arrival: Arrival) -> None:
        """Adds a batch."""
        self._waiting.append(arrival)
        self._in_queue += len(arrival.at_s)
        self.deepest = max(self.deepest, self._in_queue)
        self._wake.set()

    async def __anext__(self) -> BrokerEvent:
        while not self._waiting:
            self._wake.clear()
            await self._wake.wait()
        arrival = self._waiting.popleft()
        self._in_queue -= len(arrival.at_s)
        self.taken += len(arrival.at_s)
        pairs = zip(arrival.event.quotes, arrival.at_s, strict=True)
        self.fresh += [at_s for quote, at_s in pairs if quote.key in self.of_book]
        return arrival.event


class FeedBroker:
    """Implements `execution.brokers.port.Broker` for a book that is only watched: it takes no orders."""

    name = BrokerName.PAPER
    capabilities = frozenset({Capability.SIMULATED_MARKET})

    def __init__(
        self, market: MarketSource, clock: Clock, book: Sequence[UnifiedPosition], *, quotes_per_s: int
    ) -> None:
        self._market = market
        self._clock = clock
        self._book = tuple(book)
        self._rate = quotes_per_s
        self.stream = MeasuredStream()
        self.stream.of_book = frozenset(
            [one.contract.key for one in book] + [ContractKey(one.contract.underlying) for one in book]
        )
        self.sent = 0
        self._turns: list[_Ticking] = []
        self._task: asyncio.Task[None] | None = None

    async def connect(self) -> tuple[AccountInfo, ...]:
        """Starts the feed."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="feed")
        return (AccountInfo(self.name, ACCOUNT, Mode.PAPER, "Benchmark", may_trade=True),)

    async def close(self) -> None:
        """Ends the feed."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def events(self) -> AsyncIterator[BrokerEvent]:
        """Returns the stream."""
        return self.stream

    async def snapshot(self) -> BrokerSnapshot:
        """Returns the book; there are no orders."""
        now_utc = self._clock.now_utc()
        values = AccountValues(ACCOUNT, now_utc, _CASH, _CASH, _CASH, _CASH / 4, _CASH / 5)
        return BrokerSnapshot(now_utc, (values,), self._book, (), (), (), now_utc)

    async def find_orders(self, order_ids: Collection[OrderId]) -> tuple[BrokerOrder, ...]:  # noqa: ARG002 - the port
        """Returns nothing: it never had an order."""
        return ()

    async def simulate(self, order: Order) -> WhatIf:  # noqa: ARG002 - the port
        """Refuses."""
        self._refuse()

    async def submit(self, order: Order) -> BrokerOrderId:  # noqa: ARG002 - the port
        """Refuses."""
        self._refuse()

    async def replace(self, order: Order, limit_price: Decimal) -> None:  # noqa: ARG002 - the port
        """Refuses."""
        self._refuse()

    async def cancel(self, order: Order) -> None:  # noqa: ARG002 - the port
        """Refuses."""
        self._refuse()

    async def expiries(self, underlying: str) -> tuple[ChainExpiry, ...]:
        """Returns the market's expirations."""
        return self._market.expiries(underlying, self._clock.now_utc())

    async def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        """Returns the market's contracts."""
        return self._market.chain(expiry)

    async def resolve(self, key: ContractKey) -> Contract:
        """Returns the contract of a key."""
        found = self._market.resolve(key)
        if found is None:
            raise InvalidInput("symbol", f"{key!r} is not listed.")
        return found

    async def net_tick_rule(self, legs: tuple[OrderLeg, ...]) -> TickRule:
        """Returns the first leg's own rule."""
        return legs[0].contract.net_tick

    async def underlyings(self) -> tuple[str, ...]:
        """Returns the market's symbols."""
        return self._market.underlyings()

    async def betas(self, symbols: Collection[str]) -> dict[str, float]:  # noqa: ARG002 - the port
        """Returns nothing: the market publishes no betas."""
        return {}

    async def underlying_metrics(self, symbol: str) -> UnderlyingMetrics | None:  # noqa: ARG002 - the port's signature
        """Returns nothing: the market ranks no vols."""
        return None

    def set_subscriptions(self, contracts: Collection[Contract]) -> None:
        """Ticks these contracts in turn from now on, underlyings more often."""
        known = {one.contract.key: one for one in self._turns}
        new = [contract for contract in contracts if contract.key not in known]
        for contract, quote in zip(new, self._market.quotes(new, self._clock.now_utc()), strict=True):
            known[contract.key] = _Ticking(contract, quote)
        turns = [
            known[contract.key]
            for contract in contracts
            for _ in range(1 if contract.is_option else _UNDERLYING_WEIGHT)
        ]
        random.Random(1).shuffle(turns)
        self._turns = turns

    @staticmethod
    def _refuse() -> NoReturn:
        raise BrokerFailure(FailureKind.UNSUPPORTED, "This feed takes no orders.", broker="feed")

    async def _run(self) -> None:
        """Hands over whatever has arrived, every 5 ms or as soon as the loop is free again."""
        started = time.perf_counter()
        turn = 0
        while True:
            due = int((time.perf_counter() - started) * self._rate) - self.sent
            if due > 0 and self._turns:
                now_utc = self._clock.now_utc()
                quotes = [self._turns[(turn + at) % len(self._turns)].next(now_utc) for at in range(due)]
                turn = (turn + due) % len(self._turns)
                at_s = tuple(started + (self.sent + 1 + at) / self._rate for at in range(due))
                self.sent += due
                self.stream.put(Arrival(QuotesEvent(tuple(quotes)), at_s))
            elif due > 0:
                started, self.sent = time.perf_counter(), 0
            await asyncio.sleep(_TURN_S)
