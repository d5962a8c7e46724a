"""The margin horizon as a picture: equity and requirements over SPX, and where the cushion is gone."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtWidgets import QGraphicsItem, QWidget

from execution.analysis_views import FloatArray, MarginHorizonState
from ui import format as fmt
from ui.analysis.words import level_text, move_text
from ui.theme import Ink, Theme
from ui.widgets.plot_style import style_plot

#: Inks of equity, Reg-T, portfolio margin.
INKS = (Ink.SERIES_1, Ink.SERIES_2, Ink.SERIES_4)
_TICK_ROOM_PX = 54
_HEADROOM = 0.10
#: Beside the outermost rungs, so that the axis stands still while the index ticks.
_SIDE_ROOM = 0.02
_WELL_FILLED = 0.55


def dollars_text(value: float) -> str:
    """Returns a balance in few characters, without a plus: `512k`, `−1.2M`."""
    return "0" if value == 0 else fmt.compact_money(value).lstrip("+").replace(".0", "")


def spot_now(state: MarginHorizonState) -> float:
    """Returns the index level without a move, NaN without rungs."""
    if not state.rungs:
        return math.nan
    rung = min(state.rungs, key=lambda one: abs(one.shift_pct))
    return rung.spot / (1 + rung.shift_pct / 100)


def series(state: MarginHorizonState) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Returns equity, Reg-T and portfolio requirement over the rungs, NaN = unknown."""

    def line(values: list[float | None]) -> FloatArray:
        return np.array([math.nan if value is None else value for value in values], dtype=np.float64)

    return (
        line([rung.equity for rung in state.rungs]),
        line([rung.reg_t for rung in state.rungs]),
        line([rung.portfolio for rung in state.rungs]),
    )


def own_curves(own_method: str) -> frozenset[int]:
    """Returns the curves that count: equity and the requirement of the account's method, both where accounts differ."""
    return {"Reg-T": frozenset({0, 1}), "Portfolio margin": frozenset({0, 2})}.get(own_method, frozenset({0, 1, 2}))


class _BalanceAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no type hints
    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002 - pyqtgraph's
        """Returns compact dollars."""
        return [dollars_text(value) for value in values]


class _RungAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no type hints
    """Ticks at the rungs, level above, move below; those without room are left out, now never is."""

    rungs: tuple[tuple[float, float], ...] = ()

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """Returns one level of ticks."""
        if not high > low:
            return []
        scale = size / (high - low)
        taken: list[float] = []
        for spot, _ in sorted(self.rungs, key=lambda one: abs(one[1])):
            if low <= spot <= high and all(abs(spot - other) * scale >= _TICK_ROOM_PX for other in taken):
                taken.append(spot)
        return [(1.0, sorted(taken))]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002 - pyqtgraph's
        """Returns level and move of each tick."""
        moves = dict(self.rungs)
        return [f"{fmt.fixed(value, 0)}\n{move_text(moves.get(value, 0.0))}" for value in values]


