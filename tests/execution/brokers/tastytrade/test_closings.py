"""What working orders close already is not closed again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from execution.brokers.tastytrade.facts import TastyOrder
from models.enums import Action
from models.errors import BrokerFailure
from models.order import Order
from tests.execution.brokers.tastytrade.fake_wire import lost
from tests.execution.brokers.tastytrade.order_kit import FOREIGN_SOURCE, OPTIONS, Bench, frame, play, single


def selling(quantity: int = 2) -> Order:
    return single(Action.SELL, quantity, "-4.20")


def closing(order: Order, status: str = "Live", **more: Any) -> TastyOrder:
    """Returns an order's frame whose leg closes."""
    told = frame(order, status, **more)
    return replace(told, legs=tuple(replace(leg, action="Sell to Close") for leg in told.legs))


def hold(desk: Bench, quantity: int) -> None:
    desk.held = {OPTIONS[0].key: Decimal(quantity)}


async def refused(desk: Bench, order: Order) -> str:
    with pytest.raises(BrokerFailure) as caught:
        await desk.sent(order)
    assert not caught.value.outcome_unknown
    return str(caught.value)


def test_what_a_working_order_closes_is_not_closed_again_nor_opened_the_other_way() -> None:
    async def scenario(desk: Bench) -> None:
        hold(desk, 3)
        await desk.sent(selling(2))
        text = await refused(desk, selling(2))
        assert "Working orders close 2 of the 3" in text
        assert "trade 1 at most" in text
        assert len(desk.wire.placed) == 1
        await desk.sent(selling(1))
        assert desk.wire.placed[-1][1].legs[0].action == "Sell to Close"
        assert "Cancel or change" in await refused(desk, selling(1))

    play(scenario)


def test_a_dry_run_says_so_before_anything_is_sent() -> None:
    async def scenario(desk: Bench) -> None:
        hold(desk, 2)
        await desk.sent(selling(2))
        with pytest.raises(BrokerFailure, match="Working orders close 2 of the 2"):
            await desk.desk.simulate(selling(2))

    play(scenario)


@pytest.mark.parametrize("status", ["Cancelled", "Rejected", "Expired"])
def test_an_order_that_ended_closes_nothing_any_more(status: str) -> None:
    async def scenario(desk: Bench) -> None:
        hold(desk, 2)
        first = selling(2)
        await desk.sent(first)
        await desk.take(closing(first, status, at_s=1))
        await desk.sent(selling(2))
        assert len(desk.wire.placed) == 2

    play(scenario)


def test_what_is_filled_is_no_longer_being_closed() -> None:
    async def scenario(desk: Bench) -> None:
        hold(desk, 3)
        first = selling(2)
        await desk.sent(first)
        await desk.tell(closing(first, at_s=1, filled=1))
        hold(desk, 2)
        await desk.sent(selling(1))
        assert len(desk.wire.placed) == 2
        await refused(desk, selling(1))

    play(scenario)


def test_orders_of_other_programs_close_too() -> None:
    async def scenario(desk: Bench) -> None:
        hold(desk, 2)
        await desk.tell(closing(selling(2), tasty_id="900", identifier="", source=FOREIGN_SOURCE))
        assert "Working orders close 2 of the 2" in await refused(desk, selling(1))

    play(scenario)


def test_a_foreign_new_price_is_not_counted_beside_what_it_replaces() -> None:
    async def scenario(desk: Bench) -> None:
        hold(desk, 4)
        other = selling(2)
        foreign = {"identifier": "", "source": FOREIGN_SOURCE}
        await desk.tell(
            closing(other, tasty_id="900", replaced_by="901", **foreign),
            closing(other, "Contingent", tasty_id="901", replaces="900", **foreign),
        )
        await desk.sent(selling(2))
        assert len(desk.wire.placed) == 1

    play(scenario)


def test_a_new_price_of_ours_counts_once_and_the_replacement_is_strict() -> None:
    async def scenario(desk: Bench) -> None:
        hold(desk, 4)
        first = selling(2)
        await desk.sent(first)
        await desk.desk.replace(first, Decimal("-4.00"))
        assert desk.wire.replaced[0][1].is_strict
        await desk.sent(selling(2))
        assert len(desk.wire.placed) == 2

    play(scenario)


def test_an_order_on_its_way_counts_until_nobody_looks_for_it_any_more() -> None:
    async def scenario(desk: Bench) -> None:
        hold(desk, 2)
        desk.wire.lost_answers["place"].append(lost())
        first = selling(2)
        with pytest.raises(BrokerFailure):
            await desk.sent(first)
        desk.wire.held_orders.clear()
        assert "Working orders close 2" in await refused(desk, selling(2))
        await desk.until(lambda: not desk.desk.is_looking)
        await desk.sent(selling(2))
        assert len(desk.wire.placed) == 2

    play(scenario)


def test_an_order_that_a_full_list_lacks_closes_nothing_any_more() -> None:
    async def scenario(desk: Bench) -> None:
        hold(desk, 2)
        first = selling(2)
        await desk.tell(closing(first, tasty_id="900", identifier="", source=FOREIGN_SOURCE))
        desk.wire.held_orders.clear()
        await desk.desk.snapshot()
        await desk.sent(selling(2))
        assert len(desk.wire.placed) == 1

    play(scenario)
