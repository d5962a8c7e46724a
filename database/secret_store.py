"""One door to the stored secrets, wherever they are: the system's keyring, or the vault.

    choice = choose_store(folder / "secrets.vault", learn=redactor.learn)
    choice.store.put(LoginName(BrokerName.TASTYTRADE, "main"), {"client_secret": .., "refresh_token": ..})

Blocking: call it off the window's and the engine's thread (`asyncio.to_thread`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from database.keyring_store import KeyringStore, system_backend
from database.secret_errors import KeyringRefused
from database.vault import Vault
from models.errors import InvalidInput
from models.secret_text import LoginName, SecretText, who

_LOG = logging.getLogger(__name__)

Learn = Callable[[SecretText], None]


class SecretStore(Protocol):
    """Keeps the secrets of each login. Every method may raise SecretStoreError; no error text holds a secret."""

    @property
    def place(self) -> str:
        """Where the secrets are, in the user's words."""
        ...

    @property
    def is_locked(self) -> bool:
        """Whether a passphrase must be given first."""
        ...

    def put(self, login: LoginName, secrets: Mapping[str, SecretText]) -> None:
        """Replaces all secrets of a login: they belong together, and are stored together or not at all."""
        ...

    def get(self, login: LoginName) -> dict[str, SecretText] | None:
        """Returns a login's secrets by name, None when there are none."""
        ...

    def forget(self, login: LoginName) -> bool:
        """Takes a login's secrets out; returns whether there were any."""
        ...

    def logins(self) -> tuple[LoginName, ...]:
        """Returns the logins that have secrets here; no secret with them."""
        ...


class VaultStore:
    """Implements `SecretStore` on a vault file; `unlock` or `create` come first."""

    def __init__(self, vault: Vault, *, learn: Learn) -> None:
        self._vault = vault
        self._learn = learn

    def __repr__(self) -> str:
        return f"VaultStore({self._vault!r})"

    @property
    def place(self) -> str:
        """Where the secrets are, in the user's words."""
        return f"the vault {self._vault.path}"

    @property
    def exists(self) -> bool:
        """Whether the vault was made before: then it is unlocked, else created."""
        return self._vault.exists

    @property
    def is_locked(self) -> bool:
        """Whether a passphrase must be given first."""
        return not self._vault.is_open

    def create(self, passphrase: SecretText) -> None:
        """Makes the vault; it is open then."""
        self._learn(passphrase)
        self._vault.create(passphrase)

    def unlock(self, passphrase: SecretText) -> None:
        """Opens the vault for this session."""
        self._learn(passphrase)
        self._vault.unlock(passphrase)

    def lock(self) -> None:
        """Closes the vault; the next use needs the passphrase."""
        self._vault.lock()

    def change_passphrase(self, old: SecretText, new: SecretText) -> None:
        """Encrypts everything anew under another passphrase."""
        self._learn(old)
        self._learn(new)
        self._vault.change_passphrase(old, new)

    def put(self, login: LoginName, secrets: Mapping[str, SecretText]) -> None:
        """Replaces all secrets of a login."""
        for secret in secrets.values():
            self._learn(secret)
        self._vault.update({str(login): secrets})

    def get(self, login: LoginName) -> dict[str, SecretText] | None:
        """Returns a login's secrets by name, None when there are none."""
        found = self._vault.entries().get(str(login))
        for secret in (found or {}).values():
            self._learn(secret)
        return found

    def forget(self, login: LoginName) -> bool:
        """Takes a login's secrets out; returns whether there were any."""
        if str(login) not in self._vault.entries():
            return False
        self._vault.update({str(login): None})
        return True

    def logins(self) -> tuple[LoginName, ...]:
        """Returns the logins that have secrets here."""
        return tuple(sorted((_login(text) for text in self._vault.entries()), key=str))


@dataclass(frozen=True, slots=True)
class StoreChoice:
    """Where secrets are kept from now on, and why not in the keyring when they are not."""

    store: KeyringStore | VaultStore
    why_no_keyring: str = ""

    @property
    def needs_passphrase(self) -> bool:
        """Whether the user must be asked for the vault's passphrase before anything can be read or kept."""
        return self.store.is_locked


def choose_store(
    vault_path: Path, *, learn: Learn, backend: Callable[[], Any] = system_backend, wants_vault: bool = False
) -> StoreChoice:
    """Returns the store to use: an existing vault, else the keyring where it can be trusted, else a new vault.

    `wants_vault`: the user prefers a vault. `learn` is told every secret that passes, so that no log shows it.
    """
    vault = VaultStore(Vault(vault_path), learn=learn)
    if vault.exists:
        return StoreChoice(vault, "There is a vault, made before.")
    if wants_vault:
        return StoreChoice(vault, "The settings ask for a vault.")
    try:
        return StoreChoice(KeyringStore(backend(), learn=learn))
    except KeyringRefused as error:
        _LOG.info("secrets go to a vault: %s", error.what)
        return StoreChoice(vault, error.what)


def checked_secret(name: str, typed: str) -> SecretText:
    """Returns what the user typed or pasted for `name`, without blanks and line ends around it.

    Raises InvalidInput for less than 8 characters and for what is no text at all.
    """
    text = typed.strip()
    if len(text) < 8:
        raise InvalidInput(name, f"The {name} is too short to be one.", cure="Paste it whole.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(name, f"The {name} holds characters that are no text.", cure="Copy it again.") from None
    return SecretText(text)


def _login(text: str) -> LoginName:
    broker, _, login = text.partition(":")
    return LoginName(who(broker), login)
