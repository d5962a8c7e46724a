"""Captions that give way where there is little room."""

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


class FittingLabel(QLabel):
    """A caption in as many words as there is room for: a figure is shown whole or not at all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.forms: tuple[str, ...] = ()
        self.setProperty("role", "caption")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def set_forms(self, forms: tuple[str, ...]) -> None:
        """Shows the first of these that fits, longest first; nothing when none does."""
        if forms != self.forms:
            self.forms = forms
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Chooses anew."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        metrics = self.fontMetrics()
        text = next((one for one in self.forms if metrics.horizontalAdvance(one) <= self.width()), "")
        if text != self.text():
            self.setText(text)
