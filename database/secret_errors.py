"""What can go wrong with stored secrets, by what the user can do about it. No message ever holds a secret."""

from __future__ import annotations

from models.errors import KnownError


class SecretStoreError(KnownError):
    """Secrets could not be read or kept; what was stored before is as it was."""


class KeyringRefused(SecretStoreError):
    """This system's keyring is none that keeps secrets safe, or there is none."""


class KeyringFailure(SecretStoreError):
    """The keyring did not answer, stayed locked, or gave back something else than was stored."""


class VaultMissing(SecretStoreError):
    """There is no vault file yet."""


class VaultExists(SecretStoreError):
    """A vault file is there already and is not overwritten."""


class VaultLocked(SecretStoreError):
    """The vault waits for its passphrase."""


class WrongPassphrase(SecretStoreError):
    """The file is whole, but this passphrase does not open it."""


class VaultDamaged(SecretStoreError):
    """The file was changed or cut by something else than the desk, or is no vault at all."""


class VaultTooNew(SecretStoreError):
    """A newer version of the desk wrote the vault."""


class VaultFailure(SecretStoreError):
    """The operating system refused to read or write the vault, or another desk is writing it."""
