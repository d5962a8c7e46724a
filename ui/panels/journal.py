"""The journal browser: every trade with the book's Greeks around it, filters, detail, notes, CSV."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QObject, Qt, QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QSplitter, QWidget

from execution.commands import EditJournal
from execution.views import DeskState, JournalWritten, Phase, Severity
from models.clock import Clock, new_york_time
from models.errors import KnownError
from ui import format as fmt
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.icons import Icons
from ui.journal.columns import JournalColumn
from ui.journal.detail import DetailPane
from ui.journal.export import CsvExport, ExportLine
from ui.journal.filter_bar import FilterBar
from ui.journal.importing import ImportLine, StatementImporter
from ui.journal.model import JournalModel
from ui.journal.source import JournalSource, LazyReader
from ui.journal.table import JournalTable
from ui.journal.words_editor import WordsEditor
from ui.messages import Messages
from ui.op import ReaderPool
from ui.panels.base import Panel
from ui.settings import WindowSettings
from ui.theme import Theme
from ui.widgets.columns import ColumnChooser

if TYPE_CHECKING:
    from database.journal_query import JournalDetail, JournalFacets, JournalFilter
    from database.reader import JournalReader

_NOT_YET = "The journal opens when the desk is ready."
_NO_TRADES = (
    "No trades in the journal yet.\n\nEvery fill is written here by itself, with the whole book's Greeks before and"
    " after it.\nBuild an order from the option chain to make the first entry."
)
_NO_MATCH = "No trade matches these filters.\n\nTake one away, choose a longer range, or press Clear."
#: Rows that are written in one go are read in one go.
_GATHER_MS = 100


class _Save(QObject):
    """One edit on its way to the engine."""

    def __init__(self, journal_id: str, editor: WordsEditor, messages: Messages, parent: QObject) -> None:
        super().__init__(parent)
        self._journal_id = journal_id
        self._editor = editor
        self._messages = messages

    def done(self, _answer: object) -> None:
        """It is in the journal."""
        self._editor.saved(self._journal_id)
        self.deleteLater()

    def failed(self, error: Exception) -> None:
        """It is not; the words stay on screen."""
        self._editor.refused(self._journal_id, str(error))
        self._messages.failed(error)
        self.deleteLater()


class JournalPanel(Panel):
    """Reads through `open_reader`, which is called in a worker once the desk is up; its maker closes the reader."""

    KEY: ClassVar[str] = "journal"
    TITLE: ClassVar[str] = "Journal"

    def __init__(
        self,
        bridge: Bridge,
        client: EngineClient,
        theme: Theme,
        *,
        icons: Icons,
        messages: Messages,
        clock: Clock,
        settings: WindowSettings,
        pool: ReaderPool,
        open_reader: Callable[[], JournalReader],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(bridge, client, theme, parent)
        self._messages = messages
        self._clock = clock
        self._wanted: JournalFilter | None = None
        self._chosen: str | None = None
        self._place = 0
        self._is_behind = False
        reader = LazyReader(open_reader)
        self.model = JournalModel(theme, self)
        self.source = JournalSource(pool, reader, self.model, self)
        self.csv = CsvExport(reader, self)
        self.importer = StatementImporter(bridge, client, theme, messages, self)
        self._build(icons, settings)
        self._gather = QTimer(self)
        self._gather.setSingleShot(True)
        self._gather.setInterval(_GATHER_MS)
        self._gather.timeout.connect(self._catch_up)
        self._connect()
        self.set_empty(_NOT_YET)
        self.filters.setEnabled(False)
        self.export_line.button.setEnabled(False)
        self.detail.clear()
        self.detail.editor.lock("Editing opens when the desk is ready.")
        self.listen(DeskState, self._on_desk)
        self.listen(JournalWritten, self._on_written)

    # --- building -----------------------------------------------------------------------------------------------------

    def _build(self, icons: Icons, settings: WindowSettings) -> None:
        self.filters = FilterBar(self.theme, icons, self._clock, self)
        self.export_line = ExportLine(self.csv, self)
        self.import_line = ImportLine(self.importer, self)
        self.toolbar.addWidget(self.filters, 1)
        self.toolbar.addWidget(self.import_line, 0, Qt.AlignmentFlag.AlignVCenter)
        self.toolbar.addWidget(self.export_line, 0, Qt.AlignmentFlag.AlignVCenter)
        self.table = JournalTable(self.theme, self.model, self)
        ColumnChooser(
            self.table.horizontalHeader(),
            settings,
            self.KEY,
            reset=self.table.reset_columns,
            keep=frozenset({int(JournalColumn.TIME)}),
        )
        self.detail = DetailPane(self.theme, icons, self)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.addWidget(self.table)
        self.splitter.addWidget(self.detail)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.splitter.setSizes([1110, 490])
        self.splitter.setChildrenCollapsible(False)
        self.detail.setMinimumWidth(280)
        self.set_body(self.splitter)

    def _connect(self) -> None:
        self.filters.changed.connect(self._on_filters)
        self.table.window_changed.connect(self.source.window)
        self.table.selectionModel().currentRowChanged.connect(self._on_current)
        self.source.listed.connect(self._on_listed)
        self.source.added.connect(self._on_added)
        self.source.loaded.connect(self._on_loaded)
        self.source.faceted.connect(self._on_facets)
        self.source.detailed.connect(self._on_detail)
        self.source.failed.connect(self._on_read_failed)
        self.detail.save_requested.connect(self._on_save)
        self.importer.imported.connect(self._on_imported)
        self.export_line.button.clicked.connect(self._ask_where)
        self.csv.finished.connect(self._on_exported)
        self.csv.cancelled.connect(self._on_export_cancelled)
        self.csv.failed.connect(self._on_export_failed)

    # --- news ---------------------------------------------------------------------------------------------------------

    def _on_desk(self, desk: DeskState) -> None:
        self.import_line.set_desk(desk)
        match desk.phase:
            case Phase.READY:
                self.detail.editor.lock("")
            case Phase.READ_ONLY:
                why = f" {desk.problem}" if desk.problem else ""
                self.detail.editor.lock(f"Read only: rationale and tags cannot be changed.{why}")
            case _:
                self.detail.editor.lock("Editing opens when the desk is ready.")
        if desk.phase in (Phase.READY, Phase.READ_ONLY) and self._wanted is None:
            self._read_all()

    def _on_written(self, _written: JournalWritten) -> None:
        self._is_behind = True
        if self.isVisible():
            self._gather.start()

    @Slot()
    def _on_imported(self) -> None:
        self._is_behind = True
        self._gather.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Catches up with rows that were written while nobody looked."""
        super().showEvent(event)
        if self._is_behind:
            self._gather.start()

    @Slot()
    def _catch_up(self) -> None:
        if self._wanted is None:
            return
        self._is_behind = False
        wanted = self.filters.wanted()
        self._place = self.table.verticalScrollBar().value()
        if wanted == self._wanted:
            self.source.refresh()
        else:
            self._show(wanted)  # midnight has passed: Today is another day
        self.source.ask_facets()
        if self._chosen is not None:
            self.source.ask_detail(self._chosen)

    # --- the list -----------------------------------------------------------------------------------------------------

    def _read_all(self) -> None:
        self._show(self.filters.wanted())
        self.source.ask_facets()

    @Slot()
    def _on_filters(self) -> None:
        wanted = self.filters.wanted()
        if self._wanted is not None and wanted != self._wanted:
            self._show(wanted)

    def _show(self, wanted: JournalFilter) -> None:
        self._wanted = wanted
        self.source.show(wanted)

    @Slot(bool)
    def _on_listed(self, is_reread: bool) -> None:
        self._say_count()
        self.table.scroll_to(self._place if is_reread else 0)
        self._select_again()
        if self.table.currentIndex().row() < 0 and not is_reread:
            self._select_first()

    @Slot(int)
    def _on_added(self, count: int) -> None:
        self.table.keep_place(count)
        self._say_count()
        self._select_again()

    @Slot()
    def _on_loaded(self) -> None:
        self._say_count()
        self._select_again()

    def _say_count(self) -> None:
        self.filters.setEnabled(True)
        self.filters.set_shown(self.model.total)
        self.export_line.button.setEnabled(self.model.total > 0)
        self.set_as_of(self._clock.now_utc())
        if self.model.total:
            self.set_empty(None)
        else:
            self.set_empty(_NO_MATCH if self.filters.is_filtering else _NO_TRADES)

    def _select_again(self) -> None:
        """Marks the chosen row once it is loaded; a row chosen before it was loaded is shown now."""
        current = self.table.currentIndex()
        if current.isValid():
            self._on_current(current, QModelIndex())
            return
        row = None if self._chosen is None else self.model.row_of(self._chosen)
        if row is not None:
            flag = QItemSelectionModel.SelectionFlag
            self.table.selectionModel().setCurrentIndex(self.model.index(row, 0), flag.ClearAndSelect | flag.Rows)

    def _select_first(self) -> None:
        if self.model.total:
            self.table.selectRow(0)
        else:
            self._chosen = None
            self.detail.clear()

    @Slot(object)
    def _on_facets(self, facets: JournalFacets) -> None:
        self.filters.set_facets(facets)
        self.detail.editor.tags.set_known([tag for tag, _ in facets.tags])

    @Slot(object)
    def _on_read_failed(self, error: Exception) -> None:
        if isinstance(error, KnownError):
            self._wanted = None if self.model.total == 0 else self._wanted
            if self.model.total == 0:
                self.set_empty(f"{error}\n\nThe journal is read again with the next change of the desk.")
        self._messages.failed(error)

    # --- the chosen row -----------------------------------------------------------------------------------------------

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, current: QModelIndex, _before: QModelIndex) -> None:
        line = self.model.line(current.row()) if current.isValid() else None
        if line is None or line.row.id == self._chosen:
            return
        self._chosen = line.row.id
        self.detail.show_row(line.row)
        self.source.ask_detail(line.row.id)

    @Slot(object)
    def _on_detail(self, detail: JournalDetail) -> None:
        self.detail.show_detail(detail)

    @Slot(str, object, object)
    def _on_save(self, journal_id: str, rationale: str | None, tags: tuple[str, ...] | None) -> None:
        save = _Save(journal_id, self.detail.editor, self._messages, self)
        self.client.ask(EditJournal(journal_id, rationale, tags), save.done, save.failed)

    # --- export -------------------------------------------------------------------------------------------------------

    @Slot()
    def _ask_where(self) -> None:
        dialog = QFileDialog(self, "Export the journal as CSV")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter("CSV files (*.csv)")
        dialog.setDefaultSuffix("csv")
        dialog.selectFile(f"journal-{new_york_time(self._clock.now_utc()):%Y-%m-%d}.csv")
        dialog.fileSelected.connect(self._on_file)
        dialog.open()

    @Slot(str)
    def _on_file(self, name: str) -> None:
        self.export_to(Path(name))

    def export_to(self, target: Path) -> None:
        """Writes every trade that passes the filters to `target`; one export at a time."""
        if self._wanted is None or self.csv.is_running:
            return
        self.export_line.show_running(self.model.total)
        self.csv.start(self._wanted, target)

    @Slot(object, int)
    def _on_exported(self, path: Path, rows: int) -> None:
        self.export_line.show_idle()
        self._messages.notify(Severity.GOOD, f"{fmt.plural(rows, 'trade')} written to {path}", replace_key="export")

    @Slot()
    def _on_export_cancelled(self) -> None:
        self.export_line.show_idle()
        self._messages.notify(Severity.INFO, "Export stopped; no file was written.", replace_key="export")

    @Slot(object)
    def _on_export_failed(self, error: Exception) -> None:
        self.export_line.show_idle()
        self._messages.failed(error)

    # --- look ---------------------------------------------------------------------------------------------------------

    def retheme(self) -> None:
        """Redraws icons and the list."""
        super().retheme()
        self.filters.retheme()
        self.detail.retheme()
        self.table.viewport().update()
