"""Fills out of orders and transactions as upserts that may come in any order, any number of times.

A fill is known by order, symbol and fill id. Orders tell it first; its transaction brings the fees, and tells it too
where the order's own word of it was missed. A frame without fills takes none away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from execution.brokers.tastytrade.facts import TastyFill, TastyLeg, TastyOrder, TastyTransaction
from execution.brokers.tastytrade.transactions import Booking, is_trade_of_order
from models.clock import new_york_time
from models.ids import ExecutionId
from models.trade import ExecutionKind

NEVER: Final = datetime.min.replace(tzinfo=UTC)
_ZERO: Final = Decimal(0)
GroupKey = tuple[str, str]


@dataclass(slots=True, eq=False)
class Fill:
    """One execution: its newest revision, its fees, and what the desk has been told of it."""

    account_number: str
    execution_id: ExecutionId
    order_id: str
    symbol: str
    instrument_type: str
    #: In Tastytrade's words; of settlements the side that the desk worked out.
    action: str
    quantity: Decimal
    price: Decimal
    at_utc: datetime
    kind: ExecutionKind = ExecutionKind.TRADE
    revision: int = 1
    #: When the order was as it is told here; `NEVER` for what only a transaction told.
    worded_at_utc: datetime = NEVER
    #: Share of each transaction's fees by transaction id; None = that transaction tells none.
    fees: dict[str, Decimal | None] = field(default_factory=dict)
    is_fee_estimated: bool = False
    told_revision: int = 0
    told_fee: Decimal | None = None

    @property
    def fee(self) -> Decimal | None:
        """Dollars paid, positive; None = not told yet."""
        known = [fee for fee in self.fees.values() if fee is not None]
        return sum(known, _ZERO) if known and len(known) == len(self.fees) else None

    @property
    def day(self) -> date:
        """The New York day it happened on."""
        return new_york_time(self.at_utc).date()


def execution_id_of(order_id: str, symbol: str, fill_id: str) -> ExecutionId:
    """Returns the id of a fill, the same whoever tells it."""
    return ExecutionId(f"{order_id}/{' '.join(symbol.split())}/{fill_id}")


@dataclass(slots=True)
class FillBook:
    """Every execution of the session. Engine thread only; nothing is awaited here."""

    _fills: dict[ExecutionId, Fill] = field(default_factory=dict)
    _groups: dict[GroupKey, list[Fill]] = field(default_factory=dict)
    #: Symbols with fills by order.
    _legs: dict[str, dict[str, None]] = field(default_factory=dict)
    #: Ids under which a fill is told that was first known by its transaction's.
    _aliases: dict[ExecutionId, ExecutionId] = field(default_factory=dict)
    _ordered: dict[GroupKey, Decimal] = field(default_factory=dict)
    _trades: dict[GroupKey, dict[str, TastyTransaction]] = field(default_factory=dict)
    #: Transactions name fills as orders do: seen once, it is so.
    _do_ids_meet: bool = False

    def all(self) -> tuple[Fill, ...]:
        """Returns every execution by time, then by id: the same sequence whenever it is asked."""
        return tuple(sorted(self._fills.values(), key=lambda fill: (fill.at_utc, fill.execution_id)))

    def of_order(self, order_id: str) -> tuple[Fill, ...]:
        """Returns the trades of one order."""
        return tuple(fill for symbol in self._legs.get(order_id, ()) for fill in self._groups[order_id, symbol])

    def filled(self, order_id: str, symbol: str) -> Decimal:
        """Returns how much of one leg is filled."""
        return sum((fill.quantity for fill in self._groups.get((order_id, symbol), ())), _ZERO)

    def without_fee(self) -> tuple[Fill, ...]:
        """Returns trades whose fee is not told yet."""
        return tuple(fill for fill in self._fills.values() if fill.fee is None and fill.kind is ExecutionKind.TRADE)

    def estimated_before(self, day: date) -> tuple[Fill, ...]:
        """Returns executions of earlier days whose fee was still an estimate when it was read last."""
        return tuple(fill for fill in self._fills.values() if fill.is_fee_estimated and fill.day < day)

    # --- orders -------------------------------------------------------------------------------------------------------

    def take_order(self, order: TastyOrder) -> tuple[Fill, ...]:
        """Keeps the fills of an order's legs; returns those that are new or say something else than before."""
        changed: list[Fill] = []
        for leg in order.legs:
            group = (order.order_id, leg.symbol)
            self._ordered[group] = max(leg.quantity, self._ordered.get(group, _ZERO))
            changed += self._take_leg(order, leg)
            if group in self._trades:
                changed += self._join(group)
        return tuple(changed)

    def _take_leg(self, order: TastyOrder, leg: TastyLeg) -> list[Fill]:
        at = order.updated_at_utc or NEVER
        changed: list[Fill] = []
        fresh: list[TastyFill] = []
        for told in leg.fills:
            known = self._fill(execution_id_of(order.order_id, leg.symbol, told.fill_id))
            if known is None:
                fresh.append(told)
            else:
                changed += _reworded(known, told, at)
        # What is known by its own id comes first: only what is left may be a fill known under a transaction's id.
        for told in fresh:
            execution_id = execution_id_of(order.order_id, leg.symbol, told.fill_id)
            if told.quantity <= 0 or self._fill(execution_id) is not None:
                continue
            alias = self._alias_for(order.order_id, leg, told)
            if alias is not None:
                self._aliases[execution_id] = alias.execution_id
                alias.worded_at_utc = at
                continue
            fill = Fill(
                account_number=order.account_number,
                execution_id=execution_id,
                order_id=order.order_id,
                symbol=leg.symbol,
                instrument_type=leg.instrument_type,
                action=leg.action,
                quantity=told.quantity,
                price=told.price,
                at_utc=told.at_utc,
                worded_at_utc=at,
            )
            self._add(fill)
            changed.append(fill)
        return changed

    def _alias_for(self, order_id: str, leg: TastyLeg, told: TastyFill) -> Fill | None:
        """Returns the fill that a transaction told under another id, where one more would be more than there can be."""
        most = leg.quantity if self._do_ids_meet else min(leg.quantity, self._traded((order_id, leg.symbol)))
        if self.filled(order_id, leg.symbol) + told.quantity <= most:
            return None
        for fill in self._groups.get((order_id, leg.symbol), ()):
            is_alike = (fill.quantity, fill.price) == (told.quantity, told.price)
            if is_alike and fill.worded_at_utc == NEVER and fill.execution_id not in self._aliases.values():
                return fill
        return None

    def _fill(self, execution_id: ExecutionId) -> Fill | None:
        return self._fills.get(self._aliases.get(execution_id, execution_id))

    # --- transactions -------------------------------------------------------------------------------------------------

    def take_transactions(self, transactions: Iterable[TastyTransaction]) -> tuple[Fill, ...]:
        """Joins trades of orders to their fills; returns those whose fee changed."""
        touched: dict[GroupKey, None] = {}
        for transaction in transactions:
            if is_trade_of_order(transaction):
                group = (transaction.order_id, transaction.symbol)
                self._trades.setdefault(group, {})[transaction.transaction_id] = transaction
                touched[group] = None
        return tuple(fill for group in touched for fill in self._join(group))

    def unjoined(self) -> tuple[TastyTransaction, ...]:
        """Returns trades of orders that belong to no fill that is known."""
        found: list[TastyTransaction] = []
        for group, rows in self._trades.items():
            given = {each for fill in self._groups.get(group, ()) for each in fill.fees}
            found += [row for transaction_id, row in rows.items() if transaction_id not in given]
        return tuple(found)

    def add_unjoined(self) -> tuple[Fill, ...]:
        """Makes fills of trades that their orders, asked, did not tell; never more than was ordered.

        Nor more than the transactions tell together: one that fits no fill may be a share of fills that are known.
        """
        touched: dict[GroupKey, None] = {}
        for row in self.unjoined():
            group = (row.order_id, row.symbol)
            ordered = self._ordered.get(group)
            quantity = row.quantity or _ZERO
            traded = self._traded(group)
            is_too_much = self.filled(*group) + quantity > (traded if ordered is None else min(ordered, traded))
            if quantity > 0 and row.price is not None and row.executed_at_utc is not None and not is_too_much:
                self._add(_fill_of(row, quantity, row.price, row.executed_at_utc))
                touched[group] = None
        for group in touched:
            self._join(group)
        return tuple(fill for group in touched for fill in self._groups[group])

    def _traded(self, group: GroupKey) -> Decimal:
        """How much of one leg its transactions tell together."""
        return sum((row.quantity or _ZERO for row in self._trades.get(group, {}).values()), _ZERO)

    def take_bookings(self, bookings: Iterable[Booking]) -> tuple[Fill, ...]:
        """Keeps settlements and trades without an order; returns those that are new or whose fee changed."""
        changed: list[Fill] = []
        for booking in bookings:
            row = booking.transaction
            at_utc = row.executed_at_utc
            known = self._fills.get(booking.execution_id)
            if known is None and at_utc is not None:
                known = Fill(
                    account_number=row.account_number,
                    execution_id=booking.execution_id,
                    order_id="",
                    symbol=row.symbol,
                    instrument_type=row.instrument_type,
                    action=booking.action.value.capitalize(),
                    quantity=booking.quantity,
                    price=booking.price,
                    at_utc=at_utc,
                    kind=booking.kind,
                )
                self._fills[known.execution_id] = known
                changed.append(known)
            if known is not None:
                changed += _with_fee(known, {row.transaction_id: booking.fee}, is_estimated=booking.is_fee_estimated)
        return tuple(changed)

    def _join(self, group: GroupKey) -> list[Fill]:
        """Gives each transaction of one leg to its fill: by fill id, then by quantity and price, then in proportion."""
        rows = sorted(self._trades[group].values(), key=lambda row: row.transaction_id)
        shares: dict[ExecutionId, dict[str, Decimal | None]] = {}
        rest: list[TastyTransaction] = []
        for row in rows:
            fill = self._by_fill_id(row)
            if fill is None:
                rest.append(row)
            else:
                shares.setdefault(fill.execution_id, {})[row.transaction_id] = row.fees
        rest = self._join_alike(group, rest, shares)
        self._join_in_proportion(group, rest, shares)
        changed: list[Fill] = []
        estimated = {row.transaction_id for row in rows if row.are_fees_estimated}
        for fill in self._groups.get(group, ()):
            own = shares.get(fill.execution_id, {})
            changed += _with_fee(fill, own, is_estimated=not estimated.isdisjoint(own))
        return changed

    def _by_fill_id(self, row: TastyTransaction) -> Fill | None:
        found = self._fill(execution_id_of(row.order_id, row.symbol, _fill_id_of(row)))
        self._do_ids_meet = self._do_ids_meet or (found is not None and found.worded_at_utc != NEVER)
        return found

    def _join_alike(
        self, group: GroupKey, rows: list[TastyTransaction], shares: dict[ExecutionId, dict[str, Decimal | None]]
    ) -> list[TastyTransaction]:
        rest: list[TastyTransaction] = []
        for row in rows:
            alike = [
                fill
                for fill in self._open_fills(group, shares)
                if (fill.quantity, fill.price) == (row.quantity, row.price)
            ]
            if alike:
                shares[alike[0].execution_id] = {row.transaction_id: row.fees}
            else:
                rest.append(row)
        return rest

    def _join_in_proportion(
        self, group: GroupKey, rows: list[TastyTransaction], shares: dict[ExecutionId, dict[str, Decimal | None]]
    ) -> None:
        """Shares out what several fills have together, where it adds up."""
        fills = self._open_fills(group, shares)
        total = sum((fill.quantity for fill in fills), _ZERO)
        if not rows or not total or total != sum((row.quantity or _ZERO for row in rows), _ZERO):
            return
        for fill in fills:
            shares[fill.execution_id] = {
                row.transaction_id: None if row.fees is None else row.fees * fill.quantity / total for row in rows
            }

    def _open_fills(self, group: GroupKey, shares: dict[ExecutionId, dict[str, Decimal | None]]) -> Sequence[Fill]:
        fills = sorted(self._groups.get(group, ()), key=lambda fill: (fill.at_utc, fill.execution_id))
        return [fill for fill in fills if fill.execution_id not in shares]

    def _add(self, fill: Fill) -> None:
        self._fills[fill.execution_id] = fill
        self._groups.setdefault((fill.order_id, fill.symbol), []).append(fill)
        self._legs.setdefault(fill.order_id, {})[fill.symbol] = None


