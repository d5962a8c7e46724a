"""What all plots of the desk look alike in."""

from __future__ import annotations

import pyqtgraph as pg

from ui.theme import Ink, Theme


def style_plot(plot: pg.PlotWidget, theme: Theme) -> None:
    """Gives a plot the panel's background and its axes the theme's lines and figures."""
    plot.setBackground(theme.color(Ink.PANEL))
    for side in ("left", "bottom"):
        axis = plot.getPlotItem().getAxis(side)
        axis.setPen(theme.color(Ink.BORDER))
        axis.setTextPen(theme.color(Ink.TEXT_MUTED))
        axis.setStyle(tickFont=theme.number_font(11), tickLength=-4)
