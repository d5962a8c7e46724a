"""The chain's table: clicks and keys stage legs, the money line, and which strikes are on screen."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QCursor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from models.enums import Action
from ui import format as fmt
from ui.chain.columns import COLUMNS, OPTIONAL_FIELDS, STRIKE_COLUMN, Field
from ui.chain.delegate import ChainDelegate
from ui.chain.model import ChainModel
from ui.theme import Ink, Theme

_ROW_PX = 23
#: The widest price at the money line.
_TAG_PX = 100
_MIN_PX = {
    Field.BID: 84,
    Field.ASK: 84,
    Field.IV: 56,
    Field.BROKER_IV: 58,
    Field.DELTA: 56,
    Field.BROKER_DELTA: 58,
    Field.GAMMA: 60,
    Field.THETA: 58,
    Field.VEGA: 56,
    Field.HELD: 44,
    Field.STRIKE: 80,
}
#: Rows beyond the edge of the screen that are quoted too, so that scrolling meets figures.
_MARGIN_ROWS = 4
_DEBOUNCE_MS = 150


class ChainView(QTableView):
    """Shows a ChainModel. `leg_clicked(row, column)` for a bid or ask; B and S stage the side of the current cell."""

    leg_clicked = Signal(int, int)
    #: A key asked to buy or sell the contract at the current cell: row, column, Action.
    side_wanted = Signal(int, int, object)
    menu_wanted = Signal(int, int, QPoint)
    hovered = Signal(str)
    #: First and last row on screen, after scrolling or resizing came to rest.
    rows_settled = Signal(int, int)

    def __init__(self, model: ChainModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._chain = model
        self._money_line: QRect | None = None
        self._money_price: float | None = None
        self._pressed = QPersistentModelIndex()
        self.setModel(model)
        self.setItemDelegate(ChainDelegate(theme, model, self))
        self.setMouseTracking(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_PX)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        header.setMinimumSectionSize(40)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_DEBOUNCE_MS)
        self._settle.timeout.connect(self._tell_rows)
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        model.modelReset.connect(self._on_scrolled)
        self.show_optional(frozenset())

    def show_optional(self, fields: frozenset[Field]) -> None:
        """Shows these of the optional columns on both sides and hides the others."""
        for index, column in enumerate(COLUMNS):
            self.setColumnHidden(index, column.field in OPTIONAL_FIELDS and column.field not in fields)
        self._fit_columns()

    def visible_rows(self) -> tuple[int, int]:
        """Returns the first and last row on screen; (0, -1) without rows."""
        if self._chain.rowCount() == 0:
            return 0, -1
        first = self.rowAt(0)
        last = self.rowAt(self.viewport().height() - 1)
        return max(first, 0), self._chain.rowCount() - 1 if last < 0 else last

    def center_row(self, row: int) -> None:
        """Brings a row to the middle of the screen and makes it current."""
        index = self._chain.index(row, STRIKE_COLUMN)
        self.setCurrentIndex(index)
        self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    def update_money_line(self) -> None:
        """Repaints the line between strikes where the underlying stands, if it moved, and its price if that did."""
        line = self._line_rect()
        if line is not None and self._chain.spot != self._money_price:
            self.viewport().update(QRect(0, line.center().y() - 8, _TAG_PX, 17))
        self._money_price = self._chain.spot
        if line != self._money_line:
            for rect in (self._money_line, line):
                if rect is not None:
                    self.viewport().update(rect.adjusted(0, -12, 0, 12))
            self._money_line = line

    # --- input --------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remembers the cell: only a release over the same one is a click."""
        super().mousePressEvent(event)
        self._pressed = QPersistentModelIndex(self.indexAt(event.position().toPoint()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A quick second click is a second click."""
        self.mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Stages the leg of a bid or ask that was clicked with the left button."""
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        is_same = index.isValid() and self._pressed == index
        if event.button() is Qt.MouseButton.LeftButton and is_same and COLUMNS[index.column()].action is not None:
            self.leg_clicked.emit(index.row(), index.column())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Says what a click would do, and shows a hand where it does something."""
        super().mouseMoveEvent(event)
        self._tell_hovered(event.position().toPoint())

    def _tell_hovered(self, at: QPoint) -> None:
        index = self.indexAt(at)
        text = self._chain.hover_text(index.row(), index.column()) if index.isValid() else ""
        cursor = Qt.CursorShape.PointingHandCursor if text else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(QCursor(cursor))
        self.hovered.emit(text)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Asks for the menu of spreads at a strike, by mouse or by the menu key."""
        is_key = event.reason() is QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if is_key else self.indexAt(event.pos())
        if not index.isValid():
            return
        at = self.visualRect(index).center() if is_key else event.pos()
        self.menu_wanted.emit(index.row(), index.column(), self.viewport().mapToGlobal(at))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows move; B and S stage a leg; no key sends anything. Letters do not search."""
        index = self.currentIndex()
        key = event.key()
        if key in (Qt.Key.Key_B, Qt.Key.Key_S) and not event.modifiers() and index.isValid():
            if not event.isAutoRepeat():
                action = Action.BUY if key == Qt.Key.Key_B else Action.SELL
                self.side_wanted.emit(index.row(), index.column(), action)
            return
        if event.text().isprintable() and event.text():
            event.ignore()
            return
        super().keyPressEvent(event)

    def currentChanged(
        self, current: QModelIndex | QPersistentModelIndex, previous: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Says what the keys would do at the new cell."""
        super().currentChanged(current, previous)
        if current.isValid():
            self.hovered.emit(self._chain.hover_text(current.row(), current.column()))

    # --- geometry and paint -------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Spreads the columns evenly, so that the strike stays in the middle."""
        super().resizeEvent(event)
        self._fit_columns()
        self._on_scrolled()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints the cells, then the money line over them."""
        super().paintEvent(event)
        line = self._line_rect()
        if line is None or self._chain.spot is None:
            return
        painter = QPainter(self.viewport())
        color = self._theme.color(Ink.SPOT_LINE)
        painter.setPen(QPen(color, 1.5))
        y = line.center().y()
        painter.drawLine(line.left(), y, line.right(), y)
        font = self._theme.number_font(11, bold=True)
        painter.setFont(font)
        text = fmt.price(self._chain.spot)
        width = painter.fontMetrics().horizontalAdvance(text) + 12
        tag = QRect(0, y - 8, width, 16)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(tag, 3, 3)
        painter.setPen(self._theme.color(Ink.WINDOW))
        painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()

    def _line_rect(self) -> QRect | None:
        row = self._chain.money_row()
        if row is None:
            return None
        y = round(row * _ROW_PX) - self.verticalOffset()
        return QRect(0, y - 1, self.viewport().width(), 2)

    def _fit_columns(self) -> None:
        shown = [i for i in range(len(COLUMNS)) if not self.isColumnHidden(i)]
        wanted = [_MIN_PX[COLUMNS[i].field] for i in shown]
        spare = max(0, self.viewport().width() - sum(wanted))
        for index, width in zip(shown, wanted, strict=True):
            self.setColumnWidth(index, width + spare * width // sum(wanted))
        used = sum(self.columnWidth(i) for i in shown)
        if spare:
            strike = self.columnWidth(STRIKE_COLUMN)
            self.setColumnWidth(STRIKE_COLUMN, strike + self.viewport().width() - used)

    def _on_scrolled(self) -> None:
        self._chain.set_visible_rows(*self.visible_rows())
        self._settle.start()
        if self.viewport().underMouse():  # the wheel moves the strikes, not the pointer
            self._tell_hovered(self.viewport().mapFromGlobal(QCursor.pos()))

    def settle(self) -> None:
        """Tells once more which strikes are on screen, as after scrolling."""
        self._settle.start()

    def _tell_rows(self) -> None:
        first, last = self.visible_rows()
        if last < first:
            return
        self.rows_settled.emit(max(0, first - _MARGIN_ROWS), min(self._chain.rowCount() - 1, last + _MARGIN_ROWS))
