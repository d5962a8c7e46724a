from __future__ import annotations

from pytestqt.qtbot import QtBot

from models.clock import ManualClock
from models.enums import MarketDataKind
from tests.ui import demo_data as demo
from tests.ui.demo_data import RecordingClient
from ui.bridge import Bridge
from ui.messages import Messages
from ui.panels.account_bar import AccountBar
from ui.theme import Theme


def test_a_delayed_index_level_says_so(
    qtbot: QtBot, bridge: Bridge, client: RecordingClient, theme: Theme, messages: Messages
) -> None:
    bar = AccountBar(bridge, client, theme, messages=messages, clock=ManualClock(demo.NOW))
    qtbot.addWidget(bar)
    demo.publish(qtbot, bridge, demo.market(spx_kind=MarketDataKind.LIVE))
    assert bar.spx.caption.text() == "SPX"
    demo.publish(qtbot, bridge, demo.market(spx_kind=MarketDataKind.DELAYED))
    assert bar.spx.caption.text() == "SPX DELAYED"
    assert "Quotes are delayed" in bar.spx.toolTip()
    demo.publish(qtbot, bridge, demo.market())
    assert bar.spx.caption.text() == "SPX"
