"""The dashboard on a small screen: titles are short rather than cut, and the price slices need no scroll bar."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QApplication

from tests.ui import risk_demo_data as demo
from tests.ui.risk.desk import Desk
from ui.risk.slices import LINES, SlicesTable

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")

#: What the panel has of a screen of 1366x768 in the default layout.
SMALL = (587, 426)


def titles(desk: Desk) -> list[str]:
    return [desk.panel.tabs.tabText(index) for index in range(desk.panel.tabs.count())]


def shown(slices: SlicesTable) -> list[float]:
    return [move for column, move in enumerate(slices.model_.moves) if not slices.isColumnHidden(column)]


def sound(desk: Desk) -> None:
    """Nothing is left out or unknown, so that no flag takes room in the toolbar."""
    desk.publish(replace(demo.risk(), excluded=(), defaulted_betas=()))


def resized(desk: Desk, width: int, height: int) -> SlicesTable:
    desk.panel.resize(width, height)
    QApplication.processEvents()
    return desk.panel.curve.slices


def test_titles_are_short_where_the_full_ones_would_be_cut_and_whole_again_with_room(desk: Desk) -> None:
    sound(desk)
    full = titles(desk)
    resized(desk, *SMALL)
    short = titles(desk)
    tabs = desk.panel.tabs
    assert sum(map(len, short)) < sum(map(len, full))
    last = tabs.tabRect(tabs.count() - 1)
    assert last.right() <= tabs.width(), "every title is in sight"
    assert tabs.geometry().right() < desk.panel.scenario_bar.range.geometry().left()
    assert [tabs.tabToolTip(index) for index in range(tabs.count() - 1)] == full[:-1]
    assert desk.panel.width() == SMALL[0]
    resized(desk, 1000, 520)
    assert titles(desk) == full


def test_the_count_of_data_to_look_at_outlives_a_change_of_titles(desk: Desk) -> None:
    counted = titles(desk)[-1]
    assert "▲" in counted
    resized(desk, *SMALL)
    assert titles(desk)[-1] == counted


def test_a_small_table_of_slices_shows_every_line_and_neither_scroll_bar(desk: Desk) -> None:
    sound(desk)
    slices = resized(desk, *SMALL)
    assert slices.isVisible()
    assert not slices.horizontalScrollBar().isVisible()
    assert not slices.verticalScrollBar().isVisible()
    last = slices.visualRect(slices.model_.index(len(LINES) - 1, 0))
    assert last.bottom() <= slices.viewport().height()
    moves = shown(slices)
    assert {-10.0, 0.0, 10.0} <= set(moves)
    assert moves == [-move for move in reversed(moves)], "what is left out, is on both sides"
    assert len(moves) < len(slices.model_.moves)


def test_with_room_no_slice_is_left_out_and_new_moves_are_fitted_too(desk: Desk) -> None:
    slices = resized(desk, 830, 520)
    assert shown(slices) == list(slices.model_.moves)
    resized(desk, *SMALL)
    few = demo.scenario().slices[4:9]
    slices.model_.set_slices(few)
    assert shown(slices) == [cut.spot_shift_pct for cut in few]
