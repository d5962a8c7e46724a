"""The secrets of the desk's logins: where they are kept, read when the broker connects, replaced from the page.

The store itself (keyring or vault) is the database's; it is chosen when first needed, because looking for a keyring may
take a while. Everything here that ends in a store runs beside the loop: a keyring may ask its user meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final, Protocol, runtime_checkable

from execution.brokers.tastytrade.settings import TastySecrets
from execution.connection_views import LoginNeed, LoginState, SecretsView, TypedSecrets
from execution.off_loop import off_loop
from models.enums import BrokerName
from models.errors import BrokerFailure, FailureKind, InvalidInput, KnownError
from models.secret_text import LoginName, SecretText

_CLIENT_SECRET: Final = "client_secret"  # noqa: S105 - the name of a secret
_REFRESH_TOKEN: Final = "refresh_token"  # noqa: S105 - the name of a secret
_WORDS: Final = {_CLIENT_SECRET: "client secret", _REFRESH_TOKEN: "refresh token"}
_ENTER: Final = "Enter the client secret and the refresh token in Desk > Broker connections… (Ctrl+,)."
_THREAD: Final = "secrets"


class SecretStore(Protocol):
    """What is used of a store; see `database.secret_store`. Every method may block, and raise KnownError."""

    @property
    def place(self) -> str:
        """Where the secrets are, in the user's words."""
        ...

    @property
    def is_locked(self) -> bool:
        """Whether a passphrase must be given first."""
        ...

    def put(self, login: LoginName, secrets: Mapping[str, SecretText]) -> None:
        """Replaces all secrets of a login."""
        ...

    def get(self, login: LoginName) -> dict[str, SecretText] | None:
        """Returns a login's secrets by name, None when there are none."""
        ...

    def forget(self, login: LoginName) -> bool:
        """Takes a login's secrets out; returns whether there were any."""
        ...


@runtime_checkable
class Vault(Protocol):
    """A store under a passphrase."""

    @property
    def exists(self) -> bool:
        """Whether it was made before: then it is unlocked, else created."""
        ...

    def create(self, passphrase: SecretText) -> None:
        """Makes it; it is open then."""
        ...

    def unlock(self, passphrase: SecretText) -> None:
        """Opens it for this session; raises KnownError for a wrong passphrase."""
        ...


class Choice(Protocol):
    """Which store it is."""

    @property
    def store(self) -> SecretStore:
        """The store."""
        ...

    @property
    def why_no_keyring(self) -> str:
        """Why it is not the system's keyring, empty when it is."""
        ...


Choose = Callable[[], Choice]
CheckSecret = Callable[[str, str], SecretText]


class SecretsNeeded(BrokerFailure):
    """The desk cannot log in before the user has done something; what is in `need`."""

    def __init__(self, need: LoginNeed, what: str, *, cure: str) -> None:
        super().__init__(FailureKind.AUTH, what, broker=BrokerName.TASTYTRADE.value, cure=cure, is_users_turn=True)
        self.need = need


