"""The broker's events in any order, any number of times, before and after `submit` returned."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.brokers.port import ExecutionEvent, FeeEvent, OddObjectEvent, OrderEvent
from execution.storage import AuditKind
from models.enums import Action, OrderStatus, TradingState
from models.errors import BrokerFailure, FailureKind
from models.ids import BrokerOrderId, ExecutionId, OrderId
from models.order import Order
from models.trade import Execution
from tests.execution.orders.builders import NOW, condor, draft, execution_of, fills_of, leg, option, word
from tests.execution.orders.fake_broker import EMPTY_SNAPSHOT
from tests.execution.orders.harness import Desk, run

S = OrderStatus


def test_a_combo_fills_package_by_package_and_leg_by_leg() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        for number, execution in enumerate(fills_of(ticket, 1, "a")):
            await desk.manager.apply(ExecutionEvent(execution))
            assert desk.order(ticket).filled_packages == (1 if number == 3 else 0)
        assert desk.order(ticket).status is S.PARTIAL
        await desk.fill(ticket, 1, "b")
        order = desk.order(ticket)
        assert (order.status, order.filled_packages, order.filled_at) == (S.FILLED, 2, NOW)
        assert order.fill_prices is not None
        assert order.fill_prices[option(7000).key] == Decimal("4.95")
        assert desk.window.says("Filled 1 of 2 SPXW iron condor at CR 1.85, the rest is working.")
        assert desk.window.says("Filled 2 of 2 SPXW iron condor at CR 1.85.")
        assert desk.window.statuses(ticket.order_id) == [S.SIMULATED, S.PENDING, S.PARTIAL, S.FILLED]

    run(story())


def test_a_fill_is_durable_before_anybody_hears_of_it() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        desk.storage.trail.clear()
        lines = len(desk.window.notices)
        desk.storage.fail_writes = {desk.storage.writes + 1}
        execution = fills_of(ticket, 2)[0]
        await desk.manager.apply(ExecutionEvent(execution))
        assert desk.order(ticket).status is S.PENDING
        assert desk.facts.trading_state is TradingState.HALTED
        assert not any("Filled" in str(notice) for notice in desk.window.notices[lines:])
        for other in fills_of(ticket, 2)[1:]:
            await desk.manager.apply(ExecutionEvent(other))
        assert desk.order(ticket).status is S.FILLED
        assert desk.storage.trail[0] == "execution"
        assert len(desk.storage.executions) == 4
        assert len(desk.storage.journal) == 1

    run(story())


def test_events_before_submit_returned_are_joined_by_the_brokers_id() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()

        async def eager(_order: Order) -> None:
            for execution in fills_of(ticket, 2, order_id=None):
                await desk.manager.apply(ExecutionEvent(execution))
            await desk.told(ticket, S.FILLED, order_id=None, filled_packages=2)

        desk.broker.during_submit = eager
        assert (await desk.manager.send(ticket)).accepted
        assert desk.order(ticket).status is S.FILLED
        assert desk.window.shown().foreign == frozenset()
        assert [entry.order_id for entry in desk.storage.journal] == [ticket.order_id]

    run(story())


def test_events_that_echo_our_id_before_submit_returned_are_taken_at_once() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()

        async def eager(_order: Order) -> None:
            await desk.told(ticket, S.PENDING)
            await desk.fill(ticket, 2)
            assert desk.order(ticket).status is S.FILLED

        desk.broker.during_submit = eager
        await desk.manager.send(ticket)
        assert desk.order(ticket).status is S.FILLED
        assert len(desk.storage.journal) == 1

    run(story())


def test_a_timeout_after_the_broker_has_spoken_is_not_unknown() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()

        async def spoken(_order: Order) -> None:
            await desk.told(ticket, S.PENDING)

        desk.broker.during_submit = spoken
        desk.broker.submit_error = TimeoutError()
        await desk.manager.send(ticket)
        assert desk.order(ticket).status is S.PENDING
        assert desk.order(ticket).broker_order_id == "B1"

    run(story())


def test_unknown_ids_that_were_not_ours_are_outside_orders_once_submit_has_returned() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()
        stranger = word(draft(), S.PENDING, order_id=None, broker_order_id=BrokerOrderId("TWS-9"))

        async def eager(_order: Order) -> None:
            await desk.manager.apply(OrderEvent(stranger))
            assert desk.window.shown().foreign == frozenset()

        desk.broker.during_submit = eager
        await desk.manager.send(ticket)
        assert desk.window.shown().foreign == frozenset({OrderId("outside-TWS-9")})

    run(story())


def test_fills_of_an_order_the_desk_lost_are_its_own_once_it_is_found() -> None:
    async def story() -> None:
        desk = Desk()
        desk.broker.submit_error = TimeoutError()
        ticket = await desk.simulated()
        await desk.manager.send(ticket)
        for execution in fills_of(ticket, 2, order_id=None):
            await desk.manager.apply(ExecutionEvent(execution))
        desk.broker.finds = [(word(ticket, S.FILLED, filled_packages=2),)]
        await desk.sleep.pass_time(60)
        assert desk.order(ticket).status is S.FILLED
        assert sum(len(entry.legs) for entry in desk.storage.journal) == 4

    run(story())


def test_a_fill_while_the_cancel_is_pending_counts_and_the_cancel_goes_on() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.manager.cancel(ticket.order_id)
        await desk.fill(ticket, 1)
        assert (desk.order(ticket).status, desk.order(ticket).filled_packages) == (S.CANCEL_PENDING, 1)
        await desk.told(ticket, S.CANCELLED, filled_packages=1)
        assert desk.order(ticket).status is S.CANCELLED
        assert [entry.status.value for entry in desk.storage.journal] == ["PARTIAL"]
        assert desk.window.says("Cancelled after a part", "1 of 2")

    run(story())


def test_a_cancel_that_loses_to_the_fill_ends_filled() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()

        async def too_late(_order: Order) -> None:
            await desk.fill(ticket, 2)

        desk.broker.during_cancel = too_late
        desk.broker.cancel_error = BrokerFailure(FailureKind.REJECTED, "Filled already.", broker="PAPER")
        await desk.manager.cancel(ticket.order_id)
        assert desk.order(ticket).status is S.FILLED
        assert len(desk.storage.journal) == 1

    run(story())


def test_an_overfill_is_booked_told_and_halts() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.fill(ticket, 2, "a")
        await desk.fill(ticket, 1, "b")
        assert len(desk.storage.executions) == 8
        assert desk.facts.trading_state is TradingState.HALTED
        assert len(desk.halts) == 1
        assert desk.storage.kinds().count(AuditKind.OVERFILL) == 1
        other = draft((leg(option(7000), Action.SELL),), "-4.90")
        await desk.manager.simulate(other)
        assert not (await desk.manager.send(other)).accepted
        await desk.sleep.pass_time(60)
        assert sum(leg.quantity for entry in desk.storage.journal for leg in entry.legs) == 12

    run(story())


def test_unbalanced_legs_are_reported_after_half_a_minute() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.manager.apply(ExecutionEvent(fills_of(ticket, 1)[0]))
        await desk.sleep.pass_time(29)
        assert not desk.window.says("unequally filled")
        await desk.sleep.pass_time(2)
        assert desk.window.says("unequally filled", "1 of 2 SPXW 12 Jun 26 6900 P", "0 of 2 SPXW 12 Jun 26 7000 P")

    run(story())


def test_a_broker_that_says_filled_without_executions_is_asked_for_them() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.told(ticket, S.FILLED, filled_packages=2)
        assert desk.order(ticket).status is S.PENDING
        desk.broker.snapshot_value = replace(EMPTY_SNAPSHOT, executions=tuple(fills_of(ticket, 2, order_id=None)))
        await desk.sleep.pass_time(6)
        assert desk.order(ticket).status is S.FILLED
        assert len(desk.storage.journal) == 1

    run(story())


def test_fees_come_late_and_are_never_zero_by_default() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        fills = await desk.fill(ticket, 2)
        assert desk.storage.fees == {}
        await desk.manager.apply(FeeEvent(ticket.account_id, fills[0].execution_id, Decimal("1.30")))
        await desk.manager.apply(ExecutionEvent(replace(fills[1], fee=Decimal("1.31"))))
        assert desk.storage.fees == {fills[0].execution_id: "1.30", fills[1].execution_id: "1.31"}
        assert desk.order(ticket).status is S.FILLED

    run(story())


def test_an_outside_order_is_shown_as_foreign_and_journaled_as_external() -> None:
    async def story() -> None:
        desk = Desk()
        theirs = draft(condor(1))
        broker_id = BrokerOrderId("TWS-9")
        facts: dict[str, Any] = {"order_id": None, "broker_order_id": broker_id}
        await desk.told(theirs, S.PENDING, **facts)
        await desk.fill(theirs, 1, **facts)
        assert desk.storage.journal == []
        await desk.told(theirs, S.FILLED, filled_packages=1, **facts)
        (entry,) = desk.storage.journal
        assert (entry.order_id, entry.broker_order_id, entry.tags) == (None, broker_id, ("external",))
        assert len(entry.legs) == 4
        shown = desk.window.shown()
        assert shown.foreign == {shown.orders[0].id}
        assert shown.orders[0].status is S.FILLED
        await desk.sleep.pass_time(60)
        assert len(desk.storage.journal) == 1

    run(story())


def test_outside_fills_without_their_order_are_gathered_into_one_row() -> None:
    async def story() -> None:
        desk = Desk()
        await desk.fill(draft(condor(1)), 1, order_id=None, broker_order_id=BrokerOrderId("TWS-9"))
        assert desk.storage.journal == []
        await desk.sleep.pass_time(6)
        assert [len(entry.legs) for entry in desk.storage.journal] == [4]

    run(story())


def test_a_failing_snapshot_leaves_the_order_waiting() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.told(ticket, S.FILLED, filled_packages=2)
        await desk.sleep.pass_time(60)
        await desk.manager.idle()
        assert desk.order(ticket).status is S.PENDING
        assert "have not arrived" in (desk.order(ticket).reason or "")

    run(story())


# --- order, repetition, correction: the end is the truth -------------------------------------------------------------


def corrected(execution: Execution, revision: int) -> Execution:
    cents = Decimal(revision) / 100
    return replace(execution, revision=revision, price=execution.price + cents)


@st.composite
def _stories(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    """Deliveries (batch, leg, revision) of two packages' executions: every final revision once, others by chance."""
    finals = {(batch, number): draw(st.integers(1, 3)) for batch in range(2) for number in range(4)}
    deliveries = [(batch, number, revision) for (batch, number), revision in finals.items()]
    extra = draw(st.lists(st.sampled_from(sorted(finals)), max_size=12))
    deliveries += [(*key, draw(st.integers(1, finals[key]))) for key in extra]
    return draw(st.permutations(deliveries))


