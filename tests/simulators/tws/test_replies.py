from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.simulators.tws import replies
from tests.simulators.tws.contracts import WireContract
from tests.simulators.tws.framing import Fields
from tests.simulators.tws.real_client import RealClient, values, versions
from tests.simulators.tws.replies import OptionComputation, WireBar, WireDetails

UNSET = sys.float_info.max
OPTION = WireContract(
    con_id=700123456,
    symbol="SPX",
    sec_type="OPT",
    last_trade="20260917",
    strike=Decimal("5512.5"),
    right="C",
    multiplier="100",
    exchange="SMART",
    primary_exchange="CBOE",
    currency="USD",
    local_symbol="SPX   260918C05512500",
    trading_class="SPX",
)
STOCK = WireContract(
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    right="?",
    exchange="SMART",
    primary_exchange="NASDAQ",
    currency="USD",
    local_symbol="AAPL",
    trading_class="NMS",
)
#: The library's names of a contract's fields, beside ours.
CONTRACT_NAMES = {
    "conId": "con_id",
    "symbol": "symbol",
    "secType": "sec_type",
    "lastTradeDateOrContractMonth": "last_trade",
    "strike": "strike",
    "right": "right",
    "multiplier": "multiplier",
    "currency": "currency",
    "localSymbol": "local_symbol",
    "tradingClass": "trading_class",
}


@pytest.fixture(params=versions())
def client(request: pytest.FixtureRequest) -> Iterator[RealClient]:
    with RealClient(request.param) as client:
        yield client


def arguments(client: RealClient, message: Fields, method: str) -> tuple[Any, ...]:
    """What the decoder passes on for one message: exactly one call, of this method."""
    ((name, told),) = client.hear(message)
    assert name == method
    return told


def named(wire: WireContract, **changes: Any) -> dict[str, Any]:
    return {theirs: getattr(wire, ours) for theirs, ours in CONTRACT_NAMES.items()} | changes


def contract_values(contract: Any, **more: Any) -> dict[str, Any]:
    return values(contract, (*CONTRACT_NAMES, *more))


def test_session_messages(client: RealClient) -> None:
    assert arguments(client, replies.next_valid_id(42), "nextValidId") == (42,)
    assert arguments(client, replies.managed_accounts(("DU1", "DU2")), "managedAccounts") == ("DU1,DU2",)
    assert client.ib.wrapper.accounts == ["DU1", "DU2"]
    now = datetime(2026, 1, 5, 15, 0, 1, tzinfo=UTC)
    client.ib.wrapper.startReq("currentTime")
    assert arguments(client, replies.current_time(now), "currentTime") == (int(now.timestamp()),)


def test_an_error_carries_its_json_from_166_on(client: RealClient) -> None:
    version = client.ib.client.serverVersion()
    heard: list[tuple[Any, ...]] = []
    client.ib.errorEvent += lambda *told: heard.append(told)
    message = replies.error(-1, 2104, "Market data farm connection is OK:usfarm", version, reject_json='{"a": 1}')
    told = arguments(client, message, "error")
    assert told == (-1, 2104, "Market data farm connection is OK:usfarm", '{"a": 1}' if version >= 166 else "")
    assert [event[:3] for event in heard] == [(-1, 2104, "Market data farm connection is OK:usfarm")]


def test_account_values(client: RealClient) -> None:
    wrapper = client.ib.wrapper
    value = ("NetLiquidation", "100000.25", "USD", "DU1")
    assert arguments(client, replies.account_value(*value), "updateAccountValue") == value
    multi = (5, "DU2", "", "Cash", "5.5", "EUR")
    assert arguments(client, replies.account_update_multi(*multi), "accountUpdateMulti") == multi
    assert [(v.account, v.tag, v.value, v.currency) for v in wrapper.accountValues.values()] == [
        ("DU1", "NetLiquidation", "100000.25", "USD"),
        ("DU2", "Cash", "5.5", "EUR"),
    ]
    summary = (6, "DU1", "BuyingPower", "9", "USD")
    assert arguments(client, replies.account_summary(*summary), "accountSummary") == summary
    assert arguments(client, replies.account_update_time("10:31"), "updateAccountTime") == ("10:31",)


