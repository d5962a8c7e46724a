from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.tastytrade import signs
from models.enums import Action
from models.errors import InvalidInput

AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=4)


@given(AMOUNTS)
def test_money_that_comes_in_is_positive_and_money_that_leaves_negative(amount: Decimal) -> None:
    assert signs.money_in(amount, "Credit") == amount
    assert signs.money_in(amount, "Debit") == -amount
    assert signs.money_out(amount, "Debit") == amount
    assert signs.money_out(amount, "Credit") == -amount


def test_an_amount_without_an_effect_is_unknown_unless_it_is_nothing() -> None:
    assert signs.money_in(Decimal("4.2"), "") is None
    assert signs.money_in(Decimal("4.2"), "Sideways") is None
    assert signs.money_in(None, "Debit") is None  # the SDK falls over this one
    assert signs.money_in(Decimal("0.0"), "None") == 0
    assert str(signs.money_out(Decimal(0), "Credit")) == "0"


@given(st.decimals(min_value=Decimal("0.0001"), max_value=10**6, places=4), st.booleans())
def test_a_net_price_comes_back_as_it_went_out(size: Decimal, is_credit: bool) -> None:
    price = -size if is_credit else size
    amount, effect = signs.wire_price(price)
    assert (effect, "-" in amount, "E" in amount) == ("Credit" if is_credit else "Debit", False, False)
    assert signs.net_price(Decimal(amount), effect) == price


@pytest.mark.parametrize("price", ["0", "0.00", "NaN", "Infinity"])
def test_an_even_or_impossible_price_is_not_sent(price: str) -> None:
    with pytest.raises(InvalidInput, match="net price"):
        signs.wire_price(Decimal(price))


def test_a_price_without_an_effect_takes_its_side_from_the_only_leg() -> None:
    assert signs.net_price(Decimal("4.2"), "", "Buy to Open") == Decimal("4.2")
    assert signs.net_price(Decimal("4.2"), "", "Sell") == Decimal("-4.2")
    assert signs.net_price(Decimal("4.2"), "") is None
    assert signs.net_price(None, "Debit", "Buy to Open") is None


def test_positions_bear_their_sign_in_the_quantity() -> None:
    assert [signs.signed_quantity(Decimal(2), way) for way in ("Long", "Short", "Zero", "Odd")] == [2, -2, 0, None]


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("closes", [True, False])
def test_actions_go_both_ways(action: Action, closes: bool) -> None:
    words = signs.action_words(action, "Equity Option", is_closing=closes)
    assert (signs.action_of(words), signs.is_closing(words)) == (action, closes)
    assert signs.action_words(action, "Future", is_closing=closes) == action.value.capitalize()
    assert signs.action_of(signs.action_words(action, "Future", is_closing=closes)) is action


def test_an_action_nobody_knows_has_no_side() -> None:
    assert [signs.action_of(words) for words in ("Allocate", "", "Buyer")] == [None, None, None]
