"""Rolling the ticket's legs to another expiration: finds it, waits for its strikes, moves every leg."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from shiboken6 import isValid

from execution.brokers.port import ChainExpiry
from execution.chain_views import ChainStatic
from execution.commands import ListExpiries
from models.errors import InvalidInput
from ui import format as fmt
from ui.engine_client import EngineClient
from ui.ticket import legs as edit
from ui.ticket.model import TicketModel


class Roller(QObject):
    """One roll at a time; a newer one takes the place of one that still waits for strikes."""

    #: The chain is to show this expiration: its strikes are not known yet, or the user will want to see them.
    expiry_wanted = Signal(object)
    rolled = Signal(object)
    waiting = Signal(str)
    failed = Signal(str)

    def __init__(self, client: EngineClient, model: TicketModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._model = model
        self._target: ChainExpiry | None = None
        self._expiries: dict[str, tuple[ChainExpiry, ...]] = {}

    def roll(self, steps: int) -> None:
        """Moves all legs `steps` expirations of their root later (or earlier)."""
        if not self._model.draft.legs:
            return
        underlying = self._model.draft.legs[0].contract.underlying
        known = self._expiries.get(underlying)
        if known is not None:
            self._roll_within(known, steps)
            return

        def done(expiries: tuple[ChainExpiry, ...]) -> None:
            if isValid(self):
                self._expiries[underlying] = expiries
                self._roll_within(expiries, steps)

        def failed(error: Exception) -> None:
            if isValid(self):
                self.failed.emit(str(error))

        self._client.ask(ListExpiries(underlying), done, failed)

    def learn(self, static: ChainStatic) -> None:
        """Finishes a roll that waited for these strikes."""
        if static.expiry == self._target:
            self._target = None
            self._move(static)

    def forget(self) -> None:
        """Drops a roll that still waits: the ticket is another one now."""
        self._target = None

    def _roll_within(self, expiries: tuple[ChainExpiry, ...], steps: int) -> None:
        try:
            target = edit.next_expiry(self._model.draft.legs, steps, expiries)
        except InvalidInput as error:
            self.failed.emit(str(error))
            return
        static = self._model.ladders.get((target.root, target.expiry))
        if static is None:
            self._target = target
            self.waiting.emit(f"Loading the strikes of {target.root} {fmt.expiry_date(target.expiry)}…")
        else:
            self._move(static)
        self.expiry_wanted.emit(target)

    def _move(self, static: ChainStatic) -> None:
        try:
            self.rolled.emit(edit.rolled(self._model.draft.legs, static))
        except InvalidInput as error:
            self.failed.emit(str(error))
