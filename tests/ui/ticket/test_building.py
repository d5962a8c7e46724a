"""The order ticket: legs and packages, keys on the structure, previews, with real clicks and keys."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QScrollArea
from pytestqt.qtbot import QtBot

from execution.commands import PreviewTicket, SimulateOrder
from execution.ticket_views import Problem
from execution.views import AccountsState
from models.contract import underlying_contract
from models.enums import Action, Right, TimeInForce
from models.errors import BrokerFailure, FailureKind
from models.order import OrderLeg
from tests.ui.ticket.kit import CONDOR, LIVE, PAPER, legs_of, load, option, press, price, type_into
from tests.ui.ticket_demo_data import EXPIRIES, JUNE_12, DemoClient, static_of
from ui.bridge import Bridge
from ui.panels.order_ticket import OrderTicketPanel

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def packages_previewed(ticket: OrderTicketPanel) -> int | None:
    return None if ticket.model.preview is None else ticket.model.preview.packages


def test_staged_legs_add_up_turn_round_and_tell_the_chain(ticket: OrderTicketPanel) -> None:
    told: list[tuple[OrderLeg, ...]] = []
    ticket.staged_changed.connect(told.append)
    put = option(6700, Right.PUT)
    ticket.stage_leg(put, Action.SELL)
    ticket.stage_leg(put, Action.SELL)
    assert legs_of(ticket) == (OrderLeg(put, Action.SELL, 2),)
    ticket.stage_leg(put, Action.BUY, 3)
    assert legs_of(ticket) == (OrderLeg(put, Action.BUY, 1),)
    ticket.stage_leg(put, Action.SELL)
    assert legs_of(ticket) == ()
    assert [len(legs) for legs in told] == [1, 1, 1, 0]


def test_a_wrong_price_keeps_the_keyboard_ready_to_be_typed_over(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    ticket.window().activateWindow()
    field = ticket.edit_page.price.field
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "1.x")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.hasFocus()
    assert field.selectedText() == "1.x"


def test_nothing_is_cut_when_the_ticket_is_as_narrow_as_it_may_be(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    ticket.resize(ticket.minimumSizeHint().width(), 700)
    for area in ticket.findChildren(QScrollArea):
        content = area.widget()
        assert content is not None
        assert content.minimumSizeHint().width() <= ticket.minimumSizeHint().width()


def test_a_fifth_leg_is_refused_and_nothing_is_lost(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    ticket.stage_leg(option(7000, Right.PUT), Action.BUY)
    assert legs_of(ticket) == CONDOR
    assert "at most 4 legs" in ticket.edit_page.status.text()
    assert ticket.edit_page.status.isVisible()


def test_another_underlying_is_refused_and_nothing_is_lost(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    ticket.stage_leg(underlying_contract("SPY"), Action.BUY, 100)
    assert legs_of(ticket) == CONDOR
    assert "SPY" in ticket.edit_page.status.text()


def test_load_legs_begins_a_new_order_with_its_reason(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    first = ticket.model.draft.order_id
    ticket.load_legs(CONDOR[:2], "vega is too short", "suggestion-1")
    draft = ticket.model.draft
    assert draft.order_id != first
    assert (draft.legs, draft.rationale, draft.ai_suggestion_id) == (CONDOR[:2], "vega is too short", "suggestion-1")
    assert ticket.edit_page.rationale.toPlainText() == "vega is too short"


def test_legs_are_edited_in_place_by_clicks(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    row = ticket.edit_page.legs.rows[1]
    assert (row.side.text(), row.name.text()) == ("SELL", "6700 P")
    press(row.side)
    assert ticket.legs[1].action is Action.BUY
    press(row.strike_up)
    assert ticket.legs[1].contract.strike == 6725
    type_into(row.quantity, "3")
    assert ticket.legs[1].quantity == 3
    press(row.remove)
    assert [leg.contract.strike for leg in ticket.legs] == [6450, 7500, 7650]


def test_the_quantity_of_packages_multiplies_every_leg(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    ratio = (CONDOR[1], OrderLeg(CONDOR[0].contract, Action.BUY, 2))
    load(qtbot, ticket, ratio)
    type_into(ticket.edit_page.quantity, "3")
    assert [leg.quantity for leg in ticket.legs] == [3, 6]
    press(ticket.edit_page.more)
    assert [leg.quantity for leg in ticket.legs] == [4, 8]


@pytest.mark.parametrize("text", ["0", "1.5", "-2", "two", "1,000", "99999999"])
def test_a_bad_quantity_is_said_at_the_field_and_cannot_be_simulated(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient, text: str
) -> None:
    load(qtbot, ticket)
    type_into(ticket.edit_page.quantity, text)
    page = ticket.edit_page
    assert page.quantity.property("invalid") is True
    assert page.order_problem.isVisible()
    assert "uantity" in page.order_problem.text()
    assert legs_of(ticket) == CONDOR
    assert not page.simulate.isEnabled()
    QTest.keyClick(ticket, Qt.Key.Key_Return)
    assert client.of(SimulateOrder) == []
    type_into(page.quantity, "2")
    assert not page.order_problem.isVisible()
    assert page.simulate.isEnabled()


def test_brackets_shift_the_structure_and_control_arrows_the_quantity(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    QTest.keyClicks(ticket, "]")
    assert [leg.contract.strike for leg in ticket.legs] == [6475, 6725, 7525, 7675]
    QTest.keyClicks(ticket, "[")
    assert legs_of(ticket) == CONDOR
    QTest.keyClick(ticket, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert [leg.quantity for leg in ticket.legs] == [2, 2, 2, 2]
    QTest.keyClick(ticket, Qt.Key.Key_F2)
    assert [leg.action for leg in ticket.legs] == [leg.action.opposite for leg in CONDOR]


def test_braces_roll_to_the_next_expiration_of_the_same_root(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    wanted: list[object] = []
    ticket.expiry_wanted.connect(wanted.append)
    QTest.keyClicks(ticket, "}")
    qtbot.waitUntil(lambda: len(wanted) == 1)
    target = next(item for item in EXPIRIES if item.root == "SPXW" and item.expiry > JUNE_12.expiry)
    assert wanted == [target]
    assert legs_of(ticket) == CONDOR
    ticket.learn_chain(static_of(target, step=50))
    assert {leg.contract.expiry for leg in ticket.legs} == {target.expiry}
    assert [leg.contract.strike for leg in ticket.legs] == [6450, 6700, 7500, 7650]


def test_strikes_that_are_not_known_are_said(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    ticket.load_legs(CONDOR)
    QTest.keyClicks(ticket, "]")
    assert legs_of(ticket) == CONDOR
    assert "Open its expiration in the option chain" in ticket.edit_page.status.text()


def test_letters_in_the_rationale_are_text(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    before = price(ticket)
    ticket.edit_page.rationale.setFocus()
    QTest.keyClicks(ticket.edit_page.rationale, "small bump, all calm [x]")
    assert ticket.model.draft.rationale == "small bump, all calm [x]"
    assert (ticket.legs, price(ticket), ticket.model.is_following) == (CONDOR, before, True)


def test_the_preview_is_shown(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    page = ticket.edit_page
    assert page.title.text() == "Iron condor"
    assert page.tiles.pop.text() == "68.4%"
    assert page.tiles.fits.text() == "up to 3"
    assert page.limits.lines[3].name.text() == "Vega  ◂ binds"
    assert page.limits.lines[0].before.text() == "+41.2"


def test_many_edits_make_one_preview_and_the_newest_answer_wins(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient
) -> None:
    client.hold = {PreviewTicket}
    ticket.load_legs(CONDOR)
    qtbot.waitUntil(lambda: len(client.held) == 1)
    for _ in range(5):
        QTest.keyClick(ticket, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    client.release()
    assert packages_previewed(ticket) is None
    qtbot.waitUntil(lambda: len(client.held) == 1)
    assert client.of(PreviewTicket)[-1].draft.legs[0].quantity == 6
    client.release()
    assert packages_previewed(ticket) == 6


def test_a_failed_preview_is_said(qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient) -> None:
    def broken(_preview: object) -> object:
        return BrokerFailure(FailureKind.OFFLINE, "The paper broker is offline.", broker="PAPER")

    client.preview_change = broken  # type: ignore[assignment]  # the demo engine hands exceptions on
    ticket.load_legs(CONDOR)
    qtbot.waitUntil(lambda: "offline" in ticket.edit_page.status.text())


def test_a_leg_without_greeks_is_said_at_the_leg_and_hinders_nothing(
    qtbot: QtBot, ticket: OrderTicketPanel, client: DemoClient
) -> None:
    told = Problem("leg:1", "No Greeks: it has no two-sided quote.")
    client.preview_change = lambda preview: replace(preview, problems=(told,))
    load(qtbot, ticket)
    rows = ticket.edit_page.legs.rows
    qtbot.waitUntil(rows[1].problem.isVisible)
    assert rows[1].problem.text() == told.text
    assert not rows[0].problem.isVisible()
    press(ticket.edit_page.simulate)
    qtbot.waitUntil(lambda: any(isinstance(one, SimulateOrder) for one in client.asked))


def test_clear_takes_the_legs_and_again_resets_the_ticket(qtbot: QtBot, ticket: OrderTicketPanel) -> None:
    load(qtbot, ticket)
    press(ticket.edit_page.tifs.button(TimeInForce.GTC))
    first = ticket.model.draft.order_id
    press(ticket.edit_page.clear)
    assert (ticket.legs, ticket.model.draft.tif) == ((), TimeInForce.GTC)
    assert ticket.model.draft.order_id == first
    press(ticket.edit_page.clear)
    assert ticket.model.draft.tif is TimeInForce.DAY
    assert ticket.model.draft.order_id != first


def test_the_account_is_bound_to_the_bar_until_the_user_chooses(
    qtbot: QtBot, ticket: OrderTicketPanel, bridge: Bridge
) -> None:
    bridge.state(AccountsState((PAPER, LIVE), (), LIVE.account_id, None))
    qtbot.waitUntil(lambda: ticket.model.draft.account_id == LIVE.account_id)
    assert ticket.account.mode.text() == "LIVE"
    ticket.account.combo.setCurrentIndex(0)
    ticket.account.combo.activated.emit(0)
    bridge.state(AccountsState((PAPER, LIVE), (), LIVE.account_id, None))
    qtbot.wait(20)
    assert ticket.model.draft.account_id == PAPER.account_id
