"""The analyst's settings: what is read, typed, saved, tested; the key is never shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from execution import suggestion_commands as commands
from models.errors import InvalidInput, KnownError
from models.secret_text import SecretText
from tests.ui import suggestions_demo_data as demo
from ui.suggestions.labels import PlainLabel
from ui.suggestions.settings_dialog import SettingsDialog

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", "raise")


class Page:
    def __init__(self, qtbot: QtBot) -> None:
        self.qtbot = qtbot
        self.client = demo.HeldClient()
        self.dialog = SettingsDialog(self.client)
        qtbot.addWidget(self.dialog)
        self.dialog.show()

    def read(self, **changes: Any) -> None:
        self.client.answer(commands.ReadAnalystSettings, replace(demo.SETTINGS, **changes))

    def click(self, button: QWidget) -> None:
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def type(self, field: QLineEdit, text: str) -> None:
        field.selectAll()
        QTest.keyClick(field, Qt.Key.Key_Delete)
        QTest.keyClicks(field, text)

    @property
    def saved(self) -> commands.SaveAnalystSettings:
        made = self.client.of(commands.SaveAnalystSettings)[-1]
        assert isinstance(made, commands.SaveAnalystSettings)
        return made


@pytest.fixture
def page(qtbot: QtBot) -> Iterator[Page]:
    made = Page(qtbot)
    yield made
    made.dialog.hide()


def test_nothing_can_be_saved_before_the_settings_are_read(page: Page) -> None:
    assert not page.dialog.save_button.isEnabled()
    assert not page.dialog.base_url.isEnabled(), "what is typed now would be overwritten"
    assert page.dialog.report.text() == "Reading the settings, and whether a key is kept…"
    page.read()
    assert page.dialog.save_button.isEnabled()
    assert page.dialog.report.isHidden()
    assert page.dialog.base_url.text() == "https://llm.example.com/v1"
    assert (page.dialog.price_in.text(), page.dialog.price_out.text()) == ("0.25", "2")


def test_settings_that_cannot_be_read_cannot_be_saved_over(page: Page) -> None:
    page.client.answer(commands.ReadAnalystSettings, KnownError("The settings file cannot be read."))
    assert page.dialog.report.text() == "The settings file cannot be read."
    assert not page.dialog.save_button.isEnabled()


def test_it_says_plainly_that_everything_works_without_a_model(page: Page) -> None:
    texts = " ".join(label.text() for label in page.dialog.findChildren(PlainLabel))
    assert "Everything in this panel works without a language model" in texts
    assert "Off: nothing you wrote is sent." in texts


def test_saving_sends_what_stands_in_the_fields_and_leaves_the_key_alone(page: Page) -> None:
    page.read()
    page.type(page.dialog.base_url, "http://127.0.0.1:11434/v1")
    page.type(page.dialog.model, "llama3.1:8b")
    page.type(page.dialog.price_in, "")
    page.type(page.dialog.price_out, "$1,5")
    page.click(page.dialog.notes)
    page.click(page.dialog.save_button)
    assert page.saved == commands.SaveAnalystSettings(
        is_on=True,
        base_url="http://127.0.0.1:11434/v1",
        model="llama3.1:8b",
        api_key=None,
        may_send_notes=True,
        usd_per_million_in=None,
        usd_per_million_out=1.5,
    )
    page.client.answer(commands.SaveAnalystSettings, demo.SETTINGS)
    assert page.dialog.report.text() == "Saved."


def test_a_typed_key_is_masked_sent_once_and_gone_from_the_field(page: Page) -> None:
    page.read()
    assert page.dialog.api_key.echoMode() is QLineEdit.EchoMode.Password
    page.type(page.dialog.api_key, "sk-secret")
    assert page.dialog.api_key.displayText() != "sk-secret"
    page.click(page.dialog.save_button)
    assert page.saved.api_key == SecretText("sk-secret")
    page.client.answer(commands.SaveAnalystSettings, demo.SETTINGS)
    assert page.dialog.api_key.text() == ""
    assert page.dialog.key_place.text() == "The key is kept in the system's keyring."


def test_a_key_that_was_not_saved_does_not_outlive_the_window(page: Page) -> None:
    page.read()
    page.type(page.dialog.api_key, "sk-half")
    page.click(page.dialog.close_button)
    assert page.dialog.api_key.text() == ""
    page.dialog.api_key.undo()
    assert page.dialog.api_key.text() == ""
    assert page.client.of(commands.SaveAnalystSettings) == []


def test_forget_removes_the_key(page: Page) -> None:
    page.read()
    page.click(page.dialog.forget_button)
    assert page.saved.api_key == SecretText("")
    page.client.answer(commands.SaveAnalystSettings, replace(demo.SETTINGS, key_place=""))
    assert page.dialog.key_place.text() == "No key is kept."
    assert page.dialog.forget_button.isHidden()
    assert page.dialog.report.text() == "The key is forgotten."


def test_a_wrong_field_is_said_at_the_field(page: Page) -> None:
    page.read()
    page.type(page.dialog.base_url, "http://far.example.com")
    page.click(page.dialog.save_button)
    page.client.answer(commands.SaveAnalystSettings, InvalidInput("base_url", "It would be sent in the clear."))
    assert page.dialog.problems["base_url"].text() == "It would be sent in the clear."
    assert page.dialog.base_url.text() == "http://far.example.com", "what was typed stays"
    assert page.dialog.save_button.isEnabled()
    page.type(page.dialog.base_url, "https://far.example.com")
    assert page.dialog.problems["base_url"].isHidden()


@pytest.mark.parametrize("typed", ["cheap", "-1", "inf", "nan"])
def test_a_price_that_is_none_is_said_before_anything_is_sent(page: Page, typed: str) -> None:
    page.read()
    page.type(page.dialog.price_in, typed)
    page.click(page.dialog.save_button)
    assert page.client.of(commands.SaveAnalystSettings) == []
    assert "is no price" in page.dialog.problems["usd_per_million_in"].text()


def test_save_and_test_tells_what_the_server_said(page: Page) -> None:
    page.read()
    page.click(page.dialog.test_button)
    page.client.answer(commands.SaveAnalystSettings, demo.SETTINGS)
    assert page.dialog.report.text() == "Saved. Asking the server…"
    assert not page.dialog.test_button.isEnabled()
    page.client.answer(commands.TestAnalyst, "gpt-5-mini answered in 0.8 s.")
    assert page.dialog.report.text() == "✓  gpt-5-mini answered in 0.8 s."
    assert page.dialog.test_button.isEnabled()


def test_a_failed_test_says_why_and_what_is_wrong_with_what_is_saved_is_told_too(page: Page) -> None:
    page.read(problem="The keyring is locked.")
    assert page.dialog.report.text() == "The keyring is locked."
    page.click(page.dialog.test_button)
    page.client.answer(commands.SaveAnalystSettings, demo.SETTINGS)
    page.client.answer(commands.TestAnalyst, KnownError("The key was refused (401). Enter another."))
    assert page.dialog.report.text() == "The key was refused (401). Enter another."
    assert page.dialog.report.property("role") == "error"


def test_the_window_makes_room_for_what_appears(page: Page) -> None:
    page.read()
    page.click(page.dialog.save_button)
    many = "The server's address cannot be read. Write it as https://host/v1. " * 6
    page.client.answer(commands.SaveAnalystSettings, InvalidInput("base_url", many))
    column = page.dialog.layout()
    assert column is not None
    page.qtbot.waitUntil(lambda: page.dialog.height() >= column.totalHeightForWidth(page.dialog.width()))
    wrapped = [each for each in page.dialog.findChildren(PlainLabel) if each.isVisible() and each.wordWrap()]
    assert len(wrapped) >= 2
    page.qtbot.waitUntil(lambda: all(each.height() >= each.heightForWidth(each.width()) for each in wrapped))


def test_opening_it_again_reads_the_settings_anew(page: Page) -> None:
    page.read()
    page.type(page.dialog.model, "half typed")
    page.dialog.close()
    page.dialog.show()
    page.read()
    assert page.dialog.model.text() == demo.MODEL


def test_without_a_keyring_the_key_is_kept_in_a_vault_under_a_passphrase_typed_twice(page: Page) -> None:
    dialog = page.dialog
    page.read(key_place="", store_place="the vault /home/me/secrets.vault", is_new_vault=True)
    assert dialog.key_place.text().startswith("No key is kept. One would be kept in the vault")
    assert dialog.vault.passphrase.isHidden(), "a local server needs no key, and no passphrase"
    page.type(dialog.api_key, "sk-secret-1")
    page.click(dialog.save_button)
    assert dialog.problems["passphrase"].text() == "The key is kept in a vault. Choose a passphrase for it."
    page.type(dialog.vault.passphrase, "correct horse")
    page.type(dialog.vault.again, "correct house")
    page.click(dialog.save_button)
    assert dialog.problems["passphrase"].text() == "The two passphrases are not the same. Type them again."
    assert not page.client.of(commands.SaveAnalystSettings)
    page.type(dialog.vault.again, "correct horse")
    page.click(dialog.save_button)
    assert (page.saved.api_key, page.saved.passphrase) == (SecretText("sk-secret-1"), SecretText("correct horse"))
    page.client.answer(commands.SaveAnalystSettings, replace(demo.SETTINGS, key_place="the vault"))
    assert dialog.vault.passphrase.isHidden()
    assert dialog.vault.passphrase.text() == dialog.vault.again.text() == ""


def test_a_locked_vault_is_opened_with_its_passphrase_alone(page: Page) -> None:
    dialog = page.dialog
    page.read(key_place="", store_place="the vault /home/me/secrets.vault", is_locked=True)
    assert dialog.key_place.text().startswith("The vault /home/me/secrets.vault is locked.")
    assert dialog.vault.again.isHidden()
    page.type(dialog.vault.passphrase, "correct horse")
    page.click(dialog.save_button)
    assert (page.saved.api_key, page.saved.passphrase) == (None, SecretText("correct horse"))


def test_a_passphrase_that_was_not_used_does_not_outlive_the_window(page: Page) -> None:
    page.read(key_place="", is_locked=True)
    page.type(page.dialog.vault.passphrase, "half")
    page.click(page.dialog.close_button)
    assert page.dialog.vault.passphrase.text() == ""
