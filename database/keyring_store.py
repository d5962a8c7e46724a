"""Secrets in the operating system's keyring: only in one that encrypts them and asks the user.

Allowed: Secret Service (GNOME Keyring, KeePassXC), KWallet, the macOS Keychain, the Windows Credential Locker; of two
of them at once (a KDE desktop) the better. Everything else that `keyring` can be set to (plain files, nothing at all,
a chain with one of these in it) is refused in words.

A login's secrets are one JSON text, base64 in pieces of 1,000 characters, because Windows takes no more than 1,280:

    service `optiondesk:tastytrade:main`      the text, or `{"parts": 3, "set": "a", "sha256": ..}`
    service `optiondesk:tastytrade:main#a.0`  a piece; the next longer text goes to set `b`, then `a` again
    service `optiondesk:logins`               which logins there are: no keyring can be asked for that

Blocking, and the keyring may ask the user for a password meanwhile: not for the window's thread.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, Final, Protocol, TypeVar

from database.secret_errors import KeyringFailure, KeyringRefused
from models.errors import InvalidInput
from models.secret_text import LoginName, SecretText, who

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

#: Module and class of each keyring that is trusted, and what the user calls it. Subclasses are others.
ALLOWED: Final[Mapping[tuple[str, str], str]] = {
    ("keyring.backends.SecretService", "Keyring"): "Secret Service keyring",
    ("keyring.backends.kwallet", "DBusKeyring"): "KWallet",
    ("keyring.backends.macOS", "Keyring"): "macOS Keychain",
    ("keyring.backends.Windows", "WinVaultKeyring"): "Windows Credential Locker",
}
_CHAIN: Final = ("keyring.backends.chainer", "ChainerBackend")
_NONE: Final = frozenset({("keyring.backends.fail", "Keyring"), ("keyring.backends.null", "Keyring")})
_PIECE: Final = 1000
_SETS: Final = ("a", "b")
_USE_VAULT: Final = "Keep the secrets in a vault under a passphrase instead."


class Backend(Protocol):
    """What is used of a `keyring` backend."""

    def get_password(self, service: str, username: str) -> str | None:
        """Returns what is stored, None when nothing is."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Stores a text."""
        ...

    def delete_password(self, service: str, username: str) -> None:
        """Takes a text out; raises when there is none."""
        ...


def system_backend() -> Any:
    """Returns the keyring that this system or the user's settings of `keyring` name. Raises KeyringRefused."""
    try:
        import keyring  # noqa: PLC0415 - looks at every backend there is

        return keyring.get_keyring()
    except Exception as error:  # noqa: BLE001 - named boundary: backends raise their own kinds; refused in words
        raise KeyringRefused(
            f"This system's keyring cannot be used ({type(error).__name__}).", cure=_USE_VAULT
        ) from None


def trusted(backend: Any) -> tuple[Backend, str]:
    """Returns the keyring to use and its name. Raises KeyringRefused for every one that is not known to be safe."""
    kind = _kind(backend)
    if kind == _CHAIN:
        members = list(backend.backends)
        bad = [_name(member) for member in members if _kind(member) not in ALLOWED]
        if not bad and members:
            return members[0], ALLOWED[_kind(members[0])]
        what = f"The keyring here is a chain with {', '.join(bad)} in it" if bad else "The keyring here is empty"
        raise KeyringRefused(f"{what}, which does not keep secrets safe.", cure=_USE_VAULT)
    if kind in ALLOWED:
        return backend, ALLOWED[kind]
    if kind in _NONE:
        raise KeyringRefused("This system has no keyring that is running.", cure=_USE_VAULT)
    raise KeyringRefused(
        f"The keyring {_name(backend)} is none that is known to keep secrets safe; it may write them into a plain"
        " file.",
        cure=_USE_VAULT,
    )


def _kind(backend: Any) -> tuple[str, str]:
    return type(backend).__module__, type(backend).__qualname__


def _name(backend: Any) -> str:
    return ".".join(_kind(backend))


