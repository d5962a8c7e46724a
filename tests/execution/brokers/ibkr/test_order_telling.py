"""What the desk is told: executions, fees, snapshots, each once."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from execution.brokers.ibkr.facts import CommissionFact
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.port import ExecutionEvent, FeeEvent, OddObjectEvent, OrderEvent
from models.enums import OrderStatus, TimeInForce
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId, new_order_id
from tests.execution.brokers.ibkr.order_kit import (
    CLIENT,
    FAST,
    OPTIONS,
    Bench,
    completed,
    condor,
    fee_of,
    fills_of,
    opened,
    play,
    root_of,
    single,
    status_of,
)

_S = OrderStatus

# --- executions and fees ----------------------------------------------------------------------------------------------


def test_legs_are_booked_and_the_line_of_the_combination_only_counts_progress() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor(2)
        await desk.sent(order)
        await desk.take(*fills_of(order, 2))
        booked = desk.executions()
        assert {each.contract.key: each.signed_quantity for each in booked.values()} == {
            leg.contract.key: leg.signed_quantity for leg in order.legs
        }
        assert {each.order_id for each in booked.values()} == {order.id}
        assert {each.broker_order_id for each in booked.values()} == {"900"}
        assert desk.states(order)[-1] is _S.FILLED

    play(scenario)


def test_executions_of_one_second_are_told_in_growing_microseconds() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        await desk.take(*fills_of(order))
        times = [e.execution.executed_at_utc for e in desk.events if isinstance(e, ExecutionEvent)]
        assert times == sorted(set(times))
        assert len({each.replace(microsecond=0) for each in times}) == 1

    play(scenario)


def test_a_fee_before_or_after_its_execution_is_told_once_for_each_leg() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        lines = fills_of(order)
        await desk.take(fee_of(lines[1]), fee_of(lines[2]), *lines, *map(fee_of, lines), *map(fee_of, lines))
        assert desk.fees() == {root_of(each): Decimal("1.25") for each in lines[1:]}
        assert sum(isinstance(event, FeeEvent) for event in desk.events) == 4
        assert all(each.fee is None for each in desk.executions().values())
        snapshot = await desk.desk.snapshot()
        assert {each.fee for each in snapshot.executions} == {Decimal("1.25")}

    play(scenario)


def test_an_unset_fee_and_one_in_another_currency_stay_unknown() -> None:
    async def scenario(desk: Bench) -> None:
        order = single(quantity=2)
        await desk.sent(order)
        one, two = fills_of(order), fills_of(order, base="0000e0d5.5f4e")
        await desk.take(*one, *two, CommissionFact(one[0].exec_id, None, "USD", None), fee_of(two[0], currency="EUR"))
        assert desk.fees() == {}
        assert [each.fee for each in (await desk.desk.snapshot()).executions] == [None, None]
        assert any(isinstance(event, OddObjectEvent) and "EUR" in event.what for event in desk.events)

    play(scenario)


def test_a_fee_on_the_line_of_a_combination_is_reported_and_not_booked() -> None:
    async def scenario(desk: Bench) -> None:
        line = fills_of(condor())[0]
        await desk.take(line, CommissionFact(line.exec_id, Decimal(5), "USD", None))
        assert desk.fees() == {}
        assert [event.what for event in desk.events if isinstance(event, OddObjectEvent)]

    play(scenario)


def test_executions_learned_by_asking_are_told_like_live_ones_and_only_once() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        lines = fills_of(order, is_live=False)
        desk.wire.executed = lines
        await desk.desk.find_orders([order.id])
        await desk.take(*lines)
        await desk.desk.snapshot()
        assert sum(isinstance(event, ExecutionEvent) for event in desk.events) == 4

    play(scenario)


def test_an_execution_whose_contract_is_not_told_now_is_booked_when_it_is() -> None:
    async def scenario(desk: Bench) -> None:
        order = single()
        await desk.sent(order)
        desk.contracts.failure = BrokerFailure(FailureKind.TIMEOUT, "no answer", broker="IBKR")
        await desk.take(*fills_of(order))
        assert desk.executions() == {}
        assert any(isinstance(event, OddObjectEvent) for event in desk.events)
        with pytest.raises(BrokerFailure):
            await desk.desk.snapshot()
        desk.contracts.failure = None
        assert len((await desk.desk.snapshot()).executions) == 1
        assert len(desk.executions()) == 1

    play(scenario)


def test_accounts_that_are_not_shown_are_not_told() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.take(opened(order), *fills_of(order))
        assert desk.events == []

    play(scenario, IbkrSettings(client_id=CLIENT, accounts=frozenset({AccountId("DU200")}), timeouts=FAST))


# --- snapshots and looking --------------------------------------------------------------------------------------------


def test_a_snapshot_tells_each_order_once_though_both_lists_have_it() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor(4)
        await desk.sent(order)
        desk.wire.working = (opened(order),)
        desk.wire.done = (completed(order, "Cancelled", filled=1),)
        snapshot = await desk.desk.snapshot()
        assert snapshot.open_orders == ()
        assert [(each.status, each.filled_packages) for each in snapshot.completed_orders] == [(_S.CANCELLED, 1)]

    play(scenario)


def test_a_snapshot_waits_for_the_status_that_follows_a_listed_order() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor(4, tif=TimeInForce.GTC)
        desk.wire.working = (opened(order),)
        asking = asyncio.ensure_future(desk.desk.snapshot())
        await desk.until(lambda: ("executions", None) in desk.wire.asked)
        await desk.take(opened(order), status_of("Submitted", 3, 1))
        snapshot = await asking
        assert [(each.status, each.filled_packages) for each in snapshot.open_orders] == [(_S.PARTIAL, 3)]
        assert {leg.contract.key for leg in snapshot.open_orders[0].legs} == {each.key for each in OPTIONS}

    play(scenario)


def test_a_snapshot_without_completed_orders_fails_after_a_second_question() -> None:
    async def scenario(desk: Bench) -> None:
        timeout = BrokerFailure(FailureKind.TIMEOUT, "no answer", broker="IBKR")
        desk.wire.failures["completed_orders"].append(timeout)
        await desk.desk.snapshot()
        desk.wire.failures["completed_orders"].extend([timeout, timeout])
        with pytest.raises(BrokerFailure, match="completed orders"):
            await desk.desk.snapshot()

    play(scenario)


def test_absence_is_not_claimed_while_completed_orders_are_not_told() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        timeout = BrokerFailure(FailureKind.TIMEOUT, "no answer", broker="IBKR")
        desk.wire.failures["completed_orders"].extend([timeout, timeout])
        with pytest.raises(BrokerFailure):
            await desk.desk.find_orders([new_order_id()])
        desk.wire.working = (opened(order),)
        desk.wire.failures["completed_orders"].extend([timeout, timeout])
        assert [each.order_id for each in await desk.desk.find_orders([order.id])] == [order.id]

    play(scenario)


def test_a_what_if_that_is_silent_is_an_answer_and_one_that_cannot_be_asked_is_not() -> None:
    async def scenario(desk: Bench) -> None:
        answer = await desk.desk.simulate(condor())
        assert answer.initial_margin_after is None
        assert answer.warning
        desk.link.is_down.append(BrokerFailure(FailureKind.OFFLINE, "no link", broker="IBKR"))
        with pytest.raises(BrokerFailure):
            await desk.desk.simulate(condor())
        assert desk.wire.placed == []

    play(scenario)


def test_every_state_is_told_once() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        await desk.take(*([opened(order), status_of("Submitted")] * 5))
        assert sum(isinstance(event, OrderEvent) for event in desk.events) == 1

    play(scenario)
