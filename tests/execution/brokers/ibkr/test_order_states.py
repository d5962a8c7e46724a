"""An order's state follows TWS's own words, whatever codes say."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from execution.brokers.port import NoticeEvent
from models.enums import OrderStatus
from models.errors import BrokerFailure
from tests.execution.brokers.ibkr.order_kit import (
    Bench,
    completed,
    condor,
    error,
    fills_of,
    opened,
    play,
    single,
    status_of,
)

_S = OrderStatus

# --- states -----------------------------------------------------------------------------------------------------------


def test_states_follow_tws_through_partial_to_filled() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor(2)
        await desk.sent(order)
        first, second = fills_of(order), fills_of(order, base="0000e0d5.5f4e")
        await desk.take(*first, status_of("Submitted", 1, 1), *second, status_of("Filled", 2, 0))
        assert desk.states(order) == [_S.PENDING, _S.PARTIAL, _S.FILLED]
        assert [each.filled_packages for each in desk.told(order)] == [0, 1, 2]
        assert len(desk.executions()) == 8

    play(scenario)


def test_a_refusal_after_acceptance_is_told_with_its_reason_and_stands_in_the_snapshot() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        await desk.take(
            error(201, "Order rejected - reason:Risk check of the exchange."),
            opened(order, "Inactive"),
            status_of("Inactive"),
        )
        assert desk.states(order) == [_S.PENDING, _S.REJECTED]
        snapshot = await desk.desk.snapshot()
        assert snapshot.open_orders == ()
        assert [each.reason for each in snapshot.completed_orders] == ["Risk check of the exchange."]

    play(scenario)


def test_an_inactive_order_without_a_refusal_is_held_and_asked_about_until_tws_says_more() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        desk.wire.working = (opened(order, "Inactive"),)
        await desk.take(opened(order, "Inactive"), status_of("Inactive"))
        asked = len(desk.wire.asked)
        await desk.until(lambda: len(desk.wire.asked) >= asked + 3)
        assert desk.states(order) == [_S.PENDING]
        assert "inactive" in str(desk.told(order)[-1].reason)
        desk.wire.working, desk.wire.done = (), (completed(order, "Inactive", said="Rejected: margin"),)
        found = await desk.desk.find_orders([order.id])
        assert [(each.status, each.reason) for each in found] == [(_S.REJECTED, "Rejected: margin")]

    play(scenario)


def test_an_order_that_vanished_after_a_doubt_is_unknown_and_not_ended() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        await desk.take(status_of("Inactive"))
        await desk.until(lambda: desk.states(order)[-1] is _S.UNKNOWN)
        assert (await desk.desk.snapshot()).completed_orders == ()

    play(scenario)


def test_a_cancel_message_without_a_status_is_believed_once_tws_lists_the_order_no_more() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        desk.wire.working = (opened(order),)
        await desk.take(error(202, "Order Canceled - reason:"))
        asked = len(desk.wire.asked)
        await desk.until(lambda: len(desk.wire.asked) >= asked + 3)
        await asyncio.sleep(0.03)
        assert desk.states(order) == [_S.PENDING]
        desk.wire.working = ()
        await desk.take(error(202, "Order Canceled - reason:"))
        await desk.until(lambda: desk.states(order)[-1] is _S.CANCELLED)

    play(scenario)


def test_a_late_word_of_work_does_not_revive_an_ended_order_but_tws_s_list_does() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        await desk.take(status_of("Cancelled"), status_of("Submitted"))
        assert desk.states(order) == [_S.PENDING, _S.CANCELLED]
        desk.wire.working = (opened(order),)
        snapshot = await desk.desk.snapshot()
        assert [each.status for each in snapshot.open_orders] == [_S.PENDING]
        assert snapshot.completed_orders == ()

    play(scenario)


def test_a_fill_after_the_cancel_outranks_it() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        await desk.take(status_of("Cancelled"), *fills_of(order))
        assert desk.states(order) == [_S.PENDING, _S.CANCELLED, _S.FILLED]

    play(scenario)


def test_an_order_number_handed_out_again_after_a_restart_of_tws_names_the_new_order() -> None:
    async def scenario(desk: Bench) -> None:
        old, new = condor(), condor()
        await desk.take(opened(old, order_id=1, perm_id=700), status_of("Submitted", perm_id=700))
        assert await desk.sent(new) == "900"
        await desk.take(error(399, "held until the opening"), status_of("Cancelled", perm_id=700))
        assert desk.states(old)[-1] is _S.CANCELLED
        assert desk.states(new) == [_S.PENDING]
        assert desk.told(new)[-1].reason == "held until the opening"

    play(scenario)


def test_what_ifs_in_the_stream_are_no_orders() -> None:
    async def scenario(desk: Bench) -> None:
        await desk.take(replace(opened(condor()), is_what_if=True))
        assert desk.events == []

    play(scenario)


def test_a_refusal_that_comes_while_tws_is_asked_is_not_taken_back_by_the_older_answer() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        desk.wire.working = (opened(order),)
        desk.wire.gate = asyncio.Event()
        asking = asyncio.ensure_future(desk.desk.find_orders([order.id]))
        await desk.until(lambda: desk.wire.asked[-1][0] == "open_orders")
        await desk.take(error(201, "Order rejected - reason:Margin."))
        desk.wire.gate.set()
        await asking
        await desk.take(status_of("Inactive"))
        assert desk.told(order)[-1].reason == "Margin."

    play(scenario)


def test_a_word_that_comes_while_tws_is_asked_counts_more_than_absence_from_the_older_answer() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        asked = len(desk.wire.asked)
        desk.wire.gate = asyncio.Event()
        await desk.take(error(77777, "Something new."))
        await desk.until(lambda: len(desk.wire.asked) > asked)
        await desk.take(status_of("Submitted"))
        desk.wire.gate.set()
        await desk.until(lambda: desk.wire.asked[-1][0] == "executions")
        desk.wire.working = (opened(order),)
        await desk.until(lambda: not desk.desk.is_looking)
        assert desk.states(order) == [_S.PENDING]

    play(scenario)


def test_a_late_count_does_not_take_back_packages_that_were_filled() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor(4)
        await desk.take(opened(order), status_of("Submitted", 3, 1), status_of("Submitted", 1, 3))
        assert desk.told(order)[-1].filled_packages == 3

    play(scenario)


def test_a_doubt_about_one_order_says_nothing_about_another_that_is_not_listed() -> None:
    async def scenario(desk: Bench) -> None:
        doubted, sound = condor(), single()
        await desk.sent(doubted)
        await desk.sent(sound, opened(sound, order_id=2, perm_id=901))
        await desk.take(error(77777, "Something new."))
        await desk.until(lambda: desk.states(doubted)[-1] is _S.UNKNOWN)
        assert desk.states(sound) == [_S.PENDING]

    play(scenario)


def test_an_order_that_tws_refused_and_works_all_the_same_is_said_aloud() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.desk.snapshot()
        with pytest.raises(BrokerFailure, match="refused"):
            await desk.sent(order, error(201, "Order rejected - reason:No."))
        desk.wire.working = (opened(order),)
        await desk.take(opened(order), status_of("Submitted"))
        await desk.until(lambda: desk.states(order) == [_S.REJECTED, _S.PENDING])
        (said,) = [event.text for event in desk.events if isinstance(event, NoticeEvent)]
        assert "900" in said
        assert "Cancel it in TWS" in said

    play(scenario)
