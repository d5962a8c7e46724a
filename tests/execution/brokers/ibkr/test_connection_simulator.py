"""The real library end to end against the simulated TWS: nothing in between is faked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.ibkr.connection import IbConnection
from execution.brokers.ibkr.facts import (
    ClosedFact,
    CommissionFact,
    ErrorFact,
    ExecutionFact,
    Fact,
    IbContract,
    OddFact,
    OpenOrderFact,
    OrderStatusFact,
    TickFact,
)
from execution.brokers.ibkr.library import load_library
from execution.brokers.ibkr.settings import IbkrSettings, IbTimeouts
from execution.brokers.ibkr.wire_port import IbOrder
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from models.clock import ManualClock
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId
from tests.execution.brokers.ibkr.raw_tws import library_name
from tests.execution.brokers.paper.desk import START
from tests.execution.brokers.paper.fake_market import HandMarket
from tests.simulators.tws.habits import Habits, WhatIfHabit
from tests.simulators.tws.order_replies import ExecTimeForm
from tests.simulators.tws.requests import ReqExecutions
from tests.simulators.tws.server import TwsSimulator

ACCOUNT = "DU1234567"
PUT = IbContract(0, "SPX", "OPT", "20261218", Decimal(6500), "P", exchange="SMART", trading_class="SPXW")
TIMES = IbTimeouts(connect_s=10, answer_s=10, what_if_s=10)


@dataclass
class Bench:
    """A connection to a simulated TWS, both on one clock."""

    simulator: TwsSimulator
    settings: IbkrSettings
    clock: ManualClock
    facts: list[Fact] = field(default_factory=list)
    ticks: list[TickFact] = field(default_factory=list)
    stirred: asyncio.Event = field(default_factory=asyncio.Event)

    def connection(self) -> IbConnection:
        return IbConnection(load_library(library_name()), self.settings, self.clock, self._fact, self._ticks)

    def count(self, kind: type[Fact]) -> int:
        return sum(isinstance(fact, kind) for fact in self.facts)

    async def until(self, kind: type[Fact]) -> None:
        async with asyncio.timeout(10):
            while not self.count(kind):
                self.stirred.clear()
                await self.stirred.wait()

    async def second(self, wire: IbConnection) -> None:
        """Lets a second pass at TWS, after what was sent and before what is told of it."""
        await wire.current_time()
        self.clock.advance(timedelta(seconds=1))
        self.simulator.step()
        await wire.current_time()

    def _fact(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.stirred.set()

    def _ticks(self, ticks: tuple[TickFact, ...]) -> None:
        self.ticks.extend(ticks)
        self.stirred.set()


@asynccontextmanager
async def bench_at(folder: Path, habits: Habits, **settings: Any) -> AsyncIterator[tuple[Bench, IbConnection]]:
    clock = ManualClock(START)
    simulator = TwsSimulator(
        market=HandMarket(START),
        clock=clock,
        store_path=folder / "tws.sqlite",
        settings=PaperSettings(manual=True, accounts=(PaperAccount(account_id=AccountId(ACCOUNT)),)),
        habits=habits,
    )
    made = replace(IbkrSettings(port=await simulator.start(), library=library_name(), timeouts=TIMES), **settings)
    bench = Bench(simulator, made, clock)
    wire = bench.connection()
    try:
        await wire.open()
        yield bench, wire
    finally:
        await wire.close()
        await simulator.stop()
    assert bench.count(OddFact) == 0
    assert simulator.surplus == []


def play(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def order(limit: str, ref: str = "ref-1") -> IbOrder:
    return IbOrder("BUY", Decimal(1), "LMT", Decimal(limit), "DAY", ACCOUNT, ref)


@pytest.mark.parametrize("form", list(ExecTimeForm))
def test_an_order_is_asked_about_sent_filled_and_found_again(tmp_path: Path, form: ExecTimeForm) -> None:
    async def scenario() -> None:
        habits = Habits(exec_time=form, split_bytes=5, what_if=WhatIfHabit.TWO_STEP)
        async with bench_at(tmp_path, habits) as (bench, wire):
            await wire.account_updates(ACCOUNT)
            assert await wire.positions() == ()
            (found,) = await wire.contract_details(PUT)
            reply = await wire.what_if(found.contract, order("500"))
            assert reply.margins is not None
            assert reply.margins.is_known
            used = wire.place(found.contract, order("500"))
            await bench.second(wire)
            await bench.second(wire)
            assert bench.count(CommissionFact) == 1
            (live,) = [fact for fact in bench.facts if isinstance(fact, ExecutionFact)]
            assert (live.order_id, live.is_live) == (used, True)
            assert START <= live.at_utc <= bench.clock.now_utc()
            assert {fact.order_ref for fact in bench.facts if isinstance(fact, OpenOrderFact)} == {"ref-1"}
            assert [f.status for f in bench.facts if isinstance(f, OrderStatusFact)][-1] == "Filled"
            (held,) = await wire.positions()
            assert (held.contract.con_id, held.quantity) == (found.contract.con_id, Decimal(1))
            (again,) = await wire.executions()
            assert again == replace(live, is_live=False)
            assert await wire.open_orders() == ()
            (done,) = await wire.completed_orders()
            assert (done.order_ref, done.perm_id) == ("ref-1", live.perm_id)

    play(scenario())


def test_executions_that_tws_does_not_answer_cost_a_timeout_and_not_the_connection(tmp_path: Path) -> None:
    async def scenario() -> None:
        habits = Habits(unanswered={ReqExecutions})
        quick = replace(TIMES, answer_s=0.2)
        async with bench_at(tmp_path, habits, timeouts=quick) as (_, wire):
            with pytest.raises(BrokerFailure, match="executions") as caught:
                await wire.executions()
            assert caught.value.kind is FailureKind.TIMEOUT
            await wire.current_time()
            assert wire.is_open

    play(scenario())


def test_a_second_connection_with_the_same_client_id_is_refused_and_the_first_lives_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench_at(tmp_path, Habits(), client_id=7) as (bench, wire):
            with pytest.raises(BrokerFailure, match="Client id 7") as caught:
                await bench.connection().open()
            assert caught.value.code == "326"
            await wire.current_time()
            assert bench.count(ClosedFact) == 0
            assert [fact.code for fact in bench.facts if isinstance(fact, ErrorFact)].count(326) == 1

    play(scenario())


def test_a_cut_link_ends_what_was_asked_and_a_fresh_connection_works(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench_at(tmp_path, Habits(unanswered={ReqExecutions})) as (bench, wire):
            asked = asyncio.ensure_future(wire.executions())
            await wire.current_time()
            bench.simulator.cut_link()
            with pytest.raises(BrokerFailure) as caught:
                await asked
            assert caught.value.kind is FailureKind.OFFLINE
            await bench.until(ClosedFact)
            bench.simulator.mend_link()
            fresh = bench.connection()
            assert (await fresh.open()).accounts == (ACCOUNT,)
            await fresh.close()

    play(scenario())
