"""A quote feed on a fake wire in virtual time, for tests."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal

from execution.brokers.ibkr.facts import IbContract, IbGreeks, TickFact
from execution.brokers.ibkr.quotes import QuoteFeed
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.ibkr.wire_port import IbWire
from execution.brokers.port import BrokerEvent, NoticeEvent
from models.clock import Clock
from models.contract import Contract, option_contract, underlying_contract
from models.enums import Right
from models.errors import BrokerFailure, FailureKind
from tests.execution.brokers.ibkr.fake_catalog import FakeCatalog
from tests.execution.brokers.ibkr.fake_wire import FakeWire
from tests.execution.brokers.ibkr.virtual_time import LoopClock, run_virtually

SPX = underlying_contract("SPX", conid=1)
AAPL = underlying_contract("AAPL", conid=2)
#: What the line of a contract id is called by the fake wire.
REQUEST = 1000


def put(strike: int) -> Contract:
    return option_contract("SPXW", date(2026, 6, 5), Right.PUT, Decimal(strike), conid=strike)


CHAIN = tuple(put(strike) for strike in range(6000, 6100))


class TimedWire(FakeWire):
    """Notes when each line message was sent."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.times: list[float] = []

    def subscribe(self, contract: IbContract) -> int:
        self.times.append(asyncio.get_running_loop().time())
        return super().subscribe(contract)

    def unsubscribe(self, con_id: int) -> None:
        self.times.append(asyncio.get_running_loop().time())
        super().unsubscribe(con_id)


class Stage:
    """A feed on a fake wire, and what it told with the second of telling."""

    def __init__(self, *, max_lines: int = 100, allow_delayed: bool = True, listed: tuple[Contract, ...] = ()) -> None:
        self.clock = LoopClock()
        self.wire: FakeWire = FakeWire(self.clock)
        self.catalog = FakeCatalog(SPX, AAPL, *(listed or CHAIN))
        self.events: list[tuple[float, BrokerEvent]] = []
        self.is_down = False
        self.feed = QuoteFeed(
            wire=self._wire,
            catalog=self.catalog,
            clock=self.clock,
            settings=IbkrSettings(max_lines=max_lines, allow_delayed=allow_delayed),
            emit=lambda event: self.events.append((asyncio.get_running_loop().time(), event)),
        )

    def _wire(self) -> IbWire:
        if self.is_down:
            raise BrokerFailure(FailureKind.OFFLINE, "The link to TWS is down.", broker="IBKR")
        return self.wire

    def tick(self, con_id: int, bid: str, ask: str, *, greeks: IbGreeks | None = None, data_type: int = 1) -> None:
        fact = TickFact(
            con_id, Decimal(bid), Decimal(ask), None, 1, 1, None, data_type, greeks, self.clock.now_utc()
        )  # fmt: skip
        self.feed.take_ticks((fact,))

    def words(self) -> list[str]:
        return [event.text for _, event in self.events if isinstance(event, NoticeEvent)]

    def sent(self) -> Counter[str]:
        return Counter(what for what, _ in self.wire.asked)


def play(scene: Callable[[Stage], Awaitable[None]], stage_of: Callable[[], Stage] = Stage) -> None:
    """Runs a scene while the feed runs; what the feed raises ends the test."""

    async def run() -> None:
        stage = stage_of()
        running = asyncio.get_running_loop().create_task(stage.feed.run())
        try:
            await scene(stage)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtually(run())
