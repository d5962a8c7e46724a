"""Fills in the positions until the broker tells them itself."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from execution.core import with_execution
from models.enums import Action
from tests.execution.orders.builders import execution_of, leg, option


def test_a_fill_that_was_taken_back_leaves_no_position_of_nothing() -> None:
    fill = execution_of(leg(option(7000), Action.BUY, 2), "a")
    bust = replace(fill, revision=2, quantity=Decimal(0))
    assert with_execution((), bust) == ()
    held = with_execution((), fill)
    assert [one.quantity for one in held] == [Decimal(2)]
    assert with_execution(held, bust) == held
    assert with_execution(held, replace(fill, action=Action.SELL)) == ()
