from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.simulators.tws import framing, replies, requests
from tests.simulators.tws.contracts import WireComboLeg, WireContract, WireDeltaNeutral
from tests.simulators.tws.framing import ProtocolError
from tests.simulators.tws.real_client import RealClient, library_name, versions
from tests.simulators.tws.requests import Request, UnknownRequest, parse

OPTION = WireContract(
    con_id=700123456,
    symbol="SPX",
    sec_type="OPT",
    last_trade="20260918",
    strike=Decimal("5512.5"),
    right="P",
    multiplier="100",
    exchange="SMART",
    primary_exchange="CBOE",
    currency="USD",
    local_symbol="SPXW  260918P05512500",
    trading_class="SPXW",
)
BAG = WireContract(
    symbol="SPX",
    sec_type="BAG",
    exchange="SMART",
    currency="USD",
    combo_legs=(WireComboLeg(11, 1, "BUY", "SMART"), WireComboLeg(12, 2, "SELL", "CBOE")),
    delta_neutral=WireDeltaNeutral(265598, Decimal("-0.5"), Decimal("123.25")),
)


@pytest.fixture(scope="module", params=versions())
def client(request: pytest.FixtureRequest) -> Iterator[RealClient]:
    with RealClient(request.param) as client:
        yield client


def library_contract(client: RealClient, wire: WireContract) -> Any:
    library = client.library
    contract = library.Contract(
        conId=wire.con_id,
        symbol=wire.symbol,
        secType=wire.sec_type,
        lastTradeDateOrContractMonth=wire.last_trade,
        strike=float(wire.strike),
        right=wire.right,
        multiplier=wire.multiplier,
        exchange=wire.exchange,
        primaryExchange=wire.primary_exchange,
        currency=wire.currency,
        localSymbol=wire.local_symbol,
        tradingClass=wire.trading_class,
    )
    contract.comboLegs = [
        library.ComboLeg(conId=leg.con_id, ratio=leg.ratio, action=leg.action, exchange=leg.exchange)
        for leg in wire.combo_legs
    ]
    if wire.delta_neutral:
        hedge = wire.delta_neutral
        contract.deltaNeutralContract = library.DeltaNeutralContract(
            hedge.con_id, float(hedge.delta), float(hedge.price)
        )
    return contract


CALLS: list[tuple[Callable[[Any], object], Request]] = [
    (lambda c: c.startApi(), requests.StartApi(-1)),
    (lambda c: c.cancelMktData(7), requests.CancelMktData(7)),
    (lambda c: c.reqOpenOrders(), requests.ReqOpenOrders()),
    (lambda c: c.reqAllOpenOrders(), requests.ReqAllOpenOrders()),
    (lambda c: c.reqAutoOpenOrders(True), requests.ReqAutoOpenOrders(True)),
    (lambda c: c.reqAutoOpenOrders(False), requests.ReqAutoOpenOrders(False)),
    (lambda c: c.reqAccountUpdates(True, "DU1"), requests.ReqAccountUpdates(True, "DU1")),
    (lambda c: c.reqAccountUpdates(False, ""), requests.ReqAccountUpdates(False, "")),
    (lambda c: c.reqIds(3), requests.ReqIds(3)),
    (lambda c: c.reqManagedAccts(), requests.ReqManagedAccounts()),
    (lambda c: c.cancelHistoricalData(8), requests.CancelHistoricalData(8)),
    (lambda c: c.reqCurrentTime(), requests.ReqCurrentTime()),
    (lambda c: c.reqGlobalCancel(), requests.ReqGlobalCancel()),
    (lambda c: c.reqMarketDataType(4), requests.ReqMarketDataType(4)),
    (lambda c: c.reqPositions(), requests.ReqPositions()),
    (lambda c: c.cancelPositions(), requests.CancelPositions()),
    (lambda c: c.reqAccountSummary(9, "All", "A,B"), requests.ReqAccountSummary(9, "All", "A,B")),
    (lambda c: c.cancelAccountSummary(9), requests.CancelAccountSummary(9)),
    (
        lambda c: c.reqAccountUpdatesMulti(10, "DU2", "Model", True),
        requests.ReqAccountUpdatesMulti(10, "DU2", "Model", True),
    ),
    (lambda c: c.cancelAccountUpdatesMulti(10), requests.CancelAccountUpdatesMulti(10)),
    (
        lambda c: c.reqSecDefOptParams(11, "ES", "CME", "FUT", 637533641),
        requests.ReqSecDefOptParams(11, "ES", "CME", "FUT", 637533641),
    ),
    (lambda c: c.reqMarketRule(239), requests.ReqMarketRule(239)),
    (lambda c: c.reqPnL(12, "DU3", "M"), requests.ReqPnl(12, "DU3", "M")),
    (lambda c: c.cancelPnL(12), requests.CancelPnl(12)),
    (lambda c: c.reqPnLSingle(13, "DU4", "M", 99), requests.ReqPnlSingle(13, "DU4", "M", 99)),
    (lambda c: c.cancelPnLSingle(13), requests.CancelPnlSingle(13)),
    (lambda c: c.reqCompletedOrders(True), requests.ReqCompletedOrders(True)),
    (lambda c: c.reqCompletedOrders(False), requests.ReqCompletedOrders(False)),
]


