"""The desk on a terminal: what it says, and what it asks before it can log in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from execution.connection_views import TypedSecrets
from execution.desk_login import SecretKeeper
from execution.views import DeskState, LogLine
from models.errors import KnownError
from models.secret_text import SecretText

Write = Callable[[str], None]
#: Asks without echo; blocks.
Ask = Callable[[str], str]
_TRIES: Final = 3


class ConsolePublisher:
    """Prints notices; keeps the newest states to itself."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def state(self, state: Any) -> None:
        """Takes a state; a change of the desk's phase is printed."""
        if isinstance(state, DeskState):
            self._write(f"desk: {state.phase.value} {state.problem}".rstrip())

    def notice(self, notice: Any) -> None:
        """Prints what the log panel would show."""
        if isinstance(notice, LogLine):
            text = f"{notice.at_utc:%H:%M:%S} {notice.severity.value:<7} {notice.source}: {notice.text}"
            self._write(text)


def prepare_login(keeper: SecretKeeper, login: str, *, ask: Ask | None, write: Write) -> None:
    """Has the login's secrets ready: asks for the vault's passphrase, or for secrets that are not kept yet.

    Called before any loop runs, so that Ctrl+C ends the asking at once and the terminal shows again what is typed.
    `ask` None: there is no terminal. Raises KnownError when there is nobody to ask, or after three wrong passphrases.
    """
    seen = asyncio.run(keeper.look(login))
    if seen.is_locked:
        _unlock(keeper, seen.place, ask, write)
        seen = asyncio.run(keeper.look(login))
    if not seen.are_kept:
        _enter(keeper, login, seen.place, ask, write, is_new_vault=seen.is_new_vault)


def _unlock(keeper: SecretKeeper, place: str, ask: Ask | None, write: Write) -> None:
    if ask is None:
        raise KnownError(
            f"{place[:1].upper()}{place[1:]} is locked, and there is no terminal to ask for its passphrase on.",
            cure="Start the desk on a terminal, or in its window.",
        )
    for left in reversed(range(_TRIES)):
        typed = SecretText(ask(f"Passphrase of {place} (not shown): "))
        try:
            asyncio.run(keeper.unlock(typed))
        except KnownError as error:
            if not left:
                raise
            write(str(error))
        else:
            return


def _enter(keeper: SecretKeeper, login: str, place: str, ask: Ask | None, write: Write, *, is_new_vault: bool) -> None:
    if ask is None:
        raise KnownError(
            f'There are no secrets of the Tastytrade login "{login}" yet, and no terminal to ask for them on.',
            cure="Enter them in the window (Desk > Broker connections…), or start the desk on a terminal.",
        )
    write(f'The secrets of the Tastytrade login "{login}" are kept in {place}.')
    client_secret = SecretText(ask("Client secret (not shown): "))
    refresh_token = SecretText(ask("Refresh token (not shown): "))
    passphrase = None
    if is_new_vault:
        passphrase = SecretText(ask("New passphrase of the vault (not shown): "))
        if passphrase != SecretText(ask("The same once more: ")):
            raise KnownError("The two passphrases differ; nothing was kept.", cure="Start again.")
    asyncio.run(keeper.keep(login, TypedSecrets(client_secret, refresh_token, passphrase)))
