from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.simulators.tws import order_replies
from tests.simulators.tws.contracts import WireComboLeg, WireContract, WireDeltaNeutral
from tests.simulators.tws.framing import UNSET_DOUBLE, decode, encode, text_of
from tests.simulators.tws.order_replies import ExecTimeForm, ExecView, OrderStateView, OrderView
from tests.simulators.tws.place_order import WireOrder
from tests.simulators.tws.real_client import RealClient, values, versions
from tests.simulators.tws.test_place_order import LEGS

UNSET = sys.float_info.max
STOCK = WireContract(
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    currency="USD",
    local_symbol="AAPL",
    trading_class="NMS",
)
BAG = WireContract(
    symbol="SPX",
    sec_type="BAG",
    exchange="SMART",
    currency="USD",
    combo_legs=(WireComboLeg(43645865, 1, "BUY"), WireComboLeg(9408, 2, "SELL")),
)
MARKET = WireOrder("BUY", Decimal(100), "MKT", account="DU1")
LIMIT = WireOrder("BUY", Decimal(3), "LMT", Decimal("-1.25"), account="DU1", order_ref="ref-1")
WORKING = OrderView(5, 9, 600745656, STOCK, MARKET, OrderStateView("PreSubmitted"))
MARGINS = (
    "initMarginBefore",
    "maintMarginBefore",
    "equityWithLoanBefore",
    "initMarginChange",
    "maintMarginChange",
    "equityWithLoanChange",
    "initMarginAfter",
    "maintMarginAfter",
    "equityWithLoanAfter",
)


@pytest.fixture(scope="module", params=versions())
def client(request: pytest.FixtureRequest) -> Iterator[RealClient]:
    with RealClient(request.param) as client:
        yield client


@pytest.fixture
def newest() -> Iterator[RealClient]:
    with RealClient(versions()[-1]) as client:
        yield client


def version_of(client: RealClient) -> int:
    return int(client.ib.client.serverVersion())


def told_open(client: RealClient, view: OrderView, *, is_handled: bool = True) -> tuple[Any, Any, Any]:
    """Contract, order and state as the library's decoder passes them on."""
    message = order_replies.open_order(view, version_of(client))
    ((name, told),) = client.hear(message, is_handled=is_handled)
    assert (name, told[0]) == ("openOrder", view.order_id)
    return told[1], told[2], told[3]


def test_a_stock_order_at_173_has_the_136_fields_of_a_recorded_one() -> None:
    fields = decode(encode(order_replies.open_order(WORKING, 173))[4:])
    assert len(fields) == 136
    texts = {name: text_of(value) for name, value in order_replies.open_order_named(WORKING, 173)}
    recorded = {
        "right": "?",
        "strike": "0",
        "lmtPrice": "0.0",
        "auxPrice": "0.0",
        "openClose": "",
        "sharesAllocation": "600745656.0/DU1/100",
        "exemptCode": "-1",
        "displaySize": "2147483647",
        "ocaType": "3",
        "volatilityType": "0",
        "deltaNeutralOrderType": "None",
        "deltaNeutralOpenClose": "?",
        "scaleInitLevelSize": "2147483647",
        "clearingIntent": "IB",
        "initMarginAfter": "1.7976931348623157E308",
        "commission": "",
        "adjustedOrderType": "None",
        "triggerPrice": "1.7976931348623157E308",
        "dontUseAutoPriceForHedge": "1",
        "duration": "",
        "autoCancelParent": "0",
        "minTradeQty": "",
        "minCompeteSize": "100",
        "competeAgainstBestOffset": "0.02",
    }
    assert {name: texts[name] for name in recorded} == recorded


@pytest.mark.parametrize(
    ("version", "of_open", "of_completed"),
    # duration at 158, postToAts at 160, autoCancelParent at 162, five peg fields at 170, faProfile gone at 177
    [(157, 128, 96), (158, 129, 96), (160, 130, 96), (162, 131, 96), (170, 136, 101), (176, 136, 101), (177, 135, 100)],
)
def test_layouts_grow_and_shrink_with_the_server_version(version: int, of_open: int, of_completed: int) -> None:
    assert len(order_replies.open_order(WORKING, version)) == of_open
    assert len(order_replies.completed_order(WORKING, version)) == of_completed


