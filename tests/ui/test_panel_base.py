"""What every panel may rely on: news only while somebody can see it, and nothing lost by waiting."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Slot
from pytestqt.qtbot import QtBot

from execution.views import RiskState
from tests.ui import risk_demo_data as demo
from tests.ui.demo_data import RecordingClient
from ui.bridge import Bridge
from ui.panels.base import Panel
from ui.theme import Theme

MODULES = sorted(path.stem for path in (Path(__file__).resolve().parents[2] / "ui" / "panels").glob("[!_]*.py"))


class Counting(Panel):
    KEY = "counting"

    def __init__(self, bridge: Bridge, client: RecordingClient, theme: Theme) -> None:
        super().__init__(bridge, client, theme)
        self.seen: list[RiskState] = []
        self.listen(RiskState, self.on_risk)

    @Slot(object)
    def on_risk(self, state: RiskState) -> None:
        self.seen.append(state)


def test_a_panel_behind_a_tab_is_not_fed_and_gets_the_newest_when_it_comes_to_the_front(
    qtbot: QtBot, bridge: Bridge, client: RecordingClient, theme: Theme
) -> None:
    panel = Counting(bridge, client, theme)
    qtbot.addWidget(panel)
    panel.show()
    panel.set_in_front(False)
    for number in range(3):
        bridge.state(replace(demo.risk(), compute_ms=float(number)))
        qtbot.waitUntil(lambda: bridge.newest(RiskState) is not None)
    qtbot.wait(30)
    assert not panel.seen
    panel.set_in_front(True)
    assert [state.compute_ms for state in panel.seen] == [2.0]


@pytest.mark.parametrize("module", MODULES)
def test_no_panel_hides_a_private_method_of_its_base(module: str) -> None:
    own = {name for name in vars(Panel) if name.startswith("_") and not name.startswith("__")}
    for kind in vars(importlib.import_module(f"ui.panels.{module}")).values():
        if isinstance(kind, type) and issubclass(kind, Panel) and kind is not Panel:
            assert not own & set(vars(kind)), kind
