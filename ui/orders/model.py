"""Qt model of OrdersState. Rows keep their place while only their contents change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from execution.views import OrdersState
from models.account import AccountInfo
from models.ids import AccountId, OrderId
from models.order import Order
from ui import format as fmt
from ui.greeks_words import short_name
from ui.orders import text as words
from ui.theme import Ink, Theme, order_ink

_Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
#: Raw value of a cell, for sorting.
SORT_ROLE = _Role.UserRole + 1
#: Ink of the status chip.
CHIP_ROLE = _Role.UserRole + 2


class OrderColumn(IntEnum):
    """Columns, in order."""

    STATUS = 0
    UNDERLYING = 1
    STRATEGY = 2
    LEGS = 3
    FILLED = 4
    PRICE = 5
    TIF = 6
    AGE = 7
    ACCOUNT = 8
    REASON = 9


HEADERS = {
    OrderColumn.STATUS: "Status",
    OrderColumn.UNDERLYING: "Symbol",
    OrderColumn.STRATEGY: "Strategy",
    OrderColumn.LEGS: "Legs",
    OrderColumn.FILLED: "Filled",
    OrderColumn.PRICE: "Limit",
    OrderColumn.TIF: "TIF",
    OrderColumn.AGE: "Age",
    OrderColumn.ACCOUNT: "Account",
    OrderColumn.REASON: "Note",
}
_RIGHT = frozenset({OrderColumn.FILLED, OrderColumn.PRICE, OrderColumn.AGE})


class OrdersModel(QAbstractTableModel):
    """The session's orders, newest first, or the working ones only."""

    def __init__(self, theme: Theme, now_utc: Callable[[], datetime], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._now_utc = now_utc
        self._state = OrdersState((), frozenset())
        self._orders: tuple[Order, ...] = ()
        self._badges: dict[AccountId, str] = {}
        self._is_working_only = False

    def set_state(self, state: OrdersState) -> None:
        """Takes the newest orders."""
        self._state = state
        self._show()

    def set_accounts(self, accounts: tuple[AccountInfo, ...]) -> None:
        """Takes where accounts are: with several brokers, each carries its broker's short name."""
        badges = {info.account_id: short_name(info.broker) for info in accounts}
        badges = badges if len(set(badges.values())) > 1 else {}
        if badges != self._badges:
            self._badges = badges
            last = self.index(len(self._orders) - 1, OrderColumn.ACCOUNT)
            self.dataChanged.emit(self.index(0, OrderColumn.ACCOUNT), last)

    def _account(self, order: Order) -> str:
        badge = self._badges.get(order.account_id)
        return order.account_id if badge is None else f"{badge} {order.account_id}"

    def set_working_only(self, *, is_working_only: bool) -> None:
        """Shows all orders of the session, or those that are still working."""
        self._is_working_only = is_working_only
        self._show()

    def _show(self) -> None:
        old = self._orders
        new = tuple(one for one in self._state.orders if one.is_working or not self._is_working_only)
        if [one.id for one in old] != [one.id for one in new]:
            self._insert_or_reset(old, new)
            return
        self._orders = new
        for row, (before, after) in enumerate(zip(old, new, strict=True)):
            if before is not after and before != after:
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(OrderColumn) - 1))

    def _insert_or_reset(self, old: tuple[Order, ...], new: tuple[Order, ...]) -> None:
        """New orders come on top: then the rows below keep selection and place."""
        added = len(new) - len(old)
        if added > 0 and [one.id for one in new[added:]] == [one.id for one in old]:
            self.beginInsertRows(QModelIndex(), 0, added - 1)
            self._orders = new
            self.endInsertRows()
            self.dataChanged.emit(self.index(added, 0), self.index(len(new) - 1, len(OrderColumn) - 1))
            return
        self.beginResetModel()
        self._orders = new
        self.endResetModel()

    def tick(self) -> None:
        """Repaints the ages of working orders."""
        for row, order in enumerate(self._orders):
            if order.is_working:
                self.dataChanged.emit(self.index(row, OrderColumn.AGE), self.index(row, OrderColumn.AGE))

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders shown."""
        return self._orders

    def row_of(self, order_id: OrderId) -> int | None:
        """Returns the row of an order, None when it is not shown."""
        return next((row for row, order in enumerate(self._orders) if order.id == order_id), None)

    def is_foreign(self, order: Order) -> bool:
        """Returns whether the order was placed elsewhere."""
        return order.id in self._state.foreign

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns the number of orders shown."""
        return 0 if parent.isValid() else len(self._orders)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns the number of columns."""
        return 0 if parent.isValid() else len(OrderColumn)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        """Returns headers, aligned as their columns."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == _Role.DisplayRole:
            return HEADERS[OrderColumn(section)]
        return _alignment(OrderColumn(section)) if role == _Role.TextAlignmentRole else None

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        """Returns text, raw value, colour and explanation of a cell."""
        order, column = self._orders[index.row()], OrderColumn(index.column())
        match role:
            case _Role.DisplayRole:
                answer: Any = self._text(order, column)
            case _Role.TextAlignmentRole:
                answer = _alignment(column)
            case _Role.ForegroundRole:
                answer = self._theme.color(self._ink(order, column))
            case _Role.ToolTipRole:
                answer = self._tip(order, column)
            case _ if role == CHIP_ROLE and column is OrderColumn.STATUS:
                answer = order_ink(order.status)
            case _ if role == SORT_ROLE:
                answer = self._raw(order, column)
            case _:
                answer = None
        return answer

    def _text(self, order: Order, column: OrderColumn) -> str:
        texts: dict[OrderColumn, Callable[[Order], str]] = {
            OrderColumn.STATUS: lambda one: fmt.words(one.status.value),
            OrderColumn.UNDERLYING: lambda one: one.underlying,
            OrderColumn.STRATEGY: lambda one: ("◆ " if self.is_foreign(one) else "") + words.strategy(one),
            OrderColumn.LEGS: words.legs_text,
            OrderColumn.FILLED: lambda one: fmt.filled(one.filled_packages, one.packages),
            OrderColumn.PRICE: words.price_text,
            OrderColumn.TIF: lambda one: one.tif.value,
            OrderColumn.AGE: self._age,
            OrderColumn.ACCOUNT: self._account,
            OrderColumn.REASON: self._note,
        }
        return texts[column](order)

    def _note(self, order: Order) -> str:
        foreign = "Placed outside this desk." if self.is_foreign(order) else ""
        return " ".join(part for part in (foreign, order.reason or "") if part)

    def _raw(self, order: Order, column: OrderColumn) -> Any:
        if column is OrderColumn.PRICE:
            return float("inf") if order.limit_price is None else float(order.limit_price)
        if column is OrderColumn.AGE:
            return -(order.submitted_at or order.created_at).timestamp()
        if column is OrderColumn.FILLED:
            return order.filled_packages / max(1, order.packages)
        return self._text(order, column)

    def _age(self, order: Order) -> str:
        start = order.submitted_at or order.created_at
        end = self._now_utc() if order.is_working else (order.filled_at or start)
        return fmt.age_between(start, end) if order.is_working else fmt.clock(end)

    def _ink(self, order: Order, column: OrderColumn) -> Ink:
        if column is OrderColumn.PRICE and order.limit_price is not None:
            return Ink.SELL if order.limit_price < 0 else Ink.BUY
        if column is OrderColumn.REASON:
            return Ink.WARNING if order.reason else Ink.TEXT_MUTED
        return Ink.TEXT if order.is_working else Ink.TEXT_MUTED

    def _tip(self, order: Order, column: OrderColumn) -> str:
        if column is OrderColumn.REASON:
            return self._note(order)
        if column is OrderColumn.AGE:
            return f"sent {fmt.date_time(order.submitted_at)}"
        legs = "\n".join(words.leg_text(leg) for leg in order.legs)
        if self.is_foreign(order):
            legs += "\nPlaced outside this desk; it can be cancelled from here."
        return legs


def _alignment(column: OrderColumn) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in _RIGHT else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
