"""Fills out of frames and transactions: the same executions whatever the sequence in which they come."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.brokers.tastytrade.executions import Fill, FillBook
from execution.brokers.tastytrade.facts import TastyOrder, TastyTransaction
from models.ids import ExecutionId
from models.order import Order
from tests.execution.brokers.tastytrade.order_kit import (
    OPTIONS,
    START,
    condor,
    frame,
    order_of,
    single,
    transactions_of,
    without_fills,
)

D = Decimal


def books_of(book: FillBook) -> dict[ExecutionId, tuple[Decimal, Decimal, Decimal | None]]:
    return {fill.execution_id: (fill.quantity, fill.price, fill.fee) for fill in book.all()}


def quantities(fills: tuple[Fill, ...]) -> Decimal:
    return sum((fill.quantity for fill in fills), D(0))


# --- frames -----------------------------------------------------------------------------------------------------------


def test_fills_that_are_sent_again_are_the_same_and_an_emptied_frame_takes_none_away() -> None:
    book, order = FillBook(), condor(3)
    assert len(book.take_order(frame(order, at_s=1, filled=1))) == 4
    assert book.take_order(frame(order, at_s=1, filled=1)) == ()
    assert book.take_order(without_fills(frame(order, at_s=2, filled=1))) == ()
    assert len(book.take_order(frame(order, at_s=3, filled=2))) == 4
    assert len(book.all()) == 8


def test_one_fill_id_on_two_legs_is_two_executions() -> None:
    book = FillBook()
    book.take_order(frame(condor(), filled=1))
    assert len({fill.execution_id for fill in book.all()}) == 4


def test_a_fill_told_with_another_price_later_is_a_correction_and_an_older_word_is_none() -> None:
    book, order = FillBook(), single()
    book.take_order(frame(order, at_s=1, filled=1, price="4.10"))
    assert book.take_order(frame(order, at_s=0, filled=1, price="4.00")) == ()
    (corrected,) = book.take_order(frame(order, at_s=5, filled=1, price="4.15"))
    assert (corrected.revision, corrected.price) == (2, D("4.15"))
    assert book.take_order(frame(order, at_s=1, filled=1, price="4.10")) == ()
    assert book.all()[0].price == D("4.15")


def test_a_hundred_one_lot_fills_are_a_hundred_executions() -> None:
    book, order = FillBook(), single(quantity=100)
    for filled in range(1, 101):
        book.take_order(frame(order, at_s=filled, filled=filled))
    assert len(book.all()) == 100
    assert quantities(book.all()) == D(100)


# --- transactions -----------------------------------------------------------------------------------------------------


def test_fees_come_out_of_the_transaction_of_each_leg_of_each_fill() -> None:
    book, done = FillBook(), frame(condor(2), filled=2)
    book.take_order(done)
    assert len(book.without_fee()) == 8
    assert len(book.take_transactions(transactions_of(done))) == 8
    assert {fill.fee for fill in book.all()} == {D("1.25")}
    assert book.unjoined() == ()
    assert book.take_transactions(transactions_of(done)) == ()


def test_fees_are_joined_by_quantity_and_price_where_ids_do_not_meet() -> None:
    book, done = FillBook(), frame(condor(2), filled=2)
    book.take_order(done)
    book.take_transactions(transactions_of(done, exec_ids=False))
    assert {fill.fee for fill in book.all()} == {D("1.25")}
    assert book.unjoined() == ()


def test_one_transaction_of_several_fills_is_shared_out_by_quantity() -> None:
    book, done = FillBook(), frame(single(quantity=4), filled=4)
    book.take_order(done)
    row = replace(transactions_of(done)[0], quantity=D(4), fill_id="elsewhere", fees=D(6))
    book.take_transactions([row])
    assert [fill.fee for fill in book.all()] == [D("1.5")] * 4


def test_an_estimate_stands_until_it_is_read_again() -> None:
    book, done = FillBook(), frame(single(), filled=1)
    book.take_order(done)
    book.take_transactions(transactions_of(done, fees="1.25"))
    tomorrow = (START + timedelta(days=1)).date()
    assert len(book.estimated_before(tomorrow)) == 1
    assert book.estimated_before(START.date()) == ()
    (changed,) = book.take_transactions(transactions_of(done, fees="1.31", is_estimated=False))
    assert changed.fee == D("1.31")
    assert book.estimated_before(tomorrow) == ()


def test_a_transaction_without_fees_leaves_the_fee_unknown_and_not_zero() -> None:
    book, done = FillBook(), frame(single(), filled=1)
    book.take_order(done)
    book.take_transactions(transactions_of(done, fees=None))
    assert book.all()[0].fee is None
    assert len(book.without_fee()) == 1


def test_a_trade_that_its_order_never_told_is_booked_from_its_transaction() -> None:
    book, done = FillBook(), frame(condor(), filled=1)
    book.take_order(without_fills(done))
    book.take_transactions(transactions_of(done))
    assert book.all() == ()
    assert len(book.add_unjoined()) == 4
    assert book.take_order(done) == ()
    assert len(book.all()) == 4


def test_a_fill_told_later_under_another_id_is_not_booked_twice() -> None:
    book, done = FillBook(), frame(single(quantity=2), filled=2)
    book.take_order(without_fills(done))
    rows = transactions_of(done, exec_ids=False)
    book.take_transactions(rows)
    book.add_unjoined()
    ids = [fill.execution_id for fill in book.all()]
    assert book.take_order(done) == ()
    book.take_transactions(rows)
    assert [fill.execution_id for fill in book.all()] == ids
    assert [fill.fee for fill in book.all()] == [D("1.25"), D("1.25")]
    assert book.unjoined() == ()


def test_a_transaction_that_fits_no_fill_is_no_further_fill_of_an_order_half_filled() -> None:
    book, done = FillBook(), frame(single(quantity=4), filled=2)
    book.take_order(done)
    rows = [replace(row, fill_id=f"x{row.transaction_id}", price=D("2.005")) for row in transactions_of(done)]
    book.take_transactions(rows[:1])  # the other one is still to come
    assert book.add_unjoined() == ()
    book.take_transactions(rows)
    assert book.unjoined() == ()
    assert [fill.fee for fill in book.all()] == [D("1.25")] * 2


def test_a_fill_told_later_under_another_id_is_not_booked_twice_in_an_order_half_filled() -> None:
    book, done = FillBook(), frame(single(quantity=4), filled=2)
    book.take_order(without_fills(done))
    book.take_transactions([replace(row, fill_id=f"x{row.transaction_id}") for row in transactions_of(done)])
    assert len(book.add_unjoined()) == 2
    assert book.take_order(done) == ()
    assert len(book.take_order(frame(single(quantity=4), at_s=1, filled=3))) == 1
    assert len(book.all()) == 3


def test_a_transaction_beyond_what_was_ordered_is_left_over() -> None:
    book, done = FillBook(), frame(single(), filled=1)
    book.take_order(done)
    stray = replace(transactions_of(done)[0], transaction_id="77", fill_id="x", price=D(9))
    book.take_transactions([*transactions_of(done), stray])
    assert book.add_unjoined() == ()
    assert [row.transaction_id for row in book.unjoined()] == ["77"]


# --- any sequence -----------------------------------------------------------------------------------------------------

_LEGS = condor(4)
_DONE = frame(_LEGS, "Filled", at_s=9, filled=4)
_FRAMES: tuple[TastyOrder, ...] = (
    frame(_LEGS, "Routed", at_s=1),
    frame(_LEGS, "Live", at_s=2, legs_filled=(1, 0, 0, 0)),
    frame(_LEGS, "Live", at_s=3, legs_filled=(1, 1, 1, 1)),
    without_fills(frame(_LEGS, "Live", at_s=4, filled=1)),
    frame(_LEGS, "Live", at_s=5, legs_filled=(3, 2, 2, 1)),
    frame(_LEGS, "Filled", at_s=6, legs_filled=(4, 2, 2, 1)),
    _DONE,
    without_fills(frame(_LEGS, "Filled", at_s=10, filled=4)),
)
_ROWS: tuple[TastyTransaction, ...] = transactions_of(_DONE)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_permutation_and_duplication_of_frames_and_transactions_makes_the_same_executions(
    data: st.DataObject,
) -> None:
    words: list[TastyOrder | TastyTransaction] = [*_FRAMES, *_ROWS]
    copies = data.draw(st.lists(st.sampled_from(words), max_size=30))
    told = data.draw(st.permutations([*words, *copies]))
    book = FillBook()
    for word in told:
        if isinstance(word, TastyOrder):
            book.take_order(word)
        else:
            book.take_transactions([word])
    plain = FillBook()
    plain.take_order(_DONE)
    plain.take_transactions(_ROWS)
    assert books_of(book) == books_of(plain)
    assert len(books_of(book)) == 16
    assert book.unjoined() == ()


@settings(max_examples=60, deadline=None)
@given(prices=st.lists(st.sampled_from(["4.00", "4.05", "4.10"]), min_size=1, max_size=5), data=st.data())
def test_of_corrections_the_latest_counts_whatever_the_sequence(prices: list[str], data: st.DataObject) -> None:
    order = single()
    frames = [frame(order, at_s=at_s, filled=1, price=price) for at_s, price in enumerate(prices)]
    book = FillBook()
    for each in data.draw(st.permutations([*frames, *frames])):
        book.take_order(each)
    (fill,) = book.all()
    assert fill.price == D(prices[-1])


def test_a_ratio_order_s_fills_keep_their_quantities() -> None:
    legs = tuple(replace(leg, quantity=quantity) for leg, quantity in zip(condor().legs[:2], (1, 2), strict=True))
    order: Order = order_of(legs, D("-1.00"))
    book = FillBook()
    book.take_order(frame(order, filled=1))
    assert [fill.quantity for fill in book.all()] == [D(1), D(2)]
    assert {fill.symbol for fill in book.all()} == {str(OPTIONS[0].key), str(OPTIONS[1].key)}
