"""Slow reads away from the UI thread, results back on it.

    pool = ReaderPool(parent)                                     # one worker thread, made once by the app
    op = pool.run(lambda: reader.page(filters), done=self._on_page, failed=self._on_failed)
    op.cancel()                                                   # the answer is no longer wanted

`work` runs in the worker and must touch no widget. Exactly one of `done` and `failed` is called, on the UI thread,
after `run` returned; neither after `cancel` and neither when its widget has been deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot
from shiboken6 import isValid

from ui.liveness import is_alive

T = TypeVar("T")


class Op(QObject):
    """One piece of slow work under way."""

    _finished = Signal(object)

    def __init__(
        self,
        pool: Executor,
        work: Callable[[], Any],
        *,
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._done = done
        self._failed = failed
        self._is_wanted = True
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._future: Future[Any] = pool.submit(work)
        self._future.add_done_callback(self._on_done)

    def cancel(self) -> None:
        """Drops the answer; work that has not begun is not begun."""
        self._is_wanted = False
        self._future.cancel()

    def _on_done(self, future: Future[Any]) -> None:
        if isValid(self):
            self._finished.emit(future)

    @Slot(object)
    def _deliver(self, future: Future[Any]) -> None:
        self.deleteLater()
        if future.cancelled() or not self._is_wanted:
            return
        error = future.exception()
        if error is None:
            if is_alive(self._done):
                self._done(future.result())
        elif isinstance(error, Exception):
            if is_alive(self._failed):
                self._failed(error)
        else:
            raise error


class ReaderPool(QObject):
    """The window's one worker thread, for database reads and file exports."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ui-reader")

    def run(self, work: Callable[[], T], *, done: Callable[[T], None], failed: Callable[[Exception], None]) -> Op:
        """Starts `work` behind whatever is already under way."""
        return Op(self._pool, work, done=done, failed=failed, parent=self)

    def close(self) -> None:
        """Lets running work finish, drops the rest."""
        self._pool.shutdown(wait=True, cancel_futures=True)
