"""The real client library against the simulated TWS, both on one clock that the test moves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from execution.brokers.ibkr.broker import IbkrBroker
from execution.brokers.ibkr.settings import IbkrSettings, IbLibraryName, IbTimeouts
from execution.brokers.ibkr.trial import installed_libraries
from execution.brokers.paper.faults import Call, CallFault, FaultScript, OrderScript
from execution.brokers.paper.matching import package_quote
from execution.brokers.paper.sessions import WeekdaySessions, next_close_utc
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from execution.brokers.port import BrokerEvent
from models.clock import ManualClock
from models.errors import BrokerFailure
from models.ids import AccountId, OrderId
from models.order import OrderLeg
from tests.execution.brokers.contract_kit import buy, sell
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.paper.fake_market import HandMarket, spxw
from tests.simulators.tws.habits import Habits
from tests.simulators.tws.requests import PlaceOrder
from tests.simulators.tws.server import TwsSimulator

ACCOUNT = AccountId("DU1234567")
#: Short, since the far end is in this process; long enough for a busy machine to answer in.
FAST = IbTimeouts(
    connect_s=5.0,
    answer_s=5.0,
    what_if_s=0.6,
    ack_s=0.6,
    cancel_s=0.6,
    ping_every_s=0.2,
    ping_dead_s=0.4,
    retry_first_s=0.02,
    retry_most_s=0.1,
)


class DecoderLog(logging.Handler):
    """Collects what the library's decoder could not read: a message lost."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("ib_insync", "ib_async")) and "ecoder" in record.name:
            self.lines.append(record.getMessage())


def library() -> IbLibraryName:
    """Returns the library of this environment."""
    return IbLibraryName(installed_libraries()[0])


class IbkrDesk:
    """Implements the contract suite's harness."""

    def __init__(
        self,
        folder: Path,
        *,
        settings: IbkrSettings | None = None,
        habits: Habits | None = None,
        account_id: AccountId = ACCOUNT,
    ) -> None:
        self.folder = folder
        self.clock = ManualClock(START)
        self.market = HandMarket(START)
        self.faults = FaultScript()
        self.habits = habits or Habits()
        self.account_id = account_id
        self.events: list[BrokerEvent] = []
        self.decoder = DecoderLog()
        self._unreadable = 0
        self.settings = settings or IbkrSettings(library=library(), timeouts=FAST)
        self.simulator = self._new_simulator()
        self._broker: IbkrBroker | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def broker(self) -> IbkrBroker:
        assert self._broker is not None
        return self._broker

    async def start(self) -> None:
        logging.getLogger().addHandler(self.decoder)
        port = await self.simulator.start()
        self.settings = replace(self.settings, host="127.0.0.1", port=port)
        await self._open()

    async def _open(self) -> None:
        self._broker = IbkrBroker(settings=self.settings, clock=self.clock)
        await self._broker.connect()
        self._reader = asyncio.get_running_loop().create_task(self._read(self._broker))
        # As the desk does: positions are told by event only to somebody who knows what they were.
        await self._broker.snapshot()
        await self.settle()

    async def stop(self) -> None:
        logging.getLogger().removeHandler(self.decoder)
        await self.broker.close()
        if self._reader is not None:
            await self._reader
        await self.simulator.stop()
        assert len(self.decoder.lines) == self._unreadable, self.decoder.lines
        assert self.simulator.surplus == []

    async def crash_and_restart(self) -> None:
        """The desk's side goes without a goodbye; TWS lives on."""
        before = self.broker
        await before.close()
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
        """Returns when all that TWS has sent is taken and told: an answer to a question comes behind it."""
        seen = -1
        while seen != len(self.events):
            seen = len(self.events)
            with contextlib.suppress(BrokerFailure):
                await self.broker._link.wire.current_time()
            await self.broker._inbox.join()
            # Longer than the adapter's quiet time before it tells positions.
            await asyncio.sleep(0.25)

    async def pass_to_next_session(self) -> None:
        self.clock.set(next_close_utc(WeekdaySessions(), self.clock.now_utc()) + timedelta(hours=18))
        self.simulator.step()
        await self.settle()

    def now_utc(self) -> datetime:
        return self.clock.now_utc()

    def script(self, order_id: OrderId, script: OrderScript) -> None:
        self.faults.for_order(order_id, script)

    def fail(self, call: Call, fault: CallFault) -> None:
        self.faults.fail(call, fault)

    def placed(self) -> int:
        """Returns how many orders were sent to work."""
        sent = [one for one in self.simulator.requests if isinstance(one, PlaceOrder)]
        return sum(not one.order.what_if for one in sent)

    def send_odd_object(self) -> None:
        self._unreadable += 1
        self.simulator.send_unreadable()

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

    def _new_simulator(self) -> TwsSimulator:
        return TwsSimulator(
            market=self.market,
            clock=self.clock,
            store_path=self.folder / "tws.sqlite",
            settings=PaperSettings(
                manual=True, reconnect_after_s=None, accounts=(PaperAccount(account_id=self.account_id),)
            ),
            faults=self.faults,
            habits=self.habits,
        )

    async def _read(self, broker: IbkrBroker) -> None:
        async for event in broker.events():
            self.events.append(event)
