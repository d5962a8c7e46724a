"""The journal's list over a real database: opening, the window of rows, and rows that come in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from database.journal_query import JournalFilter
from execution.views import JournalWritten, Phase
from models.errors import KnownError
from tests.ui import demo_data
from tests.ui.journal.desk import Make
from tests.ui.journal_demo_data import RATIONALE, write_condor, write_row
from ui.journal import text as words
from ui.journal.columns import JournalColumn

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", "This plugin does not support")


ROWS = 1500


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
        "DU1234567 Paper",
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
