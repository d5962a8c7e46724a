"""Commands to the engine, answers back on the UI thread.

    client.ask(CancelAll(), self._on_cancelled, self._on_failed)

`done` gets the answer that the command's docstring names (execution/commands.py), `failed` the exception. Exactly one
of them is called, on the UI thread, always after `ask` returned, and neither when it is a method of a widget that has
been deleted meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from PySide6.QtCore import QObject, Qt, Signal, Slot
from shiboken6 import isValid

from execution.commands import Command
from models.errors import KnownError
from ui.liveness import is_alive

Done = Callable[[Any], None]
Failed = Callable[[Exception], None]


class EngineStopped(KnownError):
    """The engine went away before it answered."""

    def __init__(self) -> None:
        super().__init__("The desk is shutting down, the request was not answered.")


class EngineClient(Protocol):
    """What panels know of the engine."""

    def ask(self, command: Command, done: Done, failed: Failed) -> None:
        """Sends a command; one of the callbacks is called later on the UI thread."""
        ...


class ThreadedEngineClient(QObject):
    """Sends commands to an engine in another thread through `submit`, which must not block."""

    _finished = Signal(object)

    def __init__(self, submit: Callable[[Command], Future[Any]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._submit = submit
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def ask(self, command: Command, done: Done, failed: Failed) -> None:
        """Sends a command; one of the callbacks is called later on the UI thread."""
        try:
            future = self._submit(command)
        except RuntimeError as error:  # the loop is closed
            future = Future()
            future.set_exception(error)

        def on_done(finished: Future[Any]) -> None:
            if isValid(self):
                self._finished.emit((finished, done, failed))

        future.add_done_callback(on_done)

    @Slot(object)
    def _deliver(self, finished: tuple[Future[Any], Done, Failed]) -> None:
        future, done, failed = finished
        if future.cancelled():
            if is_alive(failed):
                failed(EngineStopped())
            return
        error = future.exception()
        if error is None:
            if is_alive(done):
                done(future.result())
        elif isinstance(error, Exception):
            if is_alive(failed):
                failed(error)
        else:
            raise error
