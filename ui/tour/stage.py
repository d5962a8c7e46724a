"""The window and the engine as the tour sees them: ask, wait, take pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QEventLoop, QObject, QTimer, Slot
from PySide6.QtWidgets import QWidget

from execution.commands import Command
from execution.views import LogLine, OrderNotice
from models.errors import KnownError
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.main_window import MainWindow
from ui.theme import Theme

T = TypeVar("T")
_POLL_MS = 10


class TourFailed(KnownError):
    """A step of the tour did not come out as it must."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What the steps work on."""

    window: MainWindow
    bridge: Bridge
    client: EngineClient
    theme: Theme
    out: Path
    database_path: Callable[[], Path]
    notices: Notices
    pictures: list[Path] = field(default_factory=list)

    def ask(self, command: Command, *, within_s: float = 20.0) -> Any:
        """Sends a command as a widget does and returns the engine's answer; its error is raised."""
        answers: list[Any] = []
        errors: list[Exception] = []
        self.client.ask(command, answers.append, errors.append)
        self.wait(lambda: bool(answers or errors), within_s=within_s, what=f"an answer to {type(command).__name__}")
        if errors:
            raise errors[0]
        return answers[0]

    def newest(self, kind: type[T], *, within_s: float = 30.0) -> T:
        """Returns the newest state of a type, once there is one."""
        self.wait(lambda: self.bridge.newest(kind) is not None, within_s=within_s, what=kind.__name__)
        found = self.bridge.newest(kind)
        if found is None:
            raise TourFailed(f"There is no {kind.__name__}.")
        return found

    def wait(self, done: Callable[[], bool], *, within_s: float, what: str) -> None:
        """Lets the window live until `done`; raises TourFailed when that takes too long."""
        if done():
            return
        loop = QEventLoop()
        poll, limit = QTimer(), QTimer()
        poll.timeout.connect(lambda: loop.quit() if self.notices.failure or done() else None)
        poll.start(_POLL_MS)
        limit.setSingleShot(True)
        limit.timeout.connect(loop.quit)
        limit.start(int(within_s * 1000))
        loop.exec()
        poll.stop()
        if self.notices.failure is not None:
            raise TourFailed(f"The engine failed: {self.notices.failure}")
        if not done():
            raise TourFailed(f"Waited {within_s:.0f} s in vain for {what}.")

    def rest(self, seconds: float) -> None:
        """Lets the window live for a while."""
        loop = QEventLoop()
        QTimer.singleShot(int(seconds * 1000), loop.quit)
        loop.exec()

    def picture(self, widget: QWidget, name: str) -> Path:
        """Saves what a widget shows as `name`.png; raises TourFailed when it cannot be written."""
        path = self.out / f"{name}.png"
        if not widget.grab().save(str(path)):
            raise TourFailed(f"The picture {path} could not be written.", cure="Check the folder and the disk.")
        self.pictures.append(path)
        return path


class Notices(QObject):
    """Keeps order notices and log lines, in order."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self.orders: list[OrderNotice] = []
        self.lines: list[LogLine] = []
        self.failure: BaseException | None = None
        bridge.subscribe(OrderNotice, self.on_order)
        bridge.subscribe(LogLine, self.on_line)

    @Slot(object)
    def on_engine_failed(self, error: BaseException) -> None:
        """Remembers why the engine could not start."""
        self.failure = error

    def on_order(self, notice: OrderNotice) -> None:
        """Takes a notice."""
        self.orders.append(notice)

    def on_line(self, line: LogLine) -> None:
        """Takes a line."""
        self.lines.append(line)
