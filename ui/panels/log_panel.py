"""What the desk did and said, newest below: severity filter, search, copy. Keeps the last lines only."""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Slot
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QPushButton, QTableView, QWidget

from execution.views import LogLine, Severity
from ui import format as fmt
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.icons import Icon, Icons
from ui.panels.base import Panel
from ui.theme import Ink, Theme, severity_ink
from ui.widgets.ink_delegate import InkDelegate
from ui.widgets.search_box import SearchBox

_Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
_ORDER = {Severity.INFO: 0, Severity.GOOD: 0, Severity.WARNING: 1, Severity.ERROR: 2}
_HEADERS = ("Time", "Level", "Source", "Message")


class LogModel(QAbstractTableModel):
    """At most `most` lines; `show_only` filters by severity and text.

    Made by the app before anything is published, so that no line is lost while the panel is not built yet.
    """

    def __init__(self, bridge: Bridge, theme: Theme, most: int = 5000, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._most = most
        self._all: deque[LogLine] = deque()
        self._shown: deque[LogLine] = deque()
        self._least = 0
        self._text = ""
        bridge.subscribe(LogLine, self.add)

    def add(self, line: LogLine) -> None:
        """Appends a line; the oldest goes when there are too many."""
        if len(self._all) >= self._most:
            oldest = self._all.popleft()
            if self._shown and self._shown[0] is oldest:
                self.beginRemoveRows(QModelIndex(), 0, 0)
                self._shown.popleft()
                self.endRemoveRows()
        self._all.append(line)
        if self._passes(line):
            row = len(self._shown)
            self.beginInsertRows(QModelIndex(), row, row)
            self._shown.append(line)
            self.endInsertRows()

    def show_only(self, least: Severity, text: str) -> None:
        """Shows lines at least as severe as `least` that contain `text`."""
        self.beginResetModel()
        self._least, self._text = _ORDER[least], text.casefold()
        self._shown = deque(line for line in self._all if self._passes(line))
        self.endResetModel()

    def line(self, row: int) -> LogLine:
        """Returns a shown line."""
        return self._shown[row]

    def _passes(self, line: LogLine) -> bool:
        is_found = not self._text or self._text in f"{line.source} {line.text}".casefold()
        return is_found and _ORDER[line.severity] >= self._least

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns the number of shown lines."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Returns time, level, source, message."""
        return 0 if parent.isValid() else len(_HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        """Returns the headers."""
        is_header = orientation is Qt.Orientation.Horizontal and role == _Role.DisplayRole
        return _HEADERS[section] if is_header else None

    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        """Returns texts; the level has its colour besides its word."""
        line = self._shown[index.row()]
        if role == _Role.DisplayRole:
            return (fmt.clock(line.at_utc), line.severity.value, line.source, line.text)[index.column()]
        if role == _Role.ForegroundRole and index.column() < 3:
            return self._theme.color(severity_ink(line.severity) if index.column() == 1 else Ink.TEXT_MUTED)
        if role == _Role.ToolTipRole and index.column() == 3:
            return line.text
        return None


class LogPanel(Panel):
    """Shows LogLine notices."""

    KEY: ClassVar[str] = "log"
    TITLE: ClassVar[str] = "Log"

    def __init__(
        self,
        bridge: Bridge,
        client: EngineClient,
        theme: Theme,
        *,
        icons: Icons,
        model: LogModel,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(bridge, client, theme, parent)
        self._icons = icons
        self.model = model
        self.severity_box = QComboBox(self)
        for text, least in (("Everything", Severity.INFO), ("Warnings and errors", Severity.WARNING)):
            self.severity_box.addItem(text, least)
        self.severity_box.addItem("Errors only", Severity.ERROR)
        self.search = SearchBox(icons, "Search the log…", self)
        self.search.setMaximumWidth(280)
        self.copy_button = QPushButton("Copy", self)
        self.copy_button.setIcon(icons.get(Icon.COPY))
        self.copy_button.setToolTip("Copy the selected lines, or all shown (Ctrl+C)")
        self.toolbar.addWidget(self.severity_box)
        self.toolbar.addWidget(self.search)
        self.toolbar.addWidget(self.copy_button)
        self.toolbar.addStretch(1)
        self.table = self._build_table()
        self.set_body(self.table)
        self.severity_box.activated.connect(self._apply)
        self.search.searched.connect(self._apply)
        self.copy_button.clicked.connect(self.copy)
        QShortcut(
            QKeySequence.StandardKey.Copy, self.table, context=Qt.ShortcutContext.WidgetShortcut
        ).activated.connect(self.copy)
        model.rowsInserted.connect(self._after_line)
        self._is_following = True
        bar = self.table.verticalScrollBar()
        bar.valueChanged.connect(self._on_scrolled)
        bar.rangeChanged.connect(self._on_range)

    def _build_table(self) -> QTableView:
        table = QTableView(self)
        table.setModel(self.model)
        table.setItemDelegate(InkDelegate(table))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(20)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for section, width in enumerate((72, 76, 110)):
            header.resizeSection(section, width)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        return table

    @Slot(int)
    def _on_scrolled(self, value: int) -> None:
        self._is_following = value >= self.table.verticalScrollBar().maximum() - 1

    @Slot(int, int)
    def _on_range(self, _least: int, most: int) -> None:
        """The table learns its height after the lines came (first layout, a resized dock): the end stays the end."""
        if self._is_following:
            self.table.verticalScrollBar().setValue(most)

    @Slot()
    def _after_line(self) -> None:
        self.set_as_of(self.model.line(self.model.rowCount() - 1).at_utc)
        if self._is_following:
            self.table.scrollToBottom()

    def showEvent(self, event: QShowEvent) -> None:
        """Shows the newest line."""
        super().showEvent(event)
        if self.model.rowCount():
            self._after_line()

    @Slot()
    def _apply(self) -> None:
        self.model.show_only(Severity(self.severity_box.currentData()), self.search.text().strip())
        self.table.scrollToBottom()

    @Slot()
    def copy(self) -> None:
        """Copies the selected lines, or all shown ones, as text."""
        rows = sorted({index.row() for index in self.table.selectionModel().selectedRows()})
        lines = [self.model.line(row) for row in rows or range(self.model.rowCount())]
        text = "\n".join(
            f"{fmt.utc_text(line.at_utc)}\t{line.severity.value}\t{line.source}\t{line.text}" for line in lines
        )
        QGuiApplication.clipboard().setText(text)

    def retheme(self) -> None:
        """Repaints icons."""
        super().retheme()
        self.search.retheme()
        self.copy_button.setIcon(self._icons.get(Icon.COPY))
