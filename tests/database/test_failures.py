from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from database import connection as connections
from database.errors import DatabaseLocked, DiskFull, StorageBug, classify
from database.store import SqliteStorage
from models.enums import BrokerName
from models.errors import BugError, KnownError
from models.records import AuditKind
from tests.database.builders import a_snapshot, an_audit, an_entry, an_order, open_paper
from tests.database.processes import end, start


def pragma(storage: SqliteStorage, text: str) -> int:
    def job(connection: Connection) -> int:
        return int(connection.exec_driver_sql(f"PRAGMA {text}").scalar_one_or_none() or 0)

    return storage._writer.read_now("testing", job)


def write_all(storage: SqliteStorage) -> None:
    async def write() -> None:
        order = an_order()
        await storage.commit_intent(order, BrokerName.PAPER, an_audit(AuditKind.INTENT, order.id))
        await storage.write_journal(an_entry(), None, BrokerName.PAPER, an_audit(AuditKind.JOURNALED))
        await storage.write_snapshot(a_snapshot(), None)

    asyncio.run(write())


def test_a_full_disk_is_told_wherever_it_strikes_and_nothing_is_half_written(storage: SqliteStorage) -> None:
    refused = 0
    for spare in range(12):
        used = pragma(storage, "page_count")
        pragma(storage, f"max_page_count = {used + spare}")
        try:
            for _ in range(20):
                write_all(storage)
        except DiskFull:
            refused += 1
        pragma(storage, "max_page_count = 1073741823")
        report = asyncio.run(storage.verify())
        assert report.is_sound, report.problems
        write_all(storage)
    assert refused >= 6
    pragma(storage, f"max_page_count = {pragma(storage, 'page_count')}")
    with pytest.raises(DiskFull, match=r"is full .* nothing was written. Free some space"):
        asyncio.run(storage.audit([an_audit(filler="x" * 100_000)]))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits 50 ms instead of 5 s for a rival."""
    rest = tuple(one for one in connections._PRAGMAS if one[0] != "busy_timeout")
    monkeypatch.setattr(connections, "_PRAGMAS", (("busy_timeout", "50", 50), *rest))
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_MS", 50)


@pytest.mark.usefixtures("impatient")
def test_a_rival_that_holds_the_file_is_told_and_the_write_works_when_it_lets_go(path: Path) -> None:
    storage = open_paper(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked, match="held by another program") as caught:
            write_all(storage)
        assert "Close other programs" in caught.value.cure
        rival.execute("ROLLBACK")
        write_all(storage)
    assert asyncio.run(storage.verify()).is_sound
    storage.close()


@pytest.mark.usefixtures("impatient")
def test_a_rival_that_holds_the_file_at_start_is_told(path: Path) -> None:
    open_paper(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked):
            open_paper(path)
        rival.execute("ROLLBACK")
    storage = open_paper(path)
    assert not storage.is_read_only, "a failed start must not keep the lock"
    storage.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that users other than root can reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for inner in folder.rglob("*"):
        inner.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_not_be_written_is_told_at_the_start_and_left_alone(open_folder: Path, what: str) -> None:
    path = open_folder / "desk" / "desk.db"
    storage = open_paper(path)
    write_all(storage)
    storage.close()
    for file in path.parent.iterdir():
        file.chmod(0o444)
    if what == "file":
        path.with_name(path.name + ".lock").chmod(0o666)
        path.parent.chmod(0o777)
    else:
        path.parent.chmod(0o555)
    before = path.read_bytes()
    child = start("nobody", str(path))
    said = end(child)
    assert said[0].startswith("DatabaseReadOnly: ")
    assert "may not be written" in said[0]
    assert "write permission" in said[0]
    assert path.read_bytes() == before
    if what == "file":
        assert said[1] == "read", "the journal can still be looked at"


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX")
def test_a_folder_where_nothing_may_be_made_is_told(open_folder: Path) -> None:
    said = end(start("nobody", str(open_folder / "desk.db")))
    assert said[0].startswith("DiskFailure: ")
    assert "write permission" in said[0]


@pytest.mark.parametrize(
    ("code", "known"),
    [
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True),
        (sqlite3.SQLITE_IOERR_FSYNC, True),
        (sqlite3.SQLITE_READONLY_DIRECTORY, True),
        (sqlite3.SQLITE_CORRUPT_INDEX, True),
        (sqlite3.SQLITE_CANTOPEN, True),
        (sqlite3.SQLITE_NOTADB, True),
        (sqlite3.SQLITE_CONSTRAINT_CHECK, False),
        (sqlite3.SQLITE_ERROR, False),
        (sqlite3.SQLITE_MISUSE, False),
    ],
)
def test_each_code_is_the_worlds_fault_or_ours(code: int, known: bool) -> None:
    error = sqlite3.OperationalError("made up")
    error.sqlite_errorcode = code
    typed = classify(error, Path("/data/desk.db"), "testing")
    assert isinstance(typed, KnownError if known else BugError)
    assert "desk.db" in str(typed)
    if isinstance(typed, KnownError):
        assert typed.cure


def test_values_of_a_failed_statement_are_not_in_its_message(storage: SqliteStorage) -> None:
    def job(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO trade_journal (id) VALUES (?)", ("very secret",))

    with pytest.raises(StorageBug) as caught:
        storage._writer.write_now("testing", job)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert "very secret" not in str(chain)
        chain = chain.__cause__
