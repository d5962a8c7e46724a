"""The order ticket's price: followed, typed, stepped, wrong, with real clicks and keys."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from execution.commands import PreviewTicket, SimulateOrder
from execution.ticket_views import Problem
from models.enums import OrderType, TimeInForce
from tests.ui.ticket.kit import CONDOR, load, press, price, type_into
from tests.ui.ticket_demo_data import DemoClient
from ui.panels.order_ticket import OrderTicketPanel

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def is_following(ticket: OrderTicketPanel) -> bool:
    return ticket.model.is_following


def wheel(field: QWidget, notches: int) -> None:
    at = QPointF(field.rect().center())
    event = QWheelEvent(
        at,
        field.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(field, event)


def test_the_price_follows_the_mid_and_the_legs_say_credit_or_debit(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    box = ticket.edit_page.price
    preview = ticket.model.preview
    assert preview is not None
    assert price(ticket) == preview.suggested_limit
    assert box.effect.text() == "CR"
    QTest.keyClick(ticket, Qt.Key.Key_F2)
    qtbot.waitUntil(lambda: (price(ticket) or 0) > 0)
    assert box.effect.text() == "DB"


def test_a_typed_price_takes_the_side_of_the_legs_and_locks(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    type_into(ticket.edit_page.price.field, "1.85")
    assert price(ticket) == Decimal("-1.85")
    assert not is_following(ticket)
    assert ticket.edit_page.price.padlock.isChecked()
    press(ticket.edit_page.price.effect)
    assert price(ticket) == Decimal("1.85")
    type_into(ticket.edit_page.price.field, "CR 2.05")
    assert price(ticket) == Decimal("-2.05")
    type_into(ticket.edit_page.price.field, "DB 0.40")
    assert price(ticket) == Decimal("0.40")


@pytest.mark.parametrize(
    ("text", "said"), [("1.8.5", "not a number"), ("1,85", "comma"), ("$2", "currency"), ("abc", "not a number")]
)
def test_an_unreadable_price_is_said_at_the_field_and_cannot_be_simulated(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient, text: str, said: str
) -> None:
    load(qtbot, ticket)
    field = ticket.edit_page.price.field
    field.setText("")
    field.setFocus()
    field.insert(text)
    field.setModified(True)
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert said in ticket.edit_page.price.problem.text()
    assert ticket.edit_page.price.problem.isVisible()
    assert price(ticket) is None
    assert client.of(SimulateOrder) == []
    assert not ticket.edit_page.simulate.isEnabled()


def test_a_problem_of_the_price_found_by_the_desk_stands_at_the_field(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient
) -> None:
    problem = Problem("limit_price", "CR 1.87 is off the tick of 0.05. The nearest prices are CR 1.90 or CR 1.85.")
    client.preview_change = lambda preview: replace(preview, problems=(problem, Problem("leg:2", "expired")))
    load(qtbot, ticket)
    type_into(ticket.edit_page.price.field, "1.87")
    qtbot.waitUntil(lambda: "off the tick" in ticket.edit_page.price.problem.text())
    assert ticket.edit_page.legs.rows[2].problem.text() == "expired"


def test_without_a_market_the_missing_price_is_said(qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient) -> None:
    empty = Problem("limit_price", "The limit price is empty. Type a price, e.g. 1.85.")
    client.preview_change = lambda preview: replace(
        preview, net_mid=None, net_natural=None, net_opposite=None, suggested_limit=None, problems=(empty,)
    )
    ticket.load_legs(CONDOR)
    qtbot.waitUntil(ticket.edit_page.price.problem.isVisible)
    assert ticket.edit_page.price.problem.text() == empty.text
    assert [button.text() for button in ticket.edit_page.price.jumps.values()] == ["Bid —", "Mid —", "Ask —"]
    client.preview_change = lambda preview: preview
    ticket.model.ask_preview()
    qtbot.waitUntil(lambda: price(ticket) is not None)
    qtbot.waitUntil(lambda: not ticket.edit_page.price.problem.isVisible())


def test_a_problem_with_an_earlier_price_is_not_said_of_the_new_one(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient
) -> None:
    empty = Problem("limit_price", "The limit price is empty.")
    client.hold = {PreviewTicket}
    client.preview_change = lambda preview: replace(preview, problems=(empty,))
    ticket.load_legs(CONDOR)
    qtbot.waitUntil(lambda: len(client.held) == 1)
    client.release()
    assert price(ticket) is not None
    assert not ticket.edit_page.price.problem.isVisible()


def test_arrows_step_by_a_tick_and_with_shift_by_five(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    field = ticket.edit_page.price.field
    type_into(field, "2.00")
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_Up)
    assert price(ticket) == Decimal("-2.05")
    QTest.keyClick(field, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert price(ticket) == Decimal("-1.80")


def test_the_wheel_steps_only_with_the_focus(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    field = ticket.edit_page.price.field
    type_into(field, "2.00")
    assert not field.hasFocus()
    wheel(field, 1)
    assert price(ticket) == Decimal("-2.00")
    field.setFocus()
    wheel(field, 1)
    assert price(ticket) == Decimal("-2.05")


def test_letters_jump_to_mid_bid_and_ask_and_turn_the_padlock(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    preview = ticket.model.preview
    assert preview is not None
    assert preview.net_natural is not None
    assert preview.net_opposite is not None
    field = ticket.edit_page.price.field
    field.setFocus()
    QTest.keyClicks(field, "b")
    assert price(ticket) == preview.net_natural  # a credit: the natural side is the lower one
    QTest.keyClicks(field, "a")
    assert price(ticket) == preview.net_opposite
    QTest.keyClicks(field, "m")
    assert price(ticket) == preview.suggested_limit
    assert not is_following(ticket)
    QTest.keyClicks(field, "l")
    assert is_following(ticket)
    assert field.text() == f"{abs(preview.suggested_limit or 0):.2f}"


def test_market_orders_have_no_price(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    press(ticket.edit_page.types.button(OrderType.MARKET))
    assert (ticket.model.draft.order_type, price(ticket)) == (OrderType.MARKET, None)
    assert not ticket.edit_page.price.isVisible()
    press(ticket.edit_page.types.button(OrderType.LIMIT))
    assert price(ticket) is not None
    press(ticket.edit_page.tifs.button(TimeInForce.GTC))
    assert ticket.model.draft.tif is TimeInForce.GTC
