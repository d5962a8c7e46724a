"""The ticket's small payoff plot: today and at expiry over the underlying, spot and zero marked."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from execution.ticket_views import TicketPreview
from ui import format as fmt
from ui.theme import Ink, Theme

_WIDTH_PX = 1.6


class _DollarAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no type hints
    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002 - pyqtgraph's name
        """Returns compact dollars."""
        return [fmt.compact_money(value) for value in values]


class _LevelAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no type hints
    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002 - pyqtgraph's name
        """Returns levels without decimals unless they are close together."""
        return [fmt.fixed(value, 0 if spacing >= 1 else 2) for value in values]


class PayoffPlot(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no type hints
    """Draws `TicketPreview.payoff_*`; the mouse does not drag it, the wheel scrolls the ticket."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(
            parent, axisItems={"left": _DollarAxis(orientation="left"), "bottom": _LevelAxis(orientation="bottom")}
        )
        self._theme = theme
        self.setMouseEnabled(x=False, y=False)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        item = self.getPlotItem()
        item.setContentsMargins(0, 4, 6, 0)
        item.getAxis("left").setWidth(46)
        item.getAxis("bottom").setHeight(18)
        self._gain = pg.PlotDataItem(fillLevel=0.0)
        self._loss = pg.PlotDataItem(fillLevel=0.0)
        self._expiry = pg.PlotDataItem()
        self._today = pg.PlotDataItem()
        self._zero = pg.InfiniteLine(pos=0, angle=0)
        self._spot = pg.InfiniteLine(angle=90)
        for part in (self._gain, self._loss, self._zero, self._spot, self._expiry, self._today):
            item.addItem(part)
        self.retheme()

    def show_preview(self, preview: TicketPreview | None) -> None:
        """Draws the payoff, or nothing while it is unknown."""
        spots = None if preview is None else preview.payoff_spots
        if preview is None or spots is None or preview.payoff_at_expiry is None:
            for curve in (self._gain, self._loss, self._expiry, self._today):
                curve.setData([], [])
            self._spot.hide()
            return
        expiry = preview.payoff_at_expiry
        self._expiry.setData(spots, expiry)
        self._gain.setData(spots, np.maximum(expiry, 0.0))
        self._loss.setData(spots, np.minimum(expiry, 0.0))
        if preview.payoff_today is None:
            self._today.setData([], [])
        else:
            self._today.setData(spots, preview.payoff_today)
        self._spot.setVisible(preview.spot is not None)
        if preview.spot is not None:
            self._spot.setPos(preview.spot)
        self.setXRange(float(spots[0]), float(spots[-1]), padding=0)

    def retheme(self) -> None:
        """Takes over the colours."""
        theme = self._theme
        self.setBackground(theme.color(Ink.PANEL))
        item = self.getPlotItem()
        for side in ("left", "bottom"):
            axis = item.getAxis(side)
            axis.setPen(theme.color(Ink.BORDER))
            axis.setTextPen(theme.color(Ink.TEXT_MUTED))
            axis.setStyle(tickFont=theme.number_font(10), tickLength=-3)
        self._expiry.setPen(pg.mkPen(theme.color(Ink.CURVE_EXPIRY), width=_WIDTH_PX))
        self._today.setPen(pg.mkPen(theme.color(Ink.CURVE_TODAY), width=_WIDTH_PX))
        self._zero.setPen(pg.mkPen(theme.color(Ink.TEXT_DISABLED), width=1))
        self._spot.setPen(pg.mkPen(theme.color(Ink.SPOT_LINE), width=1, style=Qt.PenStyle.DashLine))
        for part, ink in ((self._gain, Ink.GAIN), (self._loss, Ink.LOSS)):
            part.setPen(None)
            part.setBrush(theme.color(ink, alpha=46))
