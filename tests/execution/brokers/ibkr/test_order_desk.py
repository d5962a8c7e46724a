"""Orders leave once and are believed on evidence only."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from execution.brokers.ibkr.settings import IbkrSettings
from execution.brokers.ibkr.wire_port import IbOrder
from models.enums import OrderStatus, OrderType
from models.errors import BrokerFailure, FailureKind, InvalidInput
from tests.execution.brokers.ibkr.fake_wire import FakeWire
from tests.execution.brokers.ibkr.order_kit import (
    ACCOUNT,
    CLIENT,
    FAST,
    Bench,
    completed,
    condor,
    error,
    fills_of,
    opened,
    order_of,
    play,
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
        desk.link.is_down.append(BrokerFailure(FailureKind.OFFLINE, "no link", broker="IBKR"))
        with pytest.raises(BrokerFailure) as caught:
            await desk.desk.submit(order)
        assert caught.value.kind is FailureKind.OFFLINE
        assert not caught.value.outcome_unknown
        desk.link.is_down.clear()
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


def test_an_order_that_did_not_leave_may_be_sent_again_and_one_that_may_have_left_not() -> None:
    async def scenario(desk: Bench) -> None:
        held, gone = condor(), condor()
        desk.wire.failures["place"].append(BrokerFailure(FailureKind.OFFLINE, "not sent", broker="IBKR"))
        with pytest.raises(BrokerFailure, match="not sent"):
            await desk.desk.submit(held)
        assert await desk.sent(held) == "900"
        lost = BrokerFailure(FailureKind.OFFLINE, "lost", broker="IBKR", outcome_unknown=True)
        desk.wire.failures["place"].append(lost)
        with pytest.raises(BrokerFailure, match="lost"):
            await desk.desk.submit(gone)
        with pytest.raises(BrokerFailure, match="not sent again"):
            await desk.desk.submit(gone)

    play(scenario)


def test_an_order_prepared_on_one_connection_does_not_leave_on_the_next() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.desk.snapshot()
        desk.wire.gate = desk.contracts.gate = asyncio.Event()
        waiting = asyncio.ensure_future(desk.desk.submit(order))
        await desk.until(lambda: desk.contracts.asked > 0)
        before, desk.link.wire = desk.wire, FakeWire(desk.wire.clock)
        desk.contracts.gate.set()
        with pytest.raises(BrokerFailure) as caught:
            await waiting
        assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.OFFLINE, False)
        assert before.placed == desk.link.wire.placed == []

    play(scenario)


def test_an_order_prepared_before_the_link_was_lost_does_not_leave_when_the_same_connection_is_good_again() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.desk.snapshot()
        desk.contracts.gate = asyncio.Event()
        waiting = asyncio.ensure_future(desk.desk.submit(order))
        await desk.until(lambda: desk.contracts.asked > 0)
        desk.desk.link_lost()
        await desk.desk.snapshot()
        desk.contracts.gate.set()
        with pytest.raises(BrokerFailure) as caught:
            await waiting
        assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.OFFLINE, False)
        assert desk.wire.placed == []

    play(scenario)


def test_what_tws_says_of_one_order_answers_nothing_about_another() -> None:
    async def scenario(desk: Bench) -> None:
        one, two = condor(), single()
        first = asyncio.ensure_future(desk.desk.submit(one))
        await desk.until(lambda: len(desk.wire.placed) == 1)
        second = asyncio.ensure_future(desk.desk.submit(two))
        await desk.until(lambda: len(desk.wire.placed) == 2)
        await desk.take(opened(two, order_id=2, perm_id=902))
        assert await second == "902"
        assert not first.done()
        await desk.take(opened(one))
        assert await first == "900"

    play(scenario)
