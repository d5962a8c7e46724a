"""The vault: what goes in comes out, whatever was changed is noticed, and no byte of a secret is in the file."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from database.lock import InstanceLock
from database.secret_errors import (
    VaultDamaged,
    VaultExists,
    VaultFailure,
    VaultLocked,
    VaultMissing,
    VaultTooNew,
    WrongPassphrase,
)
from database.vault import Vault
from database.vault_format import KdfCost, derive, seal, take_apart, unseal
from models.errors import InvalidInput
from models.secret_text import SecretText
from tests.execution.secrets_rig import SECRETS, leaks, needles

CHEAP = KdfCost(memory_kib=64, passes=1, lanes=1)
PASSPHRASE = SecretText("correct horse battery staple")
SALT, NONCE = b"s" * 16, b"n" * 12
KEY = derive(PASSPHRASE, CHEAP, SALT)
NAMED = {"tastytrade:main": {"client_secret": SecretText(SECRETS[0]), "refresh_token": SecretText(SECRETS[1])}}
CONTENT = seal(NAMED, KEY, NONCE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "secrets.vault"


def made(path: Path) -> Vault:
    vault = Vault(path, cost=CHEAP)
    vault.create(PASSPHRASE)
    vault.update(NAMED)
    return vault


names = st.text(min_size=1, max_size=20)
entries = st.dictionaries(names, st.dictionaries(names, st.text(max_size=3000).map(SecretText), max_size=4), max_size=4)


@given(entries)
@settings(deadline=None, max_examples=60)
def test_whatever_goes_in_comes_out(given_entries: dict[str, dict[str, SecretText]]) -> None:
    content = seal(given_entries, KEY, NONCE)
    assert unseal(take_apart(content, "x"), KEY, "x") == given_entries
    assert len(content) % 1024 == len(CONTENT) % 1024


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
@settings(deadline=None, max_examples=300)
def test_a_change_of_any_byte_is_damage_and_never_a_wrong_passphrase(at: int, flip: int) -> None:
    changed = bytearray(CONTENT)
    changed[at] ^= flip
    with pytest.raises(VaultDamaged, match="damaged"):
        take_apart(bytes(changed), "x")


@given(st.integers(0, len(CONTENT) - 33), st.integers(1, 255))
@settings(deadline=None, max_examples=300)
def test_who_mends_the_checksum_after_a_change_still_opens_nothing(at: int, flip: int) -> None:
    changed = bytearray(CONTENT[:-32])
    changed[at] ^= flip
    mended = bytes(changed) + hashlib.sha256(changed).digest()
    with pytest.raises((VaultDamaged, VaultTooNew, WrongPassphrase)):
        # The key of the true salt: what a thief could not even derive from the changed one.
        unseal(take_apart(mended, "x"), KEY, "x")


@given(st.integers(0, len(CONTENT) - 1))
@settings(deadline=None, max_examples=100)
def test_a_file_cut_anywhere_is_damage(length: int) -> None:
    with pytest.raises(VaultDamaged):
        take_apart(CONTENT[:length], "x")


@given(st.text(min_size=10, max_size=40))
@settings(deadline=None, max_examples=50)
def test_every_other_passphrase_is_a_wrong_one(other: str) -> None:
    if unicodedata.normalize("NFC", other) != PASSPHRASE.reveal():
        with pytest.raises(WrongPassphrase):
            unseal(take_apart(CONTENT, "x"), derive(SecretText(other), CHEAP, SALT), "x")


def test_secrets_last_and_need_the_passphrase_again(path: Path) -> None:
    made(path)
    again = Vault(path, cost=CHEAP)
    with pytest.raises(VaultLocked, match="locked"):
        again.entries()
    with pytest.raises(WrongPassphrase, match="Type it again"):
        again.unlock(SecretText("incorrect horse battery"))
    assert not again.is_open
    again.unlock(PASSPHRASE)
    assert again.entries() == NAMED
    again.lock()
    with pytest.raises(VaultLocked):
        again.update({"tastytrade:main": None})


def test_a_login_is_replaced_as_a_whole_and_taken_out(path: Path) -> None:
    vault = made(path)
    vault.update({"tastytrade:main": {"only": SecretText("x")}, "ibkr:a": {}})
    assert vault.entries() == {"tastytrade:main": {"only": SecretText("x")}, "ibkr:a": {}}
    vault.update({"tastytrade:main": None, "ibkr:never": None})
    assert vault.entries() == {"ibkr:a": {}}


def test_a_missing_vault_is_told_from_a_damaged_and_from_a_wrong_passphrase(path: Path) -> None:
    with pytest.raises(VaultMissing, match="no vault"):
        Vault(path).unlock(PASSPHRASE)
    made(path)
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"?" + content[101:])
    with pytest.raises(VaultDamaged, match="checksum"):
        Vault(path).unlock(PASSPHRASE)
    path.write_bytes(b"SQLite format 3\0" * 20)
    with pytest.raises(VaultDamaged, match="does not begin"):
        Vault(path).unlock(PASSPHRASE)


def test_a_vault_of_the_future_is_left_alone(path: Path) -> None:
    made(path)
    future = bytearray(path.read_bytes()[:-32])
    future[8:10] = (2).to_bytes(2, "big")
    path.write_bytes(bytes(future) + hashlib.sha256(future).digest())
    with pytest.raises(VaultTooNew, match="newer version"):
        Vault(path).unlock(PASSPHRASE)


def test_a_file_that_asks_for_more_than_the_machine_is_not_obeyed(path: Path) -> None:
    made(path)
    greedy = bytearray(path.read_bytes()[:-32])
    greedy[10:14] = (2**32 - 1).to_bytes(4, "big")
    path.write_bytes(bytes(greedy) + hashlib.sha256(greedy).digest())
    with pytest.raises(VaultDamaged, match="makes no sense"):
        Vault(path).unlock(PASSPHRASE)


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_only_the_user_may_read_the_file_and_rights_given_away_are_taken_back(path: Path) -> None:
    vault = made(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    vault.entries()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_byte_of_a_secret_or_of_the_passphrase_is_in_the_folder_or_in_a_repr(path: Path) -> None:
    vault = made(path)
    vault.update({"tastytrade:all": {str(number): SecretText(text) for number, text in enumerate(SECRETS)}})
    wanted = needles((*SECRETS, PASSPHRASE.reveal()))
    for file in path.parent.iterdir():
        assert not leaks(file.read_bytes().decode("latin-1"), wanted)
    assert not leaks(repr(vault) + repr(KEY) + repr(vault.entries()), wanted)
    assert repr(vault).endswith("open)")


def test_a_vault_is_not_made_over_another_nor_with_a_short_passphrase(path: Path) -> None:
    with pytest.raises(InvalidInput, match="at least 10"):
        Vault(path, cost=CHEAP).create(SecretText("  short   "))
    made(path)
    with pytest.raises(VaultExists):
        Vault(path, cost=CHEAP).create(PASSPHRASE)
    with pytest.raises(InvalidInput, match="at least 10"):
        Vault(path, cost=CHEAP).change_passphrase(PASSPHRASE, SecretText("short"))


def test_a_new_passphrase_opens_and_the_old_one_does_not(path: Path) -> None:
    vault, new = made(path), SecretText("schöne neue Passphrase")
    other = Vault(path, cost=CHEAP)
    other.unlock(PASSPHRASE)
    with pytest.raises(WrongPassphrase):
        vault.change_passphrase(SecretText("not the passphrase"), new)
    vault.change_passphrase(PASSPHRASE, new)
    assert vault.entries() == NAMED
    with pytest.raises(VaultLocked, match="another passphrase than before"):
        other.entries()
    assert not other.is_open
    with pytest.raises(WrongPassphrase):
        other.unlock(PASSPHRASE)
    other.unlock(SecretText(unicodedata.normalize("NFD", new.reveal())))
    assert other.entries() == NAMED


def test_a_vault_made_cheaply_is_encrypted_anew_at_todays_cost(path: Path) -> None:
    made(path)
    dear = KdfCost(memory_kib=256, passes=2, lanes=1)
    vault = Vault(path, cost=dear)
    vault.unlock(PASSPHRASE)
    assert take_apart(path.read_bytes(), "x").cost == dear
    assert vault.entries() == NAMED
    before = path.read_bytes()
    Vault(path, cost=CHEAP).unlock(PASSPHRASE)
    assert path.read_bytes() == before


def test_a_vault_that_cannot_be_renewed_is_opened_all_the_same(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made(path)
    other = InstanceLock(path)
    assert other.acquire()
    vault = Vault(path, cost=KdfCost(memory_kib=256, passes=2, lanes=1))
    vault.unlock(PASSPHRASE)
    assert vault.entries() == NAMED
    assert "could not be renewed" in caplog.text
    with pytest.raises(VaultFailure, match="Another desk is writing"):
        vault.update({})
    other.release()
    vault.update({"ibkr:a": {}})


def test_a_write_that_fails_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = made(path)
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(VaultFailure, match="No space left"):
            vault.update({"tastytrade:main": None})
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["secrets.vault", "secrets.vault.lock"]
    assert vault.entries() == NAMED


def test_what_a_dead_desk_left_half_written_is_in_nobodys_way(path: Path) -> None:
    vault = made(path)
    path.with_name("secrets.vault.new").write_bytes(CONTENT[:50])
    vault.update({"ibkr:a": {}})
    assert set(vault.entries()) == {"tastytrade:main", "ibkr:a"}
    assert not path.with_name("secrets.vault.new").exists()


def test_todays_cost_is_at_least_what_rfc_9106_asks_of_small_machines() -> None:
    assert not KdfCost().is_below(KdfCost(memory_kib=64 * 1024, passes=3, lanes=4))
    assert KdfCost().is_sane


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_with_a_good_checksum_are_damage(middle: bytes) -> None:
    body = b"OPDVAULT" + middle
    with pytest.raises((VaultDamaged, VaultTooNew)):
        take_apart(body + hashlib.sha256(body).digest(), "x")
