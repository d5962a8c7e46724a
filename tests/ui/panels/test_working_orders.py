from __future__ import annotations

from decimal import Decimal

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from execution.commands import CancelOrder, CheckOrder, DeclareNotSent, ReplaceOrder
from execution.ticket_views import SendOutcome
from execution.views import OrdersState
from models.clock import ManualClock
from models.enums import OrderStatus
from models.errors import KnownError
from models.gate import Denial, DenialCode
from tests.ui import demo_data as demo
from tests.ui.demo_data import RecordingClient, found
from ui.bridge import Bridge
from ui.icons import Icons
from ui.messages import Messages
from ui.orders import text as words
from ui.orders.model import OrderColumn
from ui.panels.working_orders import WorkingOrdersPanel
from ui.theme import Theme
from ui.widgets.confirm import ConfirmDialog


@pytest.fixture
def panel(
    qtbot: QtBot, bridge: Bridge, client: RecordingClient, theme: Theme, icons: Icons, messages: Messages
) -> WorkingOrdersPanel:
    clock = ManualClock(demo.NOW)
    made = WorkingOrdersPanel(bridge, client, theme, icons=icons, messages=messages, clock=clock)
    qtbot.addWidget(made)
    made.resize(1400, 320)
    made.show()
    demo.publish(qtbot, bridge, demo.desk(), demo.orders())
    return made


def _cell(panel: WorkingOrdersPanel, row: int, column: OrderColumn) -> str:
    return str(panel.table.model().index(row, column).data())


def _click(qtbot: QtBot, panel: WorkingOrdersPanel, row: int) -> None:
    rect = panel.table.visualRect(panel.table.model().index(row, OrderColumn.LEGS))
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())


def test_a_row_says_status_price_fill_age_and_reason(panel: WorkingOrdersPanel) -> None:
    assert _cell(panel, 1, OrderColumn.STATUS) == "Partial"
    assert _cell(panel, 1, OrderColumn.PRICE) == "CR 17.95"
    assert _cell(panel, 1, OrderColumn.FILLED) == "1/2"
    assert _cell(panel, 1, OrderColumn.AGE) == "6m"
    assert _cell(panel, 2, OrderColumn.PRICE) == "DB 4.10"
    assert "off tick" in _cell(panel, 5, OrderColumn.REASON)
    assert _cell(panel, 0, OrderColumn.LEGS) == "−2 6750 P / +2 6650 P / −2 7500 C / +2 7600 C  5 Jun 26"


def test_orders_placed_elsewhere_are_marked(panel: WorkingOrdersPanel) -> None:
    assert _cell(panel, 2, OrderColumn.STRATEGY).startswith("◆")
    assert _cell(panel, 2, OrderColumn.REASON) == "Placed outside this desk."


def test_cancel_goes_out_for_the_selected_working_order_only(
    qtbot: QtBot, panel: WorkingOrdersPanel, client: RecordingClient
) -> None:
    client.answers[CancelOrder] = None
    assert not panel.cancel_button.isEnabled()
    _click(qtbot, panel, 4)  # filled
    assert not panel.cancel_button.isEnabled()
    _click(qtbot, panel, 1)
    qtbot.mouseClick(panel.cancel_button, Qt.MouseButton.LeftButton)
    assert client.asked == [CancelOrder(panel.model.orders[1].id)]


def test_an_unknown_outcome_can_be_asked_about_again(
    qtbot: QtBot, panel: WorkingOrdersPanel, client: RecordingClient
) -> None:
    client.answers[CheckOrder] = None
    _click(qtbot, panel, 0)
    assert not panel.check_button.isVisible()
    _click(qtbot, panel, 3)
    qtbot.mouseClick(panel.check_button, Qt.MouseButton.LeftButton)
    assert client.asked == [CheckOrder(panel.model.orders[3].id)]


