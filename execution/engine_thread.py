"""The engine's thread: one asyncio loop on which everything of the desk runs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from execution.commands import Command

_LOG = logging.getLogger(__name__)
_STOP_WITHIN_S = 10.0


class RunningDesk(Protocol):
    """What the thread runs: a desk, or one that ends its database with it."""

    async def start(self) -> None:
        """Recovers and unlocks."""
        ...

    async def stop(self) -> None:
        """Lets go of the broker and ends the tasks."""
        ...

    async def handle(self, command: Command) -> Any:
        """Answers a command."""
        ...


class EngineThread:
    """Makes a desk on its own loop and takes commands for it from other threads.

    `make_desk` runs on the engine's thread: heavy libraries are imported there, while the window is already up.
    `on_failure` is called there too, with what kept the desk from starting or killed the loop.
    """

    def __init__(
        self, make_desk: Callable[[], Awaitable[RunningDesk]], on_failure: Callable[[BaseException], None]
    ) -> None:
        self._make_desk = make_desk
        self._on_failure = on_failure
        self._loop = asyncio.new_event_loop()
        self._desk: asyncio.Future[RunningDesk] | None = None
        # Kept, because the loop itself holds its tasks only weakly.
        self._starting: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Starts the thread; returns at once."""
        self._thread.start()

    def submit(self, command: Command) -> concurrent.futures.Future[Any]:
        """Hands a command to the desk; callable from any thread. Commands wait until the desk exists."""
        return asyncio.run_coroutine_threadsafe(self._handle(command), self._loop)

    def stop(self) -> None:
        """Stops the desk and ends the thread."""
        if not self._thread.is_alive():
            return
        future = asyncio.run_coroutine_threadsafe(self._stop_desk(), self._loop)
        try:
            future.result(_STOP_WITHIN_S)
        except concurrent.futures.TimeoutError:
            _LOG.error("the desk did not stop within %.0f s", _STOP_WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_WITHIN_S)

    async def _handle(self, command: Command) -> Any:
        return await (await self._desk_ready()).handle(command)

    async def _desk_ready(self) -> RunningDesk:
        if self._desk is None:
            self._desk = self._loop.create_future()
        return await asyncio.shield(self._desk)

    async def _stop_desk(self) -> None:
        """A desk that is still starting is broken off first: its database must not close under it."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._desk is not None and self._desk.done() and self._desk.exception() is None:
            await self._desk.result().stop()

    def _run(self) -> None:
        # Broker libraries take the loop of the thread that imports them: it must be set before.
        asyncio.set_event_loop(self._loop)
        self._starting = self._loop.create_task(self._bring_up())
        try:
            self._loop.run_forever()
        finally:
            pending = asyncio.all_tasks(self._loop)
            for task in pending:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _bring_up(self) -> None:
        if self._desk is None:
            self._desk = self._loop.create_future()
        try:
            desk = await self._make_desk()
            self._desk.set_result(desk)
            await desk.start()
        except Exception as error:  # noqa: BLE001 - thread top: whatever it is, it is logged and shown
            _LOG.exception("the desk could not start")
            if not self._desk.done():
                self._desk.set_exception(error)
                self._desk.exception()
            self._on_failure(error)
