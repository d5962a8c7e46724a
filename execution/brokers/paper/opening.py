"""What the paper broker of a desk is opened with: its market, its clock, its books."""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from execution.brokers.paper.market import MarketSource
from execution.brokers.paper.recorded import RecordedMarket
from execution.brokers.paper.store import last_desk_time
from execution.brokers.paper.synthetic import SyntheticMarket
from execution.storage import SessionCalendar
from models.clock import Clock, OffsetClock
from models.errors import KnownError

_QUARTER_HOUR = timedelta(minutes=15)
_COPY_TRIES = 5


def store_path(data_dir: Path, environment: str) -> Path:
    """Returns where the paper broker of a market keeps its books."""
    return data_dir / f"paper-{environment}" / "paper-broker.sqlite"


def open_market(
    files: Sequence[Path], seed: int, clock: Clock, *, data_dir: Path, sessions: SessionCalendar | None
) -> MarketSource:
    """Returns the recorded market of the files given, or the synthetic one; without `sessions` it never closes."""
    if files:
        return RecordedMarket(files, seed=seed, sessions=sessions)
    # A market that ran before is listed from then on: a future that expired meanwhile must still settle.
    before = last_desk_time(store_path(data_dir, f"synthetic-{seed}"))
    now_utc = clock.now_utc()
    return SyntheticMarket(seed=seed, start_utc=min(now_utc, before or now_utc), sessions=sessions)


def desk_clock(base: Clock, starts_at_utc: datetime | None, last_seen_utc: datetime | None) -> Clock:
    """Returns the clock the desk lives by: the present, or the recorded day.

    The offset is whole quarter hours, so that the snapshot slots of both clocks fall together; a desk that ran on this
    market before goes on where it stopped, never back over its own fills.
    """
    if starts_at_utc is None:
        return base
    wanted = starts_at_utc if last_seen_utc is None else max(starts_at_utc, last_seen_utc)
    quarters = -((base.now_utc() - wanted) // _QUARTER_HOUR)
    return OffsetClock(base=base, offset=quarters * _QUARTER_HOUR)


def viewer_copy(books: Path) -> Path:
    """Returns a private copy of another desk's paper books, for a window that only looks on; gone with the process.

    The other desk holds its books exclusively, so they are copied as files, with their write-ahead log, and the copy is
    proven; one that was torn by a write in between is made again. Raises KnownError when none is sound.
    """
    folder = Path(tempfile.mkdtemp(prefix="optiondesk-viewer-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for _ in range(_COPY_TRIES):
        for name in (f"{books.name}-wal", books.name):
            (folder / name).unlink(missing_ok=True)
            if (books.parent / name).exists():
                shutil.copyfile(books.parent / name, folder / name)
        try:
            connection = sqlite3.connect(folder / books.name)
            sound = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection.close()
        except sqlite3.DatabaseError:
            continue
        if sound:
            return folder / books.name
    raise KnownError("The other desk's books cannot be read while it is writing.", cure="Try again in a moment.")
