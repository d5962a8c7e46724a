"""Importing a statement by clicks: the file dialog, the real import into the real database, the report, refusals."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from database.reader import JournalReader
from database.store import open_storage
from execution.commands import Command, ImportStatement, StopStatementImport
from execution.statement_views import StatementProgress, StatementReport
from execution.views import Phase
from models.clock import ManualClock
from models.enums import BrokerName, Mode
from models.errors import KnownError
from tests.execution.statements.kit import ACTIVITY, CONFIRMS, NOW, ImportDesk
from tests.ui import demo_data
from ui.bridge import Bridge
from ui.icons import Icons
from ui.journal.import_report import ImportReportDialog
from ui.messages import Messages
from ui.op import ReaderPool
from ui.panels.journal import JournalPanel
from ui.settings import WindowSettings
from ui.theme import Theme
from ui.widgets.confirm import ConfirmDialog

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", "This plugin does not support")


class ImportingClient:
    """An EngineClient that imports into the real database; `is_held` keeps answers back until `answer`."""

    def __init__(self, desk: ImportDesk) -> None:
        self._desk = desk
        self.asked: list[Command] = []
        self.is_held = False
        self._held: list[Callable[[], None]] = []

    def ask(self, command: Command, done: Callable[[Any], None], failed: Callable[[Exception], None]) -> None:
        self.asked.append(command)
        if isinstance(command, StopStatementImport):
            done(None)
            return
        assert isinstance(command, ImportStatement)

        def work() -> None:
            try:
                report = self._desk.take(command.path)
            except KnownError as error:
                failed(error)
            else:
                done(report)

        self._held.append(work)
        if not self.is_held:
            self.answer()

    def answer(self) -> None:
        waiting, self._held = self._held, []
        for work in waiting:
            work()


class Window:
    """The journal panel over an importing desk."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self.qtbot = qtbot
        path = folder / "desk" / "desk.db"
        self.desk = ImportDesk(open_storage(path, environment="ibkr", mode=Mode.PAPER, clock=ManualClock(NOW)))
        self.bridge, self.theme, self.pool = Bridge(frame_ms=1), Theme(), ReaderPool()
        self.client = ImportingClient(self.desk)
        icons = Icons(self.theme)
        self.messages = Messages(self.bridge, self.theme, icons)
        self.readers: list[JournalReader] = []
        self.panel = JournalPanel(
            self.bridge,
            self.client,
            self.theme,
            icons=icons,
            messages=self.messages,
            clock=ManualClock(NOW),
            settings=WindowSettings(folder / "window.ini"),
            pool=self.pool,
            open_reader=self._open_reader,
        )
        qtbot.addWidget(self.panel)
        self.messages.attach(self.panel)
        self.panel.resize(1600, 600)
        self.panel.show()
        self.line = self.panel.import_line

    def _open_reader(self) -> JournalReader:
        self.readers.append(JournalReader(self.desk.storage.path))
        return self.readers[-1]

    def ready(self, broker: BrokerName = BrokerName.IBKR, phase: Phase = Phase.READY) -> None:
        self.bridge.state(demo_data.desk(phase=phase, broker=broker))
        self.qtbot.waitUntil(lambda: self.panel.as_of_text.startswith("as of"))
        self.qtbot.waitUntil(lambda: not self.panel.source.is_busy)

    def choose(self, file: Path) -> None:
        """Clicks the button and picks the file in the dialog."""
        click(self.line.button)
        (dialog,) = self.panel.findChildren(QFileDialog)
        name = dialog.findChild(QLineEdit)
        assert name is not None
        name.setText(str(file))
        dialog.accept()

    def dialog(self, kind: type[QWidget]) -> Any:
        self.qtbot.waitUntil(lambda: bool(self._dialogs(kind)))
        (found,) = self._dialogs(kind)
        return found

    def _dialogs(self, kind: type[QWidget]) -> list[QWidget]:
        return [one for one in QApplication.topLevelWidgets() if isinstance(one, kind) and one.isVisible()]

    def close(self) -> None:
        for widget in (*self._dialogs(ImportReportDialog), *self._dialogs(ConfirmDialog)):
            widget.close()
        self.panel._gather.stop()
        self.qtbot.waitUntil(lambda: not self.panel.source.is_busy)
        self.pool.close()
        self.panel.csv._pool.close()
        for reader in self.readers:
            reader.close()
        self.desk.close()


def click(widget: QWidget) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    # The desktop's own dialog cannot be clicked by a test; Qt's can.
    plain = QFileDialog.open

    def open_plain(dialog: QFileDialog) -> None:
        dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
        plain(dialog)

    monkeypatch.setattr(QFileDialog, "open", open_plain)
    made = Window(qtbot, tmp_path)
    yield made
    made.close()


