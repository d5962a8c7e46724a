"""What a connection test found, line by line, each with a sign besides its colour."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from execution.connection_views import Finding, ProbeView
from models.enums import Mode
from ui.theme import GAP, Ink, Theme

_SIGNS = {Finding.GOOD: ("✓", Ink.GAIN), Finding.NOTE: ("–", Ink.TEXT_MUTED), Finding.BAD: ("✗", Ink.ERROR)}


class Report(QWidget):
    """Grows with what there is to say."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lines: list[tuple[Finding, str]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, GAP, 0, 0)
        self._grid.setHorizontalSpacing(2 * GAP)
        self._grid.setVerticalSpacing(GAP)
        self._grid.setColumnStretch(1, 1)
        theme.changed.connect(self._draw)

    def clear(self) -> None:
        """Shows nothing."""
        self._show([])

    def say_busy(self, text: str) -> None:
        """Shows one line while a test runs."""
        self._show([(Finding.NOTE, text)])

    def say_good(self, text: str) -> None:
        """Shows one good line."""
        self._show([(Finding.GOOD, text)])

    def say_bad(self, text: str) -> None:
        """Shows one bad line."""
        self._show([(Finding.BAD, text)])

    def show_probe(self, view: ProbeView) -> None:
        """Shows what a test found."""
        accounts = [
            (Finding.GOOD, f"{name}: {'paper account' if mode is Mode.PAPER else 'LIVE account, real money'}")
            for name, mode in view.accounts
        ]
        self._show([*accounts, *((line.finding, line.text) for line in view.lines)])

    def text(self) -> str:
        """Returns all lines as text."""
        return "\n".join(f"{_SIGNS[finding][0]} {text}" for finding, text in self._lines)

    def _show(self, lines: list[tuple[Finding, str]]) -> None:
        self._lines = lines
        self._draw()

    def _draw(self) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for row, (finding, text) in enumerate(self._lines):
            sign, ink = _SIGNS[finding]
            for column, words in enumerate((sign, text)):
                label = QLabel(words, self)
                label.setTextFormat(Qt.TextFormat.PlainText)
                shown = ink if column == 0 or finding is Finding.BAD else Ink.TEXT
                label.setStyleSheet(f"color: {self._theme.css(shown)}")
                label.setWordWrap(column == 1)
                label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                self._grid.addWidget(label, row, column, Qt.AlignmentFlag.AlignTop)
        self.updateGeometry()
