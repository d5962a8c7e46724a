"""An order of the real library's goes to the simulator's parser, back by its replies, and into the library again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.simulators.tws import order_replies
from tests.simulators.tws.order_replies import OrderStateView, OrderView
from tests.simulators.tws.place_order import PlaceOrder
from tests.simulators.tws.real_client import RealClient, values, versions
from tests.simulators.tws.test_order_replies import UNSET, told_open, version_of
from tests.simulators.tws.test_place_order import SHAPES, distinct_order, legged

UNSET_INT = 2147483647
#: What TWS says of fields that the client did not send.
OF_TWS: dict[str, Any] = {
    "orderId": 77,
    "clientId": 9,
    "permId": 4711,
    "basisPoints": UNSET,
    "basisPointsType": UNSET_INT,
    "deltaNeutralConId": 0,
    "deltaNeutralSettlingFirm": "",
    "deltaNeutralClearingAccount": "",
    "deltaNeutralClearingIntent": "",
    "deltaNeutralOpenClose": "?",
    "deltaNeutralShortSale": False,
    "deltaNeutralShortSaleSlot": 0,
    "deltaNeutralDesignatedLocation": "",
    "minTradeQty": UNSET_INT,
    "minCompeteSize": 100,
    "competeAgainstBestOffset": 0.02,
    "midOffsetAtWhole": UNSET,
    "midOffsetAtHalf": UNSET,
}
#: And of an order that is done.
OF_TWS_WHEN_DONE: dict[str, Any] = {
    "permId": 4711,
    "totalQuantity": 3.0,
    "filledQuantity": 2.0,
    "autoCancelDate": "",
    "refFuturesConId": UNSET_INT,
    "shareholder": "Not an insider or substantial shareholder",
    "parentPermId": 9223372036854775807,
    "imbalanceOnly": False,
    "routeMarketableToBbo": False,
}
#: Names of ours that are no attribute of the library's order: parts of the contract, counted lists, the order state.
NOT_OF_THE_ORDER = {"sharesAllocation", "comboLegs", "comboLegsDescrip", "numConditions", "condition", "status"}
AS_LISTS = {"orderComboLegs", "smartComboRoutingParams", "algoParams", "deltaNeutralContract"}


@pytest.fixture(scope="module", params=versions())
def client(request: pytest.FixtureRequest) -> Iterator[RealClient]:
    with RealClient(request.param) as client:
        yield client


def told_completed(client: RealClient, view: OrderView) -> tuple[Any, Any, Any]:
    client.ib.wrapper.startReq("completedOrders")
    ((name, told),) = client.hear(order_replies.completed_order(view, version_of(client)))
    assert name == "completedOrder"
    return told[0], told[1], told[2]


def placed(client: RealClient, shape: str) -> tuple[Any, Any, OrderView]:
    """An order of the library's own, all fields set, and what TWS holds of it."""
    of_contract, of_order = SHAPES[shape]
    library = client.library
    contract = legged(library, library.Contract(**of_contract))
    contract.deltaNeutralContract = library.DeltaNeutralContract(265598, -0.5, 101.25)
    order = distinct_order(library, **of_order)
    order.conditions = [
        library.PriceCondition(1, "a", True, 123.5, 265598, "SMART", 4),
        library.TimeCondition(3, "o", False, "20260105 10:00:00 US/Eastern"),
        library.PercentChangeCondition(7, "a", True, 2.5, 265598, "SMART"),
    ]
    if contract.secType == "BAG":
        order.orderComboLegs = [library.OrderComboLeg(1.5), library.OrderComboLeg()]
    said = client.sent(lambda c: c.placeOrder(77, contract, order))
    assert isinstance(said, PlaceOrder)
    return contract, order, OrderView(77, 9, 4711, said.contract, said.order, OrderStateView("Submitted"))


def expected_values(order: Any, view: OrderView, names: set[str], version: int) -> dict[str, Any]:
    """What the library should hold of the order after its way to TWS and back."""
    expected = {name: getattr(order, name) for name in names if name in view.order.raw}
    expected |= {name: value for name, value in OF_TWS.items() if name in names - set(expected)}
    expected |= {"dontUseAutoPriceForHedge": True}  # TWS says so of an order that says nothing
    if not order.deltaNeutralOrderType:
        expected |= {"deltaNeutralOrderType": "None"}
    if order.volatility is None:
        expected |= {"volatility": UNSET}
    if version == 158:
        expected |= {"duration": UNSET_INT}  # TWS sends it from 158 on, both libraries read it from 159 on
    return expected


def order_names(named: tuple[order_replies.Named, ...]) -> set[str]:
    return {name for name, _value in named} - NOT_OF_THE_ORDER - AS_LISTS


