"""A fill is told, the position it makes is not yet: opening and closing are not guessed from what was held before."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.paper.faults import FillBehavior, OrderScript
from models.errors import BrokerFailure, FailureKind
from tests.execution.brokers.contract_kit import buy, order_of, sell
from tests.execution.brokers.paper.fake_market import spxw
from tests.execution.brokers.tastytrade.desk import TastyDesk
from tests.simulators.tastytrade.habits import Habits

PUT = spxw(6800, "P")


def test_a_contract_just_bought_is_not_sold_to_open_while_its_position_is_not_told(tmp_path: Path) -> None:
    async def run() -> None:
        desk = TastyDesk(tmp_path, habits=Habits(crypto=None, muted={"CurrentPosition"}))
        await desk.start()
        try:
            bought = order_of(desk, (buy(PUT, 1),), Decimal(200))
            desk.script(bought.id, OrderScript(fills=FillBehavior.IMMEDIATE))
            await desk.broker.submit(bought)
            await desk.pass_time(1)
            sold = order_of(desk, (sell(PUT, 1),), Decimal(-1))
            for ask in (desk.broker.simulate, desk.broker.submit):
                with pytest.raises(BrokerFailure, match="does not hold its last fills yet") as caught:
                    await ask(sold)
                assert caught.value.kind is FailureKind.OFFLINE
                assert not caught.value.outcome_unknown
            # Another contract is not held up.
            await desk.broker.simulate(order_of(desk, (buy(spxw(6700, "P"), 1),), Decimal(1)))
            # As every snapshot does: what is held is read, and the sale closes it.
            await desk.broker.snapshot()
            await desk.broker.submit(sold)
            (*_, sent) = desk.simulator.sent("POST", "/orders")
            assert [leg["action"] for leg in sent.json()["legs"]] == ["Sell to Close"]
        finally:
            await desk.stop()

    asyncio.run(run())
