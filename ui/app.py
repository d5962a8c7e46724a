"""The window with everything behind it, and the way to run it.

desktop = Desktop(app, compose, settings_path=path)     # compose(publisher) makes the desk, on the engine's thread
desktop.show()                                          # first paint, then the engine starts
desktop.close()                                         # stops engine, database and worker

run_window(compose, settings_path=path)                 # all of it, until the window is closed
"""

# ruff: noqa: PLC0415 - the engine is imported after the first paint, which must not wait for it

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication

from execution.commands import Command
from execution.views import Publisher
from models.clock import SystemClock
from models.errors import KnownError
from ui.bridge import Bridge
from ui.desk_clock import DeskClock
from ui.engine_client import ThreadedEngineClient
from ui.icons import Icons
from ui.long_lived import LongLived
from ui.main_window import MainWindow
from ui.messages import Messages
from ui.op import ReaderPool
from ui.panel_specs import Surroundings, panel_specs
from ui.panels.account_bar import AccountBar
from ui.panels.log_panel import LogModel
from ui.reader_door import ReaderDoor
from ui.settings import WindowSettings
from ui.theme import Theme, ThemeName
from ui.wiring import Wiring

if TYPE_CHECKING:
    from execution.engine_thread import EngineThread, RunningDesk

#: Exit code of a window that wants to be opened again, with the settings as they are now.
RESTART = 75
#: How often Python gets a chance to see Ctrl+C while Qt waits.
_SIGNAL_CHECK_MS = 300


class Composed(Protocol):
    """A desk, and how to end it together with its database."""

    @property
    def desk(self) -> RunningDesk:
        """The desk, not yet started."""
        ...

    @property
    def close(self) -> Callable[[], Awaitable[None]]:
        """Stops the desk and closes its database."""
        ...


Compose = Callable[[Publisher], Awaitable[Composed]]
Clean = Callable[[str], str]


class _Closing:
    """A desk whose `stop` ends its database too: what the engine thread runs."""

    def __init__(self, composed: Composed) -> None:
        self._composed = composed

    async def start(self) -> None:
        """Starts the desk."""
        await self._composed.desk.start()

    async def stop(self) -> None:
        """Stops the desk and closes its database."""
        await self._composed.close()

    async def handle(self, command: Command) -> Any:
        """Answers a command."""
        return await self._composed.desk.handle(command)


class Desktop(QObject):
    """Owns the parts of the window and the engine's thread; everything gets its collaborators here."""

    #: What kept the desk from starting, or killed its loop; the banner says it too. Arrives on the UI thread.
    engine_failed = Signal(object)

    def __init__(
        self,
        app: QApplication,
        compose: Compose,
        *,
        settings_path: Path,
        theme: ThemeName | None = None,
        clean: Clean = str,
    ) -> None:
        """`clean` takes what is secret out of a text before it is shown."""
        super().__init__()
        self._compose = compose
        self._engine: EngineThread | None = None
        self._early: list[tuple[Command, Future[Any]]] = []
        self.settings = WindowSettings(settings_path)
        self.theme = Theme(theme or self.settings.theme, parent=self)
        self.theme.apply(app)
        self.icons = Icons(self.theme)
        self.bridge = Bridge(parent=self)
        self.clock = DeskClock(self.bridge, SystemClock(), self)
        self.client = ThreadedEngineClient(self._submit, self)
        self.messages = Messages(self.bridge, self.theme, self.icons, self, clean=clean)
        self.pool = ReaderPool(self)
        self.reader = ReaderDoor(self.bridge, self)
        around = Surroundings(
            bridge=self.bridge,
            client=self.client,
            theme=self.theme,
            icons=self.icons,
            messages=self.messages,
            settings=self.settings,
            clock=self.clock,
            pool=self.pool,
            reader=self.reader,
            log=LogModel(self.bridge, self.theme, parent=self),
        )
        self.window = MainWindow(
            self.bridge,
            self.client,
            self.theme,
            icons=self.icons,
            messages=self.messages,
            settings=self.settings,
            account_bar=AccountBar(self.bridge, self.client, self.theme, messages=self.messages, clock=self.clock),
            panels=panel_specs(around),
        )
        self.wiring = Wiring(self.window)
        self.engine_failed.connect(self._on_engine_failed, Qt.ConnectionType.QueuedConnection)
        self.window.first_painted.connect(self._start_engine)

    def show(self) -> None:
        """Shows the window; the engine starts after its first paint, so that its imports do not delay it."""
        self.window.show()

    def close(self) -> None:
        """Closes the window, stops the engine and its database, ends the worker."""
        self.window.close()
        if self._engine is not None:
            self._engine.stop()
            self._engine = None
        self.pool.close()
        self.reader.close()

    # --- engine -------------------------------------------------------------------------------------------------------

    @Slot()
    def _start_engine(self) -> None:
        from execution.engine_thread import EngineThread

        self._engine = EngineThread(self._make_desk, self.engine_failed.emit)
        self._engine.start()
        early, self._early = self._early, []
        for command, promise in early:
            self._engine.submit(command).add_done_callback(partial(_hand_on, promise))

    async def _make_desk(self) -> _Closing:
        return _Closing(await self._compose(self.bridge))

    def _submit(self, command: Command) -> Future[Any]:
        """Hands a command to the engine; one given before the engine was started waits for it."""
        if self._engine is not None:
            return self._engine.submit(command)
        promise: Future[Any] = Future()
        self._early.append((command, promise))
        return promise

    @Slot(object)
    def _on_engine_failed(self, error: BaseException) -> None:
        self.window.banner.show_failure(self.messages.clean(str(error)))
        if not isinstance(error, KnownError):
            self.messages.report(type(error), error, error.__traceback__)


def _hand_on(promise: Future[Any], done: Future[Any]) -> None:
    """Settles a promise as another future was."""
    if done.cancelled():
        promise.cancel()
        return
    error = done.exception()
    if error is None:
        promise.set_result(done.result())
    else:
        promise.set_exception(error)


def _leave(window: MainWindow, app: QApplication) -> None:
    """Closes the window before the others: the layout it saves holds the panels that float."""
    window.close()
    app.quit()


def make_application() -> QApplication:
    """Returns the Qt application; there must be none yet."""
    app = QApplication(["optiondesk"])
    app.setApplicationName("Optiondesk")
    app.setApplicationDisplayName("Optiondesk")
    return app


def run_window(compose: Compose, *, settings_path: Path, clean: Clean = str) -> int:
    """Runs the desk in a window until it is closed; returns the exit code, RESTART when it shall open again."""
    app = make_application()
    desktop = Desktop(app, compose, settings_path=settings_path, clean=clean)
    restore_hooks = desktop.messages.install_hooks()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _leave(desktop.window, app))
    waker = QTimer()
    waker.timeout.connect(_let_python_see_signals)
    waker.start(_SIGNAL_CHECK_MS)
    desktop.window.restart_wanted.connect(partial(app.exit, RESTART))
    desktop.window.fit_screen()
    LongLived(desktop.bridge, desktop)
    desktop.show()
    try:
        return app.exec()
    finally:
        desktop.close()
        restore_hooks()


def _let_python_see_signals() -> None:
    """Does nothing: entering Python at all runs the pending signal handlers."""
