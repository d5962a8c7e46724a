"""Commands that cross each other, databases that are stuck, and what happens outside the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from execution.brokers.port import ExecutionEvent, OrderEvent
from execution.storage import AuditRecord
from models.contract import underlying_contract
from models.enums import Action, BrokerName, OrderStatus, TradingState
from models.errors import KnownError
from models.gate import DenialCode
from models.ids import OrderId
from models.order import Order
from models.position import UnifiedPosition
from tests.execution.orders.builders import ACCOUNT, NOW, condor, draft, execution_of, fills_of, leg, option, word
from tests.execution.orders.fake_broker import EMPTY_SNAPSHOT
from tests.execution.orders.harness import Desk, run, settle

S = OrderStatus


def test_cancels_leave_at_once_although_the_database_is_stuck() -> None:
    async def story() -> None:
        desk = Desk()
        tickets = [await desk.sent(draft(price=price)) for price in ("-1.80", "-1.85", "-1.90")]
        save, free = desk.storage.save_order, asyncio.Event()

        async def stuck(order: Order, broker: BrokerName, audit: Sequence[AuditRecord]) -> None:
            await free.wait()
            await save(order, broker, audit)

        desk.storage.save_order = stuck  # type: ignore[method-assign]  # a rival holds the file
        cancelling = asyncio.create_task(desk.manager.cancel_all())
        await settle()
        assert {order.id for order in desk.broker.cancelled} == {ticket.order_id for ticket in tickets}
        free.set()
        assert await cancelling == 3
        assert all(desk.storage.orders[ticket.order_id].status is S.CANCEL_PENDING for ticket in tickets)

    run(story())


def test_cancel_all_stops_an_order_whose_intent_is_just_being_committed() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()

        async def cancel_all() -> None:
            assert await desk.manager.cancel_all() == 0

        desk.storage.on_intent = cancel_all
        outcome = await desk.manager.send(ticket)
        assert not outcome.accepted
        assert "cancelled before it left" in (outcome.failure or "")
        assert desk.broker.submitted == []
        assert desk.order(ticket).status is S.REJECTED

    run(story())


def test_cancel_all_before_a_ticket_is_sent_does_not_stop_it_for_ever() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()
        await desk.manager.cancel_all()
        assert (await desk.manager.send(ticket)).accepted
        await settle()
        assert desk.broker.cancelled == []

    run(story())


def test_one_cancel_that_breaks_keeps_none_of_the_others_back() -> None:
    async def story() -> None:
        desk = Desk()
        first, second = await desk.sent(draft(price="-1.80")), await desk.sent(draft(price="-1.90"))
        save = desk.storage.save_order

        async def burst(order: Order, broker: BrokerName, audit: Sequence[AuditRecord]) -> None:
            if order.id == first.order_id:
                raise ZeroDivisionError("a bug")
            await save(order, broker, audit)

        desk.storage.save_order = burst  # type: ignore[method-assign]  # a bug in the database
        assert await desk.manager.cancel_all() == 1
        assert len(desk.broker.cancelled) == 2
        assert desk.order(second).status is S.CANCEL_PENDING
        assert desk.window.says("was not cancelled", "a bug")

    run(story())


def test_an_outside_cancel_without_an_answer_is_told_as_such() -> None:
    async def story() -> None:
        desk = Desk()
        await desk.manager.apply(OrderEvent(word(draft(), S.PENDING, order_id=None, broker_order_id="X9")))
        desk.broker.cancel_error = TimeoutError()
        with pytest.raises(KnownError, match="not known whether the cancel arrived"):
            await desk.manager.cancel(OrderId("outside-X9"))

    run(story())


def test_what_an_outside_order_is_closing_already_cannot_be_closed_again() -> None:
    async def story() -> None:
        desk = Desk()
        held = condor()[0].contract
        desk.facts.held = [UnifiedPosition(BrokerName.PAPER, ACCOUNT, held, Decimal(2), Decimal(3), at_utc=NOW)]
        closing = draft((leg(held, Action.SELL, 2),), "-4.00")
        assert (await desk.manager.simulate(closing)).warnings == ()
        theirs = word(draft((leg(held, Action.SELL, 1),), "-4.05"), S.PENDING, order_id=None, broker_order_id="X9")
        await desk.manager.apply(OrderEvent(theirs))
        outcome = await desk.manager.send(closing)
        assert {denial.code for denial in outcome.denials} == {DenialCode.CLOSE_FLIPS_POSITION}

    run(story())


def test_an_order_the_broker_had_is_settled_as_cancelled_and_its_fills_are_journaled() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.fill(ticket, 1)
        await desk.recover()
        assert desk.order(ticket).status is S.UNKNOWN
        await desk.sleep.pass_time(60)
        await desk.manager.declare_not_sent(ticket.order_id)
        assert desk.order(ticket).status is S.CANCELLED
        await desk.sleep.pass_time(10)
        assert len(desk.storage.journal) == 1

    run(story())


def test_a_fraction_of_a_share_from_outside_is_journaled_as_it_is() -> None:
    async def story() -> None:
        desk = Desk()
        reinvested = execution_of(
            leg(underlying_contract("AAPL"), Action.BUY, 1), "D1", quantity=Decimal("0.4371"), broker_order_id=None
        )
        await desk.manager.apply(ExecutionEvent(reinvested))
        await desk.sleep.pass_time(10)
        (entry,) = desk.storage.journal
        assert entry.legs[0].quantity == Decimal("0.4371")

    run(story())


def test_a_fee_that_was_told_while_the_line_was_down_comes_with_the_reconcile() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        fills = fills_of(ticket, 2)
        for fill in fills:
            await desk.manager.apply(ExecutionEvent(fill))
        assert desk.storage.fees == {}
        told = tuple(replace(fill, fee=Decimal("0.65")) for fill in fills)
        filled = word(ticket, S.FILLED, filled_packages=2)
        await desk.recover(replace(EMPTY_SNAPSHOT, executions=told, completed_orders=(filled,)))
        assert set(desk.storage.fees.values()) == {"0.65"}
        assert len(desk.storage.fees) == len(fills)
        assert len(desk.storage.journal) == 1

    run(story())


def test_a_desk_that_only_looks_on_shows_fills_and_complains_of_nothing() -> None:
    async def story() -> None:
        desk = Desk()
        desk.storage.is_read_only = True
        desk.storage.fail_writes = set(range(1, 100))
        theirs = draft()
        await desk.manager.apply(OrderEvent(word(theirs, S.PENDING, order_id=None)))
        for fill in fills_of(theirs, 2, order_id=None):
            await desk.manager.apply(ExecutionEvent(fill))
        await desk.manager.apply(OrderEvent(word(theirs, S.FILLED, order_id=None, filled_packages=2)))
        await desk.sleep.pass_time(20)
        assert desk.halts == []
        assert not desk.manager.has_unwritten
        assert not desk.window.says("Could not record")
        assert desk.manager.orders()[0].status is S.FILLED

    run(story())


def test_work_that_is_done_is_not_kept() -> None:
    async def story() -> None:
        desk = Desk()
        for number in range(20):
            fill = execution_of(leg(option(7000), Action.BUY, 1), f"X{number}", broker_order_id=None)
            await desk.manager.apply(ExecutionEvent(fill))
        await desk.sleep.pass_time(10)
        assert len(desk.storage.journal) == 20
        await desk.manager.idle()
        assert desk.manager._timers._tasks == {}

    run(story())


def test_a_halt_while_a_new_price_is_being_recorded_keeps_the_price_here() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        save = desk.storage.save_order

        async def meanwhile(order: Order, broker: BrokerName, audit: Sequence[AuditRecord]) -> None:
            desk.facts.trading_state = TradingState.HALTED
            await save(order, broker, audit)

        desk.storage.save_order = meanwhile  # type: ignore[method-assign]  # somebody presses the switch
        outcome = await desk.manager.replace(ticket.order_id, Decimal("-1.90"))
        assert {denial.code for denial in outcome.denials} == {DenialCode.TRADING_HALTED}
        assert desk.broker.replaced == []

    run(story())
