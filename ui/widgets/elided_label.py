"""A caption that gives way where there is little room."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget


class ElidedLabel(QLabel):
    """A caption that gives way: blanks around an ellipsis go first, then its end; `full` is the whole text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.full = ""
        self.setProperty("role", "caption")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def set_full(self, text: str) -> None:
        """Shows `text` as far as it fits."""
        if text != self.full:
            self.full = text
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fits the text anew."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        metrics = self.fontMetrics()
        whole = self.full if metrics.horizontalAdvance(self.full) <= self.width() else self.full.replace(" … ", "…")
        text = metrics.elidedText(whole, Qt.TextElideMode.ElideRight, self.width())
        if text == "…":  # says nothing
            text = ""
        if text != self.text():
            self.setText(text)
