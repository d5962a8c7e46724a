"""A table of figures: nothing in it is ever cut, bars of a column share their zero, the view stays where it was put."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from ui.analysis.table_model import LEFT, RIGHT, FigureColumn, FigureModel
from ui.theme import Ink, Theme

T = TypeVar("T")

_Index = QModelIndex | QPersistentModelIndex
_ROW_PX = 20
#: Room beside a text; a header has the arrow of its order too.
_PAD_PX, _HEADER_PAD_PX = 14, 18
_BAR_PX = 84


class FigureDelegate(QStyledItemDelegate, Generic[T]):
    """Paints a cell with few calls: shade, bar, text."""

    def __init__(self, theme: Theme, model: FigureModel[T], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model = model
        self._font = theme.number_font()
        self._bold = theme.number_font(bold=True)
        #: Widest text of a column of bars: every bar of it starts at the same zero.
        self.text_px: dict[int, int] = {}

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Fills marked and selected rows, then writes the figure."""
        row, column = index.row(), index.column()
        one, spec = self._model.row_at(row), self._model.columns[column]
        is_marked = self._model.is_marked(one)
        rect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, self._theme.color(Ink.SELECTION))
        elif is_marked:
            painter.fillRect(rect, self._theme.color(Ink.RAISED))
        text = self._model.text(row, column)
        font = self._bold if is_marked else self._font
        if spec.has_bar and spec.value is not None:
            room = rect.adjusted(8, 5, -self.text_px.get(column, 0) - 10, -5)
            self._paint_bar(painter, room, spec.value(one), self._model.bar_span(column))
        painter.setFont(font)
        painter.setPen(self._theme.color(spec.ink_of(one)))
        side = LEFT if column == 0 and spec.is_words else RIGHT
        painter.drawText(rect.adjusted(8, 0, -7, 0), int(side), text)

    def _paint_bar(self, painter: QPainter, room: QRect, value: float | None, span: tuple[float, float]) -> None:
        low, high = span
        if value is None or not math.isfinite(value) or high <= low or room.width() < 8:
            return
        room = room.adjusted(0, 0, min(0, -(room.width() - 320)), 0)
        scale = room.width() / (high - low)
        zero = room.left() - low * scale
        ink = Ink.GAIN if value > 0 else Ink.LOSS
        left, right = sorted((zero, zero + value * scale))
        painter.fillRect(
            QRectF(left, room.top(), right - left, room.height()), self._theme.color(ink, alpha=130)
        )  # fmt: skip
        painter.fillRect(QRectF(zero - 0.5, room.top() - 3, 1, room.height() + 6), self._theme.color(Ink.BORDER))


class FigureTable(QTableView, Generic[T]):
    """The table. Columns are as wide as their text needs and share what room is left; otherwise it scrolls."""

    def __init__(
        self,
        theme: Theme,
        columns: Sequence[FigureColumn[T]],
        *,
        name: str,
        key: Callable[[T], Hashable],
        is_marked: Callable[[T], bool],
        is_sortable: bool = False,
        is_ranked: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """`is_ranked`: rows come in an order of their own, which they keep to until a header is clicked."""
        super().__init__(parent)
        self._is_ranked = is_ranked
        self.figures: FigureModel[T] = FigureModel(columns, key, is_marked, self)
        self._needs: list[int] = []
        self._middle: int | None = None
        self.verticalScrollBar().actionTriggered.connect(self._on_scrolled)
        self._metrics = QFontMetrics(theme.number_font(bold=True))
        self.setModel(self.figures)
        self._painter: FigureDelegate[T] = FigureDelegate(theme, self.figures, self)
        self.setItemDelegate(self._painter)
        self.setAccessibleName(name)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(_ROW_PX)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setMinimumSectionSize(24)
        header.setHighlightSections(False)
        header.setSectionsClickable(is_sortable)
        self.setStyleSheet("QHeaderView::section { padding: 2px 7px; }")
        if is_sortable:
            header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
            self.setSortingEnabled(True)

    def set_rows(self, rows: Sequence[T], total: T | None = None) -> None:
        """Takes new figures; where the view stands is kept. No row moves away from under the pointer."""
        at = self.verticalScrollBar().value()
        if self.figures.set_rows(rows, total, keeps_places=not self._is_ranked or self.underMouse()):
            self.verticalScrollBar().setValue(at)
        self._fit()

    def set_columns(self, columns: Sequence[FigureColumn[T]]) -> None:
        """Takes other columns."""
        self.figures.set_columns(columns)
        self._needs = []
        self._fit()

    def keep_in_middle(self, index: int) -> None:
        """Scrolls so that a row stands in the middle, and again after a change of size, until the user scrolls."""
        self._middle = index
        self._centre()

    def _centre(self) -> None:
        if self._middle is not None:
            self.executeDelayedItemsLayout()  # a view whose rows are new does not scroll before
            self.scrollTo(self.figures.index(self._middle, 0), QAbstractItemView.ScrollHint.PositionAtCenter)

    @Slot()
    def _on_scrolled(self) -> None:
        self._middle = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """From now on the view stands where the user put it."""
        self._middle = None
        super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """From now on the view stands where the user put it."""
        self._middle = None
        super().keyPressEvent(event)

    @property
    def least_width(self) -> int:
        """Pixels that all columns take without anything cut."""
        return sum(self._needs)

    def minimumSizeHint(self) -> QSize:
        """May be dragged smaller: it then scrolls."""
        return QSize(120, 60)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shares out the new width."""
        super().resizeEvent(event)
        self._fit()
        self._centre()

    def _fit(self) -> None:
        """Widens columns to their text, never narrows them again, and shares out what is left."""
        columns = self.figures.columns
        if len(self._needs) != len(columns):
            self._needs = [0] * len(columns)
        for index, column in enumerate(columns):
            texts = [self._metrics.horizontalAdvance(text) + _PAD_PX for text in self.figures.widest(index)]
            title = self._metrics.horizontalAdvance(column.title) + _HEADER_PAD_PX
            need = max([title, *texts])
            if column.has_bar:
                self._painter.text_px[index] = max([self._painter.text_px.get(index, 0), *texts])
                need += _BAR_PX
            self._needs[index] = max(self._needs[index], need + 2)
        spare = max(self.viewport().width() - sum(self._needs), 0)
        for index, need in enumerate(self._needs):
            width = need + spare // len(columns) + (1 if index < spare % len(columns) else 0)
            if self.columnWidth(index) != width:
                self.setColumnWidth(index, width)