def test_a_statement_is_chosen_imported_reported_and_in_the_list(window: Window) -> None:
    window.ready()
    assert "No trades in the journal yet" in str(window.panel.empty_text)
    window.choose(ACTIVITY)
    report = window.dialog(ImportReportDialog)
    assert window.client.asked == [ImportStatement(ACTIVITY)]
    said = report.text()
    assert said.startswith("activity.xml: 17 added, 2 left out.")
    assert "Trades of DU5550001 are complete for 2 Nov 26 to 13 Nov 26." in said
    assert "8 rows written into the journal." in said
    assert "CorporateActions (1)" in said
    assert [table.texts()[0] for table in report.tables] == [
        ["Trades", "9", "7", "0", "0", "2"],
        ["Dividends", "USD", "1", "1", "+26.00"],
        ["Trades", "1", "Trade 14", "it is a currency exchange; the desk books stocks, funds, futures and options"],
    ]
    window.qtbot.waitUntil(lambda: window.panel.model.total == 8)
    assert window.line.button.isVisible()
    assert any(text.startswith("activity.xml: 17 added") for text in window.messages.toasts)
    click(report.copy_button)
    assert QApplication.clipboard().text() == said
    click(report.close_button)
    window.qtbot.waitUntil(lambda: not window._dialogs(ImportReportDialog))


def test_importing_it_again_says_that_nothing_is_new(window: Window) -> None:
    window.ready()
    for expected in ("activity.xml: 17 added, 2 left out.", "activity.xml: nothing new, 2 left out."):
        window.choose(ACTIVITY)
        report = window.dialog(ImportReportDialog)
        assert report.text().splitlines()[0] == expected
        click(report.close_button)
        window.qtbot.waitUntil(lambda: not window._dialogs(ImportReportDialog))
        window.qtbot.waitUntil(lambda: not window.panel.findChildren(QFileDialog))
    assert "No row was written into the journal." in report.text()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Symbol,Quantity\nSPY,10\n", "statement.xml is not an XML file. Choose the file that the Flex Query gave"),
        ("<html><body/></html>", "This is not a Flex statement: it begins with <html>"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "declares XML entities or a document type"),
        ("<FlexQueryResponse><FlexStatements>", "is damaged at line 1: it may have been downloaded only in part"),
        (None, "has 200 MB; statements of up to 50 MB are read"),
    ],
)
def test_a_wrong_file_is_refused_in_plain_words_that_stay(
    window: Window, tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / "statement.xml"
    if content is None:
        with file.open("wb") as sparse:
            sparse.truncate(200_000_000)
    else:
        file.write_text(content)
    window.ready()
    window.choose(file)
    note = window.dialog(ConfirmDialog)
    assert said in "\n".join(label.text() for label in note.findChildren(QWidget) if hasattr(label, "text"))
    assert window.line.button.isVisible()
    assert window.panel.model.total == 0


def test_a_statement_of_another_account_is_refused(window: Window, tmp_path: Path) -> None:
    file = tmp_path / "other.xml"
    file.write_text(CONFIRMS.read_text().replace("DU5550001", "U4242"))
    window.ready()
    window.choose(file)
    note = window.dialog(ConfirmDialog)
    texts = "\n".join(label.text() for label in note.findChildren(QWidget) if hasattr(label, "text"))
    assert "other.xml is about U4242, but this desk has DU5550001. Nothing was imported." in texts


def test_how_far_it_is_is_shown_and_it_can_be_stopped(window: Window, tmp_path: Path) -> None:
    window.ready()
    window.client.is_held = True
    window.choose(CONFIRMS)
    assert window.line.progress.isVisible()
    assert not window.line.button.isVisible()
    assert window.line.progress.text() == "Reading the statement"
    window.bridge.state(StatementProgress("confirms.xml", 400, 12_000))
    window.qtbot.waitUntil(lambda: window.line.progress.text() == "Importing 400 of 12,000")
    assert (window.line.bar.value(), window.line.bar.maximum()) == (400, 12_000)
    click(window.line.stop_button)
    assert window.client.asked[-1] == StopStatementImport()
    window.panel.importer.start(tmp_path / "second.xml")
    assert len(window.client.asked) == 2, "one import at a time"
    window.client.answer()
    assert window.dialog(ImportReportDialog).text().startswith("confirms.xml: 1 added.")
    assert not window.line.progress.isVisible()


@pytest.mark.parametrize(
    ("broker", "phase", "why"),
    [
        (BrokerName.IBKR, Phase.READ_ONLY, "Read only"),
        (BrokerName.PAPER, Phase.READY, "on a desk that works with Interactive Brokers"),
    ],
)
def test_where_no_statement_can_be_taken_the_button_says_why(
    window: Window, broker: BrokerName, phase: Phase, why: str
) -> None:
    assert "when the desk is ready" in window.line.button.toolTip()
    window.ready(broker, phase)
    assert not window.line.button.isEnabled()
    assert why in window.line.button.toolTip()


def test_a_report_that_would_be_long_scrolls_and_folds_rows_with_one_reason(window: Window, tmp_path: Path) -> None:
    line = next(line for line in ACTIVITY.read_text().splitlines() if 'symbol="EUR.USD"' in line)
    file = tmp_path / "many.xml"
    text = CONFIRMS.read_text()
    file.write_text(text.replace("<TradeConfirms>", f"<Trades>{line * 300}</Trades><TradeConfirms>"))
    shutil.copy(file, tmp_path / "copy.xml")
    window.ready()
    window.choose(file)
    report = window.dialog(ImportReportDialog)
    assert isinstance(report.report, StatementReport)
    (row,) = report.tables[-1].texts()
    assert row[:3] == ["Trades", "300", "Trade 1"]
    assert report.height() <= 700
    buttons = [button.text() for button in report.findChildren(QPushButton)]
    assert buttons == ["Copy report", "Close"]
