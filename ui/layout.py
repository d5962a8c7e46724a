"""The default layout: positions | risk | ticket above, one row of tabs below, as the design draws it."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMainWindow

from ui.docks import PanelDock, Place

#: Shares of a 1600 x 1000 window.
_WIDTHS = {Place.LEFT: 444, Place.CENTRE: 762, Place.RIGHT: 386}
_TOP_HEIGHT, _BOTTOM_HEIGHT = 560, 340


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
    if top:
        window.resizeDocks(top, [_WIDTHS[dock.spec.place] for dock in top], Qt.Orientation.Horizontal)
    if top and bottom:
        window.resizeDocks([top[0], bottom[0]], [_TOP_HEIGHT, _BOTTOM_HEIGHT], Qt.Orientation.Vertical)
