"""The history plot: a line an account, regimes behind, gaps where snapshots were missed, crosshair."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Signal
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QWidget

from models.enums import Regime
from ui.charts.source import AccountHistory, ChartMetric, Gap, History, RegimeRun
from ui.charts.thinning import broken, nearest, thin
from ui.charts.time_axis import NewYorkAxis
from ui.theme import Ink, Theme, regime_ink
from ui.widgets.plot_style import style_plot

SERIES_INKS = (Ink.SERIES_1, Ink.SERIES_2, Ink.SERIES_3, Ink.SERIES_4, Ink.SERIES_5)
_HEADROOM = 0.06
#: Above so many points on screen lines are one pixel wide and not smoothed: ten times quicker, and looks the same.
_SMOOTH_BELOW = 3000
#: So few points get a dot each: a first snapshot alone has no line.
_DOTS_UP_TO = 40
_SHORTEST_VIEW_S = 3600.0
#: Snapshots further from the crosshair than this are not read out.
_READ_WITHIN_S = 4 * 86_400.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands under the crosshair."""

    at_s: float
    values: tuple[tuple[str, float], ...]
    regime: RegimeRun | None
    missed: Gap | None


class _MetricAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no type hints
    metric = ChartMetric.NET_LIQUIDATION

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002 - pyqtgraph's
        """Returns figures as short as the spacing allows."""
        decimals = max(0, min(4, int(np.ceil(-np.log10(spacing))))) if spacing > 0 else 0
        return [f"{value:,.{decimals}f}".replace("-", "−") for value in values]


class _Bands(pg.GraphicsObject):  # type: ignore[misc]  # pyqtgraph has no type hints
    """Regimes as tinted stretches over the whole height: one row of pixels, stretched, however many changes."""

    def __init__(self) -> None:
        super().__init__()
        self._starts = np.empty(0)
        self._ends = np.empty(0)
        self._shades = np.zeros(1, dtype=np.uint32)

    def set_runs(self, runs: tuple[tuple[RegimeRun, QColor], ...]) -> None:
        """Takes stretches in time order, each with its tint."""
        self._starts = np.array([run.start_s for run, _ in runs])
        self._ends = np.array([run.end_s for run, _ in runs])
        self._shades = np.array([0, *(color.rgba() for _, color in runs)], dtype=np.uint32)
        self.update()

    def viewRangeChanged(self) -> None:
        """Follows the view."""
        self.prepareGeometryChange()
        self.update()

    def boundingRect(self) -> QRectF:
        """Covers what is in view."""
        rect: QRectF = self.viewRect() if self.getViewBox() is not None else QRectF()
        return rect

    def pixels(self, low_s: float, high_s: float, width: int) -> NDArray[np.uint32]:
        """Returns the ARGB tint of each of `width` columns between two instants; 0 where no regime is known."""
        at_s = low_s + (np.arange(width) + 0.5) * ((high_s - low_s) / width)
        index = np.searchsorted(self._starts, at_s, side="right")
        is_over = np.concatenate(([-np.inf], self._ends))[index] < at_s
        return np.where(is_over, np.uint32(0), self._shades[index])

    def paint(self, painter: QPainter, *_: object) -> None:
        """Stretches the row of pixels over the view."""
        view = self.boundingRect()
        if not self._starts.size or view.isEmpty():
            return
        row = self.pixels(view.left(), view.right(), max(int(self.getViewBox().width()), 1))
        image = QImage(row.tobytes(), row.size, 1, row.size * 4, QImage.Format.Format_ARGB32)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(view, image)


