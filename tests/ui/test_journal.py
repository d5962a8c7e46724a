"""The journal browser over a real database: real clicks, the real reader, edits that are really saved."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QDate, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QTreeWidgetItem, QWidget
from pytestqt.qtbot import QtBot

from database.journal_query import JournalFilter, JournalRow
from database.reader import JournalReader
from database.store import SqliteStorage
from execution.commands import EditJournal
from execution.views import JournalWritten, Phase
from models.clock import ManualClock
from models.errors import KnownError
from tests.database.builders import NOW, open_paper, seed_journal
from tests.ui import demo_data
from tests.ui.journal_demo_data import AI_RATIONALE, RATIONALE, StorageClient, write_condor, write_row
from ui.bridge import Bridge
from ui.icons import Icons
from ui.journal import text as words
from ui.journal.columns import JournalColumn, line_of
from ui.journal.date_range import Range, day_start_utc
from ui.journal.facet_button import FacetButton
from ui.journal.model import JournalModel
from ui.messages import Messages
from ui.op import ReaderPool
from ui.panels.journal import JournalPanel
from ui.settings import WindowSettings
from ui.theme import Theme, ThemeName

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", "This plugin does not support")
ROWS = 1500


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


@pytest.fixture
def pool(qapp: QApplication) -> Iterator[ReaderPool]:
    pool = ReaderPool()
    yield pool
    pool.close()


@pytest.fixture
def make(qtbot: QtBot, tmp_path: Path, pool: ReaderPool) -> Iterator[Make]:
    """Makes the panel over a database with `rows` seeded rows."""
    opened: list[tuple[Desk, SqliteStorage]] = []

    def build(rows: int = 0) -> Desk:
        path = tmp_path / "desk" / "desk.db"
        if rows:
            seed_journal(path, rows)
        storage = open_paper(path)
        opened.append((Desk(qtbot, storage, tmp_path, pool), storage))
        return opened[-1][0]

    yield build
    for desk, storage in opened:
        pool.close()
        desk.panel.csv._pool.close()
        desk.close()
        storage.close()


# --- opening ----------------------------------------------------------------------------------------------------------


def test_the_database_is_not_touched_before_the_desk_is_ready(make: Make) -> None:
    desk = make()
    desk.bridge.state(demo_data.desk(phase=Phase.STARTING))
    desk.qtbot.wait(30)
    assert desk.panel.empty_text == "The journal opens when the desk is ready."
    assert desk.readers == []
    assert desk.detail.editor.note.text() == "Editing opens when the desk is ready."


def test_an_empty_journal_says_how_the_first_entry_comes_about(make: Make) -> None:
    desk = make()
    desk.ready()
    assert "No trades in the journal yet" in str(desk.panel.empty_text)
    assert not desk.panel.export_line.button.isEnabled()


def test_a_database_that_cannot_be_opened_says_why_and_is_tried_again(make: Make) -> None:
    desk = make(rows=5)
    desk.opening = KnownError("The file is damaged.", cure="Restore a backup.")
    desk.bridge.state(demo_data.desk())
    desk.qtbot.waitUntil(lambda: "The file is damaged. Restore a backup." in str(desk.panel.empty_text))
    desk.opening = None
    desk.ready()
    assert desk.panel.empty_text is None
    assert desk.panel.model.total == 5


def test_the_newest_trade_is_on_top_and_its_detail_is_shown(make: Make) -> None:
    desk = make(rows=30)
    condor = write_condor(desk.storage)
    desk.ready()
    assert desk.filters.count.text() == "31 trades"
    assert [desk.cell(0, column) for column in JournalColumn] == [
        "2026-05-04 15:45",
        "DU1234567 paper",
        "SPX",
        "Iron condor",
        "Filled",
        "−2 6800P / +2 6700P / −2 7450C / +2 7550C  15 Jun 26",
        "CR 4,370.00",
        "17.40",
        "7,200.75",
        "MEDIUM",
        "−120.5 → −131.3",
        "+340 → +413",
        "roll, weekly",
        RATIONALE,
    ]
    assert desk.detail.journal_id == condor


# --- the window of the list -------------------------------------------------------------------------------------------


def test_only_the_rows_on_screen_are_read(make: Make) -> None:
    desk = make(rows=ROWS)
    desk.ready()
    first, last = desk.table.window_rows()
    read_at_first = desk.panel.source.rows_read
    assert read_at_first <= max(40, last - first + 1)
    desk.table.verticalScrollBar().setValue(desk.table.verticalScrollBar().maximum() // 2)
    desk.settle()
    first, last = desk.table.window_rows()
    assert first > 100
    assert desk.panel.source.rows_read - read_at_first == last - first + 1
    expected = desk.reader.page(JournalFilter(), offset=first, limit=last - first + 1)
    assert desk.ids() == [row.id for row in expected]


def test_rows_under_way_show_a_placeholder_and_the_last_row_can_be_reached(make: Make) -> None:
    desk = make(rows=ROWS)
    desk.ready()
    assert desk.cell(ROWS - 1, JournalColumn.LEGS) == "…"
    assert desk.panel.model.index(ROWS - 1, JournalColumn.STATUS).data() is None
    QTest.keyClick(desk.table, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    desk.settle()
    oldest = desk.reader.page(JournalFilter(), offset=ROWS - 1, limit=1)[0]
    assert desk.cell(ROWS - 1, JournalColumn.LEGS) == words.legs_summary(oldest.legs)
    assert desk.detail.journal_id == oldest.id


def test_quick_scrolling_ends_with_the_rows_where_it_ended(make: Make) -> None:
    desk = make(rows=ROWS)
    desk.ready()
    bar = desk.table.verticalScrollBar()
    for step in range(1, 40):
        bar.setValue(bar.maximum() * (step * 7 % 40) // 40)
        desk.qtbot.wait(1)
    desk.settle()
    first, last = desk.table.window_rows()
    expected = desk.reader.page(JournalFilter(), offset=first, limit=last - first + 1)
    assert desk.ids() == [row.id for row in expected]


def test_far_rows_are_forgotten_so_memory_stays_small(make: Make) -> None:
    desk = make(rows=ROWS)
    desk.ready()
    bar = desk.table.verticalScrollBar()
    while bar.value() < bar.maximum():
        bar.setValue(bar.value() + desk.table.viewport().height())
        desk.settle()
    assert desk.panel.model.held <= 1000


# --- filters ----------------------------------------------------------------------------------------------------------


def test_a_clicked_symbol_narrows_the_list_and_says_of_how_many(make: Make) -> None:
    desk = make(rows=200)
    desk.ready()
    desk.tick(desk.filters.underlying, "SPX")
    desk.settle()
    count = desk.reader.count(JournalFilter(underlyings=("SPX",)))
    assert 0 < count < 200
    assert desk.panel.model.total == count
    assert desk.filters.count.text() == f"{count} of 200 trades"
    assert desk.filters.underlying.text().startswith("Symbol: SPX")
    assert {desk.cell(row, JournalColumn.UNDERLYING) for row in range(min(count, 10))} == {"SPX"}


def test_values_are_listed_with_their_counts_and_a_second_click_takes_one_away(make: Make) -> None:
    desk = make(rows=200)
    desk.ready()
    facets = desk.reader.facets()
    desk.click(desk.filters.status)
    shown = [(item.text(0), item.text(1)) for item in desk.filters.status.popup.items()]
    assert shown == [(value.capitalize(), f"{count:,}") for value, count in facets.statuses]
    for _ in range(2):
        desk.click_item(desk.filters.status, desk.filters.status.popup.items()[0])
        desk.settle()
    assert desk.filters.status.chosen == ()
    assert desk.panel.model.total == 200


def test_every_filter_reaches_the_reader(make: Make) -> None:
    desk = make(rows=400)
    desk.ready()
    for button in desk.filters.facet_buttons:
        button.choose(())
        desk.click(button)
        desk.click_item(button, button.popup.items()[0])
        button.popup.hide()
        desk.settle()
        wanted = desk.filters.wanted()
        assert wanted != JournalFilter()
        assert desk.panel.model.total == desk.reader.count(wanted)
        desk.click(desk.filters.clear_button)
        desk.settle()
    assert desk.panel.model.total == 400


def test_typed_words_are_searched_and_a_miss_offers_the_way_back(make: Make) -> None:
    desk = make(rows=50)
    write_condor(desk.storage)
    desk.ready()
    QTest.keyClicks(desk.filters.search, "vix POP")
    QTest.keyClick(desk.filters.search, Qt.Key.Key_Return)
    desk.settle()
    assert desk.panel.model.total == 1
    assert desk.cell(0, JournalColumn.RATIONALE) == RATIONALE
    QTest.keyClicks(desk.filters.search, " nowhere")
    QTest.keyClick(desk.filters.search, Qt.Key.Key_Return)
    desk.settle()
    assert "No trade matches these filters" in str(desk.panel.empty_text)
    desk.click(desk.filters.clear_button)
    desk.settle()
    assert desk.panel.empty_text is None
    assert desk.panel.model.total == 51


def test_today_is_the_new_york_day(make: Make) -> None:
    desk = make()
    midnight = day_start_utc(NOW.date())
    write_row(desk.storage, midnight - timedelta(seconds=1), "yesterday")
    write_row(desk.storage, midnight, "today")
    desk.ready()
    desk.click(desk.filters.dates.buttons[Range.TODAY])
    desk.settle()
    assert desk.panel.model.total == 1
    assert desk.cell(0, JournalColumn.RATIONALE) == "today"
    desk.click(desk.filters.dates.buttons[Range.WEEK])
    desk.settle()
    assert desk.panel.model.total == 2


def test_two_dates_are_both_included_in_either_order(make: Make) -> None:
    desk = make()
    for day in (1, 2, 3, 4):
        write_row(desk.storage, datetime(2026, 5, day, 16, 0, tzinfo=UTC), f"day {day}")
    desk.ready()
    dates = desk.filters.dates
    desk.click(dates.buttons[Range.DATES])
    assert dates.from_edit.isVisible()
    dates.from_edit.setDate(QDate(2026, 5, 3))
    dates.to_edit.setDate(QDate(2026, 5, 2))
    desk.settle()
    assert [desk.cell(row, JournalColumn.RATIONALE) for row in range(desk.panel.model.total)] == ["day 3", "day 2"]
    desk.click(dates.buttons[Range.ALL])
    desk.settle()
    assert not dates.from_edit.isVisible()
    assert desk.panel.model.total == 4


# --- the detail -------------------------------------------------------------------------------------------------------


def test_the_detail_tells_the_whole_trade(make: Make) -> None:
    desk = make()
    journal_id = write_condor(desk.storage)
    desk.ready()
    detail = desk.detail
    assert detail.title.text() == "SPX  Iron condor"
    assert detail.legs.texts()[0] == ["SELL", "2", "SPXW 15 Jun 26 6800 P", "38.40", "CR 7,680.00"]
    assert detail.legs.texts()[3] == ["BUY", "2", "SPXW 15 Jun 26 7550 C", "13.30", "DB 2,660.00"]
    assert detail.greeks.texts() == [
        ["SPX delta", "−120.5", "−131.3", "−10.8", "$ per SPX point"],
        ["Gamma", "−8.20", "−8.20", "0.00", "deltas per SPX point"],
        ["Theta", "+340.00", "+412.50", "+72.50", "$ per day"],
        ["Vega", "−1,200", "−1,200", "0.00", "$ per vol point"],
    ]
    assert detail.greeks_note.text() == "1 position on the default beta of 1"
    assert detail.ai.text() == AI_RATIONALE
    assert detail.executions.texts()[0][1:] == ["SELL", "2", "SPXW 15 Jun 26 6800 P", "38.40", "2.64"]
    assert detail.fees.text() == "Fees $10.56"
    trail = [row[1:] for row in detail.audit.texts()]
    assert trail[:3] == [
        ["Created", "Draft, CR 21.85", ""],
        ["Submitted", "Pending, CR 21.85", "48.2 ms"],
        ["Execution", "Sell 2 at 38.40", "1.5 ms"],
    ]
    assert detail.ids["Journal id"].value.text() == journal_id


def test_ids_are_copied_with_a_click(make: Make) -> None:
    desk = make()
    journal_id = write_condor(desk.storage)
    desk.ready()
    desk.click(desk.detail.ids["Journal id"].copy_button)
    assert QApplication.clipboard().text() == journal_id


def test_a_click_on_another_row_shows_that_trade(make: Make) -> None:
    desk = make(rows=20)
    desk.ready()
    desk.click_row(4)
    desk.settle()
    fifth = desk.reader.page(JournalFilter(), offset=4, limit=1)[0]
    assert desk.detail.journal_id == fifth.id
    assert desk.detail.audit_note.text() == "The order was placed outside this desk: no trail."


def test_jump_buttons_scroll_to_their_section(make: Make) -> None:
    desk = make()
    write_condor(desk.storage)
    desk.ready()
    desk.panel.resize(1600, 330)
    desk.qtbot.wait(20)
    desk.click(desk.detail.jump_buttons["Trail"])
    assert desk.detail.page.verticalScrollBar().value() > 100


# --- the user's words -------------------------------------------------------------------------------------------------


def _type(desk: Desk, text: str) -> None:
    desk.detail.editor.rationale.setFocus()
    desk.detail.editor.rationale.selectAll()
    QTest.keyClicks(desk.detail.editor.rationale, text)


def test_saved_words_are_in_the_database_in_the_list_and_in_the_history(make: Make) -> None:
    desk = make()
    journal_id = write_condor(desk.storage)
    desk.ready()
    editor = desk.detail.editor
    assert not editor.save_button.isEnabled()
    _type(desk, "Closed half.")
    QTest.keyClicks(editor.tags.field, "winner")
    QTest.keyClick(editor.tags.field, Qt.Key.Key_Return)
    roll = next(chip for chip in editor.tags.chips if chip.property("tag") == "roll")
    desk.click(roll)
    assert editor.note.text() == "Not saved yet."
    desk.click(editor.save_button)
    desk.qtbot.waitUntil(lambda: desk.cell(0, JournalColumn.RATIONALE) == "Closed half.")
    desk.settle()
    assert desk.client.asked == [EditJournal(journal_id, "Closed half.", ("weekly", "winner"))]
    row = desk.reader.detail(journal_id).row
    assert (row.user_rationale, row.tags) == ("Closed half.", ("weekly", "winner"))
    assert desk.cell(0, JournalColumn.TAGS) == "weekly, winner"
    assert editor.history.text().splitlines() == [
        "2026-05-04 15:45:12  tags were: roll, weekly",
        f"2026-05-04 15:45:12  rationale was: “{RATIONALE}”",
    ]
    assert not editor.is_dirty
    assert editor.note.text() == ""


def test_only_what_was_changed_is_sent(make: Make) -> None:
    desk = make()
    journal_id = write_condor(desk.storage)
    desk.ready()
    QTest.keyClicks(desk.detail.editor.tags.field, "late,")
    desk.click(desk.detail.editor.save_button)
    assert desk.client.asked == [EditJournal(journal_id, None, ("late", "roll", "weekly"))]


def test_revert_brings_back_what_is_saved(make: Make) -> None:
    desk = make()
    write_condor(desk.storage)
    desk.ready()
    _type(desk, "a slip")
    desk.click(desk.detail.editor.revert_button)
    assert desk.detail.editor.rationale.toPlainText() == RATIONALE
    assert not desk.detail.editor.save_button.isEnabled()


def test_unsaved_words_wait_while_another_trade_is_looked_at(make: Make) -> None:
    desk = make(rows=5)
    write_condor(desk.storage)
    desk.ready()
    _type(desk, "half a thought")
    desk.click_row(2)
    desk.settle()
    assert desk.detail.editor.rationale.toPlainText() != "half a thought"
    desk.click_row(0)
    desk.settle()
    assert desk.detail.editor.rationale.toPlainText() == "half a thought"
    assert desk.detail.editor.save_button.isEnabled()


def test_refused_words_stay_on_screen_with_the_reason(make: Make) -> None:
    desk = make()
    write_condor(desk.storage)
    desk.ready()
    desk.client.refusal = KnownError("The disk is full.")
    _type(desk, "worth keeping")
    desk.click(desk.detail.editor.save_button)
    assert desk.detail.editor.note.text() == "Not saved: The disk is full."
    assert desk.detail.editor.rationale.toPlainText() == "worth keeping"
    assert desk.detail.editor.save_button.isEnabled()
    assert desk.messages.toasts == ("The disk is full.",)


def test_a_read_only_desk_shows_the_words_and_says_why_they_cannot_be_changed(make: Make) -> None:
    desk = make()
    write_condor(desk.storage)
    desk.ready(Phase.READ_ONLY, "Another desk holds the database.")
    editor = desk.detail.editor
    assert editor.rationale.toPlainText() == RATIONALE
    assert editor.rationale.isReadOnly()
    assert not editor.tags.field.isVisible()
    assert not editor.save_button.isVisible()
    assert editor.note.text().endswith("Another desk holds the database.")


# --- rows that come in ------------------------------------------------------------------------------------------------


def test_a_new_fill_comes_on_top_and_the_selection_stays(make: Make) -> None:
    desk = make(rows=60)
    desk.ready()
    desk.click_row(3)
    desk.settle()
    chosen = desk.detail.journal_id
    new = write_row(desk.storage)
    desk.bridge.notice(JournalWritten(new))
    desk.qtbot.waitUntil(lambda: desk.panel.model.total == 61)
    desk.settle()
    assert desk.ids()[0] == new
    assert desk.table.currentIndex().row() == 4
    assert desk.detail.journal_id == chosen
    assert desk.filters.count.text() == "61 trades"


def test_the_rows_on_screen_stay_there_while_fills_come_in(make: Make) -> None:
    desk = make(rows=ROWS)
    desk.ready()
    desk.table.verticalScrollBar().setValue(500 * 24 + 7)
    desk.settle()
    before = desk.ids()
    for number in range(3):
        desk.bridge.notice(JournalWritten(write_row(desk.storage, rationale=f"fill {number}")))
    desk.qtbot.waitUntil(lambda: desk.panel.model.total == ROWS + 3)
    desk.settle()
    assert desk.ids() == before
    assert desk.table.verticalScrollBar().value() == 503 * 24 + 7


def test_a_row_that_belongs_further_down_is_sorted_in(make: Make) -> None:
    desk = make(rows=30)
    desk.ready()
    desk.click_row(2)
    desk.settle()
    chosen = desk.detail.journal_id
    old = write_row(desk.storage, datetime(2024, 1, 3, 15, 0, tzinfo=UTC))
    desk.bridge.notice(JournalWritten(old))
    desk.qtbot.waitUntil(lambda: desk.panel.model.total == 31)
    desk.settle()
    assert desk.panel.model.row_of(old) not in (None, 0)
    assert desk.detail.journal_id == chosen
    assert desk.table.currentIndex().row() == 2


def test_fills_that_the_filter_leaves_out_do_not_appear(make: Make) -> None:
    desk = make(rows=60)
    desk.ready()
    desk.tick(desk.filters.underlying, "AAPL")
    desk.settle()
    total = desk.panel.model.total
    desk.bridge.notice(JournalWritten(write_row(desk.storage)))
    desk.qtbot.waitUntil(lambda: desk.filters.count.text() == f"{total} of 61 trades")
    assert desk.panel.model.total == total


def test_a_hidden_panel_catches_up_when_it_is_shown(make: Make) -> None:
    desk = make(rows=3)
    desk.ready()
    desk.panel.hide()
    desk.bridge.notice(JournalWritten(write_row(desk.storage)))
    desk.qtbot.wait(150)
    assert desk.panel.model.total == 3
    desk.panel.show()
    desk.qtbot.waitUntil(lambda: desk.panel.model.total == 4)


def test_the_first_fill_ends_the_empty_state(make: Make) -> None:
    desk = make()
    desk.ready()
    desk.bridge.notice(JournalWritten(write_condor(desk.storage)))
    desk.qtbot.waitUntil(lambda: desk.panel.empty_text is None)
    desk.settle()
    assert desk.panel.model.total == 1


# --- export -----------------------------------------------------------------------------------------------------------


def _choose_file(desk: Desk, target: Path) -> None:
    desk.click(desk.panel.export_line.button)
    dialog = desk.panel.findChild(QFileDialog)
    assert dialog is not None
    dialog.selectFile(str(target))
    dialog.fileSelected.emit(str(target))
    dialog.done(0)


def test_the_filtered_trades_are_exported_to_the_chosen_file(make: Make, tmp_path: Path) -> None:
    desk = make(rows=80)
    desk.ready()
    desk.tick(desk.filters.underlying, "SPY")
    desk.settle()
    target = tmp_path / "trades.csv"
    _choose_file(desk, target)
    desk.qtbot.waitUntil(lambda: bool(desk.messages.toasts))
    with target.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == desk.panel.model.total > 0
    assert {row["underlying"] for row in rows} == {"SPY"}
    assert desk.messages.toasts == (f"{len(rows)} trades written to {target}",)
    assert desk.panel.export_line.button.isVisible()


def test_an_export_that_cannot_be_written_says_so(make: Make, tmp_path: Path) -> None:
    desk = make(rows=5)
    desk.ready()
    desk.panel.export_to(tmp_path / "no such folder" / "trades.csv")
    desk.qtbot.waitUntil(lambda: bool(desk.messages.toasts))
    assert "could not be written" in desk.messages.toasts[0]
    assert not desk.panel.csv.is_running


def test_a_stopped_export_leaves_no_file(make: Make, tmp_path: Path) -> None:
    desk = make(rows=2500)
    desk.ready()
    target = tmp_path / "trades.csv"
    desk.panel.export_to(target)
    assert desk.panel.export_line.progress.text() == "Exporting 0 of 2,500 trades"
    desk.click(desk.panel.export_line.cancel_button)
    desk.qtbot.waitUntil(lambda: desk.messages.toasts == ("Export stopped; no file was written.",))
    assert not target.exists()


# --- look -------------------------------------------------------------------------------------------------------------


def test_narrow_panels_wrap_their_filters_and_keep_them_all(make: Make) -> None:
    desk = make(rows=5)
    desk.ready()
    wide = desk.panel.toolbar_widget.height()
    desk.panel.resize(700, 500)
    desk.qtbot.waitUntil(lambda: desk.panel.toolbar_widget.height() > wide)
    bar = desk.filters.rect()
    assert all(bar.contains(button.geometry()) for button in desk.filters.facet_buttons)


def test_the_light_theme_is_taken_over_live(make: Make) -> None:
    desk = make(rows=5)
    desk.ready()
    index = desk.panel.model.index(0, JournalColumn.LEGS)
    dark = index.data(Qt.ItemDataRole.ForegroundRole)
    desk.theme.switch(ThemeName.LIGHT)
    assert index.data(Qt.ItemDataRole.ForegroundRole) != dark


# --- words ------------------------------------------------------------------------------------------------------------


def _row(**changes: object) -> JournalRow:
    facts: dict[str, object] = {
        "seq": 1,
        "id": "a",
        "created_at": NOW,
        "broker": "PAPER",
        "account_id": "DU1",
        "broker_order_id": None,
        "underlying": "SPX",
        "strategy_tag": None,
        "status": "FILLED",
        "net_debit_credit": None,
        "vix_at_fill": None,
        "spx_price_at_fill": None,
        "regime": None,
        "legs": (),
        "pre_greeks": {},
        "post_greeks": {},
        "user_rationale": None,
        "ai_rationale": None,
        "ai_suggestion_id": None,
        "tags": (),
    }
    return JournalRow(**(facts | changes))  # type: ignore[arg-type]  # a table of defaults of every type


def test_what_is_unknown_is_an_em_dash_never_zero() -> None:
    cells = line_of(_row()).cells
    for column in (JournalColumn.NET, JournalColumn.VIX, JournalColumn.SPX, JournalColumn.DELTA, JournalColumn.THETA):
        assert cells[column] == "—"
    assert cells[JournalColumn.REGIME] == ""
    assert words.greeks_note(_row()) == "The book could not be valued at this fill."
    assert words.before_after(_row(pre_greeks={"theta": 340.0}), "theta", 0) == "+340 → —"


def test_stock_legs_and_symbols_that_are_not_occ_are_shown_as_they_are() -> None:
    stock = {"symbol": "AAPL", "action": "BUY", "qty": 100, "right": None, "strike": None, "expiry": None}
    assert words.legs_summary((stock,)) == "+100 AAPL"
    assert words.contract_label(stock) == "AAPL"
    odd = {"symbol": "./ESZ6 E1AZ6", "right": "C", "strike": 6700.0, "expiry": "2026-12-04", "action": "SELL", "qty": 1}
    assert words.contract_label(odd) == "./ESZ6 E1AZ6"
    assert words.legs_summary((odd,)) == "−1 6700C  4 Dec 26"


@given(st.integers(0, 10**9))
def test_latencies_keep_their_size_in_every_unit(latency_us: int) -> None:
    number, unit = words.latency(latency_us).split()
    scale = {"µs": 1, "ms": 1000, "s": 1_000_000}[unit]
    assert abs(float(number) * scale - latency_us) <= scale * 0.05 + 1e-6


@given(st.integers(0, 60), st.sets(st.integers(0, 59)), st.integers(0, 59), st.integers(0, 59))
def test_what_is_missing_is_exactly_the_gaps_of_the_window(total: int, held: set[int], one: int, other: int) -> None:
    first, last = sorted((one, other))
    model = JournalModel(Theme())
    model.reset((), total)
    for row in held:
        model.put(row, (line_of(_row()),))
    gaps = [row for row in range(first, min(last, total - 1) + 1) if row not in held]
    found = model.missing(first, last)
    assert found == ((gaps[0], gaps[-1] - gaps[0] + 1) if gaps else None)


def test_a_click_on_a_row_that_is_not_loaded_yet_shows_it_when_it_is(make: Make) -> None:
    desk = make(rows=ROWS)
    desk.ready()
    desk.table.verticalScrollBar().setValue(700 * 24)
    assert desk.cell(702, JournalColumn.LEGS) == "…"
    QTest.mouseClick(desk.table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(40, 2 * 24 + 5))
    desk.settle()
    expected = desk.reader.page(JournalFilter(), offset=702, limit=1)[0]
    assert desk.detail.journal_id == expected.id


def test_a_fill_written_while_a_list_is_being_read_is_not_lost(make: Make) -> None:
    desk = make(rows=20)
    desk.ready()
    source = desk.panel.source
    source.show(JournalFilter())
    assert source._list_op is not None
    source._list_op._future.result()  # read, but not delivered yet
    new = write_row(desk.storage)
    source.refresh()
    desk.qtbot.waitUntil(lambda: desk.panel.model.total == 21)
    assert desk.panel.model.row_of(new) == 0


def test_filters_wait_until_the_journal_is_open(make: Make) -> None:
    desk = make(rows=3)
    assert not desk.filters.isEnabled()
    assert not desk.panel.export_line.button.isEnabled()
    desk.ready()
    assert desk.filters.isEnabled()
    assert desk.panel.export_line.button.isEnabled()
