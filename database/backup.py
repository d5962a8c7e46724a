"""Backups that are proven before they count: copied by SQLite's backup API, reopened, checked, hashed."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from database.connection import connect_read_only
from database.errors import DatabaseCorrupt, DiskFailure, typed_errors

log = logging.getLogger(__name__)

KEPT_DAYS = 7
KEPT_WEEKS = 8
KEPT_BEFORE_MIGRATION = 5
_STAMP = "%Y%m%dT%H%M%S%fZ"
_NAME = re.compile(r".+-(?P<at>\d{8}T\d{12}Z)-(?P<reason>daily|migration)\.db")


@dataclass(frozen=True, slots=True)
class Backup:
    """A verified copy of the database."""

    path: Path
    at_utc: datetime
    #: Rows per table, equal in the database (at the instant of the copy) and in the copy.
    row_counts: dict[str, int]
    sha256: str


def backup_folder(database: Path) -> Path:
    """Returns where the copies of `database` live."""
    return database.parent / "backups"


def make_backup(database: Path, at_utc: datetime, *, reason: str = "daily") -> Backup:
    """Copies the live database through a read-only connection and verifies the copy.

    `reason` is "daily" or "migration". Raises a typed storage error; a copy that fails its check is removed.
    """
    folder = backup_folder(database)
    final = folder / f"{database.stem}-{at_utc.astimezone(UTC).strftime(_STAMP)}-{reason}.db"
    partial = final.with_suffix(".partial")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise DiskFailure(
            f"No backup could be written to {folder} ({error.strerror}).",
            cure="Give your user write permission on the folder and free some space.",
        ) from error
    try:
        with typed_errors(partial, "writing a backup"):
            counts = _copy(database, partial)
        _verify(partial, counts)
        digest = _sync_and_hash(partial)
        partial.replace(final)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    log.info("backup %s verified, %d rows", final.name, sum(counts.values()))
    return Backup(final, at_utc, counts, digest)


def prune(database: Path) -> tuple[Path, ...]:
    """Deletes copies beyond the newest of 7 days and of 8 weeks, and beyond 5 from before migrations; returns them."""
    dated = sorted(((at, reason, path) for path, at, reason in _copies(database)), reverse=True)
    kept: set[Path] = {path for _, reason, path in dated if reason == "migration"}
    for surplus in [path for _, reason, path in dated if reason == "migration"][KEPT_BEFORE_MIGRATION:]:
        kept.discard(surplus)
    days: dict[str, Path] = {}
    weeks: dict[str, Path] = {}
    for at, reason, path in dated:
        if reason == "daily":
            days.setdefault(at.strftime("%Y-%m-%d"), path)
            weeks.setdefault(at.strftime("%G-%V"), path)
    kept.update(list(days.values())[:KEPT_DAYS], list(weeks.values())[:KEPT_WEEKS])
    removed = tuple(path for _, _, path in dated if path not in kept)
    for path in removed:
        path.unlink()
    return removed


def newest_backup(database: Path) -> Path | None:
    """Returns the youngest verified copy, None when there is none."""
    return max(_copies(database), key=lambda copy: copy[1], default=(None,))[0]


def _copies(database: Path) -> list[tuple[Path, datetime, str]]:
    found = []
    for path in backup_folder(database).glob(f"{database.stem}-*.db"):
        match = _NAME.fullmatch(path.name)
        if match:
            at = datetime.strptime(match["at"], _STAMP).replace(tzinfo=UTC)
            found.append((path, at, match["reason"]))
    return found


def _copy(database: Path, target: Path) -> dict[str, int]:
    """Copies in one read transaction and returns the row counts of exactly that state."""
    with closing(connect_read_only(database)) as source, closing(sqlite3.connect(target)) as copy:
        source.execute("BEGIN")
        counts = row_counts(source)
        source.backup(copy, pages=-1)
        # A WAL copy would grow side files when somebody opens it; a backup is one file.
        copy.execute("PRAGMA journal_mode = DELETE")
        source.execute("ROLLBACK")
    return counts


def row_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Returns the number of rows of every table."""
    names = [
        row[0]
        for row in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
    ]
    # Table names come from the schema itself.
    return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608


def _verify(copy: Path, expected: dict[str, int]) -> None:
    with typed_errors(copy, "checking a backup"), closing(connect_read_only(copy)) as connection:
        answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
        counts = row_counts(connection)
    if answer != "ok" or counts != expected:
        raise DatabaseCorrupt(
            f"The backup {copy.name} does not equal the database ({answer}); it was removed.",
            cure="Check the disk; the database itself was not changed.",
        )


def _sync_and_hash(copy: Path) -> str:
    with copy.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    # Opened again for writing: Windows refuses to sync a handle opened for reading.
    with copy.open("r+b") as file:
        os.fsync(file.fileno())
    return digest
