"""Engine thread in, window out: the one way the engine's news reaches widgets.

`Bridge` implements `execution.views.Publisher`. `state` and `notice` may be called from any thread and never block.
States are coalesced, the newest of each type, and handed over at most every `frame_ms`; the first after a pause goes
out at once. Notices are handed over one by one in order and never dropped; after a burst of them the window breathes
between portions. Everything is delivered on the UI thread.

    bridge.subscribe(MarketState, self._on_market)      # a method of a QObject; gets the newest state at once
    bridge.subscribe(OrderNotice, self._on_order)       # notices: from now on
    bridge.newest(BookStructure)                        # last delivered state, or None

Slots are held weakly: a deleted widget drops out by itself. Subscribe at the end of the constructor, because the
newest state arrives inside the call. Panels use `Panel.listen`, which also waits until the panel is visible.
A structure is always delivered before the numbers that belong to it. A slot that raises is reported through
sys.excepthook (the error dialog) and does not keep the others from their news.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar, cast, get_args
from weakref import WeakMethod

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Signal, Slot
from shiboken6 import isValid

from execution.views import Notice, State

T = TypeVar("T")

_STATE_TYPES: tuple[type[Any], ...] = get_args(State)
_NOTICE_TYPES: tuple[type[Any], ...] = get_args(Notice)
_NOTICES_PER_FRAME = 200


class Bridge(QObject):
    """Collects what the engine publishes and delivers it on the UI thread."""

    _wake = Signal()

    def __init__(self, frame_ms: int = 50, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._frame_ms = frame_ms
        self._lock = threading.Lock()
        self._states: dict[type[Any], Any] = {}
        self._notices: deque[Any] = deque()
        self._is_armed = False
        self._newest: dict[type[Any], Any] = {}
        self._slots: dict[type[Any], list[WeakMethod[Callable[[Any], None]]]] = {}
        self._since_flush = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._flush)
        self._wake.connect(self._on_wake, Qt.ConnectionType.QueuedConnection)

    # --- any thread ---------------------------------------------------------------------------------------------------

    def state(self, state: State) -> None:
        """Publishes the newest state of its type."""
        with self._lock:
            self._states[type(state)] = state
            is_first, self._is_armed = not self._is_armed, True
        if is_first:
            self._wake.emit()

    def notice(self, notice: Notice) -> None:
        """Publishes a notice; every one is delivered, in order."""
        with self._lock:
            self._notices.append(notice)
            is_first, self._is_armed = not self._is_armed, True
        if is_first:
            self._wake.emit()

    # --- UI thread ----------------------------------------------------------------------------------------------------

    def subscribe(self, kind: type[T], slot: Callable[[T], None]) -> None:
        """Delivers every `kind` to `slot`, a method of a QObject; a state's newest value arrives at once.

        Raises TypeError for a lambda, a plain function, or a kind that the engine does not publish.
        """
        if kind not in _STATE_TYPES and kind not in _NOTICE_TYPES:
            raise TypeError(f"{kind.__name__} is neither a state nor a notice of the engine")
        if not isinstance(getattr(slot, "__self__", None), QObject):
            raise TypeError("subscribe a bound method of a QObject: its life ends the subscription")
        self._slots.setdefault(kind, []).append(WeakMethod(cast("Callable[[Any], None]", slot)))
        newest = self._newest.get(kind)
        if newest is not None:
            slot(newest)

    def newest(self, kind: type[T]) -> T | None:
        """Returns the last delivered state of a type, None before the first."""
        return cast("T | None", self._newest.get(kind))

    @Slot()
    def _on_wake(self) -> None:
        waited_ms = self._since_flush.elapsed() if self._since_flush.isValid() else self._frame_ms
        if waited_ms >= self._frame_ms:
            self._flush()
        elif not self._timer.isActive():
            self._timer.start(self._frame_ms - waited_ms)

    @Slot()
    def _flush(self) -> None:
        with self._lock:
            states, self._states = self._states, {}
            notices = [self._notices.popleft() for _ in range(min(len(self._notices), _NOTICES_PER_FRAME))]
            self._is_armed = bool(self._notices)
            is_more = self._is_armed
        for notice in notices:
            self._deliver(notice)
        for kind in _STATE_TYPES:
            if kind in states:
                self._newest[kind] = states[kind]
                self._deliver(states[kind])
        self._since_flush.start()
        if is_more:
            self._timer.start(self._frame_ms)

    def _deliver(self, news: object) -> None:
        refs = self._slots.get(type(news), [])
        for ref in tuple(refs):
            slot = ref()
            if slot is None or not isValid(cast("QObject", getattr(slot, "__self__", None))):
                refs.remove(ref)
                continue
            try:
                slot(news)
            except Exception:  # noqa: BLE001 - one broken panel must not blind the others; the hook shows it
                sys.excepthook(*sys.exc_info())