class MarginPlot(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no type hints
    """Draws a MarginHorizonState in place. `pointed` tells the SPX level under the mouse, None when it leaves."""

    pointed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        self._rungs = _RungAxis(orientation="bottom")
        super().__init__(parent, axisItems={"left": _BalanceAxis(orientation="left"), "bottom": self._rungs})
        self._theme = theme
        self._x_range: tuple[float, float] | None = None
        self._y_range: tuple[float, float] | None = None
        self._own = own_curves("")
        self.setMouseEnabled(x=False, y=False)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Equity and margin requirement over SPX")
        self.setMinimumSize(280, 90)
        self._build(self.getPlotItem())
        self.scene().sigMouseMoved.connect(self._on_mouse)
        self.retheme()

    def _build(self, item: pg.PlotItem) -> None:
        item.setContentsMargins(0, 4, 10, 0)
        item.getAxis("left").setWidth(48)
        item.getAxis("bottom").setHeight(34)
        item.showGrid(x=False, y=True, alpha=0.13)
        for side in ("left", "bottom"):  # painted once into a picture: half of a frame's cost otherwise
            item.getAxis(side).setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        item.getViewBox().disableAutoRange()
        self.curves = [pg.PlotDataItem(antialias=True, connect="finite") for _ in INKS]
        self._now = pg.InfiniteLine(angle=90)
        self.cross = pg.InfiniteLine(angle=90)
        self.calls = [
            pg.InfiniteLine(
                angle=90, label="", labelOpts={"position": 0.97, "anchors": [(0.0, 0.0), (1.0, 0.0)], "movable": False}
            )
            for _ in range(2)
        ]
        for part in (self._now, *self.curves, *self.calls, self.cross):
            item.addItem(part, ignoreBounds=True)
        self.cross.hide()

    def show_state(self, state: MarginHorizonState) -> None:
        """Draws new figures in place; the dollar axis moves only when it must."""
        spots = np.array([rung.spot for rung in state.rungs], dtype=np.float64)
        lines = series(state)
        for curve, values in zip(self.curves, lines, strict=True):
            curve.setData(spots, values)
        own = own_curves(state.own_method)
        if own != self._own:
            self._own = own
            self._ink_curves()
        now = spot_now(state)
        if math.isfinite(now):
            self._now.setPos(now)
        rungs = tuple((rung.spot, rung.shift_pct) for rung in state.rungs)
        if rungs != self._rungs.rungs:
            self._rungs.rungs = rungs
            self._rungs.picture = None
            self._rungs.update()
        self._show_calls(state, now)
        self._fit(spots, lines)
        self.scene().prepareForPaint()  # settles the geometry now, else the first paint asks for a second

    def _show_calls(self, state: MarginHorizonState, now: float) -> None:
        for line, shift in zip(self.calls, (state.call_down_pct, state.call_up_pct), strict=True):
            line.setVisible(shift is not None)
            if shift is not None:
                level = now * (1 + shift / 100)
                line.setPos(level)
                line.label.setFormat(f"margin call {level_text(level, shift)}")

    def _fit(self, spots: FloatArray, lines: tuple[FloatArray, FloatArray, FloatArray]) -> None:
        item = self.getPlotItem()
        if len(spots) > 1:
            low, high = float(spots.min()), float(spots.max())
            room, x_range = _SIDE_ROOM * (high - low), self._x_range
            if not (
                x_range and x_range[0] <= low and high <= x_range[1] and x_range[1] - high + low - x_range[0] < 4 * room
            ):
                self._x_range = (low - room, high + room)
                item.setXRange(*self._x_range, padding=0)
        values = np.concatenate(lines)
        known = values[np.isfinite(values)]
        if not known.size:
            return
        low, high = min(float(known.min()), 0.0), max(float(known.max()), 0.0)
        span = max(high - low, 1.0)
        before = self._y_range
        if before and before[0] <= low and high <= before[1] and span >= _WELL_FILLED * (before[1] - before[0]):
            return
        self._y_range = (low - _HEADROOM * span if low < 0 else 0.0, high + 2.5 * _HEADROOM * span)
        item.setYRange(*self._y_range, padding=0)

    def point_at(self, level: float | None) -> None:
        """Puts the crosshair at an SPX level, or takes it away."""
        self.cross.setVisible(level is not None)
        if level is not None:
            self.cross.setPos(level)
        self.pointed.emit(level)

    def _on_mouse(self, at: QPointF) -> None:
        box = self.getPlotItem().getViewBox()
        if self._x_range is None or not box.sceneBoundingRect().contains(at):
            if self.cross.isVisible():
                self.point_at(None)
            return
        level = float(box.mapSceneToView(at).x())
        self.point_at(min(max(level, self._x_range[0]), self._x_range[1]))

    def leaveEvent(self, event: QEvent) -> None:
        """Takes the crosshair away with the mouse."""
        super().leaveEvent(event)
        self.point_at(None)

    def retheme(self) -> None:
        """Takes over the colours."""
        theme = self._theme
        style_plot(self, theme)
        self._ink_curves()
        self._now.setPen(pg.mkPen(theme.color(Ink.SPOT_LINE), width=1, style=Qt.PenStyle.DashLine))
        self.cross.setPen(pg.mkPen(theme.color(Ink.TEXT_MUTED), width=1))
        for line in self.calls:
            line.setPen(pg.mkPen(theme.color(Ink.LIMIT_BREACHED), width=1.4))
            line.label.setColor(theme.color(Ink.LIMIT_BREACHED))
            line.label.setFont(theme.font(11, bold=True))
            line.label.fill = pg.mkBrush(theme.color(Ink.PANEL, alpha=215))

    def _ink_curves(self) -> None:
        """What counts for the account is drawn solid, the other requirement dashed."""
        for index, (curve, ink) in enumerate(zip(self.curves, INKS, strict=True)):
            is_other = index not in self._own
            style = Qt.PenStyle.DashLine if is_other else Qt.PenStyle.SolidLine
            curve.setPen(pg.mkPen(self._theme.color(ink), width=1.4 if is_other else 2, style=style))
