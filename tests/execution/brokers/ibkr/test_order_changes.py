"""Cancels and new prices: each goes out once, and only what TWS says then counts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from execution.brokers.ibkr.facts import OpenOrderFact
from models.enums import Action, OrderStatus
from models.errors import BrokerFailure, FailureKind
from models.ids import BrokerOrderId, OrderId
from tests.execution.brokers.ibkr.fake_wire import FakeWire
from tests.execution.brokers.ibkr.order_kit import (
    ACCOUNT,
    Bench,
    condor,
    error,
    fills_of,
    opened,
    play,
    single,
    status_of,
)

_S = OrderStatus

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


def test_a_new_price_does_not_leave_when_the_link_was_lost_while_the_order_was_looked_for() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        desk.wire.working = (opened(order),)
        ask = FakeWire.open_orders

        async def lost_meanwhile(wire: FakeWire) -> tuple[OpenOrderFact, ...]:
            desk.desk.link_lost()
            return await ask(wire)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FakeWire, "open_orders", lost_meanwhile)
            with pytest.raises(BrokerFailure, match="changed meanwhile") as caught:
                await desk.desk.replace(order, Decimal("-31.0"))
        assert not caught.value.outcome_unknown
        assert desk.wire.placed == []

    play(scenario)
