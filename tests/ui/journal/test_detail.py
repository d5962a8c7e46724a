"""A trade's detail: what it tells, and the words that the user saves; looks and words of the panel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from database.journal_query import JournalFilter, JournalRow
from execution.commands import EditJournal
from execution.views import Phase
from models.errors import KnownError
from tests.database.builders import NOW
from tests.ui.journal.desk import Desk, Make
from tests.ui.journal_demo_data import AI_RATIONALE, RATIONALE, write_condor
from ui.journal import text as words
from ui.journal.columns import JournalColumn, line_of
from ui.journal.model import JournalModel
from ui.theme import Theme, ThemeName

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", "This plugin does not support")


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


def test_the_suggestion_that_was_followed_can_be_copied_and_takes_no_room_elsewhere(make: Make) -> None:
    desk = make()
    line = desk.detail.ids["Suggestion"]
    desk.detail.show_row(_row(ai_suggestion_id="42db77e5"))
    assert not line.isHidden()
    assert line.value.text() == "42db77e5"
    desk.detail.show_row(_row())
    assert line.isHidden()
