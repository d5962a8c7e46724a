"""The vault file, byte by byte: header, encrypted entries, checksum. Pure: bytes in, bytes out.

    8 bytes   magic `OPDVAULT`
    2         version (1)                                  all numbers big-endian
    4 4 1     Argon2id v1.3: memory in KiB, passes, lanes
    16        salt, new with every passphrase
    12        nonce, new with every write
    32        passphrase check: HMAC-SHA256 of the header so far under the second half of the derived key
    4         length of what follows
    n         AES-256-GCM of the entries (tag included) under the first half; the header is authenticated with it
    32        SHA-256 of everything before

The checksum tells damage from a wrong passphrase, the passphrase check a wrong passphrase from tampering by somebody
who mended the checksum. The entries are JSON padded to a multiple of 1 KiB: the file's size tells no secret's length.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from database.secret_errors import VaultDamaged, VaultFailure, VaultTooNew, WrongPassphrase
from models.secret_text import SecretText

VERSION: Final = 1
_MAGIC: Final = b"OPDVAULT"
_FIXED: Final = struct.Struct(">8sHIIB16s12s")
_LENGTH: Final = struct.Struct(">I")
_DIGEST_BYTES: Final = 32
_KEY_BYTES: Final = 32
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12
_PAD_TO: Final = 1024
#: Larger than any vault: a damaged length is not read into memory.
MAX_BYTES: Final = 16 * 1024 * 1024

_MOST_KIB: Final = 1024 * 1024

#: Login -> name -> secret.
Entries = dict[str, dict[str, SecretText]]


@dataclass(frozen=True, slots=True)
class KdfCost:
    """What one guess at the passphrase costs: Argon2id's memory (KiB), passes and lanes."""

    memory_kib: int = 128 * 1024
    passes: int = 3
    lanes: int = 4

    @property
    def is_sane(self) -> bool:
        """Whether a file may ask for this; more would only be meant to hang the machine."""
        return 1 <= self.lanes <= 16 and 1 <= self.passes <= 16 and 8 * self.lanes <= self.memory_kib <= _MOST_KIB

    def is_below(self, other: KdfCost) -> bool:
        """Whether a guess is cheaper here in memory or in passes."""
        return self.memory_kib < other.memory_kib or self.passes < other.passes


@dataclass(frozen=True, slots=True, repr=False)
class VaultKey:
    """A passphrase worked up with a salt; never shown."""

    cost: KdfCost
    salt: bytes
    encryption: bytes
    check: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """A vault file taken apart; nothing in it is believed yet but its checksum."""

    cost: KdfCost
    salt: bytes
    nonce: bytes
    fixed: bytes
    check: bytes
    ciphertext: bytes


def derive(passphrase: SecretText, cost: KdfCost, salt: bytes) -> VaultKey:
    """Returns the key of a passphrase (NFC, so that every keyboard types the same). Takes as long as `cost` says.

    Raises VaultFailure when this machine has not the memory for it.
    """
    from argon2.exceptions import HashingError  # noqa: PLC0415 - as below
    from argon2.low_level import Type, hash_secret_raw  # noqa: PLC0415 - a C library; the window does not wait for it

    typed = unicodedata.normalize("NFC", passphrase.reveal()).encode("utf-8", "surrogatepass")
    try:
        both = hash_secret_raw(typed, salt, cost.passes, cost.memory_kib, cost.lanes, 2 * _KEY_BYTES, Type.ID, 19)
    except HashingError:
        raise VaultFailure(
            f"The passphrase could not be worked up: it takes {cost.memory_kib // 1024} MB of memory.",
            cure="Close other programs and try again.",
        ) from None
    return VaultKey(cost, salt, both[:_KEY_BYTES], both[_KEY_BYTES:])


def seal(entries: Entries, key: VaultKey, nonce: bytes) -> bytes:
    """Returns the whole file. `nonce` must never have been used with this key before."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

    fixed = _FIXED.pack(_MAGIC, VERSION, key.cost.memory_kib, key.cost.passes, key.cost.lanes, key.salt, nonce)
    header = fixed + _check(key, fixed)
    ciphertext = AESGCM(key.encryption).encrypt(nonce, _plain(entries), header)
    body = header + _LENGTH.pack(len(ciphertext)) + ciphertext
    return body + hashlib.sha256(body).digest()


def take_apart(content: bytes, where: str) -> Sealed:
    """Returns the parts of a file. Raises VaultDamaged, or VaultTooNew for a version of the future."""
    body, checksum = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if not body.startswith(_MAGIC):
        raise damaged(where, "it does not begin as a vault does")
    if not hmac.compare_digest(hashlib.sha256(body).digest(), checksum):
        raise damaged(where, "its checksum does not fit")
    if len(body) < _FIXED.size + _DIGEST_BYTES + _LENGTH.size:
        raise damaged(where, "it is cut short")
    fixed = body[: _FIXED.size]
    _, version, memory_kib, passes, lanes, salt, nonce = _FIXED.unpack(fixed)
    if version > VERSION:
        raise VaultTooNew(
            f"The vault {where} has version {version}; this program knows versions up to {VERSION}.",
            cure="Open it with the newer version of the desk; the file was not touched.",
        )
    cost = KdfCost(memory_kib, passes, lanes)
    check_end = _FIXED.size + _DIGEST_BYTES
    (length,) = _LENGTH.unpack_from(body, check_end)
    ciphertext = body[check_end + _LENGTH.size :]
    if version < 1 or not cost.is_sane or length != len(ciphertext):
        raise damaged(where, "its header makes no sense")
    return Sealed(cost, salt, nonce, fixed, body[_FIXED.size : check_end], ciphertext)


def unseal(sealed: Sealed, key: VaultKey, where: str) -> Entries:
    """Returns the entries. Raises WrongPassphrase when the key is another's, VaultDamaged after tampering."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

    if not hmac.compare_digest(_check(key, sealed.fixed), sealed.check):
        raise WrongPassphrase(
            f"This passphrase does not open the vault {where}.",
            cure="Type it again; mind capital letters and the keyboard's language.",
        )
    try:
        plain = AESGCM(key.encryption).decrypt(sealed.nonce, sealed.ciphertext, sealed.fixed + sealed.check)
    except InvalidTag:
        raise damaged(where, "its contents were changed by something else than the desk") from None
    try:
        logins = json.loads(plain.decode("utf-8", "surrogatepass"))["logins"]
        return {login: {name: SecretText(text) for name, text in named.items()} for login, named in logins.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise damaged(where, "what is in it cannot be read") from None


def damaged(where: str, why: str) -> VaultDamaged:
    """Returns the error for a file that is not as the desk wrote it."""
    return VaultDamaged(
        f"The vault {where} is damaged: {why}. It was left as it is.",
        cure="Put a copy of it back, or move it aside, make a new vault and enter the secrets again.",
    )


def _check(key: VaultKey, fixed: bytes) -> bytes:
    return hmac.digest(key.check, fixed, "sha256")


def _plain(entries: Mapping[str, Mapping[str, SecretText]]) -> bytes:
    shown = {login: {name: secret.reveal() for name, secret in named.items()} for login, named in entries.items()}
    text = json.dumps({"logins": shown}, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % _PAD_TO)
