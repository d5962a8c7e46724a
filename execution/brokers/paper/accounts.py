"""The books of the paper broker: cash, holdings and average prices, moved by executions and by nothing else.

`ledger_cash` is exact: deposits plus the cash effect of every execution (futures at full notional) less fees. What a
futures holding has taken out of the ledger as notional is put back when cash is reported, so its unrealised result is
in net liquidation and not in cash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from models.contract import Contract
from models.enums import InstrumentKind
from models.ids import AccountId, ContractKey
from models.trade import Execution

#: Average prices are kept to this; cash never depends on them.
_AVERAGE_STEP: Final = Decimal("0.00000001")
CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class LedgerAccount:
    """Money of one account, dollars. `day_base_net_liq` is net liquidation at the last session close."""

    account_id: AccountId
    title: str
    deposits: Decimal
    ledger_cash: Decimal
    day_base_net_liq: Decimal | None = None
    day_base_at_utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account holds of one contract; quantity signed, average price per share."""

    account_id: AccountId
    contract: Contract
    quantity: Decimal
    average_price: Decimal

    @property
    def notional_at_cost(self) -> Decimal:
        """Dollars at the average price, signed as the quantity."""
        return self.quantity * self.average_price * self.contract.multiplier


HoldingKey = tuple[AccountId, ContractKey]


@dataclass(frozen=True, slots=True)
class BookChange:
    """New values of what changed; a holding of quantity 0 is gone."""

    accounts: tuple[LedgerAccount, ...] = ()
    holdings: tuple[Holding, ...] = ()


NO_BOOK_CHANGE: Final = BookChange()


@dataclass(frozen=True, slots=True)
class Booking:
    """An execution to book. `replaces` is the revision it corrects; its fee is charged once, with the first."""

    execution: Execution
    fee: Decimal
    replaces: Execution | None = None


class Book:
    """All accounts and holdings in memory. `after` computes, `adopt` takes over: the store commits in between."""

    def __init__(self, accounts: Iterable[LedgerAccount] = (), holdings: Iterable[Holding] = ()) -> None:
        self._accounts = {account.account_id: account for account in accounts}
        self._holdings: dict[HoldingKey, Holding] = {(h.account_id, h.contract.key): h for h in holdings}

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        """Every account, in the order they were opened."""
        return tuple(self._accounts)

    @property
    def accounts(self) -> tuple[LedgerAccount, ...]:
        """Every account's money."""
        return tuple(self._accounts.values())

    def account(self, account_id: AccountId) -> LedgerAccount | None:
        """Returns an account's money, None for an unknown account."""
        return self._accounts.get(account_id)

    def holdings(self, account_id: AccountId | None = None) -> tuple[Holding, ...]:
        """Returns the holdings of one account, or of all."""
        return tuple(h for h in self._holdings.values() if account_id in (None, h.account_id))

    def after(self, bookings: Iterable[Booking]) -> BookChange:
        """Returns accounts and holdings as they are once `bookings` are booked; changes nothing."""
        accounts: dict[AccountId, LedgerAccount] = {}
        holdings: dict[HoldingKey, Holding] = {}
        for booking in bookings:
            execution = booking.execution
            account = accounts.get(execution.account_id) or self._accounts[execution.account_id]
            key = (execution.account_id, execution.contract.key)
            held = holdings.get(key) or self._holdings.get(key)
            cash = account.ledger_cash + execution.cash_effect
            if booking.replaces is None:
                cash -= booking.fee
                holdings[key] = holding_after(held, execution)
            else:
                cash -= booking.replaces.cash_effect
                holdings[key] = _corrected(held, booking.replaces, execution)
            accounts[account.account_id] = replace(account, ledger_cash=cash)
        return BookChange(tuple(accounts.values()), tuple(holdings.values()))

    def adopt(self, change: BookChange) -> None:
        """Takes over values that are committed."""
        for account in change.accounts:
            self._accounts[account.account_id] = account
        for holding in change.holdings:
            key = (holding.account_id, holding.contract.key)
            if holding.quantity == 0:
                self._holdings.pop(key, None)
            else:
                self._holdings[key] = holding

    def cash(self, account_id: AccountId) -> Decimal:
        """Returns the cash balance, futures notional put back, in whole cents."""
        notional = sum(
            (h.notional_at_cost for h in self.holdings(account_id) if h.contract.kind is InstrumentKind.FUTURE),
            start=Decimal(0),
        )
        return (self._accounts[account_id].ledger_cash + notional).quantize(CENT)

    def net_liquidation(self, account_id: AccountId, marks: Mapping[ContractKey, Decimal]) -> Decimal:
        """Returns cash plus all holdings at `marks`; a holding without a mark counts at its average price."""
        value = sum(
            (
                h.quantity * h.contract.multiplier * marks.get(h.contract.key, h.average_price)
                for h in self.holdings(account_id)
            ),
            start=Decimal(0),
        )
        return (self._accounts[account_id].ledger_cash + value).quantize(CENT)


def holding_after(held: Holding | None, execution: Execution) -> Holding:
    """Returns a holding after an execution: averaged when it grows, average kept when it shrinks, new when it flips."""
    change = execution.signed_quantity
    if held is None or held.quantity == 0:
        return Holding(execution.account_id, execution.contract, change, execution.price)
    quantity = held.quantity + change
    if (held.quantity > 0) == (change > 0):
        cost = held.quantity * held.average_price + change * execution.price
        average = (cost / quantity).quantize(_AVERAGE_STEP, ROUND_HALF_EVEN)
    elif quantity != 0 and (quantity > 0) != (held.quantity > 0):
        average = execution.price
    else:
        average = held.average_price
    return replace(held, quantity=quantity, average_price=average)


def _corrected(held: Holding | None, before: Execution, after: Execution) -> Holding:
    """Returns a holding after a price correction: the average moves by what is still held of that fill."""
    if held is None or held.quantity == 0:
        return Holding(after.account_id, after.contract, Decimal(0), after.price)
    if (held.quantity > 0) != (after.signed_quantity > 0):
        return held
    share = min(abs(held.quantity), after.quantity) / abs(held.quantity)
    average = held.average_price + (after.price - before.price) * share
    return replace(held, average_price=average.quantize(_AVERAGE_STEP, ROUND_HALF_EVEN))
