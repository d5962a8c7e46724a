"""Transactions out of the exchange's executions: one per leg and fill, so that together they are the cash balance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from execution.brokers.paper.accounts import Book, Booking, Holding, LedgerAccount
from execution.brokers.paper.commissions import CommissionSchedule
from execution.brokers.paper.rows import StoredExecution
from models.clock import new_york_time
from models.contract import Contract, plain
from models.enums import Action, InstrumentKind
from models.ids import AccountId, ContractKey
from models.trade import Execution, ExecutionKind
from tests.simulators.tastytrade.fill_ids import exchange_id, fill_id
from tests.simulators.tastytrade.listing import instrument_type, symbol_of
from tests.simulators.tastytrade.replies import JsonObject, iso, number, signed
from tests.simulators.tastytrade.state import TastyState

_ZERO: Final = Decimal(0)
_CENT: Final = Decimal("0.01")
_FIRST_ID: Final = 280_000_000
_CLEARING: Final = Decimal("0.02")
_FUTURE_CLEARING: Final = Decimal("0.30")
_BEGIN: Final = timedelta(days=1)
_ON_FUTURES: Final = frozenset({InstrumentKind.FUTURE, InstrumentKind.FUTURE_OPTION})
_SHARES: Final = frozenset({InstrumentKind.STOCK, InstrumentKind.ETF})


@dataclass(frozen=True, slots=True)
class Fees:
    """One leg's fees, positive = paid; their sum is what the exchange charged."""

    commission: Decimal
    clearing: Decimal
    regulatory: Decimal
    index: Decimal

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.commission + self.clearing + self.regulatory + self.index


def split_fee(
    schedule: CommissionSchedule, contract: Contract, quantity: Decimal, price: Decimal, total: Decimal
) -> Fees:
    """Returns what the fee of one leg consists of."""
    rest, index = total, _ZERO
    surcharge = schedule.index_fees.get(contract.root) if contract.kind is InstrumentKind.OPTION else None
    if surcharge is not None:
        index = min(surcharge.at(price) * quantity, rest)
        rest -= index
    clearing = _FUTURE_CLEARING if contract.kind in _ON_FUTURES else _CLEARING
    cleared = min((clearing * quantity).quantize(_CENT), rest) if contract.kind not in _SHARES else _ZERO
    rest -= cleared
    commission = rest
    if contract.kind is InstrumentKind.OPTION:
        commission = min((schedule.option_commission * quantity).quantize(_CENT), rest)
    return Fees(commission, cleared, rest - commission, index)


@dataclass(frozen=True, slots=True)
class _Booked:
    """An execution with what was held before it, and the cash it moved before fees."""

    stored: StoredExecution
    before: Decimal
    cash: Decimal


