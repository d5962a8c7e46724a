"""A file of secrets under a passphrase, for systems without a keyring that can be trusted.

    vault = Vault(folder / "secrets.vault")
    vault.create(passphrase)            # once
    vault.unlock(passphrase)            # every session; raises WrongPassphrase, VaultDamaged, VaultMissing
    vault.update({"tastytrade:main": {"refresh_token": secret}})

Written as a whole beside the old file and moved over it: after a power cut the file is the old one or the new one.
Blocking: unlocking takes about half a second by intent. Not for the window's thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from database.lock import InstanceLock
from database.secret_errors import SecretStoreError, VaultExists, VaultFailure, VaultLocked, VaultMissing
from database.vault_format import (
    MAX_BYTES,
    NONCE_BYTES,
    SALT_BYTES,
    Entries,
    KdfCost,
    VaultKey,
    damaged,
    derive,
    seal,
    take_apart,
    unseal,
)
from models.errors import InvalidInput, KnownError
from models.secret_text import SecretText

_LOG = logging.getLogger(__name__)

#: Shorter ones are guessed, whatever a guess costs.
LEAST_PASSPHRASE: Final = 10


class Vault:
    """One vault file. Locked until `unlock`; may be used from several threads."""

    def __init__(self, path: Path, *, cost: KdfCost | None = None) -> None:
        self.path = path
        self._cost = cost or KdfCost()
        self._key: VaultKey | None = None
        self._guard = threading.RLock()

    def __repr__(self) -> str:
        return f"Vault({str(self.path)!r}, {'open' if self.is_open else 'locked'})"

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    @property
    def is_open(self) -> bool:
        """Whether the passphrase was given."""
        return self._key is not None

    def create(self, passphrase: SecretText) -> None:
        """Makes an empty vault and leaves it open. Raises VaultExists, InvalidInput, VaultFailure."""
        _require_long(passphrase)
        with self._guard, self._writing():
            if self.exists:
                raise VaultExists(
                    f"There is a vault at {self.path} already; it was not touched.",
                    cure="Open it with its passphrase, or move it aside first.",
                )
            key = self._new_key(passphrase)
            self._write({}, key)
            self._key = key

    def unlock(self, passphrase: SecretText) -> None:
        """Opens the vault; a key that is cheaper to guess than today's is renewed, with the same passphrase.

        Raises WrongPassphrase, VaultDamaged, VaultTooNew, VaultMissing, VaultFailure; it then stays as it was.
        """
        with self._guard:
            sealed = take_apart(self._content(), str(self.path))
            key = derive(passphrase, sealed.cost, sealed.salt)
            unseal(sealed, key, str(self.path))
            self._key = key
            if key.cost.is_below(self._cost):
                self._strengthen(passphrase)

    def lock(self) -> None:
        """Forgets the key; the next use needs the passphrase."""
        with self._guard:
            self._key = None

    def entries(self) -> Entries:
        """Returns login -> name -> secret, read from the file now. Raises VaultLocked, VaultDamaged, VaultMissing."""
        with self._guard:
            return self._read()

    def update(self, changes: Mapping[str, Mapping[str, SecretText] | None]) -> None:
        """Replaces the secrets of each login named, None takes it out; all of it or, when it raises, nothing."""
        with self._guard, self._writing():
            entries = self._read()
            for login, named in changes.items():
                if named is None:
                    entries.pop(login, None)
                else:
                    entries[login] = dict(named)
            self._write(entries, self._open_key())

    def change_passphrase(self, old: SecretText, new: SecretText) -> None:
        """Encrypts everything anew under another passphrase. Raises WrongPassphrase when `old` is not it."""
        _require_long(new)
        with self._guard:
            self.unlock(old)
            with self._writing():
                self._renew(new)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _open_key(self) -> VaultKey:
        if self._key is None:
            raise VaultLocked(f"The vault {self.path} is locked.", cure="Enter its passphrase.")
        return self._key

    def _read(self) -> Entries:
        key = self._open_key()
        sealed = take_apart(self._content(), str(self.path))
        if (sealed.salt, sealed.cost) != (key.salt, key.cost):
            self._key = None
            raise VaultLocked(
                f"The vault {self.path} has another passphrase than before, or was replaced.",
                cure="Enter its passphrase again.",
            )
        return unseal(sealed, key, str(self.path))

    def _new_key(self, passphrase: SecretText) -> VaultKey:
        return derive(passphrase, self._cost, secrets.token_bytes(SALT_BYTES))

    def _renew(self, passphrase: SecretText) -> None:
        entries, key = self._read(), self._new_key(passphrase)
        self._write(entries, key)
        self._key = key

    def _strengthen(self, passphrase: SecretText) -> None:
        try:
            with self._writing():
                self._renew(passphrase)
        except SecretStoreError as error:  # it is open all the same, and as safe as it was
            _LOG.warning("the vault's key could not be renewed at today's cost: %s", error)
        else:
            _LOG.info("the vault %s was encrypted anew at today's cost of a guess", self.path)

    def _content(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                _make_private(file.fileno(), self.path)
                content = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            raise VaultMissing(
                f"There is no vault at {self.path}.", cure="Make one with a passphrase, then enter the secrets."
            ) from None
        except OSError as error:
            raise self._refused("read", error) from error
        if len(content) > MAX_BYTES:
            raise damaged(str(self.path), "it is far too large")
        return content

    def _write(self, entries: Entries, key: VaultKey) -> None:
        content = seal(entries, key, secrets.token_bytes(NONCE_BYTES))
        if len(content) > MAX_BYTES:
            raise InvalidInput("secrets", "There is more in the vault than it takes; nothing was written.")
        fresh = self.path.with_name(self.path.name + ".new")
        try:
            fresh.unlink(missing_ok=True)  # of a desk that died while writing
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise self._refused("written", error) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Keeps other desks from writing at the same time."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._refused("written", error) from error
        lock = InstanceLock(self.path)
        try:
            is_ours = lock.acquire()
        except KnownError as error:
            raise VaultFailure(f"The vault {self.path} may not be written.", cure=error.cure) from error
        if not is_ours:
            raise VaultFailure(
                f"Another desk is writing the vault {self.path}; nothing was changed.", cure="Try again in a moment."
            )
        try:
            yield
        finally:
            lock.release()

    def _refused(self, done: str, error: OSError) -> VaultFailure:
        return VaultFailure(
            f"The vault {self.path} could not be {done} ({error.strerror}).",
            cure="Check that the folder exists, that you may write to it and that the disk has room.",
        )


def _require_long(passphrase: SecretText) -> None:
    if len(passphrase.reveal().strip()) < LEAST_PASSPHRASE:
        raise InvalidInput(
            "passphrase",
            f"A passphrase needs at least {LEAST_PASSPHRASE} characters.",
            cure="Take four or five words that do not belong together.",
        )


def _make_private(descriptor: int, path: Path) -> None:
    rights = os.fstat(descriptor).st_mode & 0o777
    if os.name == "posix" and rights & 0o077:
        with contextlib.suppress(OSError):  # another user's file: read it, it is encrypted
            path.chmod(rights & 0o700)
            _LOG.warning("%s was readable by others; only your user may read it now.", path)


def _sync_folder(folder: Path) -> None:
    """Makes the file's new name last through a power cut; Windows does that by itself."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
