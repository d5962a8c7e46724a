"""Tastytrade's part of the settings page: what is typed unseen, where it goes, and what is never shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QRadioButton
from pytestqt.qtbot import QtBot

from execution.commands import ForgetSecrets, LookForSecrets, ReadConnections, SaveConnections, TryConnection
from execution.connection_views import (
    NOTHING_TYPED,
    SIMULATOR_HOST,
    Finding,
    ProbeLine,
    ProbeView,
    SecretsView,
    TastyForm,
    TypedSecrets,
)
from models.errors import KnownError
from models.secret_text import SecretText
from tests.ui.demo_data import RecordingClient
from tests.ui.test_connections import SAVED
from ui.connections.page import ConnectionsPage
from ui.theme import Theme

FORM = TastyForm("main", "production", (), ("5WX1",))
KEPT = SecretsView("main", "the test keyring", are_kept=True)
VAULT = SecretsView("main", "the vault /v", are_kept=None, is_locked=True)
NEW_VAULT = SecretsView("main", "the vault /v", are_kept=False, is_new_vault=True, why_no_keyring="No keyring here.")
FOUND = ProbeView(True, (ProbeLine(Finding.GOOD, "Logged in to Tastytrade."),))
CLIENT, REFRESH, PHRASE = "client-secret-1", "refresh-token-1", "correct horse battery"


@pytest.fixture
def client() -> RecordingClient:
    view = replace(SAVED, broker="tastytrade", running="tastytrade", tasty=FORM)
    return RecordingClient(
        {ReadConnections: view, TryConnection: FOUND, LookForSecrets: KEPT, ForgetSecrets: "They were removed."}
    )


@pytest.fixture
def page(qtbot: QtBot, client: RecordingClient, theme: Theme) -> ConnectionsPage:
    page = ConnectionsPage(client, theme, clean=lambda text: text.replace("leaked", "•••"))
    qtbot.addWidget(page)
    page.show()
    return page


def click(qtbot: QtBot, button: object) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def choose(qtbot: QtBot, button: QRadioButton) -> None:
    """Clicks where its ring is: the rest of the line belongs to nothing."""
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(10, button.height() // 2))


def look_again(page: ConnectionsPage, client: RecordingClient, view: SecretsView) -> None:
    client.answers[LookForSecrets] = view
    page.tasty_fields.login_changed.emit("main")


def asked(client: RecordingClient, kind: type) -> object:
    """Returns the newest command of a kind."""
    return [each for each in client.asked if isinstance(each, kind)][-1]


def test_it_shows_the_settings_and_where_the_secrets_are_but_never_them(page: ConnectionsPage) -> None:
    box = page.tasty_fields.secrets
    assert page.tasty_button.isChecked()
    assert page.tasty_fields.form() == FORM
    assert not page.fields.isVisible()
    assert box.place.text() == "Kept in the test keyring."
    for field in (box.client_secret, box.refresh_token):
        assert (field.text(), field.placeholderText()) == ("", "kept; an entry replaces it")
        assert field.echoMode() is QLineEdit.EchoMode.Password
    assert not box.passphrase.isVisible()
    assert box.forget_button.isEnabled()


def test_a_page_of_another_broker_asks_no_keyring(qtbot: QtBot, page: ConnectionsPage, client: RecordingClient) -> None:
    client.answers[ReadConnections] = SAVED
    page.close()
    client.asked.clear()
    page.show()
    assert [type(each) for each in client.asked] == [ReadConnections]
    choose(qtbot, page.tasty_button)
    assert client.asked[-1] == LookForSecrets("main")


def test_another_login_is_looked_for_when_its_name_was_typed(
    qtbot: QtBot, page: ConnectionsPage, client: RecordingClient
) -> None:
    page.tasty_fields.login.setFocus()
    page.tasty_fields.login.selectAll()
    client.answers[LookForSecrets] = KnownError("The keyring leaked.")
    qtbot.keyClicks(page.tasty_fields.login, "other")
    qtbot.keyClick(page.tasty_fields.login, Qt.Key.Key_Tab)
    assert asked(client, LookForSecrets) == LookForSecrets("other")
    assert page.tasty_fields.secrets.place.text() == "The keyring •••."


def test_an_answer_about_a_login_that_is_no_longer_named_is_dropped(
    page: ConnectionsPage, client: RecordingClient
) -> None:
    look_again(page, client, replace(KEPT, login="other", place="somewhere else"))
    assert "Looking" in page.tasty_fields.secrets.place.text()


def test_a_test_goes_with_what_is_typed_and_a_save_empties_the_fields(
    qtbot: QtBot, page: ConnectionsPage, client: RecordingClient
) -> None:
    box = page.tasty_fields.secrets
    click(qtbot, page.test_button)
    assert asked(client, TryConnection) == TryConnection(FORM, NOTHING_TYPED)
    assert page.report.text() == "✓ Logged in to Tastytrade."
    qtbot.keyClicks(box.client_secret, CLIENT)
    assert page.report.text() == ""
    qtbot.keyClicks(box.refresh_token, REFRESH)
    typed = TypedSecrets(SecretText(CLIENT), SecretText(REFRESH))
    click(qtbot, page.test_button)
    assert asked(client, TryConnection) == TryConnection(FORM, typed)
    assert box.client_secret.text() == CLIENT
    click(qtbot, page.save_button)
    assert asked(client, SaveConnections) == SaveConnections("tastytrade", FORM, typed)
    assert (box.client_secret.text(), box.refresh_token.text()) == ("", "")
    assert page.report.text().endswith("Secrets are used from now on.")


def test_a_refused_save_keeps_what_was_typed_and_shows_nothing_secret(
    qtbot: QtBot, page: ConnectionsPage, client: RecordingClient
) -> None:
    client.answers[SaveConnections] = KnownError("It leaked.")
    qtbot.keyClicks(page.tasty_fields.secrets.client_secret, CLIENT)
    click(qtbot, page.save_button)
    assert page.report.text() == "✗ It •••."
    assert page.tasty_fields.secrets.client_secret.text() == CLIENT


def test_what_was_typed_unseen_does_not_wait_in_a_closed_window(qtbot: QtBot, page: ConnectionsPage) -> None:
    qtbot.keyClicks(page.tasty_fields.secrets.client_secret, CLIENT)
    page.close()
    assert page.tasty_fields.secrets.client_secret.text() == ""


def test_nothing_typed_unseen_can_be_copied_out(qtbot: QtBot, page: ConnectionsPage) -> None:
    field = page.tasty_fields.secrets.client_secret
    qtbot.keyClicks(field, CLIENT)
    field.selectAll()
    QTest.keySequence(field, "Ctrl+C")
    assert field.selectedText() == "●" * len(CLIENT) or field.text() == CLIENT

    assert CLIENT not in QGuiApplication.clipboard().text()


def test_a_new_vault_wants_its_passphrase_twice_and_a_locked_one_once(
    qtbot: QtBot, page: ConnectionsPage, client: RecordingClient
) -> None:
    box = page.tasty_fields.secrets
    look_again(page, client, NEW_VAULT)
    assert box.again.isVisible()
    assert "No keyring here." in box.place.text()
    assert not box.forget_button.isEnabled()
    qtbot.keyClicks(box.passphrase, PHRASE)
    client.asked.clear()
    click(qtbot, page.save_button)
    assert page.report.text() == "✗ The two passphrases are not the same. Type them again."
    assert not client.asked
    look_again(page, client, VAULT)
    assert not box.again.isVisible()
    assert box.client_secret.placeholderText() == "in the locked vault, if any; an entry replaces it"
    click(qtbot, page.save_button)
    expected = TypedSecrets(passphrase=SecretText(PHRASE))
    assert asked(client, SaveConnections) == SaveConnections("tastytrade", FORM, expected)


def test_forgetting_asks_once_and_says_what_was_removed(
    qtbot: QtBot, page: ConnectionsPage, client: RecordingClient
) -> None:
    click(qtbot, page.tasty_fields.secrets.forget_button)
    click(qtbot, page.forget_dialog.back_button)
    assert not [each for each in client.asked if isinstance(each, ForgetSecrets)]
    click(qtbot, page.tasty_fields.secrets.forget_button)
    client.answers[LookForSecrets] = replace(KEPT, are_kept=False)
    click(qtbot, page.forget_dialog.verb_button)
    assert asked(client, ForgetSecrets) == ForgetSecrets("main")
    assert page.report.text() == "✓ They were removed."
    assert page.tasty_fields.secrets.client_secret.placeholderText() == "none yet"


def test_the_simulator_is_a_host_only_where_one_runs_and_accounts_to_trade_are_productions(
    page: ConnectionsPage, client: RecordingClient
) -> None:
    host = page.tasty_fields.host
    assert [host.itemData(row) for row in range(host.count())] == ["production", "certification"]
    assert page.tasty_fields.trading.isEnabled()
    client.answers[ReadConnections] = replace(SAVED, broker="tastytrade", tasty=FORM, has_tasty_simulator=True)
    page.close()
    page.show()
    assert host.findData(SIMULATOR_HOST) == 2
    host.setCurrentIndex(2)
    assert not page.tasty_fields.trading.isEnabled()
    assert page.tasty_fields.form() == replace(FORM, host=SIMULATOR_HOST)


def test_the_broker_chosen_decides_what_is_tried_and_saved(
    qtbot: QtBot, page: ConnectionsPage, client: RecordingClient
) -> None:
    qtbot.keyClicks(page.tasty_fields.secrets.client_secret, CLIENT)
    choose(qtbot, page.ibkr_button)
    assert page.fields.isVisible()
    assert not page.tasty_fields.isVisible()
    click(qtbot, page.save_button)
    assert asked(client, SaveConnections) == SaveConnections("ibkr", SAVED.ibkr)
