"""The desk's time in the window: a recorded market lives on its own day, and its states say which."""

from __future__ import annotations

from datetime import datetime, timedelta

from PySide6.QtCore import QObject

from execution.views import MarketState
from models.clock import Clock
from ui.bridge import Bridge

#: Smaller differences are the way from engine to window, not another day.
_SLACK = timedelta(seconds=2)


class DeskClock(QObject):
    """Runs at the pace of `base`, set by the newest MarketState; the plain `base` before the first."""

    def __init__(self, bridge: Bridge, base: Clock, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._base = base
        self._offset = timedelta(0)
        bridge.subscribe(MarketState, self._on_market)

    def now_utc(self) -> datetime:
        """Returns the desk's aware UTC time."""
        return self._base.now_utc() + self._offset

    def _on_market(self, market: MarketState) -> None:
        offset = market.at_utc - self._base.now_utc()
        if abs(offset - self._offset) > _SLACK:
            self._offset = offset
