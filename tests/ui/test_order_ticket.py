"""The order ticket: building, pricing, simulating and the one confirmation, with real clicks and keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from execution.commands import PreviewTicket, SendOrder, SimulateOrder, TicketDraft
from execution.views import AccountsState, OrderNotice, Problem, SendOutcome, SimulationOutcome
from models.account import AccountInfo
from models.contract import Contract, option_contract, underlying_contract
from models.enums import Action, BrokerName, Mode, OrderStatus, OrderType, Right, TimeInForce
from models.errors import BrokerFailure, FailureKind
from models.gate import Denial, DenialCode
from models.ids import AccountId, is_uuid4
from models.order import OrderLeg
from tests.ui.ticket_demo_data import EXPIRIES, JUNE_12, NOW, DemoClient, static_of
from ui.bridge import Bridge
from ui.panels.order_ticket import OrderTicketPanel
from ui.theme import Ink, Theme, ThemeName

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
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


def load(qtbot: QtBot, ticket: OrderTicketPanel, legs: tuple[OrderLeg, ...] = CONDOR) -> None:
    """Fills the ticket and waits for its preview."""
    ticket.learn_chain(STATIC)
    ticket.load_legs(legs)
    qtbot.waitUntil(lambda: ticket.model.preview is not None and ticket.model.draft.limit_price is not None)


def review(qtbot: QtBot, ticket: OrderTicketPanel, legs: tuple[OrderLeg, ...] = CONDOR) -> None:
    """Fills the ticket, presses Enter and waits until the confirmation is awake."""
    load(qtbot, ticket, legs)
    QTest.keyClick(ticket, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ticket.pages.currentWidget() is ticket.review_page)
    qtbot.waitUntil(lambda: ticket.review_page.is_armed)
    ticket.review_page.refresh()


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


def packages_previewed(ticket: OrderTicketPanel) -> int | None:
    return None if ticket.model.preview is None else ticket.model.preview.packages


def is_following(ticket: OrderTicketPanel) -> bool:
    return ticket.model.is_following


def price(ticket: OrderTicketPanel) -> Decimal | None:
    return ticket.model.draft.limit_price


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


# --- staging ----------------------------------------------------------------------------------------------------------


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


# --- price ------------------------------------------------------------------------------------------------------------


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


# --- keys on the structure --------------------------------------------------------------------------------------------


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


# --- previews ---------------------------------------------------------------------------------------------------------


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


# --- simulate, confirm, send ------------------------------------------------------------------------------------------


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


# --- the rest ---------------------------------------------------------------------------------------------------------


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


def test_a_live_account_is_unmistakable_in_the_confirmation(
    qtbot: QtBot, ticket: OrderTicketPanel, bridge: Bridge
) -> None:
    bridge.state(AccountsState((PAPER, LIVE), (), LIVE.account_id, None))
    qtbot.waitUntil(lambda: ticket.model.draft.account_id == LIVE.account_id)
    review(qtbot, ticket)
    assert ticket.review_page.banner.text() == "LIVE: REAL MONEY   Ibkr account U7654321"
    assert ticket.theme.css(Ink.LIVE) in ticket.review_page.banner.styleSheet()
