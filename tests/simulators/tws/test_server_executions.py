"""Executions and commissions in every order, form and number a TWS has been seen to send them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.paper.faults import FillBehavior, OrderScript
from tests.execution.brokers.contract_kit import AT_ONCE
from tests.simulators.tws.order_replies import ExecTimeForm
from tests.simulators.tws.stage import ACCOUNT, CONDOR, SECOND, Message, Stage, of, play, spy_on

_EXEC_ID, _TIME, _PRICE = 14, 15, 20
_NO_FILTER = ("", "", "", "", "", "")


async def _fill(stage: Stage, ib: Any, quantity: int = 1, **named: Any) -> Any:
    trade = ib.placeOrder(stage.bag(CONDOR), stage.limit("BUY", quantity, 200.0, **named))
    await ib.reqCurrentTimeAsync()
    stage.pass_time(1)
    await ib.reqCurrentTimeAsync()
    return trade


def _ids(messages: list[Message]) -> list[str]:
    return [message[_EXEC_ID].split(".", 3)[3] for message in of(messages, 11)]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (ExecTimeForm.ZONED, "20261116 10:00:00 US/Eastern"),
        (ExecTimeForm.LOCAL, "20261116  10:00:00"),
        (ExecTimeForm.UTC, "20261116-15:00:00"),
    ],
)
def test_the_time_is_written_in_three_forms(tmp_path: Path, form: ExecTimeForm, text: str) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.exec_time = form
        ib, spy = await stage.ib(), await spy_on(stage)
        await _fill(stage, ib)
        assert {message[_TIME] for message in of(await spy.sync(), 11)} == {text}

    play(tmp_path, scenario)


def test_commissions_may_come_before_their_executions(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.commission_first = True
        ib, spy = await stage.ib(), await spy_on(stage)
        await _fill(stage, ib)
        told = [message[14 if message[0] == "11" else 2] for message in of(await spy.sync(), 11, 59)]
        legs = [exec_id for exec_id in told if not exec_id.endswith("01.01.01")]
        assert legs == [exec_id for leg in sorted(set(legs)) for exec_id in (leg, leg)]
        assert len(told) == 9

    play(tmp_path, scenario)


def test_commissions_may_never_come(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.commissions_absent = True
        ib = await stage.ib()
        trade = await _fill(stage, ib)
        assert {fill.commissionReport.execId for fill in trade.fills} == {""}
        client = await stage.raw()
        client.send(7, 3, 1, 0, *_NO_FILTER)
        assert of(await client.sync(), 59) == []

    play(tmp_path, scenario)


def test_a_correction_has_the_same_id_with_its_last_part_one_higher(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, spy = await stage.ib(), await spy_on(stage)
        stage.faults.next_order(OrderScript(fills=FillBehavior.IMMEDIATE, correction=Decimal("0.05"), delay_s=2))
        await _fill(stage, ib)
        first = of(await spy.sync(), 11)
        stage.pass_time(3)
        (corrected,) = of(await spy.sync(), 11)
        (before,) = [message for message in first if message[_EXEC_ID].endswith("02.01")]
        assert corrected[_EXEC_ID].endswith("02.02")
        assert Decimal(corrected[_PRICE]) == Decimal(before[_PRICE]) + Decimal("0.05")
        spy.send(7, 3, 1, 0, *_NO_FILTER)
        told = await spy.sync()
        assert _ids(told) == ["01.01", "02.02", "03.01", "04.01", "05.01"]
        assert len(of(told, 59)) == 4

    play(tmp_path, scenario)


def test_corrections_survive_a_restart(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        stage.faults.next_order(OrderScript(fills=FillBehavior.IMMEDIATE, correction=Decimal("0.05"), delay_s=1))
        await _fill(stage, ib)
        stage.pass_time(2)
        await stage.sim.stop()
        await stage.sim.start()
        client = await stage.raw()
        client.send(7, 3, 1, 0, *_NO_FILTER)
        told = await client.sync()
        assert _ids(told) == ["01.01", "02.02", "03.01", "04.01", "05.01"]
        assert len(of(told, 59)) == 4

    play(tmp_path, scenario)


def test_everything_may_come_three_times_and_backwards(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, spy = await stage.ib(), await spy_on(stage)
        stage.faults.next_order(OrderScript(fills=FillBehavior.IMMEDIATE, copies=3, reversed_events=True))
        trade = await _fill(stage, ib)
        told = await spy.sync()
        assert Counter(_ids(told)) == {f"{part:02d}.01": 3 for part in range(1, 6)}
        kinds = [message[0] if message[0] != "3" else message[2] for message in of(told, 3, 11, 59)]
        assert kinds.index("59") < kinds.index("Filled") < kinds.index("11")
        assert len(trade.fills) == 5

    play(tmp_path, scenario)


def test_disorder_is_the_same_for_a_seed_and_keeps_states_in_order(tmp_path: Path) -> None:
    stories: list[list[str]] = []

    async def scenario(stage: Stage) -> None:
        stage.habits.disorder_seed = 5
        ib, spy = await stage.ib(), await spy_on(stage)
        await _fill(stage, ib, 2)
        told = of(await spy.sync(), 3, 11)
        states = [message[2] for message in told if message[0] == "3"]
        assert states == ["Submitted", "Filled"]
        stories.append([message[2] if message[0] == "3" else message[_EXEC_ID] for message in told])

    for run in ("a", "b"):
        play(tmp_path / run, scenario)
    assert stories[0] == stories[1]
    assert stories[0] != sorted(stories[0])


def test_executions_reach_back_to_midnight_in_new_york(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        await _fill(stage, ib)
        assert len(await ib.reqExecutionsAsync()) == 5
        stage.clock.advance(timedelta(hours=15))
        stage.sim.step()
        client = await stage.raw()
        client.send(7, 3, 1, 0, *_NO_FILTER)
        assert of(await client.sync(), 11, 55) == [("55", "1", "1")]

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ((0, ACCOUNT, "", "", "", "", ""), 5),
        ((0, SECOND, "", "", "", "", ""), 0),
        ((17, "", "", "", "", "", ""), 5),
        ((18, "", "", "", "", "", ""), 0),
        ((0, "", "20261116-15:00:00", "", "", "", ""), 5),
        ((0, "", "20261116 10:00:01 US/Eastern", "", "", "", ""), 0),
        ((0, "", "", "SPX", "OPT", "", "BUY"), 2),
        ((0, "", "", "AAPL", "", "", ""), 0),
    ],
)
def test_executions_are_filtered(tmp_path: Path, wanted: tuple[Any, ...], found: int) -> None:
    async def scenario(stage: Stage) -> None:
        await _fill(stage, await stage.ib())
        client = await stage.raw()
        client.send(7, 3, 1, *wanted)
        assert len(of(await client.sync(), 11)) == found

    play(tmp_path, scenario)


def test_the_last_version_ends_executions_with_one_field_more(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, spy, newer = await stage.ib(), await spy_on(stage), await stage.raw(98, "v157..178")
        await _fill(stage, ib)
        newer.send(7, 3, 1, 0, *_NO_FILTER)
        lengths = {len(message) for message in of(await newer.sync(), 11)}
        assert lengths == {len(message) + 1 for message in of(await spy.sync(), 11)}

    play(tmp_path, scenario)


def test_books_agree_with_what_the_legs_say_over_many_orders(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.disorder_seed = 3
        stage.habits.max_messages_per_s = None
        ib, spy = await stage.ib(), await spy_on(stage)
        for number in range(25):
            stage.faults.next_order(
                OrderScript(
                    fills=FillBehavior.PARTIAL,
                    delay_s=1,
                    copies=1 + number % 3,
                    reversed_events=number % 2 == 0,
                    correction=Decimal("0.05") if number % 4 == 0 else None,
                )
            )
            ib.client.placeOrder(ib.client.getReqId(), stage.bag(CONDOR), stage.limit("BUY", 2, 20.0))
        await ib.reqCurrentTimeAsync()
        stage.pass_time(5)
        newest: dict[str, tuple[int, Message]] = {}
        for message in of(await spy.sync(), 11):
            base, _, revision = message[_EXEC_ID].rpartition(".")
            if message[5] == "OPT" and int(revision) > newest.get(base, (0, message))[0]:
                newest[base] = (int(revision), message)
        held: Counter[str] = Counter()
        cash = Decimal(0)
        for _, message in newest.values():
            signed = Decimal(message[19]) * (1 if message[18] == "BOT" else -1)
            held[message[3]] += int(signed)
            cash -= signed * Decimal(message[_PRICE]) * 100
        book = stage.sim.core.book
        assert held == {str(stage.con_id(one.contract)): one.quantity for one in book.holdings(ACCOUNT)}
        fees = sum((line.commission or Decimal(0) for line in stage.sim.state.tape.newest()), start=Decimal(0))
        assert book.cash(ACCOUNT) == Decimal(500_000) + cash - fees

    play(tmp_path, scenario)


def test_fills_of_a_second_account_name_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        stage.faults.next_order(AT_ONCE)
        trade = await _fill(stage, ib, account=SECOND)
        assert {fill.execution.acctNumber for fill in trade.fills} == {SECOND}
        assert {position.account for position in ib.positions()} == {SECOND}

    play(tmp_path, scenario)
