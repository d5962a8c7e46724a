"""Margin horizon: what the account's requirement becomes as SPX moves, beside the equity that must cover it."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from execution.analysis_views import FloatArray, MarginHorizonState, MarginRung
from ui import format as fmt
from ui.analysis.margin_plot import INKS, MarginPlot, series, spot_now
from ui.analysis.table import FigureTable
from ui.analysis.table_model import FigureColumn, dollars, figure
from ui.analysis.words import level_text, move_text
from ui.theme import GAP, PAD, Ink, Theme
from ui.widgets.labels import ValueLabel

UNITS = "$; requirement and equity after the move"
#: From this width to height on both stand side by side in any case.
_BESIDE_FROM_RATIO = 2.5
_STACKED_FROM_PX = 380
_NAMES = ("Equity", "Reg-T", "Portfolio")


COLUMNS: tuple[FigureColumn[MarginRung], ...] = (
    FigureColumn("Shift", "move of SPX; every underlying moves by its beta", lambda rung: move_text(rung.shift_pct),
                 value=lambda rung: rung.shift_pct),
    figure("SPX", "level after the move", lambda rung: rung.spot, fmt.money),
    figure("Vol change pts", "points that a 30-day at-the-money vol of SPX moves with it",
           lambda rung: rung.vol_change_points, lambda value: fmt.signed(value, 1)),
    figure("Equity", "net liquidation after the move, dollars", lambda rung: rung.equity, fmt.money),
    figure("Reg-T", "strategy-based requirement, dollars", lambda rung: rung.reg_t, fmt.money),
    figure("Portfolio", "risk-based (portfolio margin) requirement, dollars", lambda rung: rung.portfolio, fmt.money),
    figure("Excess", "equity less the requirement of the account's own method, dollars; negative = margin call",
           lambda rung: rung.excess, dollars, is_signed=True),
)  # fmt: skip


def call_text(state: MarginHorizonState) -> str:
    """Returns where the margin call is, in words."""
    if not state.rungs:
        return ""
    now = spot_now(state)
    at_zero = min(state.rungs, key=lambda rung: abs(rung.shift_pct))
    if at_zero.excess is not None and at_zero.excess < 0:
        return f"▲ Margin call now: {fmt.money(-at_zero.excess)} short"
    if all(rung.excess is None for rung in state.rungs):
        return "Margin call: unknown, the requirement is not known"
    parts = [
        level_text(now * (1 + shift / 100), shift)
        for shift in (state.call_down_pct, state.call_up_pct)
        if shift is not None
    ]
    low, high = (move_text(pick(rung.shift_pct for rung in state.rungs)) for pick in (min, max))
    return f"Margin call at {' and '.join(parts)}" if parts else f"No margin call from {low} to {high}"


def broker_text(state: MarginHorizonState) -> str:
    """Returns the broker's requirement against ours."""
    at_zero = min(state.rungs, key=lambda rung: abs(rung.shift_pct), default=None)
    ours = None if at_zero is None or at_zero.excess is None else at_zero.equity - at_zero.excess
    theirs = state.broker_requirement
    text = f"Requirement now: broker {fmt.money(theirs)}, ours {fmt.money(ours)} ({state.own_method})"
    if ours is None or theirs is None or not (math.isfinite(ours) and math.isfinite(theirs)):
        return text
    share = f", {fmt.signed_percent((ours / theirs - 1) * 100)}" if theirs else ""
    return f"{text}, ours less broker's {fmt.signed(ours - theirs, 0)}{share}"


class MarginPage(QWidget):
    """The page: sentences, legend that is also the read-out, plot, table."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._state: MarginHorizonState | None = None
        self._lines: tuple[FloatArray, FloatArray, FloatArray] | None = None
        self._level: float | None = None
        self._is_placed = False
        self.call = QLabel(self)
        self.call.setFont(theme.font(bold=True))
        self.broker = QLabel(self)
        self.broker.setProperty("role", "caption")
        for label in (self.call, self.broker):
            label.setWordWrap(True)
        self.plot = MarginPlot(theme, self)
        self.table: FigureTable[MarginRung] = FigureTable(
            theme,
            COLUMNS,
            name="Margin horizon",
            key=lambda rung: rung.shift_pct,
            is_marked=lambda rung: rung.shift_pct == 0,
            parent=self,
        )
        self.where = QLabel(self)
        self.where.setFont(theme.number_font(bold=True))
        self.names = [QLabel(self) for _ in _NAMES]
        self.values = [ValueLabel(theme, self, bold=True) for _ in _NAMES]
        self._lay_out()
        self.plot.pointed.connect(self._on_pointed)
        self._ink_names()

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setContentsMargins(PAD, 3, PAD, 2)
        words.setSpacing(0)
        words.addWidget(self.call)
        words.addWidget(self.broker)
        legend = QHBoxLayout()
        legend.setContentsMargins(PAD, 2, PAD, 0)
        legend.setSpacing(GAP)
        legend.addWidget(self.where)
        for name, value in zip(self.names, self.values, strict=True):
            legend.addSpacing(PAD)
            legend.addWidget(name)
            legend.addWidget(value)
        legend.addStretch(1)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addLayout(legend)
        left.addWidget(self.plot, 1)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addLayout(words)
        right.addWidget(self.table, 1)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(GAP)
        self._row.addLayout(left, 1)
        self._row.addLayout(right, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The table beside the plot in a low or wide panel, below it in a tall one."""
        super().resizeEvent(event)
        size = event.size()
        is_tall = size.height() >= _STACKED_FROM_PX and size.width() < _BESIDE_FROM_RATIO * size.height()
        self._row.setDirection(QBoxLayout.Direction.TopToBottom if is_tall else QBoxLayout.Direction.LeftToRight)

    def show_state(self, state: MarginHorizonState) -> None:
        """Draws new figures in place."""
        self._state, self._lines = state, series(state)
        self.plot.show_state(state)
        self.table.set_rows(state.rungs)
        if not self._is_placed and state.rungs:
            self._is_placed = True
            self.table.keep_in_middle(min(range(len(state.rungs)), key=lambda index: abs(state.rungs[index].shift_pct)))
        for label, text in ((self.call, call_text(state)), (self.broker, broker_text(state))):
            if text != label.text():
                label.setText(text)
        self._show_values()

    @Slot(object)
    def _on_pointed(self, level: float | None) -> None:
        self._level = level
        self._show_values()

    def _show_values(self) -> None:
        """Reads the curves at the crosshair, without one at now."""
        state, lines = self._state, self._lines
        if state is None or lines is None or not state.rungs:
            return
        now = spot_now(state)
        level = now if self._level is None else self._level
        text = level_text(level, (level / now - 1) * 100)
        if text != self.where.text():
            self.where.setText(text)
            self.where.setMinimumWidth(max(self.where.minimumWidth(), self.where.sizeHint().width()))
        spots = np.array([rung.spot for rung in state.rungs])
        for label, line in zip(self.values, lines, strict=True):
            value = float(np.interp(level, spots, line))
            label.set(fmt.money(value), Ink.TEXT if fmt.is_known(value) else Ink.TEXT_MUTED)

    def _ink_names(self) -> None:
        muted = self._theme.css(Ink.TEXT_MUTED)
        for label, name, ink in zip(self.names, _NAMES, INKS, strict=True):
            label.setText(
                f'<span style="color:{self._theme.css(ink)}">▬</span> <span style="color:{muted}">{name}</span>'
            )  # fmt: skip

    def retheme(self) -> None:
        """Takes over the colours."""
        self._ink_names()
        self.plot.retheme()
        self.table.figures.retheme()