def test_an_unknown_order_is_declared_not_sent_only_when_confirmed(
    qtbot: QtBot, panel: WorkingOrdersPanel, client: RecordingClient, messages: Messages
) -> None:
    client.answers[DeclareNotSent] = KnownError("The order was sent 4 s ago: wait until 30 s have passed.")
    messages.attach(panel)
    _click(qtbot, panel, 0)
    assert not panel.not_sent_button.isVisible()
    _click(qtbot, panel, 3)
    for is_declared in (False, True):
        qtbot.mouseClick(panel.not_sent_button, Qt.MouseButton.LeftButton)
        dialog = found(panel, ConfirmDialog)
        assert dialog.verb_button.text() == "Declare not sent"
        button = dialog.verb_button if is_declared else dialog.back_button
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: panel.findChild(ConfirmDialog) is None)
        assert client.asked == ([DeclareNotSent(panel.model.orders[3].id)] if is_declared else [])
    assert messages.toasts == ("The order was sent 4 s ago: wait until 30 s have passed.",)


def test_the_price_is_stepped_by_ticks_and_sent_as_a_replacement(
    qtbot: QtBot, panel: WorkingOrdersPanel, client: RecordingClient, messages: Messages
) -> None:
    denied = SendOutcome(False, None, (), (Denial(DenialCode.PRICE_COLLAR, "Too far from the mid."),), None)
    client.answers[ReplaceOrder] = denied
    _click(qtbot, panel, 0)
    assert not panel.replace_button.isEnabled()
    qtbot.mouseClick(panel.stepper.up_button, Qt.MouseButton.LeftButton)
    qtbot.keyClick(panel.stepper, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    tick = words.net_tick(panel.model.orders[0]).tick_at(Decimal("18.10"))
    assert panel.stepper.price == Decimal("-18.10") - 6 * tick
    qtbot.mouseClick(panel.replace_button, Qt.MouseButton.LeftButton)
    assert client.asked == [ReplaceOrder(panel.model.orders[0].id, Decimal("-18.10") - 6 * tick)]
    assert messages.toasts == ("The price was not changed: Too far from the mid.",)


def test_a_broker_that_cannot_replace_is_not_offered_it(
    qtbot: QtBot, panel: WorkingOrdersPanel, bridge: Bridge
) -> None:
    _click(qtbot, panel, 0)
    assert panel.stepper.isVisible()
    demo.publish(qtbot, bridge, demo.desk(capabilities=frozenset()))
    assert not panel.stepper.isVisible()


def test_a_new_order_on_top_keeps_the_selection_and_a_status_change_keeps_the_rows(
    qtbot: QtBot, panel: WorkingOrdersPanel, bridge: Bridge
) -> None:
    _click(qtbot, panel, 1)
    chosen = panel.selected()[0].id
    old = demo.orders()
    demo.publish(qtbot, bridge, OrdersState((demo.order(9, OrderStatus.PENDING), *old.orders), old.foreign))
    assert [order.id for order in panel.selected()] == [chosen]
    done = tuple(order if order.id != chosen else demo.order(2, OrderStatus.FILLED) for order in old.orders)
    demo.publish(qtbot, bridge, OrdersState((demo.order(9, OrderStatus.PENDING), *done), old.foreign))
    assert [order.status for order in panel.selected()] == [OrderStatus.FILLED]


def test_working_only_hides_what_is_done_and_nothing_left_is_said(
    qtbot: QtBot, panel: WorkingOrdersPanel, bridge: Bridge
) -> None:
    panel.working_box.click()
    assert panel.model.rowCount() == 4
    demo.publish(qtbot, bridge, OrdersState((), frozenset()))
    assert panel.empty_text == "No working orders."


def test_prices_sort_by_value_and_not_by_text(panel: WorkingOrdersPanel) -> None:
    panel.table.sortByColumn(OrderColumn.PRICE, Qt.SortOrder.AscendingOrder)
    shown = [_cell(panel, row, OrderColumn.PRICE) for row in range(4)]
    assert shown == ["CR 38.23", "CR 38.20", "CR 18.10", "CR 18.10"]