def test_ends_end_what_waits_for_them(client: RealClient) -> None:
    ends: list[tuple[Any, Fields]] = [
        ("accountValues", replies.account_download_end("DU1")),
        ("positions", replies.position_end()),
        (7, replies.account_summary_end(7)),
        (8, replies.account_update_multi_end(8)),
        (9, replies.contract_details_end(9)),
        (10, replies.sec_def_opt_params_end(10)),
        (11, replies.tick_snapshot_end(11)),
    ]
    waiting = [client.ib.wrapper.startReq(key) for key, _end in ends]
    client.hear(*(end for _key, end in ends))
    assert all(future.done() for future in waiting)


@pytest.mark.parametrize("wire", [OPTION, STOCK], ids=["option", "stock"])
def test_a_portfolio_line_names_the_primary_exchange_only(client: RealClient, wire: WireContract) -> None:
    message = replies.portfolio_value(
        "DU1",
        wire,
        position=Decimal(-3),
        market_price=Decimal("1.25"),
        market_value=Decimal("-375.5"),
        average_cost=Decimal("2.5"),
        unrealized_pnl=Decimal("7.125"),
        realized_pnl=None,
    )
    contract, *figures = arguments(client, message, "updatePortfolio")
    right = "" if wire is STOCK else "C"
    assert contract_values(contract) == named(wire, right=right)
    assert (contract.exchange, contract.primaryExchange) == ("", wire.primary_exchange)
    assert figures == [-3.0, 1.25, -375.5, 2.5, 7.125, UNSET, "DU1"]
    assert [item.position for item in client.ib.portfolio()] == [-3.0]


def test_a_position_has_no_exchange_and_its_end_removes_it(client: RealClient) -> None:
    account, contract, quantity, cost = arguments(client, replies.position("DU1", OPTION, -2, 251.5), "position")
    assert (account, quantity, cost) == ("DU1", -2.0, 251.5)
    assert contract_values(contract) == named(OPTION)
    assert (contract.exchange, contract.primaryExchange) == ("", "")
    assert [held.position for held in client.ib.positions()] == [-2.0]
    client.hear(replies.position("DU1", OPTION, 0, 0))
    assert client.ib.positions() == []


def test_profit_and_loss_with_what_is_not_known(client: RealClient) -> None:
    wrapper, library = client.ib.wrapper, client.library
    wrapper.reqId2PnL[3], wrapper.reqId2PnlSingle[4] = library.PnL("DU1"), library.PnLSingle("DU1", "", 99)
    assert arguments(client, replies.pnl(3, 1.5, None, -2.25), "pnl") == (3, 1.5, UNSET, -2.25)
    single = replies.pnl_single(4, 2, daily=0.5, unrealized=1.5, realized=None, value=Decimal("300.75"))
    assert arguments(client, single, "pnlSingle") == (4, 2.0, 0.5, 1.5, UNSET, 300.75)


FULL = WireDetails(
    contract=OPTION,
    min_tick=Decimal("0.05"),
    valid_exchanges="SMART,CBOE",
    market_rule_ids="239,240",
    last_trade_time="08:30",
    last_trade_zone="US/Central",
    real_expiration="20260918",
    contract_month="202609",
    under_con_id=416904,
    under_symbol="SPX",
    under_sec_type="IND",
    long_name="S&P 500 Stock Index – naïve \\ name",
    market_name="SPX",
    order_types="LMT,MKT",
    stock_type="COMMON",
    industry="Indices",
    category="Broad Range Equity Index",
    subcategory="*",
    time_zone="US/Central",
    trading_hours="20260105:0830-20260105:1500",
    liquid_hours="20260106:CLOSED",
    ev_rule="aussieBond:YearsToExpiration=3",
    ev_multiplier="5",
    sec_ids=(("ISIN", "US1"), ("CUSIP", "2")),
    price_magnifier=7,
    agg_group=2,
    min_size=Decimal("0.5"),
    size_increment=Decimal("0.25"),
    suggested_size_increment=Decimal(100),
)


