from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from execution.brokers.ibkr.facts import CommissionFact
from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.ibkr.wire_port import IbOrder
from execution.brokers.port import ExecutionEvent, FeeEvent, OddObjectEvent, OrderEvent
from models.enums import Action, OrderStatus, OrderType, TimeInForce
from models.errors import BrokerFailure, FailureKind, InvalidInput
from models.ids import AccountId, BrokerOrderId, OrderId, new_order_id
from tests.execution.brokers.ibkr.order_kit import (
    ACCOUNT,
    CLIENT,
    FAST,
    OPTIONS,
    Bench,
    completed,
    condor,
    error,
    fee_of,
    fills_of,
    opened,
    order_of,
    play,
    root_of,
    single,
    status_of,
)

_S = OrderStatus


# --- sending ----------------------------------------------------------------------------------------------------------


def test_an_order_leaves_once_with_account_time_in_force_and_our_id_and_comes_back_under_the_permanent_id() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor(2)
        assert await desk.sent(order) == "900"
        number, contract, sent = desk.wire.placed[0]
        assert len(desk.wire.placed) == 1
        assert sent == IbOrder("BUY", Decimal(2), "LMT", Decimal("-1.85"), "DAY", ACCOUNT, order.id)
        assert [(leg.con_id, leg.ratio, leg.action) for leg in contract.combo_legs] == [
            (1001, 1, "BUY"),
            (1002, 1, "SELL"),
            (1003, 1, "SELL"),
            (1004, 1, "BUY"),
        ]
        assert number == 1
        assert desk.states(order) == [_S.PENDING]
        assert desk.told(order)[-1].limit_price == order.limit_price

    play(scenario)


def test_words_without_a_permanent_id_are_no_acknowledgement_yet() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        first = (opened(order, "Submitted", perm_id=0), status_of("Submitted", perm_id=0))
        assert await desk.sent(order, *first, status_of("Submitted")) == "900"
        assert [each.broker_order_id for each in desk.told(order)] == ["900"]

    play(scenario)


def test_an_execution_that_comes_before_any_status_acknowledges_the_order() -> None:
    async def scenario(desk: Bench) -> None:
        order = single()
        assert await desk.sent(order, *fills_of(order)) == "900"
        assert desk.states(order) == [_S.FILLED]

    play(scenario)


def test_a_refusal_counts_when_tws_has_nothing_of_the_order_and_then_nothing_is_found() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(order, error(201, "Order rejected - reason:No."))
        assert caught.value.kind is FailureKind.REJECTED
        assert not caught.value.outcome_unknown
        assert caught.value.code == "201"
        assert "No." in str(caught.value)
        assert await desk.desk.find_orders([order.id]) == ()
        assert [what for what, _ in desk.wire.asked].count("open_orders") >= 2

    play(scenario)


@pytest.mark.parametrize("word_first", [True, False])
def test_a_refusal_with_an_inactive_status_is_a_refusal_in_either_sequence(*, word_first: bool) -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        words = [opened(order, "Inactive"), status_of("Inactive"), error(201, "Order rejected - reason:No.")]
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(order, *(words if word_first else reversed(words)))
        assert caught.value.kind is FailureKind.REJECTED
        assert desk.states(order)[-1] is _S.REJECTED
        assert desk.told(order)[-1].reason == "No."

    play(scenario)


def test_a_refusing_code_for_an_order_that_tws_works_does_not_refuse_it() -> None:
    """10349, 110 and their like: the order lives, and sending it again would make two."""

    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.desk.snapshot()
        desk.wire.working = (opened(order),)
        assert await desk.sent(order, error(110)) == "900"
        assert desk.states(order) == [_S.PENDING]

    play(scenario)


def test_a_refusal_that_tws_cannot_be_asked_about_is_not_known() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.desk.snapshot()
        timeout = BrokerFailure(FailureKind.TIMEOUT, "no answer", broker="IBKR")
        desk.wire.failures["completed_orders"].extend([timeout] * 4)
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(order, error(201))
        assert caught.value.outcome_unknown

    play(scenario)


def test_a_code_nobody_knows_proves_nothing_even_when_tws_has_no_such_order() -> None:
    async def scenario(desk: Bench) -> None:
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(condor(), error(77777, "Something new."))
        assert caught.value.kind is FailureKind.TIMEOUT
        assert caught.value.outcome_unknown
        assert "Something new." in str(caught.value)

    play(scenario)


