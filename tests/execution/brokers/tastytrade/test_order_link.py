"""What was being prepared while the link broke, or while the desk began to reconcile, does not leave afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from models.enums import OrderStatus
from models.errors import BrokerFailure, FailureKind
from tests.execution.brokers.tastytrade.order_kit import Bench, condor, frame, play

NEW = Decimal("-1.70")


async def _link_lost(desk: Bench) -> None:
    desk.desk.link_lost()


async def _reconciled(desk: Bench) -> None:
    gate, desk.wire.gate = desk.wire.gate, None
    await desk.desk.snapshot()
    desk.wire.gate = gate


BREAKS: dict[str, Callable[[Bench], Awaitable[None]]] = {"link lost": _link_lost, "reconciled": _reconciled}


async def held_back(desk: Bench, what: str, sending: Awaitable[object], happens: str) -> None:
    """Holds a request at the wire while something happens; it must not leave."""
    desk.wire.gate = asyncio.Event()
    waiting = asyncio.ensure_future(sending)
    await desk.until(lambda: desk.wire.count(what) == 1)
    await BREAKS[happens](desk)
    desk.wire.gate.set()
    with pytest.raises(BrokerFailure) as caught:
        await waiting
    assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.OFFLINE, False)


@pytest.mark.parametrize("happens", BREAKS)
def test_an_order_prepared_before_does_not_leave_and_may_be_sent_anew(happens: str) -> None:
    async def scenario(desk: Bench) -> None:
        await desk.desk.snapshot()
        order = condor(2)
        await held_back(desk, "place", desk.desk.submit(order), happens)
        assert desk.wire.placed == []
        await desk.desk.submit(order)
        assert len(desk.wire.placed) == 1

    play(scenario)


@pytest.mark.parametrize("happens", BREAKS)
def test_a_new_price_prepared_before_does_not_leave(happens: str) -> None:
    async def scenario(desk: Bench) -> None:
        order = condor(2)
        await desk.sent(order)
        await desk.tell(frame(order, "Live", at_s=1))
        await held_back(desk, "replace", desk.desk.replace(order, NEW), happens)
        assert desk.wire.replaced == []
        assert desk.states(order)[-1] is OrderStatus.PENDING

    play(scenario)
