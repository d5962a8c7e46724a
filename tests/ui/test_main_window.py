from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QTabBar
from pytestqt.qtbot import QtBot

from execution.commands import ArmLive, CancelAll, SelectAccount, SetTradingState, TakeSnapshot
from execution.views import AccountsState, Phase, Severity
from models.account import AccountInfo
from models.clock import ManualClock
from models.enums import BrokerName, Mode, TradingState
from models.errors import InvalidInput
from models.ids import AccountId
from tests.ui import demo_data as demo
from tests.ui.demo_data import RecordingClient, found
from ui.bridge import Bridge
from ui.docks import PanelSpec, Place
from ui.icons import Icons
from ui.main_window import MainWindow
from ui.messages import ErrorDialog, Messages
from ui.panels.account_bar import AccountBar
from ui.settings import WindowSettings
from ui.theme import Theme, ThemeName
from ui.widgets.confirm import ConfirmDialog

PLACES = {
    "positions": Place.LEFT,
    "risk": Place.CENTRE,
    "ticket": Place.RIGHT,
    "chain": Place.BOTTOM,
    "orders": Place.BOTTOM,
    "log": Place.BOTTOM,
}


class Maker:
    def __init__(
        self,
        bridge: Bridge,
        client: RecordingClient,
        theme: Theme,
        icons: Icons,
        messages: Messages,
        settings: WindowSettings,
        qtbot: QtBot,
    ) -> None:
        self.parts = (bridge, client, theme, icons, messages, settings)
        self.qtbot = qtbot
        self.built: list[str] = []

    def __call__(self, *keys: str) -> MainWindow:
        bridge, client, theme, icons, messages, settings = self.parts
        bar = AccountBar(bridge, client, theme, messages=messages, clock=ManualClock(demo.NOW))
        specs = [PanelSpec(key, key.title(), PLACES[key], self._builder(key)) for key in keys or PLACES]
        window = MainWindow(
            bridge, client, theme, icons=icons, messages=messages, settings=settings, account_bar=bar, panels=specs
        )
        self.qtbot.addWidget(window)
        return window

    def _builder(self, key: str) -> Callable[[], QLabel]:
        def build() -> QLabel:
            self.built.append(key)
            return QLabel(key)

        return build


@pytest.fixture
def make(
    qtbot: QtBot,
    bridge: Bridge,
    client: RecordingClient,
    theme: Theme,
    icons: Icons,
    messages: Messages,
    settings: WindowSettings,
) -> Maker:
    return Maker(bridge, client, theme, icons, messages, settings, qtbot)


def test_only_the_left_panel_is_built_before_the_first_paint_and_all_of_them_after_it(
    qtbot: QtBot, make: Maker
) -> None:
    window = make()
    assert make.built == ["positions"]
    with qtbot.waitSignal(window.first_painted):
        window.show()
    qtbot.waitUntil(lambda: window.is_complete)
    assert sorted(make.built) == sorted(PLACES)


@pytest.mark.parametrize("keys", [("log",), ("ticket", "chain"), ("positions",)])
def test_the_window_builds_with_any_subset_of_panels(qtbot: QtBot, make: Maker, keys: tuple[str, ...]) -> None:
    window = make(*keys)
    window.show()
    qtbot.waitUntil(lambda: window.is_complete)
    assert set(window.docks) == set(keys)


def test_the_default_layout_is_three_columns_over_one_row_of_tabs(qtbot: QtBot, make: Maker) -> None:
    window = make()
    window.show()
    qtbot.waitUntil(lambda: window.is_complete)
    left, centre, right = (window.docks[key].geometry() for key in ("positions", "risk", "ticket"))
    assert left.right() < centre.left() < centre.right() < right.left()
    assert left.top() == centre.top() == right.top()
    tabs = next(bar for bar in window.findChildren(QTabBar) if bar.count() == 3)
    assert [tabs.tabText(index) for index in range(3)] == ["Chain", "Orders", "Log"]
    assert tabs.currentIndex() == 0


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1600, 1000), (2560, 1440)])
def test_the_default_layout_gives_the_ticket_and_the_chain_their_room_on_every_screen(
    qtbot: QtBot, make: Maker, width: int, height: int
) -> None:
    window = make()
    window.show()
    qtbot.waitUntil(lambda: window.is_complete)
    window.resize(width, height)
    window.reset_layout()
    qtbot.waitUntil(lambda: window.docks["ticket"].geometry().right() == width - 1)
    assert 390 <= window.docks["ticket"].width() <= 540
    assert window.docks["positions"].width() >= 360
    assert window.docks["risk"].width() >= 560
    assert window.docks["chain"].height() >= 230
    assert window.docks["risk"].height() >= 380


