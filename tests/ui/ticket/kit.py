"""The order ticket's tests: legs, clicks and keys."""

from __future__ import annotations

from decimal import Decimal

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from models.account import AccountInfo
from models.contract import Contract, option_contract
from models.enums import Action, BrokerName, Mode, Right
from models.ids import AccountId
from models.order import OrderLeg
from tests.ui.ticket_demo_data import JUNE_12, static_of
from ui.panels.order_ticket import OrderTicketPanel

PAPER = AccountInfo(BrokerName.PAPER, AccountId("PAPER1"), Mode.PAPER, "Paper margin", True)


LIVE = AccountInfo(BrokerName.IBKR, AccountId("U7654321"), Mode.LIVE, "Live margin", True)


STATIC = static_of(JUNE_12)


def option(strike: int, right: Right) -> Contract:
    return option_contract("SPXW", JUNE_12.expiry, right, Decimal(strike))


CONDOR = (
    OrderLeg(option(6450, Right.PUT), Action.BUY, 1),
    OrderLeg(option(6700, Right.PUT), Action.SELL, 1),
    OrderLeg(option(7500, Right.CALL), Action.SELL, 1),
    OrderLeg(option(7650, Right.CALL), Action.BUY, 1),
)


def load(qtbot: QtBot, ticket: OrderTicketPanel, legs: tuple[OrderLeg, ...] = CONDOR) -> None:
    """Fills the ticket and waits for its preview."""
    ticket.learn_chain(STATIC)
    ticket.load_legs(legs)
    qtbot.waitUntil(lambda: ticket.model.preview is not None and ticket.model.draft.limit_price is not None)


def press(button: QWidget) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def type_into(field: QWidget, text: str) -> None:
    """Types over what is in a field and leaves it with Tab."""
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Tab)


def legs_of(ticket: OrderTicketPanel) -> tuple[OrderLeg, ...]:
    return ticket.legs


def price(ticket: OrderTicketPanel) -> Decimal | None:
    return ticket.model.draft.limit_price
