"""A login at Tastytrade as a user meets it in the window: no secrets yet, a locked vault, a refused login."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit
from pytestqt.qtbot import QtBot

import main as program
from database.secret_store import StoreChoice, VaultStore, checked_secret
from database.vault import Vault
from database.vault_format import KdfCost
from execution.brokers.tastytrade import trial
from execution.brokers.tastytrade.settings import TastySettings
from execution.connection_views import TastyForm
from execution.desk_login import SecretKeeper
from execution.redaction import Redactor
from execution.views import DeskState, Phase, Publisher
from models.enums import BrokerName, Mode
from models.secret_text import LoginName, SecretText
from tests.simulators.tastytrade.__main__ import open_simulator
from tests.simulators.tastytrade.server import TastySimulator
from tests.test_main_tasty import assert_nothing_secret_in
from ui.app import Desktop
from ui.connections.page import ConnectionsPage
from ui.connections.unlock import UnlockDialog

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", "This plugin does not support raise")
PASSPHRASE = " ".join(("correct", "horse", "battery", "staple"))
OTHER = " ".join(("wrong", "horse", "battery", "staple"))
_WAIT_MS = 60_000
#: The vault costs what it costs; not in a test.
CHEAP = KdfCost(memory_kib=8, passes=1, lanes=1)


class Place:
    """A data folder, a settings file, a vault, and a simulated Tastytrade where the real one would be."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.simulator: TastySimulator
        self.url = ""
        settings_of = trial.settings_of

        def redirected(form: TastyForm, base_url: str | None = None) -> TastySettings:
            return replace(settings_of(form, base_url), base_url=self.url)

        monkeypatch.setattr(trial, "settings_of", redirected)

    def vault(self, redactor: Redactor) -> VaultStore:
        return VaultStore(Vault(self.folder / "data" / "secrets.vault", cost=CHEAP), learn=redactor.learn)

    def open_vault(self) -> VaultStore:
        store = self.vault(Redactor())
        store.unlock(SecretText(PASSPHRASE))
        return store

    async def compose(self, secrecy: program.Secrecy, publisher: Publisher) -> program.Composed:
        self.simulator, _, _ = open_simulator(self.folder / "far", market_files=[], seed=7, sample_book=True)
        port = await self.simulator.start(0)
        self.url = f"http://127.0.0.1:{port}"
        options = program.Options(
            self.folder / "data", self.folder / "optiondesk.toml", (), 7, False, None, broker="tastytrade"
        )
        composed = await program.compose(options, publisher, secrecy=secrecy)

        async def close() -> None:
            await composed.close()
            await self.simulator.stop()

        return program.Composed(composed.desk, composed.database_path, composed.market_label, close)


class User:
    """A person at the window."""

    def __init__(self, qtbot: QtBot, desktop: Desktop) -> None:
        self._qtbot = qtbot
        self.desktop = desktop
        self.window = desktop.window

    def wait(self, done: Callable[[], object]) -> None:
        self._qtbot.waitUntil(lambda: bool(done()), timeout=_WAIT_MS)

    def press(self, button: QAbstractButton) -> None:
        self._qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def type(self, field: QLineEdit, text: str) -> None:
        field.setFocus()
        field.selectAll()
        self._qtbot.keyClicks(field, text)

    def is_in(self, phase: Phase) -> bool:
        told = self.desktop.bridge.newest(DeskState)
        return told is not None and told.phase is phase

    def page(self) -> ConnectionsPage:
        page = self.window.open_connections()
        self.wait(page.save_button.isEnabled)
        self.press(page.tasty_button)
        self.wait(lambda: "Looking" not in page.tasty_fields.secrets.place.text())
        return page

    def test(self, page: ConnectionsPage) -> str:
        """Presses Test connection and returns what it found."""
        self.press(page.test_button)
        self.wait(lambda: page.test_button.isEnabled() and page.report.text())
        return page.report.text()

    def dialog(self) -> UnlockDialog:
        self.wait(lambda: self.window.unlock.dialog is not None)
        dialog = self.window.unlock.dialog
        assert dialog is not None
        return dialog


@contextmanager
def at_the_desk(qtbot: QtBot, place: Place) -> Iterator[User]:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    redactor = Redactor()
    store = place.vault(redactor)
    keeper = SecretKeeper(lambda: StoreChoice(store, "This system has no keyring that is running."), checked_secret)
    secrecy = program.Secrecy(redactor, keeper)
    restore = log_everything(place, redactor)
    desktop = Desktop(
        app,
        lambda publisher: place.compose(secrecy, publisher),
        settings_path=place.folder / "window.ini",
        clean=redactor.clean,
    )
    desktop.show()
    try:
        yield User(qtbot, desktop)
    finally:
        desktop.close()
        app.setStyleSheet("")
        restore()


