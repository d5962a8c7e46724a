"""Net prices and the side that must pay."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.orders.package import net_mid, net_natural, net_price, ratios, required_sign, value_bounds
from models.contract import underlying_contract
from models.enums import Action, Right
from models.order import OrderLeg
from tests.execution.orders.builders import MIDS, condor, leg, option, quote

BUY, SELL, CALL = Action.BUY, Action.SELL, Right.CALL
ZERO = Decimal(0)
LATER = date(2026, 7, 17)

DEBIT = {
    "long put": (leg(option(7000), BUY),),
    "bull call spread": (leg(option(7400, CALL), BUY), leg(option(7500, CALL), SELL)),
    "bear put spread": (leg(option(7000), BUY), leg(option(6900), SELL)),
    "long straddle": (leg(option(7200), BUY), leg(option(7200, CALL), BUY)),
    "long butterfly": (leg(option(7000), BUY, 1), leg(option(7100), SELL, 2), leg(option(7200), BUY, 1)),
    "bought condor": tuple(OrderLeg(each.contract, each.action.opposite, each.quantity) for each in condor()),
    "long stock": (leg(underlying_contract("AAPL"), BUY, 100),),
}
CREDIT = {
    "short put": (leg(option(7000), SELL),),
    "bull put spread": (leg(option(7000), SELL), leg(option(6900), BUY)),
    "iron condor": condor(),
    "short strangle": (leg(option(6900), SELL), leg(option(7500, CALL), SELL)),
    "short stock": (leg(underlying_contract("AAPL"), SELL, 100),),
}
EITHER = {
    "risk reversal": (leg(option(6900), SELL), leg(option(7500, CALL), BUY)),
    "call ratio": (leg(option(7400, CALL), BUY, 1), leg(option(7500, CALL), SELL, 2)),
    "calendar": (leg(option(7000), SELL), leg(option(7000, expiry=LATER), BUY)),
    "am against pm": (leg(option(7000), SELL), leg(option(6900, root="SPX"), BUY)),
    "buy-write": (leg(underlying_contract("AAPL"), BUY, 100), leg(option(300, CALL, root="AAPL"), SELL)),
}


@pytest.mark.parametrize("name", DEBIT)
def test_what_can_only_gain_costs_a_debit(name: str) -> None:
    assert required_sign(DEBIT[name]) == 1


@pytest.mark.parametrize("name", CREDIT)
def test_what_can_only_cost_brings_a_credit(name: str) -> None:
    assert required_sign(CREDIT[name]) == -1


@pytest.mark.parametrize("name", EITHER)
def test_where_both_may_be_neither_is_required(name: str) -> None:
    assert required_sign(EITHER[name]) == 0


def test_the_net_mid_of_a_condor_is_the_credit_of_its_legs() -> None:
    quotes = {each.contract.key: quote(each.contract, MIDS[int(each.contract.strike or 0)]) for each in condor()}
    assert net_mid(condor(), quotes) == Decimal("-2.00")
    assert net_natural(condor(), quotes) == Decimal("-1.60")
    del quotes[option(7000).key]
    assert net_mid(condor(), quotes) is None
    assert net_natural(condor(), quotes) is None


def test_a_buy_write_is_priced_per_share() -> None:
    legs = (leg(underlying_contract("AAPL"), BUY, 300), leg(option(300, CALL, root="AAPL"), SELL, 3))
    assert ratios(legs) == (100, 1)
    assert net_price(legs, [Decimal(290), Decimal(5)]) == Decimal(285)


def test_a_vertical_is_worth_at_most_its_width() -> None:
    assert value_bounds(DEBIT["bull call spread"]) == (ZERO, Decimal(100))
    assert value_bounds(DEBIT["long butterfly"]) == (ZERO, Decimal(100))
    assert value_bounds(CREDIT["short strangle"]) == (None, ZERO)


_legs = st.lists(
    st.tuples(
        st.sampled_from([7000, 7100, 7200, 7300]), st.sampled_from(Right), st.sampled_from(Action), st.integers(1, 3)
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda facts: facts[:2],
)


@given(_legs)
def test_turning_every_leg_around_turns_the_side_that_pays(facts: list[tuple[int, Right, Action, int]]) -> None:
    legs = tuple(leg(option(strike, right), action, quantity) for strike, right, action, quantity in facts)
    turned = tuple(OrderLeg(each.contract, each.action.opposite, each.quantity) for each in legs)
    assert required_sign(legs) == -required_sign(turned)
    prices = [Decimal(5)] * len(legs)
    assert net_price(legs, prices) == -net_price(turned, prices)
