"""The one door to the user: toasts, the confirmation, and the dialog for what nobody expected.

    messages.notify(Severity.GOOD, "Layout saved")                      # toast; buffered until the window is up
    messages.notify(Severity.WARNING, "Feed is stale", replace_key="feed")
    messages.failed(error)                                              # KnownError: toast with its own words;
                                                                        # UserCancelled: nothing; else: error dialog
    messages.confirm(Confirmation(...), on_yes=self._send)              # window-modal, returns at once

`messages.failed` fits as the `failed` callback of `EngineClient.ask` and `ReaderPool.run`. `install_hooks` sends
uncaught exceptions of every thread here.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from execution.views import LogLine, Severity
from models.errors import DeskError, KnownError
from ui.bridge import Bridge
from ui.icons import Icons
from ui.theme import PAD, Theme
from ui.widgets.confirm import Confirmation, ConfirmDialog
from ui.widgets.toasts import ToastArea

_LOG = logging.getLogger("optiondesk.ui")


class UserCancelled(DeskError):
    """The user called it off; nothing is said about it."""


class ErrorDialog(QDialog):
    """Something of ours went wrong: what, what it means, and the details to copy."""

    def __init__(self, summary: str, details: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setObjectName("errorDialog")
        self.setWindowTitle("Optiondesk: unexpected error")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(640, 360)
        self.details = details
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * PAD, 2 * PAD, 2 * PAD, 2 * PAD)
        head = QLabel(summary, self)
        head.setProperty("role", "title")
        head.setWordWrap(True)
        note = QLabel(
            "This is a fault of the desk, not of your input. Orders and the journal are kept by the engine and are"
            " not affected. Please copy the details into a report.",
            self,
        )
        note.setProperty("role", "muted")
        note.setWordWrap(True)
        text = QPlainTextEdit(details, self)
        text.setReadOnly(True)
        self.copy_button = QPushButton("Copy details", self)
        self.copy_button.clicked.connect(self._copy)
        self.close_button = QPushButton("Close", self)
        self.close_button.setDefault(True)
        self.close_button.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy_button)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        layout.addWidget(head)
        layout.addWidget(note)
        layout.addWidget(text, 1)
        layout.addLayout(buttons)

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.details)


class Messages(QObject):
    """Everything the window says to the user goes through here."""

    _unexpected = Signal(str, str)

    def __init__(
        self,
        bridge: Bridge,
        theme: Theme,
        icons: Icons,
        parent: QObject | None = None,
        *,
        clean: Callable[[str], str] = str,
    ) -> None:
        """`clean` takes what is secret out of a text before it is shown."""
        super().__init__(parent)
        self.clean = clean
        self._theme = theme
        self._icons = icons
        self._window: QWidget | None = None
        self._area: ToastArea | None = None
        self._buffer: list[tuple[Severity, str, str | None]] = []
        self._error_dialog: ErrorDialog | None = None
        self._unexpected.connect(self._show_unexpected, Qt.ConnectionType.QueuedConnection)
        bridge.subscribe(LogLine, self._on_log_line)

    def attach(self, window: QWidget) -> None:
        """Takes the window as parent of all dialogs and shows what was buffered before it was up."""
        self._window = window
        self._area = ToastArea(self._theme, self._icons, window)
        buffered, self._buffer = self._buffer, []
        for severity, text, replace_key in buffered:
            self._area.add(severity, text, replace_key)

    @property
    def toasts(self) -> tuple[str, ...]:
        """Texts shown now (or buffered), oldest first."""
        return tuple(text for _, text, _ in self._buffer) if self._area is None else self._area.texts

    def notify(self, severity: Severity, text: str, *, replace_key: str | None = None) -> None:
        """Shows a toast; one with the same `replace_key` takes the place of the earlier."""
        text = self.clean(text)
        if self._area is None:
            self._buffer.append((severity, text, replace_key))
        else:
            self._area.add(severity, text, replace_key)

    def failed(self, error: Exception) -> None:
        """Says that something did not work: the world's faults as a toast, ours as the error dialog."""
        if isinstance(error, UserCancelled):
            return
        if isinstance(error, KnownError):
            self.notify(Severity.ERROR, str(error))
            return
        self.report(type(error), error, error.__traceback__)

    def confirm(
        self, question: Confirmation, on_yes: Callable[[], None], on_no: Callable[[], None] | None = None
    ) -> ConfirmDialog:
        """Asks; `on_yes` is called when the verb's button is pressed, `on_no` on Back and Esc. Returns at once."""
        dialog = ConfirmDialog(self._theme, question, self._window)
        dialog.accepted.connect(on_yes)
        if on_no is not None:
            dialog.rejected.connect(on_no)
        dialog.open()
        return dialog

    def tell(self, note: Confirmation) -> ConfirmDialog:
        """Shows something to read, with the verb as the only button."""
        dialog = ConfirmDialog(self._theme, note, self._window)
        dialog.back_button.hide()
        dialog.open()
        return dialog

    def report(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Shows an unexpected exception; from any thread."""
        details = self.clean("".join(traceback.format_exception(kind, error, trace)))
        _LOG.error("unexpected exception in the window\n%s", details)
        self._unexpected.emit(self.clean(f"{kind.__name__}: {error}"), details)

    def install_hooks(self) -> Callable[[], None]:
        """Sends uncaught exceptions of every thread here; returns a function that puts the old hooks back."""
        old_main, old_thread = sys.excepthook, threading.excepthook

        def on_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            if issubclass(kind, (KeyboardInterrupt, SystemExit)):
                old_main(kind, error, trace)
            else:
                self.report(kind, error, trace)

        def on_thread(args: threading.ExceptHookArgs) -> None:
            if args.exc_value is not None:
                self.report(args.exc_type, args.exc_value, args.exc_traceback)

        def restore() -> None:
            sys.excepthook, threading.excepthook = old_main, old_thread

        sys.excepthook, threading.excepthook = on_main, on_thread
        return restore

    def _on_log_line(self, line: LogLine) -> None:
        if line.toast:
            self.notify(line.severity, line.text)

    @Slot(str, str)
    def _show_unexpected(self, summary: str, details: str) -> None:
        if self._error_dialog is not None:
            return  # one dialog at a time: a fault that repeats with every tick is in the log in full
        self._error_dialog = ErrorDialog(summary, details, self._window)
        self._error_dialog.finished.connect(self._on_error_closed)
        self._error_dialog.open()

    @Slot()
    def _on_error_closed(self) -> None:
        self._error_dialog = None
