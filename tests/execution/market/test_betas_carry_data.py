from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from decimal import Decimal

import pytest

from execution.market.betas import BetaBook
from execution.market.carry import CarryBook
from execution.market.data import MarketData, Subscriptions
from models.clock import ManualClock
from models.contract import Contract, underlying_contract
from models.enums import BetaSource
from models.errors import InvalidInput
from models.ids import ContractKey
from tests.execution.builders import NOW, quote


def test_the_beta_cascade_goes_override_tastytrade_yfinance_config_default() -> None:
    book = BetaBook({"AAPL": 1.1})
    assert book.beta("AAPL").source is BetaSource.CONFIG
    book.set_source(BetaSource.YFINANCE, {"AAPL": 1.2})
    assert book.beta("AAPL").value == 1.2
    book.set_source(BetaSource.TASTYTRADE, {"AAPL": 1.3})
    assert book.beta("AAPL").value == 1.3
    book.set_override("AAPL", 1.4)
    assert (book.beta("AAPL").value, book.beta("AAPL").source) == (1.4, BetaSource.OVERRIDE)
    book.set_override("AAPL", None)
    assert book.beta("AAPL").source is BetaSource.TASTYTRADE


def test_spx_and_xsp_are_exact_whatever_anybody_says() -> None:
    book = BetaBook({"SPX": 3.0})
    assert [book.beta(symbol).source for symbol in ("SPX", "XSP")] == [BetaSource.EXACT] * 2
    assert book.beta("SPX").value == 1.0


def test_a_future_takes_its_products_beta() -> None:
    assert BetaBook({"/ES": 1.0}).beta("/ESZ6").source is BetaSource.CONFIG


def test_an_unknown_symbol_gets_one_and_is_marked_as_default() -> None:
    assert BetaBook({}).beta("ZZZ").is_default


@pytest.mark.parametrize("beta", [50.0, -50.0, float("nan"), float("inf")])
def test_an_absurd_beta_is_refused(beta: float) -> None:
    with pytest.raises(InvalidInput, match="out of range"):
        BetaBook({}).set_override("AAPL", beta)


def test_carry_prefers_the_expirys_own_parity_then_the_nearest_then_settings() -> None:
    book = CarryBook(rate=0.04, dividend_yields={"SPX": 0.013})
    june, july = date(2026, 6, 5), date(2026, 7, 17)
    assert book.carry("SPX", june).dividend_yield == 0.013
    assert book.set_implied_yield("SPX", june, 0.02)
    assert not book.set_implied_yield("SPX", june, 0.02005)
    assert book.carry("SPX", june).dividend_yield == 0.02
    assert book.carry("SPX", july).dividend_yield == 0.02
    assert book.carry("AAPL", june).dividend_yield == 0.0
    assert book.carry("/ESZ6", june) == (0.04, 0.04)


def test_the_newest_quote_wins_and_an_older_one_is_ignored() -> None:
    market = MarketData(ManualClock(NOW))
    market.apply([quote("SPX", "7200", "7201", NOW), quote("SPX", "7100", "7101", NOW - timedelta(seconds=1))])
    assert market.price("SPX") == 7200.5


def test_a_quote_from_the_future_is_of_unknown_age_and_keeps_no_sound_one_out() -> None:
    clock = ManualClock(NOW)
    market = MarketData(clock)
    market.apply([quote("SPX", "7100", "7101", NOW + timedelta(hours=1))])
    assert market.age_s(ContractKey("SPX")) is None
    assert market.newest_age_s() is None
    market.apply([quote("SPX", "7200", "7201", NOW)])
    assert market.price("SPX") == 7200.5
    assert market.age_s(ContractKey("SPX")) == 0.0


def test_a_clock_set_back_does_not_stop_the_market() -> None:
    clock = ManualClock(NOW)
    market = MarketData(clock)
    market.apply([quote("SPX", "7100", "7101", NOW)])
    clock.set(NOW - timedelta(minutes=10))
    assert market.age_s(ContractKey("SPX")) is None
    market.apply([quote("SPX", "7200", "7201", clock.now_utc())])
    clock.advance(timedelta(seconds=7))
    assert market.price("SPX") == 7200.5
    assert market.age_s(ContractKey("SPX")) == market.newest_age_s() == 7.0


def test_what_was_quoted_days_ago_is_let_go() -> None:
    market = MarketData(ManualClock(NOW))
    market.apply([quote("SPX", "7200", "7201", NOW), quote("AAPL", "276", "277", NOW - timedelta(days=2))])
    market.forget_older(NOW - timedelta(days=1))
    assert market.quote(ContractKey("AAPL")) is None
    assert market.price("SPX") == 7200.5


def test_what_was_never_quoted_is_unknown_and_not_zero() -> None:
    market = MarketData(ManualClock(NOW))
    assert market.price("SPX") != market.price("SPX")
    assert market.age_s(ContractKey("SPX")) is None
    assert market.change("SPX") is None


def test_the_days_change_is_against_the_previous_close() -> None:
    market = MarketData(ManualClock(NOW))
    market.apply([quote("SPX", "7200", "7200", NOW, previous="7230")])
    points, per_cent = market.change("SPX") or (0.0, 0.0)
    assert points == -30
    assert per_cent == pytest.approx(-0.41494, abs=1e-5)


def test_the_broker_hears_the_union_of_wants_by_need_and_only_when_it_changes() -> None:
    told: list[list[str]] = []

    def tell(contracts: Collection[Contract]) -> None:
        told.append([str(contract.key) for contract in contracts])

    wants = Subscriptions(tell)
    spx, aapl, qqq = underlying_contract("SPX"), underlying_contract("AAPL"), underlying_contract("QQQ")
    wants.want("chain", [qqq])
    wants.want("book", [spx, aapl])
    wants.want("ticket", [aapl])
    wants.want("book", [spx])
    wants.want("chain", [aapl])
    wants.want("ticket", [])
    assert told == [["QQQ"], ["SPX", "AAPL", "QQQ"], ["AAPL", "SPX", "QQQ"], ["AAPL", "SPX"], ["SPX", "AAPL"]]
    wants.tell_again()
    assert told[-1] == ["SPX", "AAPL"]
    assert len(told) == 6


def test_a_stock_price_keeps_its_decimals() -> None:
    market = MarketData(ManualClock(NOW))
    market.apply([quote("AAPL", "276.51", "276.55", NOW)])
    held = market.quote(ContractKey("AAPL"))
    assert held is not None
    assert held.mid == Decimal("276.53")