def test_an_untouched_delta_neutral_order_is_the_word_none_and_eight_fields() -> None:
    names = [name for name, _value in order_replies.open_order_named(WORKING, 178)]
    first = names.index("deltaNeutralOrderType")
    assert names[first + 2 : first + 10] == [
        "deltaNeutralConId",
        "deltaNeutralSettlingFirm",
        "deltaNeutralClearingAccount",
        "deltaNeutralClearingIntent",
        "deltaNeutralOpenClose",
        "deltaNeutralShortSale",
        "deltaNeutralShortSaleSlot",
        "deltaNeutralDesignatedLocation",
    ]
    assert names[first + 10] == "continuousUpdate"


def test_an_untouched_order_is_decoded(client: RealClient) -> None:
    _contract, order, state = told_open(client, WORKING)
    assert (order.deltaNeutralOrderType, order.deltaNeutralOpenClose, order.deltaNeutralConId) == ("None", "?", 0)
    assert (order.orderType, order.totalQuantity, order.lmtPrice, order.tif) == ("MKT", 100.0, 0.0, "DAY")
    assert values(state, MARGINS) == dict.fromkeys(MARGINS, "1.7976931348623157E308")
    assert (state.commission, state.minCommission, state.maxCommission) == (UNSET, UNSET, UNSET)


def test_a_combo_is_echoed_as_tws_names_it(client: RealClient) -> None:
    view = OrderView(6, 9, 4712, BAG, LIMIT, OrderStateView("Submitted"))
    contract, order, _state = told_open(client, view)
    assert (contract.conId, contract.right, contract.localSymbol, contract.tradingClass) == (
        28812380,
        "?",
        "28812380",
        "COMB",
    )
    assert contract.comboLegsDescrip == "43645865|1,9408|-2"
    assert [(leg.conId, leg.ratio, leg.action, leg.exchange, leg.exemptCode) for leg in contract.comboLegs] == [
        (43645865, 1, "BUY", "SMART", -1),
        (9408, 2, "SELL", "SMART", -1),
    ]
    assert (order.lmtPrice, order.orderRef, order.account) == (-1.25, "ref-1", "DU1")


def test_the_legs_details_survive_the_echo(client: RealClient) -> None:
    view = OrderView(6, 9, 4713, replace(BAG, combo_legs=LEGS), LIMIT, OrderStateView("Submitted"))
    contract, _order, _state = told_open(client, view)
    assert [dataclasses.astuple(leg) for leg in contract.comboLegs] == [dataclasses.astuple(leg) for leg in LEGS]


def test_an_option_keeps_its_right_and_a_hedged_contract_its_hedge(client: RealClient) -> None:
    option = replace(STOCK, sec_type="OPT", right="P", strike=Decimal("5512.5"), last_trade="20260918")
    hedged = replace(option, delta_neutral=WireDeltaNeutral(9, Decimal("0.5"), Decimal("1.25")))
    contract, _order, _state = told_open(client, OrderView(8, 9, 4714, hedged, LIMIT, OrderStateView("Submitted")))
    assert (contract.right, contract.strike, contract.lastTradeDateOrContractMonth) == ("P", 5512.5, "20260918")
    assert (contract.deltaNeutralContract.conId, contract.deltaNeutralContract.delta) == (9, 0.5)


WHAT_IF = replace(WORKING, order=replace(LIMIT, what_if=True), contract=BAG)


def test_the_first_what_if_answer_is_unset_in_javas_words(client: RealClient) -> None:
    state = OrderStateView("PreSubmitted", warning_text="computing", unset_commission=UNSET_DOUBLE)
    _contract, order, told = told_open(client, replace(WHAT_IF, state=state))
    assert order.whatIf
    assert values(told, MARGINS) == dict.fromkeys(MARGINS, "1.7976931348623157E308")
    assert (told.commission, told.maxCommission, told.warningText) == (UNSET, UNSET, "computing")


