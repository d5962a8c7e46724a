"""The ticket on quotes that are not live: labelled, with the reason why it will not be sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from execution.views import LegPreview, Problem, TicketPreview
from models.enums import MarketDataKind
from tests.ui.ticket.kit import load
from tests.ui.ticket_demo_data import DemoClient
from ui.panels.order_ticket import OrderTicketPanel

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")

WHY = "The quote of every leg is delayed, not live: simulate it, but it will not be sent."


def delayed(preview: TicketPreview) -> TicketPreview:
    def leg(of: LegPreview) -> LegPreview:
        return of if of.quote is None else replace(of, quote=replace(of.quote, kind=MarketDataKind.DELAYED))

    return replace(
        preview, legs=tuple(leg(one) for one in preview.legs), problems=(*preview.problems, Problem("legs", WHY))
    )


def test_a_ticket_on_delayed_quotes_carries_a_chip_and_says_why_it_will_not_be_sent(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient
) -> None:
    page = ticket.edit_page
    load(qtbot, ticket)
    assert page.kind.isHidden()
    client.preview_change = delayed
    ticket.model.ask_preview()
    qtbot.waitUntil(page.kind.isVisible)
    assert page.kind.text() == "DELAYED"
    assert page.order_problem.isVisible()
    assert page.order_problem.text() == WHY
    assert page.simulate.isEnabled()
    ticket.clear()
    assert page.kind.isHidden()
