"""The fields for a login's secrets: typed unseen, never filled from what is kept, emptied once they were handed on."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from execution.connection_views import SecretsView, TypedSecrets
from models.errors import InvalidInput
from models.secret_text import SecretText
from ui.theme import PAD

_HINTS = (
    Qt.InputMethodHint.ImhHiddenText
    | Qt.InputMethodHint.ImhSensitiveData
    | Qt.InputMethodHint.ImhNoAutoUppercase
    | Qt.InputMethodHint.ImhNoPredictiveText
)
_PLACE_PX = 320


class SecretsBox(QWidget):
    """Says where secrets are kept and takes new ones. `changed` is sent whenever the user types something."""

    changed = Signal()
    forget_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view: SecretsView | None = None
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(PAD)
        self._form.setHorizontalSpacing(2 * PAD)
        self.client_secret = _unseen(self)
        self.refresh_token = _unseen(self)
        self.passphrase = _unseen(self)
        self.again = _unseen(self)
        self.place = QLabel(self)
        self.place.setProperty("role", "caption")
        self.place.setTextFormat(Qt.TextFormat.PlainText)
        self.place.setWordWrap(True)
        self.place.setMinimumWidth(_PLACE_PX)  # else the form gives it the height of a narrower one
        self.forget_button = QPushButton("Forget secrets…", self)
        self.forget_button.setAutoDefault(False)
        self.forget_button.clicked.connect(self.forget_wanted)
        line = QHBoxLayout()
        line.setSpacing(2 * PAD)
        self.place.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        line.addWidget(self.place, 1)
        line.addWidget(self.forget_button, 0, Qt.AlignmentFlag.AlignTop)
        self._form.addRow("Client secret", self.client_secret)
        self._form.addRow("Refresh token", self.refresh_token)
        self._form.addRow("", line)
        self._form.addRow("Passphrase", self.passphrase)
        self._form.addRow("Once more", self.again)
        for field in (self.client_secret, self.refresh_token, self.passphrase, self.again):
            field.textEdited.connect(self._on_edit)
        self._show()

    @property
    def has_secrets(self) -> bool:
        """Whether a secret stands in the fields."""
        return bool(self.client_secret.text() or self.refresh_token.text())

    def forget_place(self) -> None:
        """Says that it is being looked: another login's name was given."""
        self._view = None
        self._show()

    def show_place(self, view: SecretsView) -> None:
        """Shows where the secrets are; what was typed stays."""
        self._view = view
        self._show()

    def show_trouble(self, text: str) -> None:
        """Shows why it is not known where the secrets are."""
        self._view = None
        self._show()
        self.place.setText(text)

    def typed(self) -> TypedSecrets:
        """Returns what stands in the fields; raises InvalidInput when the two passphrases of a new vault differ."""
        asks_twice = self._view is not None and self._view.is_new_vault
        if asks_twice and self.passphrase.text() != self.again.text():
            raise InvalidInput("passphrase", "The two passphrases are not the same.", cure="Type them again.")
        return TypedSecrets(_secret(self.client_secret), _secret(self.refresh_token), _secret(self.passphrase))

    def empty(self) -> None:
        """Empties every field."""
        for field in (self.client_secret, self.refresh_token, self.passphrase, self.again):
            field.clear()

    @Slot()
    def _on_edit(self) -> None:
        self.changed.emit()

    def _show(self) -> None:
        view = self._view
        is_new = view is not None and view.is_new_vault
        needs_passphrase = is_new or (view is not None and view.is_locked)
        for field, is_shown in ((self.passphrase, needs_passphrase), (self.again, is_new)):
            self._form.setRowVisible(field, is_shown)
        self.passphrase.setPlaceholderText("a new one, 10 characters or more" if is_new else "opens the vault")
        self.again.setPlaceholderText("the same again")
        hint = _hint(view)
        self.client_secret.setPlaceholderText(hint)
        self.refresh_token.setPlaceholderText(hint)
        self.place.setText(_place(view))
        self.forget_button.setEnabled(view is not None and view.are_kept is not False)


def _unseen(parent: QWidget) -> QLineEdit:
    field = QLineEdit(parent)
    field.setEchoMode(QLineEdit.EchoMode.Password)
    field.setInputMethodHints(_HINTS)
    return field


def _secret(field: QLineEdit) -> SecretText | None:
    text = field.text()
    return SecretText(text) if text.strip() else None


def _hint(view: SecretsView | None) -> str:
    if view is None:
        return ""
    if view.are_kept is None:
        return "in the locked vault, if any; an entry replaces it"
    return "kept; an entry replaces it" if view.are_kept else "none yet"


def _place(view: SecretsView | None) -> str:
    if view is None:
        return "Looking where secrets are kept…"
    why = f" {view.why_no_keyring}" if view.why_no_keyring else ""
    if view.is_new_vault:
        return f"Will be kept in {view.place}, which is made with the passphrase below.{why}"
    if view.is_locked:
        return f"Kept in {view.place}. It is locked: enter its passphrase to read, replace or forget them."
    return f"Kept in {view.place}." if view.are_kept else f"Will be kept in {view.place}.{why}"
