"""A person at the desk's real window, for tests of whole programs: looks, waits, clicks."""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from execution.views import DeskState, OrdersState, Phase
from models.enums import OrderStatus, Right
from ui.app import Desktop
from ui.chain.columns import Field, column_index
from ui.panels.option_chain import OptionChainPanel
from ui.panels.order_ticket import OrderTicketPanel

_WAIT_MS = 60_000


class Trader:
    """A person at the window: looks, waits, clicks."""

    def __init__(self, qtbot: QtBot, desktop: Desktop) -> None:
        self._qtbot = qtbot
        self.desktop = desktop
        chain, ticket = (desktop.window.docks[key].panel() for key in ("option_chain", "order_ticket"))
        assert isinstance(chain, OptionChainPanel)
        assert isinstance(ticket, OrderTicketPanel)
        self.chain, self.ticket = chain, ticket

    def wait(self, done: Callable[[], object]) -> None:
        """Waits until something is so."""
        self._qtbot.waitUntil(lambda: bool(done()), timeout=_WAIT_MS)

    def press(self, button: QAbstractButton) -> None:
        """Clicks a button."""
        self._qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def click_price(self, row: int, right: Right, field: Field) -> None:
        """Brings a strike on screen, waits for its quote and clicks it."""
        index = self.chain.model.index(row, column_index(field, right))
        self.chain.view.scrollTo(index)
        self.wait(lambda: re.fullmatch(r"[\d,.]+", str(index.data())))
        middle = self.chain.view.visualRect(index).center()
        self._qtbot.mouseClick(self.chain.view.viewport(), Qt.MouseButton.LeftButton, pos=middle)

    def order(self) -> OrderStatus | None:
        """Returns the status of the newest order."""
        told = self.desktop.bridge.newest(OrdersState)
        return told.orders[0].status if told is not None and told.orders else None

    def phase(self) -> Phase | None:
        """Returns where the desk is."""
        told = self.desktop.bridge.newest(DeskState)
        return None if told is None else told.phase

    def build_condor(self, packages: int) -> None:
        """Clicks a short iron condor together around the money, and as many of it."""
        money = round(self.chain.model.money_row() or 0)
        for row, right, field in (
            (money - 20, Right.PUT, Field.BID),
            (money - 24, Right.PUT, Field.ASK),
            (money + 20, Right.CALL, Field.BID),
            (money + 24, Right.CALL, Field.ASK),
        ):
            self.click_price(row, right, field)
        page = self.ticket.edit_page
        self.wait(lambda: page.title.text() == "Short iron condor")
        for _ in range(packages - 1):
            self.press(page.more)

    def send(self, *, banner: str, verb: str) -> None:
        """Simulates what is in the ticket and sends it; `banner` and `verb` are what must stand there before."""
        ticket = self.ticket
        self.wait(ticket.edit_page.simulate.isEnabled)
        self.press(ticket.edit_page.simulate)
        self.wait(lambda: ticket.pages.currentWidget() is ticket.review_page and ticket.review_page.send.isEnabled())
        assert ticket.review_page.banner.text() == banner
        assert ticket.review_page.send.text().startswith(verb)
        self.press(ticket.review_page.send)
