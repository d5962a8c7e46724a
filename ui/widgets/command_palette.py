"""Ctrl+K: type a symbol or a few letters of a command, Enter does it."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from ui.theme import PAD, Ink, Theme

_WIDTH, _MOST_ROWS = 520, 12
_STEPS = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 8, Qt.Key.Key_PageUp: -8}


@dataclass(frozen=True, slots=True)
class _Entry:
    text: str
    note: str
    action: QAction | None


class CommandPalette(QFrame):
    """An overlay of the window. `symbol_chosen` names an underlying; commands trigger their action."""

    symbol_chosen = Signal(str)

    def __init__(self, theme: Theme, window: QWidget) -> None:
        super().__init__(window)
        self._theme = theme
        self._window = window
        self._symbols: tuple[str, ...] = ()
        self._actions: tuple[QAction, ...] = ()
        self.setObjectName("palette")
        self.setFixedWidth(_WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(PAD, PAD, PAD, PAD)
        self.field = QLineEdit(self)
        self.field.setPlaceholderText("Symbol or command…")
        self.list = QListWidget(self)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        column.addWidget(self.field)
        column.addWidget(self.list)
        self.field.textChanged.connect(self._fill)
        self.field.returnPressed.connect(self._take)
        self.field.installEventFilter(self)
        self.list.itemClicked.connect(self._on_clicked)
        theme.changed.connect(self._restyle)
        self._restyle()
        self.hide()

    def _restyle(self) -> None:
        self.setStyleSheet(
            f"#palette {{ background: {self._theme.css(Ink.RAISED)}; border: 1px solid {self._theme.css(Ink.ACCENT)};"
            f" border-radius: 4px; }} QListWidget {{ background: {self._theme.css(Ink.RAISED)}; }}"
            " QListWidget::item { padding: 4px 6px; }"
        )

    def open(self, symbols: tuple[str, ...], actions: tuple[QAction, ...]) -> None:
        """Shows the overlay with what can be chosen."""
        self._symbols, self._actions = symbols, actions
        self.move(QPoint((self._window.width() - _WIDTH) // 2, 96))
        self.field.clear()
        self._fill()
        self.show()
        self.raise_()
        self.field.setFocus()

    def set_symbols(self, symbols: tuple[str, ...]) -> None:
        """Takes the underlyings when they arrive."""
        self._symbols = symbols
        if self.isVisible():
            self._fill()

    def entries(self) -> list[str]:
        """Returns the texts offered now."""
        return [self.list.item(row).text() for row in range(self.list.count())]

    @Slot()
    def _fill(self) -> None:
        typed = self.field.text().strip().casefold()
        found = [
            _Entry(symbol, "option chain", None) for symbol in self._symbols if symbol.casefold().startswith(typed)
        ]
        for action in self._actions:
            text = action.text().replace("&", "").rstrip("…")
            if action.isEnabled() and all(word in text.casefold() for word in typed.split()):
                found.append(_Entry(text, action.shortcut().toString(), action))
        self.list.clear()
        for entry in found:
            item = QListWidgetItem(f"{entry.text}    {entry.note}" if entry.note else entry.text)
            item.setData(Qt.ItemDataRole.UserRole, entry)
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        rows = min(max(1, len(found)), _MOST_ROWS)
        self.list.setFixedHeight(rows * max(20, self.list.sizeHintForRow(0)) + 2)
        self.adjustSize()

    @Slot()
    def _take(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self._on_clicked(item)

    @Slot(QListWidgetItem)
    def _on_clicked(self, item: QListWidgetItem) -> None:
        entry: _Entry = item.data(Qt.ItemDataRole.UserRole)
        self.hide()
        if entry.action is None:
            self.symbol_chosen.emit(entry.text)
        else:
            entry.action.trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrow keys move in the list, Esc and leaving the field close the overlay."""
        if event.type() is QEvent.Type.FocusOut:
            self.hide()
        if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
            key = Qt.Key(event.key())
            if key is Qt.Key.Key_Escape:
                self.hide()
                return True
            if key in _STEPS:
                row = self.list.currentRow() + _STEPS[key]
                self.list.setCurrentRow(max(0, min(self.list.count() - 1, row)))
                return True
        return super().eventFilter(watched, event)
