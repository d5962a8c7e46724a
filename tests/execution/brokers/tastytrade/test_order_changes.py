"""Cancels and new prices at Tastytrade, and the races they run against fills."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from execution.brokers.tastytrade.facts import TastyOrder
from models.enums import OrderStatus
from models.errors import BrokerFailure, FailureKind
from models.order import Order
from tests.execution.brokers.tastytrade.fake_wire import lost, refusal
from tests.execution.brokers.tastytrade.order_kit import FOREIGN_SOURCE, Bench, condor, frame, play

_S = OrderStatus
NEW = Decimal("-1.70")


async def working(desk: Bench, packages: int = 2, **kwargs: object) -> Order:
    order = condor(packages)
    await desk.sent(order)
    await desk.tell(frame(order, "Live", at_s=1, **kwargs))  # type: ignore[arg-type]  # passed through to the frame
    return order


def heir(order: Order, status: str, *, at_s: float, filled: int = 0, reason: str = "") -> TastyOrder:
    return frame(order, status, tasty_id="502", at_s=at_s, filled=filled, limit=str(NEW), replaces="501", reason=reason)


# --- cancels ----------------------------------------------------------------------------------------------------------


def test_a_cancel_goes_out_once_and_its_words_are_believed() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        await desk.desk.cancel(order)
        assert desk.wire.cancelled == ["501"]
        await desk.take(frame(order, "Cancel Requested", at_s=2), frame(order, "Cancelled", at_s=3))
        assert desk.states(order) == [_S.PENDING, _S.CANCEL_PENDING, _S.CANCELLED]

    play(scenario)


def test_a_cancel_of_a_filled_order_is_refused() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        await desk.tell(frame(order, "Filled", at_s=2, filled=2))
        with pytest.raises(BrokerFailure) as caught:
            await desk.desk.cancel(order)
        assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.REJECTED, False)
        assert desk.wire.cancelled == []

    play(scenario)


def test_a_refused_cancel_is_told_and_the_order_looked_at() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        desk.wire.failures["cancel"].append(refusal("cannot_update_order", "Order is filled"))
        desk.wire.put(frame(order, "Filled", at_s=2, filled=2))
        with pytest.raises(BrokerFailure) as caught:
            await desk.desk.cancel(order)
        assert caught.value.kind is FailureKind.REJECTED
        await desk.until(lambda: desk.states(order)[-1] is _S.FILLED)

    play(scenario)


def test_a_cancel_without_an_answer_is_unknown_and_looked_at_not_repeated() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        desk.wire.lost_answers["cancel"].append(lost())
        with pytest.raises(BrokerFailure) as caught:
            await desk.desk.cancel(order)
        assert caught.value.outcome_unknown
        await desk.until(lambda: not desk.desk.is_looking)
        assert desk.wire.cancelled == ["501"]

    play(scenario)


@pytest.mark.parametrize("is_late", [False, True])
def test_a_fill_that_races_a_cancel_wins(*, is_late: bool) -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        await desk.desk.cancel(order)
        await desk.take(frame(order, "Cancel Requested", at_s=2))
        if is_late:
            await desk.take(frame(order, "Cancelled", at_s=3))
        await desk.take(frame(order, "Filled", at_s=4, filled=2))
        assert (_S.CANCELLED in desk.states(order)) == is_late
        assert desk.states(order)[-1] is _S.FILLED
        assert len(desk.executions()) == 8

    play(scenario)


def test_an_order_that_works_on_after_a_cancel_says_so() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        await desk.desk.cancel(order)
        await desk.take(frame(order, "Cancel Requested", at_s=2), frame(order, "Live", at_s=3))
        last = desk.told(order)[-1]
        assert last.status is _S.PENDING
        assert last.reason is not None
        assert "the cancel was not taken" in last.reason

    play(scenario)


def test_a_late_word_from_before_the_cancel_says_nothing_of_it() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        await desk.take(frame(order, "Cancel Requested", at_s=3), frame(order, "Live", at_s=2, filled=1))
        last = desk.told(order)[-1]
        assert (last.status, last.reason) == (_S.CANCEL_PENDING, None)

    play(scenario)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Expired", _S.CANCELLED),
        ("Removed", _S.CANCELLED),
        ("Partially Removed", _S.CANCELLED),
        ("Cancelled", _S.CANCELLED),
        ("Rejected", _S.REJECTED),
        ("Received", _S.PENDING),
        ("Routed", _S.PENDING),
        ("In Flight", _S.PENDING),
        ("Contingent", _S.PENDING),
        ("Replace Requested", _S.PENDING),
        ("Live", _S.PENDING),
        ("Cancel Requested", _S.CANCEL_PENDING),
        ("Filled", _S.PENDING),
    ],
)
def test_every_status_word_has_its_state(word: str, status: OrderStatus) -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        await desk.sent(order)
        await desk.take(frame(order, word, at_s=1, reason="Exchange." if word == "Rejected" else ""))
        assert desk.told(order)[-1].status is status

    play(scenario)


def test_a_rejection_bears_its_reason_and_after_a_fill_is_an_end_of_the_rest() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor(2)
        await desk.sent(order)
        await desk.take(frame(order, "Rejected", at_s=1, reason="Risk check."))
        assert (desk.told(order)[-1].status, desk.told(order)[-1].reason) == (_S.REJECTED, "Risk check.")
        other = await working_other(desk)
        await desk.take(frame(other, "Rejected", tasty_id="502", at_s=2, filled=1, reason="Rest."))
        assert (desk.told(other)[-1].status, desk.told(other)[-1].filled_packages) == (_S.CANCELLED, 1)

    play(scenario)


async def working_other(desk: Bench) -> Order:
    order = condor(2)
    await desk.sent(order)
    return order


# --- new prices -------------------------------------------------------------------------------------------------------


def test_a_new_price_is_a_new_order_that_takes_over_when_the_old_one_ends() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        await desk.desk.replace(order, NEW)
        (replaced_id, draft) = desk.wire.replaced[0]
        assert (replaced_id, draft.net_price, draft.external_identifier) == ("501", NEW, order.id)
        assert desk.told(order)[-1].broker_order_id == "501"
        await desk.take(frame(order, "Cancelled", at_s=2, replaced_by="502"))
        last = desk.told(order)[-1]
        assert (last.broker_order_id, last.replaces, last.limit_price) == ("502", "501", NEW)
        assert (last.status, last.order_id) == (_S.PENDING, order.id)
        await desk.take(heir(order, "Live", at_s=3), heir(order, "Filled", at_s=4, filled=2))
        assert desk.states(order) == [_S.PENDING, _S.FILLED]

    play(scenario)


def test_the_old_order_s_cancelled_is_not_told_even_before_the_answer_names_its_successor() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        desk.wire.gate = asyncio.Event()
        changing = asyncio.ensure_future(desk.desk.replace(order, NEW))
        await desk.until(lambda: desk.wire.count("replace") == 1)
        await desk.take(frame(order, "Cancelled", at_s=2))
        desk.wire.gate.set()
        await changing
        await desk.take(heir(order, "Live", at_s=3))
        assert desk.states(order) == [_S.PENDING]
        assert desk.told(order)[-1].broker_order_id == "502"

    play(scenario)


def test_a_fill_that_is_faster_than_the_new_price_fills_the_old_order() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        await desk.desk.replace(order, NEW)
        await desk.take(frame(order, "Filled", at_s=2, filled=2, replaced_by="502"))
        await desk.take(heir(order, "Rejected", at_s=3, reason="The order it replaces is filled."))
        assert desk.states(order) == [_S.PENDING, _S.FILLED]
        assert desk.told(order)[-1].broker_order_id == "501"
        assert len(desk.executions()) == 8

    play(scenario)


def test_a_new_price_that_dies_leaves_the_old_order_working_and_says_why() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        await desk.desk.replace(order, NEW)
        await desk.take(heir(order, "Rejected", at_s=2, reason="Off tick."))
        await desk.take(frame(order, "Live", at_s=3))
        last = desk.told(order)[-1]
        assert (last.broker_order_id, last.status) == ("501", _S.PENDING)
        assert last.reason == "The new price was not taken: Off tick."
        await desk.take(frame(order, "Cancelled", at_s=9))
        assert desk.states(order)[-1] is _S.CANCELLED
        assert desk.told(order)[-1].broker_order_id == "501"

    play(scenario)


def test_a_new_price_refused_after_the_old_order_ended_ends_the_order() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        await desk.desk.replace(order, NEW)
        await desk.take(frame(order, "Cancelled", at_s=2, replaced_by="502"))
        await desk.take(heir(order, "Rejected", at_s=3, reason="Off tick."))
        last = desk.told(order)[-1]
        assert (last.broker_order_id, last.status, last.reason) == ("502", _S.REJECTED, "Off tick.")

    play(scenario)


def test_a_part_filled_at_the_old_price_counts_with_the_rest_at_the_new_one() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk, filled=1)
        await desk.desk.replace(order, NEW)
        await desk.take(frame(order, "Cancelled", at_s=2, filled=1, replaced_by="502"))
        assert (desk.told(order)[-1].status, desk.told(order)[-1].filled_packages) == (_S.PARTIAL, 1)
        rest = heir(order, "Filled", at_s=3, filled=1)
        await desk.take(replace(rest, legs=tuple(replace(leg, quantity=Decimal(1)) for leg in rest.legs)))
        assert (desk.states(order)[-1], desk.told(order)[-1].filled_packages) == (_S.FILLED, 2)

    play(scenario)


def test_a_new_price_without_an_answer_is_unknown_and_its_order_is_found() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        desk.wire.lost_answers["replace"].append(lost())
        with pytest.raises(BrokerFailure) as caught:
            await desk.desk.replace(order, NEW)
        assert caught.value.outcome_unknown
        await desk.take(frame(order, "Cancelled", at_s=2))
        assert _S.CANCELLED not in desk.states(order)
        desk.wire.put(heir(order, "Live", at_s=3))
        found = await desk.desk.find_orders([order.id])
        assert [(each.broker_order_id, each.replaces, each.status) for each in found] == [("502", "501", _S.PENDING)]
        assert len(desk.wire.replaced) == 1

    play(scenario)


def test_a_new_price_that_never_arrived_lets_the_old_order_end_after_several_looks() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        desk.wire.failures["replace"].append(lost())
        with pytest.raises(BrokerFailure):
            await desk.desk.replace(order, NEW)
        await desk.tell(frame(order, "Cancelled", at_s=2))
        assert desk.states(order)[-1] is _S.PENDING
        await desk.until(lambda: desk.states(order)[-1] is _S.CANCELLED)
        assert desk.wire.count("live_orders") > 3

    play(scenario)


def test_a_new_price_in_doubt_when_the_link_went_is_followed_up_on_the_next_link() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        desk.wire.failures["replace"].append(lost())
        with pytest.raises(BrokerFailure):
            await desk.desk.replace(order, NEW)
        desk.desk.link_lost()
        desk.wire.put(frame(order, "Cancelled", at_s=3))
        await desk.desk.snapshot()
        await desk.until(lambda: desk.states(order)[-1] is _S.CANCELLED)

    play(scenario)


def test_a_refused_new_price_changes_nothing() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        desk.wire.failures["replace"].append(refusal("cannot_update_order", "It is filled"))
        with pytest.raises(BrokerFailure) as caught:
            await desk.desk.replace(order, NEW)
        assert (caught.value.kind, caught.value.outcome_unknown) == (FailureKind.REJECTED, False)
        assert desk.told(order)[-1].limit_price == order.limit_price
        with pytest.raises(BrokerFailure, match="even"):
            await desk.desk.replace(order, Decimal(0))

    play(scenario)


def test_one_new_price_at_a_time() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        await desk.desk.replace(order, NEW)
        with pytest.raises(BrokerFailure, match="on its way"):
            await desk.desk.replace(order, Decimal("-1.60"))
        assert len(desk.wire.replaced) == 1

    play(scenario)


def test_a_cancel_meets_old_and_new_while_a_price_is_on_its_way() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        await desk.desk.replace(order, NEW)
        await desk.desk.cancel(order)
        assert desk.wire.cancelled == ["501", "502"]
        await desk.take(frame(order, "Cancelled", at_s=3, replaced_by="502"), heir(order, "Cancelled", at_s=4))
        assert desk.states(order)[-1] is _S.CANCELLED

    play(scenario)


def test_an_order_edited_in_tastytrade_s_own_app_stays_ours() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        edited = frame(
            order, "Live", tasty_id="777", at_s=3, identifier="", source=FOREIGN_SOURCE, limit="-1.60", replaces="501"
        )
        await desk.tell(frame(order, "Cancelled", at_s=2, replaced_by="777"))
        assert _S.CANCELLED not in desk.states(order)
        await desk.tell(edited)
        last = desk.told(order)[-1]
        assert (last.broker_order_id, last.replaces, last.limit_price) == ("777", "501", Decimal("-1.60"))
        await desk.desk.cancel(order)
        assert desk.wire.cancelled == ["777"]

    play(scenario)


def test_an_end_by_replacement_whose_successor_nobody_shows_is_unknown_and_looked_at() -> None:
    async def scenario(desk: Bench) -> None:
        order = await working(desk)
        await desk.tell(frame(order, "Cancelled", at_s=2, replaced_by="888"))
        last = desk.told(order)[-1]
        assert last.status is _S.UNKNOWN
        assert last.reason is not None
        assert "888" in last.reason
        desk.wire.put(
            frame(
                order, "Filled", tasty_id="888", at_s=4, filled=2, identifier="", source=FOREIGN_SOURCE, replaces="501"
            )
        )
        await desk.until(lambda: desk.states(order)[-1] is _S.FILLED)

    play(scenario)


def test_a_foreign_order_that_is_replaced_ends_and_its_successor_is_another() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        for each in (
            frame(order, "Live", at_s=1),
            frame(order, "Cancelled", at_s=2, replaced_by="600"),
            frame(order, "Live", tasty_id="600", at_s=3, replaces="501"),
        ):
            await desk.take(replace(each, external_identifier="", source=FOREIGN_SOURCE))
        assert [(each.broker_order_id, each.status) for each in desk.orders()] == [
            ("501", _S.PENDING),
            ("501", _S.CANCELLED),
            ("600", _S.PENDING),
        ]

    play(scenario)


def test_an_end_of_a_successor_the_desk_never_saw_is_introduced_first() -> None:
    async def scenario(desk: Bench) -> None:
        order = condor()
        desk.wire.put(
            frame(order, "Cancelled", at_s=1, replaced_by="502"),
            replace(heir(order, "Cancelled", at_s=2)),
        )
        await desk.desk.snapshot()
        assert [(each.broker_order_id, each.status) for each in desk.told(order)] == [
            ("502", _S.PENDING),
            ("502", _S.CANCELLED),
        ]

    play(scenario)
