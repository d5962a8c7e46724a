"""TWS promises no sequence: whatever it is, the same executions, fees and final state come out."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.brokers.ibkr.facts import CommissionFact, ErrorFact, ExecutionFact, OpenOrderFact, OrderStatusFact
from execution.brokers.ibkr.order_book import OrderBook
from models.enums import Action, OrderStatus
from models.ids import ContractKey, ExecutionId
from models.order import Order
from tests.execution.brokers.ibkr.order_kit import (
    CLIENT,
    Bench,
    bench,
    completed,
    condor,
    error,
    fee_of,
    fills_of,
    opened,
    root_of,
    single,
    status_of,
)

Fact = OpenOrderFact | OrderStatusFact | ExecutionFact | CommissionFact | ErrorFact
_S = OrderStatus


async def _told(order: Order, facts: list[Fact], *, is_ours: bool) -> Bench:
    """Returns a desk that has heard all this; `is_ours`: it sent the order itself, else it has restarted since."""
    desk = bench()
    if is_ours:
        await desk.sent(order)
    await desk.take(*facts)
    return desk


def _facts_of(order: Order, *, corrected: int) -> list[Fact]:
    """Everything TWS says of an order for two packages that fills in two parts, one leg of it corrected."""
    first, second = fills_of(order, 1), fills_of(order, 1, base="0000e0d5.5f4e")
    fixed = fills_of(order, 1, revision=2, price="2.05")[corrected]
    lines = (*first, *second)
    return [
        opened(order, "PreSubmitted"),
        status_of("PreSubmitted", 0, 2),
        *first,
        status_of("Submitted", 1, 1),
        *second,
        fixed,
        opened(order, "Filled"),
        status_of("Filled", 2, 0),
        *map(fee_of, lines),
        fee_of(fixed, "1.40"),
    ]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), corrected=st.integers(1, 4), is_ours=st.booleans())
def test_any_disorder_and_any_copies_give_the_same_executions_fees_and_final_state(
    data: st.DataObject, corrected: int, *, is_ours: bool
) -> None:
    order = condor(2)
    facts = _facts_of(order, corrected=corrected)
    copies = data.draw(st.lists(st.sampled_from(facts), max_size=10))
    sequence = data.draw(st.permutations([*facts, *copies]))

    desk = asyncio.run(_told(order, sequence, is_ours=is_ours))

    booked = desk.executions()
    held: dict[ContractKey, Decimal] = {}
    for execution in booked.values():
        held[execution.contract.key] = held.get(execution.contract.key, Decimal(0)) + execution.signed_quantity
    assert held == {leg.contract.key: leg.signed_quantity for leg in order.legs}
    fixed = root_of(fills_of(order)[corrected])
    assert {root: (each.revision, each.price) for root, each in booked.items()} == {
        root: (2, Decimal("2.05")) if root == fixed else (1, Decimal("2.00")) for root in booked
    }
    assert len(booked) == 8
    fees: dict[ExecutionId, Decimal] = {root: Decimal("1.25") for root in booked}
    assert desk.fees() == fees | {fixed: Decimal("1.40")}
    last = desk.told(order)[-1]
    assert (last.status, last.filled_packages, last.limit_price) == (_S.FILLED, 2, order.limit_price)
    assert {leg.contract.key: Decimal(leg.signed_quantity) for leg in last.legs} == held


@settings(max_examples=100, deadline=None)
@given(data=st.data(), is_ours=st.booleans())
def test_any_disorder_of_a_refusal_ends_as_refused_with_its_reason(data: st.DataObject, *, is_ours: bool) -> None:
    order = condor()
    facts: list[Fact] = [
        opened(order, "PreSubmitted"),
        status_of("PreSubmitted"),
        opened(order, "Inactive"),
        status_of("Inactive"),
    ]
    sequence = data.draw(st.permutations([*facts, *data.draw(st.lists(st.sampled_from(facts), max_size=4))]))
    place = data.draw(st.integers(0, len(sequence)))
    # TWS names a refused order by number only: after a restart that number must have been told first.
    refusal = error(201, "Order rejected - reason:Margin.")
    sequence = [*sequence[:place], refusal, *sequence[place:]] if is_ours else [*sequence, refusal]

    async def run() -> Bench:
        desk = await _told(order, sequence, is_ours=is_ours)
        desk.desk.link_lost()
        await asyncio.sleep(0)
        return desk

    desk = asyncio.run(run())
    assert (desk.told(order)[-1].status, desk.told(order)[-1].reason) == (_S.REJECTED, "Margin.")


@settings(max_examples=100, deadline=None)
@given(data=st.data(), is_ours=st.booleans())
def test_any_disorder_of_a_cancel_after_a_part_ends_cancelled_with_that_part(
    data: st.DataObject, *, is_ours: bool
) -> None:
    order = condor(4)
    facts: list[Fact] = [
        opened(order),
        status_of("Submitted", 1, 3),
        *fills_of(order, 1),
        status_of("PendingCancel", 1, 3),
        opened(order, "Cancelled"),
        status_of("Cancelled", 1, 3),
    ]
    copies = data.draw(st.lists(st.sampled_from(facts), max_size=5))
    desk = asyncio.run(_told(order, data.draw(st.permutations([*facts, *copies])), is_ours=is_ours))
    last = desk.told(order)[-1]
    assert (last.status, last.filled_packages) == (_S.CANCELLED, 1)
    assert len(desk.executions()) == 4


# --- whose is it ------------------------------------------------------------------------------------------------------


def test_a_permanent_id_decides_over_a_number_and_a_number_over_a_reference() -> None:
    book = OrderBook(CLIENT)
    one, two = condor(), single(Action.SELL, 1, "-1")
    first = book.take_open(opened(one, order_id=5, perm_id=100))
    assert book.take_status(status_of("Submitted", order_id=5, perm_id=0)) is first
    assert book.take_open(opened(two, order_id=5, perm_id=200)) is not first
    assert book.of_perm(100) is first
    assert [record.perm_id for record in book.of_ref(two.id)] == [200]


def test_numbers_of_other_clients_and_of_tws_name_nothing_here() -> None:
    book = OrderBook(CLIENT)
    ours = book.take_open(opened(condor(), order_id=5, perm_id=100))
    theirs = book.take_open(opened(condor(), order_id=5, perm_id=101, client_id=3))
    assert theirs is not ours
    assert book.take_status(status_of("Submitted", order_id=5, perm_id=0, client_id=3)) is None
    assert book.of_error(error(201, order_id=5)) is ours
    assert book.of_error(error(201, order_id=-1)) is None
    assert book.of_error(error(354, order_id=5)) is None


def test_the_first_words_without_a_permanent_id_belong_to_the_order_that_gets_one_later() -> None:
    book = OrderBook(CLIENT)
    record = book.take_status(status_of("PreSubmitted", order_id=7, perm_id=0))
    assert record is not None
    assert book.take_open(opened(condor(), order_id=7, perm_id=0)) is record
    assert book.take_status(status_of("Submitted", order_id=7, perm_id=300)) is record
    assert book.of_perm(300) is record


def test_a_completed_order_meets_its_record_by_permanent_id_or_reference() -> None:
    book = OrderBook(CLIENT)
    order = condor()
    record = book.claim(order)
    assert book.take_completed(completed(order, "Cancelled", perm_id=400)) is record
    assert record.status is _S.CANCELLED


def test_a_copy_of_our_order_made_in_tws_is_an_order_of_its_own() -> None:
    book = OrderBook(CLIENT)
    order = condor()
    first = book.take_open(opened(order, order_id=1, perm_id=100))
    copy = book.take_open(opened(order, order_id=0, perm_id=101, client_id=0))
    assert copy is not first
    assert len(book.of_ref(order.id)) == 2


def test_completed_words_tell_refusals_from_cancels_and_a_held_order_is_neither() -> None:
    ends = {
        ("Cancelled", "Cancelled by Trader"): _S.CANCELLED,
        ("Cancelled", "Rejected by System: margin"): _S.REJECTED,
        ("Inactive", "Rejected: margin"): _S.REJECTED,
        ("ApiCancelled", ""): _S.CANCELLED,
    }
    for (word, said), end in ends.items():
        record = OrderBook(CLIENT).take_completed(completed(condor(), word, said=said))
        assert record is not None
        assert (record.status, record.reason) == (end, said or None)
    held = OrderBook(CLIENT).take_open(opened(condor(), "Inactive"))
    assert held is not None
    assert held.status is _S.PENDING


def test_a_completed_order_that_filled_needs_no_total() -> None:
    record = OrderBook(CLIENT).take_completed(completed(condor(3), "Filled", filled=3, said="Filled Size: 3"))
    assert record is not None
    assert (record.status, record.filled) == (_S.FILLED, Decimal(3))