class HistoryPlot(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no type hints
    """Drag to pan, wheel to zoom in time; the vertical axis fits what is in view. `pointed` gives a Reading or None."""

    pointed = Signal(object)
    #: The user panned or zoomed.
    moved = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        self._left = _MetricAxis(orientation="left")
        super().__init__(parent, axisItems={"left": self._left, "bottom": NewYorkAxis(orientation="bottom")})
        self._theme = theme
        self._history = History((), ())
        self._metric = ChartMetric.NET_LIQUIDATION
        self._shown: tuple[AccountHistory, ...] = ()
        self._with_regimes = True
        self._is_change = False
        self.lines: dict[str, pg.PlotDataItem] = {}
        self._inks: dict[str, Ink] = {}
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(x=True, y=False)
        self._build(self.getPlotItem())
        self.getViewBox().sigXRangeChanged.connect(self._redraw)
        self.getViewBox().sigResized.connect(self._redraw)
        self.getViewBox().sigRangeChangedManually.connect(self.moved)
        self.scene().sigMouseMoved.connect(self._on_mouse)
        self.retheme()

    def _build(self, item: pg.PlotItem) -> None:
        item.setContentsMargins(0, 6, 12, 0)
        item.getAxis("left").setWidth(70)
        item.getAxis("bottom").setHeight(22)
        item.showGrid(x=True, y=True, alpha=0.13)
        item.getViewBox().disableAutoRange()
        self.bands = _Bands()
        self._zero = pg.InfiniteLine(pos=0, angle=0)
        self.gap_marks = pg.ScatterPlotItem(size=8, symbol="t", pxMode=True)
        self.cross = pg.InfiniteLine(angle=90)
        self._dots = pg.ScatterPlotItem(size=7, pxMode=True)
        for part in (self.bands, self._zero, self.gap_marks, self.cross, self._dots):
            item.addItem(part, ignoreBounds=True)
        self.cross.hide()

    # --- what it shows ------------------------------------------------------------------------------------------------

    @property
    def view_s(self) -> tuple[float, float]:
        """The range of time in view, POSIX seconds."""
        low, high = self.getViewBox().viewRange()[0]
        return float(low), float(high)

    def show_history(self, history: History) -> None:
        """Takes another history; lines of accounts that stay are kept."""
        self._history = history
        wanted = {one.account_id for one in history.accounts}
        for account_id in set(self.lines) - wanted:
            self.getPlotItem().removeItem(self.lines.pop(account_id))
        for index, one in enumerate(history.accounts):
            self._inks[one.account_id] = SERIES_INKS[index % len(SERIES_INKS)]
            if one.account_id not in self.lines:
                line = pg.PlotDataItem(connect="finite", symbolSize=5, symbolPen=None)
                self.lines[one.account_id] = line
                self.getPlotItem().addItem(line, ignoreBounds=True)
        span = history.span_s
        if span is not None:
            first, last = span
            margin = max((last - first) * 0.02, _SHORTEST_VIEW_S)
            self.getViewBox().setLimits(xMin=first - margin, xMax=last + margin, minXRange=_SHORTEST_VIEW_S)
        self._show_bands()

    def choose(self, metric: ChartMetric, accounts: frozenset[str]) -> None:
        """Draws a metric of these accounts; a market figure is drawn once."""
        self._metric = self._left.metric = metric
        shown = tuple(one for one in self._history.accounts if one.account_id in accounts)
        self._shown = tuple(sorted(shown, key=lambda one: -one.at_s.size)[:1]) if metric.is_market else shown
        for account_id, line in self.lines.items():
            line.setVisible(any(one.account_id == account_id for one in self._shown))
        self._left.setToolTip(metric.unit)
        self._redraw()

    @property
    def is_change(self) -> bool:
        """Whether per cent since the left edge are drawn; of net liquidation only, Greeks change sign."""
        return self._is_change and self._metric is ChartMetric.NET_LIQUIDATION

    def show_change(self, *, is_shown: bool) -> None:
        """Draws net liquidation as per cent since the left edge, so that accounts of any size compare."""
        self._is_change = is_shown
        self._redraw()

    def show_regimes(self, *, is_shown: bool) -> None:
        """Tints the background by regime, or not."""
        self._with_regimes = is_shown
        self._show_bands()

    def look_at(self, low_s: float, high_s: float) -> None:
        """Brings a range of time into view."""
        missing = max(_SHORTEST_VIEW_S - (high_s - low_s), 0.0)
        self.setXRange(low_s - missing / 2, high_s + missing / 2, padding=0.01)

    def _show_bands(self) -> None:
        alpha = 20 if self._theme.is_dark else 30
        runs = self._history.regimes if self._with_regimes else ()
        tints = {regime: self._theme.color(regime_ink(regime), alpha=alpha) for regime in Regime}
        self.bands.set_runs(tuple((run, tints[run.regime]) for run in runs))

    def _redraw(self) -> None:
        low, high = self.view_s
        columns = max(int(self.getViewBox().width()), 1)
        extremes: list[float] = []
        drawn = []
        for one in self._shown:
            x, y = thin(one.at_s, one.columns[self._metric.column], low, high, columns)
            base = self._base_of(one)
            y = y if base is None else (y / base - 1.0) * 100.0
            starts = np.array([gap.first_s for gap in one.gaps if low <= gap.last_s and gap.first_s <= high])
            x, y = broken(x, y, starts)
            drawn.append((one.account_id, x, y))
            known = y[np.isfinite(y)]
            if known.size:
                extremes += [float(known.min()), float(known.max())]
        is_smooth = sum(x.size for _, x, _ in drawn) < _SMOOTH_BELOW
        for account_id, x, y in drawn:
            line = self.lines[account_id]
            line.opts["antialias"] = is_smooth
            line.setPen(pg.mkPen(self._theme.color(self._inks[account_id]), width=1.6 if is_smooth else 1))
            line.setSymbol("o" if x.size <= _DOTS_UP_TO else None)
            line.setSymbolBrush(self._theme.color(self._inks[account_id]))
            line.setData(x, y)
        self._fit(extremes)
        self._mark_gaps(low, high, columns)

    def _fit(self, extremes: list[float]) -> None:
        if not extremes:
            return
        low, high = min(extremes), max(extremes)
        room = max((high - low) * _HEADROOM, abs(high) * 1e-4, 1e-6)
        self.setYRange(low - room, high + room, padding=0)

    def _mark_gaps(self, low: float, high: float, columns: int) -> None:
        gaps = [gap for one in self._shown for gap in one.gaps if low <= gap.last_s and gap.first_s <= high]
        middles = np.array([(gap.first_s + gap.last_s) / 2 for gap in gaps])
        if middles.size:
            apart = (high - low) / columns * 6
            middles = np.unique(np.round(middles / apart)) * apart
        bottom, top = self.getViewBox().viewRange()[1]
        self.gap_marks.setData(middles, np.full(middles.size, bottom + (top - bottom) * 0.03))

    # --- crosshair ----------------------------------------------------------------------------------------------------

    def reading(self, at_s: float) -> Reading | None:
        """Returns what stands at the snapshot nearest to an instant, None when there is none near."""
        hits = [(one, nearest(one.at_s, at_s)) for one in self._shown if one.at_s.size]
        if not hits:
            return None
        low, high = self.view_s
        missed = self._missed_at(at_s, (high - low) * 0.004)
        found_s = min((float(one.at_s[index]) for one, index in hits), key=lambda found: abs(found - at_s))
        if abs(found_s - at_s) > max(_READ_WITHIN_S, (high - low) * 0.01):
            return None
        if missed is not None:
            found_s = min(max(at_s, missed.first_s), missed.last_s)
        values = []
        for one, _ in hits:
            index = nearest(one.at_s, found_s)
            is_same = missed is None and abs(float(one.at_s[index]) - found_s) < 60.0
            values.append((one.account_id, self._value(one, index) if is_same else math.nan))
        regime = next((run for run in self._history.regimes if run.start_s <= found_s <= run.end_s), None)
        return Reading(found_s, tuple(values), regime, missed)

    def _value(self, one: AccountHistory, index: int) -> float:
        value, base = float(one.columns[self._metric.column][index]), self._base_of(one)
        return value if base is None else (value / base - 1.0) * 100.0

    def _base_of(self, one: AccountHistory) -> float | None:
        """What a change counts from: the first known figure in view; None while plain figures are drawn."""
        if not self.is_change:
            return None
        column = one.columns[self._metric.column]
        known = np.flatnonzero((one.at_s >= self.view_s[0]) & (column > 0))
        return float(column[known[0]]) if known.size else None

    def _missed_at(self, at_s: float, within_s: float) -> Gap | None:
        gaps = (gap for one in self._shown for gap in one.gaps)
        return next((gap for gap in gaps if gap.first_s - within_s <= at_s <= gap.last_s + within_s), None)

    def point_at(self, at_s: float | None) -> None:
        """Puts the crosshair at an instant, or takes it away."""
        reading = None if at_s is None else self.reading(at_s)
        self.cross.setVisible(reading is not None)
        if reading is None:
            self._dots.setData([], [])
        else:
            self.cross.setPos(reading.at_s)
            known = [(account_id, value) for account_id, value in reading.values if np.isfinite(value)]
            self._dots.setData(
                [reading.at_s] * len(known),
                [value for _, value in known],
                brush=[self._theme.color(self._inks[account_id]) for account_id, _ in known],
                pen=None,
            )
        self.pointed.emit(reading)

    def _on_mouse(self, at: QPointF) -> None:
        box = self.getViewBox()
        if box.sceneBoundingRect().contains(at):
            self.point_at(float(box.mapSceneToView(at).x()))
        elif self.cross.isVisible():
            self.point_at(None)

    def leaveEvent(self, event: QEvent) -> None:
        """Takes the crosshair away with the mouse."""
        super().leaveEvent(event)
        self.point_at(None)

    def retheme(self) -> None:
        """Takes over the colours."""
        theme = self._theme
        style_plot(self, theme)
        self._zero.setPen(pg.mkPen(theme.color(Ink.TEXT_DISABLED), width=1))
        self.cross.setPen(pg.mkPen(theme.color(Ink.TEXT_MUTED), width=1))
        self.gap_marks.setBrush(theme.color(Ink.WARNING))
        self.gap_marks.setPen(None)
        self._show_bands()
        self._redraw()
