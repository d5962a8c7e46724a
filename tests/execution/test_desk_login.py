"""Secrets of the desk's logins: read when it connects, replaced, forgotten; a vault that waits for its passphrase."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from database.keyring_store import KeyringStore
from database.secret_store import StoreChoice, VaultStore, checked_secret
from database.vault import Vault
from database.vault_format import KdfCost
from execution import commands
from execution.brokers.tastytrade.settings import TastySecrets
from execution.connection_views import (
    NOTHING_TYPED,
    LoginNeed,
    LoginState,
    TypedSecrets,
)
from execution.console import prepare_login
from execution.desk_login import DeskLogin, SecretKeeper, SecretsNeeded
from models.errors import BrokerFailure, InvalidInput, KnownError
from models.secret_text import SecretText
from tests.execution.secrets_rig import SECRETS, leaks, needles

PASSPHRASE = SecretText("correct horse battery")
BOTH = TypedSecrets(SecretText("client-secret-1"), SecretText("refresh-token-1"))
KEPT = TastySecrets("client-secret-1", "refresh-token-1")
CHEAP = KdfCost(memory_kib=8, passes=1, lanes=1)


@dataclass
class MemoryBackend:
    """A keyring in memory; `broken` makes it refuse everything."""

    stored: dict[tuple[str, str], str] = field(default_factory=dict)
    broken: str = ""

    def get_password(self, service: str, username: str) -> str | None:
        if self.broken:
            raise RuntimeError(self.broken)
        return self.stored.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.stored[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.stored[service, username]


def in_keyring(backend: MemoryBackend | None = None) -> SecretKeeper:
    held = backend or MemoryBackend()
    store = KeyringStore(held, learn=lambda _: None, trust=lambda each: (each, "test keyring"))
    return SecretKeeper(lambda: StoreChoice(store), checked_secret)


def in_vault(folder: Path, *, is_made: bool = False) -> SecretKeeper:
    """Returns a keeper on a locked vault, or on one that is not made yet."""
    path = folder / "secrets.vault"
    if is_made:
        Vault(path, cost=CHEAP).create(PASSPHRASE)
    store = VaultStore(Vault(path, cost=CHEAP), learn=lambda _: None)
    return SecretKeeper(lambda: StoreChoice(store, "No keyring here."), checked_secret)


@pytest.mark.anyio
async def test_what_was_typed_is_read_when_the_desk_connects() -> None:
    keeper = in_keyring()
    await keeper.keep("main", BOTH)
    secrets = keeper.read("main")
    assert secrets == KEPT
    seen = await keeper.look("main")
    assert (seen.place, seen.are_kept, seen.is_locked, seen.is_new_vault) == ("the test keyring", True, False, False)
    assert (await keeper.look("other")).are_kept is False


@pytest.mark.anyio
async def test_one_secret_typed_replaces_one_and_leaves_the_other() -> None:
    keeper = in_keyring()
    await keeper.keep("main", BOTH)
    fresh = TypedSecrets(refresh_token=SecretText("refresh-token-2"))
    tried = await keeper.with_typed("main", fresh)
    assert tried == TastySecrets("client-secret-1", "refresh-token-2")
    assert keeper.read("main") == KEPT
    await keeper.keep("main", fresh)
    assert keeper.read("main") == tried


@pytest.mark.anyio
async def test_half_a_login_is_refused_and_nothing_is_stored() -> None:
    backend = MemoryBackend()
    keeper = in_keyring(backend)
    with pytest.raises(InvalidInput, match="There is no refresh token yet"):
        await keeper.keep("main", TypedSecrets(client_secret=SecretText("client-secret-1")))
    with pytest.raises(InvalidInput, match="too short"):
        await keeper.keep("main", TypedSecrets(SecretText("abc"), SecretText("refresh-token-1")))
    with pytest.raises(InvalidInput, match="cannot be the name of a login"):
        await keeper.keep("no name", BOTH)
    assert not backend.stored


@pytest.mark.anyio
async def test_a_new_vault_is_made_with_the_first_passphrase_and_asks_for_it_the_next_time(tmp_path: Path) -> None:
    keeper = in_vault(tmp_path)
    seen = await keeper.look("main")
    assert (seen.is_new_vault, seen.is_locked, seen.are_kept) == (True, False, False)
    assert seen.why_no_keyring == "No keyring here."
    with pytest.raises(InvalidInput, match="is locked"):
        await keeper.keep("main", BOTH)
    await keeper.keep("main", TypedSecrets(BOTH.client_secret, BOTH.refresh_token, PASSPHRASE))
    again = in_vault(tmp_path)
    seen = await again.look("main")
    assert (seen.is_new_vault, seen.is_locked, seen.are_kept) == (False, True, None)
    with pytest.raises(InvalidInput, match="Enter its passphrase"):
        await again.with_typed("main", NOTHING_TYPED)
    with pytest.raises(KnownError, match="does not open the vault"):
        await again.unlock(SecretText("wrong horse battery"))
    await again.unlock(PASSPHRASE)
    assert again.read("main") == KEPT


@pytest.mark.anyio
async def test_forgetting_says_what_was_removed_and_leaves_other_logins(tmp_path: Path) -> None:
    keeper = in_vault(tmp_path, is_made=True)
    await keeper.keep("main", TypedSecrets(BOTH.client_secret, BOTH.refresh_token, PASSPHRASE))
    await keeper.keep("other", BOTH)
    assert "of the login main were removed from the vault" in await keeper.forget("main")
    assert "nothing was removed" in await keeper.forget("main")
    assert keeper.read("other") == KEPT
    locked = in_vault(tmp_path)
    with pytest.raises(InvalidInput, match="is locked"):
        await locked.forget("other")
    assert "were removed" in await locked.forget("other", PASSPHRASE)
    assert "nothing was removed" in await in_vault(tmp_path / "none").forget("main")


@pytest.mark.anyio
async def test_the_desk_is_told_what_the_login_lacks_and_what_is_the_users_turn(tmp_path: Path) -> None:
    told: list[LoginState] = []
    keeper = in_vault(tmp_path)
    login = DeskLogin(keeper, "main", told.append)
    with pytest.raises(SecretsNeeded, match="Enter the client secret") as missing:
        login.read()
    assert missing.value.is_users_turn
    await keeper.keep("main", TypedSecrets(BOTH.client_secret, BOTH.refresh_token, PASSPHRASE))
    assert login.read() == KEPT
    with pytest.raises(SecretsNeeded, match=r"is locked\. Enter its passphrase"):
        DeskLogin(in_vault(tmp_path), "main", told.append).read()
    assert [state.need for state in told] == [LoginNeed.SECRETS, LoginNeed.NOTHING, LoginNeed.PASSPHRASE]


@pytest.mark.anyio
async def test_a_keyring_that_fails_is_not_asked_again_by_itself() -> None:
    login = DeskLogin(in_keyring(MemoryBackend(broken=SECRETS[0])), "main", lambda _: None)
    with pytest.raises(BrokerFailure, match="could not read the test keyring") as failed:
        login.read()
    assert failed.value.is_users_turn
    assert not leaks(str(failed.value), needles(SECRETS))


@pytest.mark.anyio
async def test_a_slow_keyring_never_holds_up_the_engine() -> None:

    loop = asyncio.get_running_loop()
    asked, go_on = asyncio.Event(), threading.Event()

    def choose() -> StoreChoice:
        loop.call_soon_threadsafe(asked.set)
        assert go_on.wait(30)
        return StoreChoice(KeyringStore(MemoryBackend(), learn=lambda _: None, trust=lambda each: (each, "slow one")))

    looking = asyncio.ensure_future(SecretKeeper(choose, checked_secret).look("main"))
    await asked.wait()
    assert not looking.done()
    go_on.set()
    assert (await looking).place == "the slow one"


# --- on a terminal ----------------------------------------------------------------------------------------------------


def answering(*answers: str) -> Callable[[str], str]:
    given = iter(answers)
    return lambda _prompt: next(given)


def test_a_terminal_is_asked_for_the_passphrase_three_times_at_most(tmp_path: Path) -> None:
    keeper = in_vault(tmp_path)
    asyncio.run(keeper.keep("main", TypedSecrets(BOTH.client_secret, BOTH.refresh_token, PASSPHRASE)))
    said: list[str] = []
    locked = in_vault(tmp_path)
    ask = answering("wrong horse battery", PASSPHRASE.reveal())
    prepare_login(locked, "main", ask=ask, write=said.append)
    assert locked.read("main") == KEPT
    assert ["does not open the vault" in text for text in said] == [True]
    with pytest.raises(KnownError, match="does not open the vault"):
        prepare_login(in_vault(tmp_path), "main", ask=answering(*["wrong horse"] * 3), write=said.append)
    with pytest.raises(KnownError, match="no terminal to ask for its passphrase on"):
        prepare_login(in_vault(tmp_path), "main", ask=None, write=said.append)


def test_a_terminal_takes_the_first_secrets_and_says_none_of_them(tmp_path: Path) -> None:
    said: list[str] = []
    keeper = in_vault(tmp_path)
    given = (SECRETS[0], SECRETS[1], PASSPHRASE.reveal(), "another horse battery")
    with pytest.raises(KnownError, match="differ; nothing was kept"):
        prepare_login(keeper, "main", ask=answering(*given), write=said.append)
    prepare_login(keeper, "main", ask=answering(*given[:3], PASSPHRASE.reveal()), write=said.append)
    assert keeper.read("main").client_secret == SECRETS[0]
    assert not leaks("".join(said), needles(SECRETS[:2]))
    with pytest.raises(KnownError, match="no terminal to ask for them on"):
        prepare_login(in_keyring(), "main", ask=None, write=said.append)


# --- nothing is shown -------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_no_command_view_or_keeper_shows_a_secret(tmp_path: Path) -> None:
    keeper = in_vault(tmp_path)
    wanted = needles(SECRETS)
    form: Any = None
    for number in range(0, len(SECRETS), 2):
        typed = TypedSecrets(SecretText(SECRETS[number]), SecretText(SECRETS[number + 1]), PASSPHRASE)
        await keeper.keep("main", typed)
        held = (
            typed,
            commands.TryConnection(form, typed),
            commands.SaveConnections("tastytrade", form, typed),
            commands.ForgetSecrets("main", typed.client_secret),
            commands.UnlockSecrets(SecretText(SECRETS[number])),
            await keeper.look("main"),
            keeper.read("main"),
            keeper,
        )
        assert not leaks(" ".join(f"{each!r} {each}" for each in held), wanted)
