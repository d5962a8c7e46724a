"""The order ticket from the simulation to the one confirmation and beyond, with real clicks and keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from execution.commands import SendOrder, SimulateOrder, TicketDraft
from execution.ticket_views import LimitChange, Problem, SendOutcome, SimulationOutcome
from execution.views import AccountsState, LimitRow, OrderNotice
from models.enums import Action, Metric, OrderStatus, TimeInForce
from models.errors import BrokerFailure, FailureKind
from models.gate import Denial, DenialCode
from models.ids import is_uuid4
from models.order import OrderLeg
from tests.ui.ticket.kit import CONDOR, LIVE, PAPER, legs_of, load, press, price
from tests.ui.ticket_demo_data import NOW, DemoClient
from ui.bridge import Bridge
from ui.panels.order_ticket import OrderTicketPanel
from ui.theme import Ink, Theme, ThemeName

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def review(qtbot: QtBot, ticket: OrderTicketPanel, legs: tuple[OrderLeg, ...] = CONDOR) -> None:
    """Fills the ticket, presses Enter and waits until the confirmation is awake."""
    load(qtbot, ticket, legs)
    QTest.keyClick(ticket, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ticket.pages.currentWidget() is ticket.review_page)
    qtbot.waitUntil(lambda: ticket.review_page.is_armed)
    ticket.review_page.refresh()


def test_enter_simulates_and_the_confirmation_says_everything(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    review(qtbot, ticket, tuple(OrderLeg(leg.contract, leg.action, 2) for leg in CONDOR))
    page = ticket.review_page
    expected = f"Sell 2 iron condors for CR {abs(price(ticket) or 0):.2f}"
    assert (page.sentence.text(), page.send.text()) == (expected, expected)
    assert page.banner.text() == "PAPER   account PAPER1"
    assert page.margin.texts == (
        "184,320",
        "+4,630",
        "188,950",
        "171,900",
        "+4,630",
        "176,530",
        "296,590",
        "5.24",
    )
    assert page.limits.lines[3].name.text() == "Vega  ◂ binds"
    assert "MEDIUM_VOL" in page.warnings.text()
    assert page.send.isEnabled()


def test_what_binds_is_told_by_the_simulation_once_the_margin_is_known(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    review(qtbot, ticket)
    simulation, model = ticket.model.simulation, ticket.model
    assert simulation is not None
    assert model.preview is not None
    over = LimitRow(Metric.MARGIN_USED_PCT, 47.4, None, 45.0, 1.05, True)
    limits = (*simulation.outcome.limits, LimitChange(replace(over, value=37.8, utilisation=0.84), over))
    ticket.review_page.open_with(replace(simulation, outcome=replace(simulation.outcome, limits=limits)), PAPER)
    assert (model.preview.binding, ticket.review_page.limits.binding) == (Metric.VEGA, Metric.MARGIN_USED_PCT)


def test_enter_in_the_confirmation_sends_once(qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient) -> None:
    review(qtbot, ticket)
    QTest.keyClick(ticket.review_page, Qt.Key.Key_Return)
    QTest.keyClick(ticket.review_page, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ticket.pages.currentWidget() is ticket.done_page)
    assert len(client.of(SendOrder)) == 1
    assert ticket.done_page.chip.text() == "Pending"


def test_a_double_click_on_send_is_one_order(qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient) -> None:
    review(qtbot, ticket)
    send = ticket.review_page.send
    client.hold = {SendOrder}
    QTest.mouseClick(send, Qt.MouseButton.LeftButton)
    assert not send.isEnabled()
    QTest.mouseDClick(send, Qt.MouseButton.LeftButton)
    QTest.mouseClick(send, Qt.MouseButton.LeftButton)
    ticket.review_page.refresh()
    assert not send.isEnabled()
    assert len(client.of(SendOrder)) == 1
    client.release()
    assert len(client.of(SendOrder)) == 1


def test_a_doubled_enter_does_not_run_through_the_confirmation(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.ticket.review_page.ARM_DELAY_MS", 3_600_000)
    load(qtbot, ticket)
    QTest.keyClick(ticket, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ticket.pages.currentWidget() is ticket.review_page)
    assert not ticket.review_page.send.isEnabled()
    QTest.keyClick(ticket.review_page, Qt.Key.Key_Return)
    press(ticket.review_page.send)
    assert client.of(SendOrder) == []


def test_a_held_enter_does_not_run_through_the_confirmation(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient
) -> None:
    review(qtbot, ticket)
    held = QKeyEvent(
        QKeyEvent.Type.KeyPress,
        Qt.Key.Key_Return,
        Qt.KeyboardModifier.NoModifier,
        "\r",
        True,
    )
    QApplication.sendEvent(ticket.review_page, held)
    assert client.of(SendOrder) == []


def test_enter_on_the_back_button_goes_back(qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient) -> None:
    review(qtbot, ticket)
    ticket.review_page.back.setFocus()
    QTest.keyClick(ticket.review_page.back, Qt.Key.Key_Return)
    assert ticket.pages.currentWidget() is ticket.edit_page
    assert client.of(SendOrder) == []


def test_enter_after_a_click_on_a_button_previews(qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient) -> None:
    load(qtbot, ticket)
    press(ticket.edit_page.price.jumps["bid"])
    press(ticket.edit_page.tifs.button(TimeInForce.GTC))
    focus = QApplication.focusWidget()
    assert focus is not None
    QTest.keyClick(focus, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(client.of(SimulateOrder)) == 1)
    assert client.of(SimulateOrder)[0].draft.tif is TimeInForce.GTC


def test_no_key_sends_from_outside_the_confirmation(qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient) -> None:
    load(qtbot, ticket)
    client.hold = {SimulateOrder}
    page = ticket.edit_page
    widgets = (ticket, page.price.field, page.quantity, page.legs.rows[0].quantity, page.simulate, page.rationale)
    for widget in widgets:
        widget.setFocus()
        for code in (*range(0x20, 0x61), Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2, Qt.Key.Key_Escape):
            QTest.keyClick(widget, Qt.Key(code))
    assert client.of(SendOrder) == []
    assert ticket.pages.currentWidget() is page


def test_esc_goes_back_and_nothing_is_lost(qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient) -> None:
    review(qtbot, ticket)
    draft = ticket.model.draft
    QTest.keyClick(ticket.review_page, Qt.Key.Key_Escape)
    assert ticket.pages.currentWidget() is ticket.edit_page
    assert ticket.model.draft.legs == draft.legs
    assert ticket.model.draft.order_id == draft.order_id
    assert client.of(SendOrder) == []


def test_a_simulation_older_than_thirty_seconds_cannot_be_sent(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient
) -> None:
    review(qtbot, ticket)
    page = ticket.review_page
    client.now_utc = NOW + timedelta(seconds=12)
    page.refresh()
    assert page.age.text() == "Simulated 12s ago, good for 18s"
    assert page.send.isEnabled()
    client.now_utc = NOW + timedelta(seconds=30.1)
    page.refresh()
    assert "too old" in page.age.text()
    assert not page.send.isEnabled()
    QTest.keyClick(page, Qt.Key.Key_Return)
    assert client.of(SendOrder) == []
    press(page.again)
    qtbot.waitUntil(lambda: ticket.model.can_send and page.is_armed)
    qtbot.waitUntil(page.send.isEnabled)


def test_a_ticket_that_changed_since_the_simulation_cannot_be_sent(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient
) -> None:
    review(qtbot, ticket)
    ticket.model.set_account(LIVE.account_id)
    assert "changed since it was simulated" in ticket.review_page.age.text()
    assert not ticket.review_page.send.isEnabled()
    assert not ticket.model.send()
    ticket.stage_leg(CONDOR[0].contract, Action.BUY)
    assert ticket.pages.currentWidget() is ticket.edit_page
    assert client.of(SendOrder) == []


def test_an_unknown_margin_is_a_word_and_never_a_zero(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient
) -> None:
    client.margin = False
    review(qtbot, ticket)
    texts = ticket.review_page.margin.texts
    assert texts == ("—", "—", "margin unknown", "—", "—", "margin unknown", "unknown", "unknown")
    assert "margin unknown" in ticket.review_page.warnings.text()


def test_a_denied_order_lists_every_reason(qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient) -> None:
    denials = (Denial(DenialCode.QUOTE_STALE, "The quote is 14 s old."), Denial(DenialCode.SIZE_CAP, "Too many."))
    client.send_outcome = lambda _draft: SendOutcome(False, None, (), denials, None)
    review(qtbot, ticket)
    press(ticket.review_page.send)
    qtbot.waitUntil(lambda: "Not sent" in ticket.review_page.denials.text())
    assert ticket.review_page.denials.text() == "Not sent:\n▲  The quote is 14 s old.\n▲  Too many."
    assert ticket.pages.currentWidget() is ticket.review_page


def test_an_order_of_unknown_outcome_is_never_handed_over_again(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient
) -> None:
    def unknown(draft: TicketDraft) -> SendOutcome:
        order = client.accepted(draft, OrderStatus.UNKNOWN).order
        return SendOutcome(False, order, (), (), "The broker did not answer.")

    client.send_outcome = unknown
    review(qtbot, ticket)
    press(ticket.review_page.send)
    qtbot.waitUntil(lambda: ticket.pages.currentWidget() is ticket.done_page)
    assert ticket.done_page.chip.text() == "Unknown"
    assert "not sent again" in ticket.done_page.detail.text()
    assert not ticket.model.send()
    assert len(client.of(SendOrder)) == 1


def test_an_answer_that_does_not_come_needs_a_new_simulation(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient
) -> None:
    client.send_outcome = lambda _draft: BrokerFailure(FailureKind.TIMEOUT, "No answer in 10 s.", broker="PAPER")
    review(qtbot, ticket)
    press(ticket.review_page.send)
    qtbot.waitUntil(lambda: "No answer in 10 s" in ticket.review_page.denials.text())
    assert not ticket.review_page.send.isEnabled()


def test_a_refused_simulation_puts_its_problems_at_the_fields(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient
) -> None:
    problems = (Problem("leg:1", "SPXW 12 Jun 26 6700 P is not listed."), Problem("tif", "Set DAY."))
    client.simulate_outcome = lambda _draft: SimulationOutcome(None, problems, None, (), ())
    load(qtbot, ticket)
    press(ticket.edit_page.simulate)
    qtbot.waitUntil(ticket.edit_page.status.isVisible)
    assert ticket.edit_page.legs.rows[1].problem.text() == "SPXW 12 Jun 26 6700 P is not listed."
    assert ticket.edit_page.order_problem.text() == "Set DAY."
    assert ticket.pages.currentWidget() is ticket.edit_page


def test_what_moved_since_the_simulation_is_said(qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient) -> None:
    review(qtbot, ticket)
    preview = ticket.model.preview
    assert preview is not None
    assert preview.net_mid is not None
    mid = preview.net_mid
    client.preview_change = lambda fresh: replace(fresh, net_mid=mid + Decimal("0.15"))
    ticket.model.ask_preview()
    qtbot.waitUntil(lambda: "Mid moved" in ticket.review_page.changes.text())
    assert ticket.model.draft.limit_price == preview.suggested_limit


def test_after_sending_the_ticket_follows_its_order_and_the_next_one_has_its_own_id(
    qtbot: QtBot, ticket: OrderTicketPanel, bridge: Bridge
) -> None:
    review(qtbot, ticket)
    sent = ticket.model.draft.order_id
    press(ticket.review_page.send)
    qtbot.waitUntil(lambda: ticket.pages.currentWidget() is ticket.done_page)
    order = ticket.model.simulation.order if ticket.model.simulation is not None else None
    assert order is not None
    filled = order.to(OrderStatus.PENDING).to(OrderStatus.FILLED)
    bridge.notice(OrderNotice(filled, "filled"))
    qtbot.waitUntil(lambda: ticket.done_page.chip.text() == "Filled")
    press(ticket.done_page.new)
    assert ticket.pages.currentWidget() is ticket.edit_page
    assert ticket.model.draft.order_id != sent
    assert is_uuid4(ticket.model.draft.order_id)
    assert legs_of(ticket) == ()
    assert ticket.model.draft.account_id == PAPER.account_id


def test_a_click_in_the_chain_after_sending_begins_a_new_ticket(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    review(qtbot, ticket)
    sent = ticket.model.draft.order_id
    press(ticket.review_page.send)
    qtbot.waitUntil(lambda: ticket.pages.currentWidget() is ticket.done_page)
    ticket.stage_leg(CONDOR[0].contract, Action.BUY)
    assert legs_of(ticket) == CONDOR[:1]
    assert ticket.model.draft.order_id != sent


def test_the_colours_follow_a_theme_switch(qtbot: QtBot, ticket: OrderTicketPanel, theme: Theme) -> None:
    load(qtbot, ticket)
    dark = ticket.edit_page.legs.rows[0].side.styleSheet()
    theme.switch(ThemeName.LIGHT)
    light = ticket.edit_page.legs.rows[0].side.styleSheet()
    theme.switch(ThemeName.DARK)
    assert dark != light
    assert ticket.edit_page.legs.rows[0].side.styleSheet() == dark


def test_a_live_account_is_unmistakable_in_the_confirmation(
    qtbot: QtBot, ticket: OrderTicketPanel, bridge: Bridge
) -> None:
    bridge.state(AccountsState((PAPER, LIVE), (), LIVE.account_id, None))
    qtbot.waitUntil(lambda: ticket.model.draft.account_id == LIVE.account_id)
    review(qtbot, ticket)
    assert ticket.review_page.banner.text() == "LIVE: REAL MONEY   IBKR account U7654321"
    assert ticket.theme.css(Ink.LIVE) in ticket.review_page.banner.styleSheet()
