"""Storage failures by whose fault they are: the disk's and the user's (KnownError) or ours (BugError).

`classify` is the one place that reads SQLite's codes; nothing else in the desk looks at a `sqlite3` exception.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from models.errors import BugError, KnownError


class StorageError(KnownError):
    """The database could not do what was asked; nothing of the call was written."""


class DiskFull(StorageError):
    """No room for the write."""


class DatabaseLocked(StorageError):
    """Another program holds the file longer than the desk waits."""


class DatabaseReadOnly(StorageError):
    """The file, its folder or this instance may not be written."""


class DatabaseCorrupt(StorageError):
    """The file is damaged, or its contents no longer agree with the hash chain."""


class NotADeskDatabase(StorageError):
    """The file is not a database of this program."""


class DatabaseTooNew(StorageError):
    """The file was written by a newer version of the desk."""


class WrongEnvironment(StorageError):
    """The file belongs to another environment or trading mode."""


class DiskFailure(StorageError):
    """The operating system refused a read or a write."""


class DuplicateIntent(StorageError):
    """The order's intent was committed before: it may have been sent and must not be sent again."""


class NoSuchRow(StorageError):
    """The row that was to be changed or shown does not exist."""


class StorageBug(BugError):
    """Our own SQL or our own row was wrong; nothing was written."""


_FULL = frozenset({sqlite3.SQLITE_FULL})
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_READ_ONLY = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT})
_ALIEN = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_DISK = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_NOMEM})


def classify(error: sqlite3.Error | SQLAlchemyError, path: Path, doing: str) -> StorageError | StorageBug:
    """Returns the typed error for what SQLite reported while `doing` ("saving the order") on `path`."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    if not isinstance(cause, sqlite3.Error) or code is None:
        return StorageBug(f"{doing} in {path.name} failed: {type(cause).__name__}: {cause}")
    primary = code & 0xFF
    if primary in _FULL:
        return DiskFull(
            f"The disk of {path} is full while {doing}; nothing was written.",
            cure="Free some space; the desk sends no order until it can write again.",
        )
    if primary in _LOCKED:
        return DatabaseLocked(
            f"{path.name} is held by another program, so {doing} failed; nothing was written.",
            cure="Close other programs that have it open (an SQLite tool, a backup) and try again.",
        )
    if primary in _READ_ONLY:
        return read_only(path, doing)
    if primary in _CORRUPT:
        return corrupt(path, str(cause))
    if primary in _ALIEN:
        return NotADeskDatabase(
            f"{path} is not an Optiondesk database.", cure="Choose another path; the file was not touched."
        )
    if primary in _DISK:
        return DiskFailure(
            f"The operating system refused access to {path} while {doing} ({cause}).",
            cure="Check that the folder exists, that you may write to it and that the disk is sound.",
        )
    return StorageBug(f"{doing} in {path.name} failed: {cause} ({error.__class__.__name__} {code})")


def read_only(path: Path, doing: str) -> DatabaseReadOnly:
    """Returns the error for a file or folder that may not be written."""
    return DatabaseReadOnly(
        f"{path} may not be written, so {doing} failed; nothing was written.",
        cure="Give your user write permission on the file and its folder, or choose another path.",
    )


def corrupt(path: Path, detail: str) -> DatabaseCorrupt:
    """Returns the error for a damaged file; names the folder where its verified backups are."""
    return DatabaseCorrupt(
        f"{path} is damaged ({detail}); it was left as it is.",
        cure=f"Move it aside and copy the newest file of {path.parent / 'backups'} in its place.",
    )


@contextmanager
def typed_errors(path: Path, doing: str) -> Iterator[None]:
    """Turns what SQLite raises inside the block into the desk's typed errors."""
    try:
        yield
    except (sqlite3.Error, SQLAlchemyError) as error:
        raise classify(error, path, doing) from error
