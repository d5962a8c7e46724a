"""The adapter on the simulated TWS where money could go astray: restarts of TWS, other hands, a desk that was off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.ibkr.broker import IbkrBroker
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.port import OddObjectEvent, OrderEvent
from models.enums import OrderStatus, TimeInForce
from models.errors import BrokerFailure
from tests.execution.brokers.contract_kit import buy, order_of, sell, states
from tests.execution.brokers.ibkr.desk import FAST, IbkrDesk, library
from tests.execution.brokers.paper.fake_market import spxw
from tests.simulators.tws.habits import Habits
from tests.simulators.tws.requests import PlaceOrder, ReqMktData

S = OrderStatus
SETTINGS = IbkrSettings(library=library(), timeouts=FAST)


def play(
    folder: Path,
    scenario: Callable[[IbkrDesk], Awaitable[None]],
    habits: Habits | None = None,
    settings: IbkrSettings = SETTINGS,
) -> None:
    async def run() -> None:
        desk = IbkrDesk(folder, settings=settings, habits=habits)
        await desk.start()
        try:
            await scenario(desk)
        finally:
            await desk.stop()

    asyncio.run(run())


async def restart_tws(desk: IbkrDesk) -> None:
    """TWS ends and comes again, on another port, with what it keeps; the desk is started anew on it."""
    await desk.broker.close()
    if desk._reader is not None:
        await desk._reader
    await desk.simulator.stop()
    desk.simulator = desk._new_simulator()
    port = await desk.simulator.start()
    desk.settings = replace(desk.settings, port=port)


def test_after_tws_counts_anew_no_request_takes_the_number_of_an_order_that_works_on(tmp_path: Path) -> None:
    async def scenario(desk: IbkrDesk) -> None:
        legs = desk.single(1)
        order = replace(order_of(desk, legs, desk.resting(legs)), tif=TimeInForce.GTC)
        await desk.broker.submit(order)
        number = next(one.order_id for one in desk.simulator.requests if isinstance(one, PlaceOrder))
        await restart_tws(desk)
        broker = IbkrBroker(settings=desk.settings, clock=desk.clock)
        await broker.connect()
        await broker.simulate(order_of(desk, desk.condor(1), desk.resting(desk.condor(1))))
        broker.set_subscriptions([spxw(strike, "P") for strike in range(6500, 6900, 100)])
        for _ in range(50):
            await asyncio.sleep(0.01)
            desk.simulator.step()
        await broker.close()
        used = [one.order_id for one in desk.simulator.requests if isinstance(one, PlaceOrder)]
        lines = [one.req_id for one in desk.simulator.requests if isinstance(one, ReqMktData)]
        assert used
        assert lines
        assert number not in used + lines
        assert min(used + lines) > number
        await desk._open()
        again = order_of(desk, legs, desk.resting(legs))
        await desk.broker.submit(again)
        snapshot = await desk.broker.snapshot()
        assert {one.order_id for one in snapshot.open_orders} == {order.id, again.id}
        await desk.broker.cancel(order)
        await desk.pass_time(2)
        assert states(desk, order)[-1] is S.CANCELLED
        assert states(desk, again)[-1] is S.PENDING

    # Client 0 is told its orders unasked; every other client has to ask.
    play(tmp_path, scenario, Habits(order_ids_roll_back=True), replace(SETTINGS, client_id=17))


def test_orders_of_tws_itself_that_ended_unfilled_are_told_and_halt_nothing(tmp_path: Path) -> None:
    async def scenario(desk: IbkrDesk) -> None:
        perm = desk.simulator.place_manual((buy(spxw(6500, "P")),), Decimal("0.10"))
        await desk.settle()
        told = [e.order for e in desk.events if isinstance(e, OrderEvent) and e.order.broker_order_id == str(perm)]
        assert told[-1].order_id is None
        assert [leg.quantity for leg in told[-1].legs] == [1]
        foreign = replace(order_of(desk, told[-1].legs, Decimal("0.10")), broker_order_id=told[-1].broker_order_id)
        with pytest.raises(BrokerFailure, match="Use TWS"):
            await desk.broker.cancel(foreign)
        await desk.pass_to_next_session()
        await desk.crash_and_restart()
        snapshot = await desk.broker.snapshot()
        assert all(leg.quantity > 0 for one in snapshot.completed_orders for leg in one.legs)
        assert not [e for e in desk.events if isinstance(e, OddObjectEvent)]

    play(tmp_path, scenario)


def test_a_gtc_ratio_spread_filled_while_the_desk_was_off_is_complete_in_the_next_snapshot(tmp_path: Path) -> None:
    async def scenario(desk: IbkrDesk) -> None:
        legs = (buy(spxw(6800, "P"), 2), sell(spxw(6700, "P"), 4))
        order = replace(order_of(desk, legs, desk.resting(legs)), tif=TimeInForce.GTC)
        await desk.broker.submit(order)
        await desk.pass_to_next_session()
        before = await desk.broker.snapshot()
        assert [(one.order_id, one.status) for one in before.open_orders] == [(order.id, S.PENDING)]
        await desk.broker.close()
        if desk._reader is not None:
            await desk._reader
        far = desk.natural(legs)
        desk.clock.advance(timedelta(seconds=30))
        desk.simulator.step()
        await desk._open()
        await desk.broker.replace(order, far)
        await desk.pass_time(5)
        snapshot = await desk.broker.snapshot()
        fills = [one for one in snapshot.executions if one.order_id == order.id]
        assert {one.contract.key: one.signed_quantity for one in fills} == {
            spxw(6800, "P").key: Decimal(2),
            spxw(6700, "P").key: Decimal(-4),
        }
        held = {one.contract.key: one.quantity for one in snapshot.positions}
        assert held == {spxw(6800, "P").key: Decimal(2), spxw(6700, "P").key: Decimal(-4)}

    play(tmp_path, scenario)