@pytest.mark.qt_log_ignore("This plugin does not support raise")
def test_tabs_hide_their_title_bar_until_they_float(qtbot: QtBot, make: Maker) -> None:
    window = make()
    window.show()
    log = window.docks["log"]
    qtbot.waitUntil(lambda: log.title_bar.is_collapsed)
    assert not window.docks["risk"].title_bar.is_collapsed
    log.float_out()
    qtbot.waitUntil(lambda: not log.title_bar.is_collapsed)


def test_a_closed_panel_comes_back_from_the_view_menu_and_reveal_brings_a_tab_to_the_front(
    qtbot: QtBot, make: Maker
) -> None:
    window = make()
    window.show()
    qtbot.waitUntil(lambda: window.is_complete)
    risk = window.docks["risk"]
    qtbot.mouseClick(risk.title_bar.close_button, Qt.MouseButton.LeftButton)
    assert risk.isHidden()
    risk.menu_action.trigger()
    assert not risk.isHidden()
    window.reveal("log")
    qtbot.waitUntil(lambda: not window.docks["log"].visibleRegion().isEmpty())


@pytest.mark.qt_log_ignore("This plugin does not support raise")
def test_the_key_of_a_panel_shows_it_wherever_it_is(qtbot: QtBot, make: Maker) -> None:
    window = make()
    window.show()
    qtbot.waitUntil(lambda: window.is_complete)
    log = window.docks["log"]
    window.reveal("chain")
    qtbot.waitUntil(log.is_behind_a_tab)
    for _ in range(2):  # behind its tab, then in front
        log.show_action.trigger()
        qtbot.waitUntil(lambda: not log.visibleRegion().isEmpty())
        qtbot.waitUntil(lambda: log.panel().hasFocus() or not window.isActiveWindow())
    log.close()
    log.show_action.trigger()
    qtbot.waitUntil(lambda: not log.visibleRegion().isEmpty())


@pytest.mark.qt_log_ignore("This plugin does not support raise")
def test_the_view_menu_closes_only_a_panel_that_is_in_view(qtbot: QtBot, make: Maker) -> None:
    window = make()
    window.show()
    qtbot.waitUntil(lambda: window.is_complete)
    log = window.docks["log"]
    window.reveal("chain")
    qtbot.waitUntil(log.is_behind_a_tab)
    assert log.menu_action.isChecked()
    log.menu_action.trigger()
    qtbot.waitUntil(lambda: not log.visibleRegion().isEmpty())
    assert log.menu_action.isChecked()
    log.menu_action.trigger()
    assert log.isHidden()
    assert not log.menu_action.isChecked()


def test_the_layout_is_saved_restored_and_reset(qtbot: QtBot, make: Maker) -> None:
    first = make()
    first.show()
    first.docks["risk"].close()
    first.close()
    second = make()
    second.show()
    assert second.docks["risk"].isHidden()
    second.reset_layout()
    assert not second.docks["risk"].isHidden()


def test_the_theme_switches_live_and_is_remembered(
    qtbot: QtBot, make: Maker, theme: Theme, settings: WindowSettings
) -> None:
    window = make()
    window.light_action.trigger()
    assert theme.name is ThemeName.LIGHT
    assert settings.theme is ThemeName.LIGHT
    window.light_action.trigger()
    assert theme.is_dark


def test_paper_and_live_cannot_be_mistaken(qtbot: QtBot, make: Maker, bridge: Bridge) -> None:
    window = make()
    window.show()
    demo.publish(qtbot, bridge, demo.desk())
    assert window.windowTitle().startswith("PAPER")
    paper_strip = window.account_bar.strip.styleSheet()
    demo.publish(qtbot, bridge, demo.desk(mode=Mode.LIVE, broker=BrokerName.IBKR))
    assert window.windowTitle().startswith("LIVE · IBKR")
    assert window.account_bar.mode_chip.text() == "LIVE"
    assert window.account_bar.strip.styleSheet() != paper_strip
    assert "not armed" in window.banner.text
    assert window.arm_action.isVisible()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"phase": Phase.RECONCILING}, "Reconciling"),
        ({"phase": Phase.RECONCILING, "problem": "No connection."}, "No connection.  Trading is locked until orders"),
        ({"phase": Phase.CONNECTING, "problem": "Nothing listens."}, "Nothing listens.  Trading is locked until the"),
        ({"phase": Phase.READ_ONLY, "problem": "Another desk has the database."}, "Another desk has the database."),
        ({"phase": Phase.FAILED, "problem": "The database is newer."}, "The database is newer."),
        ({"trading_state": TradingState.HALTED, "trading_state_reason": "Halted by the user"}, "HALTED"),
        ({"trading_state": TradingState.REDUCING}, "REDUCING"),
    ],
)
def test_the_banner_says_what_keeps_the_desk_from_trading(
    qtbot: QtBot, make: Maker, bridge: Bridge, changes: dict[str, Any], words: str
) -> None:
    window = make("log")
    window.show()
    demo.publish(qtbot, bridge, demo.desk(**changes))
    assert words in window.banner.text
    demo.publish(qtbot, bridge, demo.desk())
    assert window.banner.text == ""


