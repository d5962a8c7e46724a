"""Opens database files: private, with every pragma set and checked, one read-write connection and read-only others.

Never open a database file by other means inside the process: closing such a handle drops SQLite's locks.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from database.errors import (
    DatabaseLocked,
    DatabaseTooNew,
    DiskFailure,
    NotADeskDatabase,
    StorageBug,
    corrupt,
    read_only,
    typed_errors,
)
from database.migrations.v0001_rules import triggers
from database.migrations.v0003_rules import statement_triggers
from database.migrations.v0004_rules import suggestion_triggers

log = logging.getLogger(__name__)

#: "OPDK" in the file's header: tells the desk's databases from any other SQLite file.
APPLICATION_ID: Final = 0x4F50444B
#: The newest schema this program knows; equals the number of migration steps.
SCHEMA_VERSION: Final = 4
#: How long a statement waits for another program's lock.
BUSY_TIMEOUT_MS: Final = 5000

#: Per connection, in this order; what SQLite must answer afterwards.
_PRAGMAS: Final[tuple[tuple[str, str, Any], ...]] = (
    ("busy_timeout", str(BUSY_TIMEOUT_MS), BUSY_TIMEOUT_MS),
    ("synchronous", "FULL", 2),
    ("fullfsync", "1", 1),
    ("checkpoint_fullfsync", "1", 1),
    ("foreign_keys", "ON", 1),
    ("cell_size_check", "ON", 1),
    ("mmap_size", "0", 0),
    ("journal_size_limit", "67108864", 67108864),
    ("recursive_triggers", "ON", 1),
)
#: Memory of a reading connection: holds what the journal's filters scan at 100,000 rows.
_READER_CACHE: Final[tuple[str, str, Any]] = ("cache_size", "-40000", -40000)
#: Folders that other programs copy behind our back; a WAL database does not survive that.
_SYNCED = ("dropbox", "onedrive", "google drive", "googledrive", "icloud", "mobile documents", "nextcloud")


def has_wal_reset_bug(version: tuple[int, int, int]) -> bool:
    """Returns whether this SQLite may corrupt a WAL file when two connections write or checkpoint at once."""
    if version >= (3, 51, 3) or version < (3, 7, 0):
        return False
    fixed_in_line = {(3, 44): 6, (3, 50): 7}.get(version[:2])
    return fixed_in_line is None or version[2] < fixed_in_line


def prepare_file(path: Path) -> bool:
    """Makes folder (0700) and empty file (0600) where they are missing; returns whether the file is new.

    Raises DiskFailure when the folder cannot be made or written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            _make_private(path)
            return path.stat().st_size == 0
    except OSError as error:
        raise DiskFailure(
            f"The database {path} could not be created ({error.strerror}).",
            cure="Give your user write permission on the folder, or choose another path.",
        ) from error
    return True


def warn_of_risks(path: Path) -> None:
    """Logs what endangers the file: an SQLite with the WAL-reset bug, a folder that is synchronised to a cloud."""
    if has_wal_reset_bug(sqlite3.sqlite_version_info):
        log.warning(
            "SQLite %s has the WAL-reset bug (fixed in 3.51.3); the desk keeps to one writing connection. "
            "Do not write to %s with another program while the desk runs.",
            sqlite3.sqlite_version,
            path.name,
        )
    folders = str(path.resolve().parent).lower()
    if any(name in folders for name in _SYNCED):
        log.warning("%s lies in a synchronised folder, which can damage a live database; move it elsewhere.", path)


def open_writer(path: Path) -> Engine:
    """Returns the engine over THE read-write connection of `path`; every transaction is BEGIN IMMEDIATE.

    The caller holds the instance lock. Raises typed storage errors.
    """
    # SQLite itself would quietly open such a file for reading and fail at the first write, which may be a fill.
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        raise read_only(path, "opening the database")

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            _uri(path, "rw"), uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_MS / 1000
        )
        try:
            _refuse_aliens(connection, path)
            _apply(connection, (*_PRAGMAS, _schema_trust(), ("journal_mode", "WAL", "wal")))
        except BaseException:
            connection.close()
            raise
        return connection

    return _engine(connect, "BEGIN IMMEDIATE")


