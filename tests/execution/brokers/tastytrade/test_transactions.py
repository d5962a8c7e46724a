"""Options that ended, what they delivered, and trades without an order, out of transactions."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from execution.brokers.tastytrade.facts import TastyTransaction
from execution.brokers.tastytrade.transactions import Booking, Bookings, bookings, held_before, unbooked_words
from models.contract import Contract, contract_of_occ, option_contract, underlying_contract
from models.enums import Action, Right
from models.trade import ExecutionKind
from tests.execution.brokers.tastytrade.order_kit import START, transaction

D = Decimal
INDEX = option_contract("SPXW", date(2026, 5, 4), Right.CALL, D(7540))
SINGLE = option_contract("AAPL", date(2026, 5, 8), Right.PUT, D(200))
STOCK = underlying_contract("AAPL")
_DELIVER = "Receive Deliver"


def book(*rows: TastyTransaction, held: int = 0) -> Bookings:
    contracts: dict[str, Contract] = {str(each.key): each for each in (INDEX, SINGLE, STOCK)}
    return bookings(rows, contracts, lambda _: D(held))


def one(*rows: TastyTransaction, held: int = 0) -> Booking:
    result = book(*rows, held=held)
    assert (result.sideless, result.odd) == ((), ())
    assert len(result.booked) == 1
    return result.booked[0]


def index_row(transaction_id: str, sub_type: str, **fields: str) -> TastyTransaction:
    return transaction(transaction_id, _DELIVER, sub_type, str(INDEX.key), **fields)  # type: ignore[arg-type]


def test_an_index_option_settled_in_cash_is_one_execution_at_its_value_with_its_fee() -> None:
    money = index_row("1", "Cash Settled Assignment", price="7540.0", cash="-369.0", fees="5.0")
    removal = index_row("2", "Cash Settled Assignment", cash="0.0")
    booking = one(money, removal)
    assert (booking.kind, booking.action) == (ExecutionKind.CASH_SETTLEMENT, Action.BUY)
    assert (booking.price, booking.fee) == (D("3.64"), D("5.0"))
    assert booking.execution_id == "transaction/1"


def test_the_empty_removal_alone_waits_for_its_cash_so_that_nothing_is_booked_twice() -> None:
    for sub_type in ("Cash Settled Assignment", "Assignment", "Exercise"):
        assert book(index_row("2", sub_type, cash="0.0")).booked == ()
    money = index_row("1", "Cash Settled Exercise", price="7540.0", cash="364.0")
    for removal in ("Cash Settled Exercise", "Exercise", "Expiration"):
        booking = one(money, index_row("2", removal))
        assert (booking.action, booking.price) == (Action.SELL, D("3.64"))


def test_an_assignment_removes_the_short_option_and_delivers_shares_at_the_strike() -> None:
    removal = transaction("1", _DELIVER, "Assignment", str(SINGLE.key), underlying="AAPL", quantity="2")
    delivered = transaction(
        "2", _DELIVER, "Buy to Open", "AAPL", instrument_type="Equity", underlying="AAPL", quantity="200", price="200"
    )
    option, stock = book(removal, delivered).booked
    assert (option.kind, option.action, option.price) == (ExecutionKind.ASSIGNMENT, Action.BUY, D(0))
    assert (stock.kind, stock.action, stock.quantity, stock.price) == (
        ExecutionKind.ASSIGNMENT,
        Action.BUY,
        D(200),
        D(200),
    )


def test_an_exercise_and_an_assignment_of_one_day_each_name_their_own_shares() -> None:
    other = contract_of_occ("AAPL  260508C00190000")
    contracts = {str(each.key): each for each in (SINGLE, STOCK, other)}
    rows = [
        transaction("1", _DELIVER, "Assignment", str(SINGLE.key), underlying="AAPL"),
        transaction("2", _DELIVER, "Exercise", str(other.key), underlying="AAPL"),
        transaction("3", _DELIVER, "Buy to Open", "AAPL", underlying="AAPL", quantity="100", price="190"),
        transaction("4", _DELIVER, "Buy to Open", "AAPL", underlying="AAPL", quantity="100", price="200"),
    ]
    kinds = {each.execution_id: each.kind for each in bookings(rows, contracts, lambda _: D(0)).booked}
    assert kinds["transaction/3"] is ExecutionKind.EXERCISE  # type: ignore[index]
    assert kinds["transaction/4"] is ExecutionKind.ASSIGNMENT  # type: ignore[index]


def test_an_expiration_takes_its_side_from_its_action_else_from_what_was_held() -> None:
    assert one(index_row("1", "Expiration"), held=-2).action is Action.BUY
    assert one(index_row("1", "Expiration"), held=2).action is Action.SELL
    told = one(index_row("1", "Expiration", action="Sell to Close"), held=-2)
    assert (told.action, told.kind, told.price) == (Action.SELL, ExecutionKind.EXPIRED_WORTHLESS, D(0))
    unknown = book(index_row("1", "Expiration"))
    assert (unknown.booked, [row.transaction_id for row in unknown.sideless]) == ((), ["1"])


def test_what_was_held_before_is_the_sum_of_the_trades_before() -> None:
    trade = transaction("1", "Trade", "Sell to Open", str(INDEX.key), action="Sell to Open", quantity="2", price="3")
    close = replace(trade, transaction_id="2", sub_type="Buy to Close", action="Buy to Close", quantity=D(1))
    later = replace(trade, transaction_id="3", executed_at_utc=START + timedelta(days=2))
    expired = index_row("9", "Expiration")
    expired = replace(expired, executed_at_utc=START + timedelta(hours=5))
    assert held_before([trade, close, later, expired], expired) == D(-1)


def test_a_trade_without_an_order_is_a_trade_and_one_with_an_order_is_left_to_it() -> None:
    row = transaction(
        "5", "Trade", "Buy", "AAPL", instrument_type="Equity", underlying="AAPL", action="Buy to Open", price="201.5"
    )
    booking = one(row)
    assert (booking.kind, booking.action, booking.price) == (ExecutionKind.TRADE, Action.BUY, D("201.5"))
    assert book(replace(row, order_id="12")).booked == ()


def test_money_that_moved_is_not_booked_and_a_split_is_told() -> None:
    split = transaction("6", _DELIVER, "Forward Split", "AAPL", underlying="AAPL")
    dividend = transaction("7", "Money Movement", "Dividend", "AAPL", cash="12.50")
    assert book(split, dividend) == Bookings((), (), ())
    words = unbooked_words(split)
    assert words is not None
    assert "Forward Split of AAPL" in words
    assert unbooked_words(dividend) is None


def test_a_row_without_quantity_or_time_is_odd_and_the_others_stand() -> None:
    good = index_row("1", "Expiration", action="Sell to Close")
    result = book(
        good, replace(good, transaction_id="2", quantity=None), replace(good, transaction_id="3", executed_at_utc=None)
    )
    assert [each.execution_id for each in result.booked] == ["transaction/1"]
    assert len(result.odd) == 2
