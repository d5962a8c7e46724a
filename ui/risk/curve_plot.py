"""The P&L curve: today, on the chosen date, at expiry; spot, zero and the expected move marked; crosshair."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtWidgets import QGraphicsItem, QWidget

from execution.views import FloatArray, ScenarioState
from ui import format as fmt
from ui.risk.slices import move_text
from ui.theme import Ink, Theme
from ui.widgets.plot_style import style_plot

_WIDTH_PX = 1.8
#: The dollar axis is left alone while the curves fill at least this share of it.
_WELL_FILLED = 0.55
_HEADROOM = 0.08
#: What a flat line is drawn on.
_EMPTY_DOLLARS = 1000.0
_TICK_STEPS_PCT = (0.5, 1.0, 2.5, 5.0, 10.0)
_TICK_ROOM_PX = 52


class _DollarAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no type hints
    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002 - pyqtgraph's
        """Returns compact dollars."""
        return ["0" if value == 0 else fmt.compact_money(value).replace(".0", "") for value in values]


class _SpotAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no type hints
    """Ticks at round moves of the spot: the level above, the per cent below."""

    spot = math.nan

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """Returns one level of ticks, as many as have room."""
        if not self.spot > 0 or high <= low:
            return []
        span_pct = (high - low) / self.spot * 100
        most = max(size / _TICK_ROOM_PX, 2)
        step = next((step for step in _TICK_STEPS_PCT if span_pct / step <= most), _TICK_STEPS_PCT[-1])
        first = math.ceil((low / self.spot - 1) * 100 / step - 1e-9)
        last = math.floor((high / self.spot - 1) * 100 / step + 1e-9)
        return [(step, [self.spot * (1 + index * step / 100) for index in range(first, last + 1)])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002 - pyqtgraph's
        """Returns level and move of each tick."""
        return [f"{fmt.fixed(value, 0)}\n{move_text(round((value / self.spot - 1) * 100, 1))}" for value in values]


class CurvePlot(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no type hints
    """Draws a ScenarioState in place. `pointed` tells the SPX level under the mouse, None when it leaves."""

    pointed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        self._spot_axis = _SpotAxis(orientation="bottom")
        super().__init__(parent, axisItems={"left": _DollarAxis(orientation="left"), "bottom": self._spot_axis})
        self._theme = theme
        self._x_range: tuple[float, float] | None = None
        self._y_range: tuple[float, float] | None = None
        self.setMouseEnabled(x=False, y=False)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMinimumHeight(110)
        self._build(self.getPlotItem())
        self.scene().sigMouseMoved.connect(self._on_mouse)
        self.retheme()

    def _build(self, item: pg.PlotItem) -> None:
        item.setContentsMargins(0, 6, 10, 0)
        item.getAxis("left").setWidth(54)
        item.getAxis("bottom").setHeight(34)
        item.showGrid(x=True, y=True, alpha=0.13)
        for side in ("left", "bottom"):  # painted once into a picture: half of a frame's cost otherwise
            item.getAxis(side).setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        item.getViewBox().disableAutoRange()
        self._move = pg.LinearRegionItem(movable=False)
        self._gain = pg.PlotDataItem(fillLevel=0.0)
        self._loss = pg.PlotDataItem(fillLevel=0.0)
        self.expiry = pg.PlotDataItem(antialias=True)
        self.date = pg.PlotDataItem(antialias=True)
        self.today = pg.PlotDataItem(antialias=True)
        self._zero = pg.InfiniteLine(pos=0, angle=0)
        self._spot = pg.InfiniteLine(angle=90)
        self.cross = pg.InfiniteLine(angle=90)
        self._dots = pg.ScatterPlotItem(size=7, pxMode=True)
        self._state: ScenarioState | None = None
        for part in (self._move, self._gain, self._loss, self._zero, self._spot):
            item.addItem(part, ignoreBounds=True)
        for part in (self.expiry, self.date, self.today, self.cross, self._dots):
            item.addItem(part, ignoreBounds=True)
        self.cross.hide()

    # --- drawing ------------------------------------------------------------------------------------------------------

    def show_state(self, state: ScenarioState) -> None:
        """Draws new figures in place; the dollar axis moves only when it must."""
        self._state = state
        spots = state.spots
        self.expiry.setData(spots, state.curve_expiry)
        self._gain.setData(spots, np.maximum(state.curve_expiry, 0.0))
        self._loss.setData(spots, np.minimum(state.curve_expiry, 0.0))
        self.today.setData(spots, state.curve_today)
        self.date.setData(spots, state.curve_date)
        self.date.setVisible(has_date_curve(state))
        self._spot.setPos(state.spot_now)
        self._spot_axis.spot = state.spot_now
        self._show_move(state)
        self._fit(state)
        if self.cross.isVisible():
            self._show_dots(float(self.cross.value()))
        self.scene().prepareForPaint()  # settles the geometry now, else the first paint asks for a second

    def _show_move(self, state: ScenarioState) -> None:
        move = expected_move(state)
        self._move.setVisible(move is not None)
        if move is not None:
            self._move.setRegion((state.spot_now - move, state.spot_now + move))

    def _fit(self, state: ScenarioState) -> None:
        item = self.getPlotItem()
        x_range = (float(state.spots[0]), float(state.spots[-1]))
        if x_range != self._x_range:
            self._x_range = x_range
            item.setXRange(*x_range, padding=0)
        y_range = fitted_range(self._y_range, (state.curve_today, state.curve_date, state.curve_expiry))
        if y_range is not None and y_range != self._y_range:
            self._y_range = y_range
            item.setYRange(*y_range, padding=0)

    # --- crosshair ----------------------------------------------------------------------------------------------------

    def point_at(self, level: float | None) -> None:
        """Puts the crosshair at an SPX level, or takes it away."""
        self.cross.setVisible(level is not None)
        if level is None:
            self._dots.setData([], [])
        else:
            self.cross.setPos(level)
            self._show_dots(level)
        self.pointed.emit(level)

    def _show_dots(self, level: float) -> None:
        state = self._state
        if state is None:
            return
        curves = [(Ink.CURVE_TODAY, state.curve_today), (Ink.CURVE_EXPIRY, state.curve_expiry)]
        if has_date_curve(state):
            curves.insert(1, (Ink.CURVE_DATE, state.curve_date))
        self._dots.setData(
            [level] * len(curves),
            [float(np.interp(level, state.spots, curve)) for _, curve in curves],
            brush=[self._theme.color(ink) for ink, _ in curves],
            pen=None,
        )

    def _on_mouse(self, at: QPointF) -> None:
        box = self.getPlotItem().getViewBox()
        state = self._state
        if state is None or not box.sceneBoundingRect().contains(at):
            if self.cross.isVisible():
                self.point_at(None)
            return
        level = float(box.mapSceneToView(at).x())
        self.point_at(min(max(level, float(state.spots[0])), float(state.spots[-1])))

    def leaveEvent(self, event: QEvent) -> None:
        """Takes the crosshair away with the mouse."""
        super().leaveEvent(event)
        self.point_at(None)

    def retheme(self) -> None:
        """Takes over the colours."""
        theme = self._theme
        style_plot(self, theme)
        for curve, ink in (
            (self.expiry, Ink.CURVE_EXPIRY),
            (self.date, Ink.CURVE_DATE),
            (self.today, Ink.CURVE_TODAY),
        ):
            curve.setPen(pg.mkPen(theme.color(ink), width=_WIDTH_PX))
        self._zero.setPen(pg.mkPen(theme.color(Ink.TEXT_DISABLED), width=1))
        self._spot.setPen(pg.mkPen(theme.color(Ink.SPOT_LINE), width=1, style=Qt.PenStyle.DashLine))
        self.cross.setPen(pg.mkPen(theme.color(Ink.TEXT_MUTED), width=1))
        self._move.setBrush(theme.color(Ink.ACCENT, alpha=22))
        for line in self._move.lines:
            line.setPen(pg.mkPen(theme.color(Ink.ACCENT, alpha=90), width=1, style=Qt.PenStyle.DotLine))
        for part, ink in ((self._gain, Ink.GAIN), (self._loss, Ink.LOSS)):
            part.setPen(None)
            part.setBrush(theme.color(ink, alpha=26))


def has_date_curve(state: ScenarioState) -> bool:
    """Returns whether the chosen date and vol shift give another curve than today's."""
    return not np.array_equal(state.curve_date, state.curve_today, equal_nan=True)


def expected_move(state: ScenarioState) -> float | None:
    """Returns one standard deviation of SPX in points until the chosen date, one day at the least."""
    if state.expected_move_1d is None:
        return None
    return state.expected_move_1d * math.sqrt(max(state.days_forward, 1.0))


def fitted_range(
    now: tuple[float, float] | None, curves: tuple[FloatArray, FloatArray, FloatArray]
) -> tuple[float, float] | None:
    """Returns the dollar range to show: `now` while it holds the curves and is well filled, else a new one.

    None when no figure is known.
    """
    values = np.concatenate(curves)
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    low, high = min(float(known.min()), 0.0), max(float(known.max()), 0.0)
    if low == high:  # an empty book
        low, high = -_EMPTY_DOLLARS, _EMPTY_DOLLARS
    span = max(high - low, 1.0)
    if now is not None and now[0] <= low and high <= now[1] and span >= _WELL_FILLED * (now[1] - now[0]):
        return now
    return low - _HEADROOM * span, high + _HEADROOM * span
