"""Several brokers as one keep the contract of the port, wherever among them the traded account is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from execution.brokers.joined import JoinedBroker
from execution.brokers.paper.faults import FillBehavior, OrderScript
from execution.brokers.port import Broker, ConnectionEvent
from models.enums import FeedState, OrderStatus
from models.errors import BrokerFailure
from tests.execution.brokers.contract import BrokerContract, BrokerHarness
from tests.execution.brokers.contract_kit import known_order, order_of
from tests.execution.brokers.paper.desk import PaperDesk
from tests.execution.brokers.quiet_broker import QuietBroker
from tests.execution.brokers.simulated_desk import SimulatedDesk


async def quick(_seconds: float) -> None:
    await asyncio.sleep(0.001)


class JoinedDesk(SimulatedDesk):
    """A paper broker and one that has an account and nothing in it, as one."""

    def __init__(self, path: Path, place: int) -> None:
        self.paper = PaperDesk(path)
        super().__init__(self.paper.clock.now_utc(), self.paper.account_id)
        self.clock, self.market, self.faults = self.paper.clock, self.paper.market, self.paper.faults
        self.place = place
        self.quiet = QuietBroker(self.clock)
        self.broker = self._joined()

    def _joined(self) -> JoinedBroker:
        brokers: list[Broker] = [self.paper.broker, self.quiet]
        return JoinedBroker(brokers if self.place == 0 else brokers[::-1], sleep=quick)

    async def start(self) -> None:
        await self.broker.connect()
        self._listen(self.broker)
        # As the desk does: nothing goes out before a snapshot is compared.
        self.broker.compared(await self.broker.snapshot())

    async def stop(self) -> None:
        await self.broker.close()
        await self._heard()

    async def crash_and_restart(self) -> None:
        core = self.paper.broker._core
        assert core is not None
        core.store._connection.close()
        await self.broker.close()
        await self._heard()
        self.events.clear()
        self.paper = PaperDesk(self.paper.path)
        self.paper.clock.set(self.clock.now_utc())
        self.paper.faults = self.faults
        self.clock, self.market = self.paper.clock, self.paper.market
        self.paper.broker = self.paper._new_broker()
        self.quiet = QuietBroker(self.clock)
        self.broker = self._joined()
        await self.start()

    def step(self) -> None:
        self.paper.step()

    async def take_turns(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        # A contract moves to the second broker when the first was silent for so many looks.
        await asyncio.sleep(0.012 if self.place else 0)
        for _ in range(3):
            await asyncio.sleep(0)

    async def settle(self) -> None:
        await self.take_turns()

    def send_odd_object(self) -> None:
        self.paper.send_odd_object()

    def cut_link(self) -> None:
        self.paper.cut_link()

    def mend_link(self) -> None:
        self.paper.mend_link()


class JoinedContract(BrokerContract):
    place: int

    def harness(self, tmp_path: Path) -> BrokerHarness:
        return JoinedDesk(tmp_path / "paper.db", self.place)

    def test_a_lost_link_is_told_and_fills_meanwhile_stand_in_the_next_snapshot(self, tmp_path: Path) -> None:
        """The link of the one that trades: the other goes on, and tells its part."""

        async def scenario(desk: BrokerHarness) -> None:
            assert isinstance(desk, JoinedDesk)
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.natural(legs))
            desk.script(order.id, OrderScript(fills=FillBehavior.DELAYED, delay_s=3))
            await desk.broker.submit(order)
            await desk.pass_time(1)
            desk.cut_link()
            await desk.pass_time(10)
            told = await desk.broker.snapshot()
            assert not told.tells_of(desk.account_id)
            assert told.tells_of(desk.quiet.account_id)
            with pytest.raises(BrokerFailure, match="Nothing is sent in its accounts"):
                await desk.broker.submit(order_of(desk, legs, desk.natural(legs)))
            desk.mend_link()
            await desk.pass_time(1)
            links = [event for event in desk.events if isinstance(event, ConnectionEvent)]
            assert [(each.state, each.reconcile_needed, each.down) for each in links[-2:]] == [
                (FeedState.STALE, True, frozenset({desk.account_id})),
                (FeedState.LIVE, True, None),
            ]
            assert desk.broker.lock_reason(desk.account_id) == (
                "The paper broker is still being compared with. Wait until that is done."
            )
            snapshot = await desk.broker.snapshot()
            desk.broker.compared(snapshot)
            assert desk.broker.lock_reason(desk.account_id) is None
            assert known_order(snapshot, order).status is OrderStatus.FILLED

        self.play(tmp_path, scenario)


class TestTheAccountOfThePrimary(JoinedContract):
    place = 0


class TestTheAccountOfTheSecond(JoinedContract):
    place = 1
