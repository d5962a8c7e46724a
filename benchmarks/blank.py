"""The blank window that everything stands beside. Imports nothing but Qt: it is the baseline of the start-up time."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QMainWindow

_SIZE = (1600, 1000)


class FirstPaint(QObject):
    """Tells once when a window's first picture is on the screen: right after its expose event was handled."""

    painted = Signal()

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._is_told = False
        self._window = window

    def watch(self) -> None:
        """Begins; the window must have been shown."""
        handle = self._window.windowHandle()
        if handle is not None:
            handle.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """An exposed window is painted before the event loop goes on."""
        if event.type() is QEvent.Type.Expose and not self._is_told:
            self._is_told = True
            QTimer.singleShot(0, self.painted.emit)
        return False


def blank_window(*, with_plot: bool = True) -> QMainWindow:
    """Returns a window of the desk's size with nothing in it but, if wanted, an empty pyqtgraph plot."""
    window = QMainWindow()
    window.resize(*_SIZE)
    if with_plot:
        import pyqtgraph as pg

        window.setCentralWidget(pg.PlotWidget())
    return window
