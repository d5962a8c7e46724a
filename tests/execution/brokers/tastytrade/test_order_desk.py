"""Sending orders to Tastytrade: once each, and what is believed of the answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from execution.brokers.tastytrade.facts import TastyBalance, TastyDryRun, TastyOrder
from execution.brokers.tastytrade.settings import TastySettings
from execution.brokers.tastytrade.wire_port import TastyOrderDraft
from models.enums import Action, OrderStatus
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId
from tests.execution.brokers.tastytrade.fake_wire import ACCOUNT_NUMBER, lost, offline, order_from, refusal
from tests.execution.brokers.tastytrade.order_kit import (
    ACCOUNT,
    FOREIGN_SOURCE,
    OPTIONS,
    START,
    Bench,
    condor,
    frame,
    play,
    shares,
    single,
)

_S = OrderStatus


# --- sending ----------------------------------------------------------------------------------------------------------


def test_an_order_leaves_once_with_our_id_and_its_legs_open() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor(2)
        assert await desk.sent(order) == "501"
        account, draft = desk.wire.placed[0]
        assert (account, len(desk.wire.placed)) == (ACCOUNT_NUMBER, 1)
        assert draft.external_identifier == order.id
        assert draft.net_price == Decimal("-1.85")
        assert [leg.action for leg in draft.legs] == ["Buy to Open", "Sell to Open", "Sell to Open", "Buy to Open"]
        assert not draft.is_strict
        assert desk.states(order) == [_S.PENDING]
        assert desk.told(order)[0].legs == order.legs

    play(scenario)


def test_a_leg_against_a_holding_closes_it_and_the_order_is_strict() -> None:
    async def scenario(desk: Bench) -> None:
        desk.held = {OPTIONS[0].key: Decimal(3), OPTIONS[1].key: Decimal(-1)}
        await desk.sent(single(Action.SELL, 2, "-4.20"))
        await desk.sent(condor(1))
        first, second = (draft for _, draft in desk.wire.placed)
        assert ([leg.action for leg in first.legs], first.is_strict) == (["Sell to Close"], True)
        assert [leg.action for leg in second.legs][:2] == ["Buy to Open", "Sell to Open"]
        assert not second.is_strict

    play(scenario)


def test_a_leg_that_crosses_zero_is_refused_with_what_to_do() -> None:
    async def scenario(desk: Bench) -> None:
        desk.held = {OPTIONS[0].key: Decimal(2)}
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(single(Action.SELL, 5, "-4.20"))
        assert caught.value.kind is FailureKind.UNSUPPORTED
        assert "close the 2 you hold and open 3 short" in str(caught.value)
        assert "first 2, then 3" in str(caught.value)
        assert desk.wire.placed == []

    play(scenario)


def test_what_is_held_must_be_known_before_anything_leaves() -> None:
    async def scenario(desk: Bench) -> None:
        desk.held = None
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(condor())
        assert caught.value.kind is FailureKind.OFFLINE
        assert not caught.value.outcome_unknown
        assert desk.wire.placed == []

    play(scenario)


def test_the_same_order_is_never_sent_twice() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(order)
        assert caught.value.kind is FailureKind.REJECTED
        assert len(desk.wire.placed) == 1

    play(scenario)


def test_an_order_of_a_former_run_is_found_before_it_could_leave_again() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        desk.wire.put(frame(order, "Filled", filled=1))
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(order)
        assert caught.value.kind is FailureKind.REJECTED
        assert desk.wire.placed == []

    play(scenario)


def test_a_decoded_refusal_is_final_and_the_order_may_be_sent_again_by_the_user() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        desk.wire.failures["place"].append(refusal("margin_check_failed", "Not enough buying power"))
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(order)
        assert caught.value.kind is FailureKind.REJECTED
        assert caught.value.code == "margin_check_failed"
        assert "free buying power" in str(caught.value)
        assert await desk.desk.find_orders([order.id]) == ()
        await desk.sent(order)
        assert len(desk.wire.placed) == 1

    play(scenario)


def test_nothing_leaves_while_the_link_is_down() -> None:
    async def scenario(desk: Bench) -> None:
        desk.link.is_down.append(offline())
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(condor())
        assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.OFFLINE, False)
        assert desk.wire.asked == []

    play(scenario)


def test_a_live_account_that_is_not_marked_for_trading_sends_nothing_but_cancels_of_our_own() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        for call in (desk.desk.submit(order), desk.desk.replace(order, Decimal("-1.80"))):
            with pytest.raises(BrokerFailure, match="not marked for trading"):
                await call
        assert desk.wire.asked == []
        await desk.tell(frame(order, "Live"))
        await desk.desk.cancel(order)
        assert desk.wire.cancelled == ["501"]

    play(scenario, settings=TastySettings(trading_accounts=frozenset({AccountId("5WX99999")})))


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (replace(condor(), limit_price=Decimal(0)), "even"),
        (replace(condor(), limit_price=None), "needs a price"),
        (replace(single(), limit_price=Decimal(-1)), "bought for a credit"),
        (replace(single(), legs=single().legs * 2), "in two legs"),
    ],
)
def test_what_tastytrade_would_misread_stays_here(order: object, words: str) -> None:
    async def scenario(desk: Bench) -> None:
        with pytest.raises(BrokerFailure, match=words):
            await desk.sent(order)  # type: ignore[arg-type]  # pytest's parameters carry no type
        assert desk.wire.asked == []

    play(scenario)


# --- outcomes nobody knows --------------------------------------------------------------------------------------------


def test_an_order_whose_answer_is_lost_is_found_by_our_id_and_never_resent() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        desk.wire.lost_answers["place"].append(lost())
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(order)
        assert caught.value.outcome_unknown
        found = await desk.desk.find_orders([order.id])
        assert [(each.order_id, each.broker_order_id) for each in found] == [(order.id, "501")]
        assert len(desk.wire.placed) == 1

    play(scenario)


def test_an_order_that_no_list_has_yet_is_looked_for_several_times() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        desk.wire.lost_answers["place"].append(lost())
        desk.wire.hidden.add("501")
        with pytest.raises(BrokerFailure):
            await desk.sent(order)
        looking = asyncio.ensure_future(desk.desk.find_orders([order.id]))
        await desk.until(lambda: desk.wire.count("live_orders") >= 2)
        desk.wire.hidden.clear()
        assert [each.order_id for each in await looking] == [order.id]

    play(scenario)


def test_a_lost_answer_is_followed_up_without_being_asked() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        desk.wire.lost_answers["place"].append(lost())
        with pytest.raises(BrokerFailure):
            await desk.sent(order)
        await desk.until(lambda: desk.states(order) == [_S.PENDING])
        assert len(desk.wire.placed) == 1

    play(scenario)


def test_a_lost_answer_is_followed_up_again_while_no_list_has_the_order() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        desk.wire.lost_answers["place"].append(lost())
        desk.wire.hidden.add("501")
        with pytest.raises(BrokerFailure):
            await desk.sent(order)
        await desk.until(lambda: desk.wire.count("live_orders") >= 4)
        assert desk.states(order) == []
        desk.wire.hidden.clear()
        await desk.until(lambda: desk.states(order) == [_S.PENDING])

    play(scenario)


def test_an_order_that_never_arrived_is_nowhere() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        desk.wire.failures["place"].append(lost())
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(order)
        assert caught.value.outcome_unknown
        assert await desk.desk.find_orders([order.id]) == ()
        with pytest.raises(BrokerFailure, match="sent before"):
            await desk.sent(order)

    play(scenario)


@pytest.mark.parametrize("kind", [FailureKind.TIMEOUT, FailureKind.PROTOCOL])
def test_a_failure_that_proves_nothing_is_an_unknown_outcome_whatever_it_says(kind: FailureKind) -> None:
    async def scenario(desk: Bench) -> None:
        desk.wire.failures["place"].append(BrokerFailure(kind, "Strange.", broker="TASTYTRADE"))
        with pytest.raises(BrokerFailure) as caught:
            await desk.sent(condor())
        assert caught.value.outcome_unknown

    play(scenario)


def test_a_submit_cut_off_in_the_middle_keeps_its_claim() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.desk.snapshot()
        desk.wire.gate = asyncio.Event()
        sending = asyncio.ensure_future(desk.sent(order))
        await desk.until(lambda: desk.wire.count("place") == 1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        desk.wire.gate.set()
        with pytest.raises(BrokerFailure, match="sent before"):
            await desk.sent(order)

    play(scenario)


def test_an_order_of_long_ago_is_looked_for_far_back() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        old = frame(order, "Cancelled", at_s=-40 * 86400)
        desk.wire.put(replace(old, received_at_utc=old.updated_at_utc))
        found = await desk.desk.find_orders([order.id])
        assert [each.status for each in found] == [_S.CANCELLED]

    play(scenario)


# --- alerts before the answer, foreign orders -------------------------------------------------------------------------


def test_alerts_that_come_before_the_answer_belong_to_the_order_all_the_same() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.desk.snapshot()
        desk.wire.gate = asyncio.Event()
        sending = asyncio.ensure_future(desk.sent(order))
        await desk.until(lambda: desk.wire.count("place") == 1)
        await desk.take(frame(order, "Live", at_s=1, filled=1))
        desk.wire.gate.set()
        assert await sending == "501"
        assert {each.order_id for each in desk.executions().values()} == {order.id}
        assert desk.states(order) == [_S.FILLED]

    play(scenario)


def test_an_answer_joins_an_alert_that_did_not_echo_our_id() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        desk.wire.scripts.append(_nameless)
        await desk.sent(order)
        await desk.take(frame(order, "Filled", at_s=2, filled=1, identifier=""))
        assert desk.states(order)[-1] is _S.FILLED
        assert {each.order_id for each in desk.executions().values()} == {order.id}

    play(scenario)


def _nameless(draft: TastyOrderDraft) -> TastyOrder:
    order = frame(condor(), "Routed", identifier="")
    return replace(order, legs=order.legs, net_price=draft.net_price)


@pytest.mark.parametrize(("source", "identifier"), [(FOREIGN_SOURCE, None), (FOREIGN_SOURCE, ""), ("x", "abc")])
def test_orders_of_other_programs_are_shown_but_not_ours(source: str, identifier: str | None) -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.tell(frame(order, "Live", source=source, identifier=identifier, legs_filled=(1, 1, 0, 0)))
        (shown,) = desk.orders()
        assert shown.order_id is None
        assert shown.status is _S.PARTIAL
        assert [leg.contract for leg in shown.legs] == [leg.contract for leg in order.legs]
        assert {each.order_id for each in desk.executions().values()} == {None}
        outside = replace(order, id=order.id, broker_order_id=shown.broker_order_id)
        if identifier is not None:
            with pytest.raises(BrokerFailure, match="placed by another program"):
                await desk.desk.cancel(outside)
        assert desk.wire.cancelled == []

    play(scenario)


def test_a_foreign_order_the_desk_cannot_represent_is_shown_without_legs() -> None:
    async def scenario(desk: Bench) -> None:
        order = frame(shares(Action.BUY, 1, "200"), "Live", source=FOREIGN_SOURCE, identifier="", tasty_id="7")
        part = replace(order.legs[0], quantity=Decimal("0.5"))
        await desk.take(replace(order, legs=(part,), order_type="Stop", net_price=None))
        (shown,) = desk.orders()
        assert (shown.legs, shown.reason) == ((), "Stop order.")
        assert any("no whole contracts" in text for text in desk.odd())

    play(scenario)


def test_a_word_nobody_knows_is_told_once_and_ends_nothing() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        for at_s in (1, 2, 3):
            await desk.take(frame(order, "Dead", at_s=at_s))
        assert desk.states(order) == [_S.PENDING]
        assert len([text for text in desk.odd() if "'Dead'" in text]) == 1
        await desk.take(frame(order, "Filled", at_s=4, filled=1))
        assert desk.states(order)[-1] is _S.FILLED

    play(scenario)


# --- what-if ----------------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_margin_before_and_after_and_sends_nothing() -> None:
    async def scenario(desk: Bench) -> None:
        money = Decimal(20000), Decimal(18000)
        desk.wire.balances[ACCOUNT_NUMBER] = TastyBalance(ACCOUNT_NUMBER, None, None, None, *money, None)
        desk.wire.dry_run_reply = TastyDryRun(
            Decimal(10000), Decimal(10000), Decimal("9174.16"), None, Decimal("70825.84"), Decimal("14.16"), ("W.",), ()
        )
        answer = await desk.desk.simulate(condor(2))
        assert (answer.initial_margin_before, answer.initial_margin_after) == (Decimal(20000), Decimal(30000))
        assert (answer.maintenance_margin_change, answer.maintenance_margin_after) == (Decimal(10000), Decimal(28000))
        assert (answer.buying_power_after, answer.fees) == (Decimal("70825.84"), Decimal("14.16"))
        assert (answer.warning, answer.error) == ("W.", None)
        assert desk.wire.placed == []

    play(scenario)


def test_a_refusal_that_bears_figures_shows_both() -> None:
    async def scenario(desk: Bench) -> None:
        desk.wire.dry_run_reply = TastyDryRun(
            Decimal(10000), None, None, None, Decimal(-500), None, (), (("margin_check_failed", "Too little."),)
        )
        answer = await desk.desk.simulate(condor())
        assert answer.error == "Too little. (margin_check_failed)"
        assert answer.initial_margin_change == Decimal(10000)
        assert answer.buying_power_after == Decimal(-500)
        assert answer.initial_margin_after is None

    play(scenario)


@pytest.mark.parametrize("kind", [FailureKind.TIMEOUT, FailureKind.PROTOCOL, FailureKind.RATE_LIMIT])
def test_a_dry_run_without_an_answer_is_unknown_margin_and_not_zero(kind: FailureKind) -> None:
    async def scenario(desk: Bench) -> None:
        desk.wire.failures["dry_run"].append(BrokerFailure(kind, "No answer.", broker="TASTYTRADE"))
        answer = await desk.desk.simulate(condor())
        assert (answer.initial_margin_change, answer.fees, answer.error) == (None, None, None)
        assert answer.warning is not None
        assert "Margin unknown" in answer.warning

    play(scenario)


def test_a_dry_run_without_the_balance_says_what_is_missing() -> None:
    async def scenario(desk: Bench) -> None:
        desk.wire.failures["balance"].append(offline())
        desk.wire.dry_run_reply = TastyDryRun(Decimal(10), None, None, None, None, None, (), ())
        answer = await desk.desk.simulate(condor())
        assert (answer.initial_margin_change, answer.initial_margin_after) == (Decimal(10), None)
        assert answer.warning is not None
        assert "before the trade is not known" in answer.warning

    play(scenario)


def test_the_wire_can_be_scripted_per_order() -> None:
    """The fake itself: a script decides what an order becomes."""

    async def scenario(desk: Bench) -> None:
        order = condor()
        desk.wire.scripts.append(
            lambda draft: replace(
                order_from(draft, "900", ACCOUNT, desk.clock),
                status="Rejected",
                reject_reason="No.",
                updated_at_utc=START,
            )
        )
        assert await desk.sent(order) == "900"
        assert [(each.status, each.reason) for each in desk.told(order)] == [(_S.REJECTED, "No.")]

    play(scenario)