def test_silence_is_not_known_after_tws_was_asked_and_nothing_is_sent_again() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        with pytest.raises(BrokerFailure) as caught:
            await desk.desk.submit(order)
        assert caught.value.kind is FailureKind.TIMEOUT
        assert caught.value.outcome_unknown
        with pytest.raises(BrokerFailure) as again:
            await desk.desk.submit(order)
        assert again.value.kind is FailureKind.REJECTED
        assert not again.value.outcome_unknown
        assert len(desk.wire.placed) == 1

    play(scenario)


@pytest.mark.parametrize("where", ["open", "completed", "executions"])
def test_an_order_that_tws_took_in_silence_is_found_by_its_reference(where: str) -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.desk.snapshot()
        if where == "open":
            desk.wire.working = (opened(order),)
        elif where == "completed":
            desk.wire.done = (completed(order, "Filled", filled=1),)
        else:
            desk.wire.executed = fills_of(order, is_live=False)
        assert await desk.desk.submit(order) == "900"
        assert len(desk.wire.placed) == 1

    play(scenario)


def test_pending_submit_alone_is_enough_only_after_the_wait_for_a_refusal() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        assert await desk.sent(order, status_of("PendingSubmit")) == "900"
        refused = condor()
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(refused, status_of("PendingSubmit", order_id=2, perm_id=901), error(201, "No.", order_id=2))
        assert caught.value.kind is FailureKind.REJECTED

    play(scenario)


def test_a_link_lost_while_waiting_is_not_known() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        waiting = asyncio.ensure_future(desk.desk.submit(order))
        await desk.until(lambda: bool(desk.wire.placed))
        desk.desk.link_lost()
        with pytest.raises(BrokerFailure) as caught:
            await waiting
        assert caught.value.kind is FailureKind.OFFLINE
        assert caught.value.outcome_unknown

    play(scenario)


def test_nothing_leaves_while_the_link_is_down_and_the_same_order_may_leave_later() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        desk.is_down.append(BrokerFailure(FailureKind.OFFLINE, "no link", broker="IBKR"))
        with pytest.raises(BrokerFailure) as caught:
            await desk.desk.submit(order)
        assert caught.value.kind is FailureKind.OFFLINE
        assert not caught.value.outcome_unknown
        desk.is_down.clear()
        assert await desk.sent(order) == "900"

    play(scenario)


def test_what_tws_does_not_answer_before_sending_is_told_as_not_sent() -> None:
    async def scenario(desk: Bench) -> None:
        desk.contracts.failure = BrokerFailure(FailureKind.TIMEOUT, "no answer", broker="IBKR")
        with pytest.raises(BrokerFailure) as caught:
            await desk.desk.submit(condor())
        assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.OFFLINE, False)
        desk.contracts.failure = InvalidInput("contract", "is not listed")
        with pytest.raises(BrokerFailure) as refused:
            await desk.desk.submit(condor())
        assert (refused.value.kind, refused.value.outcome_unknown) == (FailureKind.REJECTED, False)
        assert desk.wire.placed == []

    play(scenario)


def test_after_a_restart_an_order_that_tws_has_is_not_sent_again() -> None:
    async def scenario(desk: Bench) -> None:
        working, done = condor(), condor()
        desk.wire.working = (opened(working, order_id=4),)
        desk.wire.done = (completed(done, "Filled", filled=1, perm_id=800),)
        for order in (working, done):
            with pytest.raises(BrokerFailure) as caught:
                await desk.desk.submit(order)
            assert caught.value.kind is FailureKind.REJECTED
        assert desk.wire.placed == []

    play(scenario)


def test_a_failure_of_the_library_after_sending_keeps_the_order_known_as_sent() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        desk.wire.failures["place"].append(AssertionError())
        with pytest.raises(AssertionError):
            await desk.desk.submit(order)
        with pytest.raises(BrokerFailure, match="not sent again"):
            await desk.desk.submit(order)

    play(scenario)


def test_read_only_sends_changes_and_cancels_nothing() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        for request in (
            desk.desk.submit(order),
            desk.desk.cancel(order),
            desk.desk.replace(order, Decimal("-1.80")),
        ):
            with pytest.raises(BrokerFailure, match="read-only"):
                await request
        assert (desk.wire.placed, desk.wire.cancelled) == ([], [])

    play(scenario, IbkrSettings(client_id=CLIENT, read_only=True, timeouts=FAST))


