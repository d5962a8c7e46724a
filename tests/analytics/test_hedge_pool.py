"""Which contracts are looked at: what the order ticket refuses is left alone and named."""

from __future__ import annotations

from decimal import Decimal

from analytics.hedge_pool import is_tradeable
from analytics.hedge_search import search
from models.contract import option_contract, underlying_contract
from models.enums import Metric, Right
from models.hedge import SearchLimits
from tests.analytics import hedge_worlds as world
from tests.analytics.hedge_checks import MARKET, STRANGLE, trades
from tests.analytics.hedge_worlds import Line, limit, put


def test_adjusted_options_are_left_to_the_broker_and_named() -> None:
    adjusted = option_contract("AAPL7", world.DAYS[25], Right.CALL, Decimal(290))
    plain = option_contract("AAPL", world.DAYS[25], Right.CALL, Decimal(290))
    others = [option_contract("AAPL7", world.DAYS[46], Right.CALL, Decimal(strike)) for strike in (290, 300, 310)]
    lines = [Line(adjusted, -6), Line(plain, -4)]
    setting = world.given(lines, [*MARKET, *others], [limit(Metric.VEGA, -150)])
    result = search(setting, SearchLimits(underlyings=frozenset({"AAPL"})), keep=40)
    assert trades(result)
    assert {leg.contract.root for one in trades(result) for leg in one.legs} == {"AAPL"}
    assert any("closed at the broker" in note and adjusted.label in note for note in result.notes)
    assert not any("without a quote" in note for note in result.notes)


def test_an_adjusted_option_on_the_index_fund_is_not_opened() -> None:
    adjusted = [option_contract("SPY7", world.DAYS[25], Right.PUT, Decimal(strike)) for strike in (640, 660, 680, 700)]
    setting = world.given(STRANGLE, [*MARKET, *adjusted], [limit(Metric.VEGA, -1500)])
    found = search(setting, SearchLimits(underlyings=frozenset({"SPY"})), keep=40)
    assert all(leg.contract.root != "SPY7" for one in trades(found) for leg in one.legs)


def test_crypto_is_only_shown_so_it_is_not_closed() -> None:
    assert not is_tradeable(underlying_contract("BTC/USD"))
    assert is_tradeable(underlying_contract("AAPL"))
    assert is_tradeable(put(6600))
