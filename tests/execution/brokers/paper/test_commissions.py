"""What fills cost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.paper.commissions import CommissionSchedule
from models.contract import Contract, underlying_contract
from models.enums import Action
from tests.execution.brokers.paper.fake_market import ES, aapl, spxw

STOCK = underlying_contract("AAPL")


@pytest.mark.parametrize(
    ("contract", "action", "quantity", "price", "fee"),
    [
        (spxw(6800, "P"), Action.BUY, 1, "30.00", "1.36"),
        (spxw(6800, "P"), Action.BUY, 10, "0.95", "12.70"),
        (aapl(280, "C"), Action.BUY, 10, "4.00", "7.00"),
        (aapl(280, "C"), Action.SELL, 100, "4.00", "70.33"),
        (STOCK, Action.BUY, 100, "280.00", "1.00"),
        (STOCK, Action.BUY, 1000, "280.00", "5.00"),
        (STOCK, Action.BUY, 10, "1.00", "0.10"),
        (underlying_contract(ES), Action.SELL, 2, "7000.00", "4.50"),
        (aapl(280, "C"), Action.BUY, 0, "4.00", "0"),
    ],
)
def test_each_product_has_its_fee(contract: Contract, action: Action, quantity: int, price: str, fee: str) -> None:
    assert CommissionSchedule().leg_fee(contract, action, Decimal(quantity), Decimal(price)) == Decimal(fee)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.sampled_from([spxw(6800, "P"), aapl(280, "C"), STOCK]))
def test_partial_fills_cost_together_what_one_fill_would(parts: list[int], contract: Contract) -> None:
    schedule, price = CommissionSchedule(), Decimal("4.20")
    done, paid = Decimal(0), Decimal(0)
    for part in parts:
        paid += schedule.fill_fee(contract, Action.SELL, done, Decimal(part), price)
        done += part
    assert paid == schedule.leg_fee(contract, Action.SELL, done, price)
