"""Fixtures of the window's tests. Qt runs on the offscreen platform unless the caller chose another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from pytestqt.qtbot import QtBot

from tests.ui.demo_data import RecordingClient
from ui.bridge import Bridge
from ui.icons import Icons
from ui.messages import Messages
from ui.settings import WindowSettings
from ui.theme import Theme


@pytest.fixture
def theme(qtbot: QtBot) -> Theme:
    return Theme()


@pytest.fixture
def icons(theme: Theme) -> Icons:
    return Icons(theme)


@pytest.fixture
def bridge(qtbot: QtBot) -> Iterator[Bridge]:
    made = Bridge(frame_ms=5)
    yield made
    made.deleteLater()


@pytest.fixture
def client() -> RecordingClient:
    return RecordingClient()


@pytest.fixture
def settings(tmp_path: Path) -> WindowSettings:
    return WindowSettings(tmp_path / "window.ini")


@pytest.fixture
def messages(bridge: Bridge, theme: Theme, icons: Icons) -> Messages:
    return Messages(bridge, theme, icons)
