"""The journal's filters and the export of what they leave, over a real database."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QDate, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from database.journal_query import JournalFilter
from tests.database.builders import NOW
from tests.ui.journal.desk import Desk, Make
from tests.ui.journal_demo_data import RATIONALE, write_condor, write_row
from ui.journal.columns import JournalColumn
from ui.journal.date_range import Range, day_start_utc

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", "This plugin does not support")


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


def test_filters_wait_until_the_journal_is_open(make: Make) -> None:
    desk = make(rows=3)
    assert not desk.filters.isEnabled()
    assert not desk.panel.export_line.button.isEnabled()
    desk.ready()
    assert desk.filters.isEnabled()
    assert desk.panel.export_line.button.isEnabled()
