from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from database.connection import connect_read_only, has_wal_reset_bug, open_writer, prepare_file
from database.errors import (
    DatabaseCorrupt,
    DatabaseTooNew,
    DiskFailure,
    NotADeskDatabase,
    WrongEnvironment,
)
from database.reader import JournalReader
from models.enums import BrokerName, Mode
from tests.database.builders import an_audit, an_entry, open_paper

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "fullfsync": 1,
    "checkpoint_fullfsync": 1,
    "foreign_keys": 1,
    "busy_timeout": 5000,
    "cell_size_check": 1,
    "mmap_size": 0,
    "journal_size_limit": 67108864,
    "recursive_triggers": 1,
    "application_id": 0x4F50444B,
    "user_version": 4,
}


def test_the_writer_runs_with_every_setting(path: Path) -> None:
    open_paper(path).close()
    engine = open_writer(path)
    with engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in PRAGMAS}
    engine.dispose()
    assert found == PRAGMAS


def test_a_reading_connection_can_neither_write_nor_checkpoint(path: Path) -> None:
    storage = open_paper(path)
    with closing(connect_read_only(path)) as reading:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reading.execute("CREATE TABLE x (y)")
        with pytest.raises(sqlite3.OperationalError):
            reading.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
    storage.close()


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX")
def test_folder_and_files_are_private_from_the_first_moment(path: Path) -> None:
    old = os.umask(0)
    try:
        storage = open_paper(path)
        asyncio.run(storage.write_journal(an_entry(), None, BrokerName.PAPER, an_audit()))
        asyncio.run(storage.back_up())
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.rglob("*") if file.is_file()}
        folders = {folder.stat().st_mode & 0o777 for folder in (path.parent, path.parent / "backups")}
        storage.close()
    finally:
        os.umask(old)
    assert {"desk.db", "desk.db-wal", "desk.db-shm", "desk.db.lock"} <= set(modes)
    assert set(modes.values()) == {0o600}
    assert folders == {0o700}


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX")
def test_a_file_that_others_could_read_is_closed_to_them(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    open_paper(path).close()
    path.chmod(0o644)
    open_paper(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "readable by others" in caplog.text


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((4, 0, 0), False),
    ],
)
def test_the_wal_reset_bug_is_known_by_version(version: tuple[int, int, int], affected: bool) -> None:
    assert has_wal_reset_bug(version) is affected


def test_the_bug_is_logged_when_this_sqlite_has_it(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        open_paper(path).close()
    assert ("WAL-reset bug" in caplog.text) is has_wal_reset_bug(sqlite3.sqlite_version_info)


def test_a_synchronised_folder_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    open_paper(tmp_path / "Dropbox" / "desk.db").close()
    assert "synchronised folder" in caplog.text


@pytest.mark.parametrize(("mode", "environment"), [(Mode.LIVE, "desk"), (Mode.PAPER, "certification")])
def test_a_database_opens_only_for_what_it_was_made_for(path: Path, mode: Mode, environment: str) -> None:
    open_paper(path).close()
    before = path.read_bytes()
    with pytest.raises(WrongEnvironment, match=r"belongs to desk \(PAPER\)"):
        open_paper(path, mode=mode, environment=environment)
    assert path.read_bytes() == before
    open_paper(path).close()


def test_a_live_database_refuses_to_open_as_paper(path: Path) -> None:
    open_paper(path, mode=Mode.LIVE).close()
    with pytest.raises(WrongEnvironment, match=r"belongs to desk \(LIVE\)"):
        open_paper(path, mode=Mode.PAPER)


def test_a_newer_database_is_refused_and_left_alone(path: Path) -> None:
    open_paper(path).close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(DatabaseTooNew, match="version 99; this desk knows versions up to 4"):
        open_paper(path)
    with pytest.raises(DatabaseTooNew):
        JournalReader(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("dear diary, " * 500)
    with pytest.raises(NotADeskDatabase, match="not an Optiondesk database"):
        open_paper(path)
    assert path.read_text() == "dear diary, " * 500


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(NotADeskDatabase, match="another program"):
        open_paper(path)
    assert path.read_bytes() == before
    with pytest.raises(NotADeskDatabase):
        JournalReader(path)


def test_a_damaged_database_is_refused_with_the_place_of_its_backups(path: Path) -> None:
    storage = open_paper(path)
    for _ in range(50):
        asyncio.run(storage.write_journal(an_entry(), None, BrokerName.PAPER, an_audit()))
    storage.close()
    with path.open("r+b") as file:
        for page in range(4, path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 200)
    damaged = path.read_bytes()
    with pytest.raises(DatabaseCorrupt, match="damaged") as caught:
        open_paper(path)
    assert str(path.parent / "backups") in caught.value.cure
    assert path.read_bytes() == damaged


def test_a_file_whose_protection_was_taken_off_is_refused(path: Path) -> None:
    open_paper(path).close()
    with closing(sqlite3.connect(path)) as tool:
        tool.execute("DROP TRIGGER trade_journal_no_delete")
    with pytest.raises(DatabaseCorrupt, match="protective triggers"):
        open_paper(path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DiskFailure, match="could not be created"):
        prepare_file(tmp_path / "file" / "desk.db")
