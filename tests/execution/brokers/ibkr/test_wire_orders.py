from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.ibkr.facts import IbContract
from execution.brokers.ibkr.wire_orders import (
    LegShape,
    changed_order,
    check_sendable,
    is_own_type,
    leg_shapes,
    net_of,
    order_type_of,
    tif_of,
    wire_contract,
    wire_order,
    wire_price,
)
from models.contract import option_contract, underlying_contract
from models.enums import Action, OrderType, Right, TimeInForce
from models.errors import BrokerFailure, FailureKind
from models.ids import AccountId
from models.order import OrderLeg
from tests.execution.brokers.ibkr.order_kit import OPTIONS, condor, ib_of, opened, order_of, single

SIDES = st.sampled_from(Action)


@given(
    sides=st.lists(SIDES, min_size=1, max_size=4),
    ratios=st.lists(st.integers(1, 3), min_size=4, max_size=4),
    packages=st.integers(1, 50),
    cents=st.integers(-99999, 99999),
)
def test_what_is_sent_reads_back_as_the_same_legs_and_the_same_net_price(
    sides: list[Action], ratios: list[int], packages: int, cents: int
) -> None:
    legs = tuple(
        OrderLeg(contract, side, packages * ratio)
        for contract, side, ratio in zip(OPTIONS, sides, ratios, strict=False)
    )
    net = Decimal(cents) / 100
    if len(legs) == 1:
        net = abs(net) * legs[0].action.sign
    order = order_of(legs, net)
    sent = wire_order(order)
    contract = wire_contract(order, [ib_of(leg.contract) for leg in legs])
    assert leg_shapes(contract, sent.action, sent.quantity) == tuple(
        LegShape(leg.contract.conid, leg.action, leg.quantity) for leg in legs
    )
    assert net_of(sent.action, sent.limit_price) == net
    assert (sent.account, sent.order_ref, sent.tif) == (order.account_id, order.id, "DAY")


def test_a_credit_combination_is_bought_at_a_negative_price_and_a_single_sale_at_a_positive_one() -> None:
    assert (wire_order(condor()).action, wire_order(condor()).limit_price) == ("BUY", Decimal("-1.85"))
    sale = wire_order(single(Action.SELL, 2, "-4.20"))
    assert (sale.action, sale.limit_price, sale.quantity) == ("SELL", Decimal("4.20"), Decimal(2))
    assert wire_price("SELL", None) is None


def test_a_bag_sold_elsewhere_turns_every_leg() -> None:
    contract = wire_contract(condor(), [ib_of(each) for each in OPTIONS])
    turned = leg_shapes(contract, "SELL", Decimal(2))
    assert [(shape.con_id, shape.action, shape.quantity) for shape in turned] == [
        (1001, Action.SELL, 2),
        (1002, Action.BUY, 2),
        (1003, Action.BUY, 2),
        (1004, Action.SELL, 2),
    ]
    assert leg_shapes(contract, "HOLD", Decimal(2)) == ()


@pytest.mark.parametrize("quantity", ["0", "0.5", "1.5", "-1"])
def test_fractions_cash_amounts_and_orders_that_ended_unfilled_have_no_legs(quantity: str) -> None:
    contract = wire_contract(condor(), [ib_of(each) for each in OPTIONS])
    assert leg_shapes(contract, "BUY", Decimal(quantity)) == ()
    assert leg_shapes(ib_of(OPTIONS[0]), "SELL", Decimal(quantity)) == ()
    empty = replace(contract, combo_legs=(replace(contract.combo_legs[0], ratio=0),))
    assert leg_shapes(empty, "BUY", Decimal(1)) == ()


def test_the_exchange_is_always_named_smart_or_where_all_legs_are_listed() -> None:
    bare = [replace(ib_of(each), exchange="") for each in OPTIONS]
    assert wire_contract(condor(), bare).exchange == "SMART"
    assert {leg.exchange for leg in wire_contract(condor(), bare).combo_legs} == {"SMART"}
    assert wire_contract(condor(), [replace(each, exchange="CME") for each in bare]).exchange == "CME"
    assert wire_contract(single(), bare[:1]).exchange == "SMART"


def test_a_buy_write_goes_out_in_shares_and_contracts_of_one_package() -> None:
    stock = underlying_contract("AAPL", conid=5)
    call = option_contract("AAPL", date(2026, 5, 15), Right.CALL, Decimal(220), conid=6)
    order = order_of((OrderLeg(stock, Action.BUY, 200), OrderLeg(call, Action.SELL, 2)), Decimal("213.10"))
    legs = wire_contract(
        order, [IbContract(5, "AAPL", "STK", exchange="SMART"), IbContract(6, "AAPL", "OPT", exchange="SMART")]
    ).combo_legs
    assert [(leg.con_id, leg.ratio, leg.action) for leg in legs] == [(5, 100, "BUY"), (6, 1, "SELL")]
    assert wire_order(order).quantity == 2


@pytest.mark.parametrize(
    "order",
    [
        order_of((), Decimal(1)),
        replace(condor(), account_id=AccountId("")),
        order_of(condor().legs, None, order_type=OrderType.MARKET),
        order_of(condor().legs, None, order_type=OrderType.MARKET_ON_CLOSE),
        order_of(single().legs, None, order_type=OrderType.MARKET_ON_CLOSE, tif=TimeInForce.GTC),
        order_of(single().legs, None),
        order_of(single().legs, Decimal("NaN")),
        single(Action.BUY, 1, "-1"),
        single(Action.SELL, 1, "1"),
    ],
)
def test_what_tws_would_take_as_something_else_is_refused_before_it_leaves(order: object) -> None:
    with pytest.raises(BrokerFailure) as caught:
        check_sendable(order)  # type: ignore[arg-type]  # pytest's parameters bear no types
    assert caught.value.kind is FailureKind.UNSUPPORTED
    assert not caught.value.outcome_unknown


def test_a_change_sends_the_echo_with_its_own_legs_and_another_price() -> None:
    order = single(Action.SELL, 3, "-4.20")
    echo = opened(order)
    contract, changed, price = changed_order(order, replace(echo, tif="GTC"), Decimal("-4.10"))
    assert (contract, changed.limit_price, price) == (echo.contract, Decimal("4.10"), Decimal("4.10"))
    assert (changed.tif, changed.quantity, changed.order_ref) == ("GTC", Decimal(3), order.id)
    bare = replace(echo, contract=replace(echo.contract, exchange=""))
    assert changed_order(order, bare, Decimal("-4.10"))[0].exchange == "SMART"
    with pytest.raises(BrokerFailure):
        changed_order(order, echo, Decimal("4.10"))


def test_types_of_other_hands_are_told_by_whether_they_have_a_limit() -> None:
    assert order_type_of("MOC", None) is OrderType.MARKET_ON_CLOSE
    assert order_type_of("STP", None) is OrderType.MARKET
    assert order_type_of("STP LMT", Decimal(1)) is OrderType.LIMIT
    assert (is_own_type("LMT"), is_own_type("STP")) == (True, False)
    assert (tif_of("GTC"), tif_of("GTD"), tif_of("DAY"), tif_of("OPG")) == (
        TimeInForce.GTC,
        TimeInForce.GTC,
        TimeInForce.DAY,
        TimeInForce.DAY,
    )
