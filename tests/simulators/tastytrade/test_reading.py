"""What REST tells of accounts, instruments and the market, read with the SDK's own models."""

from __future__ import annotations

import importlib
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.paper.sample_book import load_sample_book
from execution.brokers.paper.synthetic import SyntheticMarket
from tests.execution.brokers.paper.desk import START
from tests.simulators.tastytrade.stage import ACCOUNT, SECOND, Stage, play

_BOOK = Path(__file__).resolve().parents[3] / "assets" / "sample_book.json"
instruments = importlib.import_module("tastytrade.instruments")
metrics = importlib.import_module("tastytrade.metrics")
market_data = importlib.import_module("tastytrade.market_data")


def play_synthetic(folder: Path, scenario: Any, **more: Any) -> None:
    play(folder, scenario, market=SyntheticMarket(seed=7, start_utc=START), **more)


def test_an_account_holds_all_five_kinds_and_its_money_adds_up(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        account = await stage.account(session)
        positions = await account.get_positions(session, include_marks=True)
        assert {one.instrument_type.value for one in positions} == {
            "Equity",
            "Equity Option",
            "Future",
            "Future Option",
            "Cryptocurrency",
        }
        assert all(one.quantity > 0 for one in positions)
        future = next(one for one in positions if one.instrument_type.value == "Future")
        assert (future.quantity_direction, future.cost_effect, future.multiplier) == ("Short", "Debit", 50)
        option = next(one for one in positions if one.instrument_type.value == "Future Option")
        assert option.symbol.startswith("./ESZ6 EW")
        assert option.underlying_symbol == "/ESZ6"
        money = await account.get_balances(session)
        longs = money.long_equity_value + money.long_derivative_value + money.long_futures_derivative_value
        shorts = money.short_equity_value + money.short_derivative_value + money.short_futures_derivative_value
        longs += money.long_futures_value + money.long_cryptocurrency_value
        assert money.net_liquidating_value == money.cash_balance + longs - shorts - money.short_futures_value
        assert money.derivative_buying_power < money.net_liquidating_value
        rows = await account.get_history(session, page_offset=None, sort="Asc")
        assert sum(one.net_value for one in rows) == money.cash_balance
        assert rows[0].transaction_sub_type == "Deposit"
        assert {one.transaction_sub_type for one in rows} >= {"Buy to Open", "Sell to Open", "Sell"}

    play_synthetic(tmp_path, scenario, sample_book=load_sample_book(_BOOK))


def test_a_second_account_is_apart_and_a_close_price_may_be_nan(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        second = await stage.account(session, SECOND)
        assert await second.get_positions(session) == []
        symbol = (await (await stage.account(session)).get_positions(session))[1].symbol
        stage.habits.nan_close = {symbol}
        _, answer = await stage.ask("GET", f"/accounts/{ACCOUNT}/positions?underlying-symbol[]=SPX")
        assert [one["close-price"] for one in answer["data"]["items"] if one["symbol"] == symbol] == ["NaN"]
        assert all(one["underlying-symbol"] == "SPX" for one in answer["data"]["items"])
        with pytest.raises(ValueError, match="close-price"):
            await (await stage.account(session)).get_positions(session)

    play_synthetic(tmp_path, scenario, sample_book=load_sample_book(_BOOK))


def test_accounts_have_statuses_requirements_snapshots_and_a_history(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        account = await stage.account(session)
        assert (await account.get_trading_status(session)).equities_margin_calculation_type == "Reg T"
        report = await account.get_margin_requirements(session)
        assert report.margin_requirement == 0
        assert report.margin_equity == 500_000
        assert len(await account.get_balance_snapshots(session)) == 1
        history = await account.get_net_liquidating_value_history(session, time_back="1d")
        assert history[0].time.endswith("+00")
        assert (await account.get_total_fees(session, START.date())).total_fees == 0

    play(tmp_path, scenario)


def test_spx_and_spxw_stand_apart_with_their_settlements(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        chains = {one.root_symbol: one for one in await instruments.NestedOptionChain.get(session, "SPX")}
        third = date(2026, 12, 18)
        found = {
            root: [
                (one.settlement_type, one.expiration_type) for one in chain.expirations if one.expiration_date == third
            ]
            for root, chain in chains.items()
        }
        assert found == {"SPX": [("AM", "Regular")], "SPXW": [("PM", "Weekly")]}
        strike = next(one for one in chains["SPXW"].expirations if one.expiration_date == third).strikes[0]
        assert strike.call == f"SPXW  261218C{int(strike.strike_price * 1000):08d}"
        assert strike.put_streamer_symbol == f".SPXW261218P{strike.strike_price.normalize():f}"
        assert [one.value for one in chains["SPXW"].tick_sizes] == [Decimal("0.05"), Decimal("0.10")]
        stage.habits.streamer_symbols = False
        _, answer = await stage.ask("GET", "/option-chains/SPXW/nested")
        assert "put-streamer-symbol" not in answer["data"]["items"][0]["expirations"][0]["strikes"][0]
        stage.habits.streamer_symbols = True
        (one,) = await instruments.NestedOptionChain.get(session, "SPXW")
        assert one.root_symbol == "SPXW"
        flat = await instruments.get_option_chain(session, "AAPL")
        option = next(iter(flat.values()))[0]
        assert option.streamer_symbol.startswith(".AAPL")
        assert await instruments.Option.get(session, option.symbol) == option
        with pytest.raises(Exception, match="record_not_found"):
            await instruments.NestedOptionChain.get(session, "NOPE")

    play_synthetic(tmp_path, scenario)


def test_futures_and_their_options_are_listed(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        chain = await instruments.NestedFutureOptionChain.get(session, "/ES")
        assert [one.symbol for one in chain.futures] == ["/ESZ6", "/ESH7"]
        expiry = chain.option_chains[0].expirations[0]
        strike = expiry.strikes[0]
        assert expiry.notional_value / expiry.display_factor == 50
        assert strike.call_streamer_symbol == f"./{expiry.option_contract_symbol[:-1]}26C{strike.strike_price:.0f}:XCME"
        option = await instruments.FutureOption.get(session, strike.call)
        assert (option.symbol, option.underlying_symbol) == (strike.call, "/ESZ6")
        future = await instruments.Future.get(session, "/ESZ6")
        assert (future.streamer_symbol, future.notional_multiplier) == ("/ESZ26:XCME", 50)
        assert [one.symbol for one in await instruments.Future.get(session, product_codes=["ES"])] == ["/ESZ6", "/ESH7"]
        everything = await instruments.get_future_option_chain(session, "ES")
        assert sum(len(one) for one in everything.values()) > 100

    play_synthetic(tmp_path, scenario)


def test_shares_indices_and_coins_can_be_looked_up(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        assert (await instruments.Equity.get(session, "SPX")).is_index
        assert [one.symbol for one in await instruments.Equity.get(session, ["AAPL", "NOPE"])] == ["AAPL"]
        assert (await instruments.Cryptocurrency.get(session, "BTC/USD")).streamer_symbol == "BTC/USD:CXTALP"
        assert len(await instruments.get_quantity_decimal_precisions(session)) == 2
        sessions = importlib.import_module("tastytrade.market_sessions")
        assert await sessions.get_market_sessions(session, [sessions.ExchangeType.NYSE])

    play(tmp_path, scenario)


def test_metrics_leave_out_what_is_unknown_and_may_lack_a_market_cap(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        found = {one.symbol: one for one in await metrics.get_market_metrics(session, ["SPX", "AAPL", "NOPE", "/ES"])}
        assert set(found) == {"SPX", "AAPL", "/ES"}
        assert found["AAPL"].beta == Decimal("1.1")
        assert 0 < Decimal(found["SPX"].implied_volatility_index_rank) < 1
        assert await metrics.get_risk_free_rate(session) == Decimal("0.0375")
        stage.habits.without_beta = {"AAPL"}
        (one,) = await metrics.get_market_metrics(session, ["AAPL"])
        assert one.beta is None
        stage.habits.without_market_cap = {"SPX"}
        with pytest.raises(ValueError, match="market-cap"):
            await metrics.get_market_metrics(session, ["SPX", "AAPL"])

    play(tmp_path, scenario)


def test_quotes_by_rest_keep_a_bid_of_zero(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        worthless = stage.hand.resolve(stage.legs()[0].symbol)
        assert worthless is not None
        stage.hand.set_quote(worthless, "0", "0.05")
        found = await market_data.get_market_data_by_type(
            session, options=[worthless.key], indices=["SPX"], futures=["/ESZ6"], cryptocurrencies=["BTC/USD"]
        )
        by_symbol = {one.symbol: one for one in found}
        assert set(by_symbol) == {worthless.key, "SPX", "/ESZ6", "BTC/USD"}
        assert (by_symbol[worthless.key].bid, by_symbol[worthless.key].ask) == (0, Decimal("0.05"))
        status, _ = await stage.ask("GET", f"/market-data/by-type?equity={','.join(['AAPL'] * 101)}")
        assert status == 400

    play(tmp_path, scenario)


def test_lists_come_in_pages_and_orders_need_a_first_day(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        session = stage.session()
        account = await stage.account(session)
        for _ in range(5):
            await stage.place(session, stage.limit(Decimal("100.00")))
        with pytest.raises(Exception, match="start-date"):
            await account.get_order_history(session)
        since = START.date() - timedelta(days=1)
        assert len(await account.get_order_history(session, per_page=2, start_date=since)) == 2
        every = await account.get_order_history(session, per_page=2, start_date=since, page_offset=None)
        assert len({one.id for one in every}) == 5
        assert every[0].id > every[-1].id
        assert await account.get_order_history(session, start_date=START.date() + timedelta(days=1)) == []
        status, answer = await stage.ask("GET", f"/accounts/{ACCOUNT}/orders?start-date=2026-11-01&per-page=2")
        assert status == 200
        assert answer["pagination"]["total-pages"] == 3
        assert (await stage.ask("GET", f"/accounts/{ACCOUNT}/orders?start-date=soon"))[0] == 400

    play(tmp_path, scenario)