def log_everything(place: Place, redactor: Redactor) -> Callable[[], None]:
    """Logs into the data folder at every level, as the program does; returns what puts an end to it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    program.log_to_file(place.folder / "data" / "logs" / "optiondesk.log", redactor)
    root.setLevel(logging.DEBUG)

    def restore() -> None:
        for handler in set(root.handlers) - set(handlers):
            root.removeHandler(handler)
            handler.close()
        root.setLevel(level)

    return restore


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def test_a_newcomer_enters_his_secrets_is_connected_at_once_and_unlocks_them_the_next_day(
    qtbot: QtBot, place: Place
) -> None:
    with at_the_desk(qtbot, place) as user:
        user.wait(lambda: user.is_in(Phase.FAILED))
        banner = user.window.banner
        user.wait(lambda: 'no secrets of the Tastytrade login "main" yet' in banner.text)
        user.press(banner.connections_button)
        page = user.page()
        box = page.tasty_fields.secrets
        assert (box.client_secret.placeholderText(), box.client_secret.text()) == ("none yet", "")
        assert box.passphrase.isVisible()
        assert box.again.isVisible()
        assert not box.forget_button.isEnabled()
        user.type(box.client_secret, place.simulator.client_secret)
        user.type(box.refresh_token, place.simulator.refresh_token)
        assert box.client_secret.displayText() == "●" * len(place.simulator.client_secret)
        found = user.test(page)
        assert "✓ The grant allows: read, trade, openid." in found
        assert "5WX00001 “Simulated account” (Individual, Reg T, you own it): would be traded" in found
        user.type(box.passphrase, PASSPHRASE)
        user.type(box.again, OTHER)
        user.press(page.save_button)
        assert page.report.text() == "✗ The two passphrases are not the same. Type them again."
        user.type(box.again, PASSPHRASE)
        user.press(page.save_button)
        user.wait(lambda: "Saved" in page.report.text())
        assert [each.text() for each in (box.client_secret, box.refresh_token, box.passphrase, box.again)] == [""] * 4
        user.wait(lambda: user.is_in(Phase.READY))
        user.wait(lambda: "Kept in the vault" in box.place.text())
        assert box.client_secret.placeholderText() == "kept; an entry replaces it"
    kept = place.open_vault().get(LoginName(BrokerName.TASTYTRADE, "main"))
    assert kept is not None
    assert kept["refresh_token"].reveal() == place.simulator.refresh_token

    with at_the_desk(qtbot, place) as user:
        dialog = user.dialog()
        user.type(dialog.passphrase, OTHER)
        user.press(dialog.unlock_button)
        user.wait(lambda: "4 more tries" in dialog.trouble.text())
        assert OTHER not in dialog.trouble.text()
        user.press(dialog.offline_button)
        user.wait(lambda: any("stays offline" in text for text in user.desktop.messages.toasts))
        user.wait(user.window.banner.unlock_button.isVisible)
        assert "is locked" in user.window.banner.text
        user.press(user.window.banner.unlock_button)
        dialog = user.dialog()
        user.type(dialog.passphrase, PASSPHRASE)
        qtbot.keyClick(dialog.passphrase, Qt.Key.Key_Return)
        user.wait(lambda: user.is_in(Phase.READY))
        user.wait(lambda: not user.window.banner.unlock_button.isVisible())
        assert user.window.windowTitle().startswith("PAPER · TASTYTRADE")
    assert_nothing_secret_in(place.folder)
    assert "optiondesk.log" in {path.name for path in place.folder.rglob("*")}
    for path in place.folder.rglob("*"):
        assert not path.is_file() or PASSPHRASE.encode() not in path.read_bytes(), path


def test_a_login_that_is_refused_is_not_tried_again_before_the_user_wants_it(qtbot: QtBot, place: Place) -> None:
    store = place.vault(Redactor())
    store.create(SecretText(PASSPHRASE))
    wrong = {"client_secret": SecretText("some-other-secret"), "refresh_token": SecretText("some-other-token")}
    store.put(LoginName(BrokerName.TASTYTRADE, "main"), wrong)

    def logins() -> int:
        return sum("/oauth/token" in getattr(each, "path", "") for each in place.simulator.requests)

    with at_the_desk(qtbot, place) as user:
        dialog = user.dialog()
        user.type(dialog.passphrase, PASSPHRASE)
        user.press(dialog.unlock_button)
        user.wait(lambda: "Invalid JWT" in user.window.banner.text)
        assert logins() == 1
        qtbot.wait(2500)
        assert logins() == 1
        user.press(user.window.banner.retry_button)
        user.wait(lambda: logins() == 2)
        page = user.page()
        box = page.tasty_fields.secrets
        assert "belongs to certification" in user.test(page)
        user.type(box.refresh_token, place.simulator.refresh_token)
        assert "The client secret is not that of the app" in user.test(page)
        user.type(box.client_secret, place.simulator.client_secret)
        assert "✓ Live quotes are given." in user.test(page)
        place.simulator.habits.is_revoked = True
        assert "The grant was taken back" in user.test(page)
        place.simulator.habits.is_revoked = False
        user.press(page.save_button)
        user.wait(lambda: user.is_in(Phase.READY))
        user.wait(box.forget_button.isEnabled)
        user.press(box.forget_button)
        user.press(page.forget_dialog.verb_button)
        user.wait(lambda: "were removed from the vault" in page.report.text())
        assert place.open_vault().get(LoginName(BrokerName.TASTYTRADE, "main")) is None
        told = user.desktop.bridge.newest(DeskState)
        assert told is not None
        assert (told.phase, told.mode) == (Phase.READY, Mode.PAPER)
    assert_nothing_secret_in(place.folder)
