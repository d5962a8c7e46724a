"""The real SDK against the simulated Tastytrade, both on one clock that the test moves."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from execution.brokers.paper.faults import Call, CallFault, FaultScript, OrderScript
from execution.brokers.paper.matching import package_quote
from execution.brokers.paper.sessions import WeekdaySessions, next_close_utc
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from execution.brokers.port import BrokerEvent
from execution.brokers.tastytrade.broker import TastytradeBroker
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings, TastyTimeouts
from models.clock import ManualClock
from models.ids import AccountId, OrderId
from models.order import OrderLeg
from tests.execution.brokers.contract_kit import buy, sell
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.paper.fake_market import HandMarket, spxw
from tests.simulators.tastytrade.habits import Habits
from tests.simulators.tastytrade.server import TastySimulator

ACCOUNT = AccountId("5WX00001")
#: Short, since the far end is in this process; long enough for a busy machine to answer in.
FAST = TastyTimeouts(
    connect_s=2.0,
    read_s=2.0,
    submit_s=1.0,
    stream_s=5.0,
    silence_s=5.0,
    heartbeat_every_s=1.0,
    look_after_s=0.1,
    fees_after_s=0.05,
    retry_first_s=0.05,
    retry_most_s=0.2,
)


class TastyDesk:
    """Implements the contract suite's harness."""

    def __init__(self, folder: Path, *, habits: Habits | None = None) -> None:
        self.folder = folder
        self.clock = ManualClock(START)
        self.market = HandMarket(START)
        self.faults = FaultScript()
        self.account_id = ACCOUNT
        self.events: list[BrokerEvent] = []
        self.simulator = TastySimulator(
            market=self.market,
            clock=self.clock,
            store_path=folder / "tastytrade.sqlite",
            settings=PaperSettings(manual=True, reconnect_after_s=None, accounts=(PaperAccount(account_id=ACCOUNT),)),
            faults=self.faults,
            habits=habits or Habits(crypto=None),
        )
        self._broker: TastytradeBroker | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def broker(self) -> TastytradeBroker:
        assert self._broker is not None
        return self._broker

    async def start(self) -> None:
        await self.simulator.start()
        await self._open()

    async def _open(self) -> None:
        secrets = TastySecrets(self.simulator.client_secret, self.simulator.refresh_token)
        self._broker = TastytradeBroker(
            settings=TastySettings(base_url=self.simulator.url, timeouts=FAST, refresh_interval_s=0.05),
            secrets=lambda: secrets,
            clock=self.clock,
        )
        await self._broker.connect()
        self._reader = asyncio.get_running_loop().create_task(self._read(self._broker))
        # As the desk does: positions are told by event only to somebody who knows what they were.
        await self._broker.snapshot()
        await self.settle()

    async def stop(self) -> None:
        await self.broker.close()
        if self._reader is not None:
            await self._reader
        await self.simulator.stop()

    async def crash_and_restart(self) -> None:
        """The desk's side goes without a goodbye; Tastytrade lives on."""
        await self.broker.close()
        if self._reader is not None:
            await self._reader
        self.events.clear()
        await self._open()

    async def pass_time(self, seconds: float) -> None:
        steps = max(1, min(int(seconds / 0.25), 40))
        for _ in range(steps):
            self.clock.advance(timedelta(seconds=seconds / steps))
            self.simulator.step()
            await asyncio.sleep(0)
        await self.settle()

    async def settle(self) -> None:
        """Returns when nothing new was told for longer than the adapter gathers anything."""
        seen = -1
        while seen != len(self.events):
            seen = len(self.events)
            await asyncio.sleep(0.45)
            await self.broker._inbox.join()

    async def pass_to_next_session(self) -> None:
        self.clock.set(next_close_utc(WeekdaySessions(), self.clock.now_utc()) + timedelta(hours=18))
        self.simulator.step()
        await self.settle()

    def now_utc(self) -> datetime:
        return self.clock.now_utc()

    def script(self, order_id: OrderId, script: OrderScript) -> None:
        self.faults.for_order(order_id, script)

    def fail(self, call: Call, fault: CallFault) -> None:
        # A dry run is a question, and asked again: it must fail each time.
        self.faults.fail(call, fault, times=5 if call is Call.SIMULATE else 1)

    def send_odd_object(self) -> None:
        self.simulator.send_odd()

    def cut_link(self) -> None:
        self.simulator.cut_link()

    def mend_link(self) -> None:
        self.simulator.mend_link()

    def condor(self, packages: int) -> tuple[OrderLeg, ...]:
        return (
            buy(spxw(6700, "P"), packages),
            sell(spxw(6800, "P"), packages),
            sell(spxw(7200, "C"), packages),
            buy(spxw(7300, "C"), packages),
        )

    def single(self, contracts: int) -> tuple[OrderLeg, ...]:
        return (buy(spxw(6500, "P"), contracts),)

    def natural(self, legs: tuple[OrderLeg, ...]) -> Decimal:
        return self._package(legs)[0]

    def resting(self, legs: tuple[OrderLeg, ...]) -> Decimal:
        mid = self._package(legs)[1]
        return Decimal("0.10") if len(legs) == 1 else (mid - 2).quantize(Decimal("0.1"))

    def _package(self, legs: tuple[OrderLeg, ...]) -> tuple[Decimal, Decimal]:
        contracts = [leg.contract for leg in legs]
        quotes = {quote.key: quote for quote in self.market.quotes(contracts, self.clock.now_utc())}
        market = package_quote(legs, quotes)
        assert market is not None
        return market.natural, market.mid

    async def _read(self, broker: TastytradeBroker) -> None:
        async for event in broker.events():
            self.events.append(event)