def told_details(client: RealClient, details: WireDetails) -> Any:
    client.ib.wrapper.startReq(31)
    message = replies.contract_details(31, details, client.ib.client.serverVersion())
    req_id, told = arguments(client, message, "contractDetails")
    assert req_id == 31
    return told


def test_contract_details_are_decoded_field_by_field(client: RealClient) -> None:
    version = client.ib.client.serverVersion()
    told = told_details(client, FULL)
    assert contract_values(told.contract) == named(OPTION)
    assert (told.contract.exchange, told.contract.primaryExchange) == ("SMART", "CBOE")
    assert {pair.tag: pair.value for pair in told.secIdList} == {"ISIN": "US1", "CUSIP": "2"}
    expected = {
        "marketName": "SPX",
        "minTick": 0.05,
        "orderTypes": "LMT,MKT",
        "validExchanges": "SMART,CBOE",
        "priceMagnifier": 7,
        "underConId": 416904,
        "longName": FULL.long_name,
        "contractMonth": "202609",
        "industry": "Indices",
        "category": "Broad Range Equity Index",
        "subcategory": "*",
        "timeZoneId": "US/Central",
        "tradingHours": "20260105:0830-20260105:1500",
        "liquidHours": "20260106:CLOSED",
        "evRule": "aussieBond:YearsToExpiration=3",
        "evMultiplier": 5,
        "aggGroup": 2,
        "underSymbol": "SPX",
        "underSecType": "IND",
        "marketRuleIds": "239,240",
        "realExpirationDate": "20260918",
        "lastTradeTime": "08:30",
        "stockType": "COMMON",
        "minSize": 0.5 if version >= 164 else 0.0,
        "sizeIncrement": 0.25 if version >= 164 else 0.0,
        "suggestedSizeIncrement": 100.0 if version >= 163 else 0.0,
    }
    assert values(told, expected) == expected


def test_details_that_say_little_are_decoded_too(client: RealClient) -> None:
    told = told_details(client, WireDetails(STOCK, Decimal("0.01")))
    assert contract_values(told.contract) == named(STOCK, right="")
    assert (told.lastTradeTime, told.secIdList, told.evMultiplier, told.minTick) == ("", [], 0, 0.01)


@pytest.mark.parametrize(("version", "count"), [(157, 39), (162, 39), (163, 40), (164, 40), (178, 40)])
def test_contract_details_have_as_many_fields_as_their_version_says(version: int, count: int) -> None:
    # <164: a version and a size multiplier more; 163: one size; from 164: three sizes
    fields = replies.contract_details(1, WireDetails(OPTION, Decimal("0.05")), version)
    assert len(fields) == count


def test_option_parameters_and_market_rules(client: RealClient) -> None:
    message = replies.sec_def_opt_params(
        41,
        exchange="SMART",
        under_con_id=416904,
        trading_class="SPXW",
        multiplier="100",
        expirations=("20260105", "20260106"),
        strikes=(Decimal(5500), Decimal("5502.5"), 5505),
    )
    client.ib.wrapper.startReq(41)
    told = arguments(client, message, "securityDefinitionOptionParameter")
    assert told == (41, "SMART", "416904", "SPXW", "100", ["20260105", "20260106"], [5500.0, 5502.5, 5505.0])
    rule = replies.market_rule(239, ((Decimal(0), Decimal("0.05")), (3, Decimal("0.1"))))
    rule_id, increments = arguments(client, rule, "marketRule")
    assert rule_id == 239
    assert [(step.lowEdge, step.increment) for step in increments] == [(0.0, 0.05), (3.0, 0.1)]


