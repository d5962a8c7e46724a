from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from database import backup
from database.backup import backup_folder, make_backup, newest_backup, prune
from database.errors import DatabaseCorrupt, DiskFailure
from database.store import SqliteStorage
from models.enums import BrokerName
from tests.database.builders import NOW, an_audit, an_entry, open_paper


def write(storage: SqliteStorage, times: int = 1) -> None:
    for _ in range(times):
        asyncio.run(storage.write_journal(an_entry(), None, BrokerName.PAPER, an_audit()))


def test_a_backup_of_a_live_database_is_whole_and_opens_as_one(storage: SqliteStorage, tmp_path: Path) -> None:
    write(storage, 5)
    made = asyncio.run(storage.back_up())
    write(storage)
    assert made.row_counts["trade_journal"] == 5
    assert len(made.sha256) == 64
    assert sorted(file.name for file in made.path.parent.iterdir()) == [made.path.name]
    restored = tmp_path / "restored" / "desk.db"
    restored.parent.mkdir()
    restored.write_bytes(made.path.read_bytes())
    opened = open_paper(restored)
    report = asyncio.run(opened.verify())
    opened.close()
    assert report.is_sound
    assert report.journal_rows == 5


def test_a_backup_while_the_writer_writes_is_one_moment(storage: SqliteStorage) -> None:
    async def both() -> backup.Backup:
        writes = asyncio.gather(
            *(storage.write_journal(an_entry(), None, BrokerName.PAPER, an_audit()) for _ in range(50))
        )
        made = await storage.back_up()
        await writes
        return made

    made = asyncio.run(both())
    counts = made.row_counts
    assert counts["trade_journal"] == counts["order_audit_log"] == counts["journal_search"] <= 50


def test_a_copy_that_differs_is_not_kept(storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    write(storage)
    copy_whole = backup._copy

    def copy_and_lose_a_row(database: Path, target: Path) -> dict[str, int]:
        counts = copy_whole(database, target)
        with closing(sqlite3.connect(target, isolation_level=None)) as raw:
            raw.execute("DELETE FROM journal_search")
        return counts

    monkeypatch.setattr(backup, "_copy", copy_and_lose_a_row)
    with pytest.raises(DatabaseCorrupt, match="does not equal the database"):
        asyncio.run(storage.back_up())
    assert list(backup_folder(storage.path).iterdir()) == []


def test_seven_days_and_eight_weeks_are_kept(path: Path) -> None:
    folder = backup_folder(path)
    folder.mkdir(parents=True)
    start = datetime(2026, 1, 1, 21, 0, tzinfo=UTC)
    days = [start + timedelta(days=number) for number in range(100)]
    for at in days:
        for hour in (0, 1):
            (folder / f"desk-{at + timedelta(hours=hour):%Y%m%dT%H%M%S%f}Z-daily.db").touch()
    for number in range(8):
        (folder / f"desk-{start + timedelta(days=number):%Y%m%dT%H%M%S%f}Z-migration.db").touch()
    (folder / "my own notes.txt").touch()
    prune(path)
    left = sorted(file.name for file in folder.glob("*-daily.db"))
    last = days[-1]
    expected = {f"desk-{last - timedelta(days=number) + timedelta(hours=1):%Y%m%d}" for number in range(7)}
    assert expected <= {name[:13] for name in left}
    assert all("T220000" in name for name in left), "of each day the newest is kept"
    weeks = {datetime.strptime(name[5:13], "%Y%m%d").replace(tzinfo=UTC).strftime("%G-%V") for name in left}
    assert len(weeks) == 8
    assert len(left) == 7 + 8 - len({f"{last - timedelta(days=number):%G-%V}" for number in range(7)})
    assert len(list(folder.glob("*-migration.db"))) == 5
    assert (folder / "my own notes.txt").exists()


def test_the_newest_backup_is_known(storage: SqliteStorage) -> None:
    assert newest_backup(storage.path) is None
    make_backup(storage.path, NOW)
    later = make_backup(storage.path, NOW + timedelta(days=1))
    assert newest_backup(storage.path) == later.path


def test_a_backup_that_cannot_be_written_is_told(storage: SqliteStorage) -> None:
    backup_folder(storage.path).write_text("in the way")
    with pytest.raises(DiskFailure, match="No backup could be written"):
        make_backup(storage.path, NOW)
