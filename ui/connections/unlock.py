"""Asks for the vault's passphrase when the desk's login waits for it; without it the desk stays offline."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from execution.commands import UnlockSecrets
from execution.connection_views import LoginNeed, LoginState
from execution.views import Severity
from models.errors import KnownError
from models.secret_text import SecretText
from ui.bridge import Bridge
from ui.engine_client import EngineClient
from ui.messages import Messages
from ui.theme import GAP, PAD

#: Nothing is locked for good by wrong ones; after so many the desk stops asking by itself.
TRIES = 5
_WIDTH_PX = 460


class UnlockDialog(QDialog):
    """Window-modal. Enter unlocks, Esc stays offline."""

    def __init__(self, client: EngineClient, messages: Messages, text: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self._client = client
        self._messages = messages
        self._tries_left = TRIES
        self.setObjectName("unlock")
        self.setWindowTitle("Unlock the vault")
        self.setMinimumWidth(_WIDTH_PX)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * PAD, 2 * PAD, 2 * PAD, 2 * PAD)
        column.setSpacing(PAD)
        said = QLabel(f"{text} The desk needs the secrets in it to log in.", self)
        said.setTextFormat(Qt.TextFormat.PlainText)
        said.setWordWrap(True)
        self.passphrase = QLineEdit(self)
        self.passphrase.setEchoMode(QLineEdit.EchoMode.Password)
        self.passphrase.setInputMethodHints(Qt.InputMethodHint.ImhHiddenText | Qt.InputMethodHint.ImhSensitiveData)
        self.passphrase.setPlaceholderText("Passphrase of the vault")
        self.trouble = QLabel(self)
        self.trouble.setProperty("role", "warning")
        self.trouble.setTextFormat(Qt.TextFormat.PlainText)
        self.trouble.setWordWrap(True)
        self.trouble.hide()
        for widget in (said, self.passphrase, self.trouble):
            column.addWidget(widget)
        column.addLayout(self._buttons())
        self.passphrase.textChanged.connect(self._on_typed)
        self.passphrase.setFocus()

    def _buttons(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(GAP)
        self.offline_button = QPushButton("Stay offline", self)
        self.unlock_button = QPushButton("Unlock", self)
        self.unlock_button.setProperty("kind", "primary")
        self.unlock_button.setEnabled(False)
        self.unlock_button.setDefault(True)
        self.offline_button.setAutoDefault(False)
        self.offline_button.clicked.connect(self.reject)
        self.unlock_button.clicked.connect(self._unlock)
        line.addStretch(1)
        line.addWidget(self.offline_button)
        line.addWidget(self.unlock_button)
        return line

    @Slot()
    def _on_typed(self) -> None:
        self.unlock_button.setEnabled(bool(self.passphrase.text()))

    @Slot()
    def _unlock(self) -> None:
        typed = SecretText(self.passphrase.text())
        self.passphrase.clear()
        self.passphrase.setEnabled(False)
        self._say("Opening the vault…")
        self._client.ask(UnlockSecrets(typed), self._on_unlocked, self._on_failed)

    def _on_unlocked(self, _answer: object) -> None:
        self.accept()

    def _on_failed(self, error: Exception) -> None:
        self._tries_left -= 1
        if not isinstance(error, KnownError):
            self._messages.failed(error)
        if not self._tries_left:
            self.reject()
            return
        tries = "1 more try" if self._tries_left == 1 else f"{self._tries_left} more tries"
        self.passphrase.setEnabled(True)
        self.passphrase.setFocus()
        self._say(f"{self._messages.clean(str(error))} {tries}, then the desk stays offline; nothing is deleted.")

    def _say(self, text: str) -> None:
        self.trouble.setText(text)
        self.trouble.show()
        self.adjustSize()


class UnlockPrompt(QObject):
    """Opens the dialog when the login first waits for a passphrase, and again when the user asks for it."""

    def __init__(self, bridge: Bridge, client: EngineClient, messages: Messages, window: QWidget) -> None:
        super().__init__(window)
        self._client = client
        self._messages = messages
        self._window = window
        self._state = LoginState(LoginNeed.NOTHING)
        self._was_refused = False
        self.dialog: UnlockDialog | None = None
        bridge.subscribe(LoginState, self._on_login)

    @Slot()
    def ask(self) -> None:
        """Opens the dialog, unless it is open or nothing waits for it."""
        if self.dialog is not None or self._state.need is not LoginNeed.PASSPHRASE:
            return
        self.dialog = UnlockDialog(self._client, self._messages, self._state.text, self._window)
        self.dialog.finished.connect(self._on_finished)
        self.dialog.open()

    def _on_login(self, state: LoginState) -> None:
        self._state = state
        if state.need is not LoginNeed.PASSPHRASE:
            self._was_refused = False
            if self.dialog is not None:  # opened elsewhere, on the settings page
                self.dialog.accept()
        elif not self._was_refused:
            self.ask()

    @Slot(int)
    def _on_finished(self, result: int) -> None:
        self.dialog = None
        if result == QDialog.DialogCode.Accepted:
            return
        self._was_refused = True
        text = "The desk stays offline: the vault is locked. “Unlock…” on the line above asks again."
        self._messages.notify(Severity.WARNING, text, replace_key="unlock")
