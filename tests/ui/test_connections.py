"""The brokers' settings page: what is shown, tried, saved, and what a wrong entry meets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from execution.commands import ReadConnections, SaveConnections, TryConnection
from execution.connection_views import ConnectionsView, Finding, IbkrForm, ProbeLine, ProbeView, TastyForm
from models.enums import Mode
from models.errors import BrokerFailure, FailureKind, InvalidInput
from tests.ui.demo_data import RecordingClient
from ui.connections.page import ConnectionsPage
from ui.theme import Theme

FORM = IbkrForm(
    host="127.0.0.1",
    port=7497,
    client_id=0,
    library="ib_insync",
    mode=Mode.PAPER,
    read_only=False,
    accounts=(),
    trading_accounts=(),
    allow_delayed=True,
)
TASTY = TastyForm(login="main", host="production", accounts=(), trading_accounts=())
SAVED = ConnectionsView("paper", "paper", FORM, TASTY, "/home/me/optiondesk.toml", ("ib_insync",), "synthetic market")
FOUND = ProbeView(True, (ProbeLine(Finding.GOOD, "TWS answers, server version 176."),), (("DU1234567", Mode.PAPER),))


@pytest.fixture
def client() -> RecordingClient:
    return RecordingClient({ReadConnections: SAVED, TryConnection: FOUND})


@pytest.fixture
def page(qtbot: QtBot, client: RecordingClient, theme: Theme) -> ConnectionsPage:
    page = ConnectionsPage(client, theme)
    qtbot.addWidget(page)
    page.show()
    return page


def click(qtbot: QtBot, button: object) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def choose_ibkr(qtbot: QtBot, page: ConnectionsPage) -> None:
    page.ibkr_button.setChecked(True)


def test_it_shows_what_is_saved_and_what_runs_now(page: ConnectionsPage) -> None:
    assert page.paper_button.isChecked()
    assert "runs on the paper broker now (synthetic market)" in page.running_label.text()
    assert page.fields.form() == FORM
    assert not page.fields.isEnabled()


def test_a_place_sets_port_and_kind_of_account_and_a_port_finds_its_place(qtbot: QtBot, page: ConnectionsPage) -> None:
    choose_ibkr(qtbot, page)
    page.fields.place.setCurrentIndex(3)
    page.fields.place.activated.emit(3)
    assert (page.fields.form().port, page.fields.form().mode) == (4001, Mode.LIVE)
    page.fields.port.setValue(7777)
    assert page.fields.place.currentText() == "Another port"


def test_a_test_tells_the_accounts_and_what_they_are(
    qtbot: QtBot, page: ConnectionsPage, client: RecordingClient
) -> None:
    choose_ibkr(qtbot, page)
    page.test_button.setFocus()
    click(qtbot, page.test_button)
    assert client.asked[-1] == TryConnection(FORM)
    assert page.test_button.hasFocus()
    assert page.report.text() == "✓ DU1234567: paper account\n✓ TWS answers, server version 176."
    page.fields.host.setFocus()
    qtbot.keyClicks(page.fields.host, "9")
    assert page.report.text() == ""


def test_a_live_account_is_called_one_and_what_stands_in_the_way_has_its_sign(
    qtbot: QtBot, page: ConnectionsPage, client: RecordingClient
) -> None:
    lines = (ProbeLine(Finding.BAD, "That is a live account."),)
    client.answers[TryConnection] = ProbeView(False, lines, (("U7654321", Mode.LIVE),))
    choose_ibkr(qtbot, page)
    click(qtbot, page.test_button)
    assert page.report.text() == "✓ U7654321: LIVE account, real money\n✗ That is a live account."


def test_a_failed_test_says_why(qtbot: QtBot, page: ConnectionsPage, client: RecordingClient) -> None:
    client.answers[TryConnection] = BrokerFailure(FailureKind.OFFLINE, "Nothing listens there.", broker="IBKR")
    choose_ibkr(qtbot, page)
    click(qtbot, page.test_button)
    assert page.report.text() == "✗ Nothing listens there."
    assert page.test_button.isEnabled()


def test_saving_hands_over_what_stands_in_the_fields(
    qtbot: QtBot, page: ConnectionsPage, client: RecordingClient
) -> None:
    choose_ibkr(qtbot, page)
    page.fields.trading.setText(" u1, U2 ,")
    page.fields.read_only.setChecked(True)
    click(qtbot, page.save_button)
    wanted = replace(FORM, read_only=True, trading_accounts=("U1", "U2"))
    assert SaveConnections("ibkr", wanted) in client.asked
    assert page.report.text() == "✓ Saved. It takes effect when the desk starts again."


def test_a_refused_save_says_what_does_not_fit_and_keeps_the_fields(
    qtbot: QtBot, page: ConnectionsPage, client: RecordingClient
) -> None:
    client.answers[SaveConnections] = InvalidInput("ibkr.host", "ibkr.host: must not be empty.")
    choose_ibkr(qtbot, page)
    page.fields.host.setText("")
    with qtbot.assertNotEmitted(page.restart_wanted):
        click(qtbot, page.restart_button)
    assert page.report.text() == "✗ ibkr.host: must not be empty."
    assert page.fields.form().host == ""


def test_save_and_restart_asks_for_a_restart_after_the_save(qtbot: QtBot, page: ConnectionsPage) -> None:
    choose_ibkr(qtbot, page)
    with qtbot.waitSignal(page.restart_wanted):
        click(qtbot, page.restart_button)
    assert not page.isVisible()


def test_a_library_that_is_not_installed_is_shown_but_cannot_be_chosen(page: ConnectionsPage) -> None:
    box = page.fields.library
    assert [box.itemText(row) for row in range(2)] == [
        "ib_insync 0.9.86",
        "ib_async 2.1.0 (maintained): not in this installation",
    ]
    assert not box.model().flags(box.model().index(1, 0)) & Qt.ItemFlag.ItemIsEnabled


def test_a_second_broker_is_opened_beside_the_chosen_one_and_never_beside_paper(
    qtbot: QtBot, page: ConnectionsPage, client: RecordingClient
) -> None:
    boxes = page.also_boxes
    assert [box.isHidden() for box in boxes.values()] == [True, True]
    choose_ibkr(qtbot, page)
    assert [name for name, box in boxes.items() if not box.isHidden()] == ["tastytrade"]
    boxes["tastytrade"].setChecked(True)
    click(qtbot, page.save_button)
    assert client.asked[-2] == SaveConnections("ibkr", FORM, also=("tastytrade",))
    page.paper_button.setChecked(True)
    click(qtbot, page.save_button)
    assert client.asked[-2] == SaveConnections("paper", FORM)


def test_it_shows_which_brokers_are_open_together(qtbot: QtBot, theme: Theme) -> None:
    both = replace(SAVED, broker="ibkr", running="ibkr", also=("tastytrade",), running_also=("tastytrade",))
    page = ConnectionsPage(RecordingClient({ReadConnections: both}), theme)
    qtbot.addWidget(page)
    page.show()
    assert page.also_boxes["tastytrade"].isChecked()
    assert "runs on Interactive Brokers and Tastytrade now" in page.running_label.text()