class SecretKeeper:
    """The one way to the store. Its methods may be awaited at the same time."""

    def __init__(self, choose: Choose, checked: CheckSecret) -> None:
        """`choose` returns the store, `checked` what was typed as a secret; it raises InvalidInput."""
        self._choose = choose
        self._checked = checked
        self._chosen: Choice | None = None
        self._one_at_a_time = threading.Lock()

    async def look(self, login: str) -> SecretsView:
        """Returns where a login's secrets are, or would be."""
        return await off_loop(lambda: self._look(_name(login)), name=_THREAD)

    async def unlock(self, passphrase: SecretText) -> None:
        """Opens the vault for this session; raises KnownError for a wrong passphrase."""
        await off_loop(lambda: self._open(passphrase), name=_THREAD)

    async def keep(self, login: str, typed: TypedSecrets) -> None:
        """Stores what was typed over what is kept; all of it or, when it raises, nothing."""
        await off_loop(lambda: self._keep(_name(login), typed), name=_THREAD)

    async def forget(self, login: str, passphrase: SecretText | None = None) -> str:
        """Takes a login's secrets out; returns what was removed, in words."""
        return await off_loop(lambda: self._forget(_name(login), passphrase), name=_THREAD)

    async def with_typed(self, login: str, typed: TypedSecrets) -> TastySecrets:
        """Returns what was typed, and what is kept where nothing was; nothing is stored."""
        return await off_loop(lambda: _pair(self._merged(_name(login), typed)), name=_THREAD)

    def read(self, login: str) -> TastySecrets:
        """Returns what is kept; blocks. Raises SecretsNeeded, or what the store raises."""
        store = self._choice().store
        if isinstance(store, Vault) and not store.exists:
            raise _missing(login)
        if store.is_locked:
            raise SecretsNeeded(
                LoginNeed.PASSPHRASE, f"{_sentence(store.place)} is locked.", cure="Enter its passphrase to connect."
            )
        kept = store.get(_name(login))
        if not kept or any(not kept.get(name) for name in _WORDS):
            raise _missing(login)
        return _pair(kept)

    # --- blocking -----------------------------------------------------------------------------------------------------

    def store(self) -> SecretStore:
        """Returns the store, for secrets of other services."""
        return self._choice().store

    def open(self, passphrase: SecretText | None) -> SecretStore:
        """Returns the store, opened or made with the passphrase where it needs one; raises KnownError."""
        self._open(passphrase)
        return self.store()

    def _choice(self) -> Choice:
        with self._one_at_a_time:
            if self._chosen is None:
                self._chosen = self._choose()
            return self._chosen

    def _look(self, login: LoginName) -> SecretsView:
        choice = self._choice()
        store = choice.store
        is_new = isinstance(store, Vault) and not store.exists
        kept = None if store.is_locked else store.get(login)
        return SecretsView(
            login=login.login,
            place=store.place,
            are_kept=False if is_new else None if store.is_locked else bool(kept),
            is_locked=store.is_locked and not is_new,
            is_new_vault=is_new,
            why_no_keyring=choice.why_no_keyring,
        )

    def _open(self, passphrase: SecretText | None) -> None:
        store = self._choice().store
        if not isinstance(store, Vault) or not store.is_locked:
            return
        if passphrase is None:
            raise InvalidInput("passphrase", f"{_sentence(store.place)} is locked.", cure="Enter its passphrase.")
        if store.exists:
            store.unlock(passphrase)
        else:
            store.create(passphrase)

    def _merged(self, login: LoginName, typed: TypedSecrets) -> dict[str, SecretText]:
        """What was typed over what is kept; what is kept is asked for only where something was not typed."""
        told = {_CLIENT_SECRET: typed.client_secret, _REFRESH_TOKEN: typed.refresh_token}
        found = {name: self._checked(_WORDS[name], text.reveal()) for name, text in told.items() if text is not None}
        if len(found) < len(told):
            store = self._choice().store
            if not (isinstance(store, Vault) and not store.exists):
                self._open(typed.passphrase)
                found = (store.get(login) or {}) | found
        for name, words in _WORDS.items():
            if not found.get(name):
                raise InvalidInput(name, f"There is no {words} yet.", cure="Both are needed: enter it too.")
        return found

    def _keep(self, login: LoginName, typed: TypedSecrets) -> None:
        if not typed.has_secrets:
            if typed.passphrase is not None:
                self._open(typed.passphrase)
            return
        secrets = self._merged(login, typed)
        self._open(typed.passphrase)
        self._choice().store.put(login, secrets)

    def _forget(self, login: LoginName, passphrase: SecretText | None) -> str:
        store = self._choice().store
        if isinstance(store, Vault) and not store.exists:
            return f"There are no secrets of the login {login.login}: nothing was removed."
        self._open(passphrase)
        if not store.forget(login):
            return f"There are no secrets of the login {login.login} in {store.place}: nothing was removed."
        return f"Client secret and refresh token of the login {login.login} were removed from {store.place}."


class DeskLogin:
    """The login that the desk's broker uses; tells the window what it lacks."""

    def __init__(self, keeper: SecretKeeper, login: str, tell: Callable[[LoginState], None]) -> None:
        self._keeper = keeper
        self._login = login
        self._tell = tell

    def read(self) -> TastySecrets:
        """Returns the secrets; blocks. Raises BrokerFailure: a keyring asks its user again when he wants to try."""
        try:
            secrets = self._keeper.read(self._login)
        except SecretsNeeded as needed:
            self._tell(LoginState(needed.need, self._login, needed.what))
            raise
        except KnownError as error:
            raise BrokerFailure(
                FailureKind.AUTH,
                error.what,
                broker=BrokerName.TASTYTRADE.value,
                cure=error.cure,
                is_users_turn=True,
            ) from error
        self._tell(LoginState(LoginNeed.NOTHING, self._login))
        return secrets

    async def look(self) -> SecretsView:
        """Returns where the secrets are."""
        return await self._keeper.look(self._login)

    async def unlock(self, passphrase: SecretText) -> None:
        """Opens the vault."""
        await self._keeper.unlock(passphrase)


def _name(login: str) -> LoginName:
    return LoginName(BrokerName.TASTYTRADE, login)


def _pair(secrets: Mapping[str, SecretText]) -> TastySecrets:
    return TastySecrets(secrets[_CLIENT_SECRET].reveal(), secrets[_REFRESH_TOKEN].reveal())


def _missing(login: str) -> SecretsNeeded:
    return SecretsNeeded(LoginNeed.SECRETS, f'There are no secrets of the Tastytrade login "{login}" yet.', cure=_ENTER)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
