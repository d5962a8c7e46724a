"""The risk analysis panel with real clicks and keys; the engine is a client that notes what was asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from execution.analysis_views import AnalysisPage, AnalysisState, Baseline, VolResponse
from execution.commands import WatchAnalysis
from execution.views import State
from models.errors import InvalidInput
from tests.ui import analysis_demo_data as demo
from tests.ui.demo_data import RecordingClient
from ui.analysis.table import FigureTable
from ui.bridge import Bridge
from ui.docks import PanelDock, PanelSpec, Place
from ui.icons import Icons
from ui.panels.risk_analysis import RiskAnalysisPanel
from ui.theme import Theme, ThemeName

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")

STATES: dict[AnalysisPage, AnalysisState] = {
    AnalysisPage.BREACH_MAP: demo.breach_map(),
    AnalysisPage.STRESS: demo.stress(),
    AnalysisPage.EXPIRIES: demo.expiries(),
    AnalysisPage.MARGIN: demo.margin(),
    AnalysisPage.EXPLAIN: demo.explain(),
}


class Desk:
    """The panel with its surroundings."""

    def __init__(self, qtbot: QtBot, theme: Theme, answers: dict[type, object] | None = None) -> None:
        self.qtbot = qtbot
        self.bridge = Bridge(frame_ms=1)
        self.client = RecordingClient({WatchAnalysis: None, **(answers or {})})
        self.panel = RiskAnalysisPanel(self.bridge, self.client, theme)
        qtbot.addWidget(self.panel)
        self.panel.resize(1366, 247)
        self.panel.show()

    def publish(self, *states: State) -> None:
        for state in states:
            self.bridge.state(state)
            self.qtbot.waitUntil(lambda state=state: self.bridge.newest(type(state)) is state)  # type: ignore[misc]

    def click(self, widget: QWidget, at: QPoint | None = None) -> None:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=at or widget.rect().center())

    def click_tab(self, page: AnalysisPage) -> None:
        index = list(AnalysisPage).index(page)
        self.click(self.panel.tabs, self.panel.tabs.tabRect(index).center())

    @property
    def asked(self) -> list[WatchAnalysis]:
        return [one for one in self.client.asked if isinstance(one, WatchAnalysis)]


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme()
    theme.apply(qapp)
    yield theme
    qapp.setStyleSheet("")


@pytest.fixture
def desk(qtbot: QtBot, theme: Theme) -> Desk:
    desk = Desk(qtbot, theme)
    desk.publish(*STATES.values())
    return desk


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_only_the_page_in_sight_is_asked_for(desk: Desk) -> None:
    assert desk.asked == [WatchAnalysis(frozenset({AnalysisPage.BREACH_MAP}))]
    desk.click_tab(AnalysisPage.MARGIN)
    assert desk.asked[-1].pages == {AnalysisPage.MARGIN}
    assert len(desk.asked) == 2


def test_nothing_is_asked_while_the_panel_is_hidden_and_the_page_again_when_it_is_shown(desk: Desk) -> None:
    desk.click_tab(AnalysisPage.STRESS)
    desk.panel.hide()
    assert desk.asked[-1].pages == frozenset()
    asked = len(desk.asked)
    desk.panel.show_page(AnalysisPage.EXPIRIES)
    assert len(desk.asked) == asked
    desk.panel.show()
    assert desk.asked[-1].pages == {AnalysisPage.EXPIRIES}


def test_behind_another_tab_of_the_window_nothing_is_asked(desk: Desk) -> None:
    desk.panel.set_in_front(False)
    assert desk.asked[-1].pages == frozenset()
    desk.panel.set_in_front(True)
    assert desk.asked[-1].pages == {AnalysisPage.BREACH_MAP}


def test_in_a_dock_whose_tab_is_behind_another_nothing_is_asked(qtbot: QtBot, theme: Theme, icons: Icons) -> None:
    client, window = RecordingClient({WatchAnalysis: None}), QMainWindow()
    qtbot.addWidget(window)

    def build() -> RiskAnalysisPanel:
        return RiskAnalysisPanel(Bridge(), client, theme)

    docks = [
        PanelDock(PanelSpec("log", "Log", Place.BOTTOM, QLabel), theme, icons, window),
        PanelDock(PanelSpec("risk_analysis", "Risk analysis", Place.BOTTOM, build), theme, icons, window),
    ]
    for dock in docks:
        dock.is_released = True
        window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
    window.tabifyDockWidget(docks[0], docks[1])
    docks[0].raise_()
    window.resize(1366, 400)
    window.show()
    docks[1].panel()
    qtbot.wait(50)
    assert [one for one in client.asked if isinstance(one, WatchAnalysis) and one.pages] == []
    docks[1].raise_()
    qtbot.waitUntil(lambda: client.asked[-1:] == [WatchAnalysis(frozenset({AnalysisPage.BREACH_MAP}))])
    docks[0].raise_()
    qtbot.waitUntil(lambda: client.asked[-1] == WatchAnalysis(frozenset()))
    docks[1].raise_()
    qtbot.waitUntil(lambda: client.asked[-1] == WatchAnalysis(frozenset({AnalysisPage.BREACH_MAP})))
    docks[1].close()
    assert client.asked[-1] == WatchAnalysis(frozenset())


def test_a_panel_that_was_never_in_sight_asks_nothing(qtbot: QtBot, theme: Theme) -> None:
    client = RecordingClient()
    panel = RiskAnalysisPanel(Bridge(), client, theme)
    qtbot.addWidget(panel)
    panel.set_in_front(False)
    panel.show()
    assert client.asked == []


def test_the_vol_response_is_asked_with_the_page(desk: Desk) -> None:
    desk.click(desk.panel.response.buttons[VolResponse.SPOT_VOL])
    assert desk.asked[-1] == WatchAnalysis(frozenset({AnalysisPage.BREACH_MAP}), VolResponse.SPOT_VOL)
    desk.click_tab(AnalysisPage.STRESS)
    assert desk.asked[-1].response is VolResponse.SPOT_VOL


def test_tabs_and_the_vol_response_can_be_reached_by_keys(desk: Desk) -> None:
    panel = desk.panel
    panel.activateWindow()
    panel.tabs.setFocus()
    QTest.keyClick(panel.tabs, Qt.Key.Key_Right)
    assert panel.page is AnalysisPage.STRESS
    QTest.keyClick(panel.tabs, Qt.Key.Key_Tab)
    assert panel.focusWidget() is panel.response.buttons[VolResponse.STICKY_STRIKE]
    QTest.keyClick(panel.response.buttons[VolResponse.STICKY_DELTA], Qt.Key.Key_Space)
    assert desk.asked[-1].response is VolResponse.STICKY_DELTA


def test_a_refused_wish_is_said_and_asked_again_when_it_changes(qtbot: QtBot, theme: Theme) -> None:
    desk = Desk(qtbot, theme, {WatchAnalysis: InvalidInput("analysis", "The desk is not ready.")})
    assert "The desk is not ready." in desk.panel.note.text()
    assert desk.panel.note.property("role") == "error"
    desk.client.answers[WatchAnalysis] = None
    desk.click_tab(AnalysisPage.STRESS)
    assert desk.panel.note.text() == ""


def test_p_and_l_is_explained_from_the_baseline_that_is_chosen(desk: Desk) -> None:
    panel = desk.panel
    assert not panel.baseline.isVisible()
    desk.click_tab(AnalysisPage.EXPLAIN)
    assert panel.baseline.isVisible()
    assert not panel.response.isVisible()
    assert panel.baseline.currentText() == "Fri close"
    panel.baseline.setFocus()
    QTest.keyClick(panel.baseline, Qt.Key.Key_Down)
    assert desk.asked[-1].baseline_at_utc == demo.BASELINES[1].at_utc
    desk.publish(demo.explain(baseline=demo.BASELINES[1]))
    assert panel.baseline.currentText() == "desk opened 09:31"


def test_new_baselines_keep_the_one_in_force_chosen_and_ask_nothing(desk: Desk) -> None:
    desk.click_tab(AnalysisPage.EXPLAIN)
    asked = len(desk.asked)
    more = (*demo.BASELINES, Baseline(datetime(2026, 5, 4, 16, 45, tzinfo=UTC), "Mon 12:45"))
    desk.publish(demo.explain(baselines=more, baseline=demo.BASELINES[2]))
    assert (desk.panel.baseline.count(), desk.panel.baseline.currentText()) == (4, "Mon 12:30")
    assert len(desk.asked) == asked


def test_without_a_recorded_moment_there_is_nothing_to_choose(desk: Desk) -> None:
    desk.click_tab(AnalysisPage.EXPLAIN)
    desk.publish(demo.explain(baselines=(), baseline=None, problem="No moment of this book was recorded yet."))
    assert not desk.panel.baseline.isEnabled()
    assert desk.panel.baseline.currentText() == "no record yet"
    assert desk.panel.problem_text == "No moment of this book was recorded yet."


# --- what is said -----------------------------------------------------------------------------------------------------


def test_before_figures_come_every_page_says_that_they_are_computed(qtbot: QtBot, theme: Theme) -> None:
    desk = Desk(qtbot, theme)
    for page in AnalysisPage:
        desk.click_tab(page)
        assert desk.panel.problem_text is not None
        assert "Computing" in desk.panel.problem_text


@pytest.mark.parametrize("page", list(AnalysisPage))
def test_a_problem_stands_in_place_of_the_figures_until_they_are_back(desk: Desk, page: AnalysisPage) -> None:
    desk.click_tab(page)
    good = STATES[page]
    desk.publish(replace(good, note=demo.note(problem="SPX has no price.")))
    shown = [desk.panel.problem_text]
    desk.publish(replace(good))
    assert [*shown, desk.panel.problem_text] == ["SPX has no price.", None]


def test_the_note_says_method_units_coverage_and_age(desk: Desk) -> None:
    text = desk.panel.note.text()
    assert text.startswith(f"{demo.METHOD} · share of each limit")
    assert text.endswith("42 positions, ▲ 2 left out")
    assert desk.panel.stamp.text().startswith("as of ")
    assert desk.panel.stamp.text().endswith(" (0s)")
    assert "63 ms" in desk.panel.stamp.toolTip()
    desk.publish(replace(demo.breach_map(), note=demo.note(left_out=0)))
    assert "left out" not in desk.panel.note.text()


def test_a_page_that_was_out_of_sight_shows_the_age_its_figures_have(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.monotonic() + 75.0
    monkeypatch.setattr(time, "monotonic", lambda: later)
    desk.click_tab(AnalysisPage.STRESS)
    assert desk.panel.stamp.text().endswith("(1m)")


def test_states_of_pages_out_of_sight_are_drawn_when_their_tab_is_chosen(desk: Desk) -> None:
    desk.publish(demo.stress(net_liq=None))
    assert desk.panel.stress.ladder.figures.rowCount() == 0
    desk.click_tab(AnalysisPage.STRESS)
    assert desk.panel.stress.ladder.figures.rowCount() == len(demo.STRESS_SHIFTS)
    assert desk.panel.stress.ladder.figures.text(0, 4) == "—"


# --- looks ------------------------------------------------------------------------------------------------------------


def test_both_looks_paint_every_page_at_any_size(desk: Desk, theme: Theme) -> None:
    pictures = set()
    for name in (ThemeName.LIGHT, ThemeName.DARK):
        theme.switch(name)
        for width, height in ((1366, 247), (1000, 620), (700, 240)):
            desk.panel.resize(width, height)
            for page in AnalysisPage:
                desk.panel.show_page(page)
                image = desk.panel.grab().toImage()
                pictures.add(bytes(image.constBits()[: 4 * image.width() * image.height()]))
    assert len(pictures) == 2 * 3 * len(AnalysisPage)


@pytest.mark.parametrize("width", [1366, 1600])
def test_no_table_needs_more_room_than_it_has_on_a_usual_screen(desk: Desk, width: int) -> None:
    desk.panel.resize(width, 250)
    tables: dict[AnalysisPage, FigureTable[Any]] = {
        AnalysisPage.BREACH_MAP: desk.panel.breach.limits,
        AnalysisPage.STRESS: desk.panel.stress.ladder,
        AnalysisPage.EXPIRIES: desk.panel.expiries.ladder,
        AnalysisPage.MARGIN: desk.panel.margin.table,
        AnalysisPage.EXPLAIN: desk.panel.explain.by_underlying,
    }
    for page, table in tables.items():
        desk.click_tab(page)
        assert table.isVisible()
        assert table.least_width <= table.viewport().width()
        header = table.horizontalHeader()
        assert sum(header.sectionSize(index) for index in range(header.count())) == table.viewport().width()


@pytest.mark.parametrize("width", [760, 1000, 1199, 1366, 1600])
def test_the_switches_keep_their_whole_text_and_the_note_all_its_words(desk: Desk, qtbot: QtBot, width: int) -> None:
    panel, note = desk.panel, desk.panel.note
    panel.resize(width, 420)
    qtbot.waitUntil(lambda: note.width() > 200 and note.height() >= note.heightForWidth(note.width()))
    assert panel.width() == width
    assert panel.tabs.width() >= panel.tabs.sizeHint().width()
    for label in (*panel.response.buttons.values(), panel.stamp):
        assert label.width() >= label.sizeHint().width()
