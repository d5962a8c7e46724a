"""The analyst's settings, its key and the user's consent, on real files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from database.secret_store import StoreChoice, VaultStore, checked_secret
from database.vault import Vault
from execution.desk_login import SecretKeeper
from execution.hedging.analyst_desk import Analyst, AnalystDesk
from execution.hedging.api_key import ApiKeyBox
from execution.suggestion_commands import SaveAnalystSettings
from models.clock import ManualClock
from models.config import AiSection, load_config
from models.config_file import save_settings
from models.errors import InvalidInput, KnownError
from models.secret_text import SecretText
from tests.execution.builders import DEFAULTS, NOW
from tests.execution.hedging.rig import ScriptedAnalyst, on_loop

KEY, PASSPHRASE = SecretText("sk-planted-0123456789abcdef"), SecretText("four words of no kin")


class Maker:
    """Refuses plain http, and keeps what the analyst would go by."""

    def __init__(self) -> None:
        self.section: Callable[[], AiSection]
        self.key: Callable[[], SecretText | None]

    def check(self, section: AiSection) -> None:
        if section.base_url.startswith("http://"):
            raise InvalidInput("base_url", "The server's address would send the book in the clear.")

    def make(self, section: Callable[[], AiSection], key: Callable[[], SecretText | None]) -> Analyst:
        self.section, self.key = section, key
        return ScriptedAnalyst()


class Memory:
    """Keeps settings as the database does."""

    def __init__(self) -> None:
        self.facts: dict[str, str] = {}

    async def load_settings(self) -> dict[str, str]:
        return dict(self.facts)

    async def save_setting(self, name: str, value: str, at_utc: datetime) -> None:
        assert at_utc == NOW
        self.facts[name] = value


class Rig:
    """An analyst desk on a real settings file and a real vault."""

    def __init__(self, folder: Path) -> None:
        self.file, self.vault = folder / "optiondesk.toml", folder / "secrets.vault"
        self.memory, self.maker = Memory(), Maker()
        self.learned: list[SecretText] = []
        self.desk = self.opened()

    def opened(self) -> AnalystDesk:
        store = VaultStore(Vault(self.vault), learn=self.learned.append)
        keeper = SecretKeeper(lambda: StoreChoice(store, "no keyring here"), checked_secret)
        return AnalystDesk(
            section=load_config(DEFAULTS, self.file).ai,
            maker=self.maker,
            save=lambda changes: save_settings(DEFAULTS, self.file, changes).ai,
            keys=ApiKeyBox(keeper, self.learned.append),
            store=self.memory,
            clock=ManualClock(NOW),
        )


def wish(*, url: str = "https://host/v1", key: SecretText | None = None, notes: bool = False) -> SaveAnalystSettings:
    return SaveAnalystSettings(
        is_on=True,
        base_url=url,
        model="model-x",
        api_key=key,
        may_send_notes=notes,
        usd_per_million_in=0.25,
        usd_per_million_out=None,
        passphrase=PASSPHRASE,
    )


@on_loop
async def test_settings_go_into_the_file_and_the_key_into_the_vault(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    before = await rig.desk.view()
    assert (before.is_on, before.key_place, before.is_new_vault) == (False, "", True)
    view = await rig.desk.save(wish(key=KEY))
    assert (view.is_on, view.model, view.usd_per_million_in, view.usd_per_million_out) == (True, "model-x", 0.25, None)
    assert "vault" in view.key_place
    assert rig.maker.key() == KEY
    assert rig.maker.section().base_url == "https://host/v1"
    assert KEY in rig.learned
    for file in (rig.file, rig.vault):
        assert KEY.reveal().encode() not in file.read_bytes()


@on_loop
async def test_the_key_is_read_again_after_a_restart_once_the_vault_is_open(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.desk.save(wish(key=KEY))
    again = rig.opened()
    locked = await again.view()
    assert (locked.is_on, locked.key_place, locked.is_locked) == (True, "", True)
    assert (await again.save(wish())).key_place
    assert rig.maker.key() == KEY


@on_loop
async def test_a_server_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    with pytest.raises(InvalidInput, match="in the clear"):
        await rig.desk.save(wish(url="http://far/v1", key=KEY))
    assert not rig.file.exists()
    assert not rig.vault.exists()
    assert rig.maker.section().base_url != "http://far/v1"


@on_loop
async def test_an_empty_key_takes_it_out_and_what_is_no_key_is_refused(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.desk.save(wish(key=SecretText("")))
    await rig.desk.save(wish(key=KEY))
    with pytest.raises(InvalidInput, match="no key"):
        await rig.desk.save(wish(key=SecretText("two words")))
    assert rig.maker.key() == KEY
    assert (await rig.desk.save(wish(key=SecretText("")))).key_place == ""
    assert rig.maker.key() is None


@on_loop
async def test_consent_holds_for_one_server_and_for_what_is_sent_to_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.desk.save(wish())
    assert not rig.desk.has_consent()
    await rig.desk.give_consent()
    assert rig.desk.has_consent()
    await rig.desk.save(wish(notes=True))
    assert not rig.desk.has_consent()
    await rig.desk.save(wish(url="https://other/v1"))
    assert not rig.desk.has_consent()
    await rig.desk.save(wish())
    again = rig.opened()
    await again.restore()
    assert again.has_consent()
    assert again.destination() == "model-x at https://host/v1"
    assert await again.test() == "The model answers."


@on_loop
async def test_a_vault_that_cannot_be_opened_is_said_and_the_rest_works(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.desk.save(wish(key=KEY))
    again = rig.opened()
    with pytest.raises(KnownError, match="passphrase"):
        await again.save(replace(wish(), passphrase=SecretText("another passphrase")))
    assert (await again.view()).is_locked
