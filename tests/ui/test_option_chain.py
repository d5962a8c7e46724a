"""The option chain panel: real clicks and keys on a demo engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from execution.chain_views import ChainNumbers
from execution.commands import WatchChain
from execution.views import DeskState, Phase
from models.contract import Contract
from models.enums import Action, BrokerName, Mode, Right, Settlement, TradingState
from models.errors import InvalidInput, KnownError
from models.order import OrderLeg
from tests.ui import demo_data as demo
from tests.ui.ticket_demo_data import EXPIRIES, JUNE_12, NOW, SPOT, DemoClient, numbers_of, static_of
from ui.bridge import Bridge
from ui.chain.columns import COLUMNS, Field, column_index
from ui.chain.menu import entries
from ui.chain.model import Band, ChainModel
from ui.chain.templates import DeltaPick, Template, iron_condor, legs_by_delta, strangle, vertical
from ui.panels.option_chain import OptionChainPanel
from ui.theme import Theme

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
PUT_BID = column_index(Field.BID, Right.PUT)
PUT_ASK = column_index(Field.ASK, Right.PUT)
CALL_BID = column_index(Field.BID, Right.CALL)
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
Staged = list[tuple[Contract, Action, int]]


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


def click(qtbot: QtBot, panel: OptionChainPanel, row: int, column: int) -> None:
    view = panel.view
    at = view.visualRect(panel.model.index(row, column)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)


def staged(panel: OptionChainPanel) -> Staged:
    log: Staged = []
    panel.leg_staged.connect(lambda contract, action, quantity, _greeks: log.append((contract, action, quantity)))
    return log


def submenu(menu: QMenu, title: str) -> QMenu:
    found = next(action.menu() for action in menu.actions() if action.text() == title)
    assert isinstance(found, QMenu)
    return found


def row_of(panel: OptionChainPanel, strike: int) -> int:
    return panel.model.row_of_strike(float(strike))


def test_a_click_on_a_bid_sells_and_on_an_ask_buys_and_again_adds(qtbot: QtBot, panel: OptionChainPanel) -> None:
    log = staged(panel)
    click(qtbot, panel, row_of(panel, 7150), PUT_BID)
    click(qtbot, panel, row_of(panel, 7150), PUT_BID)
    click(qtbot, panel, row_of(panel, 7250), PUT_ASK)
    assert [(c.label, a, n) for c, a, n in log] == [
        ("SPXW 12 Jun 26 7150 P", Action.SELL, 1),
        ("SPXW 12 Jun 26 7150 P", Action.SELL, 1),
        ("SPXW 12 Jun 26 7250 P", Action.BUY, 1),
    ]


def test_a_click_beside_bid_and_ask_stages_nothing(qtbot: QtBot, panel: OptionChainPanel) -> None:
    log = staged(panel)
    for index, column in enumerate(COLUMNS):
        if column.action is None and not panel.view.isColumnHidden(index):
            click(qtbot, panel, row_of(panel, 7200), index)
    assert log == []


def test_a_press_that_is_released_elsewhere_stages_nothing(qtbot: QtBot, panel: OptionChainPanel) -> None:
    log = staged(panel)
    view, model = panel.view, panel.model
    start = view.visualRect(model.index(row_of(panel, 7150), PUT_BID)).center()
    end = view.visualRect(model.index(row_of(panel, 7250), PUT_BID)).center()
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    QTest.mouseMove(view.viewport(), end)
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
    assert log == []


def test_a_double_click_adds_two(qtbot: QtBot, panel: OptionChainPanel) -> None:
    log = staged(panel)
    view = panel.view
    at = view.visualRect(panel.model.index(row_of(panel, 7150), PUT_BID)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    assert len(log) == 2
    assert {contract.label for contract, _, _ in log} == {"SPXW 12 Jun 26 7150 P"}


def test_hovering_says_what_a_click_would_do(qtbot: QtBot, panel: OptionChainPanel) -> None:
    row = row_of(panel, 7150)
    bid = panel.model.value(row, PUT_BID)
    assert panel.model.hover_text(row, PUT_BID) == f"Sell 1 SPXW 12 Jun 26 7150 P @ {bid:.2f} (bid)"
    QTest.mouseMove(panel.view.viewport(), panel.view.visualRect(panel.model.index(row, PUT_BID)).center())
    assert panel.hover.text() == f"Sell 1 SPXW 12 Jun 26 7150 P @ {bid:.2f} (bid)"


def test_the_money_is_in_the_middle_after_the_first_load(panel: OptionChainPanel) -> None:
    first, last = panel.view.visible_rows()
    assert abs((first + last) / 2 - row_of(panel, 7200)) <= 1.5


def test_a_price_that_has_no_bid_is_an_em_dash_and_never_zero(
    qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge
) -> None:
    numbers = numbers_of(static_of(JUNE_12))
    bid = numbers.puts.bid.copy()
    bid[panel.model.index_of_strike(7150.0)] = np.nan
    bridge.state(numbers._replace(puts=numbers.puts._replace(bid=bid)))
    index = panel.model.index(row_of(panel, 7150), PUT_BID)
    qtbot.waitUntil(lambda: index.data() == "—")
    assert panel.model.hover_text(index.row(), PUT_BID) == "Sell 1 SPXW 12 Jun 26 7150 P (no bid)"


def test_only_cells_whose_figure_changed_are_repainted(qapp: QApplication) -> None:
    model = ChainModel()
    static = static_of(JUNE_12)
    numbers = numbers_of(static)
    model.set_static(static)
    model.set_visible_rows(0, model.rowCount() - 1)
    model.set_numbers(numbers)
    seen: list[tuple[int, int, int, int]] = []

    def on_changed(top: QModelIndex, bottom: QModelIndex) -> None:
        seen.append((top.row(), bottom.row(), top.column(), bottom.column()))

    model.dataChanged.connect(on_changed)
    model.set_numbers(numbers._replace(at_utc=NOW))
    assert seen == []
    bid = numbers.puts.bid.copy()
    bid[40] += 0.10
    bid[41] += 0.0004  # below what is drawn
    model.set_numbers(numbers._replace(puts=numbers.puts._replace(bid=bid)))
    assert seen == [(40, 40, PUT_BID, PUT_BID)]
    seen.clear()
    model.set_visible_rows(0, 10)
    model.set_numbers(numbers)
    assert seen == []
    assert model.value(40, PUT_BID) == numbers.puts.bid[40]


def test_figures_of_another_version_are_ignored(qapp: QApplication) -> None:
    model = ChainModel()
    model.set_static(static_of(JUNE_12, version=2))
    assert not model.set_numbers(numbers_of(static_of(JUNE_12, version=1)))
    assert model.spot is None


def test_a_new_version_of_the_same_strikes_keeps_rows_and_figures(qapp: QApplication) -> None:
    model = ChainModel()
    static = static_of(JUNE_12)
    model.set_static(static)
    model.set_numbers(numbers_of(static))
    assert not model.set_static(replace(static, version=9))
    assert model.spot == SPOT
    assert model.set_numbers(numbers_of(replace(static, version=9)))


def test_shading_tells_moneyness_and_expected_move(panel: OptionChainPanel) -> None:
    model = panel.model
    assert model.look(row_of(panel, 7100), CALL_BID).is_itm
    assert not model.look(row_of(panel, 7100), PUT_BID).is_itm
    assert model.look(row_of(panel, 7300), PUT_BID).is_itm
    bands = [model.look(row_of(panel, strike), 8).band for strike in (7200, 7700, 8000)]
    assert bands == [Band.INSIDE_ONE, Band.INSIDE_TWO, Band.OUTSIDE] or bands[:2] == [Band.INSIDE_ONE, Band.INSIDE_TWO]


def test_staged_and_held_contracts_are_marked(qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge) -> None:
    static = panel.model.static
    assert static is not None
    row = row_of(panel, 7150)
    put = panel.model.contract_at(row, Right.PUT)
    assert put is not None
    panel.set_staged((OrderLeg(put, Action.SELL, 2),))
    assert panel.model.look(row, PUT_BID).staged == -2
    assert panel.model.look(row, CALL_BID).staged == 0
    bridge.state(numbers_of(static, held={put.key: -3}))
    qtbot.waitUntil(lambda: panel.model.look(row, PUT_BID).held == -3)
    assert panel.model.index(row, column_index(Field.HELD, Right.PUT)).data() == "−3"
    panel.set_staged(())
    assert panel.model.look(row, PUT_BID).staged == 0


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


def test_keys_move_and_stage_but_never_send(qtbot: QtBot, panel: OptionChainPanel, client: DemoClient) -> None:
    log = staged(panel)
    view = panel.view
    view.setFocus()
    view.setCurrentIndex(panel.model.index(row_of(panel, 7200), PUT_BID))
    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_S)
    QTest.keyClick(view, Qt.Key.Key_B)
    before = len(client.asked)
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Space, Qt.Key.Key_X, Qt.Key.Key_1):
        QTest.keyClick(view, key)
    assert [(c.label, a) for c, a, _ in log] == [
        ("SPXW 12 Jun 26 7225 P", Action.SELL),
        ("SPXW 12 Jun 26 7225 P", Action.BUY),
    ]
    assert len(client.asked) == before


def test_on_the_strike_itself_the_side_keys_say_what_to_do(qtbot: QtBot, panel: OptionChainPanel) -> None:
    log = staged(panel)
    panel.view.setCurrentIndex(panel.model.index(row_of(panel, 7200), 8))
    QTest.keyClick(panel.view, Qt.Key.Key_B)
    assert log == []
    assert "call or the put side" in panel.controls.error.text()


def test_home_goes_back_to_the_money(qtbot: QtBot, panel: OptionChainPanel) -> None:
    bar = panel.view.verticalScrollBar()
    bar.setValue(bar.maximum())
    panel.view.setFocus()
    qtbot.waitUntil(panel.view.hasFocus)
    QTest.keyClick(panel.view, Qt.Key.Key_Home)
    first, last = panel.view.visible_rows()
    assert abs((first + last) / 2 - row_of(panel, 7200)) <= 1.5


def test_the_span_limits_the_strikes_around_the_money(panel: OptionChainPanel) -> None:
    panel.controls.span.setCurrentIndex(0)
    assert panel.model.rowCount() == 21
    assert panel.model.strike_at(10) == 7200
    panel.controls.span.setCurrentIndex(4)
    assert panel.model.rowCount() == 81


def test_the_engine_learns_the_strikes_on_screen_once_after_scrolling(
    qtbot: QtBot, panel: OptionChainPanel, client: DemoClient
) -> None:
    qtbot.waitUntil(lambda: client.of(WatchChain)[-1].visible_low is not None)
    bar = panel.view.verticalScrollBar()
    before = len(client.of(WatchChain))
    for step in range(5):
        bar.setValue(bar.value() + 40 + step)
    qtbot.waitUntil(lambda: len(client.of(WatchChain)) > before)
    qtbot.wait(250)
    assert len(client.of(WatchChain)) == before + 1
    first, last = panel.view.visible_rows()
    low, high = panel.model.strike_at(first), panel.model.strike_at(last)
    watched = client.of(WatchChain)[-1]
    assert low is not None
    assert high is not None
    assert watched.visible_low is not None
    assert watched.visible_high is not None
    assert watched.visible_low <= low
    assert watched.visible_high >= high


def test_a_hidden_chain_stops_its_stream_and_takes_it_up_again(
    qtbot: QtBot, panel: OptionChainPanel, client: DemoClient
) -> None:
    panel.hide()
    assert client.of(WatchChain)[-1].expiry is None
    panel.show()
    assert client.of(WatchChain)[-1].expiry == JUNE_12


def test_the_picker_stages_an_iron_condor_by_delta(qtbot: QtBot, panel: OptionChainPanel) -> None:
    picked: list[tuple[OrderLeg, ...]] = []
    panel.legs_picked.connect(picked.append)
    QTest.mouseClick(panel.picker.button, Qt.MouseButton.LeftButton)
    (legs,) = picked
    assert [(leg.action, leg.contract.right) for leg in legs] == [
        (Action.BUY, Right.PUT),
        (Action.SELL, Right.PUT),
        (Action.SELL, Right.CALL),
        (Action.BUY, Right.CALL),
    ]
    deltas = [abs(leg.greeks.delta) for leg in legs if leg.greeks is not None]
    assert deltas == pytest.approx([0.08, 0.16, 0.16, 0.08], abs=0.012)


def test_the_picker_waits_for_quotes_of_strikes_that_are_not_on_screen(
    qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge, client: DemoClient
) -> None:
    static = static_of(JUNE_12)
    full = numbers_of(static)
    near = np.abs(np.array([float(k) for k in static.strikes]) - SPOT) < 150

    def blank(numbers: ChainNumbers) -> ChainNumbers:
        sides = (side._replace(delta=np.where(near, side.delta, np.nan)) for side in (numbers.calls, numbers.puts))
        calls, puts = sides
        return numbers._replace(calls=calls, puts=puts)

    bridge.state(blank(full))
    far = column_index(Field.DELTA, Right.PUT)
    qtbot.waitUntil(lambda: np.isnan(panel.model.value(0, far)))
    picked: list[tuple[OrderLeg, ...]] = []
    panel.legs_picked.connect(picked.append)
    QTest.mouseClick(panel.picker.button, Qt.MouseButton.LeftButton)
    assert picked == []
    watched = client.of(WatchChain)[-1]
    assert (watched.visible_low, watched.visible_high) == (static.strikes[0], static.strikes[-1])
    bridge.state(full)
    qtbot.waitUntil(lambda: len(picked) == 1)


def test_the_right_click_menu_offers_spreads_at_the_strike(qtbot: QtBot, panel: OptionChainPanel) -> None:
    picked: list[tuple[OrderLeg, ...]] = []
    panel.legs_picked.connect(picked.append)
    menu = panel.strike_menu(row_of(panel, 7000), PUT_BID)
    assert menu is not None
    qtbot.addWidget(menu)
    sell = submenu(menu, "Sell")
    verticals = submenu(sell, "Vertical")
    assert [action.text() for action in verticals.actions()][:2] == ["25 wide   6975 / 7000", "50 wide   6950 / 7000"]
    verticals.actions()[1].trigger()
    assert [(leg.action, leg.contract.label) for leg in picked[0]] == [
        (Action.BUY, "SPXW 12 Jun 26 6950 P"),
        (Action.SELL, "SPXW 12 Jun 26 7000 P"),
    ]


def test_a_right_click_on_the_table_opens_the_menu(qtbot: QtBot, panel: OptionChainPanel) -> None:
    at: list[tuple[int, int]] = []
    panel.view.menu_wanted.disconnect()
    panel.view.menu_wanted.connect(lambda row, column, _at: at.append((row, column)))
    spot = panel.view.visualRect(panel.model.index(row_of(panel, 7200), PUT_BID)).center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, spot, QPoint(0, 0))
    QApplication.sendEvent(panel.view.viewport(), event)
    assert at == [(row_of(panel, 7200), PUT_BID)]


def test_greek_columns_come_and_go_on_both_sides(panel: OptionChainPanel) -> None:
    gamma = [column_index(Field.GAMMA, right) for right in Right]
    assert all(panel.view.isColumnHidden(index) for index in gamma)
    panel.controls.column_actions[Field.GAMMA].trigger()
    assert not any(panel.view.isColumnHidden(index) for index in gamma)


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


STATIC = static_of(JUNE_12)
NUMBERS = numbers_of(STATIC)


@given(
    template=st.sampled_from(Template),
    short=st.floats(14, 45),
    long=st.floats(2, 9),
)
def test_every_leg_by_delta_is_the_nearest_listed(template: Template, short: float, long: float) -> None:
    for leg in legs_by_delta(DeltaPick(template, short, long), STATIC, NUMBERS):
        right = leg.contract.right
        side = NUMBERS.calls if right is Right.CALL else NUMBERS.puts
        target = short if leg.action is Action.SELL else long
        assert leg.greeks is not None
        assert abs(abs(leg.greeks.delta) * 100 - target) <= np.abs(np.abs(side.delta) * 100 - target).min() + 1e-9


def test_wings_at_the_same_strike_are_refused_with_the_reason() -> None:
    with pytest.raises(InvalidInput, match="same strike"):
        legs_by_delta(DeltaPick(Template.PUT_VERTICAL, 16.0, 16.0), STATIC, NUMBERS)


def test_without_any_delta_the_picker_says_so() -> None:
    nothing = np.full(len(STATIC.strikes), np.nan)
    blank = NUMBERS._replace(puts=NUMBERS.puts._replace(delta=nothing))
    with pytest.raises(InvalidInput, match="No put has a delta yet"):
        legs_by_delta(DeltaPick(Template.PUT_VERTICAL, 16.0, 8.0), STATIC, blank)


@given(row=st.integers(12, 68), width=st.integers(1, 8), action=st.sampled_from(Action))
def test_templates_are_one_package_with_ascending_strikes(row: int, width: int, action: Action) -> None:
    money = 40
    for legs in (
        vertical(STATIC, row, Right.PUT, action, width),
        vertical(STATIC, row, Right.CALL, action, width),
        strangle(STATIC, row, action, money),
        iron_condor(STATIC, row, action, money, width),
    ):
        strikes = [leg.contract.strike for leg in legs if leg.contract.strike is not None]
        assert strikes == sorted(strikes)
        assert len({leg.contract.key for leg in legs}) == len(legs)
        assert all(leg.quantity == 1 for leg in legs)


def test_the_menu_leaves_out_what_is_not_listed() -> None:
    found = entries(STATIC, 0, Right.PUT, 40)
    assert all(entry.group != "Vertical" for entry in found)
    assert any(entry.text.startswith("Strangle") for entry in found)
