"""Start-up after any end: nothing is sent, nothing is lost, what is not known is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from execution.brokers.port import ExecutionEvent
from models.enums import OrderStatus, TradingState
from models.errors import BrokerFailure, FailureKind, InvalidInput
from models.gate import DenialCode
from models.ids import BrokerOrderId, new_order_id
from models.order import Order
from tests.execution.orders.builders import ACCOUNT, draft, fills_of, word
from tests.execution.orders.fake_broker import EMPTY_SNAPSHOT
from tests.execution.orders.harness import Desk, run, settle

S = OrderStatus


class Crash(BaseException):
    """The process dies here."""


def test_tickets_that_were_not_sent_stay_unsent_and_say_so() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()
        desk.start()
        await desk.recover()
        order = desk.order(ticket)
        assert order.status is S.SIMULATED
        assert "Not sent" in (order.reason or "")
        assert desk.window.shown().orders == (order,)
        assert not (await desk.manager.send(ticket)).accepted
        await desk.sleep.pass_time(600)
        assert desk.broker.submitted == []

    run(story())


def test_a_crash_between_intent_and_submit_is_found_out_and_never_sent_again() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()
        desk.broker.submit_error = Crash()
        with pytest.raises(Crash):
            await desk.manager.send(ticket)
        desk.broker.submit_error = None
        desk.start()
        await desk.recover()
        assert desk.order(ticket).status is S.UNKNOWN
        other = await desk.simulated(draft(price="-1.80"))
        denied = await desk.manager.send(other)
        assert DenialCode.SYMBOL_LOCKED in {denial.code for denial in denied.denials}
        await desk.sleep.pass_time(120)
        await desk.manager.idle()
        assert desk.order(ticket).status is S.UNKNOWN
        assert len(desk.broker.submitted) == 1

    run(story())


@pytest.mark.parametrize("echoes_our_id", [True, False])
def test_a_crash_after_the_submit_adopts_the_order_and_its_fills(echoes_our_id: bool) -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()
        desk.broker.submit_error = Crash()
        with pytest.raises(Crash):
            await desk.manager.send(ticket)
        desk.start()
        fills = tuple(fills_of(ticket, 2, order_id=ticket.order_id if echoes_our_id else None))
        told = word(ticket, S.FILLED, filled_packages=2)
        await desk.recover(replace(EMPTY_SNAPSHOT, completed_orders=(told,), executions=fills))
        assert desk.order(ticket).status is S.FILLED
        assert len(desk.storage.executions) == 4
        assert len(desk.storage.journal) == 1
        assert len(desk.broker.submitted) == 1

    run(story())


@pytest.mark.parametrize("crash_at", range(1, 16))
def test_a_crash_at_any_write_loses_and_doubles_nothing(crash_at: int) -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()
        fills = [*fills_of(ticket, 1, "a"), *fills_of(ticket, 1, "b")]
        desk.storage.fail_writes = set(range(desk.storage.writes + crash_at, 1000))
        await desk.manager.send(ticket)
        for execution in fills:
            await desk.manager.apply(ExecutionEvent(execution))
        was_sent = bool(desk.broker.submitted)
        desk.storage.fail_writes = set()
        desk.start()
        desk.facts.trading_state = TradingState.ACTIVE
        told = (word(ticket, S.FILLED, filled_packages=2),) if was_sent else ()
        there = replace(EMPTY_SNAPSHOT, completed_orders=told, executions=tuple(fills) if was_sent else ())
        await desk.recover(there)
        await desk.recover(there)
        assert len(desk.broker.submitted) == len(desk.storage.intents)
        assert len(desk.storage.executions) == (8 if was_sent else 0)
        assert len(desk.storage.journal) == (1 if was_sent else 0)
        assert desk.order(ticket).status is (S.FILLED if was_sent else S.SIMULATED)

    run(story())


def test_a_reconnect_takes_up_fills_made_while_away() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.fill(ticket, 1, "a")
        fills = (*fills_of(ticket, 1, "a"), *fills_of(ticket, 1, "b"))
        told = word(ticket, S.FILLED, filled_packages=2)
        await desk.recover(replace(EMPTY_SNAPSHOT, completed_orders=(told,), executions=fills))
        assert desk.order(ticket).status is S.FILLED
        assert [entry.status.value for entry in desk.storage.journal] == ["FILLED"]

    run(story())


def test_a_reconnect_during_a_submit_does_not_call_the_order_missing() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated()

        async def reconnect(_order: Order) -> None:
            await desk.recover()
            assert desk.order(ticket).status is S.PENDING

        desk.broker.during_submit = reconnect
        assert (await desk.manager.send(ticket)).accepted
        assert desk.order(ticket).status is S.PENDING

    run(story())


def test_outside_fills_known_from_before_are_not_journaled_again() -> None:
    async def story() -> None:
        desk = Desk()
        fills = fills_of(draft(), 1, order_id=None, broker_order_id=BrokerOrderId("TWS"))
        there = replace(EMPTY_SNAPSHOT, executions=tuple(fills))
        await desk.recover(there)
        assert len(desk.storage.journal) == 1
        desk.start()
        await desk.recover(there)
        assert len(desk.storage.journal) == 1
        assert len(desk.storage.executions) == 4

    run(story())


def test_a_late_fill_recorded_but_not_journaled_gets_its_row_at_the_next_start() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.fill(ticket, 1, "a")
        await desk.told(ticket, S.CANCELLED, filled_packages=1)
        late = fills_of(ticket, 1, "b")
        desk.storage.fail_writes = {
            desk.storage.writes + number for number in (2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15, 16)
        }
        for execution in late:
            await desk.manager.apply(ExecutionEvent(execution))
        desk.storage.fail_writes = set()
        desk.start()
        await desk.recover(replace(EMPTY_SNAPSHOT, executions=tuple(late)))
        assert [entry.tags for entry in desk.storage.journal] == [(), ("late_fill",)]
        assert sum(each.quantity for entry in desk.storage.journal for each in entry.legs) == 8

    run(story())


def test_orders_of_an_earlier_run_count_towards_the_rate() -> None:
    async def story() -> None:
        desk = Desk()
        desk.facts.caps = replace(desk.facts.caps, max_orders_per_minute=1)
        ticket = await desk.sent()
        desk.start()
        await desk.recover(replace(EMPTY_SNAPSHOT, open_orders=(word(ticket, S.PENDING),)))
        other = await desk.simulated(draft(price="-1.80"))
        denied = await desk.manager.send(other)
        assert {denial.code for denial in denied.denials} == {DenialCode.ORDER_RATE}
        desk.clock.advance(timedelta(seconds=61))
        await desk.sent(draft(price="-1.80"))

    run(story())


def test_every_difference_is_told() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.told(ticket, S.CANCELLED)
        await desk.recover(replace(EMPTY_SNAPSHOT, open_orders=(word(ticket, S.PENDING),)))
        assert desk.window.says(ACCOUNT, "works at the broker. Cancel it there.")

    run(story())


def test_without_word_of_what_is_journaled_an_order_with_a_row_counts_as_journaled() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        await desk.fill(ticket, 1)
        await desk.told(ticket, S.CANCELLED, filled_packages=1)
        loaded = replace(await desk.storage.load([ACCOUNT]), journaled=None)
        desk.storage.journaled.clear()
        await desk.start().recover(loaded, EMPTY_SNAPSHOT)
        assert len(desk.storage.journal) == 1

    run(story())


def test_a_fill_corrected_while_away_gets_a_row_without_a_made_up_difference() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        fills = await desk.fill(ticket, 2)
        key = (fills[0].account_id, fills[0].execution_id)
        desk.storage.executions[key] = replace(desk.storage.executions[key], revision=2)
        desk.start()
        await desk.recover()
        assert [(entry.tags, entry.net_debit_credit) for entry in desk.storage.journal[1:]] == [(("correction",), None)]
        desk.start()
        await desk.recover()
        assert len(desk.storage.journal) == 2

    run(story())


# --- asking again -----------------------------------------------------------------------------------------------------


def test_check_asks_once_more_and_adopts_what_it_finds() -> None:
    async def story() -> None:
        desk = Desk()
        desk.broker.submit_error = TimeoutError()
        ticket = await desk.simulated()
        await desk.manager.send(ticket)
        await desk.sleep.pass_time(120)
        await desk.manager.check(ticket.order_id)
        assert desk.window.says("does not know", "nothing is resent")
        desk.broker.finds = [(word(ticket, S.FILLED, filled_packages=2),)]
        desk.broker.snapshot_value = replace(EMPTY_SNAPSHOT, executions=tuple(fills_of(ticket, 2)))
        await desk.manager.check(ticket.order_id)
        assert desk.order(ticket).status is S.FILLED
        assert len(desk.broker.submitted) == 1

    run(story())


def test_check_says_when_the_broker_cannot_be_asked() -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.sent()
        desk.broker.finds = [BrokerFailure(FailureKind.OFFLINE, "The line is down.", broker="PAPER")]
        await desk.manager.check(ticket.order_id)
        assert desk.window.says("could not be asked", "The line is down.")
        with pytest.raises(InvalidInput, match="no order"):
            await desk.manager.check(new_order_id())

    run(story())


def test_a_search_goes_on_through_a_dead_line_and_ends_when_the_broker_answers() -> None:
    async def story() -> None:
        desk = Desk()
        desk.broker.submit_error = TimeoutError()
        ticket = await desk.simulated()
        down = BrokerFailure(FailureKind.OFFLINE, "The line is down.", broker="PAPER")
        desk.broker.finds = [down, down, (), (word(ticket, S.PENDING),)]
        await desk.manager.send(ticket)
        await desk.sleep.pass_time(6.5)
        assert desk.order(ticket).status is S.UNKNOWN
        await desk.sleep.pass_time(1)
        assert desk.order(ticket).status is S.PENDING
        await settle()
        assert len(desk.broker.found_for) == 4

    run(story())


def test_a_search_that_never_reached_the_broker_says_so() -> None:
    async def story() -> None:
        desk = Desk()
        desk.broker.submit_error = TimeoutError()
        desk.broker.finds = [BrokerFailure(FailureKind.OFFLINE, "Down.", broker="PAPER")]
        ticket = await desk.simulated()
        await desk.manager.send(ticket)
        await desk.sleep.pass_time(120)
        assert desk.window.says("could not be asked", "stay locked")

    run(story())


# --- the user's word --------------------------------------------------------------------------------------------------


def test_an_order_is_declared_not_sent_only_after_the_grace_and_only_when_the_broker_lacks_it() -> None:
    async def story() -> None:
        desk = Desk()
        desk.broker.submit_error = TimeoutError()
        ticket = await desk.simulated()
        await desk.manager.send(ticket)
        with pytest.raises(InvalidInput, match="still be on its way"):
            await desk.manager.declare_not_sent(ticket.order_id)
        await desk.sleep.pass_time(120)
        await desk.manager.declare_not_sent(ticket.order_id)
        assert desk.order(ticket).status is S.REJECTED
        desk.broker.submit_error = None
        await desk.sent(draft(price="-1.80"))
        with pytest.raises(InvalidInput, match="unknown outcome"):
            await desk.manager.declare_not_sent(ticket.order_id)
        await desk.fill(ticket, 2, broker_order_id=BrokerOrderId("B9"))
        assert desk.order(ticket).status is S.FILLED

    run(story())


def test_a_declaration_yields_to_what_the_broker_knows() -> None:
    async def story() -> None:
        desk = Desk()
        desk.broker.submit_error = TimeoutError()
        ticket = await desk.simulated()
        await desk.manager.send(ticket)
        await desk.sleep.pass_time(120)
        desk.broker.finds = [(word(ticket, S.PENDING),)]
        await desk.manager.declare_not_sent(ticket.order_id)
        assert desk.order(ticket).status is S.PENDING

    run(story())
