"""The simulated TWS driven by its own clock: what is due is sent in time, and its own errors are told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.paper.settings import PaperAccount, PaperSettings
from tests.execution.brokers.contract_kit import AT_ONCE
from tests.execution.brokers.paper.desk import running_clock
from tests.execution.brokers.paper.fake_market import HandMarket
from tests.simulators.tws.server import TwsSimulator
from tests.simulators.tws.stage import ACCOUNT, CONDOR, Stage, of, play

_SETTINGS = PaperSettings(accounts=(PaperAccount(ACCOUNT),), quote_interval_s=0.05, fee_delay_s=0.02, ack_delay_s=0.01)


async def _until(event: Any, what: str) -> None:
    try:
        await asyncio.wait_for(event, 20)
    except TimeoutError:
        pytest.fail(f"{what} did not come")


def test_it_fills_and_charges_without_being_driven(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.sim.stop()
        clock = running_clock()
        stage.sim = TwsSimulator(
            market=HandMarket(clock.now_utc()), clock=clock, store_path=tmp_path / "run.sqlite", settings=_SETTINGS
        )
        stage.sim.faults.next_order(AT_ONCE)
        await stage.sim.start()
        ib = await stage.ib()
        ticker = ib.reqMktData(stage.option(CONDOR[0].contract))
        trade = ib.placeOrder(stage.bag(CONDOR), stage.limit("BUY", 1, -30.0))
        while not all(fill.commissionReport.execId for fill in trade.fills[1:]) or len(trade.fills) < 5:
            await _until(ib.updateEvent, "a message")
        assert trade.orderStatus.status == "Filled"
        assert ticker.bid > 0

    play(tmp_path, scenario)


def test_a_delayed_message_leaves_by_itself(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.sim.stop()
        clock = running_clock()
        stage.sim = TwsSimulator(
            market=HandMarket(clock.now_utc()), clock=clock, store_path=tmp_path / "run.sqlite", settings=_SETTINGS
        )
        stage.sim.habits.delays_s[9] = 0.1
        await stage.sim.start()
        client = await stage.raw(client_id=None)
        client.send(71, 2, 31, "")
        told = await client.sync()
        assert of(told, 9) == []
        assert (await client.next())[0] == "9"

    play(tmp_path, scenario)


def test_an_error_of_its_own_is_set_logged_and_raised_by_stop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        stage.sim.core.store.close()
        client.send(99, 0)
        assert await client.end() == []
        await stage.sim.failed.wait()
        assert "the simulated TWS failed" in caplog.text

    with pytest.raises(Exception, match="closed database"):
        play(tmp_path, scenario)


def test_it_stops_when_that_is_asked_in_the_moment_something_happens(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.sim.stop()
        clock = running_clock()
        stage.sim = TwsSimulator(
            market=HandMarket(clock.now_utc()), clock=clock, store_path=tmp_path / "run.sqlite", settings=_SETTINGS
        )
        for turns in range(8):
            await stage.sim.start()
            await asyncio.sleep(0.01)
            stage.sim.deliver()
            for _ in range(turns):
                await asyncio.sleep(0)
            await _until(stage.sim.stop(), f"the end, asked {turns} turns of the loop later,")
        await stage.sim.start()

    play(tmp_path, scenario)
