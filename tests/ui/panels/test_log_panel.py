from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from execution.views import Severity
from tests.ui import demo_data as demo
from tests.ui.demo_data import RecordingClient
from ui.bridge import Bridge
from ui.icons import Icons
from ui.panels.log_panel import LogModel, LogPanel
from ui.theme import Theme


@pytest.fixture
def panel(qtbot: QtBot, bridge: Bridge, client: RecordingClient, theme: Theme, icons: Icons) -> LogPanel:
    model = LogModel(bridge, theme)
    for line in demo.log_lines():
        bridge.notice(line)
    qtbot.waitUntil(lambda: model.rowCount() == 7)
    made = LogPanel(bridge, client, theme, icons=icons, model=model)
    qtbot.addWidget(made)
    made.resize(900, 200)
    made.show()
    return made


def test_lines_said_before_the_panel_was_built_are_there(panel: LogPanel) -> None:
    assert panel.model.index(0, 3).data() == "Database opened, 3 accounts, 212 journal rows."


def test_severity_and_text_filter_what_is_shown(qtbot: QtBot, panel: LogPanel) -> None:
    panel.severity_box.setCurrentIndex(1)
    panel.severity_box.activated.emit(1)
    assert [panel.model.line(row).severity for row in range(panel.model.rowCount())] == [
        Severity.WARNING,
        Severity.ERROR,
    ]
    panel.severity_box.setCurrentIndex(0)
    qtbot.keyClicks(panel.search, "ORDERS")
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    assert {panel.model.line(row).source for row in range(panel.model.rowCount())} == {"orders", "reconcile"}


def test_copy_takes_the_selected_lines_with_exact_times(qtbot: QtBot, panel: LogPanel) -> None:
    panel.table.selectRow(2)
    qtbot.mouseClick(panel.copy_button, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert copied == "2026-05-04 19:40:59Z\tGOOD\treconcile\tOrders, fills and positions agree. Trading is unlocked."


def test_the_log_keeps_only_the_last_lines(bridge: Bridge, theme: Theme) -> None:
    model = LogModel(bridge, theme, most=3)
    for number in range(10):
        model.add(replace(demo.log_lines()[0], text=str(number)))
    assert [model.line(row).text for row in range(model.rowCount())] == ["7", "8", "9"]


def test_the_newest_line_stays_in_sight_unless_the_user_scrolled_up(
    qtbot: QtBot, panel: LogPanel, bridge: Bridge
) -> None:
    panel.resize(900, 150)  # too low for seven lines
    bar = panel.table.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum() > 0)
    panel.model.add(demo.log_lines()[0])
    assert bar.value() == bar.maximum()
    panel.resize(900, 130)
    qtbot.waitUntil(lambda: bar.value() == bar.maximum())
    bar.setValue(0)
    panel.model.add(demo.log_lines()[0])
    assert bar.value() == 0
