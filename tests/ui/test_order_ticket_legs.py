"""Edits of the ticket's legs and its words, as pure functions."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.commands import TicketDraft
from models.contract import option_contract, underlying_contract
from models.enums import Action, OrderType, Right, TimeInForce
from models.errors import InvalidInput
from models.ids import AccountId, OrderId
from models.order import OrderLeg
from tests.ui.ticket_demo_data import EXPIRIES, JUNE_12, static_of
from ui.ticket import legs as edit
from ui.ticket.words import buys, total, verb

STATIC = static_of(JUNE_12)
LADDERS = {(JUNE_12.root, JUNE_12.expiry): STATIC}
LEGS = st.lists(
    st.builds(
        OrderLeg,
        contract=st.sampled_from(STATIC.puts[20:60] + STATIC.calls[20:60]),
        action=st.sampled_from(Action),
        quantity=st.integers(1, 20),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda leg: leg.contract.key,
).map(tuple)


def draft(legs: tuple[OrderLeg, ...], price: str | None = None, kind: OrderType = OrderType.LIMIT) -> TicketDraft:
    limit = None if price is None else Decimal(price)
    return TicketDraft(OrderId("x"), AccountId("A"), legs, kind, limit, TimeInForce.DAY)


@given(legs=LEGS)
def test_staging_every_leg_the_other_way_empties_the_ticket(legs: tuple[OrderLeg, ...]) -> None:
    for leg in edit.flip(legs):
        legs = edit.stage(legs, leg)
    assert legs == ()


@given(legs=LEGS, steps=st.integers(-15, 15))
def test_a_shift_and_its_reverse_give_the_same_legs(legs: tuple[OrderLeg, ...], steps: int) -> None:
    moved = edit.shift(legs, steps, LADDERS)
    assert edit.shift(moved, -steps, LADDERS) == legs
    widths = [(b.contract.strike or 0) - (a.contract.strike or 0) for a, b in pairwise(legs)]
    moved_widths = [(b.contract.strike or 0) - (a.contract.strike or 0) for a, b in pairwise(moved)]
    assert moved_widths == widths


@given(legs=LEGS, count=st.integers(1, 500))
def test_packages_keep_the_ratio(legs: tuple[OrderLeg, ...], count: int) -> None:
    scaled = edit.with_packages(legs, count)
    assert edit.packages(scaled) == count
    have = edit.packages(legs)
    assert [leg.quantity * have for leg in scaled] == [leg.quantity * count for leg in legs]


def test_the_end_of_the_list_is_said() -> None:
    last = (OrderLeg(STATIC.calls[-1], Action.BUY, 1),) if STATIC.calls[-1] else ()
    with pytest.raises(InvalidInput, match="last listed strike"):
        edit.shift(last, 1, LADDERS)


def test_a_leg_is_not_moved_onto_another() -> None:
    legs = tuple(OrderLeg(put, Action.BUY, 1) for put in STATIC.puts[30:32] if put is not None)
    with pytest.raises(InvalidInput, match="already in the ticket"):
        edit.shift_leg(legs, 0, 1, LADDERS)


def test_a_roll_skips_the_other_root_of_the_date() -> None:
    spx = next(item for item in EXPIRIES if item.root == "SPX" and item.expiry.month == 6)
    legs = (OrderLeg(option_contract("SPX", spx.expiry, Right.PUT, Decimal(7000)), Action.SELL, 1),)
    assert edit.next_expiry(legs, 1, EXPIRIES).root == "SPX"
    assert edit.next_expiry(legs, 1, EXPIRIES).expiry.month == 7
    with pytest.raises(InvalidInput, match="no later SPX"):
        edit.next_expiry(legs, 9, EXPIRIES)


def test_a_roll_where_two_legs_would_meet_is_refused() -> None:
    legs = tuple(OrderLeg(put, Action.BUY, 1) for put in STATIC.puts[40:42] if put is not None)
    far = next(item for item in EXPIRIES if item.expiry.month == 6 and item.expiry.day == 30)
    with pytest.raises(InvalidInput, match="too far apart"):
        edit.rolled(legs, static_of(far, step=200))


def test_a_calendar_is_not_rolled_as_one() -> None:
    other = option_contract("SPXW", EXPIRIES[3].expiry, Right.PUT, Decimal(7000))
    legs = (OrderLeg(STATIC.puts[40] or other, Action.BUY, 1), OrderLeg(other, Action.SELL, 1))
    with pytest.raises(InvalidInput, match="share one expiration"):
        edit.next_expiry(legs, 1, EXPIRIES)


@pytest.mark.parametrize(
    ("name", "count", "price", "expected"),
    [
        ("Iron condor", 2, "-1.85", "Sell 2 iron condors for CR 1.85"),
        ("Iron condor", 1, "0.40", "Buy 1 iron condor for DB 0.40"),
        ("Short strangle", 2, "-9.40", "Sell 2 strangles for CR 9.40"),
        ("Iron butterfly", 3, "-4.10", "Sell 3 iron butterflies for CR 4.10"),
        ("Custom", 2, "-4.10", "Sell 2 custom packages for CR 4.10"),
    ],
)
def test_the_verb_says_what_the_button_does(name: str, count: int, price: str, expected: str) -> None:
    pair = [OrderLeg(put, Action.SELL, count) for put in STATIC.puts[30:32] if put is not None]
    legs = (*pair, *(OrderLeg(call, Action.SELL, count) for call in STATIC.calls[50:52] if call is not None))
    assert verb(draft(legs, price), name, None) == expected
    assert buys(draft(legs, price), None) is (Decimal(price) > 0)


def test_single_legs_and_market_orders_are_named() -> None:
    put = STATIC.puts[40]
    assert put is not None
    single = (OrderLeg(put, Action.BUY, 3),)
    assert verb(draft(single, "12.30"), "Long put", None) == "Buy 3 SPXW 12 Jun 26 7000 P for DB 12.30"
    market = draft(single, None, OrderType.MARKET)
    assert verb(market, "Long put", None) == "Buy 3 SPXW 12 Jun 26 7000 P at market"
    shares = draft((OrderLeg(underlying_contract("SPY"), Action.SELL, 100),), "-500")
    assert verb(shares, "Stock", None) == "Sell 100 SPY for CR 500.00"
    assert total(shares) == "$50,000 received"
    assert total(draft(single, "12.30")) == "$3,690 paid"
