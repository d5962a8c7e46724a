"""Cancels get through when nothing else does; a new price passes the price checks and is sent once."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from execution.storage import AuditKind
from models.enums import Action, OrderStatus, OrderType, TradingState
from models.errors import BrokerFailure, FailureKind, InvalidInput
from models.gate import DenialCode
from models.ids import BrokerOrderId, OrderId, new_order_id
from models.order import Order
from tests.execution.orders.builders import draft, leg, option, word
from tests.execution.orders.harness import Desk, run, settle

S = OrderStatus
NEW = Decimal("-1.75")


def failure(kind: FailureKind, *, unknown: bool = False) -> BrokerFailure:
    return BrokerFailure(kind, "No.", broker="PAPER", outcome_unknown=unknown)


def test_a_cancel_is_pending_until_the_broker_confirms() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        assert await desk.manager.cancel(ticket.order_id)
        assert desk.order(ticket).status is S.CANCEL_PENDING
        assert desk.storage.orders[ticket.order_id].status is S.CANCEL_PENDING
        await desk.told(ticket, S.CANCELLED)
        assert desk.order(ticket).status is S.CANCELLED
        assert desk.storage.journal == []
        assert desk.storage.kinds()[-2:] == [AuditKind.CANCEL_REQUESTED, AuditKind.STATUS]

    run(story())


@pytest.mark.parametrize("state", ["halted", "locked", "read_only", "disk full"])
def test_a_cancel_goes_out_whatever_state_the_desk_is_in(state: str) -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        desk.facts.trading_state = TradingState.HALTED if state == "halted" else TradingState.ACTIVE
        desk.facts.trading_unlocked = state != "locked"
        desk.facts.is_read_only = state == "read_only"
        if state == "disk full":
            desk.storage.fail_writes = set(range(1, 100))
        assert await desk.manager.cancel(ticket.order_id)
        assert len(desk.broker.cancelled) == 1

    run(story())


def test_a_refused_cancel_puts_the_order_back_to_work_with_the_reason() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        desk.broker.cancel_error = failure(FailureKind.REJECTED)
        await desk.manager.cancel(ticket.order_id)
        assert (desk.order(ticket).status, desk.order(ticket).reason) == (S.PENDING, "No.")
        desk.broker.cancel_error = None
        await desk.fill(ticket, 1)
        desk.broker.cancel_error = failure(FailureKind.REJECTED)
        await desk.manager.cancel(ticket.order_id)
        assert desk.order(ticket).status is S.PARTIAL

    run(story())


@pytest.mark.parametrize(
    "error",
    [TimeoutError(), failure(FailureKind.OFFLINE, unknown=True), failure(FailureKind.PROTOCOL), ValueError("?")],
    ids=repr,
)
def test_a_cancel_of_unknown_outcome_is_found_out_and_not_repeated(error: Exception) -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        desk.broker.cancel_error = error
        await desk.manager.cancel(ticket.order_id)
        assert desk.order(ticket).status is S.UNKNOWN
        desk.broker.finds = [(), (word(ticket, S.CANCELLED),)]
        await desk.sleep.pass_time(5)
        assert desk.order(ticket).status is S.CANCELLED
        assert len(desk.broker.cancelled) == 1

    run(story())


def test_a_cancel_during_the_submit_goes_out_when_the_brokers_id_is_known() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()
        gate = asyncio.Event()

        async def slow(_order: Order) -> None:
            await gate.wait()

        desk.broker.during_submit = slow
        sending = asyncio.create_task(desk.manager.send(ticket))
        await settle()
        assert not await desk.manager.cancel(ticket.order_id)
        assert desk.broker.cancelled == []
        gate.set()
        await sending
        await settle()
        assert [order.broker_order_id for order in desk.broker.cancelled] == ["B1"]
        assert desk.order(ticket).status is S.CANCEL_PENDING

    run(story())


def test_what_cannot_be_cancelled_is_said() -> None:
    async def story() -> None:
        desk = Desk()
        with pytest.raises(InvalidInput, match="no order"):
            await desk.manager.cancel(new_order_id())
        ticket = await desk.simulated()
        with pytest.raises(InvalidInput, match="nothing to cancel"):
            await desk.manager.cancel(ticket.order_id)

    run(story())


def test_cancel_all_counts_what_went_out() -> None:
    async def story() -> None:
        desk = Desk()
        tickets = [await desk.sent(draft((leg(option(7000), Action.SELL, size),), "-4.90")) for size in (1, 2, 3)]
        await desk.told(tickets[0], S.CANCELLED, broker_order_id=BrokerOrderId("B1"))
        assert await desk.manager.cancel_all() == 2
        assert {order.id for order in desk.broker.cancelled} == {ticket.order_id for ticket in tickets[1:]}

    run(story())


def test_an_outside_order_can_be_cancelled_too() -> None:
    async def story() -> None:
        desk = Desk()
        await desk.told(draft(), S.PENDING, order_id=None, broker_order_id=BrokerOrderId("TWS-9"))
        assert await desk.manager.cancel(OrderId("outside-TWS-9"))
        assert desk.broker.cancelled[0].broker_order_id == "TWS-9"
        assert await desk.manager.cancel_all() == 0
        await desk.told(draft(), S.CANCELLED, order_id=None, broker_order_id=BrokerOrderId("TWS-9"))
        with pytest.raises(InvalidInput, match="nothing to cancel"):
            await desk.manager.cancel(OrderId("outside-TWS-9"))

    run(story())


# --- a new price ------------------------------------------------------------------------------------------------------


def test_a_new_price_counts_when_the_broker_confirms_it() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        outcome = await desk.manager.replace(ticket.order_id, NEW)
        assert outcome.accepted
        assert desk.order(ticket).limit_price == Decimal("-1.85")
        await desk.told(ticket, S.PENDING, limit_price=NEW)
        assert desk.order(ticket).limit_price == NEW
        assert desk.window.says("New price", "CR 1.75")
        assert AuditKind.REPLACE_REQUESTED in desk.storage.kinds()

    run(story())


def test_a_broker_that_works_by_replacement_keeps_one_order_here() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.manager.replace(ticket.order_id, NEW)
        second = BrokerOrderId("B2")
        await desk.told(
            ticket, S.PENDING, limit_price=NEW, order_id=None, broker_order_id=second, replaces=BrokerOrderId("B1")
        )
        await desk.told(ticket, S.CANCELLED, order_id=None)
        assert (desk.order(ticket).status, desk.order(ticket).broker_order_id) == (S.PENDING, "B2")
        await desk.fill(ticket, 2, order_id=None, broker_order_id=second)
        assert desk.order(ticket).status is S.FILLED

    run(story())


def test_a_fill_that_beats_the_new_price_wins() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        desk.broker.replace_error = failure(FailureKind.REJECTED)
        await desk.fill(ticket, 2)
        outcome = await desk.manager.replace(ticket.order_id, NEW)
        assert not outcome.accepted
        assert desk.broker.replaced == []
        assert desk.order(ticket).status is S.FILLED

    run(story())


@pytest.mark.parametrize("price", ["-1.77", "1.85", "0", "-1.85"])
def test_a_new_price_that_makes_no_sense_is_a_problem(price: str) -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        outcome = await desk.manager.replace(ticket.order_id, Decimal(price))
        assert [problem.field for problem in outcome.problems] == ["limit_price"]
        assert desk.broker.replaced == []

    run(story())


def test_a_new_price_passes_the_price_checks_of_the_gate() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        collared = await desk.manager.replace(ticket.order_id, Decimal("-1.00"))
        assert {denial.code for denial in collared.denials} == {DenialCode.PRICE_COLLAR}
        desk.facts.age_s = 60.0
        stale = await desk.manager.replace(ticket.order_id, NEW)
        assert DenialCode.QUOTE_STALE in {denial.code for denial in stale.denials}
        desk.facts.age_s = 1.0
        desk.facts.trading_state = TradingState.HALTED
        halted = await desk.manager.replace(ticket.order_id, NEW)
        assert DenialCode.TRADING_HALTED in {denial.code for denial in halted.denials}
        assert desk.broker.replaced == []

    run(story())


@pytest.mark.parametrize("error", [TimeoutError(), failure(FailureKind.TIMEOUT), OSError("reset")], ids=repr)
def test_a_new_price_of_unknown_outcome_locks_and_asks(error: Exception) -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        desk.broker.replace_error = error
        await desk.manager.replace(ticket.order_id, NEW)
        assert desk.order(ticket).status is S.UNKNOWN
        desk.broker.finds = [(word(ticket, S.PENDING, limit_price=NEW),)]
        await desk.sleep.pass_time(1)
        assert (desk.order(ticket).status, desk.order(ticket).limit_price) == (S.PENDING, NEW)
        assert len(desk.broker.replaced) == 1

    run(story())


def test_a_refused_new_price_leaves_the_order_as_it_is() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        desk.broker.replace_error = failure(FailureKind.REJECTED)
        outcome = await desk.manager.replace(ticket.order_id, NEW)
        assert not outcome.accepted
        assert (desk.order(ticket).status, desk.order(ticket).limit_price) == (S.PENDING, Decimal("-1.85"))

    run(story())


def test_a_request_that_cannot_be_recorded_is_not_made() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        desk.storage.fail_writes = {desk.storage.writes + 1}
        assert not (await desk.manager.replace(ticket.order_id, NEW)).accepted
        assert desk.broker.replaced == []

    run(story())


def test_orders_without_a_price_to_change_are_refused() -> None:
    async def story() -> None:
        desk = Desk()
        market = await desk.sent(draft((leg(option(7000), Action.SELL),), None, order_type=OrderType.MARKET))
        assert "limit order" in ((await desk.manager.replace(market.order_id, NEW)).failure or "")
        assert "no order" in ((await desk.manager.replace(new_order_id(), NEW)).failure or "")
        desk.broker.capabilities = frozenset()
        assert "does not change" in ((await desk.manager.replace(market.order_id, NEW)).failure or "")

    run(story())


def test_a_double_click_on_a_new_price_asks_once() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        outcomes = await asyncio.gather(*(desk.manager.replace(ticket.order_id, NEW) for _ in range(20)))
        assert [outcome.accepted for outcome in outcomes].count(True) == 1
        assert len(desk.broker.replaced) == 1
        await desk.told(ticket, S.PENDING, limit_price=NEW)
        assert (await desk.manager.replace(ticket.order_id, Decimal("-1.80"))).accepted

    run(story())
