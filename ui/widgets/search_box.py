"""A search field that waits for a pause in typing; Esc empties it."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from ui.icons import Icon, Icons


class SearchBox(QLineEdit):
    """Emits `searched` with the text `pause_ms` after the last key, at once on Enter and on Esc."""

    searched = Signal(str)

    def __init__(self, icons: Icons, placeholder: str, parent: QWidget | None = None, *, pause_ms: int = 150) -> None:
        super().__init__(parent)
        self._icons = icons
        self._last = ""
        self.setPlaceholderText(placeholder)
        self.setClearButtonEnabled(True)
        self._glass = QAction(icons.get(Icon.SEARCH), "", self)
        self.addAction(self._glass, QLineEdit.ActionPosition.LeadingPosition)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(pause_ms)
        self._pause.timeout.connect(self._tell)
        self.textChanged.connect(self._on_typed)
        self.returnPressed.connect(self._tell)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc empties the field; with nothing in it, Esc goes on to whoever else wants it."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            self._tell()
            return
        super().keyPressEvent(event)

    def retheme(self) -> None:
        """Redraws the magnifying glass."""
        self._glass.setIcon(self._icons.get(Icon.SEARCH))

    def _on_typed(self) -> None:
        self._pause.start()

    def _tell(self) -> None:
        self._pause.stop()
        if self.text() != self._last:
            self._last = self.text()
            self.searched.emit(self._last)
