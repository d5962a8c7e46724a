"""The settings of the brokers: shown, tried out beside the running desk, saved for its next start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from execution.connection_views import ConnectionsView, IbkrForm, ProbeView
from models.config import DeskConfig, IbkrSection
from models.enums import Mode

Save = Callable[[Mapping[str, Mapping[str, Any]]], DeskConfig]
Probe = Callable[[IbkrForm], Awaitable[ProbeView]]


class Connections:
    """Engine thread only; the file is written beside it."""

    def __init__(
        self,
        config: DeskConfig,
        *,
        running: str,
        place: str,
        file: str,
        save: Save,
        probe: Probe,
        libraries: Callable[[], tuple[str, ...]],
    ) -> None:
        """`save` writes sections of the user's file and returns the settings it makes; it may block."""
        self._config = config
        self._running = running
        self._place = place
        self._file = file
        self._save = save
        self._probe = probe
        self._libraries = libraries

    def view(self) -> ConnectionsView:
        """Returns the settings as they are saved now."""
        return ConnectionsView(
            broker=self._config.broker.name,
            running=self._running,
            ibkr=form_of(self._config.ibkr),
            file=self._file,
            libraries=self._libraries(),
            place=self._place,
        )

    async def test(self, form: IbkrForm) -> ProbeView:
        """Returns what a connection with these settings finds."""
        return await self._probe(form)

    async def save(self, broker: str, form: IbkrForm) -> None:
        """Saves; raises InvalidInput naming the field that does not fit, with nothing changed."""
        changes = {"broker": {"name": broker}, "ibkr": _changed(self._config.ibkr, form)}
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
