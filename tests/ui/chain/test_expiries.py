"""The option chain's symbol, expirations and stream, on a demo engine."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from execution.commands import WatchChain
from execution.views import DeskState, Phase
from models.enums import BrokerName, Mode, Settlement, TradingState
from models.errors import KnownError
from tests.ui import demo_data as demo
from tests.ui.ticket_demo_data import EXPIRIES, JUNE_12, NOW, DemoClient
from ui.bridge import Bridge
from ui.panels.option_chain import OptionChainPanel
from ui.theme import Theme

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


READY = DeskState(
    phase=Phase.READY,
    mode=Mode.PAPER,
    broker=BrokerName.PAPER,
    capabilities=frozenset(),
    market_label="demo",
    trading_state=TradingState.ACTIVE,
    trading_state_reason="",
    armed=False,
    problem="",
    database_path="",
)


def test_spx_and_spxw_of_one_date_are_two_tiles(panel: OptionChainPanel) -> None:
    same_day = [item for item in panel.strip.expiries if item.expiry.day == 15 and item.expiry.month == 5]
    assert [(item.root, item.settlement) for item in same_day] == [("SPX", Settlement.AM), ("SPXW", Settlement.PM)]
    model = panel.strip.model()
    texts = [model.index(panel.strip.expiries.index(item), 0).data() for item in same_day]
    assert texts == ["15 May 26 SPX AM 11d", "15 May 26 SPXW PM 11d"]


def test_a_click_on_a_tile_shows_that_expiration(qtbot: QtBot, panel: OptionChainPanel, client: DemoClient) -> None:
    target = panel.strip.expiries[panel.strip.expiries.index(JUNE_12) + 1]
    index = panel.strip.model().index(panel.strip.expiries.index(target), 0)
    QTest.mouseClick(
        panel.strip.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        panel.strip.visualRect(index).center(),
    )
    qtbot.waitUntil(lambda: panel.model.static is not None and panel.model.static.expiry == target)
    assert client.of(WatchChain)[-1].expiry == target


def test_an_unknown_symbol_is_said_at_the_field_and_the_chain_stays(qtbot: QtBot, panel: OptionChainPanel) -> None:
    QTest.keyClick(panel.view, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    symbol = panel.controls.symbol
    qtbot.waitUntil(symbol.hasFocus)
    QTest.keyClicks(symbol, "nope")
    QTest.keyClick(symbol, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "NOPE is not known here" in panel.controls.error.text())
    assert symbol.property("invalid") is True
    assert panel.model.static is not None
    assert panel.model.static.expiry == JUNE_12


def test_a_hidden_chain_stops_its_stream_and_takes_it_up_again(
    qtbot: QtBot, panel: OptionChainPanel, client: DemoClient
) -> None:
    panel.hide()
    assert client.of(WatchChain)[-1].expiry is None
    panel.show()
    assert client.of(WatchChain)[-1].expiry == JUNE_12


def test_show_expiry_loads_the_underlying_when_it_must(qtbot: QtBot, panel: OptionChainPanel) -> None:
    panel.strip.set_expiries(())
    target = EXPIRIES[5]
    panel.show_expiry(target)
    qtbot.waitUntil(lambda: panel.model.static is not None and panel.model.static.expiry == target)


def test_a_desk_that_is_not_ready_is_asked_again_when_it_is(
    qtbot: QtBot, theme: Theme, bridge: Bridge, client: DemoClient
) -> None:
    client.refuse = KnownError("The broker is not connected.")
    panel = OptionChainPanel(bridge, client, theme, lambda: NOW)
    qtbot.addWidget(panel)
    panel.show()
    bridge.state(demo.market())
    qtbot.waitUntil(lambda: panel.empty_text == "No option chain yet. The broker is not connected.")
    client.refuse = None
    bridge.state(READY)
    qtbot.waitUntil(lambda: panel.model.static is not None)
    assert panel.empty_text is None
