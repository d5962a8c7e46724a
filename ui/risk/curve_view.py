"""The risk graph's page: legend that is also the read-out, the curve, and the price slices below it."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSplitter, QVBoxLayout, QWidget

from execution.views import FloatArray, ScenarioState
from ui import format as fmt
from ui.risk.curve_plot import CurvePlot, expected_move, has_date_curve
from ui.risk.scenario_bar import date_text
from ui.risk.slices import SlicesTable
from ui.theme import PAD, Ink, Theme, sign_ink
from ui.widgets.labels import ValueLabel

_METHOD = "full revaluation, sticky strike"
_BOTH_FROM_PX = 250


class _CurveFigure(QWidget):
    """A curve's swatch and name, and its P&L at the crosshair."""

    def __init__(self, theme: Theme, name: str, ink: Ink, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._ink = ink
        self.name = QLabel(self)
        self.name.setFont(theme.font(11))
        self.value = ValueLabel(theme, self, bold=True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.name)
        layout.addWidget(self.value)
        self._text = name
        self.retheme()

    def set_name(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self.retheme()

    def retheme(self) -> None:
        swatch, muted = self._theme.css(self._ink), self._theme.css(Ink.TEXT_MUTED)
        self.name.setText(f'<span style="color:{swatch}">▬</span> <span style="color:{muted}">{self._text}</span>')


class ReadOut(QWidget):
    """Where the crosshair stands and what each curve says there; without a crosshair, at the spot."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._level: float | None = None
        self._state: ScenarioState | None = None
        self.where = ValueLabel(theme, self, bold=True)
        self.where.setMinimumWidth(150)
        self.where.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.today = _CurveFigure(theme, "Today", Ink.CURVE_TODAY, self)
        self.date = _CurveFigure(theme, "Date", Ink.CURVE_DATE, self)
        self.expiry = _CurveFigure(theme, "At expiry", Ink.CURVE_EXPIRY, self)
        self.expected = QLabel(self)
        self.expected.setProperty("role", "caption")
        self.expected.setToolTip("Expected move: SPX x median vol of the book's options x square root of days/365")
        self.stamp = QLabel(self)
        self.stamp.setProperty("role", "caption")
        self.stamp.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.stamp.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(PAD, 3, PAD, 1)
        layout.setSpacing(12)
        for widget in (self.where, self.today, self.date, self.expiry, self.expected):
            layout.addWidget(widget)
        layout.addWidget(self.stamp, 1)

    def show_state(self, state: ScenarioState) -> None:
        """Takes new figures."""
        self._state = state
        self.date.setVisible(has_date_curve(state))
        when = date_text(state.as_of_utc, state.days_forward, state.last_expiry_days)
        self.date.set_name("Vol shifted" if state.days_forward <= 0 else when)
        move = expected_move(state)
        days = fmt.plural(max(round(state.days_forward), 1), "day")
        _set_text(self.expected, "" if move is None else f"±1 SD {fmt.money(move)} pts in {days}")
        _set_text(self.stamp, self._stamp_text(fmt.clock(state.as_of_utc)))
        counted = fmt.plural(state.positions, "position")
        counted += f", {state.left_out} left out" if state.left_out else ""
        self.stamp.setToolTip(f"{state.method or _METHOD}\n{counted}, {fmt.date_time(state.as_of_utc)}")
        self._show_values()

    def _stamp_text(self, clock: str) -> str:
        """The time, with the method before it where there is room for both; never a part of it."""
        as_of, room = f"as of {clock}", self.stamp.width()
        texts = (f"{_METHOD} · {as_of}", as_of, clock)
        return next((text for text in texts if self.stamp.fontMetrics().horizontalAdvance(text) < room), "")

    @Slot(object)
    def point_at(self, level: float | None) -> None:
        """Reads the curves at an SPX level, None at the spot."""
        self._level = level
        self._show_values()

    def _show_values(self) -> None:
        state = self._state
        if state is None:
            return
        level = state.spot_now if self._level is None else self._level
        move = (level / state.spot_now - 1.0) * 100.0
        self.where.set(f"SPX {fmt.price(level)}  {fmt.signed_percent(move, 2)}")
        for figure, curve in (
            (self.today, state.curve_today),
            (self.date, state.curve_date),
            (self.expiry, state.curve_expiry),
        ):
            value = _at(level, state, curve)
            figure.value.set(fmt.signed(value, 0), sign_ink(value))

    def retheme(self) -> None:
        """Takes over the colours of the swatches."""
        for figure in (self.today, self.date, self.expiry):
            figure.retheme()


class CurveView(QWidget):
    """Read-out, curve and slices; the split between curve and slices can be dragged."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.read_out = ReadOut(theme, self)
        self.plot = CurvePlot(theme, self)
        self.slices = SlicesTable(theme, self)
        self.plot.pointed.connect(self.read_out.point_at)
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.addWidget(self.plot)
        split.addWidget(self.slices)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 0)
        split.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.read_out)
        layout.addWidget(split, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A low panel is the curve's alone: two halves could not be read."""
        super().resizeEvent(event)
        self.slices.setVisible(event.size().height() >= _BOTH_FROM_PX)

    def show_state(self, state: ScenarioState) -> None:
        """Draws new figures in place."""
        self.plot.show_state(state)
        self.read_out.show_state(state)
        self.slices.model_.set_slices(state.slices)

    def retheme(self) -> None:
        """Takes over the colours."""
        self.plot.retheme()
        self.read_out.retheme()
        self.slices.model_.retheme()


def _at(level: float, state: ScenarioState, curve: FloatArray) -> float:
    return float(np.interp(level, state.spots, curve))


def _set_text(label: QLabel, text: str) -> None:
    if text != label.text():
        label.setText(text)
