"""Where there is no keyring the key lies in a vault: the rows that take the vault's passphrase."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLineEdit, QWidget

from execution.suggestion_views import AnalystSettingsView
from models.errors import InvalidInput
from models.secret_text import SecretText

_HINTS = Qt.InputMethodHint.ImhHiddenText | Qt.InputMethodHint.ImhSensitiveData


class VaultRows:
    """Shown when a passphrase is of use: the vault is locked, or a key was typed and there is no vault yet."""

    def __init__(self, form: QFormLayout, parent: QWidget) -> None:
        self._form = form
        self._is_locked = False
        self._is_new = False
        self.passphrase = _unseen("Passphrase", parent)
        self.again = _unseen("Passphrase once more", parent)
        self.again.setPlaceholderText("the same again")
        form.addRow("Passphrase", self.passphrase)
        form.addRow("Once more", self.again)
        self.follow(has_key=False)

    def show_view(self, view: AnalystSettingsView) -> None:
        """Takes up what the vault is like now; what was typed is dropped."""
        self._is_locked, self._is_new = view.is_locked, view.is_new_vault
        self.passphrase.setPlaceholderText("a new one, 10 characters or more" if self._is_new else "opens the vault")
        self.drop()
        self.follow(has_key=False)

    def follow(self, *, has_key: bool) -> None:
        """Shows the rows that are needed now. `has_key`: a key stands in its field."""
        makes_one = self._is_new and has_key
        self._form.setRowVisible(self.passphrase, self._is_locked or makes_one)
        self._form.setRowVisible(self.again, makes_one)

    def typed(self, *, has_key: bool) -> SecretText | None:
        """Returns the passphrase; raises InvalidInput where one is needed and is missing, or two are not the same."""
        text = self.passphrase.text()
        if has_key and not text and (self._is_new or self._is_locked):
            problem = "The key is kept in a vault." if self._is_new else "The vault is locked."
            cure = "Choose a passphrase for it." if self._is_new else "Enter its passphrase."
            raise InvalidInput("passphrase", problem, cure=cure)
        if has_key and self._is_new and text != self.again.text():
            raise InvalidInput("passphrase", "The two passphrases are not the same.", cure="Type them again.")
        return SecretText(text) if text and (has_key or self._is_locked) else None

    def drop(self) -> None:
        """Empties the fields; unlike clear(), it leaves nothing to undo."""
        for field in (self.passphrase, self.again):
            field.setText("")


def key_place(view: AnalystSettingsView) -> str:
    """Returns where the key is, or would be, in a sentence."""
    if view.key_place:
        return f"The key is kept in {view.key_place}."
    if view.is_locked:
        place = view.store_place[:1].upper() + view.store_place[1:]
        return f"{place} is locked. Its passphrase reads the key in it, if any, or keeps a new one."
    if view.is_new_vault:
        return f"No key is kept. One would be kept in {view.store_place}, made with a passphrase of yours."
    return "No key is kept."


def key_hint(view: AnalystSettingsView) -> str:
    """Returns what stands in the key's empty field."""
    if view.key_place:
        return "kept: type to replace it"
    return "in the locked vault, if any" if view.is_locked else "none (a local server needs none)"


def _unseen(name: str, parent: QWidget) -> QLineEdit:
    field = QLineEdit(parent)
    field.setEchoMode(QLineEdit.EchoMode.Password)
    field.setInputMethodHints(_HINTS)
    field.setAccessibleName(name)
    return field
