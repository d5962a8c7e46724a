"""Why a suggestion is turned down: a few common reasons, or the user's own words."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from ui.journal.flow import FlowLayout
from ui.suggestions.labels import PlainLabel, button
from ui.theme import GAP

PRESETS = ("Too expensive", "Gives up too much theta", "Not my view", "Too hard to fill", "I do it differently")
_MOST_CHARS = 300


class Dismissal(QWidget):
    """A line inside the card. `chosen(reason)`; `left` when the user thinks better of it (Esc too)."""

    chosen = Signal(str)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        flow = FlowLayout(self, gap=GAP)
        flow.addWidget(PlainLabel("Why not?", self, role="title", wraps=False))
        self.presets = {reason: button(reason, "Dismiss for this reason", self) for reason in PRESETS}
        for reason, preset in self.presets.items():
            preset.clicked.connect(lambda _checked=False, why=reason: self.chosen.emit(why))
            flow.addWidget(preset)
        self.text = QLineEdit(self)
        self.text.setPlaceholderText("another reason")
        self.text.setAccessibleName("Another reason")
        self.text.setMaxLength(_MOST_CHARS)
        self.text.setMinimumWidth(150)
        self.dismiss = button("Dismiss", "Dismiss with the words typed here", self)
        self.dismiss.setEnabled(False)
        self.back = button("Keep it", "The suggestion stays (Esc)", self, style="flat")
        for widget in (self.text, self.dismiss, self.back):
            flow.addWidget(widget)
        self.text.textChanged.connect(self._on_text)
        self.text.returnPressed.connect(self._take)
        self.dismiss.clicked.connect(self._take)
        self.back.clicked.connect(self.left)

    def open(self) -> None:
        """Shows the line, with nothing typed and the keyboard in it."""
        self.text.clear()
        self.show()
        self.presets[PRESETS[0]].setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc keeps the suggestion."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    @Slot(str)
    def _on_text(self, text: str) -> None:
        self.dismiss.setEnabled(bool(text.strip()))

    @Slot()
    def _take(self) -> None:
        reason = self.text.text().strip()
        if reason:
            self.chosen.emit(reason)