class KeyringStore:
    """Implements `secret_store.SecretStore` on a trusted keyring. Raises KeyringRefused when made on any other."""

    def __init__(
        self,
        backend: Any,
        *,
        learn: Callable[[SecretText], None],
        service: str = "optiondesk",
        trust: Callable[[Any], tuple[Backend, str]] = trusted,
    ) -> None:
        self._backend, self._called = trust(backend)
        self._learn = learn
        self._service = service

    def __repr__(self) -> str:
        return f"KeyringStore({self._called!r})"

    @property
    def place(self) -> str:
        """Where the secrets are, in the user's words."""
        return f"the {self._called}"

    @property
    def is_locked(self) -> bool:
        """Never: the keyring asks the user by itself."""
        return False

    def put(self, login: LoginName, secrets: Mapping[str, SecretText]) -> None:
        """Replaces a login's secrets; what was stored is read back before this returns."""
        for secret in secrets.values():
            self._learn(secret)
        self._note(login, is_there=True)
        text = json.dumps({name: secret.reveal() for name, secret in secrets.items()})
        self._write(login, base64.b64encode(text.encode()).decode())
        if self.get(login) != dict(secrets):
            raise KeyringFailure(
                f"The {self._called} gave back something else than was stored for {login}.", cure=_USE_VAULT
            )

    def get(self, login: LoginName) -> dict[str, SecretText] | None:
        """Returns a login's secrets by name, None when there are none."""
        encoded = self._read(login)
        if encoded is None:
            return None
        try:
            named = json.loads(base64.b64decode(encoded, validate=True))
            found = {str(name): SecretText(str(text)) for name, text in named.items()}
        except (ValueError, AttributeError):
            raise self._incomplete(login) from None
        for secret in found.values():
            self._learn(secret)
        return found

    def forget(self, login: LoginName) -> bool:
        """Takes a login's secrets out; returns whether there were any."""
        was_there = self._delete(self._item(login), login.login)
        for each in _SETS:
            was_there = self._delete_pieces(login, each) or was_there
        self._note(login, is_there=False)
        return was_there

    def logins(self) -> tuple[LoginName, ...]:
        """Returns the logins that have secrets here."""
        return tuple(sorted(self._noted(), key=str))

    # --- one login ---------------------------------------------------------------------------------------------------

    def _item(self, login: LoginName) -> str:
        return f"{self._service}:{login}"

    def _piece(self, login: LoginName, which: str, number: int) -> str:
        return f"{self._item(login)}#{which}.{number}"

    def _write(self, login: LoginName, encoded: str) -> None:
        """The pieces first, then the item that names them: cut off in the middle, the old secrets stand."""
        head = self._head(self._get(self._item(login), login.login))
        used = None if head is None else head["set"]
        if len(encoded) <= _PIECE:
            self._set(self._item(login), login.login, encoded)
        else:
            fresh = "b" if used == "a" else "a"
            pieces = [encoded[start : start + _PIECE] for start in range(0, len(encoded), _PIECE)]
            self._delete_pieces(login, fresh)
            for number, piece in enumerate(pieces):
                self._set(self._piece(login, fresh, number), login.login, piece)
            digest = hashlib.sha256(encoded.encode()).hexdigest()
            self._set(
                self._item(login), login.login, json.dumps({"parts": len(pieces), "set": fresh, "sha256": digest})
            )
        if used is not None:
            self._delete_pieces(login, used)

    def _read(self, login: LoginName) -> str | None:
        stored = self._get(self._item(login), login.login)
        head = self._head(stored)
        if stored is None or head is None:
            return stored
        pieces = [self._get(self._piece(login, head["set"], number), login.login) for number in range(head["parts"])]
        encoded = "".join(piece or "" for piece in pieces)
        if hashlib.sha256(encoded.encode()).hexdigest() != head["sha256"]:
            raise self._incomplete(login)
        return encoded

    @staticmethod
    def _head(stored: str | None) -> dict[str, Any] | None:
        """Base64 begins with no brace."""
        if stored is None or not stored.startswith("{"):
            return None
        try:
            head = json.loads(stored)
        except ValueError:
            return None
        fits = isinstance(head.get("parts"), int) and head.get("set") in _SETS
        return head if fits and isinstance(head.get("sha256"), str) else None

    def _delete_pieces(self, login: LoginName, which: str) -> bool:
        for number in count():
            if not self._delete(self._piece(login, which, number), login.login):
                return number > 0
        return False

    def _incomplete(self, login: LoginName) -> KeyringFailure:
        return KeyringFailure(
            f"The secrets of {login} in the {self._called} are incomplete or were changed by something else.",
            cure="Enter them again.",
        )

    # --- the list of logins ------------------------------------------------------------------------------------------

    def _noted(self) -> list[LoginName]:
        stored = self._get(f"{self._service}:logins", "logins")
        try:
            pairs: Sequence[Any] = json.loads(stored or "[]")
            return [LoginName(who(broker), login) for broker, login in pairs]
        except (ValueError, TypeError, InvalidInput):
            _LOG.warning("the list of logins in the %s cannot be read and is begun anew", self._called)
            return []

    def _note(self, login: LoginName, *, is_there: bool) -> None:
        noted = self._noted()
        if (login in noted) is is_there:
            return
        wanted = [each for each in noted if each != login] + [login] * is_there
        pairs = [[each.broker.value, each.login] for each in wanted]
        self._set(f"{self._service}:logins", "logins", json.dumps(pairs, separators=(",", ":")))

    # --- the keyring itself ------------------------------------------------------------------------------------------

    def _get(self, service: str, username: str) -> str | None:
        return self._asked("read", lambda: self._backend.get_password(service, username))

    def _set(self, service: str, username: str, text: str) -> None:
        self._asked("write", lambda: self._backend.set_password(service, username, text))

    def _delete(self, service: str, username: str) -> bool:
        if self._get(service, username) is None:
            return False
        self._asked("delete from", lambda: self._backend.delete_password(service, username))
        return True

    def _asked(self, verb: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - named boundary: each backend raises kinds of its own
            # Neither the text nor the chain: what a backend says may hold what it was given.
            kind = type(error).__name__
        _LOG.error("the %s failed (%s)", self._called, kind)
        raise KeyringFailure(
            f"The desk could not {verb} the {self._called} ({kind}).",
            cure="Unlock it when the system asks, and try again.",
        )
