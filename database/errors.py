"""Storage failures by whose fault they are: the disk's and the user's (KnownError) or ours (BugError).

`classify` is the one place that reads SQLite's codes; nothing else in the desk looks at a `sqlite3` exception.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

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


def classify(error: sqlite3.Error | SQLAlchemyError, path: Path, doing: str) -> StorageError | StorageBug:
    """Returns the typed error for what SQLite reported while `doing` ("saving the order") on `path`."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    make = None if code is None else _MAKERS.get(code & 0xFF)
    if make is None:
        return StorageBug(f"{doing} in {path.name} failed: {type(cause).__name__}: {cause}")
    return make(path, doing, str(cause))


def _disk_full(path: Path, doing: str, _detail: str) -> StorageError:
    return DiskFull(
        f"The disk of {path} is full while {doing}; nothing was written.",
        cure="Free some space; the desk sends no order until it can write again.",
    )


def _locked(path: Path, doing: str, _detail: str) -> StorageError:
    return DatabaseLocked(
        f"{path.name} is held by another program, so {doing} failed; nothing was written.",
        cure="Close other programs that have it open (an SQLite tool, a backup) and try again.",
    )


def _read_only(path: Path, doing: str, _detail: str) -> StorageError:
    return read_only(path, doing)


def _corrupt(path: Path, _doing: str, detail: str) -> StorageError:
    return corrupt(path, detail)


def _alien(path: Path, _doing: str, _detail: str) -> StorageError:
    return NotADeskDatabase(
        f"{path} is not an Optiondesk database.", cure="Choose another path; the file was not touched."
    )


def _disk_failure(path: Path, doing: str, detail: str) -> StorageError:
    return DiskFailure(
        f"The operating system refused access to {path} while {doing} ({detail}).",
        cure="Check that the folder exists, that you may write to it and that the disk is sound.",
    )


#: What each primary result code of SQLite means to a trader; every other code is our own mistake.
_MAKERS: Final[Mapping[int, Callable[[Path, str, str], StorageError]]] = {
    sqlite3.SQLITE_FULL: _disk_full,
    sqlite3.SQLITE_BUSY: _locked,
    sqlite3.SQLITE_LOCKED: _locked,
    sqlite3.SQLITE_PROTOCOL: _locked,
    sqlite3.SQLITE_READONLY: _read_only,
    sqlite3.SQLITE_PERM: _read_only,
    sqlite3.SQLITE_AUTH: _read_only,
    sqlite3.SQLITE_CORRUPT: _corrupt,
    sqlite3.SQLITE_NOTADB: _alien,
    sqlite3.SQLITE_FORMAT: _alien,
    sqlite3.SQLITE_IOERR: _disk_failure,
    sqlite3.SQLITE_CANTOPEN: _disk_failure,
    sqlite3.SQLITE_NOLFS: _disk_failure,
}


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
