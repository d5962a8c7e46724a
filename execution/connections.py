"""The settings of the brokers: shown, tried out beside the running desk, saved for its next start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, assert_never

from execution import commands
from execution.brokers.tastytrade.settings import TastySecrets
from execution.connection_views import (
    NOTHING_TYPED,
    SIMULATOR_HOST,
    ConnectionsView,
    IbkrForm,
    ProbeView,
    TastyForm,
    TypedSecrets,
)
from execution.desk_login import SecretKeeper
from models.config import DeskConfig, IbkrSection, TastytradeSection
from models.enums import BrokerName, Mode
from models.errors import InvalidInput
from models.secret_text import LoginName

Save = Callable[[Mapping[str, Mapping[str, Any]]], DeskConfig]
Probe = Callable[[IbkrForm], Awaitable[ProbeView]]
TastyProbe = Callable[[TastyForm, TastySecrets], Awaitable[ProbeView]]


class Connections:
    """Engine thread only; files, keyring and vault are read and written beside it."""

    def __init__(
        self,
        config: DeskConfig,
        *,
        running: str,
        also: tuple[str, ...] = (),
        place: str,
        file: str,
        save: Save,
        probe: Probe,
        libraries: Callable[[], tuple[str, ...]],
        keeper: SecretKeeper,
        tasty_probe: TastyProbe,
        simulator_secrets: TastySecrets | None = None,
    ) -> None:
        """`save` writes sections of the user's file and returns the settings it makes; it may block.

        `simulator_secrets` are those of the simulated Tastytrade the desk runs on, None on any other broker.
        """
        self._config = config
        self._running = running
        self._also = also
        self._place = place
        self._file = file
        self._save = save
        self._probe = probe
        self._libraries = libraries
        self._keeper = keeper
        self._tasty_probe = tasty_probe
        self._simulator_secrets = simulator_secrets

    async def handle(self, command: commands.ConnectionCommand) -> Any:
        """Returns the answer named in the command's docstring; raises KnownError with what to do."""
        match command:
            case commands.ReadConnections():
                return self.view()
            case commands.TryConnection(form, typed):
                return await self.test(form, typed)
            case commands.SaveConnections(broker, form, typed, also):
                return await self.save(broker, form, typed, also)
            case commands.LookForSecrets(login):
                return await self._keeper.look(login)
            case commands.ForgetSecrets(login, passphrase):
                return await self._keeper.forget(login, passphrase)
            case commands.UnlockSecrets(passphrase):
                return await self._keeper.unlock(passphrase)
        assert_never(command)

    def view(self) -> ConnectionsView:
        """Returns the settings as they are saved now."""
        return ConnectionsView(
            broker=self._config.broker.name,
            running=self._running,
            also=self._config.broker.also,
            running_also=self._also,
            ibkr=form_of(self._config.ibkr),
            tasty=tasty_form_of(self._config.tastytrade),
            file=self._file,
            libraries=self._libraries(),
            place=self._place,
            has_tasty_simulator=self._simulator_secrets is not None,
        )

    async def test(self, form: IbkrForm | TastyForm, typed: TypedSecrets = NOTHING_TYPED) -> ProbeView:
        """Returns what a connection with these settings finds; nothing is stored, and no secret is in it."""
        if isinstance(form, IbkrForm):
            return await self._probe(form)
        _check_tasty(form)
        if form.host == SIMULATOR_HOST and self._simulator_secrets is not None and not typed.has_secrets:
            return await self._tasty_probe(form, self._simulator_secrets)
        return await self._tasty_probe(form, await self._keeper.with_typed(form.login, typed))

    async def save(
        self,
        broker: str,
        form: IbkrForm | TastyForm,
        typed: TypedSecrets = NOTHING_TYPED,
        also: tuple[str, ...] = (),
    ) -> None:
        """Saves settings and typed secrets; raises InvalidInput naming the field that does not fit, nothing changed."""
        if isinstance(form, IbkrForm):
            section, changed = "ibkr", _changed(self._config.ibkr, form)
        else:
            if form.host == SIMULATOR_HOST:
                raise InvalidInput(
                    "tastytrade.host",
                    "The simulator is there to be tried, and ends with the desk: it cannot be saved.",
                    cure="Choose Production or Certification.",
                )
            # Before anything is stored, so that a field that does not fit leaves everything as it was.
            _check_tasty(form)
            await self._keeper.keep(form.login, typed)
            section, changed = "tastytrade", _changed_tasty(self._config.tastytrade, form)
        chosen: dict[str, Any] = {"name": broker}
        if also != self._config.broker.also:
            chosen["also"] = also
        changes = {"broker": chosen, section: changed}
        self._config = await asyncio.to_thread(self._save, {name: part for name, part in changes.items() if part})


def form_of(section: IbkrSection) -> IbkrForm:
    """Returns the settings as the page shows them."""
    return IbkrForm(
        host=section.host,
        port=section.port,
        client_id=section.client_id,
        library=section.library,
        mode=Mode(section.mode.upper()),
        read_only=section.read_only,
        accounts=section.accounts,
        trading_accounts=section.trading_accounts,
        allow_delayed=section.allow_delayed,
    )


def tasty_form_of(section: TastytradeSection) -> TastyForm:
    """Returns the settings as the page shows them."""
    return TastyForm(section.login, section.host, section.accounts, section.trading_accounts)


def _check_tasty(form: TastyForm) -> None:
    """Raises InvalidInput for a login's name that cannot be one; the other fields take what the page offers."""
    LoginName(BrokerName.TASTYTRADE, form.login)


def _changed(section: IbkrSection, form: IbkrForm) -> dict[str, Any]:
    """Returns the keys whose value is another one: what the user never touched keeps following the defaults."""
    told = {
        "host": form.host,
        "port": form.port,
        "client_id": form.client_id,
        "library": form.library,
        "mode": form.mode.value.lower(),
        "read_only": form.read_only,
        "accounts": form.accounts,
        "trading_accounts": form.trading_accounts,
        "allow_delayed": form.allow_delayed,
    }
    return {key: value for key, value in told.items() if value != getattr(section, key)}


def _changed_tasty(section: TastytradeSection, form: TastyForm) -> dict[str, Any]:
    told = {
        "login": form.login,
        "host": form.host,
        "accounts": form.accounts,
        "trading_accounts": form.trading_accounts,
    }
    return {key: value for key, value in told.items() if value != getattr(section, key)}
