"""Which contracts of a chain are quoted, and in which order a broker with few market-data lines takes them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.port import Broker, ChainExpiry
from execution.market.carry import CarryBook
from execution.market.chains import ChainService, _coarse_first
from execution.market.data import MarketData
from models.clock import ManualClock
from models.contract import Contract
from models.enums import Right, Settlement
from tests.execution.builders import EXPIRY, NOW, index_quotes, spxw

LISTED = ChainExpiry("SPX", "SPXW", EXPIRY, Settlement.PM)
STRIKES = range(6200, 8205, 5)
LINES = 75


class Listing:
    """What a chain service asks of a broker."""

    async def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        return tuple(spxw(right, strike) for strike in STRIKES for right in Right)


def service() -> ChainService:
    clock = ManualClock(NOW)
    market = MarketData(clock)
    market.apply(index_quotes())
    made = ChainService(
        broker=cast("Broker", Listing()), market=market, carry=CarryBook(rate=0.04, dividend_yields={}), clock=clock
    )
    asyncio.run(made.watch(LISTED))
    return made


def test_a_screen_of_strikes_is_quoted_from_the_lowest_on_both_sides() -> None:
    wanted = service().wanted(Decimal(7000), Decimal(7010))
    assert wanted == tuple(spxw(right, strike) for strike in (7000, 7005, 7010) for right in (Right.CALL, Right.PUT))


def test_of_a_wide_range_the_first_lines_cover_all_of_it_out_of_the_money() -> None:
    wanted = service().wanted(Decimal(6200), Decimal(8200))
    assert len(wanted) == len(set(wanted)) == 2 * len(STRIKES)
    first = sorted(float(contract.strike or 0) for contract in wanted[:LINES])
    assert max(after - before for before, after in pairwise(first)) <= 80
    assert (first[0], first[-1]) == (6200, 8200 - 8200 % 40)
    assert all((one.right is Right.PUT) == (float(one.strike or 0) < 7200.75) for one in wanted[:LINES])


@given(count=st.integers(1, 400), middle=st.integers(0, 400))
def test_coarse_first_loses_nothing_and_halves_its_gaps(count: int, middle: int) -> None:
    order = _coarse_first(count, middle)
    assert sorted(order) == list(range(count))
    for step in (1, 2, 4, 8, 16, 32):
        grid = set(range(0, count, step))
        assert set(order[: len(grid)]) == grid
