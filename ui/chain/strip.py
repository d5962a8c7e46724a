"""The strip of expirations: one tile each with date, days, root and AM/PM; SPX and SPXW never share a tile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from execution.brokers.port import ChainExpiry
from models.enums import Settlement
from models.expiry import days_to_expiry
from ui import format as fmt
from ui.theme import Ink, Theme

_TILE = QSize(92, 38)
_BADGE_PX = 22
EXPIRY_ROLE = Qt.ItemDataRole.UserRole


class ExpiryModel(QAbstractListModel):
    """Expirations in date order; at one date the AM root before the PM root."""

    def __init__(self, now_utc: Callable[[], datetime], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._now_utc = now_utc
        self.expiries: tuple[ChainExpiry, ...] = ()

    def set_expiries(self, expiries: tuple[ChainExpiry, ...]) -> None:
        """Shows these."""
        self.beginResetModel()
        self.expiries = tuple(sorted(expiries, key=lambda item: (item.expiry, item.settlement.value, item.root)))
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's
        """Returns how many there are."""
        return 0 if parent.isValid() else len(self.expiries)

    def days(self, row: int) -> int:
        """Returns days to expiry of a row."""
        return days_to_expiry(self.expiries[row].expiry, self._now_utc())

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Returns the name, tip or value of a tile."""
        if not index.isValid():
            return None
        item = self.expiries[index.row()]
        if role == EXPIRY_ROLE:
            return item
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{fmt.expiry_date(item.expiry)} {item.root} {item.settlement.value} {self.days(index.row())}d"
        if role == Qt.ItemDataRole.ToolTipRole:
            when = "at the opening (AM)" if item.settlement is Settlement.AM else "at the close (PM)"
            return f"{item.root} {fmt.expiry_date(item.expiry)}: settles {when}, {self.days(index.row())} days left"
        return None


class _TileDelegate(QStyledItemDelegate):
    def __init__(self, theme: Theme, model: ExpiryModel, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model = model

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: ARG002 - Qt's
        return _TILE

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        theme, rect = self._theme, QRect(option.rect).adjusted(1, 2, -1, -2)
        item = self._model.expiries[index.row()]
        is_chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        is_hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.fillRect(rect, theme.color(Ink.SELECTION if is_chosen else Ink.HOVER if is_hovered else Ink.RAISED))
        if is_chosen:
            painter.fillRect(rect.left(), rect.bottom() - 1, rect.width(), 2, theme.color(Ink.ACCENT))
        inner = rect.adjusted(6, 2, -6, -3)
        top, bottom = QRect(inner), QRect(inner)
        top.setHeight(inner.height() // 2)
        bottom.setTop(top.bottom() + 1)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme.number_font(bold=True))
        painter.setPen(theme.color(Ink.TEXT))
        painter.drawText(top, left, f"{item.expiry.day} {item.expiry:%b}")
        painter.setFont(theme.number_font(11))
        painter.setPen(theme.color(Ink.TEXT if is_chosen else Ink.TEXT_MUTED))
        painter.drawText(top, right, f"{self._model.days(index.row())}d")
        painter.drawText(bottom, left, item.root)
        badge = QRect(bottom.right() - _BADGE_PX + 1, bottom.top() + 1, _BADGE_PX, bottom.height() - 2)
        is_am = item.settlement is Settlement.AM
        ink = Ink.WARNING if is_am else Ink.TEXT_MUTED
        painter.setPen(theme.color(ink))
        if is_am:
            painter.drawRect(badge.adjusted(0, 0, -1, -1))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, item.settlement.value)
        painter.restore()


class ExpiryStrip(QListView):
    """One line of tiles; click or arrow keys choose, the wheel scrolls sideways."""

    chosen = Signal(object)

    def __init__(self, theme: Theme, now_utc: Callable[[], datetime], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = ExpiryModel(now_utc, self)
        self.setModel(self._model)
        self.setItemDelegate(_TileDelegate(theme, self._model, self))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setFixedHeight(_TILE.height() + 2)
        self.setAccessibleName("Expirations")
        self.selectionModel().currentChanged.connect(self._on_current)

    @property
    def expiries(self) -> tuple[ChainExpiry, ...]:
        """What is shown, in order."""
        return self._model.expiries

    def set_expiries(self, expiries: tuple[ChainExpiry, ...]) -> None:
        """Shows these, none chosen."""
        self._model.set_expiries(expiries)

    def choose(self, expiry: ChainExpiry) -> None:
        """Chooses one as a click would."""
        index = self._model.index(self._model.expiries.index(expiry))
        self.setCurrentIndex(index)
        self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    def nearest(self, days: int) -> ChainExpiry | None:
        """Returns the expiration nearest to `days` from now."""
        rows = range(len(self._model.expiries))
        best = min(rows, key=lambda row: abs(self._model.days(row) - days), default=None)
        return None if best is None else self._model.expiries[best]

    def _on_current(self, current: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(current.data(EXPIRY_ROLE))
