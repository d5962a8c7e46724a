"""Orders as they are sent to Tastytrade, and its words read back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.tastytrade.seam import SOURCE
from execution.brokers.tastytrade.tasty_orders import (
    PRODUCT,
    Instrument,
    changed_draft,
    check_sendable,
    draft_of,
    our_id,
    packages_of,
    tif_of,
)
from models.contract import Contract, underlying_contract
from models.enums import Action, OrderType, TimeInForce
from models.errors import BrokerFailure, FailureKind
from models.order import Order, OrderLeg
from tests.execution.brokers.tastytrade.order_kit import (
    FOREIGN_SOURCE,
    OPTIONS,
    condor,
    frame,
    order_of,
    shares,
    single,
)

D = Decimal
_BOUGHT, _SOLD = ("Buy to Open", "Buy to Close"), ("Sell to Open", "Sell to Close")


def instruments(order: Order) -> list[Instrument]:
    return [Instrument(str(leg.contract.key), "Equity Option") for leg in order.legs]


@given(
    held=st.integers(-20, 20),
    quantity=st.integers(1, 20),
    action=st.sampled_from(Action),
)
def test_no_leg_that_is_sent_can_turn_a_position_around(held: int, quantity: int, action: Action) -> None:
    order = single(action, quantity, "4.20" if action is Action.BUY else "-4.20")
    after = held + action.sign * quantity
    if held * after < 0:
        with pytest.raises(BrokerFailure, match="Split it") as caught:
            draft_of(order, instruments(order), {OPTIONS[0].key: D(held)}, {})
        assert caught.value.kind is FailureKind.UNSUPPORTED
        return
    draft = draft_of(order, instruments(order), {OPTIONS[0].key: D(held)}, {})
    is_closing = held * action.sign < 0
    assert draft.legs[0].action == (_BOUGHT if action is Action.BUY else _SOLD)[is_closing]
    assert draft.is_strict == is_closing


@given(held=st.integers(1, 20), closing=st.integers(0, 25), quantity=st.integers(1, 25))
def test_no_more_is_closed_than_is_held_whatever_works_already(held: int, closing: int, quantity: int) -> None:
    order = single(Action.SELL, quantity, "-4.20")
    place = (str(OPTIONS[0].key), Action.SELL)
    if quantity + closing > held:
        with pytest.raises(BrokerFailure) as caught:
            draft_of(order, instruments(order), {OPTIONS[0].key: D(held)}, {place: D(closing)})
        assert caught.value.kind is FailureKind.UNSUPPORTED
        assert ("Working orders close" in caught.value.what) == (closing > 0)
        return
    draft = draft_of(order, instruments(order), {OPTIONS[0].key: D(held)}, {place: D(closing)})
    assert (draft.legs[0].action, draft.is_strict) == ("Sell to Close", True)


def test_what_is_being_closed_does_not_stand_in_the_way_of_opening_more() -> None:
    order = single(Action.BUY, 3)
    closings = {(str(OPTIONS[0].key), Action.SELL): D(2)}
    draft = draft_of(order, instruments(order), {OPTIONS[0].key: D(2)}, closings)
    assert draft.legs[0].action == "Buy to Open"


def test_futures_are_bought_and_sold_without_more_and_may_turn_around() -> None:
    contract = underlying_contract("/ESM6")
    order = order_of((OrderLeg(contract, Action.SELL, 3),), D("-5000"))
    draft = draft_of(order, [Instrument("/ESM6", "Future")], {contract.key: D(1)}, {})
    assert (draft.legs[0].action, draft.is_strict) == ("Sell", False)


def test_a_roll_closes_one_leg_and_opens_the_other() -> None:
    order = condor()
    held = {OPTIONS[1].key: D(2), OPTIONS[0].key: D(-1)}
    draft = draft_of(order, instruments(order), held, {})
    assert [leg.action for leg in draft.legs] == ["Buy to Close", "Sell to Close", "Sell to Open", "Buy to Open"]
    assert draft.is_strict


def test_a_draft_bears_price_time_and_our_id() -> None:
    order = condor(2, tif=TimeInForce.GTC)
    draft = draft_of(order, instruments(order), {}, {})
    assert (draft.order_type, draft.time_in_force, draft.net_price) == ("Limit", "GTC", D("-1.85"))
    assert draft.external_identifier == order.id
    market = draft_of(replace(single(), order_type=OrderType.MARKET), instruments(single()), {}, {})
    assert (market.order_type, market.net_price) == ("Market", None)


def test_a_changed_draft_keeps_legs_and_actions_as_tastytrade_holds_them() -> None:
    closing = frame(single(quantity=2), "Live")
    leg = replace(closing.legs[0], action="Sell to Close")
    draft = changed_draft(replace(closing, legs=(leg,)), "our-id", D("-4.00"))
    assert ([each.action for each in draft.legs], draft.legs[0].quantity) == (["Sell to Close"], 2)
    assert (draft.net_price, draft.external_identifier, draft.is_strict) == (D("-4.00"), "our-id", True)


def _market(order: Order, **changes: object) -> Order:
    return replace(order, order_type=OrderType.MARKET, **changes)  # type: ignore[arg-type]  # fields by name


_CRYPTO: Contract = underlying_contract("BTC/USD")


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (replace(condor(), legs=()), "without legs"),
        (_market(condor()), "one leg only"),
        (_market(single(), tif=TimeInForce.GTC), "for the day only"),
        (replace(single(), order_type=OrderType.MARKET_ON_CLOSE), "MOC"),
        (replace(single(), limit_price=D("NaN")), "needs a price"),
        (shares(Action.SELL, 100, "200"), "sold for a debit"),
        (shares(Action.BUY, 0, "200"), "at least 1"),
        (order_of((OrderLeg(_CRYPTO, Action.BUY, 1),), D(5)), "cryptocurrencies"),
        (order_of((OrderLeg(underlying_contract("SPX"), Action.BUY, 1),), D(5)), "index itself"),
        (replace(condor(), legs=(*condor().legs, single().legs[0])), "at most 4"),
    ],
)
def test_what_tastytrade_would_not_take_is_refused_with_words(order: Order, words: str) -> None:
    with pytest.raises(BrokerFailure, match=words) as caught:
        check_sendable(order)
    assert caught.value.kind is FailureKind.UNSUPPORTED


def test_what_can_be_sent_passes() -> None:
    for order in (condor(), single(), _market(single()), shares(Action.SELL, 100, "-200")):
        check_sendable(order)


def test_our_orders_name_this_product_and_bear_a_uuid() -> None:
    order = condor()
    assert SOURCE.startswith(PRODUCT)
    assert our_id(frame(order)) == order.id
    assert our_id(frame(order, source="")) == order.id
    assert our_id(frame(order, source=FOREIGN_SOURCE)) is None
    assert our_id(frame(order, identifier="abc")) is None


def test_packages_and_times_are_read_back() -> None:
    assert packages_of(frame(condor(3)).legs) == 3
    odd = frame(condor(3))
    assert packages_of((replace(odd.legs[0], quantity=D("0.5")),)) == 0
    assert [tif_of(replace(odd, time_in_force=word)) for word in ("Day", "GTC", "GTD", "Ext", "IOC", "GTC Ext")] == [
        TimeInForce.DAY,
        TimeInForce.GTC,
        TimeInForce.GTC,
        TimeInForce.DAY,
        TimeInForce.DAY,
        TimeInForce.GTC,
    ]
