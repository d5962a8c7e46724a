"""A fill is told, the position it makes is not yet: opening and closing are not guessed from what was held before."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.paper.faults import FillBehavior, OrderScript
from execution.brokers.port import ConnectionEvent
from execution.brokers.tastytrade.broker import TastytradeBroker
from execution.brokers.tastytrade.settings import TastySecrets, TastySettings
from models.clock import Clock
from models.enums import FeedState
from models.errors import BrokerFailure, FailureKind
from tests.execution.brokers.contract_kit import buy, order_of, sell
from tests.execution.brokers.paper.fake_market import spxw
from tests.execution.brokers.tastytrade.desk import FAST, TastyDesk
from tests.simulators.tastytrade.habits import Habits

PUT = spxw(6800, "P")


class FastClock:
    """A computer's clock that is so many seconds ahead of Tastytrade's."""

    def __init__(self, clock: Clock, ahead_s: float) -> None:
        self._clock = clock
        self.ahead_s = ahead_s

    def now_utc(self) -> datetime:
        return self._clock.now_utc() + timedelta(seconds=self.ahead_s)


class FastDesk(TastyDesk):
    """A desk whose computer is ahead."""

    ahead_s = 0.0

    def new_broker(self) -> TastytradeBroker:
        self.own_clock = FastClock(self.clock, self.ahead_s)
        secrets = TastySecrets(self.simulator.client_secret, self.simulator.refresh_token)
        return TastytradeBroker(
            settings=TastySettings(base_url=self.simulator.url, timeouts=FAST, refresh_interval_s=0.05),
            secrets=lambda: secrets,
            clock=self.own_clock,
        )

    def links(self) -> list[ConnectionEvent]:
        return [event for event in self.events if isinstance(event, ConnectionEvent)]


@pytest.mark.parametrize("ahead_s", [0.0, 25.0, -25.0])
def test_a_contract_just_bought_is_not_sold_to_open_while_its_position_is_not_told(
    tmp_path: Path, ahead_s: float
) -> None:
    async def run() -> None:
        desk = FastDesk(tmp_path, habits=Habits(crypto=None, muted={"CurrentPosition"}))
        desk.ahead_s = ahead_s
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
                assert caught.value.kind is FailureKind.REJECTED
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


def test_clocks_that_differ_by_more_than_half_a_minute_are_no_sound_link_until_they_agree(tmp_path: Path) -> None:
    async def run() -> None:
        desk = FastDesk(tmp_path, habits=Habits(crypto=None))
        desk.ahead_s = 45.0
        await desk.start()
        try:
            (first,) = desk.links()
            assert first.state is FeedState.STALE
            assert "clock is 4" in first.text
            assert "behind this computer's. Set this computer's clock" in first.text
            desk.own_clock.ahead_s = 0.0
            await desk.broker.snapshot()
            await desk.settle()
            (_, last) = desk.links()
            assert (last.state, last.text) == (
                FeedState.LIVE,
                "Tastytrade's clock and this computer's agree again.",
            )
        finally:
            await desk.stop()

    asyncio.run(run())
