"""The watched chain with the broker's own figures, and with quotes that are not live."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import cast

import numpy as np

from execution.brokers.port import Broker, ChainExpiry
from execution.market.carry import CarryBook
from execution.market.chains import ChainService
from execution.market.data import MarketData
from models.clock import ManualClock
from models.contract import Contract
from models.enums import MarketDataKind, Right, Settlement
from models.ids import ContractKey
from models.quote import ModelGreeks
from tests.execution.builders import EXPIRY, NOW, index_quotes, quote, spxw

LISTED = ChainExpiry("SPX", "SPXW", EXPIRY, Settlement.PM)
STRIKES = (7100, 7200, 7300)
PUT = spxw(Right.PUT, 7100)


class Listing:
    """What a chain service asks of a broker."""

    async def chain(self, expiry: ChainExpiry) -> tuple[Contract, ...]:
        assert expiry == LISTED
        return tuple(spxw(right, strike) for strike in STRIKES for right in Right)


def watched() -> tuple[ChainService, MarketData, ManualClock]:
    clock = ManualClock(NOW)
    market = MarketData(clock)
    market.apply(index_quotes())
    market.apply(
        [
            quote(spxw(right, strike).key, price, str(float(price) + 0.5))
            for right, strike, price in (
                (Right.PUT, 7100, "72.00"),
                (Right.PUT, 7200, "104.00"),
                (Right.CALL, 7200, "120.00"),
                (Right.CALL, 7300, "68.00"),
            )
        ]
    )
    service = ChainService(
        broker=cast("Broker", Listing()), market=market, carry=CarryBook(rate=0.04, dividend_yields={}), clock=clock
    )
    asyncio.run(service.watch(LISTED))
    return service, market, clock


def test_the_brokers_vol_and_delta_stand_beside_ours_and_leave_ours_as_they_are() -> None:
    service, market, clock = watched()
    alone = service.numbers({})
    assert alone is not None
    assert np.isnan([*alone.puts.broker_delta, *alone.calls.broker_iv]).all()
    market.apply_model_greeks([ModelGreeks(PUT.key, NOW, 0.171, -0.34, None, None, None)])
    clock.advance(timedelta(seconds=3))
    both = service.numbers({})
    assert both is not None
    assert (both.puts.broker_delta[0], both.puts.broker_iv[0], both.puts.broker_age_s[0]) == (-0.34, 0.171, 3.0)
    assert np.isnan(both.puts.broker_delta[1:]).all()
    assert np.isnan(both.calls.broker_delta).all()
    assert abs(both.puts.delta[0] - alone.puts.delta[0]) < 1e-4
    clock.advance(timedelta(seconds=58))
    late = service.numbers({})
    assert late is not None
    assert np.isnan(late.puts.broker_delta).all()
    assert not np.isnan(late.puts.delta[0])


def test_a_delayed_quote_is_told_by_strike_and_for_the_chain_as_a_whole() -> None:
    service, market, _ = watched()
    live = service.numbers({})
    assert live is not None
    assert live.kinds == {MarketDataKind.SIMULATED}
    assert not live.puts.is_delayed.any()
    market.apply([replace(quote(PUT.key, "72.10", "72.60"), kind=MarketDataKind.DELAYED)])
    some = service.numbers({})
    assert some is not None
    assert some.puts.is_delayed.tolist() == [True, False, False]
    assert some.kinds == {MarketDataKind.SIMULATED, MarketDataKind.DELAYED}


def test_a_delayed_underlying_makes_the_chain_a_delayed_one() -> None:
    service, market, _ = watched()
    market.apply([replace(quote(str(ContractKey("SPX")), "7200", "7200"), kind=MarketDataKind.DELAYED)])
    numbers = service.numbers({})
    assert numbers is not None
    assert MarketDataKind.DELAYED in numbers.kinds
