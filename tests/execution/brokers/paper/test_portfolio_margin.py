"""Portfolio margin of paper accounts: chosen by account, worked out from the market's own vols, told everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from analytics.american import american_price
from analytics.black_scholes import bsm_price
from analytics.margin import Valuer
from execution.brokers.paper.accounts import Holding
from execution.brokers.paper.broker import PaperBroker
from execution.brokers.paper.margining import Margining
from execution.brokers.paper.market import OptionModel
from execution.brokers.paper.settings import PaperAccount, PaperSettings
from execution.brokers.paper.surface import FloatArray
from execution.brokers.paper.synthetic import SyntheticMarket
from execution.brokers.port import BrokerSnapshot
from models.clock import ManualClock
from models.config import load_config
from models.contract import Contract, option_contract, underlying_contract
from models.enums import MarginMethod, Right
from models.errors import InvalidInput
from models.ids import AccountId, ContractKey
from tests.execution.brokers.contract_kit import buy, order_of, sell
from tests.execution.brokers.paper.desk import START, PaperDesk, play
from tests.execution.brokers.paper.fake_market import ES, EXPIRY, LATER, HandMarket, aapl, spxw

ACCOUNT = AccountId("PAPER-1")
NOW = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)
STOCK, FUTURE = underlying_contract("AAPL"), underlying_contract(ES)
MARKS: Final = {
    ContractKey("SPX"): Decimal(7000),
    STOCK.key: Decimal(280),
    FUTURE.key: Decimal(7010),
    spxw(6800, "P").key: Decimal(30),
    spxw(6700, "P").key: Decimal(20),
    aapl(290, "C").key: Decimal(4),
}
BY_RISK = PaperSettings(accounts=(PaperAccount(margin_method=MarginMethod.PORTFOLIO),), manual=True)


def held(contract: Contract, quantity: int) -> Holding:
    return Holding(ACCOUNT, contract, Decimal(quantity), Decimal(1))


def need(holdings: Sequence[Holding], method: MarginMethod = MarginMethod.PORTFOLIO) -> Decimal:
    margin = Margining(HandMarket(NOW), {ACCOUNT: method}).case(ACCOUNT, holdings, MARKS, NOW).margin()
    assert margin is not None
    assert method is MarginMethod.REG_T or margin.initial == margin.maintenance
    return margin.initial


def years(contract: Contract) -> float:
    assert contract.expires_at_utc is not None
    return (contract.expires_at_utc - NOW).total_seconds() / (365.0 * 86400.0)


def loss(contract: Contract, moves: FloatArray, *, spot: float, value: Valuer = bsm_price) -> float:
    """Largest loss in dollars of one sold contract at the vol, rate and yield that the hand-driven market tells."""
    assert contract.strike is not None
    prices = value(
        spot=spot * np.append(moves, 1.0),
        strike=float(contract.strike),
        t_years=years(contract),
        rate=0.04,
        dividend_yield=0.01,
        vol=0.2,
        is_call=contract.right is Right.CALL,
    )
    return 100.0 * float(np.max(prices[:-1] - prices[-1]))


def test_shares_need_fifteen_per_cent_of_their_value() -> None:
    assert need([held(STOCK, 100)]) == need([held(STOCK, -100)]) == Decimal(4200)


def test_a_short_index_put_needs_what_it_would_lose_eight_per_cent_lower() -> None:
    put = spxw(6800, "P")
    expected = loss(put, np.array([0.92, 0.936, 0.952, 0.968, 0.984, 1.012, 1.024, 1.036, 1.048, 1.06]), spot=7000.0)
    assert float(need([held(put, -1)])) == pytest.approx(expected, abs=0.01)
    assert float(need([held(put, -3)])) == pytest.approx(3 * expected, abs=0.02)


def test_a_short_stock_put_is_revalued_with_early_exercise() -> None:
    put = aapl(330, "P")
    moves = 1.0 + np.array([-0.15, -0.12, -0.09, -0.06, -0.03, 0.03, 0.06, 0.09, 0.12, 0.15])
    expected = loss(put, moves, spot=280.0, value=american_price)
    assert float(need([held(put, -1)])) == pytest.approx(expected, abs=0.01)
    assert abs(expected - loss(put, moves, spot=280.0)) > 1.0


def test_stock_hedges_its_options_and_an_index_does_not_hedge_a_future() -> None:
    assert need([held(STOCK, 100), held(aapl(290, "C"), -1)]) < need([held(STOCK, 100)])
    alone = need([held(spxw(6800, "P"), -1)])
    # A future stands apart, by 7 % of its notional of 350,500.
    assert need([held(spxw(6800, "P"), -1), held(FUTURE, -1)]) == alone + Decimal(24_535)


def test_a_hedged_short_premium_book_needs_less_by_risk_than_by_strategy() -> None:
    strangle = [held(spxw(6500, "P"), -2), held(spxw(7400, "C"), -2)]
    marks = {**MARKS, spxw(6500, "P").key: Decimal(10), spxw(7400, "C").key: Decimal(12)}
    by_method = {
        method: Margining(HandMarket(NOW), {ACCOUNT: method}).case(ACCOUNT, strangle, marks, NOW).margin()
        for method in MarginMethod
    }
    risk, strategy = by_method[MarginMethod.PORTFOLIO], by_method[MarginMethod.REG_T]
    assert risk is not None
    assert strategy is not None
    assert 0 < risk.initial < strategy.initial / 2


def test_an_order_s_legs_count_with_the_holdings_and_nothing_needs_nothing() -> None:
    case = Margining(HandMarket(NOW), {ACCOUNT: MarginMethod.PORTFOLIO}).case(
        ACCOUNT, [held(spxw(6800, "P"), -1)], MARKS, NOW, (buy(spxw(6800, "P")),)
    )
    closed = case.margin((buy(spxw(6800, "P")),))
    assert closed is not None
    assert closed.initial == 0
    assert need([]) == 0


def test_an_option_that_the_market_does_not_price_is_unknown_margin() -> None:
    elsewhere = option_contract("SPXW", EXPIRY, Right.PUT, Decimal(6801))
    margining = Margining(HandMarket(NOW), {ACCOUNT: MarginMethod.PORTFOLIO})
    assert margining.case(ACCOUNT, [held(elsewhere, -1)], MARKS, NOW).margin() is None


def test_an_account_that_is_not_in_the_settings_has_strategy_margin() -> None:
    margining = Margining(HandMarket(NOW), {ACCOUNT: MarginMethod.PORTFOLIO})
    other = margining.case(AccountId("OTHER"), [held(STOCK, 100)], MARKS, NOW).margin()
    assert other is not None
    assert other.initial == Decimal(14_000)


def test_the_market_is_asked_on_the_caller_s_thread_only() -> None:
    class Silent(HandMarket):
        asked_for: tuple[ContractKey, ...] = ()

        def models(self, contracts: Sequence[Contract]) -> dict[ContractKey, OptionModel]:
            self.asked_for = tuple(contract.key for contract in contracts)
            return super().models(contracts)

    market = Silent(NOW)
    case = Margining(market, {ACCOUNT: MarginMethod.PORTFOLIO}).case(
        ACCOUNT, [held(aapl(290, "C"), -1)], MARKS, NOW, (sell(spxw(6800, "P")),)
    )
    assert market.asked_for == (aapl(290, "C").key, spxw(6800, "P").key)
    market.asked_for = ()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(case.margin, (sell(spxw(6800, "P")),)).result() is not None
    assert market.asked_for == ()


def test_the_broker_names_the_method_and_its_what_if_account_and_buying_power_are_by_it(tmp_path: Path) -> None:
    async def scenario(desk: PaperDesk) -> None:
        (account,) = await desk.broker.connect()
        assert account.margin_method is MarginMethod.PORTFOLIO
        order = order_of(desk, (sell(spxw(6800, "P"), 2),), Decimal("-0.05"))
        answer = await desk.broker.simulate(order)
        assert answer.initial_margin_before == 0
        assert answer.initial_margin_after == answer.initial_margin_change == answer.maintenance_margin_after
        assert answer.initial_margin_after is not None
        # Two uncovered puts would need 170,000 by strategy.
        assert 0 < answer.initial_margin_after < Decimal(100_000)
        await desk.broker.submit(order)
        await desk.pass_time(2)
        values = (await desk.broker.snapshot()).accounts[0]
        assert values.initial_margin == values.maintenance_margin
        assert values.initial_margin == pytest.approx(answer.initial_margin_after, rel=Decimal("0.001"))
        assert values.buying_power == (values.net_liquidation or 0) - (values.initial_margin or 0)

    play(tmp_path, scenario, BY_RISK)


def test_buying_power_is_checked_by_the_account_s_own_method(tmp_path: Path) -> None:
    refused: dict[MarginMethod, str | None] = {}

    async def scenario(desk: PaperDesk) -> None:
        order = order_of(desk, (sell(spxw(6500, "P"), 9),), Decimal("-0.05"))
        refused[desk.settings.accounts[0].margin_method] = (await desk.broker.simulate(order)).error

    for name, settings in (("strategy", replace(BY_RISK, accounts=(PaperAccount(),))), ("risk", BY_RISK)):
        play(tmp_path / name, scenario, settings)
    assert "Insufficient buying power" in (refused[MarginMethod.REG_T] or "")
    assert refused[MarginMethod.PORTFOLIO] is None


def test_a_store_of_a_strategy_account_opens_under_portfolio_margin_and_back(tmp_path: Path) -> None:
    found: list[tuple[MarginMethod | None, Decimal | None]] = []

    async def first(desk: PaperDesk) -> None:
        await desk.broker.submit(order_of(desk, (sell(spxw(6800, "P"), 1),), Decimal("-0.05")))
        await desk.pass_time(2)

    async def again(desk: PaperDesk) -> None:
        (account,) = await desk.broker.connect()
        snapshot: BrokerSnapshot = await desk.broker.snapshot()
        found.append((account.margin_method, snapshot.accounts[0].initial_margin))

    play(tmp_path, first)
    for settings in (BY_RISK, PaperSettings(manual=True)):
        play(tmp_path, again, settings)
    (by_risk, less), (by_strategy, more) = found
    assert (by_risk, by_strategy) == (MarginMethod.PORTFOLIO, MarginMethod.REG_T)
    assert less is not None
    assert more is not None
    assert less < more == Decimal(85_000)


def test_the_models_a_simulated_market_tells_price_its_own_quotes(tmp_path: Path) -> None:
    async def scenario() -> None:
        market = SyntheticMarket(seed=7, start_utc=START)
        broker = PaperBroker(
            market=market, clock=ManualClock(START), store_path=tmp_path / "paper.db", settings=BY_RISK
        )
        await broker.connect()
        listed = next(one for one in await broker.expiries("AAPL") if one.expiry > LATER)
        chain = await broker.chain(listed)
        level = market.level("AAPL")
        assert level is not None
        short = min(chain, key=lambda one: (abs((one.strike or 0) - level), one.right is Right.CALL))
        model = market.models([short, underlying_contract("AAPL")])
        assert short.expires_at_utc is not None
        assert list(model) == [short.key]
        quote = market.quotes([short], START)[0]
        worth = american_price(
            spot=float(level),
            strike=float(short.strike or 0),
            t_years=(short.expires_at_utc - START).total_seconds() / (365.0 * 86400.0),
            rate=model[short.key].rate,
            dividend_yield=model[short.key].dividend_yield,
            vol=model[short.key].vol,
            is_call=short.right is Right.CALL,
        )
        assert float(quote.bid or 0) <= float(worth) <= float(quote.ask or 0)
        await broker.close()

    asyncio.run(scenario())


def test_the_settings_file_chooses_the_method_and_a_wrong_word_is_refused(tmp_path: Path) -> None:
    defaults, mine = Path(__file__).parents[4] / "assets" / "defaults.toml", tmp_path / "optiondesk.toml"
    assert load_config(defaults, None).paper.margin_method is MarginMethod.REG_T
    mine.write_text('[paper]\nmargin_method = "portfolio"\n')
    assert load_config(defaults, mine).paper.margin_method is MarginMethod.PORTFOLIO
    mine.write_text('[paper]\nmargin_method = "span"\n')
    with pytest.raises(InvalidInput, match=r"paper\.margin_method"):
        load_config(defaults, mine)