def _reworded(known: Fill, told: TastyFill, at_utc: datetime) -> list[Fill]:
    """Takes a later word on a known fill; returns it when it corrects quantity or price."""
    is_correction = (known.quantity, known.price) != (told.quantity, told.price) and at_utc > known.worded_at_utc
    known.worded_at_utc = max(known.worded_at_utc, at_utc)
    if not is_correction:
        return []
    known.quantity, known.price = told.quantity, told.price
    known.revision += 1
    return [known]


def _fill_id_of(row: TastyTransaction) -> str:
    return row.fill_id or f"transaction {row.transaction_id}"


def _fill_of(row: TastyTransaction, quantity: Decimal, price: Decimal, at_utc: datetime) -> Fill:
    return Fill(
        account_number=row.account_number,
        execution_id=execution_id_of(row.order_id, row.symbol, _fill_id_of(row)),
        order_id=row.order_id,
        symbol=row.symbol,
        instrument_type=row.instrument_type,
        action=row.action,
        quantity=quantity,
        price=price,
        at_utc=at_utc,
    )


def _with_fee(fill: Fill, shares: dict[str, Decimal | None], *, is_estimated: bool) -> list[Fill]:
    """Sets a fill's fees; returns it when they changed."""
    before = fill.fee
    fill.fees, fill.is_fee_estimated = shares, is_estimated
    return [fill] if fill.fee != before else []
