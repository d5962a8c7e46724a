"""Desk against broker: pure, complete, and the same when done twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.brokers.port import BrokerOrder, BrokerSnapshot, ExecutionEvent, OrderEvent
from execution.orders.reconcile import Known, reconcile
from models.enums import Action, BrokerName, OrderStatus
from models.ids import BrokerOrderId
from models.order import Order
from models.position import UnifiedPosition
from models.trade import Execution
from tests.execution.orders.builders import ACCOUNT, NOW, draft, execution_of, fills_of, leg, option, word
from tests.execution.orders.fake_broker import EMPTY_SNAPSHOT
from tests.execution.orders.harness import Desk, run

S = OrderStatus
TICKET = draft()


def order(status: OrderStatus = S.PENDING, **changes: object) -> Order:
    made = Order(
        id=TICKET.order_id,
        account_id=ACCOUNT,
        legs=TICKET.legs,
        order_type=TICKET.order_type,
        limit_price=TICKET.limit_price,
        tif=TICKET.tif,
        status=status,
        created_at=NOW,
        submitted_at=NOW - timedelta(seconds=5),
    )
    for name, value in changes.items():
        made = replace(made, **{name: value})  # type: ignore[arg-type]  # one named field at a time
    return made


def snapshot(
    *told: BrokerOrder, executions: tuple[Execution, ...] = (), positions: tuple[UnifiedPosition, ...] = ()
) -> BrokerSnapshot:
    ended = (S.FILLED, S.CANCELLED, S.REJECTED)
    return replace(
        EMPTY_SNAPSHOT,
        open_orders=tuple(each for each in told if each.status not in ended),
        completed_orders=tuple(each for each in told if each.status in ended),
        executions=executions,
        positions=positions,
    )


def test_agreement_needs_nothing() -> None:
    known = Known(orders=(order(broker_order_id=BrokerOrderId("B1")),))
    assert reconcile(known, snapshot(word(TICKET, S.PENDING))).is_clean


def test_fills_made_while_away_come_before_the_order_states() -> None:
    fills = tuple(fills_of(TICKET, 2, order_id=None))
    result = reconcile(Known(orders=(order(),)), snapshot(word(TICKET, S.FILLED, filled_packages=2), executions=fills))
    kinds = [type(event) for event in result.events]
    assert kinds == [ExecutionEvent] * 4 + [OrderEvent]
    owners = {event.execution.order_id for event in result.events if isinstance(event, ExecutionEvent)}
    assert owners == {TICKET.order_id}
    assert result.missing == ()


def test_a_correction_made_while_the_desk_was_off_counts_where_revisions_begin_anew() -> None:
    fills = [replace(fill, revision=2) for fill in fills_of(TICKET, 2)]
    known = Known(orders=(order(S.FILLED, filled_packages=2),), executions=tuple(fills))
    again = [replace(fill, revision=1) for fill in fills]
    again[0] = replace(again[0], price=Decimal("4.10"))
    told = replace(snapshot(executions=tuple(again)), do_revisions_restart=True)
    (event,) = reconcile(known, told).events
    assert isinstance(event, ExecutionEvent)
    assert (event.execution.revision, event.execution.price) == (3, Decimal("4.10"))
    after = replace(known, executions=(event.execution, *fills[1:]))
    assert reconcile(after, told).is_clean
    assert reconcile(known, snapshot(executions=tuple(again))).is_clean


def test_only_a_higher_revision_is_news() -> None:
    fills = fills_of(TICKET, 2)
    known = Known(orders=(order(S.FILLED, filled_packages=2),), executions=tuple(fills))
    revised = replace(fills[0], revision=2, price=Decimal("4.10"))
    result = reconcile(known, snapshot(executions=(fills[0], revised, *fills[1:])))
    assert [event.execution for event in result.events if isinstance(event, ExecutionEvent)] == [revised]


def test_an_order_the_broker_does_not_mention_is_missing() -> None:
    assert reconcile(Known(orders=(order(),)), EMPTY_SNAPSHOT).missing == (TICKET.order_id,)


def test_an_order_that_left_after_the_snapshot_or_is_leaving_is_not_missing() -> None:
    later = order(submitted_at=NOW + timedelta(seconds=1))
    assert reconcile(Known(orders=(later,)), EMPTY_SNAPSHOT).missing == ()
    leaving = Known(orders=(order(),), in_flight=frozenset({TICKET.order_id}))
    assert reconcile(leaving, EMPTY_SNAPSHOT).missing == ()


def test_an_order_that_its_executions_complete_is_not_missing() -> None:
    result = reconcile(Known(orders=(order(),)), snapshot(executions=tuple(fills_of(TICKET, 2))))
    assert result.missing == ()


def test_a_cancel_that_did_not_arrive_puts_the_order_back_to_work() -> None:
    known = Known(orders=(order(S.CANCEL_PENDING, broker_order_id=BrokerOrderId("B1")),))
    (event,) = reconcile(known, snapshot(word(TICKET, S.PENDING))).events
    assert isinstance(event, OrderEvent)
    assert "did not arrive" in (event.order.reason or "")


def test_an_order_ended_here_that_works_there_is_a_difference() -> None:
    known = Known(orders=(order(S.CANCELLED, broker_order_id=BrokerOrderId("B1")),))
    result = reconcile(known, snapshot(word(TICKET, S.PENDING)))
    assert "works at the broker" in result.differences[0].text
    assert result.events == ()


def test_an_order_of_ours_that_ended_before_this_start_is_no_strangers() -> None:
    done = word(TICKET, S.FILLED, filled_packages=2)
    assert reconcile(Known(orders=()), snapshot(done)).is_clean
    strange = replace(done, order_id=None)
    (event,) = reconcile(Known(orders=()), snapshot(strange)).events
    assert isinstance(event, OrderEvent)
    assert event.order == strange


def test_executions_out_of_the_brokers_reach_are_a_difference() -> None:
    result = reconcile(Known(orders=(order(),)), snapshot(word(TICKET, S.FILLED, filled_packages=2)))
    assert any("Import the missing ones" in difference.text for difference in result.differences)


def position(strike: int, quantity: int) -> UnifiedPosition:
    at = NOW - timedelta(hours=1)
    return UnifiedPosition(BrokerName.PAPER, ACCOUNT, option(strike), Decimal(quantity), Decimal(5), at_utc=at)


def test_positions_that_executions_explain_are_no_difference() -> None:
    bought = execution_of(leg(option(7000), Action.BUY, 2), "x")
    known = Known(orders=(), positions=(position(7000, -2), position(6900, 1)))
    result = reconcile(known, snapshot(executions=(bought,), positions=(position(6900, 1),)))
    assert result.differences == ()


def test_positions_that_nothing_explains_are_told_in_words() -> None:
    known = Known(orders=(), positions=(position(7000, -2),))
    result = reconcile(known, snapshot(positions=(position(7000, -1), position(6900, 3))))
    texts = [difference.text for difference in result.differences]
    assert [text.split(".")[0] for text in texts] == [
        "SPXW 12 Jun 26 6900 P: the broker holds +3, the executions known here make 0",
        "SPXW 12 Jun 26 7000 P: the broker holds -1, the executions known here make -2",
    ]


def test_a_time_whose_executions_the_broker_no_longer_tells_is_a_difference() -> None:
    known = Known(orders=(), positions=(position(7000, -1),))
    told = replace(snapshot(positions=(position(7000, -1),)), executions_since_utc=NOW - timedelta(minutes=30))
    (difference,) = reconcile(known, told).differences
    assert "since 2026-05-04 14:30 UTC; the desk saw it last at 2026-05-04 14:00 UTC" in difference.text
    assert "import them from its statement" in difference.text


def test_a_first_start_has_nothing_to_compare_positions_with() -> None:
    assert reconcile(Known(orders=()), snapshot(positions=(position(7000, -1),))).is_clean


def test_of_two_incarnations_the_newer_counts() -> None:
    second = word(TICKET, S.PENDING, broker_order_id=BrokerOrderId("B2"), replaces=BrokerOrderId("B1"), order_id=None)
    known = Known(orders=(order(broker_order_id=BrokerOrderId("B1")),))
    (event,) = reconcile(known, snapshot(word(TICKET, S.CANCELLED, order_id=None), second)).events
    assert isinstance(event, OrderEvent)
    assert event.order.broker_order_id == "B2"


_counts = st.integers(0, 2)
_told = st.sampled_from([None, S.PENDING, S.PARTIAL, S.CANCEL_PENDING, S.CANCELLED, S.REJECTED, S.FILLED])


@settings(max_examples=80, deadline=None)
@given(
    local=st.sampled_from(["sent", "unknown", "cancelling", "cancelled"]),
    seen=_counts,
    there=_counts,
    told=_told,
    stranger=st.none() | st.sampled_from([S.PENDING, S.FILLED, S.CANCELLED]),
    loose=st.integers(0, 4),
    restart=st.booleans(),
)
def test_reconciling_twice_is_reconciling_once(
    local: str, seen: int, there: int, told: S | None, stranger: S | None, loose: int, restart: bool
) -> None:
    async def story() -> None:
        desk = Desk()
        ticket = await desk.simulated(TICKET)
        desk.broker.submit_error = TimeoutError() if local == "unknown" else None
        await desk.manager.send(ticket)
        if local in ("cancelling", "cancelled"):
            await desk.manager.cancel(ticket.order_id)
        batches = [fills_of(ticket, 1, name) for name in "ab"]
        for batch in batches[:seen]:
            for execution in batch:
                await desk.manager.apply(ExecutionEvent(execution))
        if local == "cancelled":
            await desk.told(ticket, S.CANCELLED, filled_packages=seen)
        known_there = batches[: max(seen, there)]
        executions = [execution for batch in known_there for execution in batch]
        executions += fills_of(draft(), 1, "z", order_id=None, broker_order_id=BrokerOrderId("TWS"))[:loose]
        words = [] if told is None else [word(ticket, told, filled_packages=len(known_there))]
        if stranger is not None:
            words.append(word(draft(), stranger, order_id=None, broker_order_id=BrokerOrderId("TWS")))
        seen_there = snapshot(*words, executions=tuple(executions))
        desk.broker.snapshot_value = seen_there
        if restart:
            await desk.manager.close()
            desk.start()
        await desk.recover(seen_there)
        before = (dict(desk.storage.orders), dict(desk.storage.executions), len(desk.storage.journal))
        shown = desk.window.shown()
        again = await desk.manager.recover(await desk.storage.load([ACCOUNT]), seen_there)
        assert again.events == ()
        after = (dict(desk.storage.orders), dict(desk.storage.executions), len(desk.storage.journal))
        assert after == before
        assert desk.window.shown() == shown
        if len(known_there) == 2:
            assert desk.order(ticket).status is S.FILLED
        covered = [each for entry in desk.storage.journal if entry.order_id for each in entry.legs]
        if desk.order(ticket).status in (S.FILLED, S.CANCELLED):
            assert sum(each.quantity for each in covered) == 4 * len(known_there)
        assert len(desk.broker.submitted) == 1
        await desk.manager.close()

    run(story())
