"""Fixtures of the order ticket's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from execution.views import AccountsState
from tests.ui.ticket.kit import LIVE, PAPER
from tests.ui.ticket_demo_data import DemoClient
from ui.bridge import Bridge
from ui.panels.order_ticket import OrderTicketPanel
from ui.theme import Theme


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
def ticket(
    qtbot: QtBot, theme: Theme, bridge: Bridge, client: DemoClient, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OrderTicketPanel]:
    monkeypatch.setattr("ui.ticket.model.PREVIEW_DEBOUNCE_MS", 10)
    monkeypatch.setattr("ui.ticket.review_page.ARM_DELAY_MS", 20)
    ticket = OrderTicketPanel(bridge, client, theme, lambda: client.now_utc)
    qtbot.addWidget(ticket)
    ticket.resize(380, 700)
    ticket.show()
    bridge.state(AccountsState((PAPER, LIVE), (), PAPER.account_id, None))
    qtbot.waitUntil(lambda: ticket.model.draft.account_id == PAPER.account_id)
    yield ticket
    ticket.hide()