@settings(max_examples=60, deadline=None)
@given(deliveries=_stories(), words=st.lists(st.sampled_from([S.PENDING, S.PARTIAL, S.FILLED]), max_size=4))
def test_duplicates_disorder_and_corrections_end_at_the_truth(
    deliveries: list[tuple[int, int, int]], words: list[OrderStatus]
) -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        fills = [fills_of(ticket, 1, str(batch)) for batch in range(2)]
        for position, (batch, number, revision) in enumerate(deliveries):
            await desk.manager.apply(ExecutionEvent(corrected(fills[batch][number], revision)))
            if position < len(words):
                await desk.told(ticket, words[position])
        newest: dict[ExecutionId, Execution] = {}
        for batch, number, revision in deliveries:
            execution = corrected(fills[batch][number], revision)
            if execution.execution_id not in newest or newest[execution.execution_id].revision < revision:
                newest[execution.execution_id] = execution
        order = desk.order(ticket)
        assert (order.status, order.filled_packages) == (S.FILLED, 2)
        stored = {key[1]: each for key, each in desk.storage.executions.items()}
        assert {key: (each.revision, each.price) for key, each in stored.items()} == {
            key: (each.revision, each.price) for key, each in newest.items()
        }
        for each in ticket.legs:
            prices = [done.price for done in newest.values() if done.contract.key == each.contract.key]
            assert order.fill_prices is not None
            assert order.fill_prices[each.contract.key] == sum(prices) / 2
        paid = -sum(done.cash_effect for done in newest.values())
        assert sum(entry.net_debit_credit or 0 for entry in desk.storage.journal) == paid
        assert [entry.status.value for entry in desk.storage.journal].count("FILLED") == 1
        await desk.manager.close()

    run(story())


