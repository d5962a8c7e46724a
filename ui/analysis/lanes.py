"""One lane a limit over SPX: how much of it is used at every level, the 100 % line, and the figures at the mouse."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from execution.analysis_views import BreachMapState, LimitLane
from ui import format as fmt
from ui.analysis.spot_axis import SpotColumns, zero_index
from ui.analysis.words import level_text
from ui.theme import NEAR_LIMIT, Ink, LimitState, Theme, limit_ink

_NAME_PX, _FIGURE_PX, _TOP_PX, _AXIS_PX, _LOW_AXIS_PX = 74, 136, 20, 32, 18
_LEVELS_FROM_PX = 200
_GAP_PX = 4
#: A lane's full height, as a share of the limit.
_FULL = 1.5
_STATES = (LimitState.OK, LimitState.NEAR, LimitState.BREACHED)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


def broken(lane: LimitLane) -> np.ndarray:
    """Returns per spot whether the lane's limit is broken there."""
    low = -math.inf if lane.low is None else lane.low
    high = math.inf if lane.high is None else lane.high
    return np.asarray((lane.values < low) | (lane.values > high))


class BreachLanes(QWidget):
    """Paints the lanes. `pointed` tells the column under the mouse (or moved to by arrow keys), None when it left."""

    pointed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._state: BreachMapState | None = None
        self._broken: list[np.ndarray] = []
        self._at: int | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Share of each limit used over SPX; arrow keys move the read-out")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def minimumSizeHint(self) -> QSize:
        """Names, figures and a strip between them."""
        return QSize(330, 110)

    # --- figures ------------------------------------------------------------------------------------------------------

    def show_state(self, state: BreachMapState) -> None:
        """Takes new figures."""
        self._state = state
        self._broken = [broken(lane) for lane in state.lanes]
        if self._at is not None and self._at >= len(state.spot_shifts_pct):
            self._at = None
        self.update()

    def point_at(self, column: int | None) -> None:
        """Moves the read-out to a column, None = back to now."""
        if column != self._at:
            self._at = column
            self.update()

    @property
    def read_out(self) -> str:
        """Where the figures at the right are taken: `SPX 7,012 (−2.6%)`."""
        state = self._state
        if state is None:
            return ""
        at = self._column(state)
        move = float(state.spot_shifts_pct[at])
        where = level_text(state.spot_now * (1 + move / 100), move)
        return f"SPX {fmt.price(state.spot_now)}, now" if move == 0 else where

    def figure_at(self, lane_index: int) -> tuple[str, str]:
        """Returns value and used share of a lane at the read-out: `−2,731`, `▲ 109%`."""
        state = self._state
        if state is None:
            return fmt.EM_DASH, ""
        lane, at = state.lanes[lane_index], self._column(state)
        used = float(lane.utilisation[at])
        share = "no limit" if math.isnan(used) and not self._broken[lane_index][at] else fmt.utilisation(used)
        text = fmt.metric_value(lane.metric, float(lane.values[at]))
        mark = {LimitState.BREACHED: "▲ ", LimitState.NEAR: "● "}.get(self._lane_state(state, lane_index, at), "")
        return text, fmt.EM_DASH if text == fmt.EM_DASH else f"{mark}{share}"

    def _column(self, state: BreachMapState) -> int:
        return zero_index(state.spot_shifts_pct) if self._at is None else self._at

    def _lane_state(self, state: BreachMapState, lane_index: int, column: int) -> LimitState:
        used = float(state.lanes[lane_index].utilisation[column])
        if self._broken[lane_index][column]:
            return LimitState.BREACHED
        if math.isnan(used):
            return LimitState.UNKNOWN
        return LimitState.NEAR if used >= NEAR_LIMIT else LimitState.OK

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
        return SpotColumns(state.spot_shifts_pct, state.spot_now, _NAME_PX, self.width() - _FIGURE_PX)

    def lane_rect(self, index: int) -> QRectF:
        """Returns where a lane's strip is painted."""
        count = 1 if self._state is None else max(len(self._state.lanes), 1)
        axis = _AXIS_PX if self._has_levels else _LOW_AXIS_PX
        high = (self.height() - _TOP_PX - axis) / count
        return QRectF(
            _NAME_PX, round(_TOP_PX + index * high), self.width() - _NAME_PX - _FIGURE_PX, round(high) - _GAP_PX
        )  # fmt: skip

    # --- painting -----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints lanes, axis and read-out."""
        painter = QPainter(self)
        painter.setClipRegion(event.region())
        state, columns = self._state, self.columns
        if state is None or columns is None:
            painter.end()
            return
        for index in range(len(state.lanes)):
            self._paint_lane(painter, state, index, columns)
        bottom = self.lane_rect(len(state.lanes) - 1).bottom() if state.lanes else _TOP_PX
        self._paint_now(painter, columns, bottom)
        columns.paint(painter, self._theme, bottom + 3, with_levels=self._has_levels)
        self._paint_title(painter)
        if self.hasFocus():
            painter.setPen(QPen(self._theme.color(Ink.ACCENT), 1))
            painter.drawRect(QRectF(_NAME_PX - 1.5, _TOP_PX - 1.5, self.lane_rect(0).width() + 2, bottom - _TOP_PX + 2))
        painter.end()

    def _paint_title(self, painter: QPainter) -> None:
        top = QRectF(8, 0, self.width() - 16, _TOP_PX)
        painter.setFont(self._theme.small_font())
        painter.setPen(self._theme.color(Ink.TEXT_MUTED))
        painter.drawText(top, _LEFT, "Limit used, line = 100%")
        painter.setFont(self._theme.number_font(12, bold=True))
        painter.setPen(self._theme.color(Ink.TEXT))
        painter.drawText(top, _RIGHT, self.read_out)

    def _paint_lane(self, painter: QPainter, state: BreachMapState, index: int, columns: SpotColumns) -> None:
        lane, rect = state.lanes[index], self.lane_rect(index)
        painter.fillRect(rect, self._theme.color(Ink.BAR_TRACK, alpha=110))
        self._paint_used(painter, state, index, rect, columns)
        line_y = round(rect.bottom() - rect.height() / _FULL) + 0.5
        painter.setPen(QPen(self._theme.color(Ink.TEXT_MUTED), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(rect.left(), line_y), QPointF(rect.right(), line_y))
        self._paint_crossings(painter, lane, rect, columns)
        painter.setFont(self._theme.font())
        painter.setPen(self._theme.color(Ink.TEXT))
        painter.drawText(QRectF(8, rect.top(), _NAME_PX - 8, rect.height()), _LEFT, fmt.metric_name(lane.metric))
        value, share = self.figure_at(index)
        lane_state = self._lane_state(state, index, self._column(state))
        figures = QRectF(rect.right() + 4, rect.top(), _FIGURE_PX - 10, rect.height())
        painter.setFont(self._theme.number_font(12, bold=True))
        painter.drawText(figures.adjusted(0, 0, -58, 0), _RIGHT, value)
        alarming = lane_state in (LimitState.BREACHED, LimitState.NEAR)
        painter.setPen(self._theme.color(limit_ink(lane_state) if alarming else Ink.TEXT_MUTED))
        painter.setFont(self._theme.number_font(11))
        painter.drawText(figures, _RIGHT, share)

    def _paint_used(
        self, painter: QPainter, state: BreachMapState, index: int, rect: QRectF, columns: SpotColumns
    ) -> None:
        """Fills the strip column by column; the height says what the colour says."""
        used = state.lanes[index].utilisation
        shares = np.clip(np.where(np.isnan(used), np.where(self._broken[index], _FULL, 0.0), used), 0.0, _FULL)
        bars: dict[LimitState, list[QRectF]] = {one: [] for one in _STATES}
        for column, share in enumerate(shares.tolist()):
            if share > 0:
                left, right = round(columns.edge(column)), round(columns.edge(column + 1))
                high = share / _FULL * rect.height()
                bars[self._lane_state(state, index, column)].append(
                    QRectF(left, rect.bottom() - high, right - left, high)
                )
        painter.setPen(Qt.PenStyle.NoPen)
        for lane_state, rects in bars.items():
            if rects:
                painter.setBrush(self._theme.color(limit_ink(lane_state), alpha=170))
                painter.drawRects(rects)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_crossings(self, painter: QPainter, lane: LimitLane, rect: QRectF, columns: SpotColumns) -> None:
        """Marks with a small pennant where the limit breaks first on each side."""
        for crossing, side in ((lane.down, -1.0), (lane.up, 1.0)):
            if crossing is None or crossing.shift_pct == 0:
                continue
            x = columns.x_of(crossing.shift_pct)
            painter.setPen(QPen(self._theme.color(Ink.TEXT), 1))
            painter.drawLine(QPointF(x, rect.top()), QPointF(x, rect.bottom()))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color(Ink.TEXT))
            top = rect.top()
            painter.drawPolygon(QPolygonF([QPointF(x, top), QPointF(x + side * 6, top + 3), QPointF(x, top + 6)]))
            painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_now(self, painter: QPainter, columns: SpotColumns, bottom: float) -> None:
        painter.setPen(QPen(self._theme.color(Ink.SPOT_LINE), 1, Qt.PenStyle.DashLine))
        now = columns.x_of(0.0)
        painter.drawLine(QPointF(now, _TOP_PX), QPointF(now, bottom))
        if self._at is not None:
            x = columns.edge(self._at + 0.5)
            painter.setPen(QPen(self._theme.color(Ink.ACCENT), 1))
            painter.drawLine(QPointF(x, _TOP_PX), QPointF(x, bottom))

    # --- mouse and keys -----------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Takes the read-out to the mouse."""
        columns = self.columns
        self._point(None if columns is None else columns.index_at(event.position().x()))

    def leaveEvent(self, event: QEvent) -> None:
        """Takes the read-out back to now."""
        super().leaveEvent(event)
        self._point(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right move the read-out, Escape takes it back to now."""
        state = self._state
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if state is not None and step is not None:
            self._point(min(max(self._column(state) + step, 0), len(state.spot_shifts_pct) - 1))
        elif event.key() == Qt.Key.Key_Escape and self._at is not None:
            self._point(None)
        else:
            super().keyPressEvent(event)

    def _point(self, column: int | None) -> None:
        if column != self._at:
            self.point_at(column)
            self.pointed.emit(column)
