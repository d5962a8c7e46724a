from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulators.tws.contracts import WireComboLeg, WireContract, WireDeltaNeutral
from tests.simulators.tws.framing import ProtocolError
from tests.simulators.tws.place_order import (
    BENCHMARK_FIELDS,
    CONDITION_FIELDS,
    DELTA_NEUTRAL_FIELDS,
    SCALE_FIELDS,
    PlaceOrder,
)
from tests.simulators.tws.real_client import RealClient, versions
from tests.simulators.tws.requests import parse

UNSET_DOUBLE, UNSET_INT = 1.7976931348623157e308, 2147483647
#: Attributes the libraries hold for orders TWS tells of, and lists and objects that are set by hand below.
NOT_SENT = {"orderId", "clientId", "permId", "softDollarTier", "orderComboLegs", "basisPoints", "basisPointsType"}
GIVEN = {"orderType", "deltaNeutralOrderType", "hedgeType", "algoStrategy", "scalePriceIncrement"}
STOCK = {"conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
BAG = {**STOCK, "conId": 0, "symbol": "SPX", "secType": "BAG"}
ATS = {**STOCK, "exchange": "IBKRATS"}
#: What makes stretches of the layout come and go: contract, then order.
SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": (STOCK, {}),
    "bag": (BAG, {}),
    "delta neutral": (STOCK, {"deltaNeutralOrderType": "LMT"}),
    "echo sent back": (STOCK, {"deltaNeutralOrderType": "None", "adjustedOrderType": "None"}),
    "scale": (STOCK, {"scalePriceIncrement": 0.05}),
    "hedge": (STOCK, {"hedgeType": "D"}),
    "algo": (STOCK, {"algoStrategy": "Adaptive"}),
    "algo without parameters": (STOCK, {"algoStrategy": "Vwap", "algoParams": []}),
    "benchmark": (STOCK, {"orderType": "PEG BENCH"}),
    "best": (STOCK, {"orderType": "PEG BEST"}),
    "best up to mid": (STOCK, {"orderType": "PEG BEST", "competeAgainstBestOffset": math.inf}),
    "mid": (STOCK, {"orderType": "PEG MID"}),
    "ats": (ATS, {"orderType": "PEG MID"}),
    "volatility": (STOCK, {"orderType": "VOL"}),
}
#: Field names that are ours because the library's attribute is reached another way.
NESTED = {"softDollarTier.name": ("softDollarTier", "name"), "softDollarTier.val": ("softDollarTier", "val")}
#: How many fields each shape adds to the plain order, from the layout.
EXTRA = {
    "delta neutral": 8,
    "echo sent back": 8,
    "scale": 7,
    "hedge": 1,
    "algo": 1 + 4,
    "algo without parameters": 1,
    "benchmark": 5,
}


@pytest.fixture(scope="module", params=versions())
def client(request: pytest.FixtureRequest) -> Iterator[RealClient]:
    with RealClient(request.param) as client:
        yield client


@pytest.fixture(scope="module")
def newest() -> Iterator[RealClient]:
    with RealClient(versions()[-1]) as client:
        yield client


def distinct_order(library: Any, **shape: Any) -> Any:
    """An order with every field set, no two alike but for truth values."""
    order = library.Order()
    for number, field in enumerate(dataclasses.fields(order), start=1):
        if field.name in NOT_SENT | GIVEN:
            continue
        default = getattr(order, field.name)
        if isinstance(default, bool):
            setattr(order, field.name, number % 2 == 0)
        elif isinstance(default, str):
            setattr(order, field.name, f"{field.name}-{number}")
        elif isinstance(default, int):
            setattr(order, field.name, 1000 + number)
        elif isinstance(default, float):
            setattr(order, field.name, 2000.25 + number)
    order.orderType = "LMT"
    order.lmtPrice = -1.25
    order.softDollarTier = library.SoftDollarTier("tier-name", "tier-value")
    order.orderMiscOptions = [library.TagValue("misc", "1")]
    order.algoParams = [library.TagValue("adaptivePriority", "Patient"), library.TagValue("x", "y")]
    order.smartComboRoutingParams = [library.TagValue("NonGuaranteed", "0"), library.TagValue("Priority", "1")]
    for name, value in shape.items():
        setattr(order, name, value)
    return order