@dataclass(slots=True)
class Ledger:
    """Reads the exchange's store. `order_id_of` gives the broker's order id of a fill, and how many legs it has."""

    tasty: TastyState
    order_id_of: Callable[[Execution], tuple[int, int] | None]
    _times: dict[tuple[AccountId, ContractKey], tuple[datetime, datetime]] = field(default_factory=dict)

    def executions(self) -> tuple[StoredExecution, ...]:
        """Returns every execution, in an order that never changes."""
        found = self.tasty.core.store.executions()
        return tuple(sorted(found, key=lambda one: (one.execution.executed_at_utc, one.execution.execution_id)))

    def note(self, execution: Execution) -> None:
        """Remembers when a position was opened and changed."""
        key = (execution.account_id, execution.contract.key)
        first, _ = self._times.get(key, (execution.executed_at_utc, None))
        self._times[key] = (first, execution.executed_at_utc)

    def times(self, account_id: AccountId, key: ContractKey) -> tuple[datetime | None, datetime | None]:
        """Returns when a position was opened, and when it last changed."""
        return self._times.get((account_id, key), (None, None))

    # --- rows ---

    def transactions(self, account_id: AccountId) -> list[JsonObject]:
        """Returns every transaction of an account, oldest first; their net values make up its cash."""
        booked = list(self._booked(account_id))
        first_utc = booked[0].stored.execution.executed_at_utc if booked else self.tasty.now()
        rows = [self._deposit(account_id, first_utc - _BEGIN)]
        for one in booked:
            rows += self._rows(one, _FIRST_ID + len(rows))
        return rows

    def _booked(self, account_id: AccountId) -> Iterator[_Booked]:
        book = Book([LedgerAccount(account_id, "", _ZERO, _ZERO)])
        for stored in self.executions():
            execution = stored.execution
            if execution.account_id != account_id:
                continue
            held = _held(book, account_id, execution.contract.key)
            before_cash = book.cash(account_id)
            book.adopt(book.after([Booking(execution, _ZERO)]))
            cash = (book.cash(account_id) - before_cash).quantize(_CENT)
            yield _Booked(stored, _ZERO if held is None else held.quantity, cash)

    def _deposit(self, account_id: AccountId, at_utc: datetime) -> JsonObject:
        held = self.tasty.core.book.account(account_id)
        amount = _ZERO if held is None else held.deposits
        row = _row(_FIRST_ID, account_id, at_utc, "Money Movement", "Deposit", "ACH DEPOSIT")
        return row | signed("value", amount) | signed("net-value", amount) | {"is-estimated-fee": False}

    def _rows(self, booked: _Booked, number_: int) -> list[JsonObject]:
        execution = booked.stored.execution
        if execution.kind is ExecutionKind.TRADE:
            return [self._trade(booked, number_)]
        if execution.kind is ExecutionKind.CASH_SETTLEMENT:
            return self._cash_settled(booked, number_)
        if execution.contract.is_option:
            return [self._removal(booked, number_)]
        return [self._delivered(booked, number_)]

    def _trade(self, booked: _Booked, number_: int) -> JsonObject:
        execution, stored = booked.stored.execution, booked.stored
        action = action_words(execution, booked.before)
        schedule, contract = self.tasty.core.settings.commissions, execution.contract
        fees = split_fee(schedule, contract, execution.quantity, execution.price, stored.fee)
        estimated = _day(execution) >= self.tasty.today()
        if estimated:
            fees = replace(fees, regulatory=fees.regulatory + self.tasty.habits.fee_estimate_off)
        row = _row(number_, execution.account_id, execution.executed_at_utc, "Trade", action, _description(execution))
        row |= self._instrument(execution) | {"action": action, "price": plain(execution.price)}
        row |= signed("value", booked.cash) | _fees(fees) | signed("net-value", booked.cash - fees.total)
        known = self.order_id_of(execution)
        if known is not None:
            row |= {"order-id": known[0], "leg-count": known[1]}
        return row | _ids(execution) | {"is-estimated-fee": estimated}

    def _cash_settled(self, booked: _Booked, number_: int) -> list[JsonObject]:
        """The money, priced at the strike, and the removal of the position beside it."""
        execution = booked.stored.execution
        if not execution.contract.is_option:
            return [self._settled_future(booked, number_)]
        kind = "Cash Settled Assignment" if booked.before < 0 else "Cash Settled Exercise"
        row = self._receive(execution, number_, kind) | {"price": plain(execution.contract.strike or _ZERO)}
        row |= signed("value", booked.cash) | signed("net-value", booked.cash)
        return [row, self._removal(booked, number_ + 1, kind)]

    def _settled_future(self, booked: _Booked, number_: int) -> JsonObject:
        row = self._receive(booked.stored.execution, number_, "Futures Settlement")
        return row | signed("value", booked.cash) | signed("net-value", booked.cash)

    def _removal(self, booked: _Booked, number_: int, kind: str = "") -> JsonObject:
        """A position that is gone: no action, no price, no value."""
        execution = booked.stored.execution
        names = {ExecutionKind.ASSIGNMENT: "Assignment", ExecutionKind.EXERCISE: "Exercise"}
        row = self._receive(execution, number_, kind or names.get(execution.kind, "Expiration"))
        return row | signed("value", _ZERO) | signed("net-value", _ZERO)

    def _delivered(self, booked: _Booked, number_: int) -> JsonObject:
        """Shares, or a future, that an exercise or an assignment brought or took."""
        execution = booked.stored.execution
        action = action_words(execution, booked.before)
        row = self._receive(execution, number_, action) | {"action": action, "price": plain(execution.price)}
        return row | signed("value", booked.cash) | signed("net-value", booked.cash)

    def _receive(self, execution: Execution, number_: int, kind: str) -> JsonObject:
        label = f"{kind} of {plain(execution.quantity)} {symbol_of(execution.contract)}"
        row = _row(number_, execution.account_id, execution.executed_at_utc, "Receive Deliver", kind, label)
        return row | self._instrument(execution) | {"is-estimated-fee": False}

    @staticmethod
    def _instrument(execution: Execution) -> JsonObject:
        return {
            "symbol": symbol_of(execution.contract),
            "instrument-type": instrument_type(execution.contract),
            "underlying-symbol": execution.contract.underlying,
            "quantity": number(execution.quantity),
        }

    def total_fees(self, account_id: AccountId, day: str) -> JsonObject:
        """Returns what a day's trades cost."""
        paid = sum(
            (
                one.fee
                for one in self.executions()
                if one.execution.account_id == account_id and _day(one.execution).isoformat() == day
            ),
            start=_ZERO,
        )
        return signed("total-fees", -paid)


def action_words(execution: Execution, held: Decimal) -> str:
    """Returns Tastytrade's word for what an execution did to a holding of `held` contracts."""
    buys = execution.action is Action.BUY
    if execution.contract.kind is InstrumentKind.FUTURE:
        return "Buy" if buys else "Sell"
    closes = held < 0 if buys else held > 0
    return f"{'Buy' if buys else 'Sell'} to {'Close' if closes else 'Open'}"


def _held(book: Book, account_id: AccountId, key: ContractKey) -> Holding | None:
    return next((one for one in book.holdings(account_id) if one.contract.key == key), None)


def _row(
    number_: int, account_id: AccountId, at_utc: datetime, kind: str, sub_kind: str, description: str
) -> JsonObject:
    return {
        "id": number_,
        "account-number": account_id,
        "transaction-type": kind,
        "transaction-sub-type": sub_kind,
        "description": description,
        "executed-at": iso(at_utc),
        "transaction-date": new_york_time(at_utc).date().isoformat(),
    }


def _fees(fees: Fees) -> JsonObject:
    return (
        signed("regulatory-fees", -fees.regulatory)
        | signed("clearing-fees", -fees.clearing)
        | signed("commission", -fees.commission)
        | signed("proprietary-index-option-fees", -fees.index)
    )


def _ids(execution: Execution) -> JsonObject:
    number_ = exchange_id(execution)
    return {
        "ext-exchange-order-number": f"63095795{number_}",
        "ext-global-order-number": int(number_) % 100_000,
        "ext-group-id": "0",
        "ext-group-fill-id": "0",
        "ext-exec-id": number_,
        "exec-id": fill_id(execution),
        "exchange": "D",
        "exchange-affiliation-identifier": "",
        "destination-venue": "SIMULATOR_A",
    }


def _description(execution: Execution) -> str:
    done = "Bought" if execution.action is Action.BUY else "Sold"
    return f"{done} {plain(execution.quantity)} {execution.contract.label} @ {plain(execution.price)}"


def _day(execution: Execution) -> date:
    return new_york_time(execution.executed_at_utc).date()
