"""The journal's list on screen: rows of one height, tells which of them can be seen, keeps its place on growth."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from ui.journal.columns import WIDTHS, JournalColumn
from ui.journal.model import CHIP_ROLE, JournalModel
from ui.theme import Theme
from ui.widgets.chip_delegate import ChipDelegate

ROW_HEIGHT = 24


class JournalTable(QTableView):
    """Emits `window_changed(first, last)` once the view has come to rest for a turn of the event loop."""

    window_changed = Signal(int, int)

    def __init__(self, theme: Theme, model: JournalModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self._tell)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalScrollBar().setSingleStep(ROW_HEIGHT)
        for column in (JournalColumn.STATUS, JournalColumn.REGIME):
            self.setItemDelegateForColumn(column, ChipDelegate(theme, CHIP_ROLE, self))
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        self.reset_columns()
        self.verticalScrollBar().valueChanged.connect(self._on_moved)
        self.verticalScrollBar().rangeChanged.connect(self._on_moved)

    def reset_columns(self) -> None:
        """Default order and widths, all columns shown."""
        header = self.horizontalHeader()
        for column, width in WIDTHS.items():
            header.setSectionHidden(column, False)
            header.moveSection(header.visualIndex(column), column)
            header.resizeSection(column, width)

    def window_rows(self) -> tuple[int, int]:
        """Returns the first and last row that can be seen, whether or not the list reaches that far."""
        top = self.verticalScrollBar().value()
        return top // ROW_HEIGHT, (top + max(self.viewport().height(), 1) - 1) // ROW_HEIGHT

    def keep_place(self, added: int) -> None:
        """Rows came in on top: what was on screen stays there, unless that was the top itself."""
        bar = self.verticalScrollBar()
        if bar.value() > 0:
            self.updateGeometries()
            bar.setValue(bar.value() + added * ROW_HEIGHT)

    def scroll_to(self, value: int) -> None:
        """Puts the scroll bar where it was before the list was read anew."""
        self.updateGeometries()
        self.verticalScrollBar().setValue(value)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A higher window shows more rows."""
        super().resizeEvent(event)
        self._on_moved()

    def showEvent(self, event: QShowEvent) -> None:
        """Tells the window at first sight."""
        super().showEvent(event)
        self._on_moved()

    def _on_moved(self) -> None:
        self._settle.start(0)

    def _tell(self) -> None:
        self.window_changed.emit(*self.window_rows())
