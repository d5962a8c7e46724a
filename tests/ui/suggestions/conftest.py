"""The suggestions panel with a client whose answers the test gives."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from execution.commands import TicketDraft
from execution.suggestion_views import SuggestionSet
from execution.views import State
from models.clock import ManualClock
from tests.ui import demo_data
from tests.ui import suggestions_demo_data as demo
from ui.bridge import Bridge
from ui.icons import Icons
from ui.messages import Messages
from ui.panels.suggestions import SuggestionsPanel
from ui.suggestions.card import SuggestionCard
from ui.theme import Theme


class Desk:
    """The panel with its surroundings."""

    def __init__(self, qtbot: QtBot, theme: Theme) -> None:
        self.qtbot = qtbot
        self.bridge = Bridge(frame_ms=1)
        self.client = demo.HeldClient()
        self.clock = ManualClock(demo.NOW + timedelta(seconds=8))
        self.messages = Messages(self.bridge, theme, Icons(theme))
        self.panel = SuggestionsPanel(self.bridge, self.client, theme, messages=self.messages, clock=self.clock)
        self.drafts: list[TicketDraft] = []
        self.panel.ticket_wanted.connect(self.drafts.append)
        qtbot.addWidget(self.panel)
        self.panel.resize(1500, 900)
        self.panel.show()

    def tell(self, *states: State) -> None:
        """Publishes states and waits until the panel has them."""
        demo_data.publish(self.qtbot, self.bridge, *states)

    def broken(self, *sets: SuggestionSet) -> None:
        """Vega and delta are broken; these sets were found."""
        self.tell(demo_data.desk(), demo.risk(), demo.breaches(demo.VEGA, demo.DELTA), demo.state(*sets))

    def click(self, widget: QWidget) -> None:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    def card(self, name: str) -> SuggestionCard:
        """Returns the card of a candidate of the demo data."""
        return self.panel.set_view.cards[f"s-{name}"]

    def shown(self, widget: QWidget) -> bool:
        return widget.isVisibleTo(self.panel)

    def asked(self, kind: type[Any]) -> list[Any]:
        return self.client.of(kind)


@pytest.fixture(scope="module")
def theme(qapp: QApplication) -> Theme:
    made = Theme()
    made.apply(qapp)
    return made


@pytest.fixture
def desk(qtbot: QtBot, theme: Theme) -> Iterator[Desk]:
    made = Desk(qtbot, theme)
    yield made
    made.panel.hide()
