"""Spot x vol: how much of the worst limit is used, and which one that is; a line goes round what breaks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from execution.analysis_views import BreachMapState
from ui import format as fmt
from ui.analysis.spot_axis import SpotColumns, zero_index
from ui.analysis.words import level_text, points_text, short_name
from ui.theme import NEAR_LIMIT, Ink, Theme

_LEFT_PX, _RIGHT_PX, _TOP_PX, _AXIS_PX, _LOW_AXIS_PX = 62, 22, 20, 32, 18
_LEVELS_FROM_PX = 200
_LEAST_ROW_PX = 13
#: Share of the ink over the panel's raised colour: least and most.
_SHADES = {Ink.LIMIT_OK: (0.10, 0.34), Ink.LIMIT_NEAR: (0.42, 0.52), Ink.LIMIT_BREACHED: (0.42, 0.66)}
_CENTER = int(Qt.AlignmentFlag.AlignCenter)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring cells of a row with the same binding limit, all broken or all not: one label for all of them."""

    row: int
    start: int
    stop: int
    name: str
    is_broken: bool

    @property
    def label(self) -> str:
        """The limit's name, with the mark that does not need colour."""
        return f"▲ {self.name}" if self.is_broken else self.name


def runs(state: BreachMapState) -> tuple[Run, ...]:
    """Returns the labels of the map, row by row."""
    over = state.worst > 1.0
    found: list[Run] = []
    for row in range(state.worst.shape[0]):
        start = 0
        for column in range(1, state.worst.shape[1] + 1):
            same = (
                column < state.worst.shape[1]
                and state.binding[row, column] == state.binding[row, start]
                and over[row, column] == over[row, start]
            )
            if not same:
                lane = int(state.binding[row, start])
                name = short_name(state.lanes[lane].metric) if lane >= 0 else "no limit"
                found.append(Run(row, start, column, name, bool(over[row, start])))
                start = column
    return tuple(found)


def shades(worst: npt.NDArray[np.float64], theme: Theme) -> npt.NDArray[np.uint8]:
    """Returns blue, green, red, 255 per cell: deeper with use, another ink from 80 % and beyond 100 %."""
    base = _rgb(theme.color(Ink.RAISED))
    picture = np.empty((*worst.shape, 4), dtype=np.uint8)
    picture[...] = [*base[::-1], 255]
    bands = (
        (Ink.LIMIT_OK, worst < NEAR_LIMIT, worst / NEAR_LIMIT),
        (Ink.LIMIT_NEAR, (worst >= NEAR_LIMIT) & (worst <= 1.0), (worst - NEAR_LIMIT) / (1.0 - NEAR_LIMIT)),
        (Ink.LIMIT_BREACHED, worst > 1.0, worst - 1.0),
    )
    for ink, where, depth in bands:
        least, most = _SHADES[ink]
        part = least + (most - least) * np.clip(depth[where], 0.0, 1.0)
        over = np.array(_rgb(theme.color(ink)), dtype=np.float64)
        mixed = np.array(base) + (over - np.array(base)) * part[:, None]
        picture[where, :3] = np.rint(mixed[:, ::-1]).astype(np.uint8)
    return picture


def _rgb(color: QColor) -> tuple[int, int, int]:
    return color.red(), color.green(), color.blue()


