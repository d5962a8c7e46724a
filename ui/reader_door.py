"""The window's one read-only way to the database, opened in the worker thread when the first panel asks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from execution.views import DeskState
from models.errors import KnownError
from ui.bridge import Bridge

if TYPE_CHECKING:
    from database.reader import JournalReader
    from database.series import SnapshotSeries


class ReaderDoor(QObject):
    """Opens one reader for all panels and closes it at the end.

    `open` and the reads run in the reader pool; the path comes with the engine's DeskState. As a `SnapshotSource` it
    can be handed to the charts before there is a database.
    """

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = ""
        self._reader: JournalReader | None = None
        self._lock = threading.Lock()
        bridge.subscribe(DeskState, self._on_desk)

    def _on_desk(self, desk: DeskState) -> None:
        self._path = desk.database_path

    def open(self) -> JournalReader:
        """Returns the open reader; raises KnownError while the engine has not opened its database yet."""
        with self._lock:
            if self._reader is None:
                if not self._path:
                    raise KnownError("The database is not open yet.", cure="It is read as soon as the desk is up.")
                from database.reader import JournalReader  # noqa: PLC0415 - heavy, and only the worker needs it

                self._reader = JournalReader(Path(self._path))
            return self._reader

    def close(self) -> None:
        """Closes the reader, if it was opened."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    # --- SnapshotSource -----------------------------------------------------------------------------------------------

    def accounts_with_snapshots(self) -> tuple[str, ...]:
        """Returns the accounts that have snapshots."""
        return self.open().accounts_with_snapshots()

    def snapshot_series(
        self,
        account_id: str,
        *,
        from_utc: datetime | None = None,
        to_utc: datetime | None = None,
        max_points: int | None = 4000,
    ) -> SnapshotSeries:
        """Returns an account's snapshots, all of them when `max_points` is None."""
        return self.open().snapshot_series(account_id, from_utc=from_utc, to_utc=to_utc, max_points=max_points)

    def missed_slots(self, *, from_utc: datetime, to_utc: datetime) -> Sequence[Any]:
        """Returns the slots that were not taken, oldest first."""
        return self.open().missed_slots(from_utc=from_utc, to_utc=to_utc)
