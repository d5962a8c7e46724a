"""The option chain's table: clicks and keys that stage, figures that tick, on a demo engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QModelIndex, QObject, QPoint, Qt
from PySide6.QtGui import QPaintEvent, QRegion
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from execution.commands import WatchChain
from models.contract import Contract
from models.enums import Action, Right
from models.order import OrderLeg
from tests.ui.chain.kit import PUT_BID, row_of
from tests.ui.ticket_demo_data import JUNE_12, NOW, SPOT, DemoClient, numbers_of, static_of
from ui.bridge import Bridge
from ui.chain.columns import COLUMNS, STRIKE_COLUMN, Field, column_index
from ui.chain.model import Band, ChainModel
from ui.panels.option_chain import OptionChainPanel

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


PUT_ASK = column_index(Field.ASK, Right.PUT)


CALL_BID = column_index(Field.BID, Right.CALL)


Staged = list[tuple[Contract, Action, int]]


def click(qtbot: QtBot, panel: OptionChainPanel, row: int, column: int) -> None:
    view = panel.view
    at = view.visualRect(panel.model.index(row, column)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)


def staged(panel: OptionChainPanel) -> Staged:
    log: Staged = []
    panel.leg_staged.connect(lambda contract, action, quantity, _greeks: log.append((contract, action, quantity)))
    return log


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


class PaintWatch(QObject):
    """Collects what a widget repaints."""

    def __init__(self) -> None:
        super().__init__()
        self.region = QRegion()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if isinstance(event, QPaintEvent):
            self.region += event.region()
        return False


def test_the_price_at_the_money_line_follows_the_underlying_between_two_strikes(
    qtbot: QtBot, panel: OptionChainPanel, bridge: Bridge
) -> None:
    numbers = numbers_of(static_of(JUNE_12))
    panel.view.update_money_line()
    qtbot.wait(50)
    watch = PaintWatch()
    panel.view.viewport().installEventFilter(watch)
    row = panel.model.money_row()
    assert numbers.spot is not None
    assert row is not None
    bridge.state(numbers._replace(spot=numbers.spot + 0.01))
    qtbot.waitUntil(lambda: panel.model.spot != numbers.spot)
    assert panel.model.money_row() == row
    y = round(row * panel.view.rowHeight(0)) - panel.view.verticalOffset()
    qtbot.waitUntil(lambda: watch.region.contains(QPoint(10, y)))


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
    bands = [model.look(row_of(panel, strike), STRIKE_COLUMN).band for strike in (7200, 7700, 8000)]
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
    panel.view.setCurrentIndex(panel.model.index(row_of(panel, 7200), STRIKE_COLUMN))
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


def test_greek_columns_come_and_go_on_both_sides(panel: OptionChainPanel) -> None:
    gamma = [column_index(Field.GAMMA, right) for right in Right]
    assert all(panel.view.isColumnHidden(index) for index in gamma)
    panel.controls.column_actions[Field.GAMMA].trigger()
    assert not any(panel.view.isColumnHidden(index) for index in gamma)
