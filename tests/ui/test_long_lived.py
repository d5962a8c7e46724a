"""What stays is taken from the collector's sight once, and not before the desk is ready."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from execution.views import Phase
from tests.ui import demo_data as demo
from ui.bridge import Bridge
from ui.long_lived import LongLived


def test_what_stays_is_frozen_once_the_desk_has_been_ready_for_a_while(qtbot: QtBot, bridge: Bridge) -> None:
    frozen: list[str] = []
    kept = LongLived(bridge, after_ms=10, freeze=lambda: frozen.append("now"))
    bridge.state(demo.desk(phase=Phase.RECONCILING))
    qtbot.wait(80)
    assert frozen == []
    bridge.state(demo.desk())
    qtbot.waitUntil(lambda: frozen == ["now"])
    bridge.state(demo.desk(phase=Phase.RECONCILING))
    bridge.state(demo.desk())
    qtbot.wait(80)
    assert frozen == ["now"]
    assert kept.parent() is None
