"""Notices that the computer slept or that its clock was set (reliability F63).

During sleep the loop's timers stand still, so a schedule would go on as if no time had passed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from models.clock import Clock, epoch_s

_LOOK_EVERY_S = 5.0
_JUMP_S = 5.0


class ClockWatch:
    """Compares wall time with the monotonic clock every few seconds."""

    def __init__(
        self, clock: Clock, on_jump: Callable[[float], None], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._on_jump = on_jump
        self._monotonic = monotonic
        self._apart = self._difference()

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Calls `on_jump` with the seconds by which wall time ran ahead (or fell back) since the last look."""
        apart = self._difference()
        jumped, self._apart = apart - self._apart, apart
        if abs(jumped) > _JUMP_S:
            self._on_jump(jumped)

    def _difference(self) -> float:
        return epoch_s(self._clock.now_utc()) - self._monotonic()