def test_the_installed_library_speaks_the_versions_the_tests_run_at(client: RealClient) -> None:
    assert client.ib.client.MinClientVersion == framing.MIN_SERVER_VERSION == versions()[0]
    assert client.ib.client.MaxClientVersion == versions()[-1]


@pytest.mark.parametrize(("call", "request_"), CALLS, ids=[type(request).__name__ for _call, request in CALLS])
def test_what_the_library_sends_is_read_by_name_without_surplus(
    client: RealClient, call: Callable[[Any], object], request_: Request
) -> None:
    assert client.sent(call) == request_


def test_cancelling_an_order_may_name_a_time_from_169_on(client: RealClient) -> None:
    time = "20260105 10:00:00"
    said = client.sent(lambda c: c.cancelOrder(21, time))
    assert said == requests.CancelOrder(21, time if client.ib.client.serverVersion() >= 169 else "")


def test_a_filter_of_executions_is_read(client: RealClient) -> None:
    wanted = client.library.ExecutionFilter(
        clientId=3, acctCode="DU5", time="20260105-10:00:00", symbol="SPX", secType="BAG", exchange="CBOE", side="BUY"
    )
    assert client.sent(lambda c: c.reqExecutions(22, wanted)) == requests.ReqExecutions(
        req_id=22,
        client_id=3,
        account="DU5",
        time="20260105-10:00:00",
        symbol="SPX",
        sec_type="BAG",
        exchange="CBOE",
        side="BUY",
    )


def test_a_question_for_contract_details_is_read(client: RealClient) -> None:
    contract = library_contract(client, OPTION)
    contract.includeExpired = True
    contract.secIdType, contract.secId, contract.issuerId = "ISIN", "US0378331005", "e123"
    assert client.sent(lambda c: c.reqContractDetails(23, contract)) == requests.ReqContractDetails(
        req_id=23,
        contract=OPTION,
        include_expired=True,
        sec_id_type="ISIN",
        sec_id="US0378331005",
        issuer_id="e123" if client.ib.client.serverVersion() >= 176 else "",
    )


@pytest.mark.parametrize("contract", [OPTION, BAG], ids=["option", "bag"])
def test_a_question_for_quotes_is_read(client: RealClient, contract: WireContract) -> None:
    library = client.library
    options = [library.TagValue("a", "1"), library.TagValue("b", "2")]
    asked = library_contract(client, contract)
    assert client.sent(lambda c: c.reqMktData(24, asked, "100,106", True, False, options)) == requests.ReqMktData(
        req_id=24, contract=contract, generic_ticks="100,106", snapshot=True, options="a=1;b=2;"
    )
    regulatory = client.sent(lambda c: c.reqMktData(25, asked, "", False, True, []))
    assert regulatory == requests.ReqMktData(25, contract, regulatory_snapshot=True)


