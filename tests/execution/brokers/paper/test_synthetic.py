"""The synthetic market as the paper broker uses it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.synthetic import SyntheticMarket, future_series
from execution.brokers.port import ChainExpiry
from execution.sessions import ExchangeSessions
from models.contract import Contract, option_contract
from models.enums import InstrumentKind, MarketDataKind, Right, Settlement
from models.ids import ContractKey
from models.quote import Quote

START = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)


def _market(seed: int = 7) -> SyntheticMarket:
    return SyntheticMarket(seed=seed, start_utc=START)


def _expiry(market: SyntheticMarket, root: str, at: int = 0, underlying: str = "SPX") -> ChainExpiry:
    return [one for one in market.expiries(underlying, START) if one.root == root][at]


def _quote(market: SyntheticMarket, key: str, now: datetime = START) -> Quote:
    contract = market.resolve(ContractKey(key))
    assert contract is not None
    return market.quotes([contract], now)[0]


def test_it_is_a_market_source_with_the_products_of_the_design() -> None:
    market: MarketSource = _market()
    assert market.underlyings()[:2] == ("SPX", "SPY")
    assert {"QQQ", "AAPL", "MSFT", "NVDA", "TSLA", "/ESZ6", "XSP"} <= set(market.underlyings())
    assert market.starts_at_utc is None
    assert "seed 7" in market.label
    for symbol in (*market.underlyings(), "VIX", "VIX3M", "/ESH7"):
        assert market.level(symbol) is not None, symbol
        assert market.resolve(ContractKey(symbol)) is not None, symbol
    assert market.level("GOLD") is None
    assert market.expiries("GOLD", START) == ()
    assert market.resolve(ContractKey("GOLD")) is None


def test_the_same_seed_and_steps_give_the_same_quotes() -> None:
    first, second, other = _market(), _market(), _market(8)
    contracts = first.chain(_expiry(first, "SPXW", 3))[:200]
    for market in (first, second, other):
        for number in range(1, 20):
            market.advance(START + timedelta(seconds=number))
    assert first.quotes(contracts, START) == second.quotes(contracts, START)
    assert first.quotes(contracts, START) != other.quotes(contracts, START)


def test_quotes_do_not_depend_on_what_was_asked_for_before() -> None:
    first, second = _market(), _market()
    contracts = first.chain(_expiry(first, "SPXW", 9))[:50]
    second.quotes(second.chain(_expiry(second, "AAPL", 3, "AAPL")), START)
    second.quotes(contracts[::-1], START)
    assert first.quotes(contracts, START) == second.quotes(contracts, START)
    assert first.level("VIX") == second.level("VIX")


def test_a_saved_state_continues_the_same_market_with_the_same_changes_on_the_day() -> None:
    market, resumed = _market(), _market()
    later = START + timedelta(days=1, hours=3)
    market.advance(later)
    saved = json.loads(json.dumps(market.state()))
    resumed.restore(saved)
    contracts = market.chain(_expiry(market, "SPXW", 12))[::7]
    for one in (market, resumed):
        one.advance(later + timedelta(minutes=3))
    assert resumed.quotes(contracts, later) == market.quotes(contracts, later)
    assert resumed.level("VIX") == market.level("VIX")


def test_a_state_of_another_market_or_a_broken_one_is_refused() -> None:
    with pytest.raises(ValueError, match="synthetic-8"):
        _market(7).restore(_market(8).state())
    broken = _market().state()
    del broken["paths"]
    with pytest.raises(ValueError, match="cannot be read"):
        _market().restore(broken)


def test_the_vix_is_near_the_month_s_vol_and_rises_when_the_index_falls() -> None:
    market = _market()
    levels = []
    for number in range(1, 150):
        market.advance(START + timedelta(hours=8 * number))
        spx, vix = market.level("SPX"), market.level("VIX")
        assert spx is not None
        assert vix is not None
        levels.append((float(spx), float(vix)))
    spx_path, vix_path = np.array(levels).T
    assert 10.0 < np.median(vix_path) < 30.0
    assert np.corrcoef(np.diff(np.log(spx_path)), np.diff(np.log(vix_path)))[0, 1] < -0.5


def test_spx_expirations_carry_both_settlements_on_a_third_friday() -> None:
    listed = _market().expiries("SPX", START)
    third_friday = [one for one in listed if one.expiry == date(2026, 12, 18)]
    assert {(one.root, one.settlement) for one in third_friday} == {("SPX", Settlement.AM), ("SPXW", Settlement.PM)}
    assert list(listed) == sorted(listed, key=lambda one: one.expiry)


def test_an_expiration_is_gone_once_it_has_settled_and_an_am_one_on_its_morning() -> None:
    market = _market()
    today = ChainExpiry("SPX", "SPXW", date(2026, 11, 18), Settlement.PM)
    assert today in market.expiries("SPX", START)
    assert today not in market.expiries("SPX", datetime(2026, 11, 18, 21, 0, tzinfo=UTC))
    monthly = ChainExpiry("SPX", "SPX", date(2026, 11, 20), Settlement.AM)
    assert monthly in market.expiries("SPX", START)
    assert monthly not in market.expiries("SPX", datetime(2026, 11, 20, 12, 0, tzinfo=UTC))


def test_a_held_am_contract_is_still_known_and_quoted_on_its_last_morning() -> None:
    market = _market()
    market.advance(datetime(2026, 11, 20, 13, 0, tzinfo=UTC))
    contract = market.resolve(ContractKey("SPX   261120C07000000"))
    assert contract is not None
    assert market.quotes([contract], START)[0].is_two_sided
    market.advance(datetime(2026, 11, 20, 14, 31, tzinfo=UTC))
    settled = market.quotes([contract], START)[0]
    assert (settled.bid, settled.ask) == (None, None)


@pytest.mark.parametrize(("root", "underlying"), [("SPXW", "SPX"), ("SPY", "SPY"), ("NVDA", "NVDA"), ("XSP", "XSP")])
def test_every_quote_of_a_chain_is_two_sided_on_tick_and_simulated(root: str, underlying: str) -> None:
    market = _market()
    contracts = market.chain(_expiry(market, root, 6, underlying))
    assert list(contracts) == sorted(contracts, key=lambda one: (one.strike, one.right))
    for contract, quote in zip(contracts, market.quotes(contracts, START), strict=True):
        assert quote.key == contract.key
        assert quote.bid is not None
        assert quote.ask is not None
        assert contract.tick.is_on_tick(quote.bid)
        assert contract.tick.is_on_tick(quote.ask)
        assert quote.is_two_sided
        assert quote.bid < quote.ask
        assert quote.kind is MarketDataKind.SIMULATED
        assert quote.at_utc == START
        assert quote.previous_close is not None


def test_prices_on_the_listed_grid_hold_no_arbitrage_beyond_the_spread() -> None:
    market = _market()
    market.advance(START + timedelta(hours=30))
    for listed in market.expiries("SPX", START + timedelta(hours=30))[::6]:
        calls = [one for one in market.chain(listed) if one.right is Right.CALL]
        quotes = market.quotes(calls, START)
        for low, middle, high in zip(quotes, quotes[1:], quotes[2:], strict=False):
            strikes = [next(float(c.strike or 0) for c in calls if c.key == q.key) for q in (low, middle, high)]
            weight = (strikes[2] - strikes[1]) / (strikes[2] - strikes[0])
            assert low.ask is not None
            assert high.ask is not None
            assert middle.bid is not None
            assert weight * float(low.ask) + (1 - weight) * float(high.ask) >= float(middle.bid) - 1e-9
            assert low.ask >= (high.bid or 0)


def test_put_call_parity_holds_within_the_spread() -> None:
    market = _market()
    chain = market.chain(_expiry(market, "SPXW", 15))
    spot = market.level("SPX")
    assert spot is not None
    by_strike: dict[Decimal, list[Contract]] = {}
    for contract in chain:
        by_strike.setdefault(contract.strike or Decimal(0), []).append(contract)
    near = [pair for strike, pair in by_strike.items() if abs(strike / spot - 1) < Decimal("0.01")]
    forwards = []
    for call, put in near:
        c, p = market.quotes([call, put], START)
        assert c.mid is not None
        assert p.mid is not None
        forwards.append(float(c.mid - p.mid + (call.strike or 0)))
    assert max(forwards) - min(forwards) < 2.0
    assert float(spot) < np.mean(forwards) < float(spot) * 1.005


def test_american_options_never_trade_below_exercise_value() -> None:
    market = _market()
    puts = [one for one in market.chain(_expiry(market, "TSLA", 20, "TSLA")) if one.right is Right.PUT]
    spot = market.level("TSLA")
    assert spot is not None
    for contract, quote in zip(puts, market.quotes(puts, START), strict=True):
        assert quote.ask is not None
        assert quote.ask >= (contract.strike or 0) - spot - Decimal("0.02")


def test_indices_have_a_level_stocks_a_penny_market_and_futures_their_tick() -> None:
    market = _market()
    spx, vix, spy, es = (_quote(market, key) for key in ("SPX", "VIX", "SPY", "/ESZ6"))
    assert (spx.bid, spx.ask, vix.bid) == (None, None, None)
    assert spx.mark == market.level("SPX")
    assert spx.previous_close is not None
    assert vix.previous_close is not None
    assert spy.bid is not None
    assert spy.ask == spy.bid + Decimal("0.01")
    assert es.bid is not None
    assert es.ask == es.bid + Decimal("0.25")
    assert es.bid % Decimal("0.25") == 0


def test_a_future_option_carries_its_future_and_is_priced_on_it() -> None:
    market = _market()
    listed = market.expiries("/ESZ6", START)
    chain = market.chain(listed[2])
    future = market.level("/ESZ6")
    assert future is not None
    call, put = (
        next(one for one in chain if one.right is right and abs((one.strike or 0) - future) < Decimal("2.6"))
        for right in (Right.CALL, Right.PUT)
    )
    assert (call.kind, call.underlying, call.multiplier) == (InstrumentKind.FUTURE_OPTION, "/ESZ6", Decimal(50))
    assert market.resolve(call.key) == call
    c, p = market.quotes([call, put], START)
    assert c.mid is not None
    assert p.mid is not None
    assert float(c.mid - p.mid + (call.strike or 0)) == pytest.approx(float(future), abs=1.5)


def test_the_front_future_rolls_after_its_expiry() -> None:
    assert [symbol for symbol, _ in future_series(date(2026, 12, 18), 2)] == ["/ESZ6", "/ESH7"]
    assert [symbol for symbol, _ in future_series(date(2026, 12, 19), 2)] == ["/ESH7", "/ESM7"]


def test_contracts_resolve_only_when_they_are_listed() -> None:
    market = _market()
    listed = market.chain(_expiry(market, "SPXW", 5))[40]
    assert market.resolve(listed.key) == listed
    for absent in ("SPXW  261219C07000000", "SPXW  261218C07001000", "ABC   261218C00100000", "not a key", "./ESZ6 X"):
        assert market.resolve(ContractKey(absent)) is None, absent


def test_a_contract_of_another_market_has_no_quote() -> None:
    stranger = option_contract("GOOG", date(2026, 12, 18), Right.CALL, Decimal(200))
    known = _market().resolve(ContractKey("SPY"))
    assert known is not None
    quotes = _market().quotes([stranger, known], START)
    assert (quotes[0].bid, quotes[0].ask, quotes[0].last) == (None, None, None)
    assert quotes[1].is_two_sided


def test_strikes_follow_the_price_and_none_is_taken_away() -> None:
    market = _market()
    listed = _expiry(market, "SPX", 8)
    before = {one.key for one in market.chain(listed)}
    market.advance(START + timedelta(days=150))
    after = {one.key for one in market.chain(listed)}
    assert before <= after
    spot = market.level("SPX")
    assert spot is not None
    assert any(abs((one.strike or 0) - spot) <= 25 for one in market.chain(listed))


def test_the_previous_close_is_yesterday_s_until_the_new_york_day_changes() -> None:
    market = _market()
    first = _quote(market, "SPX").previous_close
    market.advance(datetime(2026, 11, 18, 21, 0, tzinfo=UTC))
    closing = market.level("SPX")
    market.advance(datetime(2026, 11, 19, 4, 0, tzinfo=UTC))
    assert _quote(market, "SPX").previous_close == first
    market.advance(datetime(2026, 11, 19, 6, 0, tzinfo=UTC))
    assert _quote(market, "SPX").previous_close == closing


def test_with_session_hours_quotes_are_frozen_outside_them() -> None:
    saturday = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
    market = SyntheticMarket(seed=7, start_utc=saturday, sessions=ExchangeSessions())
    before = market.level("SPX")
    market.advance(saturday + timedelta(hours=5))
    assert market.level("SPX") == before
    assert _quote(market, "SPY", saturday).kind is MarketDataKind.FROZEN
    monday = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
    market.advance(monday)
    assert market.level("SPX") != before
    assert _quote(market, "SPY", monday).kind is MarketDataKind.SIMULATED
