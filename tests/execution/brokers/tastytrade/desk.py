"""The real SDK against the simulated Tastytrade, both on one clock that the test moves."""

from __future__ import annotations

import asyncio
from pathlib import Path

from execution.brokers.paper.faults import Call, CallFault
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from execution.brokers.tastytrade.broker import TastytradeBroker
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings, TastyTimeouts
from models.ids import AccountId
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.simulated_desk import WireDesk
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


class TastyDesk(WireDesk[TastytradeBroker, TastySimulator]):
    """Implements the contract suite's harness."""

    def __init__(self, folder: Path, *, habits: Habits | None = None) -> None:
        super().__init__(START, ACCOUNT)
        self.simulator = TastySimulator(
            market=self.market,
            clock=self.clock,
            store_path=folder / "tastytrade.sqlite",
            settings=PaperSettings(manual=True, reconnect_after_s=None, accounts=(PaperAccount(account_id=ACCOUNT),)),
            faults=self.faults,
            habits=habits or Habits(crypto=None),
        )

    async def start(self) -> None:
        await self.simulator.start()
        await self._open()

    def new_broker(self) -> TastytradeBroker:
        secrets = TastySecrets(self.simulator.client_secret, self.simulator.refresh_token)
        return TastytradeBroker(
            settings=TastySettings(base_url=self.simulator.url, timeouts=FAST, refresh_interval_s=0.05),
            secrets=lambda: secrets,
            clock=self.clock,
        )

    async def settle(self) -> None:
        """Returns when nothing new was told for longer than the adapter gathers anything."""
        seen = -1
        while seen != len(self.events):
            seen = len(self.events)
            await asyncio.sleep(0.45)
            await self.broker._inbox.join()

    def fail(self, call: Call, fault: CallFault) -> None:
        # A dry run is a question, and asked again: it must fail each time.
        self.faults.fail(call, fault, times=5 if call is Call.SIMULATE else 1)

    def send_odd_object(self) -> None:
        self.simulator.send_odd()
