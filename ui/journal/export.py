"""CSV export in a worker of its own, so that browsing goes on meanwhile; progress, cancel, outcome."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from ui import format as fmt
from ui.journal.source import LazyReader
from ui.op import ReaderPool
from ui.theme import GAP

if TYPE_CHECKING:
    from database.journal_query import JournalFilter

#: Pause of the export every thousand rows, seconds.
_BREATH_S = 0.005


class CsvExport(QObject):
    """One export at a time. Exactly one of `finished(path, rows)`, `cancelled` and `failed(error)` follows `start`."""

    progressed = Signal(int)
    finished = Signal(object, int)
    cancelled = Signal()
    failed = Signal(object)

    def __init__(self, reader: LazyReader, parent: QObject) -> None:
        super().__init__(parent)
        self._reader = reader
        self._pool = ReaderPool(self)
        self._stop = threading.Event()
        self.is_running = False
        app = QCoreApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self.cancel)

    def start(self, wanted: JournalFilter, target: Path) -> None:
        """Writes the rows of a filter to `target`."""
        self._stop.clear()
        self.is_running = True
        reader, stop, progressed = self._reader, self._stop, self.progressed

        def on_written(count: int) -> bool:
            progressed.emit(count)
            return not stop.wait(_BREATH_S)  # lets the window have the interpreter for a moment

        def work() -> tuple[Path, int]:
            from database.export import export_journal_csv  # noqa: PLC0415 - brings SQLAlchemy, which the window waits not for

            return target, export_journal_csv(reader.get(), wanted, target, progress=on_written)

        self._pool.run(work, done=self._on_done, failed=self._on_failed)

    @Slot()
    def cancel(self) -> None:
        """Stops a running export; the file that was there before stays."""
        self._stop.set()

    def _on_done(self, outcome: tuple[Path, int]) -> None:
        self.is_running = False
        path, rows = outcome
        if rows == 0 and self._stop.is_set():
            self.cancelled.emit()
        else:
            self.finished.emit(path, rows)

    def _on_failed(self, error: Exception) -> None:
        self.is_running = False
        self.failed.emit(error)


class ExportLine(QWidget):
    """The export button, and what a running export has written, with a way to stop it."""

    def __init__(self, export: CsvExport, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._total = 0
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(GAP)
        self.progress = QLabel(self)
        self.progress.setProperty("role", "muted")
        self.cancel_button = QPushButton("Stop", self)
        self.cancel_button.setToolTip("Stop the export; no file is written")
        self.cancel_button.clicked.connect(export.cancel)
        self.button = QPushButton("Export CSV", self)
        self.button.setToolTip("Write every trade that passes the filters to a CSV file")
        for widget in (self.progress, self.cancel_button, self.button):
            line.addWidget(widget)
        self.progress.hide()
        self.cancel_button.hide()
        export.progressed.connect(self._on_progress)

    def show_running(self, total: int) -> None:
        """An export of `total` rows has begun."""
        self._total = total
        self._on_progress(0)
        self._show(is_running=True)

    def show_idle(self) -> None:
        """The export is over."""
        self._show(is_running=False)

    def _show(self, *, is_running: bool) -> None:
        self.progress.setVisible(is_running)
        self.cancel_button.setVisible(is_running)
        self.button.setVisible(not is_running)

    @Slot(int)
    def _on_progress(self, written: int) -> None:
        self.progress.setText(f"Exporting {written:,} of {fmt.plural(self._total, 'trade')}")
