"""The analyst's settings: shown, tried, saved; its key, and whether the user has agreed to what is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from execution.hedging.analyst_port import RankingAnalyst
from execution.off_loop import off_loop
from execution.storage import SettingsStore
from execution.suggestion_commands import SaveAnalystSettings
from execution.suggestion_views import AnalystSettingsView
from models.clock import Clock
from models.config import AiSection
from models.errors import KnownError
from models.secret_text import SecretText

#: Where the desk remembers for which server and model the payload was agreed to.
_CONSENT: Final = "analyst_consent"
_THREAD: Final = "secrets"


class KeyBox(Protocol):
    """Keeps one key. Blocking: not for the engine's thread. Raises KnownError."""

    def look(self) -> KeyView:
        """Returns where the key is or would be, and the key itself when it can be read."""
        ...

    def put(self, key: SecretText, passphrase: SecretText | None) -> None:
        """Keeps the key."""
        ...

    def forget(self, passphrase: SecretText | None) -> None:
        """Takes it out."""
        ...

    def unlock(self, passphrase: SecretText) -> None:
        """Opens the vault it lies in."""
        ...


@dataclass(frozen=True, slots=True)
class KeyView:
    """Where the key is. `key` None: none is kept, or it cannot be read before the passphrase."""

    place: str
    key: SecretText | None = None
    is_locked: bool = False
    is_new_vault: bool = False


Save = Callable[[Mapping[str, Mapping[str, Any]]], AiSection]


class Analyst(RankingAnalyst, Protocol):
    """An analyst that can be tried out."""

    async def test(self) -> str:
        """Returns what the server said to a request of no content; raises KnownError with what to do."""
        ...


class AnalystMaker(Protocol):
    """Makes the analyst; it is composed in main."""

    def check(self, section: AiSection) -> None:
        """Raises InvalidInput, by field, for settings that cannot be used."""
        ...

    def make(self, section: Callable[[], AiSection], key: Callable[[], SecretText | None]) -> Analyst:
        """Returns an analyst that goes by what these return whenever it is asked."""
        ...


class AnalystDesk:
    """Engine thread only; files and keyrings are asked beside it."""

    def __init__(
        self, *, section: AiSection, maker: AnalystMaker, save: Save, keys: KeyBox, store: SettingsStore, clock: Clock
    ) -> None:
        """`save` writes sections of the user's file and returns what they make."""
        self._section = section
        self._maker = maker
        self._save = save
        self._keys = keys
        self._store = store
        self._clock = clock
        self._kept = KeyView("")
        self._agreed_to = ""
        self._problem = ""
        self._reading: asyncio.Task[None] | None = None
        self.analyst = maker.make(lambda: self._section, lambda: self._kept.key)

    async def restore(self) -> None:
        """Takes up what was agreed to, and the key where it is wanted; the settings say when it cannot be read."""
        self._agreed_to = (await self._store.load_settings()).get(_CONSENT, "")
        if self._section.is_on:
            # Not waited for: a keyring may ask its user, and the desk starts without the analyst too.
            self._reading = asyncio.get_running_loop().create_task(self._read_key(), name="analyst key")

    def has_consent(self) -> bool:
        """Returns whether the user has agreed to send to this server what is sent now."""
        return self._agreed_to == self._terms()

    async def give_consent(self) -> None:
        """Remembers that he has."""
        self._agreed_to = self._terms()
        await self._store.save_setting(_CONSENT, self._agreed_to, self._clock.now_utc())

    def may_send_notes(self) -> bool:
        """Returns whether the user's own notes may go along."""
        return self._section.may_send_notes

    def destination(self) -> str:
        """Returns whom a request goes to, in words."""
        return f"{self._section.model or 'no model'} at {self._section.base_url}"

    async def view(self) -> AnalystSettingsView:
        """Returns the settings; never a key."""
        await self._read_key()
        one = self._section
        return AnalystSettingsView(
            is_on=one.is_on,
            base_url=one.base_url,
            model=one.model,
            key_place=self._kept.place if self._kept.key else "",
            may_send_notes=one.may_send_notes,
            has_consented=self.has_consent(),
            usd_per_million_in=one.usd_per_million_in or None,
            usd_per_million_out=one.usd_per_million_out or None,
            problem=self._problem,
            store_place=self._kept.place,
            is_locked=self._kept.is_locked,
            is_new_vault=self._kept.is_new_vault,
        )

    async def save(self, wish: SaveAnalystSettings) -> AnalystSettingsView:
        """Saves; raises InvalidInput naming the field that does not fit, with nothing changed."""
        before = self._section
        told = {
            "is_on": wish.is_on,
            "base_url": wish.base_url.strip(),
            "model": wish.model.strip(),
            "may_send_notes": wish.may_send_notes,
            "usd_per_million_in": wish.usd_per_million_in or 0.0,
            "usd_per_million_out": wish.usd_per_million_out or 0.0,
        }
        wanted = before.model_copy(update=told)
        self._maker.check(wanted)
        changes = {name: value for name, value in told.items() if value != getattr(before, name)}
        if changes:
            await asyncio.to_thread(self._save, {"ai": changes})
        self._section = wanted
        await off_loop(lambda: self._keep_key(wish.api_key, wish.passphrase), name=_THREAD)
        return await self.view()

    async def test(self) -> str:
        """Returns what the server said to a request of no content."""
        return await self.analyst.test()

    def _keep_key(self, key: SecretText | None, passphrase: SecretText | None) -> None:
        if key is None:
            if passphrase is not None:
                self._keys.unlock(passphrase)
        elif key:
            self._keys.put(key, passphrase)
        else:
            self._keys.forget(passphrase)

    async def _read_key(self) -> None:
        try:
            self._kept, self._problem = await off_loop(self._keys.look, name=_THREAD), ""
        except KnownError as error:
            self._kept, self._problem = KeyView(""), str(error)

    def _terms(self) -> str:
        """What a consent holds for: another server, or notes that go along, need another one."""
        one = self._section
        return f"{one.base_url} notes={one.may_send_notes}"
