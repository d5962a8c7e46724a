"""A steady stream of ticks: so many messages a second, evenly in time, as of a full set of lines on a busy day."""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol, TextIO

#: A socket of TWS is written to many times a second, some ticks each time.
_TURN_S: Final = 0.005
#: What could not be sent in time is made up for, but no more of it than this: lines were not open then.
_MOST_OWED_S: Final = 1.0


class Sender(Protocol):
    """The part of the simulator that sends ticks."""

    def send_ticks(self, count: int) -> int:
        """Sends about so many tick messages, lines in turn; returns how many were sent in all until now."""
        ...


class Pace:
    """How many ticks are due. Nothing is skipped: what a held-up program owes is due at once, up to a second's."""

    def __init__(self, ticks_per_s: float, now_s: float) -> None:
        self._ticks_per_s = ticks_per_s
        self._before_s = now_s
        self._owed = 0.0

    def due(self, now_s: float) -> int:
        """Returns how many ticks should leave now."""
        owed = self._owed + (now_s - self._before_s) * self._ticks_per_s
        self._owed, self._before_s = min(owed, _MOST_OWED_S * self._ticks_per_s), now_s
        return int(self._owed)

    def sent(self, count: int) -> None:
        """Notes what left; a few too many are made up for by a later pause."""
        self._owed -= count


async def keep_pace(sender: Sender, ticks_per_s: float, log: TextIO | None = None) -> None:
    """Sends ticks until cancelled. Each line of `log`: messages sent in all, and the `perf_counter` they left at."""
    pace, written = Pace(ticks_per_s, time.perf_counter()), 0
    while True:
        await asyncio.sleep(_TURN_S)
        now_s = time.perf_counter()
        before = sender.send_ticks(0)  # a line that is opened begins with ticks of its own, beside the pace
        total = sender.send_ticks(pace.due(now_s))
        pace.sent(total - before)
        if log is not None and total != written:
            written = total
            log.write(f"{total} {now_s:.6f}\n")
