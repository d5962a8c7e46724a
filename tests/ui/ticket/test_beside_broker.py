"""The ticket on quotes that are not live, and with the broker's own Greeks beside the desk's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from execution.ticket_views import LegPreview, Problem, TicketPreview
from execution.views import AccountsState
from models.enums import MarketDataKind
from models.quote import ModelGreeks
from tests.ui.ticket.kit import LIVE, load
from tests.ui.ticket_demo_data import NOW, DemoClient
from ui.bridge import Bridge
from ui.greeks_words import OURS_COUNT
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


def with_broker_greeks(preview: TicketPreview) -> TicketPreview:
    """The second leg's delta is far from ours and its vol is not; the third leg agrees; the others have none."""
    legs = list(preview.legs)
    for at, gap in ((1, 0.03), (2, 0.001)):
        leg = legs[at]
        assert leg.quote is not None
        assert leg.greeks is not None
        assert leg.greeks.vol is not None
        told = ModelGreeks(leg.quote.key, NOW, leg.greeks.vol + 0.001, leg.greeks.delta - gap, None, None, None)
        legs[at] = replace(leg, broker_greeks=told, broker_age_s=3.0)
    return replace(preview, legs=tuple(legs))


def test_a_staged_leg_shows_the_brokers_greeks_beside_ours_where_they_differ(
    qtbot: QtBot, ticket: OrderTicketPanel, bridge: Bridge, client: DemoClient
) -> None:
    bridge.state(AccountsState((LIVE,), (), LIVE.account_id, None))
    qtbot.waitUntil(lambda: ticket.model.draft.account_id == LIVE.account_id)
    client.preview_change = with_broker_greeks
    load(qtbot, ticket)
    rows = ticket.edit_page.legs.rows
    assert rows[1].delta.text() == "Δ −0.13"
    assert rows[1].facts.text() == "Δ −0.13 ≠ IB −0.16"
    for words in (
        "The desk's own: −0.1",
        "Interactive Brokers' model: −0.1",
        "3s old",
        "≠ 0.0300 apart",
        OURS_COUNT,
    ):
        assert words in rows[1].facts.toolTip()
    assert [row.facts.isVisible() for row in rows] == [False, True, False, False]
    assert "Interactive Brokers' model" in rows[2].delta.toolTip()
    assert "apart" not in rows[2].delta.toolTip()
    assert rows[0].delta.toolTip().startswith("IV ")
