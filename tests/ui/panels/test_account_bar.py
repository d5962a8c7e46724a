from __future__ import annotations

from pytestqt.qtbot import QtBot

from models.clock import ManualClock
from models.enums import FeedState, MarketDataKind
from tests.ui import demo_data as demo
from tests.ui.demo_data import RecordingClient
from ui.bridge import Bridge
from ui.messages import Messages
from ui.panels.account_bar import AccountBar
from ui.theme import Ink, Theme


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


def test_figures_are_grey_while_there_is_no_connection_and_come_back_with_it(
    qtbot: QtBot, bridge: Bridge, client: RecordingClient, theme: Theme, messages: Messages
) -> None:
    bar = AccountBar(bridge, client, theme, messages=messages, clock=ManualClock(demo.NOW))
    qtbot.addWidget(bar)
    demo.publish(qtbot, bridge, demo.accounts(), demo.market())
    figures = (bar.net_liq, bar.day_pnl, bar.buying_power, bar.margin, bar.spx, bar.spx_change, bar.vix)
    before = [figure.value.ink for figure in figures]
    assert Ink.STALE not in before
    demo.publish(qtbot, bridge, demo.market(feed=FeedState.DOWN))
    assert {figure.value.ink for figure in figures} == {Ink.STALE}
    demo.publish(qtbot, bridge, demo.accounts())
    assert bar.net_liq.value.ink is Ink.STALE
    demo.publish(qtbot, bridge, demo.market())
    assert [figure.value.ink for figure in figures] == before