def test_the_first_what_if_answer_may_be_empty(client: RealClient) -> None:
    state = OrderStateView("PreSubmitted", unset="")
    # one of the libraries stumbles over it in its wrapper, so that only the decoder is asked here
    _contract, _order, told = told_open(client, replace(WHAT_IF, state=state), is_handled=False)
    assert values(told, MARGINS) == dict.fromkeys(MARGINS, "")


def test_the_second_what_if_answer_has_margins_and_a_range_of_commission(client: RealClient) -> None:
    state = OrderStateView(
        "PreSubmitted",
        init_margin_before=Decimal("1000.5"),
        maint_margin_before=Decimal("1001.5"),
        equity_with_loan_before=Decimal("1002.5"),
        init_margin_change=Decimal("-1003.5"),
        maint_margin_change=Decimal("1004.5"),
        equity_with_loan_change=Decimal("1005.5"),
        init_margin_after=Decimal("1006.5"),
        maint_margin_after=Decimal("1007.5"),
        equity_with_loan_after=Decimal("1008.5"),
        min_commission=Decimal("1.2"),
        max_commission=Decimal("2.4"),
        commission_currency="USD",
        warning_text="careful",
        unset_commission=UNSET_DOUBLE,
    )
    client.ib.wrapper.startReq(WHAT_IF.order_id)
    _contract, _order, told = told_open(client, replace(WHAT_IF, state=state))
    figures = ("1000.5", "1001.5", "1002.5", "-1003.5", "1004.5", "1005.5", "1006.5", "1007.5", "1008.5")
    assert values(told, MARGINS) == dict(zip(MARGINS, figures, strict=True))
    assert (told.commission, told.minCommission, told.maxCommission) == (UNSET, 1.2, 2.4)
    assert (told.commissionCurrency, told.warningText) == ("USD", "careful")


def test_an_order_lives_through_status_execution_and_commission(newest: RealClient) -> None:
    version = version_of(newest)
    execution = ExecView(
        order_id=5,
        client_id=9,
        perm_id=600745656,
        contract=STOCK,
        exec_id="0000e0d5.67fe667b.01.01",
        time="20260105 10:00:00 US/Eastern",
        account="DU1",
        exchange="IEX",
        side="BOT",
        shares=Decimal(100),
        price=Decimal("201.94"),
        cum_qty=Decimal(100),
        avg_price=Decimal("201.94"),
    )
    status = order_replies.order_status(
        5,
        "Filled",
        filled=Decimal(100),
        remaining=Decimal(0),
        average_fill_price=Decimal("201.94"),
        perm_id=600745656,
        client_id=9,
        last_fill_price=Decimal("201.94"),
        parent_id=3,
        why_held="locate",
        market_cap_price=Decimal("1.5"),
    )
    told = newest.hear(
        order_replies.open_order(WORKING, version),
        order_replies.exec_details(-1, execution, version),
        status,
        order_replies.commission_report(execution.exec_id, Decimal("1.05"), realized_pnl=Decimal("12.5")),
    )
    assert [name for name, _arguments in told] == ["openOrder", "execDetails", "orderStatus", "commissionReport"]
    assert told[2][1] == (5, "Filled", 100.0, 0.0, 201.94, 600745656, 3, 201.94, 9, "locate", 1.5)
    (trade,) = newest.ib.trades()
    assert (trade.orderStatus.status, trade.filled()) == ("Filled", 100.0)
    (fill,) = trade.fills
    assert fill.execution.time == datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
    assert (fill.commissionReport.commission, fill.commissionReport.realizedPNL) == (1.05, 12.5)


EXECUTION = ExecView(
    order_id=6,
    client_id=9,
    perm_id=4712,
    contract=replace(BAG, combo_legs=()),
    exec_id="0000e0d5.67fe667c.01.01",
    time="20260105 10:00:00 US/Eastern",
    account="DU1",
    exchange="CBOE",
    side="SLD",
    shares=Decimal(2),
    price=Decimal("-1.3"),
    cum_qty=Decimal(3),
    avg_price=Decimal("-1.275"),
    order_ref="ref-1",
    liquidation=1,
    ev_rule="rule",
    ev_multiplier="2.5",
    model_code="model",
    last_liquidity=1,
    pending_price_revision=True,
)


