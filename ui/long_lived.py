"""Spares the garbage collector what stays: libraries and panels live as long as the window.

A full collection looks at every object there is. With the libraries loaded that takes 100 to 200 ms, in which neither
window nor engine moves; what is frozen is not looked at any more, and collections stay short.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

from execution.views import DeskState, Phase
from ui.bridge import Bridge

#: After the desk is ready: panels have drawn what they show first, and nothing more is loaded.
SETTLED_AFTER_MS: Final = 5_000


class LongLived(QObject):
    """Freezes what was built by then, once, when the desk has been ready for a while. UI thread."""

    def __init__(
        self,
        bridge: Bridge,
        parent: QObject | None = None,
        *,
        after_ms: int = SETTLED_AFTER_MS,
        freeze: Callable[[], None] = gc.freeze,
    ) -> None:
        super().__init__(parent)
        self._freeze = freeze
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(after_ms)
        self._timer.timeout.connect(self._on_settled)
        self._is_started = False
        bridge.subscribe(DeskState, self._on_desk)

    @Slot(object)
    def _on_desk(self, state: DeskState) -> None:
        if state.phase in {Phase.READY, Phase.READ_ONLY} and not self._is_started:
            self._is_started = True
            self._timer.start()

    @Slot()
    def _on_settled(self) -> None:
        self._freeze()
