"""What transactions tell beside the fills of orders: options that ended, what they delivered, trades without an order.

Pure. The removal row of an option that ended says neither price nor side; an index option settled in cash has a row
with the money and a second, empty one that removes it. Both are one execution here, with an id that is the same on
every reading. Money that only moved, and changes that are no execution (splits, transfers), are not booked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from execution.brokers.tastytrade.facts import TastyTransaction
from execution.brokers.tastytrade.signs import action_of
from models.clock import new_york_time
from models.contract import Contract
from models.enums import Action, Delivery
from models.ids import ExecutionId
from models.trade import ExecutionKind

_TRADE: Final = "Trade"
_DELIVERY: Final = "Receive Deliver"
_ZERO: Final = Decimal(0)
_REMOVALS: Final = {
    "Expiration": ExecutionKind.EXPIRED_WORTHLESS,
    "Assignment": ExecutionKind.ASSIGNMENT,
    "Exercise": ExecutionKind.EXERCISE,
    "Cash Settled Assignment": ExecutionKind.CASH_SETTLEMENT,
    "Cash Settled Exercise": ExecutionKind.CASH_SETTLEMENT,
    "Futures Settlement": ExecutionKind.CASH_SETTLEMENT,
}
_SIDES: Final = {
    "Assignment": Action.BUY,
    "Cash Settled Assignment": Action.BUY,
    "Exercise": Action.SELL,
    "Cash Settled Exercise": Action.SELL,
}
_DELIVERING: Final = ("Assignment", "Exercise")
#: Change what is held without being an execution: positions say it.
_UNBOOKED: Final = frozenset(
    {"Forward Split", "Reverse Split", "Symbol Change", "Transfer", "ACAT", "Special Dividend"}
)


@dataclass(frozen=True, slots=True)
class Booking:
    """One execution out of transactions. `fee` positive = paid, None = not told."""

    transaction: TastyTransaction
    execution_id: ExecutionId
    action: Action
    quantity: Decimal
    price: Decimal
    kind: ExecutionKind
    fee: Decimal | None
    is_fee_estimated: bool


@dataclass(frozen=True, slots=True)
class Bookings:
    """What could be booked; transactions whose side nobody told; and odd ones, each with why."""

    booked: tuple[Booking, ...]
    sideless: tuple[TastyTransaction, ...]
    odd: tuple[str, ...]


def is_trade_of_order(row: TastyTransaction) -> bool:
    """Returns whether a transaction is a leg of a fill of an order."""
    return row.transaction_type == _TRADE and bool(row.order_id)


def is_bookable(row: TastyTransaction) -> bool:
    """Returns whether a transaction is an execution by itself, without an order."""
    if row.transaction_type == _TRADE:
        return not row.order_id and action_of(row.action or row.sub_type) is not None
    return row.transaction_type == _DELIVERY and (row.sub_type in _REMOVALS or _delivered_side(row) is not None)


def unbooked_words(row: TastyTransaction) -> str | None:
    """Returns what to tell of a change of holdings that is no execution; None for everything else."""
    if row.transaction_type != _DELIVERY or row.sub_type not in _UNBOOKED:
        return None
    what = row.description or f"{row.sub_type} of {row.symbol}"
    return f"{row.account_number}: {what}. It is not booked as a trade; the positions show it."


def bookings(
    rows: Iterable[TastyTransaction],
    contracts: Mapping[str, Contract],
    held_before: Callable[[TastyTransaction], Decimal],
) -> Bookings:
    """Returns the executions in `rows`.

    `contracts` by symbol gives multipliers; a row without its contract is left out (its absence is told elsewhere).
    `held_before` returns what was held of a row's symbol before it, signed; 0 = not known.
    """
    own = [row for row in rows if is_bookable(row)]
    removals = _without_empty_rows([row for row in own if row.sub_type in _REMOVALS])
    ends = {
        (row.account_number, row.underlying_symbol, _day(row)): row.sub_type
        for row in removals
        if row.sub_type in _DELIVERING
    }
    booked: list[Booking] = []
    sideless: list[TastyTransaction] = []
    odd: list[str] = []
    for row in (*removals, *(row for row in own if row.sub_type not in _REMOVALS)):
        contract = contracts.get(row.symbol)
        if contract is None or _is_without_its_cash(row, contract):
            continue
        if not row.quantity or row.executed_at_utc is None:
            odd.append(f"Transaction {row.transaction_id} ({row.sub_type} of {row.symbol}) has no quantity or no time.")
            continue
        if row.sub_type in _REMOVALS:
            action = _removal_side(row, held_before)
            if action is None:
                sideless.append(row)
                continue
            booked.append(_booking(row, action, _removal_price(row, contract), _removal_kind(row, contract)))
            continue
        side = _delivered_side(row)
        if side is None or row.price is None:
            odd.append(f"Transaction {row.transaction_id} ({row.sub_type} of {row.symbol}) has no side or no price.")
            continue
        booked.append(_booking(row, side, row.price, _delivered_kind(row, contract, removals, contracts, ends)))
    return Bookings(tuple(booked), tuple(sideless), tuple(odd))


def held_before(rows: Sequence[TastyTransaction], row: TastyTransaction) -> Decimal:
    """Returns what the trades among `rows` add up to of a row's symbol before it, signed."""
    total = _ZERO
    for each in rows:
        is_same = (each.account_number, each.symbol) == (row.account_number, row.symbol)
        if not is_same or not _is_before(each, row) or each.sub_type in _REMOVALS:
            continue
        side = action_of(each.action or each.sub_type)
        if side is not None and each.quantity is not None:
            total += side.sign * abs(each.quantity)
    return total


