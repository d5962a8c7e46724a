"""Orders whose messages are lost, late or refused by a script, and orders of others, at the simulated TWS."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.paper.faults import (
    Call,
    CallFault,
    Failure,
)
from models.enums import OrderStatus
from tests.execution.brokers.contract_kit import AT_ONCE, QUIET, sell
from tests.execution.brokers.paper.fake_market import spxw
from tests.simulators.tws.stage import (
    CONDOR,
    CROSSING,
    RESTING,
    Stage,
    listen,
    of,
    place,
    play,
)


@pytest.mark.parametrize(
    ("failure", "arrives", "answered"),
    [(Failure.DROP, False, False), (Failure.DONE_THEN_TIMEOUT, True, False), (Failure.REJECT, False, True)],
)
def test_a_submit_may_be_lost_or_its_answer_may(
    tmp_path: Path, failure: Failure, *, arrives: bool, answered: bool
) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        heard = listen(ib)
        stage.faults.fail(Call.SUBMIT, CallFault(failure))
        trade = await place(stage, ib, RESTING)
        assert bool(stage.sim.core.exchange.working) is arrives
        assert bool(heard) is answered
        assert answered or trade.orderStatus.status == "PendingSubmit"
        stage.sim.mend_link()
        assert len(await ib.reqAllOpenOrdersAsync()) == int(arrives)

    play(tmp_path, scenario)


@pytest.mark.parametrize(("failure", "arrives"), [(Failure.DISCONNECT_BEFORE, False), (Failure.DISCONNECT_AFTER, True)])
def test_the_link_may_break_around_a_submit(tmp_path: Path, failure: Failure, *, arrives: bool) -> None:
    async def scenario(stage: Stage) -> None:
        client, ib = await stage.raw(31), await stage.ib()
        stage.faults.fail(Call.SUBMIT, CallFault(failure))
        ib.placeOrder(stage.bag(CONDOR), stage.limit("BUY", 1, RESTING))
        assert await client.end() == []
        assert bool(stage.sim.core.exchange.working) is arrives
        stage.sim.mend_link()
        again = await stage.ib()
        assert len(again.openTrades()) == int(arrives)

    play(tmp_path, scenario)


def test_a_delayed_submit_happens_later(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        stage.faults.fail(Call.SUBMIT, CallFault(Failure.DELAY, delay_s=2))
        await place(stage, ib, RESTING)
        stage.pass_time(1)
        assert stage.sim.core.exchange.working == ()
        stage.pass_time(1)
        assert len(stage.sim.core.exchange.working) == 1

    play(tmp_path, scenario)


@pytest.mark.parametrize(("call", "code"), [(Call.REPLACE, 201), (Call.CANCEL, 161)])
def test_a_refused_change_or_cancel_leaves_the_order_working(tmp_path: Path, call: Call, code: int) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        heard = listen(ib)
        trade = await place(stage, ib, RESTING)
        stage.faults.fail(call, CallFault(Failure.REJECT))
        if call is Call.CANCEL:
            ib.client.cancelOrder(trade.order.orderId, "")
        else:
            changed = stage.limit("BUY", 1, RESTING - 1, orderId=trade.order.orderId)
            ib.client.placeOrder(changed.orderId, trade.contract, changed)
        await ib.reqCurrentTimeAsync()
        assert [found for _, found in heard] == [code]
        (paper,) = stage.sim.core.exchange.working
        assert (paper.status, paper.limit_price) == (OrderStatus.PENDING, Decimal(-100))

    play(tmp_path, scenario)


def test_a_question_of_a_snapshot_may_be_lost(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw()
        stage.faults.fail(Call.SNAPSHOT, CallFault(Failure.DROP))
        client.send(16, 1)
        client.send(16, 1)
        assert of(await client.sync(), 53) == [("53", "1")]

    play(tmp_path, scenario)


def test_other_clients_orders_are_told_when_asked_for_and_without_an_order_id(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        one, two = await stage.ib(1), await stage.ib(2)
        trade = await place(stage, one, CROSSING)
        stage.faults.next_order(QUIET)
        resting = await place(stage, one, RESTING)
        stage.pass_time(1)
        await two.reqCurrentTimeAsync()
        assert two.openTrades() == two.fills() == []
        (foreign,) = await two.reqAllOpenOrdersAsync()
        assert (foreign.order.orderId, foreign.order.clientId) == (0, 1)
        assert foreign.order.permId == resting.order.permId
        fills = await two.reqExecutionsAsync()
        assert {fill.execution.orderId for fill in fills} == {0}
        assert {fill.execution.permId for fill in fills} == {trade.order.permId}

    play(tmp_path, scenario)


def test_orders_of_tws_itself_are_bound_to_client_zero_with_negative_ids(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        zero, other = await stage.ib(0), await stage.ib(5)
        perm_id = stage.sim.place_manual([sell(spxw(6500, "P"))], Decimal(-90))
        await zero.reqCurrentTimeAsync()
        (trade,) = zero.openTrades()
        assert (trade.order.orderId, trade.order.clientId, trade.order.permId) == (-1, 0, perm_id)
        assert trade.order.orderRef == ""
        assert other.openTrades() == []
        zero.client.cancelOrder(-1, "")
        await zero.reqCurrentTimeAsync()
        stage.pass_time(1)
        assert stage.sim.core.exchange.working == ()

    play(tmp_path, scenario)


def test_without_client_zero_a_manual_fill_shows_in_positions_and_by_asking(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib(5)
        stage.faults.next_order(AT_ONCE)
        stage.sim.place_manual(CONDOR, None)
        stage.pass_time(1)
        await ib.reqCurrentTimeAsync()
        assert ib.fills() == []
        assert len(ib.positions()) == 4
        fills = await ib.reqExecutionsAsync()
        assert len(fills) == 5
        # TWS sends 2147483647; both libraries make it 0.
        assert {fill.execution.orderId for fill in fills} <= {0, 2147483647}
        assert {fill.execution.clientId for fill in fills} == {0}

    play(tmp_path, scenario)
