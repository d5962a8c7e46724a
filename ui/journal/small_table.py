"""A table as high as its rows, for a handful of facts on a scrolling page; Ctrl+C copies the selected rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from ui.theme import Ink, Theme

_ROW = 22


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell says, in which ink, and what it says at length."""

    text: str
    ink: Ink = Ink.TEXT
    tip: str = ""


class SmallTable(QTableWidget):
    """`right` are the columns of figures; `stretch` takes the room that is left."""

    def __init__(
        self,
        theme: Theme,
        headers: Sequence[str],
        parent: QWidget | None = None,
        *,
        right: frozenset[int] = frozenset(),
        stretch: int = 0,
    ) -> None:
        super().__init__(0, len(headers), parent)
        self._theme = theme
        self._right = right
        self._rows: tuple[tuple[Cell, ...], ...] = ()
        self.setHorizontalHeaderLabels(list(headers))
        for column in range(len(headers)):
            item = self.horizontalHeaderItem(column)
            if item is not None:
                item.setTextAlignment(self._alignment(column))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setMinimumSectionSize(20)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(stretch, QHeaderView.ResizeMode.Stretch)
        self._fit()
        theme.changed.connect(self._repaint_inks)

    def texts(self) -> list[list[str]]:
        """Returns what the table says, row by row."""
        return [[cell.text for cell in row] for row in self._rows]

    def show_rows(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Shows rows; nothing is done when they are what is shown already."""
        new = tuple(tuple(row) for row in rows)
        if new == self._rows:
            return
        self._rows = new
        self.setRowCount(len(new))
        figures = self._theme.number_font()
        for at, row in enumerate(new):
            for column, cell in enumerate(row):
                item = QTableWidgetItem(cell.text)
                item.setTextAlignment(self._alignment(column))
                item.setForeground(self._theme.color(cell.ink))
                item.setToolTip(cell.tip or cell.text)
                item.setFont(figures)
                self.setItem(at, column, item)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copies on Ctrl+C, tabs between cells."""
        if event.matches(QKeySequence.StandardKey.Copy):
            chosen = sorted({index.row() for index in self.selectedIndexes()})
            lines = ("\t".join(cell.text for cell in self._rows[row]) for row in chosen)
            QGuiApplication.clipboard().setText("\n".join(lines))
            return
        super().keyPressEvent(event)

    def _fit(self) -> None:
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + _ROW * self.rowCount() + 2)

    def _alignment(self, column: int) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignRight if column in self._right else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter

    def _repaint_inks(self) -> None:
        for at, row in enumerate(self._rows):
            for column, cell in enumerate(row):
                item = self.item(at, column)
                if item is not None:
                    item.setForeground(self._theme.color(cell.ink))
