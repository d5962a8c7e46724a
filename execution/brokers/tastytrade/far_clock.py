"""Tastytrade's time: this computer's, set right by the dates of Tastytrade's answers.

Fills bear Tastytrade's time. What is held must be told as of the same clock, or a fill would be taken for one that the
positions hold already, or counted twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from models.clock import Clock

#: Beyond it the clocks differ too much to judge quotes and fills by their age.
_LIMIT: Final = timedelta(seconds=30)
#: A date has whole seconds, and the answer was on its way: what lies within says nothing.
_BLUR: Final = timedelta(seconds=2)
#: Of the last few answers the fastest counts: a slow one makes the far clock seem to be behind.
_KEPT: Final = 5


class FarClock:
    """Tells Tastytrade's time, and when the clocks part or agree again. Engine thread only."""

    def __init__(self, clock: Clock, changed: Callable[[], None]) -> None:
        """`changed` is called when the clocks part by more than 30 s, and when they agree again."""
        self._clock = clock
        self._changed = changed
        self._seen: deque[timedelta] = deque(maxlen=_KEPT)
        self._ahead = timedelta(0)

    def now_utc(self) -> datetime:
        """Returns Tastytrade's time; this computer's while nothing else is known."""
        return self._clock.now_utc() + self._ahead

    @property
    def words(self) -> str:
        """What the user must know and do; empty while the clocks agree."""
        if not self.is_off:
            return ""
        way = "ahead of" if self._ahead > timedelta(0) else "behind"
        told = f"Tastytrade's clock is {abs(self._ahead).total_seconds():.0f} s {way} this computer's."
        return f"{told} Set this computer's clock by the internet: quotes and fills are judged by their age."

    @property
    def is_off(self) -> bool:
        """Whether the clocks differ by more than 30 s: nothing may be sent then."""
        return abs(self._ahead) > _LIMIT

    def note(self, date: str) -> None:
        """Takes the date of an answer that just came, as HTTP writes it; one that is none says nothing."""
        try:
            at = parsedate_to_datetime(date)
        except ValueError:
            return
        if at.tzinfo is None:
            return
        self._seen.append(at - self._clock.now_utc())
        was_off, ahead = self.is_off, max(self._seen)
        self._ahead = ahead if abs(ahead) > _BLUR else timedelta(0)
        if self.is_off != was_off:
            self._changed()