def test_an_engine_that_cannot_start_is_said_in_the_banner(make: Maker) -> None:
    window = make("log")
    window.banner.show_failure("The settings file has a wrong key.")
    assert "The settings file has a wrong key." in window.banner.text


def test_a_banner_takes_its_line_from_the_top_row_and_gives_it_back(qtbot: QtBot, make: Maker, bridge: Bridge) -> None:
    window = make()
    window.show()
    qtbot.waitUntil(lambda: window.is_complete)
    demo.publish(qtbot, bridge, demo.desk())
    below = window.docks["chain"]
    height = below.height()
    for _ in range(3):
        demo.publish(qtbot, bridge, demo.desk(trading_state=TradingState.HALTED))
        qtbot.waitUntil(lambda: window.banner.isVisible() and below.height() == height)
        demo.publish(qtbot, bridge, demo.desk())
        qtbot.waitUntil(lambda: not window.banner.isVisible() and below.height() == height)


def test_a_long_reason_is_shown_to_its_end(qtbot: QtBot, make: Maker, bridge: Bridge) -> None:
    window = make()
    window.resize(1000, 700)
    window.show()
    qtbot.waitUntil(lambda: window.is_complete)
    demo.publish(qtbot, bridge, demo.desk(phase=Phase.FAILED, problem="Short."))
    qtbot.waitUntil(window.banner.isVisible)
    one_line = window.banner.height()
    below = window.docks["chain"]
    height = below.height()
    demo.publish(qtbot, bridge, demo.desk(phase=Phase.FAILED, problem="The library is not installed here. " * 8))
    label = window.banner.label
    qtbot.waitUntil(lambda: window.banner.height() > one_line and label.height() >= label.heightForWidth(label.width()))
    qtbot.waitUntil(lambda: below.height() == height)


def test_the_same_message_is_one_toast_however_often_it_comes(make: Maker, messages: Messages) -> None:
    window = make("log")
    window.show()
    for text in ("No library.", "Saved.", "No library."):
        messages.notify(Severity.ERROR, text)
    assert messages.toasts == ("Saved.", "No library.")


def test_halt_sends_at_once_and_resume_asks_first(
    qtbot: QtBot, make: Maker, bridge: Bridge, client: RecordingClient, messages: Messages
) -> None:
    window = make("log")
    window.show()
    demo.publish(qtbot, bridge, demo.desk())
    qtbot.mouseClick(window.account_bar.halt_button, Qt.MouseButton.LeftButton)
    assert client.asked[-1] == SetTradingState(TradingState.HALTED, "Halted by the user")
    demo.publish(qtbot, bridge, demo.desk(trading_state=TradingState.HALTED))
    client.asked.clear()
    qtbot.mouseClick(window.account_bar.halt_button, Qt.MouseButton.LeftButton)
    assert client.asked == []
    dialog = found(window, ConfirmDialog)
    assert dialog.verb_button.text() == "Resume trading"
    qtbot.mouseClick(dialog.verb_button, Qt.MouseButton.LeftButton)
    asked = client.asked[0]
    assert isinstance(asked, SetTradingState)
    assert asked.state is TradingState.ACTIVE


def test_cancel_all_names_the_count_and_goes_only_when_confirmed(
    qtbot: QtBot, make: Maker, bridge: Bridge, client: RecordingClient, messages: Messages
) -> None:
    client.answers[CancelAll] = 4
    window = make("log")
    window.show()
    window.commands.cancel_all()
    assert messages.toasts == ("There are no working orders.",)
    demo.publish(qtbot, bridge, demo.desk(), demo.orders())
    for is_sent in (False, True):
        window.commands.cancel_all()
        dialog = next(one for one in window.findChildren(ConfirmDialog) if one.isVisible())
        assert dialog.verb_button.text() == "Cancel 4 orders"
        button = dialog.verb_button if is_sent else dialog.back_button
        with qtbot.waitSignal(dialog.destroyed):
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert (CancelAll() in client.asked) is is_sent
    assert messages.toasts == ("4 cancels sent.",)


