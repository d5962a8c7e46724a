"""The journal browser's tests: a desk over a real database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTreeWidgetItem, QWidget
from pytestqt.qtbot import QtBot

from database.reader import JournalReader
from database.store import SqliteStorage
from execution.views import Phase
from models.clock import ManualClock
from tests.database.builders import NOW
from tests.ui import demo_data
from tests.ui.journal_demo_data import StorageClient
from ui.bridge import Bridge
from ui.icons import Icons
from ui.journal.columns import JournalColumn
from ui.journal.facet_button import FacetButton
from ui.messages import Messages
from ui.op import ReaderPool
from ui.panels.journal import JournalPanel
from ui.settings import WindowSettings
from ui.theme import Theme


class Desk:
    """The panel with its surroundings."""

    def __init__(self, qtbot: QtBot, storage: SqliteStorage, tmp_path: Path, pool: ReaderPool) -> None:
        self.qtbot = qtbot
        self.storage = storage
        self.bridge = Bridge(frame_ms=1)
        self.client = StorageClient(storage, self.bridge)
        self.theme = Theme()
        icons = Icons(self.theme)
        self.messages = Messages(self.bridge, self.theme, icons)
        self.clock = ManualClock(NOW)
        self.readers: list[JournalReader] = []
        self.opening: Exception | None = None
        self.panel = JournalPanel(
            self.bridge,
            self.client,
            self.theme,
            icons=icons,
            messages=self.messages,
            clock=self.clock,
            settings=WindowSettings(tmp_path / "window.ini"),
            pool=pool,
            open_reader=self.open_reader,
        )
        qtbot.addWidget(self.panel)
        self.panel.resize(1600, 600)
        self.panel.show()
        self.table, self.detail, self.filters = self.panel.table, self.panel.detail, self.panel.filters

    def open_reader(self) -> JournalReader:
        if self.opening is not None:
            raise self.opening
        self.readers.append(JournalReader(self.storage.path))
        return self.readers[-1]

    @property
    def reader(self) -> JournalReader:
        return self.readers[0]

    def ready(self, phase: Phase = Phase.READY, problem: str = "") -> None:
        self.bridge.state(demo_data.desk(phase=phase, problem=problem))
        self.qtbot.waitUntil(lambda: self.panel.as_of_text.startswith("as of"))
        self.settle()

    def settle(self) -> None:
        """Waits until what is on screen is loaded and the detail is complete."""

        def is_settled() -> bool:
            first, last = self.table.window_rows()
            return (
                not self.panel.source.is_busy
                and self.panel.model.missing(first, last) is None
                and not self.panel._gather.isActive()
                and self.panel.source._detail_op is None
                and self.panel.source._facets_op is None
                and not self.table._settle.isActive()
            )

        self.qtbot.waitUntil(is_settled)

    def click(self, widget: QWidget) -> None:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    def click_row(self, row: int) -> None:
        at = self.table.visualRect(self.panel.model.index(row, JournalColumn.LEGS)).center()
        QTest.mouseClick(self.table.viewport(), Qt.MouseButton.LeftButton, pos=at)

    def tick(self, button: FacetButton, value: str) -> None:
        """Opens a filter's list and clicks a value."""
        self.click(button)
        item = next(one for one in button.popup.items() if one.text(0) == value)
        self.click_item(button, item)
        button.popup.hide()

    def click_item(self, button: FacetButton, item: QTreeWidgetItem) -> None:
        at = button.popup.values.visualItemRect(item).center()
        QTest.mouseClick(button.popup.values.viewport(), Qt.MouseButton.LeftButton, pos=at)

    def cell(self, row: int, column: JournalColumn) -> str:
        return str(self.panel.model.index(row, column).data())

    def ids(self) -> list[str]:
        """Ids of the rows on screen."""
        first, last = self.table.window_rows()
        lines = [self.panel.model.line(row) for row in range(first, min(last, self.panel.model.total - 1) + 1)]
        return [line.row.id for line in lines if line is not None]

    def close(self) -> None:
        for reader in self.readers:
            reader.close()


Make = Callable[..., Desk]
