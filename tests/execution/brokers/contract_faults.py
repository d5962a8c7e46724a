"""What every broker must do when wire, far end or desk fail."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from execution.brokers.paper.faults import Call, CallFault, CancelBehavior, Failure, FillBehavior, OrderScript
from execution.brokers.port import (
    ConnectionEvent,
    FeeEvent,
    OddObjectEvent,
)
from models.enums import FeedState, OrderStatus, TimeInForce
from models.errors import BrokerFailure, FailureKind
from models.order_status import check_transition
from tests.execution.brokers.contract_kit import (
    AT_ONCE,
    QUIET,
    BrokerHarness,
    ContractTests,
    bought,
    cash,
    fills,
    held,
    known_order,
    order_of,
    states,
)


class FaultContract(ContractTests):
    """Unknown outcomes, lost links, bad habits, days and restarts."""

    # --- outcomes nobody knows --------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("failure", "arrived"),
        [
            (Failure.DROP, False),
            (Failure.DONE_THEN_TIMEOUT, True),
            (Failure.DISCONNECT_BEFORE, False),
            (Failure.DISCONNECT_AFTER, True),
        ],
    )
    def test_an_unanswered_submit_is_unknown_and_evidence_settles_it(
        self, tmp_path: Path, failure: Failure, *, arrived: bool
    ) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.natural(legs))
            desk.script(order.id, AT_ONCE)
            desk.fail(Call.SUBMIT, CallFault(failure))
            with pytest.raises(BrokerFailure) as caught:
                await desk.broker.submit(order)
            assert caught.value.outcome_unknown
            desk.mend_link()
            await desk.pass_time(3)
            found = await desk.broker.find_orders([order.id])
            assert len(found) == int(arrived)
            executions = [e for e in (await desk.broker.snapshot()).executions if e.order_id == order.id]
            assert len(executions) == (len(legs) if arrived else 0)

        self.play(tmp_path, scenario)

    def test_nothing_is_sent_while_the_link_is_down(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.natural(legs))
            desk.cut_link()
            await desk.pass_time(0.25)
            with pytest.raises(BrokerFailure) as caught:
                await desk.broker.submit(order)
            assert caught.value.kind is FailureKind.OFFLINE
            assert not caught.value.outcome_unknown
            desk.mend_link()
            await desk.pass_time(2)
            assert await desk.broker.find_orders([order.id]) == ()

        self.play(tmp_path, scenario)

    def test_a_lost_link_is_told_and_fills_meanwhile_stand_in_the_next_snapshot(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.natural(legs))
            desk.script(order.id, OrderScript(fills=FillBehavior.DELAYED, delay_s=3))
            await desk.broker.submit(order)
            await desk.pass_time(1)
            desk.cut_link()
            await desk.pass_time(10)
            with pytest.raises(BrokerFailure):
                await desk.broker.snapshot()
            desk.mend_link()
            await desk.pass_time(1)
            links = [e for e in desk.events if isinstance(e, ConnectionEvent)]
            assert [(e.state, e.reconcile_needed) for e in links[-2:]] == [
                (FeedState.DOWN, True),
                (FeedState.LIVE, True),
            ]
            snapshot = await desk.broker.snapshot()
            assert known_order(snapshot, order).status is OrderStatus.FILLED
            assert held(snapshot) == {leg.contract.key: leg.signed_quantity for leg in legs}

        self.play(tmp_path, scenario)

    # --- bad habits of the far end ----------------------------------------------------------------------------------

    def test_duplicate_events_carry_the_same_ids(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.natural(legs))
            desk.script(order.id, OrderScript(fills=FillBehavior.IMMEDIATE, copies=3))
            await desk.broker.submit(order)
            await desk.pass_time(3)
            assert bought(fills(desk, order)) == {leg.contract.key: leg.signed_quantity for leg in legs}
            assert held(await desk.broker.snapshot()) == bought(fills(desk, order))

        self.play(tmp_path, scenario)

    def test_events_out_of_order_lose_nothing(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.natural(legs))
            desk.script(order.id, OrderScript(fills=FillBehavior.IMMEDIATE, reversed_events=True))
            await desk.broker.submit(order)
            await desk.pass_time(3)
            done = fills(desk, order)
            assert bought(done) == {leg.contract.key: leg.signed_quantity for leg in legs}
            assert {e.execution_id for e in desk.events if isinstance(e, FeeEvent)} == done.keys()
            assert OrderStatus.FILLED in states(desk, order)

        self.play(tmp_path, scenario)

    def test_a_correction_keeps_its_id_and_raises_the_revision(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.natural(legs))
            script = OrderScript(fills=FillBehavior.IMMEDIATE, correction=Decimal("0.05"), delay_s=2)
            desk.script(order.id, script)
            await desk.broker.submit(order)
            await desk.pass_time(1)
            first = fills(desk, order)
            await desk.pass_time(4)
            last = fills(desk, order)
            revised = [e for e in last.values() if e.revision == 2]
            assert last.keys() == first.keys()
            assert len(revised) == 1
            assert revised[0].price == first[revised[0].execution_id].price + Decimal("0.05")
            snapshot = await desk.broker.snapshot()
            told = {e.execution_id: e for e in snapshot.executions if e.order_id == order.id}
            assert told[revised[0].execution_id].revision == 2
            assert held(snapshot) == bought(last)

        self.play(tmp_path, scenario)

    def test_an_odd_object_is_counted_and_the_stream_goes_on(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            desk.send_odd_object()
            await desk.pass_time(1)
            legs = desk.condor(1)
            order = order_of(desk, legs, desk.natural(legs))
            await desk.broker.submit(order)
            await desk.pass_time(3)
            assert sum(isinstance(event, OddObjectEvent) for event in desk.events) == 1
            assert states(desk, order)[-1] is OrderStatus.FILLED

        self.play(tmp_path, scenario)

    def test_reported_states_follow_the_table_of_legal_steps(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(4)
            order = order_of(desk, legs, desk.natural(legs))
            script = OrderScript(
                fills=FillBehavior.PARTIAL, first_packages=1, delay_s=3600, cancel=CancelBehavior.FILL_WINS
            )
            desk.script(order.id, script)
            await desk.broker.submit(order)
            await desk.pass_time(2)
            await desk.broker.cancel(order)
            await desk.pass_time(3)
            seen = [OrderStatus.PENDING, *states(desk, order)]
            for before, after in pairwise(seen):
                check_transition(order.id, before, after)
            assert seen[-1] is OrderStatus.FILLED

        self.play(tmp_path, scenario)

    # --- days and restarts ------------------------------------------------------------------------------------------

    def test_a_day_order_dies_with_the_session_and_gtc_survives(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(1)
            day = order_of(desk, legs, desk.resting(legs))
            gtc = order_of(desk, desk.single(1), desk.resting(desk.single(1)), tif=TimeInForce.GTC)
            for order in (day, gtc):
                desk.script(order.id, QUIET)
                await desk.broker.submit(order)
            await desk.pass_time(2)
            await desk.pass_to_next_session()
            snapshot = await desk.broker.snapshot()
            assert known_order(snapshot, day).status is OrderStatus.CANCELLED
            assert [o.order_id for o in snapshot.open_orders] == [gtc.id]
            assert states(desk, day)[-1] is OrderStatus.CANCELLED

        self.play(tmp_path, scenario)

    def test_a_desk_killed_after_submit_finds_its_order_and_fills(self, tmp_path: Path) -> None:
        async def scenario(desk: BrokerHarness) -> None:
            legs = desk.condor(2)
            filled = order_of(desk, legs, desk.natural(legs))
            resting = order_of(desk, desk.single(1), desk.resting(desk.single(1)), tif=TimeInForce.GTC)
            desk.script(filled.id, AT_ONCE)
            await desk.broker.submit(filled)
            await desk.broker.submit(resting)
            await desk.pass_time(2)
            before = await desk.broker.snapshot()
            await desk.crash_and_restart()
            after = await desk.broker.snapshot()
            assert known_order(after, filled).status is OrderStatus.FILLED
            assert [o.order_id for o in after.open_orders] == [resting.id]
            assert held(after) == held(before)
            ids = [e.execution_id for e in after.executions]
            assert ids == [e.execution_id for e in before.executions]
            assert cash(after, desk.account_id) == cash(before, desk.account_id)
            with pytest.raises(BrokerFailure):
                await desk.broker.submit(filled)

        self.play(tmp_path, scenario)
