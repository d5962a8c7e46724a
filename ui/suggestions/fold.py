"""What is not offered, and what was dismissed: folded away, struck out, with the reason."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from execution.suggestion_views import Suggestion
from ui import format as fmt
from ui.suggestions import words
from ui.suggestions.labels import PlainLabel, button
from ui.theme import GAP, PAD, Ink, Theme


class StruckRow(QFrame):
    """One that cannot be loaded. `again_wanted(id)` has it verified anew."""

    again_wanted = Signal(str)

    def __init__(self, theme: Theme, suggestion: Suggestion, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.suggestion = suggestion
        self._shown: Suggestion | None = None
        self.legs = PlainLabel("", self, selects=True)
        font = theme.number_font()
        font.setStrikeOut(True)
        self.legs.setFont(font)
        self.reason = PlainLabel("", self, selects=True)
        self.again_button = button("Simulate again", "Reprices it and asks the broker again", self, style="flat")
        self.again_button.clicked.connect(self._again)
        column = QVBoxLayout()
        column.setSpacing(1)
        column.addWidget(self.legs)
        column.addWidget(self.reason)
        line = QHBoxLayout(self)
        line.setContentsMargins(PAD, GAP, PAD, GAP)
        line.setSpacing(PAD)
        line.addLayout(column, 1)
        line.addWidget(self.again_button, 0, Qt.AlignmentFlag.AlignTop)
        theme.changed.connect(self._paint)
        self._paint()

    def show_suggestion(self, suggestion: Suggestion) -> None:
        """Shows it; touches nothing when it is as it was."""
        if suggestion == self._shown:
            return
        self._shown = self.suggestion = suggestion
        candidate, verified = suggestion.verified.candidate, suggestion.verified
        price = fmt.net_price(candidate.limit_price)
        self.legs.say(f"{words.deed(candidate)}:  {words.legs_line(candidate)}  {price}")
        if suggestion.dismissed is not None:
            self.reason.say(f"dismissed: {suggestion.dismissed}")
        else:
            self.reason.say(f"{words.verdict(verified.verdict)}: {words.minus(verified.reason)}")
        self.again_button.setVisible(suggestion.dismissed is None)
        self.again_button.setAccessibleName(f"Simulate again: {words.legs_line(candidate)}")
        self.setAccessibleName(f"Not offered: {words.legs_line(candidate)}; {self.reason.text()}")

    def set_busy(self, text: str) -> None:
        """While the engine is asked the button waits; an empty text: it has answered."""
        self.again_button.setEnabled(not text)
        self.again_button.setText(text or "Simulate again")

    def say_failed(self, text: str) -> None:
        """The engine refused: says why."""
        self.set_busy("")
        self.reason.say(text)
        self._shown = None

    @Slot()
    def _again(self) -> None:
        self.again_wanted.emit(self.suggestion.id)

    @Slot()
    def _paint(self) -> None:
        muted, warning = self._theme.css(Ink.TEXT_MUTED), self._theme.css(Ink.WARNING)
        self.legs.setStyleSheet(f"color: {muted};")
        self.reason.setStyleSheet(f"color: {warning}; font-size: 11px;")


class Fold(QWidget):
    """A heading with a count that opens and closes; rows are made when it is opened, and only then kept fresh."""

    again_wanted = Signal(str)

    def __init__(self, theme: Theme, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._title = title
        self._suggestions: tuple[Suggestion, ...] = ()
        self.rows: dict[str, StruckRow] = {}
        self.toggle = QToolButton(self)
        self.toggle.setCheckable(True)
        self.toggle.setProperty("kind", "flat")
        self.toggle.toggled.connect(self._on_toggled)
        self._box = QWidget(self)
        self._box.hide()
        self._rows = QVBoxLayout(self._box)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.toggle, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._box)
        self.hide()

    def show_suggestions(self, suggestions: tuple[Suggestion, ...]) -> None:
        """Shows the count, and the rows while it is open."""
        self._suggestions = suggestions
        self.setVisible(bool(suggestions))
        self._say()
        if self.toggle.isChecked():
            self._show_rows()

    def _say(self) -> None:
        sign = "▾" if self.toggle.isChecked() else "▸"
        text = f"{sign}  {self._title} ({len(self._suggestions)})"
        if text != self.toggle.text():
            self.toggle.setText(text)
            self.toggle.setAccessibleName(f"{self._title}, {len(self._suggestions)}")

    @Slot(bool)
    def _on_toggled(self, is_open: bool) -> None:
        self._box.setVisible(is_open)
        self._say()
        if is_open:
            self._show_rows()

    def _show_rows(self) -> None:
        ids = {one.id for one in self._suggestions}
        for gone in [key for key in self.rows if key not in ids]:
            row = self.rows.pop(gone)
            row.hide()
            row.deleteLater()
        for place, one in enumerate(self._suggestions):
            row_or_none = self.rows.get(one.id)
            if row_or_none is None:
                row_or_none = self.rows[one.id] = StruckRow(self._theme, one, self._box)
                row_or_none.again_wanted.connect(self.again_wanted)
            if self._rows.indexOf(row_or_none) != place:
                self._rows.insertWidget(place, row_or_none)
            row_or_none.show_suggestion(one)
