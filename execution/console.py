"""The desk on a terminal: what it says, and what it asks before it can log in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from execution.connection_views import TypedSecrets
from execution.desk_login import SecretKeeper
from execution.off_loop import off_loop
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


async def prepare_login(keeper: SecretKeeper, login: str, *, ask: Ask | None, write: Write) -> None:
    """Has the login's secrets ready: asks for the vault's passphrase, or for secrets that are not kept yet.

    `ask` None: there is no terminal. Raises KnownError when there is nobody to ask, or after three wrong passphrases.
    """
    seen = await keeper.look(login)
    if seen.is_locked:
        await _unlock(keeper, seen.place, ask, write)
        seen = await keeper.look(login)
    if not seen.are_kept:
        await _enter(keeper, login, seen.place, ask, write, is_new_vault=seen.is_new_vault)


async def _unlock(keeper: SecretKeeper, place: str, ask: Ask | None, write: Write) -> None:
    if ask is None:
        raise KnownError(
            f"{place[:1].upper()}{place[1:]} is locked, and there is no terminal to ask for its passphrase on.",
            cure="Start the desk on a terminal, or in its window.",
        )
    for left in reversed(range(_TRIES)):
        typed = await _asked(ask, f"Passphrase of {place} (not shown): ")
        try:
            await keeper.unlock(typed)
        except KnownError as error:
            if not left:
                raise
            write(str(error))
        else:
            return


async def _enter(
    keeper: SecretKeeper, login: str, place: str, ask: Ask | None, write: Write, *, is_new_vault: bool
) -> None:
    if ask is None:
        raise KnownError(
            f'There are no secrets of the Tastytrade login "{login}" yet, and no terminal to ask for them on.',
            cure="Enter them in the window (Desk > Broker connections…), or start the desk on a terminal.",
        )
    write(f'The secrets of the Tastytrade login "{login}" are kept in {place}.')
    client_secret = await _asked(ask, "Client secret (not shown): ")
    refresh_token = await _asked(ask, "Refresh token (not shown): ")
    passphrase = None
    if is_new_vault:
        passphrase = await _asked(ask, "New passphrase of the vault (not shown): ")
        if passphrase != await _asked(ask, "The same once more: "):
            raise KnownError("The two passphrases differ; nothing was kept.", cure="Start again.")
    await keeper.keep(login, TypedSecrets(client_secret, refresh_token, passphrase))


async def _asked(ask: Ask, prompt: str) -> SecretText:
    return SecretText(await off_loop(lambda: ask(prompt), name="terminal"))
