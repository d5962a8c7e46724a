"""What TWS does not tell: it holds up nothing else, and proves nothing."""

from __future__ import annotations

import asyncio

import pytest

from execution.brokers.port import OrderEvent
from models.enums import OrderStatus
from models.errors import BrokerFailure
from tests.execution.brokers.ibkr.order_kit import Bench, error, fills_of, opened, play, root_of, single, status_of


def test_a_contract_nobody_tells_of_holds_up_no_other_word() -> None:
    async def scenario(desk: Bench) -> None:
        theirs, ours = single(quantity=3), single()
        await desk.sent(ours)
        desk.contracts.cached.clear()
        desk.contracts.told_gate = asyncio.Event()
        async with asyncio.timeout(1):
            await desk.take(opened(theirs, client_id=3, order_id=8, perm_id=700, ref=""))
            await desk.take(*fills_of(theirs, 3, base="foreign", perm_id=700, order_id=8))
            await desk.take(status_of("Filled", 1, 0))
        assert desk.states(ours)[-1] is OrderStatus.FILLED
        assert desk.executions() == {}
        desk.contracts.told_gate.set()
        (fill,) = fills_of(theirs, 3, base="foreign", perm_id=700, order_id=8)
        await desk.until(lambda: root_of(fill) in desk.executions())
        told = [event.order for event in desk.events if isinstance(event, OrderEvent)]
        assert {one.broker_order_id for one in told} == {"900", "700"}

    play(scenario)


def test_an_order_listed_before_it_has_its_permanent_id_is_not_taken_for_refused() -> None:
    async def scenario(desk: Bench) -> None:
        order = single()
        await desk.desk.snapshot()
        desk.wire.working = (opened(order, perm_id=0),)
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(order, error(110))
        assert caught.value.outcome_unknown
        desk.wire.working = (opened(order),)
        (found,) = await desk.desk.find_orders([order.id])
        assert (found.broker_order_id, found.status) == ("900", OrderStatus.PENDING)

    play(scenario)
