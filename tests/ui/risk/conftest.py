"""Fixtures of the risk dashboard's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.ui import risk_demo_data as demo
from tests.ui.risk.desk import Desk
from ui.theme import Theme


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme()
    theme.apply(qapp)
    yield theme
    qapp.setStyleSheet("")


@pytest.fixture
def desk(qtbot: QtBot, theme: Theme) -> Desk:
    desk = Desk(qtbot, theme)
    desk.publish(demo.structure(), demo.market(), demo.risk(), demo.scenario())
    return desk