class BreachGrid(QWidget):
    """Paints the map, vol up at the top. `pointed` tells the column under the mouse, None when it left."""

    pointed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._state: BreachMapState | None = None
        self._shape = (1, 1)
        self._runs: tuple[Run, ...] = ()
        self._picture = QImage()
        self._at: tuple[int, int] | None = None
        self._column: int | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Worst limit by SPX move and vol shift; arrow keys move the read-out")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def minimumSizeHint(self) -> QSize:
        """A few labels still fit."""
        return QSize(300, 110)

    # --- figures ------------------------------------------------------------------------------------------------------

    def show_state(self, state: BreachMapState) -> None:
        """Takes new figures."""
        rows, columns = state.worst.shape
        self._state, self._shape = state, (rows, columns)
        self._runs = runs(state)
        if self._at is not None and (self._at[0] >= rows or self._at[1] >= columns):
            self._at = None
        self.retheme()

    def retheme(self) -> None:
        """Takes over the colours."""
        if self._state is None:
            return
        rows, columns = self._state.worst.shape
        flipped = np.ascontiguousarray(shades(self._state.worst, self._theme)[::-1])
        image = QImage(flipped.tobytes(), columns, rows, columns * 4, QImage.Format.Format_RGB32)
        self._picture = image.copy()
        self.update()

    def point_at(self, column: int | None) -> None:
        """Marks a column that is pointed at elsewhere."""
        if column != self._column:
            self._column = column
            self.update()

    @property
    def labels(self) -> tuple[Run, ...]:
        """The labels of the map, whether or not there is room for each."""
        return self._runs

    @property
    def read_out(self) -> str:
        """The cell under the mouse in words: `SPX 6,840 (−5.0%), +5 pts: vega 132% ▲ over`."""
        state = self._state
        if state is None or self._at is None:
            return ""
        row, column = self._at
        move = float(state.spot_shifts_pct[column])
        lane, used = int(state.binding[row, column]), float(state.worst[row, column])
        share = f" {fmt.utilisation(used)}" if math.isfinite(used) else ""
        what = "no limit" if lane < 0 else f"{short_name(state.lanes[lane].metric)}{share}"
        cue = " ▲ over" if used > 1.0 else " ● near" if used >= NEAR_LIMIT else ""
        where = level_text(state.spot_now * (1 + move / 100), move)
        return f"{where}, {points_text(float(state.vol_shifts_points[row]))}: {what}{cue}"

    # --- geometry -----------------------------------------------------------------------------------------------------

    @property
    def _has_levels(self) -> bool:
        return self.height() >= _LEVELS_FROM_PX

    @property
    def columns(self) -> SpotColumns | None:
        """The spot axis, None before figures came."""
        state = self._state
        if state is None:
            return None
        return SpotColumns(state.spot_shifts_pct, state.spot_now, _LEFT_PX, self.width() - _RIGHT_PX)

    @property
    def map_rect(self) -> QRectF:
        """Where the cells are."""
        axis = _AXIS_PX if self._has_levels else _LOW_AXIS_PX
        return QRectF(_LEFT_PX, _TOP_PX, self.width() - _LEFT_PX - _RIGHT_PX, self.height() - _TOP_PX - axis)

    def cell_rect(self, row: int, start: int, stop: int | None = None) -> QRectF:
        """Returns where `worst[row, start:stop]` is painted; the last row (highest vol) is on top."""
        rows, columns = self._shape
        box = self.map_rect
        wide, high = box.width() / columns, box.height() / rows
        end = start + 1 if stop is None else stop
        return QRectF(box.left() + start * wide, box.top() + (rows - 1 - row) * high, (end - start) * wide, high)

    def cell_at(self, at: QPointF) -> tuple[int, int] | None:
        """Returns row and column at a point, None beside the map."""
        state = self._state
        box = self.map_rect
        if state is None or not box.contains(at):
            return None
        rows, columns = state.worst.shape
        row = rows - 1 - math.floor((at.y() - box.top()) / box.height() * rows)
        column = math.floor((at.x() - box.left()) / box.width() * columns)
        return min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)

    # --- painting -----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints map, labels, outline of what breaks, axes and read-out."""
        painter = QPainter(self)
        painter.setClipRegion(event.region())
        state, columns = self._state, self.columns
        if state is None or columns is None:
            painter.end()
            return
        painter.drawImage(self.map_rect, self._picture)
        self._paint_rows(painter, state)
        self._paint_labels(painter)
        self._paint_edges(painter, state)
        self._paint_marks(painter, state, columns)
        columns.paint(painter, self._theme, self.map_rect.bottom() + 3, with_levels=self._has_levels)
        self._paint_title(painter)
        if self.hasFocus():
            painter.setPen(QPen(self._theme.color(Ink.ACCENT), 1))
            painter.drawRect(self.map_rect.adjusted(-1.5, -1.5, 0.5, 0.5))
        painter.end()

    def _paint_title(self, painter: QPainter) -> None:
        top = QRectF(8, 0, self.width() - 16, _TOP_PX)
        painter.setFont(self._theme.small_font())
        painter.setPen(self._theme.color(Ink.TEXT_MUTED))
        if not self.read_out:
            painter.drawText(top, _LEFT, "Worst limit by SPX move and shift of all vols")
            return
        painter.setFont(self._theme.number_font(12, bold=True))
        painter.setPen(self._theme.color(Ink.TEXT))
        painter.drawText(top, _RIGHT, self.read_out)

    def _paint_rows(self, painter: QPainter, state: BreachMapState) -> None:
        rows = state.worst.shape[0]
        every = max(1, math.ceil(_LEAST_ROW_PX * rows / max(self.map_rect.height(), 1.0)))
        zero = zero_index(state.vol_shifts_points)
        painter.setFont(self._theme.small_font())
        for row, shift in enumerate(state.vol_shifts_points.tolist()):
            rect = self.cell_rect(row, 0)
            painter.setPen(self._theme.color(Ink.PANEL))
            painter.drawLine(QLineF(_LEFT_PX, rect.bottom(), self.width() - _RIGHT_PX, rect.bottom()))
            if (row - zero) % every == 0:
                label = QRectF(0, rect.center().y() - 8, _LEFT_PX - 6, 16)
                painter.setPen(self._theme.color(Ink.TEXT if shift == 0 else Ink.TEXT_MUTED))
                painter.drawText(label, _RIGHT, points_text(shift))

    def _paint_labels(self, painter: QPainter) -> None:
        """Writes a run's name once, as large as it has room; in a run that is too small, nothing."""
        font = self._theme.small_font()
        metrics = QFontMetrics(font)
        painter.setFont(font)
        painter.setPen(self._theme.color(Ink.TEXT))
        for run in self._runs:
            rect = self.cell_rect(run.row, run.start, run.stop)
            for text in (run.label, "▲" if run.is_broken else ""):
                if metrics.horizontalAdvance(text) + 4 <= rect.width() and rect.height() >= _LEAST_ROW_PX - 1:
                    painter.drawText(rect, _CENTER, text)
                    break

    def _paint_edges(self, painter: QPainter, state: BreachMapState) -> None:
        """Draws the 100 % line, between what breaks and what does not, and hairlines between different limits."""
        painter.setPen(self._theme.color(Ink.PANEL))
        starts = [self.cell_rect(run.row, run.start) for run in self._runs if run.start]
        painter.drawLines([QLineF(rect.left(), rect.top(), rect.left(), rect.bottom()) for rect in starts])
        over = state.worst > 1.0
        lines: list[QLineF] = []
        for row, column in zip(*np.nonzero(over[:, 1:] != over[:, :-1]), strict=True):
            rect = self.cell_rect(int(row), int(column))
            lines.append(QLineF(rect.right(), rect.top(), rect.right(), rect.bottom()))
        for row, column in zip(*np.nonzero(over[1:] != over[:-1]), strict=True):
            rect = self.cell_rect(int(row), int(column))
            lines.append(QLineF(rect.left(), rect.top(), rect.right(), rect.top()))
        painter.setPen(QPen(self._theme.color(Ink.TEXT), 1.6))
        painter.drawLines(lines)

    def _paint_marks(self, painter: QPainter, state: BreachMapState, columns: SpotColumns) -> None:
        box = self.map_rect
        painter.setPen(QPen(self._theme.color(Ink.SPOT_LINE), 1, Qt.PenStyle.DashLine))
        now = columns.x_of(0.0)
        painter.drawLine(QLineF(now, box.top(), now, box.bottom()))
        column = self._column if self._at is None else self._at[1]
        painter.setPen(QPen(self._theme.color(Ink.ACCENT), 1))
        if column is not None and column < len(state.spot_shifts_pct):
            x = columns.edge(column + 0.5)
            painter.drawLine(QLineF(x, box.top(), x, box.bottom()))
        if self._at is not None:
            painter.setPen(QPen(self._theme.color(Ink.ACCENT), 1.5))
            painter.drawRect(self.cell_rect(*self._at))

    # --- mouse and keys -----------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tells the cell under the mouse in words."""
        self._point(self.cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        """Takes the mark away."""
        super().leaveEvent(event)
        self._point(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys move the read-out from cell to cell, starting at now; Escape takes it away."""
        state = self._state
        step = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (1, 0),
            Qt.Key.Key_Down: (-1, 0),
        }.get(Qt.Key(event.key()))
        if state is not None and step is not None:
            row, column = self._at or (zero_index(state.vol_shifts_points), zero_index(state.spot_shifts_pct))
            rows, columns = state.worst.shape
            self._point((min(max(row + step[0], 0), rows - 1), min(max(column + step[1], 0), columns - 1)))
        elif event.key() == Qt.Key.Key_Escape and self._at is not None:
            self._point(None)
        else:
            super().keyPressEvent(event)

    def _point(self, cell: tuple[int, int] | None) -> None:
        if cell != self._at:
            self._at = cell
            self.update()
            self.pointed.emit(None if cell is None else cell[1])
