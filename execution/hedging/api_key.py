"""The analyst's key in the store where the brokers' secrets are: the system's keyring, or the vault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from execution.desk_login import SecretKeeper, Vault
from execution.hedging.analyst_desk import KeyView
from models.errors import InvalidInput
from models.secret_text import LoginName, SecretText, Service

_KEY: Final = "api_key"
_LOGIN: Final = LoginName(Service.ANALYST, "main")
_SHORTEST: Final = 8


class ApiKeyBox:
    """Implements `execution.hedging.analyst_desk.KeyBox`. Blocking."""

    def __init__(self, keeper: SecretKeeper, learn: Callable[[SecretText], None]) -> None:
        """`learn` is told the key before anything is done with it, so that no log shows it."""
        self._keeper = keeper
        self._learn = learn

    def look(self) -> KeyView:
        """Returns where the key is or would be, and the key itself when it can be read."""
        store = self._keeper.store()
        if isinstance(store, Vault) and not store.exists:
            return KeyView(store.place, is_new_vault=True)
        if store.is_locked:
            return KeyView(store.place, is_locked=True)
        return KeyView(store.place, (store.get(_LOGIN) or {}).get(_KEY))

    def put(self, key: SecretText, passphrase: SecretText | None) -> None:
        """Keeps the key; raises InvalidInput for one that cannot be a key."""
        text = key.reveal().strip()
        if len(text) < _SHORTEST or not text.isascii() or not text.isprintable() or " " in text:
            raise InvalidInput("api_key", "That is no key.", cure="Paste it whole, as the server gave it.")
        trimmed = SecretText(text)
        self._learn(trimmed)
        self._keeper.open(passphrase).put(_LOGIN, {_KEY: trimmed})

    def forget(self, passphrase: SecretText | None) -> None:
        """Takes the key out; nothing happens where there is none."""
        store = self._keeper.store()
        if isinstance(store, Vault) and not store.exists:
            return
        self._keeper.open(passphrase).forget(_LOGIN)

    def unlock(self, passphrase: SecretText) -> None:
        """Opens the vault."""
        self._keeper.open(passphrase)
