"""Cash, holdings and averages move by executions and conserve to the cent."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from execution.brokers.paper.accounts import Book, Booking, LedgerAccount
from models.contract import Contract, underlying_contract
from models.enums import Action, BrokerName
from models.ids import AccountId, ContractKey, ExecutionId
from models.trade import Execution
from tests.execution.brokers.paper.fake_market import ES, aapl, spxw

ACCOUNT = AccountId("PAPER-1")
NOW = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)
CONTRACTS = (spxw(6800, "P"), spxw(7200, "C"), aapl(280, "C"), underlying_contract("AAPL"), underlying_contract(ES))


def execution(
    contract: Contract, action: Action, quantity: int, price: str, *, number: int = 1, revision: int = 1
) -> Execution:
    return Execution(
        broker=BrokerName.PAPER,
        account_id=ACCOUNT,
        execution_id=ExecutionId(f"E{number}"),
        broker_order_id=None,
        order_id=None,
        contract=contract,
        action=action,
        quantity=Decimal(quantity),
        price=Decimal(price),
        executed_at_utc=NOW,
        revision=revision,
    )


def new_book() -> Book:
    return Book([LedgerAccount(ACCOUNT, "Test", Decimal(100_000), Decimal(100_000))])


def book_one(book: Book, what: Execution, fee: str = "0") -> None:
    book.adopt(book.after([Booking(what, Decimal(fee))]))


def test_selling_premium_brings_cash_and_a_short_holding() -> None:
    book = new_book()
    book_one(book, execution(CONTRACTS[0], Action.SELL, 2, "30.10"), "2.63")
    assert book.cash(ACCOUNT) == Decimal("106017.37")
    assert book.holdings()[0].quantity == -2
    assert book.net_liquidation(ACCOUNT, {CONTRACTS[0].key: Decimal("30.10")}) == Decimal("99997.37")


def test_averages_grow_with_adds_stay_with_reductions_and_restart_with_flips() -> None:
    book, contract = new_book(), CONTRACTS[0]
    book_one(book, execution(contract, Action.BUY, 1, "10"))
    book_one(book, execution(contract, Action.BUY, 3, "20"))
    assert book.holdings()[0].average_price == Decimal("17.5")
    book_one(book, execution(contract, Action.SELL, 2, "99"))
    assert book.holdings()[0].average_price == Decimal("17.5")
    book_one(book, execution(contract, Action.SELL, 5, "30"))
    assert (book.holdings()[0].quantity, book.holdings()[0].average_price) == (Decimal(-3), Decimal(30))


def test_a_future_takes_no_cash_but_its_result_counts() -> None:
    book, future = new_book(), CONTRACTS[4]
    book_one(book, execution(future, Action.SELL, 1, "7000"), "2.25")
    assert book.cash(ACCOUNT) == Decimal("99997.75")
    assert book.net_liquidation(ACCOUNT, {future.key: Decimal(6990)}) == Decimal("100497.75")
    book_one(book, execution(future, Action.BUY, 1, "6990"))
    assert book.cash(ACCOUNT) == Decimal("100497.75")
    assert book.holdings() == ()


def test_a_correction_moves_cash_by_the_difference_and_charges_no_second_fee() -> None:
    book, contract = new_book(), CONTRACTS[0]
    first = execution(contract, Action.SELL, 2, "30.00")
    book_one(book, first, "2.50")
    revised = execution(contract, Action.SELL, 2, "30.05", revision=2)
    book.adopt(book.after([Booking(revised, Decimal("2.50"), replaces=first)]))
    assert book.cash(ACCOUNT) == Decimal("106007.50")
    assert (book.holdings()[0].quantity, book.holdings()[0].average_price) == (Decimal(-2), Decimal("30.05"))


def test_computing_a_change_changes_nothing() -> None:
    book = new_book()
    book.after([Booking(execution(CONTRACTS[0], Action.BUY, 1, "10"), Decimal(1))])
    assert book.cash(ACCOUNT) == Decimal(100_000)
    assert book.holdings() == ()


_TRADES = st.lists(
    st.tuples(
        st.sampled_from(range(len(CONTRACTS))),
        st.sampled_from(Action),
        st.integers(1, 9),
        st.integers(0, 900_000),
        st.integers(0, 500),
    ),
    max_size=30,
)


@given(_TRADES, st.lists(st.integers(0, 900_000), min_size=len(CONTRACTS), max_size=len(CONTRACTS)))
def test_cash_and_holdings_conserve_to_the_cent(
    trades: list[tuple[int, Action, int, int, int]], marks: list[int]
) -> None:
    book = new_book()
    held: dict[ContractKey, Decimal] = {}
    gain = Decimal(0)
    prices = {contract.key: Decimal(mark) / 100 for contract, mark in zip(CONTRACTS, marks, strict=True)}
    for number, (index, action, quantity, cents, fee) in enumerate(trades):
        contract = CONTRACTS[index]
        done = execution(contract, action, quantity, str(Decimal(cents) / 100), number=number)
        book_one(book, done, str(Decimal(fee) / 100))
        held[contract.key] = held.get(contract.key, Decimal(0)) + done.signed_quantity
        gain += done.signed_quantity * (prices[contract.key] - done.price) * contract.multiplier - Decimal(fee) / 100
    assert {h.contract.key: h.quantity for h in book.holdings()} == {k: q for k, q in held.items() if q != 0}
    assert book.net_liquidation(ACCOUNT, prices) == Decimal(100_000) + gain
