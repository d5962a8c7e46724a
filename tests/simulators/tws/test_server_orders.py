"""Orders at the simulated TWS: what a client hears of them, in which order, and what TWS refuses."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.paper.faults import (
    Call,
    CallFault,
    CancelBehavior,
    Failure,
    FillBehavior,
    OrderScript,
)
from models.enums import OrderStatus
from models.ids import new_order_id
from tests.execution.brokers.contract_kit import AT_ONCE, QUIET, sell
from tests.execution.brokers.paper.fake_market import spxw
from tests.simulators.tws.stage import ACCOUNT, CONDOR, Message, Stage, of, play

_RESTING = -100.0
_CROSSING = 200.0


async def _place(stage: Stage, ib: Any, price: float, quantity: int = 1, **named: Any) -> Any:
    trade = ib.placeOrder(stage.bag(CONDOR), stage.limit("BUY", quantity, price, **named))
    await ib.reqCurrentTimeAsync()
    return trade


def _listen(ib: Any) -> list[tuple[int, int]]:
    heard: list[tuple[int, int]] = []
    ib.errorEvent += lambda req_id, code, *_: heard.append((req_id, code))
    return heard


async def _spy(stage: Stage) -> Any:
    """A second client that is told of every order: it reads the messages as they come."""
    stage.habits.master_client_id = 99
    return await stage.raw(99)


def _story(messages: list[Message]) -> list[str]:
    """The messages about orders in short."""
    told = []
    for message in messages:
        kind = int(message[0])
        if kind == 3:
            told.append(f"status {message[2]} {message[3]}/{message[4]}")
        elif kind == 5:
            told.append("open")
        elif kind == 11:
            told.append(f"exec {message[5]} {message[14].split('.', 3)[3]}")
        elif kind == 59:
            told.append(f"commission {message[2].split('.', 3)[3]}")
        elif kind == 4:
            told.append(f"error {message[3]}")
    return told


def test_a_four_leg_order_is_told_as_a_real_tws_tells_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, spy = await stage.ib(), await _spy(stage)
        trade = await _place(stage, ib, _CROSSING)
        assert trade.orderStatus.status == "PreSubmitted"
        stage.pass_time(0.25)
        assert _story(await spy.sync()) == [
            *("open", "status Submitted 0/1"),
            *("exec BAG 01.01", "exec OPT 02.01", "exec OPT 03.01", "exec OPT 04.01", "exec OPT 05.01"),
            *("open", "status Filled 1/0"),
        ]
        stage.pass_time(0.25)
        assert _story(await spy.sync()) == [
            *("commission 02.01", "commission 03.01", "commission 04.01", "open", "commission 05.01")
        ]
        await ib.reqCurrentTimeAsync()
        assert trade.orderStatus.status == "Filled"

    play(tmp_path, scenario)


def test_the_combo_line_carries_the_net_price_and_the_legs_add_up_to_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        trade = await _place(stage, ib, _CROSSING, 2)
        stage.pass_time(1)
        await ib.reqCurrentTimeAsync()
        whole, *legs = [fill.execution for fill in trade.fills]
        signs = [1 if leg.side == "BOT" else -1 for leg in legs]
        assert (whole.side, whole.shares, whole.cumQty) == ("BOT", 2, 2)
        assert whole.price < 0
        assert round(sum(sign * leg.price for sign, leg in zip(signs, legs, strict=True)), 2) == whole.price
        assert trade.orderStatus.avgFillPrice == whole.price
        assert {leg.shares for leg in legs} == {2}

    play(tmp_path, scenario)


def test_a_partial_fill_is_progress_and_the_rest_follows(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, spy = await stage.ib(), await _spy(stage)
        stage.faults.next_order(OrderScript(fills=FillBehavior.PARTIAL, first_packages=1, delay_s=2))
        trade = await _place(stage, ib, _CROSSING, 3)
        stage.pass_time(1)
        assert "status Submitted 1/2" in _story(await spy.sync())
        stage.pass_time(3)
        await ib.reqCurrentTimeAsync()
        assert _story(await spy.sync())[6] == "status Filled 3/0"
        assert [(f.execution.shares, f.execution.cumQty) for f in trade.fills if f.contract.secType == "BAG"] == [
            (1, 1),
            (2, 3),
        ]

    play(tmp_path, scenario)


def test_a_single_leg_has_no_combo_line_and_sells_for_a_positive_price(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        trade = ib.placeOrder(stage.option(spxw(6500, "P")), stage.limit("SELL", 1, 0.05))
        await ib.reqCurrentTimeAsync()
        stage.pass_time(1)
        await ib.reqCurrentTimeAsync()
        (fill,) = trade.fills
        assert fill.execution.side == "SLD"
        assert fill.execution.price > 0
        assert fill.execution.execId.endswith(".01.01.01")

    play(tmp_path, scenario)


def test_a_combo_that_is_sold_earns_what_buying_it_would_cost(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        stage.faults.next_order(AT_ONCE)
        trade = ib.placeOrder(stage.bag(CONDOR), stage.limit("SELL", 1, -50.0))
        await ib.reqCurrentTimeAsync()
        stage.pass_time(1)
        await ib.reqCurrentTimeAsync()
        assert trade.orderStatus.status == "Filled"
        assert [(p.contract.strike, p.position) for p in ib.positions()] == [
            (6700, -1),
            (6800, 1),
            (7200, 1),
            (7300, -1),
        ]

    play(tmp_path, scenario)


def test_our_order_reference_is_the_id_by_which_the_far_end_scripts_an_order(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, order_id = await stage.ib(), new_order_id()
        stage.faults.for_order(order_id, OrderScript(fills=FillBehavior.REJECT, reason="Halted."))
        heard = _listen(ib)
        trade = await _place(stage, ib, _CROSSING, orderRef=order_id)
        stage.pass_time(1)
        await ib.reqCurrentTimeAsync()
        assert heard == [(trade.order.orderId, 201)]
        assert trade.orderStatus.status == "Inactive"
        found = stage.sim.core.exchange.find(order_id)
        assert found is not None
        assert found.status is OrderStatus.REJECTED

    play(tmp_path, scenario)


def test_the_same_reference_twice_makes_two_orders(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, order_id = await stage.ib(), new_order_id()
        await _place(stage, ib, _RESTING, orderRef=order_id)
        await _place(stage, ib, _RESTING, orderRef=order_id)
        assert [trade.order.orderRef for trade in ib.openTrades()] == [order_id, order_id]
        assert len(stage.sim.core.exchange.working) == 2

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lmtPrice": 1.03}, 110),
        ({"account": "DU0000000"}, 321),
        ({"account": ""}, 435),
        ({"totalQuantity": 0}, 321),
        ({"orderType": "STP"}, 201),
        ({"tif": "IOC"}, 201),
        ({"transmit": False}, 201),
        ({"totalQuantity": 500, "lmtPrice": 50.0}, 201),
    ],
)
def test_what_tws_refuses_is_not_kept(tmp_path: Path, changes: dict[str, Any], code: int) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        heard = _listen(ib)
        order = stage.limit("BUY", 1, _RESTING)
        for name, value in changes.items():
            setattr(order, name, value)
        ib.placeOrder(stage.bag(CONDOR), order)
        await ib.reqCurrentTimeAsync()
        assert [found for _, found in heard] == [code]
        assert stage.sim.core.exchange.working == ()

    play(tmp_path, scenario)


@pytest.mark.parametrize(("field", "value"), [("exchange", ""), ("comboLegs", []), ("ratio", 2)])
def test_a_combo_must_be_whole(tmp_path: Path, field: str, value: Any) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        heard = _listen(ib)
        bag = stage.bag(CONDOR, ratio=value) if field == "ratio" else stage.bag(CONDOR)
        if field != "ratio":
            setattr(bag, field, value)
        ib.placeOrder(bag, stage.limit("BUY", 1, _RESTING))
        await ib.reqCurrentTimeAsync()
        assert [code for _, code in heard] == [321]

    play(tmp_path, scenario)


def test_an_order_id_used_before_is_a_duplicate(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        heard = _listen(ib)
        trade = await _place(stage, ib, _RESTING)
        late = stage.limit("BUY", 1, _RESTING, orderId=trade.order.orderId - 1)
        ib.placeOrder(stage.bag(CONDOR), late)
        await ib.reqCurrentTimeAsync()
        assert heard == [(trade.order.orderId - 1, 103)]

    play(tmp_path, scenario)


def test_placing_again_changes_the_price(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, spy = await stage.ib(), await _spy(stage)
        trade = await _place(stage, ib, _RESTING)
        stage.pass_time(1)
        await spy.sync()
        trade.order.lmtPrice = _RESTING - 1
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
        heard = _listen(ib)
        trade = await _place(stage, ib, _RESTING)
        bag, order = stage.bag(CONDOR), stage.limit("BUY", 1, _RESTING, orderId=trade.order.orderId)
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
        heard = _listen(ib)
        ids = [stage.con_id(leg.contract) for leg in CONDOR]
        ours = sorted(CONDOR, key=lambda leg: -stage.con_id(leg.contract))
        placed = ib.placeOrder(stage.bag(ours), stage.limit("BUY", 1, _RESTING))
        await ib.reqAllOpenOrdersAsync()
        other = await stage.ib(18)
        (echo,) = await other.reqAllOpenOrdersAsync()
        assert [leg.conId for leg in echo.contract.comboLegs] == sorted(ids)
        changed = stage.limit("BUY", 1, _RESTING - 1, orderId=placed.order.orderId)
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
        heard = _listen(ib)
        trade = await _place(stage, ib, _CROSSING)
        stage.pass_time(1)
        ib.client.placeOrder(trade.order.orderId, trade.contract, trade.order)
        ib.client.placeOrder(trade.order.orderId, stage.bag(CONDOR[:2]), trade.order)
        await ib.reqCurrentTimeAsync()
        assert [code for _, code in heard] == [104, 103]

    play(tmp_path, scenario)


def test_a_cancel_is_pending_then_told_with_202(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib, spy = await stage.ib(), await _spy(stage)
        trade = await _place(stage, ib, _RESTING)
        stage.pass_time(1)
        await spy.sync()
        ib.cancelOrder(trade.order)
        await ib.reqCurrentTimeAsync()
        assert _story(await spy.sync()) == ["open", "status PendingCancel 0/1"]
        stage.pass_time(0.25)
        assert _story(await spy.sync()) == ["error 202", "open", "status Cancelled 0/1"]
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
        heard = _listen(ib)
        order_id = 4000
        if script is not None:
            stage.faults.next_order(script)
            trade = await _place(stage, ib, _RESTING if code == 161 else _CROSSING)
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
        heard = _listen(ib)
        ib.client.cancelOrder(4000, "")
        await ib.reqCurrentTimeAsync()
        assert heard == [(4000, 135)]

    play(tmp_path, scenario)


def test_an_ignored_cancel_is_silence_and_a_fill_may_win(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        for behavior in (CancelBehavior.IGNORED, CancelBehavior.FILL_WINS):
            stage.faults.next_order(OrderScript(fills=FillBehavior.NEVER, cancel=behavior))
        ignored, filled = await _place(stage, ib, _RESTING), await _place(stage, ib, _RESTING)
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
            await _place(stage, ib, _RESTING)
        one.reqGlobalCancel()
        await one.reqCurrentTimeAsync()
        stage.pass_time(1)
        assert stage.sim.core.exchange.working == ()

    play(tmp_path, scenario)


def test_a_day_order_dies_with_the_session_and_stays_among_the_completed(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        heard = _listen(ib)
        trade = await _place(stage, ib, _RESTING)
        gtc = await _place(stage, ib, _RESTING, tif="GTC")
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


def test_notices_follow_a_new_order_that_lives(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.notices = (10349, 399)
        ib = await stage.ib()
        heard = _listen(ib)
        trade = await _place(stage, ib, _RESTING)
        assert [code for _, code in heard] == [10349, 399]
        assert len(stage.sim.core.exchange.working) == 1
        stage.pass_time(1)
        await ib.reqCurrentTimeAsync()
        assert trade.orderStatus.status == "Submitted"

    play(tmp_path, scenario)


def test_trading_outside_the_session_is_ignored_for_a_combo_and_prices_of_legs_are_refused(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        heard = _listen(ib)
        await _place(stage, ib, _RESTING, outsideRth=True)
        priced = [stage.lib.OrderComboLeg(price=1.0) for _ in CONDOR]
        await _place(stage, ib, _RESTING, orderComboLegs=priced)
        assert [code for _, code in heard] == [2109, 10043]
        assert len(stage.sim.core.exchange.working) == 1

    play(tmp_path, scenario)


@pytest.mark.parametrize(("kind", "hours"), [("MKT", 0), ("MOC", 7)])
def test_market_orders_fill_at_once_or_at_the_close(tmp_path: Path, kind: str, hours: int) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        order = stage.lib.Order(action="BUY", totalQuantity=2, orderType=kind, tif="DAY", account=ACCOUNT)
        trade = ib.placeOrder(stage.option(spxw(6500, "P")), order)
        await ib.reqCurrentTimeAsync()
        stage.pass_time(1)
        await ib.reqCurrentTimeAsync()
        assert trade.orderStatus.status == ("Filled" if kind == "MKT" else "Submitted")
        stage.clock.advance(timedelta(hours=hours))
        stage.sim.step()
        await ib.reqCurrentTimeAsync()
        assert trade.orderStatus.status == "Filled"
        assert trade.orderStatus.avgFillPrice == trade.fills[0].execution.price > 0

    play(tmp_path, scenario)


def test_a_future_is_bought_on_its_exchange(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        stage.faults.next_order(AT_ONCE)
        ib.placeOrder(stage.lib.Future("ES", "202612", "CME"), stage.limit("BUY", 1, 7010.0))
        await ib.reqCurrentTimeAsync()
        stage.pass_time(1)
        await ib.reqCurrentTimeAsync()
        (position,) = ib.positions()
        assert (position.contract.secType, position.contract.localSymbol) == ("FUT", "ESZ6")
        assert position.avgCost == 7010.0 * 50

    play(tmp_path, scenario)


def test_an_order_half_filled_before_a_restart_goes_on_counting_after_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        order_id = new_order_id()
        stage.faults.for_order(order_id, OrderScript(fills=FillBehavior.PARTIAL, first_packages=1, delay_s=5))
        await _place(stage, ib, _CROSSING, 3, tif="GTC", orderRef=order_id)
        stage.pass_time(1)
        await stage.sim.stop()
        await stage.sim.start()
        again = await stage.ib()
        (trade,) = again.openTrades()
        assert trade.orderStatus.filled == 1
        stage.pass_time(6)
        await again.reqCurrentTimeAsync()
        whole = [fill.execution for fill in again.fills() if fill.contract.secType == "BAG"]
        assert [(one.shares, one.cumQty) for one in whole] == [(1, 1), (2, 3)]
        assert trade.orderStatus.status == "Filled"
        assert trade.orderStatus.avgFillPrice == pytest.approx(whole[0].price)

    play(tmp_path, scenario)


def test_the_permanent_id_may_come_late(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.perm_id_late = True
        ib = await stage.ib()
        trade = await _place(stage, ib, _RESTING)
        assert trade.order.permId == 0
        stage.pass_time(1)
        await ib.reqCurrentTimeAsync()
        record = stage.sim.state.records.find(17, trade.order.orderId)
        assert record is not None
        assert trade.order.permId == record.perm_id

    play(tmp_path, scenario)


def test_stock_and_equity_options_trade_too(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        stage.faults.next_order(AT_ONCE)
        stage.faults.next_order(AT_ONCE)
        stock = stage.lib.Stock("AAPL", "SMART", "USD")
        ib.placeOrder(stock, stage.limit("BUY", 100, 280.0))
        option = stage.lib.Option("AAPL", "20261218", 300.0, "C", "SMART", currency="USD")
        ib.placeOrder(option, stage.limit("SELL", 1, 1.0))
        await ib.reqCurrentTimeAsync()
        stage.pass_time(1)
        await ib.reqCurrentTimeAsync()
        assert {(p.contract.secType, p.position) for p in ib.positions()} == {("STK", 100), ("OPT", -1)}
        assert ib.positions()[0].account == ACCOUNT

    play(tmp_path, scenario)


# --- scripted failures of the wire --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "arrives", "answered"),
    [(Failure.DROP, False, False), (Failure.DONE_THEN_TIMEOUT, True, False), (Failure.REJECT, False, True)],
)
def test_a_submit_may_be_lost_or_its_answer_may(
    tmp_path: Path, failure: Failure, *, arrives: bool, answered: bool
) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        heard = _listen(ib)
        stage.faults.fail(Call.SUBMIT, CallFault(failure))
        trade = await _place(stage, ib, _RESTING)
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
        ib.placeOrder(stage.bag(CONDOR), stage.limit("BUY", 1, _RESTING))
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
        await _place(stage, ib, _RESTING)
        stage.pass_time(1)
        assert stage.sim.core.exchange.working == ()
        stage.pass_time(1)
        assert len(stage.sim.core.exchange.working) == 1

    play(tmp_path, scenario)


@pytest.mark.parametrize(("call", "code"), [(Call.REPLACE, 201), (Call.CANCEL, 161)])
def test_a_refused_change_or_cancel_leaves_the_order_working(tmp_path: Path, call: Call, code: int) -> None:
    async def scenario(stage: Stage) -> None:
        ib = await stage.ib()
        heard = _listen(ib)
        trade = await _place(stage, ib, _RESTING)
        stage.faults.fail(call, CallFault(Failure.REJECT))
        if call is Call.CANCEL:
            ib.client.cancelOrder(trade.order.orderId, "")
        else:
            changed = stage.limit("BUY", 1, _RESTING - 1, orderId=trade.order.orderId)
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


# --- orders of others -----------------------------------------------------------------------------------------------


def test_other_clients_orders_are_told_when_asked_for_and_without_an_order_id(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        one, two = await stage.ib(1), await stage.ib(2)
        trade = await _place(stage, one, _CROSSING)
        stage.faults.next_order(QUIET)
        resting = await _place(stage, one, _RESTING)
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
