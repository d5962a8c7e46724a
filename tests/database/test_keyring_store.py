"""Keyrings that are trusted, keyrings that are refused in words, and a store that survives being cut off."""

from __future__ import annotations

from typing import Any

import keyring.backends.chainer
import keyring.backends.fail
import keyring.backends.null
import keyring.backends.SecretService
import keyring.errors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from database.keyring_store import ALLOWED, Backend, KeyringStore, system_backend, trusted
from database.secret_errors import KeyringFailure, KeyringRefused
from models.enums import BrokerName
from models.secret_text import LoginName, SecretText, Service
from tests.execution.secrets_rig import SECRETS, leaks, needles, told

MAIN = LoginName(BrokerName.TASTYTRADE, "main")
OTHER = LoginName(BrokerName.TASTYTRADE, "other")
WANTED = needles(SECRETS)


class MemoryKeyring:
    """Keeps as Windows does: 1,280 characters at most. `fail_after` writes it breaks; `forgets` what it is given."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.fail_after: int | None = None
        self.forgets = False

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        assert len(password) <= 1280
        if self.fail_after is not None:
            if not self.fail_after:
                raise RuntimeError(f"could not keep {password}")
            self.fail_after -= 1
        self.kept[(service, username)] = "" if self.forgets else password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise keyring.errors.PasswordDeleteError
        del self.kept[(service, username)]


def trusting(backend: Any) -> tuple[Backend, str]:
    return backend, "test keyring"


def store_on(backend: MemoryKeyring, learned: list[SecretText] | None = None) -> KeyringStore:
    return KeyringStore(backend, learn=(learned if learned is not None else []).append, trust=trusting)


@pytest.mark.parametrize("known", ALLOWED)
def test_only_keyrings_that_are_known_to_be_safe_are_taken(known: tuple[str, str]) -> None:
    module, name = known
    backend = type(name, (), {"__module__": module})()
    assert trusted(backend) == (backend, ALLOWED[known])
    heir = type("Heir", (type(backend),), {"__module__": "keyrings.alt.file"})()
    with pytest.raises(KeyringRefused, match="Heir"):
        trusted(heir)


def test_the_names_of_the_trusted_are_those_of_the_library() -> None:
    kind = keyring.backends.SecretService.Keyring
    assert (kind.__module__, kind.__qualname__) in ALLOWED


@pytest.mark.parametrize("backend", [keyring.backends.fail.Keyring, keyring.backends.null.Keyring])
def test_no_keyring_is_refused_in_words(backend: Any) -> None:
    with pytest.raises(KeyringRefused, match=r"no keyring that is running.*vault"):
        trusted(backend())


def test_plain_files_are_refused_in_words() -> None:
    plain = type("PlaintextKeyring", (), {"__module__": "keyrings.alt.file"})()
    with pytest.raises(KeyringRefused, match=r"keyrings.alt.file.PlaintextKeyring.*plain file.*vault"):
        trusted(plain)


def test_a_chain_is_taken_only_when_each_of_its_members_is(monkeypatch: pytest.MonkeyPatch) -> None:
    service = type("Keyring", (), {"__module__": "keyring.backends.SecretService"})()
    wallet = type("DBusKeyring", (), {"__module__": "keyring.backends.kwallet"})()
    plain = type("PlaintextKeyring", (), {"__module__": "keyrings.alt.file"})()
    kind: Any = keyring.backends.chainer.ChainerBackend
    chain = kind()
    members: list[Any] = [wallet, service]
    monkeypatch.setattr(kind, "backends", members)
    assert trusted(chain) == (wallet, "KWallet")
    members.append(plain)
    with pytest.raises(KeyringRefused, match=r"chain with keyrings.alt.file.PlaintextKeyring in it"):
        trusted(chain)
    members.clear()
    with pytest.raises(KeyringRefused, match="empty"):
        trusted(chain)


def test_a_keyring_setting_that_leads_nowhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no.such.module.Keyring")
    with pytest.raises(KeyringRefused, match="ModuleNotFoundError"):
        system_backend()
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with pytest.raises(KeyringRefused):
        KeyringStore(system_backend(), learn=lambda _: None)


secrets_of_a_login = st.dictionaries(st.text(max_size=20), st.text(max_size=2500).map(SecretText), max_size=3)


@given(st.lists(secrets_of_a_login, min_size=1, max_size=4))
@settings(deadline=None, max_examples=60)
def test_the_last_that_was_put_is_what_comes_back_and_nothing_is_left_when_it_is_forgotten(
    versions: list[dict[str, SecretText]],
) -> None:
    backend = MemoryKeyring()
    store = store_on(backend)
    for version in versions:
        store.put(MAIN, version)
        assert store.get(MAIN) == version
    assert store.logins() == (MAIN,)
    assert store.forget(MAIN)
    assert not store.forget(MAIN)
    assert (store.get(MAIN), store.logins()) == (None, ())
    assert set(backend.kept) == {("optiondesk:logins", "logins")}


@given(st.integers(0, 8))
@settings(deadline=None, max_examples=9)
def test_cut_off_while_writing_the_old_secrets_stand_or_the_new_ones(writes: int) -> None:
    backend = MemoryKeyring()
    store = store_on(backend)
    old, new = {"token": SecretText("o" * 2000)}, {"token": SecretText("n" * 5000)}
    store.put(MAIN, old)
    backend.fail_after = writes
    try:
        store.put(MAIN, new)
    except KeyringFailure as failure:
        assert failure.__cause__ is None  # noqa: PT017 - it need not fail
    backend.fail_after = None
    assert store.get(MAIN) in (old, new)
    assert store.forget(MAIN)
    assert set(backend.kept) == {("optiondesk:logins", "logins")}


def test_logins_are_apart_and_every_secret_that_passes_is_made_known() -> None:
    learned: list[SecretText] = []
    backend = MemoryKeyring()
    store = store_on(backend, learned)
    store.put(MAIN, {"refresh_token": SecretText(SECRETS[1])})
    store.put(OTHER, {"refresh_token": SecretText(SECRETS[4])})
    assert store.logins() == (MAIN, OTHER)
    store.forget(MAIN)
    assert store.get(OTHER) == {"refresh_token": SecretText(SECRETS[4])}
    learned.clear()
    KeyringStore(backend, learn=learned.append, trust=trusting).get(OTHER)
    assert learned == [SecretText(SECRETS[4])]
    assert (store.place, store.is_locked, repr(store)) == ("the test keyring", False, "KeyringStore('test keyring')")


def test_what_a_failing_keyring_says_is_not_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    backend = MemoryKeyring()
    backend.fail_after = 1  # the list of logins still goes
    with pytest.raises(KeyringFailure, match=r"could not write the test keyring \(RuntimeError\)") as caught:
        store_on(backend).put(MAIN, {"client_secret": SecretText(SECRETS[0])})
    wanted = WANTED | needles(backend.kept.values())
    assert not [text for text in (*told(caught.value), caplog.text) if leaks(text, wanted)]
    assert caught.value.__context__ is None


def test_a_keyring_that_forgets_is_found_out() -> None:
    backend = MemoryKeyring()
    backend.forgets = True
    with pytest.raises(KeyringFailure):
        store_on(backend).put(MAIN, {"client_secret": SecretText(SECRETS[0])})


def test_what_somebody_else_changed_is_said_to_be_incomplete() -> None:
    backend = MemoryKeyring()
    store = store_on(backend)
    store.put(MAIN, {"token": SecretText("t" * 4000)})
    del backend.kept[(_a_piece(backend), "main")]
    with pytest.raises(KeyringFailure, match=r"incomplete.*Enter them again"):
        store.get(MAIN)
    backend.kept[(f"optiondesk:{MAIN}", "main")] = "not base64!"
    with pytest.raises(KeyringFailure, match="incomplete"):
        store.get(MAIN)
    backend.kept[("optiondesk:logins", "logins")] = "[[1]]"
    assert store.logins() == ()


def _a_piece(backend: MemoryKeyring) -> str:
    return next(service for service, _ in backend.kept if service.endswith(".1"))


def test_the_analysts_key_lies_beside_the_brokers_secrets() -> None:
    store, key = store_on(MemoryKeyring()), LoginName(Service.ANALYST, "main")
    mine = {"client_secret": SecretText("c" * 20)}
    store.put(MAIN, mine)
    store.put(key, {"api_key": SecretText("k" * 20)})
    assert store.logins() == (key, MAIN)
    assert store.forget(key)
    assert (store.logins(), store.get(MAIN)) == ((MAIN,), mine)