def test_arming_needs_the_account_id_typed(qtbot: QtBot, make: Maker, bridge: Bridge, client: RecordingClient) -> None:
    client.answers[ArmLive] = True
    account = AccountInfo(BrokerName.IBKR, AccountId("U123"), Mode.LIVE, "Margin", may_trade=True)
    window = make("log")
    window.show()
    accounts = AccountsState((account,), (), account.account_id, None)
    demo.publish(qtbot, bridge, demo.desk(mode=Mode.LIVE), accounts)
    window.arm_action.trigger()
    dialog = found(window, ConfirmDialog)
    assert dialog.focusWidget() is dialog.typed
    qtbot.keyClicks(dialog.typed, "U12")
    assert not dialog.verb_button.isEnabled()
    assert dialog.back_button.isDefault()
    qtbot.keyClicks(dialog.typed, "3")
    qtbot.keyClick(dialog.typed, Qt.Key.Key_Return)
    assert client.asked == [ArmLive(account.account_id, "U123")]


def test_the_palette_finds_symbols_and_commands(qtbot: QtBot, make: Maker, client: RecordingClient) -> None:
    client.answers[TakeSnapshot] = ("a", "b")
    window = make()
    window.show()
    window.open_palette()
    overlay = window.palette_overlay
    assert overlay.entries()[0].startswith("SPX")
    qtbot.keyClicks(overlay.field, "nv")
    assert len(overlay.entries()) == 1
    with qtbot.waitSignal(window.symbol_chosen) as chosen:
        qtbot.keyClick(overlay.field, Qt.Key.Key_Return)
    assert chosen.args == ["NVDA"]
    assert overlay.isHidden()
    window.open_palette()
    qtbot.keyClicks(overlay.field, "snapshot now")
    qtbot.keyClick(overlay.field, Qt.Key.Key_Return)
    assert client.asked[-1] == TakeSnapshot()
    window.open_palette()
    qtbot.keyClick(overlay.field, Qt.Key.Key_Escape)
    assert overlay.isHidden()


def test_the_first_run_hint_has_five_lines_and_stays_away_once_dismissed(qtbot: QtBot, make: Maker) -> None:
    window = make("log")
    window.show()
    numbered = [label.text() for label in window.hint.findChildren(QLabel) if label.text()[0].isdigit()]
    assert len(numbered) == 5
    qtbot.mouseClick(window.hint.close_button, Qt.MouseButton.LeftButton)
    assert window.hint.isHidden()
    again = make("log")
    again.show()
    assert again.hint.isHidden()


def test_the_account_bar_shows_money_market_and_clocks(
    qtbot: QtBot, make: Maker, bridge: Bridge, client: RecordingClient
) -> None:
    window = make("log")
    window.show()
    bar = window.account_bar
    demo.publish(qtbot, bridge, demo.desk(), demo.accounts(), demo.market())
    assert bar.net_liq.value.text() == "610,740"
    assert bar.margin.value.text() == "41%"
    assert (bar.spx.value.text(), bar.spx_change.value.text()) == ("7,200.75", "−0.41%")
    assert bar.regime_chip.text() == "MEDIUM"
    assert "up at VIX 21.00" in bar.regime_chip.toolTip()
    assert bar.new_york.value.text() == "15:42:07"
    client.answers[SelectAccount] = None
    bar.account_box.activated.emit(bar.account_box.findData(demo.PAPER_B))
    assert client.asked[-1] == SelectAccount(demo.PAPER_B)
    demo.publish(
        qtbot, bridge, demo.accounts(selected=demo.PAPER_B), demo.market(spx_price=None, vix=None, regime=None)
    )
    assert bar.net_liq.value.text() == "98,400"
    assert bar.buying_power.value.text() == "—"
    assert bar.margin.value.text() == "—"
    assert bar.spx.value.text() == "—"
    assert bar.regime_chip.text() == "—"


def test_known_errors_are_toasts_and_unexpected_ones_a_dialog_with_copy(
    qtbot: QtBot, make: Maker, messages: Messages, tmp_path: Path
) -> None:
    window = make("log")
    window.show()
    messages.failed(InvalidInput("symbol", "ZZZ is not listed.", cure="Choose another symbol."))
    assert messages.toasts == ("ZZZ is not listed. Choose another symbol.",)
    messages.failed(RuntimeError("a fault of ours"))
    qtbot.waitUntil(lambda: window.findChild(ErrorDialog) is not None)
    dialog = found(window, ErrorDialog)
    qtbot.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    assert "RuntimeError: a fault of ours" in dialog.details
    qtbot.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)
