"""The default layout: positions | risk | ticket above, one row of tabs below, as the design draws it."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMainWindow

from ui.docks import PanelDock, Place

#: A window of this size shows the three panels on top without anything cut; separators take 8 pixels.
_SIZE_PX = (1600, 1000)
_WIDTHS = {Place.LEFT: 524, Place.CENTRE: 669, Place.RIGHT: 399}
#: How room is shared out that a wider window has, and how it is found in a narrower one: the ticket cannot shrink.
_WIDER = {Place.LEFT: 0.35, Place.CENTRE: 0.53, Place.RIGHT: 0.12}
_NARROWER = {Place.LEFT: 0.65, Place.CENTRE: 0.35, Place.RIGHT: 0.0}
_TOP_PX, _BOTTOM_PX = 625, 275
#: The chain needs this for its controls and a few strikes.
_LEAST_BOTTOM_PX = 240
_TALLER_TOP = 0.6


def default_layout(window: QMainWindow, docks: Mapping[str, PanelDock]) -> None:
    """Places every dock; works with any subset of them, and again later to reset."""
    for dock in docks.values():
        dock.setFloating(False)
        window.removeDockWidget(dock)
    top = [
        dock for place in (Place.LEFT, Place.CENTRE, Place.RIGHT) for dock in docks.values() if dock.spec.place is place
    ]
    bottom = [dock for dock in docks.values() if dock.spec.place is Place.BOTTOM]
    for before, dock in zip([None, *top], top, strict=False):
        if before is None:
            window.addDockWidget(Qt.DockWidgetArea.TopDockWidgetArea, dock)
        else:
            window.splitDockWidget(before, dock, Qt.Orientation.Horizontal)
    for before, dock in zip([None, *bottom], bottom, strict=False):
        if before is None:
            window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        else:
            window.tabifyDockWidget(before, dock)
    for dock in docks.values():
        dock.show()
    if bottom:
        bottom[0].raise_()
    default_sizes(window, docks)


def default_sizes(window: QMainWindow, docks: Mapping[str, PanelDock]) -> None:
    """Gives the docks their shares of the window as large as it is now; where they are is left alone."""
    top = [dock for dock in docks.values() if dock.spec.place is not Place.BOTTOM]
    bottom = [dock for dock in docks.values() if dock.spec.place is Place.BOTTOM]
    if top:
        widths = _widths(window.width())
        window.resizeDocks(top, [widths[dock.spec.place] for dock in top], Qt.Orientation.Horizontal)
    if top and bottom:
        window.resizeDocks([top[0], bottom[0]], _heights(window.height()), Qt.Orientation.Vertical)


def _widths(window_px: int) -> dict[Place, int]:
    more = window_px - _SIZE_PX[0]
    shares = _WIDER if more > 0 else _NARROWER
    return {place: width + round(shares[place] * more) for place, width in _WIDTHS.items()}


def _heights(window_px: int) -> list[int]:
    """Returns the heights of the panels on top and of the tabs below."""
    more = window_px - _SIZE_PX[1]
    bottom = max(_LEAST_BOTTOM_PX, _BOTTOM_PX + (round((1 - _TALLER_TOP) * more) if more > 0 else more))
    return [_TOP_PX + _BOTTOM_PX + more - bottom, bottom]