def open_reader(path: Path) -> Engine:
    """Returns an engine over a `mode=ro` connection, which can neither write nor checkpoint.

    A transaction sees one state of the database from its first statement to its end.
    """
    return _engine(lambda: connect_read_only(path), "BEGIN")


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Returns a plain `mode=ro` connection with the reading pragmas; raises sqlite3.Error."""
    connection = sqlite3.connect(
        _uri(path, "ro"), uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_MS / 1000
    )
    try:
        reading = (pragma for pragma in _PRAGMAS if pragma[0] != "journal_size_limit")
        _apply(connection, (*reading, _schema_trust(), _READER_CACHE))
    except BaseException:
        connection.close()
        raise
    return connection


def user_version(connection: Connection) -> int:
    """Returns the schema version in the file's header."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def check_version(version: int, path: Path) -> None:
    """Raises DatabaseTooNew when `version` is newer than this program."""
    if version > SCHEMA_VERSION:
        raise DatabaseTooNew(
            f"{path} has schema version {version}; this desk knows versions up to {SCHEMA_VERSION}.",
            cure="Start the newer desk that wrote it, or choose another database. Nothing was changed.",
        )


def check_readable(engine: Engine, path: Path) -> None:
    """Checks that a database opened read-only has the schema this program reads; raises a typed error otherwise."""
    with typed_errors(path, "opening the database"), engine.connect() as connection:
        identity = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        version = user_version(connection)
    check_version(version, path)
    if version == 0 or identity != APPLICATION_ID:
        raise NotADeskDatabase(f"{path} is not an Optiondesk database.", cure="Choose another path.")
    if version < SCHEMA_VERSION:
        raise DatabaseLocked(
            f"{path.name} is being brought up to date by another window of the desk.",
            cure="Wait a moment and open this window again.",
        )


def _schema_trust() -> tuple[str, str, Any]:
    """Returns the pragma that keeps a file's own SQL from calling risky functions, where SQLite allows it.

    SQLite up to 3.40 counts its JSON functions as risky, so the journal's CHECK constraints would be refused there;
    `check_triggers` stands in for it: a file with any trigger or view but ours is not opened for writing.
    """
    with closing(sqlite3.connect(":memory:")) as probe:
        probe.execute("PRAGMA trusted_schema = OFF")
        try:
            probe.execute("CREATE TABLE t (x TEXT CHECK (json_valid(x)))")
        except sqlite3.OperationalError:
            return ("trusted_schema", "ON", 1)
    return ("trusted_schema", "OFF", 0)


def check_triggers(connection: Connection, path: Path) -> None:
    """Raises DatabaseCorrupt unless the file's triggers and views are exactly those of our migrations."""
    found = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE type IN ('trigger', 'view')").scalars()
    if set(found) != {*triggers(), *statement_triggers(), *suggestion_triggers()}:
        raise corrupt(path, "its protective triggers were changed by another program")


def _uri(path: Path, mode: str) -> str:
    return f"{path.resolve().as_uri()}?mode={mode}"


def _make_private(path: Path) -> None:
    """Takes the rights of group and others off an existing file; nothing to do on Windows."""
    rights = path.stat().st_mode & 0o777
    if os.name == "posix" and rights & 0o077 and os.access(path, os.W_OK):
        path.chmod(rights & 0o700)
        log.warning("%s was readable by others; only your user may read it now.", path)


def _refuse_aliens(connection: sqlite3.Connection, path: Path) -> None:
    """Raises NotADeskDatabase for a file with tables that are not ours, before a pragma could change it."""
    identity = connection.execute("PRAGMA application_id").fetchone()[0]
    if identity != APPLICATION_ID and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise NotADeskDatabase(
            f"{path} is a database of another program.", cure="Choose another path; the file was not touched."
        )


def _apply(connection: sqlite3.Connection, pragmas: tuple[tuple[str, str, Any], ...]) -> None:
    for name, value, expected in pragmas:
        connection.execute(f"PRAGMA {name} = {value}").fetchall()
        row = connection.execute(f"PRAGMA {name}").fetchone()
        # A platform without F_FULLFSYNC or mmap answers nothing at all, which is as good as the value asked for.
        if row is not None and row[0] != expected:
            raise StorageBug(f"PRAGMA {name} is {row[0]!r} after it was set to {value}")


def _engine(connect: Any, begin: str) -> Engine:
    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool, hide_parameters=True)

    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "begin", begin_transaction)
    return engine
