"""Work that runs beside the commands: later, or until it is done. Every failure is logged and shown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine

from models.errors import DeskError

Sleep = Callable[[float], Awaitable[None]]
Action = Callable[[], Coroutine[None, None, None]]

_log = logging.getLogger(__name__)


class Timers:
    """Named background work on the engine's loop; a name started again replaces what waits under it."""

    def __init__(self, *, sleep: Sleep, on_failure: Callable[[str], None]) -> None:
        self._sleep = sleep
        self._on_failure = on_failure
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def later(self, name: str, delay_s: float, action: Action) -> None:
        """Runs `action` after a while, once; an earlier wait of that name is given up."""
        waiting = self._tasks.get(name)
        if waiting is not None and waiting is not asyncio.current_task():
            waiting.cancel()
        self._tasks[name] = asyncio.create_task(self._run(name, delay_s, action), name=name)

    def start(self, name: str, action: Action) -> None:
        """Runs `action` now, unless work of that name is under way already."""
        running = self._tasks.get(name)
        if running is None or running.done():
            self._tasks[name] = asyncio.create_task(self._run(name, 0.0, action), name=name)

    def is_running(self, name: str) -> bool:
        """Returns whether work of that name waits or runs."""
        task = self._tasks.get(name)
        return task is not None and not task.done()

    async def idle(self) -> None:
        """Returns when nothing waits or runs any more."""
        while pending := [task for task in self._tasks.values() if not task.done()]:
            await asyncio.wait(pending)

    async def close(self) -> None:
        """Gives everything up; what it would have done is done at the next start-up."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    async def _run(self, name: str, delay_s: float, action: Action) -> None:
        if delay_s > 0:
            await self._sleep(delay_s)
        try:
            await action()
        except DeskError as error:
            _log.exception("%s failed", name)
            self._on_failure(str(error))
        except Exception as error:  # noqa: BLE001 - named boundary: end of a task, logged and shown
            _log.exception("%s failed", name)
            self._on_failure(f"Background work {name!r} failed ({type(error).__name__}). See the log and report it.")
        finally:
            # A desk runs for weeks: what is done is not kept.
            if self._tasks.get(name) is asyncio.current_task():
                del self._tasks[name]
