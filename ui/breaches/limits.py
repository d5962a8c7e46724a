"""Every limit of the regime with how much of it is used: a small table with bars."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from execution.views import LimitRow
from models.enums import Metric
from ui import format as fmt
from ui.theme import PAD, Ink, LimitState, Theme, limit_ink
from ui.widgets.labels import ValueLabel
from ui.widgets.limit_bar import LimitBar

_HEADERS = ("Limit", "Now", "Low", "High", "", "Used", "Unit")
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_UNBOUNDED = "none"
_BAR = 220


class _Line:
    """The widgets of one metric."""

    def __init__(self, theme: Theme, grid: QGridLayout, row: int, metric: Metric, parent: QWidget) -> None:
        self.metric = metric
        name = QLabel(fmt.metric_name(metric), parent)
        unit = QLabel(fmt.metric_unit(metric), parent)
        unit.setProperty("role", "caption")
        self.value, self.low, self.high, self.share = (ValueLabel(theme, parent) for _ in range(4))
        self.bar = LimitBar(theme, parent)
        self.bar.setFixedWidth(_BAR)
        widgets = (name, self.value, self.low, self.high, self.bar, self.share, unit)
        for column, widget in enumerate(widgets):
            grid.addWidget(widget, row, column)

    def show(self, row: LimitRow) -> None:
        """Shows a limit as it stands."""
        self.value.set(fmt.metric_value(row.metric, row.value))
        self.low.set(_bound(row.metric, row.low), Ink.TEXT_MUTED)
        self.high.set(_bound(row.metric, row.high), Ink.TEXT_MUTED)
        self.bar.show_limit(row)
        state = self.bar.state
        word = {LimitState.NEAR: "near ", LimitState.BREACHED: "broken "}.get(state, "")
        plain = state in (LimitState.OK, LimitState.UNKNOWN)
        self.share.set(f"{word}{fmt.utilisation(row.utilisation)}", Ink.TEXT if plain else limit_ink(state))

    def texts(self) -> list[str]:
        """Returns what the line says."""
        return [label.text() for label in (self.value, self.low, self.high, self.share)]


class LimitsTable(QWidget):
    """Shows the limits in the order they come in."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lines: dict[Metric, _Line] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(2 * PAD)
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(6, 1)
        for column, text in enumerate(_HEADERS):
            label = QLabel(text, self)
            label.setProperty("role", "caption")
            if column in (1, 2, 3, 5):
                label.setAlignment(_RIGHT)
            self._grid.addWidget(label, 0, column)

    def show_limits(self, rows: tuple[LimitRow, ...]) -> None:
        """Shows limits; lines are made when a metric first comes."""
        for row in rows:
            if row.metric not in self._lines:
                self._lines[row.metric] = _Line(self._theme, self._grid, len(self._lines) + 1, row.metric, self)
            self._lines[row.metric].show(row)

    def texts(self) -> dict[Metric, list[str]]:
        """Returns value, low, high and share as shown, per metric."""
        return {metric: line.texts() for metric, line in self._lines.items()}


def _bound(metric: Metric, bound: float | None) -> str:
    return _UNBOUNDED if bound is None else fmt.metric_value(metric, bound)