def test_a_market_combination_is_refused_before_it_leaves_and_single_market_orders_go() -> None:
    async def scenario(desk: Bench) -> None:
        combo = order_of(condor().legs, None, order_type=OrderType.MARKET)
        with pytest.raises(BrokerFailure) as caught:
            await desk.desk.submit(combo)
        assert caught.value.kind is FailureKind.UNSUPPORTED
        await desk.sent(order_of(single().legs, None, order_type=OrderType.MARKET_ON_CLOSE))
        sent = desk.wire.placed[0][2]
        assert (sent.order_type, sent.limit_price, sent.tif) == ("MOC", None, "DAY")

    play(scenario)


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


# --- cancelling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["PendingCancel", "Cancelled", "ApiCancelled", "Filled"])
def test_a_cancel_is_taken_when_tws_says_so_and_a_fill_may_win(word: str) -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        waiting = asyncio.ensure_future(desk.desk.cancel(order))
        await desk.until(lambda: desk.wire.cancelled == [1])
        await desk.take(status_of(word, 1 if word == "Filled" else 0))
        await waiting
        ends = {"PendingCancel": _S.CANCEL_PENDING, "Filled": _S.FILLED}
        assert desk.states(order)[-1] is ends.get(word, _S.CANCELLED)

    play(scenario)


@pytest.mark.parametrize("code", [161, 10147, 10148, 135])
def test_a_refused_cancel_is_told_and_the_order_stays_as_tws_has_it(code: int) -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        desk.wire.working = (opened(order),)
        waiting = asyncio.ensure_future(desk.desk.cancel(order))
        await desk.until(lambda: desk.wire.cancelled == [1])
        await desk.take(error(code, "Cannot be cancelled."))
        with pytest.raises(BrokerFailure) as caught:
            await waiting
        assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.REJECTED, False)
        await asyncio.sleep(0.05)
        assert desk.states(order) == [_S.PENDING]

    play(scenario)


def test_a_cancel_that_is_on_its_way_already_is_taken() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        waiting = asyncio.ensure_future(desk.desk.cancel(order))
        await desk.until(lambda: desk.wire.cancelled == [1])
        await desk.take(error(10148, "OrderId 1 that needs to be cancelled cannot be cancelled, state: PendingCancel."))
        await waiting

    play(scenario)


def test_a_cancel_in_silence_is_not_known_and_is_not_repeated() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        with pytest.raises(BrokerFailure) as caught:
            await desk.desk.cancel(order)
        assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.TIMEOUT, True)
        assert desk.wire.cancelled == [1]

    play(scenario)


def test_a_filled_order_is_not_cancelled_and_nothing_is_sent() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        await desk.take(*fills_of(order), status_of("Filled", 1))
        with pytest.raises(BrokerFailure) as caught:
            await desk.desk.cancel(order)
        assert caught.value.kind is FailureKind.REJECTED
        assert desk.wire.cancelled == []

    play(scenario)


def test_a_working_word_after_a_pending_cancel_says_that_the_cancel_was_not_taken() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        await desk.take(status_of("PendingCancel"), status_of("Submitted"))
        assert desk.states(order) == [_S.PENDING, _S.CANCEL_PENDING, _S.PENDING]
        assert "cancel was not taken" in str(desk.told(order)[-1].reason)

    play(scenario)


def test_news_on_a_working_order_does_not_end_a_cancel_that_is_on_its_way() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        waiting = asyncio.ensure_future(desk.desk.cancel(order))
        await desk.until(lambda: desk.wire.cancelled == [1])
        await desk.take(error(399, "held"), status_of("Submitted"), status_of("PendingCancel"))
        await waiting
        assert all(each.reason is None for each in desk.told(order))

    play(scenario)


def test_orders_of_others_are_shown_without_our_id_and_not_touched() -> None:
    async def scenario(desk: Bench) -> None:
        foreign = opened(condor(), order_id=0, client_id=0, perm_id=555, ref="my own note")
        other = opened(single(), order_id=9, client_id=3, perm_id=556, ref="")
        desk.wire.working = (foreign, other)
        snapshot = await desk.desk.snapshot()
        assert [(each.broker_order_id, each.order_id) for each in snapshot.open_orders] == [
            ("555", None),
            ("556", None),
        ]
        assert [len(each.legs) for each in snapshot.open_orders] == [4, 1]
        for broker_id, who in (("555", "TWS itself"), ("556", "API client 3")):
            order = replace(condor(), id=OrderId(f"outside-{broker_id}"), broker_order_id=BrokerOrderId(broker_id))
            with pytest.raises(BrokerFailure, match=who):
                await desk.desk.cancel(order)
        assert desk.wire.cancelled == []

    play(scenario)