def assert_lists_came_back(order: Any, wanted: Any, *, has_algo: bool, is_bag: bool) -> None:
    pairs = [(pair.tag, pair.value) for pair in order.algoParams]
    assert pairs == ([(pair.tag, pair.value) for pair in wanted.algoParams] if has_algo else [])
    routing = [(pair.tag, pair.value) for pair in order.smartComboRoutingParams]
    assert routing == ([("NonGuaranteed", "0"), ("Priority", "1")] if is_bag else [])
    assert [leg.price for leg in order.orderComboLegs] == ([1.5, UNSET] if is_bag else [])
    assert [dataclasses.astuple(condition) for condition in order.conditions] == [
        dataclasses.astuple(condition) for condition in wanted.conditions
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_order_goes_to_tws_and_comes_back_with_every_field(client: RealClient, shape: str) -> None:
    version = version_of(client)
    _contract, wanted, view = placed(client, shape)
    contract, order, state = told_open(client, view, is_handled=False)
    names = order_names(order_replies.open_order_named(view, version)) & {f.name for f in dataclasses.fields(order)}
    assert values(order, names) == expected_values(wanted, view, names, version)
    assert len(names) > 90
    tier = order.softDollarTier
    assert (tier.name, tier.val, tier.displayName) == ("tier-name", "tier-value", "")
    assert_lists_came_back(order, wanted, has_algo=shape.startswith("algo"), is_bag=shape == "bag")
    hedge = contract.deltaNeutralContract
    assert (hedge.conId, hedge.delta, hedge.price) == (265598, -0.5, 101.25)
    assert state.status == "Submitted"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_completed_order_comes_back_with_every_field(client: RealClient, shape: str) -> None:
    version = version_of(client)
    _contract, wanted, view = placed(client, shape)
    done = replace(
        view,
        order=replace(view.order, total_quantity=Decimal(5)),
        state=OrderStateView("Filled"),
        filled_quantity=Decimal(2),
        completed_time="20260105 16:00:01 America/New_York",
        completed_status="Filled Size: 2",
    )
    _told, order, state = told_completed(client, done)
    names = order_names(order_replies.completed_order_named(done, version)) & {
        field.name for field in dataclasses.fields(order)
    }
    expected = expected_values(wanted, view, names, version) | OF_TWS_WHEN_DONE
    expected.pop("duration", None)
    if version < 162:
        expected["autoCancelParent"] = False  # a client could not set it yet
    if "minCompeteSize" not in view.order.raw and version >= 170:
        expected |= {"minCompeteSize": UNSET_INT, "competeAgainstBestOffset": UNSET}  # working orders have figures here
    assert values(order, names) == expected
    assert len(names) > 75
    assert (state.status, state.completedTime, state.completedStatus) == (
        "Filled",
        "20260105 16:00:01 America/New_York",
        "Filled Size: 2",
    )
    assert_lists_came_back(order, wanted, has_algo=shape.startswith("algo"), is_bag=shape == "bag")


def test_a_change_of_price_wins_over_what_was_first_sent(client: RealClient) -> None:
    _contract, _wanted, view = placed(client, "plain")
    changed = replace(view, order=replace(view.order, limit_price=Decimal("1.55"), total_quantity=Decimal(9)))
    _told, order, _state = told_open(client, changed, is_handled=False)
    assert (order.lmtPrice, order.totalQuantity, order.orderRef) == (1.55, 9.0, view.order.order_ref)


TRUTHS = [
    "outsideRth",
    "hidden",
    "blockOrder",
    "sweepToFill",
    "allOrNone",
    "eTradeOnly",
    "firmQuoteOnly",
    "continuousUpdate",
    "optOutSmartRouting",
    "notHeld",
    "solicited",
    "randomizeSize",
    "randomizePrice",
    "isOmsContainer",
    "discretionaryUpToLimitPrice",
    "usePriceMgmtAlgo",
    "autoCancelParent",
    "deltaNeutralShortSale",
    "scaleAutoReset",
    "scaleRandomPercent",
    "conditionsIgnoreRth",
    "conditionsCancelOrder",
    "isPeggedChangeAmountDecrease",
]
#: completedOrder leaves these out.
OPEN_ONLY = {
    *("blockOrder", "eTradeOnly", "firmQuoteOnly", "optOutSmartRouting"),
    *("discretionaryUpToLimitPrice", "usePriceMgmtAlgo"),
}


@pytest.fixture(scope="module")
def newest() -> Iterator[RealClient]:
    with RealClient(versions()[-1]) as client:
        yield client


@pytest.mark.parametrize("name", TRUTHS)
def test_a_truth_comes_back_under_its_own_name_and_no_other(newest: RealClient, name: str) -> None:
    library = newest.library
    order = library.Order(
        orderType="PEG BENCH",
        deltaNeutralOrderType="LMT",
        scalePriceIncrement=0.05,
        conditions=[library.MarginCondition(4, "a", True, 30)],
    )
    setattr(order, name, True)
    said = newest.sent(lambda c: c.placeOrder(77, library.Contract(), order))
    assert isinstance(said, PlaceOrder)
    view = OrderView(77, 9, 4711, said.contract, said.order, OrderStateView("Submitted"))
    _contract, working, _state = told_open(newest, view, is_handled=False)
    assert [truth for truth in TRUTHS if getattr(working, truth)] == [name]
    _contract, done, _state = told_completed(newest, view)
    assert [truth for truth in TRUTHS if getattr(done, truth)] == ([] if name in OPEN_ONLY else [name])


def test_what_only_tws_may_set_is_told_too(newest: RealClient) -> None:
    _contract, _wanted, view = placed(newest, "plain")
    raw = {**view.order.raw, "basisPoints": "12.5", "basisPointsType": "3"}
    _told, order, _state = told_open(newest, replace(view, order=replace(view.order, raw=raw)), is_handled=False)
    assert (order.basisPoints, order.basisPointsType) == (12.5, 3)