@pytest.mark.parametrize("seed", range(3))
def test_concurrent_events_are_taken_one_at_a_time(seed: int) -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        events = [ExecutionEvent(each) for each in (*fills_of(ticket, 1, "a"), *fills_of(ticket, 1, "b"))]
        shuffled = events[seed:] + events[:seed]
        await asyncio.gather(*(desk.manager.apply(event) for event in shuffled for _ in range(3)))
        assert desk.order(ticket).status is S.FILLED
        assert len(desk.storage.executions) == 8
        assert len(desk.storage.journal) == 1
        assert execution_of(ticket.legs[0], "x").quantity == 2

    run(story())


def test_a_corrected_outside_fill_is_told_and_gets_a_row_with_the_difference() -> None:
    async def story() -> None:
        desk = Desk()
        theirs = fills_of(draft(condor(1)), 1, order_id=None, broker_order_id=BrokerOrderId("TWS-9"))
        for execution in theirs:
            await desk.manager.apply(ExecutionEvent(execution))
        await desk.sleep.pass_time(6)
        await desk.manager.apply(ExecutionEvent(corrected(theirs[0], 2)))
        await desk.sleep.pass_time(6)
        assert [entry.tags for entry in desk.storage.journal] == [("external",), ("external", "correction")]
        assert desk.storage.journal[1].net_debit_credit == Decimal("2.00")

    run(story())


