"""Answers that go wrong: an order that was accepted is there, whatever became of the answer."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from execution.brokers.paper.faults import Call, CallFault, Failure
from models.ids import new_order_id
from tests.simulators.tastytrade.habits import AFTER_ACCEPTANCE, Trouble
from tests.simulators.tastytrade.stage import ACCOUNT, CONDOR, CROSSING, RESTING, Stage, play

FAR = Decimal("400.00")
_SHORT = httpx2.Timeout(0.5)
#: Answers that the SDK takes for good.
_HARMLESS = {Trouble.WRONG_TYPE}


@pytest.mark.parametrize("trouble", AFTER_ACCEPTANCE)
def test_an_accepted_order_is_found_again_by_its_identifier(tmp_path: Path, trouble: Trouble) -> None:
    async def scenario(stage: Stage) -> None:
        own, session = new_order_id(), stage.session(timeout=_SHORT)
        await stage.account(session)
        stage.sim.trouble(trouble)
        if trouble in _HARMLESS:
            await stage.place(session, stage.limit(RESTING, order_id=own))
        else:
            with pytest.raises(Exception):  # noqa: B017, PT011 - which one is the SDK's affair
                await stage.place(session, stage.limit(RESTING, order_id=own))
        assert stage.sim.placed() == 1
        found = await (await stage.account(stage.session())).get_live_orders(session)
        assert [one.external_identifier for one in found] == [own]

    play(tmp_path, scenario)


@pytest.mark.parametrize("trouble", [Trouble.REPLY_LOST, Trouble.STATUS_500, Trouble.RESET])
def test_an_order_may_also_never_arrive(tmp_path: Path, trouble: Trouble) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session(timeout=_SHORT)
        stage.sim.trouble(trouble, is_done=False)
        with pytest.raises(Exception):  # noqa: B017, PT011 - which one is the SDK's affair
            await stage.place(session, stage.limit(RESTING))
        assert list(stage.sim.parts.orders.records.all()) == []

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("failure", "is_there"),
    [
        (Failure.DROP, False),
        (Failure.DONE_THEN_TIMEOUT, True),
        (Failure.DISCONNECT_BEFORE, False),
        (Failure.DISCONNECT_AFTER, True),
    ],
)
def test_the_scripts_of_the_contract_suite_hold_here_too(tmp_path: Path, failure: Failure, is_there: bool) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session(timeout=_SHORT)
        stage.faults.fail(Call.SUBMIT, CallFault(failure))
        with pytest.raises(Exception):  # noqa: B017, PT011 - which one is the SDK's affair
            await stage.place(session, stage.limit(RESTING))
        stage.sim.mend_link()
        found = await (await stage.account(stage.session())).get_live_orders(stage.session())
        assert bool(found) is is_there

    play(tmp_path, scenario)


def test_a_late_answer_comes_when_its_time_has_come(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        await stage.account(session)
        stage.faults.fail(Call.SUBMIT, CallFault(Failure.DELAY, delay_s=2.0))
        waiting = asyncio.ensure_future(stage.place(session, stage.limit(RESTING)))
        await stage.until(lambda: stage.sim.placed() == 1)
        assert list(stage.sim.parts.orders.records.all()) == []
        await stage.pass_time(2.5)
        assert (await waiting).order.status.value == "Routed"
        stage.sim.trouble(Trouble.SLOW, delay_s=1.0)
        waiting = asyncio.ensure_future(stage.place(session, stage.limit(RESTING)))
        await stage.until(lambda: stage.sim.placed() == 2)
        assert len(stage.sim.core.exchange.working) == 2
        assert not waiting.done()
        await stage.pass_time(1.5)
        await waiting

    play(tmp_path, scenario)


@pytest.mark.parametrize("trouble", [Trouble.HTML_502, Trouble.STATUS_429, Trouble.STATUS_401, Trouble.STATUS_403])
def test_any_path_can_fail_as_often_as_wanted(tmp_path: Path, trouble: Trouble) -> None:
    async def scenario(stage: Stage) -> None:
        stage.sim.trouble(trouble, method="GET", path="*/positions", times=2)
        answers = [(await stage.ask("GET", f"/accounts/{ACCOUNT}/positions"))[0] for _ in range(3)]
        assert answers == [int(trouble.value[-3:])] * 2 + [200]

    play(tmp_path, scenario)


def test_an_answer_can_be_rewritten(tmp_path: Path) -> None:
    def odd(answer: Any) -> Any:
        answer["data"]["items"][0]["multiplier"] = "?"
        return answer

    async def scenario(stage: Stage) -> None:
        stage.sim.trouble(Trouble.EDITED, method="GET", path="*/positions", edit=odd)
        _, answer = await stage.ask("GET", f"/accounts/{ACCOUNT}/positions")
        assert answer["data"]["items"][0]["multiplier"] == "?"
        stage.sim.trouble(Trouble.MISSING_FIELD, method="GET", path="*/positions", field="quantity")
        _, answer = await stage.ask("GET", f"/accounts/{ACCOUNT}/positions")
        assert "quantity" not in answer["data"]["items"][0]

    play(tmp_path, scenario)


def test_a_cut_link_refuses_everybody_until_it_is_mended(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session(timeout=_SHORT)
        async with stage.alerts(session, ()) as _:
            pass
        stage.sim.cut_link()
        with pytest.raises(httpx2.HTTPError):
            await stage.account(session)
        stage.sim.mend_link()
        assert (await stage.account(session)).account_number == ACCOUNT
        stage.sim.half_open()
        with pytest.raises(httpx2.TimeoutException):
            await stage.account(session)
        assert (await stage.account(stage.session())).account_number == ACCOUNT

    play(tmp_path, scenario)


def test_the_exchange_goes_on_while_nobody_is_connected(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        own = new_order_id()
        await stage.place(stage.session(), stage.limit(CROSSING, order_id=own))
        stage.sim.cut_link()
        await stage.pass_time(1)
        stage.sim.mend_link()
        session = stage.session()
        account = await stage.account(session)
        assert [one.status.value for one in await account.get_live_orders(session)] == ["Filled"]
        held = await account.get_positions(session)
        assert sorted(one.quantity for one in held) == [Decimal("0.25"), 2, 2, 2, 2]

    play(tmp_path, scenario)


def test_breaks_at_random_leave_the_simulator_and_its_books_whole(tmp_path: Path) -> None:
    breaks = (
        lambda sim: sim.drop_sockets(),
        lambda sim: sim.drop_sockets(hard=False),
        lambda sim: sim.drop_sockets(code=1011),
        lambda sim: (sim.cut_link(), sim.mend_link()),
        lambda sim: sim.half_open(),
        lambda sim: sim.freeze_sockets(),
        lambda sim: sim.trouble(Trouble.TRUNCATED),
        lambda sim: sim.trouble(Trouble.RESET),
    )

    async def client(stage: Stage, sent: list[str]) -> None:
        """Connects, orders, fails, and does it again."""
        while True:
            session = stage.session(timeout=_SHORT)
            with contextlib.suppress(Exception):
                async with asyncio.timeout(0.8), stage.alerts(session), stage.quotes(session):
                    while True:
                        own = new_order_id()
                        sent.append(own)
                        await stage.place(session, stage.limit(-FAR, CONDOR[:1], order_id=own))

    async def two_more(stage: Stage, sent: list[str]) -> None:
        wanted = len(sent) + 2
        await stage.until(lambda: len(sent) >= wanted)

    async def scenario(stage: Stage) -> None:
        sent: list[str] = []
        chance = Random(11)
        working = asyncio.ensure_future(client(stage, sent))
        for _ in range(24):
            await two_more(stage, sent)
            chance.choice(breaks)(stage.sim)
            await stage.pass_time(0.25)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        stage.sim.mend_link()
        await stage.pass_time(1)
        assert not stage.sim.failed.is_set()
        records = list(stage.sim.parts.orders.records.all())
        told = [one.external_identifier for one in records]
        assert len(set(told)) == len(told)
        assert set(told) <= set(sent)
        fills = sum(len(leg.fills) for one in records for leg in one.legs)
        assert fills == len(stage.sim.core.store.executions()) > 0

    play(tmp_path, scenario)