def _booking(row: TastyTransaction, action: Action, price: Decimal, kind: ExecutionKind) -> Booking:
    return Booking(
        transaction=row,
        execution_id=ExecutionId(f"transaction/{row.transaction_id}"),
        action=action,
        quantity=abs(row.quantity or _ZERO),
        price=price,
        kind=kind,
        fee=row.fees,
        is_fee_estimated=row.are_fees_estimated,
    )


def _without_empty_rows(rows: list[TastyTransaction]) -> list[TastyTransaction]:
    """Leaves out the empty removal beside a row that settled the same contract in cash on the same day."""
    settled: dict[tuple[str, str, date | None], Decimal] = {}
    for row in rows:
        if _is_settled_in_cash(row):
            key = (row.account_number, row.symbol, _day(row))
            settled[key] = settled.get(key, _ZERO) + abs(row.quantity or _ZERO)
    kept: list[TastyTransaction] = []
    for row in sorted(rows, key=lambda each: each.transaction_id):
        key = (row.account_number, row.symbol, _day(row))
        left = settled.get(key, _ZERO)
        if not _is_settled_in_cash(row) and left > 0:
            settled[key] = left - abs(row.quantity or _ZERO)
            continue
        kept.append(row)
    return kept


def _is_settled_in_cash(row: TastyTransaction) -> bool:
    return _REMOVALS[row.sub_type] is ExecutionKind.CASH_SETTLEMENT and bool(_gross(row))


def _gross(row: TastyTransaction) -> Decimal:
    """The money before fees: what the account gained or lost holds them."""
    return (row.cash_effect or _ZERO) + (row.fees or _ZERO)


def _removal_side(row: TastyTransaction, held: Callable[[TastyTransaction], Decimal]) -> Action | None:
    """The side that removes the holding: as told, by what befell it, by its money, else against what was held."""
    told = action_of(row.action) or _SIDES.get(row.sub_type)
    if told is not None:
        return told
    before = held(row)
    if before == 0:
        return None
    return Action.SELL if before > 0 else Action.BUY


def _is_without_its_cash(row: TastyTransaction, contract: Contract) -> bool:
    """Whether a row only removes an option that another row settles in cash."""
    is_cash = contract.is_option and contract.delivery is Delivery.CASH
    return is_cash and row.sub_type in _SIDES and not _gross(row)


def _removal_kind(row: TastyTransaction, contract: Contract) -> ExecutionKind:
    kind = _REMOVALS[row.sub_type]
    is_cash = contract.is_option and contract.delivery is Delivery.CASH and kind is not ExecutionKind.EXPIRED_WORTHLESS
    return ExecutionKind.CASH_SETTLEMENT if is_cash else kind


def _removal_price(row: TastyTransaction, contract: Contract) -> Decimal:
    """What was paid per share: nothing for what delivered or expired, the cash of what was settled so."""
    if _removal_kind(row, contract) is not ExecutionKind.CASH_SETTLEMENT:
        return _ZERO
    if not contract.is_option:
        return row.price or _ZERO
    return abs(_gross(row)) / (abs(row.quantity or _ZERO) * contract.multiplier)


def _delivered_side(row: TastyTransaction) -> Action | None:
    """Shares or futures that came or went: the sub-type is one of the four actions, or plain Buy and Sell."""
    return action_of(row.sub_type) or (action_of(row.action) if row.transaction_type == _TRADE else None)


def _delivered_kind(
    row: TastyTransaction,
    contract: Contract,
    removals: Sequence[TastyTransaction],
    contracts: Mapping[str, Contract],
    ends: Mapping[tuple[str, str, date | None], str],
) -> ExecutionKind:
    """Why shares moved: the option on them that was assigned or exercised that day, the one at this strike first."""
    if row.transaction_type == _TRADE:
        return ExecutionKind.TRADE
    for removal in removals:
        option = contracts.get(removal.symbol)
        is_near = removal.account_number == row.account_number and _day(removal) == _day(row)
        if option is None or not is_near or removal.sub_type not in _DELIVERING:
            continue
        if option.underlying == contract.underlying and option.strike == row.price:
            return _REMOVALS[removal.sub_type]
    word = ends.get((row.account_number, row.underlying_symbol or row.symbol, _day(row)), "")
    return _REMOVALS.get(word, ExecutionKind.TRADE)


def _is_before(each: TastyTransaction, row: TastyTransaction) -> bool:
    first, second = each.executed_at_utc, row.executed_at_utc
    return each.transaction_id != row.transaction_id and first is not None and second is not None and first <= second


def _day(row: TastyTransaction) -> date | None:
    at: datetime | None = row.executed_at_utc
    return None if at is None else new_york_time(at).date()
