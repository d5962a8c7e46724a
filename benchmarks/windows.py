"""Windows under measurement: waiting inside Qt's loop, and the heartbeat of the UI thread."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer, Slot

_POLL_MS = 2
HEARTBEAT_MS = 5


class TooLong(Exception):
    """What was waited for did not come."""


def wait_until(done: Callable[[], bool], *, within_s: float, what: str) -> None:
    """Lets the window live until `done`; raises TooLong."""
    until = time.perf_counter() + within_s
    loop = QEventLoop()
    poll = QTimer()
    poll.timeout.connect(lambda: loop.quit() if done() or time.perf_counter() > until else None)
    poll.start(_POLL_MS)
    loop.exec()
    poll.stop()
    if not done():
        raise TooLong(f"waited {within_s:.0f} s in vain for {what}")


def live_for(seconds: float) -> None:
    """Lets the window live for a while."""
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


class Heartbeat(QObject):
    """A timer of 5 ms on the UI thread; `beats` are (instant, ms that the beat came late)."""

    def __init__(self) -> None:
        super().__init__()
        self.beats: list[tuple[float, float]] = []
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        """Begins to beat."""
        self._last = time.perf_counter()
        self._timer.start(HEARTBEAT_MS)

    def stop(self) -> None:
        """Ends it."""
        self._timer.stop()

    @Slot()
    def _beat(self) -> None:
        now = time.perf_counter()
        self.beats.append((now, max((now - self._last) * 1000.0 - HEARTBEAT_MS, 0.0)))
        self._last = now