def told_execution(client: RealClient, view: ExecView, req_id: int = -1) -> tuple[Any, ...]:
    message = order_replies.exec_details(req_id, view, version_of(client))
    ((name, told),) = client.hear(message)
    assert name == "execDetails"
    return told


def test_an_execution_is_decoded_field_by_field(client: RealClient) -> None:
    req_id, contract, execution = told_execution(client, EXECUTION)
    assert req_id == -1
    assert (contract.conId, contract.secType, contract.localSymbol, contract.right) == (28812380, "BAG", "28812380", "")
    expected = {
        "execId": "0000e0d5.67fe667c.01.01",
        "acctNumber": "DU1",
        "exchange": "CBOE",
        "side": "SLD",
        "shares": 2.0,
        "price": -1.3,
        "permId": 4712,
        "clientId": 9,
        "orderId": 6,
        "liquidation": 1,
        "cumQty": 3.0,
        "avgPrice": -1.275,
        "orderRef": "ref-1",
        "evRule": "rule",
        "evMultiplier": 2.5,
        "modelCode": "model",
        "lastLiquidity": 1,
    }
    assert values(execution, expected) == expected
    if version_of(client) >= 178:
        assert bool(int(execution.pendingPriceRevision))


def test_an_execution_asked_for_answers_the_request(client: RealClient) -> None:
    waiting = client.ib.wrapper.startReq(81)
    version = version_of(client)
    view = replace(EXECUTION, exec_id="x.02.01", contract=STOCK)
    client.hear(order_replies.exec_details(81, view, version), order_replies.exec_details_end(81))
    (fill,) = waiting.result()
    assert (fill.execution.execId, fill.contract.right, fill.contract.tradingClass) == ("x.02.01", "", "NMS")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (ExecTimeForm.ZONED, "20260105 10:00:00 US/Eastern"),
        (ExecTimeForm.LOCAL, "20260105  10:00:00"),
        (ExecTimeForm.UTC, "20260105-15:00:00"),
    ],
)
def test_each_form_of_execution_time_means_the_same_instant(client: RealClient, form: ExecTimeForm, text: str) -> None:
    at_utc = datetime(2026, 1, 5, 15, 0, 0, 999_999, tzinfo=UTC)
    assert order_replies.exec_time_text(at_utc, form) == text
    # forms without a zone are read in the zone the library is told TWS is in
    client.ib.TimezoneTWS = "UTC" if form is ExecTimeForm.UTC else "US/Eastern"
    _req_id, _contract, execution = told_execution(client, replace(EXECUTION, time=text, exec_id=f"{form}.01"))
    assert execution.time == at_utc.replace(microsecond=0)


def test_a_time_of_execution_names_the_zone_it_is_in() -> None:
    summer = datetime(2026, 7, 1, 15, 0, tzinfo=UTC)
    assert order_replies.exec_time_text(summer, ExecTimeForm.ZONED, "US/Central") == "20260701 10:00:00 US/Central"
    with pytest.raises(ValueError, match="needs a zone"):
        order_replies.exec_time_text(summer.replace(tzinfo=None), ExecTimeForm.UTC)


def test_the_pending_price_flag_comes_with_178_only() -> None:
    assert len(order_replies.exec_details(-1, EXECUTION, 177)) == 31
    assert order_replies.exec_details(-1, EXECUTION, 178)[31:] == (True,)


def test_a_commission_without_profit_says_so(client: RealClient) -> None:
    message = order_replies.commission_report("x.03.01", Decimal("2.15"), "EUR", yield_redemption_date="20300101")
    ((name, (report,)),) = client.hear(message)
    assert name == "commissionReport"
    assert (report.execId, report.commission, report.currency) == ("x.03.01", 2.15, "EUR")
    assert (report.realizedPNL, report.yield_, report.yieldRedemptionDate) == (UNSET, UNSET, 20300101)


def test_the_ends_of_orders_and_executions_end_their_requests(newest: RealClient) -> None:
    keys: list[Any] = ["openOrders", "completedOrders", 82]
    waiting = [newest.ib.wrapper.startReq(key) for key in keys]
    newest.hear(
        order_replies.open_order_end(), order_replies.completed_orders_end(), order_replies.exec_details_end(82)
    )
    assert all(future.done() for future in waiting)
