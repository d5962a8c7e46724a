"""The risk dashboard's tests; the engine is a client that notes what was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from execution.commands import SetBetaOverride, SetLimit, SetScenario
from execution.views import State
from tests.ui.demo_data import RecordingClient
from ui.bridge import Bridge
from ui.panels.risk_dashboard import RiskDashboardPanel
from ui.theme import Theme

ANSWERS = {SetScenario: None, SetLimit: None, SetBetaOverride: None}


class Desk:
    """The panel with its surroundings."""

    def __init__(self, qtbot: QtBot, theme: Theme, answers: dict[type, object] | None = None) -> None:
        self.qtbot = qtbot
        self.bridge = Bridge(frame_ms=1)
        self.client = RecordingClient({**ANSWERS, **(answers or {})})
        self.panel = RiskDashboardPanel(self.bridge, self.client, theme)
        qtbot.addWidget(self.panel)
        self.panel.resize(830, 520)
        self.panel.show()

    def publish(self, *states: State) -> None:
        for state in states:
            self.bridge.state(state)
            self.qtbot.waitUntil(lambda state=state: self.bridge.newest(type(state)) is state)  # type: ignore[misc]

    def click(self, widget: QWidget) -> None:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    def scenarios(self) -> list[SetScenario]:
        return [one for one in self.client.asked if isinstance(one, SetScenario)]

    def wait_scenario(self, is_it: Callable[[SetScenario], bool]) -> None:
        self.qtbot.waitUntil(lambda: bool(self.scenarios()) and is_it(self.scenarios()[-1]))


def calls(spy: QSignalSpy) -> list[list[Any]]:
    return [spy.at(index) for index in range(spy.count())]
