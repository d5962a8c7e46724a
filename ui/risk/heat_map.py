"""Spot x vol heat map: the P&L written in each cell, coloured by sign and size; the zero-shock cell outlined."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from execution.views import ScenarioState
from ui import format as fmt
from ui.risk.scenario_bar import date_text
from ui.risk.slices import move_text
from ui.theme import Ink, Theme

_LEFT_PX, _TOP_PX, _BOTTOM_PX, _EDGE_PX = 74, 26, 40, 10
#: Deepest colour, as the share of gain or loss ink in the cell.
_DEEPEST = 0.62
_CENTER = Qt.AlignmentFlag.AlignCenter


def cell_text(pnl: float) -> str:
    """Returns a cell's figure: compact dollars with sign; exactly nothing is a plain 0."""
    return "0" if pnl == 0 else fmt.compact_money(pnl)


class HeatMap(QWidget):
    """Paints `ScenarioState.grid`, vol up at the top; the cell under the mouse is told in words above the map."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._state: ScenarioState | None = None
        self._texts: list[list[str]] = []
        self._shades: list[list[int]] = []
        self._axes: tuple[object, ...] = ()
        self._hovered: tuple[int, int] | None = None
        self.setMouseTracking(True)
        self.setAccessibleName("P&L by SPX move and vol shift")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def minimumSizeHint(self) -> QSize:
        """Figures still fit."""
        return QSize(320, 140)

    # --- figures ------------------------------------------------------------------------------------------------------

    def show_state(self, state: ScenarioState) -> None:
        """Takes new figures; repaints only the cells that look different."""
        rows, columns = state.grid.shape
        texts = [[cell_text(float(state.grid[row, column])) for column in range(columns)] for row in range(rows)]
        shades = _shades(state)
        axes = (
            state.grid_spot_shifts_pct.tolist(),
            state.grid_vol_shifts.tolist(),
            state.vol_shift_relative,
            fmt.fixed(state.spot_now, 0),
            date_text(state.as_of_utc, state.days_forward, state.last_expiry_days),
        )
        before_texts, before_shades, before_axes = self._texts, self._shades, self._axes
        self._state, self._texts, self._shades, self._axes = state, texts, shades, axes
        if axes != before_axes or len(before_texts) != rows:
            self.update()
        else:
            for row in range(rows):
                for column in range(columns):
                    if (
                        texts[row][column] != before_texts[row][column]
                        or shades[row][column] != before_shades[row][column]
                    ):
                        self.update(self.cell_rect(row, column).toAlignedRect())
        self.update(0, 0, self.width(), _TOP_PX)

    @property
    def zero_cell(self) -> tuple[int, int] | None:
        """Row and column of the cell without any shock, None before figures came."""
        if self._state is None:
            return None
        return (
            int(np.abs(self._state.grid_vol_shifts).argmin()),
            int(np.abs(self._state.grid_spot_shifts_pct).argmin()),
        )

    def text_at(self, row: int, column: int) -> str:
        """Returns what is written in a cell of `grid[row, column]`."""
        return self._texts[row][column]

    # --- geometry -----------------------------------------------------------------------------------------------------

    def cell_rect(self, row: int, column: int) -> QRectF:
        """Returns where `grid[row, column]` is painted; the last row (highest vol) is on top."""
        rows, columns = len(self._texts), len(self._texts[0])
        wide = (self.width() - _LEFT_PX - _EDGE_PX) / columns
        high = (self.height() - _TOP_PX - _BOTTOM_PX) / rows
        return QRectF(_LEFT_PX + column * wide, _TOP_PX + (rows - 1 - row) * high, wide, high)

    def cell_at(self, at: QPoint) -> tuple[int, int] | None:
        """Returns the cell at a point."""
        if not self._texts:
            return None
        rows, columns = len(self._texts), len(self._texts[0])
        first = self.cell_rect(rows - 1, 0)
        row = rows - 1 - math.floor((at.y() - first.top()) / first.height())
        column = math.floor((at.x() - first.left()) / first.width())
        return (row, column) if 0 <= row < rows and 0 <= column < columns else None

    # --- painting -----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints the cells and labels that the event asks for."""
        painter = QPainter(self)
        state = self._state
        if state is None:
            painter.end()
            return
        dirty = QRectF(event.rect())
        painter.setFont(self._theme.number_font(12))
        for row in range(len(self._texts)):
            for column in range(len(self._texts[row])):
                rect = self.cell_rect(row, column)
                if rect.intersects(dirty):
                    self._paint_cell(painter, rect, row, column)
        zero = self.zero_cell
        if zero is not None:
            self._outline(painter, self.cell_rect(*zero), Ink.TEXT, 2)
        if self._hovered is not None:
            self._outline(painter, self.cell_rect(*self._hovered), Ink.ACCENT, 1.5)
        self._paint_axes(painter, state)
        painter.end()

    def _paint_cell(self, painter: QPainter, rect: QRectF, row: int, column: int) -> None:
        painter.fillRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), self._shade(self._shades[row][column]))
        text = self._texts[row][column]
        painter.setPen(self._theme.color(Ink.TEXT_DISABLED if text == fmt.EM_DASH else Ink.TEXT))
        painter.drawText(rect, int(_CENTER), text)

    def _shade(self, shade: int) -> QColor:
        base = self._theme.color(Ink.RAISED)
        over = self._theme.color(Ink.GAIN if shade > 0 else Ink.LOSS)
        part = abs(shade) / 100 * _DEEPEST
        return QColor.fromRgbF(
            base.redF() + (over.redF() - base.redF()) * part,
            base.greenF() + (over.greenF() - base.greenF()) * part,
            base.blueF() + (over.blueF() - base.blueF()) * part,
        )

    def _outline(self, painter: QPainter, rect: QRectF, ink: Ink, width: float) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self._theme.color(ink), width))
        painter.drawRect(rect.adjusted(1, 1, -1, -1))

    def _paint_axes(self, painter: QPainter, state: ScenarioState) -> None:
        painter.setFont(self._theme.number_font(11))
        for row, shift in enumerate(state.grid_vol_shifts.tolist()):
            rect = self.cell_rect(row, 0)
            painter.setPen(self._theme.color(Ink.TEXT if shift == 0 else Ink.TEXT_MUTED))
            label = QRectF(0, rect.top(), _LEFT_PX - 8, rect.height())
            text = vol_text(shift, is_relative=state.vol_shift_relative)
            painter.drawText(label, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), text)
        for column, shift in enumerate(state.grid_spot_shifts_pct.tolist()):
            rect = self.cell_rect(0, column)
            label = QRectF(rect.left(), rect.bottom() + 3, rect.width(), _BOTTOM_PX - 6)
            painter.setPen(self._theme.color(Ink.TEXT if abs(shift) < 1e-9 else Ink.TEXT_MUTED))
            level = fmt.fixed(state.spot_now * (1 + shift / 100), 0)
            painter.drawText(label, int(Qt.AlignmentFlag.AlignHCenter), f"{level}\n{move_text(round(shift, 2))}")
        painter.setPen(self._theme.color(Ink.TEXT_MUTED))
        painter.setFont(self._theme.small_font())
        kind = "per cent of each vol" if state.vol_shift_relative else "vol points"
        when = date_text(state.as_of_utc, state.days_forward, state.last_expiry_days)
        title = QRectF(_EDGE_PX, 0, self.width() - 2 * _EDGE_PX, _TOP_PX)
        side = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(title, side, f"Vol shift in {kind}  ×  SPX move: P&L in $ against now, {when}")
        painter.setPen(self._theme.color(Ink.TEXT))
        painter.setFont(self._theme.number_font(12, bold=True))
        side = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(title, side, self.hover_text)

    # --- mouse --------------------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Marks the cell under the mouse and tells it in words."""
        self._hover(self.cell_at(QPointF(event.position()).toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        """Takes the mark away."""
        super().leaveEvent(event)
        self._hover(None)

    def _hover(self, cell: tuple[int, int] | None) -> None:
        if cell == self._hovered:
            return
        for one in (self._hovered, cell):
            if one is not None:
                self.update(_grown(self.cell_rect(*one)))
        self._hovered = cell
        self.update(0, 0, self.width(), _TOP_PX)

    @property
    def hover_text(self) -> str:
        """The cell under the mouse in words, nothing when there is none."""
        state = self._state
        if state is None or self._hovered is None:
            return ""
        row, column = self._hovered
        move, vol = float(state.grid_spot_shifts_pct[column]), float(state.grid_vol_shifts[row])
        level = fmt.price(state.spot_now * (1 + move / 100))
        shift = vol_text(vol, is_relative=state.vol_shift_relative)
        pnl = fmt.signed(float(state.grid[row, column]), 0)
        return f"SPX {level} ({move_text(round(move, 2))}), vol {shift}:  {pnl} $"


def vol_text(shift: float, *, is_relative: bool) -> str:
    """Returns a vol shift with its unit: `+2.5 pts`, `−30%`."""
    text = fmt.signed(shift, 0 if float(shift).is_integer() else 1)
    return f"{text}%" if is_relative else f"{text} pts"


def _shades(state: ScenarioState) -> list[list[int]]:
    """Returns -100..100 per cell: the sign, and the square root of the share of the largest figure."""
    grid = np.nan_to_num(state.grid, nan=0.0)
    largest = float(np.abs(grid).max()) if grid.size else 0.0
    if largest == 0:
        return [[0] * grid.shape[1] for _ in range(grid.shape[0])]
    shades: list[list[int]] = np.rint(np.sign(grid) * np.sqrt(np.abs(grid) / largest) * 100).astype(int).tolist()
    return shades


def _grown(rect: QRectF) -> QRect:
    return rect.adjusted(-2, -2, 2, 2).toAlignedRect()
