"""A loop on which waiting takes no time: hours of a task that beats can be tested in a moment, and repeat exactly."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

START_UTC = datetime(2026, 5, 4, 14, 0, tzinfo=UTC)


class _LeapingSelector(selectors.DefaultSelector):
    """Instead of waiting for a time it moves the time on."""

    now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "nothing will ever happen again"
            self.now_s += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time stands still while anything runs."""

    def __init__(self) -> None:
        self._leaping = _LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now_s


class LoopClock:
    """The desk's clock on the virtual loop."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now_utc(self) -> datetime:
        return START_UTC + timedelta(seconds=asyncio.get_running_loop().time() - 1000.0) + self.offset


def run_virtually(work: Coroutine[object, object, None]) -> None:
    """Runs a coroutine to its end on a virtual loop; raises what a callback of the loop raised, too."""
    failures: list[BaseException] = []

    def note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        failures.append(context.get("exception") or AssertionError(context["message"]))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.get_loop().set_exception_handler(note)
        runner.run(work)
    if failures:
        raise failures[0]
