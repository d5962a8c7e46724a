"""Orders that wait for each other, with the SDK."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.execution.brokers.contract_kit import buy, sell
from tests.execution.brokers.paper.fake_market import spxw
from tests.simulators.tastytrade.stage import ACCOUNT, Stage, play

PUT = spxw(6800, "P")
BUYS, SELLS = (buy(PUT),), (sell(PUT),)
FILLS, RESTS = Decimal("-400.00"), Decimal("-1.00")


def stop(stage: Stage, trigger: str) -> Any:
    return stage.order.StopOrder(legs=stage.legs(SELLS, "Close"), stop_trigger=Decimal(trigger), time_in_force="GTC")


def otoco(stage: Stage, price: Decimal) -> Any:
    return stage.order.OTOCOOrder(
        trigger_order=stage.limit(price, BUYS),
        take_profit=stage.limit(Decimal("900.00"), SELLS, effect="Close"),
        stop_loss=stop(stage, "100.00"),
    )


async def statuses(stage: Stage, number: int) -> list[str]:
    one = stage.sim.parts.complex_orders.json(stage.sim.parts.complex_orders.find(ACCOUNT, number))
    return [each["status"] for each in (*([one["trigger-order"]] if "trigger-order" in one else []), *one["orders"])]


def test_children_wait_for_the_trigger_and_one_ends_the_other(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        account = await stage.account(session)
        placed = (await account.place_complex_order(session, otoco(stage, FILLS), dry_run=False)).complex_order
        assert placed.trigger_order.status.value == "Routed"
        assert placed.trigger_order.complex_order_tag == "OTOCO::trigger-order"
        assert {(one.status.value, one.contingent_status) for one in placed.orders} == {("Contingent", "Pending Order")}
        await stage.pass_time(1)
        assert await statuses(stage, placed.id) == ["Filled", "Live", "Live"]
        await stage.sim.stop()
        await stage.sim.start()
        stage.hand.set_quote(PUT, "90", "91")
        await stage.pass_time(1)
        assert await statuses(stage, placed.id) == ["Filled", "Cancelled", "Filled"]
        session = stage.session()
        (found,) = await (await stage.account(session)).get_live_complex_orders(session)
        assert found.terminal_at is not None
        positions = await account.get_positions(stage.session())
        assert [one.symbol for one in positions] == ["BTC/USD"]

    play(tmp_path, scenario)


def test_a_trigger_that_is_cancelled_takes_its_children_along(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        account = await stage.account(session)
        placed = (await account.place_complex_order(session, otoco(stage, RESTS), dry_run=False)).complex_order
        await stage.pass_time(0.5)
        assert await statuses(stage, placed.id) == ["Live", "Contingent", "Contingent"]
        await account.delete_complex_order(session, placed.id)
        await stage.pass_time(0.5)
        assert await statuses(stage, placed.id) == ["Cancelled", "Cancelled", "Cancelled"]
        with pytest.raises(Exception, match="cannot_update_order"):
            await account.delete_complex_order(session, placed.id)
        assert (await account.get_complex_order(session, placed.id)).type.value == "OTOCO"

    play(tmp_path, scenario)


def test_of_a_pair_the_fill_of_one_cancels_the_other(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        account = await stage.account(session)
        await stage.place(session, stage.limit(FILLS, BUYS))
        await stage.pass_time(0.5)
        pair = stage.order.OCOOrder(
            take_profit=stage.limit(Decimal("300.00"), SELLS, effect="Close"), stop_loss=stop(stage, "1.00")
        )
        dry = await account.place_complex_order(session, pair, dry_run=True)
        assert len(dry.complex_order.orders) == 2
        placed = (await account.place_complex_order(session, pair, dry_run=False)).complex_order
        assert {one.status.value for one in placed.orders} == {"Routed", "Live"}
        await stage.pass_time(0.5)
        stage.hand.set_quote(PUT, "310", "311")
        await stage.pass_time(1)
        assert sorted(await statuses(stage, placed.id)) == ["Cancelled", "Filled"]

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "body", [[], {"type": "PAIRS"}, {"type": "OCO", "orders": []}, {"type": "OTO", "orders": [{}]}]
)
def test_what_is_no_complex_order_is_refused(tmp_path: Path, body: Any) -> None:
    async def scenario(stage: Stage) -> None:
        assert (await stage.ask("POST", f"/accounts/{ACCOUNT}/complex-orders", body))[0] == 400
        assert (await stage.ask("GET", f"/accounts/{ACCOUNT}/complex-orders/1"))[0] == 404

    play(tmp_path, scenario)
