"""Importing a broker's statement from the journal: ask for the file, show how far it is, show what came of it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from execution.commands import ImportStatement, StopStatementImport
from execution.statement_views import StatementProgress, StatementReport
from execution.views import DeskState, Phase, Severity
from models.enums import BrokerName
from models.errors import KnownError
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.journal.import_report import ImportReportDialog, headline
from ui.messages import Messages
from ui.theme import GAP, Theme
from ui.widgets.confirm import Confirmation

_TIP = "Import trades, settlements and cash from an Interactive Brokers Flex statement (XML)"
_TITLE = "Import statement"


class StatementImporter(QObject):
    """One import at a time; `imported` after one that the engine finished or that was stopped on its way."""

    imported = Signal()
    started = Signal()
    ended = Signal()
    progressed = Signal(object)

    def __init__(self, bridge: Bridge, client: EngineClient, theme: Theme, messages: Messages, parent: QWidget) -> None:
        super().__init__(parent)
        self._client = client
        self._theme = theme
        self._messages = messages
        self._host = parent
        self.is_running = False
        bridge.subscribe(StatementProgress, self._on_progress)

    @Slot()
    def ask_file(self) -> None:
        """Lets the user choose the file."""
        dialog = QFileDialog(self._host, _TITLE)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(["Flex statements (*.xml)", "All files (*)"])
        dialog.fileSelected.connect(self._on_file)
        dialog.open()

    @Slot()
    def stop(self) -> None:
        """Ends the running import; what was written stays."""
        self._client.ask(StopStatementImport(), self._on_stop_asked, self._messages.failed)

    def start(self, path: Path) -> None:
        """Imports a file."""
        if self.is_running:
            return
        self.is_running = True
        self.started.emit()
        self._client.ask(ImportStatement(path), self._on_done, self._on_failed)

    @Slot(str)
    def _on_file(self, name: str) -> None:
        self.start(Path(name))

    def _on_stop_asked(self, _answer: object) -> None:
        """The import's own answer tells the rest."""

    def _on_progress(self, progress: StatementProgress) -> None:
        if self.is_running:
            self.progressed.emit(progress)

    def _on_done(self, report: StatementReport) -> None:
        self._end()
        self._messages.notify(Severity.GOOD, headline(report), replace_key="import")
        ImportReportDialog(self._theme, report, self._host.window()).open()

    def _on_failed(self, error: Exception) -> None:
        self._end()
        if isinstance(error, KnownError):
            # What is wrong with a file wants reading: it stays until it was read.
            self._messages.tell(Confirmation(title=_TITLE, text=str(error), verb="Close"))
        else:
            self._messages.failed(error)

    def _end(self) -> None:
        self.is_running = False
        self.ended.emit()
        self.imported.emit()


class ImportLine(QWidget):
    """The import button, and how far a running import is, with a way to stop it."""

    def __init__(self, importer: StatementImporter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._importer = importer
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(GAP)
        self.progress = QLabel(self)
        self.progress.setProperty("role", "muted")
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(80)
        self.stop_button = QPushButton("Stop", self)
        self.stop_button.setToolTip("Stop the import; what was written stays, and importing again adds the rest")
        self.stop_button.clicked.connect(importer.stop)
        self.button = QPushButton("Import statement...", self)
        self.button.clicked.connect(importer.ask_file)
        for widget in (self.progress, self.bar, self.stop_button, self.button):
            line.addWidget(widget)
        self._show(is_running=False)
        self.set_desk(None)
        importer.started.connect(self._on_started)
        importer.ended.connect(self._on_ended)
        importer.progressed.connect(self._on_progress)

    def set_desk(self, desk: DeskState | None) -> None:
        """Opens the button where a statement can be taken, and says why where it cannot."""
        why = _why_not(desk)
        self.button.setEnabled(not why)
        self.button.setToolTip(why or _TIP)

    def _show(self, *, is_running: bool) -> None:
        for widget in (self.progress, self.bar, self.stop_button):
            widget.setVisible(is_running)
        self.button.setVisible(not is_running)

    @Slot()
    def _on_started(self) -> None:
        self.bar.setRange(0, 0)
        self.progress.setText("Reading the statement")
        self._show(is_running=True)

    @Slot()
    def _on_ended(self) -> None:
        self._show(is_running=False)

    @Slot(object)
    def _on_progress(self, progress: StatementProgress) -> None:
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        if progress.total:
            self.progress.setText(f"Importing {progress.done:,} of {progress.total:,}")


def _why_not(desk: DeskState | None) -> str:
    if desk is None or desk.phase in (Phase.STARTING, Phase.CONNECTING):
        return "Statements can be imported when the desk is ready."
    if BrokerName.IBKR not in (desk.brokers or (desk.broker,)):
        return "Statements of Interactive Brokers are imported on a desk that works with Interactive Brokers."
    if desk.phase is Phase.READ_ONLY:
        return "Read only: statements are imported in the desk that writes."
    return ""
