"""An order's state out of all its frames: the same whatever the sequence in which they come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.brokers.port import BrokerOrder
from execution.brokers.tastytrade.executions import FillBook
from execution.brokers.tastytrade.facts import TastyOrder
from execution.brokers.tastytrade.order_book import OrderBook
from execution.brokers.tastytrade.order_state import status_of
from models.enums import OrderStatus
from models.ids import ExecutionId
from models.order import Order
from tests.execution.brokers.tastytrade.order_kit import (
    FOREIGN_SOURCE,
    Bench,
    bench,
    condor,
    frame,
    without_fills,
)

_S = OrderStatus
_ORDER = condor(2)
_NEW = "-1.70"


def _heir(status: str, at_s: float, filled: int = 0) -> TastyOrder:
    return frame(_ORDER, status, tasty_id="502", at_s=at_s, filled=filled, limit=_NEW, replaces="501")


_FILLED = (
    frame(_ORDER, "Received", at_s=0),
    frame(_ORDER, "Routed", at_s=1),
    frame(_ORDER, "In Flight", at_s=1),
    frame(_ORDER, "Live", at_s=1),
    frame(_ORDER, "Live", at_s=2, filled=1),
    without_fills(frame(_ORDER, "Live", at_s=3, filled=1)),
    frame(_ORDER, "Cancel Requested", at_s=4, filled=1),
    frame(_ORDER, "Filled", at_s=5, legs_filled=(2, 1, 1, 1)),
    frame(_ORDER, "Filled", at_s=6, filled=2),
)
_CANCELLED = (
    frame(_ORDER, "Live", at_s=1),
    frame(_ORDER, "Live", at_s=2, filled=1),
    frame(_ORDER, "Cancel Requested", at_s=3, filled=1),
    frame(_ORDER, "Cancelled", at_s=4, filled=1),
)
_REPLACED = (
    frame(_ORDER, "Live", at_s=1),
    frame(_ORDER, "Cancelled", at_s=2, replaced_by="502"),
    _heir("Contingent", 1.5),
    _heir("Routed", 3),
    _heir("Live", 4, filled=1),
    _heir("Filled", 5, filled=2),
)
_OUTRUN = (
    frame(_ORDER, "Live", at_s=1),
    frame(_ORDER, "Filled", at_s=2, filled=2, replaced_by="502"),
    _heir("Contingent", 1.5),
    _heir("Routed", 1.8),
    _heir("Rejected", 3),
)
_DEAD_PRICE = (
    frame(_ORDER, "Live", at_s=1),
    _heir("Contingent", 2),
    _heir("Rejected", 3),
    frame(_ORDER, "Live", at_s=4, filled=1),
)


async def _play(frames: Sequence[TastyOrder]) -> tuple[Bench, list[BrokerOrder]]:
    desk = bench()
    desk.wire.put(*frames)
    for each in frames:
        await desk.desk.take(each)
    desk.desk.link_lost()
    await asyncio.sleep(0)
    return desk, desk.told(_ORDER)


def _outcome(frames: Sequence[TastyOrder]) -> tuple[BrokerOrder, dict[ExecutionId, Decimal]]:
    async def run() -> tuple[BrokerOrder, dict[ExecutionId, Decimal]]:
        desk, told = await _play(frames)
        case = desk.desk._book.case_of(desk.desk._book.records()[0])
        found = await desk.desk._teller.describe(case)
        assert found is not None
        now, last = found[1], told[-1]
        # What was told last is what is true now.
        assert (now.status, now.filled_packages, now.broker_order_id) == (
            last.status,
            last.filled_packages,
            last.broker_order_id,
        )
        quantities = {one.execution_id: one.signed_quantity for one in desk.executions().values()}
        return now, quantities

    return asyncio.run(run())


@pytest.mark.parametrize("frames", [_FILLED, _CANCELLED, _REPLACED, _OUTRUN, _DEAD_PRICE])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_permutation_and_duplication_of_frames_ends_in_the_same_state_and_executions(
    frames: tuple[TastyOrder, ...], data: st.DataObject
) -> None:
    in_sequence, executions = _outcome(frames)
    copies = data.draw(st.lists(st.sampled_from(frames), max_size=6))
    order, found = _outcome(data.draw(st.permutations([*frames, *copies])))
    assert (order.status, order.filled_packages) == (in_sequence.status, in_sequence.filled_packages)
    assert (order.broker_order_id, order.limit_price) == (in_sequence.broker_order_id, in_sequence.limit_price)
    assert order.reason == in_sequence.reason
    assert found == executions


def test_the_sequences_end_as_tastytrade_meant_them() -> None:
    ends = {
        name: (order.status, order.broker_order_id, order.filled_packages, len(executions))
        for name, (order, executions) in {
            "filled": _outcome(_FILLED),
            "cancelled": _outcome(_CANCELLED),
            "replaced": _outcome(_REPLACED),
            "outrun": _outcome(_OUTRUN),
            "dead price": _outcome(_DEAD_PRICE),
        }.items()
    }
    assert ends == {
        "filled": (_S.FILLED, "501", 2, 8),
        "cancelled": (_S.CANCELLED, "501", 1, 4),
        "replaced": (_S.FILLED, "502", 2, 8),
        "outrun": (_S.FILLED, "501", 2, 8),
        "dead price": (_S.PARTIAL, "501", 1, 4),
    }


def _book_of(*frames: TastyOrder) -> tuple[OrderBook, FillBook]:
    fills = FillBook()
    book = OrderBook(fills)
    for each in frames:
        fills.take_order(each)
        book.take(each)
    return book, fills


def test_an_end_is_never_left() -> None:
    book, _ = _book_of(frame(_ORDER, "Cancelled", at_s=1), frame(_ORDER, "Live", at_s=9))
    (record,) = book.records()
    assert (record.word, record.has_ended) == ("Cancelled", True)


def test_words_of_one_instant_are_told_apart_by_how_far_along_they_are() -> None:
    for frames in ((1, 0), (0, 1)):
        words = [frame(_ORDER, "Routed", at_s=1), frame(_ORDER, "Live", at_s=1)]
        book, _ = _book_of(*(words[index] for index in frames))
        assert book.records()[0].word == "Live"


def test_ownership_follows_the_chain_of_replacements_either_way_it_is_told() -> None:
    foreign = {"source": FOREIGN_SOURCE}
    by_heir = frame(_ORDER, "Live", tasty_id="9", identifier="", replaces="501", source=foreign["source"])
    by_before = frame(_ORDER, "Live", tasty_id="10", identifier="", source=foreign["source"])
    book, _ = _book_of(by_heir, by_before, frame(_ORDER, "Cancelled", at_s=1, replaced_by="10"))
    assert {record.order_id: book.owner(record) for record in book.records()} == {
        "9": _ORDER.id,
        "10": _ORDER.id,
        "501": _ORDER.id,
    }


def test_a_circle_of_replacements_ends() -> None:
    book, _ = _book_of(
        frame(_ORDER, "Live", tasty_id="1", identifier="", replaces="2"),
        frame(_ORDER, "Live", tasty_id="2", identifier="", replaces="1"),
    )
    cases = book.cases()
    assert [case.order_id for case in cases] == [None, None]
    assert [status_of(book, case, book.current(case)) for case in cases] == [_S.PENDING, _S.PENDING]


def test_a_market_order_has_no_price_and_a_gtc_one_outlives_the_day() -> None:
    order = Order(
        id=_ORDER.id,
        account_id=_ORDER.account_id,
        legs=_ORDER.legs,
        order_type=_ORDER.order_type,
        limit_price=None,
        tif=_ORDER.tif,
        status=_ORDER.status,
        created_at=_ORDER.created_at,
    )
    told, _ = _outcome([frame(order, "Live", at_s=1)])
    assert (told.order_type.value, told.limit_price, told.tif.value) == ("MKT", None, "DAY")