def test_ticks_reach_the_ticker(client: RealClient) -> None:
    ticker = client.ib.wrapper.startTicker(
        51, client.library.Contract(conId=265598, symbol="AAPL", secType="STK"), "mktData"
    )
    assert client.hear(
        replies.tick_req_params(51, 0.01, "9c0001", 3),
        replies.market_data_type(51, 3),
        replies.tick_price(51, 1, Decimal("101.25"), 7, attributes=1),
        replies.tick_price(51, 2, 101.5, 4),
        replies.tick_size(51, 3, 9),
        replies.tick_generic(51, 24, 0.215),
        replies.tick_string(51, 45, "1767625200"),
    ) == [
        ("tickReqParams", (51, 0.01, "9c0001", 3)),
        ("marketDataType", (51, 3)),
        ("priceSizeTick", (51, 1, 101.25, 7.0)),
        ("priceSizeTick", (51, 2, 101.5, 4.0)),
        ("tickSize", (51, 3, 9.0)),
        ("tickGeneric", (51, 24, 0.215)),
        ("tickString", (51, 45, "1767625200")),
    ]
    assert (ticker.minTick, ticker.bboExchange, ticker.snapshotPermissions) == (0.01, "9c0001", 3)
    assert (ticker.bid, ticker.bidSize, ticker.ask, ticker.askSize) == (101.25, 7.0, 101.5, 9.0)
    assert (ticker.impliedVolatility, ticker.marketDataType) == (0.215, 3)


def test_a_price_may_come_without_a_size(client: RealClient) -> None:
    ticker = client.ib.wrapper.startTicker(53, client.library.Contract(conId=416904, symbol="SPX", secType="IND"), "x")
    assert arguments(client, replies.tick_price(53, 4, 5512.25, None), "priceSizeTick") == (53, 4, 5512.25, 0.0)
    assert ticker.last == 5512.25


def test_greeks_reach_the_ticker_and_what_is_not_computed_is_told_as_tws_does(client: RealClient) -> None:
    ticker = client.ib.wrapper.startTicker(
        52, client.library.Contract(conId=7001, symbol="SPX", secType="OPT"), "mktData"
    )
    known = OptionComputation(0.21, 0.52, 12.25, 0.5, 0.002, 3.5, -1.25, 5512.5, tick_attribute=1)
    message = replies.tick_option_computation(52, 13, known)
    told = arguments(client, message, "tickOptionComputation")
    assert told == (52, 13, 1, 0.21, 0.52, 12.25, 0.5, 0.002, 3.5, -1.25, 5512.5)
    assert (ticker.modelGreeks.delta, ticker.modelGreeks.theta) == (0.52, -1.25)
    unknown = OptionComputation(None, None, None, None, None, None, None, None)
    told = arguments(client, replies.tick_option_computation(52, 10, unknown), "tickOptionComputation")
    assert told == (52, 10, 0, -1.0, -2.0, -1.0, -1.0, -2.0, -2.0, -2.0, -1.0)


def test_bars_come_in_one_message(client: RealClient) -> None:
    bars = (
        WireBar("20260105", Decimal("1.5"), 2.5, 0.5, 2.25, 1000, 1.75, 12),
        WireBar("20260106 10:00:00 US/Eastern", 3, 4, 2, 3.5),
    )
    client.ib.wrapper.startReq(61, container=client.library.BarDataList())
    told = client.hear(replies.historical_data(61, "20260101", "20260107", bars))
    assert [name for name, _arguments in told] == ["historicalData", "historicalData", "historicalDataEnd"]
    names = ("open", "high", "low", "close", "volume", "average", "barCount")
    assert [list(values(told[i][1][1], names).values()) for i in (0, 1)] == [
        [1.5, 2.5, 0.5, 2.25, 1000.0, 1.75, 12],
        [3.0, 4.0, 2.0, 3.5, 0.0, 0.0, 0],
    ]
    assert told[2][1] == (61, "20260101", "20260107")
