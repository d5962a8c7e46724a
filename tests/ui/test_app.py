from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from execution.commands import ListUnderlyings
from execution.views import DeskState, Publisher
from models.clock import ManualClock
from models.errors import KnownError
from tests.ui import demo_data as demo
from ui.app import Desktop
from ui.bridge import Bridge
from ui.desk_clock import DeskClock


class SmallDesk:
    """Answers what the window asks at its start; publishes that it is there."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.is_stopped = False

    async def start(self) -> None:
        self._publisher.state(demo.desk())

    async def stop(self) -> None:
        self.is_stopped = True

    async def handle(self, command: object) -> Any:
        return demo.RecordingClient().answers.get(type(command))


class SmallComposed:
    def __init__(self, publisher: Publisher) -> None:
        self.desk = SmallDesk(publisher)
        self.is_closed = False

    async def close(self) -> None:
        await self.desk.stop()
        self.is_closed = True


def test_the_engine_starts_after_the_first_paint_and_ends_with_the_window(qtbot: QtBot, tmp_path: Path) -> None:
    made: list[SmallComposed] = []

    async def compose(publisher: Publisher) -> SmallComposed:
        made.append(SmallComposed(publisher))
        return made[0]

    app = QApplication.instance()
    assert isinstance(app, QApplication)
    desktop = Desktop(app, compose, settings_path=tmp_path / "window.ini")
    answers: list[object] = []
    desktop.client.ask(ListUnderlyings(), answers.append, answers.append)
    assert made == []
    with qtbot.waitSignal(desktop.window.first_painted):
        desktop.show()
    qtbot.waitUntil(lambda: desktop.bridge.newest(DeskState) is not None)
    qtbot.waitUntil(lambda: bool(answers))
    assert answers == [demo.RecordingClient().answers[ListUnderlyings]]
    desktop.close()
    assert made[0].is_closed
    assert made[0].desk.is_stopped
    assert (tmp_path / "window.ini").exists()
    app.setStyleSheet("")


def test_a_desk_that_cannot_be_made_is_said_in_the_window(
    qtbot: QtBot, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def compose(_publisher: Publisher) -> SmallComposed:
        raise KnownError("The settings file has an unknown key 'limts'.")

    app = QApplication.instance()
    assert isinstance(app, QApplication)
    desktop = Desktop(app, compose, settings_path=tmp_path / "window.ini")
    with qtbot.waitSignal(desktop.engine_failed) as told:
        desktop.show()
    assert isinstance(told.args[0], KnownError)
    qtbot.waitUntil(lambda: "unknown key 'limts'" in desktop.window.banner.text)
    desktop.close()
    app.setStyleSheet("")


def test_the_windows_clock_follows_a_market_that_lives_on_another_day(qtbot: QtBot, bridge: Bridge) -> None:
    today = ManualClock(demo.NOW.replace(month=11))
    clock = DeskClock(bridge, today)
    assert clock.now_utc() == today.now_utc()
    state = demo.market()
    bridge.state(state)
    qtbot.waitUntil(lambda: bridge.newest(type(state)) is state)
    assert clock.now_utc() == demo.NOW
