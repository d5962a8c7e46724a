"""A ticket that makes no sense says so at the field that is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from execution.brokers.port import Capability
from execution.commands import TicketDraft
from execution.orders.validation import validate
from models.clock import ManualClock
from models.contract import underlying_contract
from models.enums import Action, OrderType, Right, TimeInForce
from models.ids import AccountId, OrderId
from models.order import OrderLeg
from tests.execution.orders.builders import NOW, condor, draft, leg, option
from tests.execution.orders.fake_facts import FakeFacts

ALL = frozenset(Capability)
AAPL = underlying_contract("AAPL")
LONG_PUT = (leg(option(7000), Action.BUY),)
SHORT_PUT = (leg(option(7000), Action.SELL),)
CALL_SPREAD = (leg(option(7400, Right.CALL), Action.BUY), leg(option(7500, Right.CALL), Action.SELL))


def facts() -> FakeFacts:
    return FakeFacts(ManualClock(NOW))


def problems(ticket: TicketDraft, capabilities: frozenset[Capability] = ALL) -> list[tuple[str, str]]:
    return [(problem.field, problem.text) for problem in validate(ticket, facts(), capabilities)]


@pytest.mark.parametrize(
    "ticket",
    [
        draft(),
        draft(LONG_PUT, "5.00"),
        draft(SHORT_PUT, "-5.00"),
        draft(CALL_SPREAD, "1.00"),
        draft((leg(option(7000), Action.SELL), leg(option(6900, root="SPX"), Action.BUY)), "-1.00"),
        draft((leg(AAPL, Action.BUY, 500),), "290.00"),
        draft((leg(AAPL, Action.SELL, 100),), None, order_type=OrderType.MARKET_ON_CLOSE),
        draft(LONG_PUT, None, order_type=OrderType.MARKET),
        draft(tif=TimeInForce.GTC),
    ],
)
def test_sound_tickets_pass(ticket: TicketDraft) -> None:
    assert problems(ticket) == []


def odd_quantity(quantity: object) -> tuple[OrderLeg, ...]:
    return (OrderLeg(option(7000), Action.BUY, cast("Any", quantity)),)


CASES = [
    (draft(()), "legs", "no legs"),
    (draft((*condor(), leg(option(6800), Action.BUY, 2))), "legs", "at most 4"),
    (draft((leg(option(7000)), leg(option(7000), Action.BUY))), "leg:1", "legs 1 and 2"),
    (draft((leg(option(7000)), leg(option(300, root="AAPL"), Action.BUY))), "legs", "AAPL and SPX"),
    (draft(odd_quantity(0)), "quantity", "trades nothing"),
    (draft(odd_quantity(-1)), "quantity", "trades nothing"),
    (draft(odd_quantity(1.5)), "quantity", "not whole"),
    (draft(odd_quantity(Decimal(2))), "quantity", "not whole"),
    (draft(odd_quantity(True)), "quantity", "not whole"),
    (draft((leg(option(7000), Action.BUY, 51),), "5.00"), "quantity", "cap of 50"),
    (draft((leg(option(300, root="AAPL7"), Action.BUY),), "5.00"), "leg:0", "adjusted option"),
    (draft(price=None), "limit_price", "empty"),
    (draft(LONG_PUT, "5.00", order_type=OrderType.MARKET), "limit_price", "takes no limit price"),
    (draft(price="0"), "limit_price", "neither a debit nor a credit"),
    (draft(price="NaN"), "limit_price", "not a number"),
    (draft(LONG_PUT, "-5.00"), "limit_price", "cannot be negative"),
    (draft((leg(AAPL, Action.BUY, 100),), "-290.00"), "limit_price", "cannot be negative"),
    (draft(SHORT_PUT, "5.00"), "limit_price", "would pay to sell"),
    (draft(price="1.85"), "limit_price", "is a debit"),
    (draft(CALL_SPREAD, "-1.00"), "limit_price", "is a credit"),
    (draft(CALL_SPREAD, "100.05"), "limit_price", "more than the package can ever be worth"),
    (draft(price="-1.87"), "limit_price", "CR 1.90 or CR 1.85"),
    (draft(LONG_PUT, "0.02"), "limit_price", "The nearest prices are DB 0.05"),
    (draft((leg(option(7000, expiry=date(2026, 5, 1)), Action.BUY),), "5.00"), "leg:0", "expired"),
    (draft(account=AccountId("U999")), "account", "U999 is not connected"),
    (draft(account=AccountId("")), "account", "No account"),
    (draft(order_id=OrderId("ticket-1")), "legs", "no valid order id"),
    (draft((leg(underlying_contract("SPX"), Action.BUY),), "7200.00"), "leg:0", "is an index"),
    (draft((leg(underlying_contract("BTC/USD"), Action.SELL),), "98000.00"), "leg:0", "shown here, not traded"),
    (draft(LONG_PUT, None, order_type=OrderType.MARKET, tif=TimeInForce.GTC), "tif", "day only"),
    (draft(condor(), None, order_type=OrderType.MARKET_ON_CLOSE), "legs", "one leg"),
    (draft(LONG_PUT, None, order_type=OrderType.MARKET_ON_CLOSE), "legs", "stocks and funds"),
    (
        draft((leg(AAPL, Action.BUY),), None, order_type=OrderType.MARKET_ON_CLOSE, tif=TimeInForce.GTC),
        "tif",
        "day only",
    ),
]


@pytest.mark.parametrize(("ticket", "field", "words"), CASES, ids=[words for _, _, words in CASES])
def test_each_mistake_is_named_at_its_field(ticket: TicketDraft, field: str, words: str) -> None:
    found = problems(ticket)
    assert any(at == field and words in text for at, text in found), found


def test_what_a_broker_cannot_do_is_said_before_sending() -> None:
    market = draft(condor(), None, order_type=OrderType.MARKET)
    assert problems(market) == []
    assert problems(market, frozenset())[0] == (
        "legs",
        "This broker takes no market order with several legs. Use a limit price.",
    )
    at_close = draft((leg(AAPL, Action.BUY, 1),), None, order_type=OrderType.MARKET_ON_CLOSE)
    assert "no market-on-close" in problems(at_close, frozenset())[0][1]


def test_shares_are_not_held_to_the_contract_cap() -> None:
    assert problems(draft((leg(AAPL, Action.BUY, 5_000),), "290.00")) == []


def test_a_contract_expires_at_its_settlement_instant() -> None:
    desk = facts()
    ticket = draft(LONG_PUT, "5.00")
    expires_at = LONG_PUT[0].contract.expires_at_utc
    assert expires_at is not None
    desk.clock.set(expires_at - timedelta(seconds=1))
    assert validate(ticket, desk, ALL) == ()
    desk.clock.set(expires_at)
    assert validate(ticket, desk, ALL)[0].field == "leg:0"


def test_every_mistake_is_told_at_once() -> None:
    ticket = replace(draft(price="1.87"), account_id=AccountId("U999"))
    assert {field for field, _ in problems(ticket)} == {"account", "limit_price"}
    assert len(problems(ticket)) == 3
