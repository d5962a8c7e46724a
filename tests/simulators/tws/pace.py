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


async def keep_pace(sender: Sender, ticks_per_s: float, log: TextIO | None = None) -> None:
    """Sends ticks until cancelled. Each line of `log`: messages sent in all, and the `perf_counter` they left at.

    Nothing is skipped: when this program was held up, what was due leaves at once.
    """
    owed, before_s, sent = 0.0, time.perf_counter(), sender.send_ticks(0)
    while True:
        await asyncio.sleep(_TURN_S)
        now_s = time.perf_counter()
        owed = min(owed + (now_s - before_s) * ticks_per_s, _MOST_OWED_S * ticks_per_s)
        before_s = now_s
        total = sender.send_ticks(int(owed))
        if total == sent:
            continue
        owed -= total - sent
        sent = total
        if log is not None:
            log.write(f"{total} {now_s:.6f}\n")