# --- replacing --------------------------------------------------------------------------------------------------------


def test_a_new_price_goes_out_with_the_contract_tws_echoed_and_counts_when_tws_echoes_it() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order, opened(order, turned=True))
        waiting = asyncio.ensure_future(desk.desk.replace(order, Decimal("-1.80")))
        await desk.until(lambda: len(desk.wire.placed) == 2)
        number, contract, sent = desk.wire.placed[1]
        assert number == 1
        assert [leg.con_id for leg in contract.combo_legs] == [1004, 1003, 1002, 1001]
        assert (sent.limit_price, sent.order_ref, sent.tif, sent.account) == (
            Decimal("-1.80"),
            order.id,
            "DAY",
            ACCOUNT,
        )
        await desk.take(status_of("Submitted"))
        assert not waiting.done()
        assert desk.told(order)[-1].limit_price == Decimal("-1.85")
        await desk.take(opened(order, turned=True, limit=Decimal("-1.80")))
        await waiting
        assert desk.told(order)[-1].limit_price == Decimal("-1.80")

    play(scenario)


def test_a_changed_leg_sequence_refusal_105_is_told_and_never_retried_and_the_order_lives() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        desk.wire.working = (opened(order),)
        waiting = asyncio.ensure_future(desk.desk.replace(order, Decimal("-1.80")))
        await desk.until(lambda: len(desk.wire.placed) == 2)
        await desk.take(error(105, "Order being modified does not match original order"))
        with pytest.raises(BrokerFailure) as caught:
            await waiting
        assert (caught.value.kind, caught.value.code) == (FailureKind.REJECTED, "105")
        await asyncio.sleep(0.05)
        assert len(desk.wire.placed) == 2
        assert desk.states(order) == [_S.PENDING]
        assert desk.told(order)[-1].limit_price == Decimal("-1.85")

    play(scenario)


def test_a_refused_price_is_no_refusal_of_the_order_when_tws_holds_it_inactive_later() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        desk.wire.working = (opened(order),)
        waiting = asyncio.ensure_future(desk.desk.replace(order, Decimal("-1.80")))
        await desk.until(lambda: len(desk.wire.placed) == 2)
        await desk.take(error(201, "Order rejected - reason:margin"))
        with pytest.raises(BrokerFailure):
            await waiting
        desk.wire.working = (opened(order, "Inactive"),)
        await desk.take(status_of("Inactive"))
        assert desk.states(order) == [_S.PENDING]

    play(scenario)


def test_a_new_price_in_silence_is_looked_for_and_not_known_when_tws_shows_the_old_one() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        desk.wire.working = (opened(order),)
        with pytest.raises(BrokerFailure) as caught:
            await desk.desk.replace(order, Decimal("-1.80"))
        assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.TIMEOUT, True)
        desk.wire.working = (opened(order, limit=Decimal("-1.75")),)
        await desk.desk.replace(order, Decimal("-1.75"))
        assert desk.told(order)[-1].limit_price == Decimal("-1.75")

    play(scenario)


def test_a_sale_keeps_its_signs_through_sending_changing_and_telling() -> None:
    async def scenario(desk: Bench) -> None:
        order = single(Action.SELL, 3, "-4.20")
        await desk.sent(order)
        assert (desk.wire.placed[0][2].action, desk.wire.placed[0][2].limit_price) == ("SELL", Decimal("4.20"))
        assert desk.told(order)[-1].limit_price == Decimal("-4.20")
        waiting = asyncio.ensure_future(desk.desk.replace(order, Decimal("-4.10")))
        await desk.until(lambda: len(desk.wire.placed) == 2)
        assert desk.wire.placed[1][2].limit_price == Decimal("4.10")
        await desk.take(opened(order, limit=Decimal("-4.10")))
        await waiting

    play(scenario)


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
        desk.is_down.append(BrokerFailure(FailureKind.OFFLINE, "no link", broker="IBKR"))
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
