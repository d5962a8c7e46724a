"""Executions and broker words against the order table: fills outrank status, and status never goes back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.port import BrokerOrder
from execution.orders.fills import advance, average_net, progress_of
from models.enums import Action, OrderStatus
from models.ids import BrokerOrderId
from models.order import Order
from models.order_status import NEXT
from models.trade import Execution
from tests.execution.orders.builders import NOW, draft, execution_of, fills_of, leg, option, word

S = OrderStatus
TICKET = draft()


def order(status: OrderStatus = S.PENDING) -> Order:
    return Order(
        id=TICKET.order_id,
        account_id=TICKET.account_id,
        legs=TICKET.legs,
        order_type=TICKET.order_type,
        limit_price=TICKET.limit_price,
        tif=TICKET.tif,
        status=status,
        created_at=NOW,
        broker_order_id=BrokerOrderId("B1"),
    )


ONE, TWO = fills_of(TICKET, 1, "a"), fills_of(TICKET, 2, "b")


def test_a_package_is_filled_only_when_every_leg_is() -> None:
    for count in range(4):
        progress = progress_of(order(), TWO[:count])
        assert progress.packages == 0
        assert not progress.is_complete
        assert progress.is_balanced == (count == 0)
    whole = progress_of(order(), TWO)
    assert (whole.packages, whole.is_complete, whole.is_balanced) == (2, True, True)
    assert average_net(order(), whole) == Decimal("-1.85")


def test_an_order_of_nothing_is_never_filled_and_breaks_nothing() -> None:
    nothing = replace(order(), legs=tuple(replace(each, quantity=0) for each in TICKET.legs))
    assert (progress_of(nothing, []).packages, progress_of(nothing, []).is_complete) == (0, False)
    assert not progress_of(replace(order(), legs=()), []).is_complete
    ended = advance(nothing, progress_of(nothing, []), word(TICKET, S.CANCELLED), trust_status=True)
    assert [step.status for step in ended] == [S.CANCELLED]


def test_more_than_ordered_and_foreign_contracts_are_overfills() -> None:
    assert progress_of(order(), [*ONE, *TWO]).is_overfilled
    assert progress_of(order(), [execution_of(leg(option(6500)), "x")]).is_overfilled
    assert not progress_of(order(), TWO).is_overfilled


def test_average_prices_weigh_by_quantity() -> None:
    put = leg(option(7000), Action.SELL, 1)
    prices = [("a", "5.00", 1), ("b", "4.40", 1)]
    fills = [execution_of(put, name, price=Decimal(price), quantity=Decimal(size)) for name, price, size in prices]
    assert progress_of(order(), fills).prices[put.contract.key] == Decimal("4.70")


# (status before, executions, the broker's word, statuses stepped through). FIX 4.2 appendix D, the rows that apply.
TRANSCRIPTS = [
    ("D4 cancel request issued for a zero-filled order", S.CANCEL_PENDING, [], S.CANCELLED, [S.CANCELLED]),
    ("D5 cancel issued for a part-filled order that fills meanwhile", S.CANCEL_PENDING, TWO, None, [S.FILLED]),
    ("D7 cancel rejected because filled", S.CANCEL_PENDING, TWO, S.FILLED, [S.FILLED]),
    ("fill while cancel pending leaves it pending", S.CANCEL_PENDING, ONE, None, [S.CANCEL_PENDING]),
    ("cancel after a part", S.CANCEL_PENDING, ONE, S.CANCELLED, [S.CANCELLED]),
    ("a late ack does not undo a cancel request", S.CANCEL_PENDING, [], S.PENDING, []),
    ("part filled", S.PENDING, ONE, None, [S.PARTIAL]),
    ("part filled, told by the broker before its executions", S.PENDING, [], S.PARTIAL, []),
    ("one leg filled is a part", S.PENDING, TWO[:1], None, [S.PARTIAL]),
    ("filled, told before its executions, waits for them", S.PENDING, [], S.FILLED, [S.PENDING]),
    ("unknown and found working", S.UNKNOWN, [], S.PENDING, [S.PENDING]),
    ("unknown and found filled by executions", S.UNKNOWN, TWO, None, [S.FILLED]),
    ("unknown and found part filled", S.UNKNOWN, ONE, S.PARTIAL, [S.PARTIAL]),
    ("unknown and found refused", S.UNKNOWN, [], S.REJECTED, [S.REJECTED]),
    ("refused after a part is a cancel", S.PARTIAL, ONE, S.REJECTED, [S.CANCELLED]),
    ("a stale word after the end changes nothing", S.CANCELLED, [], S.PENDING, []),
    ("a repeat of the end changes nothing", S.REJECTED, [], S.REJECTED, []),
    ("a cancel after the fill changes nothing", S.FILLED, TWO, S.CANCELLED, []),
    ("an exchange cancel without request", S.PENDING, [], S.CANCELLED, [S.CANCELLED]),
]


@pytest.mark.parametrize(
    ("before", "fills", "told", "steps"), [row[1:] for row in TRANSCRIPTS], ids=[row[0] for row in TRANSCRIPTS]
)
def test_transcripts(before: S, fills: list[Execution], told: S | None, steps: list[S]) -> None:
    start = order(before)
    progress = progress_of(start, fills)
    start = replace(start, filled_packages=progress.packages, fill_prices=progress.prices or None)
    if before is S.CANCEL_PENDING and fills and told is None:
        start = replace(start, filled_packages=0)
    news = None if told is None else word(TICKET, told, filled_packages=progress.packages)
    assert [step.status for step in advance(start, progress, news)] == steps


def test_a_cancel_that_the_broker_refuses_with_a_reason_puts_the_order_back_to_work() -> None:
    told = word(TICKET, S.PENDING, reason="too late to cancel")
    steps = advance(order(S.CANCEL_PENDING), progress_of(order(), []), told)
    assert [(step.status, step.reason) for step in steps] == [(S.PENDING, "too late to cancel")]


@pytest.mark.parametrize("ended", [S.CANCELLED, S.REJECTED])
def test_a_late_fill_is_counted_and_what_is_left_stays_cancelled(ended: S) -> None:
    steps = advance(order(ended), progress_of(order(), ONE), is_new_fill=True)
    assert [step.status for step in steps] == [S.PARTIAL, S.CANCELLED]
    assert steps[-1].filled_packages == 1
    whole = advance(order(ended), progress_of(order(), TWO), is_new_fill=True)
    assert [step.status for step in whole] == [S.FILLED]


def test_what_is_told_of_a_replaced_incarnation_changes_nothing() -> None:
    replaced = advance(order(), progress_of(order(), []), word(TICKET, S.PENDING, replaces="B1", broker_order_id="B2"))
    now = replaced[-1]
    assert now.broker_order_id == "B2"
    assert advance(now, progress_of(now, []), word(TICKET, S.CANCELLED)) == ()


_words = st.builds(
    lambda status, reason: word(TICKET, status, reason=reason),
    st.sampled_from([S.PENDING, S.PARTIAL, S.FILLED, S.CANCEL_PENDING, S.CANCELLED, S.REJECTED, S.UNKNOWN]),
    st.none() | st.just("said so"),
)


@given(
    before=st.sampled_from(OrderStatus),
    words=st.lists(_words, max_size=6),
    count=st.integers(0, 8),
    is_new=st.booleans(),
)
def test_whatever_comes_each_step_is_legal_and_a_filled_order_stays_filled(
    before: S, words: list[BrokerOrder], count: int, is_new: bool
) -> None:
    fills = [*ONE, *fills_of(TICKET, 1, "c")][:count]
    current = order(before)
    progress = progress_of(current, fills)
    for told in [None, *words]:
        for step in advance(current, progress, told, is_new_fill=is_new):
            assert step.status in NEXT[current.status] or step.status is current.status
            current = step
    if progress.is_complete:
        assert current.status is S.FILLED
    if before is S.FILLED:
        assert current.status is S.FILLED
    elif not progress.is_complete:
        assert current.status is not S.FILLED


@given(
    before=st.sampled_from([S.PENDING, S.PARTIAL, S.UNKNOWN, S.CANCEL_PENDING]), told=_words, count=st.integers(0, 4)
)
def test_hearing_it_twice_changes_nothing_more(before: S, told: BrokerOrder, count: int) -> None:
    progress = progress_of(order(), ONE[:count])
    once = advance(order(before), progress, told)
    if not once:
        return
    again = advance(once[-1], progress, told)
    is_refused_cancel = [step.status for step in again] in ([S.PENDING], [S.PARTIAL])
    assert again == () or is_refused_cancel
