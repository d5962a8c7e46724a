"""The real client library against the simulated TWS, both on one clock that the test moves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from pathlib import Path

from execution.brokers.ibkr.broker import IbkrBroker
from execution.brokers.ibkr.settings import IbkrSettings, IbLibraryName, IbTimeouts
from execution.brokers.ibkr.trial import installed_libraries
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from models.errors import BrokerFailure
from models.ids import AccountId
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.simulated_desk import WireDesk
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


class IbkrDesk(WireDesk[IbkrBroker, TwsSimulator]):
    """Implements the contract suite's harness."""

    def __init__(
        self,
        folder: Path,
        *,
        settings: IbkrSettings | None = None,
        habits: Habits | None = None,
        account_id: AccountId = ACCOUNT,
    ) -> None:
        super().__init__(START, account_id)
        self.folder = folder
        self.habits = habits or Habits()
        self.decoder = DecoderLog()
        self._unreadable = 0
        self.settings = settings or IbkrSettings(library=library(), timeouts=FAST)
        self.simulator = self._new_simulator()

    async def start(self) -> None:
        logging.getLogger().addHandler(self.decoder)
        port = await self.simulator.start()
        self.settings = replace(self.settings, host="127.0.0.1", port=port)
        await self._open()

    def new_broker(self) -> IbkrBroker:
        return IbkrBroker(settings=self.settings, clock=self.clock)

    async def stop(self) -> None:
        logging.getLogger().removeHandler(self.decoder)
        await super().stop()
        assert len(self.decoder.lines) == self._unreadable, self.decoder.lines
        assert self.simulator.surplus == []

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

    def placed(self) -> int:
        """Returns how many orders were sent to work."""
        sent = [one for one in self.simulator.requests if isinstance(one, PlaceOrder)]
        return sum(not one.order.what_if for one in sent)

    def send_odd_object(self) -> None:
        self._unreadable += 1
        self.simulator.send_unreadable()

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
