"""Orders changed and cancelled at the simulated TWS: what works, and the codes of what does not."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.brokers.paper.faults import (
    CancelBehavior,
    FillBehavior,
    OrderScript,
)
from tests.simulators.tws.stage import (
    CONDOR,
    CROSSING,
    RESTING,
    Stage,
    listen,
    of,
    place,
    play,
    spy_on,
    story,
)


def test_an_order_id_used_before_is_a_duplicate(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        heard = listen(ib)
        trade = await place(stage, ib, RESTING)
        late = stage.limit("BUY", 1, RESTING, orderId=trade.order.orderId - 1)
        ib.placeOrder(stage.bag(CONDOR), late)
        await ib.reqCurrentTimeAsync()
        assert heard == [(trade.order.orderId - 1, 103)]

    play(tmp_path, scenario)


def test_placing_again_changes_the_price(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, spy = await stage.ib(), await spy_on(stage)
        trade = await place(stage, ib, RESTING)
        stage.pass_time(1)
        await spy.sync()
        trade.order.lmtPrice = RESTING - 1
        ib.placeOrder(trade.contract, trade.order)
        await ib.reqCurrentTimeAsync()
        (paper,) = stage.sim.core.exchange.working
        assert paper.limit_price == Decimal(-101)
        stage.pass_time(1)
        (told,) = of(await spy.sync(), 5)
        assert "-101.0" in told

    play(tmp_path, scenario)


@pytest.mark.parametrize(("change", "code"), [("price", 110), ("quantity", 105), ("action", 105), ("contract", 105)])
def test_a_modification_that_does_not_fit_leaves_the_order_as_it_was(tmp_path: Path, change: str, code: int) -> None:
    async def scenario(stage: Stage) -> None:
        client = await stage.raw(17, "v157..176")
        ib = await stage.ib(18)
        heard = listen(ib)
        trade = await place(stage, ib, RESTING)
        bag, order = stage.bag(CONDOR), stage.limit("BUY", 1, RESTING, orderId=trade.order.orderId)
        if change == "price":
            order.lmtPrice = 1.01
        elif change == "quantity":
            order.totalQuantity = 2
        elif change == "action":
            order.action = "SELL"
        else:
            bag = stage.bag(CONDOR[:2])
        ib.client.placeOrder(order.orderId, bag, order)
        await ib.reqCurrentTimeAsync()
        assert [found for _, found in heard] == [code]
        (paper,) = stage.sim.core.exchange.working
        assert (paper.limit_price, paper.packages) == (Decimal(-100), 1)
        await client.sync()

    play(tmp_path, scenario)


def test_a_strict_tws_sorts_the_legs_and_wants_them_back_in_its_order(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.strict_modify = True
        ib = await stage.ib()
        heard = listen(ib)
        ids = [stage.con_id(leg.contract) for leg in CONDOR]
        ours = sorted(CONDOR, key=lambda leg: -stage.con_id(leg.contract))
        placed = ib.placeOrder(stage.bag(ours), stage.limit("BUY", 1, RESTING))
        await ib.reqAllOpenOrdersAsync()
        other = await stage.ib(18)
        (echo,) = await other.reqAllOpenOrdersAsync()
        assert [leg.conId for leg in echo.contract.comboLegs] == sorted(ids)
        changed = stage.limit("BUY", 1, RESTING - 1, orderId=placed.order.orderId)
        ib.client.placeOrder(placed.order.orderId, stage.bag(ours), changed)
        await ib.reqCurrentTimeAsync()
        assert [code for _, code in heard] == [105]
        ib.client.placeOrder(placed.order.orderId, echo.contract, changed)
        await ib.reqCurrentTimeAsync()
        assert [code for _, code in heard] == [105]
        (paper,) = stage.sim.core.exchange.working
        assert paper.limit_price == Decimal(-101)

    play(tmp_path, scenario)


def test_a_filled_order_cannot_be_changed(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        heard = listen(ib)
        trade = await place(stage, ib, CROSSING)
        stage.pass_time(1)
        ib.client.placeOrder(trade.order.orderId, trade.contract, trade.order)
        ib.client.placeOrder(trade.order.orderId, stage.bag(CONDOR[:2]), trade.order)
        await ib.reqCurrentTimeAsync()
        assert [code for _, code in heard] == [104, 103]

    play(tmp_path, scenario)


def test_a_cancel_is_pending_then_told_with_202(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, spy = await stage.ib(), await spy_on(stage)
        trade = await place(stage, ib, RESTING)
        stage.pass_time(1)
        await spy.sync()
        ib.cancelOrder(trade.order)
        await ib.reqCurrentTimeAsync()
        assert story(await spy.sync()) == ["open", "status PendingCancel 0/1"]
        stage.pass_time(0.25)
        assert story(await spy.sync()) == ["error 202", "open", "status Cancelled 0/1"]
        ib.cancelOrder(trade.order)
        await ib.reqCurrentTimeAsync()
        await ib.reqCurrentTimeAsync()

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("script", "code"), [(OrderScript(cancel=CancelBehavior.REFUSED), 161), (OrderScript(), 10148), (None, 10147)]
)
def test_a_cancel_that_cannot_be_has_its_code(tmp_path: Path, script: OrderScript | None, code: int) -> None:
    async def scenario(stage: Stage) -> None:
        client, ib = await stage.raw(17), await stage.ib(18)
        heard = listen(ib)
        order_id = 4000
        if script is not None:
            stage.faults.next_order(script)
            trade = await place(stage, ib, RESTING if code == 161 else CROSSING)
            order_id = trade.order.orderId
        stage.pass_time(1)
        cancel = stage.lib.Order(orderId=order_id)
        ib.client.cancelOrder(cancel.orderId, "")
        await ib.reqCurrentTimeAsync()
        assert heard == [(order_id, code)]
        await client.sync()

    play(tmp_path, scenario)


def test_older_versions_say_135_of_an_unknown_order(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.unknown_cancel_code = 135
        ib = await stage.ib()
        heard = listen(ib)
        ib.client.cancelOrder(4000, "")
        await ib.reqCurrentTimeAsync()
        assert heard == [(4000, 135)]

    play(tmp_path, scenario)


def test_an_ignored_cancel_is_silence_and_a_fill_may_win(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        for behavior in (CancelBehavior.IGNORED, CancelBehavior.FILL_WINS):
            stage.faults.next_order(OrderScript(fills=FillBehavior.NEVER, cancel=behavior))
        ignored, filled = await place(stage, ib, RESTING), await place(stage, ib, RESTING)
        stage.pass_time(1)
        for trade in (ignored, filled):
            ib.cancelOrder(trade.order)
        await ib.reqCurrentTimeAsync()
        stage.pass_time(1)
        await ib.reqCurrentTimeAsync()
        assert filled.orderStatus.status == "Filled"
        assert len(stage.sim.core.exchange.working) == 1

    play(tmp_path, scenario)


def test_a_global_cancel_takes_every_clients_orders(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        one, two = await stage.ib(1), await stage.ib(2)
        for ib in (one, two):
            await place(stage, ib, RESTING)
        one.reqGlobalCancel()
        await one.reqCurrentTimeAsync()
        stage.pass_time(1)
        assert stage.sim.core.exchange.working == ()

    play(tmp_path, scenario)


def test_a_day_order_dies_with_the_session_and_stays_among_the_completed(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        heard = listen(ib)
        trade = await place(stage, ib, RESTING)
        gtc = await place(stage, ib, RESTING, tif="GTC")
        stage.clock.advance(timedelta(hours=24))
        stage.sim.step()
        await ib.reqCurrentTimeAsync()
        assert heard == [(trade.order.orderId, 202)]
        (done,) = await ib.reqCompletedOrdersAsync(False)
        assert done.order.permId == trade.order.permId
        assert done.orderStatus.status == "Cancelled"
        (working,) = await ib.reqAllOpenOrdersAsync()
        assert working.order.permId == gtc.order.permId

    play(tmp_path, scenario)
