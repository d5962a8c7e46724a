"""The adapter's parts put together, over scripted connections: what only their meeting can get wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from execution.brokers.ibkr.broker import IbkrBroker
from execution.brokers.ibkr.facts import ClosedFact, ErrorFact
from execution.brokers.ibkr.settings import IbkrSettings, IbTimeouts
from execution.brokers.ibkr.wire_port import FactSink, Greeting, TickSink
from execution.brokers.port import BrokerEvent, ConnectionEvent, OddObjectEvent, OrderEvent
from models.clock import ManualClock
from models.enums import FeedState, Mode
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId
from tests.execution.brokers.ibkr.fake_wire import FakeWire
from tests.execution.brokers.ibkr.order_kit import CLIENT, START, opened, single, status_of

FAST = IbTimeouts(
    connect_s=1, answer_s=0.3, ack_s=0.1, cancel_s=0.1, ping_every_s=60, retry_first_s=0.002, retry_most_s=0.01
)
SETTINGS = IbkrSettings(client_id=CLIENT, timeouts=FAST)


class Rig:
    """A broker whose connections are scripted; `accounts` is what the next ones offer."""

    def __init__(self, settings: IbkrSettings, accounts: tuple[str, ...]) -> None:
        self.clock = ManualClock(START)
        self.accounts = accounts
        self.gate: asyncio.Event | None = None
        self.wires: list[FakeWire] = []
        self.sinks: list[FactSink] = []
        self.events: list[BrokerEvent] = []
        self.broker = IbkrBroker(settings=settings, clock=self.clock, make_wire=self._make)

    def tell(self, *facts: Any) -> None:
        for fact in facts:
            self.sinks[-1](fact)

    def lose_socket(self) -> None:
        self.wires[-1].is_open = False
        self.tell(ClosedFact("reset by peer"))

    def states(self) -> list[FeedState]:
        return [event.state for event in self.events if isinstance(event, ConnectionEvent)]

    async def read(self) -> None:
        async for event in self.broker.events():
            self.events.append(event)

    async def until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(5000):
            if is_so():
                return
            await asyncio.sleep(0.001)
        raise AssertionError("it never became so")

    def _make(self, facts: FactSink, _ticks: TickSink) -> FakeWire:
        wire = FakeWire(self.clock, greeting=Greeting(176, self.accounts))
        wire.gate = self.gate
        self.wires.append(wire)
        self.sinks.append(facts)
        return wire


@asynccontextmanager
async def connected(settings: IbkrSettings = SETTINGS, accounts: tuple[str, ...] = ("DU100",)) -> AsyncIterator[Rig]:
    rig = Rig(settings, accounts)
    await rig.broker.connect()
    reading = asyncio.get_running_loop().create_task(rig.read())
    try:
        yield rig
    finally:
        await rig.broker.close()
        await reading


def play(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def test_an_account_this_login_does_not_have_is_refused_before_anything_leaves() -> None:
    async def scenario() -> None:
        async with connected() as rig:
            with pytest.raises(BrokerFailure, match="DU999") as caught:
                await rig.broker.submit(replace(single(), account_id=AccountId("DU999")))
            assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.REJECTED, False)
            assert rig.wires[-1].placed == []

    play(scenario())


def test_a_live_account_that_is_not_marked_for_trading_sends_nothing_whoever_asks() -> None:
    async def scenario() -> None:
        live = replace(SETTINGS, mode=Mode.LIVE)
        async with connected(live, ("U555",)) as rig:
            with pytest.raises(BrokerFailure, match="U555") as caught:
                await rig.broker.submit(replace(single(), account_id=AccountId("U555")))
            assert caught.value.kind is FailureKind.REJECTED
            assert rig.wires[-1].placed == []

    play(scenario())


def test_another_login_after_a_reconnect_keeps_the_link_down_and_says_why() -> None:
    async def scenario() -> None:
        async with connected() as rig:
            rig.accounts = ("DU200",)
            rig.lose_socket()
            await rig.until(lambda: len(rig.wires) >= 3)
            downs = [e for e in rig.events if isinstance(e, ConnectionEvent) and e.state is FeedState.DOWN]
            assert any("DU100" in event.text for event in downs)
            assert FeedState.LIVE not in rig.states()[1:]
            rig.accounts = ("DU200", "DU100")
            await rig.until(lambda: rig.states()[-1] is FeedState.LIVE)
            snapshot = await rig.broker.snapshot()
            assert [values.account_id for values in snapshot.accounts] == ["DU100"]

    play(scenario())


def test_a_loss_of_data_during_a_loss_of_the_link_is_no_odd_object() -> None:
    async def scenario() -> None:
        async with connected() as rig:
            rig.tell(ErrorFact(-1, 1100, "lost"), ErrorFact(-1, 1101, "restored, data lost"))
            await rig.until(lambda: rig.states()[-2:] == [FeedState.DOWN, FeedState.LIVE])
            assert not [event for event in rig.events if isinstance(event, OddObjectEvent)]

    play(scenario())


def test_a_link_that_tws_lost_is_closed_to_orders_at_once_whatever_else_is_still_in_line() -> None:
    async def scenario() -> None:
        async with connected() as rig:
            await rig.broker.snapshot()
            rig.wires[-1].gate = asyncio.Event()  # TWS answers no question any more
            rig.tell(opened(single(), client_id=3, order_id=8, perm_id=700, ref=""))
            await asyncio.sleep(0.01)
            rig.tell(ErrorFact(-1, 1100, "lost"))
            with pytest.raises(BrokerFailure, match="no connection"):
                await rig.broker.submit(single())
            assert rig.wires[-1].placed == []
            rig.wires[-1].gate.set()

    play(scenario())


def test_ids_are_above_every_order_that_works_before_anything_else_is_asked_for() -> None:
    async def scenario() -> None:
        async with connected() as rig:
            names = [name for name, _ in rig.wires[-1].asked]
            assert "open_orders" in names
            assert names.index("open_orders") < names.index("account_updates")

    play(scenario())


def test_an_order_told_before_its_permanent_id_is_told_once_it_has_one() -> None:
    async def scenario() -> None:
        async with connected() as rig:
            await rig.broker.snapshot()
            order = single()
            rig.wires[-1].details = []
            rig.tell(opened(order, perm_id=0), status_of("PreSubmitted", perm_id=0), opened(order, perm_id=12))
            await rig.until(lambda: any(isinstance(event, OrderEvent) for event in rig.events))

    play(scenario())


def test_a_desk_closed_while_it_connects_leaves_no_connection_and_no_task() -> None:
    async def scenario() -> None:
        rig = Rig(SETTINGS, ("DU100",))
        rig.gate = asyncio.Event()
        connecting = asyncio.ensure_future(rig.broker.connect())
        await rig.until(lambda: bool(rig.wires) and bool(rig.wires[0].asked))
        await rig.broker.close()
        rig.gate.set()
        with pytest.raises(BrokerFailure, match="given up"):
            await connecting
        assert [wire.is_open for wire in rig.wires] == [False]
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        # It may be opened again.
        await rig.broker.connect()
        await rig.broker.close()

    play(scenario())
