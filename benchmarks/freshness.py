"""Follows quotes from their arrival to the window: which RiskState holds which quote, and when it was shown."""

from __future__ import annotations

import threading
import time
from collections import deque

from PySide6.QtCore import QObject, Slot

from benchmarks.feed import MeasuredStream
from execution.views import Notice, Publisher, RiskState, State
from ui.bridge import Bridge


class MarkingPublisher:
    """Passes everything on to `inner`; notes which quotes each RiskState holds. Engine thread."""

    def __init__(self, inner: Publisher) -> None:
        self._inner = inner
        self._stream: MeasuredStream | None = None
        self._lock = threading.Lock()
        self._published: deque[tuple[RiskState, list[float]]] = deque()

    def follow(self, stream: MeasuredStream) -> None:
        """Says where quotes come from."""
        self._stream = stream

    def state(self, state: State) -> None:
        """Passes a state on; a RiskState holds all quotes that the engine has taken by now."""
        if isinstance(state, RiskState) and self._stream is not None:
            arrivals, self._stream.fresh = self._stream.fresh, []
            with self._lock:
                self._published.append((state, arrivals))
        self._inner.state(state)

    def notice(self, notice: Notice) -> None:
        """Passes a notice on."""
        self._inner.notice(notice)

    def arrivals_in(self, shown: RiskState) -> list[float]:
        """Returns the arrivals of all quotes that a delivered state shows for the first time."""
        found: list[float] = []
        with self._lock:
            while self._published:
                state, arrivals = self._published.popleft()
                found += arrivals
                if state is shown:
                    break
        return found


class Freshness(QObject):
    """Collects (instant shown, ms since arrival) of every quote of the book. UI thread, after all panels."""

    def __init__(self, bridge: Bridge, publisher: MarkingPublisher) -> None:
        super().__init__()
        self._publisher = publisher
        self.ages: list[tuple[float, float]] = []
        self.compute_ms: list[float] = []
        bridge.subscribe(RiskState, self._on_risk)

    @Slot(object)
    def _on_risk(self, state: RiskState) -> None:
        now = time.perf_counter()
        self.compute_ms.append(state.compute_ms)
        self.ages += [(now, (now - at_s) * 1000.0) for at_s in self._publisher.arrivals_in(state)]
