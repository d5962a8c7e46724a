"""How orders fare that were taken: fills, cancels, replacements, restarts, other apps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.paper.faults import Call, CallFault, CancelBehavior, Failure, FillBehavior, OrderScript
from models.enums import Action
from models.ids import OrderId, new_order_id
from models.order import OrderLeg
from tests.execution.brokers.contract_kit import buy
from tests.execution.brokers.paper.fake_market import aapl, spxw
from tests.simulators.tastytrade.bodies import wire_order
from tests.simulators.tastytrade.replies import Refusal
from tests.simulators.tastytrade.stage import ACCOUNT, CONDOR, CROSSING, MANUAL, RESTING, Stage, play

NEVER = OrderScript(fills=FillBehavior.NEVER)


def of(stage: Stage, order_id: OrderId) -> Any:
    (found,) = [one for one in stage.sim.parts.orders.records.all(ACCOUNT) if one.external_identifier == order_id]
    return found.json()


def test_fills_come_in_parts_and_the_rest_may_be_cancelled(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        own, session = new_order_id(), stage.session()
        stage.faults.for_order(own, OrderScript(fills=FillBehavior.PARTIAL, first_packages=1, delay_s=3600))
        placed = (await stage.place(session, stage.limit(RESTING, order_id=own))).order
        await stage.pass_time(0.5)
        order = of(stage, own)
        assert order["status"] == "Live"
        assert {leg["remaining-quantity"] for leg in order["legs"]} == {1}
        await (await stage.account(session)).delete_order(session, placed.id)
        assert of(stage, own)["status"] == "Cancel Requested"
        await stage.pass_time(0.5)
        assert of(stage, own)["status"] == "Cancelled"
        assert of(stage, own)["cancelled-size"] == "1.0"
        with pytest.raises(Exception, match="cannot_update_order"):
            await (await stage.account(session)).delete_order(session, placed.id)

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("behavior", "ends"),
    [
        (CancelBehavior.FILL_WINS, "Filled"),
        (CancelBehavior.LATE_FILL, "Filled"),
        (CancelBehavior.IGNORED, "Cancel Requested"),
        (CancelBehavior.REFUSED, "Live"),
    ],
)
def test_a_cancel_may_come_too_late_or_be_lost(tmp_path: Path, behavior: CancelBehavior, ends: str) -> None:
    async def scenario(stage: Stage) -> None:
        own = new_order_id()
        stage.faults.for_order(own, replace(NEVER, cancel=behavior, delay_s=0.5))
        placed = await stage.place(stage.session(), stage.limit(RESTING, order_id=own))
        await stage.pass_time(0.5)
        status, _ = await stage.ask("DELETE", f"/accounts/{ACCOUNT}/orders/{placed.order.id}")
        assert status == (422 if behavior is CancelBehavior.REFUSED else 200)
        await stage.pass_time(2)
        assert of(stage, own)["status"] == ends

    play(tmp_path, scenario)


def test_the_exchange_rejects_and_the_day_ends(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        rejected, expired = new_order_id(), new_order_id()
        stage.faults.for_order(rejected, OrderScript(fills=FillBehavior.REJECT, reason="Too far."))
        session = stage.session()
        for own in (rejected, expired):
            await stage.place(session, stage.limit(RESTING, order_id=own))
        await stage.pass_time(0.5)
        assert (of(stage, rejected)["status"], of(stage, rejected)["reject-reason"]) == ("Rejected", "Too far.")
        stage.clock.advance(timedelta(hours=8))
        stage.sim.step()
        assert of(stage, expired)["status"] == "Expired"

    play(tmp_path, scenario)


def test_what_comes_while_the_exchange_is_closed_waits_for_the_open(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.clock.set(datetime(2026, 11, 17, 4, 0, tzinfo=UTC))
        stage.sim.step()
        own, session = new_order_id(), stage.session()
        account = await stage.account(session)
        order = stage.limit(RESTING, order_id=own, time_in_force="GTC")
        dry = await account.place_order(session, order, dry_run=True)
        assert "tif_next_valid_sesssion" in [one.code for one in dry.warnings]
        await stage.place(session, order)
        await stage.pass_time(1)
        assert of(stage, own)["status"] == "Received"
        stage.clock.set(datetime(2026, 11, 17, 14, 31, tzinfo=UTC))
        stage.sim.step()
        assert of(stage, own)["status"] == "Live"

    play(tmp_path, scenario, settings=replace(MANUAL, session_hours=True))


def test_a_replacement_gives_up_when_the_order_fills_first(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        own, session = new_order_id(), stage.session()
        stage.faults.for_order(own, OrderScript(fills=FillBehavior.DELAYED, delay_s=1.0))
        account = await stage.account(session)
        placed = (await stage.place(session, stage.limit(RESTING, order_id=own))).order
        stage.habits.replace_delay_s = 2.0
        new = await account.replace_order(session, placed.id, stage.limit(Decimal("90.00")))
        await stage.pass_time(3)
        found = {one.id: one for one in await account.get_live_orders(session)}
        assert (found[placed.id].status.value, found[new.id].status.value) == ("Filled", "Rejected")
        assert not found[new.id].legs[0].fills
        with pytest.raises(Exception, match="cannot_update_order"):
            await account.replace_order(session, placed.id, stage.limit(Decimal("80.00")))

    play(tmp_path, scenario)


def test_fills_still_to_be_told_are_booked_to_the_order_that_filled_not_to_the_replacement_that_gave_up(
    tmp_path: Path,
) -> None:
    async def scenario(stage: Stage) -> None:
        own, session = new_order_id(), stage.session()
        stage.faults.for_order(own, OrderScript(fills=FillBehavior.DELAYED, delay_s=1.0))
        account = await stage.account(session)
        placed = (await stage.place(session, stage.limit(RESTING, order_id=own))).order
        stage.habits.replace_delay_s, stage.habits.leg_gap_s = 1.5, 5.0
        await account.replace_order(session, placed.id, stage.limit(Decimal("90.00"), order_id=own))
        await stage.pass_time(3)
        rows = [one for one in await account.get_history(session) if one.transaction_type == "Trade"]
        assert [one.order_id for one in rows] == [placed.id] * 4
        await stage.pass_time(20)
        found = {one.status.value: one for one in await account.get_live_orders(session)}
        assert found["Filled"].id == placed.id
        assert [len(leg.fills) for leg in found["Filled"].legs] == [1] * 4
        assert not any(leg.fills for leg in found["Rejected"].legs)

    play(tmp_path, scenario)


def test_a_replacement_takes_over_what_did_not_fill_before_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        own, session = new_order_id(), stage.session()
        stage.faults.for_order(own, OrderScript(fills=FillBehavior.PARTIAL, first_packages=1, delay_s=2.0))
        account = await stage.account(session)
        placed = (await stage.place(session, stage.limit(RESTING, order_id=own))).order
        await stage.pass_time(0.5)
        new = await account.replace_order(session, placed.id, stage.limit(Decimal("90.00"), order_id=own))
        await stage.pass_time(3)
        found = {one.id: one for one in await account.get_live_orders(session)}
        assert (found[placed.id].status.value, found[new.id].status.value) == ("Cancelled", "Filled")
        assert [sum(one.quantity for one in leg.fills) for leg in found[placed.id].legs] == [1] * 4
        assert [sum(one.quantity for one in leg.fills) for leg in found[new.id].legs] == [1] * 4
        assert found[new.id].size == 1
        rows = [one for one in await account.get_history(session) if one.transaction_type == "Trade"]
        assert sorted({one.order_id for one in rows}) == [placed.id, new.id]

    play(tmp_path, scenario)


def test_a_replacement_off_the_tick_is_rejected_and_the_order_lives(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        account = await stage.account(session)
        placed = (await stage.place(session, stage.limit(RESTING))).order
        await stage.pass_time(0.5)
        new = await account.replace_order(session, placed.id, stage.limit(Decimal("90.03")))
        await stage.pass_time(0.5)
        found = {one.id: one.status.value for one in await account.get_live_orders(session)}
        assert found == {placed.id: "Live", new.id: "Rejected"}

    play(tmp_path, scenario)


def test_orders_and_their_fills_outlive_a_restart(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        filled, resting, session = new_order_id(), new_order_id(), stage.session()
        await stage.place(session, stage.limit(CROSSING, order_id=filled))
        await stage.place(session, stage.limit(RESTING, order_id=resting, time_in_force="GTC"))
        await stage.pass_time(0.5)
        before = of(stage, filled), of(stage, resting)
        rows = stage.sim.parts.ledger.transactions(ACCOUNT)
        port = stage.sim.port
        await stage.sim.stop()
        assert await stage.sim.start() == port
        assert (of(stage, filled), of(stage, resting)) == before
        assert stage.sim.parts.ledger.transactions(ACCOUNT) == rows
        placed = await stage.place(stage.session(), stage.limit(RESTING))
        assert placed.order.id > before[1]["id"]

    play(tmp_path, scenario)


def test_orders_of_other_apps_appear_and_are_edited_there(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        record = stage.sim.place_foreign(CONDOR, -RESTING)
        await stage.pass_time(0.5)
        stage.sim.replace_foreign(record.id, Decimal(-90))
        await stage.pass_time(0.5)
        session = stage.session()
        new, old = await (await stage.account(session)).get_live_orders(session)
        assert (old.id, old.status.value, old.source) == (record.id, "Cancelled", "WB2;0.174.2")
        assert (new.replaces_order_id, new.status.value, new.external_identifier) == (record.id, "Live", None)
        with pytest.raises(Refusal):
            stage.sim.place_foreign((OrderLeg(spxw(6800, "P"), Action.BUY, 1),), Decimal(-5))

    play(tmp_path, scenario)


def test_one_identifier_twice_is_two_orders(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        own, session = new_order_id(), stage.session()
        first, second = [await stage.place(session, stage.limit(RESTING, order_id=own)) for _ in range(2)]
        assert first.order.id != second.order.id
        assert stage.sim.placed() == 2
        assert len(stage.sim.core.exchange.working) == 2

    play(tmp_path, scenario)


@pytest.mark.parametrize("call", [Call.SUBMIT, Call.SIMULATE])
def test_a_script_refuses_or_delays_a_call(tmp_path: Path, call: Call) -> None:
    async def scenario(stage: Stage) -> None:
        path = f"/accounts/{ACCOUNT}/orders" + ("/dry-run" if call is Call.SIMULATE else "")
        stage.faults.fail(call, CallFault(Failure.REJECT, text="No."))
        status, answer = await stage.ask("POST", path, wire_order())
        assert (status, answer["error"]["errors"][0]["message"]) == (422, "No.")
        assert (await stage.ask("POST", path, wire_order()))[0] == 201

    play(tmp_path, scenario)


def test_fills_of_one_contract_each_are_told_one_by_one(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        stage.habits.fills_one_by_one = True
        own, session = new_order_id(), stage.session()
        await stage.place(session, stage.limit(CROSSING, order_id=own))
        await stage.pass_time(0.5)
        assert [len(leg["fills"]) for leg in of(stage, own)["legs"]] == [2] * 4
        await stage.sim.stop()
        await stage.sim.start()
        assert [len(leg["fills"]) for leg in of(stage, own)["legs"]] == [2] * 4

    play(tmp_path, scenario)


def test_legs_of_an_equity_option_use_its_ticks(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        placed = await stage.place(session, stage.limit(Decimal("-20.05"), (buy(aapl(280, "C")),)))
        assert placed.order.underlying_symbol == "AAPL"
        assert placed.order.price == Decimal("-20.05")

    play(tmp_path, scenario)