def legged(library: Any, contract: Any) -> Any:
    """The contract with two legs if it is a bag."""
    if contract.secType == "BAG":
        contract.comboLegs = [
            library.ComboLeg(43645865, 1, "BUY", "SMART", 1, 2, "desk", 7),
            library.ComboLeg(9408, 2, "SELL", "CBOE"),
        ]
    return contract


LEGS = (WireComboLeg(43645865, 1, "BUY", "SMART", 1, 2, "desk", 7), WireComboLeg(9408, 2, "SELL", "CBOE"))


def as_sent(value: Any) -> str:
    """A library's value as the protocol writes it, worked out apart from the library."""
    if value is None or value in (UNSET_DOUBLE, UNSET_INT):
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, list):
        return "".join(f"{pair.tag}={pair.value};" for pair in value)
    return "Infinite" if value == math.inf else str(value)


def expected_raw(order: Any, names: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        if name == "sharesAllocation":  # a field TWS gave up; always empty
            found[name] = ""
        elif name in NESTED:
            outer, inner = NESTED[name]
            found[name] = as_sent(getattr(getattr(order, outer), inner))
        else:
            found[name] = as_sent(getattr(order, name))
    return found


def placed(client: RealClient, contract: Any, order: Any, order_id: int = 77) -> PlaceOrder:
    said = client.sent(lambda c: c.placeOrder(order_id, contract, order))
    assert isinstance(said, PlaceOrder)
    assert said.surplus == ()
    return said


@pytest.mark.parametrize("shape", SHAPES)
def test_every_field_of_an_order_is_read_back_by_its_name(client: RealClient, shape: str) -> None:
    of_contract, of_order = SHAPES[shape]
    library = client.library
    contract = legged(library, library.Contract(secIdType="ISIN", secId="US03", **of_contract))
    order = distinct_order(library, **of_order)
    said = placed(client, contract, order)
    assert said.order.raw == expected_raw(order, said.order.raw)
    assert (said.order_id, said.sec_id_type, said.sec_id) == (77, "ISIN", "US03")
    assert said.contract == WireContract(
        con_id=contract.conId,
        symbol=contract.symbol,
        sec_type=contract.secType,
        exchange=contract.exchange,
        currency="USD",
        combo_legs=LEGS if contract.secType == "BAG" else (),
    )


def test_a_shape_adds_exactly_its_own_fields(client: RealClient) -> None:
    def count(shape: str) -> int:
        of_contract, of_order = SHAPES[shape]
        library = client.library
        contract = legged(library, library.Contract(**of_contract))
        return len(client.fields(lambda c: c.placeOrder(1, contract, distinct_order(library, **of_order))))

    plain = count("plain")
    assert {shape: count(shape) - plain for shape in EXTRA} == EXTRA
    # 2 legs of 8, 2 leg counts more, no leg prices, 2 parameters
    assert count("bag") - plain == (1 + 2 * 8) + 1 + (1 + 2 * 2)


def test_what_the_exchange_works_with_has_types(newest: RealClient) -> None:
    library = newest.library
    order = library.Order(
        action="BUY",
        totalQuantity=3.0,
        orderType="LMT",
        lmtPrice=-1.25,
        tif="GTC",
        account="DU1",
        orderRef="5f0b5c7e",
        transmit=False,
        outsideRth=True,
        whatIf=True,
        parentId=12,
        algoStrategy="Adaptive",
        algoParams=[library.TagValue("adaptivePriority", "Urgent")],
        smartComboRoutingParams=[library.TagValue("NonGuaranteed", "0")],
        orderComboLegs=[library.OrderComboLeg(price=1.5), library.OrderComboLeg()],
    )
    said = placed(newest, legged(library, library.Contract(**BAG)), order).order
    assert (said.action, said.total_quantity, said.order_type) == ("BUY", Decimal(3), "LMT")
    assert (said.limit_price, said.aux_price) == (Decimal("-1.25"), None)
    assert (said.tif, said.account, said.order_ref, said.parent_id) == ("GTC", "DU1", "5f0b5c7e", 12)
    assert (said.transmit, said.outside_rth, said.what_if) == (False, True, True)
    assert said.leg_prices == (Decimal("1.5"), None)
    assert said.smart_params == (("NonGuaranteed", "0"),)
    assert said.algo_params == (("adaptivePriority", "Urgent"),)


def test_an_order_that_says_nothing_is_read_with_nothing_set(client: RealClient) -> None:
    said = placed(client, client.library.Contract(), client.library.Order())
    assert said.contract == WireContract()
    assert said.order.limit_price is said.order.aux_price is None
    assert (said.order.transmit, said.order.what_if, said.order.conditions) == (True, False, ())
    assert set(said.order.raw).isdisjoint({*DELTA_NEUTRAL_FIELDS, *SCALE_FIELDS, *BENCHMARK_FIELDS, "hedgeParam"})


def test_fields_come_with_their_server_version(client: RealClient) -> None:
    version = client.ib.client.serverVersion()
    raw = placed(client, client.library.Contract(), client.library.Order()).order.raw
    came = {"duration": 158, "postToAts": 160, "autoCancelParent": 162, "advancedErrorOverride": 166}
    came["manualOrderTime"] = 169
    assert {name for name in came if name in raw} == {name for name, since in came.items() if version >= since}
    assert ("faProfile" in raw) == (version < 177)


def test_all_six_kinds_of_condition_are_read(client: RealClient) -> None:
    library = client.library
    order = library.Order(orderType="LMT", conditionsIgnoreRth=True, conditionsCancelOrder=False)
    order.conditions = [
        library.PriceCondition(1, "a", True, 123.5, 265598, "SMART", 4),
        library.TimeCondition(3, "o", False, "20260105 10:00:00 US/Eastern"),
        library.MarginCondition(4, "a", True, 30),
        library.ExecutionCondition(5, "a", "STK", "SMART", "AAPL"),
        library.VolumeCondition(6, "o", True, 1000, 265598, "SMART"),
        library.PercentChangeCondition(7, "a", False, 2.5, 265598, "SMART"),
    ]
    said = placed(client, library.Contract(**STOCK), order).order
    assert said.conditions == (
        ("1", "a", "1", "123.5", "265598", "SMART", "4"),
        ("3", "o", "0", "20260105 10:00:00 US/Eastern"),
        ("4", "a", "1", "30"),
        ("5", "a", "STK", "SMART", "AAPL"),
        ("6", "o", "1", "1000", "265598", "SMART"),
        ("7", "a", "0", "2.5", "265598", "SMART"),
    )
    assert {condition[0]: len(condition) - 1 for condition in said.conditions} == dict(CONDITION_FIELDS)
    assert (said.raw["conditionsIgnoreRth"], said.raw["conditionsCancelOrder"]) == ("1", "0")


def test_the_hedge_of_a_delta_neutral_combo_is_read(client: RealClient) -> None:
    library = client.library
    contract = library.Contract(**BAG, deltaNeutralContract=library.DeltaNeutralContract(265598, -0.5, 101.25))
    said = placed(client, contract, library.Order(orderType="LMT"))
    assert said.contract.delta_neutral == WireDeltaNeutral(265598, Decimal("-0.5"), Decimal("101.25"))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_truth_and_unset_values_land_in_their_own_fields(newest: RealClient, data: st.DataObject) -> None:
    library = newest.library
    order = distinct_order(library)
    for field in dataclasses.fields(order):
        value = getattr(order, field.name)
        if field.name in NOT_SENT | GIVEN:
            continue
        if isinstance(value, bool):
            setattr(order, field.name, data.draw(st.booleans()))
        elif isinstance(value, float):
            setattr(order, field.name, data.draw(st.sampled_from([value, UNSET_DOUBLE, 0.0])))
    said = placed(newest, library.Contract(**STOCK), order)
    assert said.order.raw == expected_raw(order, said.order.raw)
    assert said.order.what_if == order.whatIf
    assert said.order.transmit == order.transmit


def test_an_order_cut_short_or_of_no_sense_is_refused_by_name(newest: RealClient) -> None:
    contract, order = newest.library.Contract(**STOCK), newest.library.Order(totalQuantity=7.5)
    fields = newest.fields(lambda c: c.placeOrder(1, contract, order))
    version = versions()[-1]
    for length in range(1, len(fields)):
        with pytest.raises(ProtocolError, match="is missing"):
            parse(fields[:length], version)
    assert parse((*fields, "new"), version).surplus == ("new",)
    quantity = fields.index("7.5")
    with pytest.raises(ProtocolError, match="'totalQuantity' is no number"):
        parse((*fields[:quantity], "many", *fields[quantity + 1 :]), version)