@pytest.mark.parametrize("legs", [(), BAG.combo_legs], ids=["option", "bag"])
def test_a_question_for_bars_is_read(client: RealClient, legs: tuple[WireComboLeg, ...]) -> None:
    wire = WireContract(symbol="SPX", sec_type="BAG", combo_legs=legs) if legs else OPTION
    asked = library_contract(client, wire)
    asked.includeExpired = True
    said = client.sent(
        lambda c: c.reqHistoricalData(26, asked, "20260105 16:00:00", "2 W", "1 day", "TRADES", True, 1, False, [])
    )
    assert said == requests.ReqHistoricalData(
        req_id=26,
        contract=wire,
        include_expired=True,
        end="20260105 16:00:00",
        bar_size="1 day",
        duration="2 W",
        use_rth=True,
        what_to_show="TRADES",
        format_date=1,
    )
    kept = client.sent(lambda c: c.reqHistoricalData(27, asked, "", "1 D", "5 mins", "MIDPOINT", False, 2, True, []))
    assert isinstance(kept, requests.ReqHistoricalData)
    assert (kept.use_rth, kept.format_date, kept.keep_up_to_date) == (False, 2, True)


def test_a_message_without_a_name_here_is_kept_whole(client: RealClient) -> None:
    assert client.sent(lambda c: c.reqNewsProviders()) == UnknownRequest(85, ())
    assert client.sent(lambda c: c.setServerLogLevel(5)) == UnknownRequest(14, ("1", "5"))


def test_fields_nobody_asked_for_are_kept() -> None:
    assert parse(("61", "1", "more", ""), 176) == requests.ReqPositions(surplus=("more", ""))
    assert parse(("4", "1", "5", "", "x"), 176) == requests.CancelOrder(5, surplus=("x",))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ((), "missing"),
        (("",), "begins with its id"),
        (("-3",), "begins with its id"),
        (("place", "1"), "whole number"),
        (("2", "2"), "'reqId' is missing"),
        (("2", "2", "x"), "'reqId' is no whole number"),
        (("15", "1", "yes"), "'autoBind' is neither 0 nor 1"),
        (("9", "8", "1", "0", "SPX", "OPT", "", "deep"), "'strike' is no number"),
        (("1", "11", "1", "0", "", "BAG", "", "0", "", "", "", "", "", "", "", "9", "1"), "announces 9 things"),
    ],
)
def test_a_message_that_is_none_says_which_field_is_wrong(fields: tuple[str, ...], said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        parse(fields, 176)


@pytest.mark.anyio
@pytest.mark.parametrize("version", versions())
async def test_the_real_client_connects_over_tcp_and_every_message_is_read(version: int) -> None:
    greeted: list[framing.Hello] = []
    asked: list[Request] = []
    is_all_asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = framing.ClientStream()
        while data := await reader.read(3):  # three bytes a read: every message comes in pieces
            for item in stream.feed(data):
                if isinstance(item, framing.Hello):
                    greeted.append(item)
                    writer.write(framing.handshake(version, "20260105 10:00:00 Eastern Standard Time"))
                    continue
                asked.append(parse(item, version))
                if len(asked) == 3:
                    is_all_asked.set()
                if isinstance(asked[-1], requests.StartApi):
                    hello = framing.encode(replies.managed_accounts(("DU1", "DU2")))
                    writer.write(hello + framing.encode(replies.next_valid_id(17)))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = importlib.import_module(library_name()).IB().client
    try:
        await client.connectAsync("127.0.0.1", server.sockets[0].getsockname()[1], 5, timeout=10)
        assert client.serverVersion() == version
        assert client.getAccounts() == ["DU1", "DU2"]
        assert client.getReqId() == 17
        client.reqPositions()
        client.reqCurrentTime()
        client.disconnect()
        async with asyncio.timeout(10):
            await is_all_asked.wait()
    finally:
        server.close()
        await server.wait_closed()
    assert greeted == [framing.Hello(157, versions()[-1])]
    assert asked == [requests.StartApi(5), requests.ReqPositions(), requests.ReqCurrentTime()]
