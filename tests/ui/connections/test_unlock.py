"""A login that waits for the vault's passphrase: asked once, tried a few times, or left offline."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from execution.commands import Command, UnlockSecrets
from execution.connection_views import LoginNeed, LoginState
from execution.views import Phase
from models.errors import KnownError
from models.secret_text import SecretText
from tests.ui.demo_data import RecordingClient, desk, publish
from ui.bridge import Bridge
from ui.connections.unlock import TRIES, UnlockDialog, UnlockPrompt
from ui.icons import Icons
from ui.messages import Messages
from ui.theme import Theme
from ui.widgets.banner import Banner

LOCKED = LoginState(LoginNeed.PASSPHRASE, "main", "The vault /v is locked.")
OPEN = LoginState(LoginNeed.NOTHING, "main")
WRONG = KnownError("This passphrase does not open the vault; it is not leaked.")


class Scene:
    """A window with what asks and what says."""

    def __init__(self, qtbot: QtBot, bridge: Bridge, theme: Theme) -> None:
        self._qtbot = qtbot
        self.bridge = bridge
        self.window = QWidget()
        qtbot.addWidget(self.window)
        self.client = RecordingClient({UnlockSecrets: None})
        clean: Callable[[str], str] = lambda text: text.replace("leaked", "•••")  # noqa: E731
        self.messages = Messages(bridge, theme, Icons(theme), self.window, clean=clean)
        self.banner = Banner(bridge, self.client, theme, self.messages, self.window)
        self.prompt = UnlockPrompt(bridge, self.client, self.messages, self.window)
        self.banner.unlock_wanted.connect(self.prompt.ask)
        self.window.show()

    def tell(self, *states: LoginState) -> None:
        for state in states:
            publish(self._qtbot, self.bridge, state)

    @property
    def dialog(self) -> UnlockDialog:
        assert self.prompt.dialog is not None
        return self.prompt.dialog

    def enter(self, text: str) -> None:
        self._qtbot.keyClicks(self.dialog.passphrase, text)
        self._qtbot.mouseClick(self.dialog.unlock_button, Qt.MouseButton.LeftButton)

    def sent(self) -> list[Command]:
        return [each for each in self.client.asked if isinstance(each, UnlockSecrets)]


@pytest.fixture
def scene(qtbot: QtBot, bridge: Bridge, theme: Theme) -> Scene:
    return Scene(qtbot, bridge, theme)


def test_the_passphrase_is_asked_for_unseen_and_goes_in_a_command(scene: Scene) -> None:
    scene.tell(LOCKED)
    assert not scene.dialog.unlock_button.isEnabled()
    assert scene.dialog.passphrase.echoMode().name == "Password"
    scene.enter("correct horse")
    assert scene.sent() == [UnlockSecrets(SecretText("correct horse"))]
    assert scene.prompt.dialog is None
    assert not scene.messages.toasts


def test_a_wrong_one_says_how_many_tries_are_left_and_the_last_one_leaves_the_desk_offline(scene: Scene) -> None:
    scene.client.answers[UnlockSecrets] = WRONG
    scene.tell(LOCKED)
    for left in range(TRIES - 1, 0, -1):
        scene.enter("wrong horse")
        said = scene.dialog.trouble.text()
        assert said.startswith("This passphrase does not open the vault; it is not •••.")
        assert f"{left} more {'try' if left == 1 else 'tries'}, then the desk stays offline" in said
        assert scene.dialog.passphrase.text() == ""
    scene.enter("wrong horse")
    assert scene.prompt.dialog is None
    assert ["stays offline" in text for text in scene.messages.toasts] == [True]


def test_who_stays_offline_is_not_asked_again_until_he_wants_it(qtbot: QtBot, scene: Scene) -> None:
    publish(qtbot, scene.bridge, desk(phase=Phase.FAILED, problem="The vault /v is locked."))
    scene.tell(LOCKED)
    qtbot.mouseClick(scene.dialog.offline_button, Qt.MouseButton.LeftButton)
    scene.tell(LoginState(LoginNeed.PASSPHRASE, "main", "The vault /v is locked, still."))
    assert scene.prompt.dialog is None
    assert scene.banner.unlock_button.isVisible()
    qtbot.mouseClick(scene.banner.unlock_button, Qt.MouseButton.LeftButton)
    assert scene.prompt.dialog is not None


def test_a_vault_that_was_opened_elsewhere_ends_the_question(scene: Scene) -> None:
    scene.tell(LOCKED, OPEN)
    assert scene.prompt.dialog is None
    assert not scene.messages.toasts
    assert not scene.banner.unlock_button.isVisible()


def test_a_desk_that_could_not_connect_offers_its_settings(qtbot: QtBot, scene: Scene) -> None:
    publish(qtbot, scene.bridge, desk(phase=Phase.FAILED, problem="Nothing listens there."))
    assert not scene.banner.unlock_button.isVisible()
    with qtbot.waitSignal(scene.banner.connections_wanted):
        qtbot.mouseClick(scene.banner.connections_button, Qt.MouseButton.LeftButton)
    publish(qtbot, scene.bridge, desk(phase=Phase.READY))
    assert not scene.banner.connections_button.isVisible()
