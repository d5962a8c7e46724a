from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from execution.brokers.ibkr.connection import IbConnection
from execution.brokers.ibkr.facts import (
    ErrorFact,
    OddFact,
)
from models.errors import BugError
from tests.execution.brokers.ibkr.raw_tws import NOW, Desk, RawTws, desk_at, frame, play
from tests.execution.brokers.ibkr.wire_values import SPY, UNSET
from tests.simulators.tws import replies


async def with_line(desk: Desk) -> tuple[IbConnection, int]:
    wire = await desk.opened()
    return wire, wire.subscribe(SPY)


def test_one_packet_is_one_tick_with_everything_cleaned() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            wire, line = await with_line(desk)
            assert wire.subscribe(SPY) == line
            desk.tws.say(
                replies.market_data_type(line, 1),
                replies.tick_price(line, 1, Decimal("1.85"), Decimal(10)),
                replies.tick_price(line, 2, Decimal(-1), Decimal(0)),
                replies.tick_price(line, 4, Decimal("1.9"), None),
                replies.tick_price(line, 9, Decimal("1.7"), None),
                replies.tick_size(line, 3, Decimal(7)),
                replies.tick_price(999, 1, Decimal(5), Decimal(1)),
            )
            await desk.until(lambda: bool(desk.ticks))
            (tick,) = desk.ticks
            assert (tick.con_id, tick.bid, tick.ask, tick.last, tick.close) == (
                756733,
                Decimal("1.85"),
                None,
                Decimal("1.9"),
                Decimal("1.7"),
            )
            assert (tick.bid_size, tick.ask_size, tick.data_type, tick.at_utc) == (10, 7, 1, NOW)
            assert len(desk.tws.asked(1)) == 1

    play(scenario())


def test_delayed_ticks_are_labelled_even_before_tws_says_so() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            _, line = await with_line(desk)
            desk.tws.say(replies.tick_price(line, 66, Decimal("1.85"), Decimal(10)))
            await desk.until(lambda: bool(desk.ticks))
            desk.tws.say(replies.market_data_type(line, 4))
            await desk.until(lambda: len(desk.ticks) == 2)
            assert [(tick.bid, tick.data_type) for tick in desk.ticks] == [(Decimal("1.85"), 3), (Decimal("1.85"), 4)]

    play(scenario())


def test_greeks_that_were_not_computed_are_none_vega_and_theta_too() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            _, line = await with_line(desk)
            nothing = replies.OptionComputation(None, None, None, None, None, None, None, None)
            desk.tws.say(replies.tick_option_computation(line, 13, nothing))
            await desk.until(lambda: len(desk.ticks) == 1)
            some = replies.OptionComputation(0.15, -0.25, 12.5, 0.0, 0.001, 3.2, -2.0, 7000.0)
            desk.tws.say(replies.tick_option_computation(line, 10, nothing))
            desk.tws.say(replies.tick_option_computation(line, 83, some))
            desk.tws.say((21, line, 13, 0, "", "nan", UNSET, "", 0.002, 3.1, -1.9, "", "surplus"))
            await desk.until(
                lambda: bool(desk.ticks) and desk.ticks[-1].greeks is not None and desk.ticks[-1].greeks.gamma == 0.002
            )
            first, last = desk.ticks[0].greeks, desk.ticks[-1].greeks
            assert first is not None
            assert last is not None
            assert {getattr(first, name) for name in ("implied_vol", "delta", "gamma", "vega_per_point")} == {None}
            assert (first.theta_per_day, first.underlying_price, first.option_price) == (None, None, None)
            assert (last.implied_vol, last.delta, last.option_price, last.theta_per_day) == (None, None, None, -1.9)
            seen = [tick.greeks for tick in desk.ticks if tick.greeks is not None and tick.greeks.gamma == 0.001]
            assert all(greeks.theta_per_day == -2.0 and greeks.delta == -0.25 for greeks in seen)

    play(scenario())


def test_a_closed_line_tells_nothing_more_and_a_lost_one_can_be_opened_again() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            wire, line = await with_line(desk)
            wire.unsubscribe(SPY.con_id)
            wire.unsubscribe(SPY.con_id)
            again = wire.subscribe(SPY)
            desk.tws.say(replies.tick_price(line, 1, Decimal(1), Decimal(1)), replies.error(-1, 1101, "data lost", 176))
            await desk.until(lambda: bool(desk.facts))
            assert (desk.ticks, len(desk.tws.asked(2))) == ([], 1)
            assert wire.subscribe(SPY) > again
            with pytest.raises(BugError, match="contract id"):
                wire.subscribe(replace(SPY, con_id=0))

    play(scenario())


def test_a_burst_of_messages_is_throttled_and_all_of_it_is_sent() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            wire = await desk.opened()
            for con_id in range(1, 61):
                wire.subscribe(replace(SPY, con_id=con_id))
            await desk.until(lambda: len(desk.tws.asked(1)) == 60)
            assert [fields[3] for fields in desk.tws.asked(1)] == [str(con_id) for con_id in range(1, 61)]

    play(scenario())


def test_a_message_of_an_unknown_kind_is_told_and_the_stream_goes_on() -> None:
    async def scenario() -> None:
        async with desk_at(RawTws(), is_clean=False) as desk:
            wire = await desk.opened()
            desk.tws.send(250, 1, "new")
            assert await wire.current_time() == NOW
            assert [fact.source for fact in desk.told(OddFact)] == ["TWS message"]

    play(scenario())


@pytest.mark.parametrize("size", [1, 7])
def test_messages_may_come_in_pieces_of_any_size(size: int) -> None:
    async def scenario() -> None:
        async with desk_at(RawTws()) as desk:
            await desk.opened()
            data = frame(4, 2, -1, 2104, "Market data farm connection is OK:usfarm", "")
            for start in range(0, len(data), size):
                desk.tws.send_raw(data[start : start + size])
                await asyncio.sleep(0)
            await desk.until(lambda: bool(desk.facts))
            assert desk.told(ErrorFact)[0].code == 2104

    play(scenario())
