"""Fixtures of the option chain's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.ui import demo_data as demo
from tests.ui.ticket_demo_data import JUNE_12, NOW, DemoClient, numbers_of, static_of
from ui.bridge import Bridge
from ui.panels.option_chain import OptionChainPanel
from ui.theme import Theme


@pytest.fixture
def client() -> DemoClient:
    return DemoClient()


@pytest.fixture
def bridge(qapp: QApplication) -> Bridge:
    return Bridge(frame_ms=1)


@pytest.fixture(scope="module")
def theme(qapp: QApplication) -> Theme:
    theme = Theme()
    theme.apply(qapp)
    return theme


@pytest.fixture
def panel(qtbot: QtBot, theme: Theme, bridge: Bridge, client: DemoClient) -> Iterator[OptionChainPanel]:
    panel = OptionChainPanel(bridge, client, theme, lambda: NOW)
    qtbot.addWidget(panel)
    panel.resize(1000, 350)
    panel.show()
    assert client.asked == []  # before the market says which day it is, no expiration is the nearest
    bridge.state(demo.market())
    qtbot.waitUntil(lambda: panel.model.static is not None)
    bridge.state(numbers_of(static_of(JUNE_12)))
    qtbot.waitUntil(lambda: panel.model.spot is not None)
    yield panel
    panel.hide()
