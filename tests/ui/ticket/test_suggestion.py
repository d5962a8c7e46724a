"""A ticket that came from a suggestion says so, keeps it through Simulate and Send, and lets it go with its legs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from execution.commands import Command, PreviewTicket, SendOrder, SimulateOrder, TicketDraft
from execution.suggestion_commands import LoadSuggestion
from execution.views import AccountsState
from models.clock import ManualClock
from models.enums import Action, OrderType, Right, TimeInForce
from models.ids import AccountId, OrderId, is_uuid4, new_order_id
from models.order import OrderLeg
from tests.ui import demo_data
from tests.ui import suggestions_demo_data as demo
from tests.ui.ticket.kit import CONDOR, LIVE, PAPER, STATIC, option, press, type_into
from tests.ui.ticket_demo_data import DemoClient
from ui.bridge import Bridge
from ui.docks import PanelSpec, Place
from ui.icons import Icons
from ui.main_window import MainWindow
from ui.messages import Messages
from ui.panels.account_bar import AccountBar
from ui.panels.order_ticket import OrderTicketPanel
from ui.panels.suggestions import SuggestionsPanel
from ui.settings import WindowSettings
from ui.theme import Theme
from ui.wiring import Wiring

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", "raise")
WORDS = "Takes <b>vega</b> back inside; see https://evil.example"


def draft(account: AccountId = PAPER.account_id, **changes: Any) -> TicketDraft:
    made = TicketDraft(
        order_id=new_order_id(),
        account_id=account,
        legs=CONDOR,
        order_type=OrderType.LIMIT,
        limit_price=Decimal("-9.95"),
        tif=TimeInForce.DAY,
        ai_suggestion_id="s-1",
        ai_rationale=WORDS,
    )
    return replace(made, **changes)


def load(qtbot: QtBot, ticket: OrderTicketPanel, made: TicketDraft) -> None:
    ticket.learn_chain(STATIC)
    ticket.load_draft(made)
    qtbot.waitUntil(lambda: ticket.model.preview is not None)


def origin(ticket: OrderTicketPanel) -> tuple[str | None, str | None]:
    """Returns what the next command would carry."""
    return ticket.model.draft.ai_suggestion_id, ticket.model.draft.ai_rationale


def test_a_suggestion_is_loaded_with_its_account_its_price_and_its_words(
    qtbot: QtBot, ticket: OrderTicketPanel
) -> None:
    made = draft(LIVE.account_id)
    load(qtbot, ticket, made)
    assert ticket.model.draft == made
    assert not ticket.model.is_following, "the price is the one that was verified"
    note = ticket.edit_page.origin
    assert note.isVisibleTo(ticket)
    assert (note.chip.text(), note.rationale.text()) == ("from AI suggestion", WORDS)
    assert note.rationale.textFormat() is Qt.TextFormat.PlainText
    assert ticket.edit_page.rationale.toPlainText() == "", "the user's own reason is the user's to write"


def test_the_account_of_a_suggestion_stands_when_the_bar_tells_its_own(
    qtbot: QtBot, ticket: OrderTicketPanel, bridge: Bridge
) -> None:
    load(qtbot, ticket, draft(LIVE.account_id))
    told = AccountsState((PAPER, LIVE), (), PAPER.account_id, None)
    demo_data.publish(qtbot, bridge, told)
    assert ticket.model.draft.account_id == LIVE.account_id


def test_id_and_words_go_along_through_simulate_and_send(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient
) -> None:
    load(qtbot, ticket, draft())
    press(ticket.edit_page.simulate)
    qtbot.waitUntil(lambda: ticket.pages.currentWidget() is ticket.review_page)
    assert ticket.review_page.origin.isVisibleTo(ticket)
    assert ticket.review_page.origin.rationale.text() == WORDS
    qtbot.waitUntil(lambda: ticket.review_page.is_armed)
    ticket.review_page.refresh()
    press(ticket.review_page.send)
    qtbot.waitUntil(lambda: ticket.pages.currentWidget() is ticket.done_page)
    for kind in (PreviewTicket, SimulateOrder, SendOrder):
        last: Any = client.of(kind)[-1]
        assert (last.draft.ai_suggestion_id, last.draft.ai_rationale) == ("s-1", WORDS)
    press(ticket.done_page.new)
    assert origin(ticket) == (None, None)


def test_price_type_account_and_note_do_not_make_it_another_trade(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket, draft())
    type_into(ticket.edit_page.price.field, "-10.20")
    QTest.keyClicks(ticket.edit_page.rationale, "before FOMC")
    ticket.choose_account(LIVE.account_id)
    press(ticket.edit_page.tifs.button(TimeInForce.GTC))
    assert origin(ticket) == ("s-1", WORDS)


def test_more_packages_of_the_same_are_still_the_suggestion(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket, draft())
    press(ticket.edit_page.more)
    assert [leg.quantity for leg in ticket.legs] == [2, 2, 2, 2]
    assert origin(ticket) == ("s-1", WORDS)


def test_other_legs_are_the_user_s_own_trade(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket, draft())
    press(ticket.edit_page.legs.rows[0].side)
    assert origin(ticket) == (None, None)
    assert not ticket.edit_page.origin.isVisibleTo(ticket)


def test_an_edit_that_is_taken_back_brings_the_suggestion_back(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket, draft())
    press(ticket.edit_page.legs.rows[0].remove)
    assert origin(ticket) == (None, None)
    ticket.stage_leg(option(6450, Right.PUT), Action.BUY)
    assert origin(ticket) == ("s-1", WORDS)


def test_a_cleared_ticket_forgets_where_it_came_from(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket, draft())
    press(ticket.edit_page.clear)
    for leg in CONDOR:
        ticket.stage_leg(leg.contract, leg.action, leg.quantity)
    assert sorted(leg.contract.key for leg in ticket.legs) == sorted(leg.contract.key for leg in CONDOR)
    assert origin(ticket) == (None, None)


def test_what_is_loaded_next_takes_nothing_over(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket, draft())
    ticket.load_legs((OrderLeg(option(6700, Right.PUT), Action.SELL, 1),))
    assert origin(ticket) == (None, None)
    assert ticket.model.is_following


class Both:
    """Answers what the ticket asks like its own demo client, and one load with a draft."""

    def __init__(self, tickets: DemoClient, made: TicketDraft) -> None:
        self._tickets = tickets
        self._made = made

    def ask(self, command: Command, done: demo.Done, failed: demo.Failed) -> None:
        if isinstance(command, LoadSuggestion):
            done(self._made)
        elif isinstance(command, PreviewTicket | SimulateOrder | SendOrder):
            self._tickets.ask(command, done, failed)


def test_load_in_ticket_opens_the_window_s_ticket_with_it(
    qtbot: QtBot, bridge: Bridge, theme: Theme, client: DemoClient, tmp_path: Any
) -> None:
    made = draft(order_id=OrderId(new_order_id()))
    both, icons, clock = Both(client, made), Icons(theme), ManualClock(demo.NOW)
    messages = Messages(bridge, theme, icons)
    specs = (
        PanelSpec(
            "order_ticket", "Order ticket", Place.RIGHT, lambda: OrderTicketPanel(bridge, both, theme, clock.now_utc)
        ),
        PanelSpec(
            "suggestions",
            "AI suggestions",
            Place.BOTTOM,
            lambda: SuggestionsPanel(bridge, both, theme, messages=messages, clock=clock),
        ),
    )
    window = MainWindow(
        bridge,
        both,
        theme,
        icons=icons,
        messages=messages,
        settings=WindowSettings(tmp_path / "window.ini"),
        account_bar=AccountBar(bridge, both, theme, messages=messages, clock=clock),
        panels=specs,
    )
    qtbot.addWidget(window)
    wiring = Wiring(window)
    window.show()
    qtbot.waitUntil(lambda: window.is_complete)
    assert wiring.parent() is window
    demo_data.publish(qtbot, bridge, demo.risk(), demo.breaches(demo.VEGA), demo.state(demo.a_set()))
    panel = window.reveal("suggestions")
    assert isinstance(panel, SuggestionsPanel)
    qtbot.waitUntil(lambda: "s-c01" in panel.set_view.cards)
    press(panel.set_view.cards["s-c01"].load_button)
    ticket = window.panel("order_ticket")
    assert isinstance(ticket, OrderTicketPanel)
    assert ticket.model.draft == made
    assert is_uuid4(ticket.model.draft.order_id)
    shortcuts = {key: dock.show_action.shortcut().toString() for key, dock in window.docks.items()}
    assert shortcuts == {"order_ticket": "Alt+1", "suggestions": "Alt+2"}