def test_a_fee_that_cannot_be_booked_halts_and_is_told() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        fills = await desk.fill(ticket, 2)
        desk.storage.fail_writes = {desk.storage.writes + 1}
        await desk.manager.apply(FeeEvent(ticket.account_id, fills[0].execution_id, Decimal("1.30")))
        assert desk.halts
        assert desk.window.says("Could not record the fee", "disk is full")

    run(story())


def test_a_refusal_after_a_fill_does_not_undo_the_fill() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()

        async def fills_anyway(_order: Order) -> None:
            await desk.fill(ticket, 1)

        desk.broker.during_submit = fills_anyway
        desk.broker.submit_error = BrokerFailure(FailureKind.REJECTED, "No.", broker="PAPER")
        outcome = await desk.manager.send(ticket)
        assert outcome.accepted
        assert (desk.order(ticket).status, desk.order(ticket).filled_packages) == (S.PARTIAL, 1)

    run(story())


def test_events_that_are_not_about_orders_pass_by() -> None:
    async def story() -> None:
        desk = Desk()
        await desk.manager.apply(OddObjectEvent("feed", "?"))
        assert (desk.storage.writes, desk.window.notices) == (0, [])

    run(story())


def test_an_execution_of_a_contract_the_order_does_not_have_halts() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        stray = execution_of(leg(option(6500), Action.BUY), "stray", order_id=ticket.order_id)
        await desk.manager.apply(ExecutionEvent(stray))
        assert len(desk.storage.executions) == 1
        assert desk.facts.trading_state is TradingState.HALTED

    run(story())
